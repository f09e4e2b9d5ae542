// Fibers, barriers and shuffles of the emulated GPU.
#include "emulator.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include <setjmp.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

// The bounds of the section for what is zero at the start, from the linker.
extern "C" __attribute__((visibility("hidden"))) char __bss_start[], _end[];

dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace emulator {
namespace {

constexpr size_t kStack = 64 << 10;
constexpr int kLanes = 32;

enum class State { kReady, kAtBlock, kAtLanes, kDone };

struct Fiber {
  ucontext_t context;  // where it starts
  jmp_buf here;        // where it waits: jumping costs no system call
  char* stack;
  State state;
  bool has_started;
  unsigned mask;
  void* fake_stack;
  char shown[2][16];
  unsigned count[2];  // of the shuffle that each of them was shown in
  unsigned shuffles;
};

// All that the emulator remembers. Not all of it is zero at the start: so it lies apart from what is, the kernels'
// shared memory.
struct Machine {
  bool exists = true;
  Fiber* fibers[1024] = {};  // made when they are first needed, and kept
  jmp_buf scheduler = {};
  void* fake_stack = nullptr;
  const void* stack = nullptr;
  size_t stack_size = 0;
  unsigned current = 0;
  void (*body)(void*) = nullptr;
  void* data = nullptr;
  int order = 0;
  bool forgets = false;
} machine;

Fiber& fiber_of(unsigned thread) { return *machine.fibers[thread]; }

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
  machine.current = t;
  threadIdx = dim3(t, 0, 0);
  Fiber& fiber = fiber_of(t);
  start_switch(&machine.fake_stack, fiber.stack, kStack);
  if (_setjmp(machine.scheduler) == 0) {
    if (fiber.has_started) _longjmp(fiber.here, 1);
    fiber.has_started = true;
    setcontext(&fiber.context);
  }
  finish_switch(machine.fake_stack, nullptr, nullptr);
}

void wait(State state) {
  Fiber& fiber = fiber_of(machine.current);
  fiber.state = state;
  start_switch(state == State::kDone ? nullptr : &fiber.fake_stack, machine.stack, machine.stack_size);
  if (_setjmp(fiber.here) == 0) _longjmp(machine.scheduler, 1);
  finish_switch(fiber.fake_stack, &machine.stack, &machine.stack_size);
}

void run_fiber() {
  finish_switch(nullptr, &machine.stack, &machine.stack_size);
  machine.body(machine.data);
  wait(State::kDone);
}

void start(unsigned t) {
  if (machine.fibers[t] == nullptr) machine.fibers[t] = new Fiber{};
  Fiber& fiber = fiber_of(t);
  if (fiber.stack == nullptr) fiber.stack = new char[kStack];
  fiber.state = State::kReady;
  fiber.has_started = false;
  fiber.fake_stack = nullptr;
  fiber.shuffles = 0;
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack;
  fiber.context.uc_stack.ss_size = kStack;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, run_fiber, 0);
}

std::vector<unsigned> turns(unsigned threads) {
  std::vector<unsigned> list(threads);
  std::iota(list.begin(), list.end(), 0u);
  if (machine.order == 0) return list;
  uint32_t state = uint32_t(machine.order);
  for (unsigned k = 0; k < threads; ++k) {
    state = state * 1664525u + 1013904223u;
    const unsigned other = machine.order == 1 ? threads - 1 - k : k + (state >> 8) % (threads - k);
    if (other > k) std::swap(list[k], list[other]);
  }
  return list;
}

// Lets those go on who have all that they wait for. Returns whether there are any.
bool release(unsigned threads) {
  bool released = false;
  for (unsigned t = 0; t < threads; ++t) {
    if (fiber_of(t).state != State::kAtLanes) continue;
    const unsigned mask = fiber_of(t).mask, first = t / kLanes * kLanes;
    bool all = true;
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      if ((mask >> lane & 1) == 0) continue;
      if (first + lane >= threads) fail("a mask names a lane beyond the block");
      const Fiber& other = fiber_of(first + lane);
      if (other.state == State::kDone) fail("a mask names a lane that has returned");
      all = all && other.state == State::kAtLanes && other.mask == mask;
    }
    if (!all) continue;
    released = true;
    for (unsigned lane = 0; lane < kLanes; ++lane) {
      if (mask >> lane & 1) fiber_of(first + lane).state = State::kReady;
    }
  }
  if (released) return true;
  for (unsigned t = 0; t < threads; ++t) {
    if (fiber_of(t).state == State::kAtLanes) fail("some lanes of a warp wait for others that do not come");
  }
  for (unsigned t = 0; t < threads; ++t) {
    if (fiber_of(t).state == State::kAtBlock) fiber_of(t).state = State::kReady, released = true;
  }
  return released;
}

// Shared memory holds anything when a block starts: here -1, or NaN. It is all that lies in this section of the library,
// but for what nobody reads before the end.
#if defined(__SANITIZE_ADDRESS__)
__attribute__((no_sanitize_address))
#endif
void forget_shared_memory() {
  for (volatile char* at = __bss_start; at < _end; ++at) *at = char(0xff);
}

void run_block(unsigned threads) {
  if (machine.forgets) forget_shared_memory();
  for (unsigned t = 0; t < threads; ++t) start(t);
  const std::vector<unsigned> list = turns(threads);
  do {
    for (unsigned t : list) {
      if (fiber_of(t).state == State::kReady) resume(t);
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
  machine.body = body;
  machine.data = data;
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
  if ((mask >> (machine.current % kLanes) & 1) == 0) fail("a lane is not in its own mask");
  fiber_of(machine.current).mask = mask;
  wait(State::kAtLanes);
}

void exchange(unsigned mask, int from, const void* mine, void* theirs, size_t size) {
  if (size > sizeof(Fiber::shown[0])) fail("a shuffle of too many bytes");
  if ((mask >> from & 1) == 0) fail("a shuffle reads from a lane that is not in the mask");
  Fiber& fiber = fiber_of(machine.current);
  // Two places in turn: nobody shows a second number before all have met again, and so read the first.
  const unsigned place = fiber.shuffles++ % 2;
  std::memcpy(fiber.shown[place], mine, size);
  fiber.count[place] = fiber.shuffles;
  wait_for_lanes(mask);
  const Fiber& other = fiber_of(machine.current / kLanes * kLanes + from);
  if (other.count[place] != fiber.count[place]) fail("lanes that shuffle together have not shuffled equally often before");
  std::memcpy(theirs, other.shown[place], size);
}

void emulator_set_order(int order) { machine.order = order; }

void emulator_forget_shared_memory() { machine.forgets = true; }

}  // namespace emulator
