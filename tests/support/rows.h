// Rows of a value of a program, whatever its points: filled from a matrix, and compared with one.
#pragma once

#include <doctest/doctest.h>
#include <eqnn/core/matrix.h>
#include <eqnn/core/rng.h>

#include <algorithm>
#include <cmath>

#include "support/reference.h"

namespace eqnn::testing {

using reference::Dense;

// Eighths between -2 and 2: exact in float.
inline Dense random_matrix(Index rows, Index cols, std::uint64_t seed) {
  Dense m(rows, cols);
  Draws d({seed, Stream::user, 0, 0});
  for (double& v : m.data) v = d.below(33) / 8.0 - 2;
  return m;
}

template <class T>
void set(Block<T> to, const Dense& from) {
  for (Index i = 0; i < from.rows; ++i)
    for (Index j = 0; j < from.cols; ++j) to.row(0, i)[j] = static_cast<T>(from(i, j));
}

// The largest |got - expected| / max(1, |expected|); infinite for NaN.
template <class T>
double difference(Block<const T> got, const Dense& expected) {
  REQUIRE((got.examples * got.points == expected.rows && got.channels == expected.cols));
  double error = 0;
  for (Index i = 0; i < expected.rows; ++i)
    for (Index j = 0; j < expected.cols; ++j)
      error = reference::worse(error, std::abs(static_cast<double>(got.row(0, i)[j]) - expected(i, j)) /
                                          std::max(1.0, std::abs(expected(i, j))));
  return error;
}

// Whether the padding is zero.
template <class T>
bool clean(Block<const T> b) {
  for (Index i = 0; i < b.examples * b.points; ++i)
    for (Index j = b.channels; j < b.stride; ++j)
      if (b.row(0, i)[j] != 0) return false;
  return true;
}

}  // namespace eqnn::testing
