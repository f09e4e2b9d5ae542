// Launchers of the scores of edges from both ends, and of their gradients. The CPU kernel has the equations.
#pragma once

#include "neighbors.h"

namespace graphkit {
extern "C" {

// out[place of e, h] = att[h] . f(other[j, h] + own[i, h]) with f = LeakyReLU of the given slope.
const char* graphkit_pair_score(int type, const NodeEdges* edges, const void* own, const void* other, const void* att,
                                double slope, void* out, void* stream);

// The gradient of `own` from that of the scores, and the rows r, whose sum is the gradient of `att`, unless null. The
// parts are room for [slots, H, C] sums each; the second is not used without r.
const char* graphkit_pair_score_backward(int type, const NodeEdges* edges, const void* grad, const void* own,
                                         const void* other, const void* att, double slope, void* grad_own, void* rows,
                                         void* parts, void* row_parts, void* stream);
}
}  // namespace graphkit
