// Consecutive rows of a matrix, cut into segments: segment s holds the rows ptr[s], ..., ptr[s + 1] - 1.
#pragma once

#include "interrupt.h"
#include "memory.h"
#include "vector.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <vector>

namespace graphkit {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// Unit of work of a thread: some whole segments, or a block of rows of a long segment. Blocks start at the same rows
// for any number of threads, and their results are combined in order, so that results are deterministic.
struct SegmentUnit {
  int64_t segment, last_segment;  // the segments from `segment` to `last_segment` - 1
  int64_t begin, end;             // their rows, or those of the block
  int64_t block;                  // the number of the block, or -1 for whole segments
};

struct LongSegment {
  int64_t segment, first_block, last_block;
};

struct SegmentPlan {
  int64_t segments, rows, width;  // the width is that of a row, all its dimensions taken together
  int64_t num_blocks;
  std::vector<SegmentUnit> whole, blocks;
  std::vector<LongSegment> long_segments;
};

// Validates `x` [E, ...] and `ptr` [S + 1], and divides the work.
SegmentPlan plan_segments(const Tensor& x, const Tensor& ptr);
SegmentPlan plan_segments(const Tensor& ptr, int64_t rows, int64_t width);

// The sizes of `x` with another number of rows, and the product of all but the first.
std::vector<int64_t> with_rows(const Tensor& x, int64_t rows);
int64_t row_width(const Tensor& x);

constexpr int64_t kUnitsPerThread = 4;  // smallest number of units per thread

// Calls run(units, number of units) for parts of `units`, on a number of threads that depends on the work. Raises after
// a signal: `run` may then have stopped early.
template <class F>
void for_units(const Interrupt& interrupt, const std::vector<SegmentUnit>& units, const F& run) {
  torch::stable::parallel_for(0, int64_t(units.size()), kUnitsPerThread,
                              [&](int64_t begin, int64_t end) { run(units.data() + begin, end - begin); });
  interrupt.check();
}

}  // namespace graphkit
