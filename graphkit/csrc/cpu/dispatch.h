// Kernels that are compiled once per instruction set, and the one that this machine runs.
#pragma once

#include "edges.h"
#include "vector.h"

namespace graphkit {

// A kernel P has run<T, B>(arguments), where T is the type that it computes and B the bytes of a vector.
#if defined(__x86_64__)
template <class P, class T, class... A>
GRAPHKIT_AVX512 void run_avx512(A... arguments) {
  P::template run<T, 64>(arguments...);
}

template <class P, class T, class... A>
GRAPHKIT_AVX2 void run_avx2(A... arguments) {
  P::template run<T, 32>(arguments...);
}
#endif

template <class P, class T, class... A>
void run_base(A... arguments) {
  P::template run<T, 16>(arguments...);
}

template <class P, class T, class... A>
auto select_kernel() {
  auto* kernel = run_base<P, T, A...>;
#if defined(__x86_64__)
  if (machine() == Machine::kAvx512) kernel = run_avx512<P, T, A...>;
  if (machine() == Machine::kAvx2) kernel = run_avx2<P, T, A...>;
#endif
  return kernel;
}

// Runs P on ranges of nodes, whose edges start at pass.ptr.
template <class P, class T, class A>
void run_nodes(const A& pass, int64_t num_nodes, int64_t work_per_edge) {
  auto* kernel = select_kernel<P, T, const A&, int64_t, int64_t>();
  for_groups(pass.interrupt, pass.ptr, num_nodes, work_per_edge,
             [&](int64_t first, int64_t last) { kernel(pass, first, last); });
}

}  // namespace graphkit
