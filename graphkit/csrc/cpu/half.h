// 16-bit floating point numbers in vector code: loaded and stored as 16 bits, computed as float.
#pragma once

#include "vector.h"

namespace graphkit {

struct BFloat16 {
  uint16_t bits;
};
struct Float16 {
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
template <>
struct ComputedAs<Float16> {
  using type = float;
};
template <class S>
using Computed = typename ComputedAs<S>::type;

// bfloat16 is the upper half of a float.
template <int W>
GRAPHKIT_INLINE Vector<float, W> widen(BFloat16, Vector<uint32_t, W> bits) {
  return (Vector<float, W>)(bits << 16);
}

// float16 has 5 bits of exponent and 10 of fraction: moved to those of a float, it is too small by 2^112. The product is
// exact, also for denormal numbers; infinity and NaN get the exponent of a float's.
template <int W>
GRAPHKIT_INLINE Vector<float, W> widen(Float16, Vector<uint32_t, W> bits) {
  using Bits = Vector<uint32_t, W>;
  const Bits magnitude = bits & 0x7fffu;
  const Bits number = (Bits)((Vector<float, W>)(magnitude << 13) * 0x1p112f);
  const Bits special = (magnitude << 13) | 0x7f800000u;
  return (Vector<float, W>)((magnitude > 0x7bffu ? special : number) | ((bits & 0x8000u) << 16));
}

// Both round to nearest, ties to even, and propagate NaN.
template <int W>
GRAPHKIT_INLINE Vector<uint32_t, W> narrow(BFloat16, Vector<float, W> v) {
  using Bits = Vector<uint32_t, W>;
  const Bits bits = (Bits)v;
  const Bits rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  const Bits nan = (bits >> 16) | 0x40u;
  return v == v ? rounded : nan;
}

// Numbers below 2^-14 are rounded by an addition of 0.5, whose last bit counts 2^-24.
template <int W>
GRAPHKIT_INLINE Vector<uint32_t, W> narrow(Float16, Vector<float, W> v) {
  using Bits = Vector<uint32_t, W>;
  const Bits bits = (Bits)v, magnitude = bits & 0x7fffffffu;
  const Bits normal = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  const Bits denormal = (Bits)((Vector<float, W>)magnitude + 0.5f) - 0x3f000000u;
  const Bits infinite = (Bits{} + 0x7c00u) | (magnitude > 0x7f800000u ? Bits{} + 0x200u : Bits{});
  const Bits finite = magnitude < (113u << 23) ? denormal : normal;
  return (magnitude >= 0x477ff000u ? infinite : finite) | ((bits >> 16) & 0x8000u);
}

template <class S, int W>
GRAPHKIT_INLINE Vector<Computed<S>, W> read(const S* from) {
  if constexpr (sizeof(S) == 2) {
    const Vector<uint16_t, W> bits = load<uint16_t, W>(&from->bits);
    return widen<W>(S{}, __builtin_convertvector(bits, Vector<uint32_t, W>));
  } else {
    return load<S, W>(from);
  }
}

template <class S, int W>
GRAPHKIT_INLINE void write(S* to, Vector<Computed<S>, W> v) {
  if constexpr (sizeof(S) == 2) {
    store<uint16_t, W>(&to->bits, __builtin_convertvector(narrow<W>(S{}, v), Vector<uint16_t, W>));
  } else {
    store<S, W>(to, v);
  }
}

}  // namespace graphkit
