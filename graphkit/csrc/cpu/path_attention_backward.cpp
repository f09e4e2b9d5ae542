// path_attention on the CPU: the backward pass.
#include "path_attention_backward.h"

#include "memory.h"
#include "path_attention.h"

#include <tuple>
#include <vector>

namespace graphkit {
namespace {

// Work division: each unit is some heads over all nodes or, if there are too few heads, over a chunk of nodes with
// separate sums. The division depends on the sizes only, so that results do not depend on the number of threads.
struct Tasks {
  int64_t parts, heads_per_part, chunks;
};

Tasks divide(const PathShapes& s, int64_t lanes) {
  constexpr int64_t kChunk = 1 << 20;  // numbers that are pooled in a chunk: some hundreds of microseconds
  const int64_t per_part = s.padded > lanes ? 1 : kMostVectors * lanes / s.padded;
  const int64_t parts = (s.heads + per_part - 1) / per_part;
  // Their sums take no more than an eighth of what a tensor with all paths would.
  const int64_t most = std::min(1 + s.paths / (8 * s.nodes + 1), s.paths * s.heads * s.padded / kChunk);
  return {parts, per_part, parts > 1 || most < 2 ? 1 : most < 4 ? 2 : 4};
}

// Where chunk c of `chunks` starts: at a node, such that all have about as many paths and nodes.
int64_t chunk_start(const int64_t* ptr, int64_t nodes, int64_t c, int64_t chunks) {
  if (c == chunks) return nodes;
  const int64_t goal = (ptr[nodes] + nodes) / chunks * c;
  int64_t low = 0, high = nodes;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (ptr[middle] + middle < goal) low = middle + 1;
    else high = middle;
  }
  return low;
}

// The gradient of the attention times the attention, summed over the paths of each node.
template <class T>
std::vector<T> attention_delta(const PathShapes& s, const PathPass<T>& a, const T* alpha) {
  std::vector<T> delta(s.nodes * s.heads);
  for (int64_t i = 0; i < s.nodes; ++i) {
    a.interrupt.check();
    for (int64_t e = a.ptr[i]; e < a.ptr[i + 1]; ++e) {
      const int64_t at = a.place[e] * s.heads;
      for (int64_t k = 0; k < s.heads; ++k) delta[i * s.heads + k] += alpha[at + k] * a.grad_alpha[at + k];
    }
  }
  return delta;
}

template <class T>
void backward(const PathShapes& s, PathPass<T> a, const T* alpha, Tensor& grad_h, Tensor& grad_att) {
  std::vector<T> delta;
  if (a.grad_alpha != nullptr) {
    delta = attention_delta(s, a, alpha);
    a.delta = delta.data();
  }
  const int64_t row = s.heads * s.padded;
  const PathKernel<T> kernel = path_kernel<PathBackward, T>(row);
  const Tasks tasks = divide(s, kernel.lanes);
  T* sums = grad_h.mutable_data_ptr<T>();
  // The first chunk adds to the result itself.
  std::vector<std::vector<T>> more(tasks.chunks - 1);
  std::vector<double> att_sums(tasks.chunks * row);
  torch::stable::parallel_for(0, tasks.chunks * tasks.parts, 1, [&](int64_t begin, int64_t end) {
    PathRoom<T> room(s.padded);
    for (int64_t t = begin; t < end; ++t) {
      const int64_t c = t / tasks.parts, k = t % tasks.parts * tasks.heads_per_part;
      PathPass<T> own = a;
      if (c > 0 && more[c - 1].empty()) more[c - 1].resize(s.nodes * row);
      own.grad_h = c > 0 ? more[c - 1].data() : sums;
      own.grad_att = att_sums.data() + c * row;
      kernel.run(own, chunk_start(a.ptr, s.nodes, c, tasks.chunks), chunk_start(a.ptr, s.nodes, c + 1, tasks.chunks),
                 k, std::min(k + tasks.heads_per_part, s.heads), room.get());
    }
  });
  a.interrupt.check();
  for (const std::vector<T>& chunk : more) {
    for (int64_t k = 0; k < s.nodes * row; ++k) sums[k] += chunk[k];
  }
  T* att = grad_att.mutable_data_ptr<T>();
  for (int64_t k = 0; k < row; ++k) {
    double total = 0;
    for (int64_t c = 0; c < tasks.chunks; ++c) total += att_sums[c * row + k];
    att[k] = T(total);
  }
}

template <class T>
void point(PathPass<T>& a, const Tensor& grad, const std::optional<Tensor>& grad_alpha, const Tensor& out,
           const Tensor& norms, Tensor& grad_target, Tensor& grad_weight, bool weight_grad, Tensor& grad_term) {
  a.grad = grad.const_data_ptr<T>();
  a.grad_alpha = grad_alpha.has_value() ? grad_alpha->const_data_ptr<T>() : nullptr;
  a.out = const_cast<T*>(out.const_data_ptr<T>());
  a.highest = const_cast<T*>(norms.const_data_ptr<T>());
  a.inverse = a.highest + norms.size(1) * norms.size(2);
  a.grad_target = grad_target.mutable_data_ptr<T>();
  a.grad_weight = weight_grad ? grad_weight.mutable_data_ptr<T>() : nullptr;
  a.grad_term = a.term != nullptr ? grad_term.mutable_data_ptr<T>() : nullptr;
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> path_attention_backward(
    const Tensor& grad, const std::optional<Tensor>& grad_alpha, const Tensor& h, const Tensor& att,
    const Tensor& target, const std::optional<Tensor>& weight, const Tensor& ptr, const Tensor& paths,
    const Tensor& out, const Tensor& alpha, const Tensor& norms, bool mean, double slope, bool weight_grad,
    const std::optional<Tensor>& term) {
  const PathShapes s = check_path_attention(h, att, target, weight, term, ptr, paths);
  check_sizes("grad", grad, h, {s.nodes, s.heads, s.width});
  check_sizes("out", out, h, {s.nodes, s.heads, s.width});
  check_sizes("norms", norms, h, {2, s.nodes, s.heads});
  const std::optional<Tensor> factor = contiguous(weight), terms = contiguous(term),
                              by_alpha = contiguous(grad_alpha);
  const Tensor attention = torch::stable::contiguous(alpha);
  if (grad_alpha.has_value()) {
    check_sizes("grad_alpha", *grad_alpha, h, {s.paths, s.heads});
    check_sizes("alpha", alpha, h, {s.paths, s.heads});
  }
  const Tensor x = with_width(h, s.padded), vectors = with_width(att, s.padded), g = with_width(grad, s.padded);
  const Tensor y = with_width(out, s.padded);
  const Tensor own = torch::stable::contiguous(target), z = torch::stable::contiguous(norms);
  Tensor grad_h = zero_result(x, {s.nodes, s.heads, s.padded});
  Tensor grad_att = empty_result(x, {s.heads, s.padded});
  Tensor grad_target = empty_result(x, {s.nodes, s.heads});
  const bool wanted = weight_grad && weight.has_value();
  Tensor grad_weight = empty_result(x, {wanted ? s.paths : 0, s.heads});
  Tensor grad_term = empty_result(x, {term.has_value() ? s.paths : 0, s.heads});
  if (x.scalar_type() == ScalarType::Float) {
    auto a = path_pass<float>(s, x, vectors, own, factor, terms, ptr, paths, mean, slope);
    point<float>(a, g, by_alpha, y, z, grad_target, grad_weight, wanted, grad_term);
    backward<float>(s, a, attention.const_data_ptr<float>(), grad_h, grad_att);
  } else {
    auto a = path_pass<double>(s, x, vectors, own, factor, terms, ptr, paths, mean, slope);
    point<double>(a, g, by_alpha, y, z, grad_target, grad_weight, wanted, grad_term);
    backward<double>(s, a, attention.const_data_ptr<double>(), grad_h, grad_att);
  }
  return {with_width(grad_h, s.width), with_width(grad_att, s.width), grad_target, grad_weight, grad_term};
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) {
  m.def(
      "path_attention_backward(Tensor grad, Tensor? grad_alpha, Tensor h, Tensor att, Tensor target, Tensor? weight, "
      "Tensor ptr, Tensor paths, Tensor out, Tensor alpha, Tensor norms, bool mean, float slope, bool weight_grad, "
      "Tensor? term=None) -> (Tensor, Tensor, Tensor, Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) {
  m.impl("path_attention_backward", TORCH_BOX(&graphkit::path_attention_backward));
}
