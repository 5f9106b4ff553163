#include "report/table.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <set>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include "cli/columns.h"
#include "cli/json.h"
#include "cli/paths.h"
#include "commands.h"
#include "figures/foresight.h"
#include "figures/groups.h"
#include "figures/samples_to_learn.h"
#include "figures/slices.h"
#include "results/collect.h"
#include "results/frontier.h"
#include "results/runs.h"

namespace tools {
namespace {

std::string loss_column(double v) {
  return !std::isfinite(v) ? "-" : v < 1000 ? fmt::format("{:.4f}", v) : fmt::format("{:.1e}", v);
}

// What a question was answered by: every finished run of a sweep but for the tuned flags.
struct Question {
  std::string label;
  std::vector<FrontierRun> runs;
  std::map<std::string, std::set<std::string>> verdicts;    // of each point
  std::map<std::string, std::vector<std::string>> by_seed;  // of each point, "seed 3 0.0154 after 2500"
  std::map<std::string, Json> tuned;                        // the flags of each point
};

// A number of the best point that is the lowest or the highest of those that were tried beside its other flags.
struct Edge {
  std::string flag;
  bool lowest = false;
  std::size_t values = 0;  // how many were tried
};

// The numbers of a flag that were tried with the other flags as in `point`.
std::set<double> numbers_beside(const Question& q, const Json& point, const std::string& flag) {
  const auto others = [&](Json values) {
    values.erase(flag);
    return values;
  };
  std::set<double> numbers;
  for (const auto& [name, values] : q.tuned)
    if (values.contains(flag) && values[flag].is_number() && others(values) == others(point))
      numbers.insert(values[flag].get<double>());
  return numbers;
}

// 0 is no edge: below it nothing can be tried.
std::vector<Edge> edges_of(const Question& q, const std::string& best) {
  std::vector<Edge> edges;
  const Json& point = q.tuned.at(best);
  for (const auto& entry : point.items()) {
    if (!entry.value().is_number()) continue;
    const std::set<double> numbers = numbers_beside(q, point, entry.key());
    const double ours = entry.value().get<double>();
    if (numbers.size() < 2 || ours == 0) continue;
    if (ours == *numbers.begin() || ours == *numbers.rbegin())
      edges.push_back({entry.key(), ours == *numbers.begin(), numbers.size()});
  }
  return edges;
}

// "adam, lr 0.002 (of 6; lr the lowest of 3)".
std::string point_text(const Question& q, const FrontierPoint& best) {
  std::string choice = best.grid_points > 1 ? fmt::format("of {}", best.grid_points) : "";
  for (const Edge& e : edges_of(q, best.best))
    choice += fmt::format("; {} the {} of {}", e.flag, e.lowest ? "lowest" : "highest", e.values);
  return concat(best.best.empty() ? "-" : best.best, choice.empty() ? "" : concat(" (", choice, ")"));
}

// A finished run, and its point of the grid.
void add(Question& q, const Run& run, std::optional<std::int64_t> seed, const Json& values) {
  FrontierRun r = frontier_run(run, 0, flags_text(values, true));
  r.control = false;  // target and control are questions of their own
  q.tuned.try_emplace(r.point, tuned_flags(values));
  q.verdicts[r.point].insert(run.verdict.empty() ? "none" : run.verdict);
  q.by_seed[r.point].push_back(fmt::format("{}{}{}", seed ? fmt::format("seed {} ", *seed) : "",
                                           loss_column(run.test_loss),
                                           std::isnan(run.steps) ? "" : fmt::format(" after {:.0f}", run.steps)));
  q.runs.push_back(std::move(r));
}

// By the flags that are not tuned, in the order in which they come.
class Questions {
 public:
  void add_run(const Run& run, std::optional<std::int64_t> seed, const Json& values) {
    const auto [at, fresh] = place_.try_emplace(flags_text(values, false), all.size());
    if (fresh) all.emplace_back().label = at->first;
    add(all[at->second], run, seed, values);
  }
  std::vector<Question> all;

 private:
  std::map<std::string, std::size_t> place_;
};

// In the order of the grid.
std::vector<Question> questions_of(const RunTable& table, const Study& study, const std::string& family) {
  Questions questions;
  for (const StudyRun& planned : study.runs) {
    const auto row = table.row_of(planned.id);
    if (!row || table.text(*row, "status") != "done" || !table.text(*row, "imported").empty()) continue;
    const Run run = table.run(*row);
    if (family.empty() || run.family == family) questions.add_run(run, planned.seed, parse_json(planned.values));
  }
  return std::move(questions.all);
}

Json value_json(const Cell& cell) {
  if (const auto* whole = std::get_if<std::int64_t>(&cell)) return *whole;
  if (const auto* number = std::get_if<double>(&cell)) return *number;
  const std::string text = text_of(cell);
  return text == "true" || text == "false" ? Json(text == "true") : Json(text);
}

// What runs differ in: what takes two values, and what only some of them have.
std::vector<std::string> differing(const Group& group) {
  std::map<std::string, std::size_t> count;
  std::size_t networks = 0;
  for (const FigureRun& run : group.runs) {
    networks += run.learner ? 0 : 1;
    for (const auto& [key, value] : run.values) count[key] += run.learner ? 0 : 1;
  }
  std::vector<std::string> keys = group.swept;
  for (const auto& [key, seen] : count)
    if (seen > 0 && seen < networks && std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
  return keys;
}

// Of runs of no study: what they differ in is what was asked.
std::vector<Question> questions_of(const Group& group) {
  const std::vector<std::string> keys = differing(group);
  Questions questions;
  for (const FigureRun& run : group.runs) {
    if (!run.done()) continue;
    Json values = Json::object();
    if (run.learner) values["algo"] = run.method;
    for (const std::string& flag : keys)
      if (const auto at = run.values.find(flag); at != run.values.end()) values[flag] = value_json(at->second);
    if (run.control) values["control"] = true;
    questions.add_run(run, run.seed, values);
  }
  return std::move(questions.all);
}

std::string interval_text(Interval i) { return fmt::format("[{:.2f}, {:.2f}]", i.low, i.high); }

// The most steps that a run did there, of how many it was given.
std::string steps_text(const FrontierPoint& best) {
  if (best.steps.budget == 0) return "-";  // of a learner that takes none
  const bool fewer = std::isfinite(best.steps_given) && best.steps.budget < best.steps_given;
  return fmt::format("{:.0f}{}", best.steps.budget, fewer ? fmt::format(" of {:.0f}", best.steps_given) : "");
}

// A row a question: what all runs of the grid did together, and the best point of the grid with an interval that
// allows for its choice.
std::vector<std::string> table_row(const Question& q, const FrontierPoint& best) {
  const auto learned =
      static_cast<int>(std::count_if(q.runs.begin(), q.runs.end(), [](const auto& r) { return r.learned; }));
  const auto all = static_cast<int>(q.runs.size());
  return {q.label,
          fmt::format("{} of {} {}", learned, all, interval_text(clopper_pearson(learned, all))),
          point_text(q, best),
          fmt::format("{}/{} {}", best.learned, best.seeds, interval_text(best.fraction_interval)),
          fmt::format("{} ({} to {})", loss_column(best.loss_median), loss_column(best.loss_range.low),
                      loss_column(best.loss_range.high)),
          steps_text(best),
          fmt::format("{}", fmt::join(q.verdicts.at(best.best), ", "))};
}

void print_rows(const std::vector<std::vector<std::string>>& rows) {
  fmt::print("{}", table_text(rows, line_columns()));
}

// A sentence or a list, in lines as wide as the terminal; elsewhere in one.
void print_lines(const std::string& text, std::size_t indent = 0) {
  const std::size_t columns = line_columns();
  fmt::print("{}", columns == SIZE_MAX ? text + '\n'
                                       : std::string(indent, ' ') + wrapped(text, indent, indent + 2, columns));
}

// Where there are at least ten seeds at each of four sizes or more: how the samples to learn grow with the size.
void print_growth(const std::vector<Group>& groups) {
  for (const Group& group : groups)
    for (const FrontierSlice& slice : frontier_slices(group))
      for (const bool control : {false, true}) {
        const auto sizes = std::ranges::count_if(
            slice.points, [&](const FrontierPoint& p) { return p.control == control && p.seeds >= 10; });
        if (sizes < 4) continue;
        fmt::print("Samples to learn, {}{}{}: {}\n", slice.label, slice.label.empty() ? "" : ", ",
                   control ? "control" : "target", growth_text(growth_of(slice, control), slice.size));
      }
}

std::string area_text(const Area& a) {
  return fmt::format("{:.2f} [{:.2f}, {:.2f}]", a.value, a.interval.low, a.interval.high);
}

std::string lead_text(double v) { return std::isfinite(v) ? fmt::format("{:.2f}", v) : "never"; }

// Where some size has five runs of the target that learn after a quarter of the budget, and five that do not.
void print_foresight(const Database& db, const std::vector<Group>& groups) {
  for (const Group& group : groups)
    for (const FrontierSlice& slice : frontier_slices(group)) {
      const auto f = foresight_of(db, slice);
      if (!f) continue;
      fmt::print("Foretold at a quarter of {:.0f} samples, {} {:g}: {} learn later, {} do not, {} had learned\n",
                 f->budget, slice.size, f->size, f->later, f->never, f->early);
      std::vector<std::vector<std::string>> rows{
          {"", "area under the curve", "lead before the loss", "rose in vain"}};
      for (const MeasureForesight& m : f->measures)
        rows.push_back({m.name, area_text(m.area),
                        fmt::format("{} [{}, {}]", lead_text(m.lead), lead_text(m.lead_interval.low),
                                    lead_text(m.lead_interval.high)),
                        fmt::format("{}/{}", m.rose_in_vain, f->never)});
      print_rows(rows);
    }
}

// One table: a study's, or that of the runs of a family in none.
struct Part {
  std::string study, title;  // study "": none
  std::vector<Question> questions;
  std::vector<Group> groups = {};  // of a study
  std::vector<std::vector<std::string>> exchange = {};
};

// Those with a finished run, in the order in which they were collected.
std::vector<Part> parts_of(const Database& db, const TableFilter& filter) {
  const std::vector<Group> groups = load_groups(db, {.study = filter.study, .family = filter.family});
  const RunTable table(db);
  std::vector<Part> parts;
  for (const Study& study : read_studies(db)) {
    if (!filter.study.empty() && study.name != filter.study && !study.name.starts_with(filter.study + "/"))
      continue;
    Part part{study.name, study.title.empty() ? study.name : study.title,
              questions_of(table, study, filter.family)};
    std::ranges::copy_if(groups, std::back_inserter(part.groups),
                         [&](const Group& g) { return g.study == study.name; });
    if (filter.family.empty()) part.exchange = exchange_rows(needs_of(table, study));
    parts.push_back(std::move(part));
  }
  for (const Group& group : groups)
    if (group.study.empty()) parts.push_back({"", concat("Runs of no study: ", group.family), questions_of(group)});
  std::erase_if(parts, [](const Part& p) { return p.questions.empty(); });
  return parts;
}

// `several`: others have its title.
void print_part(const Database& db, const Part& part, bool several) {
  std::vector<std::vector<std::string>> rows{{"", "learned, all runs", "best point", "learned there",
                                              "test loss, median (range)", "steps, most", "verdicts"}};
  std::vector<std::string> by_seed;
  for (const Question& q : part.questions) {
    const FrontierPoint best = frontier(q.runs).front();
    rows.push_back(table_row(q, best));
    by_seed.push_back(fmt::format("  {}{}: {}", q.label.empty() ? "" : q.label + ", ", rows.back()[2],
                                  fmt::join(q.by_seed.at(best.best), "; ")));
  }
  fmt::print("\n{}{}\n", part.title, several ? concat(" (", part.study, ")") : "");
  print_rows(rows);
  fmt::print("Test loss of each seed there, and the steps of its run:\n");
  for (const std::string& line : by_seed) print_lines(line, 2);
  print_growth(part.groups);
  print_foresight(db, part.groups);
  if (part.exchange.empty()) return;
  fmt::print(
      "Samples to learn, of each seed the fewest (of fixed sets the smallest size tried); ratios of medians:\n");
  print_rows(part.exchange);
}

Json interval_json(Interval i) { return Json::array({number_json(i.low), number_json(i.high)}); }

Json row_json(const Question& q) {
  const FrontierPoint best = frontier(q.runs).front();
  Json verdicts = Json::array();
  for (const std::string& verdict : q.verdicts.at(best.best)) verdicts.push_back(verdict);
  Json edges = Json::array();
  for (const Edge& e : edges_of(q, best.best))
    edges.push_back({{"flag", e.flag}, {"end", e.lowest ? "lowest" : "highest"}, {"of", e.values}});
  return {{"question", q.label},
          {"runs", q.runs.size()},
          {"learned", std::ranges::count_if(q.runs, &FrontierRun::learned)},
          {"best_point", best.best},
          {"points", best.grid_points},
          {"best_edges", edges},
          {"best_runs", best.seeds},
          {"best_learned", best.learned},
          {"best_interval", interval_json(best.fraction_interval)},
          {"median_loss", number_json(best.loss_median)},
          {"loss_range", interval_json(best.loss_range)},
          {"steps", number_json(best.steps.budget)},
          {"steps_given", number_json(best.steps_given)},
          {"verdicts", verdicts}};
}

struct TableFlags {
  std::vector<std::string> paths;
  TableFilter filter;
};

int table(const TableFlags& flags, const Common& common) {
  const Database db = open_results(flags.paths, common);
  if (common.json)
    print_tables_json(db, flags.filter);
  else
    print_tables(db, flags.filter);
  return kDone;
}

}  // namespace

void print_tables(const Database& db, const TableFilter& filter) {
  const std::vector<Part> parts = parts_of(db, filter);
  if (parts.empty()) {
    fmt::print("No run of train or learn is finished yet.\n");
    return;
  }
  print_lines(
      "Losses are normalised: 1 is what the best constant has; tests are on fresh inputs. A row holds one "
      "question\n"
      "over a grid of settings and seeds: all its runs, then the best point of the grid (highest fraction "
      "learned,\n"
      "then lowest mean loss), whose interval allows for the choice; where it says that a flag is the lowest or "
      "the\n"
      "highest of those tried, a better value may lie beyond. Intervals: 95 %, of the fraction learned. Verdicts: "
      "at\n"
      "the best point, within these steps.");
  for (const Part& part : parts) print_part(db, part, std::ranges::count(parts, part.title, &Part::title) > 1);
}

void print_tables_json(const Database& db, const TableFilter& filter) {
  Json list = Json::array();
  for (const Part& part : parts_of(db, filter)) {
    Json rows = Json::array();
    for (const Question& q : part.questions) rows.push_back(row_json(q));
    list.push_back({{"study", part.study}, {"title", part.title}, {"rows", rows}});
  }
  fmt::print("{}\n", to_text(list));
}

void add_table(CommandLine& line) {
  Subcommand sub =
      line.add("table", "what runs amount to: learned, best setting, losses, verdicts", "Look at results");
  auto flags = std::make_shared<TableFlags>();
  sub.note(
      "The table that sweep run and reproduce end with, of a database, or of the runs below folders as they are "
      "now.");
  sub.example("eqnn table runs/grid # of a sweep, also while it is at work");
  sub.example("eqnn table results.db --family gnn-degree-parity");
  sub.required_list("RESULTS", flags->paths,
                    "a database that collect made, or run directories and folders of such");
  sub.takes("RESULTS", {"/", ".db"});
  sub.option("--study", flags->filter.study, "only this study");
  sub.option("--family", flags->filter.family, "only runs on this family; data: on files");
  sub.runs([flags](const Common& common) { return table(*flags, common); });
}

}  // namespace tools
