// aggregate on the CPU: schemas, checks, and one compiled kernel per type and pass.
#include "aggregate_kernel.h"

#include <cstring>
#include <optional>
#include <tuple>
#include <type_traits>

namespace graphkit {
namespace {

template <class P, class S>
void run(const AggregatePass<S>& a, int64_t num_nodes) {
  run_nodes<P, S>(a, num_nodes, a.heads * (a.width + 8));
}

bool is_half(ScalarType type) { return type == ScalarType::BFloat16 || type == ScalarType::Half; }

// The type of sums, weights and factors.
ScalarType sum_type(const Tensor& x) { return is_half(x.scalar_type()) ? ScalarType::Float : x.scalar_type(); }

// Calls run(S{}) for the type S of the features.
template <class F>
void with_type(const Tensor& x, const F& run) {
  const ScalarType type = x.scalar_type();
  if (type == ScalarType::Float) run(float{});
  else if (type == ScalarType::Double) run(double{});
  else if (type == ScalarType::BFloat16) run(BFloat16{});
  else run(Float16{});
}

void check_features(const char* name, const Tensor& x) {
  const ScalarType type = x.scalar_type();
  STD_TORCH_CHECK(
      x.is_cpu() && x.dim() == 3 && (type == ScalarType::Float || type == ScalarType::Double || is_half(type)),
      "`", name, "` must be float32, float64, bfloat16 or float16 [N, H, C] on the CPU");
}

void check_sizes(const char* name, const Tensor& t, ScalarType type, std::initializer_list<int64_t> sizes) {
  bool fits = t.is_cpu() && t.scalar_type() == type && t.dim() == int64_t(sizes.size());
  int64_t k = 0;
  for (int64_t size : sizes) fits = fits && t.size(k++) == size;
  STD_TORCH_CHECK(fits, "`", name, "` must have the device of `x` and its type, float32 for factors of 16-bit features, "
                  "and fit its shape and the edges");
}

std::optional<Tensor> dense(const std::optional<Tensor>& t) {
  if (!t.has_value()) return std::nullopt;
  return torch::stable::contiguous(*t);
}

template <class T>
const T* data(const std::optional<Tensor>& t) {
  return t.has_value() ? t->const_data_ptr<T>() : nullptr;
}

template <class S>
const S* rows_of(const Tensor& t) {
  return static_cast<const S*>(t.const_data_ptr());
}

template <class S>
S* rows_of(Tensor& t) {
  return static_cast<S*>(t.mutable_data_ptr());
}

template <class S>
AggregatePass<S> pass_of(const Tensor& x, const Tensor& ptr, const Tensor& neighbors) {
  AggregatePass<S> a{};
  a.ptr = ptr.const_data_ptr<int64_t>();
  a.neighbors = neighbors.const_data_ptr<int32_t>();
  a.stride = neighbors.size(1);
  a.heads = x.size(1);
  a.width = x.size(2);
  a.x = rows_of<S>(x);
  return a;
}

// The same pass with all heads as one, for kernels that treat them alike.
template <class S>
AggregatePass<S> as_one_head(AggregatePass<S> a) {
  a.width *= a.heads, a.heads = 1;
  return a;
}

// `other_ptr` and `other_neighbors`, the edges grouped by their other end, are used by the backward pass only.
Tensor aggregate_sum(const Tensor& x, const std::optional<Tensor>& weight, const std::optional<Tensor>& other_scale,
                     const std::optional<Tensor>& own_scale, double loop, const Tensor& ptr, const Tensor& neighbors,
                     const std::optional<Tensor>& other_ptr, const std::optional<Tensor>& other_neighbors) {
  (void)other_ptr, (void)other_neighbors;
  check_features("x", x);
  const int64_t nodes = ptr.size(0) - 1, places = weight.has_value() ? weight->size(0) : neighbors.size(0);
  STD_TORCH_CHECK(!weight.has_value() || neighbors.size(1) == 2, "weights need the places of the edges");
  if (weight.has_value()) check_sizes("weight", *weight, sum_type(x), {places, x.size(1)});
  if (other_scale.has_value()) check_sizes("other_scale", *other_scale, sum_type(x), {x.size(0)});
  if (own_scale.has_value()) check_sizes("own_scale", *own_scale, sum_type(x), {nodes});
  STD_TORCH_CHECK(loop == 0 || nodes == x.size(0), "loops need as many sources as targets");
  check_neighbors(ptr, neighbors, nodes, x.size(0), places);
  const Tensor rows = torch::stable::contiguous(x);
  Tensor out = empty_result(rows, {nodes, x.size(1), x.size(2)});
  const auto factors = dense(weight), others = dense(other_scale), owns = dense(own_scale);
  with_type(x, [&](auto s) {
    using S = decltype(s);
    using T = Computed<S>;
    AggregatePass<S> a = pass_of<S>(rows, ptr, neighbors);
    a.weight = data<T>(factors);
    a.other_scale = data<T>(others);
    a.own_scale = data<T>(owns);
    a.loop = T(loop);
    a.out = rows_of<S>(out);
    if (a.weight != nullptr) run<Reduction<Aggregate::kWeightedSum>>(a, nodes);
    else if (a.other_scale != nullptr) run<Reduction<Aggregate::kScaledSum>>(as_one_head(a), nodes);
    else run<Reduction<Aggregate::kSum>>(as_one_head(a), nodes);
  });
  return out;
}

std::tuple<Tensor, Tensor> aggregate_max(const Tensor& x, const Tensor& ptr, const Tensor& neighbors,
                                         const std::optional<Tensor>& other_ptr,
                                         const std::optional<Tensor>& other_neighbors, bool counts) {
  (void)other_ptr, (void)other_neighbors;
  check_features("x", x);
  const int64_t nodes = ptr.size(0) - 1;
  check_neighbors(ptr, neighbors, nodes, x.size(0), neighbors.size(0));
  const Tensor rows = torch::stable::contiguous(x);
  Tensor out = empty_result(rows, {nodes, x.size(1), x.size(2)});
  Tensor count = empty_result(rows, {counts ? nodes : 0, x.size(1), x.size(2)});
  with_type(x, [&](auto s) {
    AggregatePass<decltype(s)> a = pass_of<decltype(s)>(rows, ptr, neighbors);
    a.out = rows_of<decltype(s)>(out);
    a.second = counts ? rows_of<decltype(s)>(count) : nullptr;
    run<Reduction<Aggregate::kMax>>(as_one_head(a), nodes);
  });
  return {out, count};
}

// The variance over the edges into each node, and the mean.
std::tuple<Tensor, Tensor> aggregate_variance(const Tensor& x, const Tensor& ptr, const Tensor& neighbors,
                                              const std::optional<Tensor>& other_ptr,
                                              const std::optional<Tensor>& other_neighbors) {
  (void)other_ptr, (void)other_neighbors;
  check_features("x", x);
  STD_TORCH_CHECK(!is_half(x.scalar_type()), "variances are computed in float32 or float64");
  const int64_t nodes = ptr.size(0) - 1;
  check_neighbors(ptr, neighbors, nodes, x.size(0), neighbors.size(0));
  const Tensor rows = torch::stable::contiguous(x);
  Tensor out = empty_result(rows, {nodes, x.size(1), x.size(2)});
  Tensor mean = empty_result(rows, {nodes, x.size(1), x.size(2)});
  const auto compute = [&](auto s) {
    AggregatePass<decltype(s)> a = pass_of<decltype(s)>(rows, ptr, neighbors);
    a.out = rows_of<decltype(s)>(out);
    a.second = rows_of<decltype(s)>(mean);
    run<Reduction<Aggregate::kVariance>>(as_one_head(a), nodes);
  };
  if (x.scalar_type() == ScalarType::Float) compute(float{});
  else compute(double{});
  return {out, mean};
}

// A sum over edges of what depends on a row of the node and two rows of the other end.
template <Aggregate A>
Tensor compare(const Tensor& x, const Tensor& key, const Tensor& own, const Tensor& ptr, const Tensor& neighbors,
               const Tensor& other_ptr, const Tensor& other_neighbors) {
  (void)other_ptr, (void)other_neighbors;
  check_features("x", x);
  const int64_t nodes = ptr.size(0) - 1;
  check_sizes("key", key, x.scalar_type(), {x.size(0), x.size(1), x.size(2)});
  check_sizes("own", own, x.scalar_type(), {nodes, x.size(1), x.size(2)});
  check_neighbors(ptr, neighbors, nodes, x.size(0), neighbors.size(0));
  const Tensor rows = torch::stable::contiguous(x), keys = torch::stable::contiguous(key);
  const Tensor owns = torch::stable::contiguous(own);
  Tensor out = empty_result(rows, {nodes, x.size(1), x.size(2)});
  with_type(x, [&](auto s) {
    AggregatePass<decltype(s)> a = pass_of<decltype(s)>(rows, ptr, neighbors);
    a.key = rows_of<decltype(s)>(keys);
    a.own = rows_of<decltype(s)>(owns);
    a.out = rows_of<decltype(s)>(out);
    run<Reduction<A>>(as_one_head(a), nodes);
  });
  return out;
}

Tensor aggregate_dot(const Tensor& own, const Tensor& x, const std::optional<Tensor>& other_scale,
                     const std::optional<Tensor>& own_scale, const Tensor& ptr, const Tensor& neighbors,
                     const Tensor& other_ptr, const Tensor& other_neighbors) {
  (void)other_ptr, (void)other_neighbors;
  check_features("x", x);
  const int64_t nodes = ptr.size(0) - 1, places = neighbors.size(0);
  STD_TORCH_CHECK(neighbors.size(1) == 2, "products need the places of the edges");
  check_sizes("own", own, x.scalar_type(), {nodes, x.size(1), x.size(2)});
  if (other_scale.has_value()) check_sizes("other_scale", *other_scale, sum_type(x), {x.size(0)});
  if (own_scale.has_value()) check_sizes("own_scale", *own_scale, sum_type(x), {nodes});
  check_neighbors(ptr, neighbors, nodes, x.size(0), places);
  const Tensor rows = torch::stable::contiguous(x), targets = torch::stable::contiguous(own);
  Tensor out = zero_result(rows, {places, x.size(1)}, sum_type(x));
  const auto others = dense(other_scale), owns = dense(own_scale);
  with_type(x, [&](auto s) {
    using S = decltype(s);
    AggregatePass<S> a = pass_of<S>(rows, ptr, neighbors);
    a.own = rows_of<S>(targets);
    a.other_scale = data<Computed<S>>(others);
    a.own_scale = data<Computed<S>>(owns);
    a.dots = out.mutable_data_ptr<Computed<S>>();
    run<Dot>(a, nodes);
  });
  return out;
}

// The rows of `x` [E, H] in the order of the grouped edges, out[e] = x[place[e]]; or `back`, out[place[e]] = x[e].
Tensor move_rows(const Tensor& x, const Tensor& neighbors, bool back) {
  STD_TORCH_CHECK(x.is_cpu() && x.dim() == 2, "`x` must be [E, H] on the CPU");
  STD_TORCH_CHECK(neighbors.is_cpu() && neighbors.scalar_type() == ScalarType::Int && neighbors.dim() == 2 &&
                      neighbors.is_contiguous() && neighbors.size(0) == x.size(0) && neighbors.size(1) == 2,
                  "`neighbors` must be contiguous int32 [E, 2] on the CPU");
  const int32_t* places = neighbors.const_data_ptr<int32_t>() + 1;
  const int64_t count = x.size(0), bytes = x.size(1) * int64_t(x.element_size());
  const Tensor rows = torch::stable::contiguous(x);
  const char* from = static_cast<const char*>(rows.const_data_ptr());
  // Places that do not exist are refused; those that are missing get zeros.
  Tensor out = back ? zero_result(rows, x.sizes()) : empty_result(rows, x.sizes());
  char* to = static_cast<char*>(out.mutable_data_ptr());
  uint32_t bits = 0;
  for (int64_t e = 0; e < count; ++e) bits |= uint32_t(places[2 * e]) | (uint32_t(count - 1) - uint32_t(places[2 * e]));
  STD_TORCH_CHECK(bits >> 31 == 0, "an edge names a place that does not exist");
  const auto move = [&](auto size) {
    const int64_t step = size() > 0 ? size() : bytes;
    in_blocks(Interrupt(), count, [&](int64_t first, int64_t last) {
      for (int64_t e = first; e < last; ++e) {
        const int64_t place = places[2 * e];
        if (back) std::memcpy(to + place * step, from + e * step, step);
        else std::memcpy(to + e * step, from + place * step, step);
      }
    });
  };
  if (bytes == 4) move(std::integral_constant<int64_t, 4>());
  else if (bytes == 16) move(std::integral_constant<int64_t, 16>());
  else if (bytes == 32) move(std::integral_constant<int64_t, 32>());
  else move(std::integral_constant<int64_t, 0>());
  return out;
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) {
  m.def(
      "aggregate_sum(Tensor x, Tensor? weight, Tensor? other_scale, Tensor? own_scale, float loop, Tensor ptr, "
      "Tensor neighbors, Tensor? other_ptr, Tensor? other_neighbors) -> Tensor");
  m.def(
      "aggregate_max(Tensor x, Tensor ptr, Tensor neighbors, Tensor? other_ptr, Tensor? other_neighbors, "
      "bool counts) -> (Tensor, Tensor)");
  m.def(
      "aggregate_match(Tensor x, Tensor key, Tensor own, Tensor ptr, Tensor neighbors, Tensor other_ptr, "
      "Tensor other_neighbors) -> Tensor");
  m.def(
      "aggregate_variance(Tensor x, Tensor ptr, Tensor neighbors, Tensor? other_ptr, Tensor? other_neighbors) -> "
      "(Tensor, Tensor)");
  m.def(
      "aggregate_deviation(Tensor x, Tensor key, Tensor own, Tensor ptr, Tensor neighbors, Tensor other_ptr, "
      "Tensor other_neighbors) -> Tensor");
  m.def("move_rows(Tensor x, Tensor neighbors, bool back) -> Tensor");
  m.def(
      "aggregate_dot(Tensor own, Tensor x, Tensor? other_scale, Tensor? own_scale, Tensor ptr, Tensor neighbors, "
      "Tensor other_ptr, Tensor other_neighbors) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) {
  m.impl("aggregate_sum", TORCH_BOX(&graphkit::aggregate_sum));
  m.impl("aggregate_max", TORCH_BOX(&graphkit::aggregate_max));
  m.impl("aggregate_match", TORCH_BOX(&graphkit::compare<graphkit::Aggregate::kMatch>));
  m.impl("aggregate_variance", TORCH_BOX(&graphkit::aggregate_variance));
  m.impl("aggregate_deviation", TORCH_BOX(&graphkit::compare<graphkit::Aggregate::kDeviation>));
  m.impl("move_rows", TORCH_BOX(&graphkit::move_rows));
  m.impl("aggregate_dot", TORCH_BOX(&graphkit::aggregate_dot));
}
