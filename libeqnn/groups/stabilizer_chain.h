// Stabiliser chains: how a PermutationGroup is held. Internal.
#pragma once

#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "permutation_group.h"

namespace eqnn {
namespace detail {

using Point = std::int32_t;
using Points = std::vector<Point>;

bool is_identity(std::span<const Point> images);

// A natural number of any size, for the orders of groups.
class Natural {
 public:
  void multiply(std::uint32_t factor);
  std::string text() const;            // decimal
  std::optional<Index> index() const;  // empty from 2^63 on
  friend bool operator==(const Natural&, const Natural&) = default;

 private:
  static constexpr std::uint32_t kBase = 1'000'000'000;
  std::vector<std::uint32_t> digits_ = {1};  // least significant first, no leading zero
};

// One level of a chain: the orbit of `base` under the stabiliser of the bases before it, and for each point t
// of the orbit an element u_t of that stabiliser with u_t(base) = t.
//
// u_t is a path in a tree over the orbit, an arrow of the tree being a generator. A `swaps` level belongs to
// the symmetric group of base..base+size-1, u_t is the transposition (base t), and nothing is stored.
struct Level {
  Point base = 0, size = 1;
  bool swaps = false;
  Points orbit;                                   // the base, then the others ascending
  Points place;                                   // by point: its place in the orbit, or -1
  Points edge;                                    // by point: the generator of the arrow that leads to it
  std::vector<Permutation> generators, inverses;  // strong generators, then shortcuts that keep the tree low
  std::size_t strong = 0;

  Level(Point base_point, std::vector<Permutation> strong_generators, Index points);
  Level(Point base_point, Point count) : base(base_point), size(count), swaps(true) {}

  void add_strong(const Permutation& p);

  Point place_of(Point t) const {
    if (!swaps) return place[t];
    return t >= base && t < base + size ? t - base : -1;
  }
  Point point_at(Point number) const { return swaps ? base + number : orbit[number]; }

  // r <- u_t^-1 r.
  void strip(Point t, std::span<Point> r) const;
  // a <- a u_t; `work` is overwritten.
  void extend(Point t, std::span<Point> a, std::span<Point> work) const;
  Permutation transversal(Point t) const;

  // Strong generators as permutations of `points` points, also where they are not stored.
  std::vector<Permutation> strong_list(Index points) const;

 private:
  // A breadth-first tree over the orbit: its depth, and a point at depth kPath or, before that, the deepest.
  struct Tree {
    int depth;
    Point far;
  };
  static constexpr int kPath = 64;

  void add(Permutation p);
  Tree search();
  void rebuild();
};

}  // namespace detail

// Every element is u_1 u_2 ... u_K in one way, u_k one of the elements of level k.
struct PermutationGroup::Chain {
  using Level = detail::Level;
  using Point = detail::Point;

  Index points;
  std::vector<Level> levels;

  detail::Natural order() const;

  // Divides r from the left by u_from, u_from+1, ... and tells them to `found`. Returns the level in whose
  // orbit the base's image is not, or their number.
  template <class Found>
  std::size_t sift(std::span<Point> r, std::size_t from, const Found& found) const {
    for (std::size_t k = from; k < levels.size(); ++k) {
      const Level& level = levels[k];
      const Point t = r[level.base], place = level.place_of(t);
      if (place < 0) return k;
      found(level, place);
      level.strip(t, r);
    }
    return levels.size();
  }
  std::size_t sift(std::span<Point> r, std::size_t from) const {
    return sift(r, from, [](const Level&, Point) {});
  }

  // a <- u_1 u_2 ... u_K, u_k being number choose(level k) of its level.
  template <class Choose>
  void compose(std::span<Point> a, std::span<Point> work, const Choose& choose) const {
    std::iota(a.begin(), a.end(), 0);
    for (const Level& level : levels) level.extend(level.point_at(choose(level)), a, work);
  }

  // The number of the element that takes the base of level k to images[k], which are overwritten.
  Index number(std::span<Point> images) const;

  // Adds r, which fixes the bases before level `to`, to the stabilisers from..to.
  void insert(const Permutation& r, std::size_t from, std::size_t to);
  // The chain of what `generators` generate, whose order is known to be at most `bound`.
  static Chain build(Index points, const std::vector<Permutation>& generators, const detail::Natural& bound);

 private:
  void descend(std::vector<Permutation> generators);
  std::optional<std::size_t> repair(std::size_t k);
};

}  // namespace eqnn
