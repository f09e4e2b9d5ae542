// path_attention and its gradient for CUDA tensors.
#include "path_attention.h"

#include "segment_sum.h"
#include "tensors.h"

#include <optional>
#include <tuple>

namespace graphkit {
namespace {

using OptionalTensor = std::optional<Tensor>;

void check_sizes(const char* name, const Tensor& x, int type, std::initializer_list<int64_t> sizes) {
  bool fits = number_type(x, name) == type && x.dim() == int64_t(sizes.size());
  int64_t k = 0;
  for (int64_t size : sizes) fits = fits && x.size(k++) == size;
  STD_TORCH_CHECK(fits, "`", name, "` must have the type and device of `h`, and fit its shape and the paths");
}

// Validates the arguments of both passes.
Paths check(int type, const Tensor& h, const Tensor& att, const Tensor& target, const OptionalTensor& weight,
            const OptionalTensor& term, const Tensor& ptr, const Tensor& paths, bool mean, double slope) {
  STD_TORCH_CHECK(h.dim() == 3, "`h` must be [N, H, D]");
  STD_TORCH_CHECK(is_on_device(paths) && paths.scalar_type() == ScalarType::Int && paths.dim() == 2 &&
                      paths.is_contiguous() && paths.size(0) >= 2,
                  "grouped paths must be contiguous int32 [L + 1, P] on the CUDA device with L >= 1");
  STD_TORCH_CHECK(ptr.dim() == 1 && ptr.size(0) == h.size(0) + 1, "`ptr` must hold one number more than nodes");
  Paths p{};
  p.hops = paths.size(0) - 1;
  p.count = paths.size(1);
  p.nodes = paths.const_data_ptr<int32_t>();
  p.place = p.nodes + p.hops * p.count;
  p.nodes_count = h.size(0);
  p.heads = h.size(1);
  p.width = h.size(2);
  p.mean = mean;
  p.slope = slope;
  check_sizes("att", att, type, {p.heads, p.width});
  check_sizes("target", target, type, {p.nodes_count, p.heads});
  if (weight.has_value()) check_sizes("weight", *weight, type, {p.count, p.heads});
  if (term.has_value()) check_sizes("term", *term, type, {p.count, p.heads});
  return p;
}

OptionalTensor contiguous(const OptionalTensor& x) {
  return x.has_value() ? OptionalTensor(torch::stable::contiguous(*x)) : std::nullopt;
}

const void* address(const OptionalTensor& x) { return x.has_value() ? x->const_data_ptr() : nullptr; }

// `norms` [2, N, H], in the type of sums, has every node's largest score, and one divided by the sum of exponentials.
std::tuple<Tensor, Tensor, Tensor> path_attention(const Tensor& h, const Tensor& att, const Tensor& target,
                                                  const OptionalTensor& weight, const Tensor& ptr, const Tensor& paths,
                                                  bool mean, double slope, bool attention, const OptionalTensor& term) {
  const int type = number_type(h, "h");
  const ScalarType wide = sum_type(type);
  const Paths p = check(type, h, att, target, weight, term, ptr, paths, mean, slope);
  const OnDeviceOf on(h);
  const Indices nodes{nullptr, p.nodes, p.hops * p.count, p.nodes_count}, places{nullptr, p.place, p.count, p.count};
  const Groups groups = check_groups(ptr, p.count, kLongestGroup, on, &nodes, &places);
  const Tensor x = torch::stable::contiguous(h), vectors = torch::stable::contiguous(att);
  const Tensor terms = torch::stable::contiguous(target);
  const OptionalTensor factor = contiguous(weight), path_terms = contiguous(term);

  Tensor out = torch::stable::new_empty(x, x.sizes());
  Tensor alpha = torch::stable::new_empty(x, {attention ? p.count : 0, p.heads});
  Tensor norms = torch::stable::new_empty(x, {2, p.nodes_count, p.heads}, wide);
  Tensor own = torch::stable::new_empty(paths, {p.count});
  Tensor score = torch::stable::new_empty(x, {p.count, p.heads}, wide);
  raise_if(graphkit_path_owners(&groups, own.mutable_data_ptr<int32_t>(), on.stream()));
  raise_if(graphkit_path_scores(type, &p, own.const_data_ptr<int32_t>(), x.const_data_ptr(), vectors.const_data_ptr(),
                                terms.const_data_ptr(), address(path_terms), nullptr, score.mutable_data_ptr(), nullptr,
                                on.stream()));
  Tensor part_max = make_parts(x, groups, p.heads, wide), part_sum = make_parts(x, groups, p.heads, wide);
  raise_if(graphkit_path_softmax(type, &p, &groups, score.mutable_data_ptr(), address(factor),
                                 attention ? alpha.mutable_data_ptr() : nullptr, norms.mutable_data_ptr(),
                                 part_max.mutable_data_ptr(), part_sum.mutable_data_ptr(), on.stream()));
  Tensor parts = make_parts(x, groups, p.heads * p.width, wide);
  raise_if(graphkit_path_sums(type, &p, &groups, x.const_data_ptr(), score.const_data_ptr(), out.mutable_data_ptr(),
                              parts.mutable_data_ptr(), on.stream()));
  return {out, alpha, norms};
}

// Takes the arguments of path_attention_backward, the paths through each node (`node_ptr` [N + 1], and the path and its
// step, [L * P] each), and `all` [2], the first and last offset of the paths.
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> path_attention_gradients(
    const Tensor& grad, const OptionalTensor& grad_alpha, const Tensor& h, const Tensor& att, const Tensor& target,
    const OptionalTensor& weight, const Tensor& ptr, const Tensor& paths, const Tensor& norms, const Tensor& node_ptr,
    const Tensor& path_of, const Tensor& step_of, const Tensor& all, bool mean, double slope, bool weight_grad,
    const OptionalTensor& term) {
  const int type = number_type(h, "h");
  const ScalarType wide = sum_type(type);
  const Paths p = check(type, h, att, target, weight, term, ptr, paths, mean, slope);
  const int64_t row = p.heads * p.width, through = p.hops * p.count;
  check_sizes("grad", grad, type, {p.nodes_count, p.heads, p.width});
  check_sizes("norms", norms, type == kFloat64 ? kFloat64 : kFloat32, {2, p.nodes_count, p.heads});
  if (grad_alpha.has_value()) check_sizes("grad_alpha", *grad_alpha, type, {p.count, p.heads});
  for (const Tensor* index : {&path_of, &step_of}) {
    STD_TORCH_CHECK(is_on_device(*index) && index->scalar_type() == ScalarType::Int && index->dim() == 1 &&
                        index->is_contiguous() && index->size(0) == through,
                    "the paths through nodes must be contiguous int32 [L * P] on the CUDA device");
  }
  STD_TORCH_CHECK(node_ptr.dim() == 1 && node_ptr.size(0) == p.nodes_count + 1 && all.dim() == 1 && all.size(0) == 2,
                  "`node_ptr` must hold one number more than nodes, and `all` two");
  const OnDeviceOf on(h);
  const Groups groups = trust_groups(ptr, p.count, kLongestGroup);
  const Groups by_node = trust_groups(node_ptr, through, kLongestGroup);
  const Groups one = trust_groups(all, p.count, kLongestGroup);
  const Tensor x = torch::stable::contiguous(h), vectors = torch::stable::contiguous(att);
  const Tensor terms = torch::stable::contiguous(target), g = torch::stable::contiguous(grad);
  const Tensor z = torch::stable::contiguous(norms);
  const OptionalTensor factor = contiguous(weight), by_alpha = contiguous(grad_alpha),
                       path_terms = contiguous(term);

  Tensor own = torch::stable::new_empty(paths, {p.count});
  Tensor score = torch::stable::new_empty(x, {p.count, p.heads}, wide);
  Tensor pull = torch::stable::new_empty(x, {p.count, p.heads}, wide);
  raise_if(graphkit_path_owners(&groups, own.mutable_data_ptr<int32_t>(), on.stream()));
  raise_if(graphkit_path_scores(type, &p, own.const_data_ptr<int32_t>(), x.const_data_ptr(), vectors.const_data_ptr(),
                                terms.const_data_ptr(), address(path_terms), g.const_data_ptr(), score.mutable_data_ptr(),
                                pull.mutable_data_ptr(), on.stream()));

  const bool wanted = weight_grad && weight.has_value();
  Tensor grad_weight = torch::stable::new_empty(x, {wanted ? p.count : 0, p.heads});
  Tensor grad_term = torch::stable::new_empty(x, {term.has_value() ? p.count : 0, p.heads});
  Tensor head_parts = make_parts(x, groups, p.heads, wide);
  raise_if(graphkit_path_softmax_backward(type, &p, &groups, score.mutable_data_ptr(), pull.mutable_data_ptr(),
                                          address(factor), address(by_alpha), z.const_data_ptr(),
                                          wanted ? grad_weight.mutable_data_ptr() : nullptr,
                                          term.has_value() ? grad_term.mutable_data_ptr() : nullptr,
                                          head_parts.mutable_data_ptr(), on.stream()));

  Tensor grad_target = torch::stable::new_empty(x, {p.nodes_count, p.heads}, wide);
  raise_if(graphkit_segment_sum(type == kFloat64 ? kFloat64 : kFloat32, &groups, p.heads, pull.const_data_ptr(),
                                grad_target.mutable_data_ptr(), head_parts.mutable_data_ptr(), on.stream()));
  Tensor grad_att = torch::stable::new_empty(x, {p.heads, p.width});
  Tensor parts = make_parts(x, by_node, row, wide);  // there are at least as many as for the paths themselves
  raise_if(graphkit_path_sums(type, &p, &one, x.const_data_ptr(), pull.const_data_ptr(), grad_att.mutable_data_ptr(),
                              parts.mutable_data_ptr(), on.stream()));
  Tensor grad_h = torch::stable::new_empty(x, x.sizes());
  raise_if(graphkit_path_features(type, &p, &by_node, path_of.const_data_ptr<int32_t>(),
                                  step_of.const_data_ptr<int32_t>(), own.const_data_ptr<int32_t>(), x.const_data_ptr(),
                                  vectors.const_data_ptr(), g.const_data_ptr(), score.const_data_ptr(),
                                  pull.const_data_ptr(), grad_h.mutable_data_ptr(), parts.mutable_data_ptr(),
                                  on.stream()));
  const ScalarType narrow = x.scalar_type();
  return {grad_h, grad_att, narrow == wide ? grad_target : torch::stable::to(grad_target, narrow), grad_weight,
          grad_term};
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) {
  m.def(
      "path_attention_gradients(Tensor grad, Tensor? grad_alpha, Tensor h, Tensor att, Tensor target, Tensor? weight, "
      "Tensor ptr, Tensor paths, Tensor norms, Tensor node_ptr, Tensor path_of, Tensor step_of, Tensor all, bool mean, "
      "float slope, bool weight_grad, Tensor? term=None) -> (Tensor, Tensor, Tensor, Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(graphkit, GRAPHKIT_DEVICE, m) {
  m.impl("path_attention", TORCH_BOX(&graphkit::path_attention));
  m.impl("path_attention_gradients", TORCH_BOX(&graphkit::path_attention_gradients));
}
