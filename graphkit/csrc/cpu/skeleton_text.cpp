// The text of a .skeleton file of NTU RGB+D: the first three numbers in the line of each joint, and nothing else.
//
// Parsing stops at any malformed text: the Python parser then reports the line and the error.
#include "clips.h"

#include <cmath>
#include <cstring>

namespace graphkit {
namespace {

constexpr int64_t kMostBodies = 64;  // in a frame; the files have up to six

struct Text {
  const char* at;
  const char* end;
  bool sound;  // true if the text is valid so far

  void skip_blanks() {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r')) ++at;
  }

  // Moves to the beginning of the next line.
  void next_line() {
    const void* found = at < end ? std::memchr(at, '\n', end - at) : nullptr;
    if (found == nullptr) at = end;
    else at = static_cast<const char*>(found) + 1;
  }

  // The single integer in a line, or -1.
  int64_t whole() {
    skip_blanks();
    int64_t value = 0;
    const char* first = at;
    while (at < end && *at >= '0' && *at <= '9' && at - first < 9) value = 10 * value + (*at++ - '0');
    const bool some = at > first;
    skip_blanks();
    sound = sound && some && (at == end || *at == '\n');
    next_line();
    return sound ? value : -1;
  }

  // A number with up to 18 digits, to within a rounding of double.
  double number() {
    skip_blanks();
    const bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) ++at;
    uint64_t digits = 0;
    int count = 0, scale = 0;
    bool fraction = false, some = false;  // after the point; whether there was a digit
    for (; at < end; ++at) {
      if (*at >= '0' && *at <= '9') {
        if (count < 18) digits = 10 * digits + (*at - '0'), count += digits > 0, scale -= fraction;
        else scale += !fraction;
        some = true;
      } else if (*at == '.' && !fraction) {
        fraction = true;
      } else {
        break;
      }
    }
    sound = sound && some;
    if (at < end && (*at == 'e' || *at == 'E')) {
      ++at;
      const bool down = at < end && *at == '-';
      if (at < end && (*at == '-' || *at == '+')) ++at;
      int exponent = 0;
      const char* first = at;
      for (; at < end && *at >= '0' && *at <= '9'; ++at) exponent = std::min(10 * exponent + (*at - '0'), 999);
      sound = sound && at > first;
      scale += down ? -exponent : exponent;
    }
    sound = sound && at < end && (*at == ' ' || *at == '\t');
    const double value = double(digits) * power_of_ten(scale);
    return negative ? -value : value;
  }

 private:
  static double power_of_ten(int scale) {
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (scale >= 0) return scale <= 22 ? powers[scale] : std::pow(10.0, scale);
    return scale >= -22 ? 1.0 / powers[-scale] : std::pow(10.0, scale);
  }
};

// Returns [T, M, joints, 3] float64, zeros where a frame has fewer than M bodies; or [0] for malformed text.
Tensor skeleton_text(const Tensor& text, int64_t joints) {
  STD_TORCH_CHECK(text.is_cpu() && text.dim() == 1 && text.scalar_type() == ScalarType::Byte && text.is_contiguous(),
                  "`text` must be contiguous bytes on the CPU");
  const char* begin = static_cast<const char*>(text.const_data_ptr());
  Text in{begin, begin + text.size(0), true};
  const int64_t frames = in.whole(), row = joints * 3;
  std::vector<double> values;
  std::vector<int64_t> counts;
  int64_t most = 1;
  // A frame has at least one line, which bounds the allocation for a wrong number in the first line.
  in.sound = in.sound && frames >= 1 && frames <= text.size(0);
  const Interrupt interrupt;
  for (int64_t frame = 0; in.sound && frame < frames; ++frame) {
    interrupt.check();
    const int64_t bodies = in.at < in.end ? in.whole() : -1;
    in.sound = in.sound && bodies >= 0 && bodies <= kMostBodies;
    for (int64_t body = 0; in.sound && body < bodies; ++body) {
      in.next_line();
      in.sound = in.at < in.end && in.whole() == joints && in.sound;
      for (int64_t joint = 0; in.sound && joint < joints; ++joint) {
        in.sound = in.at < in.end;
        for (int k = 0; k < 3; ++k) values.push_back(in.number());
        in.next_line();
      }
    }
    counts.push_back(bodies);
    most = std::max(most, bodies);
  }
  while (in.at < in.end && (*in.at == '\n' || *in.at == '\r' || *in.at == ' ')) ++in.at;
  for (size_t i = 0; in.sound && i < values.size(); ++i) in.sound = std::isfinite(values[i]);
  if (!in.sound || in.at != in.end) return empty_result(text, {0}, ScalarType::Double);
  Tensor out = zero_result(text, {frames, most, joints, 3}, ScalarType::Double);
  double* to = out.mutable_data_ptr<double>();
  const double* from = values.data();
  for (int64_t frame = 0; frame < frames; ++frame) {
    const int64_t size = counts[frame] * row;
    if (size > 0) std::memcpy(to + frame * most * row, from, size * sizeof(double));
    from += size;
  }
  return out;
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) { m.def("skeleton_text(Tensor text, int joints) -> Tensor"); }

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) { m.impl("skeleton_text", TORCH_BOX(&graphkit::skeleton_text)); }
