// joint_mix, joint_affinity, temporal_conv3 and its transpose for CUDA tensors. The Python functions validate `ptr` for
// sequences of different lengths; nothing synchronizes here, also in backward passes.
#include "clips.h"

#include "tensors.h"

namespace graphkit {
namespace {

// Joints whose channels are consecutive: the tensor itself, or a copy of it.
struct Given {
  Tensor tensor;
  Joints joints;
};

Given joints_of(const Tensor& x, const char* name) {
  STD_TORCH_CHECK(x.dim() == 4, "`", name, "` must be [F, V, K, D]");
  Tensor rows = x.size(3) < 2 || x.stride(3) == 1 ? x : torch::stable::contiguous(x);
  const Joints joints{rows.const_data_ptr(), rows.stride(0), rows.stride(1), rows.stride(2)};
  return {rows, joints};
}

// The data of a tensor [K, D] of the type of sums, or nothing.
const void* bias_of(const std::optional<Tensor>& bias, int type, int64_t groups, int64_t width) {
  if (!bias.has_value()) return nullptr;
  STD_TORCH_CHECK(is_on_device(*bias) && bias->scalar_type() == sum_type(type) && bias->is_contiguous() &&
                      bias->dim() == 2 && bias->size(0) == groups && bias->size(1) == width,
                  "`bias` must be a contiguous tensor of one row per group, float64 for float64 and else float32");
  return bias->const_data_ptr();
}

Tensor joint_mix(const Tensor& x, const Tensor& weight, const Tensor& ptr, const std::optional<Tensor>& bias,
                  bool rectify) {
  const int type = number_type(x, "x");
  const Given rows = joints_of(x, "x");
  const ClipShape shape{x.size(1), x.size(2), x.size(3)};
  const Tensor starts = torch::stable::contiguous(ptr), matrices = torch::stable::contiguous(weight);
  const OnDeviceOf on(x);
  const Groups sequences = trust_groups(starts, x.size(0), kLongestSequence);
  STD_TORCH_CHECK(is_on_device(weight) && weight.scalar_type() == sum_type(type) && weight.dim() == 4 &&
                      (weight.size(0) == 1 || weight.size(0) == sequences.count) && weight.size(1) == shape.groups &&
                      weight.size(2) == shape.joints && weight.size(3) == shape.joints,
                  "`weight` must be [N, K, V, V] or [1, K, V, V], float64 for float64 and else float32");
  Tensor out = torch::stable::new_empty(x, x.sizes());
  raise_if(graphkit_joint_mix(type, &sequences, &shape, &rows.joints, matrices.const_data_ptr(), weight.size(0) == 1,
                               bias_of(bias, type, shape.groups, shape.width), rectify, out.mutable_data_ptr(),
                               on.stream()));
  return out;
}

Tensor joint_affinity(const Tensor& a, const Tensor& b, const Tensor& ptr) {
  const int type = number_type(a, "a");
  STD_TORCH_CHECK(number_type(b, "b") == type && b.sizes().equals(a.sizes()),
                  "`b` must have the shape, type and device of `a`");
  const Given left = joints_of(a, "a"), right = joints_of(b, "b");
  const ClipShape shape{a.size(1), a.size(2), a.size(3)};
  const Tensor starts = torch::stable::contiguous(ptr);
  const OnDeviceOf on(a);
  const Groups sequences = trust_groups(starts, a.size(0), kLongestSequence);
  Tensor out = torch::stable::new_empty(a, {sequences.count, shape.groups, shape.joints, shape.joints}, sum_type(type));
  Tensor parts = make_parts(a, sequences, shape.groups * shape.joints * shape.joints, sum_type(type));
  raise_if(graphkit_joint_affinity(type, &sequences, &shape, &left.joints, &right.joints, out.mutable_data_ptr(),
                                   parts.mutable_data_ptr(), on.stream()));
  return out;
}

Tensor temporal_conv3(const Tensor& x, const Tensor& ptr, const std::optional<Tensor>& bias, bool rectify) {
  const int type = number_type(x, "x");
  STD_TORCH_CHECK(x.dim() == 5 && x.size(2) == 2 && x.size(3) == 3, "`x` must be [F, V, 2, 3, D]");
  const ClipShape shape{x.size(1), 2, x.size(4)};
  const bool together = (shape.width < 2 || x.stride(4) == 1) && x.stride(3) == shape.width &&
                        x.stride(2) == 3 * shape.width;
  const Tensor rows = together ? x : torch::stable::contiguous(x);
  const Joints joints{rows.const_data_ptr(), rows.stride(0), rows.stride(1), shape.width};
  const Tensor starts = torch::stable::contiguous(ptr);
  const OnDeviceOf on(x);
  const Groups sequences = trust_groups(starts, x.size(0), kLongestSequence);
  Tensor out = torch::stable::new_empty(x, {x.size(0), shape.joints, 2, shape.width});
  raise_if(graphkit_temporal_conv3(type, &sequences, &shape, &joints, bias_of(bias, type, 2, shape.width), rectify,
                                 out.mutable_data_ptr(), on.stream()));
  return out;
}

Tensor temporal_conv3_transposed(const Tensor& grad, const Tensor& ptr) {
  const int type = number_type(grad, "grad");
  STD_TORCH_CHECK(grad.dim() == 4 && grad.size(2) == 2, "`grad` must be [F, V, 2, D]");
  const ClipShape shape{grad.size(1), 2, grad.size(3)};
  const Tensor rows = torch::stable::contiguous(grad), starts = torch::stable::contiguous(ptr);
  const OnDeviceOf on(grad);
  const Groups sequences = trust_groups(starts, grad.size(0), kLongestSequence);
  Tensor out = torch::stable::new_empty(grad, {grad.size(0), shape.joints, 2, 3, shape.width});
  raise_if(graphkit_temporal_conv3_transposed(type, &sequences, &shape, rows.const_data_ptr(), out.mutable_data_ptr(),
                                            on.stream()));
  return out;
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_IMPL(graphkit, GRAPHKIT_DEVICE, m) {
  m.impl("joint_mix", TORCH_BOX(&graphkit::joint_mix));
  m.impl("joint_affinity", TORCH_BOX(&graphkit::joint_affinity));
  m.impl("temporal_conv3", TORCH_BOX(&graphkit::temporal_conv3));
  m.impl("temporal_conv3_transposed", TORCH_BOX(&graphkit::temporal_conv3_transposed));
}
