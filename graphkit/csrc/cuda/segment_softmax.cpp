// segment_softmax and its gradient for CUDA tensors.
#include "segment_softmax.h"

#include "tensors.h"

namespace graphkit {
namespace {

Tensor segment_softmax(const Tensor& x, const Tensor& ptr) {
  const Tensor rows = torch::stable::contiguous(x), starts = torch::stable::contiguous(ptr);
  const int type = number_type(rows, "x");
  STD_TORCH_CHECK(rows.dim() >= 1, "`x` must be [E, ...]");
  const OnDeviceOf on(rows);
  const int64_t width = row_width(rows);
  const Groups groups = check_groups(starts, rows.size(0), kLongestGroup, on);
  Tensor out = torch::stable::new_empty(rows, rows.sizes());
  Tensor part_max = make_parts(rows, groups, width, sum_type(type));
  Tensor part_sum = make_parts(rows, groups, width, sum_type(type));
  raise_if(graphkit_segment_softmax(type, &groups, width, rows.const_data_ptr(), out.mutable_data_ptr(),
                                    part_max.mutable_data_ptr(), part_sum.mutable_data_ptr(), on.stream()));
  return out;
}

Tensor segment_softmax_backward(const Tensor& grad, const Tensor& out, const Tensor& ptr) {
  const Tensor g = torch::stable::contiguous(grad), y = torch::stable::contiguous(out);
  const Tensor starts = torch::stable::contiguous(ptr);
  const int type = number_type(y, "out");
  STD_TORCH_CHECK(y.dim() >= 1 && number_type(g, "grad") == type && g.sizes().equals(y.sizes()),
                  "`grad` must have the type, device and shape of the result, [E, ...]");
  const OnDeviceOf on(y);
  const int64_t width = row_width(y);
  const Groups groups = trust_groups(starts, y.size(0), kLongestGroup);
  Tensor result = torch::stable::new_empty(y, y.sizes());
  Tensor parts = make_parts(y, groups, width, sum_type(type));
  raise_if(graphkit_segment_softmax_backward(type, &groups, width, g.const_data_ptr(), y.const_data_ptr(),
                                             result.mutable_data_ptr(), parts.mutable_data_ptr(), on.stream()));
  return result;
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_IMPL(graphkit, GRAPHKIT_DEVICE, m) {
  m.impl("segment_softmax", TORCH_BOX(&graphkit::segment_softmax));
  m.impl("segment_softmax_backward", TORCH_BOX(&graphkit::segment_softmax_backward));
}
