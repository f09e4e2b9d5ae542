// bfloat16 in vector code: loaded and stored as 16 bits, computed as float.
#pragma once

#include "vector.h"

namespace graphkit {

struct BFloat16 {
  uint16_t bits;
};

// Computation type of the storage type S.
template <class S>
struct ComputedAs {
  using type = S;
};
template <>
struct ComputedAs<BFloat16> {
  using type = float;
};
template <class S>
using Computed = typename ComputedAs<S>::type;

template <class S, int W>
GRAPHKIT_INLINE Vector<Computed<S>, W> read(const S* from) {
  if constexpr (sizeof(S) == 2) {
    const Vector<uint16_t, W> bits = load<uint16_t, W>(&from->bits);
    return (Vector<float, W>)(__builtin_convertvector(bits, Vector<uint32_t, W>) << 16);
  } else {
    return load<S, W>(from);
  }
}

// Rounds to nearest, ties to even; propagates NaN.
template <class S, int W>
GRAPHKIT_INLINE void write(S* to, Vector<Computed<S>, W> v) {
  if constexpr (sizeof(S) == 2) {
    const Vector<uint32_t, W> bits = (Vector<uint32_t, W>)v;
    const Vector<uint32_t, W> rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    const Vector<uint32_t, W> nan = (bits >> 16) | 0x40u;
    store<uint16_t, W>(&to->bits, __builtin_convertvector(v == v ? rounded : nan, Vector<uint16_t, W>));
  } else {
    store<S, W>(to, v);
  }
}

}  // namespace graphkit
