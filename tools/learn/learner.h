// Learners that are not gradient descent, behind one interface for `eqnn learn`; a file in learners/ for each.
#pragma once

#include <eqnn/hard/learners/oracle.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/json.h"
#include "learn/example_stream.h"
#include "train/config.h"

namespace tools {

// What `eqnn learn` does. Of `base`: the family, its parameters and member, control, samples, test samples, noise,
// the thresholds of the verdict and the seeds; for the kernel learner also the network.
struct LearnConfig {
  TrainConfig base;
  std::string algorithm;
  std::string a_min;            // growing-basis: a number, "auto", or "": the target's smallest coefficient
  std::string damping;          // growing-basis: a number, or "": the law's own
  Index max_degree = 0;         // low-degree, lasso, brute-force; 0: the learner's own
  std::string lambda = "auto";  // lasso, kernel: a number, "auto", or (lasso) "theory"
  std::string kernel = "tangent";
  std::string oracle = "none", answer;  // answer "": zero
  double tau = 0;
};

// Numbers that a learner holds in memory, at most: 2 GiB.
inline constexpr Index kMostEntries = Index{1} << 28;

class Learner {
 public:
  virtual ~Learner() = default;
  // Throws ValueError for a sample that it cannot take, or whose labels cannot be.
  virtual void learn(const ExampleStream& examples) = 0;
  // The hypothesis on inputs; what has none is not asked. REQUIRES: learn() has returned.
  virtual void predict(eqnn::Block<const double> x, double* y) const = 0;
  // Statistical queries made; none where the learner reads its examples.
  virtual std::optional<Index> queries() const { return {}; }
  // The member found, as a member file has it; null where the hypothesis is no member.
  virtual Json recovered() const { return nullptr; }
  virtual bool exact() const { return false; }  // it is the target
  // What else there is to say: names and numbers, in the order to print them.
  virtual Json details() const = 0;
};

// A value of --algo.
struct LearnerKind {
  std::string name;
  std::vector<std::string> families;  // that it learns, by id; empty: all
  std::vector<std::string> flags;     // of learner_flags() that it reads
  bool has_network = false;           // whether it reads the flags of train's network
  // Families of which it finds something else than a hypothesis: its results have no losses and no verdict there.
  std::vector<std::string> without_hypothesis;
  int results_version = 1;  // of its results: runs of another version have other ids
  // The number of samples when none is told.
  Index (*default_samples)(const LearnConfig& c, const eqnn::hard::Member& member) =
      [](const LearnConfig&, const eqnn::hard::Member&) { return Index{10000}; };
  // Throws ValueError for options that the learner does not take. The member must outlive the learner.
  std::unique_ptr<Learner> (*make)(const LearnConfig& c, const eqnn::hard::Member& member) = nullptr;

  bool reads(std::string_view flag) const;         // of learner_flags()
  bool reads_field(std::string_view field) const;  // of config_fields()
  bool has_hypothesis(const std::string& family) const;
  // results_version, one more where there is no hypothesis: version 1 had the losses of 0 there.
  int version_on(const std::string& family) const { return results_version + (has_hypothesis(family) ? 0 : 1); }
};
// All of them. A family's default is the first that learns it.
const std::vector<LearnerKind>& learner_kinds();
// Those of a family, the default one first. Throws ValueError for an unknown family, and for one that has none.
std::vector<const LearnerKind*> learners_of(const std::string& family);
// The learner of a configuration. Throws ValueError for one that the family does not have, naming what is allowed.
const LearnerKind& learner_of(const LearnConfig& c);

// A flag of `learn` that some of its learners read.
struct LearnerFlag {
  std::string name, help;
  void (*set)(LearnConfig& c, const std::string& text);  // throws ValueError
  // As run.json has it; nothing: it is left out.
  std::optional<Json> (*get)(const LearnConfig& c);
};
const std::vector<LearnerFlag>& learner_flags();

// The member as what a learner is made for. Throws ValueError for a member of another kind.
template <class Target>
const Target& target_of(const LearnConfig& c, const eqnn::hard::Member& member) {
  const auto* target = dynamic_cast<const Target*>(&member);
  require(target != nullptr, "--algo ", c.algorithm, " does not learn members of ", c.base.family);
  return *target;
}

// The independent variables of every example, [b, count] (Member::variables).
eqnn::Matrix<double> variables_of(const eqnn::hard::Member& member, const eqnn::Block<const double>& x);

// The oracle of a configuration, if any. Throws ValueError for --tau or --answer without --oracle, and for --oracle
// without --tau.
std::optional<eqnn::hard::Oracle> make_oracle(const LearnConfig& c);
// {"kind", "tau", "answer", "queries", "queries_above_tau", "largest"}
Json oracle_log(const eqnn::hard::Oracle& oracle);

}  // namespace tools
