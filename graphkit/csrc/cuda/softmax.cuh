// Running state of a softmax.
#pragma once

#include "segment_reduce.cuh"

namespace graphkit {

// The largest number so far, and the sum of exponentials relative to it, in V columns. Numbers of minus infinity add
// nothing, also where nothing else came before them; NaN and plus infinity make the sum NaN for good.
template <class W, int V>
struct SoftmaxState {
  W max[V], sum[V];

  __device__ void clear() {
    for (int k = 0; k < V; ++k) max[k] = -infinity<W>(), sum[k] = 0;
  }
  __device__ void take(int k, const SoftmaxState<W, 1>& other) { max[k] = other.max[0], sum[k] = other.sum[0]; }
  __device__ void take(int k, W next) {
    const W over = next - max[k];
    if (over > 0) {
      sum[k] = sum[k] * exponential(-over) + (W(1) + (next - next));
      max[k] = next;
    } else if (next != -infinity<W>()) {
      sum[k] += exponential(over);
    }
  }
  __device__ void merge(const SoftmaxState& other) {
    for (int k = 0; k < V; ++k) {
      const W top = other.max[k] > max[k] ? other.max[k] : max[k];
      if (top == -infinity<W>()) {
        sum[k] += other.sum[k];
      } else {
        sum[k] = sum[k] * exponential(max[k] - top) + other.sum[k] * exponential(other.max[k] - top);
      }
      max[k] = top;
    }
  }
  __device__ SoftmaxState of_lane(int distance) const {
    SoftmaxState other;
    for (int k = 0; k < V; ++k) {
      other.max[k] = __shfl_xor_sync(kAllLanes, max[k], distance);
      other.sum[k] = __shfl_xor_sync(kAllLanes, sum[k], distance);
    }
    return other;
  }
  __device__ void finish() {
    for (int k = 0; k < V; ++k) sum[k] = W(1) / sum[k];
  }
};

}  // namespace graphkit
