// Results with huge pages, where the system has them.
#include "memory.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace graphkit {
namespace {

constexpr int64_t kLarge = int64_t(4) << 20;        // bytes
constexpr uintptr_t kHugePage = uintptr_t(2) << 20;  // bytes; where pages are larger, the system ignores the rest

// Only the pages that lie inside the tensor. The advice has no effect where huge pages are switched off or missing.
void ask_for_huge_pages(const Tensor& t) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  const int64_t bytes = t.numel() * int64_t(t.element_size());
  if (bytes < kLarge || !t.is_cpu()) return;
  const uintptr_t data = reinterpret_cast<uintptr_t>(t.data_ptr());
  const uintptr_t begin = (data + kHugePage - 1) / kHugePage * kHugePage, end = (data + bytes) / kHugePage * kHugePage;
  if (begin < end) (void)madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#else
  (void)t, (void)kLarge, (void)kHugePage;
#endif
}

}  // namespace

Tensor empty_result(const Tensor& like, IntHeaderOnlyArrayRef sizes, std::optional<ScalarType> type) {
  const Tensor out = torch::stable::new_empty(like, sizes, type);
  ask_for_huge_pages(out);
  return out;
}

Tensor zero_result(const Tensor& like, IntHeaderOnlyArrayRef sizes, std::optional<ScalarType> type) {
  Tensor out = empty_result(like, sizes, type);
  torch::stable::zero_(out);
  return out;
}

}  // namespace graphkit
