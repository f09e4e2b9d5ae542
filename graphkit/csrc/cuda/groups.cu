// Validation of groups on the device, and detection of long groups.
#include "groups.cuh"

namespace graphkit {
namespace {

constexpr int kThreads = 256;

// found[0] is set for invalid groups, found[1] for a long group. All threads write the same value.
__global__ void find_groups(Groups g, int* found) {
  const int64_t k = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (k > g.count) return;
  const int64_t begin = g.ptr[k];
  bool sound = begin >= 0 && begin <= g.rows && (k > 0 || begin == 0) && (k < g.count || begin == g.rows);
  if (k < g.count && sound) {
    const int64_t end = g.ptr[k + 1];
    sound = end >= begin;
    if (sound && end - begin > g.longest) found[1] = 1;
  }
  if (!sound) found[0] = 1;
}

__global__ void find_indices(Indices index, int* found) {
  const int64_t k = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (k >= index.count) return;
  const int64_t value = index.wide != nullptr ? index.wide[k] : int64_t(index.narrow[k]);
  if (value < 0 || value >= index.bound) found[0] = 1;
}

}  // namespace

const char* graphkit_find_groups(const Groups* groups, const Indices* first, const Indices* second, int* scratch,
                                 void* stream, GroupsFound* found) {
  *found = {true, true};
  const auto cuda_stream = static_cast<cudaStream_t>(stream);
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  if (const char* error = describe(cudaStreamIsCapturing(cuda_stream, &capture))) return error;
  if (capture != cudaStreamCaptureStatusNone) return nullptr;

  int read[2] = {0, 0};
  const char* error = describe(cudaMemsetAsync(scratch, 0, sizeof(read), cuda_stream));
  if (!error && groups != nullptr) {
    error = launch(find_groups, divide_up(groups->count + 1, kThreads), 1, kThreads, stream, *groups, scratch);
  }
  for (const Indices* index : {first, second}) {
    if (error || index == nullptr || index->count == 0) continue;
    error = launch(find_indices, divide_up(index->count, kThreads), 1, kThreads, stream, *index, scratch);
  }
  if (error) return error;
  if ((error = describe(cudaMemcpyAsync(read, scratch, sizeof(read), cudaMemcpyDeviceToHost, cuda_stream)))) {
    return error;
  }
  if ((error = describe(cudaStreamSynchronize(cuda_stream)))) return error;
  *found = {read[0] == 0, read[1] != 0};
  return nullptr;
}

}  // namespace graphkit
