// Checks of invariant-poly: every formula of the header against inputs.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include "../../../kernels/kernels.h"
#include "invariant_poly.h"
#include "network.h"
#include "../../sampling.h"

namespace eqnn::hard {
namespace {

// Random inputs of a check. Each check has a step of its own, so that no two share randomness.
struct Inputs {
  const InputLayout& layout;
  CheckOptions options;
  std::uint64_t step = 0;

  std::string how() const { return fmt::format("{} random inputs, seed {}", options.samples, options.seed); }
  // Calls visit(block) over all inputs, some at a time.
  template <class Visit>
  void visit(const Visit& visit_block) const {
    const Index size = layout.points * layout.channels,
                at_once = std::clamp<Index>((Index{1} << 20) / size, 1, 256);
    Matrix<double> memory(at_once * layout.points, layout.channels);
    for (Index first = 0; first < options.samples; first += at_once) {
      const Block<double> x{memory.data(), std::min(at_once, options.samples - first), layout.points,
                            layout.channels, memory.stride()};
      sample_normals({options.seed, Stream::check, step, static_cast<std::uint64_t>(first)}, x);
      visit_block(x, first);
    }
  }
};

MatrixView<double> one(const Block<double>& x, Index e) { return {x.row(e), x.points, x.channels, x.stride}; }
Block<const double> inputs_of(const Block<double>& x) {
  return {x.data, x.examples, x.points, x.channels, x.stride};
}

double relative(double value, double expected) { return std::abs(value - expected) / (1 + std::abs(expected)); }
// std::max would lose what is not a number.
void keep_largest(double& largest, double error) {
  if (!(error <= largest)) largest = error;
}

constexpr double kTolerance = 1e-10;
constexpr double kErrors = 5;

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
    keep_largest(largest, relative(moment, expected[static_cast<int>(law)][k]));
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
      for (const auto& [generator, zero] : t.factors) product *= z[static_cast<std::size_t>(generator)] - zero;
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

void check_values(const InvariantPoly& f, const Inputs& inputs, std::vector<Check>& checks) {
  const Factored factored(f);
  std::vector<double> y(256);
  double products = 0, targets = 0, features = 0;
  const Index r = f.inputs().r;
  Matrix<double> z(256, r);
  inputs.visit([&](const Block<double>& x, Index) {
    f.targets(inputs_of(x), y.data());
    f.features(inputs_of(x), Block<double>{z.data(), x.examples, 1, r, z.stride()});
    for (Index e = 0; e < x.examples; ++e) {
      const double value = f.value(one(x, e));
      const auto generators = generator_values(f.inputs().generators, r, one(x, e));
      keep_largest(products, relative(factored.value(generators), value));
      keep_largest(targets, relative(y[static_cast<std::size_t>(e)], value));
      for (Index i = 0; i < r; ++i)
        keep_largest(features, relative(z(e, i), orthonormal_polynomial(f.law(), 1,
                                                                        generators[static_cast<std::size_t>(i)])));
    }
  });
  const std::string how = inputs.how() + ", largest difference / (1 + |f|)";
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

Check check_network(const InvariantPoly& f, const Inputs& inputs) {
  Params<double> params;
  const InvariantPolyNetwork<double> network(params, f);
  network.set_weights(params);
  Program<double> program(256, Mode::evaluate);
  program.output("f", network(program.input("z", {Shape::kCapacity, 1, f.inputs().r})));
  program.finish();
  Workspace<double> workspace(program);
  double largest = 0;
  inputs.visit([&](const Block<double>& x, Index first) {
    workspace.bind({x.examples, first, 0, 0});
    f.features(inputs_of(x), workspace.input("z"));
    program.forward(workspace, params.values().data());
    const auto y = workspace.output("f");
    for (Index e = 0; e < x.examples; ++e) keep_largest(largest, relative(y(e), f.value(one(x, e))));
  });
  return {"realising network of products = definition", largest, 0, kTolerance,
          inputs.how() + ", largest difference / (1 + |f|)"};
}

// Moves one input by a group element, made from random words.
struct Move {
  std::string name;
  double tolerance;
  std::function<void(MatrixView<double> x, Draws& draws)> apply;
};

void permute_rows(MatrixView<double> x, const std::vector<Index>& p) {
  Matrix<double> copy(x.rows, x.cols);
  for (Index i = 0; i < x.rows; ++i) std::copy_n(x.row(i), x.cols, copy.view().row(i));
  for (Index i = 0; i < x.rows; ++i) std::copy_n(copy.view().row(p[static_cast<std::size_t>(i)]), x.cols, x.row(i));
}

std::vector<Move> moves(const PolynomialInputs& inputs) {
  const auto rotate = [](MatrixView<double> x, Index by) { std::rotate(x.data, x.data + by, x.data + x.cols); };
  switch (inputs.generators) {
    case Generators::rowsum: {
      if (inputs.m == 1) return {{"permutations of the rows (one row: the identity)", 0, [](auto, Draws&) {}}};
      std::vector<Index> swap(static_cast<std::size_t>(inputs.m));
      std::iota(swap.begin(), swap.end(), Index{0});
      auto cycle = swap;
      std::swap(swap[0], swap[1]);
      std::rotate(cycle.begin(), cycle.begin() + 1, cycle.end());
      return {{"the transposition of rows (0 1)", kTolerance, [=](auto x, Draws&) { permute_rows(x, swap); }},
              {"the cycle of all rows", kTolerance, [=](auto x, Draws&) { permute_rows(x, cycle); }},
              {"a random permutation of the rows an input", kTolerance, [=](auto x, Draws& draws) {
                 auto p = cycle;
                 for (std::size_t i = p.size() - 1; i > 0; --i)
                   std::swap(p[i], p[draws.below(static_cast<std::uint32_t>(i + 1))]);
                 permute_rows(x, p);
               }}};
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

void check_invariances(const InvariantPoly& f, Inputs inputs, std::vector<Check>& checks) {
  for (const Move& move : moves(f.inputs())) {
    double largest = 0;
    inputs.visit([&](const Block<double>& x, Index first) {
      for (Index e = 0; e < x.examples; ++e) {
        const double before = f.value(one(x, e));
        Draws draws(
            {inputs.options.seed, Stream::check, inputs.step + 1000, static_cast<std::uint64_t>(first + e)});
        move.apply(one(x, e), draws);
        keep_largest(largest, relative(f.value(one(x, e)), before));
      }
    });
    checks.push_back({"invariance under " + move.name, largest, 0, move.tolerance,
                      inputs.how() + ", largest difference / (1 + |f|)"});
    inputs.step += 1;
  }
}

// A mean of `samples` values of this variance.
double standard_error(double variance, Index samples) {
  return std::sqrt(std::max(0.0, variance) / static_cast<double>(samples));
}

void check_statistics(const InvariantPoly& f, const Inputs& inputs, std::vector<Check>& checks) {
  double sums[4] = {};
  std::vector<double> y(256), control(256);
  inputs.visit([&](const Block<double>& x, Index) {
    f.targets(inputs_of(x), y.data());
    f.controls(inputs_of(x), control.data());
    for (Index e = 0; e < x.examples; ++e) {
      const double a = y[static_cast<std::size_t>(e)], b = control[static_cast<std::size_t>(e)];
      sums[0] += a;
      sums[1] += a * a;
      sums[2] += b;
      sums[3] += b * b;
    }
  });
  const Index count = inputs.options.samples;
  const double total = static_cast<double>(count);
  double norm = 0;
  for (const PolynomialTerm& t : f.terms()) norm += t.coefficient * t.coefficient;
  checks.push_back({"sum of squared coefficients", norm, 1, 1e-12, "exact"});
  const std::string how = inputs.how() + "; tolerance 5 s.e.", squares = how + " from E f^4";
  checks.push_back({"mean of the target", sums[0] / total, 0, kErrors * standard_error(1, count), how});
  checks.push_back({"E f^2 = sum c^2", sums[1] / total, 1,
                    kErrors * standard_error(fourth_moment(f.law(), f.terms()) - 1, count), squares});
  checks.push_back({"mean of the control", sums[2] / total, 0, kErrors * standard_error(1, count), how});
  checks.push_back({"variance of the control", sums[3] / total, 1,
                    kErrors * standard_error(fourth_moment(f.law(), f.control()) - 1, count), squares});
}

// --- many members ------------------------------------------------------------------------------------------------

// Of many comparisons of a measured mean with its formula, the one furthest beyond its tolerance.
class Worst {
 public:
  // As certain for the largest of `count` deviations as kErrors is for one.
  explicit Worst(Index count) : errors_(kErrors + std::sqrt(2 * std::log(static_cast<double>(count)))) {}

  void compare(double measured, double exact, double error) {
    const double tolerance = errors_ * error, ratio = std::abs(measured - exact) / tolerance;
    if (ratio < ratio_) return;
    ratio_ = ratio;
    value_ = measured;
    expected_ = exact;
    tolerance_ = tolerance;
  }
  Check check(const std::string& name, const std::string& how) const {
    return {name, value_, expected_, tolerance_, fmt::format("{}; tolerance {:.2f} s.e.", how, errors_)};
  }

 private:
  double errors_, ratio_ = -1, value_ = 0, expected_ = 0, tolerance_ = 0;
};

void require_samples(const CheckOptions& options) {
  require(options.samples >= 1, "samples is ", options.samples, "; at least 1 random input is needed");
}

// c_t by monomial.
std::map<Monomial, double> by_monomial(const std::vector<PolynomialTerm>& terms) {
  std::map<Monomial, double> map;
  for (const PolynomialTerm& t : terms) map[t.monomial] = t.coefficient;
  return map;
}

}  // namespace

std::vector<Check> InvariantPoly::check(const CheckOptions& options) const {
  require_samples(options);
  std::vector<Check> checks = {check_law(law()), check_orthonormality(law(), degree())};
  check_values(*this, {layout_, options, 0}, checks);
  if (realisable(*this)) checks.push_back(check_network(*this, {layout_, options, 10}));
  check_invariances(*this, {layout_, options, 1}, checks);
  check_statistics(*this, {layout_, options, 8}, checks);
  return checks;
}

std::vector<Check> check_invariant_polys(const PolynomialSampler& sampler, Index members,
                                           const CheckOptions& options) {
  require(members >= 1, "members is ", members, "; at least 1 member is needed");
  require_samples(options);
  sampler.validate();
  const Law law = generators_law(sampler.inputs.generators);
  // The terms alone: a member of its own would hold a table of cosines each.
  std::vector<std::vector<PolynomialTerm>> drawn;
  std::vector<double> fourth;
  for (Index k = 0; k < members; ++k) {
    drawn.push_back(
        draw_terms(sampler.inputs.r, sampler.degree, sampler.terms, options.seed + static_cast<std::uint64_t>(k)));
    fourth.push_back(fourth_moment(law, drawn.back()));
  }
  const InvariantPoly first(sampler.inputs, drawn.front());
  const Inputs inputs{first.input(), options, 9};
  Matrix<double> values(256, members), gram(members, members), means(1, members);
  inputs.visit([&](const Block<double>& x, Index) {
    for (Index e = 0; e < x.examples; ++e) {
      const auto z = generator_values(sampler.inputs.generators, sampler.inputs.r, one(x, e));
      for (Index k = 0; k < members; ++k) {
        values(e, k) = polynomial_value(law, drawn[static_cast<std::size_t>(k)], z);
        means(0, k) += values(e, k);
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
    p.c = gram.data();
    p.c_row = gram.stride();
    p.accumulate = true;
    kernels::product(p);
  });

  const Index count = options.samples, entries = members * (members + 1) / 2;
  const double total = static_cast<double>(count);
  Worst worst_mean(members), worst_entry(entries);
  for (Index i = 0; i < members; ++i) {
    worst_mean.compare(means(0, i) / total, 0, standard_error(1, count));
    const auto own = by_monomial(drawn[static_cast<std::size_t>(i)]);
    for (Index j = 0; j <= i; ++j) {
      double exact = 0;
      for (const PolynomialTerm& t : drawn[static_cast<std::size_t>(j)])
        if (const auto found = own.find(t.monomial); found != own.end()) exact += t.coefficient * found->second;
      // E f^2 g^2 <= sqrt(E f^4 E g^4).
      const double square = std::sqrt(fourth[static_cast<std::size_t>(i)] * fourth[static_cast<std::size_t>(j)]);
      worst_entry.compare(gram(i, j) / total, exact, standard_error(square - exact * exact, count));
    }
  }
  return {check_orthonormality(law, sampler.degree),
          worst_mean.check("means of the members", fmt::format("worst of {} members, {}", members, inputs.how())),
          worst_entry.check("Gram matrix of the members = sum of c c' over common monomials",
                            fmt::format("worst of {} entries, {}", entries, inputs.how()))};
}

}  // namespace eqnn::hard
