// Memory of results. Large ones ask for huge pages: page faults of fresh memory often take longer than the arithmetic.
#pragma once

#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <optional>

namespace graphkit {

using torch::headeronly::IntHeaderOnlyArrayRef;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// An uninitialized tensor with the device of `like`, and its type unless another is given.
Tensor empty_result(const Tensor& like, IntHeaderOnlyArrayRef sizes, std::optional<ScalarType> type = std::nullopt);

// A tensor of zeros.
Tensor zero_result(const Tensor& like, IntHeaderOnlyArrayRef sizes, std::optional<ScalarType> type = std::nullopt);

}  // namespace graphkit
