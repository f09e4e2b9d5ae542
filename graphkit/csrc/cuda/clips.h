// Launchers of the operators on skeleton clips: concatenated frames of sequences, joints within frames, channel groups
// within joints. Sequences are groups of frames. Nothing is validated and nothing synchronizes: for any `ptr`, no
// kernel reads outside of the frames.
#pragma once

#include "groups.h"
#include "numbers.h"

namespace graphkit {

// A tensor [F, V, K, D] that may be a slice of a wider one: channels are consecutive, the rest has any stride.
struct Joints {
  const void* data;
  int64_t frame, joint, group;  // strides
};

struct ClipShape {
  int64_t joints, groups, width;
};

// Number of frames beyond which a sequence is divided, for sums over whole sequences.
constexpr int64_t kLongestSequence = 64;

extern "C" {

// out[f, v, k] = sum over u of weight[n(f), k, u, v] x[f, u, k] + bias[k]. `weight` [N, K, V, V] and `bias` [K, D], or
// none, have the type of sums; if `shared`, there is one set of matrices for all sequences.
const char* graphkit_joint_mix(int type, const Groups* sequences, const ClipShape* shape, const Joints* x,
                                const void* weight, bool shared, const void* bias, bool rectify, void* out,
                                void* stream);

// out[n, k, u, v] = sum over the frames of sequence n and the channels of a[f, u, k] b[f, v, k], of the type of sums.
// `parts` is room for [slots, K V V] sums, if sequences may be long.
const char* graphkit_joint_affinity(int type, const Groups* sequences, const ClipShape* shape, const Joints* a,
                                    const Joints* b, void* out, void* parts, void* stream);

// out [F, V, 2, D] from x [F, V, 2, 3, D], whose last three dimensions are whole. `bias` [2, D], or none, has the type
// of sums. Of `shape`, the number of groups is not read.
const char* graphkit_temporal_conv3(int type, const Groups* sequences, const ClipShape* shape, const Joints* x,
                                  const void* bias, bool rectify, void* out, void* stream);

// The transpose: out [F, V, 2, 3, D] from grad [F, V, 2, D].
const char* graphkit_temporal_conv3_transposed(int type, const Groups* sequences, const ClipShape* shape,
                                             const void* grad, void* out, void* stream);
}

}  // namespace graphkit
