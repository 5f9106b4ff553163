// Samples of independent generators and sparse polynomials of them, for the tests of learners.
#pragma once

#include <eqnn/core/rng.h>
#include <eqnn/hard/families/invariant_poly/orthonormal_polynomials.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <vector>

namespace samples {

using namespace eqnn;
using namespace eqnn::hard;

inline constexpr std::optional<Law> kLaws[] = {std::nullopt, Law::gauss, Law::chi2, Law::exponential};

// Independent values of a law, +-1 where there is none.
inline Matrix<double> inputs(std::optional<Law> law, Index count, Index variables, std::uint64_t seed) {
  Matrix<double> x(count, variables);
  for (Index e = 0; e < count; ++e) {
    Draws draws({seed, Stream::user, 80, static_cast<std::uint64_t>(e)});
    for (Index j = 0; j < variables; ++j) {
      const double z = draws.normal(), u = draws.uniform();
      x(e, j) = !law                       ? (u < 0.5 ? -1.0 : 1.0)
                : *law == Law::exponential ? -std::log(1 - u)
                : *law == Law::chi2        ? z * z
                                           : z;
    }
  }
  return x;
}

inline std::vector<double> row(const Matrix<double>& x, Index e) { return {&x(e, 0), &x(e, 0) + x.cols()}; }

inline double naive_product(std::optional<Law> law, const Monomial& monomial, const std::vector<double>& x) {
  double v = 1;
  for (const Factor& f : monomial) {
    const double z = x[f.generator];
    v *= law ? orthonormal_polynomial(*law, f.degree, z) : z;
  }
  return v;
}

// T squarefree terms of degree D with coefficients +-1/sqrt(T), and a sample of it.
struct Labelled {
  Labelled(Law of, Index count, Index r, Index degree, Index terms, std::uint64_t seed, double noise = 0)
      : law(of), z(inputs(of, count, r, seed + 1000)), target(draw_terms_of(r, degree, terms, seed)) {
    for (Index e = 0; e < count; ++e) {
      Draws draws({seed, Stream::noise, 81, static_cast<std::uint64_t>(e)});
      y.push_back(polynomial_value(law, target, row(z, e)) + noise * draws.normal());
    }
  }
  static std::vector<PolynomialTerm> draw_terms_of(Index r, Index degree, Index terms, std::uint64_t seed) {
    Draws draws({seed, Stream::member, 82, 0});
    std::set<Monomial> monomials;
    while (static_cast<Index>(monomials.size()) < terms) {
      std::set<Index> generators;
      while (static_cast<Index>(generators.size()) < degree)
        generators.insert(draws.below(static_cast<std::uint32_t>(r)));
      Monomial m;
      for (const Index i : generators) m.push_back({i, 1});
      monomials.insert(m);
    }
    std::vector<PolynomialTerm> list;
    for (const Monomial& m : monomials)
      list.push_back({(draws.uniform() < 0.5 ? -1 : 1) / std::sqrt(static_cast<double>(terms)), m});
    return list;
  }
  Law law;
  Matrix<double> z;
  std::vector<PolynomialTerm> target;
  std::vector<double> y;
};

// The same terms in any order, coefficients within `tolerance`.
inline bool same(std::vector<PolynomialTerm> a, std::vector<PolynomialTerm> b, double tolerance) {
  const auto ascending = [](const PolynomialTerm& s, const PolynomialTerm& t) { return s.monomial < t.monomial; };
  std::sort(a.begin(), a.end(), ascending);
  std::sort(b.begin(), b.end(), ascending);
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](const PolynomialTerm& s, const PolynomialTerm& t) {
    return s.monomial == t.monomial && std::abs(s.coefficient - t.coefficient) <= tolerance;
  });
}

}  // namespace samples
