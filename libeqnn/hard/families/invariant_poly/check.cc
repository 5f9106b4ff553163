// Checks of invariant-poly: every formula of the header against inputs.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>

#include "../../../kernels/kernels.h"
#include "../../checks.h"
#include "invariant_poly.h"
#include "network.h"
#include "polynomial_family.h"

namespace eqnn::hard {
namespace {

// std::max would lose what is not a number.
void keep_largest(double& largest, double error) {
  if (!(error <= largest)) largest = error;
}

constexpr double kTolerance = 1e-10;
constexpr const char* kWorstDifference = ", largest difference / (1 + |f|)";

// --- exact moments ---------------------------------------------------------------------------------------------

// E of the product of four monomials of independent generators, the factors' moments kept.
class FourthMoments {
 public:
  explicit FourthMoments(Law law) : law_(law) {}

  double of(const std::array<const Monomial*, 4>& monomials) {
    std::map<Index, std::array<Index, 4>> degrees;
    for (std::size_t k = 0; k < 4; ++k)
      for (const Factor& f : *monomials[k]) degrees[f.generator][k] = f.degree;
    double product = 1;
    for (auto& [generator, d] : degrees) product *= product == 0 ? 1 : of_factor(d);
    return product;
  }

 private:
  double of_factor(std::array<Index, 4> d) {
    std::sort(d.begin(), d.end());
    const auto [found, is_new] = known_.try_emplace(d);
    if (!is_new) return found->second;
    // Orthogonal to everything of a lower degree.
    if (d[3] > d[0] + d[1] + d[2]) return found->second = 0;
    const Quadrature q = gauss_quadrature(law_, (d[0] + d[1] + d[2] + d[3]) / 2 + 1);
    for (std::size_t k = 0; k < q.nodes.size(); ++k) {
      double product = q.weights[k];
      for (const Index s : d) product *= orthonormal_polynomial(law_, s, q.nodes[k]);
      found->second += product;
    }
    return found->second;
  }

  Law law_;
  std::map<std::array<Index, 4>, double> known_;
};

// 24 / the permutations of equal entries of an ascending list.
double arrangements(const std::array<std::size_t, 4>& list) {
  double count = 24, run = 1;
  for (std::size_t k = 1; k < 4; ++k) {
    run = list[k] == list[k - 1] ? run + 1 : 1;
    count /= run;
  }
  return count;
}

}  // namespace

double fourth_moment(Law law, const std::vector<PolynomialTerm>& terms) {
  FourthMoments moments(law);
  const std::size_t size = terms.size();
  double sum = 0;
  if (size > 16) {  // the triangle inequality of the fourth norm
    for (const PolynomialTerm& t : terms) {
      const Monomial* m = &t.monomial;
      sum += std::abs(t.coefficient) * std::pow(moments.of({m, m, m, m}), 0.25);
    }
    return sum * sum * sum * sum;
  }
  for (std::size_t a = 0; a < size; ++a)
    for (std::size_t b = a; b < size; ++b)
      for (std::size_t c = b; c < size; ++c)
        for (std::size_t d = c; d < size; ++d) {
          const double weight =
              terms[a].coefficient * terms[b].coefficient * terms[c].coefficient * terms[d].coefficient;
          sum += arrangements({a, b, c, d}) * weight *
                 moments.of({&terms[a].monomial, &terms[b].monomial, &terms[c].monomial, &terms[d].monomial});
        }
  return sum;
}

namespace {

// --- the checks of one member ------------------------------------------------------------------------------------

// Largest |E P_s P_t - 1[s = t]|, s, t <= degree, by quadrature.
Check check_orthonormality(Law law, Index degree) {
  const Quadrature q = gauss_quadrature(law, degree + 1);
  double largest = 0;
  for (Index s = 0; s <= degree; ++s)
    for (Index t = 0; t <= s; ++t) {
      double mean = 0;
      for (std::size_t k = 0; k < q.nodes.size(); ++k)
        mean +=
            q.weights[k] * orthonormal_polynomial(law, s, q.nodes[k]) * orthonormal_polynomial(law, t, q.nodes[k]);
      keep_largest(largest, std::abs(mean - (s == t ? 1 : 0)));
    }
  return {"E P_s P_t = 1[s = t]", largest, 0, kTolerance,
          fmt::format("degrees 0 to {}, {} law, Gauss quadrature, largest difference", degree, law_name(law))};
}

// Largest relative difference of the moments of the quadrature itself: E z = E z^2 / (...) of the law.
Check check_law(Law law) {
  const Quadrature q = gauss_quadrature(law, 5);
  const double expected[3][4] = {{0, 1, 0, 3}, {1, 3, 15, 105}, {1, 2, 6, 24}};
  double largest = 0;
  for (int k = 0; k < 4; ++k) {
    double moment = 0;
    for (std::size_t i = 0; i < q.nodes.size(); ++i) moment += q.weights[i] * std::pow(q.nodes[i], k + 1);
    keep_largest(largest, relative_error(moment, expected[static_cast<int>(law)][k]));
  }
  return {"moments 1 to 4 of a generator", largest, 0, kTolerance,
          fmt::format("{} law, Gauss quadrature, largest difference", law_name(law))};
}

// f as products of linear factors, which is how a network of products realises it: every P_s has s real zeros.
class Factored {
 public:
  explicit Factored(const InvariantPoly& f) : law_(f.law()) {
    for (const PolynomialTerm& t : f.terms()) {
      Term term{t.coefficient, {}};
      for (const Factor& factor : t.monomial) {
        for (const RecurrenceStep& step : recurrence(law_, factor.degree)) term.scale *= step.slope;
        for (const double zero : gauss_quadrature(law_, factor.degree).nodes)
          term.factors.push_back({factor.generator, zero});
      }
      terms_.push_back(std::move(term));
    }
  }
  double value(const std::vector<double>& z) const {
    double sum = 0;
    for (const Term& t : terms_) {
      double product = t.scale;
      for (const auto& [generator, zero] : t.factors) product *= z[generator] - zero;
      sum += product;
    }
    return sum;
  }

 private:
  struct Term {
    double scale;
    std::vector<std::pair<Index, double>> factors;
  };
  Law law_;
  std::vector<Term> terms_;
};

void check_values(const InvariantPoly& f, const CheckInputs& inputs, std::vector<Check>& checks) {
  const Factored factored(f);
  std::vector<double> y(inputs.at_once);
  double products = 0, targets = 0, features = 0;
  const Index r = f.inputs().r;
  Matrix<double> z(inputs.at_once, r);
  inputs.visit([&](Index, const Block<double>& x) {
    f.targets(read_only(x), y.data());
    f.features(read_only(x), Block<double>{z.data(), x.examples, 1, r, z.stride()});
    for (Index e = 0; e < x.examples; ++e) {
      const double value = f.value(input_of(x, e));
      const auto generators = generator_values(f.inputs().generators, r, input_of(x, e));
      keep_largest(products, relative_error(factored.value(generators), value));
      keep_largest(targets, relative_error(y[e], value));
      for (Index i = 0; i < r; ++i)
        keep_largest(features, relative_error(z(e, i), orthonormal_polynomial(f.law(), 1, generators[i])));
    }
  });
  const std::string how = inputs.how() + kWorstDifference;
  checks.push_back({"realising products of linear factors = definition", products, 0, kTolerance, how});
  checks.push_back({"training target = definition", targets, 0, kTolerance, how});
  checks.push_back({"features = P_1 of the generators", features, 0, kTolerance, how});
}

// As a network that fits into memory with room to spare.
bool realisable(const InvariantPoly& f) {
  if (f.degree() > 4) return false;
  const Index width = realising_units(f.terms()).width();
  return width * (f.inputs().r + width) <= Index{1} << 20;
}

Check check_network(const InvariantPoly& f, const CheckInputs& inputs) {
  Params<double> params;
  const InvariantPolyNetwork<double> network(params, f);
  network.set_weights(params);
  const auto record = [&](Program<double>& program) {
    return network(program.input("z", {Shape::kCapacity, 1, f.inputs().r}));
  };
  const auto fill = [&](Workspace<double>& workspace, const Block<double>& x) {
    f.features(read_only(x), workspace.input("z"));
  };
  const auto definition = [&](MatrixView<const double> x) { return f.value(x); };
  return {"realising network of products = definition", network_error(inputs, {params, record, fill}, definition),
          0, kTolerance, inputs.how() + kWorstDifference};
}

// Moves one input by a group element, made from random words.
struct Move {
  std::string name;
  double tolerance;
  std::function<void(MatrixView<double> x, Draws& draws)> apply;
};

void permute_rows(MatrixView<double> x, const Images& p) {
  Matrix<double> copy(x.rows, x.cols);
  for (Index i = 0; i < x.rows; ++i) std::copy_n(x.row(i), x.cols, copy.view().row(i));
  for (Index i = 0; i < x.rows; ++i) std::copy_n(copy.view().row(p[i]), x.cols, x.row(i));
}

std::vector<Move> moves(const PolynomialInputs& inputs) {
  const auto rotate = [](MatrixView<double> x, Index by) { std::rotate(x.data, x.data + by, x.data + x.cols); };
  switch (inputs.generators) {
    case Generators::rowsum: {
      if (inputs.m == 1) return {{"permutations of the rows (one row: the identity)", 0, [](auto, Draws&) {}}};
      const Images cycle = rotated(identity_images(inputs.m), 1);
      return {{"the transposition of rows (0 1)", kTolerance,
               [swap = transposition(inputs.m)](auto x, Draws&) { permute_rows(x, swap); }},
              {"the cycle of all rows", kTolerance, [=](auto x, Draws&) { permute_rows(x, cycle); }},
              {"a random permutation of the rows an input", kTolerance,
               [=](auto x, Draws& draws) { permute_rows(x, shuffled(cycle, draws)); }}};
    }
    case Generators::sign:
      return {{"the sign flip of one random entry", 0,
               [](auto x, Draws& draws) {
                 double& entry = x(0, draws.below(static_cast<std::uint32_t>(x.cols)));
                 entry = -entry;
               }},
              {"the sign flip of all entries", 0,
               [](auto x, Draws&) {
                 for (Index i = 0; i < x.cols; ++i) x(0, i) = -x(0, i);
               }},
              {"random sign flips", 0, [](auto x, Draws& draws) {
                 for (Index i = 0; i < x.cols; ++i)
                   if ((draws.word() & 1) != 0) x(0, i) = -x(0, i);
               }}};
    case Generators::cyclic:
      break;
  }
  return {
      {"the shift by one", kTolerance, [=](auto x, Draws&) { rotate(x, 1); }},
      {"a random shift an input", kTolerance,
       [=](auto x, Draws& draws) { rotate(x, draws.below(static_cast<std::uint32_t>(x.cols))); }},
      {"the reflection t -> -t", kTolerance, [](auto x, Draws&) { std::reverse(x.data + 1, x.data + x.cols); }}};
}

void check_invariances(const InvariantPoly& f, const CheckOptions& options, std::vector<Check>& checks) {
  std::uint64_t step = 1;
  for (const Move& move : moves(f.inputs())) {
    const CheckInputs inputs(f, options, step);
    const double largest = largest_error(inputs, [&](Index number, MatrixView<double> x) {
      const double before = f.value(x);
      Draws draws = draws_of(inputs, step + 1000, number);
      move.apply(x, draws);
      return relative_error(f.value(x), before);
    });
    checks.push_back(
        {"invariance under " + move.name, largest, 0, move.tolerance, inputs.how() + kWorstDifference});
    ++step;
  }
}

// A mean of `samples` values of this variance.
double standard_error(double variance, Index samples) {
  return std::sqrt(std::max(0.0, variance) / static_cast<double>(samples));
}

void check_statistics(const InvariantPoly& f, const CheckInputs& inputs, std::vector<Check>& checks) {
  const Statistics s = statistics_of(inputs);
  double norm = 0;
  for (const PolynomialTerm& t : f.terms()) norm += t.coefficient * t.coefficient;
  checks.push_back({"sum of squared coefficients", norm, 1, 1e-12, "exact"});
  const std::string how = inputs.how() + "; tolerance 5 s.e.", squares = how + " from E f^4";
  const auto tolerance = [&](double variance) { return kErrors * standard_error(variance, inputs.count); };
  checks.push_back({"mean of the target", s.target.mean(), 0, tolerance(1), how});
  checks.push_back(
      {"E f^2 = sum c^2", s.target_squared.mean(), 1, tolerance(fourth_moment(f.law(), f.terms()) - 1), squares});
  checks.push_back({"mean of the control", s.control.mean(), 0, tolerance(1), how});
  checks.push_back({"variance of the control", s.control_squared.mean(), 1,
                    tolerance(fourth_moment(f.law(), f.control()) - 1), squares});
}

// --- many members ------------------------------------------------------------------------------------------------

// c_t by monomial.
std::map<Monomial, double> by_monomial(const std::vector<PolynomialTerm>& terms) {
  std::map<Monomial, double> map;
  for (const PolynomialTerm& t : terms) map[t.monomial] = t.coefficient;
  return map;
}

// Members drawn from the seeds seed, seed + 1, ...: their terms alone, as a member would hold a table of cosines.
struct Drawn {
  Law law;
  std::vector<std::vector<PolynomialTerm>> terms;
  std::vector<double> fourth;  // E f^4
};

// Sums over the inputs of f_i f_j, and of f_i in the last row.
Matrix<double> sum_products(const Drawn& drawn, const PolynomialInputs& law, const CheckInputs& inputs) {
  const Index members = static_cast<Index>(drawn.terms.size());
  Matrix<double> values(inputs.at_once, members), sums(members + 1, members);
  inputs.visit([&](Index, const Block<double>& x) {
    for (Index e = 0; e < x.examples; ++e) {
      const auto z = generator_values(law.generators, law.r, input_of(x, e));
      for (Index k = 0; k < members; ++k) {
        values(e, k) = polynomial_value(drawn.law, drawn.terms[k], z);
        sums(members, k) += values(e, k);
      }
    }
    kernels::Product<double> p;
    p.m = p.n = members;
    p.k = x.examples;
    p.a = values.data();
    p.a_row = 1;
    p.a_col = values.stride();
    p.b = values.data();
    p.b_row = values.stride();
    p.c = sums.data();
    p.c_row = sums.stride();
    p.accumulate = true;
    kernels::product(p);
  });
  return sums;
}

// Means and Gram matrix from `sums` of sum_products.
std::vector<Check> check_gram(const Drawn& drawn, const Matrix<double>& sums, const CheckInputs& inputs) {
  const Index members = sums.cols(), count = inputs.count, entries = members * (members + 1) / 2;
  const double total = static_cast<double>(count);
  const double mean_errors = errors_of_largest(static_cast<double>(members)),
               entry_errors = errors_of_largest(static_cast<double>(entries));
  Worst worst_mean, worst_entry;
  for (Index i = 0; i < members; ++i) {
    worst_mean.compare(sums(members, i) / total, 0, mean_errors * standard_error(1, count));
    const auto own = by_monomial(drawn.terms[i]);
    for (Index j = 0; j <= i; ++j) {
      double exact = 0;
      for (const PolynomialTerm& t : drawn.terms[j])
        if (const auto found = own.find(t.monomial); found != own.end()) exact += t.coefficient * found->second;
      // E f^2 g^2 <= sqrt(E f^4 E g^4).
      const double square = std::sqrt(drawn.fourth[i] * drawn.fourth[j]);
      worst_entry.compare(sums(i, j) / total, exact, entry_errors * standard_error(square - exact * exact, count));
    }
  }
  const auto worst_of = [&](Index number, const char* what, double errors) {
    return fmt::format("worst of {} {}, {}; tolerance {:.2f} s.e.", number, what, inputs.how(), errors);
  };
  return {worst_mean.check("means of the members", worst_of(members, "members", mean_errors)),
          worst_entry.check("Gram matrix of the members = sum of c c' over common monomials",
                            worst_of(entries, "entries", entry_errors))};
}

}  // namespace

std::vector<Check> InvariantPoly::check(const CheckOptions& options) const {
  require_samples(options);
  std::vector<Check> checks = {check_law(law()), check_orthonormality(law(), degree())};
  check_values(*this, {*this, options, 0}, checks);
  if (realisable(*this)) checks.push_back(check_network(*this, {*this, options, 10}));
  check_invariances(*this, options, checks);
  check_statistics(*this, {*this, options, 8}, checks);
  return checks;
}

std::vector<Check> check_polynomials(const PolynomialInputs& inputs, std::vector<std::vector<PolynomialTerm>> terms,
                                     const CheckOptions& options) {
  require_samples(options);
  Drawn drawn{generators_law(inputs.generators), std::move(terms), {}};
  Index degree = 1;
  for (const auto& polynomial : drawn.terms) {
    drawn.fourth.push_back(fourth_moment(drawn.law, polynomial));
    for (const PolynomialTerm& t : polynomial) degree = std::max(degree, total_degree(t.monomial));
  }
  const InvariantPoly first(inputs, drawn.terms.front());
  const CheckInputs examples(first, options, 9);
  std::vector<Check> checks = {check_orthonormality(drawn.law, degree)};
  for (Check& check : check_gram(drawn, sum_products(drawn, inputs, examples), examples))
    checks.push_back(std::move(check));
  return checks;
}

std::vector<Check> check_invariant_polys(const PolynomialSampler& sampler, Index members,
                                         const CheckOptions& options) {
  require_members(members);
  sampler.validate();
  return check_polynomials(sampler.inputs,
                           draw_members(members, options.seed,
                                        [&](std::uint64_t seed) {
                                          return draw_terms(sampler.inputs.r, sampler.degree, sampler.terms, seed);
                                        }),
                           options);
}

}  // namespace eqnn::hard
