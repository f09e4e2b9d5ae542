// factor_aggregate on the CPU: schemas, checks, and one compiled kernel per type, pass and layout of the features.
#include "dispatch.h"
#include "factor_aggregate_kernel.h"

#include <optional>
#include <tuple>

namespace graphkit {
namespace {

template <bool Shared, Pass P>
struct AllFactors {
  template <class T, int B>
  static GRAPHKIT_INLINE void run(const FactorPass<T>& a, int64_t first, int64_t last) {
    all_factors<T, B, Shared, P>(a, first, last);
  }
};

template <class T, bool Shared, Pass P>
void run(const FactorPass<T>& a, int64_t num_nodes) {
  run_nodes<AllFactors<Shared, P>, T>(a, num_nodes, a.factors * (a.width + 8));
}

struct Shapes {
  int64_t nodes, factors, width;
  bool shared;
};

Shapes check(const Tensor& h, const Tensor& source, const Tensor& target) {
  const ScalarType type = h.scalar_type();
  STD_TORCH_CHECK(h.is_cpu() && (type == ScalarType::Float || type == ScalarType::Double),
                  "`h` must be float32 or float64 on the CPU");
  STD_TORCH_CHECK(h.dim() == 2 || h.dim() == 3, "`h` must be [N, D] or [N, M, D]");
  for (const Tensor* term : {&source, &target}) {
    STD_TORCH_CHECK(term->is_cpu() && term->scalar_type() == type, "the terms must have the type and device of `h`");
    STD_TORCH_CHECK(term->dim() == 2 && term->size(0) == h.size(0) && term->size(1) == source.size(1),
                    "the terms must both be [N, M]");
  }
  const int64_t factors = source.size(1);
  STD_TORCH_CHECK(h.dim() == 2 || h.size(1) == factors, "`h` must have as many factors as the terms");
  return {h.size(0), factors, h.size(h.dim() - 1), h.dim() == 2};
}

// Terms of edges, and the places of the edges grouped by one of their ends; null if there are none.
struct EdgeTerms {
  Tensor term, place;

  template <class T>
  void set(FactorPass<T>& a) const {
    if (!term.defined()) return;
    a.edge_term = term.const_data_ptr<T>();
    a.place = place.const_data_ptr<int64_t>();
  }
};

EdgeTerms check_edge_terms(const std::optional<Tensor>& edge, const std::optional<Tensor>& place, const Tensor& source,
                           const Tensor& row) {
  if (!edge) return {};
  const int64_t count = row.size(0);
  STD_TORCH_CHECK(edge->is_cpu() && edge->scalar_type() == source.scalar_type() && edge->dim() == 2 &&
                      edge->size(0) == count && edge->size(1) == source.size(1),
                  "`edge` must be [E, M], of the type and device of `h`");
  STD_TORCH_CHECK(place && is_long_vector(*place) && place->is_contiguous() && place->size(0) == count &&
                      all_below(place->const_data_ptr<int64_t>(), count, count),
                  "the places must be a contiguous int64 vector [E] on the CPU with numbers of edges");
  return {torch::stable::contiguous(*edge), *place};
}

template <class T>
void forward(const Shapes& s, const Tensor& h, const Tensor& source, const Tensor& target, const Tensor& colptr,
             const Tensor& row, double gain, const EdgeTerms& terms, Tensor& out) {
  FactorPass<T> a{};
  terms.set(a);
  a.ptr = colptr.const_data_ptr<int64_t>();
  a.other = row.const_data_ptr<int64_t>();
  a.own_term = target.const_data_ptr<T>();
  a.other_term = source.const_data_ptr<T>();
  a.features = h.const_data_ptr<T>();
  a.sums = out.mutable_data_ptr<T>();
  a.factors = s.factors;
  a.width = s.width;
  a.gain = T(gain);
  s.shared ? run<T, true, Pass::kForward>(a, s.nodes) : run<T, false, Pass::kForward>(a, s.nodes);
}

template <class T>
void backward(const Shapes& s, const Tensor& grad, const Tensor& h, const Tensor& source, const Tensor& target,
              const Tensor& colptr, const Tensor& row, const Tensor& rowptr, const Tensor& col, double gain,
              const EdgeTerms& by_target, const EdgeTerms& by_source, Tensor& grad_h, Tensor& grad_source,
              Tensor& grad_target, Tensor& grad_edge) {
  FactorPass<T> a{};
  a.factors = s.factors;
  a.width = s.width;
  a.gain = T(gain);

  a.ptr = colptr.const_data_ptr<int64_t>();
  a.other = row.const_data_ptr<int64_t>();
  a.own_term = target.const_data_ptr<T>();
  a.other_term = source.const_data_ptr<T>();
  a.features = h.const_data_ptr<T>();
  a.partner = grad.const_data_ptr<T>();
  a.products = grad_target.mutable_data_ptr<T>();
  if (by_target.term.defined()) {
    by_target.set(a);
    a.edge_products = grad_edge.mutable_data_ptr<T>();
    s.shared ? run<T, true, Pass::kEdges>(a, s.nodes) : run<T, false, Pass::kEdges>(a, s.nodes);
  } else {
    s.shared ? run<T, true, Pass::kTarget>(a, s.nodes) : run<T, false, Pass::kTarget>(a, s.nodes);
  }

  by_source.set(a);
  std::swap(a.own_term, a.other_term);
  std::swap(a.features, a.partner);
  a.ptr = rowptr.const_data_ptr<int64_t>();
  a.other = col.const_data_ptr<int64_t>();
  a.sums = grad_h.mutable_data_ptr<T>();
  a.products = grad_source.mutable_data_ptr<T>();
  s.shared ? run<T, true, Pass::kSource>(a, s.nodes) : run<T, false, Pass::kSource>(a, s.nodes);
}

// `rowptr`, `col` and `other_place`, the edges grouped by source, are used by the backward pass only.
Tensor factor_aggregate(const Tensor& h, const Tensor& source, const Tensor& target, const Tensor& colptr,
                        const Tensor& row, const std::optional<Tensor>& rowptr, const std::optional<Tensor>& col,
                        double gain, const std::optional<Tensor>& edge, const std::optional<Tensor>& place,
                        const std::optional<Tensor>& other_place) {
  (void)rowptr, (void)col, (void)other_place;
  const Shapes s = check(h, source, target);
  check_groups(colptr, row, s.nodes);
  const EdgeTerms terms = check_edge_terms(edge, place, source, row);
  const Tensor x = torch::stable::contiguous(h);
  const Tensor from = torch::stable::contiguous(source), to = torch::stable::contiguous(target);
  Tensor out = empty_result(x, {s.nodes, s.factors, s.width});
  if (x.scalar_type() == ScalarType::Float) forward<float>(s, x, from, to, colptr, row, gain, terms, out);
  else forward<double>(s, x, from, to, colptr, row, gain, terms, out);
  return out;
}

std::tuple<Tensor, Tensor, Tensor, Tensor> factor_aggregate_backward(
    const Tensor& grad, const Tensor& h, const Tensor& source, const Tensor& target, const Tensor& colptr,
    const Tensor& row, const Tensor& rowptr, const Tensor& col, double gain, const std::optional<Tensor>& edge,
    const std::optional<Tensor>& place, const std::optional<Tensor>& other_place) {
  const Shapes s = check(h, source, target);
  STD_TORCH_CHECK(grad.is_cpu() && grad.scalar_type() == h.scalar_type() && grad.dim() == 3 &&
                      grad.size(0) == s.nodes && grad.size(1) == s.factors && grad.size(2) == s.width,
                  "`grad` must be [N, M, D], of the type and device of `h`");
  check_groups(colptr, row, s.nodes);
  check_groups(rowptr, col, s.nodes);
  const EdgeTerms by_target = check_edge_terms(edge, place, source, row);
  const EdgeTerms by_source = check_edge_terms(edge, other_place, source, col);
  const Tensor g = torch::stable::contiguous(grad), x = torch::stable::contiguous(h);
  const Tensor from = torch::stable::contiguous(source), to = torch::stable::contiguous(target);
  Tensor grad_h = empty_result(x, x.sizes());
  Tensor grad_source = zero_result(x, {s.nodes, s.factors});
  Tensor grad_target = zero_result(x, {s.nodes, s.factors});
  Tensor grad_edge = zero_result(x, {edge ? row.size(0) : 0, s.factors});
  if (x.scalar_type() == ScalarType::Float) {
    backward<float>(s, g, x, from, to, colptr, row, rowptr, col, gain, by_target, by_source, grad_h, grad_source,
                  grad_target, grad_edge);
  } else {
    backward<double>(s, g, x, from, to, colptr, row, rowptr, col, gain, by_target, by_source, grad_h, grad_source,
                   grad_target, grad_edge);
  }
  return {grad_h, grad_source, grad_target, grad_edge};
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) {
  m.def(
      "factor_aggregate(Tensor h, Tensor source, Tensor target, Tensor colptr, Tensor row, Tensor? rowptr, "
      "Tensor? col, float gain, Tensor? edge=None, Tensor? place=None, Tensor? other_place=None) -> Tensor");
  m.def(
      "factor_aggregate_backward(Tensor grad, Tensor h, Tensor source, Tensor target, Tensor colptr, Tensor row, "
      "Tensor rowptr, Tensor col, float gain, Tensor? edge=None, Tensor? place=None, Tensor? other_place=None) -> "
      "(Tensor, Tensor, Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) {
  m.impl("factor_aggregate", TORCH_BOX(&graphkit::factor_aggregate));
  m.impl("factor_aggregate_backward", TORCH_BOX(&graphkit::factor_aggregate_backward));
}
