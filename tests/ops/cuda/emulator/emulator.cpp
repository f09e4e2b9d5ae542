// Fibers, barriers and shuffles of the emulated GPU.
#include "emulator.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulator {
namespace {

constexpr size_t kStack = 64 << 10;
constexpr int kLanes = 32;

enum class State { kReady, kAtBlock, kAtLanes, kDone };

struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack{new char[kStack]};
  State state;
  unsigned mask;
  void* fake_stack;
  char shown[16];
};

std::vector<std::unique_ptr<Fiber>> fibers;  // kept for the next block
ucontext_t scheduler;
void* scheduler_fake_stack;
const void* scheduler_stack;
size_t scheduler_size;
unsigned current;
void (*thread_body)(void*);
void* thread_data;
int order = 0;

void start_switch(void** save, const void* stack, size_t size) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(save, stack, size);
#else
  (void)save, (void)stack, (void)size;
#endif
}

void finish_switch(void* fake_stack, const void** stack, size_t* size) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake_stack, stack, size);
#else
  (void)fake_stack, (void)stack, (void)size;
#endif
}

// From the scheduler into a fiber, and back when it waits.
void resume(unsigned t) {
  current = t;
  threadIdx = dim3(t, 0, 0);
  Fiber& fiber = *fibers[t];
  start_switch(&scheduler_fake_stack, fiber.stack.get(), kStack);
  swapcontext(&scheduler, &fiber.context);
  finish_switch(scheduler_fake_stack, nullptr, nullptr);
}

void wait(State state) {
  Fiber& fiber = *fibers[current];
  fiber.state = state;
  start_switch(state == State::kDone ? nullptr : &fiber.fake_stack, scheduler_stack, scheduler_size);
  swapcontext(&fiber.context, &scheduler);
  finish_switch(fiber.fake_stack, &scheduler_stack, &scheduler_size);
}

void run_fiber() {
  finish_switch(nullptr, &scheduler_stack, &scheduler_size);
  thread_body(thread_data);
  wait(State::kDone);
}

void start(unsigned t) {
  if (t == fibers.size()) fibers.push_back(std::make_unique<Fiber>());
  Fiber& fiber = *fibers[t];
  fiber.state = State::kReady;
  fiber.fake_stack = nullptr;
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = kStack;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, run_fiber, 0);
}

std::vector<unsigned> turns(unsigned threads) {
  std::vector<unsigned> list(threads);
  std::iota(list.begin(), list.end(), 0u);
  if (order == 0) return list;
  uint32_t state = uint32_t(order);
  for (unsigned k = 0; k < threads; ++k) {
    state = state * 1664525u + 1013904223u;
    const unsigned other = order == 1 ? threads - 1 - k : k + (state >> 8) % (threads - k);
    if (other > k) std::swap(list[k], list[other]);
  }
  return list;
}

// Lets those go on who have all that they wait for. Returns whether there are any.
bool release(unsigned threads) {
  bool released = false;
  for (unsigned t = 0; t < threads; ++t) {
    if (fibers[t]->state != State::kAtLanes) continue;
    const unsigned mask = fibers[t]->mask, first = t / kLanes * kLanes;
    bool all = true;
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      if ((mask >> lane & 1) == 0) continue;
      if (first + lane >= threads) fail("a mask names a lane beyond the block");
      const Fiber& other = *fibers[first + lane];
      if (other.state == State::kDone) fail("a mask names a lane that has returned");
      all = all && other.state == State::kAtLanes && other.mask == mask;
    }
    if (!all) continue;
    released = true;
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      if (mask >> lane & 1) fibers[first + lane]->state = State::kReady;
    }
  }
  if (released) return true;
  for (unsigned t = 0; t < threads; ++t) {
    if (fibers[t]->state == State::kAtLanes) fail("some lanes of a warp wait for others that do not come");
  }
  for (unsigned t = 0; t < threads; ++t) {
    if (fibers[t]->state == State::kAtBlock) fibers[t]->state = State::kReady, released = true;
  }
  return released;
}

void run_block(unsigned threads) {
  for (unsigned t = 0; t < threads; ++t) start(t);
  const std::vector<unsigned> list = turns(threads);
  do {
    for (unsigned t : list) {
      if (fibers[t]->state == State::kReady) resume(t);
    }
  } while (release(threads));
}

}  // namespace

void fail(const char* what) {
  std::fprintf(stderr, "emulator: %s (block %u, %u, thread %u)\n", what, blockIdx.x, blockIdx.y, threadIdx.x);
  std::abort();
}

bool launch(dim3 grid, dim3 block, void (*body)(void*), void* data) {
  const uint64_t threads = uint64_t(block.x) * block.y * block.z;
  if (threads == 0 || threads > 1024 || grid.x == 0 || grid.y == 0 || grid.z == 0) return false;
  if (grid.x > 0x7fffffffu || grid.y > 0xffffu || grid.z > 0xffffu) return false;
  if (block.y != 1 || block.z != 1 || grid.z != 1) fail("blocks have one dimension here");
  thread_body = body;
  thread_data = data;
  gridDim = grid;
  blockDim = block;
  for (unsigned y = 0; y < grid.y; ++y) {
    for (unsigned x = 0; x < grid.x; ++x) {
      blockIdx = dim3(x, y, 0);
      run_block(unsigned(threads));
    }
  }
  return true;
}

void wait_for_block() { wait(State::kAtBlock); }

void wait_for_lanes(unsigned mask) {
  if ((mask >> (current % kLanes) & 1) == 0) fail("a lane is not in its own mask");
  fibers[current]->mask = mask;
  wait(State::kAtLanes);
}

void exchange(unsigned mask, int from, const void* mine, void* theirs, size_t size) {
  if (size > sizeof(Fiber::shown)) fail("a shuffle of too many bytes");
  if ((mask >> from & 1) == 0) fail("a shuffle reads from a lane that is not in the mask");
  std::memcpy(fibers[current]->shown, mine, size);
  wait_for_lanes(mask);
  std::memcpy(theirs, fibers[current / kLanes * kLanes + from]->shown, size);
  wait_for_lanes(mask);  // nobody shows something new before all have read
}

void emulator_set_order(int new_order) { order = new_order; }

}  // namespace emulator
