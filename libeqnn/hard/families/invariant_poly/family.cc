// invariant-poly: member files, parameters, and the registry's entry.
#include <fmt/format.h>

#include "../../member_file.h"
#include "invariant_poly.h"
#include "polynomial_family.h"

namespace eqnn::hard {
namespace {

Generators parse_generators(const std::string& text) {
  for (const Generators kind : {Generators::rowsum, Generators::sign, Generators::cyclic})
    if (text == generators_name(kind)) return kind;
  throw ValueError(concat("generators is '", text, "'; allowed are rowsum, sign and cyclic"));
}

// --- member files ----------------------------------------------------------------------------------------------

Monomial parse_monomial(const MemberValue& list, std::size_t term) {
  require(list.is_list(), "'monomial' of term ", term, " holds ", list.type_name(),
          "; it must be an array of [generator, degree] pairs");
  Monomial monomial;
  for (const MemberValue& pair : list.items()) {
    const auto numbers = pair.is_list() ? pair.items() : std::vector<MemberValue>{};
    require(numbers.size() == 2 && numbers[0].is_whole_number() && numbers[1].is_whole_number(),
            "'monomial' of term ", term, " holds ", pair.as_json(),
            "; each entry must be [generator, degree], two whole numbers");
    monomial.push_back({numbers[0].whole_number(), numbers[1].whole_number()});
  }
  return monomial;
}

std::vector<PolynomialTerm> parse_terms(const MemberValue& list) {
  require(list.is_list(), "'terms' of the member holds ", list.type_name(), "; it must be an array of terms");
  std::vector<PolynomialTerm> terms;
  for (const MemberValue& term : list.items()) {
    const std::size_t t = terms.size();
    require(term.is_object_of({"coef", "monomial"}), "term ", t,
            " of the member must be an object with coef and monomial, and nothing else");
    terms.push_back({term.real_number("coef"), parse_monomial(term.at("monomial"), t)});
  }
  return terms;
}

}  // namespace

PolynomialFile parse_polynomial(std::string_view text, std::vector<std::string> more) {
  more.insert(more.end(), {"m", "n"});
  const MemberValue file(text, {"generators", "r", "terms"}, more);
  PolynomialInputs inputs;
  inputs.generators = parse_generators(file.text("generators"));
  inputs.r = file.whole_number("r");
  if (file.has("m")) inputs.m = file.whole_number("m");
  if (file.has("n")) {
    inputs.n = file.whole_number("n");
    require(inputs.n >= 3, "n is ", inputs.n, "; cyclic generators need n >= 3");
  }
  return {inputs, parse_terms(file.at("terms"))};
}

// --- parameters --------------------------------------------------------------------------------------------------

std::vector<Parameter> polynomial_input_parameters() {
  return {
      {"generators", "rowsum", "rowsum, sign or cyclic: which group, and which invariants of it"},
      {"r", "", "number of generators; 100 for rowsum, 50 for sign and cyclic, (n - 1) / 2 where n is given"},
      {"m", "1", "rows of the input (rowsum)"},
      {"n", "", "points of the input (cyclic); 2 r + 1, must agree with r"},
  };
}

PolynomialInputs read_polynomial_inputs(const ParameterReader& read) {
  PolynomialInputs inputs;
  inputs.generators = parse_generators(read.text("generators"));
  inputs.m = read.integer("m");
  inputs.r = inputs.generators == Generators::rowsum ? 100 : 50;
  if (!read.text("n").empty()) {
    inputs.n = read.integer("n");
    require(inputs.generators == Generators::cyclic, "n is ", inputs.n, " with ",
            generators_name(inputs.generators), " generators; only cyclic ones have n points: leave it out");
    require(inputs.n >= 3, "n is ", inputs.n, "; cyclic generators need n >= 3");
    inputs.r = (inputs.n - 1) / 2;
  }
  if (!read.text("r").empty()) inputs.r = read.integer("r");
  return inputs;
}

namespace {

const std::vector<Parameter>& invariant_poly_parameters() {
  static const std::vector<Parameter> all = [] {
    auto list = polynomial_input_parameters();
    list.push_back({"degree", "4", "D, the degree of every monomial, 1 to 12"});
    list.push_back({"terms", "5", "T, the number of monomials"});
    return list;
  }();
  return all;
}

PolynomialSampler polynomial_sampler(const ParameterValues& values) {
  const ParameterReader read(invariant_poly_parameters(), values);
  PolynomialSampler sampler;
  sampler.inputs = read_polynomial_inputs(read);
  sampler.degree = read.integer("degree");
  sampler.terms = read.integer("terms");
  sampler.validate();
  return sampler;
}

std::vector<SecondMoment> invariant_poly_second_moments(const ParameterValues& values) {
  const PolynomialSampler sampler = polynomial_sampler(values);
  const Index r = sampler.inputs.r, degree = sampler.degree;
  const double monomials = squarefree_monomials(r, degree);
  SecondMoment m;
  m.bounded = m.unit = 1 / monomials;
  m.orthonormal = sampler.terms == 1 ? monomials : 0;
  m.prior = fmt::format("as it is drawn: {} of the C({}, {}) squarefree monomials, uniform, fair signs",
                        sampler.terms, r, degree);
  m.formula = fmt::format("lambda = 1 / C({}, {}) = 1 / {:.10g}", r, degree, monomials);
  m.source =
      "the monomials are orthonormal and the signs independent and fair, so E_f <f, h>^2 is the mean of "
      "<monomial, h>^2: Bessel's inequality";
  return {m};
}

}  // namespace

std::string InvariantPoly::json() const { return document().text(); }

MemberWriter InvariantPoly::document() const {
  MemberWriter file;
  file.add("generators", generators_name(inputs_.generators)).add("r", inputs_.r);
  if (inputs_.m != 1) file.add("m", inputs_.m);
  if (inputs_.points() == 2 * inputs_.r + 2) file.add("n", inputs_.n);
  std::vector<MemberWriter> list;
  for (const PolynomialTerm& t : terms()) {
    std::vector<std::vector<Index>> monomial;
    for (const Factor& f : t.monomial) monomial.push_back({f.generator, f.degree});
    list.emplace_back().add("coef", t.coefficient).add("monomial", monomial);
  }
  file.add("terms", list);
  return file;
}

Family invariant_poly_family() {
  Family f;
  f.id = "invariant-poly";
  f.title = "Sparse polynomials of a group's invariants";
  f.theorem =
      "correlational queries of tolerance tau need tau^2 C(r, D) of them (Kiani et al., ICLR 2024); with queries "
      "on y^2, T (r D + 2) + 1 are enough";
  f.group = "rowsum: S_m on the rows; sign: sign flips; cyclic: shifts and reflections of Z_n";
  f.definition =
      "f = sum over T monomials of +-1/sqrt(T) times a product of orthonormal polynomials of the generators z: row "
      "sums / sqrt(m), squares x_i^2, or the power spectrum |x^_w|^2 / n, w = 1..r";
  f.input_law = "entries iid N(0, 1); so the generators are iid N(0, 1), chi^2_1 or Exp(1)";
  f.control = "the same generators, r and T, monomials of degree 2";
  f.parameters = invariant_poly_parameters();
  f.training = [](const ParameterValues&) -> ParameterValues {
    return {{"model", "poly"}, {"width", "64"},   {"lr", "3e-3"},
            {"batch", "128"},  {"steps", "4000"}, {"clip-norm", "1"}};
  };
  f.draw = [](const ParameterValues& values, std::uint64_t seed) -> std::unique_ptr<Member> {
    return std::make_unique<InvariantPoly>(InvariantPoly::draw(polynomial_sampler(values), seed));
  };
  f.parse = [](std::string_view text) -> std::unique_ptr<Member> {
    PolynomialFile file = parse_polynomial(text);
    return std::make_unique<InvariantPoly>(file.inputs, std::move(file.terms));
  };
  f.second_moments = invariant_poly_second_moments;
  f.decay = MomentDecay{"r", "degree"};
  f.correlations = [](const ParameterValues& values, Index members, std::uint64_t seed) {
    const PolynomialSampler sampler = polynomial_sampler(values);
    return exact_correlations(members, seed, [&](std::uint64_t s) { return InvariantPoly::draw(sampler, s); });
  };
  f.check_members = [](const ParameterValues& values, Index members, const CheckOptions& options) {
    return check_invariant_polys(polynomial_sampler(values), members, options);
  };
  return f;
}

}  // namespace eqnn::hard
