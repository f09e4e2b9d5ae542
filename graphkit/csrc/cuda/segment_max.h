// Launcher of segment_max.
#pragma once

#include "groups.h"
#include "numbers.h"

namespace graphkit {
extern "C" {

// out[s] = the largest number of each column in segment s, arg[s] = the first row that holds it; 0 and -1 for an empty
// segment. The parts are room for [slots, width] maxima, and their rows, if segments may be long.
const char* graphkit_segment_max(int type, const Groups* groups, int64_t width, const void* x, void* out, int64_t* arg,
                                 void* part_max, int64_t* part_arg, void* stream);
}
}  // namespace graphkit
