// What the files that register the CUDA kernels share: checks of tensors, groups of rows, room for parts, the stream.
#pragma once

#include "groups.h"
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

namespace graphkit {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

bool is_on_device(const Tensor& x);

// While it lives, the device of `x` is the current one, and kernels go to the stream that PyTorch uses there.
class OnDeviceOf {
 public:
  explicit OnDeviceOf(const Tensor& x);
  void* stream() const { return stream_; }

 private:
  std::optional<torch::stable::accelerator::DeviceGuard> guard_;
  void* stream_;
};

// Raises what a launcher says went wrong, if anything.
void raise_if(const char* error);

// The type of `x` as launchers know it. Raises if it is not on the device or of another type.
int number_type(const Tensor& x, const char* name);

// The type that sums of such numbers are formed in.
ScalarType sum_type(int type);

// The sizes of `x` with another number of rows, and the product of all but the first.
std::vector<int64_t> with_rows(const Tensor& x, int64_t rows);
int64_t row_width(const Tensor& x);

// Groups of `rows` rows by `ptr`, which must be contiguous and outlive them. The first reads `ptr`, and the indices that
// there are, on the device, waits for the answer, and raises unless they are sound: for operators that users call. The
// second looks at shapes only: for gradients, whose `ptr` came through the first. Kernels read nothing outside of their
// tensors in any case.
Groups check_groups(const Tensor& ptr, int64_t rows, int64_t longest, const OnDeviceOf& on,
                    const Indices* first = nullptr, const Indices* second = nullptr);
Groups trust_groups(const Tensor& ptr, int64_t rows, int64_t longest);

// Contiguous numbers that must be from 0 to bound - 1: int64, or int32.
Indices indices_of(const Tensor& index, int64_t bound);

// The same check where there are no groups.
void check_indices(const Tensor& like, const OnDeviceOf& on, const Indices& first, const Indices& second);

// Room for `width` numbers of each part of a long group: nothing, if there are no long groups.
Tensor make_parts(const Tensor& x, const Groups& groups, int64_t width, ScalarType type);

}  // namespace graphkit
