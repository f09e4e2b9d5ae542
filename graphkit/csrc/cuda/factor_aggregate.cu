// factor_aggregate on CUDA. The three passes are those of the CPU kernel, whose header states them:
//
//   forward            out[i, m]    = sum_j  s h[j]              by target
//   gradient of t      dt[i, m]     = G[i, m] . sum_j c h[j]     by target
//   gradient of h, s   dh[j]        = sum_i sum_m s G[i, m]      by source
//                      ds[j, m]     = h[j] . sum_i c G[i, m]
//
// Terms of edges have a gradient per edge, c (G[i, m] . h[j]), which one more kernel computes by target.
//
// A warp processes the edges of a node, or a part of them if there are many. Its lanes compute the gates of 32 edges
// for a few factors in shared memory; then `across` lanes process the columns of a row, and each of the 32 / across
// rows of lanes every (32 / across)-th edge.
#include "factor_aggregate.h"

#include "sums.cuh"

namespace graphkit {
namespace {

constexpr int kWarps = 4;
constexpr int kThreads = kWarps * kLanes;
constexpr int kEdges = kLanes;  // whose gates are worked out together

enum class Pass { kForward, kTarget, kSource };

// Factors per pass, whose sums in V columns stay in registers. Single columns, for odd widths and double, use fewer,
// for a smaller binary.
template <int V>
constexpr int kFactors = V == 4 ? 8 : 4;

template <class T>
struct FactorPass {
  Groups groups;
  const int64_t* other;
  const T* own_term;     // [N, M]
  const T* other_term;   // [N, M]
  const T* features;     // of the other end: [N, M, D], or [N, D] if shared
  const T* partner;      // of the own end, for the inner products: [N, M, D], or [N, D] if shared
  T* sums;               // [N, M, D], or [N, D] in the pass by source if shared
  Wide<T>* products;     // [N, M]
  Wide<T>* part_sums;      // the same for parts
  Wide<T>* part_products;
  const T* edge_term;    // [E, M] by place, or null
  const int64_t* place;  // [E]
  T* edge_products;      // [E, M] by place
  int64_t factors, width;
  Wide<T> gain;
};

// Only the pass by source needs both s and c.
template <class W, int M, Pass P>
struct Gates {
  int64_t other[kEdges];
  W gate[P == Pass::kTarget ? 1 : kEdges * M];
  W slope[P == Pass::kForward ? 1 : kEdges * M];
};

// exp(x) that is neither infinite nor, in the type of sums, less than what 1 can be divided by. NaN stays.
template <class W>
__device__ inline W bounded_exponential(W x) {
  constexpr W limit = sizeof(W) == 4 ? W(87) : W(708);
  return exponential(x > limit ? limit : x < -limit ? -limit : x);
}

// The place of an edge, or -1 if there is no such place.
template <class T>
__device__ int64_t place_of(const FactorPass<T>& a, int64_t edge) {
  const int64_t place = a.place[edge];
  return uint64_t(place) < uint64_t(a.groups.rows) ? place : -1;
}

// -gain times the score of an edge.
template <class T>
__device__ Wide<T> exponent_of(const FactorPass<T>& a, int64_t node, int64_t other, int64_t edge, int64_t m) {
  Wide<T> score = widen(a.own_term[node * a.factors + m]) + widen(a.other_term[other * a.factors + m]);
  if (a.edge_term != nullptr) {
    const int64_t place = place_of(a, edge);
    if (place >= 0) score += widen(a.edge_term[place * a.factors + m]);
  }
  return -a.gain * score;
}

template <class T, int M, Pass P>
__device__ void fill_gates(const FactorPass<T>& a, int64_t node, int64_t m0, int count, int64_t first, int lane,
                           Gates<Wide<T>, M, P>& to) {
  using W = Wide<T>;
  for (int k = lane; k < count * M; k += kLanes) {
    const int m = k % M;
    const int64_t j = a.other[first + k / M];
    const bool exists = uint64_t(j) < uint64_t(a.groups.count);  // as all do in edges that were checked
    W s = 0, c = 0;
    if (exists && m0 + m < a.factors) {
      const W e = bounded_exponential(exponent_of(a, node, j, first + k / M, m0 + m));
      s = W(1) / (W(1) + e);
      c = a.gain * s * (e * s);
    }
    if (m == 0) to.other[k / M] = exists ? j : 0;
    if constexpr (P != Pass::kTarget) to.gate[k] = s;
    if constexpr (P != Pass::kForward) to.slope[k] = c;
  }
}

// Adds up what the lanes of the same column have: every lane gets the sum.
template <class W, int V>
__device__ void add_rows(W* sum, int across) {
  for (int distance = across; distance < kLanes; distance *= 2) {
#pragma unroll
    for (int k = 0; k < V; ++k) sum[k] += __shfl_xor_sync(kAllLanes, sum[k], distance);
  }
}

template <class T, int V>
__device__ void put(const Wide<T>* sum, const Unit& unit, int64_t at, int64_t size, T* sums, Wide<T>* parts) {
  if (unit.slot < 0) {
    store<V>(sum, sums + unit.group * size + at);
  } else {
    for (int k = 0; k < V; ++k) parts[unit.slot * size + at + k] = sum[k];
  }
}

template <class T, int V, bool Shared, Pass P>
__global__ void __launch_bounds__(kThreads) walk_edges(FactorPass<T> a, int across) {
  using W = Wide<T>;
  constexpr int M = kFactors<V>;
  constexpr bool one_row = Shared && P != Pass::kSource;  // the gradients G always have a row per factor
  constexpr bool one_partner = Shared && P == Pass::kSource;
  __shared__ Gates<W, M, P> of_warps[kWarps];

  const int warp = threadIdx.x / kLanes, lane = threadIdx.x % kLanes;
  const int x = lane % across, y = lane / across, down = kLanes / across;
  const Unit unit = find_unit(a.groups, int64_t(blockIdx.x) * kWarps + warp);
  if (unit.group < 0) return;
  Gates<W, M, P>& gates = of_warps[warp];
  const int64_t D = a.width;

  for (int64_t tile = 0; tile * across * V < D; ++tile) {
    const int64_t d = (tile * across + x) * V;
    const bool is_inside = d < D;
    W all[V] = {};  // the sum over all factors, where they share the features
    for (int64_t m0 = 0; m0 < a.factors; m0 += M) {
      W weighted[M][V] = {};
      W gated[P == Pass::kSource && !Shared ? M : 1][V] = {};
      for (int64_t first = unit.begin; first < unit.end; first += kEdges) {
        const int count = int(unit.end - first < kEdges ? unit.end - first : kEdges);
        __syncwarp();
        fill_gates<T, M, P>(a, unit.group, m0, count, first, lane, gates);
        __syncwarp();
        if (!is_inside) continue;
#pragma unroll 2
        for (int e = y; e < count; e += down) {
          const int64_t j = gates.other[e];
          W row[V], factors_sum[V] = {};
          if constexpr (one_row) load<V>(a.features + j * D + d, row);
#pragma unroll
          for (int m = 0; m < M; ++m) {  // gates beyond the last factor are zero, and what they weight is not read
            if (!one_row && m0 + m >= a.factors) break;
            if constexpr (!one_row) load<V>(a.features + (j * a.factors + m0 + m) * D + d, row);
#pragma unroll
            for (int k = 0; k < V; ++k) {
              if constexpr (P == Pass::kForward) weighted[m][k] += gates.gate[e * M + m] * row[k];
              else weighted[m][k] += gates.slope[e * M + m] * row[k];
              if constexpr (P == Pass::kSource && Shared) factors_sum[k] += gates.gate[e * M + m] * row[k];
              if constexpr (P == Pass::kSource && !Shared) gated[m][k] += gates.gate[e * M + m] * row[k];
            }
          }
#pragma unroll
          for (int k = 0; k < V; ++k) all[k] += factors_sum[k];
        }
      }
#pragma unroll
      for (int m = 0; m < M; ++m) {
        if (m0 + m >= a.factors) break;
        add_rows<W, V>(weighted[m], across);
        const int64_t at = (m0 + m) * D + d, size = a.factors * D;
        if constexpr (P == Pass::kForward) {
          if (is_inside && y == 0) put<T, V>(weighted[m], unit, at, size, a.sums, a.part_sums);
        } else {
          W dot = 0;
          if (is_inside && unit.begin < unit.end) {
            W own[V];
            load<V>(a.partner + (one_partner ? unit.group * D + d : unit.group * size + at), own);
#pragma unroll
            for (int k = 0; k < V; ++k) dot += weighted[m][k] * own[k];
          }
          for (int distance = 1; distance < across; distance *= 2) dot += __shfl_xor_sync(kAllLanes, dot, distance);
          if (lane == 0) {
            W* to = unit.slot < 0 ? a.products + unit.group * a.factors : a.part_products + unit.slot * a.factors;
            to[m0 + m] = tile == 0 ? dot : to[m0 + m] + dot;
          }
        }
        if constexpr (P == Pass::kSource && !Shared) {
          add_rows<W, V>(gated[m], across);
          if (is_inside && y == 0) put<T, V>(gated[m], unit, at, size, a.sums, a.part_sums);
        }
      }
    }
    if constexpr (P == Pass::kSource && Shared) {
      add_rows<W, V>(all, across);
      if (is_inside && y == 0) put<T, V>(all, unit, d, D, a.sums, a.part_sums);
    }
  }
}

// The gradient of the terms of edges: `across` lanes take the columns of an edge, and each of the 32 / across rows of
// lanes every (32 / across)-th edge.
template <class T, int V, bool Shared>
__global__ void __launch_bounds__(kThreads) multiply_ends(FactorPass<T> a, int across) {
  using W = Wide<T>;
  const int warp = threadIdx.x / kLanes, lane = threadIdx.x % kLanes;
  const int x = lane % across, y = lane / across, down = kLanes / across;
  const Unit unit = find_unit(a.groups, int64_t(blockIdx.x) * kWarps + warp);
  if (unit.group < 0) return;
  const int64_t i = unit.group, M = a.factors, D = a.width;
  for (int64_t first = unit.begin; first < unit.end; first += down) {  // all lanes take part in the shuffles
    const int64_t e = first + y, j = e < unit.end ? a.other[e] : -1;
    const bool exists = uint64_t(j) < uint64_t(a.groups.count);
    for (int64_t m = 0; m < M; ++m) {
      W dot = 0;
      for (int64_t d = int64_t(x) * V; exists && d < D; d += int64_t(across) * V) {
        W row[V], grad[V];
        load<V>(a.features + (Shared ? j : j * M + m) * D + d, row);
        load<V>(a.partner + (i * M + m) * D + d, grad);
#pragma unroll
        for (int k = 0; k < V; ++k) dot += row[k] * grad[k];
      }
      for (int distance = 1; distance < across; distance *= 2) dot += __shfl_xor_sync(kAllLanes, dot, distance);
      if (!exists || x != 0) continue;
      const int64_t place = place_of(a, e);
      if (place < 0) continue;
      const W minus = bounded_exponential(exponent_of(a, i, j, e, m)), s = W(1) / (W(1) + minus);
      narrow(a.gain * s * (minus * s) * dot, a.edge_products[place * M + m]);
    }
  }
}

template <class T, bool Shared>
const char* run_edges(const FactorPass<T>& a, void* stream) {
  if (a.groups.count == 0 || a.factors == 0 || a.width == 0) return nullptr;
  const int64_t blocks = divide_up(count_units(a.groups), kWarps);
  constexpr int V = sizeof(T) == 8 ? 1 : kWidest<T>;
  return is_packed<T>(a.width, a.features, a.partner)
             ? launch(multiply_ends<T, V, Shared>, blocks, 1, kThreads, stream, a,
                      power_of_two(divide_up(a.width, V), kLanes))
             : launch(multiply_ends<T, 1, Shared>, blocks, 1, kThreads, stream, a, power_of_two(a.width, kLanes));
}

template <class T, bool Shared, Pass P>
const char* run(const FactorPass<T>& a, void* stream) {
  if (a.groups.count == 0 || a.factors == 0 || a.width == 0) return nullptr;
  const int64_t blocks = divide_up(count_units(a.groups), kWarps);
  constexpr int V = sizeof(T) == 8 ? 1 : kWidest<T>;  // fewer kernels for double, for a smaller binary
  const bool packed = is_packed<T>(a.width, a.features, a.partner, a.sums);
  const char* error = packed ? launch(walk_edges<T, V, Shared, P>, blocks, 1, kThreads, stream, a,
                                      power_of_two(divide_up(a.width, V), kLanes))
                             : launch(walk_edges<T, 1, Shared, P>, blocks, 1, kThreads, stream, a,
                                      power_of_two(a.width, kLanes));
  const bool per_factor = P == Pass::kForward || !Shared;
  const int64_t size = per_factor ? a.factors * a.width : a.width;
  if (!error && P != Pass::kTarget) error = join_sums(a.groups, size, a.sums, a.part_sums, stream);
  if (!error && P != Pass::kForward) error = join_sums(a.groups, a.factors, a.products, a.part_products, stream);
  return error;
}

template <class T>
void set_edges(const FactorEdges& edges, FactorPass<T>& a) {
  a.groups = edges.groups;
  a.other = edges.other;
  a.edge_term = static_cast<const T*>(edges.edge_term);
  a.place = edges.place;
  a.factors = edges.factors;
  a.width = edges.width;
  a.gain = Wide<T>(edges.gain);
}

template <class T, Pass P>
const char* run(const FactorEdges& edges, FactorPass<T> a, void* stream) {
  set_edges(edges, a);
  return edges.shared ? run<T, true, P>(a, stream) : run<T, false, P>(a, stream);
}

}  // namespace

const char* graphkit_factor_aggregate(int type, const FactorEdges* edges, const void* h, const void* source,
                                      const void* target, void* out, void* parts, void* stream) {
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    FactorPass<T> a{};
    a.own_term = static_cast<const T*>(target);
    a.other_term = static_cast<const T*>(source);
    a.features = static_cast<const T*>(h);
    a.sums = static_cast<T*>(out);
    a.part_sums = static_cast<Wide<T>*>(parts);
    return run<T, Pass::kForward>(*edges, a, stream);
  });
}

const char* graphkit_factor_aggregate_by_target(int type, const FactorEdges* edges, const void* grad, const void* h,
                                                const void* source, const void* target, void* grad_target,
                                                void* parts, void* stream) {
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    FactorPass<T> a{};
    a.own_term = static_cast<const T*>(target);
    a.other_term = static_cast<const T*>(source);
    a.features = static_cast<const T*>(h);
    a.partner = static_cast<const T*>(grad);
    a.products = static_cast<Wide<T>*>(grad_target);
    a.part_products = static_cast<Wide<T>*>(parts);
    return run<T, Pass::kTarget>(*edges, a, stream);
  });
}

const char* graphkit_factor_aggregate_by_edge(int type, const FactorEdges* edges, const void* grad, const void* h,
                                              const void* source, const void* target, void* grad_edge,
                                              void* stream) {
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    FactorPass<T> a{};
    a.own_term = static_cast<const T*>(target);
    a.other_term = static_cast<const T*>(source);
    a.features = static_cast<const T*>(h);
    a.partner = static_cast<const T*>(grad);
    a.edge_products = static_cast<T*>(grad_edge);
    set_edges(*edges, a);
    return edges->shared ? run_edges<T, true>(a, stream) : run_edges<T, false>(a, stream);
  });
}

const char* graphkit_factor_aggregate_by_source(int type, const FactorEdges* edges, const void* grad, const void* h,
                                                const void* source, const void* target, void* grad_h,
                                                void* grad_source, void* parts, void* source_parts, void* stream) {
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    FactorPass<T> a{};
    a.own_term = static_cast<const T*>(source);
    a.other_term = static_cast<const T*>(target);
    a.features = static_cast<const T*>(grad);
    a.partner = static_cast<const T*>(h);
    a.sums = static_cast<T*>(grad_h);
    a.products = static_cast<Wide<T>*>(grad_source);
    a.part_sums = static_cast<Wide<T>*>(parts);
    a.part_products = static_cast<Wide<T>*>(source_parts);
    return run<T, Pass::kSource>(*edges, a, stream);
  });
}

}  // namespace graphkit
