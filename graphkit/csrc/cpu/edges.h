// Edges grouped by one of their ends: those of node i are other[ptr[i]], ..., other[ptr[i + 1] - 1].
#pragma once

#include "interrupt.h"
#include "memory.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cstdint>
#include <initializer_list>

namespace graphkit {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// Whether all numbers are from 0 to bound - 1.
bool all_below(const int64_t* index, int64_t count, int64_t bound);

bool is_long_vector(const Tensor& t);  // int64, on the CPU

// ptr[i + 1] = ptr[i] + number of edges with end i, all lists of ends taken together.
void count_edges(std::initializer_list<const int64_t*> ends, int64_t num_edges, int64_t* ptr, int64_t num_nodes);

// Raises unless `ptr` and `other` are valid groups over `num_nodes` nodes. Kernels do not validate edges again.
void check_groups(const Tensor& ptr, const Tensor& other, int64_t num_nodes);

// Calls run(first, last) on ranges of nodes of about equal work, on a number of threads that depends on the work. A
// node is never divided, so that results do not depend on the number of threads. Raises after a signal: `run` may then
// have stopped early.
template <class F>
void for_groups(const Interrupt& interrupt, const int64_t* ptr, int64_t num_nodes, int64_t work_per_edge,
                const F& run) {
  constexpr int64_t kWorthAThread = 1 << 17;  // additions: some 20 microseconds
  const int64_t total = ptr[num_nodes] + num_nodes;
  const int64_t threads = torch::stable::get_num_threads();
  const int64_t tasks = std::max<int64_t>(1, std::min(threads, total * work_per_edge / kWorthAThread));
  if (tasks == 1) {
    run(int64_t(0), num_nodes);
    return interrupt.check();
  }

  const auto boundary = [&](int64_t task) {
    const int64_t goal = total / tasks * task;
    int64_t low = 0, high = num_nodes;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      if (ptr[middle] + middle < goal) low = middle + 1;
      else high = middle;
    }
    return task == tasks ? num_nodes : low;
  };
  torch::stable::parallel_for(0, tasks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) run(boundary(task), boundary(task + 1));
  });
  interrupt.check();
}

}  // namespace graphkit
