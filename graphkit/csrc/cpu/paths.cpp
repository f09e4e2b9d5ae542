// Grouping paths by the node they end at: a counting sort, which keeps the order of the paths within a group.
#include "paths.h"

#include "interrupt.h"
#include "memory.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <type_traits>
#include <vector>

namespace graphkit {
namespace {

// Has its highest bit set if a number is not from 0 to bound - 1, without branches.
template <class I>
std::make_unsigned_t<I> outside(I number, int64_t bound) {
  using U = std::make_unsigned_t<I>;
  return U(number) | (U(bound - 1) - U(number));
}

template <class I>
bool all_below(const I* index, int64_t count, int64_t bound) {
  std::make_unsigned_t<I> bits = 0;
  for (int64_t k = 0; k < count; ++k) bits |= outside(index[k], bound);
  return bits >> (8 * sizeof(I) - 1) == 0;
}

// Writes where the groups of a sorted `index` start. Returns false, having written anything, if it is not sorted.
bool starts_if_sorted(const int64_t* index, int64_t count, int64_t* ptr, int64_t num_nodes) {
  int64_t next = 0;  // the first node whose start is not written yet
  for (int64_t e = 0; e < count; ++e) {
    if (index[e] < next - 1) return false;
    while (next <= index[e]) ptr[next++] = e;
  }
  while (next <= num_nodes) ptr[next++] = count;
  return true;
}

// The same for any `index`, and its places in order of the nodes.
void sort(const int64_t* index, int64_t count, int64_t* ptr, int64_t num_nodes, int32_t* places) {
  std::fill(ptr, ptr + num_nodes + 1, int64_t(0));
  const Interrupt interrupt;
  in_blocks(interrupt, count, [&](int64_t first, int64_t last) {
    for (int64_t e = first; e < last; ++e) ++ptr[index[e] + 1];
  });
  for (int64_t i = 0; i < num_nodes; ++i) ptr[i + 1] += ptr[i];
  std::vector<int64_t> next(ptr, ptr + num_nodes);
  in_blocks(interrupt, count, [&](int64_t first, int64_t last) {
    for (int64_t e = first; e < last; ++e) places[next[index[e]]++] = int32_t(e);
  });
}

std::tuple<Tensor, Tensor> group_paths(const Tensor& path_index, int64_t num_nodes) {
  STD_TORCH_CHECK(path_index.is_cpu() && path_index.scalar_type() == ScalarType::Long && path_index.dim() == 2 &&
                      path_index.size(0) >= 2,
                  "paths must be int64 [L + 1, P] on the CPU with L >= 1");
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  const Tensor index = torch::stable::contiguous(path_index);
  const int64_t rows = index.size(0), count = index.size(1);
  STD_TORCH_CHECK(num_nodes >= 0 && num_nodes <= kMost && count <= kMost, "there must be < 2^31 nodes and paths");
  const int64_t* from = index.const_data_ptr<int64_t>();
  const int64_t* own = from + (rows - 1) * count;
  STD_TORCH_CHECK(all_below(own, count, num_nodes), "a path ends at a node that does not exist");

  Tensor ptr = empty_result(index, {num_nodes + 1});
  Tensor paths = empty_result(index, {rows, count}, ScalarType::Int);
  int64_t* starts = ptr.mutable_data_ptr<int64_t>();
  int32_t* to = paths.mutable_data_ptr<int32_t>();
  int32_t* places = to + (rows - 1) * count;
  uint64_t bits = 0;
  if (starts_if_sorted(own, count, starts, num_nodes)) {
    for (int64_t k = 0; k < (rows - 1) * count; ++k) {
      bits |= outside(from[k], num_nodes);
      to[k] = int32_t(from[k]);
    }
    for (int64_t e = 0; e < count; ++e) places[e] = int32_t(e);
  } else {
    sort(own, count, starts, num_nodes, places);
    const Interrupt interrupt;
    for (int64_t k = 0; k < (rows - 1) * count; k += count) {
      in_blocks(interrupt, count, [&](int64_t first, int64_t last) {
        for (int64_t e = first; e < last; ++e) {
          bits |= outside(from[k + places[e]], num_nodes);
          to[k + e] = int32_t(from[k + places[e]]);
        }
      });
    }
  }
  STD_TORCH_CHECK(bits >> 63 == 0, "a path names a node that does not exist");
  return {ptr, paths};
}

}  // namespace

void check_paths(const Tensor& ptr, const Tensor& paths, int64_t num_nodes) {
  STD_TORCH_CHECK(ptr.is_cpu() && ptr.scalar_type() == ScalarType::Long && ptr.dim() == 1 && ptr.is_contiguous() &&
                      ptr.size(0) == num_nodes + 1,
                  "`ptr` must be a contiguous int64 vector on the CPU with one number more than there are nodes");
  STD_TORCH_CHECK(paths.is_cpu() && paths.scalar_type() == ScalarType::Int && paths.dim() == 2 &&
                      paths.is_contiguous() && paths.size(0) >= 2,
                  "grouped paths must be contiguous int32 [L + 1, P] on the CPU with L >= 1");
  const int64_t count = paths.size(1), hops = paths.size(0) - 1;
  const int64_t* starts = ptr.const_data_ptr<int64_t>();
  STD_TORCH_CHECK(starts[0] == 0 && starts[num_nodes] == count && std::is_sorted(starts, starts + num_nodes + 1),
                  "`ptr` must rise from 0 to the number of paths");
  const int32_t* nodes = paths.const_data_ptr<int32_t>();
  STD_TORCH_CHECK(all_below(nodes, hops * count, num_nodes) && all_below(nodes + hops * count, count, count),
                  "a path names a node or place that does not exist");
}

}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) {
  m.def("group_paths(Tensor path_index, SymInt num_nodes) -> (Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) { m.impl("group_paths", TORCH_BOX(&graphkit::group_paths)); }
