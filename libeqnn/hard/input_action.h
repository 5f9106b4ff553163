// How the elements of a group move inputs x [b, points, channels]: random ones for augmentation, all of them for an
// average over the group.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../core/matrix.h"
#include "../core/rng.h"
#include "../groups/permutation_group.h"

namespace eqnn::hard {

// A uniformly random n x n matrix of O(n), or of SO(n), by rows: Haar's measure. REQUIRES: n >= 1.
std::vector<double> random_orthogonal(Index n, bool proper, Draws& draws);

// What the elements of a group do to an input [points, channels]. Immutable: any number of threads may use one.
class InputAction {
 public:
  // A permutation p moves points, (p x)_{p(i)} = x_i; or channels, x_{i, p(j)} of the result is x_ij; or rows and
  // columns of a square input alike, (p A)_{p(i) p(j)} = A_ij.
  enum class Moves : std::uint8_t { points, channels, pairs };
  static InputAction permutations(PermutationGroup group, Moves moves);
  // Each entry keeps its sign or changes it.
  static InputAction signs();
  // x Q for Q in O(n), or in SO(n), of n channels. Throws ValueError for n < 1.
  static InputAction orthogonal(Index n, bool proper = false);
  // "C16", "D8", "S5", "C8xC8", ... (PermutationGroup::named), which `moves`; "C16^4", its subgroup of the shifts
  // by multiples of 4; "Q8", quarter turns of 8 x 8 images, whose pixels are 64 points, row by row; "signs"; "O3",
  // "SO3". Throws ValueError for anything else.
  static constexpr Index kMostSide = 1024;  // of an image
  static InputAction named(std::string_view name, Moves moves);

  Moves moves() const { return moves_; }
  bool permutes() const { return kind_ == Kind::permutation; }
  // The number of elements, of inputs of `entries` entries, where it is finite and below 2^63.
  std::optional<Index> order(Index entries) const;
  // Throws ValueError for inputs of a shape that the group does not act on.
  void require_fits(Index points, Index channels) const;

  // Moves example e of x by a random element, uniform (Haar's measure), which is a pure function of (at.seed,
  // at.stream, at.step, at.example + e). REQUIRES: require_fits. Padding is left alone.
  void apply(const Counter& at, Block<float> x) const;
  void apply(const Counter& at, Block<double> x) const;
  // Moves every example by element number `element`, 0: the identity. REQUIRES: element < order(entries).
  void apply_element(Index element, Block<float> x) const;
  void apply_element(Index element, Block<double> x) const;

 private:
  enum class Kind : std::uint8_t { permutation, sign, rotation };
  template <class T>
  void random(const Counter& at, const Block<T>& x) const;
  template <class T>
  void number(Index element, const Block<T>& x) const;

  Kind kind_ = Kind::sign;
  Moves moves_ = Moves::points;
  std::optional<PermutationGroup> group_ = {};
  Index n_ = 0;
  bool proper_ = false;
};

}  // namespace eqnn::hard
