// segment_sum on the CPU, and its transpose: expansion of the values of each segment to its rows.
#include "segment_kernel.h"

namespace graphkit {
namespace {

struct Sum {
  template <class T, int B>
  static GRAPHKIT_INLINE void run(const SegmentPass<T>& a, const SegmentUnit& u, T*) {
    const int64_t D = a.width;
    for (int64_t s = u.segment; s < u.last_segment; ++s) {
      const int64_t begin = first_row(a, u, s), rows = last_row(a, u, s) - begin;
      T* to = u.block < 0 ? a.out + s * D : a.block_out + u.block * D;
      if (rows > 0) reduce<T, B, Reduce::kSum>(a.x + begin * D, a.x, rows, D, to);
      else __builtin_memset(to, 0, D * sizeof(T));
    }
  }
};

struct Expand {
  template <class T, int B>
  static GRAPHKIT_INLINE void run(const SegmentPass<T>& a, const SegmentUnit& u, T*) {
    const int64_t D = a.width;
    for (int64_t s = u.segment; s < u.last_segment; ++s) {
      const int64_t begin = first_row(a, u, s), rows = last_row(a, u, s) - begin;
      map<T, B, Map::kExpand>(a.x, a.x, a.x + s * D, rows, D, a.out + begin * D);
    }
  }
};

template <class T>
void sum(const SegmentPlan& plan, const Tensor& x, const Tensor& ptr, Tensor& out) {
  std::vector<T> block_out(plan.num_blocks * plan.width);
  SegmentPass<T> a{};
  a.ptr = ptr.const_data_ptr<int64_t>();
  a.width = plan.width;
  a.x = x.const_data_ptr<T>();
  a.out = out.mutable_data_ptr<T>();
  a.block_out = block_out.data();
  run_segments<Sum>(a, plan.whole);
  run_segments<Sum>(a, plan.blocks);
  // The blocks of a segment are summed like a segment; their number does not depend on the number of threads.
  for (const LongSegment& s : plan.long_segments) {
    T* to = a.out + s.segment * plan.width;
    for (int64_t d = 0; d < plan.width; ++d) to[d] = a.block_out[s.first_block * plan.width + d];
    for (int64_t b = s.first_block + 1; b < s.last_block; ++b) {
      for (int64_t d = 0; d < plan.width; ++d) to[d] += a.block_out[b * plan.width + d];
    }
  }
}

template <class T>
void expand(const SegmentPlan& plan, const Tensor& x, const Tensor& ptr, Tensor& out) {
  SegmentPass<T> a{};
  a.ptr = ptr.const_data_ptr<int64_t>();
  a.width = plan.width;
  a.x = x.const_data_ptr<T>();
  a.out = out.mutable_data_ptr<T>();
  run_segments<Expand>(a, plan.whole);
  run_segments<Expand>(a, plan.blocks);
}

Tensor segment_sum(const Tensor& x, const Tensor& ptr) {
  const Tensor rows = torch::stable::contiguous(x), starts = torch::stable::contiguous(ptr);
  const SegmentPlan plan = plan_segments(rows, starts);
  Tensor out = empty_result(rows, with_rows(rows, plan.segments));
  rows.scalar_type() == ScalarType::Float ? sum<float>(plan, rows, starts, out) : sum<double>(plan, rows, starts, out);
  return out;
}

Tensor segment_expand(const Tensor& x, const Tensor& ptr, int64_t num_rows) {
  const Tensor values = torch::stable::contiguous(x), starts = torch::stable::contiguous(ptr);
  const ScalarType type = values.scalar_type();
  STD_TORCH_CHECK(values.is_cpu() && values.dim() >= 1 && (type == ScalarType::Float || type == ScalarType::Double),
                  "`x` must be float32 or float64 [S, ...] on the CPU");
  STD_TORCH_CHECK(starts.dim() == 1 && starts.size(0) == values.size(0) + 1,
                  "`ptr` must hold one number more than `x` has rows");
  const SegmentPlan plan = plan_segments(starts, num_rows, row_width(values));
  Tensor out = empty_result(values, with_rows(values, num_rows));
  type == ScalarType::Float ? expand<float>(plan, values, starts, out) : expand<double>(plan, values, starts, out);
  return out;
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) {
  m.def("segment_sum(Tensor x, Tensor ptr) -> Tensor");
  m.def("segment_expand(Tensor x, Tensor ptr, SymInt num_rows) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) {
  m.impl("segment_sum", TORCH_BOX(&graphkit::segment_sum));
  m.impl("segment_expand", TORCH_BOX(&graphkit::segment_expand));
}
