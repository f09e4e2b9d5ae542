// joint_affinity on CUDA. A block sums the products of kTile joints in `a` with as many in `b`, over all frames of a
// sequence or a part of a long one. The channels of some frames are in shared memory; a thread computes four pairs of
// joints.
#include "clips.cuh"
#include "sums.cuh"

namespace graphkit {
namespace {

constexpr int kSide = 16;
constexpr int kThreads = kSide * kSide;
constexpr int kTile = 2 * kSide;
constexpr int kPacks = kThreads / kTile;  // of a joint's channels that are in shared memory: each thread reads one

template <class T>
struct ComparePass {
  Groups sequences;
  ClipShape shape;
  Joints a, b;
  Wide<T>* out;    // [N, K, V, V]
  Wide<T>* parts;  // [slots, K, V, V]
  int tiles;       // of joints
};

template <class T, int V>
__device__ void fetch(const Joints& x, int64_t f, int64_t joint, int64_t k, int64_t d, bool is_inside,
                      Pack<Wide<T>, V>& to) {
  Wide<T> values[V] = {};
  if (is_inside) {
    load<V>(static_cast<const T*>(x.data) + f * x.frame + joint * x.joint + k * x.group + d, values);
  }
#pragma unroll
  for (int c = 0; c < V; ++c) to.number[c] = values[c];
}

template <class T, int V>
__global__ void __launch_bounds__(kThreads) compare(ComparePass<T> p) {
  using W = Wide<T>;
  __shared__ Pack<W, V> a[kTile][kPacks + 1], b[kTile][kPacks + 1];  // padded: rows start in different banks
  const Unit unit = find_unit(p.sequences, blockIdx.x);
  if (unit.group < 0) return;
  const int64_t joints = p.shape.joints, packs = p.shape.width / V;
  const int x = threadIdx.x % kSide, y = threadIdx.x / kSide;
  const int own_joint = threadIdx.x / kPacks, own_pack = threadIdx.x % kPacks;
  const int64_t all = (unit.end - unit.begin) * packs;  // packs of a joint

  for (int64_t tile = blockIdx.y; tile < p.shape.groups * p.tiles * p.tiles; tile += gridDim.y) {
    const int64_t k = tile / (p.tiles * p.tiles);
    const int64_t u0 = tile / p.tiles % p.tiles * kTile, v0 = tile % p.tiles * kTile;
    W sum[2][2] = {};
    for (int64_t first = 0; first < all; first += kPacks) {
      const int64_t at = first + own_pack;
      const int64_t f = unit.begin + at / packs, d = at % packs * V;
      __syncthreads();
      fetch<T, V>(p.a, f, u0 + own_joint, k, d, at < all && u0 + own_joint < joints, a[own_joint][own_pack]);
      fetch<T, V>(p.b, f, v0 + own_joint, k, d, at < all && v0 + own_joint < joints, b[own_joint][own_pack]);
      __syncthreads();
#pragma unroll
      for (int q = 0; q < kPacks; ++q) {
        const Pack<W, V> left[2] = {a[y][q], a[y + kSide][q]}, right[2] = {b[x][q], b[x + kSide][q]};
#pragma unroll
        for (int i = 0; i < 2; ++i) {
#pragma unroll
          for (int j = 0; j < 2; ++j) {
#pragma unroll
            for (int c = 0; c < V; ++c) sum[i][j] += left[i].number[c] * right[j].number[c];
          }
        }
      }
    }
    W* to = unit.slot < 0 ? p.out + (unit.group * p.shape.groups + k) * joints * joints
                          : p.parts + (unit.slot * p.shape.groups + k) * joints * joints;
    for (int i = 0; i < 2; ++i) {
      for (int j = 0; j < 2; ++j) {
        const int64_t u = u0 + y + i * kSide, v = v0 + x + j * kSide;
        if (u < joints && v < joints) to[u * joints + v] = sum[i][j];
      }
    }
  }
}

template <class T, int V>
const char* run(const ComparePass<T>& pass, void* stream) {
  const int64_t tiles = pass.shape.groups * pass.tiles * pass.tiles;
  return launch(compare<T, V>, count_units(pass.sequences), tiles, kThreads, stream, pass);
}

}  // namespace

const char* graphkit_joint_affinity(int type, const Groups* sequences, const ClipShape* shape, const Joints* a,
                                    const Joints* b, void* out, void* parts, void* stream) {
  if (sequences->count == 0 || shape->joints == 0 || shape->groups == 0) return nullptr;
  return with_type(type, [&](auto zero) -> const char* {
    using T = decltype(zero);
    using W = Wide<T>;
    constexpr int V = kFew<T>;
    const ComparePass<T> pass{*sequences, *shape, *a, *b, static_cast<W*>(out), static_cast<W*>(parts),
                              int(divide_up(shape->joints, kTile))};
    const bool packs = has_packs<T, V>(*shape, *a, nullptr) && has_packs<T, V>(*shape, *b, nullptr);
    const char* error = packs ? run<T, V>(pass, stream) : run<T, 1>(pass, stream);
    if (error) return error;
    return join_sums<W>(*sequences, shape->groups * shape->joints * shape->joints, pass.out, pass.parts, stream);
  });
}

}  // namespace graphkit
