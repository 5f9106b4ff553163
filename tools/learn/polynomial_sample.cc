#include "learn/polynomial_sample.h"

#include <algorithm>
#include <cmath>

#include "cli/json.h"

namespace tools {

using eqnn::Block;
namespace hard = eqnn::hard;

namespace {

constexpr Index kMostEntries = Index{1} << 28;

}  // namespace

// From P_1(z) = slope z + shift.
eqnn::Matrix<double> generators(const hard::InvariantPoly& target, const Block<const double>& x) {
  const Index r = target.inputs().r;
  eqnn::Matrix<double> z(x.examples, r);
  target.features(x, Block<double>{z.data(), x.examples, 1, r, z.stride()});
  const hard::RecurrenceStep first = hard::recurrence_step(target.law(), 0);
  for (Index e = 0; e < x.examples; ++e)
    for (Index i = 0; i < r; ++i) z(e, i) = (z(e, i) - first.shift) / first.slope;
  return z;
}

PolynomialSample::PolynomialSample(const hard::InvariantPoly& target, const ExampleStream& examples) {
  const Index r = target.inputs().r;
  require(examples.samples() <= kMostEntries / r, "--samples is ", examples.samples(), "; with r = ", r,
          " generators at most ", kMostEntries / r, " are held in memory");
  z = eqnn::Matrix<double>(examples.samples(), r);
  examples.training([&](Block<const double> x, std::span<const double> labels) {
    const eqnn::Matrix<double> some = generators(target, x);
    for (Index e = 0; e < x.examples; ++e) std::copy_n(&some(e, 0), r, &z(static_cast<Index>(y.size()) + e, 0));
    y.insert(y.end(), labels.begin(), labels.end());
  });
}

void polynomial_values(const hard::InvariantPoly& target, const std::vector<hard::PolynomialTerm>& terms,
                       Block<const double> x, double* y) {
  const eqnn::Matrix<double> z = generators(target, x);
  for (Index e = 0; e < x.examples; ++e)
    y[e] = hard::polynomial_value(target.law(), terms, {&z(e, 0), static_cast<std::size_t>(z.cols())});
}

bool same_polynomial(std::vector<hard::PolynomialTerm> a, std::vector<hard::PolynomialTerm> b, double tolerance) {
  const auto ascending = [](const hard::PolynomialTerm& s, const hard::PolynomialTerm& t) {
    return s.monomial < t.monomial;
  };
  std::sort(a.begin(), a.end(), ascending);
  std::sort(b.begin(), b.end(), ascending);
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](const hard::PolynomialTerm& s, const hard::PolynomialTerm& t) {
                      return s.monomial == t.monomial && std::abs(s.coefficient - t.coefficient) <= tolerance;
                    });
}

Json polynomial_json(const hard::InvariantPoly& target, const std::vector<hard::PolynomialTerm>& terms) {
  if (terms.empty()) return nullptr;
  Json document = parse_json(target.json()), list = Json::array();
  for (const hard::PolynomialTerm& t : terms) {
    Json monomial = Json::array();
    for (const hard::Factor& f : t.monomial) monomial.push_back({f.generator, f.degree});
    list.push_back({{"coef", t.coefficient}, {"monomial", monomial}});
  }
  document["terms"] = list;
  return document;
}

}  // namespace tools
