// Which learners a family has, on how many samples, and through which oracle.

#include <algorithm>
#include <cmath>
#include <map>

#include <eqnn/hard/families/invariant_poly/invariant_poly.h>
#include <eqnn/core/spelling.h>

#include "learn/learner.h"

namespace tools {
namespace {

using eqnn::hard::Member;

// Of a family, the default first.
const std::map<std::string, std::vector<std::string>>& table() {
  static const std::map<std::string, std::vector<std::string>> all = {
      {"boolean-orbit", {"table", "low-degree", "kernel"}},
      {"gnn-degree-parity", {"gf2", "brute-force", "low-degree", "kernel"}},
      {"gnn-feature", {"low-degree", "kernel"}},
      {"cnn-cyclic", {"low-degree", "kernel"}},
      {"frame-parity", {"low-degree", "kernel"}},
      {"invariant-poly", {"growing-basis", "lasso", "brute-force", "low-degree", "kernel"}},
      {"rotation-invariant", {"low-degree", "kernel"}}};
  return all;
}

std::string joined(const std::vector<std::string>& list) {
  std::string all;
  for (const std::string& s : list) all += concat(all.empty() ? "" : ", ", s);
  return all;
}

}  // namespace

const std::vector<std::string>& learners_of(const std::string& family) {
  return table().at(eqnn::hard::family(family).id);
}

const std::vector<std::string>& network_fields() {
  static const std::vector<std::string> fields = {"model",     "depth",      "width", "head-width",
                                                  "filter",    "activation", "init",  "init-scale",
                                                  "adjacency", "pool",       "norm"};
  return fields;
}

// Rules of thumb, as measured: 10 n graphs; 100 * 3.4^D T^1.5 Gaussian samples, three times as many under the
// heavier tails of the other laws.
Index default_samples(const LearnConfig& c, const Member& member) {
  if (c.algorithm == "gf2") return 10 * member.input().points;
  if (c.algorithm == "growing-basis") {
    const auto& f = dynamic_cast<const eqnn::hard::InvariantPoly&>(member);
    const double terms = static_cast<double>(f.terms().size()), degree = static_cast<double>(f.degree());
    const double rule = 100 * std::pow(3.4, degree) * std::pow(terms, 1.5);
    return static_cast<Index>(std::min(1e6, f.law() == eqnn::hard::Law::gauss ? rule : 3 * rule));
  }
  if (c.algorithm == "kernel") return 1000;
  return c.algorithm == "lasso" ? 4000 : 10000;
}

std::optional<eqnn::hard::Oracle> make_oracle(const LearnConfig& c) {
  if (c.oracle == "none") {
    require(c.tau == 0 && c.answer.empty(), "--tau and --answer are of an oracle; give --oracle csq or sq too");
    return {};
  }
  require(c.tau > 0, "--oracle ", c.oracle, " needs a tolerance: give --tau, such as 0.01");
  return eqnn::hard::Oracle(eqnn::hard::oracle_kind(c.oracle), c.tau,
                            eqnn::hard::oracle_mode(c.answer.empty() ? "zero" : c.answer));
}

Json oracle_log(const eqnn::hard::Oracle& oracle) {
  return {{"kind", eqnn::hard::kind_name(oracle.kind())},   {"tau", oracle.tau()},
          {"answer", eqnn::hard::mode_name(oracle.mode())}, {"queries", oracle.log().queries},
          {"queries_above_tau", oracle.log().above_tau},    {"largest", oracle.log().largest}};
}

void check_algorithm(const LearnConfig& c) {
  const auto& allowed = learners_of(c.base.family);
  require(std::find(allowed.begin(), allowed.end(), c.algorithm) != allowed.end(), "--algo ", c.algorithm,
          " does not learn ", c.base.family, "; its learners are ", joined(allowed), "; the nearest is ",
          eqnn::nearest(c.algorithm, allowed));
}

std::unique_ptr<Learner> make_learner(const LearnConfig& c, const Member& member) {
  check_algorithm(c);
  if (c.algorithm == "gf2") return make_gf2(c, member);
  if (c.algorithm == "growing-basis") return make_growing_basis(c, member);
  if (c.algorithm == "lasso") return make_lasso(c, member);
  if (c.algorithm == "brute-force") return make_brute_force(c, member);
  if (c.algorithm == "table") return make_table(c, member);
  if (c.algorithm == "low-degree") return make_low_degree(c, member);
  return make_kernel(c, member);
}

}  // namespace tools
