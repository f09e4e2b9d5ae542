// Paths grouped by the node they end at, the one that attends: those of node i have the places ptr[i] to ptr[i + 1] -
// 1.
//
// `paths` is int32 [L + 1, P]: the nodes of the paths in that order, far end first. The last row has the input position
// of each path instead of the attending node.
#pragma once

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <cstdint>

namespace graphkit {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// Raises unless `ptr` and `paths` are valid groups over `num_nodes` nodes. Kernels do not validate paths again.
void check_paths(const Tensor& ptr, const Tensor& paths, int64_t num_nodes);

}  // namespace graphkit
