// segment_max for CUDA tensors.
#include "segment_max.h"

#include "tensors.h"

#include <tuple>

namespace graphkit {
namespace {

std::tuple<Tensor, Tensor> segment_max(const Tensor& x, const Tensor& ptr) {
  const Tensor rows = torch::stable::contiguous(x), starts = torch::stable::contiguous(ptr);
  const int type = number_type(rows, "x");
  STD_TORCH_CHECK(rows.dim() >= 1, "`x` must be [E, ...]");
  const OnDeviceOf on(rows);
  const int64_t width = row_width(rows);
  const Groups groups = check_groups(starts, rows.size(0), kLongestGroup, on);
  Tensor out = torch::stable::new_empty(rows, with_rows(rows, groups.count));
  Tensor arg = torch::stable::new_empty(starts, with_rows(rows, groups.count));
  Tensor part_max = make_parts(rows, groups, width, sum_type(type));
  Tensor part_arg = make_parts(rows, groups, width, ScalarType::Long);
  raise_if(graphkit_segment_max(type, &groups, width, rows.const_data_ptr(), out.mutable_data_ptr(),
                                arg.mutable_data_ptr<int64_t>(), part_max.mutable_data_ptr(),
                                part_arg.mutable_data_ptr<int64_t>(), on.stream()));
  return {out, arg};
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_IMPL(graphkit, GRAPHKIT_DEVICE, m) { m.impl("segment_max", TORCH_BOX(&graphkit::segment_max)); }
