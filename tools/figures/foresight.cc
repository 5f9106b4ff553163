#include "figures/foresight.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "cli/text.h"
#include "figures/settings.h"

namespace tools {
namespace {

constexpr std::size_t kInARow = 3;  // tests, as noise seldom is
constexpr double kFallen = 0.9;     // a normalised loss below it has fallen
constexpr double kDeviations = 4;   // above the first values: a measure has risen

struct MeasureKind {
  const char* name;
  double (*score)(double);
};
double plain(double v) { return v; }
double magnitude(double v) { return std::abs(v); }
double negative(double v) { return -v; }
constexpr MeasureKind kMeasures[] = {
    {"normalized_test_loss", negative}, {"correlation", magnitude}, {"overlap", plain}, {"gradient_snr", plain},
    {"gradient_norm", plain},           {"distance", plain}};

struct RunMeasures {
  bool learned = false;
  double learned_at = INFINITY;  // samples
  std::vector<double> samples;
  std::map<std::string, std::vector<double>> of;  // scores by measure, one a test
};

RunMeasures read_measures(const Database& db, const FigureRun& run, const std::vector<MeasureKind>& kinds) {
  std::string columns;
  for (const MeasureKind& k : kinds) columns += concat(", ", k.name);
  RunMeasures m;
  m.learned = std::isfinite(run.samples_to_learn);
  if (m.learned) m.learned_at = run.samples_to_learn;
  for (const auto& row :
       db.query(concat("SELECT samples_seen", columns, " FROM metrics WHERE run_id = ? ORDER BY step"), {run.id})
           .rows) {
    m.samples.push_back(number_of(row[0]));
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      const double value = number_of(row[i + 1]);
      m.of[kinds[i].name].push_back(std::isfinite(value) ? kinds[i].score(value) : -INFINITY);
    }
  }
  return m;
}

// The last value at `samples` or before.
double value_at(const RunMeasures& m, const std::string& measure, double samples) {
  double value = -INFINITY;
  for (std::size_t i = 0; i < m.samples.size() && m.samples[i] <= samples; ++i) value = m.of.at(measure)[i];
  return value;
}

// The samples at which a measure first passes a limit for so many tests in a row; infinite: never.
double first_above(const RunMeasures& m, const std::string& measure, double limit, std::size_t in_a_row) {
  const auto& values = m.of.at(measure);
  for (std::size_t i = 0, row = 0; i < values.size(); ++i) {
    row = values[i] > limit ? row + 1 : 0;
    if (row == in_a_row) return m.samples[i + 1 - row];
  }
  return INFINITY;
}

MeasureForesight foresight(const std::vector<RunMeasures>& runs, const std::string& name, double quarter) {
  MeasureForesight f{name, {}, -INFINITY, {-INFINITY, -INFINITY}, 0};
  std::vector<double> later, never, first;
  for (const RunMeasures& m : runs) {
    if (!m.samples.empty() && std::isfinite(m.of.at(name).front())) first.push_back(m.of.at(name).front());
    if (m.learned_at <= quarter) continue;
    (m.learned ? later : never).push_back(value_at(m, name, quarter));
  }
  f.area = area_under_curve(later, never);
  if (first.empty()) return f;
  double mean = 0, variance = 0;
  for (const double v : first) mean += v / static_cast<double>(first.size());
  for (const double v : first) variance += (v - mean) * (v - mean) / static_cast<double>(first.size());
  const bool loss = name == kMeasures[0].name;
  const double limit = loss ? -kFallen : mean + kDeviations * std::sqrt(variance);
  std::vector<double> leads;
  for (const RunMeasures& m : runs) {
    // One test is enough of the loss: runs may end with the test that sees it fall.
    const double rose = first_above(m, name, limit, loss ? 1 : kInARow);
    if (!m.learned) {
      f.rose_in_vain += std::isfinite(rose);
      continue;
    }
    const double fell = first_above(m, kMeasures[0].name, -kFallen, 1);
    if (std::isfinite(fell)) leads.push_back(1 - rose / fell);
  }
  if (leads.empty()) return f;
  f.lead = median(leads);
  f.lead_interval = median_interval(leads).interval;
  return f;
}

// The size whose rarer outcome is the most frequent; nan where none has five of both.
double most_mixed(const FrontierSlice& slice, double& budget) {
  double best_size = NAN;
  std::ptrdiff_t best = 4;
  for (const FrontierPoint& p : slice.points) {
    if (p.control) continue;
    const double quarter = p.samples.budget / 4;
    const auto later =
        std::ranges::count_if(p.times, [&](const LearningTime& t) { return t.learned() && t.by > quarter; });
    const auto never = std::ranges::count_if(p.times, [](const LearningTime& t) { return !t.learned(); });
    if (std::min(later, never) <= best) continue;
    best = std::min(later, never);
    best_size = p.size;
    budget = p.samples.budget;
  }
  return best_size;
}

}  // namespace

std::optional<Foresight> foresight_of(const Database& db, const FrontierSlice& slice) {
  Foresight f;
  f.size = most_mixed(slice, f.budget);
  if (std::isnan(f.size)) return {};
  const auto point =
      std::ranges::find_if(slice.points, [&](const FrontierPoint& p) { return !p.control && p.size == f.size; });
  const std::vector<std::string> columns = db.columns("metrics");
  std::vector<MeasureKind> kinds;
  for (const MeasureKind& k : kMeasures)
    if (std::ranges::find(columns, k.name) != columns.end()) kinds.push_back(k);
  std::vector<RunMeasures> runs;
  for (const FigureRun& run : slice.runs)
    if (!run.control && number_of(run.values.at(slice.size)) == f.size &&
        values_text(run, slice.grid) == point->best)
      runs.push_back(read_measures(db, run, kinds));
  for (const RunMeasures& m : runs) ++(m.learned_at <= f.budget / 4 ? f.early : m.learned ? f.later : f.never);
  for (const MeasureKind& k : kinds) {
    const auto known = [&](const RunMeasures& m) {
      return std::ranges::any_of(m.of.at(k.name), [](double v) { return std::isfinite(v); });
    };
    if (std::ranges::any_of(runs, known)) f.measures.push_back(foresight(runs, k.name, f.budget / 4));
  }
  const bool overlap =
      std::ranges::any_of(f.measures, [](const MeasureForesight& m) { return m.name == "overlap"; });
  f.shown = overlap ? "overlap" : "correlation";
  for (const RunMeasures& m : runs) f.curves.push_back({m.learned, m.samples, m.of.at(f.shown)});
  return f;
}

}  // namespace tools
