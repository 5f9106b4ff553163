#include "runs/verdict.h"

namespace tools {

std::string verdict(const TrainConfig& c, bool diverged, double train, double test) {
  if (diverged) return "diverged";
  if (test <= c.learned_below) return "learned";
  if (!c.null_target && train <= c.memorised_train_below && test >= c.fails_from) return "memorised";
  if (train >= c.fails_from) return "cannot-fit";
  if (test < c.fails_from) return "partly-learned";
  return "undecided";
}

}  // namespace tools
