#include "runs/certified_inputs.h"

#include <cmath>

namespace tools {

using eqnn::Array;
using eqnn::GroupElement;
using eqnn::Permutation;
using eqnn::PermutationGroup;
using eqnn::PointGroup;
using eqnn::Sample;

namespace {

double single(double v) { return static_cast<double>(static_cast<float>(v)); }

// Number `which`: normal entries; then entries of {-1, 0, 1}, whose rows repeat; equal rows; zeros.
Array points(Index rows, Index cols, int which, std::uint64_t seed) {
  eqnn::Draws draws({seed, eqnn::Stream::check, 2, static_cast<std::uint64_t>(which)});
  Array a = Array::zeros(rows, cols);
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < cols; ++j)
      a(i, j) = which == 5            ? 0
                : which == 4 && i > 0 ? a(0, j)
                : which == 3          ? static_cast<double>(draws.below(3)) - 1
                                      : single(draws.normal());
  return a;
}

// Random directed graphs, one with loops; the complete and the empty graph last.
Array adjacency(Index n, int which, std::uint64_t seed) {
  eqnn::Draws draws({seed, eqnn::Stream::check, 3, static_cast<std::uint64_t>(which)});
  Array a = Array::zeros(n, n);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j)
      a(i, j) = which == 5 || (i == j && which != 2) ? 0 : which == 4 ? 1 : draws.below(2);
  return a;
}

constexpr int kInputs = 6;

}  // namespace

std::vector<Sample> certified_samples(const std::vector<Part>& parts, std::uint64_t seed) {
  std::vector<Sample> list;
  for (int k = 0; k < kInputs; ++k) {
    Sample s;
    for (const Part& p : parts)
      s[p.name] = p.name == "adjacency" ? adjacency(p.rows, k, seed) : points(p.rows, p.cols, k, seed);
    list.push_back(std::move(s));
  }
  return list;
}

namespace {

// Permutes the rows of every part, pairs where it is [n, n] on n points.
Sample permuted(const Sample& s, const Permutation& p) {
  Sample moved;
  for (const auto& [name, a] : s)
    moved[name] = name == "adjacency" || name == "edges" ? permute_pairs(a, p) : permute_rows(a, p);
  return moved;
}

}  // namespace

std::vector<GroupElement> permutations(const PermutationGroup& group, Output output, std::uint64_t seed) {
  std::vector<GroupElement> elements;
  for (const Permutation& p : telling_elements(group, 1000, 20, seed)) {
    GroupElement g{to_string(p), [p](const Sample& s) { return permuted(s, p); }};
    if (output == Output::moves) g.on_output = [p](const Array& y) { return permute_rows(y, p); };
    elements.push_back(std::move(g));
  }
  return elements;
}

namespace {

// A rotation or reflection Q, d x d, and a translation: x -> x Q^T + t.
struct Motion {
  std::string name;
  std::vector<double> q, t;
};

Array moved_by(const Array& x, const Motion& m, bool translate) {
  Array y = Array::zeros(x.rows, x.cols);
  for (Index i = 0; i < x.rows; ++i)
    for (Index j = 0; j < x.cols; ++j) {
      double sum = translate ? m.t[j] : 0;
      for (Index k = 0; k < x.cols; ++k) sum += m.q[j * x.cols + k] * x(i, k);
      y(i, j) = sum;
    }
  return y;
}

// The rotation by `angle` in the plane of axes a and b.
Motion turn(Index d, Index a, Index b, double angle, std::string name) {
  Motion m{std::move(name), std::vector<double>(d * d), std::vector<double>(d)};
  const auto q = [&](Index i, Index j) -> double& { return m.q[i * d + j]; };
  for (Index i = 0; i < d; ++i) q(i, i) = 1;
  q(a, a) = q(b, b) = std::cos(angle);
  q(a, b) = -std::sin(angle);
  q(b, a) = std::sin(angle);
  return m;
}

Motion product(const Motion& a, const Motion& b, Index d, std::string name) {
  Motion m{std::move(name), std::vector<double>(d * d), a.t};
  for (Index i = 0; i < d; ++i)
    for (Index j = 0; j < d; ++j)
      for (Index k = 0; k < d; ++k) m.q[i * d + j] += a.q[i * d + k] * b.q[k * d + j];
  return m;
}

// Quarter and half turns in every plane, random rotations; mirrors; translations.
std::vector<Motion> motions(PointGroup group, Index d, std::uint64_t seed) {
  eqnn::Draws draws({seed, eqnn::Stream::check, 4, static_cast<std::uint64_t>(d)});
  constexpr double quarter = 1.5707963267948966;
  std::vector<Motion> list;
  for (Index a = 0; a < d; ++a)
    for (Index b = a + 1; b < d; ++b) {
      list.push_back(turn(d, a, b, quarter, concat("quarter turn of axes ", a, ", ", b)));
      list.push_back(turn(d, a, b, 2 * quarter, concat("half turn of axes ", a, ", ", b)));
    }
  for (int k = 0; k < 20; ++k) {
    Motion m = turn(d, 0, 1, 4 * quarter * draws.uniform(), "");
    if (d == 3)
      m = product(turn(d, 0, 2, 4 * quarter * draws.uniform(), ""),
                  product(m, turn(d, 1, 2, 4 * quarter * draws.uniform(), ""), d, ""), d, "");
    m.name = concat("random rotation ", k);
    list.push_back(m);
  }
  if (has_reflections(group))
    for (std::size_t k = 0, count = list.size(); k < count; k += 3) {
      Motion mirror = turn(d, 0, 1, 0, "");
      mirror.q[0] = -1;
      list.push_back(product(list[k], mirror, d, concat("mirror of axis 0, ", list[k].name)));
    }
  if (has_translations(group))
    for (Motion& m : list)
      for (double& t : m.t) t = single(2 * draws.uniform() - 1);
  return list;
}

}  // namespace

std::vector<GroupElement> point_motions(PointGroup group, Index d, std::uint64_t seed,
                                        std::optional<bool> output_translates) {
  std::vector<GroupElement> elements;
  for (const Motion& m : motions(group, d, seed)) {
    GroupElement g{m.name, [m](const Sample& s) {
                     Sample moved = s;
                     moved["x"] = moved_by(s.at("x"), m, true);
                     return moved;
                   }};
    if (output_translates) g.on_output = [m, t = *output_translates](const Array& y) { return moved_by(y, m, t); };
    elements.push_back(std::move(g));
  }
  return elements;
}

}  // namespace tools
