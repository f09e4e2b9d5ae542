// A GPU of one thread, for tests: kernels run as C++, block after block, the threads of a block as fibers.
//
// A fiber runs until it waits for others (__syncthreads, __syncwarp, a shuffle). Threads take turns in an order that
// can be changed: a kernel whose result depends on it has a race. Threads that wait for what never comes are an error.
#pragma once

#include <cstddef>

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

extern dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulator {

// Calls body(data) for every thread of every block. Returns whether the sizes are some that a GPU takes.
bool launch(dim3 grid, dim3 block, void (*body)(void*), void* data);

void wait_for_block();
void wait_for_lanes(unsigned mask);

// Shows `size` bytes to the lanes of `mask`, and reads what lane `from` shows.
void exchange(unsigned mask, int from, const void* mine, void* theirs, size_t size);

[[noreturn]] void fail(const char* what);

extern "C" {

void emulator_set_order(int order);  // 0: first thread first, 1: last thread first, others: mixed

// From now on, shared memory is spoilt before every block. Only for libraries that hold kernels and nothing else.
void emulator_forget_shared_memory();
}

}  // namespace emulator
