// Scores of edges from the features of both ends, as in GATv2:
//
//   score    s[e, h] = a[h] . f(x[j, h] + y[i, h])                                   f: LeakyReLU
//   gradient of y[i, h] = a[h] * sum over e of g[e, h] f'(x[j, h] + y[i, h]), that of x by source alike
//   gradient of a[h] = sum over i of r[i, h] with r[i, h] = sum over e of g[e, h] f(x[j, h] + y[i, h])
#include "aggregate_kernel.h"

#include <optional>
#include <tuple>

namespace graphkit {
namespace {

template <class T>
struct PairPass {
  const int64_t* ptr;        // [N + 1]
  const int32_t* neighbors;  // [E, 2]
  int64_t heads, width;      // H, C
  const T* own;              // [N, H, C]
  const T* other;            // [M, H, C]
  const T* att;              // [H, C]
  const T* grad;             // [number of places, H]
  T slope;
  T* score;                  // [number of places, H]
  T* out;                    // [N, H, C] the gradient of `own`
  T* rows;                   // [N, H, C] r, or null
  Interrupt interrupt;
};

template <class T, int W>
GRAPHKIT_INLINE T score_of(const T* x, const T* y, const T* att, int64_t width, T slope) {
  Vector<T, W> total = {};
  T rest = T(0);
  int64_t c = 0;
  for (; c + W <= width; c += W) {
    const Vector<T, W> z = load<T, W>(x + c) + load<T, W>(y + c);
    total += load<T, W>(att + c) * (z > Vector<T, W>{} ? z : z * slope);
  }
  for (; c < width; ++c) {
    const T z = x[c] + y[c];
    rest += att[c] * (z > T(0) ? z : z * slope);
  }
  return sum<T, W>(total) + rest;
}

struct Scores {
  template <class T, int B>
  static GRAPHKIT_INLINE void run(const PairPass<T>& given, int64_t first, int64_t last) {
    const PairPass<T> a = given;
    constexpr int W = B / sizeof(T), smallest = 16 / sizeof(T);
    const int64_t row = a.heads * a.width;
    const auto prefetch = GRAPHKIT_LAMBDA(const int32_t* edge) {
      prefetch_row(a.other + edge[0] * row, row);
      prefetch_row(a.score + edge[1] * a.heads, a.heads);
    };
    for_nodes(a, 2, first, last, prefetch, GRAPHKIT_LAMBDA(int64_t i) {
      for (int64_t e = a.ptr[i]; e < a.ptr[i + 1]; ++e) {
        const T* y = a.own + i * row;
        const T* x = a.other + a.neighbors[2 * e] * row;
        T* to = a.score + a.neighbors[2 * e + 1] * a.heads;
        for (int64_t h = 0; h < a.heads; ++h) {
          const int64_t at = h * a.width;
          if (a.width >= W) to[h] = score_of<T, W>(x + at, y + at, a.att + at, a.width, a.slope);
          else if (a.width >= W / 2) to[h] = score_of<T, W / 2>(x + at, y + at, a.att + at, a.width, a.slope);
          else to[h] = score_of<T, smallest>(x + at, y + at, a.att + at, a.width, a.slope);
        }
      }
    });
  }
};

// K vectors of W columns, from column c of head h on. Wherever the vectors are of several heads, each is of one.
template <class T, int W, int K, bool Heads>
GRAPHKIT_INLINE void pair_columns(const PairPass<T>& a, int64_t i, int64_t h, int64_t c) {
  using V = Vector<T, W>;
  const int64_t row = a.heads * a.width, at = h * a.width + c;
  V own[K], slopes[K] = {}, values[K] = {};
#pragma GCC unroll 8
  for (int k = 0; k < K; ++k) own[k] = load<T, W>(a.own + i * row + at + k * W);
  for (int64_t e = a.ptr[i]; e < a.ptr[i + 1]; ++e) {
    const T* other = a.other + a.neighbors[2 * e] * row + at;
    const T* grad = a.grad + a.neighbors[2 * e + 1] * a.heads + h;
#pragma GCC unroll 8
    for (int k = 0; k < K; ++k) {
      const V z = own[k] + load<T, W>(other + k * W);
      const T g = grad[Heads ? k : 0];
      const V slope = z > V{} ? V{} + g : V{} + g * a.slope;
      slopes[k] += slope;
      values[k] += slope * z;
    }
  }
#pragma GCC unroll 8
  for (int k = 0; k < K; ++k) {
    store<T, W>(a.out + i * row + at + k * W, slopes[k] * load<T, W>(a.att + at + k * W));
    if (a.rows != nullptr) store<T, W>(a.rows + i * row + at + k * W, values[k]);
  }
}

struct Gradients {
  template <class T, int B>
  static GRAPHKIT_INLINE void run(const PairPass<T>& given, int64_t first, int64_t last) {
    const PairPass<T> a = given;
    constexpr int W = B / sizeof(T), smallest = 16 / sizeof(T);
    const int64_t C = a.width, row = a.heads * C;
    const auto prefetch = GRAPHKIT_LAMBDA(const int32_t* edge) {
      prefetch_row(a.other + edge[0] * row, row);
      prefetch_row(a.grad + edge[1] * a.heads, a.heads);
    };
    for_nodes(a, 2, first, last, prefetch, GRAPHKIT_LAMBDA(int64_t i) {
      int64_t h = 0;
      if constexpr (sizeof(T) == 4) {
        for (; C == 8 && h + 4 <= a.heads; h += 4) pair_columns<T, 8, 4, true>(a, i, h, 0);
      }
      for (; h < a.heads; ++h) {
        int64_t c = 0;
        for (; c + 4 * W <= C; c += 4 * W) pair_columns<T, W, 4, false>(a, i, h, c);
        for (; c + W <= C; c += W) pair_columns<T, W, 1, false>(a, i, h, c);
        if constexpr (W == 4 * smallest) {
          if (c + W / 2 <= C) pair_columns<T, W / 2, 1, false>(a, i, h, c), c += W / 2;
        }
        for (; c < C && C >= smallest; c += smallest) {
          pair_columns<T, smallest, 1, false>(a, i, h, c + smallest <= C ? c : C - smallest);
        }
        for (; c < C; ++c) pair_columns<T, 1, 1, false>(a, i, h, c);
      }
    });
  }
};

template <class P, class T>
void run(const PairPass<T>& a, int64_t num_nodes) {
  run_nodes<P, T>(a, num_nodes, 2 * a.heads * (a.width + 8));
}

void check(const Tensor& source, const Tensor& target, const Tensor& att, const Tensor& ptr, const Tensor& neighbors) {
  const ScalarType type = source.scalar_type();
  STD_TORCH_CHECK(source.is_cpu() && source.dim() == 3 && (type == ScalarType::Float || type == ScalarType::Double),
                  "`source` must be float32 or float64 [N, H, C] on the CPU");
  STD_TORCH_CHECK(target.is_cpu() && target.dim() == 3 && target.scalar_type() == type &&
                      target.size(1) == source.size(1) && target.size(2) == source.size(2),
                  "`target` must have the type, device, heads and width of `source`");
  STD_TORCH_CHECK(att.is_cpu() && att.dim() == 2 && att.scalar_type() == type && att.size(0) == source.size(1) &&
                      att.size(1) == source.size(2),
                  "`att` must be [H, C], of the type and device of `source`");
  STD_TORCH_CHECK(neighbors.dim() == 2 && neighbors.size(1) == 2, "scores need the places of the edges");
  check_neighbors(ptr, neighbors, target.size(0), source.size(0), neighbors.size(0));
}

template <class T>
PairPass<T> pass_of(const Tensor& own, const Tensor& other, const Tensor& att, double slope, const Tensor& ptr,
                    const Tensor& neighbors) {
  PairPass<T> a{};
  a.ptr = ptr.const_data_ptr<int64_t>();
  a.neighbors = neighbors.const_data_ptr<int32_t>();
  a.heads = own.size(1);
  a.width = own.size(2);
  a.own = own.const_data_ptr<T>();
  a.other = other.const_data_ptr<T>();
  a.att = att.const_data_ptr<T>();
  a.slope = T(slope);
  return a;
}

template <class T>
void scores(const Tensor& source, const Tensor& target, const Tensor& att, double slope, const Tensor& ptr,
            const Tensor& neighbors, Tensor& out) {
  PairPass<T> a = pass_of<T>(target, source, att, slope, ptr, neighbors);
  a.score = out.mutable_data_ptr<T>();
  run<Scores>(a, target.size(0));
}

Tensor pair_score(const Tensor& source, const Tensor& target, const Tensor& att, double slope, const Tensor& ptr,
                  const Tensor& neighbors, const std::optional<Tensor>& other_ptr,
                  const std::optional<Tensor>& other_neighbors) {
  (void)other_ptr, (void)other_neighbors;
  check(source, target, att, ptr, neighbors);
  const Tensor x = torch::stable::contiguous(source), y = torch::stable::contiguous(target);
  const Tensor vectors = torch::stable::contiguous(att);
  Tensor out = zero_result(x, {neighbors.size(0), x.size(1)});
  if (x.scalar_type() == ScalarType::Float) scores<float>(x, y, vectors, slope, ptr, neighbors, out);
  else scores<double>(x, y, vectors, slope, ptr, neighbors, out);
  return out;
}

template <class T>
void backward(const Tensor& grad, const Tensor& source, const Tensor& target, const Tensor& att, double slope,
              const Tensor& ptr, const Tensor& neighbors, const Tensor& other_ptr, const Tensor& other_neighbors,
              Tensor& grad_source, Tensor& grad_target, Tensor& rows) {
  PairPass<T> a = pass_of<T>(target, source, att, slope, ptr, neighbors);
  a.grad = grad.const_data_ptr<T>();
  a.out = grad_target.mutable_data_ptr<T>();
  a.rows = rows.mutable_data_ptr<T>();
  run<Gradients>(a, target.size(0));
  PairPass<T> b = pass_of<T>(source, target, att, slope, other_ptr, other_neighbors);
  b.grad = a.grad;
  b.out = grad_source.mutable_data_ptr<T>();
  run<Gradients>(b, source.size(0));
}

// The gradients of `source` and `target`, and the rows r [N, H, C], whose sum is the gradient of `att`.
std::tuple<Tensor, Tensor, Tensor> pair_score_backward(const Tensor& grad, const Tensor& source, const Tensor& target,
                                                       const Tensor& att, double slope, const Tensor& ptr,
                                                       const Tensor& neighbors, const Tensor& other_ptr,
                                                       const Tensor& other_neighbors) {
  check(source, target, att, ptr, neighbors);
  check(target, source, att, other_ptr, other_neighbors);
  STD_TORCH_CHECK(grad.is_cpu() && grad.scalar_type() == source.scalar_type() && grad.dim() == 2 &&
                      grad.size(0) == neighbors.size(0) && grad.size(0) == other_neighbors.size(0) &&
                      grad.size(1) == source.size(1),
                  "`grad` must be [E, H], of the type and device of `source`");
  const Tensor g = torch::stable::contiguous(grad), vectors = torch::stable::contiguous(att);
  const Tensor x = torch::stable::contiguous(source), y = torch::stable::contiguous(target);
  Tensor grad_source = empty_result(x, x.sizes());
  Tensor grad_target = empty_result(y, y.sizes());
  Tensor rows = empty_result(y, y.sizes());
  if (x.scalar_type() == ScalarType::Float) {
    backward<float>(g, x, y, vectors, slope, ptr, neighbors, other_ptr, other_neighbors, grad_source, grad_target, rows);
  } else {
    backward<double>(g, x, y, vectors, slope, ptr, neighbors, other_ptr, other_neighbors, grad_source, grad_target,
                     rows);
  }
  return {grad_source, grad_target, rows};
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) {
  m.def(
      "pair_score(Tensor source, Tensor target, Tensor att, float slope, Tensor ptr, Tensor neighbors, "
      "Tensor? other_ptr, Tensor? other_neighbors) -> Tensor");
  m.def(
      "pair_score_backward(Tensor grad, Tensor source, Tensor target, Tensor att, float slope, Tensor ptr, "
      "Tensor neighbors, Tensor other_ptr, Tensor other_neighbors) -> (Tensor, Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) {
  m.impl("pair_score", TORCH_BOX(&graphkit::pair_score));
  m.impl("pair_score_backward", TORCH_BOX(&graphkit::pair_score_backward));
}
