// Grouping edges by one of their ends: a counting sort, which keeps the order of the edges within a group.
#include "edges.h"

#include <tuple>
#include <vector>

namespace graphkit {
// Branch-free: the sign bit marks a number out of range.
bool all_below(const int64_t* index, int64_t count, int64_t bound) {
  uint64_t signs = 0;
  for (int64_t k = 0; k < count; ++k) signs |= uint64_t(index[k]) | (uint64_t(bound - 1) - uint64_t(index[k]));
  return (signs >> 63) == 0;
}

bool is_long_vector(const Tensor& t) { return t.dim() == 1 && t.scalar_type() == ScalarType::Long && t.is_cpu(); }

void count_edges(std::initializer_list<const int64_t*> ends, int64_t num_edges, int64_t* ptr, int64_t num_nodes) {
  const Interrupt interrupt;
  std::fill(ptr, ptr + num_nodes + 1, int64_t(0));
  for (const int64_t* end : ends) {
    in_blocks(interrupt, num_edges, [&](int64_t first, int64_t last) {
      for (int64_t e = first; e < last; ++e) ++ptr[end[e] + 1];
    });
  }
  for (int64_t i = 0; i < num_nodes; ++i) ptr[i + 1] += ptr[i];
}

namespace {

// The edges (index[e], other[e]) grouped by `index`.
std::tuple<Tensor, Tensor> group_edges(const Tensor& index, const Tensor& other, int64_t num_nodes) {
  STD_TORCH_CHECK(is_long_vector(index) && is_long_vector(other), "edges must be int64 vectors on the CPU");
  const int64_t num_edges = index.size(0);
  STD_TORCH_CHECK(other.size(0) == num_edges, "both ends of the edges must have the same length");
  STD_TORCH_CHECK(num_nodes >= 0, "the number of nodes must not be negative");
  const Tensor key = torch::stable::contiguous(index), value = torch::stable::contiguous(other);
  const int64_t* from = key.const_data_ptr<int64_t>();
  const int64_t* end = value.const_data_ptr<int64_t>();
  STD_TORCH_CHECK(all_below(from, num_edges, num_nodes) && all_below(end, num_edges, num_nodes),
                  "an edge names a node that does not exist");

  Tensor ptr = empty_result(key, {num_nodes + 1});
  Tensor grouped = empty_result(key, {num_edges});
  int64_t* starts = ptr.mutable_data_ptr<int64_t>();
  int64_t* to = grouped.mutable_data_ptr<int64_t>();
  count_edges({from}, num_edges, starts, num_nodes);
  if (std::is_sorted(from, from + num_edges)) {
    std::copy(end, end + num_edges, to);
  } else {
    std::vector<int64_t> next(starts, starts + num_nodes);
    in_blocks(Interrupt(), num_edges, [&](int64_t first, int64_t last) {
      for (int64_t e = first; e < last; ++e) to[next[from[e]]++] = end[e];
    });
  }
  return {ptr, grouped};
}

// The same edges grouped by their other end.
std::tuple<Tensor, Tensor> transpose_edges(const Tensor& ptr, const Tensor& other) {
  STD_TORCH_CHECK(ptr.dim() == 1 && ptr.size(0) >= 1, "`ptr` must hold one number more than there are nodes");
  const int64_t num_nodes = ptr.size(0) - 1;
  const Tensor old_ptr = torch::stable::contiguous(ptr), old_other = torch::stable::contiguous(other);
  check_groups(old_ptr, old_other, num_nodes);
  const int64_t* starts = old_ptr.const_data_ptr<int64_t>();
  const int64_t* index = old_other.const_data_ptr<int64_t>();

  Tensor new_ptr = empty_result(old_ptr, {num_nodes + 1});
  Tensor new_other = empty_result(old_other, {old_other.size(0)});
  int64_t* new_starts = new_ptr.mutable_data_ptr<int64_t>();
  int64_t* to = new_other.mutable_data_ptr<int64_t>();
  count_edges({index}, old_other.size(0), new_starts, num_nodes);
  std::vector<int64_t> next(new_starts, new_starts + num_nodes);
  const Interrupt interrupt;
  for (int64_t i = 0; i < num_nodes; ++i) {
    interrupt.check();
    for (int64_t e = starts[i]; e < starts[i + 1]; ++e) to[next[index[e]]++] = i;
  }
  return {new_ptr, new_other};
}

}  // namespace

void check_groups(const Tensor& ptr, const Tensor& other, int64_t num_nodes) {
  STD_TORCH_CHECK(is_long_vector(ptr) && is_long_vector(other) && ptr.is_contiguous() && other.is_contiguous(),
                  "grouped edges must be contiguous int64 vectors on the CPU");
  STD_TORCH_CHECK(ptr.size(0) == num_nodes + 1, "`ptr` must hold one number more than there are nodes");
  const int64_t num_edges = other.size(0);
  const int64_t* starts = ptr.const_data_ptr<int64_t>();
  STD_TORCH_CHECK(starts[0] == 0 && starts[num_nodes] == num_edges && std::is_sorted(starts, starts + num_nodes + 1),
                  "`ptr` must rise from 0 to the number of edges");
  STD_TORCH_CHECK(all_below(other.const_data_ptr<int64_t>(), num_edges, num_nodes),
                  "an edge names a node that does not exist");
}

}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) {
  m.def("group_edges(Tensor index, Tensor other, SymInt num_nodes) -> (Tensor, Tensor)");
  m.def("transpose_edges(Tensor ptr, Tensor other) -> (Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) {
  m.impl("group_edges", TORCH_BOX(&graphkit::group_edges));
  m.impl("transpose_edges", TORCH_BOX(&graphkit::transpose_edges));
}
