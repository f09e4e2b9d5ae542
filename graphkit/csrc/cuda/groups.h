// Groups of consecutive rows for the CUDA launchers, and their validation.
#pragma once

#include <cstdint>

namespace graphkit {

// A longer group is divided among blocks of this many rows, whose results are combined: a single group then occupies
// the whole GPU, and rounding errors do not accumulate over a long sum.
constexpr int64_t kLongestGroup = 256;

// Group g holds the rows ptr[g], ..., ptr[g + 1] - 1. For any `ptr`, no kernel reads outside of the rows.
struct Groups {
  const int64_t* ptr;  // [count + 1] on the device
  int64_t count;
  int64_t rows;
  int64_t longest;
  bool any_long;  // true if there may be longer groups
};

// Each block of rows can hold the end of one long group and the start of another: the room for both results.
inline int64_t count_slots(int64_t rows, int64_t longest) { return 2 * ((rows + longest - 1) / longest); }

struct GroupsFound {
  bool sound, any_long;
};

// Numbers that must be from 0 to bound - 1: of 64 bits, or of 32 if `wide` is null.
struct Indices {
  const int64_t* wide;
  const int32_t* narrow;
  int64_t count, bound;
};

extern "C" {

// Validates on the device that `ptr` increases from 0 to `rows` and that all indices are within their bounds, and
// synchronizes. Groups and indices may be null. `scratch` is room for two int on the device. During graph capture
// nothing is validated, and any group may be long. Returns null or the error message.
const char* graphkit_find_groups(const Groups* groups, const Indices* first, const Indices* second, int* scratch,
                                 void* stream, GroupsFound* found);
}

}  // namespace graphkit
