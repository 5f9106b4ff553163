#include "orthonormal_polynomials.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "../../binomial.h"

namespace eqnn::hard {
namespace {

void require_polynomial_degree(Index s) {
  require(s >= 0 && s <= kMaxPolynomialDegree, "the degree of a polynomial is ", s, "; allowed are 0 to ",
          kMaxPolynomialDegree);
}

void require_damping(double damping) {
  if (!(damping >= 0 && std::isfinite(damping)))
    throw ValueError(fmt::format("the damping is {}; it must be finite and not negative", damping));
}

// P_n from the two before it.
double next(const RecurrenceStep& step, double z, double p, double before) {
  return (step.slope * z + step.shift) * p - step.previous * before;
}

// The zero of P_s in (low, high), where it changes its sign once.
double zero_between(Law law, Index s, double low, double high) {
  const bool rising = orthonormal_polynomial(law, s, high) > 0;
  for (double middle = (low + high) / 2; low < middle && middle < high; middle = (low + high) / 2)
    ((orthonormal_polynomial(law, s, middle) > 0) == rising ? high : low) = middle;
  return (low + high) / 2;
}

}  // namespace

const char* law_name(Law law) { return law == Law::gauss ? "gauss" : law == Law::chi2 ? "chi2" : "exp"; }

RecurrenceStep recurrence_step(Law law, Index n) {
  require_polynomial_degree(n + 1);
  const double k = static_cast<double>(n);
  if (law == Law::gauss) return {1 / std::sqrt(k + 1), 0, std::sqrt(k / (k + 1))};
  const double alpha = law == Law::chi2 ? -0.5 : 0, scale = law == Law::chi2 ? 0.5 : 1;
  const double d = std::sqrt((k + 1) * (k + 1 + alpha));
  return {scale / d, -(2 * k + 1 + alpha) / d, n == 0 ? 0 : std::sqrt(k * (k + alpha)) / d};
}

std::vector<RecurrenceStep> recurrence(Law law, Index degree) {
  require_polynomial_degree(degree);
  std::vector<RecurrenceStep> steps;
  for (Index n = 0; n < degree; ++n) steps.push_back(recurrence_step(law, n));
  return steps;
}

double orthonormal_polynomial(Law law, Index s, double z) {
  require_polynomial_degree(s);
  double p = 1, before = 0;
  for (Index n = 0; n < s; ++n) {
    const double after = next(recurrence_step(law, n), z, p, before);
    before = p;
    p = after;
  }
  return p;
}

std::vector<double> orthonormal_polynomials(Law law, Index degree, double z) {
  require_polynomial_degree(degree);
  std::vector<double> p = {1};
  double before = 0;
  for (Index n = 0; n < degree; ++n) {
    p.push_back(next(recurrence_step(law, n), z, p.back(), before));
    before = p[p.size() - 2];
  }
  return p;
}

Quadrature gauss_quadrature(Law law, Index nodes) {
  require(nodes >= 1 && nodes <= kMaxPolynomialDegree, "a quadrature of ", nodes, " nodes; allowed are 1 to ",
          kMaxPolynomialDegree);
  // The zeros of P_s separate those of P_{s+1}; all of them are within these bounds.
  const double count = static_cast<double>(nodes);
  const double low = law == Law::gauss ? -2 * std::sqrt(count) - 1 : 0,
               high = law == Law::gauss ? -low : 8 * count + 8;
  std::vector<double> zeros;
  for (Index s = 1; s <= nodes; ++s) {
    std::vector<double> bounds = {low};
    bounds.insert(bounds.end(), zeros.begin(), zeros.end());
    bounds.push_back(high);
    zeros.clear();
    for (std::size_t i = 0; i + 1 < bounds.size(); ++i)
      zeros.push_back(zero_between(law, s, bounds[i], bounds[i + 1]));
  }
  Quadrature q{zeros, {}};
  for (const double z : zeros) {
    double sum = 0;
    for (const double p : orthonormal_polynomials(law, nodes - 1, z)) sum += p * p;
    q.weights.push_back(1 / sum);
  }
  return q;
}

double default_damping(Law law) { return law == Law::exponential ? 0.75 : 1; }

double detector_stretch(Law law, double damping) {
  require_damping(damping);
  return law == Law::gauss ? std::sqrt(1 + damping) : 1 + damping;
}

double detector_decay(Law law, double damping, double z) {
  require_damping(damping);
  return damping * (law == Law::gauss ? z * z / 2 : law == Law::chi2 ? z / 2 : z);
}

double detector(Law law, Index t, double damping, double z) {
  const double p = orthonormal_polynomial(law, 2 * t, detector_stretch(law, damping) * z);
  return std::exp(-detector_decay(law, damping, z)) * p;
}

double detector_scale(Law law, Index t, double damping) {
  require_polynomial_degree(2 * t);
  require_damping(damping);
  const double degree = static_cast<double>(t);
  switch (law) {
    case Law::gauss:
      return std::sqrt(binomial(2 * t, t)) * std::pow(1 + damping, -(degree + 0.5));
    case Law::chi2:
      return std::sqrt(binomial(4 * t, 2 * t)) * std::pow(1 + damping, -(2 * degree + 0.5));
    case Law::exponential:
      break;
  }
  return binomial(2 * t, t) * std::pow(1 + damping, -(2 * degree + 1));
}

double detector_moment(Law law, Index a, Index b, Index t, double damping) {
  require_polynomial_degree(a);
  require_polynomial_degree(b);
  require_polynomial_degree(2 * t);
  require_damping(damping);
  if (a + b < 2 * t) return 0;
  // With u = stretch * z the damping turns the density of z into `factor` times the law's own density of u:
  // E P_a(z) P_b(z) psi_t(z) = factor * E P_a(u / stretch) P_b(u / stretch) P_2t(u).
  const double stretch = detector_stretch(law, damping);
  const double factor = law == Law::exponential ? 1 / (1 + damping) : 1 / std::sqrt(1 + damping);
  const Quadrature q = gauss_quadrature(law, (a + b + 2 * t) / 2 + 1);
  double sum = 0;
  for (std::size_t k = 0; k < q.nodes.size(); ++k) {
    const double z = q.nodes[k] / stretch;
    sum += q.weights[k] * orthonormal_polynomial(law, a, z) * orthonormal_polynomial(law, b, z) *
           orthonormal_polynomial(law, 2 * t, q.nodes[k]);
  }
  return factor * sum;
}

double rest_mean(Law law, double rest) {
  require_damping(rest);
  return law == Law::exponential ? 1 / (1 + rest) : 1 / std::sqrt(1 + rest);
}

// As above: w turns the law of z into that of u / stretch.
double rest_moment(Law law, Index a, Index b, double rest) {
  if (rest == 0) return a == b ? 1 : 0;
  const double stretch = detector_stretch(law, rest);
  const Quadrature q = gauss_quadrature(law, (a + b) / 2 + 1);
  double sum = 0;
  for (std::size_t k = 0; k < q.nodes.size(); ++k) {
    const double z = q.nodes[k] / stretch;
    sum += q.weights[k] * orthonormal_polynomial(law, a, z) * orthonormal_polynomial(law, b, z);
  }
  return sum;
}

Damping default_damping(Law law, Index r) {
  require(r >= 1, "r is ", r, "; at least 1 generator is needed");
  const auto rest = [r](double at_one) { return std::min(0.5, at_one / std::sqrt(static_cast<double>(r))); };
  switch (law) {
    case Law::gauss:
      return {1, 2, rest(0.5)};
    case Law::chi2:
      return {1, 2.25, rest(2)};
    case Law::exponential:
      break;
  }
  return {0.75, 1.25, rest(1)};
}

Index total_degree(const Monomial& monomial) {
  Index sum = 0;
  for (const Factor& f : monomial) sum += f.degree;
  return sum;
}

double monomial_value(Law law, const Monomial& monomial, std::span<const double> z) {
  double product = 1;
  for (const Factor& f : monomial) product *= orthonormal_polynomial(law, f.degree, z[f.generator]);
  return product;
}

double polynomial_value(Law law, const std::vector<PolynomialTerm>& terms, std::span<const double> z) {
  double sum = 0;
  for (const PolynomialTerm& t : terms) sum += t.coefficient * monomial_value(law, t.monomial, z);
  return sum;
}

}  // namespace eqnn::hard
