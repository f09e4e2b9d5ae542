// Common code of the kernels for skeleton clips.
#pragma once

#include "clips.h"
#include "groups.cuh"

namespace graphkit {

// Channels per thread: at most four, since a thread processes many joints.
template <class T>
constexpr int kFew = kWidest<T> < 4 ? kWidest<T> : 4;

// Whether V channels of all joints can be read at once, and written to a whole tensor.
template <class T, int V>
bool has_packs(const ClipShape& shape, const Joints& x, const void* out) {
  constexpr size_t bytes = sizeof(T) * V;
  return shape.width % V == 0 && x.frame % V == 0 && x.joint % V == 0 && x.group % V == 0 &&
         reinterpret_cast<uintptr_t>(x.data) % bytes == 0 && reinterpret_cast<uintptr_t>(out) % bytes == 0;
}

// Position of a frame in its sequence.
struct Place {
  bool earlier, before, after, later;  // whether there are frames t - 2, t - 1, t + 1, t + 2
};

__device__ inline Place place_of(const Groups& g, int64_t f) {
  const int64_t group = group_of(g, f), first = begin_of(g, group), end = end_of(g, group);
  return {f - 2 >= first, f - 1 >= first, f + 1 < end, f + 2 < end};
}

}  // namespace graphkit
