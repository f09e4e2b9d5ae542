// edge_similarity and its gradient for CUDA tensors.
#include "edge_similarity.h"

#include "tensors.h"

namespace graphkit {
namespace {

bool is_long_vector(const Tensor& t) { return t.dim() == 1 && t.scalar_type() == ScalarType::Long; }

Tensor edge_similarity(const Tensor& z, const Tensor& source, const Tensor& target, int64_t measure) {
  const int type = number_type(z, "z");
  STD_TORCH_CHECK(z.dim() == 2 && is_long_vector(source) && is_long_vector(target) && source.size(0) == target.size(0),
                  "`z` must be [N, D], and both ends of the edges int64 vectors of the same length");
  const Tensor x = torch::stable::contiguous(z);
  const Tensor from = torch::stable::contiguous(source), to = torch::stable::contiguous(target);
  const Indices first = indices_of(from, z.size(0)), second = indices_of(to, z.size(0));
  const OnDeviceOf on(x);
  check_indices(from, on, first, second);
  Tensor out = torch::stable::new_empty(x, {from.size(0)});
  raise_if(graphkit_edge_similarity(type, int(measure), x.const_data_ptr(), x.size(0), x.size(1), first.wide,
                                    second.wide, from.size(0), out.mutable_data_ptr(), on.stream()));
  return out;
}

// Takes the arguments of edge_similarity_backward, with the ends of edges grouped by node instead of the edges: `ptr`
// [N + 1], and the node at the other end and the edge of each end, [2 E].
Tensor edge_similarity_gradient(const Tensor& grad, const Tensor& z, const Tensor& ptr, const Tensor& other,
                                const Tensor& edge, int64_t measure) {
  const int type = number_type(z, "z");
  STD_TORCH_CHECK(z.dim() == 2 && ptr.dim() == 1 && ptr.size(0) == z.size(0) + 1 && is_long_vector(other) &&
                      is_long_vector(edge) && edge.size(0) == other.size(0),
                  "`z` must be [N, D], `ptr` hold one number more than nodes, and the ends of edges be int64");
  STD_TORCH_CHECK(number_type(grad, "grad") == type && grad.dim() == 1 && 2 * grad.size(0) == other.size(0),
                  "`grad` must be [E], of the type and device of `z`");
  const Indices ends = indices_of(other, z.size(0)), edges = indices_of(edge, grad.size(0));
  const Tensor g = torch::stable::contiguous(grad), x = torch::stable::contiguous(z);
  const OnDeviceOf on(x);
  const Groups groups = trust_groups(ptr, other.size(0), kLongestGroup);
  Tensor out = torch::stable::new_empty(x, x.sizes());
  Tensor parts = make_parts(x, groups, x.size(1), sum_type(type));
  raise_if(graphkit_edge_similarity_backward(type, int(measure), &groups, x.const_data_ptr(), x.size(1), ends.wide,
                                             edges.wide, g.const_data_ptr(), g.size(0), out.mutable_data_ptr(),
                                             parts.mutable_data_ptr(), on.stream()));
  return out;
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) {
  m.def(
      "edge_similarity_gradient(Tensor grad, Tensor z, Tensor ptr, Tensor other, Tensor edge, int measure) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(graphkit, GRAPHKIT_DEVICE, m) {
  m.impl("edge_similarity", TORCH_BOX(&graphkit::edge_similarity));
  m.impl("edge_similarity_gradient", TORCH_BOX(&graphkit::edge_similarity_gradient));
}
