// Kernels of all reductions over segments. An operation Op defines the reduction:
//
//   Op::State<V>                state of V columns of some rows: clear(), merge(other), of_lane(distance)
//   add(state, group, row, d)   adds a row to the state
//   put(group, d, state)        writes the result of a segment
//   put_part, get_part          write and read the state of a part of a long segment in a slot
//   map(group, row, d, state)   writes a row given the state of its segment, if Op::kMaps
//
// `across` neighboring threads process the columns of a row, V each, and each of the `down` such rows of threads every
// `down`-th row of the segment. Together they are at most a warp and are combined by shuffles.
#pragma once

#include "groups.cuh"

namespace graphkit {

constexpr int kSegmentThreads = 256;

template <class Op, int V>
__global__ void __launch_bounds__(kSegmentThreads)
    reduce_segments(Groups g, Op op, int64_t width, int across, int down) {
  using State = typename Op::template State<V>;
  const int team = across * down, member = threadIdx.x % team, x = member % across, y = member / across;
  const Unit unit = find_unit(g, (int64_t(blockIdx.x) * kSegmentThreads + threadIdx.x) / team);
  for (int64_t tile = blockIdx.y; tile * across * V < width; tile += gridDim.y) {
    const int64_t d = (tile * across + x) * V;
    const bool is_inside = unit.group >= 0 && d < width;
    State state;
    state.clear();
    if (is_inside) {
      int64_t row = unit.begin + y;
      for (; row + 3 * down < unit.end; row += 4 * down) {  // no branch between the loads of four rows
#pragma unroll
        for (int k = 0; k < 4; ++k) op.add(state, unit.group, row + k * down, d);
      }
      for (; row < unit.end; row += down) op.add(state, unit.group, row, d);
    }
    for (int distance = across; distance < team; distance *= 2) state.merge(state.of_lane(distance));
    if (!is_inside) continue;
    if (unit.slot >= 0) {
      if (y == 0) op.put_part(unit.slot, d, state);
      continue;
    }
    if (y == 0) op.put(unit.group, d, state);
    if constexpr (Op::kMaps) {
      state.finish();
#pragma unroll 4
      for (int64_t row = unit.begin + y; row < unit.end; row += down) op.map(unit.group, row, d, state);
    }
  }
}

// Merges the parts of the long segment that starts in this block of rows.
template <class Op>
__global__ void __launch_bounds__(kSegmentThreads) join_segments(Groups g, Op op, int64_t width, int across) {
  using State = typename Op::template State<1>;
  __shared__ State states[kSegmentThreads];
  const LongGroup here = find_long(g, blockIdx.x);
  if (here.group < 0) return;
  const int down = kSegmentThreads / across, x = threadIdx.x % across, y = threadIdx.x / across;
  for (int64_t tile = blockIdx.y; tile * across < width; tile += gridDim.y) {
    const int64_t d = tile * across + x;
    State state;
    state.clear();
    if (d < width) {
      for (int64_t block = here.first_block + y; block <= here.last_block; block += down) {
        state.merge(op.get_part(slot_of(g, here.begin, block), d));
      }
    }
    states[threadIdx.x] = state;
    for (int half = down / 2; half > 0; half /= 2) {
      __syncthreads();
      if (y < half) states[threadIdx.x].merge(states[threadIdx.x + half * across]);
    }
    if (y == 0 && d < width) {
      op.put(here.group, d, states[threadIdx.x]);
      if constexpr (Op::kMaps) op.put_part(slot_of(g, here.begin, here.first_block), d, states[threadIdx.x]);
    }
    __syncthreads();
  }
}

// Maps the rows of long segments, whose states are in the slots where the segments start.
template <class Op, int V>
__global__ void __launch_bounds__(kSegmentThreads) map_segments(Groups g, Op op, int64_t width, int across, int down) {
  const int team = across * down, member = threadIdx.x % team, x = member % across, y = member / across;
  const Unit part = find_part(g, (int64_t(blockIdx.x) * kSegmentThreads + threadIdx.x) / team);
  if (part.group < 0) return;
  const int64_t begin = begin_of(g, part.group);
  const int64_t slot = slot_of(g, begin, begin / g.longest);
  for (int64_t tile = blockIdx.y; tile * across * V < width; tile += gridDim.y) {
    const int64_t d = (tile * across + x) * V;
    if (d >= width) continue;
    typename Op::template State<V> state;
    for (int k = 0; k < V; ++k) state.take(k, op.get_part(slot, d + k));
    state.finish();
#pragma unroll 4
    for (int64_t row = part.begin + y; row < part.end; row += down) op.map(part.group, row, d, state);
  }
}

// Number of threads per row, and of rows of threads: more rows for longer segments on average.
struct Team {
  int across, down;
};

inline Team make_team(const Groups& g, int64_t width, int vector) {
  const int across = power_of_two(divide_up(width, vector), kLanes);
  return {across, power_of_two(g.rows / (2 * g.count) + 1, kLanes / across)};
}

template <class Op, int V>
const char* run_segments(const Groups& g, const Op& op, int64_t width, void* stream) {
  if (g.count == 0 || width == 0) return nullptr;
  const Team team = make_team(g, width, V);
  const int64_t tiles = divide_up(width, team.across * V);
  const int64_t per_block = kSegmentThreads / (team.across * team.down);
  const char* error = launch(reduce_segments<Op, V>, divide_up(count_units(g), per_block), tiles, kSegmentThreads,
                             stream, g, op, width, team.across, team.down);
  const int64_t slots = count_slots(g.rows, g.longest);
  if (error || !g.any_long || slots == 0) return error;
  const int across = power_of_two(width, kLanes);
  error = launch(join_segments<Op>, slots / 2, divide_up(width, across), kSegmentThreads, stream, g, op, width, across);
  if constexpr (Op::kMaps) {
    if (error) return error;
    error = launch(map_segments<Op, V>, divide_up(slots, per_block), tiles, kSegmentThreads, stream, g, op, width,
                   team.across, team.down);
  }
  return error;
}

}  // namespace graphkit
