#include "invariant_poly.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "../../../core/hash.h"
#include "../../binomial.h"
#include "../../member_of.h"
#include "../../sampling.h"
#include "polynomial_family.h"

namespace eqnn::hard {
namespace {

void require_degree(Index degree) {
  require(degree >= 1, "degree is ", degree, "; it must be at least 1");
  require(degree <= kMaxTargetDegree, "degree is ", degree, "; at most ", kMaxTargetDegree,
          " is allowed (double-precision cancellation not checked beyond)");
}

// A squarefree monomial of that degree, uniform.
Monomial draw_monomial(Index r, Index degree, Draws draws) {
  std::set<Index> chosen;
  while (static_cast<Index>(chosen.size()) < degree) chosen.insert(draws.below(static_cast<std::uint32_t>(r)));
  Monomial monomial;
  for (const Index i : chosen) monomial.push_back({i, 1});
  return monomial;
}

void check_monomial(Index r, Monomial& monomial, Index term) {
  require(!monomial.empty(), "the monomial of term ", term, " is empty; it must name at least one generator");
  std::sort(monomial.begin(), monomial.end());
  Index total = 0;
  for (std::size_t i = 0; i < monomial.size(); ++i) {
    const Factor& f = monomial[i];
    require(f.generator >= 0 && f.generator < r, "term ", term, " names generator ", f.generator,
            "; generators are 0 to ", r - 1);
    require(i == 0 || monomial[i - 1].generator != f.generator, "term ", term, " names generator ", f.generator,
            " twice; write one degree for each generator");
    require(f.degree >= 1 && f.degree <= kMaxTargetDegree, "term ", term, " has degree ", f.degree,
            " in generator ", f.generator, "; allowed are 1 to ", kMaxTargetDegree,
            " (double-precision cancellation not checked beyond)");
    total += f.degree;
  }
  require(total <= kMaxTargetDegree, "term ", term, " has total degree ", total, "; at most ", kMaxTargetDegree,
          " is allowed (double-precision cancellation not checked beyond)");
}

// Checked, monomials in ascending order of generators, coefficients normalised.
std::vector<PolynomialTerm> normalised(Index r, std::vector<PolynomialTerm> terms) {
  require(!terms.empty(), "the target has no terms; it needs at least one");
  require(static_cast<Index>(terms.size()) <= kMaxTerms, "the target has ", terms.size(), " terms; at most ",
          kMaxTerms, " are supported");
  std::set<Monomial> seen;
  double largest = 0;
  for (std::size_t t = 0; t < terms.size(); ++t) {
    const double c = terms[t].coefficient;
    if (c == 0 || !std::isfinite(c))
      throw ValueError(fmt::format("the coefficient of term {} is {}; it must be finite and not zero", t, c));
    largest = std::max(largest, std::abs(c));
    check_monomial(r, terms[t].monomial, static_cast<Index>(t));
    require(seen.insert(terms[t].monomial).second, "term ", t,
            " repeats the monomial of another term; add their coefficients");
  }
  double sum = 0;  // of squares, relative to the largest: nothing over- or underflows
  for (const PolynomialTerm& t : terms) sum += (t.coefficient / largest) * (t.coefficient / largest);
  const double norm = largest * std::sqrt(sum);
  if (std::abs(norm - 1) > 5e-13)
    for (PolynomialTerm& t : terms) {
      t.coefficient /= norm;
      require(t.coefficient != 0, "a coefficient is zero beside the largest one; leave that term out");
    }
  return terms;
}

// cos and sin of 2 pi j / n, j = 0..n-1.
struct Circle {
  explicit Circle(Index n) {
    for (Index j = 0; j < n; ++j) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(j) / static_cast<double>(n);
      cosine.push_back(std::cos(angle));
      sine.push_back(std::sin(angle));
    }
  }
  std::vector<double> cosine, sine;
};

// |sum_t x_t e^{-2 pi i w t / n}|^2 / n.
double power(const Circle& circle, const double* x, Index w) {
  const std::size_t n = circle.cosine.size(), step = static_cast<std::size_t>(w);
  double real = 0, imaginary = 0;
  for (std::size_t t = 0, turn = 0; t < n; ++t) {  // turn = w t mod n
    real += x[t] * circle.cosine[turn];
    imaginary += x[t] * circle.sine[turn];
    turn += turn + step < n ? step : step - n;
  }
  return (real * real + imaginary * imaginary) / static_cast<double>(n);
}

void require_shape(Generators kind, Index r, MatrixView<const double> x) {
  bool fits = x.rows == 1 && x.cols == r;
  std::string needed = concat("1 x ", r);
  if (kind == Generators::rowsum) {
    fits = x.rows >= 1 && x.cols == r;
    needed = concat("m x ", r);
  } else if (kind == Generators::cyclic) {
    fits = x.rows == 1 && x.cols >= 3 && (x.cols - 1) / 2 == r;
    needed = concat("1 x ", 2 * r + 1, " or 1 x ", 2 * r + 2);
  }
  require(fits, "the input is ", x.rows, " x ", x.cols, "; ", generators_name(kind), " generators with r = ", r,
          " take ", needed);
}

}  // namespace

const char* generators_name(Generators kind) {
  return kind == Generators::rowsum ? "rowsum" : kind == Generators::sign ? "sign" : "cyclic";
}

Law generators_law(Generators kind) {
  return kind == Generators::rowsum ? Law::gauss : kind == Generators::sign ? Law::chi2 : Law::exponential;
}

void PolynomialInputs::validate() const {
  const char* kind = generators_name(generators);
  require(n == 0 || generators == Generators::cyclic, "n is ", n, " with ", kind,
          " generators; only cyclic ones have n points");
  require(generators != Generators::cyclic || n == 0 || n >= 3, "n is ", n, "; cyclic generators need n >= 3");
  require(r >= 1, "r is ", r, "; at least 1 generator is needed");
  require(r <= kMaxGenerators, "r is ", r, "; at most ", kMaxGenerators, " generators are supported");
  require(m >= 1 && m <= kMaxRows, "m is ", m, "; allowed are 1 to ", kMaxRows, " rows");
  require(m == 1 || generators == Generators::rowsum, "m is ", m, " with ", kind,
          " generators; only rowsum ones have rows");
  if (generators != Generators::cyclic) return;
  require(points() <= kMaxCyclicPoints, "n is ", points(), "; cyclic generators take at most ", kMaxCyclicPoints,
          " points");
  require((points() - 1) / 2 == r, "r is ", r, " and n is ", n,
          "; cyclic generators need r = floor((n - 1) / 2) = ", (points() - 1) / 2);
}

namespace {

// The generators in `wanted`, ascending; the others are 0.
std::vector<double> some_generators(Generators kind, Index r, MatrixView<const double> x,
                                    const std::vector<Index>& wanted) {
  require_shape(kind, r, x);
  std::vector<double> z(r);
  const Circle circle(kind == Generators::cyclic ? x.cols : 0);
  for (const Index i : wanted) {
    double& value = z[i];
    if (kind == Generators::rowsum) {
      for (Index row = 0; row < x.rows; ++row) value += x(row, i);
      value /= std::sqrt(static_cast<double>(x.rows));
    } else {
      value = kind == Generators::sign ? x(0, i) * x(0, i) : power(circle, x.data, i + 1);
    }
  }
  return z;
}

}  // namespace

std::vector<double> generator_values(Generators kind, Index r, MatrixView<const double> x) {
  require_shape(kind, r, x);
  std::vector<Index> all(r);
  std::iota(all.begin(), all.end(), Index{0});
  return some_generators(kind, r, x, all);
}

// --- drawing members -------------------------------------------------------------------------------------------

double squarefree_monomials(Index r, Index degree) { return degree > r ? 0 : binomial(r, degree); }

void PolynomialSampler::validate() const {
  inputs.validate();
  require_degree(degree);
  require(degree <= inputs.r, "degree is ", degree, " with r = ", inputs.r,
          " generators; squarefree monomials need degree <= r");
  require(terms >= 1 && terms <= kMaxTerms, "terms is ", terms, "; allowed are 1 to ", kMaxTerms);
  const double count = squarefree_monomials(inputs.r, degree);
  if (static_cast<double>(terms) > count)
    throw ValueError(
        fmt::format("terms is {}, and there are C({}, {}) = {:.0f} squarefree monomials; give fewer terms", terms,
                    inputs.r, degree, count));
}

std::vector<PolynomialTerm> draw_terms(Index r, Index degree, Index terms, std::uint64_t seed) {
  Draws signs({seed, Stream::member, 0, 1});
  const double size = 1 / std::sqrt(static_cast<double>(terms));
  std::set<Monomial> seen;
  std::vector<PolynomialTerm> drawn;
  for (std::uint64_t step = 0; static_cast<Index>(drawn.size()) < terms; ++step) {
    Monomial monomial = draw_monomial(r, degree, Draws({seed, Stream::member, step, 0}));
    if (!seen.insert(monomial).second) continue;
    drawn.push_back({(signs.word() & 1) != 0 ? -size : size, std::move(monomial)});
  }
  return drawn;
}

std::vector<PolynomialTerm> control_terms(const PolynomialInputs& inputs,
                                          const std::vector<PolynomialTerm>& terms) {
  if (inputs.r == 1) return {{1, {{0, 2}}}};
  std::set<Monomial> monomials;
  for (const PolynomialTerm& t : terms) monomials.insert(t.monomial);
  Hash hash;
  hash.add(static_cast<Index>(inputs.generators));
  hash.add(inputs.r);
  for (const Monomial& monomial : monomials) {
    hash.add(static_cast<Index>(monomial.size()));
    for (const Factor& f : monomial) {
      hash.add(f.generator);
      hash.add(f.degree);
    }
  }
  const double pairs = squarefree_monomials(inputs.r, 2), wanted = static_cast<double>(monomials.size());
  return draw_terms(inputs.r, 2, static_cast<Index>(std::min(pairs, wanted)), hash.value());
}

InvariantPoly InvariantPoly::draw(const PolynomialSampler& sampler, std::uint64_t seed) {
  sampler.validate();
  return InvariantPoly(sampler.inputs, draw_terms(sampler.inputs.r, sampler.degree, sampler.terms, seed));
}

RealisingUnits realising_units(const std::vector<PolynomialTerm>& terms) {
  RealisingUnits units;
  for (const PolynomialTerm& t : terms) {
    const Index degree = total_degree(t.monomial);
    require(degree <= 4, "a monomial has degree ", degree, "; the network of products reaches degree 4");
    units.first += degree == 4 ? 2 : degree > 1 ? 1 : 0;
    units.second += degree > 2 ? 1 : 0;
  }
  return units;
}

// --- the member ------------------------------------------------------------------------------------------------

namespace {

const PolynomialInputs& validated(const PolynomialInputs& inputs) {
  inputs.validate();
  return inputs;
}

}  // namespace

InvariantPoly::InvariantPoly(const PolynomialInputs& inputs, std::vector<PolynomialTerm> terms)
    : inputs_(validated(inputs)),
      target_(inputs, normalised(inputs.r, std::move(terms))),
      control_(inputs, control_terms(inputs, target_.terms())),
      features_(inputs) {
  layout_ = {"x", inputs.m, inputs.points(), false, {}, true};
  if (inputs.generators != Generators::rowsum) layout_.dims = {inputs.points()};
  feature_layout_ = {"z", 1, inputs.r};
}

PlantedDirections InvariantPoly::planted(bool of_features) const {
  if (!of_features) return {};
  std::set<Index> generators;
  for (const PolynomialTerm& term : terms())
    for (const auto& factor : term.monomial) generators.insert(factor.generator);
  PlantedDirections planted{Matrix<double>(static_cast<Index>(generators.size()), inputs_.r)};
  Index row = 0;
  for (const Index generator : generators) planted.basis(row++, generator) = 1;
  return planted;
}

Index InvariantPoly::degree() const {
  Index largest = 0;
  for (const PolynomialTerm& t : terms()) largest = std::max(largest, total_degree(t.monomial));
  return largest;
}

double InvariantPoly::smallest() const {
  double smallest = 1;
  for (const PolynomialTerm& t : terms()) smallest = std::min(smallest, std::abs(t.coefficient));
  return smallest;
}

bool InvariantPoly::squarefree() const {
  for (const PolynomialTerm& t : terms())
    for (const Factor& f : t.monomial)
      if (f.degree != 1) return false;
  return true;
}

double correlation(const InvariantPoly& f, const InvariantPoly& g) {
  const auto law = [](const InvariantPoly& p) {
    return fmt::format("{}, r {}", generators_name(p.inputs().generators), p.inputs().r);
  };
  if (law(f) != law(g))
    throw ValueError(
        fmt::format("the members have no common generators ({}; {}); compare members of one law", law(f), law(g)));
  double sum = 0;
  for (const PolynomialTerm& a : f.terms())
    for (const PolynomialTerm& b : g.terms())
      if (a.monomial == b.monomial) sum += a.coefficient * b.coefficient;
  return sum;
}

namespace {

GroupElement on_input(std::string name, std::function<void(Array&)> moves) {
  return {std::move(name), [moves = std::move(moves)](const Sample& x) {
            Sample moved = x;
            moves(moved.at("x"));
            return moved;
          }};
}

std::vector<GroupElement> row_permutations(Index rows, Index random, std::uint64_t seed) {
  std::vector<GroupElement> elements;
  for (const Permutation& p : telling_elements(PermutationGroup::symmetric(rows), 100, random, seed))
    elements.push_back(on_input(to_string(p), [p](Array& x) { x = permute_rows(x, p); }));
  return elements;
}

std::vector<GroupElement> sign_flips(Index n, Index random, std::uint64_t seed) {
  const auto flip = [](Array& x) {
    for (double& v : x.values) v = -v;
  };
  std::vector<GroupElement> elements{on_input("all signs", flip)};
  for (Index j = 0; j < n; ++j)
    elements.push_back(on_input(concat("sign of coordinate ", j), [j](Array& x) { x(0, j) = -x(0, j); }));
  for (Index k = 0; k < random; ++k)
    elements.push_back(on_input(concat("random signs ", k), [k, seed](Array& x) {
      Draws draws({seed, Stream::check, 7, static_cast<std::uint64_t>(k)});
      for (double& v : x.values) v = draws.below(2) == 0 ? v : -v;
    }));
  return elements;
}

// The n positions are the columns of one row.
std::vector<GroupElement> rotations(Index n) {
  std::vector<GroupElement> elements;
  for (const Permutation& p : telling_elements(PermutationGroup::dihedral(n)))
    elements.push_back(on_input(to_string(p), [p](Array& x) {
      const std::vector<double> before = x.values;
      for (Index i = 0; i < p.points(); ++i) x(0, p(i)) = before[i];
    }));
  return elements;
}

}  // namespace

std::optional<InputAction> InvariantPoly::action() const {
  using Moves = InputAction::Moves;
  switch (inputs_.generators) {
    case Generators::rowsum:
      return InputAction::permutations(PermutationGroup::symmetric(inputs_.m), Moves::points);
    case Generators::sign:
      return InputAction::signs();
    case Generators::cyclic:  // power spectra do not change when the order is reversed
      return InputAction::permutations(PermutationGroup::dihedral(inputs_.points()), Moves::channels);
  }
  return {};
}

std::vector<GroupElement> InvariantPoly::symmetries(Index random, std::uint64_t seed) const {
  switch (inputs_.generators) {
    case Generators::rowsum:
      return row_permutations(inputs_.m, random, seed);
    case Generators::sign:
      return sign_flips(inputs_.points(), random, seed);
    case Generators::cyclic:
      return rotations(inputs_.points());
  }
  return {};
}

template <class T>
void InvariantPoly::inputs_of(const Counter& at, const Block<T>& x) const {
  sample_normals(at, x);
}
template <class T>
void InvariantPoly::targets_of(const Block<const T>& x, T* y) const {
  target_.evaluate(x, y);
}
template <class T>
void InvariantPoly::controls_of(const Block<const T>& x, T* y) const {
  control_.evaluate(x, y);
}
template class MemberOf<InvariantPoly>;

double InvariantPoly::value(MatrixView<const double> x) const {
  return polynomial_value(law(), terms(), some_generators(inputs_.generators, inputs_.r, x, target_.used()));
}

// From P_1(z) = slope z + shift.
void InvariantPoly::variables(Block<const double> x, MatrixView<double> z) const {
  features(x, Block<double>{z.data, x.examples, 1, inputs_.r, z.stride});
  const RecurrenceStep first = recurrence_step(law(), 0);
  for (Index e = 0; e < x.examples; ++e)
    for (Index i = 0; i < inputs_.r; ++i) z(e, i) = (z(e, i) - first.shift) / first.slope;
}

std::vector<Fact> realising_network_facts(const InvariantPoly& f) {
  if (f.degree() > 4) return {};
  const RealisingUnits units = realising_units(f.terms());
  const Index width = units.width(), r = f.inputs().r;
  return {{"network_width", static_cast<double>(width), 0,
           "realising network `poly`: first-layer units are products of two linear factors of a monomial"},
          {"network_first_units", static_cast<double>(units.first), 0, "realising network: first layer"},
          {"network_second_units", static_cast<double>(units.second), 0, "realising network: second layer"},
          {"network_parameters",
           static_cast<double>(2 * (r * width + width) + 2 * ((width + r) * width + width) + 2 * width + r + 1), 0,
           "realising network: weights and biases"}};
}

std::vector<Fact> InvariantPoly::facts() const {
  const Index d = degree(), count = static_cast<Index>(terms().size());
  const double r = static_cast<double>(inputs_.r), size = static_cast<double>(count),
               total = static_cast<double>(d);
  const double family = squarefree_monomials(inputs_.r, d);
  double norm = 0;
  for (const PolynomialTerm& t : terms()) norm += t.coefficient * t.coefficient;
  std::vector<Fact> facts = {
      {"r", r, 0, "generators: the invariants that f is a polynomial of"},
      {"points", static_cast<double>(inputs_.m * inputs_.points()), 0, "entries of an input"},
      {"degree", total, 0, "D, the largest total degree in the generators"},
      {"terms", size, 0, "T, the number of monomials"},
      {"norm_sq", norm, 0, "E f^2 = sum c^2"},
      {"mean", 0, 0, "E f"},
      {"target_variance", target_variance(), 0, "E f^2 - (E f)^2"},
      {"fourth_moment", fourth_moment(law(), terms()), 0,
       count <= 16 ? "E f^4: how heavy the tails are" : "an upper bound of E f^4"},
      {"a_min", smallest(), 0, "the smallest |c|"},
      {"squarefree", squarefree() ? 1.0 : 0.0, 0, "1: no generator has a degree above 1 in any monomial"},
      {"family_size", family, 0, "C(r, D), orthonormal squarefree monomials of degree D"},
      {"monomials", squarefree_monomials(inputs_.r + d, d) - 1, 0, "C(r + D, D) - 1, monomials of degree 1 to D"},
      {"growing_basis_queries", size * (r * total + 2) + 1, 0,
       "T (r D + 2) + 1: queries on y^2 with which GROWING-BASIS learns f"},
      {"control_terms", static_cast<double>(control().size()), 0, "monomials of the control, of degree 2"},
  };
  // No squarefree monomial has a degree above r: then the bound says nothing.
  if (family > 0)
    facts.push_back({"lambda", 1 / family, 0, "1 / C(r, D) = max over E h^2 <= 1 of E_f <f, h>^2, fair signs"});
  for (Fact& fact : realising_network_facts(*this)) facts.push_back(std::move(fact));
  return facts;
}

std::vector<std::string> InvariantPoly::warnings() const {
  std::vector<std::string> lines;
  const Index d = degree();
  if (d == 1) lines.push_back("degree 1: f is linear in the generators, easy for every learner");
  if (d == 2) lines.push_back("degree 2: as easy as the control, gradient descent learns it");
  if (const double family = squarefree_monomials(inputs_.r, d); family < 100)
    lines.push_back(fmt::format("only C({}, {}) = {:.0f} squarefree monomials of degree {}: not a hard instance",
                                inputs_.r, d, family, d));
  return lines;
}

}  // namespace eqnn::hard
