// Groups of consecutive rows, as the CUDA launchers take them, and the check that they are sound.
#pragma once

#include <cstdint>

namespace graphkit {

// A group of more rows than this is divided among blocks of so many rows, whose results are put together after: enough
// to keep all of a GPU busy with one group, and to keep rounding errors from adding up over a long sum.
constexpr int64_t kLongestGroup = 256;

// Group g holds the rows ptr[g], ..., ptr[g + 1] - 1. Whatever `ptr` holds, no kernel reads outside of the rows.
struct Groups {
  const int64_t* ptr;  // [count + 1] on the device
  int64_t count;
  int64_t rows;
  int64_t longest;
  bool any_long;  // whether there may be longer groups than that
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

// Reads on the device whether `ptr` rises from 0 to `rows` and all indices are within their bounds, and waits for the
// answer. Null for groups or indices that there are not. `scratch` is room for two int on the device. A stream that is
// being captured cannot be waited for: there nothing is checked, and any group may be long. Returns nothing, or what
// went wrong.
const char* graphkit_find_groups(const Groups* groups, const Indices* first, const Indices* second, int* scratch,
                                 void* stream, GroupsFound* found);
}

}  // namespace graphkit
