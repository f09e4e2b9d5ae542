// Interrupts of long calls, such as Ctrl-C. Python handles a signal only after the call returns, so kernels poll for it
// and stop early.
//
// A call stops only between `watch_interrupts(True)` and `watch_interrupts(False)` on its thread, at a signal after the
// first of the two. The caller in Python then runs the signal handlers, and repeats the call if none of them raised.
#pragma once

#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace graphkit {

extern std::atomic<uint32_t> interrupts;  // signals so far
extern thread_local bool watches_interrupts;
extern thread_local uint32_t interrupts_before;  // signals when this thread began to watch

// Made by the thread that starts a kernel; the copies in all of its threads agree.
class Interrupt {
 public:
  bool came() const { return watched_ && interrupts.load(std::memory_order_relaxed) != before_; }
  void check() const { STD_TORCH_CHECK(!came(), "interrupted by a signal"); }  // for the starting thread only

 private:
  bool watched_ = watches_interrupts;
  uint32_t before_ = interrupts_before;
};

// Calls run(begin, end) on consecutive ranges below `count`, and raises between two of them if a signal came.
template <class F>
void in_blocks(const Interrupt& interrupt, int64_t count, const F& run) {
  constexpr int64_t kBlock = int64_t(1) << 22;
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    interrupt.check();
    run(begin, std::min(begin + kBlock, count));
  }
}

}  // namespace graphkit
