// Edges of a node on the device, and kernels of one number per edge and head from the rows of its two ends.
#pragma once

#include "groups.cuh"
#include "neighbors.h"
#include "segment_reduce.cuh"

namespace graphkit {

// The node at the other end of the edge in a row.
__device__ inline int64_t other_of(const NodeEdges& n, int64_t row) {
  const int64_t node = n.rows[row * n.stride];
  return node >= 0 && node < n.others ? node : 0;
}

// The place of the edge in a row; -1 if it does not exist.
__device__ inline int64_t place_of(const NodeEdges& n, int64_t row) {
  const int64_t place = n.rows[2 * row + 1];
  return place >= 0 && place < n.places ? place : -1;
}

// The first of the H weights of the edge in a row.
__device__ inline int64_t weight_of(const NodeEdges& n, int64_t row) {
  const int64_t place = place_of(n, row);
  return (place < 0 ? 0 : place) * n.heads;
}

// out[place, h] = op.finish(node, other, sum over the columns c of head h of op.add(node, other, h C + c)). `across`
// lanes process the columns of a head, V each, and each of the `down` such rows of lanes every `down`-th edge.
template <class Op, int V>
__global__ void __launch_bounds__(kSegmentThreads) score_edges(NodeEdges n, Op op, int across, int down) {
  using W = Wide<typename Op::Number>;
  const int team = across * down, member = threadIdx.x % team, x = member % across, y = member / across;
  const Unit unit = find_unit(n.groups, (int64_t(blockIdx.x) * kSegmentThreads + threadIdx.x) / team);
  // All lanes of a warp take part in the shuffles, for as long as one of them has an edge.
  int rounds = unit.group < 0 ? 0 : int((unit.end - unit.begin + down - 1) / down);
  for (int distance = team; distance < kLanes; distance *= 2) {
    const int others = __shfl_xor_sync(kAllLanes, rounds, distance);
    rounds = others > rounds ? others : rounds;
  }
  const auto exists = [&](int64_t row) { return unit.group >= 0 && row < unit.end; };
  int64_t row = unit.begin + y;
  int64_t other = exists(row) ? other_of(n, row) : 0, place = exists(row) ? place_of(n, row) : -1;
  for (int round = 0; round < rounds; ++round, row += down) {
    const bool here = exists(row), more = exists(row + down);
    const int64_t next = more ? other_of(n, row + down) : 0, next_place = more ? place_of(n, row + down) : -1;
    for (int64_t h = 0; h < n.heads; ++h) {
      W total = 0;
      for (int64_t c = x * V; here && c < n.width; c += across * V) {
        total += op.template add<V>(unit.group, other, h * n.width + c);
      }
      for (int distance = 1; distance < across; distance *= 2) {
        total += __shfl_xor_sync(kAllLanes, total, distance);
      }
      if (x == 0 && place >= 0) narrow(op.finish(unit.group, other, total), op.out[place * n.heads + h]);
    }
    other = next, place = next_place;
  }
}

template <class Op, int V>
const char* run_scores(const NodeEdges& n, const Op& op, void* stream) {
  if (n.groups.count == 0 || n.groups.rows == 0 || n.heads == 0) return nullptr;
  const Team team = make_team(n.groups, n.width, V);
  const int64_t per_block = kSegmentThreads / (team.across * team.down);
  return launch(score_edges<Op, V>, divide_up(count_units(n.groups), per_block), 1, kSegmentThreads, stream, n, op,
                team.across, team.down);
}

}  // namespace graphkit
