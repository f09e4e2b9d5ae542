// segment_max on CUDA: the maximum of each column and its first row.
#include "segment_max.h"

#include "segment_reduce.cuh"

namespace graphkit {
namespace {

template <class T>
struct Max {
  static constexpr bool kMaps = false;
  const T* x;
  T* out;
  int64_t* arg;
  Wide<T>* part_max;
  int64_t* part_arg;
  int64_t width;

  template <int V>
  struct State {
    Wide<T> max[V];
    int64_t row[V];  // -1 before the first

    __device__ void clear() {
      for (int k = 0; k < V; ++k) max[k] = 0, row[k] = -1;
    }
    // NaN is above all numbers, and the first of equal rows is selected: a total order, so rows may be merged in any
    // order.
    __device__ void take(int k, Wide<T> next, int64_t from) {
      const bool next_nan = next != next, best_nan = max[k] != max[k];
      const bool is_equal = next == max[k] || (next_nan && best_nan);
      const bool is_above = next > max[k] || (next_nan && !best_nan);
      if (row[k] < 0 || is_above || (is_equal && from < row[k])) max[k] = next, row[k] = from;
    }
    __device__ void merge(const State& other) {
      for (int k = 0; k < V; ++k) {
        if (other.row[k] >= 0) take(k, other.max[k], other.row[k]);
      }
    }
    __device__ State of_lane(int distance) const {
      State other;
      for (int k = 0; k < V; ++k) {
        other.max[k] = __shfl_xor_sync(kAllLanes, max[k], distance);
        other.row[k] = __shfl_xor_sync(kAllLanes, static_cast<long long>(row[k]), distance);
      }
      return other;
    }
  };

  template <int V>
  __device__ void add(State<V>& state, int64_t, int64_t row, int64_t d) const {
    Wide<T> next[V];
    load<V>(x + row * width + d, next);
    for (int k = 0; k < V; ++k) state.take(k, next[k], row);
  }
  template <int V>
  __device__ void put(int64_t group, int64_t d, const State<V>& state) const {
    store<V>(state.max, out + group * width + d);
    for (int k = 0; k < V; ++k) arg[group * width + d + k] = state.row[k];
  }
  template <int V>
  __device__ void put_part(int64_t slot, int64_t d, const State<V>& state) const {
    for (int k = 0; k < V; ++k) {
      part_max[slot * width + d + k] = state.max[k];
      part_arg[slot * width + d + k] = state.row[k];
    }
  }
  __device__ State<1> get_part(int64_t slot, int64_t d) const {
    return {{part_max[slot * width + d]}, {part_arg[slot * width + d]}};
  }
};

}  // namespace

const char* graphkit_segment_max(int type, const Groups* groups, int64_t width, const void* x, void* out, int64_t* arg,
                                 void* part_max, int64_t* part_arg, void* stream) {
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const Max<T> op{static_cast<const T*>(x), static_cast<T*>(out), arg, static_cast<Wide<T>*>(part_max), part_arg,
                    width};
    return is_packed<T>(width, x, out) ? run_segments<Max<T>, kWidest<T>>(*groups, op, width, stream)
                                       : run_segments<Max<T>, 1>(*groups, op, width, stream);
  });
}

}  // namespace graphkit
