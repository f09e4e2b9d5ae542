// Scores of edges from the features of both ends on CUDA, as in GATv2, and the gradients by one of the ends.
#include "pair_score.h"

#include "neighbors.cuh"

namespace graphkit {
namespace {

template <class T>
struct PairScore {
  using Number = T;
  const T* own;
  const T* other;
  const T* att;
  T* out;
  Wide<T> slope;
  int64_t row;  // H C

  template <int V>
  __device__ Wide<T> add(int64_t node, int64_t j, int64_t at) const {
    Wide<T> x[V], y[V], a[V], total = 0;
    load<V>(other + j * row + at, x);
    load<V>(own + node * row + at, y);
    load<V>(att + at, a);
    for (int k = 0; k < V; ++k) {
      const Wide<T> z = x[k] + y[k];
      total += a[k] * (z > 0 ? z : z * slope);
    }
    return total;
  }
  __device__ Wide<T> finish(int64_t, int64_t, Wide<T> total) const { return total; }
};

template <class T>
struct PairGradient {
  static constexpr bool kMaps = false;
  NodeEdges n;
  const T* grad;
  const T* own;
  const T* other;
  const T* att;
  T* out;
  T* rows;
  Wide<T>* parts;
  Wide<T>* row_parts;
  Wide<T> slope;
  int64_t width;

  // Sums of g f'(z) and of g f(z).
  template <int V>
  struct State {
    Wide<T> slopes[V], values[V];

    __device__ void clear() {
      for (int k = 0; k < V; ++k) slopes[k] = 0, values[k] = 0;
    }
    __device__ void merge(const State& other) {
      for (int k = 0; k < V; ++k) slopes[k] += other.slopes[k], values[k] += other.values[k];
    }
    __device__ State of_lane(int distance) const {
      State other;
      for (int k = 0; k < V; ++k) {
        other.slopes[k] = __shfl_xor_sync(kAllLanes, slopes[k], distance);
        other.values[k] = __shfl_xor_sync(kAllLanes, values[k], distance);
      }
      return other;
    }
  };

  template <int V>
  __device__ void add(State<V>& state, int64_t node, int64_t row, int64_t d) const {
    const Wide<T> g = widen(grad[weight_of(n, row) + d / n.width]);
    Wide<T> x[V], y[V];
    load<V>(other + other_of(n, row) * width + d, x);
    load<V>(own + node * width + d, y);
    for (int k = 0; k < V; ++k) {
      const Wide<T> z = x[k] + y[k], part = z > 0 ? g : g * slope;
      state.slopes[k] += part;
      state.values[k] += part * z;
    }
  }
  template <int V>
  __device__ void put(int64_t node, int64_t d, State<V> state) const {
    Wide<T> a[V];
    load<V>(att + d, a);
    for (int k = 0; k < V; ++k) state.slopes[k] *= a[k];
    store<V>(state.slopes, out + node * width + d);
    if (rows != nullptr) store<V>(state.values, rows + node * width + d);
  }
  template <int V>
  __device__ void put_part(int64_t slot, int64_t d, const State<V>& state) const {
    for (int k = 0; k < V; ++k) {
      parts[slot * width + d + k] = state.slopes[k];
      if (rows != nullptr) row_parts[slot * width + d + k] = state.values[k];
    }
  }
  __device__ State<1> get_part(int64_t slot, int64_t d) const {
    return {{parts[slot * width + d]}, {rows != nullptr ? row_parts[slot * width + d] : Wide<T>(0)}};
  }
};

}  // namespace

const char* graphkit_pair_score(int type, const NodeEdges* edges, const void* own, const void* other, const void* att,
                                double slope, void* out, void* stream) {
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const PairScore<T> op{static_cast<const T*>(own),
                          static_cast<const T*>(other),
                          static_cast<const T*>(att),
                          static_cast<T*>(out),
                          Wide<T>(slope),
                          edges->heads * edges->width};
    const bool packed = is_packed<T>(edges->width, op.own, op.other, op.att);
    return packed ? run_scores<PairScore<T>, kWidest<T>>(*edges, op, stream)
                  : run_scores<PairScore<T>, 1>(*edges, op, stream);
  });
}

const char* graphkit_pair_score_backward(int type, const NodeEdges* edges, const void* grad, const void* own,
                                         const void* other, const void* att, double slope, void* grad_own, void* rows,
                                         void* parts, void* row_parts, void* stream) {
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    using Op = PairGradient<T>;
    const int64_t width = edges->heads * edges->width;
    const Op op{*edges,
                static_cast<const T*>(grad),
                static_cast<const T*>(own),
                static_cast<const T*>(other),
                static_cast<const T*>(att),
                static_cast<T*>(grad_own),
                static_cast<T*>(rows),
                static_cast<Wide<T>*>(parts),
                static_cast<Wide<T>*>(row_parts),
                Wide<T>(slope),
                width};
    const bool packed = is_packed<T>(edges->width, op.own, op.other, op.att, op.out, op.rows);
    return packed ? run_segments<Op, kWidest<T>>(edges->groups, op, width, stream)
                  : run_segments<Op, 1>(edges->groups, op, width, stream);
  });
}

}  // namespace graphkit
