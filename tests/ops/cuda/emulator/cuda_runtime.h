// Stands in for CUDA's header of the same name when kernels are compiled for the emulator: the part that they use.
#pragma once

#include "emulator.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#define __global__
#define __device__
#define __host__
#define __shared__ static  // blocks run one after another
#define __launch_bounds__(...)

using cudaStream_t = void*;

enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidConfiguration = 9 };
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2 };
enum cudaStreamCaptureStatus { cudaStreamCaptureStatusNone = 0, cudaStreamCaptureStatusActive = 1 };

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes;
  cudaStream_t stream;
};

inline const char* cudaGetErrorString(cudaError_t error) { return error == cudaSuccess ? "none" : "wrong sizes"; }

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  auto call = [&] { kernel(arguments...); };
  const bool fits = emulator::launch(
      config->gridDim, config->blockDim, [](void* data) { (*static_cast<decltype(call)*>(data))(); }, &call);
  return fits ? cudaSuccess : cudaErrorInvalidConfiguration;
}

inline cudaError_t cudaMemsetAsync(void* to, int value, size_t size, cudaStream_t) {
  std::memset(to, value, size);
  return cudaSuccess;
}

inline cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t size, cudaMemcpyKind, cudaStream_t) {
  std::memcpy(to, from, size);
  return cudaSuccess;
}

inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }

// A stream that is not the default one counts as being captured.
inline cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  *status = stream == nullptr ? cudaStreamCaptureStatusNone : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

inline void __syncthreads() { emulator::wait_for_block(); }
inline void __syncwarp(unsigned mask = 0xffffffffu) { emulator::wait_for_lanes(mask); }

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32) {
  const int lane = threadIdx.x % 32, other = lane ^ bits;
  T result;
  emulator::exchange(mask, other / width == lane / width ? other : lane, &value, &result, sizeof(T));
  return result;
}

template <class T>
T __shfl_sync(unsigned mask, T value, int from, int width = 32) {
  const int lane = threadIdx.x % 32;
  T result;
  emulator::exchange(mask, lane / width * width + from % width, &value, &result, sizeof(T));
  return result;
}
