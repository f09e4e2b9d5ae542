// joint_affinity on the CPU: the inner products of all pairs of joints, summed over the frames of a sequence.
//
// Products of a tile of joints are accumulated in registers, one per channel lane, over all frames of the sequence; the
// lanes are summed at the end.
#include "clips.h"

namespace graphkit {
namespace {

template <class S>
struct ComparePass {
  Joints<S> a, b;
  Computed<S>* out;  // [N, K, V, V], zeros
  const int64_t* ptr;
  int64_t joints, groups, width;
  Interrupt interrupt;
};

// Adds the products of UB joints in `a` with VB joints in `b` over the channels from d on that W divides.
template <class S, int W, int UB, int VB>
GRAPHKIT_INLINE void pairs(const ComparePass<S>& p, const S* a, const S* b, int64_t frames, int64_t d,
                           Computed<S>* out) {
  using T = Computed<S>;
  Vector<T, W> sum[UB][VB] = {};
  int64_t end = d;
  for (int64_t f = 0; f < frames; ++f) {
    const S *from = a + f * p.a.frame, *to = b + f * p.b.frame;
    for (end = d; end + W <= p.width; end += W) {
      Vector<T, W> right[VB];
#pragma GCC unroll 4
      for (int j = 0; j < VB; ++j) right[j] = read<S, W>(to + j * p.b.joint + end);
#pragma GCC unroll 4
      for (int i = 0; i < UB; ++i) {
        const Vector<T, W> left = read<S, W>(from + i * p.a.joint + end);
#pragma GCC unroll 4
        for (int j = 0; j < VB; ++j) sum[i][j] += left * right[j];
      }
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < UB; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < VB; ++j) out[i * p.joints + j] += graphkit::sum<T, W>(sum[i][j]);
  }
  if constexpr (W > 1) {
    if (frames > 0 && end < p.width) pairs<S, W / 2, UB, VB>(p, a, b, frames, end, out);
  }
}

template <class S, int W, int UB>
GRAPHKIT_INLINE void rows(const ComparePass<S>& p, const S* a, const S* b, int64_t frames, Computed<S>* out) {
  int64_t v = 0;
  if (p.interrupt.came()) return;
  for (; v + 4 <= p.joints; v += 4) pairs<S, W, UB, 4>(p, a, b + v * p.b.joint, frames, 0, out + v);
  for (; v < p.joints; ++v) pairs<S, W, UB, 1>(p, a, b + v * p.b.joint, frames, 0, out + v);
}

template <class S, int B>
GRAPHKIT_INLINE void sequences(const ComparePass<S>& p, int64_t first, int64_t last) {
  constexpr int W = B / sizeof(Computed<S>);
  for (int64_t n = first; n < last; ++n) {
    for (int64_t k = 0; k < p.groups; ++k) {
      const S* a = p.a.data + p.ptr[n] * p.a.frame + k * p.a.group;
      const S* b = p.b.data + p.ptr[n] * p.b.frame + k * p.b.group;
      Computed<S>* out = p.out + (n * p.groups + k) * p.joints * p.joints;
      const int64_t frames = p.ptr[n + 1] - p.ptr[n];
      int64_t u = 0;
      for (; u + 4 <= p.joints; u += 4) rows<S, W, 4>(p, a + u * p.a.joint, b, frames, out + u * p.joints);
      for (; u < p.joints; ++u) rows<S, W, 1>(p, a + u * p.a.joint, b, frames, out + u * p.joints);
    }
  }
}

struct Sequences {
  template <class S, int B>
  static GRAPHKIT_INLINE void run(const ComparePass<S>& p, int64_t first, int64_t last) {
    sequences<S, B>(p, first, last);
  }
};

template <class S>
void run(const Tensor& a, const Tensor& b, const Tensor& ptr, Tensor& out) {
  ComparePass<S> p{};
  p.a = joints<S>(a), p.b = joints<S>(b);
  p.out = out.mutable_data_ptr<Computed<S>>();
  p.ptr = ptr.const_data_ptr<int64_t>();
  p.joints = a.size(1), p.groups = a.size(2), p.width = a.size(3);
  run_nodes<Sequences, S>(p, ptr.size(0) - 1, p.joints * p.joints * p.groups * (p.width + 1) / 8);
}

Tensor joint_affinity(const Tensor& a, const Tensor& b, const Tensor& ptr) {
  STD_TORCH_CHECK(is_served(a) && a.dim() == 4, "`a` must be float32, float64 or bfloat16 [F, V, K, D] on the CPU");
  STD_TORCH_CHECK(b.is_cpu() && b.scalar_type() == a.scalar_type() && b.dim() == 4 && b.size(0) == a.size(0) &&
                      b.size(1) == a.size(1) && b.size(2) == a.size(2) && b.size(3) == a.size(3),
                  "`b` must have the shape, type and device of `a`");
  const Tensor starts = torch::stable::contiguous(ptr);
  check_sequences(starts, a.size(0));
  const Tensor left = with_rows_together(a), right = with_rows_together(b);
  Tensor out = zero_result(a, {starts.size(0) - 1, a.size(2), a.size(1), a.size(1)}, sum_type(a));
  GRAPHKIT_FOR_STORED(a, run, left, right, starts, out);
  return out;
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) {
  m.def("joint_affinity(Tensor a, Tensor b, Tensor ptr) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) { m.impl("joint_affinity", TORCH_BOX(&graphkit::joint_affinity)); }
