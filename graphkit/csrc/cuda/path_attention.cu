// path_attention on CUDA. Paths are pooled again wherever they are needed: no tensor has a row of features per path,
// only scalars per path and head. All sums are reductions over groups of rows.
//
// With phi_p the pooled features of path p of node i, f the slope of the LeakyReLU there, G the gradient of the result
// and A that of the attention,
//
//   forward    alpha_p = softmax over p of LeakyReLU(a . phi_p + t_i)       out_i = sum of alpha_p w_p phi_p
//              with the path's own term u'_p, if any, beside t_i
//   backward   u_p = G_i . phi_p              delta_i = sum of alpha_p (w_p u_p + A_p)
//              z_p = f alpha_p (w_p u_p + A_p - delta_i)       gradient of w_p = alpha_p u_p
//              gradient of t_i = sum of z_p, of a = sum of z_p phi_p, of phi_p = alpha_p w_p G_i + z_p a
#include "path_attention.h"

#include "softmax.cuh"
#include "sums.cuh"

namespace graphkit {
namespace {

constexpr int kThreads = 256;

template <class T>
struct Pooling {
  const T* h;
  const int32_t* nodes;
  int64_t hops, count, nodes_count, row;  // the row is H * D
  bool mean;

  // A path that was not validated may have an invalid node id: other features are read instead.
  __device__ const T* at(int64_t path, int64_t step, int64_t d) const {
    const int32_t node = nodes[step * count + path];
    return h + (node >= 0 && node < nodes_count ? node : 0) * row + d;
  }

  // V columns of the pooled features of a path, from column d on. Propagates NaN.
  template <int V>
  __device__ void pool(int64_t path, int64_t d, Wide<T>* x) const {
    load<V>(at(path, 0, d), x);
    for (int64_t step = 1; step < hops; ++step) {
      Wide<T> y[V];
      load<V>(at(path, step, d), y);
      for (int k = 0; k < V; ++k) x[k] = mean ? x[k] + y[k] : y[k] > x[k] || y[k] != y[k] ? y[k] : x[k];
    }
    if (!mean) return;
    for (int k = 0; k < V; ++k) x[k] *= Wide<T>(1) / Wide<T>(hops);
  }
};

template <class T>
Pooling<T> pooling(const Paths& p, const void* h) {
  return {static_cast<const T*>(h), p.nodes, p.hops, p.count, p.nodes_count, p.heads * p.width, p.mean != 0};
}

__device__ inline int64_t clamp_place(int32_t place, int64_t path, int64_t count) {
  return place >= 0 && place < count ? place : path;
}

template <class W>
__device__ inline W rectify(W score, W slope) {
  return score > 0 ? score : score * slope;
}

__global__ void __launch_bounds__(kThreads) find_owners(Groups g, int32_t* own, int team) {
  const int64_t thread = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  const Unit unit = find_unit(g, thread / team);
  if (unit.group < 0) return;
  for (int64_t row = unit.begin + thread % team; row < unit.end; row += team) own[row] = int32_t(unit.group);
}

// A group of lanes processes a path and a head; consecutive groups process the heads of a path.
template <class T, int V>
__global__ void __launch_bounds__(kThreads)
    score_paths(Pooling<T> pooling, const int32_t* own, const int32_t* place, const T* att, const T* target,
                const T* term, const T* grad, int64_t heads, int64_t width, Wide<T>* score, Wide<T>* pull, int team) {
  using W = Wide<T>;
  const int64_t thread = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  const int64_t at = thread / team, path = at / heads, k = at % heads, x = thread % team;
  const bool exists = path < pooling.count;
  const int64_t node = exists ? own[path] : 0;
  W by_att = 0, by_grad = 0;
  for (int64_t d = x * V; exists && d < width; d += team * V) {
    W phi[V], a[V], g[V];
    pooling.template pool<V>(path, k * width + d, phi);
    load<V>(att + k * width + d, a);
    for (int v = 0; v < V; ++v) by_att += phi[v] * a[v];
    if (grad == nullptr) continue;
    load<V>(grad + node * pooling.row + k * width + d, g);
    for (int v = 0; v < V; ++v) by_grad += phi[v] * g[v];
  }
  for (int distance = 1; distance < team; distance *= 2) {
    by_att += __shfl_xor_sync(kAllLanes, by_att, distance);
    by_grad += __shfl_xor_sync(kAllLanes, by_grad, distance);
  }
  if (!exists || x != 0) return;
  score[at] = by_att + widen(target[node * heads + k]);
  if (term != nullptr) score[at] += widen(term[clamp_place(place[path], path, pooling.count) * heads + k]);
  if (pull != nullptr) pull[at] = by_grad;
}

// Softmax over the rows of `score`, whose maxima and sums are formed as those of segment_softmax.
template <class T>
struct Attention {
  using W = Wide<T>;
  static constexpr bool kMaps = true;
  W* score;
  const int32_t* place;
  const T* weight;  // or null
  T* alpha;         // or null
  W* norms;
  W* part_max;
  W* part_sum;
  int64_t groups, count, heads;
  W slope;

  template <int V>
  using State = SoftmaxState<W, V>;

  template <int V>
  __device__ void add(State<V>& state, int64_t, int64_t path, int64_t k) const {
    for (int v = 0; v < V; ++v) state.take(v, rectify(score[path * heads + k + v], slope));
  }
  template <int V>
  __device__ void put(int64_t group, int64_t k, State<V> state) const {
    for (int v = 0; v < V; ++v) {
      const bool empty = state.sum[v] == 0 && state.max[v] == -infinity<W>();
      norms[group * heads + k + v] = empty ? W(0) : state.max[v];
      norms[(groups + group) * heads + k + v] = empty ? W(0) : W(1) / state.sum[v];
    }
  }
  template <int V>
  __device__ void put_part(int64_t slot, int64_t k, const State<V>& state) const {
    for (int v = 0; v < V; ++v) {
      part_max[slot * heads + k + v] = state.max[v];
      part_sum[slot * heads + k + v] = state.sum[v];
    }
  }
  __device__ State<1> get_part(int64_t slot, int64_t k) const {
    return {{part_max[slot * heads + k]}, {part_sum[slot * heads + k]}};
  }
  template <int V>
  __device__ void map(int64_t, int64_t path, int64_t k, const State<V>& state) const {
    const int64_t at = path * heads + k, given = clamp_place(place[path], path, count) * heads + k;
    for (int v = 0; v < V; ++v) {
      const W a = exponential(rectify(score[at + v], slope) - state.max[v]) * state.sum[v];
      if (alpha != nullptr) narrow(a, alpha[given + v]);
      score[at + v] = weight == nullptr ? a : a * widen(weight[given + v]);
    }
  }
};

// From u and the scores to z and alpha w.
template <class T>
struct AttentionGradient {
  using W = Wide<T>;
  static constexpr bool kMaps = true;
  W* score;
  W* pull;
  const int32_t* place;
  const T* weight;      // or null
  const T* grad_alpha;  // or null
  const W* norms;
  T* grad_weight;       // or null
  T* grad_term;         // or null
  W* parts;
  int64_t groups, count, heads;
  W slope;

  template <int V>
  using State = SumState<W, V>;

  __device__ W attention(int64_t group, int64_t path, int64_t k) const {
    const W s = rectify(score[path * heads + k], slope);
    return exponential(s - norms[group * heads + k]) * norms[(groups + group) * heads + k];
  }
  __device__ int64_t given(int64_t path, int64_t k) const {
    return clamp_place(place[path], path, count) * heads + k;
  }
  // w u + A, the gradient of the attention.
  __device__ W gradient(int64_t path, int64_t k) const {
    W g = pull[path * heads + k];
    if (weight != nullptr) g *= widen(weight[given(path, k)]);
    return grad_alpha == nullptr ? g : g + widen(grad_alpha[given(path, k)]);
  }
  template <int V>
  __device__ void add(State<V>& state, int64_t group, int64_t path, int64_t k) const {
    for (int v = 0; v < V; ++v) state.sum[v] += attention(group, path, k + v) * gradient(path, k + v);
  }
  template <int V>
  __device__ void put(int64_t, int64_t, const State<V>&) const {}
  template <int V>
  __device__ void put_part(int64_t slot, int64_t k, const State<V>& state) const {
    for (int v = 0; v < V; ++v) parts[slot * heads + k + v] = state.sum[v];
  }
  __device__ State<1> get_part(int64_t slot, int64_t k) const { return {{parts[slot * heads + k]}}; }
  template <int V>
  __device__ void map(int64_t group, int64_t path, int64_t k, const State<V>& state) const {
    for (int v = 0; v < V; ++v) {
      const int64_t at = path * heads + k + v;
      const W a = attention(group, path, k + v), u = pull[at];
      const W f = score[at] > 0 ? W(1) : slope;
      pull[at] = f * a * (gradient(path, k + v) - state.sum[v]);
      score[at] = weight == nullptr ? a : a * widen(weight[given(path, k + v)]);
      if (grad_weight != nullptr) narrow(a * u, grad_weight[given(path, k + v)]);
      if (grad_term != nullptr) narrow(pull[at], grad_term[given(path, k + v)]);
    }
  }
};

// Sums of pooled features, weighted per path and head.
template <class T>
struct WeightedSum : Sum<T> {
  Pooling<T> pooling;
  const Wide<T>* factor;  // [P, H]
  int64_t heads, head_width;

  template <int V>
  using State = SumState<Wide<T>, V>;

  template <int V>
  __device__ void add(State<V>& state, int64_t, int64_t path, int64_t d) const {
    Wide<T> phi[V];
    pooling.template pool<V>(path, d, phi);
    const Wide<T> f = factor[path * heads + d / head_width];
    for (int k = 0; k < V; ++k) state.sum[k] += f * phi[k];
  }
};

// The gradients of a node from the paths through it: for max pooling, that of the first node with the maximum.
template <class T>
struct FeatureGradient : Sum<T> {
  Pooling<T> pooling;
  const int32_t* path_of;  // [L * P] the paths through nodes
  const int32_t* step_of;  // and at which step
  const int32_t* own;
  const T* att;
  const T* grad;
  const Wide<T>* share;
  const Wide<T>* pull;
  int64_t heads, head_width;

  template <int V>
  using State = SumState<Wide<T>, V>;

  template <int V>
  __device__ void add(State<V>& state, int64_t, int64_t row, int64_t d) const {
    using W = Wide<T>;
    const int64_t path = clamp(path_of[row], 0, pooling.count - 1), step = clamp(step_of[row], 0, pooling.hops - 1);
    const int64_t head = path * heads + d / head_width;
    W g[V], a[V];
    load<V>(grad + own[path] * pooling.row + d, g);
    load<V>(att + d, a);
    const W c = share[head], z = pull[head], scale = pooling.mean ? W(1) / W(pooling.hops) : W(1);
    for (int k = 0; k < V; ++k) g[k] = (c * g[k] + z * a[k]) * scale;
    if (!pooling.mean && pooling.hops > 1) {
      W phi[V], x[V];
      pooling.template pool<V>(path, d, phi);
      for (int64_t before = 0; before < step; ++before) {
        load<V>(pooling.at(path, before, d), x);
        for (int k = 0; k < V; ++k) g[k] = x[k] == phi[k] ? W(0) : g[k];
      }
      if (step + 1 < pooling.hops) {
        load<V>(pooling.at(path, step, d), x);
        for (int k = 0; k < V; ++k) g[k] = x[k] == phi[k] ? g[k] : W(0);
      }
    }
    for (int k = 0; k < V; ++k) state.sum[k] += g[k];
  }
};

// With vectors of V numbers where those of a head can be read so, or else one at a time.
template <class Op, class T, class... P>
const char* run_rows(const Paths& p, const Groups& g, const Op& op, void* stream, const P*... address) {
  const int64_t row = p.heads * p.width;
  return is_packed<T>(p.width, address...) ? run_segments<Op, kWidest<T>>(g, op, row, stream)
                                           : run_segments<Op, 1>(g, op, row, stream);
}

template <class T>
const char* score_paths(const Paths& p, const int32_t* own, const void* h, const void* att, const void* target,
                        const void* term, const void* grad, void* score, void* pull, void* stream) {
  const auto start = [&](auto* kernel, int vector) {
    const int team = power_of_two(divide_up(p.width, vector), kLanes);
    return launch(kernel, divide_up(p.count * p.heads, kThreads / team), 1, kThreads, stream, pooling<T>(p, h), own,
                  p.place, static_cast<const T*>(att), static_cast<const T*>(target), static_cast<const T*>(term),
                  static_cast<const T*>(grad), p.heads, p.width, static_cast<Wide<T>*>(score),
                  static_cast<Wide<T>*>(pull), team);
  };
  constexpr int V = kWidest<T>;
  return is_packed<T>(p.width, h, att, grad) ? start(score_paths<T, V>, V) : start(score_paths<T, 1>, 1);
}

}  // namespace

const char* graphkit_path_owners(const Groups* groups, int32_t* own, void* stream) {
  if (groups->rows == 0) return nullptr;
  // With invalid groups some paths have no owner: zero is a valid id.
  const auto cuda_stream = static_cast<cudaStream_t>(stream);
  if (const char* error = describe(cudaMemsetAsync(own, 0, groups->rows * sizeof(int32_t), cuda_stream))) return error;
  if (groups->count == 0) return nullptr;
  const int team = power_of_two(groups->rows / (2 * groups->count) + 1, kLanes);
  return launch(find_owners, divide_up(count_units(*groups), kThreads / team), 1, kThreads, stream, *groups, own, team);
}

const char* graphkit_path_scores(int type, const Paths* paths, const int32_t* own, const void* h, const void* att,
                                 const void* target, const void* term, const void* grad, void* score, void* pull,
                                 void* stream) {
  if (paths->count == 0 || paths->heads == 0 || paths->nodes_count == 0) return nullptr;
  return with_type(type, [&](auto zero) {
    return score_paths<decltype(zero)>(*paths, own, h, att, target, term, grad, score, pull, stream);
  });
}

const char* graphkit_path_softmax(int type, const Paths* paths, const Groups* groups, void* score, const void* weight,
                                  void* alpha, void* norms, void* part_max, void* part_sum, void* stream) {
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    using W = Wide<T>;
    const Attention<T> op{static_cast<W*>(score),
                          paths->place,
                          static_cast<const T*>(weight),
                          static_cast<T*>(alpha),
                          static_cast<W*>(norms),
                          static_cast<W*>(part_max),
                          static_cast<W*>(part_sum),
                          groups->count,
                          paths->count,
                          paths->heads,
                          W(paths->slope)};
    return run_segments<Attention<T>, 1>(*groups, op, paths->heads, stream);
  });
}

const char* graphkit_path_sums(int type, const Paths* paths, const Groups* groups, const void* h, const void* share,
                               void* out, void* parts, void* stream) {
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const Sum<T> sum{nullptr, static_cast<T*>(out), static_cast<Wide<T>*>(parts), paths->heads * paths->width};
    const WeightedSum<T> op{sum, pooling<T>(*paths, h), static_cast<const Wide<T>*>(share), paths->heads, paths->width};
    return run_rows<WeightedSum<T>, T>(*paths, *groups, op, stream, h, out);
  });
}

const char* graphkit_path_softmax_backward(int type, const Paths* paths, const Groups* groups, void* score, void* pull,
                                           const void* weight, const void* grad_alpha, const void* norms,
                                           void* grad_weight, void* grad_term, void* parts, void* stream) {
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    using W = Wide<T>;
    const AttentionGradient<T> op{static_cast<W*>(score),
                                  static_cast<W*>(pull),
                                  paths->place,
                                  static_cast<const T*>(weight),
                                  static_cast<const T*>(grad_alpha),
                                  static_cast<const W*>(norms),
                                  static_cast<T*>(grad_weight),
                                  static_cast<T*>(grad_term),
                                  static_cast<W*>(parts),
                                  groups->count,
                                  paths->count,
                                  paths->heads,
                                  W(paths->slope)};
    return run_segments<AttentionGradient<T>, 1>(*groups, op, paths->heads, stream);
  });
}

const char* graphkit_path_features(int type, const Paths* paths, const Groups* groups, const int32_t* path_of,
                                   const int32_t* step_of, const int32_t* own, const void* h, const void* att,
                                   const void* grad, const void* share, const void* pull, void* grad_h, void* parts,
                                   void* stream) {
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const Sum<T> sum{nullptr, static_cast<T*>(grad_h), static_cast<Wide<T>*>(parts), paths->heads * paths->width};
    const FeatureGradient<T> op{sum,
                                pooling<T>(*paths, h),
                                path_of,
                                step_of,
                                own,
                                static_cast<const T*>(att),
                                static_cast<const T*>(grad),
                                static_cast<const Wide<T>*>(share),
                                static_cast<const Wide<T>*>(pull),
                                paths->heads,
                                paths->width};
    return run_rows<FeatureGradient<T>, T>(*paths, *groups, op, stream, h, att, grad, grad_h);
  });
}

}  // namespace graphkit
