#include "sweep/work.h"

#include <limits>
#include <memory>
#include <utility>

#include "train/resolve.h"
#include "train/training.h"

namespace tools {
namespace {

// One run of each kind: the same network on the same shapes, whatever is drawn and however long it is trained.
TrainConfig kind_of(TrainConfig c) {
  const TrainConfig plain;
  c.member_seed = c.init_seed = c.data_seed = 0;
  c.steps = plain.steps;
  c.eval_every = plain.eval_every;
  c.lr = plain.lr;
  c.first_lr = 0;
  c.phases.clear();
  c.label_transform = plain.label_transform;
  c.schedule = "constant";
  c.warmup = 0;
  c.augment = c.test_average = "none";
  c.noise = c.weight_decay = c.momentum = 0;
  c.nesterov = false;
  c.control = false;
  return c;
}

// A run without an oracle: what one adds it takes from all inputs, which are not to be made here.
double operations_a_step(TrainConfig c) {
  c.oracle = "none";
  c.answer.clear();
  c.tau = 0;
  c.oracle_samples = -1;
  try {
    return make_training(c, make_examples(c), 1)->flops_per_step();
  } catch (const eqnn::Error&) {
    return 0;
  }
}

}  // namespace

SweepWork::SweepWork(const SweepPlan& plan) : operations_(plan.runs.size()), kinds_(plan.runs.size()) {
  std::map<std::string, std::pair<int, double>> known;
  for (std::size_t i = 0; i < plan.runs.size(); ++i) {
    const PlannedRun& run = plan.runs[i];
    std::string name = run.command;
    if (run.config)
      name += config_json(kind_of(*run.config));
    else
      for (const RawOption& o : run.flags) name += " " + o.name + " " + o.value;
    auto found = known.find(name);
    if (found == known.end()) {
      const double operations = run.config ? operations_a_step(kind_of(*run.config)) : 0;
      found = known.emplace(name, std::pair(static_cast<int>(known.size()), operations)).first;
    }
    kinds_[i] = found->second.first;
    operations_[i] = run.config ? found->second.second * static_cast<double>(run.config->steps) : 0;
  }
}

void SweepWork::took(std::size_t run, double seconds) {
  of_kind_[kinds_[run]].add(seconds, operations_[run]);
  all_.add(seconds, operations_[run]);
}

double SweepWork::seconds(std::size_t run) const {
  if (all_.runs == 0) return std::numeric_limits<double>::quiet_NaN();
  const auto kind = of_kind_.find(kinds_[run]);
  return (kind != of_kind_.end() ? kind->second : all_).expected(operations_[run]);
}

}  // namespace tools
