// Validation of segments and work division.
#include "segments.h"

#include <algorithm>

namespace graphkit {
namespace {

constexpr int64_t kUnitSize = 1 << 15;  // numbers in a unit of work: they fit a cache of the second level
constexpr int64_t kFewestRows = 16;     // in a block, however wide its rows

}  // namespace

SegmentPlan plan_segments(const Tensor& ptr, int64_t rows, int64_t width) {
  STD_TORCH_CHECK(ptr.dim() == 1 && ptr.size(0) >= 1 && ptr.scalar_type() == ScalarType::Long && ptr.is_cpu() &&
                      ptr.is_contiguous(),
                  "`ptr` must be a contiguous int64 vector on the CPU, with one number more than there are segments");
  SegmentPlan plan{ptr.size(0) - 1, rows, width, 0, {}, {}, {}};
  const int64_t* p = ptr.const_data_ptr<int64_t>();
  STD_TORCH_CHECK(p[0] == 0 && p[plan.segments] == rows && std::is_sorted(p, p + plan.segments + 1),
                  "`ptr` must rise from 0 to the number of rows");
  if (width == 0) return plan;

  const int64_t rows_per_unit = std::max(kFewestRows, kUnitSize / width);
  plan.whole.reserve((rows + plan.segments) / rows_per_unit + 1);
  int64_t open = 0;  // the first segment that no unit has yet
  const auto close = [&](int64_t segment) {
    if (open < segment) plan.whole.push_back({open, segment, p[open], p[segment], -1});
  };
  for (int64_t s = 0; s < plan.segments; ++s) {
    if (p[s + 1] - p[s] > rows_per_unit) {
      close(s);
      const int64_t first_block = plan.num_blocks;
      for (int64_t r = p[s]; r < p[s + 1]; r += rows_per_unit) {
        plan.blocks.push_back({s, s + 1, r, std::min(r + rows_per_unit, p[s + 1]), plan.num_blocks++});
      }
      plan.long_segments.push_back({s, first_block, plan.num_blocks});
      open = s + 1;
    } else if (p[s + 1] - p[open] + s + 1 - open > rows_per_unit) {
      close(s + 1);
      open = s + 1;
    }
  }
  close(plan.segments);
  return plan;
}

SegmentPlan plan_segments(const Tensor& x, const Tensor& ptr) {
  const ScalarType type = x.scalar_type();
  STD_TORCH_CHECK(x.is_cpu() && x.dim() >= 1 && (type == ScalarType::Float || type == ScalarType::Double),
                  "`x` must be float32 or float64 [E, ...] on the CPU");
  return plan_segments(ptr, x.size(0), row_width(x));
}

std::vector<int64_t> with_rows(const Tensor& x, int64_t rows) {
  std::vector<int64_t> sizes(x.sizes().begin(), x.sizes().end());
  sizes[0] = rows;
  return sizes;
}

int64_t row_width(const Tensor& x) {
  int64_t width = 1;
  for (int64_t k = 1; k < x.dim(); ++k) width *= x.size(k);
  return width;
}

}  // namespace graphkit
