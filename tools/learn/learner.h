// Learners that are not gradient descent, behind one interface for `eqnn learn`.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <eqnn/core/function_ref.h>
#include <eqnn/hard/learners/oracle.h>

#include "cli/json.h"
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

// The labelled examples of a configuration: those of `eqnn train --samples N` with the same seeds, and its test
// examples. The configuration and the member must outlive it.
class ExampleStream {
 public:
  ExampleStream(const TrainConfig& c, const eqnn::hard::Member& member);
  ~ExampleStream();
  ExampleStream(const ExampleStream&) = delete;
  ExampleStream& operator=(const ExampleStream&) = delete;

  // Calls visit for all examples in order, some at a time: inputs [b, points, channels] and b targets.
  using Visit = eqnn::FunctionRef<void(eqnn::Block<const double>, std::span<const double>)>;
  void training(Visit visit) const;
  void test(Visit visit) const;
  Index samples() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Learner {
 public:
  virtual ~Learner() = default;
  // Throws ValueError for a sample that it cannot take, or whose labels cannot be.
  virtual void learn(const ExampleStream& examples) = 0;
  // The hypothesis on inputs. REQUIRES: learn() has returned.
  virtual void predict(eqnn::Block<const double> x, double* y) const = 0;
  // Statistical queries made; none where the learner reads its examples.
  virtual std::optional<Index> queries() const { return {}; }
  // The member found, as a member file has it; null where the hypothesis is no member.
  virtual Json recovered() const { return nullptr; }
  virtual bool exact() const { return false; }  // it is the target
  // What else there is to say: names and numbers, in the order to print them.
  virtual Json details() const = 0;
};

// The flags of `train` that are of the kernel learner's network.
const std::vector<std::string>& network_fields();

// The learners of a family, the default one first. Throws ValueError for an unknown family.
const std::vector<std::string>& learners_of(const std::string& family);
// The number of samples of a learner that is told none.
Index default_samples(const LearnConfig& c, const eqnn::hard::Member& member);
// Throws ValueError for a learner that the family does not have, naming what is allowed.
void check_algorithm(const LearnConfig& c);
// The same, and for options that the learner does not take.
std::unique_ptr<Learner> make_learner(const LearnConfig& c, const eqnn::hard::Member& member);

// The oracle of a configuration, if any. Throws ValueError for --tau or --answer without --oracle, and for --oracle
// without --tau.
std::optional<eqnn::hard::Oracle> make_oracle(const LearnConfig& c);
// {"kind", "tau", "answer", "queries", "queries_above_tau", "largest"}
Json oracle_log(const eqnn::hard::Oracle& oracle);

// The parts of make_learner, by the file that has them.
std::unique_ptr<Learner> make_gf2(const LearnConfig& c, const eqnn::hard::Member& member);
std::unique_ptr<Learner> make_growing_basis(const LearnConfig& c, const eqnn::hard::Member& member);
std::unique_ptr<Learner> make_lasso(const LearnConfig& c, const eqnn::hard::Member& member);
std::unique_ptr<Learner> make_brute_force(const LearnConfig& c, const eqnn::hard::Member& member);
std::unique_ptr<Learner> make_table(const LearnConfig& c, const eqnn::hard::Member& member);
std::unique_ptr<Learner> make_low_degree(const LearnConfig& c, const eqnn::hard::Member& member);
std::unique_ptr<Learner> make_kernel(const LearnConfig& c, const eqnn::hard::Member& member);

}  // namespace tools
