// Edges grouped by the node at one of their ends, for the CUDA launchers.
#pragma once

#include "groups.h"
#include "numbers.h"

namespace graphkit {

// The edges of node i are the rows ptr[i], ..., ptr[i + 1] - 1 of `rows`; later ones are not used. No kernel reads or
// writes outside of its tensors, whatever the numbers in `rows`: instead of a node or place that does not exist, the
// first one is read.
struct NodeEdges {
  Groups groups;         // of rows by node
  const int32_t* rows;   // [E, stride]: the node at the other end, and the place of the edge if stride is 2
  int64_t stride;
  int64_t others;        // number of nodes at the other ends
  int64_t places;        // number of edges in the input
  int64_t heads, width;  // H, C
};

}  // namespace graphkit
