// aggregate on CUDA: the reductions are those over segments, whose rows are gathered, and write no row per edge. Long
// groups are divided and their parts joined as there.
#include "aggregate.h"

#include "neighbors.cuh"
#include "sums.cuh"

#include <type_traits>

namespace graphkit {
namespace {

// The sum of weighted rows. Without weights the columns of all heads are those of one. What is not there is no branch
// in the loop over edges.
template <class T, bool Weighted, bool Scaled>
struct NeighborSum : Sum<T> {
  NodeEdges n;
  const Wide<T>* weight;
  const Wide<T>* other_scale;
  const Wide<T>* own_scale;
  Wide<T> loop;

  template <int V>
  using State = SumState<Wide<T>, V>;

  template <int V>
  __device__ void add(State<V>& state, int64_t, int64_t row, int64_t d) const {
    const int64_t j = other_of(n, row);
    Wide<T> next[V], factor = 1;
    load<V>(this->x + j * this->width + d, next);
    if constexpr (Weighted) factor = weight[weight_of(n, row) + d / n.width];
    if constexpr (Scaled) factor *= other_scale[j];
    for (int k = 0; k < V; ++k) state.sum[k] += factor * next[k];
  }
  template <int V>
  __device__ void put(int64_t node, int64_t d, State<V> state) const {
    if (loop != 0) {
      Wide<T> own[V], factor = loop;
      if constexpr (Scaled) factor *= other_scale[node];
      load<V>(this->x + node * this->width + d, own);
      for (int k = 0; k < V; ++k) state.sum[k] += factor * own[k];
    }
    if (own_scale != nullptr) {
      for (int k = 0; k < V; ++k) state.sum[k] *= own_scale[node];
    }
    store<V>(state.sum, this->out + node * this->width + d);
  }
};

template <class T>
struct NeighborMax {
  static constexpr bool kMaps = false;
  NodeEdges n;
  const T* x;
  T* out;
  T* count;
  Wide<T>* part_max;
  Wide<T>* part_count;
  int64_t width;

  // Before the first row: the largest number is minus infinity and no row has it. A NaN stays, and none is equal to it.
  template <int V>
  struct State {
    Wide<T> max[V], count[V];

    __device__ void clear() {
      for (int k = 0; k < V; ++k) max[k] = -infinity<Wide<T>>(), count[k] = 0;
    }
    __device__ void take(int k, Wide<T> next, Wide<T> times) {
      if (next > max[k] || next != next) max[k] = next, count[k] = next != next ? Wide<T>(0) : times;
      else if (next == max[k]) count[k] += times;
    }
    __device__ void merge(const State& other) {
      for (int k = 0; k < V; ++k) take(k, other.max[k], other.count[k]);
    }
    __device__ State of_lane(int distance) const {
      State other;
      for (int k = 0; k < V; ++k) {
        other.max[k] = __shfl_xor_sync(kAllLanes, max[k], distance);
        other.count[k] = __shfl_xor_sync(kAllLanes, count[k], distance);
      }
      return other;
    }
  };

  template <int V>
  __device__ void add(State<V>& state, int64_t, int64_t row, int64_t d) const {
    Wide<T> next[V];
    load<V>(x + other_of(n, row) * width + d, next);
    for (int k = 0; k < V; ++k) state.take(k, next[k], 1);
  }
  template <int V>
  __device__ void put(int64_t node, int64_t d, State<V> state) const {
    for (int k = 0; k < V; ++k) {
      if (state.count[k] == 0 && state.max[k] == -infinity<Wide<T>>()) state.max[k] = 0;
      if constexpr (std::is_same_v<T, __half>) {  // more edges share a gradient as the largest number of float16 do
        if (state.count[k] > 65504) state.count[k] = 65504;
      }
      if (count != nullptr) narrow(state.count[k], count[node * width + d + k]);
    }
    store<V>(state.max, out + node * width + d);
  }
  template <int V>
  __device__ void put_part(int64_t slot, int64_t d, const State<V>& state) const {
    for (int k = 0; k < V; ++k) {
      part_max[slot * width + d + k] = state.max[k];
      part_count[slot * width + d + k] = state.count[k];
    }
  }
  __device__ State<1> get_part(int64_t slot, int64_t d) const {
    return {{part_max[slot * width + d]}, {part_count[slot * width + d]}};
  }
};

// The sum over edges of what depends on a row of the node and two rows of the other end.
template <class T, bool Deviation>
struct NeighborCompare : Sum<T> {
  NodeEdges n;
  const T* key;
  const T* own;

  template <int V>
  using State = SumState<Wide<T>, V>;

  template <int V>
  __device__ void add(State<V>& state, int64_t node, int64_t row, int64_t d) const {
    const int64_t at = other_of(n, row) * this->width + d;
    Wide<T> next[V], there[V], here[V];
    load<V>(this->x + at, next);
    load<V>(key + at, there);
    load<V>(own + node * this->width + d, here);
    for (int k = 0; k < V; ++k) {
      if constexpr (Deviation) state.sum[k] += next[k] * (here[k] - there[k]);
      else state.sum[k] += there[k] == here[k] ? next[k] : Wide<T>(0);
    }
  }
};

template <class T>
struct NeighborVariance {
  static constexpr bool kMaps = false;
  NodeEdges n;
  const T* x;
  T* out;
  T* mean;
  T* part_mean;
  T* part_square;
  T* part_count;
  int64_t width;

  // The mean of the rows so far and the sum of squared distances from it (Welford; merged as by Chan et al.).
  template <int V>
  struct State {
    T mean[V], square[V], count;

    __device__ void clear() {
      count = 0;
      for (int k = 0; k < V; ++k) mean[k] = 0, square[k] = 0;
    }
    __device__ void merge(const State& other) {
      if (other.count == 0) return;
      const T both = count + other.count, share = other.count / both;
      for (int k = 0; k < V; ++k) {
        const T step = other.mean[k] - mean[k];
        mean[k] += step * share;
        square[k] += other.square[k] + step * step * (count * share);
      }
      count = both;
    }
    __device__ State of_lane(int distance) const {
      State other;
      other.count = __shfl_xor_sync(kAllLanes, count, distance);
      for (int k = 0; k < V; ++k) {
        other.mean[k] = __shfl_xor_sync(kAllLanes, mean[k], distance);
        other.square[k] = __shfl_xor_sync(kAllLanes, square[k], distance);
      }
      return other;
    }
  };

  template <int V>
  __device__ void add(State<V>& state, int64_t, int64_t row, int64_t d) const {
    T next[V];
    load<V>(x + other_of(n, row) * width + d, next);
    state.count += 1;
    const T share = 1 / state.count;
    for (int k = 0; k < V; ++k) {
      const T step = next[k] - state.mean[k];
      state.mean[k] += step * share;
      state.square[k] += step * (next[k] - state.mean[k]);
    }
  }
  template <int V>
  __device__ void put(int64_t node, int64_t d, State<V> state) const {
    for (int k = 0; k < V; ++k) state.square[k] = state.count > 0 ? state.square[k] / state.count : 0;
    store<V>(state.square, out + node * width + d);
    store<V>(state.mean, mean + node * width + d);
  }
  template <int V>
  __device__ void put_part(int64_t slot, int64_t d, const State<V>& state) const {
    for (int k = 0; k < V; ++k) {
      part_mean[slot * width + d + k] = state.mean[k];
      part_square[slot * width + d + k] = state.square[k];
      part_count[slot * width + d + k] = state.count;
    }
  }
  __device__ State<1> get_part(int64_t slot, int64_t d) const {
    const int64_t at = slot * width + d;
    return {{part_mean[at]}, {part_square[at]}, part_count[at]};
  }
};

template <class T>
struct NeighborDot {
  using Number = T;
  const T* own;
  const T* x;
  const Wide<T>* other_scale;
  const Wide<T>* own_scale;
  Wide<T>* out;
  int64_t row;  // H C

  template <int V>
  __device__ Wide<T> add(int64_t node, int64_t other, int64_t at) const {
    Wide<T> a[V], b[V], total = 0;
    load<V>(own + node * row + at, a);
    load<V>(x + other * row + at, b);
    for (int k = 0; k < V; ++k) total += a[k] * b[k];
    return total;
  }
  __device__ Wide<T> finish(int64_t node, int64_t other, Wide<T> total) const {
    if (other_scale != nullptr) total *= other_scale[other];
    return own_scale != nullptr ? total * own_scale[node] : total;
  }
};

template <class T>
const Wide<T>* factors_of(const void* factors) {
  return static_cast<const Wide<T>*>(factors);
}

template <class T, class Op>
const char* run(const NodeEdges& n, const Op& op, int64_t width, bool packed, void* stream) {
  return packed ? run_segments<Op, kWidest<T>>(n.groups, op, width, stream)
                : run_segments<Op, 1>(n.groups, op, width, stream);
}

}  // namespace

const char* graphkit_aggregate_sum(int type, const NodeEdges* edges, const NodeScales* scales, double loop,
                                   const void* x, const void* weight, void* out, void* parts, void* stream) {
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const int64_t width = edges->heads * edges->width;
    const Sum<T> sum{static_cast<const T*>(x), static_cast<T*>(out), static_cast<Wide<T>*>(parts), width};
    const auto start = [&](auto weighted, auto scaled) {
      using Op = NeighborSum<T, weighted(), scaled()>;
      const Op op{sum,         *edges, factors_of<T>(weight), factors_of<T>(scales->other), factors_of<T>(scales->own),
                  Wide<T>(loop)};
      const int64_t together = weighted() ? edges->width : width;  // a vector is of one head
      return run<T>(*edges, op, width, is_packed<T>(together, x, out), stream);
    };
    using std::bool_constant;
    if (weight == nullptr) {
      return scales->other == nullptr ? start(bool_constant<false>(), bool_constant<false>())
                                      : start(bool_constant<false>(), bool_constant<true>());
    }
    return scales->other == nullptr ? start(bool_constant<true>(), bool_constant<false>())
                                    : start(bool_constant<true>(), bool_constant<true>());
  });
}

const char* graphkit_aggregate_max(int type, const NodeEdges* edges, const void* x, void* out, void* count,
                                   void* part_max, void* part_count, void* stream) {
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const int64_t width = edges->heads * edges->width;
    const NeighborMax<T> op{*edges,
                            static_cast<const T*>(x),
                            static_cast<T*>(out),
                            static_cast<T*>(count),
                            static_cast<Wide<T>*>(part_max),
                            static_cast<Wide<T>*>(part_count),
                            width};
    return run<T>(*edges, op, width, is_packed<T>(width, x, out), stream);
  });
}

const char* graphkit_aggregate_compare(int type, bool deviation, const NodeEdges* edges, const void* x, const void* key,
                                       const void* own, void* out, void* parts, void* stream) {
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const int64_t width = edges->heads * edges->width;
    const Sum<T> sum{static_cast<const T*>(x), static_cast<T*>(out), static_cast<Wide<T>*>(parts), width};
    const auto start = [&](auto deviates) {
      const NeighborCompare<T, deviates()> op{sum, *edges, static_cast<const T*>(key), static_cast<const T*>(own)};
      return run<T>(*edges, op, width, is_packed<T>(width, x, key, own, out), stream);
    };
    return deviation ? start(std::bool_constant<true>()) : start(std::bool_constant<false>());
  });
}

const char* graphkit_aggregate_variance(int type, const NodeEdges* edges, const void* x, void* out, void* mean,
                                        void* part_mean, void* part_square, void* part_count, void* stream) {
  const auto start = [&](auto zero) {
    using T = decltype(zero);
    const int64_t width = edges->heads * edges->width;
    const NeighborVariance<T> op{*edges,
                                 static_cast<const T*>(x),
                                 static_cast<T*>(out),
                                 static_cast<T*>(mean),
                                 static_cast<T*>(part_mean),
                                 static_cast<T*>(part_square),
                                 static_cast<T*>(part_count),
                                 width};
    return run<T>(*edges, op, width, is_packed<T>(width, x, out, mean), stream);
  };
  if (type == kFloat32) return start(float());
  return type == kFloat64 ? start(double()) : "variances are computed in float32 or float64";
}

const char* graphkit_aggregate_dot(int type, const NodeEdges* edges, const NodeScales* scales, const void* own,
                                   const void* x, void* out, void* stream) {
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const NeighborDot<T> op{static_cast<const T*>(own),
                            static_cast<const T*>(x),
                            factors_of<T>(scales->other),
                            factors_of<T>(scales->own),
                            static_cast<Wide<T>*>(out),
                            edges->heads * edges->width};
    return is_packed<T>(edges->width, own, x) ? run_scores<NeighborDot<T>, kWidest<T>>(*edges, op, stream)
                                              : run_scores<NeighborDot<T>, 1>(*edges, op, stream);
  });
}

}  // namespace graphkit
