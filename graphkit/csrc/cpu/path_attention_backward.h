// The backward pass of path_attention: pools and scores the paths again, and scatters to their nodes.
//
// With G the gradient of the result, A that of the attention, f the slope of the LeakyReLU at path p of node i,
//
//   u_p = G_i . phi_p                          the gradient of w_p is alpha_p u_p
//   z_p = f alpha_p (w_p u_p + A_p - delta_i)  where delta_i = sum of alpha_q (w_q u_q + A_q) = G_i . out_i + sum of
//                                              alpha_q A_q, so that one pass is enough
//   gradient of the path's term = z_p, of t_i = sum of z_p, of a = sum of z_p phi_p, of phi_p = alpha_p w_p G_i + z_p a
//
// The gradient of the features of a node is the sum over all paths through it, in order: several threads must have
// different heads or separate sums.
#pragma once

#include "path_attention_kernel.h"

namespace graphkit {

struct PathBackward {
  template <class T, int W, int G, int NV>
  static GRAPHKIT_INLINE void block(const PathPass<T>& a, int64_t first, int64_t last, int64_t k, T* room) {
    using B = Block<T, W, G, NV>;
    using Sums = typename B::Sums;
    constexpr int HB = B::heads;
    const int64_t column = k * a.width, size = B::vectors(a) * W;
    alignas(64) T share[kPaths * HB + W];  // first the attention, then times the weight
    alignas(64) T pull[kPaths * HB + W];   // first u, then z
    alignas(64) T slope[kPaths * HB + W];
    T* grad_att = room + kPaths * size;
    const T* phi[kPaths];
    for (Window w{first, first, a.ptr[first], a.ptr[first]}; begin_sampled_phase(a, last, w);) {
      for (int64_t i = w.node; i < w.last_node; ++i) {
        const int64_t begin = std::max(w.begin, a.ptr[i]), end = std::min(w.end, a.ptr[i + 1]);
        scores<T, W, G, NV>(a, i, k, w.begin, begin, end, room, phi, share, pull, slope);
      }
      exponentials<T, W>(share, (w.end - w.begin) * HB);
      for (int64_t d = 0; d < size; d += W) store<T, W>(grad_att + d, Vector<T, W>{});
      for (int64_t i = w.node; i < w.last_node; ++i) {
        const int64_t begin = std::max(w.begin, a.ptr[i]), end = std::min(w.end, a.ptr[i + 1]);
        const int64_t at = i * a.heads + k, j = begin - w.begin;
        Sums grad_target = begin > a.ptr[i] ? load<T, HB>(a.grad_target + at) : Sums{};
        if (begin < end) {
          grad_target += pulls<T, W, G, NV>(a, i, k, begin, end, share + j * HB, pull + j * HB, slope + j * HB);
        }
        store<T, HB>(a.grad_target + at, grad_target);
        for (int64_t e = begin; a.grad_term != nullptr && e < end; ++e) {
          store<T, HB>(a.grad_term + a.place[e] * a.heads + k, load<T, HB>(pull + (e - w.begin) * HB));
        }
        for (int64_t v = 0; v < size / W; v += B::at_once) {
          scatter<T, W, G, NV>(a, begin, end, column + v * W, a.grad + at * a.width + v * W, phi + j, v * W,
                               share + j * HB, pull + j * HB, grad_att + v * W);
        }
      }
      for (int64_t d = 0; d < size; ++d) a.grad_att[column + d] += double(grad_att[d]);
    }
  }

 private:
  template <class T, int W, int G, int NV>
  static GRAPHKIT_INLINE void scores(const PathPass<T>& a, int64_t i, int64_t k, int64_t window, int64_t begin,
                                     int64_t end, T* room, const T** phi, T* share, T* pull, T* slope) {
    using B = Block<T, W, G, NV>;
    using Sums = typename B::Sums;
    constexpr int HB = B::heads;
    const int64_t column = k * a.width, size = B::vectors(a) * W, at = i * a.heads + k;
    const Sums own = load<T, HB>(a.target + at), highest = load<T, HB>(a.highest + at);
    for (int64_t e = begin; e < end; ++e) {
      const int64_t j = e - window;
      phi[j] = a.hops == 1 ? a.h + a.paths[e] * a.heads * a.width + column : room + j * size;
      Vector<T, W> by_att[B::at_once] = {}, by_grad[B::at_once] = {};
      for (int64_t v = 0; v < size / W; v += B::at_once) {
        Vector<T, W> x[B::at_once];
        pool<T, W, B::at_once>(a, e, column + v * W, x);
#pragma GCC unroll 4
        for (int u = 0; u < B::at_once; ++u) {
          if (a.hops > 1) store<T, W>(room + j * size + (v + u) * W, x[u]);
          by_att[u] += x[u] * load<T, W>(a.att + column + (v + u) * W);
          by_grad[u] += x[u] * load<T, W>(a.grad + at * a.width + (v + u) * W);
        }
      }
      Sums f;
      const Sums given = a.term == nullptr ? own : own + load<T, HB>(a.term + a.place[e] * a.heads + k);
      store<T, HB>(share + j * HB, rectify(B::sums(by_att) + given, a.slope, f) - highest);
      store<T, HB>(slope + j * HB, f);
      store<T, HB>(pull + j * HB, B::sums(by_grad));
    }
  }

  // Turns attention and u into alpha w and z, for the paths of node i from `begin` to `end`. Returns the sum of z.
  template <class T, int W, int G, int NV>
  static GRAPHKIT_INLINE typename Block<T, W, G, NV>::Sums pulls(const PathPass<T>& a, int64_t i, int64_t k,
                                                                 int64_t begin, int64_t end, T* share, T* pull,
                                                                 const T* slope) {
    using B = Block<T, W, G, NV>;
    using Sums = typename B::Sums;
    constexpr int HB = B::heads;
    const int64_t at = i * a.heads + k;
    const Sums inverse = load<T, HB>(a.inverse + at);
    Vector<T, W> product[B::at_once] = {};
    for (int64_t v = 0; v < B::vectors(a); ++v) {
      const int64_t d = at * a.width + v * W;
      product[v % B::at_once] += load<T, W>(a.grad + d) * load<T, W>(a.out + d);
    }
    Sums delta = B::sums(product), total = {};
    if (a.delta != nullptr) delta += load<T, HB>(a.delta + at);
    for (int64_t j = 0; j < end - begin; ++j) {
      const Sums alpha = load<T, HB>(share + j * HB) * inverse, u = load<T, HB>(pull + j * HB);
      Sums gradient = u, kept = alpha;
      if (a.weight != nullptr) {
        const int64_t place = a.place[begin + j] * a.heads + k;
        const Sums weight = load<T, HB>(a.weight + place);
        gradient *= weight;
        kept *= weight;
        if (a.grad_weight != nullptr) store<T, HB>(a.grad_weight + place, alpha * u);
      }
      if (a.grad_alpha != nullptr) gradient += load<T, HB>(a.grad_alpha + a.place[begin + j] * a.heads + k);
      const Sums z = alpha * (gradient - delta) * load<T, HB>(slope + j * HB);
      store<T, HB>(share + j * HB, kept);
      store<T, HB>(pull + j * HB, z);
      total += z;
    }
    return total;
  }

  // Scatters the gradients of paths to their nodes: for max pooling, to the first node with the maximum.
  template <class T, int W, int G, int NV>
  static GRAPHKIT_INLINE void scatter(const PathPass<T>& a, int64_t begin, int64_t end, int64_t column, const T* grad,
                                      const T* const* phi, int64_t d, const T* share, const T* pull, T* grad_att) {
    using B = Block<T, W, G, NV>;
    const int64_t row = a.heads * a.width;
    Vector<T, W> g[B::at_once], att[B::at_once], sum[B::at_once] = {};
    for (int v = 0; v < B::at_once; ++v) {
      g[v] = load<T, W>(grad + v * W);
      att[v] = load<T, W>(a.att + column + v * W);
    }
    for (int64_t e = begin; e < end; ++e) {
      const int64_t j = e - begin;
      typename B::Factor c[B::at_once], z[B::at_once];
      B::factors(share + j * B::heads, c);
      B::factors(pull + j * B::heads, z);
      Vector<T, W> x[B::at_once], gradient[B::at_once];
#pragma GCC unroll 4
      for (int v = 0; v < B::at_once; ++v) {
        x[v] = load<T, W>(phi[j] + d + v * W);
        gradient[v] = c[v] * g[v] + z[v] * att[v];
        sum[v] += z[v] * x[v];
        if (a.mean) gradient[v] *= T(1) / T(a.hops);
      }
      const int32_t* node = a.paths + e;
      for (int64_t l = 1; l < a.hops; ++l, node += a.num_paths) {
        const T* from = a.h + *node * row + column;
        T* to = a.grad_h + *node * row + column;
#pragma GCC unroll 4
        for (int v = 0; v < B::at_once; ++v) {
          Vector<T, W> part = gradient[v];
          if (!a.mean) {
            const auto mine = load<T, W>(from + v * W) == x[v];
            part = mine ? part : Vector<T, W>{};
            gradient[v] = mine ? Vector<T, W>{} : gradient[v];
          }
          store<T, W>(to + v * W, load<T, W>(to + v * W) + part);
        }
      }
      T* to = a.grad_h + *node * row + column;
#pragma GCC unroll 4
      for (int v = 0; v < B::at_once; ++v) store<T, W>(to + v * W, load<T, W>(to + v * W) + gradient[v]);
    }
    for (int v = 0; v < B::at_once; ++v) store<T, W>(grad_att + v * W, load<T, W>(grad_att + v * W) + sum[v]);
  }
};

}  // namespace graphkit
