// local_structure_divergence on the CPU: for every node, the divergence of two softmaxes over the scores of its edges.
//
// With a = p - max p, b = q - max q, and sums A of exp(a) and B of exp(b) over the edges of a node,
//
//   mean = sum_e exp(a) (a - b) / A        KL = mean - log A + log B
//   dKL/dp = exp(a) / A ((a - b) - mean)   dKL/dq = exp(b) / B - exp(a) / A
//
// so no probability is stored and no logarithm computed per edge. All computation is in float64: the divergence of
// similar structures is a small difference of large sums, and scalars per edge cost little compared to the features.
#include "dispatch.h"

#include <cmath>
#include <tuple>

namespace graphkit {
namespace {

constexpr int64_t kWorkPerEdge = 32;

template <class T>
struct DivergencePass {
  const int64_t* ptr;  // [N + 1] the edges of a node
  const T* p;          // [E]
  const T* q;          // [E]
  const T* grad;       // [N], or null in the forward pass
  T* out;              // [N], the divergences
  T* grad_p;           // [E]
  T* grad_q;           // [E]
  Interrupt interrupt;
};

// exp(x), and 0 where that is no normal number.
template <int W>
GRAPHKIT_INLINE Vector<double, W> weight(Vector<double, W> x) {
  return x < -Exponential<double>::limit ? Vector<double, W>{} : exponential<double, W>(x);
}

// W numbers of x less `top`; where fewer are left, the rest is so small that its weight is 0.
template <class T, int W>
GRAPHKIT_INLINE Vector<double, W> shifted(const T* x, int64_t left, double top) {
  if (left >= W) return __builtin_convertvector((load<T, W>(x)), Vector<double, W>) - top;
  double rest[W];
  for (int k = 0; k < W; ++k) rest[k] = k < left ? double(x[k]) - top : -1e4;
  return load<double, W>(rest);
}

template <class T, int W>
GRAPHKIT_INLINE void put(T* to, int64_t left, Vector<double, W> v) {
  const Vector<T, W> rounded = __builtin_convertvector(v, Vector<T, W>);
  if (left >= W) return store<T, W>(to, rounded);
  for (int k = 0; k < left; ++k) to[k] = rounded[k];
}

// NaN may be ignored here; it is propagated by the sums.
template <class T, int W>
GRAPHKIT_INLINE double highest(const T* x, int64_t count) {
  T top = x[0];
  int64_t k = 0;
  if (count >= W) {
    Vector<T, W> tops = load<T, W>(x);
    for (k = W; k + W <= count; k += W) {
      const Vector<T, W> next = load<T, W>(x + k);
      tops = next > tops ? next : tops;
    }
    for (int lane = 0; lane < W; ++lane) top = tops[lane] > top ? tops[lane] : top;
  }
  for (; k < count; ++k) top = x[k] > top ? x[k] : top;
  return double(top);
}

template <class T, int B>
GRAPHKIT_INLINE void nodes(const DivergencePass<T>& a, int64_t first, int64_t last) {
  constexpr int W = B / sizeof(double);
  using V = Vector<double, W>;
  for (int64_t i = first; i < last; ++i) {
    if (a.interrupt.came()) return;
    const int64_t count = a.ptr[i + 1] - a.ptr[i];
    if (count == 0) {
      if (a.grad == nullptr) a.out[i] = T(0);
      continue;
    }
    const T* p = a.p + a.ptr[i];
    const T* q = a.q + a.ptr[i];
    const double top_p = highest<T, W>(p, count), top_q = highest<T, W>(q, count);
    V sums_p = {}, sums_q = {}, gaps = {};
    for (int64_t k = 0; k < count; k += W) {
      const V x = shifted<T, W>(p + k, count - k, top_p), y = shifted<T, W>(q + k, count - k, top_q);
      const V weight_p = weight<W>(x);
      sums_p += weight_p;
      sums_q += weight<W>(y);
      gaps += weight_p * (x - y);
    }
    const double sum_p = sum<double, W>(sums_p), sum_q = sum<double, W>(sums_q);
    const double mean = sum<double, W>(gaps) / sum_p;
    if (a.grad == nullptr) {
      a.out[i] = T(mean - std::log(sum_p / sum_q));
      continue;
    }
    const double scale_p = double(a.grad[i]) / sum_p, scale_q = double(a.grad[i]) / sum_q;
    for (int64_t k = 0; k < count; k += W) {
      const V x = shifted<T, W>(p + k, count - k, top_p), y = shifted<T, W>(q + k, count - k, top_q);
      const V share = scale_p * weight<W>(x);
      put<T, W>(a.grad_p + a.ptr[i] + k, count - k, share * ((x - y) - mean));
      put<T, W>(a.grad_q + a.ptr[i] + k, count - k, scale_q * weight<W>(y) - share);
    }
  }
}

struct Nodes {
  template <class T, int B>
  static GRAPHKIT_INLINE void run(const DivergencePass<T>& a, int64_t first, int64_t last) {
    nodes<T, B>(a, first, last);
  }
};

template <class T>
void run(const DivergencePass<T>& a, int64_t num_nodes) {
  run_nodes<Nodes, T>(a, num_nodes, kWorkPerEdge);
}

void check(const Tensor& p, const Tensor& q, const Tensor& ptr) {
  const ScalarType type = p.scalar_type();
  STD_TORCH_CHECK(p.is_cpu() && p.dim() == 1 && (type == ScalarType::Float || type == ScalarType::Double),
                  "`p` must be float32 or float64 [E] on the CPU");
  STD_TORCH_CHECK(q.is_cpu() && q.dim() == 1 && q.scalar_type() == type && q.size(0) == p.size(0),
                  "`q` must have the type, device and shape of `p`");
  STD_TORCH_CHECK(is_long_vector(ptr) && ptr.size(0) >= 1, "`ptr` must be an int64 vector on the CPU");
}

void check_ptr(const Tensor& ptr, int64_t num_edges) {
  const int64_t* starts = ptr.const_data_ptr<int64_t>();
  const int64_t num_nodes = ptr.size(0) - 1;
  STD_TORCH_CHECK(starts[0] == 0 && starts[num_nodes] == num_edges && std::is_sorted(starts, starts + num_nodes + 1),
                  "`ptr` must rise from 0 to the number of edges");
}

template <class T>
DivergencePass<T> make_pass(const Tensor& p, const Tensor& q, const Tensor& ptr) {
  DivergencePass<T> a{};
  a.ptr = ptr.const_data_ptr<int64_t>();
  a.p = p.const_data_ptr<T>();
  a.q = q.const_data_ptr<T>();
  return a;
}

template <class T>
void forward(const Tensor& p, const Tensor& q, const Tensor& ptr, Tensor& out) {
  DivergencePass<T> a = make_pass<T>(p, q, ptr);
  a.out = out.mutable_data_ptr<T>();
  run(a, ptr.size(0) - 1);
}

template <class T>
void backward(const Tensor& grad, const Tensor& p, const Tensor& q, const Tensor& ptr, Tensor& grad_p,
              Tensor& grad_q) {
  DivergencePass<T> a = make_pass<T>(p, q, ptr);
  a.grad = grad.const_data_ptr<T>();
  a.grad_p = grad_p.mutable_data_ptr<T>();
  a.grad_q = grad_q.mutable_data_ptr<T>();
  if (ptr.size(0) > 1) run(a, ptr.size(0) - 1);
}

Tensor local_structure_divergence(const Tensor& p, const Tensor& q, const Tensor& ptr) {
  check(p, q, ptr);
  const Tensor x = torch::stable::contiguous(p), y = torch::stable::contiguous(q);
  const Tensor starts = torch::stable::contiguous(ptr);
  check_ptr(starts, x.size(0));
  Tensor out = empty_result(x, {starts.size(0) - 1});
  if (x.scalar_type() == ScalarType::Float) forward<float>(x, y, starts, out);
  else forward<double>(x, y, starts, out);
  return out;
}

std::tuple<Tensor, Tensor> local_structure_divergence_backward(const Tensor& grad, const Tensor& p, const Tensor& q,
                                                               const Tensor& ptr) {
  check(p, q, ptr);
  STD_TORCH_CHECK(grad.is_cpu() && grad.scalar_type() == p.scalar_type() && grad.dim() == 1 &&
                      grad.size(0) == ptr.size(0) - 1,
                  "`grad` must be [N], of the type and device of `p`");
  const Tensor g = torch::stable::contiguous(grad);
  const Tensor x = torch::stable::contiguous(p), y = torch::stable::contiguous(q);
  const Tensor starts = torch::stable::contiguous(ptr);
  check_ptr(starts, x.size(0));
  Tensor grad_p = empty_result(x, x.sizes()), grad_q = empty_result(x, x.sizes());
  if (x.scalar_type() == ScalarType::Float) backward<float>(g, x, y, starts, grad_p, grad_q);
  else backward<double>(g, x, y, starts, grad_p, grad_q);
  return {grad_p, grad_q};
}

}  // namespace
}  // namespace graphkit

STABLE_TORCH_LIBRARY_FRAGMENT(graphkit, m) {
  m.def("local_structure_divergence(Tensor p, Tensor q, Tensor ptr) -> Tensor");
  m.def("local_structure_divergence_backward(Tensor grad, Tensor p, Tensor q, Tensor ptr) -> (Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(graphkit, CPU, m) {
  m.impl("local_structure_divergence", TORCH_BOX(&graphkit::local_structure_divergence));
  m.impl("local_structure_divergence_backward", TORCH_BOX(&graphkit::local_structure_divergence_backward));
}
