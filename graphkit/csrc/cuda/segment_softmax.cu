// segment_softmax on CUDA, and its gradient.
#include "segment_softmax.h"

#include "segment_reduce.cuh"

namespace graphkit {
namespace {

template <class T>
struct Softmax {
  static constexpr bool kMaps = true;
  const T* x;
  T* out;
  Wide<T>* part_max;
  Wide<T>* part_sum;
  int64_t width;

  // The largest number so far, and the sum of exponentials relative to it. Numbers of minus infinity add nothing,
  // also where nothing else came before them; NaN and plus infinity make the sum NaN for good.
  template <int V>
  struct State {
    Wide<T> max[V], sum[V];

    __device__ void clear() {
      for (int k = 0; k < V; ++k) max[k] = -infinity<Wide<T>>(), sum[k] = 0;
    }
    __device__ void take(int k, const State<1>& other) { max[k] = other.max[0], sum[k] = other.sum[0]; }
    __device__ void merge(const State& other) {
      for (int k = 0; k < V; ++k) {
        const Wide<T> top = other.max[k] > max[k] ? other.max[k] : max[k];
        if (top == -infinity<Wide<T>>()) {
          sum[k] += other.sum[k];
        } else {
          sum[k] = sum[k] * exponential(max[k] - top) + other.sum[k] * exponential(other.max[k] - top);
        }
        max[k] = top;
      }
    }
    __device__ State of_lane(int distance) const {
      State other;
      for (int k = 0; k < V; ++k) {
        other.max[k] = __shfl_xor_sync(kAllLanes, max[k], distance);
        other.sum[k] = __shfl_xor_sync(kAllLanes, sum[k], distance);
      }
      return other;
    }
    __device__ void finish() {
      for (int k = 0; k < V; ++k) sum[k] = Wide<T>(1) / sum[k];
    }
  };

  template <int V>
  __device__ void add(State<V>& state, int64_t row, int64_t d) const {
    Wide<T> next[V];
    load<V>(x + row * width + d, next);
    for (int k = 0; k < V; ++k) {
      const Wide<T> over = next[k] - state.max[k];
      if (over > 0) {
        state.sum[k] = state.sum[k] * exponential(-over) + (Wide<T>(1) + (next[k] - next[k]));
        state.max[k] = next[k];
      } else if (next[k] != -infinity<Wide<T>>()) {
        state.sum[k] += exponential(over);
      }
    }
  }
  template <int V>
  __device__ void put(int64_t, int64_t, const State<V>&) const {}
  template <int V>
  __device__ void put_part(int64_t slot, int64_t d, const State<V>& state) const {
    for (int k = 0; k < V; ++k) {
      part_max[slot * width + d + k] = state.max[k];
      part_sum[slot * width + d + k] = state.sum[k];
    }
  }
  __device__ State<1> get_part(int64_t slot, int64_t d) const {
    return {{part_max[slot * width + d]}, {part_sum[slot * width + d]}};
  }
  template <int V>
  __device__ void map(int64_t row, int64_t d, const State<V>& state) const {
    Wide<T> y[V];
    load<V>(x + row * width + d, y);
    for (int k = 0; k < V; ++k) y[k] = exponential(y[k] - state.max[k]) * state.sum[k];
    store<V>(y, out + row * width + d);
  }
};

template <class T>
struct SoftmaxGradient {
  static constexpr bool kMaps = true;
  const T* grad;
  const T* out;
  T* result;
  Wide<T>* parts;
  int64_t width;

  template <int V>
  struct State {
    Wide<T> dot[V];

    __device__ void clear() {
      for (int k = 0; k < V; ++k) dot[k] = 0;
    }
    __device__ void take(int k, const State<1>& other) { dot[k] = other.dot[0]; }
    __device__ void merge(const State& other) {
      for (int k = 0; k < V; ++k) dot[k] += other.dot[k];
    }
    __device__ State of_lane(int distance) const {
      State other;
      for (int k = 0; k < V; ++k) other.dot[k] = __shfl_xor_sync(kAllLanes, dot[k], distance);
      return other;
    }
    __device__ void finish() {}
  };

  template <int V>
  __device__ void add(State<V>& state, int64_t row, int64_t d) const {
    Wide<T> g[V], y[V];
    load<V>(grad + row * width + d, g);
    load<V>(out + row * width + d, y);
    for (int k = 0; k < V; ++k) state.dot[k] += g[k] * y[k];
  }
  template <int V>
  __device__ void put(int64_t, int64_t, const State<V>&) const {}
  template <int V>
  __device__ void put_part(int64_t slot, int64_t d, const State<V>& state) const {
    for (int k = 0; k < V; ++k) parts[slot * width + d + k] = state.dot[k];
  }
  __device__ State<1> get_part(int64_t slot, int64_t d) const { return {{parts[slot * width + d]}}; }
  template <int V>
  __device__ void map(int64_t row, int64_t d, const State<V>& state) const {
    Wide<T> g[V], y[V];
    load<V>(grad + row * width + d, g);
    load<V>(out + row * width + d, y);
    for (int k = 0; k < V; ++k) y[k] *= g[k] - state.dot[k];
    store<V>(y, result + row * width + d);
  }
};

}  // namespace

const char* graphkit_segment_softmax(int type, const Groups* groups, int64_t width, const void* x, void* out,
                                     void* part_max, void* part_sum, void* stream) {
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const Softmax<T> op{static_cast<const T*>(x), static_cast<T*>(out), static_cast<Wide<T>*>(part_max),
                        static_cast<Wide<T>*>(part_sum), width};
    return is_packed<T>(width, x, out) ? run_segments<Softmax<T>, kWidest<T>>(*groups, op, width, stream)
                                       : run_segments<Softmax<T>, 1>(*groups, op, width, stream);
  });
}

const char* graphkit_segment_softmax_backward(int type, const Groups* groups, int64_t width, const void* grad,
                                              const void* out, void* result, void* parts, void* stream) {
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    using Op = SoftmaxGradient<T>;
    const Op op{static_cast<const T*>(grad), static_cast<const T*>(out), static_cast<T*>(result),
                static_cast<Wide<T>*>(parts), width};
    return is_packed<T>(width, grad, out, result) ? run_segments<Op, kWidest<T>>(*groups, op, width, stream)
                                                  : run_segments<Op, 1>(*groups, op, width, stream);
  });
}

}  // namespace graphkit
