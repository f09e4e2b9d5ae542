// edge_similarity on CUDA: one number per edge from the rows of its two ends, and the gradient of these rows. As on the
// CPU, the functions of that number are left to PyTorch, and no row is stored per edge.
#include "edge_similarity.h"

#include "sums.cuh"

#include <type_traits>

namespace graphkit {
namespace {

constexpr int kThreads = 256;

enum class Measure { kDot, kSquare, kAbsolute };

// An edge that was not validated may have an invalid node id: another row is read instead.
__device__ inline int64_t clamp_node(int64_t node, int64_t nodes) { return node >= 0 && node < nodes ? node : 0; }

// A group of lanes processes an edge.
template <class T, int V, Measure M>
__global__ void __launch_bounds__(kThreads)
    compare_ends(const T* z, int64_t nodes, int64_t width, const int64_t* source, const int64_t* target, int64_t edges,
                 T* out, int team) {
  const int64_t thread = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  const int64_t e = thread / team, lane = thread % team;
  const bool exists = e < edges;
  const T* x = z + (exists ? clamp_node(target[e], nodes) : 0) * width;
  const T* y = z + (exists ? clamp_node(source[e], nodes) : 0) * width;
  Wide<T> total = 0;
#pragma unroll 2
  for (int64_t d = lane * V; exists && d < width; d += team * V) {
    Wide<T> a[V], b[V];
    load<V>(x + d, a);
    load<V>(y + d, b);
    for (int k = 0; k < V; ++k) {
      const Wide<T> t = a[k] - b[k];
      total += M == Measure::kDot ? a[k] * b[k] : M == Measure::kSquare ? t * t : t < 0 ? -t : t;
    }
  }
  for (int distance = 1; distance < team; distance *= 2) total += __shfl_xor_sync(kAllLanes, total, distance);
  if (exists && lane == 0) narrow(total, out[e]);
}

template <class T, Measure M>
struct EndGradient : Sum<T> {
  const T* z;
  const int64_t* other;
  const int64_t* edge;
  const T* grad;
  int64_t nodes, edges;

  template <int V>
  using State = SumState<Wide<T>, V>;

  template <int V>
  __device__ void add(State<V>& state, int64_t node, int64_t row, int64_t d) const {
    const int64_t e = edge[row];
    const Wide<T> g = widen(grad[e >= 0 && e < edges ? e : 0]);
    Wide<T> x[V], y[V];
    load<V>(z + clamp_node(other[row], nodes) * this->width + d, y);
    if constexpr (M != Measure::kDot) load<V>(z + node * this->width + d, x);
    for (int k = 0; k < V; ++k) {
      if constexpr (M == Measure::kDot) state.sum[k] += g * y[k];
      if constexpr (M == Measure::kSquare) state.sum[k] += Wide<T>(2) * g * (x[k] - y[k]);
      if constexpr (M == Measure::kAbsolute) state.sum[k] += x[k] > y[k] ? g : x[k] < y[k] ? -g : Wide<T>(0);
    }
  }
};

// Calls f with a constant of the measure, for the types that scores are computed in.
template <class F>
const char* with_measure(int type, int measure, const F& f) {
  const auto with_number = [&](auto zero) -> const char* {
    switch (measure) {
      case 0: return f(zero, std::integral_constant<Measure, Measure::kDot>());
      case 1: return f(zero, std::integral_constant<Measure, Measure::kSquare>());
      case 2: return f(zero, std::integral_constant<Measure, Measure::kAbsolute>());
    }
    return "`measure` must be 0 (dot), 1 (square) or 2 (absolute)";
  };
  if (type == kFloat32) return with_number(float());
  return type == kFloat64 ? with_number(double()) : "similarities are computed in float32 or float64";
}

}  // namespace

const char* graphkit_edge_similarity(int type, int measure, const void* z, int64_t nodes, int64_t width,
                                     const int64_t* source, const int64_t* target, int64_t edges, void* out,
                                     void* stream) {
  if (edges == 0 || nodes == 0) return nullptr;
  return with_measure(type, measure, [&](auto zero, auto m) {
    using T = decltype(zero);
    const auto start = [&](auto* kernel, int vector) {
      const int team = power_of_two(divide_up(width, vector), kLanes);
      return launch(kernel, divide_up(edges, kThreads / team), 1, kThreads, stream, static_cast<const T*>(z), nodes,
                    width, source, target, edges, static_cast<T*>(out), team);
    };
    constexpr int V = kWidest<T>;
    return is_packed<T>(width, z) ? start(compare_ends<T, V, m()>, V) : start(compare_ends<T, 1, m()>, 1);
  });
}

const char* graphkit_edge_similarity_backward(int type, int measure, const Groups* groups, const void* z, int64_t width,
                                              const int64_t* other, const int64_t* edge, const void* grad,
                                              int64_t edges, void* out, void* parts, void* stream) {
  return with_measure(type, measure, [&](auto zero, auto m) {
    using T = decltype(zero);
    using Op = EndGradient<T, m()>;
    const Sum<T> sum{nullptr, static_cast<T*>(out), static_cast<Wide<T>*>(parts), width};
    const Op op{sum, static_cast<const T*>(z), other, edge, static_cast<const T*>(grad), groups->count, edges};
    return is_packed<T>(width, z, out) ? run_segments<Op, kWidest<T>>(*groups, op, width, stream)
                                       : run_segments<Op, 1>(*groups, op, width, stream);
  });
}

}  // namespace graphkit
