// Launchers of path_attention: passes over paths, grouped by their attending node or by the nodes that they contain.
#pragma once

#include "groups.h"
#include "numbers.h"

namespace graphkit {

// Common arguments of all passes over paths.
struct Paths {
  const int32_t* nodes;  // [L, P] far end first
  const int32_t* place;  // [P] input position of a path
  int64_t hops, count;   // L, P
  int64_t nodes_count, heads, width;  // N, H, D
  int mean;
  double slope;          // of the LeakyReLU
};

extern "C" {

// own[p] = the node that path p ends at. The groups are those of the paths by that node.
const char* graphkit_path_owners(const Groups* groups, int32_t* own, void* stream);

// score[p, k] = a . phi_p + t + term[p, k] (in input order, or null), before the LeakyReLU; and, if there is a `grad` [N, H, D] of the result, pull[p, k] =
// grad_i . phi_p. Both [P, H] in the type of sums.
const char* graphkit_path_scores(int type, const Paths* paths, const int32_t* own, const void* h, const void* att,
                                 const void* target, const void* term, const void* grad, void* score, void* pull,
                                 void* stream);

// Softmax over the paths of each node: replaces `score` by attention times weight, writes `alpha` [P, H] in input order
// if it is not null, and the largest score and the inverse sum of exponentials to `norms` [2, N, H]. The parts are room
// for [slots, H] maxima and sums.
const char* graphkit_path_softmax(int type, const Paths* paths, const Groups* groups, void* score, const void* weight,
                                  void* alpha, void* norms, void* part_max, void* part_sum, void* stream);

// out[i] = sum over the paths of i of share[p, k] phi_p; or over all paths, the gradient of `att`, with a single group
// and the gradients of the scores. `parts` is room for [slots, H, D].
const char* graphkit_path_sums(int type, const Paths* paths, const Groups* groups, const void* h, const void* share,
                               void* out, void* parts, void* stream);

// Backward pass of the softmax: replaces `score` by attention times weight, and `pull` by the gradient of the score
// before the LeakyReLU; writes the gradients of the weight and of the term, in input order, if they are not null.
// `parts` is room for [slots, H].
const char* graphkit_path_softmax_backward(int type, const Paths* paths, const Groups* groups, void* score, void* pull,
                                           const void* weight, const void* grad_alpha, const void* norms,
                                           void* grad_weight, void* grad_term, void* parts, void* stream);

// grad_h[v] = sum over the paths through v, grouped by v, with the path and its step for each. `parts` is room for
// [slots, H, D].
const char* graphkit_path_features(int type, const Paths* paths, const Groups* groups, const int32_t* path_of,
                                   const int32_t* step_of, const int32_t* own, const void* h, const void* att,
                                   const void* grad, const void* share, const void* pull, void* grad_h, void* parts,
                                   void* stream);
}
}  // namespace graphkit
