// edge_similarity on the CPU: schemas, validation and the order of the edges.
#include "dispatch.h"
#include "edge_similarity_kernel.h"

#include <vector>

namespace graphkit {
namespace {

constexpr int64_t kWorthAThread = 1 << 17;  // products: some 20 microseconds

// Dispatches the measure to a compile-time constant.
template <class F>
void with_measure(int64_t measure, const F& run) {
  STD_TORCH_CHECK(measure >= 0 && measure <= 2, "`measure` must be 0 (dot), 1 (square) or 2 (absolute)");
  if (measure == 0) run(std::integral_constant<Measure, Measure::kDot>{});
  if (measure == 1) run(std::integral_constant<Measure, Measure::kSquare>{});
  if (measure == 2) run(std::integral_constant<Measure, Measure::kAbsolute>{});
}

void check(const Tensor& z, const Tensor& source, const Tensor& target) {
  const ScalarType type = z.scalar_type();
  STD_TORCH_CHECK(z.is_cpu() && z.dim() == 2 && (type == ScalarType::Float || type == ScalarType::Double),
                  "`z` must be float32 or float64 [N, D] on the CPU");
  STD_TORCH_CHECK(z.size(0) < int64_t(1) << 31, "there must be fewer than 2147483648 nodes");
  STD_TORCH_CHECK(is_long_vector(source) && is_long_vector(target) && source.size(0) == target.size(0),
                  "both ends of the edges must be int64 vectors of the same length on the CPU");
}

// Both ends of the edges, checked.
struct Ends {
  Tensor source_tensor, target_tensor;
  const int64_t* source;
  const int64_t* target;
  int64_t count;

  Ends(const Tensor& from, const Tensor& to, int64_t num_nodes)
      : source_tensor(torch::stable::contiguous(from)), target_tensor(torch::stable::contiguous(to)) {
    source = source_tensor.const_data_ptr<int64_t>();
    target = target_tensor.const_data_ptr<int64_t>();
    count = source_tensor.size(0);
    STD_TORCH_CHECK(all_below(source, count, num_nodes) && all_below(target, count, num_nodes),
                    "an edge names a node that does not exist");
  }
};

// Order of the edges by target, or nothing if they are sorted: the row of a target is then read once.
std::vector<int64_t> order_by_target(const Ends& ends, int64_t num_nodes) {
  if (std::is_sorted(ends.target, ends.target + ends.count)) return {};
  std::vector<int64_t> next(num_nodes + 1), order(ends.count);
  count_edges({ends.target}, ends.count, next.data(), num_nodes);
  in_blocks(Interrupt(), ends.count, [&](int64_t first, int64_t last) {
    for (int64_t e = first; e < last; ++e) order[next[ends.target[e]]++] = e;
  });
  return order;
}

template <class T>
void forward(const Tensor& z, const Ends& ends, int64_t measure, Tensor& out) {
  const std::vector<int64_t> order = order_by_target(ends, z.size(0));
  SimilarityPass<T> a{};
  a.z = z.const_data_ptr<T>();
  a.width = z.size(1);
  a.source = ends.source;
  a.target = ends.target;
  a.order = order.empty() ? nullptr : order.data();
  a.out = out.mutable_data_ptr<T>();
  with_measure(measure, [&](auto m) {
    auto* kernel = select_kernel<Similarity<m()>, T, const SimilarityPass<T>&, int64_t, int64_t>();
    const int64_t block = kWorthAThread / (a.width + 8) + 1;  // edges
    torch::stable::parallel_for(0, ends.count, block, [&](int64_t first, int64_t last) {
      for (; first < last && !a.interrupt.came(); first += block) kernel(a, first, std::min(first + block, last));
    });
  });
  a.interrupt.check();
}

template <class T>
void backward(const Tensor& grad, const Tensor& z, const Ends& ends, int64_t measure, Tensor& out) {
  const int64_t num_nodes = z.size(0);
  const T* g = grad.const_data_ptr<T>();
  const T factor = measure == 1 ? T(2) : T(1);
  std::vector<int64_t> ptr(num_nodes + 1);
  std::vector<int32_t> other(2 * ends.count);
  std::vector<T> weight(2 * ends.count);
  count_edges({ends.source, ends.target}, ends.count, ptr.data(), num_nodes);
  std::vector<int64_t> next(ptr.begin(), ptr.end() - 1);
  in_blocks(Interrupt(), ends.count, [&](int64_t first, int64_t last) {
    for (int64_t e = first; e < last; ++e) {
      const int64_t at_source = next[ends.source[e]]++, at_target = next[ends.target[e]]++;
      other[at_source] = int32_t(ends.target[e]);
      other[at_target] = int32_t(ends.source[e]);
      weight[at_source] = weight[at_target] = factor * g[e];
    }
  });
  GradientPass<T> a{};
  a.z = z.const_data_ptr<T>();
  a.width = z.size(1);
  a.ptr = ptr.data();
  a.other = other.data();
  a.weight = weight.data();
  a.out = out.mutable_data_ptr<T>();
  with_measure(measure, [&](auto m) {
    run_nodes<Gradient<m()>, T>(a, num_nodes, a.width + 8);
  });
}

Tensor edge_similarity(const Tensor& z, const Tensor& source, const Tensor& target, int64_t measure) {
  check(z, source, target);
  const Ends ends(source, target, z.size(0));
  const Tensor x = torch::stable::contiguous(z);
  Tensor out = empty_result(x, {ends.count});
  if (x.scalar_type() == ScalarType::Float) forward<float>(x, ends, measure, out);
  else forward<double>(x, ends, measure, out);
  return out;
}

Tensor edge_similarity_backward(const Tensor& grad, const Tensor& z, const Tensor& source, const Tensor& target,
                                int64_t measure) {
  check(z, source, target);
  STD_TORCH_CHECK(grad.is_cpu() && grad.scalar_type() == z.scalar_type() && grad.dim() == 1 &&
                      grad.size(0) == source.size(0),
                  "`grad` must be [E], of the type and device of `z`");
  const Ends ends(source, target, z.size(0));
  const Tensor g = torch::stable::contiguous(grad), x = torch::stable::contiguous(z);
  Tensor out = empty_result(x, x.sizes());
  if (x.scalar_type() == ScalarType::Float) backward<float>(g, x, ends, measure, out);
  else backward<double>(g, x, ends, measure, out);
  return out;
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) {
  m.def("edge_similarity(Tensor z, Tensor source, Tensor target, int measure) -> Tensor");
  m.def("edge_similarity_backward(Tensor grad, Tensor z, Tensor source, Tensor target, int measure) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) {
  m.impl("edge_similarity", TORCH_BOX(&graphkit::edge_similarity));
  m.impl("edge_similarity_backward", TORCH_BOX(&graphkit::edge_similarity_backward));
}
