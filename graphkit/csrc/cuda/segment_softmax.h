// Launchers of segment_softmax and of its gradient.
#pragma once

#include "groups.h"
#include "numbers.h"

namespace graphkit {
extern "C" {

// out[r] = exp(x[r]) / sum of exp(x) over the segment of row r, column by column. The parts are room for
// [slots, width] maxima and sums, if segments may be long.
const char* graphkit_segment_softmax(int type, const Groups* groups, int64_t width, const void* x, void* out,
                                     void* part_max, void* part_sum, void* stream);

// result[r] = out[r] (grad[r] - sum of out grad over the segment of row r). `parts` is room for [slots, width] sums.
const char* graphkit_segment_softmax_backward(int type, const Groups* groups, int64_t width, const void* grad,
                                              const void* out, void* result, void* parts, void* stream);
}
}  // namespace graphkit
