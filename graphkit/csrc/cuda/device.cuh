// Common code of all kernels: accumulation types, vectors of numbers and launching.
//
// The kernels use a small subset of CUDA, so that the same files can be compiled as C++ and tested without a GPU:
// blocks of one dimension, static shared memory, __syncthreads, __syncwarp and shuffles, no atomics.
#pragma once

#include "numbers.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>
#include <utility>

namespace graphkit {

constexpr unsigned kAllLanes = 0xffffffffu;
constexpr int kLanes = 32;

// Accumulation type of T.
template <class T>
struct WideOf {
  using type = float;
};
template <>
struct WideOf<double> {
  using type = double;
};
template <class T>
using Wide = typename WideOf<T>::type;

__device__ inline float widen(float x) { return x; }
__device__ inline double widen(double x) { return x; }
__device__ inline float widen(__half x) { return __half2float(x); }
__device__ inline float widen(__nv_bfloat16 x) { return __bfloat162float(x); }

__device__ inline void narrow(float x, float& to) { to = x; }
__device__ inline void narrow(double x, double& to) { to = x; }
__device__ inline void narrow(float x, __half& to) { to = __float2half_rn(x); }
__device__ inline void narrow(float x, __nv_bfloat16& to) { to = __float2bfloat16_rn(x); }

__device__ inline float exponential(float x) { return expf(x); }
__device__ inline double exponential(double x) { return exp(x); }

template <class T>
__device__ constexpr T infinity() {
  return T(__builtin_huge_val());
}

// Vector of V numbers for one load or store.
template <class T, int V>
struct alignas(sizeof(T) * V) Pack {
  T number[V];
};

template <int V, class T>
__device__ inline void load(const T* from, Wide<T>* to) {
  const Pack<T, V> pack = *reinterpret_cast<const Pack<T, V>*>(from);
#pragma unroll
  for (int k = 0; k < V; ++k) to[k] = widen(pack.number[k]);
}

template <int V, class T>
__device__ inline void store(const Wide<T>* from, T* to) {
  Pack<T, V> pack;
#pragma unroll
  for (int k = 0; k < V; ++k) narrow(from[k], pack.number[k]);
  *reinterpret_cast<Pack<T, V>*>(to) = pack;
}

// Number of T in the widest load, 16 bytes.
template <class T>
constexpr int kWidest = 16 / sizeof(T);

// Whether rows of `width` numbers can be read that many at a time from all these addresses.
template <class T, class... P>
bool is_packed(int64_t width, const P*... address) {
  return width % kWidest<T> == 0 && ((reinterpret_cast<uintptr_t>(address) % 16 == 0) && ...);
}

// The smallest power of two that is not less than `x`, and no more than `most`.
inline int power_of_two(int64_t x, int most) {
  int p = 1;
  while (p < x && p < most) p *= 2;
  return p;
}

inline int64_t divide_up(int64_t x, int64_t by) { return (x + by - 1) / by; }

// Calls f with a zero of the type that `type` stands for.
template <class F>
const char* with_type(int type, const F& f) {
  switch (type) {
    case kFloat32: return f(float());
    case kFloat64: return f(double());
    case kFloat16: return f(__half());
    case kBFloat16: return f(__nv_bfloat16());
  }
  return "no kernel was compiled for this type";
}

inline const char* describe(cudaError_t error) { return error == cudaSuccess ? nullptr : cudaGetErrorString(error); }

// Launches a kernel of blocks_x * blocks_y blocks. Returns null or the error message.
template <class... Parameters, class... Arguments>
const char* launch(void (*kernel)(Parameters...), int64_t blocks_x, int64_t blocks_y, int threads, void* stream,
                   Arguments&&... arguments) {
  if (blocks_x > 0x7fffffff) return "more rows than a kernel can be started for";
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(unsigned(blocks_x), unsigned(blocks_y < 0xffff ? blocks_y : 0xffff), 1);
  config.blockDim = dim3(unsigned(threads), 1, 1);
  config.stream = static_cast<cudaStream_t>(stream);
  return describe(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...));
}

}  // namespace graphkit
