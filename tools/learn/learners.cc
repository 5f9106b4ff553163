// The table of learners.

#include <fmt/ranges.h>

#include <algorithm>

#include "cli/name_table.h"
#include "learn/learner.h"

namespace tools {

// Each in its file in learners/. A new one is added to both lists.
LearnerKind gf2_learner(), growing_basis_learner(), lasso_learner(), brute_force_learner(), table_learner(),
    low_degree_learner(), kernel_learner(), spectral_learner(), screen_learner(), sign_gf2_learner();

const std::vector<LearnerKind>& learner_kinds() {
  static const std::vector<LearnerKind> all = {
      gf2_learner(),    growing_basis_learner(), lasso_learner(),    brute_force_learner(), table_learner(),
      screen_learner(), spectral_learner(),      sign_gf2_learner(), low_degree_learner(),  kernel_learner()};
  return all;
}

std::vector<const LearnerKind*> learners_of(const std::string& family) {
  const std::string& id = eqnn::hard::family(family).id;
  std::vector<const LearnerKind*> list;
  for (const LearnerKind& kind : learner_kinds())
    if (kind.families.empty() || std::find(kind.families.begin(), kind.families.end(), id) != kind.families.end())
      list.push_back(&kind);
  require(!list.empty(), "no learner takes ", family, "; it is there for training alone: eqnn train ", family);
  return list;
}

const LearnerKind& learner_of(const LearnConfig& c) {
  std::vector<std::string> allowed;
  for (const LearnerKind* kind : learners_of(c.base.family)) {
    if (kind->name == c.algorithm) return *kind;
    allowed.push_back(kind->name);
  }
  throw ValueError(fmt::format("--algo {} does not learn {}; its learners are {}{}", c.algorithm, c.base.family,
                               fmt::join(allowed, ", "), nearest_of(c.algorithm, allowed)));
}

eqnn::Matrix<double> variables_of(const eqnn::hard::Member& member, const eqnn::Block<const double>& x) {
  eqnn::Matrix<double> z(x.examples, member.variables().count);
  member.variables(x, z.view());
  return z;
}

std::optional<eqnn::hard::Oracle> make_oracle(const LearnConfig& c) {
  if (c.oracle == "none") {
    require(c.tau == 0 && c.answer.empty(), "--tau and --answer are of an oracle; give --oracle csq or sq too");
    return {};
  }
  require(c.tau > 0, "--oracle ", c.oracle, " needs a tolerance: give --tau, such as 0.01");
  require(c.base.noise == 0, "--oracle answers about the target without noise; leave out --noise (", c.base.noise,
          ")");
  return eqnn::hard::Oracle(eqnn::hard::oracle_kind(c.oracle), c.tau,
                            eqnn::hard::oracle_mode(c.answer.empty() ? "zero" : c.answer));
}

Json oracle_log(const eqnn::hard::Oracle& oracle) {
  return {{"kind", eqnn::hard::kind_name(oracle.kind())},   {"tau", oracle.tau()},
          {"answer", eqnn::hard::mode_name(oracle.mode())}, {"queries", oracle.log().queries},
          {"queries_above_tau", oracle.log().above_tau},    {"largest", oracle.log().largest}};
}

}  // namespace tools
