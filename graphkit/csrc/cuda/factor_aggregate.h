// Launchers of factor_aggregate and of its gradient.
#pragma once

#include "groups.h"
#include "numbers.h"

namespace graphkit {

// The edges grouped by one of their ends, their other ends, and the common arguments of all passes.
struct FactorEdges {
  Groups groups;         // of edges by their own end
  const int64_t* other;  // [E] the other end
  int64_t factors;       // M
  int64_t width;         // D
  int shared;            // true for features [N, D], false for [N, M, D]
  double gain;
  const void* edge_term;  // [E, M] terms of the edges by place, or null
  const int64_t* place;   // [E] places of the grouped edges, of which no kernel uses one that does not exist
};

extern "C" {

// out[i, m] = sum over the edges e = j -> i of sigmoid(gain (source[j, m] + target[i, m] + edge_term[e, m])) h[j(, m)],
// without `edge_term` where that is null. The edges are grouped by target. `parts` is room for [slots, M, D] sums, if nodes may have many edges.
const char* graphkit_factor_aggregate(int type, const FactorEdges* edges, const void* h, const void* source,
                                      const void* target, void* out, void* parts, void* stream);

// The gradient of `target`, [N, M] in the type of sums, from `grad`, that of the result. The edges are grouped by
// target. `parts` is room for [slots, M].
const char* graphkit_factor_aggregate_by_target(int type, const FactorEdges* edges, const void* grad, const void* h,
                                                const void* source, const void* target, void* grad_target,
                                                void* parts, void* stream);

// The gradient of `edge_term`, [E, M] by place. The edges are grouped by target.
const char* graphkit_factor_aggregate_by_edge(int type, const FactorEdges* edges, const void* grad, const void* h,
                                              const void* source, const void* target, void* grad_edge, void* stream);

// The gradients of `h` and of `source`, the second in the type of sums. The edges are grouped by source. The parts are
// room for [slots, (M,) D] and [slots, M].
const char* graphkit_factor_aggregate_by_source(int type, const FactorEdges* edges, const void* grad, const void* h,
                                                const void* source, const void* target, void* grad_h,
                                                void* grad_source, void* parts, void* source_parts, void* stream);
}
}  // namespace graphkit
