// The device of a tensor and its stream. PyTorch's function for the stream is in the library of its CUDA build: it is
// resolved lazily, so that this library loads with any build.
#include "tensors.h"

#include <dlfcn.h>

#include <stdexcept>

#ifndef GRAPHKIT_CUDA_BUILD
#define GRAPHKIT_CUDA_BUILD "0.0 unknown"
#endif

// Read from the file before it is loaded: the version of CUDA, and a hash of the sources.
extern "C" __attribute__((used, visibility("default"))) const char graphkit_cuda_build[] =
    "graphkit-cuda-build " GRAPHKIT_CUDA_BUILD;

namespace graphkit {
namespace {

using CurrentStream = int32_t (*)(int32_t device, void** stream);

CurrentStream find_current_stream() {
  void* library = dlopen("libtorch_cuda.so", RTLD_LAZY | RTLD_NOLOAD);
  void* function = library ? dlsym(library, "aoti_torch_get_current_cuda_stream") : nullptr;
  if (function == nullptr) throw std::runtime_error("this build of PyTorch does not say which CUDA stream is in use");
  return reinterpret_cast<CurrentStream>(function);
}

}  // namespace

bool is_on_device(const Tensor& x) { return x.is_cuda(); }

OnDeviceOf::OnDeviceOf(const Tensor& x) : guard_(std::in_place, x.get_device_index()), stream_(nullptr) {
  static const CurrentStream current_stream = find_current_stream();
  if (current_stream(x.get_device_index(), &stream_) != 0) throw std::runtime_error("there is no current CUDA stream");
}

}  // namespace graphkit
