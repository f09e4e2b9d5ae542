// Sums of rows over segments, and of partial results of other kernels.
#pragma once

#include "segment_reduce.cuh"

namespace graphkit {

template <class W, int V>
struct SumState {
  W sum[V];

  __device__ void clear() {
    for (int k = 0; k < V; ++k) sum[k] = 0;
  }
  __device__ void take(int k, const SumState<W, 1>& other) { sum[k] = other.sum[0]; }
  __device__ void merge(const SumState& other) {
    for (int k = 0; k < V; ++k) sum[k] += other.sum[k];
  }
  __device__ SumState of_lane(int distance) const {
    SumState other;
    for (int k = 0; k < V; ++k) other.sum[k] = __shfl_xor_sync(kAllLanes, sum[k], distance);
    return other;
  }
  __device__ void finish() {}
};

template <class T>
struct Sum {
  static constexpr bool kMaps = false;
  const T* x;
  T* out;
  Wide<T>* parts;
  int64_t width;

  template <int V>
  using State = SumState<Wide<T>, V>;

  template <int V>
  __device__ void add(State<V>& state, int64_t, int64_t row, int64_t d) const {
    Wide<T> next[V];
    load<V>(x + row * width + d, next);
    for (int k = 0; k < V; ++k) state.sum[k] += next[k];
  }
  template <int V>
  __device__ void put(int64_t group, int64_t d, const State<V>& state) const {
    store<V>(state.sum, out + group * width + d);
  }
  template <int V>
  __device__ void put_part(int64_t slot, int64_t d, const State<V>& state) const {
    for (int k = 0; k < V; ++k) parts[slot * width + d + k] = state.sum[k];
  }
  __device__ State<1> get_part(int64_t slot, int64_t d) const { return {{parts[slot * width + d]}}; }
};

// out[group] = sum of its parts, for the long groups. `parts` is [slots, width].
template <class T>
const char* join_sums(const Groups& g, int64_t width, T* out, Wide<T>* parts, void* stream) {
  const int64_t blocks = count_slots(g.rows, g.longest) / 2;
  if (!g.any_long || blocks == 0 || width == 0) return nullptr;
  const int across = power_of_two(width, kLanes);
  return launch(join_segments<Sum<T>>, blocks, divide_up(width, across), kSegmentThreads, stream, g,
                Sum<T>{nullptr, out, parts, width}, width, across);
}

}  // namespace graphkit
