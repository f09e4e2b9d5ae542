// Common code of the files that register the CUDA kernels: validation, groups of rows, room for parts, the stream.
#pragma once

#include "groups.h"
#include "neighbors.h"
#include "numbers.h"

#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

// The tests register the same files for an emulated GPU.
#ifndef GRAPHKIT_DEVICE
#define GRAPHKIT_DEVICE CUDA
#endif

// Rows from which on the device is asked whether groups are long.
#ifndef GRAPHKIT_MANY_ROWS
#define GRAPHKIT_MANY_ROWS (1 << 20)
#endif

namespace graphkit {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

bool is_on_device(const Tensor& x);

// Guard: during its lifetime, the device of `x` is the current one, and kernels use PyTorch's current stream there.
class OnDeviceOf {
 public:
  explicit OnDeviceOf(const Tensor& x);
  void* stream() const { return stream_; }

 private:
  std::optional<torch::stable::accelerator::DeviceGuard> guard_;
  void* stream_;
};

// Raises the error message of a launcher, if any.
void raise_if(const char* error);

// The number type of `x` for launchers. Raises for an unsupported type or device.
int number_type(const Tensor& x, const char* name);

// Accumulation type of a number type.
ScalarType sum_type(int type);

// The sizes of `x` with another number of rows, and the product of all but the first.
std::vector<int64_t> with_rows(const Tensor& x, int64_t rows);
int64_t row_width(const Tensor& x);

// Groups of `rows` rows by `ptr`, which must be contiguous and outlive them. The first validates `ptr` and the indices
// on the device and synchronizes, for public operators. The second validates shapes only, for gradients, whose `ptr`
// was validated by the first. Kernels never read outside of their tensors.
Groups check_groups(const Tensor& ptr, int64_t rows, int64_t longest, const OnDeviceOf& on,
                    const Indices* first = nullptr, const Indices* second = nullptr);
Groups trust_groups(const Tensor& ptr, int64_t rows, int64_t longest);

// Edges of `nodes` nodes as group_neighbors returns them; `x` [M, H, C] holds the features of the other ends. Validates
// shapes only: the numbers were validated when the edges were grouped, and kernels are safe for any. Where there are
// many rows, it asks the device whether a node is long, and synchronizes: less work than to look for parts in vain.
NodeEdges trust_neighbors(const Tensor& ptr, const Tensor& neighbors, int64_t nodes, const Tensor& x, int64_t places,
                          const OnDeviceOf& on);

// Contiguous numbers that must be from 0 to bound - 1: int64, or int32.
Indices indices_of(const Tensor& index, int64_t bound);

// The same validation without groups.
void check_indices(const Tensor& like, const OnDeviceOf& on, const Indices& first, const Indices& second);

// Room for `width` numbers of each part of a long group: nothing, if there are no long groups.
Tensor make_parts(const Tensor& x, const Groups& groups, int64_t width, ScalarType type);

}  // namespace graphkit
