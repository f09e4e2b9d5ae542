// joint_mix on the CPU: the joints of each frame times the matrix of the frame's sequence, for groups of channels.
//
// The channels of a few receiving joints are accumulated in registers over all sending joints; a frame fits in the L1
// cache and is read from memory once.
#include "clips.h"

namespace graphkit {
namespace {

template <class S>
struct MixPass {
  Joints<S> x;
  const Computed<S>* weight;  // [N, K, V, V]
  int64_t weight_step;        // from one sequence to the next, 0 if all share one
  const Computed<S>* bias;    // [K, D], or none
  bool rectify;
  S* out;  // [F, V, K, D]
  const int64_t* ptr;
  int64_t joints, groups, width;
  Interrupt interrupt;
};

// W channels from d on of VB receiving joints from v on.
template <class S, int W, int VB>
GRAPHKIT_INLINE void receive(const MixPass<S>& a, const S* x, const Computed<S>* weight, int64_t k, int64_t d,
                             int64_t v, S* out) {
  using T = Computed<S>;
  Vector<T, W> sum[VB];
  const Vector<T, W> start = a.bias == nullptr ? Vector<T, W>{} : load<T, W>(a.bias + k * a.width + d);
#pragma GCC unroll 8
  for (int i = 0; i < VB; ++i) sum[i] = start;
  for (int64_t u = 0; u < a.joints; ++u) {
    const Vector<T, W> from = read<S, W>(x + u * a.x.joint + d);
    const T* row = weight + u * a.joints + v;
#pragma GCC unroll 8
    for (int i = 0; i < VB; ++i) sum[i] += row[i] * from;
  }
#pragma GCC unroll 8
  for (int i = 0; i < VB; ++i) {
    if (a.rectify) sum[i] = sum[i] < T(0) ? Vector<T, W>{} : sum[i];
    write<S, W>(out + (v + i) * a.groups * a.width + d, sum[i]);
  }
}

template <class S, int W>
GRAPHKIT_INLINE void columns(const MixPass<S>& a, const S* x, const Computed<S>* weight, int64_t k, int64_t d,
                             S* out) {
  for (; d + W <= a.width; d += W) {
    int64_t v = 0;
    for (; v + 8 <= a.joints; v += 8) receive<S, W, 8>(a, x, weight, k, d, v, out);
    if (v + 4 <= a.joints) receive<S, W, 4>(a, x, weight, k, d, v, out), v += 4;
    if (v + 2 <= a.joints) receive<S, W, 2>(a, x, weight, k, d, v, out), v += 2;
    if (v < a.joints) receive<S, W, 1>(a, x, weight, k, d, v, out);
  }
  if constexpr (W > 1) {
    if (d < a.width) columns<S, W / 2>(a, x, weight, k, d, out);
  }
}

template <class S, int B>
GRAPHKIT_INLINE void sequences(const MixPass<S>& a, int64_t first, int64_t last) {
  constexpr int W = B / sizeof(Computed<S>);
  for (int64_t n = first; n < last; ++n) {
    for (int64_t f = a.ptr[n]; f < a.ptr[n + 1]; ++f) {
      if (a.interrupt.came()) return;
      for (int64_t k = 0; k < a.groups; ++k) {
        columns<S, W>(a, a.x.data + f * a.x.frame + k * a.x.group,
                      a.weight + n * a.weight_step + k * a.joints * a.joints, k, 0,
                      a.out + (f * a.joints * a.groups + k) * a.width);
      }
    }
  }
}

struct Sequences {
  template <class S, int B>
  static GRAPHKIT_INLINE void run(const MixPass<S>& a, int64_t first, int64_t last) {
    sequences<S, B>(a, first, last);
  }
};

template <class S>
void run(const Tensor& x, const Tensor& weight, const Tensor& ptr, const std::optional<Tensor>& bias, bool rectify,
         Tensor& out) {
  using T = Computed<S>;
  MixPass<S> a{};
  a.x = joints<S>(x);
  a.weight = weight.const_data_ptr<T>();
  a.weight_step = weight.size(0) == 1 ? 0 : weight.stride(0);
  a.bias = bias.has_value() ? bias->const_data_ptr<T>() : nullptr;
  a.rectify = rectify;
  a.out = static_cast<S*>(out.mutable_data_ptr());
  a.ptr = ptr.const_data_ptr<int64_t>();
  a.joints = x.size(1), a.groups = x.size(2), a.width = x.size(3);
  run_nodes<Sequences, S>(a, ptr.size(0) - 1, a.joints * a.joints * a.groups * (a.width + 1) / 8);
}

// `weight` and `bias` [K, D] have the accumulation type of `x`. `rectify` applies a ReLU.
Tensor joint_mix(const Tensor& x, const Tensor& weight, const Tensor& ptr, const std::optional<Tensor>& bias,
                  bool rectify) {
  STD_TORCH_CHECK(is_served(x) && x.dim() == 4, "`x` must be float32, float64 or bfloat16 [F, V, K, D] on the CPU");
  STD_TORCH_CHECK(weight.is_cpu() && weight.scalar_type() == sum_type(x) && weight.dim() == 4 &&
                      weight.size(1) == x.size(2) && weight.size(2) == x.size(1) && weight.size(3) == x.size(1),
                  "`weight` must be [N, K, V, V] on the CPU, float64 for float64 and else float32");
  STD_TORCH_CHECK(!bias.has_value() || (bias->is_cpu() && bias->scalar_type() == sum_type(x) &&
                                        bias->is_contiguous() && bias->dim() == 2 && bias->size(0) == x.size(2) &&
                                        bias->size(1) == x.size(3)),
                  "`bias` must be a contiguous [K, D] of the type of `weight`");
  const Tensor starts = torch::stable::contiguous(ptr);
  check_sequences(starts, x.size(0));
  STD_TORCH_CHECK(weight.size(0) == 1 || weight.size(0) == starts.size(0) - 1,
                  "`weight` must hold the matrices of every sequence, or of one for all");
  const Tensor rows = with_rows_together(x), matrices = torch::stable::contiguous(weight);
  Tensor out = empty_result(x, x.sizes());
  GRAPHKIT_FOR_STORED(x, run, rows, matrices, starts, bias, rectify, out);
  return out;
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) {
  m.def("joint_mix(Tensor x, Tensor weight, Tensor ptr, Tensor? bias, bool rectify) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) { m.impl("joint_mix", TORCH_BOX(&graphkit::joint_mix)); }
