// factor_aggregate and its gradient for CUDA tensors.
#include "factor_aggregate.h"

#include "tensors.h"

#include <optional>
#include <tuple>

namespace graphkit {
namespace {

// Validates the features and terms, and sets all fields except for the groups.
FactorEdges check(int type, const Tensor& h, const Tensor& source, const Tensor& target, double gain) {
  STD_TORCH_CHECK(h.dim() == 2 || h.dim() == 3, "`h` must be [N, D] or [N, M, D]");
  for (const Tensor* term : {&source, &target}) {
    STD_TORCH_CHECK(number_type(*term, "term") == type, "the terms must have the type and device of `h`");
    STD_TORCH_CHECK(term->dim() == 2 && term->size(0) == h.size(0) && term->size(1) == source.size(1),
                    "the terms must both be [N, M]");
  }
  STD_TORCH_CHECK(h.dim() == 2 || h.size(1) == source.size(1), "`h` must have as many factors as the terms");
  return {{}, nullptr, source.size(1), h.size(h.dim() - 1), h.dim() == 2, gain, nullptr, nullptr};
}

// Contiguous terms of edges, or nothing.
std::optional<Tensor> check_edge_terms(int type, const std::optional<Tensor>& edge, int64_t count, int64_t factors) {
  if (!edge) return std::nullopt;
  STD_TORCH_CHECK(number_type(*edge, "edge") == type && edge->dim() == 2 && edge->size(0) == count &&
                      edge->size(1) == factors,
                  "`edge` must be [E, M], of the type and device of `h`");
  return torch::stable::contiguous(*edge);
}

void set_edge_terms(FactorEdges& edges, const std::optional<Tensor>& terms, const std::optional<Tensor>& place) {
  if (!terms) return;
  STD_TORCH_CHECK(place && place->dim() == 1 && place->scalar_type() == ScalarType::Long && is_on_device(*place) &&
                      place->is_contiguous() && place->size(0) == terms->size(0),
                  "the places must be a contiguous int64 vector [E] on the CUDA device");
  edges.edge_term = terms->const_data_ptr();
  edges.place = place->const_data_ptr<int64_t>();
}

// `rowptr`, `col` and `other_place`, the edges grouped by source, are used by the backward pass only.
Tensor factor_aggregate(const Tensor& h, const Tensor& source, const Tensor& target, const Tensor& colptr,
                        const Tensor& row, const std::optional<Tensor>& rowptr, const std::optional<Tensor>& col,
                        double gain, const std::optional<Tensor>& edge, const std::optional<Tensor>& place,
                        const std::optional<Tensor>& other_place) {
  (void)rowptr, (void)col, (void)other_place;
  const int type = number_type(h, "h");
  FactorEdges edges = check(type, h, source, target, gain);
  const Tensor x = torch::stable::contiguous(h);
  const Tensor from = torch::stable::contiguous(source), to = torch::stable::contiguous(target);
  STD_TORCH_CHECK(colptr.dim() == 1 && colptr.size(0) == x.size(0) + 1 && row.dim() == 1,
                  "`colptr` must hold one number more than there are nodes");
  const OnDeviceOf on(x);
  const Indices sources = indices_of(row, x.size(0));
  edges.groups = check_groups(colptr, row.size(0), kLongestGroup, on, &sources);
  edges.other = row.const_data_ptr<int64_t>();
  const std::optional<Tensor> terms = check_edge_terms(type, edge, row.size(0), edges.factors);
  set_edge_terms(edges, terms, place);
  Tensor out = torch::stable::new_empty(x, {x.size(0), edges.factors, edges.width});
  Tensor parts = make_parts(x, edges.groups, edges.factors * edges.width, sum_type(type));
  raise_if(graphkit_factor_aggregate(type, &edges, x.const_data_ptr(), from.const_data_ptr(), to.const_data_ptr(),
                                     out.mutable_data_ptr(), parts.mutable_data_ptr(), on.stream()));
  return out;
}

std::tuple<Tensor, Tensor, Tensor, Tensor> factor_aggregate_backward(
    const Tensor& grad, const Tensor& h, const Tensor& source, const Tensor& target, const Tensor& colptr,
    const Tensor& row, const Tensor& rowptr, const Tensor& col, double gain, const std::optional<Tensor>& edge,
    const std::optional<Tensor>& place, const std::optional<Tensor>& other_place) {
  const int type = number_type(h, "h");
  FactorEdges edges = check(type, h, source, target, gain);
  const int64_t nodes = h.size(0), factors = edges.factors;
  STD_TORCH_CHECK(number_type(grad, "grad") == type && grad.dim() == 3 && grad.size(0) == nodes &&
                      grad.size(1) == factors && grad.size(2) == edges.width,
                  "`grad` must be [N, M, D], of the type and device of `h`");
  const Tensor g = torch::stable::contiguous(grad), x = torch::stable::contiguous(h);
  const Tensor from = torch::stable::contiguous(source), to = torch::stable::contiguous(target);
  for (const Tensor* ptr : {&colptr, &rowptr}) {
    STD_TORCH_CHECK(ptr->dim() == 1 && ptr->size(0) == nodes + 1, "`ptr` must hold one number more than nodes");
  }
  STD_TORCH_CHECK(row.dim() == 1 && col.dim() == 1 && col.size(0) == row.size(0) && row.is_contiguous() &&
                      col.is_contiguous() && is_on_device(row) && is_on_device(col),
                  "`row` and `col` must be contiguous vectors on the CUDA device, one number per edge");
  const OnDeviceOf on(x);
  const ScalarType wide = sum_type(type);
  Tensor grad_h = torch::stable::new_empty(x, x.sizes());
  Tensor grad_source = torch::stable::new_zeros(x, {nodes, factors}, wide);
  Tensor grad_target = torch::stable::new_zeros(x, {nodes, factors}, wide);
  const std::optional<Tensor> terms = check_edge_terms(type, edge, row.size(0), factors);
  Tensor grad_edge = torch::stable::new_zeros(x, {terms ? row.size(0) : 0, factors});

  edges.groups = trust_groups(colptr, row.size(0), kLongestGroup);
  set_edge_terms(edges, terms, place);
  edges.other = row.const_data_ptr<int64_t>();
  Tensor parts = make_parts(x, edges.groups, factors, wide);
  raise_if(graphkit_factor_aggregate_by_target(
      type, &edges, g.const_data_ptr(), x.const_data_ptr(), from.const_data_ptr(), to.const_data_ptr(),
      grad_target.mutable_data_ptr(), parts.mutable_data_ptr(), on.stream()));
  if (terms) {
    raise_if(graphkit_factor_aggregate_by_edge(type, &edges, g.const_data_ptr(), x.const_data_ptr(),
                                               from.const_data_ptr(), to.const_data_ptr(),
                                               grad_edge.mutable_data_ptr(), on.stream()));
  }

  edges.groups = trust_groups(rowptr, col.size(0), kLongestGroup);
  set_edge_terms(edges, terms, other_place);
  edges.other = col.const_data_ptr<int64_t>();
  Tensor feature_parts = make_parts(x, edges.groups, row_width(x), wide);
  raise_if(graphkit_factor_aggregate_by_source(
      type, &edges, g.const_data_ptr(), x.const_data_ptr(), from.const_data_ptr(), to.const_data_ptr(),
      grad_h.mutable_data_ptr(), grad_source.mutable_data_ptr(), feature_parts.mutable_data_ptr(),
      parts.mutable_data_ptr(), on.stream()));

  const ScalarType narrow = x.scalar_type();
  return {grad_h, narrow == wide ? grad_source : torch::stable::to(grad_source, narrow),
          narrow == wide ? grad_target : torch::stable::to(grad_target, narrow), grad_edge};
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_IMPL(graphkit, GRAPHKIT_DEVICE, m) {
  m.impl("factor_aggregate", TORCH_BOX(&graphkit::factor_aggregate));
  m.impl("factor_aggregate_backward", TORCH_BOX(&graphkit::factor_aggregate_backward));
}
