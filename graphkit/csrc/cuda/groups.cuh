// Division of groups of consecutive rows among threads: a unit is a whole group, or the part of a long group in a
// block.
//
// Long groups need no list: blocks of `longest` rows start at the same rows for any groups. The long group of a block
// is found by bisection. It contains the first or the last row of the block (or both), and its partial result is in the
// first or second slot of the block. The order of additions depends on `ptr` only, so that results are deterministic.
#pragma once

#include "device.cuh"
#include "groups.h"

namespace graphkit {

struct Unit {
  int64_t group;       // -1 if there is nothing to do
  int64_t begin, end;  // rows
  int64_t slot;        // slot of the result of a part, -1 for a whole group
};

__device__ inline int64_t clamp(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }

__device__ inline int64_t begin_of(const Groups& g, int64_t group) { return clamp(g.ptr[group], 0, g.rows); }

__device__ inline int64_t end_of(const Groups& g, int64_t group) {
  return clamp(g.ptr[group + 1], begin_of(g, group), g.rows);
}

// The group that holds a row: the last one that does not start after it.
__device__ inline int64_t group_of(const Groups& g, int64_t row) {
  int64_t low = 0, high = g.count - 1;
  while (low < high) {
    const int64_t middle = (low + high + 1) / 2;
    if (g.ptr[middle] <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}

// The slot in which the part of a group that begins at row `begin` lies for a block of rows.
__device__ inline int64_t slot_of(const Groups& g, int64_t begin, int64_t block) {
  return 2 * block + (begin <= block * g.longest ? 0 : 1);
}

__device__ inline Unit find_part(const Groups& g, int64_t slot) {
  const int64_t block = slot / 2, first = block * g.longest;
  if (first >= g.rows) return {-1, 0, 0, -1};
  const int64_t last = clamp(first + g.longest, 0, g.rows) - 1;
  const int64_t group = group_of(g, slot % 2 == 0 ? first : last);
  const int64_t begin = begin_of(g, group), end = end_of(g, group);
  const bool is_long = end - begin > g.longest && begin <= last && end > first;
  if (!is_long || slot_of(g, begin, block) != slot) return {-1, 0, 0, -1};
  return {group, begin > first ? begin : first, end <= last ? end : last + 1, slot};
}

__device__ inline Unit find_unit(const Groups& g, int64_t unit) {
  if (unit >= g.count) return g.any_long ? find_part(g, unit - g.count) : Unit{-1, 0, 0, -1};
  const int64_t begin = begin_of(g, unit), end = end_of(g, unit);
  if (end - begin > g.longest) return {-1, 0, 0, -1};
  return {unit, begin, end, -1};
}

inline int64_t count_units(const Groups& g) { return g.count + (g.any_long ? count_slots(g.rows, g.longest) : 0); }

// The long group that starts in a block of rows, if one does: no two can.
struct LongGroup {
  int64_t group, begin, first_block, last_block;
};

__device__ inline LongGroup find_long(const Groups& g, int64_t block) {
  const int64_t first = block * g.longest, last = clamp(first + g.longest, 0, g.rows) - 1;
  const int64_t group = group_of(g, last), begin = begin_of(g, group), end = end_of(g, group);
  if (end - begin <= g.longest || begin < first || begin > last) return {-1, 0, 0, 0};
  return {group, begin, block, (end - 1) / g.longest};
}

}  // namespace graphkit
