// temporal_conv3 on CUDA, and its transpose. A block processes a frame: its threads sum rows of channels of that frame
// and of its neighbors, which are read from memory once and then from the caches.
#include "clips.cuh"

namespace graphkit {
namespace {

constexpr int kThreads = 256;

template <class T>
struct WindowPass {
  Groups sequences;
  ClipShape shape;
  Joints x;              // forward [F, V, 2, 3, D]; transposed [F, V, 2, D], whole
  const Wide<T>* bias;   // [2, D], or none
  T* out;
  bool rectify;
};

// Adds or subtracts V channels of a row, if there is such a row.
template <int V, class T>
__device__ inline void add(bool exists, const T* row, Wide<T> sign, Wide<T>* sum) {
  if (!exists) return;
  Wide<T> values[V];
  load<V>(row, values);
#pragma unroll
  for (int c = 0; c < V; ++c) sum[c] += sign * values[c];
}

template <class T, int V>
__global__ void __launch_bounds__(kThreads) window(WindowPass<T> a) {
  using W = Wide<T>;
  const int64_t D = a.shape.width, packs = D / V, f = blockIdx.x, frame = a.x.frame;
  const Place at = place_of(a.sequences, f);
  for (int64_t item = threadIdx.x; item < a.shape.joints * 2 * packs; item += kThreads) {
    const int64_t row = item / packs, d = item % packs * V, kind = row % 2;
    const T* x = static_cast<const T*>(a.x.data) + f * frame + row / 2 * a.x.joint + 3 * kind * D + d;
    W sum[V] = {};
    for (int c = 0; a.bias != nullptr && c < V; ++c) sum[c] = a.bias[kind * D + d + c];
    if (kind == 0) {
      add<V>(true, x + D, W(1), sum);
      add<V>(at.before, x - frame, W(1), sum);
      add<V>(at.after, x + frame + 2 * D, W(1), sum);
    } else {
      add<V>(at.before, x, W(1), sum);
      add<V>(at.after, x + frame + D, W(1), sum);
      add<V>(at.later, x + 2 * frame + 2 * D, W(1), sum);
      add<V>(at.before, x - frame, W(-1), sum);
      add<V>(at.after, x + D, W(-1), sum);
      add<V>(at.later, x + frame + 2 * D, W(-1), sum);
    }
    for (int c = 0; a.rectify && c < V; ++c) sum[c] = sum[c] < W(0) ? W(0) : sum[c];
    store<V>(sum, a.out + (f * a.shape.joints * 2 + row) * D + d);
  }
}

template <class T, int V>
__global__ void __launch_bounds__(kThreads) transposed(WindowPass<T> a) {
  using W = Wide<T>;
  const int64_t D = a.shape.width, packs = D / V, f = blockIdx.x, frame = a.x.frame;
  const Place at = place_of(a.sequences, f);
  for (int64_t item = threadIdx.x; item < a.shape.joints * 6 * packs; item += kThreads) {
    const int64_t row = item / packs, d = item % packs * V, tap = row % 3, kind = row / 3 % 2;
    const T* x = static_cast<const T*>(a.x.data) + f * frame + row / 6 * a.x.joint + kind * D + d;
    W sum[V] = {};
    if (kind == 0) {
      if (tap == 0) add<V>(at.after, x + frame, W(1), sum);
      if (tap == 1) add<V>(true, x, W(1), sum);
      if (tap == 2) add<V>(at.before, x - frame, W(1), sum);
    } else if (tap == 0) {
      add<V>(at.before, x, W(1), sum);
      add<V>(at.after, x + frame, W(-1), sum);
    } else if (tap == 1) {
      add<V>(at.before, x - frame, W(1), sum);
      add<V>(at.after, x, W(-1), sum);
    } else {
      add<V>(at.earlier, x - 2 * frame, W(1), sum);
      add<V>(at.before && at.after, x - frame, W(-1), sum);
    }
    store<V>(sum, a.out + (f * a.shape.joints * 6 + row) * D + d);
  }
}

bool is_empty(const Groups& sequences, const ClipShape& shape) {
  return sequences.count == 0 || sequences.rows == 0 || shape.joints == 0 || shape.width == 0;
}

}  // namespace

const char* graphkit_temporal_conv3(int type, const Groups* sequences, const ClipShape* shape, const Joints* x,
                                  const void* bias, bool rectify, void* out, void* stream) {
  if (is_empty(*sequences, *shape)) return nullptr;
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    constexpr int V = kWidest<T>;
    const WindowPass<T> pass{*sequences, *shape, *x, static_cast<const Wide<T>*>(bias), static_cast<T*>(out), rectify};
    auto* kernel = has_packs<T, V>(*shape, *x, out) ? window<T, V> : window<T, 1>;
    return launch(kernel, sequences->rows, 1, kThreads, stream, pass);
  });
}

const char* graphkit_temporal_conv3_transposed(int type, const Groups* sequences, const ClipShape* shape,
                                             const void* grad, void* out, void* stream) {
  if (is_empty(*sequences, *shape)) return nullptr;
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    constexpr int V = kWidest<T>;
    const Joints x{grad, 2 * shape->joints * shape->width, 2 * shape->width, shape->width};
    const WindowPass<T> pass{*sequences, *shape, x, nullptr, static_cast<T*>(out), false};
    auto* kernel = has_packs<T, V>(*shape, x, out) ? transposed<T, V> : transposed<T, 1>;
    return launch(kernel, sequences->rows, 1, kThreads, stream, pass);
  });
}

}  // namespace graphkit
