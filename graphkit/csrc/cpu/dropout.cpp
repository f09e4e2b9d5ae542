// Dropout on the CPU, without a tensor for the mask: whether a number is kept depends on the seed and its position.
#include "dispatch.h"

#include <type_traits>

namespace graphkit {
namespace {

constexpr int kLanes = 16;           // generators of a block, whatever the instruction set
constexpr int64_t kBlock = 1 << 12;  // numbers of a block
using Word = Vector<uint32_t, kLanes>;

// splitmix64 (Steele, Lea and Flood, 2014), for the states of the generators.
GRAPHKIT_INLINE uint64_t next_state(uint64_t& state) {
  uint64_t z = state += 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

// xoshiro128++ (Blackman and Vigna, 2021).
GRAPHKIT_INLINE Word next(Word* s) {
  const Word sum = s[0] + s[3], result = ((sum << 7) | (sum >> 25)) + s[0], shifted = s[1] << 9;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= shifted;
  s[3] = (s[3] << 11) | (s[3] >> 21);
  return result;
}

// x * scale where the bits are at least the threshold, and else 0.
template <class T, class Bits>
GRAPHKIT_INLINE void keep(const T* x, T scale, Word random, uint32_t threshold, T* out) {
  constexpr int W = kLanes * sizeof(uint32_t) / sizeof(T);  // one half of the lanes at a time for float64
  const Vector<int32_t, kLanes> kept = random >= threshold;
  for (int half = 0; half < kLanes / W; ++half) {
    Vector<int32_t, W> lanes;
    __builtin_memcpy(&lanes, reinterpret_cast<const char*>(&kept) + half * sizeof(lanes), sizeof(lanes));
    const Vector<T, W> value = load<T, W>(x + half * W) * scale;
    Vector<Bits, W> bits;
    __builtin_memcpy(&bits, &value, sizeof(bits));
    bits &= __builtin_convertvector(lanes, Vector<Bits, W>);
    __builtin_memcpy(out + half * W, &bits, sizeof(bits));
  }
}

template <class T>
struct DropoutPass {
  const T* x;
  T* out;
  int64_t count;
  uint64_t seed;
  uint32_t threshold;  // a number is dropped if its 32 random bits are below
  T scale;
  Interrupt interrupt;
};

struct Dropout {
  template <class T, int B>
  static GRAPHKIT_INLINE void run(const DropoutPass<T>& a, int64_t first, int64_t last) {
    using Bits = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
    for (int64_t block = first; block < last; ++block) {
      if (a.interrupt.came()) return;
      uint64_t state = a.seed;
      state = next_state(state) ^ static_cast<uint64_t>(block);
      uint64_t words[2 * kLanes];
      for (uint64_t& word : words) word = next_state(state);
      Word s[4];
      __builtin_memcpy(s, words, sizeof(s));
      const int64_t end = std::min((block + 1) * kBlock, a.count);
      int64_t i = block * kBlock;
      for (; i + kLanes <= end; i += kLanes) keep<T, Bits>(a.x + i, a.scale, next(s), a.threshold, a.out + i);
      if (i == end) continue;
      T rest[kLanes] = {};
      for (int64_t k = i; k < end; ++k) rest[k - i] = a.x[k];
      keep<T, Bits>(rest, a.scale, next(s), a.threshold, rest);
      for (int64_t k = i; k < end; ++k) a.out[k] = rest[k - i];
    }
  }
};

template <class T>
void run(const Tensor& x, double p, int64_t seed, Tensor& out) {
  DropoutPass<T> a{};
  a.x = x.const_data_ptr<T>();
  a.out = out.mutable_data_ptr<T>();
  a.count = x.numel();
  a.seed = static_cast<uint64_t>(seed);
  a.threshold = static_cast<uint32_t>(p * 4294967296.0);
  a.scale = static_cast<T>(1.0 / (1.0 - p));
  auto* kernel = select_kernel<Dropout, T, const DropoutPass<T>&, int64_t, int64_t>();
  torch::stable::parallel_for(0, (a.count + kBlock - 1) / kBlock, 1 << 4,
                              [&](int64_t first, int64_t last) { kernel(a, first, last); });
  a.interrupt.check();
}

Tensor dropout(const Tensor& x, double p, int64_t seed) {
  const ScalarType type = x.scalar_type();
  STD_TORCH_CHECK(x.is_cpu() && (type == ScalarType::Float || type == ScalarType::Double),
                  "`x` must be float32 or float64 on the CPU");
  STD_TORCH_CHECK(p >= 0 && p < 1, "`p` must be from 0 to below 1");
  const Tensor values = torch::stable::contiguous(x);
  Tensor out = empty_result(values, values.sizes());
  type == ScalarType::Float ? run<float>(values, p, seed, out) : run<double>(values, p, seed, out);
  return out;
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) { m.def("dropout(Tensor x, float p, int seed) -> Tensor"); }

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) { m.impl("dropout", TORCH_BOX(&graphkit::dropout)); }
