// segment_softmax on CUDA, and its gradient.
#include "segment_softmax.h"

#include "softmax.cuh"
#include "sums.cuh"

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

  template <int V>
  using State = SoftmaxState<Wide<T>, V>;

  template <int V>
  __device__ void add(State<V>& state, int64_t, int64_t row, int64_t d) const {
    Wide<T> next[V];
    load<V>(x + row * width + d, next);
    for (int k = 0; k < V; ++k) state.take(k, next[k]);
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
  __device__ void map(int64_t, int64_t row, int64_t d, const State<V>& state) const {
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
  using State = SumState<Wide<T>, V>;

  template <int V>
  __device__ void add(State<V>& state, int64_t, int64_t row, int64_t d) const {
    Wide<T> g[V], y[V];
    load<V>(grad + row * width + d, g);
    load<V>(out + row * width + d, y);
    for (int k = 0; k < V; ++k) state.sum[k] += g[k] * y[k];
  }
  template <int V>
  __device__ void put(int64_t, int64_t, const State<V>&) const {}
  template <int V>
  __device__ void put_part(int64_t slot, int64_t d, const State<V>& state) const {
    for (int k = 0; k < V; ++k) parts[slot * width + d + k] = state.sum[k];
  }
  __device__ State<1> get_part(int64_t slot, int64_t d) const { return {{parts[slot * width + d]}}; }
  template <int V>
  __device__ void map(int64_t, int64_t row, int64_t d, const State<V>& state) const {
    Wide<T> g[V], y[V];
    load<V>(grad + row * width + d, g);
    load<V>(out + row * width + d, y);
    for (int k = 0; k < V; ++k) y[k] *= g[k] - state.sum[k];
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
