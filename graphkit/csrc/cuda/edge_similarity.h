// Launchers of edge_similarity and of its gradient.
#pragma once

#include "groups.h"
#include "numbers.h"

namespace graphkit {
extern "C" {

// out[e] = sum over d of m(x_d, y_d), where x and y are the rows of z at the two ends of edge e; m is the product
// (measure 0), the squared difference (1) or its absolute value (2).
const char* graphkit_edge_similarity(int type, int measure, const void* z, int64_t nodes, int64_t width,
                                     const int64_t* source, const int64_t* target, int64_t edges, void* out,
                                     void* stream);

// out[i] = sum over the edges at node i, in and out, of grad[e] m'(x, y). The groups are those of the 2 E ends of edges
// by their node, with the node at the other end and the edge for each. `parts` is room for [slots, D].
const char* graphkit_edge_similarity_backward(int type, int measure, const Groups* groups, const void* z, int64_t width,
                                              const int64_t* other, const int64_t* edge, const void* grad,
                                              int64_t edges, void* out, void* parts, void* stream);
}
}  // namespace graphkit
