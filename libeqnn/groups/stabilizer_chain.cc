#include "stabilizer_chain.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "../core/rng.h"

namespace eqnn {
namespace detail {

bool is_identity(std::span<const Point> images) {
  for (std::size_t i = 0; i < images.size(); ++i)
    if (images[i] != static_cast<Point>(i)) return false;
  return true;
}

void Natural::multiply(std::uint32_t factor) {
  std::uint64_t carry = 0;
  for (std::uint32_t& digit : digits_) {
    carry += std::uint64_t{digit} * factor;
    digit = static_cast<std::uint32_t>(carry % kBase);
    carry /= kBase;
  }
  for (; carry > 0; carry /= kBase) digits_.push_back(static_cast<std::uint32_t>(carry % kBase));
}

std::string Natural::text() const {
  std::string s = std::to_string(digits_.back());
  for (std::size_t i = digits_.size() - 1; i-- > 0;) {
    const std::string digit = std::to_string(digits_[i]);
    s.append(9 - digit.size(), '0').append(digit);
  }
  return s;
}

std::optional<Index> Natural::index() const {
  Index value = 0;
  for (std::size_t i = digits_.size(); i-- > 0;) {
    if (value > (std::numeric_limits<Index>::max() - digits_[i]) / kBase) return std::nullopt;
    value = value * kBase + digits_[i];
  }
  return value;
}

Level::Level(Point base_point, std::vector<Permutation> strong_generators, Index points)
    : base(base_point), place(points), edge(points) {
  for (Permutation& p : strong_generators) add(std::move(p));
  strong = generators.size();
  rebuild();
}

void Level::add(Permutation p) {
  inverses.push_back(p.inverse());
  generators.push_back(std::move(p));
}

void Level::add_strong(const Permutation& p) {
  generators.resize(strong);
  inverses.resize(strong);
  add(p);
  ++strong;
  rebuild();
}

void Level::strip(Point t, std::span<Point> r) const {
  if (swaps) {
    for (Point& v : r) v = v == base ? t : v == t ? base : v;
    return;
  }
  while (t != base) {
    const std::span<const Point> back = inverses[edge[t]].images();
    for (Point& v : r) v = back[v];
    t = back[t];
  }
}

void Level::extend(Point t, std::span<Point> a, std::span<Point> work) const {
  if (swaps) {
    std::swap(a[base], a[t]);
    return;
  }
  while (t != base) {
    const std::size_t k = edge[t];
    const std::span<const Point> step = generators[k].images();
    for (std::size_t i = 0; i < a.size(); ++i) work[i] = a[step[i]];
    std::copy(work.begin(), work.end(), a.begin());
    t = inverses[k](t);
  }
}

Permutation Level::transversal(Point t) const {
  Points a(place.size()), work(place.size());
  std::iota(a.begin(), a.end(), 0);
  extend(t, a, work);
  return Permutation(std::move(a));
}

std::vector<Permutation> Level::strong_list(Index points) const {
  if (!swaps) return {generators.begin(), generators.begin() + static_cast<std::ptrdiff_t>(strong)};
  Points cycle(size);
  std::iota(cycle.begin(), cycle.end(), base);
  return {Permutation::from_cycles(points, {{base, base + 1}}), Permutation::from_cycles(points, {cycle})};
}

Level::Tree Level::search() {
  std::fill(place.begin(), place.end(), -1);
  orbit.assign(1, base);
  place[base] = 0;
  Tree tree{-1, base};
  for (std::size_t first = 0, last = 1; first < last; first = last, last = orbit.size()) {
    if (++tree.depth <= kPath) tree.far = orbit.back();
    for (std::size_t i = first; i < last; ++i)
      for (std::size_t k = 0; k < generators.size(); ++k) {
        const Point t = generators[k](orbit[i]);
        if (place[t] >= 0) continue;
        place[t] = 0;
        edge[t] = static_cast<Point>(k);
        orbit.push_back(t);
      }
  }
  return tree;
}

// A long path as a generator of its own makes a path-like tree many times lower. The last point of a layer is
// the one that later generators, the longest paths so far, lead to.
void Level::rebuild() {
  for (int shortcuts = 0;; ++shortcuts) {
    const Tree tree = search();
    const int bits = static_cast<int>(std::bit_width(orbit.size()));
    if (tree.depth <= bits + 2 || shortcuts > 2 * bits) break;
    add(transversal(tree.far));
  }
  std::sort(orbit.begin() + 1, orbit.end());
  size = static_cast<Point>(orbit.size());
  for (Point i = 0; i < size; ++i) place[orbit[i]] = i;
}

}  // namespace detail

using namespace detail;

namespace {

// Near-uniform random elements of what `generators` generate: the product replacement algorithm with an
// accumulator (Celler et al. 1995; Leedham-Green 2000). Only to find chains, which are then proven.
class ProductReplacement {
 public:
  explicit ProductReplacement(const std::vector<Permutation>& generators)
      : draws_({0, Stream::group, 0, 0}), product_(Permutation::identity(generators[0].points())) {
    for (std::size_t i = 0; i < std::max<std::size_t>(10, generators.size()); ++i)
      slots_.push_back(generators[i % generators.size()]);
    for (int i = 0; i < 60; ++i) next();
  }
  const Permutation& next() {
    const auto count = static_cast<std::uint32_t>(slots_.size());
    const std::uint32_t i = draws_.below(count), j = (i + 1 + draws_.below(count - 1)) % count;
    const Permutation other = draws_.below(2) == 0 ? slots_[j] : slots_[j].inverse();
    slots_[i] = draws_.below(2) == 0 ? slots_[i] * other : other * slots_[i];
    return product_ = product_ * slots_[i];
  }

 private:
  Draws draws_;
  std::vector<Permutation> slots_;
  Permutation product_;
};

Point least_moved(const std::vector<Permutation>& permutations) {
  Point least = std::numeric_limits<Point>::max();
  for (const Permutation& p : permutations)
    for (Point i = 0; i < static_cast<Point>(p.points()) && i < least; ++i)
      if (p(i) != i) least = i;
  return least;
}

}  // namespace

Natural PermutationGroup::Chain::order() const {
  Natural n;
  for (const Level& level : levels) n.multiply(static_cast<std::uint32_t>(level.size));
  return n;
}

Index PermutationGroup::Chain::number(std::span<Point> images) const {
  Index n = 0;
  for (std::size_t k = 0; k < levels.size(); ++k) {
    n = n * levels[k].size + levels[k].place_of(images[k]);
    levels[k].strip(images[k], images.subspan(k + 1));
  }
  return n;
}

void PermutationGroup::Chain::insert(const Permutation& r, std::size_t from, std::size_t to) {
  for (std::size_t k = from; k < std::min(to + 1, levels.size()); ++k) levels[k].add_strong(r);
  if (to == levels.size()) levels.emplace_back(least_moved({r}), std::vector<Permutation>{r}, points);
}

// Down from the whole group: a few random elements of a level's group, divided by its transversal, generate
// the next one most of the time. Whatever they generate is part of it.
void PermutationGroup::Chain::descend(std::vector<Permutation> generators) {
  while (!generators.empty()) {
    ProductReplacement random(generators);
    levels.emplace_back(least_moved(generators), std::move(generators), points);
    const Level& level = levels.back();
    generators.clear();
    for (int i = 0; i < 3; ++i) {
      const std::span<const Point> images = random.next().images();
      Points r(images.begin(), images.end());
      level.strip(r[level.base], r);
      if (!is_identity(r)) generators.emplace_back(std::move(r));
    }
  }
}

// Schreier's lemma: the stabiliser of b_k in level k's group is generated by u_{s(t)}^-1 s u_t, over all t of
// the orbit and all strong generators s. Inserts the first that the levels below lack, and says where.
std::optional<std::size_t> PermutationGroup::Chain::repair(std::size_t k) {
  Points a(points), work(points), r(points);
  const Level& level = levels[k];
  for (const Point t : level.orbit) {
    std::iota(a.begin(), a.end(), 0);
    level.extend(t, a, work);
    for (std::size_t s = 0; s < level.strong; ++s) {
      for (std::size_t i = 0; i < a.size(); ++i) r[i] = level.generators[s](a[i]);
      const std::size_t to = sift(r, k);
      if (is_identity(r)) continue;
      insert(Permutation(r), k + 1, to);
      return to;
    }
  }
  return std::nullopt;
}

// The product of the orbit sizes never exceeds the order of the group, so a chain that reaches `bound`, an
// upper bound of the order, is complete. Others are proven by repair() from the bottom up.
PermutationGroup::Chain PermutationGroup::Chain::build(Index points, const std::vector<Permutation>& all,
                                                       const Natural& bound) {
  Chain chain{points, {}};
  std::vector<Permutation> generators;
  for (const Permutation& p : all)
    if (!p.is_identity()) generators.push_back(p);
  if (generators.empty()) return chain;
  chain.descend(generators);
  ProductReplacement random(generators);
  for (int quiet = 0; quiet < 20 && chain.order() != bound; ++quiet) {
    const std::span<const Point> images = random.next().images();
    Points r(images.begin(), images.end());
    const std::size_t to = chain.sift(r, 0);
    if (is_identity(r)) continue;
    chain.insert(Permutation(std::move(r)), 1, to);
    quiet = -1;
  }
  if (chain.order() == bound) return chain;
  for (std::size_t k = chain.levels.size(); k-- > 0;)
    if (const auto changed = chain.repair(k)) k = *changed + 1;
  return chain;
}

}  // namespace eqnn
