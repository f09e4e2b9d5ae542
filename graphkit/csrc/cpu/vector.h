// Portable vector code by compiler extensions, without intrinsics and -march.
//
// A kernel is a template over the bytes of a vector. It is compiled once per instruction set with vectors of that
// width, and the best supported version is selected at run time. Functions called by a kernel must be GRAPHKIT_INLINE:
// otherwise they are compiled for the baseline only.
#pragma once

#include <cstdint>

#define GRAPHKIT_INLINE inline __attribute__((always_inline))

#if defined(__x86_64__)
#define GRAPHKIT_AVX512 __attribute__((target("avx512f,avx512dq,avx512vl,avx512bw,avx2,fma")))
#define GRAPHKIT_AVX2 __attribute__((target("avx2,fma")))
#endif

namespace graphkit {

template <class T, int W>
struct VectorOf {
  typedef T type __attribute__((vector_size(W * sizeof(T))));
};
template <class T, int W>
using Vector = typename VectorOf<T, W>::type;

enum class Machine { kBase, kAvx2, kAvx512 };  // the base of x86-64 has SSE2, that of arm64 has NEON: 16 bytes

// The instruction set of the machine, limited by the environment variable GRAPHKIT_CPU (`base` or `avx2`).
Machine machine();

template <class T, int W>
GRAPHKIT_INLINE Vector<T, W> load(const T* from) {
  Vector<T, W> v;
  __builtin_memcpy(&v, from, sizeof(v));
  return v;
}

template <class T, int W>
GRAPHKIT_INLINE void store(T* to, Vector<T, W> v) {
  __builtin_memcpy(to, &v, sizeof(v));
}

// The sum of all lanes, by halves, so that the order of the additions is fixed.
template <class T, int W>
GRAPHKIT_INLINE T sum(Vector<T, W> v) {
  if constexpr (W == 1) {
    return v[0];
  } else {
    Vector<T, W / 2> half[2];
    __builtin_memcpy(half, &v, sizeof(v));
    return sum<T, W / 2>(half[0] + half[1]);
  }
}

// A number that no later operation may be fused with: x * y less `rounded(x * y)` is 0, and not the rounding error.
template <class V>
GRAPHKIT_INLINE V rounded(V v) {
  asm("" : "+m"(v));
  return v;
}

template <class T>
struct Exponential;

template <>
struct Exponential<float> {
  using Bits = int32_t;
  static constexpr float limit = 87.0f;                // exp(+-limit) is neither infinite nor denormal
  static constexpr float rounder = 12582912.0f;        // 1.5 * 2^23: adding it rounds to a whole number
  static constexpr float ln2_high = 0.693359375f;      // ln 2 in two parts: the first has few bits, so that its
  static constexpr float ln2_low = -2.12194440e-4f;    // product with a small whole number is exact
  static constexpr int degree = 7, mantissa = 23, bias = 127;
};

template <>
struct Exponential<double> {
  using Bits = int64_t;
  static constexpr double limit = 708.0;
  static constexpr double rounder = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double ln2_high = 0.693147180369123816490;
  static constexpr double ln2_low = 1.90821492927058770002e-10;
  static constexpr int degree = 13, mantissa = 52, bias = 1023;
};

template <class T, int W>
using BitsOf = Vector<typename Exponential<T>::Bits, W>;

// All bits set, but none in the first `count` lanes.
template <class T, int W>
GRAPHKIT_INLINE BitsOf<T, W> lanes_from(int count) {
  typename Exponential<T>::Bits keep[2 * W];
  for (int k = 0; k < W; ++k) keep[k] = 0, keep[W + k] = -1;
  return load<typename Exponential<T>::Bits, W>(keep + W - count);
}

// `v` with zeros in its first `count` lanes.
template <class T, int W>
GRAPHKIT_INLINE Vector<T, W> drop_lanes(Vector<T, W> v, int count) {
  return count == 0 ? v : (Vector<T, W>)((BitsOf<T, W>)v & lanes_from<T, W>(count));
}

// The maximum of two numbers, or NaN if one is. A select returns its last operand if a comparison fails, so each of the
// two selects keeps the NaN of one operand, and the results are combined bitwise. A comparison of several conditions
// would make compilers split wide vectors.
template <class T, int W>
GRAPHKIT_INLINE Vector<T, W> largest(Vector<T, W> x, Vector<T, W> y) {
  const Vector<T, W> keeps_y = x > y ? x : y, keeps_x = y > x ? y : x;
  return (Vector<T, W>)((BitsOf<T, W>)keeps_y | (BitsOf<T, W>)keeps_x);
}

constexpr double inverse_factorial(int n) {
  double product = 1.0;
  for (int k = 2; k <= n; ++k) product *= k;
  return 1.0 / product;
}

// exp(x) = 2^n exp(r) with |r| <= ln(2) / 2, where a short Taylor series is exact to rounding. Propagates NaN.
template <class T, int W>
GRAPHKIT_INLINE Vector<T, W> exponential(Vector<T, W> x) {
  using C = Exponential<T>;
  using Bits = Vector<typename C::Bits, W>;
  const Vector<T, W> zero = {};
  x = x > zero + C::limit ? zero + C::limit : x;
  x = x < zero - C::limit ? zero - C::limit : x;
  const Vector<T, W> shifted = x * T(1.44269504088896340736) + C::rounder;
  const Vector<T, W> n = shifted - C::rounder;
  const Vector<T, W> r = (x - n * C::ln2_high) - n * C::ln2_low;
  Vector<T, W> series = zero + T(inverse_factorial(C::degree));
#pragma GCC unroll 16
  for (int k = C::degree - 1; k >= 0; --k) series = series * r + T(inverse_factorial(k));
  // The low bits of `shifted` hold n; the shift pushes everything else of it out of the word.
  const Bits power = ((Bits)shifted + C::bias) << C::mantissa;
  return series * (Vector<T, W>)power;
}

}  // namespace graphkit
