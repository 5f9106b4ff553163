// What every hard function family of "On the hardness of learning under symmetries" (Kiani, Le, Lawrence,
// Jegelka, Weber, ICLR 2024) offers to the command line and to users: members, inputs, values, facts.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../core/matrix.h"
#include "../core/rng.h"
#include "../groups/certify.h"
#include "../groups/permutation_group.h"
#include "correlations.h"
#include "input_action.h"

namespace eqnn::hard {

// A number that is known of a member, by name; exact unless `error` (one standard error) is above zero.
struct Fact {
  std::string name;
  double value = 0;
  double error = 0;
  std::string meaning;  // one short line
};

// A fact of a member that was computed in another way: passes when |value - expected| <= tolerance.
struct Check {
  std::string name;
  double value = 0, expected = 0, tolerance = 0;
  std::string how;  // "exhaustive, 4096 graphs", "10000 random inputs, seed 0", ...
  bool pass() const { return std::abs(value - expected) <= tolerance; }
};

// A parameter of a family, spelt as its command-line flag without the dashes.
struct Parameter {
  std::string name, default_value, meaning;
  // Left out of configurations and member files where it has its default: runs from before there was such a
  // parameter keep their ids, and files stay readable.
  bool implicit = false;
};
// Values by parameter name; missing ones take their defaults.
using ParameterValues = std::map<std::string, std::string>;

// Parameter values as numbers, the defaults filled in. Throws ValueError: the constructor for a name that
// is not `known`, naming the nearest one; the readers for text that is not such a value.
class ParameterReader {
 public:
  ParameterReader(const std::vector<Parameter>& known, const ParameterValues& values);

  const std::string& text(const std::string& name) const;
  Index integer(const std::string& name) const;
  double number(const std::string& name) const;  // finite
  bool flag(const std::string& name) const;      // true, false, 1, 0; empty is true: a bare --flag

 private:
  ParameterValues values_;
};

// The one input of a family: [examples, points, channels], named as in data files.
struct InputLayout {
  std::string name;
  Index points = 1, channels = 1;
  bool bits = false;             // every entry is 0 or 1
  std::vector<Index> dims = {};  // of one example in files, where they are not [points, channels]
  bool other_sizes = false;      // value() takes inputs of other sizes too, and says which
};

enum class Law : std::uint8_t;  // families/invariant_poly/orthonormal_polynomials.h

// Independent variables of one law of which every function of a family is a function: generators, entries, or bits
// as fair +-1 (law: none), or bits that are not fair, standardised.
struct IndependentVariables {
  std::optional<Law> law;
  Index count = 0;
};

// What a family's checks draw.
struct CheckOptions {
  std::uint64_t seed = 0;
  Index samples = 10000;  // random inputs of the checks that sample
};

// A few directions, of all that a unit of a network's first layer weighs, on which alone a member depends.
struct PlantedDirections {
  Matrix<double> basis;  // [m, entries], orthonormal rows; empty: there are none
  Index shifts = 1;      // a cyclic group of so many shifts moves them: a unit may have found them at any
};
// How far a first layer has found them: sum_j max_s |B_s w_j|^2 / sum_j |w_j|^2 over its units' weights w_j, the
// rows of `weights` [units, entries], and the shifts B_s of the basis; 1 when it sees nothing else, and m / entries
// on average over random weights where there is one shift. nan for other entries, and for weights that are 0.
double planted_overlap(const PlantedDirections& planted, MatrixView<const double> weights);

// One function of a family. Immutable: any number of threads may call it at the same time.
class Member {
 public:
  virtual ~Member() = default;

  virtual const InputLayout& input() const = 0;
  // Values are a bit g in {0, 1}, trained as 1 - 2g; otherwise a real function of mean 0 and variance 1.
  virtual bool two_valued() const = 0;

  // Inputs of the family's law: example e of `x` is a pure function of (at.seed, at.stream, at.step,
  // at.example + e).
  virtual void sample(const Counter& at, Block<float> x) const = 0;
  virtual void sample(const Counter& at, Block<double> x) const = 0;
  // Where the law is uniform on inputs that can be listed: how many there are (at most 2^24), else 0; and the
  // inputs first, first + 1, ... of the list.
  virtual Index input_count() const { return 0; }
  virtual void list_inputs(Index first, Block<float> x) const;
  virtual void list_inputs(Index first, Block<double> x) const;

  // What a network that knows the family's structure sees instead of the input: canonical forms, invariants.
  // [examples, points, channels] of `features`, from inputs; null where there is nothing of the kind.
  virtual const InputLayout* features() const { return nullptr; }
  virtual void features(Block<const float> x, Block<float> z) const;
  virtual void features(Block<const double> x, Block<double> z) const;
  // The independent variables of the input, and their values z [b, count] of inputs x [b, points, channels]: every
  // entry, a bit x as 1 - 2x, unless the family says otherwise.
  virtual IndependentVariables variables() const;
  virtual void variables(Block<const double> x, MatrixView<double> z) const;
  // Where the member hides from a first layer that reads its features, or the input (what one unit weighs: all
  // points' entries, or the channels of one point).
  virtual PlantedDirections planted(bool of_features) const;
  // The group under which the member is invariant, where it permutes the points.
  virtual std::optional<PermutationGroup> group() const { return {}; }
  // How the group of the family moves the input: what leaves the member's value as it is. Built from group() where
  // there is one, which moves the points; empty: none is known.
  virtual std::optional<InputAction> action() const;
  // Elements of the group of the family as they act on the input (named as in input()): all of a small group,
  // else its generators, and `random` others. Built from group() where there is one; empty: none are known.
  virtual std::vector<GroupElement> symmetries(Index random, std::uint64_t seed) const;
  // The fixed graph of the points, an n x n matrix of 0 and 1; null where there is none.
  virtual const Matrix<double>* graph() const { return nullptr; }

  // The member's value on one input (points x channels), exact in double: g, or the normalised function.
  // Throws ValueError for an input of the wrong shape or with entries that are not allowed.
  virtual double value(MatrixView<const double> x) const = 0;
  // Training targets, one an example: 1 - 2g, or the normalised function.
  virtual void targets(Block<const float> x, float* y) const = 0;
  virtual void targets(Block<const double> x, double* y) const = 0;
  // The matched control on the same inputs: a function of mean 0 and variance 1 that gradient descent
  // does learn.
  virtual void controls(Block<const float> x, float* y) const = 0;
  virtual void controls(Block<const double> x, double* y) const = 0;
  // Variance of the training target under the input law (exact where a formula is known).
  virtual double target_variance() const = 0;

  // The member as a JSON document (the member files of the command line), and what is known of it.
  virtual std::string json() const = 0;
  virtual std::vector<Fact> facts() const = 0;
  virtual std::vector<std::string> warnings() const { return {}; }
  // Compares the definition with its realising network, its invariance and its statistics with what they should be.
  // Throws ValueError for options.samples < 1.
  virtual std::vector<Check> check(const CheckOptions& options) const = 0;
};

// A member whose inputs, targets and controls in float and in double are one template each: of Derived,
//   template <class T> void inputs_of(const Counter& at, const Block<T>& x) const;
//   template <class T> void targets_of(const Block<const T>& x, T* y) const;
//   template <class T> void controls_of(const Block<const T>& x, T* y) const;
// private where Derived befriends MemberOf<Derived>. The source that defines them includes member_of.h and
// instantiates MemberOf<Derived>; the header says so (extern template).
template <class Derived>
class MemberOf : public Member {
 public:
  void sample(const Counter& at, Block<float> x) const final;
  void sample(const Counter& at, Block<double> x) const final;
  void targets(Block<const float> x, float* y) const final;
  void targets(Block<const double> x, double* y) const final;
  void controls(Block<const float> x, float* y) const final;
  void controls(Block<const double> x, double* y) const final;

 private:
  const Derived& derived() const { return static_cast<const Derived&>(*this); }
};

// The most functions that Family::all_correlations lists.
inline constexpr Index kMaxListedMembers = 4096;

// sup E_f <f, h>^2 falls as size^-(factor parameter + more), `size` and `parameter` names of parameters: dimensions
// of spaces of harmonics, numbers of sets or of monomials.
struct MomentDecay {
  std::string size, parameter;
  double factor = 1, more = 0;
};

// A family: its description, how its members are made, and what is known of all of them. Each family's file fills
// one; what is null, or empty, a family does not have. Every function throws ValueError for parameters that are not
// allowed, and may be called by any number of threads.
struct Family {
  std::string id, title, theorem, group, definition, input_law, control;
  std::vector<Parameter> parameters;
  bool has_parameter(std::string_view name) const;
  // Flags of `eqnn train`, by name, at which the phenomenon shows: network, optimiser, budget.
  ParameterValues (*training)(const ParameterValues& values) = nullptr;

  // Draws a member from (seed, Stream::member).
  std::unique_ptr<Member> (*draw)(const ParameterValues& values, std::uint64_t seed) = nullptr;
  // Reads a member file. Throws FileError for what does not parse, ValueError for values not allowed.
  std::unique_ptr<Member> (*parse)(std::string_view json) = nullptr;
  // Draws `members` members from the seeds options.seed, options.seed + 1, ... and compares their means
  // and their whole Gram matrix with the exact formula. Throws ValueError for members < 1 too.
  std::vector<Check> (*check_members)(const ParameterValues& values, Index members,
                                      const CheckOptions& options) = nullptr;

  // sup E_f <f, h>^2 for every prior for which it is known; the last is that of `draw`, if it is known at all.
  std::vector<SecondMoment> (*second_moments)(const ParameterValues& values) = nullptr;
  // As a power of one of the sizes, where it is one.
  std::optional<MomentDecay> decay = {};
  // Sets of members that are nearly orthogonal by proof, from the least gamma on.
  std::vector<Packing> (*packings)(const ParameterValues& values) = nullptr;
  // The law of a member's correlations with those of `draw`, where a limit of it is proved.
  CorrelationTail (*correlation_tail)(const ParameterValues& values) = nullptr;
  // Of `members` members that `draw` makes from the seeds seed, seed + 1, ...; null where the second moment says
  // more (all members are orthonormal).
  PairCorrelations (*correlations)(const ParameterValues& values, Index members, std::uint64_t seed) = nullptr;
  // Of all functions that `draw` may make, each with the same probability (up to sign); no values where they are
  // more than kMaxListedMembers.
  PairCorrelations (*all_correlations)(const ParameterValues& values) = nullptr;
};

// All families, in the order of the command's list.
const std::vector<Family>& families();
// Throws ValueError for an unknown id, naming the nearest one.
const Family& family(std::string_view id);

}  // namespace eqnn::hard
