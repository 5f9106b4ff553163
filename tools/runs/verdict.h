// What a run amounts to: the keys of its evaluation, its verdict in one word, and whether that was expected.
#pragma once

#include <optional>
#include <string>

#include "cli/json_fwd.h"
#include "train/config.h"
#include "train/evaluation.h"

namespace tools {

// What the best predictor of labels with --noise has on labels without, and on those that are trained on, over the
// spread of the targets (test_variance, test_entropy). Two-valued targets whose labels are flipped with probability
// q < 1/2: under mse it is (1 - 2q) y, with a loss of (2q)^2 and 1 - (1 - 2q)^2; under huber (1 - 2q)/(1 - q) y;
// under abs y itself; under cross entropy log((1 - q)/q) y, with -log(1 - q) and the entropy of q. Of noise that is
// added: y, with 0 and its variance. `slope`: what lies between that and the best constant on the labels trained
// on.
struct NoiseFloor {
  double test = 0, train = 0, slope = 1;
  bool none = false;  // there is none: losses are judged as they are

  // Normalised losses as they would be without noise: 0 for the best predictor, 1 for the best constant.
  double judged_test(double loss) const { return test < 1 ? (loss - test) / (1 - test) : loss; }
  double judged_train(double loss) const { return (loss - train) / slope; }
};
// `flips`: the noise flips signs (Examples::flips). Of a fixed set, whose labels can be had by heart, the train
// floor is 0; there is none without noise, from q = 1/2 on, and where the last phase trains on transformed labels.
NoiseFloor noise_floor(const TrainConfig& c, bool flips, double spread);

// The first that holds of diverged, learned, memorised, cannot-fit, partly-learned, undecided, from normalised
// losses. None where a loss that it needs is no number, as of targets that are all the same.
std::optional<std::string> verdict(const TrainConfig& c, bool diverged, double train, double test,
                                   const NoiseFloor& floor = {});

// The same of a learner that does not descend on its train loss, whose hypothesis may miss its own examples by more
// than fresh ones (an average of many estimates does): partly-learned comes before cannot-fit, which then says that
// both losses are at fails_from or above.
std::optional<std::string> learner_verdict(const TrainConfig& c, bool diverged, double train, double test,
                                           const NoiseFloor& floor = {});

// The keys of an evaluation on test examples; what is not defined is null.
struct Shown {
  bool accuracy = false;  // predictions are right or wrong
  bool entropy = false;   // the targets are classes under cross entropy
};
Json evaluation_json(const Evaluation& e, Shown shown);
// "noise_floor" of a result: null where there is none.
Json floor_json(const NoiseFloor& floor);
Json thresholds_json(const TrainConfig& c);

// The lines of a result that say how well it did. `kind` of samples: "fresh", "held-out".
void print_outcome(const Json& result, const std::string& kind);

// --expect learned or fails, empty: nothing. The exit code, and a line on stderr where it is not met. A run that
// diverged, that was given up before its end, or whose loss is no number, has not failed to learn.
int check_expectation(const Json& result, const std::string& expect, double fails_from);

}  // namespace tools
