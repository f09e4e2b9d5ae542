// The operators of aggregate for CUDA tensors. Edges were validated when they were grouped; kernels are safe for any.
#include "aggregate.h"

#include "tensors.h"

#include <initializer_list>
#include <optional>
#include <tuple>

namespace graphkit {
namespace {

using MaybeTensor = std::optional<Tensor>;

int check_features(const char* name, const Tensor& x) {
  const int type = number_type(x, name);
  STD_TORCH_CHECK(x.dim() == 3, "`", name, "` must be [N, H, C]");
  return type;
}

void check_like(const char* name, const Tensor& t, ScalarType type, std::initializer_list<int64_t> sizes) {
  bool fits = is_on_device(t) && t.scalar_type() == type && t.dim() == int64_t(sizes.size());
  int64_t k = 0;
  for (int64_t size : sizes) fits = fits && t.size(k++) == size;
  STD_TORCH_CHECK(fits, "`", name, "` must have the device of `x`, its type (float32 for factors of 16-bit features) ",
                  "and fit its shape and the edges");
}

// A factor in the type of sums, contiguous, if there is one.
MaybeTensor check_factor(const char* name, const MaybeTensor& t, int type, std::initializer_list<int64_t> sizes) {
  if (!t.has_value()) return std::nullopt;
  check_like(name, *t, sum_type(type), sizes);
  return torch::stable::contiguous(*t);
}

const void* data(const MaybeTensor& t) { return t.has_value() ? t->const_data_ptr() : nullptr; }

// `other_ptr` and `other_neighbors`, the edges grouped by their other end, are used by the backward passes only.
Tensor aggregate_sum(const Tensor& x, const MaybeTensor& weight, const MaybeTensor& other_scale,
                     const MaybeTensor& own_scale, double loop, const Tensor& ptr, const Tensor& neighbors,
                     const MaybeTensor& other_ptr, const MaybeTensor& other_neighbors) {
  (void)other_ptr, (void)other_neighbors;
  const int type = check_features("x", x);
  const int64_t nodes = ptr.size(0) - 1, places = weight.has_value() ? weight->size(0) : neighbors.size(0);
  const OnDeviceOf on(x);
  const NodeEdges edges = trust_neighbors(ptr, neighbors, nodes, x, places, on);
  STD_TORCH_CHECK(!weight.has_value() || edges.stride == 2, "weights need the places of the edges");
  STD_TORCH_CHECK(loop == 0 || nodes == x.size(0), "loops need as many sources as targets");
  const MaybeTensor w = check_factor("weight", weight, type, {places, x.size(1)});
  const MaybeTensor s = check_factor("other_scale", other_scale, type, {x.size(0)});
  const MaybeTensor t = check_factor("own_scale", own_scale, type, {nodes});
  const Tensor rows = torch::stable::contiguous(x);
  Tensor out = torch::stable::new_empty(rows, {nodes, x.size(1), x.size(2)});
  Tensor parts = make_parts(rows, edges.groups, row_width(rows), sum_type(type));
  const NodeScales scales{data(s), data(t)};
  raise_if(graphkit_aggregate_sum(type, &edges, &scales, loop, rows.const_data_ptr(), data(w), out.mutable_data_ptr(),
                                  parts.mutable_data_ptr(), on.stream()));
  return out;
}

std::tuple<Tensor, Tensor> aggregate_max(const Tensor& x, const Tensor& ptr, const Tensor& neighbors,
                                         const MaybeTensor& other_ptr, const MaybeTensor& other_neighbors,
                                         bool counts) {
  (void)other_ptr, (void)other_neighbors;
  const int type = check_features("x", x);
  const int64_t nodes = ptr.size(0) - 1;
  const OnDeviceOf on(x);
  const NodeEdges edges = trust_neighbors(ptr, neighbors, nodes, x, neighbors.size(0), on);
  const Tensor rows = torch::stable::contiguous(x);
  const ScalarType wide = sum_type(type);
  Tensor out = torch::stable::new_empty(rows, {nodes, x.size(1), x.size(2)});
  Tensor count = torch::stable::new_empty(rows, {counts ? nodes : 0, x.size(1), x.size(2)});
  Tensor part_max = make_parts(rows, edges.groups, row_width(rows), wide);
  Tensor part_count = make_parts(rows, edges.groups, row_width(rows), wide);
  raise_if(graphkit_aggregate_max(type, &edges, rows.const_data_ptr(), out.mutable_data_ptr(),
                                  counts ? count.mutable_data_ptr() : nullptr, part_max.mutable_data_ptr(),
                                  part_count.mutable_data_ptr(), on.stream()));
  return {out, count};
}

// The variance over the edges into each node, and the mean.
std::tuple<Tensor, Tensor> aggregate_variance(const Tensor& x, const Tensor& ptr, const Tensor& neighbors,
                                              const MaybeTensor& other_ptr, const MaybeTensor& other_neighbors) {
  (void)other_ptr, (void)other_neighbors;
  const int type = check_features("x", x);
  const int64_t nodes = ptr.size(0) - 1;
  const OnDeviceOf on(x);
  const NodeEdges edges = trust_neighbors(ptr, neighbors, nodes, x, neighbors.size(0), on);
  const Tensor rows = torch::stable::contiguous(x);
  Tensor out = torch::stable::new_empty(rows, {nodes, x.size(1), x.size(2)});
  Tensor mean = torch::stable::new_empty(rows, {nodes, x.size(1), x.size(2)});
  Tensor part_mean = make_parts(rows, edges.groups, row_width(rows), sum_type(type));
  Tensor part_square = make_parts(rows, edges.groups, row_width(rows), sum_type(type));
  Tensor part_count = make_parts(rows, edges.groups, row_width(rows), sum_type(type));
  raise_if(graphkit_aggregate_variance(type, &edges, rows.const_data_ptr(), out.mutable_data_ptr(),
                                       mean.mutable_data_ptr(), part_mean.mutable_data_ptr(),
                                       part_square.mutable_data_ptr(), part_count.mutable_data_ptr(), on.stream()));
  return {out, mean};
}

template <bool Deviation>
Tensor compare(const Tensor& x, const Tensor& key, const Tensor& own, const Tensor& ptr, const Tensor& neighbors,
               const Tensor& other_ptr, const Tensor& other_neighbors) {
  (void)other_ptr, (void)other_neighbors;
  const int type = check_features("x", x);
  const int64_t nodes = ptr.size(0) - 1;
  const OnDeviceOf on(x);
  const NodeEdges edges = trust_neighbors(ptr, neighbors, nodes, x, neighbors.size(0), on);
  check_like("key", key, x.scalar_type(), {x.size(0), x.size(1), x.size(2)});
  check_like("own", own, x.scalar_type(), {nodes, x.size(1), x.size(2)});
  const Tensor rows = torch::stable::contiguous(x), keys = torch::stable::contiguous(key);
  const Tensor owns = torch::stable::contiguous(own);
  Tensor out = torch::stable::new_empty(rows, {nodes, x.size(1), x.size(2)});
  Tensor parts = make_parts(rows, edges.groups, row_width(rows), sum_type(type));
  raise_if(graphkit_aggregate_compare(type, Deviation, &edges, rows.const_data_ptr(), keys.const_data_ptr(),
                                      owns.const_data_ptr(), out.mutable_data_ptr(), parts.mutable_data_ptr(),
                                      on.stream()));
  return out;
}

Tensor aggregate_dot(const Tensor& own, const Tensor& x, const MaybeTensor& other_scale, const MaybeTensor& own_scale,
                     const Tensor& ptr, const Tensor& neighbors, const Tensor& other_ptr,
                     const Tensor& other_neighbors) {
  (void)other_ptr, (void)other_neighbors;
  const int type = check_features("x", x);
  const int64_t nodes = ptr.size(0) - 1, places = neighbors.size(0);
  const OnDeviceOf on(x);
  const NodeEdges edges = trust_neighbors(ptr, neighbors, nodes, x, places, on);
  STD_TORCH_CHECK(edges.stride == 2, "products need the places of the edges");
  check_like("own", own, x.scalar_type(), {nodes, x.size(1), x.size(2)});
  const MaybeTensor s = check_factor("other_scale", other_scale, type, {x.size(0)});
  const MaybeTensor t = check_factor("own_scale", own_scale, type, {nodes});
  const Tensor rows = torch::stable::contiguous(x), owns = torch::stable::contiguous(own);
  Tensor out = torch::stable::new_zeros(rows, {places, x.size(1)}, sum_type(type));
  const NodeScales scales{data(s), data(t)};
  raise_if(graphkit_aggregate_dot(type, &edges, &scales, owns.const_data_ptr(), rows.const_data_ptr(),
                                  out.mutable_data_ptr(), on.stream()));
  return out;
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_IMPL(graphkit, GRAPHKIT_DEVICE, m) {
  m.impl("aggregate_sum", TORCH_BOX(&graphkit::aggregate_sum));
  m.impl("aggregate_max", TORCH_BOX(&graphkit::aggregate_max));
  m.impl("aggregate_match", TORCH_BOX(&graphkit::compare<false>));
  m.impl("aggregate_variance", TORCH_BOX(&graphkit::aggregate_variance));
  m.impl("aggregate_deviation", TORCH_BOX(&graphkit::compare<true>));
  m.impl("aggregate_dot", TORCH_BOX(&graphkit::aggregate_dot));
}
