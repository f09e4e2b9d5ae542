// Kernels of edge_similarity on raw arrays.
//
// The measure m of the rows x and y of the two ends of an edge is the inner product, the squared L2 distance or the L1
// distance; functions of it are computed by PyTorch. The measure is symmetric, so one pass over all edges at a node, in
// and out, computes its gradient:
//
//   forward     out[e] = sum_d m(x_d, y_d)
//   gradient    dx     = sum over the edges at x of g[e] m'(x, y)
//
// No row is stored per edge. Both passes are bound by reading the row at the other end of every edge; the forward pass
// reads up to kTogether rows at once to hide the latency.
#pragma once

#include "interrupt.h"
#include "vector.h"

#include <limits>

namespace graphkit {

enum class Measure { kDot, kSquare, kAbsolute };

constexpr int kTogether = 4;

template <class T>
struct SimilarityPass {
  const T* z;             // [N, D]
  int64_t width;          // D
  const int64_t* source;  // [E]
  const int64_t* target;  // [E]
  const int64_t* order;   // [E] the edges by target, or null if that is the order they have
  T* out;                 // [E]
  Interrupt interrupt;
};

template <class T>
struct GradientPass {
  const T* z;            // [N, D]
  int64_t width;         // D
  const int64_t* ptr;    // [N + 1] where the edges at a node start, in and out
  const int32_t* other;  // [2 E] their other ends
  const T* weight;       // [2 E] their gradients, with the constants of the derivative
  T* out;                // [N, D]
  Interrupt interrupt;
};

template <class T, int W, Measure M>
GRAPHKIT_INLINE Vector<T, W> term(Vector<T, W> x, Vector<T, W> y) {
  if constexpr (M == Measure::kDot) return x * y;
  const Vector<T, W> t = x - y;
  if constexpr (M == Measure::kSquare) return t * t;
  return (Vector<T, W>)((BitsOf<T, W>)t & std::numeric_limits<typename Exponential<T>::Bits>::max());  // not the sign
}

// K edges into the same node. The sum of an edge is added up in the same order for any K. The last vector overlaps
// the columns before it; `last_lanes` are those that it does not share with them.
template <class T, int W, int K, Measure M>
GRAPHKIT_INLINE void edges(const SimilarityPass<T>& a, const T* x, const int64_t* edge, BitsOf<T, W> last_lanes) {
  const T* y[K];
  for (int k = 0; k < K; ++k) y[k] = a.z + a.source[edge[k]] * a.width;
  Vector<T, W> total[K] = {};
  int64_t d = 0;
  for (; d + W <= a.width; d += W) {
    const Vector<T, W> own = load<T, W>(x + d);
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) total[k] += term<T, W, M>(own, load<T, W>(y[k] + d));
  }
  if (d < a.width) {
    d = a.width - W;
    const Vector<T, W> own = load<T, W>(x + d);
    for (int k = 0; k < K; ++k) {
      total[k] += (Vector<T, W>)((BitsOf<T, W>)term<T, W, M>(own, load<T, W>(y[k] + d)) & last_lanes);
    }
  }
  for (int k = 0; k < K; ++k) a.out[edge[k]] = sum<T, W>(total[k]);
}

template <Measure M>
struct Similarity {
  template <class T, int B>
  static GRAPHKIT_INLINE void run(const SimilarityPass<T>& a, int64_t first, int64_t last) {
    constexpr int W = B / sizeof(T);
    if constexpr (W > 1) {
      if (a.width < W) return run<T, B / 2>(a, first, last);
    }
    const BitsOf<T, W> last_lanes = lanes_from<T, W>(int((W - a.width % W) % W));
    for (int64_t k = first; k < last;) {
      int64_t edge[kTogether];
      int count = 0;
      for (; count < kTogether && k + count < last; ++count) {
        edge[count] = a.order == nullptr ? k + count : a.order[k + count];
        if (a.target[edge[count]] != a.target[edge[0]]) break;
      }
      const T* x = a.z + a.target[edge[0]] * a.width;
      if (count == kTogether) {
        edges<T, W, kTogether, M>(a, x, edge, last_lanes);
      } else {
        for (int c = 0; c < count; ++c) edges<T, W, 1, M>(a, x, edge + c, last_lanes);
      }
      k += count;
    }
  }
};

// Adds w m'(x, y).
template <class T, int W, Measure M>
GRAPHKIT_INLINE void add_slope(Vector<T, W>& total, T w, Vector<T, W> x, Vector<T, W> y) {
  if constexpr (M == Measure::kDot) {
    total += w * y;
  } else if constexpr (M == Measure::kSquare) {
    total += w * (x - y);
  } else {
    const BitsOf<T, W> all = (BitsOf<T, W>)(Vector<T, W>{} + w);
    total += (Vector<T, W>)(all & (x > y)) - (Vector<T, W>)(all & (x < y));
  }
}

// K vectors of columns of node i, from column d on, over all its edges.
template <class T, int W, int K, Measure M>
GRAPHKIT_INLINE void gradient_columns(const GradientPass<T>& a, int64_t i, int64_t d) {
  Vector<T, W> x[K], total[K] = {};
#pragma GCC unroll 8
  for (int k = 0; k < K; ++k) x[k] = load<T, W>(a.z + i * a.width + d + k * W);
  constexpr int64_t kBlock = 1 << 16;  // edges between two checks for a signal
  for (int64_t begin = a.ptr[i]; begin < a.ptr[i + 1]; begin += kBlock) {
    if (a.interrupt.came()) return;
    const int64_t end = begin + kBlock < a.ptr[i + 1] ? begin + kBlock : a.ptr[i + 1];
    for (int64_t e = begin; e < end; ++e) {
      const T* y = a.z + a.other[e] * a.width + d;
#pragma GCC unroll 8
      for (int k = 0; k < K; ++k) add_slope<T, W, M>(total[k], a.weight[e], x[k], load<T, W>(y + k * W));
    }
  }
#pragma GCC unroll 8
  for (int k = 0; k < K; ++k) store<T, W>(a.out + i * a.width + d + k * W, total[k]);
}

template <Measure M>
struct Gradient {
  template <class T, int B>
  static GRAPHKIT_INLINE void run(const GradientPass<T>& a, int64_t first, int64_t last) {
    constexpr int W = B / sizeof(T);
    if constexpr (W > 1) {
      if (a.width < W) return run<T, B / 2>(a, first, last);
    }
    for (int64_t i = first; i < last; ++i) {
      int64_t d = 0;
      for (; d + 8 * W <= a.width; d += 8 * W) gradient_columns<T, W, 8, M>(a, i, d);
      for (; d + 2 * W <= a.width; d += 2 * W) gradient_columns<T, W, 2, M>(a, i, d);
      for (; d + W <= a.width; d += W) gradient_columns<T, W, 1, M>(a, i, d);
      if (d < a.width) gradient_columns<T, W, 1, M>(a, i, a.width - W);  // overlaps: the same numbers once more
    }
  }
};

}  // namespace graphkit
