#include "permutation_group.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "stabilizer_chain.h"

namespace eqnn {

using detail::Level;
using detail::Natural;
using detail::Point;
using detail::Points;

namespace {

constexpr Index kLargestPair = 32768;

void check_points(const char* what, Index n) {
  require(n >= 1 && n <= std::numeric_limits<Point>::max(), what, ": ", n, " points; allowed are 1 to ",
          std::numeric_limits<Point>::max());
}

}  // namespace

Permutation::Permutation(std::vector<std::int32_t> images) : images_(std::move(images)) {
  const auto n = static_cast<Index>(images_.size());
  std::vector<Index> place(images_.size(), -1);
  Index repeated = -1, again = -1;
  for (Index i = 0; i < n; ++i) {
    const Index value = images_[i];
    require(value >= 0 && value < n, "a permutation of ", n, " points holds the value ", value, " at position ", i,
            "; allowed are 0 to ", n - 1);
    if (place[value] >= 0 && repeated < 0) {
      repeated = value;
      again = i;
    }
    if (place[value] < 0) place[value] = i;
  }
  if (repeated < 0) return;
  const auto missing = std::find(place.begin(), place.end(), -1) - place.begin();
  throw ValueError(concat("this is no permutation of ", n, " points: the value ", repeated, " is at positions ",
                          place[repeated], " and ", again, ", and ", missing, " is missing; each of 0 to ", n - 1,
                          " must appear once"));
}

Permutation Permutation::identity(Index points) {
  Permutation p;
  p.images_.resize(points);
  std::iota(p.images_.begin(), p.images_.end(), 0);
  return p;
}

Permutation Permutation::from_cycles(Index points, const std::vector<std::vector<std::int32_t>>& cycles) {
  Permutation p = identity(points);
  std::vector<bool> seen(points);
  for (const Points& cycle : cycles)
    for (std::size_t k = 0; k < cycle.size(); ++k) {
      const Point i = cycle[k];
      require(i >= 0 && i < points, "a cycle holds the point ", i, "; of ", points, " points, 0 to ", points - 1,
              " are allowed");
      require(!seen[i], "the cycles hold the point ", i, " twice; they must be disjoint");
      seen[i] = true;
      p.images_[i] = cycle[(k + 1) % cycle.size()];
    }
  return p;
}

Permutation Permutation::inverse() const {
  Permutation p;
  p.images_.resize(images_.size());
  for (std::size_t i = 0; i < images_.size(); ++i) p.images_[images_[i]] = static_cast<Point>(i);
  return p;
}

bool Permutation::is_identity() const { return detail::is_identity(images_); }

bool Permutation::is_even() const {
  std::vector<bool> seen(images_.size());
  std::size_t cycles = 0;
  for (std::size_t i = 0; i < images_.size(); ++i) {
    if (seen[i]) continue;
    ++cycles;
    for (std::size_t j = i; !seen[j]; j = images_[j]) seen[j] = true;
  }
  return (images_.size() - cycles) % 2 == 0;
}

Permutation operator*(const Permutation& p, const Permutation& q) {
  require(p.points() == q.points(), "permutations of ", p.points(), " and of ", q.points(),
          " points are multiplied; they must have the same number of points");
  Permutation r;
  r.images_.resize(q.images_.size());
  for (std::size_t i = 0; i < q.images_.size(); ++i) r.images_[i] = p.images_[q.images_[i]];
  return r;
}

std::string to_string(const Permutation& p) {
  std::string s;
  std::vector<bool> seen(p.points());
  for (Index i = 0; i < p.points(); ++i) {
    if (seen[i] || p(i) == i) continue;
    s += '(';
    for (Index j = i; !seen[j]; j = p(j)) {
      s += concat(j == i ? "" : " ", j);
      seen[j] = true;
    }
    s += ')';
  }
  return s.empty() ? "()" : s;
}

namespace {

// The numbers of a partition that is given by links: united(i, j) for any i and j of one part.
class Partition {
 public:
  explicit Partition(Index size) : parent_(size) { std::iota(parent_.begin(), parent_.end(), 0); }
  void unite(Index i, Index j) {
    Index a = root(i), b = root(j);
    if (a > b) std::swap(a, b);
    parent_[b] = static_cast<Point>(a);  // the root is the least member
  }
  Orbits orbits() {
    Orbits o;
    o.label.resize(parent_.size());
    for (Index i = 0; i < static_cast<Index>(parent_.size()); ++i) {
      const Index r = root(i);
      o.label[i] = r == i ? static_cast<Point>(o.count++) : o.label[r];
    }
    return o;
  }

 private:
  Index root(Index i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  Points parent_;
};

Orbits point_orbits(Index n, const std::vector<Permutation>& generators) {
  Partition partition(n);
  for (const Permutation& p : generators)
    for (Index i = 0; i < n; ++i) partition.unite(i, p(i));
  return partition.orbits();
}

// A group lies in the product of the symmetric groups of its orbits, and in its even half if it is even. For
// very many points that number costs more than it can save: 1 is a bound that no group but the trivial meets.
Natural order_bound(Index n, const std::vector<Permutation>& generators) {
  if (n > 10'000) return {};
  const Orbits orbits = point_orbits(n, generators);
  const bool even = std::all_of(generators.begin(), generators.end(), [](const auto& p) { return p.is_even(); });
  std::vector<std::uint32_t> sizes(orbits.count);
  for (const Point label : orbits.label) ++sizes[label];
  Natural bound;
  bool halved = !even;
  for (const std::uint32_t size : sizes)
    for (std::uint32_t factor = 2; factor <= size; ++factor) {
      if (factor > 2 || halved) bound.multiply(factor);
      halved = true;
    }
  return bound;
}

Natural natural(std::uint32_t n) {
  Natural value;
  value.multiply(n);
  return value;
}

// i -> i + shift on `points` points for those of p, the others fixed.
Permutation shifted(const Permutation& p, Index shift, Index points) {
  const Permutation fixed = Permutation::identity(points);
  Points images(fixed.images().begin(), fixed.images().end());
  for (Index i = 0; i < p.points(); ++i) images[i + shift] = static_cast<Point>(p(i) + shift);
  return Permutation(std::move(images));
}

// Point i m + j goes to g(i) m + h(j).
Permutation on_grid(const Permutation& g, const Permutation& h) {
  const Index n = g.points(), m = h.points();
  Points images(n * m);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < m; ++j) images[i * m + j] = static_cast<Point>(g(i) * m + h(j));
  return Permutation(std::move(images));
}

}  // namespace

PermutationGroup::PermutationGroup(Index points, std::vector<Permutation> generators,
                                   std::shared_ptr<const Chain> chain)
    : points_(points), generators_(std::move(generators)), chain_(std::move(chain)) {}

PermutationGroup::PermutationGroup(Index points, std::vector<Permutation> generators)
    : points_(points), generators_(std::move(generators)) {
  check_points("a permutation group", points);
  for (std::size_t k = 0; k < generators_.size(); ++k)
    require(generators_[k].points() == points, "generator ", k, " permutes ", generators_[k].points(),
            " points and the group ", points, "; each generator must have one image for each point of the group");
  chain_ = std::make_shared<Chain>(Chain::build(points, generators_, order_bound(points, generators_)));
}

PermutationGroup PermutationGroup::trivial(Index n) { return {n, {}}; }

PermutationGroup PermutationGroup::cyclic(Index n) {
  check_points("cyclic", n);
  Points shift(n);
  for (Index i = 0; i < n; ++i) shift[i] = static_cast<Point>((i + 1) % n);
  std::vector<Permutation> generators = {Permutation(std::move(shift))};
  auto chain = std::make_shared<Chain>(Chain::build(n, generators, natural(static_cast<std::uint32_t>(n))));
  return {n, std::move(generators), std::move(chain)};
}

PermutationGroup PermutationGroup::dihedral(Index n) {
  check_points("dihedral", n);
  Points mirror(n);
  for (Index i = 0; i < n; ++i) mirror[i] = static_cast<Point>((n - i) % n);
  std::vector<Permutation> generators = {cyclic(n).generators_[0], Permutation(std::move(mirror))};
  Natural order = natural(static_cast<std::uint32_t>(n));
  if (n >= 3) order.multiply(2);
  auto chain = std::make_shared<Chain>(Chain::build(n, generators, order));
  return {n, std::move(generators), std::move(chain)};
}

PermutationGroup PermutationGroup::symmetric(Index n) {
  check_points("symmetric", n);
  Chain chain{n, {}};
  for (Point k = 0; k + 1 < static_cast<Point>(n); ++k) chain.levels.emplace_back(k, static_cast<Point>(n) - k);
  std::vector<Permutation> generators;
  if (n >= 2) generators = chain.levels[0].strong_list(n);
  return {n, std::move(generators), std::make_shared<Chain>(std::move(chain))};
}

PermutationGroup PermutationGroup::disjoint_product(const PermutationGroup& g, const PermutationGroup& h) {
  const Index n = g.points_ + h.points_;
  check_points("disjoint_product", n);
  Chain chain{n, {}};
  std::vector<Permutation> generators;
  Index shift = 0;
  for (const PermutationGroup* factor : {&g, &h}) {
    for (const Permutation& p : factor->generators_) generators.push_back(shifted(p, shift, n));
    for (const Level& level : factor->chain_->levels) {
      const auto base = static_cast<Point>(level.base + shift);
      std::vector<Permutation> strong;
      for (std::size_t s = 0; s < level.strong; ++s) strong.push_back(shifted(level.generators[s], shift, n));
      chain.levels.push_back(level.swaps ? Level(base, level.size) : Level(base, std::move(strong), n));
    }
    shift = g.points_;
  }
  return {n, std::move(generators), std::make_shared<Chain>(std::move(chain))};
}

// The stabiliser of (b, c) in G x H is that of b in G times that of c in H: a level of the product is a
// product of levels.
PermutationGroup PermutationGroup::grid_product(const PermutationGroup& g, const PermutationGroup& h) {
  const Index n = g.points_, m = h.points_;
  check_points("grid_product", n * m);
  const Permutation one_g = Permutation::identity(n), one_h = Permutation::identity(m);
  std::vector<Permutation> generators;
  for (const Permutation& p : g.generators_) generators.push_back(on_grid(p, one_h));
  for (const Permutation& p : h.generators_) generators.push_back(on_grid(one_g, p));
  Chain chain{n * m, {}};
  const auto &a = g.chain_->levels, &b = h.chain_->levels;
  for (std::size_t k = 0; k < std::max(a.size(), b.size()); ++k) {
    Index row = 0, column = 0;
    std::vector<Permutation> strong;
    if (k < a.size()) {
      row = a[k].base;
      for (const Permutation& p : a[k].strong_list(n)) strong.push_back(on_grid(p, one_h));
    }
    if (k < b.size()) {
      column = b[k].base;
      for (const Permutation& p : b[k].strong_list(m)) strong.push_back(on_grid(one_g, p));
    }
    chain.levels.emplace_back(static_cast<Point>(row * m + column), std::move(strong), n * m);
  }
  return {n * m, std::move(generators), std::make_shared<Chain>(std::move(chain))};
}

PermutationGroup PermutationGroup::named(std::string_view name) {
  // The parts between separators, multiplied: sums of products of factors.
  const auto split = [](std::string_view text, char separator, const auto& parse, const auto& product) {
    std::optional<PermutationGroup> all;
    for (std::size_t from = 0, to; from <= text.size(); from = to + 1) {
      to = std::min(text.find(separator, from), text.size());
      PermutationGroup part = parse(text.substr(from, to - from));
      all = all ? product(*all, part) : std::move(part);
    }
    return *all;
  };
  const auto factor = [&](std::string_view text) {
    if (text == "1") return trivial(1);
    Index n = 0;
    const char* end = text.data() + text.size();
    const char kind = text.empty() ? ' ' : text[0];
    const bool digits = text.size() >= 2 && std::from_chars(text.data() + 1, end, n).ptr == end;
    require(
        digits && n >= 1 && (kind == 'C' || kind == 'D' || kind == 'S'), "group '", name, "': '", text,
        "' is no group; write C12 (cyclic), D8 (dihedral), S5 (symmetric) or 1, and products of them: C8xC8 on the "
        "grid, S3+C4 on the disjoint union");
    return kind == 'C' ? cyclic(n) : kind == 'D' ? dihedral(n) : symmetric(n);
  };
  const auto grid = [&](std::string_view text) { return split(text, 'x', factor, grid_product); };
  return split(name, '+', grid, disjoint_product);
}

std::optional<Index> PermutationGroup::order() const { return chain_->order().index(); }
std::string PermutationGroup::order_text() const { return chain_->order().text(); }

double PermutationGroup::log2_order() const {
  double sum = 0;
  for (const Level& level : chain_->levels) sum += std::log2(level.size);
  return sum;
}

namespace {

void check_length(const char* what, Index points, const Permutation& p) {
  require(p.points() == points, what, ": the permutation has ", p.points(), " points and the group ", points,
          "; they must be equal");
}
Index small_order(const char* what, const PermutationGroup& group, Index limit) {
  const std::optional<Index> order = group.order();
  require(order && *order <= limit, what, ": the group has ", group.order_text(), " elements, above the limit of ",
          limit, "; raise the limit, or take random elements (random, sample)");
  return *order;
}
constexpr Index kAny = std::numeric_limits<Index>::max();
}  // namespace

bool PermutationGroup::contains(const Permutation& p) const {
  check_length("contains", points_, p);
  Points r(p.images().begin(), p.images().end());
  chain_->sift(r, 0);
  return detail::is_identity(r);
}

Index PermutationGroup::rank(const Permutation& p) const {
  check_length("rank", points_, p);
  small_order("rank", *this, kAny);
  Points r(p.images().begin(), p.images().end());
  Index number = 0;
  chain_->sift(r, 0, [&](const Level& level, Point place) { number = number * level.size + place; });
  require(detail::is_identity(r), "rank: ", to_string(p), " is not in the group of order ", order_text());
  return number;
}

Permutation PermutationGroup::element(Index number) const {
  const Index order = small_order("element", *this, kAny);
  require(number >= 0 && number < order, "element: number ", number, "; the group has elements 0 to ", order - 1);
  Points a(points_), work(points_);
  Index left = order;
  chain_->compose(a, work, [&](const Level& level) {
    left /= level.size;
    const Index place = number / left;
    number %= left;
    return static_cast<Point>(place);
  });
  return Permutation(std::move(a));
}

std::vector<Permutation> PermutationGroup::elements(Index limit) const {
  const Index order = small_order("elements", *this, limit);
  std::vector<Permutation> list;
  list.reserve(order);
  for (Index i = 0; i < order; ++i) list.push_back(element(i));
  return list;
}

Permutation PermutationGroup::left_multiplication(const Permutation& p) const {
  require(contains(p), "left_multiplication: ", to_string(p), " is not in the group of order ", order_text());
  Points images, base(chain_->levels.size());
  for (const Permutation& g : elements()) {
    for (std::size_t k = 0; k < base.size(); ++k) base[k] = p(g(chain_->levels[k].base));
    images.push_back(static_cast<Point>(chain_->number(base)));
  }
  return Permutation(std::move(images));
}

std::vector<std::int32_t> PermutationGroup::product_table(const std::vector<Permutation>& right) const {
  for (const Permutation& h : right)
    require(contains(h), "product_table: ", to_string(h), " is not in the group of order ", order_text());
  Points table, base(chain_->levels.size());
  for (const Permutation& g : elements())
    for (const Permutation& h : right) {
      for (std::size_t k = 0; k < base.size(); ++k) base[k] = g(h(chain_->levels[k].base));
      table.push_back(static_cast<Point>(chain_->number(base)));
    }
  return table;
}

void PermutationGroup::random(const Counter& counter, std::span<std::int32_t> images,
                              std::span<std::int32_t> work) const {
  Draws draws(counter);
  chain_->compose(images, work, [&](const Level& level) {
    return static_cast<Point>(draws.below(static_cast<std::uint32_t>(level.size)));
  });
}

Permutation PermutationGroup::random(const Counter& counter) const {
  Points a(points_), work(points_);
  random(counter, a, work);
  return Permutation(std::move(a));
}

std::vector<Permutation> PermutationGroup::sample(Index count, std::uint64_t seed) const {
  require(count >= 0, "sample: ", count, " elements are asked for; the count must not be negative");
  std::vector<Permutation> list;
  for (Index k = 0; k < count; ++k) list.push_back(random({seed, Stream::group, 0, static_cast<std::uint64_t>(k)}));
  return list;
}

Orbits PermutationGroup::orbits() const { return point_orbits(points_, generators_); }

Orbits PermutationGroup::pair_orbits() const {
  require(points_ <= kLargestPair, "pair_orbits: ", points_, " points; allowed are 1 to ", kLargestPair);
  Partition partition(points_ * points_);
  for (const Permutation& p : generators_)
    for (Index i = 0; i < points_; ++i)
      for (Index j = 0; j < points_; ++j) partition.unite(i * points_ + j, p(i) * points_ + p(j));
  return partition.orbits();
}

}  // namespace eqnn
