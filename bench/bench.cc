#include "bench.h"

#include <eqnn/eqnn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/json.h"
#include "cli/note.h"
#include "hand.h"
#include "over_ranks.h"
#include "peers.h"
#include "report.h"
#include "rows.h"
#include "scaling.h"

namespace bench {
namespace {

// Rows that are no step of one network: what the data of every family cost, and many runs at once, which takes
// minutes and so is measured only when it is asked for by name.
constexpr const char *kFamilies = "families", *kSweep = "sweep";

std::vector<Row> chosen_rows(const std::vector<std::string>& ids) {
  std::vector<Row> rows;
  std::string all;
  for (const Row& row : bench_rows()) {
    all += fmt::format("{}{}", all.empty() ? "" : ", ", row.id);
    if (ids.empty() || std::find(ids.begin(), ids.end(), row.id) != ids.end()) rows.push_back(row);
  }
  for (const std::string& id : ids)
    require(id == kFamilies || id == kSweep ||
                std::any_of(rows.begin(), rows.end(), [&](const Row& row) { return id == row.id; }),
            "there is no benchmark row '", id, "'; the rows are ", all, ", ", kFamilies, ", ", kSweep);
  return rows;
}

std::vector<int> thread_counts(const BenchOptions& options) {
  std::vector<int> threads = options.threads;
  if (threads.empty())
    threads = all_cores() > 1 ? std::vector<int>{1, std::min(all_cores(), 64)} : std::vector<int>{1};
  for (const int t : threads) require(t >= 1 && t <= 64, "bench: ", t, " threads; allowed are 1 to 64");
  return threads;
}

// One run of the command: what it measures for itself, then against the peers.
class Run {
 public:
  explicit Run(const BenchOptions& options)
      : options_(options), rows_(chosen_rows(options.rows)), threads_(thread_counts(options)) {
    require(std::isfinite(options.minutes) && options.minutes > 0, "bench: ", options.minutes,
            " minutes; the time must be above 0");
    budget_ = options.minutes * 60 / static_cast<double>(std::max<std::size_t>(rows_.size() * threads_.size(), 1));
  }

  void measure_all(Report& report) {
    for (const int t : threads_)
      report.limits.push_back({t, limits_.sgemm(t), limits_.registers(t), limits_.triad(t)});
    if (options_.profile)
      profile_rows(report);
    else
      measure_rows(report);
    if (options_.profile) return;
    if (options_.rows.empty() || asked(kFamilies)) {
      tell("data of the families");
      report.families = tools::family_costs();
    }
    if (options_.peers && !rows_.empty()) match_rows(report);
    if (asked(kSweep))
      report.sweep = measure_sweep(threads_, options_.peers, options_.quiet);
    else if (options_.rows.empty())
      tell("the row 'sweep' takes minutes and is left out; --rows sweep measures it");
  }

 private:
  bool asked(const char* id) const {
    return std::find(options_.rows.begin(), options_.rows.end(), id) != options_.rows.end();
  }
  void tell(const std::string& what) const {
    if (!options_.quiet) tools::note("eqnn: {}\n", what);
  }
  void tell(const Row& row, int t) const { tell(fmt::format("{}, {} thread{}", row.id, t, t == 1 ? "" : "s")); }

  void measure_rows(Report& report) {
    const HandModule module;
    if (!module.found)
      tools::note("eqnn: the hand-written step is left out: {} (EQNN_BENCH_HAND names its module)\n",
                  module.missing);
    for (const Row& row : rows_)
      for (const int t : threads_) {
        tell(row, t);
        report.rows.push_back(measure(row, t, module, limits_, budget_));
      }
  }

  void profile_rows(Report& report) {
    for (const Row& row : rows_)
      for (const int t : threads_) {
        tell(row, t);
        report.profiles.push_back(profile_row(row, t, limits_, budget_));
      }
  }

  void match_rows(Report& report) {
    const Peers peers;
    if (!peers.found()) {
      tools::note("eqnn: peers are skipped: {}\n", peers.missing);
      return;
    }
    for (const Row& row : rows_) {
      tell(fmt::format("{}: PyTorch and JAX", row.id));
      report.matches.push_back(match_row(peers, row, threads_, budget_));
    }
  }

  const BenchOptions& options_;
  std::vector<Row> rows_;
  std::vector<int> threads_;
  double budget_ = 0;
  Limits limits_;
};

int run_scaling(const BenchOptions& options) {
  figure_format(options.scaling);  // before minutes of measuring
  const std::vector<ScalingCurve> curves = measure_scaling([&](const std::string& what) {
    if (!options.quiet) tools::note("eqnn: {}\n", what);
  });
  draw_scaling(curves, options.scaling);
  if (options.json)
    fmt::print("{}\n", tools::to_text(tools::Json{{"scaling", scaling_json(curves)}}, 2));
  else
    print_scaling(curves);
  return 0;
}

int run_over_ranks(const BenchOptions& options) {
  const std::vector<Row> rows = options.rows.empty() ? std::vector<Row>{} : chosen_rows(options.rows);
  restart_with_best_blas();
  const std::vector<RankCurve> curves = measure_over_ranks(rows, options.quiet);
  if (options.json)
    fmt::print("{}\n", tools::to_text(tools::Json{{"ranks", over_ranks_json(curves)}}, 2));
  else
    print_over_ranks(curves);
  return 0;
}

}  // namespace

int run_bench(const BenchOptions& options) {
  if (is_measuring_rank()) return measure_as_rank(), 0;
  if (!options.scaling.empty()) return run_scaling(options);
  if (options.mpi) return run_over_ranks(options);
  Run run(options);
  restart_with_best_blas();
  Report report;
  try {
    run.measure_all(report);
  } catch (const CheckFailed& failed) {
    tools::note("eqnn: error: {}\n", failed.line);
    return 4;
  }
  if (options.json)
    print_json(report);
  else
    print_tables(report);
  return 0;
}

}  // namespace bench
