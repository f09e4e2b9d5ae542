// The number types of the CUDA kernels, as arguments of launchers.
#pragma once

namespace graphkit {

enum NumberType : int { kFloat32 = 0, kFloat64 = 1, kFloat16 = 2, kBFloat16 = 3 };

// The bytes of a number in which sums of such numbers are formed: 16-bit types are summed in float32.
constexpr int bytes_of_sum(int type) { return type == kFloat64 ? 8 : 4; }

}  // namespace graphkit
