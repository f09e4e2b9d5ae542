// Selection of the instruction set of the kernels.
#include "vector.h"

#include <cstdlib>
#include <cstring>

namespace graphkit {
namespace {

Machine find() {
  Machine best = Machine::kBase;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    best = Machine::kAvx2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")) {
      best = Machine::kAvx512;
    }
  }
#endif
  const char* wish = std::getenv("GRAPHKIT_CPU");
  if (wish != nullptr && std::strcmp(wish, "base") == 0) return Machine::kBase;
  if (wish != nullptr && std::strcmp(wish, "avx2") == 0 && best == Machine::kAvx512) return Machine::kAvx2;
  return best;
}

}  // namespace

Machine machine() {
  static const Machine found = find();
  return found;
}

}  // namespace graphkit
