// joint_mix on CUDA. A thread processes a few channels of one group in one frame. It accumulates kReceivers receiving
// joints in registers over all sending joints, with coalesced reads of their channels.
#include "clips.cuh"

namespace graphkit {
namespace {

constexpr int kThreads = 128;
constexpr int kReceivers = 16;

template <class T>
struct MixPass {
  Groups sequences;
  ClipShape shape;
  Joints x;
  const Wide<T>* weight;  // [N, K, V, V]
  const Wide<T>* bias;    // [K, D], or none
  T* out;                 // [F, V, K, D]
  bool shared, rectify;
};

template <class T, int V>
__global__ void __launch_bounds__(kThreads) mix(MixPass<T> a) {
  using W = Wide<T>;
  const int64_t packs = a.shape.width / V, per_frame = packs * a.shape.groups, joints = a.shape.joints;
  const int64_t item = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  const int64_t f = item / per_frame;
  if (f >= a.sequences.rows) return;
  const int64_t k = item % per_frame / packs, d = item % packs * V;
  const int64_t n = a.shared ? 0 : group_of(a.sequences, f);
  const T* x = static_cast<const T*>(a.x.data) + f * a.x.frame + k * a.x.group + d;
  const W* weight = a.weight + (n * a.shape.groups + k) * joints * joints;
  W start[V] = {};
  for (int c = 0; a.bias != nullptr && c < V; ++c) start[c] = a.bias[k * a.shape.width + d + c];

  for (int64_t first = 0; first < joints; first += kReceivers) {
    const int count = int(joints - first < kReceivers ? joints - first : kReceivers);
    W sum[kReceivers][V];
#pragma unroll
    for (int i = 0; i < kReceivers; ++i) {
#pragma unroll
      for (int c = 0; c < V; ++c) sum[i][c] = start[c];
    }
#pragma unroll 2
    for (int64_t u = 0; u < joints; ++u) {
      W from[V];
      load<V>(x + u * a.x.joint, from);
      const W* row = weight + u * joints + first;
#pragma unroll
      for (int i = 0; i < kReceivers; ++i) {
        if (i >= count) break;
        const W w = row[i];
#pragma unroll
        for (int c = 0; c < V; ++c) sum[i][c] += w * from[c];
      }
    }
#pragma unroll
    for (int i = 0; i < kReceivers; ++i) {
      if (i >= count) break;
      for (int c = 0; a.rectify && c < V; ++c) sum[i][c] = sum[i][c] < W(0) ? W(0) : sum[i][c];
      store<V>(sum[i], a.out + ((f * joints + first + i) * a.shape.groups + k) * a.shape.width + d);
    }
  }
}

template <class T, int V>
const char* run(const MixPass<T>& pass, void* stream) {
  const int64_t items = pass.sequences.rows * pass.shape.groups * (pass.shape.width / V);
  return launch(mix<T, V>, divide_up(items, kThreads), 1, kThreads, stream, pass);
}

}  // namespace

const char* graphkit_joint_mix(int type, const Groups* sequences, const ClipShape* shape, const Joints* x,
                                const void* weight, bool shared, const void* bias, bool rectify, void* out,
                                void* stream) {
  if (sequences->count == 0 || sequences->rows == 0 || shape->joints == 0 || shape->groups == 0 || shape->width == 0) {
    return nullptr;
  }
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    constexpr int V = kFew<T>;
    const MixPass<T> pass{*sequences, *shape, *x, static_cast<const Wide<T>*>(weight),
                          static_cast<const Wide<T>*>(bias), static_cast<T*>(out), shared, rectify};
    return has_packs<T, V>(*shape, *x, out) ? run<T, V>(pass, stream) : run<T, 1>(pass, stream);
  });
}

}  // namespace graphkit
