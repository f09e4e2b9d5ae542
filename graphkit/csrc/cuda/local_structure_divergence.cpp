// local_structure_divergence and its gradient for CUDA tensors.
#include "local_structure_divergence.h"

#include "tensors.h"

#include <tuple>

namespace graphkit {
namespace {

int check(const Tensor& p, const Tensor& q, const Tensor& ptr) {
  const int type = number_type(p, "p");
  STD_TORCH_CHECK(p.dim() == 1 && number_type(q, "q") == type && q.dim() == 1 && q.size(0) == p.size(0),
                  "`p` and `q` must be [E], of the same type and device");
  STD_TORCH_CHECK(ptr.dim() == 1 && ptr.size(0) >= 1, "`ptr` must be a vector");
  return type;
}

// The largest scores of every node.
Tensor find_tops(int type, const Groups& groups, const Tensor& p, const Tensor& q, const OnDeviceOf& on) {
  Tensor top = torch::stable::new_empty(p, {groups.count, 2}, ScalarType::Double);
  Tensor parts = make_parts(p, groups, 2, ScalarType::Double);
  raise_if(graphkit_divergence_tops(type, &groups, p.const_data_ptr(), q.const_data_ptr(),
                                    top.mutable_data_ptr<double>(), parts.mutable_data_ptr<double>(), on.stream()));
  return top;
}

Tensor local_structure_divergence(const Tensor& p, const Tensor& q, const Tensor& ptr) {
  const int type = check(p, q, ptr);
  const Tensor x = torch::stable::contiguous(p), y = torch::stable::contiguous(q);
  const Tensor starts = torch::stable::contiguous(ptr);
  const OnDeviceOf on(x);
  const Groups groups = check_groups(starts, x.size(0), kLongestGroup, on);
  Tensor out = torch::stable::new_empty(x, {groups.count});
  const Tensor top = find_tops(type, groups, x, y, on);
  Tensor parts = make_parts(x, groups, 3, ScalarType::Double);
  raise_if(graphkit_divergence(type, &groups, x.const_data_ptr(), y.const_data_ptr(), top.const_data_ptr<double>(),
                               nullptr, out.mutable_data_ptr(), nullptr, nullptr, parts.mutable_data_ptr<double>(),
                               on.stream()));
  return out;
}

std::tuple<Tensor, Tensor> local_structure_divergence_backward(const Tensor& grad, const Tensor& p, const Tensor& q,
                                                               const Tensor& ptr) {
  const int type = check(p, q, ptr);
  STD_TORCH_CHECK(number_type(grad, "grad") == type && grad.dim() == 1 && grad.size(0) == ptr.size(0) - 1,
                  "`grad` must be [N], of the type and device of `p`");
  const Tensor g = torch::stable::contiguous(grad);
  const Tensor x = torch::stable::contiguous(p), y = torch::stable::contiguous(q);
  const Tensor starts = torch::stable::contiguous(ptr);
  const OnDeviceOf on(x);
  const Groups groups = trust_groups(starts, x.size(0), kLongestGroup);
  Tensor grad_p = torch::stable::new_empty(x, x.sizes()), grad_q = torch::stable::new_empty(x, x.sizes());
  if (x.size(0) == 0) return {grad_p, grad_q};
  const Tensor top = find_tops(type, groups, x, y, on);
  Tensor parts = make_parts(x, groups, 3, ScalarType::Double);
  raise_if(graphkit_divergence(type, &groups, x.const_data_ptr(), y.const_data_ptr(), top.const_data_ptr<double>(),
                               g.const_data_ptr(), nullptr, grad_p.mutable_data_ptr(), grad_q.mutable_data_ptr(),
                               parts.mutable_data_ptr<double>(), on.stream()));
  return {grad_p, grad_q};
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_IMPL(graphkit, GRAPHKIT_DEVICE, m) {
  m.impl("local_structure_divergence", TORCH_BOX(&graphkit::local_structure_divergence));
  m.impl("local_structure_divergence_backward", TORCH_BOX(&graphkit::local_structure_divergence_backward));
}
