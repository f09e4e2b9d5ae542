// Kernels of factor_aggregate on raw arrays of grouped edges.
//
// All three passes iterate over the edges of each node and sum vectors of the nodes at their other ends:
//
//   forward            out[i, m]    = sum_j  s h[j]              by target
//   gradient of t      dt[i, m]     = G[i, m] . sum_j c h[j]     by target
//   gradient of h, s   dh[j]        = sum_i sum_m s G[i, m]      by source
//                      ds[j, m]     = h[j] . sum_i c G[i, m]
//
// with s = sigmoid(gain (source[j, m] + target[i, m])), c = gain s (1 - s), and G the gradient of the result. Taking
// the sums over edges before the inner products leaves no horizontal addition per edge and no [E, M] tensor. The gates
// of up to kWindow edges at a time lie in a buffer on the stack; the sums of MB factors are kept in registers.
//
// Optional terms of edges are added to those of the nodes. Their gradient takes the inner products per edge instead,
//
//   gradient of edges  de[e, m]     = c (G[i, m] . h[j])         by target
//                      dt[i, m]     = sum_e de[e, m]
#pragma once

#include "interrupt.h"
#include "vector.h"

namespace graphkit {

constexpr int kWindow = 128;      // edges whose gates are computed together

template <class T>
struct FactorPass {
  const int64_t* ptr;    // [N + 1] groups of edges by their own end
  const int64_t* other;  // [E] the other end
  const T* own_term;     // [N, M] term of the own end
  const T* other_term;   // [N, M] term of the other end
  const T* features;     // of the other end: [N, M, D], or [N, D] if `shared`
  const T* partner;      // of the own end, for the inner products: [N, M, D], or [N, D] if `shared`
  T* sums;               // [N, M, D], or [N, D] in the pass by source if `shared`
  T* products;           // [N, M]
  const T* edge_term;    // [E, M] terms of the edges by place, or null
  const int64_t* place;  // [E] places of the grouped edges
  T* edge_products;      // [E, M] by place, in the pass kEdges
  int64_t factors;       // M
  int64_t width;         // D
  T gain;
  Interrupt interrupt;
};

enum class Pass { kForward, kTarget, kEdges, kSource };  // kEdges is kTarget with terms of edges

template <class T, int MB>
struct Gates {
  alignas(64) T gate[kWindow * MB];   // s
  alignas(64) T slope[kWindow * MB];  // c
};

template <class T, int B, int MB, Pass P>
GRAPHKIT_INLINE void fill_gates(const FactorPass<T>& a, int64_t first, int64_t last, int64_t m0, int64_t begin,
                                int64_t end, Gates<T, MB>& out) {
  constexpr int W = B / sizeof(T);
  T* to = out.gate;
  for (int64_t i = first; i < last; ++i) {
    const T* own = a.own_term + i * a.factors + m0;
    const int64_t stop = a.ptr[i + 1] < end ? a.ptr[i + 1] : end;
    for (int64_t e = a.ptr[i] > begin ? a.ptr[i] : begin; e < stop; ++e, to += MB) {
      const T* term = a.other_term + a.other[e] * a.factors + m0;
#pragma GCC unroll 8
      for (int m = 0; m < MB; ++m) to[m] = -a.gain * (own[m] + term[m]);
    }
  }
  if (a.edge_term != nullptr) {
    const int64_t* place = a.place + begin;
    for (T* gate = out.gate; gate != to; gate += MB, ++place) {
      const T* term = a.edge_term + *place * a.factors + m0;
#pragma GCC unroll 8
      for (int m = 0; m < MB; ++m) gate[m] -= a.gain * term[m];
    }
  }
  for (T* rest = to; (rest - out.gate) % W != 0; ++rest) *rest = T(0);
  for (int64_t k = 0; k < to - out.gate; k += W) {
    const Vector<T, W> e = exponential<T, W>(load<T, W>(out.gate + k));
    const Vector<T, W> s = T(1) / (T(1) + e);
    store<T, W>(out.gate + k, s);
    if constexpr (P != Pass::kForward) store<T, W>(out.slope + k, a.gain * s * (e * s));
  }
}

// Adds to (or, for the first edges of a node, writes) W numbers. `skip` lanes are done already: they may be written
// again, but not added to.
template <class T, int W>
GRAPHKIT_INLINE void put(T* to, Vector<T, W> v, bool is_first, int skip) {
  if (!is_first) v = load<T, W>(to) + drop_lanes<T, W>(v, skip);
  store<T, W>(to, v);
}

// W columns of node i from column d on, over `count` edges.
template <class T, int W, int MB, bool Shared, Pass P>
GRAPHKIT_INLINE void columns(const FactorPass<T>& a, int64_t i, int64_t m0, int64_t d, int skip,
                             const int64_t* other, int64_t count, const T* gate, const T* slope, bool is_first) {
  constexpr bool one_row = Shared && P != Pass::kSource;  // the gradients G always have a row per factor
  const int64_t M = a.factors, D = a.width;
  Vector<T, W> weighted[MB] = {};
  Vector<T, W> gated[MB] = {};
  const T* base = a.features + (one_row ? d : m0 * D + d);
  const int64_t row_size = one_row ? D : M * D;
  for (int64_t e = 0; e < count; ++e) {
    const T* row = base + other[e] * row_size;
#pragma GCC unroll 8
    for (int m = 0; m < MB; ++m) {
      const Vector<T, W> x = load<T, W>(one_row ? row : row + m * D);
      if constexpr (P == Pass::kForward) weighted[m] += gate[e * MB + m] * x;
      else weighted[m] += slope[e * MB + m] * x;
      if constexpr (P == Pass::kSource) gated[Shared ? m % 2 : m] += gate[e * MB + m] * x;
    }
  }
  if constexpr (P == Pass::kForward) {
    for (int m = 0; m < MB; ++m) put<T, W>(a.sums + (i * M + m0 + m) * D + d, weighted[m], is_first, skip);
  } else {
    constexpr bool one_partner = Shared && P == Pass::kSource;
    const T* partner = a.partner + (one_partner ? i * D : (i * M + m0) * D) + d;
    for (int m = 0; m < MB; ++m) {
      const Vector<T, W> x = load<T, W>(one_partner ? partner : partner + m * D);
      a.products[i * M + m0 + m] += sum<T, W>(drop_lanes<T, W>(weighted[m] * x, skip));
    }
  }
  if constexpr (P == Pass::kSource) {
    if constexpr (Shared) {
      put<T, W>(a.sums + i * D + d, MB > 1 ? gated[0] + gated[1 % MB] : gated[0], is_first && m0 == 0, skip);
    } else {
      for (int m = 0; m < MB; ++m) put<T, W>(a.sums + (i * M + m0 + m) * D + d, gated[m], is_first, skip);
    }
  }
}

// All columns of node i over `count` edges: vectors of the full width, then of half and a quarter of it as long as they
// have 16 bytes. What remains is covered by a vector of 16 bytes that overlaps the columns before it.
template <class T, int B, int MB, bool Shared, Pass P>
GRAPHKIT_INLINE void node(const FactorPass<T>& a, int64_t i, int64_t m0, const int64_t* other, int64_t count,
                          const T* gate, const T* slope, bool is_first) {
  constexpr int W = B / sizeof(T);
  constexpr int smallest = 16 / sizeof(T);
  const int64_t D = a.width;
  int64_t d = 0;
  for (; d + W <= D; d += W) columns<T, W, MB, Shared, P>(a, i, m0, d, 0, other, count, gate, slope, is_first);
  if constexpr (W == 4 * smallest) {
    if (d + W / 2 <= D) {
      columns<T, W / 2, MB, Shared, P>(a, i, m0, d, 0, other, count, gate, slope, is_first);
      d += W / 2;
    }
  }
  for (; d < D && D >= smallest; d += smallest) {
    const int skip = d + smallest <= D ? 0 : int(d + smallest - D);
    columns<T, smallest, MB, Shared, P>(a, i, m0, d - skip, skip, other, count, gate, slope, is_first);
  }
  for (; d < D; ++d) columns<T, 1, MB, Shared, P>(a, i, m0, d, 0, other, count, gate, slope, is_first);
}

// The inner products of the gradient of node i and the features of each of `count` edges, times c, and their sums.
template <class T, int B, int MB, bool Shared>
GRAPHKIT_INLINE void edges(const FactorPass<T>& a, int64_t i, int64_t m0, int64_t first, int64_t count,
                           const T* slope) {
  constexpr int W = B / sizeof(T), smallest = 16 / sizeof(T);
  const int64_t M = a.factors, D = a.width;
  const T* grad = a.partner + (i * M + m0) * D;
  T* sums = a.products + i * M + m0;
  for (int64_t e = first; e < first + count; ++e, slope += MB) {
    const T* row = a.features + (Shared ? a.other[e] * D : (a.other[e] * M + m0) * D);
    T* to = a.edge_products + a.place[e] * M + m0;
    Vector<T, W> wide[MB] = {};
    Vector<T, smallest> narrow[MB] = {};
    T rest[MB] = {};
    int64_t d = 0;
    for (; d + W <= D; d += W) {
#pragma GCC unroll 8
      for (int m = 0; m < MB; ++m) {
        wide[m] += load<T, W>(grad + m * D + d) * load<T, W>(row + (Shared ? d : m * D + d));
      }
    }
    for (; d + smallest <= D; d += smallest) {
#pragma GCC unroll 8
      for (int m = 0; m < MB; ++m) {
        narrow[m] += load<T, smallest>(grad + m * D + d) * load<T, smallest>(row + (Shared ? d : m * D + d));
      }
    }
    for (; d < D; ++d) {
      for (int m = 0; m < MB; ++m) rest[m] += grad[m * D + d] * row[Shared ? d : m * D + d];
    }
#pragma GCC unroll 8
    for (int m = 0; m < MB; ++m) {
      to[m] = slope[m] * (sum<T, W>(wide[m]) + sum<T, smallest>(narrow[m]) + rest[m]);
      sums[m] += to[m];
    }
  }
}

// The nodes from `first` to `last`, for factors m0 to m0 + MB - 1. As many whole nodes as fit share a window; a node
// with more edges than that takes several windows, always cut at the same places.
template <class T, int B, int MB, bool Shared, Pass P>
GRAPHKIT_INLINE void nodes(const FactorPass<T>& a, int64_t first, int64_t last, int64_t m0) {
  Gates<T, MB> gates;
  for (int64_t i = first; i < last;) {
    if (a.interrupt.came()) return;
    const int64_t begin = a.ptr[i];
    int64_t next = i;
    while (next < last && a.ptr[next + 1] - begin <= kWindow) ++next;
    if (next > i) {
      fill_gates<T, B, MB, P>(a, i, next, m0, begin, a.ptr[next], gates);
      for (; i < next; ++i) {
        const int64_t at = (a.ptr[i] - begin) * MB, count = a.ptr[i + 1] - a.ptr[i];
        if constexpr (P == Pass::kEdges) edges<T, B, MB, Shared>(a, i, m0, a.ptr[i], count, gates.slope + at);
        else node<T, B, MB, Shared, P>(a, i, m0, a.other + a.ptr[i], count, gates.gate + at, gates.slope + at, true);
      }
    } else {
      for (int64_t e = begin; e < a.ptr[i + 1]; e += kWindow) {
        if (a.interrupt.came()) return;
        const int64_t end = e + kWindow < a.ptr[i + 1] ? e + kWindow : a.ptr[i + 1];
        fill_gates<T, B, MB, P>(a, i, i + 1, m0, e, end, gates);
        if constexpr (P == Pass::kEdges) edges<T, B, MB, Shared>(a, i, m0, e, end - e, gates.slope);
        else node<T, B, MB, Shared, P>(a, i, m0, a.other + e, end - e, gates.gate, gates.slope, e == begin);
      }
      ++i;
    }
  }
}

// All factors, in blocks of powers of two. double has fewer block sizes, for a smaller binary.
template <class T, int B, bool Shared, Pass P>
GRAPHKIT_INLINE void all_factors(const FactorPass<T>& a, int64_t first, int64_t last) {
  int64_t m0 = 0;
  if constexpr (sizeof(T) == 4) {
    for (; m0 + 8 <= a.factors; m0 += 8) nodes<T, B, 8, Shared, P>(a, first, last, m0);
  }
  for (; m0 + 4 <= a.factors; m0 += 4) nodes<T, B, 4, Shared, P>(a, first, last, m0);
  if constexpr (sizeof(T) == 4) {
    for (; m0 + 2 <= a.factors; m0 += 2) nodes<T, B, 2, Shared, P>(a, first, last, m0);
  }
  for (; m0 < a.factors; ++m0) nodes<T, B, 1, Shared, P>(a, first, last, m0);
}

}  // namespace graphkit
