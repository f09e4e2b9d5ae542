// Launchers of segment_sum, and of its transpose: expansion of the values of each segment to its rows.
#pragma once

#include "groups.h"
#include "numbers.h"

namespace graphkit {
extern "C" {

// out[s] = sum of the rows x[r] of segment s. `parts` is room for [slots, width] sums, if segments may be long.
const char* graphkit_segment_sum(int type, const Groups* groups, int64_t width, const void* x, void* out, void* parts,
                                 void* stream);

// out[r] = x[s] for the rows r of segment s.
const char* graphkit_segment_expand(int type, const Groups* groups, int64_t width, const void* x, void* out,
                                    void* stream);
}
}  // namespace graphkit
