#include "runs/certified_inputs.h"

#include <cmath>

#include <eqnn/hard/input_action.h>

#include "train/choices.h"

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
std::vector<Motion> motions(PointGroup group, Index d, const Tries& tries) {
  eqnn::Draws draws({tries.seed, eqnn::Stream::check, 4, static_cast<std::uint64_t>(d)});
  constexpr double quarter = 1.5707963267948966;
  std::vector<Motion> list;
  for (Index a = 0; a < d; ++a)
    for (Index b = a + 1; b < d; ++b) {
      list.push_back(turn(d, a, b, quarter, concat("quarter turn of axes ", a, ", ", b)));
      list.push_back(turn(d, a, b, 2 * quarter, concat("half turn of axes ", a, ", ", b)));
    }
  for (Index k = 0; k < tries.random; ++k)
    list.push_back({concat("random rotation ", k), eqnn::hard::random_orthogonal(d, true, draws),
                    std::vector<double>(static_cast<std::size_t>(d))});
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

std::vector<GroupElement> point_motions(PointGroup group, Index d, const Tries& tries,
                                        std::optional<bool> output_translates, const std::string& part) {
  std::vector<GroupElement> elements;
  for (const Motion& m : motions(group, d, tries)) {
    GroupElement g{m.name, [m, part](const Sample& s) {
                     Sample moved = s;
                     moved[part] = moved_by(s.at(part), m, true);
                     return moved;
                   }};
    if (output_translates) g.on_output = [m, t = *output_translates](const Array& y) { return moved_by(y, m, t); };
    elements.push_back(std::move(g));
  }
  return elements;
}

std::string group_name(PointGroup group, Index d) { return concat(point_groups().name_of(group), "(", d, ")"); }

namespace {

// A Q, Q a random rotation.
Array turned(const Array& a, eqnn::Draws& draws) {
  return moved_by(a, {"", eqnn::hard::random_orthogonal(a.cols, true, draws), {}}, false);
}

}  // namespace

Array orthogonal_columns(Index n, Index d, eqnn::Draws& draws) {
  // In a basis of the vectors of mean 0, Helmert's: (1, .., 1, -m, 0, ..), m ones; of all vectors where n = d.
  const Index m = n > d ? n - 1 : n;
  const std::vector<double> q = eqnn::hard::random_orthogonal(m, false, draws);
  Array a = Array::zeros(n, d);
  for (Index k = 0; k < d; ++k)
    for (Index j = 0; j < m; ++j) {
      const double part = std::sqrt(static_cast<double>(n)) * q[static_cast<std::size_t>(k * m + j)];
      const double ones = static_cast<double>(j + 1), length = std::sqrt(ones * (ones + 1));
      for (Index i = 0; n > d && i <= j; ++i) a(i, k) += part / length;
      if (n > d) a(j + 1, k) -= part * ones / length;
      if (n == d) a(j, k) = part;
    }
  return a;
}

std::vector<DegenerateCloud> degenerate_clouds(const std::string& part, Index n, Index d, std::uint64_t seed) {
  eqnn::Draws draws({seed, eqnn::Stream::check, 9, static_cast<std::uint64_t>(d)});
  Array line = Array::zeros(n, d), same = Array::zeros(n, d);
  for (Index i = 0; i < n; ++i) {
    line(i, 0) = draws.normal();
    same(i, 0) = 1;
  }
  const Array equal = orthogonal_columns(n, d, draws);
  return {{"equal singular values", {{part, turned(equal, draws)}}},
          {"points on a line", {{part, turned(line, draws)}}},
          {"coincident points", {{part, turned(same, draws)}}},
          {"points in the origin", {{part, Array::zeros(n, d)}}}};
}

}  // namespace tools
