// segment_max on the CPU: the maximum of each column and its first row.
#include "segment_kernel.h"

#include <limits>
#include <tuple>

namespace graphkit {
namespace {

// True if `next` replaces `best`: if it is larger, or the first NaN.
template <class T>
bool is_better(T next, T best) {
  return !(next <= best) && best == best;
}

// Integers in the order of `x`, with equal zeros and NaN above all: a single comparison vectorizes.
template <class T, int W>
GRAPHKIT_INLINE Vector<typename Exponential<T>::Bits, W> order(Vector<T, W> x) {
  using Bits = typename Exponential<T>::Bits;
  constexpr Bits largest = std::numeric_limits<Bits>::max();
  const Vector<Bits, W> bits = (Vector<Bits, W>)(x + T(0));  // -0 + 0 = 0
  const Vector<Bits, W> key = bits ^ ((bits >> int(8 * sizeof(T) - 1)) & largest);
  return x == x ? key : Vector<Bits, W>{} + largest;
}

// Rows are counted from the first one in numbers as wide as those compared: no unit has 2^31 rows.
template <class T, int W>
GRAPHKIT_INLINE void max_columns(const T* x, int64_t rows, int64_t width, int64_t first_row, T* out, int64_t* arg) {
  using Bits = typename Exponential<T>::Bits;
  Vector<T, W> best = load<T, W>(x);
  Vector<Bits, W> key = order<T, W>(best), where = {};
  for (int64_t r = 1; r < rows; ++r) {
    const Vector<T, W> next = load<T, W>(x + r * width);
    const Vector<Bits, W> next_key = order<T, W>(next);
    best = next_key > key ? next : best;
    where = next_key > key ? Vector<Bits, W>{} + Bits(r) : where;
    key = next_key > key ? next_key : key;
  }
  store<T, W>(out, best);
  for (int k = 0; k < W; ++k) arg[k] = first_row + where[k];
}

template <class T, int B>
GRAPHKIT_INLINE void max(const T* x, int64_t rows, int64_t width, int64_t first_row, T* out, int64_t* arg) {
  constexpr int W = B / sizeof(T), smallest = 16 / sizeof(T);
  int64_t d = 0;
  for (; d + W <= width; d += W) max_columns<T, W>(x + d, rows, width, first_row, out + d, arg + d);
  for (; d < width && width >= smallest; d += smallest) {
    const int64_t from = d + smallest <= width ? d : width - smallest;
    max_columns<T, smallest>(x + from, rows, width, first_row, out + from, arg + from);
  }
  for (; d < width; ++d) max_columns<T, 1>(x + d, rows, width, first_row, out + d, arg + d);
}

struct Max {
  template <class T, int B>
  static GRAPHKIT_INLINE void run(const SegmentPass<T>& a, const SegmentUnit& u, T*) {
    const int64_t D = a.width;
    for (int64_t s = u.segment; s < u.last_segment; ++s) {
      const int64_t begin = first_row(a, u, s), rows = last_row(a, u, s) - begin;
      T* to = u.block < 0 ? a.out + s * D : a.block_out + u.block * D;
      int64_t* arg = u.block < 0 ? a.arg + s * D : a.block_arg + u.block * D;
      if (rows > 0) {
        max<T, B>(a.x + begin * D, rows, D, begin, to, arg);
      } else {
        for (int64_t d = 0; d < D; ++d) to[d] = T(0), arg[d] = -1;
      }
    }
  }
};

template <class T>
void maxima(const SegmentPlan& plan, const Tensor& x, const Tensor& ptr, Tensor& out, Tensor& arg) {
  const int64_t D = plan.width;
  std::vector<T> block_out(plan.num_blocks * D);
  std::vector<int64_t> block_arg(plan.num_blocks * D);
  SegmentPass<T> a{};
  a.ptr = ptr.const_data_ptr<int64_t>();
  a.width = D;
  a.x = x.const_data_ptr<T>();
  a.out = out.mutable_data_ptr<T>();
  a.arg = arg.mutable_data_ptr<int64_t>();
  a.block_out = block_out.data();
  a.block_arg = block_arg.data();
  run_segments<Max>(a, plan.whole);
  run_segments<Max>(a, plan.blocks);
  for (const LongSegment& s : plan.long_segments) {
    for (int64_t d = 0; d < D; ++d) {
      int64_t best = s.first_block * D + d;
      for (int64_t b = s.first_block + 1; b < s.last_block; ++b) {
        if (is_better(block_out[b * D + d], block_out[best])) best = b * D + d;
      }
      a.out[s.segment * D + d] = block_out[best];
      a.arg[s.segment * D + d] = block_arg[best];
    }
  }
}

std::tuple<Tensor, Tensor> segment_max(const Tensor& x, const Tensor& ptr) {
  const Tensor rows = torch::stable::contiguous(x), starts = torch::stable::contiguous(ptr);
  const SegmentPlan plan = plan_segments(rows, starts);
  Tensor out = empty_result(rows, with_rows(rows, plan.segments));
  Tensor arg = empty_result(starts, with_rows(rows, plan.segments));
  if (rows.scalar_type() == ScalarType::Float) maxima<float>(plan, rows, starts, out, arg);
  else maxima<double>(plan, rows, starts, out, arg);
  return {out, arg};
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) { m.def("segment_max(Tensor x, Tensor ptr) -> (Tensor, Tensor)"); }

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) { m.impl("segment_max", TORCH_BOX(&graphkit::segment_max)); }
