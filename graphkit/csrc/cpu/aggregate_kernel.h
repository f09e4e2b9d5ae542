// Kernels of aggregate on raw arrays of neighbors. Every pass iterates over the edges of each node and reads rows of the
// nodes at their other ends; none writes a row per edge.
//
//   sum        out[i] = t[i] (sum over e of w[e] s[j] x[j] + loop s[i] x[i])
//   max        out[i] = max over e of x[j], and how many of the x[j] are equal to it
//   match      out[i] = sum over e of x[j] where key[j] equals own[i], else 0
//   variance   out[i] = mean over e of (x[j] - mean[i])^2, and mean[i]
//   deviation  out[i] = sum over e of x[j] (own[i] - key[j])
//   dot        out[e] = t[i] s[j] own[i] . x[j], a number per head
//
// The gradient of each is another one over the same edges grouped by their other end.
#pragma once

#include "dispatch.h"
#include "half.h"
#include "neighbors.h"

namespace graphkit {

// Features have the type S, weights and factors that of sums.
template <class S>
struct AggregatePass {
  using T = Computed<S>;
  const int64_t* ptr;         // [N + 1]
  const int32_t* neighbors;   // [E, stride]
  int64_t stride;             // 1, or 2 with the places of the edges
  int64_t heads, width;       // H, C
  const S* x;                 // [M, H, C] of the other ends
  const S* key;               // [M, H, C] of the other ends
  const S* own;               // [N, H, C]
  const T* weight;            // [number of places, H], or null
  const T* other_scale;       // s [M], or null
  const T* own_scale;         // t [N], or null
  T loop;                     // 0: none
  S* out;                     // [N, H, C]
  S* second;                  // [N, H, C] number of maxima, or means; or null
  T* dots;                    // [number of places, H]
  Interrupt interrupt;
};

enum class Aggregate { kSum, kScaledSum, kWeightedSum, kMax, kMatch, kVariance, kDeviation };

constexpr int64_t kAhead = 12;  // edges between a prefetch and the use of a row

template <class S>
GRAPHKIT_INLINE void prefetch_row(const S* row, int64_t width) {
  for (int64_t d = 0; d < width; d += int64_t(64 / sizeof(S))) __builtin_prefetch(row + d);
}

// Calls run(i) for the nodes from `first` to `last`, and before that prefetch(edge) for its edges and the next ones.
template <class A, class P, class F>
GRAPHKIT_INLINE void for_nodes(const A& a, int64_t stride, int64_t first, int64_t last, const P& prefetch,
                               const F& run) {
  int64_t next = a.ptr[first];
  const int64_t end = a.ptr[last];
  for (int64_t i = first; i < last; ++i) {
    if (a.interrupt.came()) return;
    const int64_t until = a.ptr[i + 1] + kAhead, stop = until < end ? until : end;
    for (; next < stop; ++next) prefetch(a.neighbors + next * stride);
    run(i);
  }
}

// A lambda that is part of the kernel which calls it, and so compiled for its instruction set.
#define GRAPHKIT_LAMBDA(argument) [&](argument) __attribute__((always_inline))

// The factor of an edge for head h.
template <class S, Aggregate A>
GRAPHKIT_INLINE Computed<S> factor_of(const AggregatePass<S>& a, const int32_t* edge, int64_t h) {
  if constexpr (A == Aggregate::kScaledSum) return a.other_scale[edge[0]];
  Computed<S> factor = a.weight[edge[1] * a.heads + h];
  if (a.other_scale != nullptr) factor *= a.other_scale[edge[0]];
  return factor;
}

// K vectors of head h of node i, from column c on.
template <class S, int W, int K, Aggregate A>
GRAPHKIT_INLINE void columns(const AggregatePass<S>& a, int64_t i, int64_t h, int64_t c) {
  using T = Computed<S>;
  using V = Vector<T, W>;
  const int64_t row = a.heads * a.width, at = h * a.width + c;
  const int64_t stride = A == Aggregate::kWeightedSum ? 2 : a.stride;
  const int32_t* n = a.neighbors + a.ptr[i] * stride;
  const int32_t* const end = a.neighbors + a.ptr[i + 1] * stride;
  V total[K] = {};
  S* out = a.out + i * row + at;
  if constexpr (A == Aggregate::kMax) {
    if (n < end) {
#pragma GCC unroll 4
      for (int k = 0; k < K; ++k) total[k] = read<S, W>(a.x + *n * row + at + k * W);
    }
    for (const int32_t* m = n; m < end; m += stride) {
      const S* from = a.x + *m * row + at;
#pragma GCC unroll 4
      for (int k = 0; k < K; ++k) total[k] = largest<T, W>(total[k], read<S, W>(from + k * W));
    }
    if (a.second != nullptr) {
      V equal[K] = {};
      for (const int32_t* m = n; m < end; m += stride) {
        const S* from = a.x + *m * row + at;
#pragma GCC unroll 4
        for (int k = 0; k < K; ++k) equal[k] += read<S, W>(from + k * W) == total[k] ? V{} + T(1) : V{};
      }
#pragma GCC unroll 4
      for (int k = 0; k < K; ++k) {
        const V most = V{} + T(65504);  // the largest number of float16
        if (sizeof(S) == 2) equal[k] = equal[k] < most ? equal[k] : most;
        write<S, W>(a.second + i * row + at + k * W, equal[k]);
      }
    }
  } else if constexpr (A == Aggregate::kMatch || A == Aggregate::kDeviation) {
    V own[K];
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) own[k] = read<S, W>(a.own + i * row + at + k * W);
    for (; n < end; n += stride) {
      const S* from = a.x + *n * row + at;
      const S* keys = a.key + *n * row + at;
#pragma GCC unroll 4
      for (int k = 0; k < K; ++k) {
        const V x = read<S, W>(from + k * W), key = read<S, W>(keys + k * W);
        if constexpr (A == Aggregate::kMatch) total[k] += key == own[k] ? x : V{};
        else total[k] += x * (own[k] - key);
      }
    }
  } else if constexpr (A == Aggregate::kVariance) {
    V mean[K] = {};
    const T share = n < end ? T(1) / T(a.ptr[i + 1] - a.ptr[i]) : T(0);
    for (const int32_t* m = n; m < end; m += stride) {
      const S* from = a.x + *m * row + at;
#pragma GCC unroll 4
      for (int k = 0; k < K; ++k) mean[k] += read<S, W>(from + k * W);
    }
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) {
      mean[k] *= share;
      write<S, W>(a.second + i * row + at + k * W, mean[k]);
    }
    for (const int32_t* m = n; m < end; m += stride) {
      const S* from = a.x + *m * row + at;
#pragma GCC unroll 4
      for (int k = 0; k < K; ++k) {
        const V distance = read<S, W>(from + k * W) - mean[k];
        total[k] += distance * distance;
      }
    }
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) total[k] *= share;
  } else {
    if (a.loop != T(0)) {
      const T factor = a.loop * (a.other_scale != nullptr ? a.other_scale[i] : T(1));
#pragma GCC unroll 4
      for (int k = 0; k < K; ++k) total[k] = factor * read<S, W>(a.x + i * row + at + k * W);
    }
    for (; n < end; n += stride) {
      const S* from = a.x + *n * row + at;
      if constexpr (A == Aggregate::kSum) {
#pragma GCC unroll 4
        for (int k = 0; k < K; ++k) total[k] += read<S, W>(from + k * W);
      } else {
        const T factor = factor_of<S, A>(a, n, h);
#pragma GCC unroll 4
        for (int k = 0; k < K; ++k) total[k] += factor * read<S, W>(from + k * W);
      }
    }
    if (a.own_scale != nullptr) {
#pragma GCC unroll 4
      for (int k = 0; k < K; ++k) total[k] *= a.own_scale[i];
    }
  }
#pragma GCC unroll 4
  for (int k = 0; k < K; ++k) write<S, W>(out + k * W, total[k]);
}

// The weighted sums of K heads of W columns at once.
template <class S, int W, int K>
GRAPHKIT_INLINE void weighted_heads(const AggregatePass<S>& a, int64_t i, int64_t h) {
  using T = Computed<S>;
  using V = Vector<T, W>;
  const int64_t row = a.heads * W, at = h * W;
  V total[K] = {};
  if (a.loop != T(0)) {
    const T factor = a.loop * (a.other_scale != nullptr ? a.other_scale[i] : T(1));
#pragma GCC unroll 8
    for (int k = 0; k < K; ++k) total[k] = factor * read<S, W>(a.x + i * row + at + k * W);
  }
  for (int64_t e = a.ptr[i]; e < a.ptr[i + 1]; ++e) {
    const int64_t node = a.neighbors[2 * e];
    const S* from = a.x + node * row + at;
    const T* weight = a.weight + a.neighbors[2 * e + 1] * a.heads + h;
    const T scale = a.other_scale != nullptr ? a.other_scale[node] : T(1);
#pragma GCC unroll 8
    for (int k = 0; k < K; ++k) total[k] += weight[k] * scale * read<S, W>(from + k * W);
  }
  const T scale = a.own_scale != nullptr ? a.own_scale[i] : T(1);
#pragma GCC unroll 8
  for (int k = 0; k < K; ++k) write<S, W>(a.out + i * row + at + k * W, total[k] * scale);
}

// The nodes from `first` to `last`. What remains of the columns of a head is covered by a vector of 16 bytes that
// overlaps those before it: all are written once more with the same numbers.
template <Aggregate A>
struct Reduction {
  template <class S, int B>
  static GRAPHKIT_INLINE void run(const AggregatePass<S>& pass, int64_t first, int64_t last) {
    constexpr int W = B / sizeof(Computed<S>), smallest = 16 / sizeof(Computed<S>);
    const AggregatePass<S> a = pass;  // a copy that no store can change, so that it is not read again after each
    const int64_t C = a.width, row = a.heads * C;
    const auto prefetch = GRAPHKIT_LAMBDA(const int32_t* edge) {
      prefetch_row(a.x + edge[0] * row, row);
      if constexpr (A == Aggregate::kMatch || A == Aggregate::kDeviation) prefetch_row(a.key + edge[0] * row, row);
      if constexpr (A == Aggregate::kWeightedSum) prefetch_row(a.weight + edge[1] * a.heads, a.heads);
    };
    for_nodes(a, a.stride, first, last, prefetch, GRAPHKIT_LAMBDA(int64_t i) {
      int64_t h = 0;
      if constexpr (A == Aggregate::kWeightedSum && sizeof(Computed<S>) == 4) {
        for (; C == 8 && h + 8 <= a.heads; h += 8) weighted_heads<S, 8, 8>(a, i, h);
        for (; C == 16 && h + 4 <= a.heads; h += 4) weighted_heads<S, 16, 4>(a, i, h);
      }
      for (; h < a.heads; ++h) {
        int64_t c = 0;
        for (; c + 4 * W <= C; c += 4 * W) columns<S, W, 4, A>(a, i, h, c);
        if (c + 2 * W <= C) columns<S, W, 2, A>(a, i, h, c), c += 2 * W;
        if (c + W <= C) columns<S, W, 1, A>(a, i, h, c), c += W;
        if constexpr (W == 4 * smallest) {
          if (c + W / 2 <= C) columns<S, W / 2, 1, A>(a, i, h, c), c += W / 2;
        }
        for (; c < C && C >= smallest; c += smallest) {
          columns<S, smallest, 1, A>(a, i, h, c + smallest <= C ? c : C - smallest);
        }
        for (; c < C; ++c) columns<S, 1, 1, A>(a, i, h, c);
      }
    });
  }
};

// The product of two rows of `width` numbers.
template <class S, int W>
GRAPHKIT_INLINE Computed<S> dot(const S* x, const S* y, int64_t width) {
  Vector<Computed<S>, W> total = {};
  int64_t c = 0;
  for (; c + W <= width; c += W) total += read<S, W>(x + c) * read<S, W>(y + c);
  Computed<S> rest = sum<Computed<S>, W>(total);
  for (; c < width; ++c) rest += read<S, 1>(x + c)[0] * read<S, 1>(y + c)[0];
  return rest;
}

struct Dot {
  template <class S, int B>
  static GRAPHKIT_INLINE void run(const AggregatePass<S>& pass, int64_t first, int64_t last) {
    using T = Computed<S>;
    const AggregatePass<S> a = pass;
    const int64_t row = a.heads * a.width;
    const bool wide = a.width >= int64_t(B / sizeof(T));
    const auto prefetch = GRAPHKIT_LAMBDA(const int32_t* edge) {
      prefetch_row(a.x + edge[0] * row, row);
      prefetch_row(a.dots + edge[1] * a.heads, a.heads);
    };
    for_nodes(a, 2, first, last, prefetch, GRAPHKIT_LAMBDA(int64_t i) {
      const T own_scale = a.own_scale != nullptr ? a.own_scale[i] : T(1);
      for (int64_t e = a.ptr[i]; e < a.ptr[i + 1]; ++e) {
        const Neighbor n{a.neighbors[2 * e], a.neighbors[2 * e + 1]};
        const T scale = a.other_scale != nullptr ? own_scale * a.other_scale[n.node] : own_scale;
        for (int64_t h = 0; h < a.heads; ++h) {
          const S* own = a.own + i * row + h * a.width;
          const S* other = a.x + n.node * row + h * a.width;
          const T product = wide ? dot<S, B / sizeof(T)>(own, other, a.width) : dot<S, 16 / sizeof(T)>(own, other, a.width);
          a.dots[n.place * a.heads + h] = scale * product;
        }
      }
    });
  }
};

}  // namespace graphkit
