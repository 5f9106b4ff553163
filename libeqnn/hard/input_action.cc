#include "input_action.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

namespace eqnn::hard {
namespace {

using Images = std::span<const std::int32_t>;

// One example, [points, channels] with rows a stride apart, moved by a permutation. `before` is overwritten.
template <class T>
void permute(InputAction::Moves moves, Images p, const Block<T>& x, Index example, std::vector<T>& before) {
  before.resize(static_cast<std::size_t>(x.points * x.channels));
  for (Index i = 0; i < x.points; ++i) std::copy_n(x.row(example, i), x.channels, before.data() + i * x.channels);
  const bool rows = moves != InputAction::Moves::channels, columns = moves != InputAction::Moves::points;
  const T* from = before.data();
  for (Index i = 0; i < x.points; ++i) {
    T* to = x.row(example, rows ? p[static_cast<std::size_t>(i)] : i);
    for (Index j = 0; j < x.channels; ++j) to[columns ? p[static_cast<std::size_t>(j)] : j] = *from++;
  }
}

// The sign of the determinant, by elimination with pivots.
double determinant_sign(std::vector<double> q, Index n) {
  double sign = 1;
  const auto at = [&](Index i, Index j) -> double& { return q[static_cast<std::size_t>(i * n + j)]; };
  for (Index k = 0; k < n; ++k) {
    Index pivot = k;
    for (Index i = k + 1; i < n; ++i)
      if (std::abs(at(i, k)) > std::abs(at(pivot, k))) pivot = i;
    if (pivot != k) {
      for (Index j = 0; j < n; ++j) std::swap(at(k, j), at(pivot, j));
      sign = -sign;
    }
    if (at(k, k) < 0) sign = -sign;
    for (Index i = k + 1; i < n; ++i) {
      const double factor = at(i, k) / at(k, k);
      for (Index j = k; j < n; ++j) at(i, j) -= factor * at(k, j);
    }
  }
  return sign;
}

template <class T>
void multiply(const std::vector<double>& q, const Block<T>& x, Index example) {
  std::vector<double> moved(static_cast<std::size_t>(x.channels));
  for (Index i = 0; i < x.points; ++i) {
    T* row = x.row(example, i);
    std::fill(moved.begin(), moved.end(), 0.0);
    for (Index k = 0; k < x.channels; ++k)
      for (Index j = 0; j < x.channels; ++j)
        moved[static_cast<std::size_t>(j)] +=
            static_cast<double>(row[k]) * q[static_cast<std::size_t>(k * x.channels + j)];
    for (Index j = 0; j < x.channels; ++j) row[j] = static_cast<T>(moved[static_cast<std::size_t>(j)]);
  }
}

std::optional<Index> whole(std::string_view digits) {
  Index n = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), n);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return {};
  return n;
}

}  // namespace

// The rows of a matrix of independent normals, made orthonormal one after the other
// (Mezzadri, How to generate random matrices from the classical compact groups, 2007).
std::vector<double> random_orthogonal(Index n, bool proper, Draws& draws) {
  std::vector<double> q(static_cast<std::size_t>(n * n));
  for (Index i = 0; i < n; ++i) {
    double* row = q.data() + i * n;
    for (Index j = 0; j < n; ++j) row[j] = draws.normal();
    // Twice: what rounding leaves of the first pass is gone after the second.
    for (int pass = 0; pass < 2; ++pass)
      for (Index k = 0; k < i; ++k) {
        double dot = 0;
        for (Index j = 0; j < n; ++j) dot += row[j] * q[static_cast<std::size_t>(k * n + j)];
        for (Index j = 0; j < n; ++j) row[j] -= dot * q[static_cast<std::size_t>(k * n + j)];
      }
    double norm = 0;
    for (Index j = 0; j < n; ++j) norm += row[j] * row[j];
    for (Index j = 0; j < n; ++j) row[j] /= std::sqrt(norm);
  }
  if (proper && determinant_sign(q, n) < 0)
    for (Index j = 0; j < n; ++j) q[static_cast<std::size_t>(j)] = -q[static_cast<std::size_t>(j)];
  return q;
}

InputAction InputAction::permutations(PermutationGroup group, Moves moves) {
  InputAction a;
  a.kind_ = Kind::permutation;
  a.moves_ = moves;
  a.group_ = std::move(group);
  return a;
}

InputAction InputAction::signs() { return {}; }

InputAction InputAction::orthogonal(Index n, bool proper) {
  require(n >= 1 && n <= 1000, proper ? "SO" : "O", "(n) has n = ", n, "; allowed are 1 to 1000");
  InputAction a;
  a.kind_ = Kind::rotation;
  a.n_ = n;
  a.proper_ = proper;
  return a;
}

namespace {

// The shifts of n points by multiples of `step`.
PermutationGroup coarse_shifts(Index n, Index step) {
  require(step >= 1 && n >= 1 && n % step == 0, "C", n, "^", step, " is no group; the power must divide ", n);
  return {n, {PermutationGroup::cyclic(n).element(step % n)}};
}

// Quarter turns of m x m images, (i, j) -> (j, m - 1 - i), whose pixels are m^2 points, row by row.
PermutationGroup quarter_turns(Index m) {
  require(m >= 1 && m <= InputAction::kMostSide, "Q", m, ": images are 1 to ", InputAction::kMostSide,
          " pixels wide");
  std::vector<std::int32_t> images(static_cast<std::size_t>(m * m));
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < m; ++j)
      images[static_cast<std::size_t>(i * m + j)] = static_cast<std::int32_t>(j * m + m - 1 - i);
  return {m * m, {Permutation(std::move(images))}};
}

}  // namespace

InputAction InputAction::named(std::string_view name, Moves moves) {
  if (name == "signs") return signs();
  if (name.starts_with("Q"))
    if (const auto m = whole(name.substr(1))) return permutations(quarter_turns(*m), moves);
  if (const auto hat = name.find('^'); name.starts_with("C") && hat != std::string_view::npos) {
    const auto n = whole(name.substr(1, hat - 1)), step = whole(name.substr(hat + 1));
    if (n && step) return permutations(coarse_shifts(*n, *step), moves);
  }
  if (name.starts_with("SO"))
    if (const auto n = whole(name.substr(2))) return orthogonal(*n, true);
  if (name.starts_with("O"))
    if (const auto n = whole(name.substr(1))) return orthogonal(*n);
  return permutations(PermutationGroup::named(name), moves);
}

std::optional<Index> InputAction::order(Index entries) const {
  switch (kind_) {
    case Kind::permutation:
      return group_->order();
    case Kind::sign:
      return entries < 63 ? std::optional(Index{1} << entries) : std::nullopt;
    case Kind::rotation:
      return n_ == 1 ? std::optional(proper_ ? Index{1} : Index{2}) : std::nullopt;
  }
  return {};
}

void InputAction::require_fits(Index points, Index channels) const {
  if (kind_ == Kind::rotation)
    require(channels == n_, proper_ ? "SO" : "O", n_, " acts on ", n_, " channels; the inputs have ", channels);
  if (kind_ != Kind::permutation) return;
  const Index moved = moves_ == Moves::channels ? channels : points;
  require(group_->points() == moved, "the group acts on ", group_->points(), " points; the inputs have ", moved,
          moves_ == Moves::channels ? " entries" : "");
  require(moves_ != Moves::pairs || points == channels, "the group acts on square inputs; these are ", points,
          " x ", channels);
}

template <class T>
void InputAction::random(const Counter& at, const Block<T>& x) const {
  std::vector<T> before;
  std::vector<std::int32_t> images, work;
  if (group_) {
    images.resize(static_cast<std::size_t>(group_->points()));
    work.resize(images.size());
  }
  Counter of = at;
  for (Index e = 0; e < x.examples; ++e, ++of.example) {
    if (kind_ == Kind::permutation) {
      group_->random(of, images, work);
      permute(moves_, images, x, e, before);
      continue;
    }
    Draws draws(of);
    if (kind_ == Kind::rotation) {
      multiply(random_orthogonal(n_, proper_, draws), x, e);
      continue;
    }
    for (Index i = 0; i < x.points; ++i)
      for (Index j = 0; j < x.channels; ++j)
        if (draws.below(2) == 1) x(e, i, j) = -x(e, i, j);
  }
}

template <class T>
void InputAction::number(Index element, const Block<T>& x) const {
  std::vector<T> before;
  const std::optional<Permutation> p = group_ ? std::optional(group_->element(element)) : std::nullopt;
  for (Index e = 0; e < x.examples; ++e) {
    if (p) {
      permute(moves_, p->images(), x, e, before);
      continue;
    }
    for (Index i = 0, bit = 0; i < x.points; ++i)
      for (Index j = 0; j < x.channels; ++j, ++bit)
        if (kind_ == Kind::rotation ? element == 1 : (element >> bit & 1) == 1) x(e, i, j) = -x(e, i, j);
  }
}

void InputAction::apply(const Counter& at, Block<float> x) const { random(at, x); }
void InputAction::apply(const Counter& at, Block<double> x) const { random(at, x); }
void InputAction::apply_element(Index element, Block<float> x) const { number(element, x); }
void InputAction::apply_element(Index element, Block<double> x) const { number(element, x); }

}  // namespace eqnn::hard
