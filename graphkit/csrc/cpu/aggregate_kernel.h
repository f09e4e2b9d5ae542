// Kernels of aggregate on raw arrays of neighbors. Every pass iterates over the edges of each node and reads rows of the
// nodes at their other ends; none writes a row per edge.
//
//   sum     out[i] = t[i] (sum over e of w[e] s[j] x[j] + loop s[i] x[i])
//   max     out[i] = max over e of x[j], and how many of the x[j] are equal to it
//   match   out[i] = sum over e of x[j] where key[j] equals own[i], else 0
//   dot     out[e] = t[i] s[j] own[i] . x[j], a number per head
//
// The gradient of each is another one over the same edges grouped by their other end.
#pragma once

#include "neighbors.h"
#include "vector.h"

namespace graphkit {

template <class T>
struct AggregatePass {
  const int64_t* ptr;         // [N + 1]
  const int32_t* neighbors;   // [E, S]
  int64_t stride;             // S: 1, or 2 with the places of the edges
  int64_t heads, width;       // H, C
  const T* x;                 // [M, H, C] of the other ends
  const T* key;               // [M, H, C] of the other ends
  const T* own;               // [N, H, C]
  const T* weight;            // [number of places, H], or null
  const T* other_scale;       // s [M], or null
  const T* own_scale;         // t [N], or null
  T loop;                     // 0: none
  T* out;                     // [N, H, C], or [number of places, H]
  T* count;                   // [N, H, C], or null
  Interrupt interrupt;
};

enum class Aggregate { kSum, kScaledSum, kWeightedSum, kMax, kMatch };

constexpr int64_t kAhead = 12;  // edges between a prefetch and the use of a row

// The factor of edge e for head h.
template <class T, Aggregate A>
GRAPHKIT_INLINE T factor_of(const AggregatePass<T>& a, const int32_t* edge, int64_t h) {
  if constexpr (A == Aggregate::kScaledSum) return a.other_scale[edge[0]];
  T factor = a.weight[edge[1] * a.heads + h];
  if (a.other_scale != nullptr) factor *= a.other_scale[edge[0]];
  return factor;
}

// K vectors of head h of node i, from column c on.
template <class T, int W, int K, Aggregate A>
GRAPHKIT_INLINE void columns(const AggregatePass<T>& a, int64_t i, int64_t h, int64_t c) {
  using V = Vector<T, W>;
  const int64_t row = a.heads * a.width, at = h * a.width + c;
  const int64_t stride = A == Aggregate::kWeightedSum ? 2 : a.stride;
  const int32_t* n = a.neighbors + a.ptr[i] * stride;
  const int32_t* const end = a.neighbors + a.ptr[i + 1] * stride;
  V total[K] = {};
  T* out = a.out + i * row + at;
  if constexpr (A == Aggregate::kMax) {
    if (n < end) {
#pragma GCC unroll 4
      for (int k = 0; k < K; ++k) total[k] = load<T, W>(a.x + *n * row + at + k * W);
    }
    for (const int32_t* m = n; m < end; m += stride) {
      const T* from = a.x + *m * row + at;
#pragma GCC unroll 4
      for (int k = 0; k < K; ++k) total[k] = largest<T, W>(total[k], load<T, W>(from + k * W));
    }
    if (a.count != nullptr) {
      V equal[K] = {};
      for (const int32_t* m = n; m < end; m += stride) {
        const T* from = a.x + *m * row + at;
#pragma GCC unroll 4
        for (int k = 0; k < K; ++k) equal[k] += load<T, W>(from + k * W) == total[k] ? V{} + T(1) : V{};
      }
#pragma GCC unroll 4
      for (int k = 0; k < K; ++k) store<T, W>(a.count + i * row + at + k * W, equal[k]);
    }
  } else if constexpr (A == Aggregate::kMatch) {
    V own[K];
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) own[k] = load<T, W>(a.own + i * row + at + k * W);
    for (; n < end; n += stride) {
      const T* from = a.x + *n * row + at;
      const T* key = a.key + *n * row + at;
#pragma GCC unroll 4
      for (int k = 0; k < K; ++k) {
        const V x = load<T, W>(from + k * W);
        total[k] += load<T, W>(key + k * W) == own[k] ? x : V{};
      }
    }
  } else {
    if (a.loop != T(0)) {
      const T factor = a.loop * (a.other_scale != nullptr ? a.other_scale[i] : T(1));
#pragma GCC unroll 4
      for (int k = 0; k < K; ++k) total[k] = factor * load<T, W>(a.x + i * row + at + k * W);
    }
    for (; n < end; n += stride) {
      const T* from = a.x + *n * row + at;
      if constexpr (A == Aggregate::kSum) {
#pragma GCC unroll 4
        for (int k = 0; k < K; ++k) total[k] += load<T, W>(from + k * W);
      } else {
        const T factor = factor_of<T, A>(a, n, h);
#pragma GCC unroll 4
        for (int k = 0; k < K; ++k) total[k] += factor * load<T, W>(from + k * W);
      }
    }
    if (a.own_scale != nullptr) {
#pragma GCC unroll 4
      for (int k = 0; k < K; ++k) total[k] *= a.own_scale[i];
    }
  }
#pragma GCC unroll 4
  for (int k = 0; k < K; ++k) store<T, W>(out + k * W, total[k]);
}

// The weighted sums of K heads of W columns at once.
template <class T, int W, int K>
GRAPHKIT_INLINE void weighted_heads(const AggregatePass<T>& a, int64_t i, int64_t h) {
  using V = Vector<T, W>;
  const int64_t row = a.heads * W, at = h * W;
  V total[K] = {};
  if (a.loop != T(0)) {
    const T factor = a.loop * (a.other_scale != nullptr ? a.other_scale[i] : T(1));
#pragma GCC unroll 8
    for (int k = 0; k < K; ++k) total[k] = factor * load<T, W>(a.x + i * row + at + k * W);
  }
  for (int64_t e = a.ptr[i]; e < a.ptr[i + 1]; ++e) {
    const int64_t node = a.neighbors[2 * e];
    const T* from = a.x + node * row + at;
    const T* weight = a.weight + a.neighbors[2 * e + 1] * a.heads + h;
    const T scale = a.other_scale != nullptr ? a.other_scale[node] : T(1);
#pragma GCC unroll 8
    for (int k = 0; k < K; ++k) total[k] += weight[k] * scale * load<T, W>(from + k * W);
  }
  const T scale = a.own_scale != nullptr ? a.own_scale[i] : T(1);
#pragma GCC unroll 8
  for (int k = 0; k < K; ++k) store<T, W>(a.out + i * row + at + k * W, total[k] * scale);
}

// Loads the rows of the next nodes into the cache, one cache line after the other.
template <class T>
GRAPHKIT_INLINE void prefetch_rows(const AggregatePass<T>& a, int64_t& next, int64_t until, int64_t last) {
  constexpr int64_t kLine = 64 / sizeof(T);
  const int64_t row = a.heads * a.width, stop = until < last ? until : last;
  for (; next < stop; ++next) {
    const int64_t node = a.neighbors[next * a.stride];
    const T* from = a.x + node * row;
    for (int64_t d = 0; d < row; d += kLine) __builtin_prefetch(from + d);
    if (a.key != nullptr) {
      const T* key = a.key + node * row;
      for (int64_t d = 0; d < row; d += kLine) __builtin_prefetch(key + d);
    }
  }
}

// The nodes from `first` to `last`. What remains of the columns of a head is covered by a vector of 16 bytes that
// overlaps those before it: all are written once more with the same numbers.
template <class T, int B, Aggregate A>
GRAPHKIT_INLINE void aggregate_nodes(const AggregatePass<T>& given, int64_t first, int64_t last) {
  constexpr int W = B / sizeof(T), smallest = 16 / sizeof(T);
  const AggregatePass<T> a = given;  // a copy that no store can change, so that it is not read again after each
  const int64_t C = a.width;
  int64_t next = a.ptr[first];
  for (int64_t i = first; i < last; ++i) {
    if (a.interrupt.came()) return;
    prefetch_rows(a, next, a.ptr[i + 1] + kAhead, a.ptr[last]);
    int64_t h = 0;
    if constexpr (A == Aggregate::kWeightedSum && sizeof(T) == 4) {
      for (; C == 8 && h + 8 <= a.heads; h += 8) weighted_heads<T, 8, 8>(a, i, h);
      for (; C == 16 && h + 4 <= a.heads; h += 4) weighted_heads<T, 16, 4>(a, i, h);
    }
    for (; h < a.heads; ++h) {
      int64_t c = 0;
      for (; c + 4 * W <= C; c += 4 * W) columns<T, W, 4, A>(a, i, h, c);
      if (c + 2 * W <= C) columns<T, W, 2, A>(a, i, h, c), c += 2 * W;
      if (c + W <= C) columns<T, W, 1, A>(a, i, h, c), c += W;
      if constexpr (W == 4 * smallest) {
        if (c + W / 2 <= C) columns<T, W / 2, 1, A>(a, i, h, c), c += W / 2;
      }
      for (; c < C && C >= smallest; c += smallest) {
        columns<T, smallest, 1, A>(a, i, h, c + smallest <= C ? c : C - smallest);
      }
      for (; c < C; ++c) columns<T, 1, 1, A>(a, i, h, c);
    }
  }
}

// The product of two rows of `width` numbers.
template <class T, int W>
GRAPHKIT_INLINE T dot(const T* x, const T* y, int64_t width) {
  Vector<T, W> total = {};
  int64_t c = 0;
  for (; c + W <= width; c += W) total += load<T, W>(x + c) * load<T, W>(y + c);
  T rest = sum<T, W>(total);
  for (; c < width; ++c) rest += x[c] * y[c];
  return rest;
}

template <class T, int B>
GRAPHKIT_INLINE void dot_nodes(const AggregatePass<T>& given, int64_t first, int64_t last) {
  const AggregatePass<T> a = given;
  const int64_t row = a.heads * a.width;
  int64_t next = a.ptr[first];
  for (int64_t i = first; i < last; ++i) {
    if (a.interrupt.came()) return;
    prefetch_rows(a, next, a.ptr[i + 1] + kAhead, a.ptr[last]);
    const T own_scale = a.own_scale != nullptr ? a.own_scale[i] : T(1);
    for (int64_t e = a.ptr[i]; e < a.ptr[i + 1]; ++e) {
      const Neighbor n{a.neighbors[2 * e], a.neighbors[2 * e + 1]};
      const T scale = a.other_scale != nullptr ? own_scale * a.other_scale[n.node] : own_scale;
      for (int64_t h = 0; h < a.heads; ++h) {
        const T* own = a.own + i * row + h * a.width;
        const T* other = a.x + n.node * row + h * a.width;
        const bool wide = a.width >= int64_t(B / sizeof(T));
        const T product = wide ? dot<T, B / sizeof(T)>(own, other, a.width) : dot<T, 16 / sizeof(T)>(own, other, a.width);
        a.out[n.place * a.heads + h] = scale * product;
      }
    }
  }
}

}  // namespace graphkit
