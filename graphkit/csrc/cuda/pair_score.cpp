// The operators of pair_score for CUDA tensors. Edges were validated when they were grouped.
#include "pair_score.h"

#include "tensors.h"

#include <optional>
#include <tuple>

namespace graphkit {
namespace {

using MaybeTensor = std::optional<Tensor>;

// Validates the features, and returns the edges of the nodes of `own` with those of `other` at their other ends.
NodeEdges check(int type, const Tensor& own, const Tensor& other, const Tensor& att, const Tensor& ptr,
                const Tensor& neighbors, const OnDeviceOf& on) {
  STD_TORCH_CHECK(own.dim() == 3 && other.dim() == 3 && number_type(own, "features") == type &&
                      number_type(other, "features") == type && own.size(1) == other.size(1) &&
                      own.size(2) == other.size(2),
                  "`source` and `target` must be [N, H, C] and [M, H, C], of one type on one device");
  STD_TORCH_CHECK(number_type(att, "att") == type && att.dim() == 2 && att.size(0) == own.size(1) &&
                      att.size(1) == own.size(2),
                  "`att` must be [H, C], of the type and device of `source`");
  STD_TORCH_CHECK(neighbors.dim() == 2 && neighbors.size(1) == 2, "scores need the places of the edges");
  return trust_neighbors(ptr, neighbors, own.size(0), other, neighbors.size(0), on);
}

Tensor pair_score(const Tensor& source, const Tensor& target, const Tensor& att, double slope, const Tensor& ptr,
                  const Tensor& neighbors, const MaybeTensor& other_ptr, const MaybeTensor& other_neighbors) {
  (void)other_ptr, (void)other_neighbors;
  const int type = number_type(source, "source");
  const OnDeviceOf on(source);
  const NodeEdges edges = check(type, target, source, att, ptr, neighbors, on);
  const Tensor x = torch::stable::contiguous(source), y = torch::stable::contiguous(target);
  const Tensor vectors = torch::stable::contiguous(att);
  Tensor out = torch::stable::new_zeros(x, {neighbors.size(0), x.size(1)});
  raise_if(graphkit_pair_score(type, &edges, y.const_data_ptr(), x.const_data_ptr(), vectors.const_data_ptr(), slope,
                               out.mutable_data_ptr(), on.stream()));
  return out;
}

// The gradients of `source` and `target`, and the rows r [M, H, C], whose sum is the gradient of `att`.
std::tuple<Tensor, Tensor, Tensor> pair_score_backward(const Tensor& grad, const Tensor& source, const Tensor& target,
                                                       const Tensor& att, double slope, const Tensor& ptr,
                                                       const Tensor& neighbors, const Tensor& other_ptr,
                                                       const Tensor& other_neighbors) {
  const int type = number_type(source, "source");
  const OnDeviceOf on(source);
  const NodeEdges by_target = check(type, target, source, att, ptr, neighbors, on);
  const NodeEdges by_source = check(type, source, target, att, other_ptr, other_neighbors, on);
  STD_TORCH_CHECK(number_type(grad, "grad") == type && grad.dim() == 2 && grad.size(0) == neighbors.size(0) &&
                      grad.size(0) == other_neighbors.size(0) && grad.size(1) == source.size(1),
                  "`grad` must be [E, H], of the type and device of `source`");
  const Tensor g = torch::stable::contiguous(grad), vectors = torch::stable::contiguous(att);
  const Tensor x = torch::stable::contiguous(source), y = torch::stable::contiguous(target);
  Tensor grad_source = torch::stable::new_empty(x, x.sizes());
  Tensor grad_target = torch::stable::new_empty(y, y.sizes());
  Tensor rows = torch::stable::new_empty(y, y.sizes());
  const int64_t width = row_width(x);
  Tensor parts = make_parts(x, by_target.groups, width, sum_type(type));
  Tensor row_parts = make_parts(x, by_target.groups, width, sum_type(type));
  raise_if(graphkit_pair_score_backward(type, &by_target, g.const_data_ptr(), y.const_data_ptr(), x.const_data_ptr(),
                                        vectors.const_data_ptr(), slope, grad_target.mutable_data_ptr(),
                                        rows.mutable_data_ptr(), parts.mutable_data_ptr(),
                                        row_parts.mutable_data_ptr(), on.stream()));
  Tensor source_parts = make_parts(x, by_source.groups, width, sum_type(type));
  raise_if(graphkit_pair_score_backward(type, &by_source, g.const_data_ptr(), x.const_data_ptr(), y.const_data_ptr(),
                                        vectors.const_data_ptr(), slope, grad_source.mutable_data_ptr(), nullptr,
                                        source_parts.mutable_data_ptr(), nullptr, on.stream()));
  return {grad_source, grad_target, rows};
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_IMPL(graphkit, GRAPHKIT_DEVICE, m) {
  m.impl("pair_score", TORCH_BOX(&graphkit::pair_score));
  m.impl("pair_score_backward", TORCH_BOX(&graphkit::pair_score_backward));
}
