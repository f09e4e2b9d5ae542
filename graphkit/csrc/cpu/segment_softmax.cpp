// segment_softmax on the CPU, and its gradient.
//
// Segments are processed in groups that fit in the L1 cache: x - max, one exponential of the whole group, so that
// vectors are full also for short segments, then scaling. A block of a long segment is exponentiated relative to its
// own maximum, and scaled when the maxima of all blocks are available.
#include "segment_kernel.h"

#include <algorithm>
#include <cmath>

namespace graphkit {
namespace {

constexpr int64_t kWindow = 2048;  // numbers exponentiated together

// x = exp(x), and 0 where that is too small for a normal number: a row of minus infinity has no weight at all.
template <class T, int W>
GRAPHKIT_INLINE void exponential_at(T* x) {
  const Vector<T, W> v = load<T, W>(x);
  store<T, W>(x, v < -Exponential<T>::limit ? Vector<T, W>{} : exponential<T, W>(v));
}

template <class T, int B>
GRAPHKIT_INLINE void exponentials(T* x, int64_t count) {
  constexpr int W = B / sizeof(T);
  int64_t k = 0;
  for (; k + W <= count; k += W) exponential_at<T, W>(x + k);
  if (k == count) return;
  T rest[W] = {};
  for (int64_t l = k; l < count; ++l) rest[l - k] = x[l];
  exponential_at<T, W>(rest);
  for (int64_t l = k; l < count; ++l) x[l] = rest[l - k];
}

struct Softmax {
  template <class T, int B>
  static GRAPHKIT_INLINE void run(const SegmentPass<T>& a, const SegmentUnit& u, T* row) {
    for (int64_t first = u.segment, last = first; first < u.last_segment; first = last) {
      do {
        ++last;
      } while (last < u.last_segment && (a.ptr[last + 1] - a.ptr[first]) * a.width <= kWindow);
      window<T, B>(a, u, first, last, row);
    }
  }

  template <class T, int B>
  static GRAPHKIT_INLINE void window(const SegmentPass<T>& a, const SegmentUnit& u, int64_t first, int64_t last,
                                     T* row) {
    const int64_t D = a.width;
    T* highest = u.block < 0 ? row : a.block_out + u.block * D;
    T* total = u.block < 0 ? row : a.block_sum + u.block * D;
    for (int64_t s = first; s < last; ++s) {
      const int64_t begin = first_row(a, u, s), rows = last_row(a, u, s) - begin, at = begin * D;
      if (rows == 0) continue;
      reduce<T, B, Reduce::kMax>(a.x + at, a.x, rows, D, highest);
      map<T, B, Map::kSubtract>(a.x + at, a.x, highest, rows, D, a.out + at);
    }
    const int64_t begin = first_row(a, u, first), end = last_row(a, u, last - 1);
    exponentials<T, B>(a.out + begin * D, (end - begin) * D);
    for (int64_t s = first; s < last; ++s) {
      const int64_t begin = first_row(a, u, s), rows = last_row(a, u, s) - begin, at = begin * D;
      if (rows == 0) continue;
      reduce<T, B, Reduce::kSum>(a.out + at, a.out, rows, D, total);
      if (u.block >= 0) continue;
      for (int64_t d = 0; d < D; ++d) total[d] = T(1) / total[d];
      map<T, B, Map::kScale>(a.out + at, a.out, total, rows, D, a.out + at);
    }
  }
};

// Scaling of the exponentials of blocks of long segments.
struct Scale {
  template <class T, int B>
  static GRAPHKIT_INLINE void run(const SegmentPass<T>& a, const SegmentUnit& u, T*) {
    T* to = a.out + u.begin * a.width;
    map<T, B, Map::kScale>(to, to, a.block_out + u.block * a.width, u.end - u.begin, a.width, to);
  }
};

// dx = y (g - sum of y g over the segment); here x is g.
struct Gradient {
  template <class T, int B>
  static GRAPHKIT_INLINE void run(const SegmentPass<T>& a, const SegmentUnit& u, T* row) {
    const int64_t D = a.width;
    T* total = u.block < 0 ? row : a.block_out + u.block * D;
    for (int64_t s = u.segment; s < u.last_segment; ++s) {
      const int64_t begin = first_row(a, u, s), rows = last_row(a, u, s) - begin, at = begin * D;
      if (rows == 0) continue;
      reduce<T, B, Reduce::kDot>(a.x + at, a.y + at, rows, D, total);
      if (u.block < 0) map<T, B, Map::kSoftmaxGrad>(a.x + at, a.y + at, total, rows, D, a.out + at);
    }
  }
};

struct BlockGradient {
  template <class T, int B>
  static GRAPHKIT_INLINE void run(const SegmentPass<T>& a, const SegmentUnit& u, T*) {
    const int64_t at = u.begin * a.width;
    map<T, B, Map::kSoftmaxGrad>(a.x + at, a.y + at, a.block_out + u.block * a.width, u.end - u.begin, a.width,
                                 a.out + at);
  }
};

template <class T>
void softmax(const SegmentPlan& plan, const Tensor& x, const Tensor& ptr, Tensor& out) {
  const int64_t D = plan.width;
  std::vector<T> highest(plan.num_blocks * D), sums(plan.num_blocks * D);
  SegmentPass<T> a{};
  a.ptr = ptr.const_data_ptr<int64_t>();
  a.width = D;
  a.x = x.const_data_ptr<T>();
  a.out = out.mutable_data_ptr<T>();
  a.block_out = highest.data();
  a.block_sum = sums.data();
  run_segments<Softmax>(a, plan.whole);
  run_segments<Softmax>(a, plan.blocks);
  for (const LongSegment& s : plan.long_segments) {
    for (int64_t d = 0; d < D; ++d) {
      T top = highest[s.first_block * D + d], total = 0;
      for (int64_t b = s.first_block; b < s.last_block; ++b) top = std::max(top, highest[b * D + d]);
      for (int64_t b = s.first_block; b < s.last_block; ++b) {
        T& factor = highest[b * D + d];
        factor = std::exp(factor - top);
        total += sums[b * D + d] * factor;
      }
      for (int64_t b = s.first_block; b < s.last_block; ++b) highest[b * D + d] /= total;
    }
  }
  run_segments<Scale>(a, plan.blocks);
}

template <class T>
void gradient(const SegmentPlan& plan, const Tensor& grad, const Tensor& y, const Tensor& ptr, Tensor& out) {
  const int64_t D = plan.width;
  std::vector<T> dots(plan.num_blocks * D);
  SegmentPass<T> a{};
  a.ptr = ptr.const_data_ptr<int64_t>();
  a.width = D;
  a.x = grad.const_data_ptr<T>();
  a.y = y.const_data_ptr<T>();
  a.out = out.mutable_data_ptr<T>();
  a.block_out = dots.data();
  run_segments<Gradient>(a, plan.whole);
  run_segments<Gradient>(a, plan.blocks);
  for (const LongSegment& s : plan.long_segments) {
    for (int64_t d = 0; d < D; ++d) {
      T total = 0;
      for (int64_t b = s.first_block; b < s.last_block; ++b) total += dots[b * D + d];
      for (int64_t b = s.first_block; b < s.last_block; ++b) dots[b * D + d] = total;
    }
  }
  run_segments<BlockGradient>(a, plan.blocks);
}

Tensor segment_softmax(const Tensor& x, const Tensor& ptr) {
  const Tensor rows = torch::stable::contiguous(x), starts = torch::stable::contiguous(ptr);
  const SegmentPlan plan = plan_segments(rows, starts);
  Tensor out = empty_result(rows, with_rows(rows, plan.rows));
  if (rows.scalar_type() == ScalarType::Float) softmax<float>(plan, rows, starts, out);
  else softmax<double>(plan, rows, starts, out);
  return out;
}

Tensor segment_softmax_backward(const Tensor& grad, const Tensor& out, const Tensor& ptr) {
  const Tensor g = torch::stable::contiguous(grad), y = torch::stable::contiguous(out);
  const Tensor starts = torch::stable::contiguous(ptr);
  const SegmentPlan plan = plan_segments(y, starts);
  STD_TORCH_CHECK(g.is_cpu() && g.scalar_type() == y.scalar_type() && g.dim() == y.dim(),
                  "`grad` must have the type, device and shape of the result");
  for (int64_t k = 0; k < y.dim(); ++k) {
    STD_TORCH_CHECK(g.size(k) == y.size(k), "`grad` must have the type, device and shape of the result");
  }
  Tensor result = empty_result(y, with_rows(y, plan.rows));
  if (y.scalar_type() == ScalarType::Float) gradient<float>(plan, g, y, starts, result);
  else gradient<double>(plan, g, y, starts, result);
  return result;
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) {
  m.def("segment_softmax(Tensor x, Tensor ptr) -> Tensor");
  m.def("segment_softmax_backward(Tensor grad, Tensor out, Tensor ptr) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) {
  m.impl("segment_softmax", TORCH_BOX(&graphkit::segment_softmax));
  m.impl("segment_softmax_backward", TORCH_BOX(&graphkit::segment_softmax_backward));
}
