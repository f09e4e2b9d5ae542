// segment_sum and segment_expand for CUDA tensors.
#include "segment_sum.h"

#include "tensors.h"

namespace graphkit {
namespace {

Tensor segment_sum(const Tensor& x, const Tensor& ptr) {
  const Tensor rows = torch::stable::contiguous(x), starts = torch::stable::contiguous(ptr);
  const int type = number_type(rows, "x");
  STD_TORCH_CHECK(rows.dim() >= 1, "`x` must be [E, ...]");
  const OnDeviceOf on(rows);
  const int64_t width = row_width(rows);
  const Groups groups = check_groups(starts, rows.size(0), kLongestGroup, on);
  Tensor out = torch::stable::new_empty(rows, with_rows(rows, groups.count));
  Tensor parts = make_parts(rows, groups, width, sum_type(type));
  raise_if(graphkit_segment_sum(type, &groups, width, rows.const_data_ptr(), out.mutable_data_ptr(),
                                parts.mutable_data_ptr(), on.stream()));
  return out;
}

Tensor segment_expand(const Tensor& x, const Tensor& ptr, int64_t num_rows) {
  const Tensor values = torch::stable::contiguous(x), starts = torch::stable::contiguous(ptr);
  const int type = number_type(values, "x");
  STD_TORCH_CHECK(values.dim() >= 1 && num_rows >= 0, "`x` must be [S, ...], and the number of rows not negative");
  STD_TORCH_CHECK(starts.dim() == 1 && starts.size(0) == values.size(0) + 1,
                  "`ptr` must hold one number more than `x` has rows");
  const OnDeviceOf on(values);
  const Groups groups = trust_groups(starts, num_rows, kLongestGroup);
  Tensor out = torch::stable::new_empty(values, with_rows(values, num_rows));
  raise_if(graphkit_segment_expand(type, &groups, row_width(values), values.const_data_ptr(), out.mutable_data_ptr(),
                                   on.stream()));
  return out;
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_IMPL(graphkit, GRAPHKIT_DEVICE, m) {
  m.impl("segment_sum", TORCH_BOX(&graphkit::segment_sum));
  m.impl("segment_expand", TORCH_BOX(&graphkit::segment_expand));
}
