// Signal counter for long kernels, and the handler that increments it.
#include "interrupt.h"

#include <torch/csrc/stable/library.h>

#include <csignal>
#include <mutex>

namespace graphkit {

std::atomic<uint32_t> interrupts{0};
thread_local bool watches_interrupts = false;
thread_local uint32_t interrupts_before = 0;

namespace {

std::mutex mutex;
int watchers = 0;
struct sigaction previous;  // Python's handler, to which signals are forwarded

void count_interrupt(int number, siginfo_t* info, void* context) {
  interrupts.fetch_add(1, std::memory_order_relaxed);
  if (previous.sa_flags & SA_SIGINFO) previous.sa_sigaction(number, info, context);
  else previous.sa_handler(number);
}

bool is_default(const struct sigaction& action) {
  return !(action.sa_flags & SA_SIGINFO) && (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN);
}

void install() {
  if (sigaction(SIGINT, nullptr, &previous) != 0 || is_default(previous)) return;
  struct sigaction ours = previous;
  ours.sa_flags |= SA_SIGINFO;
  ours.sa_sigaction = count_interrupt;
  sigaction(SIGINT, &ours, nullptr);
}

// Keeps a handler that was installed in the meantime.
void remove() {
  struct sigaction now;
  if (sigaction(SIGINT, nullptr, &now) != 0 || !(now.sa_flags & SA_SIGINFO)) return;
  if (now.sa_sigaction == count_interrupt) sigaction(SIGINT, &previous, nullptr);
}

void watch_interrupts(bool on) {
  interrupts_before = interrupts.load(std::memory_order_relaxed);
  if (on == watches_interrupts) return;
  watches_interrupts = on;
  const std::lock_guard<std::mutex> lock(mutex);
  if (on && watchers++ == 0) install();
  if (!on && --watchers == 0) remove();
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) { m.def("watch_interrupts(bool on) -> ()"); }

STABLE_TORCH_LIBRARY_IMPL(graphkit, CompositeExplicitAutograd, m) {
  m.impl("watch_interrupts", TORCH_BOX(&graphkit::watch_interrupts));
}
