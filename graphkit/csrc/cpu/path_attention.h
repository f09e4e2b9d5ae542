// Common code of the passes of path_attention: validation, padding and kernel selection.
#pragma once

#include "path_attention_kernel.h"
#include "paths.h"

#include <memory>
#include <optional>

namespace graphkit {

struct PathShapes {
  int64_t nodes, heads, width, padded, hops, paths;
};

// Validates the arguments of both passes.
PathShapes check_path_attention(const Tensor& h, const Tensor& att, const Tensor& target,
                                const std::optional<Tensor>& weight, const std::optional<Tensor>& term,
                                const Tensor& ptr, const Tensor& paths);

// Raises unless `x` is contiguous, of the type and device of `like`, and has the sizes.
void check_sizes(const char* name, const Tensor& x, const Tensor& like, std::initializer_list<int64_t> sizes);

std::optional<Tensor> contiguous(const std::optional<Tensor>& x);

// `x` [..., D] with rows made longer by zeros, or cut to their old length again; `x` itself, contiguous, if they fit.
Tensor with_width(const Tensor& x, int64_t width);

template <class T>
PathPass<T> path_pass(const PathShapes& s, const Tensor& h, const Tensor& att, const Tensor& target,
                      const std::optional<Tensor>& weight, const std::optional<Tensor>& term, const Tensor& ptr,
                      const Tensor& paths, bool mean, double slope) {
  PathPass<T> a{};
  a.ptr = ptr.const_data_ptr<int64_t>();
  a.paths = paths.const_data_ptr<int32_t>();
  a.place = a.paths + s.hops * s.paths;
  a.num_paths = s.paths;
  a.hops = s.hops;
  a.heads = s.heads;
  a.width = s.padded;
  a.h = h.const_data_ptr<T>();
  a.att = att.const_data_ptr<T>();
  a.target = target.const_data_ptr<T>();
  a.weight = weight.has_value() ? weight->const_data_ptr<T>() : nullptr;
  a.term = term.has_value() ? term->const_data_ptr<T>() : nullptr;
  a.slope = T(slope);
  a.mean = mean;
  return a;
}

#if defined(__x86_64__)
template <class Pass, class T>
GRAPHKIT_AVX512 void path_avx512(const PathPass<T>& a, int64_t first, int64_t last, int64_t begin, int64_t end,
                                 T* room) {
  heads<Pass, T, 64 / sizeof(T)>(a, first, last, begin, end, room);
}

template <class Pass, class T>
GRAPHKIT_AVX2 void path_avx2(const PathPass<T>& a, int64_t first, int64_t last, int64_t begin, int64_t end, T* room) {
  heads<Pass, T, 32 / sizeof(T)>(a, first, last, begin, end, room);
}
#endif

template <class Pass, class T>
void path_base(const PathPass<T>& a, int64_t first, int64_t last, int64_t begin, int64_t end, T* room) {
  heads<Pass, T, 16 / sizeof(T)>(a, first, last, begin, end, room);
}

// The kernel with the widest supported vectors that divide the row of a node, and their width.
template <class T>
struct PathKernel {
  void (*run)(const PathPass<T>& a, int64_t first, int64_t last, int64_t begin, int64_t end, T* room);
  int64_t lanes;
};

template <class Pass, class T>
PathKernel<T> path_kernel(int64_t row) {
  (void)row;
#if defined(__x86_64__)
  if (machine() == Machine::kAvx512 && row % (64 / sizeof(T)) == 0) return {path_avx512<Pass, T>, 64 / sizeof(T)};
  if (machine() != Machine::kBase && row % (32 / sizeof(T)) == 0) return {path_avx2<Pass, T>, 32 / sizeof(T)};
#endif
  return {path_base<Pass, T>, 16 / sizeof(T)};
}

// Scratch space of a call: the pooled features of a window plus one row, for any layout of the blocks.
template <class T>
class PathRoom {
 public:
  explicit PathRoom(int64_t width) : memory_(new T[(kPaths + 1) * std::max<int64_t>(width, 64) + 64 / sizeof(T)]) {}
  T* get() { return reinterpret_cast<T*>((reinterpret_cast<uintptr_t>(memory_.get()) + 63) / 64 * 64); }

 private:
  std::unique_ptr<T[]> memory_;
};

}  // namespace graphkit
