// Stands in for CUDA's header of the same name: float16 as bits, rounded to nearest, ties to even.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

struct __half {
  uint16_t bits;
};

inline float __half2float(__half x) {
  const uint32_t sign = uint32_t(x.bits & 0x8000) << 16, rest = x.bits & 0x7fff;
  float value;
  if (rest < 0x400) {
    value = std::ldexp(float(rest), -24);  // below the smallest normal number
  } else {
    const uint32_t bits = rest >= 0x7c00 ? 0x7f800000 | (rest & 0x3ff) << 13 : (rest << 13) + 0x38000000;
    std::memcpy(&value, &bits, sizeof(value));
  }
  return sign ? -value : value;
}

inline __half __float2half_rn(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof(bits));
  const uint16_t sign = uint16_t(bits >> 16 & 0x8000);
  bits &= 0x7fffffff;
  uint32_t rest;
  if (bits > 0x7f800000) {
    rest = 0x7fff;
  } else if (bits >= 0x477ff000) {
    rest = 0x7c00;  // nearer to the first number beyond the range than to the last one in it
  } else if (bits >= 0x38800000) {
    bits -= 0x38000000;
    rest = (bits + 0xfff + (bits >> 13 & 1)) >> 13;
  } else {
    rest = uint32_t(std::lrint(std::ldexp(std::fabs(x), 24)));
  }
  return {uint16_t(sign | rest)};
}
