// Point clouds and the motions of space that act on them.
#pragma once

#include <eqnn/core/rng.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "support/reference.h"

namespace eqnn::testing {

using reference::Dense;

// x -> x Q^T + t for a row x.
struct Motion {
  Dense turn;
  std::vector<double> shift;
};

inline double determinant(const Dense& q) {
  if (q.rows == 2) return q(0, 0) * q(1, 1) - q(0, 1) * q(1, 0);
  double sum = 0;
  for (Index j = 0; j < 3; ++j)
    sum += q(0, j) * (q(1, (j + 1) % 3) * q(2, (j + 2) % 3) - q(1, (j + 2) % 3) * q(2, (j + 1) % 3));
  return sum;
}

// The rows of x moved: positions by all of the motion, vectors by its turn alone.
inline Dense moved(const Dense& x, const Motion& m, bool positions) {
  Dense y = reference::product(x, reference::transposed(m.turn));
  for (Index i = 0; positions && i < y.rows; ++i)
    for (Index j = 0; j < y.cols; ++j) y(i, j) += m.shift[static_cast<std::size_t>(j)];
  return y;
}

inline Motion identity_motion(Index d) {
  Motion m{Dense(d, d), std::vector<double>(static_cast<std::size_t>(d))};
  for (Index i = 0; i < d; ++i) m.turn(i, i) = 1;
  return m;
}

// A Haar-distributed rotation (a product of it and a reflection when `reflect`), and a normal translation.
inline Motion random_motion(Index d, bool reflect, bool translate, std::uint64_t seed) {
  Draws draws({seed, Stream::user, 5, 0});
  Motion m = identity_motion(d);
  Dense& q = m.turn;
  for (double& v : q.data) v = draws.normal();
  for (Index i = 0; i < d; ++i)  // Gram-Schmidt, twice
    for (int pass = 0; pass < 2; ++pass) {
      for (Index k = 0; k < i; ++k) {
        double inner = 0;
        for (Index j = 0; j < d; ++j) inner += q(i, j) * q(k, j);
        for (Index j = 0; j < d; ++j) q(i, j) -= inner * q(k, j);
      }
      double norm = 0;
      for (Index j = 0; j < d; ++j) norm += q(i, j) * q(i, j);
      for (Index j = 0; j < d; ++j) q(i, j) /= std::sqrt(norm);
    }
  if ((determinant(q) < 0) != reflect)
    for (Index j = 0; j < d; ++j) q(0, j) = -q(0, j);
  for (double& t : m.shift) t = translate ? draws.normal() : 0;
  return m;
}

// The identity, quarter and half turns in the coordinate planes, where allowed mirrors, inversion and translations
// along the axes; and `random` others.
inline std::vector<Motion> motions(Index d, bool reflections, bool translations, int random, std::uint64_t seed) {
  std::vector<Motion> list = {identity_motion(d)};
  for (Index a = 0; a < d; ++a) {
    const Index b = (a + 1) % d;
    Motion quarter = identity_motion(d), half = identity_motion(d);
    quarter.turn(a, a) = quarter.turn(b, b) = 0;
    quarter.turn(a, b) = -1;
    quarter.turn(b, a) = 1;
    half.turn(a, a) = half.turn(b, b) = -1;
    list.push_back(quarter);
    list.push_back(half);
    if (reflections) {
      list.push_back(identity_motion(d));
      list.back().turn(a, a) = -1;
    }
    if (translations) {
      list.push_back(identity_motion(d));
      list.back().shift[static_cast<std::size_t>(a)] = 8;
    }
  }
  if (reflections) {
    list.push_back(identity_motion(d));
    for (double& v : list.back().turn.data) v = -v;
  }
  for (int i = 0; i < random; ++i) {
    const std::uint64_t s = seed * 100 + static_cast<std::uint64_t>(i);
    list.push_back(random_motion(d, reflections && i % 2 == 1, translations, s));
  }
  return list;
}

// n normal points, a little off the origin, with coordinates that float holds.
inline Dense random_cloud(Index n, Index d, std::uint64_t seed) {
  Draws draws({seed, Stream::user, 6, 0});
  Dense x(n, d);
  for (double& v : x.data) v = static_cast<double>(static_cast<float>(0.3 + draws.normal()));
  return x;
}

}  // namespace eqnn::testing
