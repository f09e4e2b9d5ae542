// aggregate on the CPU: schemas, checks, and one compiled kernel per type and pass.
#include "aggregate_kernel.h"

#include <optional>
#include <tuple>

namespace graphkit {
namespace {

template <Aggregate A>
struct Reduction {
  template <class T, int B>
  static GRAPHKIT_INLINE void run(const AggregatePass<T>& a, int64_t first, int64_t last) {
    aggregate_nodes<T, B, A>(a, first, last);
  }
};

struct Dot {
  template <class T, int B>
  static GRAPHKIT_INLINE void run(const AggregatePass<T>& a, int64_t first, int64_t last) {
    dot_nodes<T, B>(a, first, last);
  }
};

#if defined(__x86_64__)
template <class P, class T>
GRAPHKIT_AVX512 void avx512(const AggregatePass<T>& a, int64_t first, int64_t last) {
  P::template run<T, 64>(a, first, last);
}

template <class P, class T>
GRAPHKIT_AVX2 void avx2(const AggregatePass<T>& a, int64_t first, int64_t last) {
  P::template run<T, 32>(a, first, last);
}
#endif

template <class P, class T>
void base(const AggregatePass<T>& a, int64_t first, int64_t last) {
  P::template run<T, 16>(a, first, last);
}

template <class P, class T>
void run(const AggregatePass<T>& a, int64_t num_nodes) {
  auto* kernel = base<P, T>;
#if defined(__x86_64__)
  if (machine() == Machine::kAvx512) kernel = avx512<P, T>;
  if (machine() == Machine::kAvx2) kernel = avx2<P, T>;
#endif
  for_groups(a.interrupt, a.ptr, num_nodes, a.heads * (a.width + 8),
             [&](int64_t first, int64_t last) { kernel(a, first, last); });
}

// Raises unless `x` [N, H, C] is float32 or float64 on the CPU.
void check_features(const char* name, const Tensor& x) {
  STD_TORCH_CHECK(x.is_cpu() && x.dim() == 3 &&
                      (x.scalar_type() == ScalarType::Float || x.scalar_type() == ScalarType::Double),
                  "`", name, "` must be float32 or float64 [N, H, C] on the CPU");
}

void check_like(const char* name, const Tensor& t, const Tensor& x, std::initializer_list<int64_t> sizes) {
  bool fits = t.is_cpu() && t.scalar_type() == x.scalar_type() && t.dim() == int64_t(sizes.size());
  int64_t k = 0;
  for (int64_t size : sizes) fits = fits && t.size(k++) == size;
  STD_TORCH_CHECK(fits, "`", name, "` must have the type and device of `x`, and fit its shape and the edges");
}

std::optional<Tensor> dense(const std::optional<Tensor>& t) {
  if (!t.has_value()) return std::nullopt;
  return torch::stable::contiguous(*t);
}

template <class T>
const T* data(const std::optional<Tensor>& t) {
  return t.has_value() ? t->const_data_ptr<T>() : nullptr;
}

template <class T>
AggregatePass<T> pass_of(const Tensor& x, const Tensor& ptr, const Tensor& neighbors) {
  AggregatePass<T> a{};
  a.ptr = ptr.const_data_ptr<int64_t>();
  a.neighbors = neighbors.const_data_ptr<int32_t>();
  a.stride = neighbors.size(1);
  a.heads = x.size(1);
  a.width = x.size(2);
  a.x = x.const_data_ptr<T>();
  return a;
}

template <class T>
void sum(const Tensor& x, const std::optional<Tensor>& weight, const std::optional<Tensor>& other_scale,
         const std::optional<Tensor>& own_scale, double loop, const Tensor& ptr, const Tensor& neighbors, Tensor& out) {
  AggregatePass<T> a = pass_of<T>(x, ptr, neighbors);
  a.weight = data<T>(weight);
  a.other_scale = data<T>(other_scale);
  a.own_scale = data<T>(own_scale);
  a.loop = T(loop);
  a.out = out.mutable_data_ptr<T>();
  if (a.weight == nullptr) a.width *= a.heads, a.heads = 1;
  if (a.weight != nullptr) run<Reduction<Aggregate::kWeightedSum>>(a, out.size(0));
  else if (a.other_scale != nullptr) run<Reduction<Aggregate::kScaledSum>>(a, out.size(0));
  else run<Reduction<Aggregate::kSum>>(a, out.size(0));
}

// `other_ptr` and `other_neighbors`, the edges grouped by their other end, are used by the backward pass only.
Tensor aggregate_sum(const Tensor& x, const std::optional<Tensor>& weight, const std::optional<Tensor>& other_scale,
                     const std::optional<Tensor>& own_scale, double loop, const Tensor& ptr, const Tensor& neighbors,
                     const std::optional<Tensor>& other_ptr, const std::optional<Tensor>& other_neighbors) {
  (void)other_ptr, (void)other_neighbors;
  check_features("x", x);
  const int64_t nodes = ptr.size(0) - 1, places = weight.has_value() ? weight->size(0) : neighbors.size(0);
  STD_TORCH_CHECK(!weight.has_value() || neighbors.size(1) == 2, "weights need the places of the edges");
  if (weight.has_value()) check_like("weight", *weight, x, {places, x.size(1)});
  if (other_scale.has_value()) check_like("other_scale", *other_scale, x, {x.size(0)});
  if (own_scale.has_value()) check_like("own_scale", *own_scale, x, {nodes});
  STD_TORCH_CHECK(loop == 0 || nodes == x.size(0), "loops need as many sources as targets");
  check_neighbors(ptr, neighbors, nodes, x.size(0), places);
  const Tensor rows = torch::stable::contiguous(x);
  Tensor out = torch::stable::new_empty(rows, {nodes, x.size(1), x.size(2)});
  const auto w = dense(weight), s = dense(other_scale), t = dense(own_scale);
  if (x.scalar_type() == ScalarType::Float) sum<float>(rows, w, s, t, loop, ptr, neighbors, out);
  else sum<double>(rows, w, s, t, loop, ptr, neighbors, out);
  return out;
}

template <class T>
void maximum(const Tensor& x, const Tensor& ptr, const Tensor& neighbors, Tensor& out, Tensor& count) {
  AggregatePass<T> a = pass_of<T>(x, ptr, neighbors);
  a.out = out.mutable_data_ptr<T>();
  a.count = count.size(0) == out.size(0) ? count.mutable_data_ptr<T>() : nullptr;
  a.width *= a.heads, a.heads = 1;
  run<Reduction<Aggregate::kMax>>(a, out.size(0));
}

std::tuple<Tensor, Tensor> aggregate_max(const Tensor& x, const Tensor& ptr, const Tensor& neighbors,
                                         const std::optional<Tensor>& other_ptr,
                                         const std::optional<Tensor>& other_neighbors, bool counts) {
  (void)other_ptr, (void)other_neighbors;
  check_features("x", x);
  const int64_t nodes = ptr.size(0) - 1;
  check_neighbors(ptr, neighbors, nodes, x.size(0), neighbors.size(0));
  const Tensor rows = torch::stable::contiguous(x);
  Tensor out = torch::stable::new_empty(rows, {nodes, x.size(1), x.size(2)});
  Tensor count = torch::stable::new_empty(rows, {counts ? nodes : 0, x.size(1), x.size(2)});
  if (x.scalar_type() == ScalarType::Float) maximum<float>(rows, ptr, neighbors, out, count);
  else maximum<double>(rows, ptr, neighbors, out, count);
  return {out, count};
}

template <class T>
void match(const Tensor& x, const Tensor& key, const Tensor& own, const Tensor& ptr, const Tensor& neighbors,
           Tensor& out) {
  AggregatePass<T> a = pass_of<T>(x, ptr, neighbors);
  a.key = key.const_data_ptr<T>();
  a.own = own.const_data_ptr<T>();
  a.out = out.mutable_data_ptr<T>();
  a.width *= a.heads, a.heads = 1;
  run<Reduction<Aggregate::kMatch>>(a, out.size(0));
}

Tensor aggregate_match(const Tensor& x, const Tensor& key, const Tensor& own, const Tensor& ptr,
                       const Tensor& neighbors, const Tensor& other_ptr, const Tensor& other_neighbors) {
  (void)other_ptr, (void)other_neighbors;
  check_features("x", x);
  const int64_t nodes = ptr.size(0) - 1;
  check_like("key", key, x, {x.size(0), x.size(1), x.size(2)});
  check_like("own", own, x, {nodes, x.size(1), x.size(2)});
  check_neighbors(ptr, neighbors, nodes, x.size(0), neighbors.size(0));
  const Tensor rows = torch::stable::contiguous(x), keys = torch::stable::contiguous(key);
  const Tensor owns = torch::stable::contiguous(own);
  Tensor out = torch::stable::new_empty(rows, {nodes, x.size(1), x.size(2)});
  if (x.scalar_type() == ScalarType::Float) match<float>(rows, keys, owns, ptr, neighbors, out);
  else match<double>(rows, keys, owns, ptr, neighbors, out);
  return out;
}

template <class T>
void dots(const Tensor& own, const Tensor& x, const std::optional<Tensor>& other_scale,
          const std::optional<Tensor>& own_scale, const Tensor& ptr, const Tensor& neighbors, Tensor& out) {
  AggregatePass<T> a = pass_of<T>(x, ptr, neighbors);
  a.own = own.const_data_ptr<T>();
  a.other_scale = data<T>(other_scale);
  a.own_scale = data<T>(own_scale);
  a.out = out.mutable_data_ptr<T>();
  run<Dot>(a, own.size(0));
}

Tensor aggregate_dot(const Tensor& own, const Tensor& x, const std::optional<Tensor>& other_scale,
                     const std::optional<Tensor>& own_scale, const Tensor& ptr, const Tensor& neighbors,
                     const Tensor& other_ptr, const Tensor& other_neighbors) {
  (void)other_ptr, (void)other_neighbors;
  check_features("x", x);
  const int64_t nodes = ptr.size(0) - 1, places = neighbors.size(0);
  STD_TORCH_CHECK(neighbors.size(1) == 2, "products need the places of the edges");
  check_like("own", own, x, {nodes, x.size(1), x.size(2)});
  if (other_scale.has_value()) check_like("other_scale", *other_scale, x, {x.size(0)});
  if (own_scale.has_value()) check_like("own_scale", *own_scale, x, {nodes});
  check_neighbors(ptr, neighbors, nodes, x.size(0), places);
  const Tensor rows = torch::stable::contiguous(x), owns = torch::stable::contiguous(own);
  Tensor out = torch::stable::new_zeros(rows, {places, x.size(1)});
  const auto s = dense(other_scale), t = dense(own_scale);
  if (x.scalar_type() == ScalarType::Float) dots<float>(owns, rows, s, t, ptr, neighbors, out);
  else dots<double>(owns, rows, s, t, ptr, neighbors, out);
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
      "aggregate_dot(Tensor own, Tensor x, Tensor? other_scale, Tensor? own_scale, Tensor ptr, Tensor neighbors, "
      "Tensor other_ptr, Tensor other_neighbors) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) {
  m.impl("aggregate_sum", TORCH_BOX(&graphkit::aggregate_sum));
  m.impl("aggregate_max", TORCH_BOX(&graphkit::aggregate_max));
  m.impl("aggregate_match", TORCH_BOX(&graphkit::aggregate_match));
  m.impl("aggregate_dot", TORCH_BOX(&graphkit::aggregate_dot));
}
