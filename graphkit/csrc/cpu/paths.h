// Paths grouped by the node they end at, the one that attends: those of node i have the places ptr[i] to ptr[i + 1] - 1.
//
// `paths` is int32 [L + 1, P]: row by row the nodes of the paths in that order, far end first, but in the last row, in
// place of the attending node, where a path was in the order that the user gave.
#pragma once

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <cstdint>

namespace graphkit {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// Raises unless `ptr` and `paths` are sound groups over `num_nodes` nodes. Kernels trust their paths after this.
void check_paths(const Tensor& ptr, const Tensor& paths, int64_t num_nodes);

}  // namespace graphkit
