// Finite groups of permutations of points.
//
// The convention everywhere: the element p takes point i to p(i), and carries values along, so
// (p x)_{p(i)} = x_i and (p A)_{p(i) p(j)} = A_ij. The element "shift by g" of cyclic(n) is i -> i + g mod n,
// and (S_g x)_t = x_{t-g}. Products act from right to left: (p q)(i) = p(q(i)).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../core/check.h"
#include "../core/rng.h"

namespace eqnn {

// A permutation of the points 0..n-1: point i goes to p(i). Immutable.
class Permutation {
 public:
  Permutation() = default;  // of no points
  // p(i) = images[i]. Throws ValueError, with the value that is repeated, missing or out of range, unless
  // each of 0..n-1 appears once.
  explicit Permutation(std::vector<std::int32_t> images);
  static Permutation identity(Index points);
  // cycles = {{0, 1, 2}, {4, 5}}: 0 -> 1 -> 2 -> 0 and 4 <-> 5, the others fixed. Throws ValueError for a
  // point that is out of range or appears twice.
  static Permutation from_cycles(Index points, const std::vector<std::vector<std::int32_t>>& cycles);

  Index points() const { return static_cast<Index>(images_.size()); }
  std::int32_t operator()(Index i) const { return images_[static_cast<std::size_t>(i)]; }
  std::span<const std::int32_t> images() const { return images_; }
  Permutation inverse() const;
  bool is_identity() const;
  bool is_even() const;
  // (p q)(i) = p(q(i)). Throws ValueError for different numbers of points.
  friend Permutation operator*(const Permutation& p, const Permutation& q);
  friend bool operator==(const Permutation&, const Permutation&) = default;

 private:
  std::vector<std::int32_t> images_;
};
std::string to_string(const Permutation& p);  // its cycles, "(0 1 2)(4 5)"; "()" for the identity

// A partition into orbits: label[i] is the number of the orbit of i, in the order of their least members.
struct Orbits {
  Index count = 0;
  std::vector<std::int32_t> label;
};

// A group of permutations of the points 0..n-1, held as a base and strong generating set (Sims 1970; Seress,
// Permutation Group Algorithms, 2003): order, membership and uniform random elements are exact at any size.
// The chain of stabilisers is found with random elements by product replacement (Celler et al. 1995), and
// then proven complete: by its order where an upper bound is reached, else from all Schreier generators.
// Copies share their chain. Threads: const, so any number may use one group.
class PermutationGroup {
 public:
  // What `generators` generate on `points` points; none: the trivial group. Throws ValueError for a
  // generator of another length, or points < 1.
  PermutationGroup(Index points, std::vector<Permutation> generators);

  // By name. All throw ValueError for n < 1.
  static PermutationGroup trivial(Index n);
  static PermutationGroup cyclic(Index n);     // the n shifts; element number t is the shift by t
  static PermutationGroup dihedral(Index n);   // shifts and i -> -i mod n: of order 2n; 1 and 2 for n = 1 and 2
  static PermutationGroup symmetric(Index n);  // all n! permutations
  // G x H on the disjoint union of their points: those of G are 0..n-1, those of H are n..n+m-1.
  static PermutationGroup disjoint_product(const PermutationGroup& g, const PermutationGroup& h);
  // G x H on the grid of n x m points: (g, h) takes point i m + j to g(i) m + h(j). The torus is
  // grid_product(cyclic(n), cyclic(m)); its element number i m + j is the shift by (i, j).
  static PermutationGroup grid_product(const PermutationGroup& g, const PermutationGroup& h);
  // "C12", "D8", "S5", "1" (the trivial group on one point) and their products: "C8xC8" on the grid, "S3+C4"
  // on the disjoint union, x before +. Throws ValueError for anything else.
  static PermutationGroup named(std::string_view name);

  Index points() const { return points_; }
  const std::vector<Permutation>& generators() const { return generators_; }

  // The order |G|: where it is below 2^63, else empty; in decimal, exact; and its logarithm.
  std::optional<Index> order() const;
  std::string order_text() const;
  double log2_order() const;

  // Throws ValueError for a permutation of another length.
  bool contains(const Permutation& p) const;

  // Elements are numbered 0..|G|-1; the identity is number 0. All four throw ValueError where |G| is 2^63 or
  // more; elements() where it is above `limit`, naming both; rank() where p is not in the group.
  static constexpr Index kElements = 1'000'000;
  std::vector<Permutation> elements(Index limit = kElements) const;
  Permutation element(Index number) const;
  Index rank(const Permutation& p) const;
  // What p does to the numbers of elements, from the left: rank(g) -> rank(p g). It is how p moves a function
  // on the group. Throws ValueError where |G| is above kElements, or for p not in the group.
  Permutation left_multiplication(const Permutation& p) const;
  // Row-major, [|G|, |right|]: rank(g h), for g all elements in order and h those of `right`. Throws likewise.
  std::vector<std::int32_t> product_table(const std::vector<Permutation>& right) const;

  // A random element, exactly uniform, whatever the order: a product of one uniform choice a level of the
  // chain (product replacement would be near-uniform). A pure function of `at`. The second form writes its images
  // without allocating; both spans have one entry a point, and `work` is overwritten.
  Permutation random(const Counter& at) const;
  void random(const Counter& at, std::span<std::int32_t> images, std::span<std::int32_t> work) const;
  // `count` random elements: number k is random({seed, Stream::group, 0, k}).
  std::vector<Permutation> sample(Index count, std::uint64_t seed) const;

  // Orbits of points, and of ordered pairs of points: pair (i, j) is entry i n + j. An equivariant linear map
  // of [n, n] has one free weight an orbit of pairs. Throws ValueError for pairs of more than 32,768 points.
  Orbits orbits() const;
  Orbits pair_orbits() const;

 private:
  struct Chain;

  PermutationGroup(Index points, std::vector<Permutation> generators, std::shared_ptr<const Chain> chain);

  Index points_;
  std::vector<Permutation> generators_;
  std::shared_ptr<const Chain> chain_;
};

}  // namespace eqnn
