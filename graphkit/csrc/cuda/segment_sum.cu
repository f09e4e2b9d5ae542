// segment_sum on CUDA, and its transpose.
#include "segment_sum.h"

#include "sums.cuh"

namespace graphkit {
namespace {

template <class T, int V>
__global__ void __launch_bounds__(kSegmentThreads)
    expand_segments(Groups g, const T* x, T* out, int64_t width, int across, int down) {
  const int team = across * down, member = threadIdx.x % team;
  const Unit unit = find_unit(g, (int64_t(blockIdx.x) * kSegmentThreads + threadIdx.x) / team);
  if (unit.group < 0) return;
  for (int64_t tile = blockIdx.y; tile * across * V < width; tile += gridDim.y) {
    const int64_t d = (tile * across + member % across) * V;
    if (d >= width) continue;
    const Pack<T, V> given = *reinterpret_cast<const Pack<T, V>*>(x + unit.group * width + d);
    for (int64_t row = unit.begin + member / across; row < unit.end; row += down) {
      *reinterpret_cast<Pack<T, V>*>(out + row * width + d) = given;
    }
  }
}

template <class T, int V>
const char* expand(const Groups& g, int64_t width, const T* x, T* out, void* stream) {
  const Team team = make_team(g, width, V);
  const int64_t per_block = kSegmentThreads / (team.across * team.down);
  return launch(expand_segments<T, V>, divide_up(count_units(g), per_block), divide_up(width, team.across * V),
                kSegmentThreads, stream, g, x, out, width, team.across, team.down);
}

}  // namespace

const char* graphkit_segment_sum(int type, const Groups* groups, int64_t width, const void* x, void* out, void* parts,
                                 void* stream) {
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const Sum<T> op{static_cast<const T*>(x), static_cast<T*>(out), static_cast<Wide<T>*>(parts), width};
    return is_packed<T>(width, x, out) ? run_segments<Sum<T>, kWidest<T>>(*groups, op, width, stream)
                                       : run_segments<Sum<T>, 1>(*groups, op, width, stream);
  });
}

const char* graphkit_segment_expand(int type, const Groups* groups, int64_t width, const void* x, void* out,
                                    void* stream) {
  if (groups->count == 0 || groups->rows == 0 || width == 0) return nullptr;
  return with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const T* from = static_cast<const T*>(x);
    T* to = static_cast<T*>(out);
    return is_packed<T>(width, x, out) ? expand<T, kWidest<T>>(*groups, width, from, to, stream)
                                       : expand<T, 1>(*groups, width, from, to, stream);
  });
}

}  // namespace graphkit
