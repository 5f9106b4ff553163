#include "staircase.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "../../checks.h"
#include "../../member_file.h"
#include "polynomial_family.h"

namespace eqnn::hard {

// --- leaps -------------------------------------------------------------------------------------------------------

namespace {

Index new_degrees(const Monomial& monomial, const std::set<Index>& known) {
  Index sum = 0;
  for (const Factor& f : monomial) sum += known.count(f.generator) == 0 ? f.degree : 0;
  return sum;
}

// The definition: least[set] is the least maximum over the orders of the monomials in `set`.
Index leap_over_all_orders(const std::vector<Monomial>& monomials) {
  const std::size_t sets = std::size_t{1} << monomials.size();
  std::vector<Index> least(sets);
  for (std::size_t set = 1; set < sets; ++set) {
    least[set] = kMaxTargetDegree * kMaxTargetDegree;
    for (std::size_t last = 0; last < monomials.size(); ++last) {
      if ((set >> last & 1) == 0) continue;
      const std::size_t before = set & ~(std::size_t{1} << last);
      std::set<Index> known;
      for (std::size_t j = 0; j < monomials.size(); ++j)
        if ((before >> j & 1) != 0)
          for (const Factor& f : monomials[j]) known.insert(f.generator);
      least[set] = std::min(least[set], std::max(least[before], new_degrees(monomials[last], known)));
    }
  }
  return least.back();
}

std::vector<Monomial> monomials_of(const std::vector<PolynomialTerm>& terms) {
  std::vector<Monomial> all;
  for (const PolynomialTerm& t : terms) all.push_back(t.monomial);
  return all;
}

}  // namespace

Index leap_complexity(std::span<const Monomial> monomials) {
  std::vector<Monomial> left(monomials.begin(), monomials.end());
  std::set<Index> known;
  Index leap = 0;
  while (!left.empty()) {
    const auto least = std::min_element(left.begin(), left.end(), [&](const Monomial& a, const Monomial& b) {
      return new_degrees(a, known) < new_degrees(b, known);
    });
    leap = std::max(leap, new_degrees(*least, known));
    for (const Factor& f : *least) known.insert(f.generator);
    left.erase(least);
  }
  return leap;
}

// --- drawing members ---------------------------------------------------------------------------------------------

void StaircaseSampler::validate() const {
  inputs.validate();
  require(degree >= 1 && degree <= kMaxTargetDegree, "degree is ", degree, "; allowed are 1 to ", kMaxTargetDegree);
  require(degree <= inputs.r, "degree is ", degree, " with r = ", inputs.r,
          " generators; a staircase climbs over `degree` different ones");
  require(leap >= 1 && leap <= degree, "leap is ", leap, "; allowed are 1, the full staircase, to ", degree,
          ", the degree: the top monomial alone");
}

std::vector<Index> StaircaseSampler::degrees() const {
  std::vector<Index> all;
  for (Index d = leap; d < degree; d += leap) all.push_back(d);
  all.push_back(degree);
  return all;
}

double StaircaseSampler::second_moment() const {
  double fewest = squarefree_monomials(inputs.r, degree);
  for (const Index d : degrees()) fewest = std::min(fewest, squarefree_monomials(inputs.r, d));
  return 1 / (static_cast<double>(degrees().size()) * fewest);
}

std::vector<PolynomialTerm> draw_staircase(const StaircaseSampler& sampler, std::uint64_t seed) {
  sampler.validate();
  Draws order({seed, Stream::member, 0, 0}), signs({seed, Stream::member, 0, 1});
  std::vector<Index> chosen;
  while (static_cast<Index>(chosen.size()) < sampler.degree) {
    const Index next = order.below(static_cast<std::uint32_t>(sampler.inputs.r));
    if (std::find(chosen.begin(), chosen.end(), next) == chosen.end()) chosen.push_back(next);
  }
  const std::vector<Index> degrees = sampler.degrees();
  const double size = 1 / std::sqrt(static_cast<double>(degrees.size()));
  std::vector<PolynomialTerm> terms;
  for (const Index d : degrees) {
    Monomial monomial;
    for (Index i = 0; i < d; ++i) monomial.push_back({chosen[i], 1});
    std::sort(monomial.begin(), monomial.end());
    terms.push_back({(signs.word() & 1) != 0 ? -size : size, std::move(monomial)});
  }
  return terms;
}

// --- the member --------------------------------------------------------------------------------------------------

Staircase::Staircase(const PolynomialInputs& inputs, std::vector<PolynomialTerm> terms)
    : InvariantPoly(inputs, std::move(terms)) {
  require(squarefree(), "a monomial has a generator of degree above 1; those of a staircase are squarefree");
  std::vector<Monomial> monomials = monomials_of(this->terms());
  std::sort(monomials.begin(), monomials.end(),
            [](const Monomial& a, const Monomial& b) { return a.size() < b.size(); });
  for (std::size_t t = 1; t < monomials.size(); ++t)
    require(
        std::includes(monomials[t].begin(), monomials[t].end(), monomials[t - 1].begin(), monomials[t - 1].end()),
        "a monomial of degree ", monomials[t].size(), " does not contain the one of degree ",
        monomials[t - 1].size(), "; each monomial of a staircase must contain the one before it");
}

Staircase Staircase::draw(const StaircaseSampler& sampler, std::uint64_t seed) {
  return Staircase(sampler.inputs, draw_staircase(sampler, seed));
}

Index Staircase::leap() const { return leap_complexity(monomials_of(terms())); }

std::vector<Fact> Staircase::facts() const {
  const double r = static_cast<double>(inputs().r), size = static_cast<double>(terms().size());
  double norm = 0;
  for (const PolynomialTerm& t : terms()) norm += t.coefficient * t.coefficient;
  std::vector<Fact> facts = {
      {"r", r, 0, "generators: the invariants that f is a polynomial of"},
      {"points", static_cast<double>(inputs().m * inputs().points()), 0, "entries of an input"},
      {"degree", static_cast<double>(degree()), 0, "D, the degree of the top monomial"},
      {"leap", static_cast<double>(leap()), 0,
       "min over orders of the monomials, max over monomials of the generators that none before it has"},
      {"terms", size, 0, "T, the number of monomials"},
      {"norm_sq", norm, 0, "E f^2 = sum c^2"},
      {"mean", 0, 0, "E f"},
      {"target_variance", target_variance(), 0, "E f^2 - (E f)^2"},
      {"fourth_moment", fourth_moment(law(), terms()), 0, "E f^4: how heavy the tails are"},
      {"a_min", smallest(), 0, "the smallest |c|"},
      {"control_terms", static_cast<double>(control().size()), 0, "monomials of the control, of degree 2"},
  };
  for (Fact& fact : realising_network_facts(*this)) facts.push_back(std::move(fact));
  return facts;
}

std::vector<std::string> Staircase::warnings() const {
  std::vector<std::string> lines;
  const Index d = degree();
  if (d <= 2) lines.push_back(fmt::format("degree {}: every leap is easy for gradient descent", d));
  if (d > 4) lines.push_back("degree above 4: the network `poly` does not represent f");
  if (const double family = squarefree_monomials(inputs().r, d); family < 100)
    lines.push_back(fmt::format("only C({}, {}) = {:.0f} top monomials: not a hard instance at any leap",
                                inputs().r, d, family));
  return lines;
}

std::vector<Check> Staircase::check(const CheckOptions& options) const {
  std::vector<Check> checks = InvariantPoly::check(options);
  const auto monomials = monomials_of(terms());
  checks.push_back({"leap = min over orders of the largest leap", static_cast<double>(leap()),
                    static_cast<double>(leap_over_all_orders(monomials)), 0,
                    fmt::format("exhaustive, all orders of {} monomials", monomials.size())});
  return checks;
}

// --- the family --------------------------------------------------------------------------------------------------

namespace {

const std::vector<Parameter>& staircase_parameters() {
  static const std::vector<Parameter> all = [] {
    auto list = polynomial_input_parameters();
    list.push_back({"degree", "4", "D, the degree of the top monomial, 1 to 12"});
    list.push_back(
        {"leap", "1", "L, generators that each monomial adds: 1, the full staircase, to D, the top alone"});
    return list;
  }();
  return all;
}

StaircaseSampler staircase_sampler(const ParameterValues& values) {
  const ParameterReader read(staircase_parameters(), values);
  StaircaseSampler sampler{read_polynomial_inputs(read), read.integer("degree"), read.integer("leap")};
  sampler.validate();
  return sampler;
}

// E_f <f, h>^2 = sum_t W_t / (T C(r, d_t)), W_t the part of E h^2 in squarefree monomials of degree d_t.
std::vector<SecondMoment> staircase_second_moments(const ParameterValues& values) {
  const StaircaseSampler sampler = staircase_sampler(values);
  const std::vector<Index> degrees = sampler.degrees();
  SecondMoment m;
  m.bounded = m.unit = sampler.second_moment();
  m.orthonormal = degrees.size() == 1 ? squarefree_monomials(sampler.inputs.r, sampler.degree) : 0;
  m.prior = fmt::format("as it is drawn: {} different generators in order, uniform, fair signs", sampler.degree);
  m.formula = fmt::format("lambda = max over d in {{{}}} of 1 / ({} C({}, d)) = 1 / {:.10g}",
                          fmt::join(degrees, ", "), degrees.size(), sampler.inputs.r, 1 / m.unit);
  m.source =
      "signs are independent and fair and each monomial is uniform among those of its degree, so E_f <f, h>^2 is "
      "the "
      "mean over terms of <monomial, h>^2: Bessel's inequality for each degree, all of h in the degree of the "
      "fewest "
      "monomials. That is how hard it is to find the easiest monomial: below leap D it says nothing of those above "
      "it";
  return {m};
}

}  // namespace

std::string Staircase::json() const { return document().add("degree", degree()).add("leap", leap()).text(); }

Family staircase_family() {
  Family f;
  f.id = "staircase";
  f.title = "Staircases of a group's invariants: equal degree, any leap";
  f.theorem =
      "for isotropic inputs of d dimensions SGD on two-layer networks takes about d^max(leap, 2) steps: "
      "conjecture, "
      "proved for some trainings (Abbe, Boix-Adsera, Misiakiewicz, COLT 2023)";
  f.group = "rowsum: S_m on the rows; sign: sign flips; cyclic: shifts and reflections of Z_n";
  f.definition =
      "f = sum over t = 1..T of +-1/sqrt(T) times the product of the first min(t L, D) of D hidden generators, "
      "standardised: row sums / sqrt(m), squares x_i^2, or the power spectrum |x^_w|^2 / n, w = 1..r";
  f.input_law = "entries iid N(0, 1); so the generators are iid N(0, 1), chi^2_1 or Exp(1)";
  f.control = "the same generators, r and T, monomials of degree 2";
  f.parameters = staircase_parameters();
  f.training = [](const ParameterValues&) -> ParameterValues {
    return {{"model", "poly"}, {"width", "64"},   {"lr", "3e-3"},
            {"batch", "128"},  {"steps", "4000"}, {"clip-norm", "1"}};
  };
  f.draw = [](const ParameterValues& values, std::uint64_t seed) -> std::unique_ptr<Member> {
    return std::make_unique<Staircase>(Staircase::draw(staircase_sampler(values), seed));
  };
  f.parse = [](std::string_view text) -> std::unique_ptr<Member> {
    PolynomialFile file = parse_polynomial(text, {"degree", "leap"});
    auto member = std::make_unique<Staircase>(file.inputs, std::move(file.terms));
    const MemberValue document(text, {"generators", "r", "terms"}, {"m", "n", "degree", "leap"});
    for (const auto& [key, value] : {std::pair{"degree", member->degree()}, {"leap", member->leap()}})
      require(!document.has(key) || document.whole_number(key) == value, key, " is ",
              document.has(key) ? document.whole_number(key) : value, " and the terms have ", value,
              "; leave it out");
    return member;
  };
  f.second_moments = staircase_second_moments;
  f.correlations = [](const ParameterValues& values, Index members, std::uint64_t seed) {
    const StaircaseSampler sampler = staircase_sampler(values);
    return exact_correlations(members, seed, [&](std::uint64_t s) { return Staircase::draw(sampler, s); });
  };
  f.check_members = [](const ParameterValues& values, Index members, const CheckOptions& options) {
    const StaircaseSampler sampler = staircase_sampler(values);
    require_members(members);
    return check_polynomials(
        sampler.inputs,
        draw_members(members, options.seed, [&](std::uint64_t seed) { return draw_staircase(sampler, seed); }),
        options);
  };
  return f;
}

}  // namespace eqnn::hard
