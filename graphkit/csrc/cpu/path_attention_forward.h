// The forward pass of path_attention: one pass over the paths with a running maximum and sum.
#pragma once

#include "path_attention_kernel.h"

#include <limits>

namespace graphkit {

struct PathForward {
  template <class T, int W, int G, int NV>
  static GRAPHKIT_INLINE void block(const PathPass<T>& a, int64_t first, int64_t last, int64_t k, T* room) {
    using B = Block<T, W, G, NV>;
    using Sums = typename B::Sums;
    alignas(64) T score[kPaths * B::heads + W];
    alignas(64) T scale[W] = {};
    const T* phi[kPaths];
    Sums total = {}, shrink = {};  // of a node whose paths take several windows
    for (Window w{first, first, a.ptr[first], a.ptr[first]}; begin_sampled_phase(a, last, w);) {
      for (int64_t i = w.node; i < w.last_node; ++i) {
        const int64_t begin = std::max(w.begin, a.ptr[i]), end = std::min(w.end, a.ptr[i + 1]);
        if (begin == end) continue;
        const Sums before = begin > a.ptr[i] ? load<T, B::heads>(a.highest + i * a.heads + k)
                                             : Sums{} - std::numeric_limits<T>::infinity();
        const Sums highest = scores<T, W, G, NV>(a, i, k, w.begin, begin, end, before, room, phi, score);
        store<T, B::heads>(a.highest + i * a.heads + k, highest);
        if (begin > a.ptr[i]) shrink = exponential<T, B::heads>(before - highest);
      }
      exponentials<T, W>(score, (w.end - w.begin) * B::heads);
      for (int64_t i = w.node; i < w.last_node; ++i) {
        const int64_t begin = std::max(w.begin, a.ptr[i]), end = std::min(w.end, a.ptr[i + 1]);
        const int64_t at = i * a.heads + k;
        T* out = a.out + at * a.width;
        if (begin == end) {
          for (int64_t d = 0; d < B::vectors(a) * W; d += W) store<T, W>(out + d, Vector<T, W>{});
          store<T, B::heads>(a.highest + at, Sums{});
          store<T, B::heads>(a.inverse + at, Sums{});
          continue;
        }
        const bool goes_on = begin > a.ptr[i], ends = end == a.ptr[i + 1];
        T* own = score + (begin - w.begin) * B::heads;
        total = goes_on ? total * shrink : Sums{};
        for (int64_t e = begin; e < end; ++e) {
          T* to = own + (e - begin) * B::heads;
          const Sums s = load<T, B::heads>(to);
          const int64_t place = a.place[e] * a.heads + k;
          total += s;
          if (a.alpha != nullptr && !goes_on && ends) store<T, B::heads>(a.alpha + place, s);
          if (a.weight != nullptr) store<T, B::heads>(to, s * load<T, B::heads>(a.weight + place));
        }
        const Sums inverse = T(1) / total;
        if (ends) store<T, B::heads>(a.inverse + at, inverse);
        store<T, B::heads>(scale, ends ? inverse : Sums{} + T(1));
        alignas(64) T keep[W] = {};
        store<T, B::heads>(keep, goes_on ? (ends ? shrink * inverse : shrink) : Sums{});
        const T* const* rows = phi + (begin - w.begin);
        for (int64_t v = 0; v < B::vectors(a); v += B::at_once) {
          weigh<T, W, G, NV>(rows, v * W, own, end - begin, scale, goes_on ? keep : nullptr, out + v * W);
        }
        if (a.alpha != nullptr && ends) attention<T, B::heads>(a, i, k, goes_on);
      }
    }
  }

 private:
  // Pools and scores the paths of node i from `begin` to `end`. Leaves the scores less the largest one.
  template <class T, int W, int G, int NV>
  static GRAPHKIT_INLINE typename Block<T, W, G, NV>::Sums scores(const PathPass<T>& a, int64_t i, int64_t k,
                                                                  int64_t window, int64_t begin, int64_t end,
                                                                  typename Block<T, W, G, NV>::Sums highest, T* room,
                                                                  const T** phi, T* score) {
    using B = Block<T, W, G, NV>;
    using Sums = typename B::Sums;
    const int64_t column = k * a.width, size = B::vectors(a) * W;
    const Sums own = load<T, B::heads>(a.target + i * a.heads + k);
    const bool is_part = end - begin < a.ptr[i + 1] - a.ptr[i];
    for (int64_t e = begin; e < end; ++e) {
      const int64_t j = e - window;
      phi[j] = a.hops == 1 ? a.h + a.paths[e] * a.heads * a.width + column : room + j * size;
      Vector<T, W> product[B::at_once] = {};
      for (int64_t v = 0; v < size / W; v += B::at_once) {
        Vector<T, W> x[B::at_once];
        pool<T, W, B::at_once>(a, e, column + v * W, x);
#pragma GCC unroll 4
        for (int u = 0; u < B::at_once; ++u) {
          if (a.hops > 1) store<T, W>(room + j * size + (v + u) * W, x[u]);
          product[u] += x[u] * load<T, W>(a.att + column + (v + u) * W);
        }
      }
      Sums slope;
      const Sums given = a.term == nullptr ? own : own + load<T, B::heads>(a.term + a.place[e] * a.heads + k);
      const Sums s = rectify(B::sums(product) + given, a.slope, slope);
      if (a.alpha != nullptr && is_part) store<T, B::heads>(a.alpha + a.place[e] * a.heads + k, s);
      store<T, B::heads>(score + j * B::heads, s);
      highest = s > highest ? s : highest;
    }
    for (T* s = score + (begin - window) * B::heads; s < score + (end - window) * B::heads; s += B::heads) {
      store<T, B::heads>(s, load<T, B::heads>(s) - highest);
    }
    return highest;
  }

  // out = scale * (sum of share * phi) + keep * out, for the vectors of a block at column d.
  template <class T, int W, int G, int NV>
  static GRAPHKIT_INLINE void weigh(const T* const* phi, int64_t d, const T* share, int64_t count, const T* scale,
                                    const T* keep, T* out) {
    using B = Block<T, W, G, NV>;
    typename B::Factor factor[B::at_once];
    Vector<T, W> sum[B::at_once] = {};
    for (int64_t j = 0; j < count; ++j) {
      B::factors(share + j * B::heads, factor);
#pragma GCC unroll 4
      for (int v = 0; v < B::at_once; ++v) sum[v] += factor[v] * load<T, W>(phi[j] + d + v * W);
    }
    B::factors(scale, factor);
    for (int v = 0; v < B::at_once; ++v) sum[v] *= factor[v];
    if (keep != nullptr) {
      B::factors(keep, factor);
      for (int v = 0; v < B::at_once; ++v) sum[v] += factor[v] * load<T, W>(out + v * W);
    }
    for (int v = 0; v < B::at_once; ++v) store<T, W>(out + v * W, sum[v]);
  }

  // Computes the attention from the exponentials of node i, or from its scores if it has several windows.
  template <class T, int HB>
  static GRAPHKIT_INLINE void attention(const PathPass<T>& a, int64_t i, int64_t k, bool of_scores) {
    const Vector<T, HB> highest = load<T, HB>(a.highest + i * a.heads + k);
    const Vector<T, HB> inverse = load<T, HB>(a.inverse + i * a.heads + k);
    for (int64_t e = a.ptr[i]; e < a.ptr[i + 1]; ++e) {
      T* alpha = a.alpha + a.place[e] * a.heads + k;
      Vector<T, HB> s = load<T, HB>(alpha);
      if (of_scores) s = exponential<T, HB>(s - highest);
      store<T, HB>(alpha, s * inverse);
    }
  }
};

}  // namespace graphkit
