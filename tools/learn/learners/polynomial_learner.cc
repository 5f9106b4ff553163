#include "learn/learners/polynomial_learner.h"

#include <algorithm>
#include <cmath>

namespace tools {

using eqnn::Block;
namespace hard = eqnn::hard;

namespace {

Index degree_of(const std::vector<hard::PolynomialTerm>& terms) {
  Index degree = 1;
  for (const hard::PolynomialTerm& t : terms) degree = std::max(degree, hard::total_degree(t.monomial));
  return degree;
}

}  // namespace

PolynomialSample::PolynomialSample(const hard::InvariantPoly& target, const ExampleStream& examples) {
  const Index r = target.inputs().r;
  require(examples.samples() <= kMostEntries / r, "--samples is ", examples.samples(), "; with r = ", r,
          " generators at most ", kMostEntries / r, " are held in memory");
  z = eqnn::Matrix<double>(examples.samples(), r);
  examples.training([&](Block<const double> x, std::span<const double> labels) {
    const eqnn::Matrix<double> some = variables_of(target, x);
    for (Index e = 0; e < x.examples; ++e) std::copy_n(&some(e, 0), r, &z(static_cast<Index>(y.size()) + e, 0));
    y.insert(y.end(), labels.begin(), labels.end());
  });
}

PolynomialLearner::PolynomialLearner(const LearnConfig& c, const hard::InvariantPoly& target)
    : target_(target),
      terms_(c.base.control ? target.control() : target.terms()),
      degree_(c.max_degree > 0 ? c.max_degree : degree_of(terms_)) {}

void PolynomialLearner::predict(Block<const double> x, double* y) const {
  const eqnn::Matrix<double> z = variables_of(target_, x);
  for (Index e = 0; e < x.examples; ++e)
    y[e] = hard::polynomial_value(target_.law(), fit_.terms, {&z(e, 0), static_cast<std::size_t>(z.cols())});
}

Json PolynomialLearner::recovered() const {
  if (fit_.terms.empty()) return nullptr;
  Json document = parse_json(target_.json()), list = Json::array();
  for (const hard::PolynomialTerm& t : fit_.terms) {
    Json monomial = Json::array();
    for (const hard::Factor& f : t.monomial) monomial.push_back({f.generator, f.degree});
    list.push_back({{"coef", t.coefficient}, {"monomial", monomial}});
  }
  document["terms"] = list;
  return document;
}

bool PolynomialLearner::finds_terms(double tolerance) const {
  const auto ascending = [](const hard::PolynomialTerm& s, const hard::PolynomialTerm& t) {
    return s.monomial < t.monomial;
  };
  std::vector<hard::PolynomialTerm> found = fit_.terms, wanted = terms_;
  std::sort(found.begin(), found.end(), ascending);
  std::sort(wanted.begin(), wanted.end(), ascending);
  return std::equal(found.begin(), found.end(), wanted.begin(), wanted.end(),
                    [&](const hard::PolynomialTerm& s, const hard::PolynomialTerm& t) {
                      return s.monomial == t.monomial && std::abs(s.coefficient - t.coefficient) <= tolerance;
                    });
}

Json PolynomialLearner::fit_details() const {
  return {{"max_degree", degree_},
          {"verified", fit_.verified},
          {"residual", fit_.residual},
          {"terms_found", fit_.terms.size()},
          {"same_monomials", finds_terms(INFINITY)}};
}

}  // namespace tools
