// Grouping edges by their target, and the same edges by their source: counting sorts, which keep the order of the edges.
#include "neighbors.h"
#include "vector.h"

#include <limits>
#include <tuple>
#include <vector>

namespace graphkit {
namespace {

enum Loops : int64_t { kKeep = 0, kDrop = 1, kReplace = 2 };

int32_t* data_of(Tensor& neighbors) { return neighbors.mutable_data_ptr<int32_t>(); }

template <bool Places>
GRAPHKIT_INLINE void put(int32_t* rows, int64_t at, int32_t node, int32_t place) {
  rows[at * (1 + Places)] = node;
  if (Places) rows[2 * at + 1] = place;
}

// Turns counts into the starts of groups, and writes these to `ptr`. Returns the number of edges.
int64_t start_groups(std::vector<int32_t>& counts, int64_t* ptr, int64_t extra) {
  int64_t start = 0;
  for (int64_t i = 0; i < int64_t(counts.size()); ++i) {
    ptr[i] = start;
    start += counts[i] + (i < extra);
    counts[i] = int32_t(ptr[i]);
  }
  return ptr[counts.size()] = start;
}

template <bool Places>
void group(const int64_t* to, const int64_t* from, int64_t count, int64_t loops, int64_t common, bool sorted,
           std::vector<int32_t>& next, int32_t* out) {
  if (loops == kKeep && sorted) {
    for (int64_t e = 0; e < count; ++e) put<Places>(out, e, int32_t(from[e]), int32_t(e));
    return;
  }
  in_blocks(Interrupt(), count, [&](int64_t first, int64_t last) {
    for (int64_t e = first; e < last; ++e) {
      if (loops == kKeep || from[e] != to[e]) put<Places>(out, next[to[e]]++, int32_t(from[e]), int32_t(e));
    }
  });
  for (int64_t i = 0; loops == kReplace && i < common; ++i) put<Places>(out, next[i], int32_t(i), int32_t(count + i));
}

// The edges source[e] -> target[e] by target, with their places if `places`. `loops`: 0 keeps edges from a node to
// itself, 1 drops them, 2 replaces them by one per node that is both source and target, with the places E, E + 1, ...
std::tuple<Tensor, Tensor> group_neighbors(const Tensor& target, const Tensor& source, int64_t num_targets,
                                           int64_t num_sources, int64_t loops, bool places) {
  STD_TORCH_CHECK(is_long_vector(target) && is_long_vector(source), "edges must be int64 vectors on the CPU");
  const int64_t count = target.size(0), common = std::min(num_targets, num_sources);
  STD_TORCH_CHECK(source.size(0) == count, "both ends of the edges must have the same length");
  STD_TORCH_CHECK(num_targets >= 0 && num_sources >= 0, "the number of nodes must not be negative");
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  STD_TORCH_CHECK(num_targets <= kMost && num_sources <= kMost && count + common <= kMost,
                  "there must be < 2^31 nodes and edges");
  const Tensor key = torch::stable::contiguous(target), value = torch::stable::contiguous(source);
  const int64_t* to = key.const_data_ptr<int64_t>();
  const int64_t* from = value.const_data_ptr<int64_t>();
  STD_TORCH_CHECK(all_below(to, count, num_targets) && all_below(from, count, num_sources),
                  "an edge names a node that does not exist");

  const int64_t rows = count + (loops == kReplace ? common : 0);
  Tensor ptr = empty_result(key, {num_targets + 1});
  Tensor neighbors = empty_result(key, {rows, 1 + places}, ScalarType::Int);
  std::vector<int32_t> next(num_targets, 0);
  in_blocks(Interrupt(), count, [&](int64_t first, int64_t last) {
    if (loops == kKeep) {
      for (int64_t e = first; e < last; ++e) ++next[to[e]];
    } else {
      for (int64_t e = first; e < last; ++e) next[to[e]] += from[e] != to[e];
    }
  });
  const int64_t grouped = start_groups(next, ptr.mutable_data_ptr<int64_t>(), loops == kReplace ? common : 0);
  int32_t* out = data_of(neighbors);
  std::fill(out + grouped * (1 + places), out + rows * (1 + places), 0);
  const bool sorted = std::is_sorted(to, to + count);
  if (places) group<true>(to, from, count, loops, common, sorted, next, out);
  else group<false>(to, from, count, loops, common, sorted, next, out);
  return {ptr, neighbors};
}

template <bool Places>
void transpose(const int64_t* starts, const int32_t* rows, int64_t num_own, std::vector<int32_t>& next, int32_t* out) {
  const Interrupt interrupt;
  for (int64_t i = 0; i < num_own; ++i) {
    interrupt.check();
    for (int64_t e = starts[i]; e < starts[i + 1]; ++e) {
      put<Places>(out, next[rows[e * (1 + Places)]]++, int32_t(i), Places ? rows[2 * e + 1] : 0);
    }
  }
}

// The same edges by their other end, of which there are `num_other`.
std::tuple<Tensor, Tensor> transpose_neighbors(const Tensor& ptr, const Tensor& neighbors, int64_t num_other) {
  const int64_t num_own = ptr.size(0) - 1;
  check_neighbors(ptr, neighbors, num_own, num_other, neighbors.size(0));
  const int64_t* starts = ptr.const_data_ptr<int64_t>();
  const int32_t* rows = neighbors.const_data_ptr<int32_t>();
  const int64_t stride = neighbors.size(1);
  Tensor new_ptr = empty_result(ptr, {num_other + 1});
  Tensor new_neighbors = empty_result(neighbors, {neighbors.size(0), stride});
  std::vector<int32_t> next(num_other, 0);
  in_blocks(Interrupt(), starts[num_own], [&](int64_t first, int64_t last) {
    for (int64_t e = first; e < last; ++e) ++next[rows[e * stride]];
  });
  const int64_t grouped = start_groups(next, new_ptr.mutable_data_ptr<int64_t>(), 0);
  int32_t* out = data_of(new_neighbors);
  std::fill(out + grouped * stride, out + neighbors.size(0) * stride, 0);
  if (stride == 2) transpose<true>(starts, rows, num_own, next, out);
  else transpose<false>(starts, rows, num_own, next, out);
  return {new_ptr, new_neighbors};
}

}  // namespace

void check_neighbors(const Tensor& ptr, const Tensor& neighbors, int64_t num_own, int64_t num_other,
                     int64_t num_places) {
  STD_TORCH_CHECK(is_long_vector(ptr) && ptr.is_contiguous() && ptr.size(0) == num_own + 1,
                  "`ptr` must be a contiguous int64 vector on the CPU with one number more than there are nodes");
  STD_TORCH_CHECK(neighbors.is_cpu() && neighbors.scalar_type() == ScalarType::Int && neighbors.dim() == 2 &&
                      (neighbors.size(1) == 1 || neighbors.size(1) == 2) && neighbors.is_contiguous(),
                  "`neighbors` must be contiguous int32 [E, 1] or [E, 2] on the CPU");
  const int64_t* starts = ptr.const_data_ptr<int64_t>();
  STD_TORCH_CHECK(starts[0] == 0 && starts[num_own] <= neighbors.size(0) &&
                      std::is_sorted(starts, starts + num_own + 1),
                  "`ptr` must rise from 0 to at most the number of edges");
  uint32_t bits = 0;
  const int32_t* rows = neighbors.const_data_ptr<int32_t>();
  const auto outside = [](int32_t number, int64_t bound) {
    return uint32_t(number) | (uint32_t(bound - 1) - uint32_t(number));
  };
  if (neighbors.size(1) == 1) {
    for (int64_t e = 0; e < starts[num_own]; ++e) bits |= outside(rows[e], num_other);
  } else {
    for (int64_t e = 0; e < starts[num_own]; ++e) {
      bits |= outside(rows[2 * e], num_other) | outside(rows[2 * e + 1], num_places);
    }
  }
  STD_TORCH_CHECK(bits >> 31 == 0, "an edge names a node or place that does not exist");
}

}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) {
  m.def(
      "group_neighbors(Tensor target, Tensor source, SymInt num_targets, SymInt num_sources, int loops, "
      "bool places) -> (Tensor, Tensor)");
  m.def("transpose_neighbors(Tensor ptr, Tensor neighbors, SymInt num_other) -> (Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) {
  m.impl("group_neighbors", TORCH_BOX(&graphkit::group_neighbors));
  m.impl("transpose_neighbors", TORCH_BOX(&graphkit::transpose_neighbors));
}
