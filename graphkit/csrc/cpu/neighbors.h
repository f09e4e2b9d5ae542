// Neighbors of nodes: edges grouped by one of their ends, with 32-bit numbers and the place of each edge in the input.
#pragma once

#include "edges.h"

namespace graphkit {

// A row of `neighbors`: the other end of an edge and, where they have two columns, its place in the input.
struct Neighbor {
  int32_t node;
  int32_t place;
};
static_assert(sizeof(Neighbor) == 8, "a row of `neighbors` is one Neighbor");

// Raises unless `ptr` [N + 1] and `neighbors` [E, 1] or [E, 2] are valid groups of `num_own` nodes with neighbors below
// `num_other`, and places below `num_places`. Rows after ptr[N] are not read.
void check_neighbors(const Tensor& ptr, const Tensor& neighbors, int64_t num_own, int64_t num_other,
                     int64_t num_places);


}  // namespace graphkit
