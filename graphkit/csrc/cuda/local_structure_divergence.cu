// local_structure_divergence on CUDA: for every node, the divergence of two softmaxes over the scores of its edges. As
// on the CPU, all of it in float64, without a probability stored or a logarithm taken per edge: with a = p - max p, b =
// q - max q, and sums A of exp(a) and B of exp(b) over the edges of a node,
//
//   mean = sum_e exp(a) (a - b) / A        KL = mean - log A + log B
//   dKL/dp = exp(a) / A ((a - b) - mean)   dKL/dq = exp(b) / B - exp(a) / A
#include "local_structure_divergence.h"

#include "segment_reduce.cuh"

#include <type_traits>

namespace graphkit {
namespace {

// The largest scores; NaN may be ignored here, it is propagated by the sums.
template <class T>
struct Tops {
  static constexpr bool kMaps = false;
  const T* p;
  const T* q;
  double* top;    // [N, 2]
  double* parts;  // [slots, 2]

  template <int V>
  struct State {
    double p, q;

    __device__ void clear() { p = q = -infinity<double>(); }
    __device__ void merge(const State& other) {
      p = other.p > p ? other.p : p;
      q = other.q > q ? other.q : q;
    }
    __device__ State of_lane(int distance) const {
      return {__shfl_xor_sync(kAllLanes, p, distance), __shfl_xor_sync(kAllLanes, q, distance)};
    }
  };

  __device__ void add(State<1>& state, int64_t, int64_t edge, int64_t) const {
    state.merge({double(p[edge]), double(q[edge])});
  }
  __device__ void put(int64_t node, int64_t, const State<1>& state) const {
    top[2 * node] = state.p;
    top[2 * node + 1] = state.q;
  }
  __device__ void put_part(int64_t slot, int64_t, const State<1>& state) const {
    parts[2 * slot] = state.p;
    parts[2 * slot + 1] = state.q;
  }
  __device__ State<1> get_part(int64_t slot, int64_t) const { return {parts[2 * slot], parts[2 * slot + 1]}; }
};

template <class T, bool Backward>
struct Divergence {
  static constexpr bool kMaps = Backward;
  const T* p;
  const T* q;
  const double* top;  // [N, 2]
  const T* grad;      // [N]
  T* out;             // [N]
  T* grad_p;          // [E]
  T* grad_q;          // [E]
  double* parts;      // [slots, 3]

  template <int V>
  struct State {
    double p, q, gap;  // the sums of exp(a), of exp(b) and of exp(a) (a - b)

    __device__ void clear() { p = q = gap = 0; }
    __device__ void merge(const State& other) { p += other.p, q += other.q, gap += other.gap; }
    __device__ State of_lane(int distance) const {
      return {__shfl_xor_sync(kAllLanes, p, distance), __shfl_xor_sync(kAllLanes, q, distance),
              __shfl_xor_sync(kAllLanes, gap, distance)};
    }
    __device__ void take(int, const State<1>& other) { p = other.p, q = other.q, gap = other.gap; }
    __device__ void finish() {}
  };

  __device__ void add(State<1>& state, int64_t node, int64_t edge, int64_t) const {
    const double a = double(p[edge]) - top[2 * node], b = double(q[edge]) - top[2 * node + 1];
    const double weight = exponential(a);
    state.merge({weight, exponential(b), weight * (a - b)});
  }
  __device__ void put(int64_t node, int64_t, const State<1>& state) const {
    if constexpr (!Backward) {
      const bool empty = state.p == 0 && state.q == 0;
      out[node] = empty ? T(0) : T(state.gap / state.p - log(state.p / state.q));
    }
  }
  __device__ void put_part(int64_t slot, int64_t, const State<1>& state) const {
    parts[3 * slot] = state.p;
    parts[3 * slot + 1] = state.q;
    parts[3 * slot + 2] = state.gap;
  }
  __device__ State<1> get_part(int64_t slot, int64_t) const {
    return {parts[3 * slot], parts[3 * slot + 1], parts[3 * slot + 2]};
  }
  __device__ void map(int64_t node, int64_t edge, int64_t, const State<1>& state) const {
    const double a = double(p[edge]) - top[2 * node], b = double(q[edge]) - top[2 * node + 1];
    const double g = double(grad[node]), share = g / state.p * exponential(a);
    grad_p[edge] = T(share * ((a - b) - state.gap / state.p));
    grad_q[edge] = T(g / state.q * exponential(b) - share);
  }
};

template <class F>
const char* with_score(int type, const F& f) {
  if (type == kFloat32) return f(float());
  return type == kFloat64 ? f(double()) : "scores must be float32 or float64";
}

}  // namespace

const char* graphkit_divergence_tops(int type, const Groups* groups, const void* p, const void* q, double* top,
                                     double* parts, void* stream) {
  return with_score(type, [&](auto zero) {
    using T = decltype(zero);
    const Tops<T> op{static_cast<const T*>(p), static_cast<const T*>(q), top, parts};
    return run_segments<Tops<T>, 1>(*groups, op, 1, stream);
  });
}

const char* graphkit_divergence(int type, const Groups* groups, const void* p, const void* q, const double* top,
                                const void* grad, void* out, void* grad_p, void* grad_q, double* parts, void* stream) {
  return with_score(type, [&](auto zero) {
    using T = decltype(zero);
    const auto run = [&](auto backward) {
      using Op = Divergence<T, backward()>;
      const Op op{static_cast<const T*>(p), static_cast<const T*>(q), top, static_cast<const T*>(grad),
                  static_cast<T*>(out), static_cast<T*>(grad_p), static_cast<T*>(grad_q), parts};
      return run_segments<Op, 1>(*groups, op, 1, stream);
    };
    return grad == nullptr ? run(std::false_type()) : run(std::true_type());
  });
}

}  // namespace graphkit
