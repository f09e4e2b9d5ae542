// Skeleton clips: concatenated frames of sequences, joints within frames, channel groups within joints.
#pragma once

#include "half.h"
#include "dispatch.h"

#include <optional>
#include <vector>

namespace graphkit {

// A tensor [F, V, K, D] that may be a slice of a wider one: channels are consecutive, the rest has any stride.
template <class S>
struct Joints {
  const S* data;
  int64_t frame, joint, group;  // strides
};

inline bool has_rows(const Tensor& x) {
  return x.dim() == 4 && (x.size(3) < 2 || x.stride(3) == 1);
}

// Returns the tensor itself if its channels are consecutive, otherwise a copy.
inline Tensor with_rows_together(const Tensor& x) {
  return has_rows(x) ? x : torch::stable::contiguous(x);
}

template <class S>
Joints<S> joints(const Tensor& x) {
  return {static_cast<const S*>(x.const_data_ptr()), x.stride(0), x.stride(1), x.stride(2)};
}

// Raises unless `ptr` [N + 1] increases from 0 to the number of frames.
inline void check_sequences(const Tensor& ptr, int64_t frames) {
  STD_TORCH_CHECK(ptr.dim() == 1 && ptr.size(0) >= 1 && ptr.scalar_type() == ScalarType::Long && ptr.is_cpu() &&
                      ptr.is_contiguous(),
                  "`ptr` must be a contiguous int64 vector on the CPU, with one number more than there are sequences");
  const int64_t* p = ptr.const_data_ptr<int64_t>();
  const int64_t count = ptr.size(0) - 1;
  STD_TORCH_CHECK(p[0] == 0 && p[count] == frames && std::is_sorted(p, p + count + 1),
                  "`ptr` must rise from 0 to the number of frames");
}

inline bool is_served(const Tensor& x) {
  const ScalarType type = x.scalar_type();
  return x.is_cpu() &&
         (type == ScalarType::Float || type == ScalarType::Double || type == ScalarType::BFloat16);
}

// Accumulation type of a tensor.
inline ScalarType sum_type(const Tensor& x) {
  return x.scalar_type() == ScalarType::Double ? ScalarType::Double : ScalarType::Float;
}

// Calls run<S>(...) with the storage type of `x`.
#define GRAPHKIT_FOR_STORED(x, run, ...)                                            \
  do {                                                                              \
    if ((x).scalar_type() == ScalarType::Float) run<float>(__VA_ARGS__);            \
    else if ((x).scalar_type() == ScalarType::Double) run<double>(__VA_ARGS__);     \
    else run<BFloat16>(__VA_ARGS__);                                                \
  } while (false)

}  // namespace graphkit
