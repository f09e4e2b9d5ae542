// Building blocks of the segment kernels on raw arrays: two loops over the rows of a matrix.
//
//   reduce   sums or other reductions over the rows, one per column
//   map      elementwise function of every row, given one number per column
//
// Columns are taken a few vectors at a time and stay in registers over all rows; what remains of them is covered by a
// vector of 16 bytes that overlaps the columns before it. Narrow rows are folded first: as many as fit 64 columns are
// treated as one, so that a matrix of one column is worked on in whole vectors too.
#pragma once

#include "dispatch.h"
#include "segments.h"

namespace graphkit {

template <class T>
struct SegmentPass {
  const int64_t* ptr;  // [S + 1]
  int64_t width;       // D
  const T* x;          // [E, D], or [S, D] where values are expanded to the rows
  const T* y;          // [E, D], in passes over two matrices
  T* out;              // [S, D] or [E, D]
  int64_t* arg;        // [S, D], the rows of the maxima
  T* block_out;        // [number of blocks, D], results of the blocks of long segments
  T* block_sum;        // the same, where there are two
  int64_t* block_arg;
  Interrupt interrupt;
};

// The rows that a unit takes of segment s: all, or those of the block.
template <class T>
GRAPHKIT_INLINE int64_t first_row(const SegmentPass<T>& a, const SegmentUnit& u, int64_t s) {
  return u.block < 0 ? a.ptr[s] : u.begin;
}

template <class T>
GRAPHKIT_INLINE int64_t last_row(const SegmentPass<T>& a, const SegmentUnit& u, int64_t s) {
  return u.block < 0 ? a.ptr[s + 1] : u.end;
}

enum class Reduce { kSum, kDot, kMax };
enum class Map { kExpand, kSubtract, kScale, kSoftmaxGrad };

constexpr int64_t kFold = 64;

template <class T, int W, Reduce R>
GRAPHKIT_INLINE Vector<T, W> element(const T* x, const T* y) {
  if constexpr (R == Reduce::kDot) return load<T, W>(x) * load<T, W>(y);
  else return load<T, W>(x);
}

// A NaN in the first row is propagated; the caller handles NaN in later rows.
template <class V, Reduce R>
GRAPHKIT_INLINE V combine(V total, V next) {
  if constexpr (R == Reduce::kMax) return next > total ? next : total;
  else return total + next;
}

template <class T, int W, int K, Reduce R>
GRAPHKIT_INLINE void reduce_columns(const T* x, const T* y, int64_t rows, int64_t width, T* out) {
  Vector<T, W> total[K];
#pragma GCC unroll 4
  for (int k = 0; k < K; ++k) total[k] = element<T, W, R>(x + k * W, y + k * W);
  for (int64_t r = 1; r < rows; ++r) {
    const int64_t at = r * width;
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) {
      total[k] = combine<Vector<T, W>, R>(total[k], element<T, W, R>(x + at + k * W, y + at + k * W));
    }
  }
#pragma GCC unroll 4
  for (int k = 0; k < K; ++k) store<T, W>(out + k * W, total[k]);
}

// out[d] = the sum (dot product, maximum) of column d over `rows` >= 1 rows.
template <class T, int B, Reduce R>
GRAPHKIT_INLINE void reduce(const T* x, const T* y, int64_t rows, int64_t width, T* out) {
  constexpr int W = B / sizeof(T), smallest = 16 / sizeof(T);
  T folded[kFold];
  const int64_t fold = width > kFold / 2 || rows * width < 2 * kFold ? 1 : kFold / width;
  const int64_t n = rows / fold, wide = fold * width;
  T* to = fold == 1 ? out : folded;
  int64_t d = 0;
  for (; d + 4 * W <= wide; d += 4 * W) reduce_columns<T, W, 4, R>(x + d, y + d, n, wide, to + d);
  for (; d + W <= wide; d += W) reduce_columns<T, W, 1, R>(x + d, y + d, n, wide, to + d);
  if constexpr (W == 4 * smallest) {
    for (; d + W / 2 <= wide; d += W / 2) reduce_columns<T, W / 2, 1, R>(x + d, y + d, n, wide, to + d);
  }
  for (; d < wide && wide >= smallest; d += smallest) {
    const int64_t from = d + smallest <= wide ? d : wide - smallest;
    reduce_columns<T, smallest, 1, R>(x + from, y + from, n, wide, to + from);
  }
  for (; d < wide; ++d) reduce_columns<T, 1, 1, R>(x + d, y + d, n, wide, to + d);
  if (fold == 1) return;
  for (d = 0; d < width; ++d) {
    Vector<T, 1> total = load<T, 1>(folded + d);
    for (int64_t k = 1; k < fold; ++k) total = combine<Vector<T, 1>, R>(total, load<T, 1>(folded + k * width + d));
    for (int64_t r = n * fold; r < rows; ++r) {
      total = combine<Vector<T, 1>, R>(total, element<T, 1, R>(x + r * width + d, y + r * width + d));
    }
    store<T, 1>(out + d, total);
  }
}

template <class T, int W, int K, Map M>
GRAPHKIT_INLINE void map_columns(const T* x, const T* y, const T* given, int64_t rows, int64_t width, T* out) {
  Vector<T, W> g[K];
#pragma GCC unroll 4
  for (int k = 0; k < K; ++k) {
    g[k] = load<T, W>(given + k * W);
    // A maximum of minus infinity: the rows stay as they are, for minus infinity less itself would be NaN.
    if constexpr (M == Map::kSubtract) g[k] = g[k] == -T(__builtin_inf()) + Vector<T, W>{} ? Vector<T, W>{} : g[k];
  }
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t at = r * width;
#pragma GCC unroll 4
    for (int k = 0; k < K; ++k) {
      Vector<T, W> v = g[k];
      if constexpr (M == Map::kSubtract) v = load<T, W>(x + at + k * W) - v;
      if constexpr (M == Map::kScale) v = load<T, W>(x + at + k * W) * v;
      if constexpr (M == Map::kSoftmaxGrad) v = load<T, W>(y + at + k * W) * (load<T, W>(x + at + k * W) - v);
      store<T, W>(out + at + k * W, v);
    }
  }
}

// out[r, d] = f(x[r, d], y[r, d], given[d]). `out` may alias `x`: no number is written twice.
template <class T, int B, Map M>
GRAPHKIT_INLINE void map(const T* x, const T* y, const T* given, int64_t rows, int64_t width, T* out) {
  constexpr int W = B / sizeof(T), smallest = 16 / sizeof(T);
  T repeated[kFold];
  const int64_t fold = width > kFold / 2 || rows * width < 2 * kFold ? 1 : kFold / width;
  const int64_t n = rows / fold, wide = fold * width, done = n * wide;
  const T* g = given;
  if (fold > 1) {
    for (int64_t k = 0; k < wide; k += width) {
      for (int64_t d = 0; d < width; ++d) repeated[k + d] = given[d];
    }
    g = repeated;
  }
  int64_t d = 0;
  for (; d + 4 * W <= wide; d += 4 * W) map_columns<T, W, 4, M>(x + d, y + d, g + d, n, wide, out + d);
  for (; d + W <= wide; d += W) map_columns<T, W, 1, M>(x + d, y + d, g + d, n, wide, out + d);
  if constexpr (W == 4 * smallest) {
    for (; d + W / 2 <= wide; d += W / 2) map_columns<T, W / 2, 1, M>(x + d, y + d, g + d, n, wide, out + d);
  }
  for (; d + smallest <= wide; d += smallest) {
    map_columns<T, smallest, 1, M>(x + d, y + d, g + d, n, wide, out + d);
  }
  for (; d < wide; ++d) map_columns<T, 1, 1, M>(x + d, y + d, g + d, n, wide, out + d);
  // The rows that were too few to fold: they are as one row, and a short one.
  for (d = done; d < rows * width; ++d) {
    map_columns<T, 1, 1, M>(x + d, y + d, g + (d - done), 1, wide, out + d);
  }
}

// The units of a kernel P with run<T, B>(pass, unit, row), where `row` has room for one row.
template <class P>
struct Units {
  template <class T, int B>
  static GRAPHKIT_INLINE void run(const SegmentPass<T>& a, const SegmentUnit* units, int64_t count, T* row) {
    for (int64_t k = 0; k < count && !a.interrupt.came(); ++k) P::template run<T, B>(a, units[k], row);
  }
};

template <class P, class T>
void run_segments(const SegmentPass<T>& a, const std::vector<SegmentUnit>& units) {
  auto* kernel = select_kernel<Units<P>, T, const SegmentPass<T>&, const SegmentUnit*, int64_t, T*>();
  for_units(a.interrupt, units, [&](const SegmentUnit* first, int64_t count) {
    std::vector<T> row(a.width);  // what a kernel keeps of one segment at a time
    kernel(a, first, count, row.data());
  });
}

}  // namespace graphkit
