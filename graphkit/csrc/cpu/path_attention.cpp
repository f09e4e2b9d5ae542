// path_attention on the CPU: schemas, checks and the forward pass.
#include "path_attention.h"

#include "edges.h"
#include "path_attention_forward.h"

#include <tuple>
#include <vector>

namespace graphkit {
namespace {

// 8, 16, or a multiple of 16.
int64_t padded_width(int64_t width) { return width <= kLeastWidth ? kLeastWidth : (width + 15) / 16 * 16; }

template <class T>
void forward(const PathShapes& s, PathPass<T> a, Tensor& out, Tensor& alpha, Tensor& norms) {
  a.out = out.mutable_data_ptr<T>();
  a.alpha = alpha.size(0) == s.paths ? alpha.mutable_data_ptr<T>() : nullptr;
  a.highest = norms.mutable_data_ptr<T>();
  a.inverse = a.highest + s.nodes * s.heads;
  const PathKernel<T> kernel = path_kernel<PathForward, T>(s.heads * s.padded);
  for_groups(a.interrupt, a.ptr, s.nodes, s.heads * (s.padded * (s.hops + 1) + 16), [&](int64_t first, int64_t last) {
    PathRoom<T> room(s.padded);
    kernel.run(a, first, last, 0, s.heads, room.get());
  });
}

// `norms` [2, N, H] has every node's largest score, and one divided by the sum of exponentials relative to that.
std::tuple<Tensor, Tensor, Tensor> path_attention(const Tensor& h, const Tensor& att, const Tensor& target,
                                                  const std::optional<Tensor>& weight, const Tensor& ptr,
                                                  const Tensor& paths, bool mean, double slope, bool attention,
                                                  const std::optional<Tensor>& term) {
  const PathShapes s = check_path_attention(h, att, target, weight, term, ptr, paths);
  const Tensor x = with_width(h, s.padded), vectors = with_width(att, s.padded);
  const Tensor own = torch::stable::contiguous(target);
  const std::optional<Tensor> factor = contiguous(weight), terms = contiguous(term);
  Tensor out = empty_result(x, {s.nodes, s.heads, s.padded});
  Tensor alpha = empty_result(x, {attention ? s.paths : 0, s.heads});
  Tensor norms = empty_result(x, {2, s.nodes, s.heads});
  if (x.scalar_type() == ScalarType::Float) {
    forward<float>(s, path_pass<float>(s, x, vectors, own, factor, terms, ptr, paths, mean, slope), out, alpha, norms);
  } else {
    forward<double>(s, path_pass<double>(s, x, vectors, own, factor, terms, ptr, paths, mean, slope), out, alpha, norms);
  }
  return {with_width(out, s.width), alpha, norms};
}

template <class T>
void copy_rows(const T* from, int64_t width, T* to, int64_t new_width, int64_t rows) {
  const int64_t both = std::min(width, new_width);
  for (int64_t k = 0; k < rows; ++k) {
    std::copy(from + k * width, from + k * width + both, to + k * new_width);
    std::fill(to + k * new_width + both, to + (k + 1) * new_width, T(0));
  }
}

}  // namespace

std::optional<Tensor> contiguous(const std::optional<Tensor>& x) {
  return x.has_value() ? std::optional<Tensor>(torch::stable::contiguous(*x)) : std::nullopt;
}

Tensor with_width(const Tensor& x, int64_t width) {
  const Tensor from = torch::stable::contiguous(x);
  const int64_t last = x.dim() - 1, old_width = x.size(last);
  if (old_width == width) return from;
  std::vector<int64_t> sizes;
  int64_t rows = 1;
  for (int64_t k = 0; k < last; ++k) {
    sizes.push_back(x.size(k));
    rows *= x.size(k);
  }
  sizes.push_back(width);
  Tensor to = empty_result(from, sizes);
  if (x.scalar_type() == ScalarType::Float) {
    copy_rows(from.const_data_ptr<float>(), old_width, to.mutable_data_ptr<float>(), width, rows);
  } else {
    copy_rows(from.const_data_ptr<double>(), old_width, to.mutable_data_ptr<double>(), width, rows);
  }
  return to;
}

void check_sizes(const char* name, const Tensor& x, const Tensor& like, std::initializer_list<int64_t> sizes) {
  bool fits = x.is_cpu() && x.scalar_type() == like.scalar_type() && x.dim() == int64_t(sizes.size());
  int64_t k = 0;
  for (int64_t size : sizes) fits = fits && x.size(k++) == size;
  STD_TORCH_CHECK(fits, "`", name, "` must have the type and device of `h`, and fit its shape and the paths");
}

PathShapes check_path_attention(const Tensor& h, const Tensor& att, const Tensor& target,
                                const std::optional<Tensor>& weight, const std::optional<Tensor>& term,
                                const Tensor& ptr, const Tensor& paths) {
  STD_TORCH_CHECK(
      h.is_cpu() && (h.scalar_type() == ScalarType::Float || h.scalar_type() == ScalarType::Double) && h.dim() == 3,
      "`h` must be float32 or float64 [N, H, D] on the CPU");
  check_paths(ptr, paths, h.size(0));
  const PathShapes s{h.size(0), h.size(1), h.size(2), padded_width(h.size(2)), paths.size(0) - 1, paths.size(1)};
  check_sizes("att", att, h, {s.heads, s.width});
  check_sizes("target", target, h, {s.nodes, s.heads});
  if (weight.has_value()) check_sizes("weight", *weight, h, {s.paths, s.heads});
  if (term.has_value()) check_sizes("term", *term, h, {s.paths, s.heads});
  return s;
}

}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) {
  m.def(
      "path_attention(Tensor h, Tensor att, Tensor target, Tensor? weight, Tensor ptr, Tensor paths, bool mean, "
      "float slope, bool attention, Tensor? term=None) -> (Tensor, Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) { m.impl("path_attention", TORCH_BOX(&graphkit::path_attention)); }
