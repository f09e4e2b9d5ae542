// Common kernels of path_attention on raw arrays: pooling and scoring of paths.
//
// A node's features are a row of H * D numbers, and pooling, products and sums run over whole vectors of that row, a
// block of NV vectors at a time, over all paths. D is padded such that a vector holds one head or two (G), or a head
// whole vectors; then a block is one head, and NV is 0.
//
// A window has the paths of as many whole nodes as fit, or a part of the paths of one node. It is processed in three
// steps: pooling and scoring of each path, one exponential of all scores, weighted sums. Pooled features are buffered.
#pragma once

#include "interrupt.h"
#include "vector.h"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace graphkit {

constexpr int kPaths = 64;      // in a window, and as many nodes
constexpr int kLeastWidth = 8;  // of a head, once it is padded: 8, 16, or a multiple of 16
constexpr int kMostVectors = 4;

template <class T>
struct PathPass {
  const int64_t* ptr;      // [N + 1] groups of paths by the node that attends
  const int32_t* paths;    // [L, P] the other nodes of a path, far end first
  const int32_t* place;    // [P] input position of a path
  int64_t num_paths;       // P
  int64_t hops;            // L
  int64_t heads;           // H
  int64_t width;           // D
  const T* h;              // [N, H, D]
  const T* att;            // [H, D]
  const T* target;         // [N, H]
  const T* weight;         // [P, H], or null
  const T* term;           // [P, H] of the score, or null
  T slope;
  bool mean;
  T* highest;              // [N, H] a node's largest score
  T* inverse;              // [N, H] one divided by the sum of exponentials
  // Forward:
  T* out;                  // [N, H, D]
  T* alpha;                // [P, H], or null
  // Backward:
  const T* grad;           // [N, H, D]
  const T* grad_alpha;     // [P, H], or null
  const T* delta;          // [N, H] sum over a node's paths of the attention times its gradient
  T* grad_h;               // [N, H, D], summed up
  double* grad_att;        // [H, D], summed up
  T* grad_target;          // [N, H]
  T* grad_weight;          // [P, H], or null
  T* grad_term;            // [P, H], or null
  Interrupt interrupt;
};

template <class T, int W>
using Lanes = Vector<typename Exponential<T>::Bits, W>;

// Every second lane of `a` and `b`, beginning with lane `Odd`.
template <class T, int W, int Odd, int... K>
GRAPHKIT_INLINE Vector<T, W> every_second(Vector<T, W> a, Vector<T, W> b, std::integer_sequence<int, K...>) {
#if defined(__clang__)
  return __builtin_shufflevector(a, b, (2 * K + Odd)...);
#else
  return __builtin_shuffle(a, b, Lanes<T, W>{(2 * K + Odd)...});
#endif
}

// Lane First + k / R for every lane k.
template <class T, int W, int First, int R, int... K>
GRAPHKIT_INLINE Vector<T, W> repeat(Vector<T, W> a, std::integer_sequence<int, K...>) {
#if defined(__clang__)
  return __builtin_shufflevector(a, a, (First + K / R)...);
#else
  return __builtin_shuffle(a, Lanes<T, W>{(First + K / R)...});
#endif
}

// Adds neighboring lanes, `Times` times. All heads of a block are summed at once this way, with few instructions each.
template <class T, int W, int NV, int Times>
GRAPHKIT_INLINE auto add_neighbors(const Vector<T, W>* x) {
  if constexpr (Times == 0) {
    static_assert(NV == 1, "the sums must fit one vector");
    return *x;
  } else if constexpr (NV > 1) {
    using K = std::make_integer_sequence<int, W>;
    Vector<T, W> sums[NV / 2];
    for (int v = 0; v < NV / 2; ++v) {
      sums[v] = every_second<T, W, 0>(x[2 * v], x[2 * v + 1], K()) + every_second<T, W, 1>(x[2 * v], x[2 * v + 1], K());
    }
    return add_neighbors<T, W, NV / 2, Times - 1>(sums);
  } else {
    using K = std::make_integer_sequence<int, W / 2>;
    Vector<T, W / 2> half[2];
    __builtin_memcpy(half, x, sizeof(half));
    const Vector<T, W / 2> sums =
        every_second<T, W / 2, 0>(half[0], half[1], K()) + every_second<T, W / 2, 1>(half[0], half[1], K());
    return add_neighbors<T, W / 2, 1, Times - 1>(&sums);
  }
}

constexpr int log2(int n) { return n == 1 ? 0 : 1 + log2(n / 2); }

// How a block is laid out. `Sums` holds one number per head of the block.
template <class T, int W, int G, int NV>
struct Block {
  static constexpr int heads = NV > 0 ? NV * G : 1;
  static constexpr int at_once = NV > 0 ? NV : 1;  // vectors
  using Sums = Vector<T, heads>;
  using Factor = std::conditional_t<G == 1, T, Vector<T, W>>;

  static GRAPHKIT_INLINE int64_t vectors(const PathPass<T>& a) { return NV > 0 ? NV : a.width / W; }

  // The sums of x over each head. For a block of one head, x is one vector, already a sum of several.
  static GRAPHKIT_INLINE Sums sums(const Vector<T, W>* x) {
    if constexpr (heads == 1) return Sums{} + sum<T, W>(*x);
    else return add_neighbors<T, W, at_once, log2(W / G)>(x);
  }

  // What to multiply the vectors of a block by, given a number per head: reads whole vectors.
  static GRAPHKIT_INLINE void factors(const T* of_heads, Factor* to) {
    factors(of_heads, to, std::make_integer_sequence<int, NV == 0 ? 1 : NV>());
  }

 private:
  template <int... V>
  static GRAPHKIT_INLINE void factors(const T* of_heads, Factor* to, std::integer_sequence<int, V...>) {
    using K = std::make_integer_sequence<int, W>;
    if constexpr (G == 1) ((to[V] = of_heads[V]), ...);
    else ((to[V] = repeat<T, W, V * G, W / G>(load<T, W>(of_heads), K())), ...);
  }
};

// VB vectors of the pooled features of path `e`, from column `c` on. Propagates NaN.
template <class T, int W, int VB>
GRAPHKIT_INLINE void pool(const PathPass<T>& a, int64_t e, int64_t c, Vector<T, W>* x) {
  const int32_t* node = a.paths + e;
  const int64_t row = a.heads * a.width;
  const T* from = a.h + *node * row + c;
#pragma GCC unroll 4
  for (int v = 0; v < VB; ++v) x[v] = load<T, W>(from + v * W);
  for (int64_t l = 1; l < a.hops; ++l) {
    node += a.num_paths;
    from = a.h + *node * row + c;
#pragma GCC unroll 4
    for (int v = 0; v < VB; ++v) {
      const Vector<T, W> y = load<T, W>(from + v * W);
      if (a.mean) x[v] += y;
      else x[v] = largest<T, W>(x[v], y);
    }
  }
  if (a.mean) {
    const T share = T(1) / T(a.hops);
#pragma GCC unroll 4
    for (int v = 0; v < VB; ++v) x[v] *= share;
  }
}

// The LeakyReLU of scores, and its slope. Both passes must compute identical bits: the exponential amplifies
// differences in the last place of large scores.
template <class S, class T>
GRAPHKIT_INLINE S rectify(S score, T negative_slope, S& slope) {
  score = rounded(score);
  slope = score > S{} ? S{} + T(1) : S{} + negative_slope;
  return rounded(score * slope);
}

template <class T, int W>
GRAPHKIT_INLINE void exponentials(T* x, int64_t count) {
  for (int64_t k = count; k % W != 0; ++k) x[k] = T(0);
  for (int64_t k = 0; k < count; k += W) store<T, W>(x + k, exponential<T, W>(load<T, W>(x + k)));
}

// Paths from `begin` to `end`: those of the nodes from `node` to `last_node`, or a part of those of one node.
struct Window {
  int64_t node, last_node, begin, end;
};

template <class T>
GRAPHKIT_INLINE bool begin_sampled_phase(const PathPass<T>& a, int64_t last, Window& w) {
  if (a.interrupt.came()) return false;
  if (w.end < a.ptr[w.last_node]) {
    w.begin = w.end;
  } else {
    if (w.last_node == last) return false;
    w.node = w.last_node;
    w.begin = a.ptr[w.node];
    while (w.last_node < last && w.last_node - w.node < kPaths && a.ptr[w.last_node + 1] - w.begin <= kPaths) {
      ++w.last_node;
    }
    if (w.last_node == w.node) ++w.last_node;
  }
  w.end = std::min(w.begin + kPaths, a.ptr[w.last_node]);
  return true;
}

// Calls Pass::block<T, W, G, NV> for all heads from `begin` to `end`.
template <class Pass, class T, int W, int G>
GRAPHKIT_INLINE void blocks(const PathPass<T>& a, int64_t first, int64_t last, int64_t begin, int64_t end, T* room) {
  int64_t k = begin;
  for (; k + 4 * G <= end; k += 4 * G) Pass::template block<T, W, G, 4>(a, first, last, k, room);
  for (; k + 2 * G <= end; k += 2 * G) Pass::template block<T, W, G, 2>(a, first, last, k, room);
  for (; k < end; k += G) Pass::template block<T, W, G, 1>(a, first, last, k, room);
}

// Selects the layout of the blocks. double is processed one head at a time, for a smaller binary.
template <class Pass, class T, int W>
GRAPHKIT_INLINE void heads(const PathPass<T>& given, int64_t first, int64_t last, int64_t begin, int64_t end, T* room) {
  const PathPass<T> a = given;  // a copy that no store can change, so that it is not read again after each
  if constexpr (sizeof(T) == 4 && W >= kLeastWidth) {
    if (a.width == W) return blocks<Pass, T, W, 1>(a, first, last, begin, end, room);
  }
  if constexpr (sizeof(T) == 4 && W == 2 * kLeastWidth) {
    if (a.width == kLeastWidth) return blocks<Pass, T, W, 2>(a, first, last, begin, end, room);
  }
  for (int64_t k = begin; k < end; ++k) Pass::template block<T, W, 1, 0>(a, first, last, k, room);
}

}  // namespace graphkit
