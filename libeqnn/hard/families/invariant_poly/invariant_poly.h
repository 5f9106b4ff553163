// Sparse polynomials of the invariants of a group: a family that correlational statistical queries cannot learn
// (Kiani et al., ICLR 2024), while queries on the squared label can (growing_basis.h).
//
// Inputs have iid N(0, 1) entries, and r independent generators z_0, ..., z_{r-1}:
//   rowsum  X [m, r]  z_j = sum_i X_ij / sqrt(m)                       N(0, 1), invariant under S_m on the rows
//   sign    x [r]     z_i = x_i^2                                      chi^2_1, invariant under sign flips
//   cyclic  x [n]     z_{w-1} = |sum_t x_t e^(-2 pi i w t / n)|^2 / n,   Exp(1), invariant under shifts and
//                     w = 1..r, r = floor((n-1)/2)                     reflections
// With P_s the orthonormal polynomials of the generators' law (orthonormal_polynomials.h),
//   f = sum_t c_t prod_i P_{s_ti}(z_i),
// over distinct monomials of total degree 1 to 12: E f = 0 and E f^2 = sum_t c_t^2, normalised to 1.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "../../family.h"
#include "orthonormal_polynomials.h"

namespace eqnn::hard {

class MemberWriter;  // member_file.h

// Beyond degree 12 cancellation in double precision is not checked.
inline constexpr Index kMaxTargetDegree = 12;
// The largest r, n of cyclic, T and m.
inline constexpr Index kMaxGenerators = 65536;
inline constexpr Index kMaxCyclicPoints = 2048;
inline constexpr Index kMaxTerms = 10000;
inline constexpr Index kMaxRows = 65536;

// How the generators z are made of the input; their names and laws.
enum class Generators : std::uint8_t { rowsum, sign, cyclic };
const char* generators_name(Generators kind);  // "rowsum", "sign", "cyclic"
Law generators_law(Generators kind);           // gauss, chi2, exponential

// What the inputs of a member look like.
struct PolynomialInputs {
  Generators generators = Generators::rowsum;
  Index r = 100;
  Index m = 1;  // rows of X; 1 unless rowsum
  Index n = 0;  // points of x; 0 is 2r + 1 for cyclic, and always 0 otherwise

  Index points() const { return generators != Generators::cyclic ? r : n == 0 ? 2 * r + 1 : n; }
  // Throws ValueError for sizes that are not allowed: r or m < 1 or above the limits, cyclic n outside
  // 3..kMaxCyclicPoints, or with floor((n-1)/2) other than r.
  void validate() const;
};

// z_0, ..., z_{r-1} of one input, by the formulas above: [rows, r] for rowsum with any number of rows, [1, r] for
// sign, [1, n] for cyclic with n = 2r + 1 or 2r + 2. Throws ValueError for other shapes.
std::vector<double> generator_values(Generators kind, Index r, MatrixView<const double> x);

// C(r, D), how many squarefree monomials of degree D there are; 0 for D > r.
double squarefree_monomials(Index r, Index degree);

// How members are drawn: T distinct squarefree monomials of degree exactly D, uniform, with coefficients
// +-1/sqrt(T), fair signs. Monomial t is drawn from the words of Counter{seed, Stream::member, step, 0}, step = 0,
// 1, ...; steps that repeat a monomial are passed over. The sign of term t is word t at Counter{seed, member, 0,
// 1}.
struct PolynomialSampler {
  PolynomialInputs inputs;
  Index degree = 4, terms = 5;

  // Throws ValueError for D < 1, D > r, D > 12, T < 1, T > C(r, D) and for inputs that are not allowed.
  void validate() const;
};
// The T = `terms` terms of a member. Throws ValueError as PolynomialSampler::validate does.
std::vector<PolynomialTerm> draw_terms(Index r, Index degree, Index terms, std::uint64_t seed);

// The terms of the matched control of a target: min(T, C(r, 2)) squarefree monomials of degree 2, drawn as above
// from a seed that is a hash of the target's kind of generators, r and monomials (terms in ascending order, without
// their coefficients): a member file has one definite control. P_2(z_0) where r = 1.
std::vector<PolynomialTerm> control_terms(const PolynomialInputs& inputs, const std::vector<PolynomialTerm>& terms);

// E f^4 of a sum of distinct monomials: exact, by quadrature, up to 16 terms; an upper bound above.
double fourth_moment(Law law, const std::vector<PolynomialTerm>& terms);

// Units of the two layers of the network `poly` (poly_network.h) that realises a sum of monomials of degree up to
// 4: P_s has s real zeros, so a monomial is a product of affine functions, two for each unit of the first layer;
// the second multiplies those of monomials of degree 3 and 4.
struct RealisingUnits {
  Index first = 0, second = 0;
  Index width() const { return first > second ? first : second > 0 ? second : 1; }
};
// Throws ValueError for a monomial of a total degree above 4.
RealisingUnits realising_units(const std::vector<PolynomialTerm>& terms);

// A polynomial laid out for batches: the generators it uses, and for cyclic ones their cosines and sines.
// Immutable, movable; any number of threads may use it at the same time.
class PolynomialBatch {
 public:
  // REQUIRES: inputs and terms are valid.
  PolynomialBatch(const PolynomialInputs& inputs, std::vector<PolynomialTerm> terms);
  const std::vector<PolynomialTerm>& terms() const { return terms_; }
  const std::vector<Index>& used() const { return used_; }  // generators of the terms, ascending
  // y_e = sum over terms, for every example e of x [b, m, r], [b, 1, r] or [b, 1, n]; all arithmetic in the type of
  // y.
  void evaluate(const Block<const float>& x, float* y) const;
  void evaluate(const Block<const double>& x, double* y) const;

 private:
  template <class T>
  void compute(const Matrix<T>& table, const Block<const T>& x, T* y) const;

  PolynomialInputs inputs_;
  std::vector<PolynomialTerm> terms_;
  std::vector<Index> used_;                 // generators, ascending
  std::vector<Index> slots_;                // of every factor in order: its generator's place in used_
  std::vector<RecurrenceStep> recurrence_;  // up to the largest degree
  Matrix<float> single_table_;              // cyclic: [n, used], cosines above sines
  Matrix<double> double_table_;
};

// z = P_1 of every generator, for batches.
class FeatureBatch {
 public:
  explicit FeatureBatch(const PolynomialInputs& inputs);
  // x as above, z [b, 1, r].
  void evaluate(const Block<const float>& x, const Block<float>& z) const;
  void evaluate(const Block<const double>& x, const Block<double>& z) const;

 private:
  template <class T>
  void compute(const Matrix<T>& table, const Block<const T>& x, const Block<T>& z) const;

  PolynomialInputs inputs_;
  RecurrenceStep first_;
  Matrix<float> single_table_;  // cyclic: [n, r], cosines above sines
  Matrix<double> double_table_;
};

// The function f. Immutable; any number of threads may use it at the same time. Families of special polynomials
// derive from it and say other things of them (staircase.h).
class InvariantPoly : public MemberOf<InvariantPoly> {
 public:
  // Coefficients are divided by sqrt(sum c^2) unless that is 1 within 1e-12. Throws ValueError for inputs that are
  // not allowed, no terms, more than kMaxTerms, a coefficient that is 0 or not finite, a monomial without factors,
  // repeated, with a generator outside 0..r-1 or repeated, with a degree < 1, or of total degree above 12.
  InvariantPoly(const PolynomialInputs& inputs, std::vector<PolynomialTerm> terms);
  // Draws a member. Throws ValueError for a sampler that is not valid.
  static InvariantPoly draw(const PolynomialSampler& sampler, std::uint64_t seed);

  const PolynomialInputs& inputs() const { return inputs_; }
  Law law() const { return generators_law(inputs_.generators); }
  const std::vector<PolynomialTerm>& terms() const { return target_.terms(); }
  const std::vector<PolynomialTerm>& control() const { return control_.terms(); }
  Index degree() const;     // the largest total degree
  double smallest() const;  // the smallest |c_t|: what GROWING-BASIS is told as a_min
  bool squarefree() const;  // every degree is 1

  const InputLayout& input() const override { return layout_; }
  bool two_valued() const override { return false; }
  // z = P_1 of the generators, [b, 1, r]: mean 0 and variance 1.
  const InputLayout* features() const override { return &feature_layout_; }
  void features(Block<const float> x, Block<float> z) const override { features_.evaluate(x, z); }
  void features(Block<const double> x, Block<double> z) const override { features_.evaluate(x, z); }
  // The generators that occur in a monomial, in the features.
  PlantedDirections planted(bool of_features) const override;
  // The generators themselves, of law().
  IndependentVariables variables() const override { return {law(), inputs_.r}; }
  void variables(Block<const double> x, MatrixView<double> z) const override;
  // rowsum: S_m on the rows; sign: flips of single coordinates, of all, and random ones; cyclic: shifts and the
  // reflection of the n positions.
  std::optional<InputAction> action() const override;
  std::vector<GroupElement> symmetries(Index random, std::uint64_t seed) const override;
  // Takes every shape that generator_values takes for this member's r.
  double value(MatrixView<const double> x) const override;
  double target_variance() const override { return 1; }

  // {"generators": "rowsum", "r": 5, "terms": [{"coef": 0.6, "monomial": [[0, 1], [2, 2]]}, ...]}; generators count
  // from 0. With "m" and "n" where they are not 1 and 2r + 1.
  std::string json() const override;
  std::vector<Fact> facts() const override;
  std::vector<std::string> warnings() const override;
  std::vector<Check> check(const CheckOptions& options) const override;

 protected:
  MemberWriter document() const;  // of json()

 private:
  friend class MemberOf<InvariantPoly>;
  template <class T>
  void inputs_of(const Counter& at, const Block<T>& x) const;
  template <class T>
  void targets_of(const Block<const T>& x, T* y) const;
  template <class T>
  void controls_of(const Block<const T>& x, T* y) const;

  PolynomialInputs inputs_;
  PolynomialBatch target_, control_;
  FeatureBatch features_;
  InputLayout layout_, feature_layout_;
};

extern template class MemberOf<InvariantPoly>;

// E f g = sum of c_t c'_t' over common monomials. Throws ValueError unless both have the same generators and r.
double correlation(const InvariantPoly& f, const InvariantPoly& g);

// Draws `members` members from the seeds options.seed, options.seed + 1, ... and compares their means and their
// whole Gram matrix on options.samples random inputs with the formula above. Throws ValueError for members < 1 or
// samples < 1.
std::vector<Check> check_invariant_polys(const PolynomialSampler& sampler, Index members,
                                         const CheckOptions& options);

// The registry's entry (family.h).
Family invariant_poly_family();

}  // namespace eqnn::hard
