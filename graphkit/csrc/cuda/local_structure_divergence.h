// Launchers of local_structure_divergence and of its gradient.
#pragma once

#include "groups.h"
#include "numbers.h"

namespace graphkit {
extern "C" {

// top[i] = the largest p and the largest q over the edges of node i, in float64. `parts` is room for [slots, 2].
const char* graphkit_divergence_tops(int type, const Groups* groups, const void* p, const void* q, double* top,
                                     double* parts, void* stream);

// out[i] = the divergence of the softmaxes of p and q over the edges of node i; or, where there is its gradient `grad`
// [N], the gradients of p and q. `parts` is room for [slots, 3].
const char* graphkit_divergence(int type, const Groups* groups, const void* p, const void* q, const double* top,
                                const void* grad, void* out, void* grad_p, void* grad_q, double* parts, void* stream);
}
}  // namespace graphkit
