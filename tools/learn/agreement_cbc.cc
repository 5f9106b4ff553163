// The search of agreement.h. Made into a module of its own, the only one that links to CBC.
#include "learn/agreement_cbc.h"

#include <coin/Cbc_C_Interface.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <set>
#include <vector>

namespace tools {
namespace {

using eqnn::hard::Halfspace;
using eqnn::hard::LabelledVectors;

constexpr double kInfinity = 1e30;
constexpr int kPolishNodes = 1000;  // that much work for small whole weights, which nothing depends on

// A linear or integer program, to be minimised.
class LinearProgram {
 public:
  LinearProgram() { Cbc_setLogLevel(model_.get(), 0); }

  int column(double cost, double high, bool integer = false) {
    Cbc_addCol(model_.get(), "", 0, high, cost, integer ? 1 : 0, 0, nullptr, nullptr);
    return columns_++;
  }
  // sum values x (sense: 'E', 'L' or 'G') right. Zeros are left out.
  void row(const std::vector<double>& values, char sense, double right) {
    std::vector<int> at;
    std::vector<double> kept;
    for (std::size_t j = 0; j < values.size(); ++j)
      if (values[j] != 0) {
        at.push_back(static_cast<int>(j));
        kept.push_back(values[j]);
      }
    Cbc_addRow(model_.get(), "", static_cast<int>(at.size()), at.data(), kept.data(), sense, right);
  }
  // The solution, if it is an optimal one.
  std::optional<std::vector<double>> solve(double seconds, int nodes = 0) {
    Cbc_setMaximumSeconds(model_.get(), std::max(seconds, 1e-3));
    if (nodes > 0) Cbc_setMaximumNodes(model_.get(), nodes);
    Cbc_solve(model_.get());
    const double* x = Cbc_isProvenOptimal(model_.get()) ? Cbc_getColSolution(model_.get()) : nullptr;
    return x ? std::optional(std::vector<double>(x, x + columns_)) : std::nullopt;
  }
  // After solve: no solution is below this.
  double bound() const { return Cbc_getBestPossibleObjValue(model_.get()); }

 private:
  struct Delete {
    void operator()(Cbc_Model* model) const { Cbc_deleteModel(model); }
  };
  std::unique_ptr<Cbc_Model, Delete> model_{Cbc_newModel()};
  int columns_ = 0;
};

class Search {
 public:
  Search(const LabelledVectors& vectors, double seconds) : all_(vectors), seconds_(seconds) { merge(); }
  AgreementResult run();

 private:
  using Items = std::vector<Index>;

  void merge();
  double seconds_left() const {
    return seconds_ - std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  }
  bool stop(const char* why) {
    result_.stopped = why;
    return false;
  }
  void offer(const Halfspace& halfspace);
  bool round(const Items& given_up);
  bool one_label(const Items& kept) const;
  bool find_conflict(const Items& kept, Items& conflict);
  std::optional<Halfspace> separate(const Items& kept, bool whole);
  bool cover(Items& given_up);
  void polish();

  const LabelledVectors& all_;
  const double seconds_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  LabelledVectors items_;       // the different vectors with the label that most of their copies have
  std::vector<Index> weights_;  // how many more those are, at least 1
  std::set<Items> conflicts_;
  AgreementResult result_;
};

// Of the copies of a vector, those with the rarer label disagree with the others whatever the halfspace.
void Search::merge() {
  std::map<std::vector<std::int32_t>, Index> balance;
  for (Index e = 0; e < all_.count; ++e) {
    const auto row = all_.row(e);
    balance[{row.begin(), row.end()}] += all_.labels[e];
  }
  items_.width = all_.width;
  for (const auto& [row, more] : balance) {
    if (more == 0) continue;
    items_.features.insert(items_.features.end(), row.begin(), row.end());
    items_.labels.push_back(more > 0 ? 1 : -1);
    weights_.push_back(std::abs(more));
    ++items_.count;
  }
  // Half of the balanced copies agree, and at best all of the others.
  const Index others = std::accumulate(weights_.begin(), weights_.end(), Index{0});
  result_.bound = (all_.count - others) / 2 + others;
}

// Takes it when it is better than the best so far, with whole weights when they agree with as many.
void Search::offer(const Halfspace& halfspace) {
  const Index agreement = agreements(halfspace, all_);
  if (!result_.halfspace.w.empty() && agreement <= result_.agreement) return;
  Halfspace whole{{}, std::ceil(halfspace.theta - 1e-6) + 0.0};
  for (const double w : halfspace.w) whole.w.push_back(std::round(w) + 0.0);
  const Index rounded = agreements(whole, all_);
  result_.halfspace = rounded >= agreement ? whole : halfspace;
  result_.agreement = std::max(agreement, rounded);
}

bool Search::one_label(const Items& kept) const {
  return std::all_of(kept.begin(), kept.end(), [&](Index e) { return items_.labels[e] == items_.labels[kept[0]]; });
}

// The support of a vertex of the polyhedron in agreement.h; empty when it has none, and the items are separable.
// The program's optimum is 1 or 0. False: no time left, or no answer that can be proved.
bool Search::find_conflict(const Items& kept, Items& conflict) {
  conflict.clear();
  if (seconds_left() <= 0) return stop("time limit");
  if (one_label(kept)) return true;
  const auto label = [&](Index e) { return items_.labels[e]; };
  LinearProgram program;
  for (const Index e : kept) program.column(label(e) > 0 ? -1 : 0, kInfinity);
  std::vector<double> values(kept.size());
  for (Index i = 0; i <= items_.width; ++i) {
    for (std::size_t j = 0; j < kept.size(); ++j)
      values[j] = label(kept[j]) * (i < items_.width ? items_.row(kept[j])[i] : 1);
    program.row(values, 'E', 0);
  }
  for (std::size_t j = 0; j < kept.size(); ++j) values[j] = label(kept[j]) > 0 ? 1 : 0;
  program.row(values, 'L', 1);
  const auto solution = program.solve(seconds_left());
  if (!solution) return stop(seconds_left() <= 0 ? "time limit" : "solver");
  double total = 0;
  for (std::size_t j = 0; j < kept.size(); ++j) {
    total += values[j] * (*solution)[j];
    if ((*solution)[j] > 1e-7) conflict.push_back(kept[j]);
  }
  if (total < 0.5) {
    conflict.clear();
    return true;
  }
  return is_minimal_conflict(items_, conflict) || stop("solver");
}

// Weights of the least sum with w.f - theta >= 0 on items of label 1 and <= -1 on the others; as whole numbers
// those exist wherever real ones do (multiply by a common denominator).
std::optional<Halfspace> Search::separate(const Items& kept, bool whole) {
  if (one_label(kept)) {
    const bool negative = !kept.empty() && items_.labels[kept[0]] < 0;
    return Halfspace{std::vector<double>(items_.width), negative ? 1.0 : 0.0};
  }
  LinearProgram program;
  for (Index i = 0; i <= items_.width; ++i)
    for (int sign = 0; sign < 2; ++sign) program.column(i < items_.width ? 1 : 0, kInfinity, whole);
  std::vector<double> values;
  for (const Index e : kept) {
    values.clear();
    for (const std::int32_t f : items_.row(e)) values.insert(values.end(), {double(f), -double(f)});
    values.insert(values.end(), {-1, 1});
    const bool positive = items_.labels[e] > 0;
    program.row(values, positive ? 'G' : 'L', positive ? 0 : -1);
  }
  // What was found so far is worth the moment that a linear program takes, also when the time is over.
  const auto solution =
      whole ? program.solve(seconds_left(), kPolishNodes) : program.solve(std::max(seconds_left(), 1.0));
  if (!solution) return std::nullopt;
  Halfspace halfspace;
  const auto value = [&](Index i) {
    const auto at = static_cast<std::size_t>(2 * i);
    const double difference = (*solution)[at] - (*solution)[at + 1];
    return whole ? std::round(difference) + 0.0 : difference;
  };
  for (Index i = 0; i < items_.width; ++i) halfspace.w.push_back(value(i));
  halfspace.theta = value(items_.width) - (whole ? 0 : 0.5);  // half of the gap on both sides
  return halfspace;
}

// Drops conflict after conflict from what is kept until it is separable, and then takes in what fits again, one
// item after the other: a conflict for each that does not, and the halfspace of the rest. False: the search is
// over.
bool Search::round(const Items& given_up) {
  std::vector<bool> out(items_.count);
  for (const Index e : given_up) out[e] = true;
  const std::size_t before = conflicts_.size();
  Items kept, conflict;
  do {
    kept.clear();
    for (Index e = 0; e < items_.count; ++e)
      if (!out[e]) kept.push_back(e);
    if (!find_conflict(kept, conflict)) return false;
    for (const Index e : conflict) out[e] = true;
    if (!conflict.empty()) conflicts_.insert(conflict);
  } while (!conflict.empty());
  bool going = true;
  for (Index e = 0; going && e < items_.count; ++e) {
    if (!out[e]) continue;
    kept.push_back(e);
    going = find_conflict(kept, conflict);
    if (going && conflict.empty()) continue;
    kept.pop_back();
    std::sort(conflict.begin(), conflict.end());
    if (going) conflicts_.insert(conflict);
  }
  if (const auto halfspace = separate(kept, false)) offer(*halfspace);
  if (result_.optimal() || !going) return false;
  // No further conflict, and still no halfspace that keeps all that it should.
  return conflicts_.size() > before || stop(seconds_left() <= 0 ? "time limit" : "solver");
}

// The items of least weight that meet all conflicts, and the bound that they give. False: the search is over.
bool Search::cover(Items& given_up) {
  if (seconds_left() <= 0) return stop("time limit");
  LinearProgram program;
  for (const Index w : weights_) program.column(static_cast<double>(w), 1, true);
  for (const Items& conflict : conflicts_) {
    std::vector<double> values(weights_.size());
    for (const Index e : conflict) values[e] = 1;
    program.row(values, 'G', 1);
  }
  const auto solution = program.solve(seconds_left());
  ++result_.rounds;
  const Index others = std::accumulate(weights_.begin(), weights_.end(), Index{0});
  const double least = program.bound();
  if (std::isfinite(least) && least >= 0)
    result_.bound =
        std::min(result_.bound, (all_.count - others) / 2 + others - static_cast<Index>(std::ceil(least - 1e-6)));
  if (result_.optimal()) return false;
  if (!solution) return stop(seconds_left() <= 0 ? "time limit" : "solver");
  given_up.clear();
  for (Index e = 0; e < items_.count; ++e)
    if ((*solution)[e] > 0.5) given_up.push_back(e);
  return true;
}

// Small whole weights for what the best halfspace agrees with.
void Search::polish() {
  if (seconds_left() <= 0) return;
  Items kept;
  for (Index e = 0; e < items_.count; ++e)
    if (classify(result_.halfspace, items_.row(e)) == items_.labels[e]) kept.push_back(e);
  const auto halfspace = separate(kept, true);
  if (halfspace && agreements(*halfspace, all_) >= result_.agreement) result_.halfspace = *halfspace;
}

AgreementResult Search::run() {
  const auto width = static_cast<std::size_t>(all_.width);
  offer({std::vector<double>(width), 0});
  offer({std::vector<double>(width), 1});
  if (!result_.optimal()) {
    Items given_up;
    while (round(given_up) && cover(given_up)) {
    }
    polish();
  }
  result_.conflicts = static_cast<Index>(conflicts_.size());
  if (result_.optimal()) result_.stopped.clear();
  return result_;
}

}  // namespace
}  // namespace tools

void eqnn_cbc_agreement(const eqnn::hard::LabelledVectors& vectors, double seconds, tools::AgreementResult& result,
                        std::string& error) {
  try {
    result = tools::Search(vectors, seconds).run();
  } catch (const std::exception& e) {
    error = e.what();
  }
}
