// Launchers of the aggregation over in-neighbors. They state what the CPU kernel does, whose header has the equations.
#pragma once

#include "neighbors.h"

namespace graphkit {

// Factors of the nodes at both ends, in the type of sums as all factors; null for 1.
struct NodeScales {
  const void* other;  // s
  const void* own;    // t
};

extern "C" {

// out[i] = t[i] (sum over e of w[e] s[j] x[j] + loop s[i] x[i]), with a weight per head or, if `weight` is null, none.
// `parts` is room for [slots, H, C] sums, if nodes may have many edges.
const char* graphkit_aggregate_sum(int type, const NodeEdges* edges, const NodeScales* scales, double loop,
                                   const void* x, const void* weight, void* out, void* parts, void* stream);

// out[i] = max over e of x[j], zeros for nodes without edges; count[i] = how many of the x[j] are equal to it, unless
// null. The parts are room for [slots, H, C] maxima and counts.
const char* graphkit_aggregate_max(int type, const NodeEdges* edges, const void* x, void* out, void* count,
                                   void* part_max, void* part_count, void* stream);

// out[i] = sum over e of x[j] where key[j] equals own[i], else 0; with `deviation` of x[j] (own[i] - key[j]). `parts`
// is room for [slots, H, C] sums.
const char* graphkit_aggregate_compare(int type, bool deviation, const NodeEdges* edges, const void* x, const void* key,
                                       const void* own, void* out, void* parts, void* stream);

// The mean and the variance of the x[j], for float32 and float64; zeros for nodes without edges. The parts are room for
// [slots, H, C] means, sums of squares and counts.
const char* graphkit_aggregate_variance(int type, const NodeEdges* edges, const void* x, void* out, void* mean,
                                        void* part_mean, void* part_square, void* part_count, void* stream);

// out[place of e, h] = t[i] s[j] own[i, h] . x[j, h], in the type of sums.
const char* graphkit_aggregate_dot(int type, const NodeEdges* edges, const NodeScales* scales, const void* own,
                                   const void* x, void* out, void* stream);
}
}  // namespace graphkit
