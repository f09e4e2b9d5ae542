// temporal_conv3 on the CPU, and its transpose: products of frames with three weights, shifted and added.
//
// A term of a sum is a row of channels or, where there is no such frame, a row of zeros: the inner loop has no branch.
#include "clips.h"

namespace graphkit {
namespace {

// The rows that one row of a result is the sum of: the first `plus` are added, the others subtracted.
template <class S>
struct Sum {
  const S* term[6];
  int plus, count;
};

template <class S>
struct WindowPass {
  const S* x;            // forward [F, V, 2, 3, D] with strides; transposed [F, V, 2, D], whole
  int64_t frame, joint;  // strides of x
  const Computed<S>* bias;  // [2, D], or none
  bool rectify;
  S* out;
  const S* zeros;  // D of them
  const int64_t* ptr;
  int64_t joints, width;
  Interrupt interrupt;
};

template <class S, int W>
GRAPHKIT_INLINE void add(const WindowPass<S>& a, const Sum<S>& s, const Computed<S>* bias, int64_t d, S* out) {
  using T = Computed<S>;
  for (; d + W <= a.width; d += W) {
    Vector<T, W> total = bias == nullptr ? Vector<T, W>{} : load<T, W>(bias + d);
    for (int i = 0; i < s.plus; ++i) total += read<S, W>(s.term[i] + d);
    for (int i = s.plus; i < s.count; ++i) total -= read<S, W>(s.term[i] + d);
    if (a.rectify) total = total < T(0) ? Vector<T, W>{} : total;
    write<S, W>(out + d, total);
  }
  if constexpr (W > 1) {
    if (d < a.width) add<S, W / 2>(a, s, bias, d, out);
  }
}

// Frame t of `length` frames. `here` is joint v of frame 0 of the sequence.
template <class S, int W>
GRAPHKIT_INLINE void forward(const WindowPass<S>& a, const S* here, int64_t t, int64_t length, S* out) {
  const int64_t D = a.width;
  const auto row = [&](bool there, int64_t at, int64_t kind, int64_t tap) {
    return there ? here + at * a.frame + (3 * kind + tap) * D : a.zeros;
  };
  const bool before = t > 0, after = t + 1 < length, later = t + 2 < length;
  const Sum<S> position{{row(true, t, 0, 1), row(before, t - 1, 0, 0), row(after, t + 1, 0, 2)}, 3, 3};
  add<S, W>(a, position, a.bias, 0, out);
  const Sum<S> motion{{row(before, t, 1, 0), row(after, t + 1, 1, 1), row(later, t + 2, 1, 2),
                       row(before, t - 1, 1, 0), row(after, t, 1, 1), row(later, t + 1, 1, 2)},
                      3,
                      6};
  add<S, W>(a, motion, a.bias == nullptr ? nullptr : a.bias + D, 0, out + D);
}

template <class S, int W>
GRAPHKIT_INLINE void transposed(const WindowPass<S>& a, const S* here, int64_t t, int64_t length, S* out) {
  const int64_t D = a.width;
  const auto row = [&](bool there, int64_t at, int64_t kind) {
    return there ? here + at * a.frame + kind * D : a.zeros;
  };
  const bool before = t > 0, after = t + 1 < length, earlier = t > 1;
  const Sum<S> sums[6] = {{{row(after, t + 1, 0)}, 1, 1},
                          {{row(true, t, 0)}, 1, 1},
                          {{row(before, t - 1, 0)}, 1, 1},
                          {{row(before, t, 1), row(after, t + 1, 1)}, 1, 2},
                          {{row(before, t - 1, 1), row(after, t, 1)}, 1, 2},
                          {{row(earlier, t - 2, 1), row(before && after, t - 1, 1)}, 1, 2}};
  for (int i = 0; i < 6; ++i) add<S, W>(a, sums[i], nullptr, 0, out + i * D);
}

template <class S, int B, bool Forward>
GRAPHKIT_INLINE void sequences(const WindowPass<S>& a, int64_t first, int64_t last) {
  constexpr int W = B / sizeof(Computed<S>);
  constexpr int64_t parts = Forward ? 2 : 6;
  for (int64_t n = first; n < last; ++n) {
    const int64_t length = a.ptr[n + 1] - a.ptr[n];
    for (int64_t t = 0; t < length; ++t) {
      if (a.interrupt.came()) return;
      for (int64_t v = 0; v < a.joints; ++v) {
        const S* here = a.x + a.ptr[n] * a.frame + v * a.joint;
        S* out = a.out + ((a.ptr[n] + t) * a.joints + v) * parts * a.width;
        if constexpr (Forward) forward<S, W>(a, here, t, length, out);
        else transposed<S, W>(a, here, t, length, out);
      }
    }
  }
}

template <bool Forward>
struct Sequences {
  template <class S, int B>
  static GRAPHKIT_INLINE void run(const WindowPass<S>& a, int64_t first, int64_t last) {
    sequences<S, B, Forward>(a, first, last);
  }
};

template <class S, bool Forward>
void launch(const Tensor& x, const Tensor& ptr, const std::optional<Tensor>& bias, bool rectify, Tensor& out) {
  const std::vector<S> zeros(x.size(x.dim() - 1));
  WindowPass<S> a{};
  a.x = static_cast<const S*>(x.const_data_ptr());
  a.frame = x.stride(0), a.joint = x.stride(1);
  a.bias = bias.has_value() ? bias->const_data_ptr<Computed<S>>() : nullptr;
  a.rectify = rectify;
  a.out = static_cast<S*>(out.mutable_data_ptr());
  a.zeros = zeros.data();
  a.ptr = ptr.const_data_ptr<int64_t>();
  a.joints = x.size(1), a.width = x.size(x.dim() - 1);
  run_nodes<Sequences<Forward>, S>(a, ptr.size(0) - 1, a.joints * (a.width + 1) * 8);
}

template <class S>
void run(const Tensor& x, const Tensor& ptr, const std::optional<Tensor>& bias, bool rectify, Tensor& out) {
  launch<S, true>(x, ptr, bias, rectify, out);
}

template <class S>
void run_transposed(const Tensor& x, const Tensor& ptr, Tensor& out) {
  launch<S, false>(x, ptr, std::nullopt, false, out);
}

// `bias` [2, D] has the accumulation type of `x`. `rectify` applies a ReLU.
Tensor temporal_conv3(const Tensor& x, const Tensor& ptr, const std::optional<Tensor>& bias, bool rectify) {
  STD_TORCH_CHECK(is_served(x) && x.dim() == 5 && x.size(2) == 2 && x.size(3) == 3,
                  "`x` must be float32, float64 or bfloat16 [F, V, 2, 3, D] on the CPU");
  const int64_t width = x.size(4);
  STD_TORCH_CHECK(!bias.has_value() || (bias->is_cpu() && bias->scalar_type() == sum_type(x) &&
                                        bias->is_contiguous() && bias->dim() == 2 && bias->size(0) == 2 &&
                                        bias->size(1) == width),
                  "`bias` must be a contiguous [2, D], float64 for float64 and else float32");
  const Tensor starts = torch::stable::contiguous(ptr);
  check_sequences(starts, x.size(0));
  const bool together = (width < 2 || x.stride(4) == 1) && x.stride(3) == width && x.stride(2) == 3 * width;
  const Tensor rows = together ? x : torch::stable::contiguous(x);
  Tensor out = empty_result(x, {x.size(0), x.size(1), 2, width});
  GRAPHKIT_FOR_STORED(x, run, rows, starts, bias, rectify, out);
  return out;
}

Tensor temporal_conv3_transposed(const Tensor& grad, const Tensor& ptr) {
  STD_TORCH_CHECK(is_served(grad) && grad.dim() == 4 && grad.size(2) == 2,
                  "`grad` must be float32, float64 or bfloat16 [F, V, 2, D] on the CPU");
  const Tensor starts = torch::stable::contiguous(ptr), rows = torch::stable::contiguous(grad);
  check_sequences(starts, grad.size(0));
  Tensor out = empty_result(grad, {grad.size(0), grad.size(1), 2, 3, grad.size(3)});
  GRAPHKIT_FOR_STORED(grad, run_transposed, rows, starts, out);
  return out;
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) {
  m.def("temporal_conv3(Tensor x, Tensor ptr, Tensor? bias, bool rectify) -> Tensor");
  m.def("temporal_conv3_transposed(Tensor grad, Tensor ptr) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) {
  m.impl("temporal_conv3", TORCH_BOX(&graphkit::temporal_conv3));
  m.impl("temporal_conv3_transposed", TORCH_BOX(&graphkit::temporal_conv3_transposed));
}
