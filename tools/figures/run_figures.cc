// Figures of every run by its end: final-loss, verdicts, train-test.

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include <fmt/core.h>

#include "figures/kinds.h"

namespace tools {
namespace {

constexpr std::size_t kRows = 30;         // settings in one figure
constexpr std::size_t kLabelLength = 48;  // characters of a setting's label

// Pixels that the labels of settings need to the left of a panel.
double label_room(const std::vector<Setting>& settings, double width) {
  std::size_t longest = 4;
  for (const Setting& s : settings) longest = std::max(longest, std::min(characters(s.label), kLabelLength));
  return label_space(26 + 6.4 * static_cast<double>(longest), width);
}

// One row a setting, the first at the top.
std::string setting_tics(const std::vector<Setting>& settings, double room) {
  std::string tics;
  const std::size_t most = std::min(kLabelLength, fitting(room - 16));
  for (std::size_t i = 0; i < settings.size(); ++i)
    tics += fmt::format("{}{} {}", i == 0 ? "" : ", ", quoted_tic(shortened(settings[i].label, most)), i);
  return fmt::format("set yrange [{}:-0.5]\nset ytics ({}) scale 0\n", static_cast<double>(settings.size()) - 0.5,
                     tics);
}

// Light lines between the rows.
std::string row_lines(std::size_t rows, const std::string& from, const std::string& to) {
  std::string text = "unset grid\n";
  for (std::size_t i = 0; i + 1 < rows; ++i)
    text += fmt::format("set arrow from {0}, first {2} to {1}, first {2} nohead back lc rgb '#E4E4E4' lw 1\n", from,
                        to, static_cast<double>(i) + 0.5);
  return text;
}

std::vector<FigureRun> finished(const std::vector<FigureRun>& runs) {
  std::vector<FigureRun> done;
  std::ranges::copy_if(runs, std::back_inserter(done), [](const FigureRun& r) { return r.done(); });
  return done;
}

// Leaves out runs that lack a loss for another reason than that they diverged, and all of them where that is half:
// what is left would not be what the group did. Gives the number of those left out.
std::size_t leave_out_unmeasured(std::vector<FigureRun>& runs, bool with_train) {
  const auto lacks = [&](const FigureRun& r) {
    return r.verdict != "diverged" && (std::isnan(r.test_loss) || (with_train && std::isnan(r.train_loss)));
  };
  const std::size_t all = runs.size(), lacking = std::erase_if(runs, lacks);
  if (2 * lacking >= all) runs.clear();
  return lacking;
}

std::string unmeasured_text(std::size_t runs) {
  return runs == 0 ? "" : fmt::format(" {} without a loss {} not drawn.", runs, runs == 1 ? "is" : "are");
}

const FigureRun& first_trained(const std::vector<FigureRun>& runs) {
  const auto found = std::ranges::find_if(runs, [](const FigureRun& r) { return !r.learner; });
  return found == runs.end() ? runs.front() : *found;
}

std::string given_up_text(const std::string& columns) {
  return columns.empty() ? "" : fmt::format(" Settings that differ in {} alone share a row.", columns);
}

// Marks of the runs of one role: losses across, spread within the setting's row so that none hides another.
std::vector<std::vector<double>> final_marks(const std::vector<Setting>& settings, bool control, bool both,
                                             const LossAxis& axis) {
  std::vector<std::vector<double>> marks;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    std::vector<const FigureRun*> mine;
    for (const FigureRun& r : settings[i].runs)
      if (r.control == control) mine.push_back(&r);
    const double from = both ? (control ? 0.10 : -0.36) : -0.26, span = both ? 0.26 : 0.52;
    const std::size_t levels = std::min<std::size_t>(mine.size(), 9);
    for (std::size_t k = 0; k < mine.size(); ++k) {
      const double part = levels == 1 ? 0.5 : static_cast<double>(k % levels) / static_cast<double>(levels - 1);
      marks.push_back({axis.place(mine[k]->test_loss), static_cast<double>(i) + from + span * part});
    }
  }
  return without_overlaps(marks, false);
}

Table run_table(const std::vector<Setting>& settings) {
  Table table{
      {"setting", "role", "seed", "run_id", "method", "verdict", "normalized_test_loss", "normalized_train_loss"},
      {}};
  for (const Setting& s : settings)
    for (const FigureRun& r : s.runs)
      table.rows.push_back({s.name, std::string(r.control ? "control" : "target"), r.seed.value_or(0), r.id,
                            r.method, r.verdict, number_cell(r.test_loss), number_cell(r.train_loss)});
  return table;
}

}  // namespace

bool has_role(const std::vector<FigureRun>& runs, bool control) {
  return std::ranges::any_of(runs, [&](const FigureRun& r) { return r.control == control; });
}

std::string counts_text(const std::vector<FigureRun>& runs) {
  std::set<std::int64_t> seeds;
  std::set<std::string> ids;
  for (const FigureRun& r : runs) {
    seeds.insert(r.seed.value_or(0));
    ids.insert(r.id);
  }
  return fmt::format("{} {}, {} {}", ids.size(), ids.size() == 1 ? "run" : "runs", seeds.size(),
                     seeds.size() == 1 ? "seed" : "seeds");
}

std::vector<Setting> readable_settings(const Group& group, const std::vector<FigureRun>& runs, std::size_t most,
                                       std::string& given_up) {
  std::set<std::string> left_out;
  std::vector<std::string> columns = group.swept;
  const std::string size = size_column(group);
  std::stable_partition(columns.begin(), columns.end(), [&](const std::string& c) { return c == size; });
  std::vector<Setting> settings = settings_of(group, runs);
  given_up.clear();
  while (settings.size() > most && !columns.empty()) {
    left_out.insert(columns.back());
    given_up = concat(columns.back(), given_up.empty() ? "" : ", ", given_up);
    columns.pop_back();
    settings = settings_of(group, runs, left_out);
  }
  return settings;
}

namespace {

Figures final_loss_figures(const Group& group, const FigureSource& source) {
  std::vector<FigureRun> runs = finished(group.runs);
  const std::size_t unmeasured = leave_out_unmeasured(runs, false);
  if (runs.empty()) return {};
  std::string given_up;
  const std::vector<Setting> settings = readable_settings(group, runs, kRows, given_up);
  std::vector<double> losses;
  for (const FigureRun& r : runs) losses.push_back(r.test_loss);
  const LossAxis axis(losses);
  const bool target = has_role(runs, false), control = has_role(runs, true);
  const double learned_below = first_trained(runs).learned_below;
  auto legend = roles_legend(target, control, LegendEntry::kPoint);
  add_thresholds(legend, learned_below);
  Page page(source.options.style, legend);
  const double row = target && control ? 28 : 22, top = page.top();
  const double bottom = top + std::max(70.0, row * static_cast<double>(settings.size()));
  page.set_height(static_cast<int>(bottom + 56));
  page.panel(label_room(settings, page.width()), top, page.width() - 20, bottom, settings.size());
  page.add(axis.commands('x'));
  page.add(setting_tics(settings, label_room(settings, page.width())));
  page.add(row_lines(settings.size(), "graph 0", "graph 1"));
  page.axis_labels("normalised test loss", "");
  page.add(threshold_lines('x', learned_below));
  std::vector<std::string> parts;
  for (const bool role : {false, true})
    if (role ? control : target)
      parts.push_back(fmt::format("{} using 1:2 with points pt {} ps 0.75*point_scale lc rgb '{}'",
                                  page.data(final_marks(settings, role, target && control, axis)), role ? 9 : 7,
                                  role_color(role)));
  page.plot(parts);
  Figure f{group.slug("final-loss"),
           "final-loss",
           "Normalised test loss of every run: " + group.name(),
           "",
           run_table(settings),
           ""};
  f.caption = fmt::format(
      "Normalised test loss at the end of every run (test loss over the variance of the target; 1 is no better "
      "than the best constant), one row a setting, one mark a seed: {}.{}{}",
      counts_text(runs), axis.edge_used() ? " Marks at the right edge: above 10 or not finite." : "",
      given_up_text(given_up) + unmeasured_text(unmeasured));
  page.finish(f);
  return {f};
}

}  // namespace

const FigureKind kFinalLossKind{"final-loss", "test loss of every run by setting", final_loss_figures, nullptr};

namespace {

struct Verdict {
  const char *name, *color, *ink;  // ink: the colour of a number on it
};
constexpr std::array<Verdict, 9> kVerdicts = {{{"learned", "#009E73", "#000000"},
                                               {"partly-learned", "#56B4E9", "#000000"},
                                               {"undecided", "#D9D9D9", "#000000"},
                                               {"memorised", "#CC79A7", "#000000"},
                                               {"cannot-fit", "#E69F00", "#000000"},
                                               {"hopeless", "#F0E442", "#000000"},
                                               {"diverged", "#A33F00", "#FFFFFF"},
                                               {"failed", "#000000", "#FFFFFF"},
                                               {"unfinished", "#FFFFFF", "#000000"}}};

// The verdict, or why there is none.
std::string outcome(const FigureRun& r) { return r.done() ? r.verdict : r.status; }

std::array<int, kVerdicts.size()> outcomes(const Setting& s, bool control) {
  std::array<int, kVerdicts.size()> counts{};
  for (const FigureRun& r : s.runs)
    if (r.control == control)
      for (std::size_t v = 0; v < kVerdicts.size(); ++v)
        if (outcome(r) == kVerdicts[v].name) ++counts[v];
  return counts;
}

// One panel: a stacked bar a setting, each part with its number of runs.
void verdict_panel(Page& page, const std::vector<Setting>& settings, bool control) {
  std::vector<std::string> parts;
  std::string labels;
  for (std::size_t v = 0; v < kVerdicts.size(); ++v) {
    std::vector<std::vector<double>> boxes;
    for (std::size_t i = 0; i < settings.size(); ++i) {
      const auto counts = outcomes(settings[i], control);
      double all = 0, before = 0;
      for (std::size_t w = 0; w < counts.size(); ++w) {
        all += counts[w];
        if (w < v) before += counts[w];
      }
      if (counts[v] == 0) continue;
      const auto y = static_cast<double>(i);
      boxes.push_back(
          {(before + counts[v] / 2.0) / all, y, before / all, (before + counts[v]) / all, y - 0.36, y + 0.36});
      if (counts[v] / all > 0.055)
        labels +=
            fmt::format("set label '{}' at first {:.6g}, first {} center front font ',11' textcolor rgb '{}'\n",
                        counts[v], boxes.back()[0], i, kVerdicts[v].ink);
    }
    if (boxes.empty()) continue;
    parts.push_back(
        fmt::format("{} using 1:2:3:4:5:6 with boxxyerror fc rgb '{}' fs solid 1 border lc rgb '#FFFFFF'",
                    page.data(boxes), kVerdicts[v].color));
    if (std::string(kVerdicts[v].name) == "unfinished")
      parts.back().replace(parts.back().rfind("#FFFFFF"), 7, "#777777");
  }
  page.add(labels);
  page.plot(parts);
}

Table verdict_table(const std::vector<Setting>& settings) {
  Table table{{"setting", "role", "outcome", "runs", "share"}, {}};
  for (const Setting& s : settings)
    for (const bool control : {false, true}) {
      const auto counts = outcomes(s, control);
      int all = 0;
      for (const int c : counts) all += c;
      for (std::size_t v = 0; v < counts.size(); ++v)
        if (counts[v] > 0)
          table.rows.push_back({s.name, std::string(control ? "control" : "target"), std::string(kVerdicts[v].name),
                                std::int64_t{counts[v]}, static_cast<double>(counts[v]) / all});
    }
  return table;
}

Figures verdict_figures(const Group& group, const FigureSource& source) {
  if (finished(group.runs).empty()) return {};
  std::string given_up;
  const std::vector<Setting> settings = readable_settings(group, group.runs, kRows, given_up);
  std::vector<LegendEntry> legend;
  for (const Verdict& v : kVerdicts)
    if (std::ranges::any_of(group.runs, [&](const FigureRun& r) { return outcome(r) == v.name; }))
      legend.push_back({LegendEntry::kBox, v.color, v.name});
  Page page(source.options.style, legend);
  std::vector<bool> roles;
  for (const bool control : {false, true})
    if (has_role(group.runs, control)) roles.push_back(control);
  const double left = label_room(settings, page.width()), top = page.top() + 22, gap = 44;
  const double bottom = top + std::max(30.0, 24.0 * static_cast<double>(settings.size()));
  const double width =
      (page.width() - 30 - left - gap * static_cast<double>(roles.size() - 1)) / static_cast<double>(roles.size());
  page.set_height(static_cast<int>(bottom + 52));
  for (std::size_t i = 0; i < roles.size(); ++i) {
    const double x = left + static_cast<double>(i) * (width + gap);
    page.panel(x, top, x + width, bottom, settings.size());
    page.add(concat("set border 1\nset xrange [0:1]\nset xtics ",
                    width < 190 ? "('0' 0, '50 %%' 0.5, '100 %%' 1)"
                                : "('0' 0, '25 %%' 0.25, '50 %%' 0.5, '75 %%' 0.75, '100 %%' 1)"));
    page.add(setting_tics(settings, left) + "unset grid");
    if (i > 0) page.add("set format y ''\nset ytics ('' 0) scale 0");
    page.axis_labels("share of the runs", "");
    page.label(x, top - 12, roles[i] ? "control" : "target",
               concat("left textcolor rgb '", role_color(roles[i]), "'"));
    verdict_panel(page, settings, roles[i]);
  }
  Figure f{group.slug("verdicts"),  "verdicts", "Verdicts by setting: " + group.name(), "",
           verdict_table(settings), ""};
  f.caption = fmt::format(
      "Share of each verdict among the runs of a setting, target and control apart; the numbers count runs. {}.{}",
      counts_text(group.runs), given_up_text(given_up));
  page.finish(f);
  return {f};
}

}  // namespace

const FigureKind kVerdictsKind{"verdicts", "share of each verdict by setting", verdict_figures, nullptr};

namespace {

// Where the verdicts lie, by the thresholds of a run.
std::string verdict_regions(const FigureRun& t) {
  const auto region = [](const std::string& from, const std::string& to, const char* color) {
    return fmt::format("set object rectangle from {} to {} fc rgb '{}' fs transparent solid 0.13 noborder behind\n",
                       from, to, color);
  };
  return region("graph 0, graph 0", fmt::format("graph 1, first {}", t.learned_below), "#009E73") +
         region(fmt::format("graph 0, first {}", t.fails_from),
                fmt::format("first {}, graph 1", t.memorised_train_below), "#CC79A7") +
         region(fmt::format("first {}, first {}", t.fails_from, t.learned_below), "graph 1, graph 1", "#E69F00");
}

Figures train_test_figures(const Group& group, const FigureSource& source) {
  std::vector<FigureRun> runs = finished(group.runs);
  std::erase_if(runs, &FigureRun::learner);
  const std::size_t unmeasured = leave_out_unmeasured(runs, true);
  if (runs.empty()) return {};
  std::vector<double> train, test;
  for (const FigureRun& r : runs) {
    train.push_back(r.train_loss);
    test.push_back(r.test_loss);
  }
  const LossAxis x(train), y(test);
  const bool target = has_role(runs, false), control = has_role(runs, true);
  const FigureRun& t = runs.front();
  auto legend = roles_legend(target, control, LegendEntry::kPoint);
  legend.push_back({LegendEntry::kBand, "#009E73", "learned"});
  legend.push_back({LegendEntry::kBand, "#CC79A7", "memorised"});
  legend.push_back({LegendEntry::kBand, "#E69F00", "cannot fit"});
  legend.push_back({LegendEntry::kLine, "lc rgb '#777777' lw 1 dt (3,3)", "train = test"});
  Page page(source.options.style, legend);
  const double top = page.top();
  page.set_height(static_cast<int>(top + 380 + 56));
  page.panel(84, top, page.width() - 24, top + 380);
  page.add(x.commands('x') + "\n" + y.commands('y'));
  page.axis_labels("normalised train loss", "normalised test loss");
  page.add(verdict_regions(t));
  std::vector<std::string> parts{fmt::format(
      "x >= {0} && x <= {1} ? x : NaN with lines lc rgb '#777777' lw 1 dt (3,3)", std::max(x.low(), y.low()), 1.4)};
  for (const bool role : {false, true}) {
    if (!(role ? control : target)) continue;
    std::vector<std::vector<double>> marks;
    for (const FigureRun& r : runs)
      if (r.control == role) marks.push_back({x.place(r.train_loss), y.place(r.test_loss)});
    parts.push_back(fmt::format("{} using 1:2 with points pt {} ps 0.8*point_scale lc rgb '{}'",
                                page.data(without_overlaps(marks, true)), role ? 9 : 7, role_color(role)));
  }
  page.plot(parts);
  Figure f{group.slug("train-test"),
           "train-test",
           "Train against test loss: " + group.name(),
           "",
           run_table(settings_of(group, runs)),
           ""};
  f.caption = fmt::format(
      "Normalised train and test loss at the end of every run: {}. Learned: test at most {}; memorised: train at "
      "most {} and test at least {}; cannot fit: train at least {}. Online runs: the train loss is the mean of the "
      "last 100 batches.{}",
      counts_text(runs), readable(t.learned_below), readable(t.memorised_train_below), readable(t.fails_from),
      readable(t.fails_from),
      (x.edge_used() || y.edge_used() ? " Marks at the upper or right edge: above 10 or not finite." : "") +
          unmeasured_text(unmeasured));
  page.finish(f);
  return {f};
}

}  // namespace

const FigureKind kTrainTestKind{"train-test", "train against test loss of every run", train_test_figures, nullptr};

}  // namespace tools
