#include "sweep/work.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <memory>
#include <queue>
#include <set>
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

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Of all steps and tests, by those of a moment. The first step records the network, and is not timed.
double seconds_by_trial(const TrainConfig& c) {
  constexpr double kMoment = 0.02;
  const double began = now();
  const Examples examples = make_examples(c);
  const auto training = make_training(c, examples, 1);
  training->step(nullptr);
  const double first = now();
  double steps = 0, last = first;
  for (; steps < 2 || last - first < kMoment; last = now(), ++steps) training->step(nullptr);
  const Index tested = std::min<Index>(c.test_samples, 200);
  training->test(tested);
  const double test = (now() - last) / static_cast<double>(std::max<Index>(1, tested)),
               tests = static_cast<double>(c.steps / c.eval_interval()),
               samples = static_cast<double>(std::min(c.test_samples, std::max<Index>(c.test_samples / 5, 1000)));
  return first - began + static_cast<double>(c.steps) * (last - first) / steps +
         test * (tests * samples + static_cast<double>(c.test_samples));
}

Index trainings(const TrainConfig& c) { return c.folds > 0 && c.fold < 0 ? c.folds : 1; }

}  // namespace

SweepWork::SweepWork(const SweepPlan& plan) : plan_(plan), operations_(plan.runs.size()), kinds_(plan.runs.size()) {
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
    operations_[i] =
        run.config ? found->second.second * static_cast<double>(run.config->steps * trainings(*run.config)) : 0;
  }
}

void SweepWork::took(std::size_t run, double seconds) {
  of_point_[plan_.runs[run].point].add(seconds, operations_[run]);
  of_kind_[kinds_[run]].add(seconds, operations_[run]);
  all_.add(seconds, operations_[run]);
}

std::size_t SweepWork::measure(const std::vector<std::size_t>& runs, double budget) {
  std::map<int, std::pair<double, std::size_t>> kinds;  // all operations, and a run of the kind
  std::size_t unknown = 0;
  for (const std::size_t i : runs) {
    const auto& config = plan_.runs[i].config;
    if (of_kind_.count(kinds_[i]) > 0) continue;
    if (operations_[i] == 0 || config->oracle != "none")
      ++unknown;
    else
      kinds.try_emplace(kinds_[i], 0, i).first->second.first += operations_[i];
  }
  std::vector<std::pair<double, std::size_t>> order;
  for (const auto& [kind, work] : kinds) order.push_back(work);
  std::sort(order.begin(), order.end(), std::greater<>());
  const double end = now() + budget;
  for (const auto& [work, i] : order) {
    if (now() > end) break;
    const TrainConfig& c = *plan_.runs[i].config;
    const double seconds = seconds_by_trial(c) * static_cast<double>(trainings(c));
    of_kind_[kinds_[i]].add(seconds, operations_[i]);
    all_.add(seconds, operations_[i]);
  }
  return unknown;
}

double SweepWork::seconds(std::size_t run) const {
  if (!knows()) return std::numeric_limits<double>::quiet_NaN();
  if (const auto point = of_point_.find(plan_.runs[run].point); point != of_point_.end())
    return point->second.expected(operations_[run]);
  const auto kind = of_kind_.find(kinds_[run]);
  return (kind != of_kind_.end() ? kind->second : all_).expected(operations_[run]);
}

double seconds_until_done(std::vector<double> at_work, const std::vector<double>& waiting, std::size_t places) {
  std::priority_queue<double, std::vector<double>, std::greater<>> ends(std::greater<>(), std::move(at_work));
  double last = 0;
  const auto next_end = [&] {
    last = ends.top();
    ends.pop();
    return last;
  };
  for (const double seconds : waiting) {
    const double begins = ends.size() < places ? 0 : next_end();
    ends.push(begins + seconds);
  }
  while (!ends.empty()) next_end();
  return last;
}

}  // namespace tools
