#include "figures/groups.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include <eqnn/core/spelling.h>

#include "cli/json.h"

namespace tools {
namespace {

// Keys of a configuration that tell no settings apart.
bool tells_nothing(const std::string& key) {
  static const std::set<std::string> keys = {
      "seed",    "member-seed", "init-seed", "data-seed",    "control",
      "shard",   "strict",      "format",    "test-samples", "eval-every",
      "folds",   "fold",        "family",    "member",       "learned-below",
      "out",     "data_hash",   "data",      "fails-from",   "memorised-train-below",
      "threads", "init_hash",   kBeginning};
  return keys.contains(key);
}

bool is_seed(const std::string& key) {
  return key == "seed" || key == "member-seed" || key == "init-seed" || key == "data-seed";
}

// A number where text is one.
Cell typed_cell(const Cell& cell) {
  const auto* text = std::get_if<std::string>(&cell);
  if (text == nullptr) return cell;
  if (const auto whole = whole_number(*text)) return *whole;
  double value = 0;
  const char* end = text->data() + text->size();
  const auto r = std::from_chars(text->data(), end, value);
  return r.ec == std::errc() && r.ptr == end && std::isfinite(value) ? Cell(value) : cell;
}

Cell json_cell(const Json& v) {
  if (v.is_boolean()) return std::string(v.get<bool>() ? "true" : "false");
  if (v.is_number_integer()) return v.get<std::int64_t>();
  if (v.is_number()) return v.get<double>();
  if (v.is_string()) return typed_cell(v.get<std::string>());
  return v.is_null() ? Cell() : Cell(to_text(v));
}

// What the run was given, by the flags' names: from its configuration, or from the parameters of its result.
std::map<std::string, Cell> configuration(const RunTable& t, std::size_t row) {
  std::map<std::string, Cell> values;
  values[kBeginning] = std::string(t.begins_with_weights(row) ? "true" : "false");
  for (const auto& [column, unused] : t.columns()) {
    std::string key = column;
    if (key.starts_with("config.")) key = key.substr(7);
    if (key.starts_with("params.")) key = key.substr(7);
    if (key == column || tells_nothing(key)) continue;
    const Cell value = typed_cell(t.cell(row, column));
    if (!std::holds_alternative<std::monostate>(value)) values[key] = value;
  }
  return values;
}

// A run's place in a study, with what the study swept.
struct Membership {
  const Study* study;
  std::optional<std::int64_t> seed;
  std::map<std::string, Cell> values;
};

// By run: the studies that name it, in their order.
std::map<std::string, std::vector<Membership>> memberships(const std::vector<Study>& studies) {
  std::map<std::string, std::vector<Membership>> all;
  for (const Study& study : studies)
    for (const StudyRun& planned : study.runs) {
      Membership m{&study, planned.seed, {}};
      if (const Json json = parse_json_if(planned.values); json.is_object())
        for (const auto& [key, value] : json.items())
          if (!is_seed(key) && key != "control" && key != "family") m.values[key] = json_cell(value);
      all[planned.id].push_back(std::move(m));
    }
  return all;
}

// Keeps what takes two values or more; learners, which no study sweeps, count where there is nothing else.
void find_swept(Group& group, const std::vector<std::string>& order) {
  std::map<std::string, std::set<std::string>> seen;
  const bool only_learners = std::ranges::all_of(group.runs, [](const FigureRun& r) { return r.learner; });
  for (const FigureRun& run : group.runs)
    if (!run.learner || only_learners)
      for (const auto& [key, value] : run.values)
        if (key != "algorithm") seen[key].insert(text_of(value));
  const auto varies = [&](const std::string& key) { return seen.contains(key) && seen[key].size() > 1; };
  for (const std::string& key : order)
    if (varies(key)) group.swept.push_back(key);
  for (const char* key : kFamilyParameters)
    if (varies(key) && std::ranges::find(group.swept, key) == group.swept.end()) group.swept.emplace_back(key);
  for (const auto& [key, unused] : seen)
    if (varies(key) && std::ranges::find(group.swept, key) == group.swept.end()) group.swept.push_back(key);
}

bool run_less(const Group& group, const FigureRun& a, const FigureRun& b) {
  if (a.learner != b.learner) return b.learner;
  if (a.learner && a.method != b.method) return a.method < b.method;
  const auto value = [](const FigureRun& r, const std::string& key) {
    const auto found = r.values.find(key);
    return found == r.values.end() ? Cell() : found->second;
  };
  for (const std::string& key : group.swept) {
    const Cell x = value(a, key), y = value(b, key);
    if (cell_less(x, y) || cell_less(y, x)) return cell_less(x, y);
  }
  if (a.control != b.control) return b.control;
  const std::int64_t x = a.seed.value_or(0), y = b.seed.value_or(0);
  return x != y ? x < y : a.id < b.id;
}

void check_known(const std::string& flag, const std::string& given, const std::set<std::string>& known) {
  if (given.empty() || known.contains(given)) return;
  for (const std::string& name : known)
    if (name.starts_with(given + "/")) return;
  const std::vector<std::string> names(known.begin(), known.end());
  require(!names.empty(), "--", flag, " is '", given, "'; the database names none");
  throw ValueError(
      concat("--", flag, " is '", given, "', which the database does not hold", eqnn::spelling_hint(given, names)));
}

bool selected(const std::string& given, const std::string& name) {
  return given.empty() || given == name || name.starts_with(given + "/");
}

}  // namespace

bool is_family_parameter(const std::string& column) {
  return std::ranges::find(kFamilyParameters, column) != std::end(kFamilyParameters);
}

bool cell_less(const Cell& a, const Cell& b) {
  const double x = number_of(a), y = number_of(b);
  if (std::isnan(x) != std::isnan(y)) return std::isnan(y);
  return std::isnan(x) ? text_of(a) < text_of(b) : x < y;
}

std::string slug_of(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
    if (plain || (!out.empty() && out.back() != '-')) out += plain ? c : '-';
  }
  while (out.ends_with("-")) out.pop_back();
  return out;
}

std::string Group::name() const { return study.empty() ? family : concat(family, ", study ", study); }

std::string Group::slug(const std::string& kind) const {
  return kind + (study.empty() ? "" : "-" + slug_of(study)) + (family.empty() ? "" : "-" + slug_of(family));
}

Cell number_cell(double value) { return std::isfinite(value) ? Cell(value) : Cell(); }

namespace {

// Beside other studies: its family's parameters, and what its own study swept, such as samples.
std::map<std::string, Cell> learner_values(const RunTable& t, std::size_t row,
                                           const std::vector<Membership>* named) {
  auto values = configuration(t, row);
  std::erase_if(values, [](const auto& entry) { return !is_family_parameter(entry.first); });
  if (named != nullptr)
    for (const Membership& m : *named) values.insert(m.values.begin(), m.values.end());
  values["algorithm"] = t.text(row, "algorithm");
  return values;
}

// What load_groups goes through, and what it finds.
class Grouping {
 public:
  Grouping(const Database& db, const FigureOptions& options)
      : options_(options), table_(db), studies_(read_studies(db)) {
    sort_studies(studies_);
    memberships_ = memberships(studies_);
  }

  std::vector<Group> groups() {
    for (std::size_t row = 0; row < table_.size(); ++row) add(row);
    check_known("study", options_.study, study_names_);
    check_known("family", options_.family, families_);
    for (const auto& [family, runs] : learners_) add_learners(family, runs);
    std::vector<Group> all;
    for (auto& [key, group] : groups_) {
      finish(group);
      all.push_back(std::move(group));
    }
    // As the studies are; what is of none comes last.
    const auto place = [&](const Group& g) {
      return std::ranges::find(studies_, g.study, &Study::name) - studies_.begin();
    };
    std::ranges::stable_sort(all, {}, place);
    return all;
  }

 private:
  void add(std::size_t row) {
    if (!table_.text(row, "imported").empty()) return;  // weights that were brought in: nothing was trained
    FigureRun run{table_.run(row), {}};
    if (!run.family.empty()) families_.insert(run.family);
    const bool wanted = selected(options_.family, run.family);
    const auto named = memberships_.find(run.id);
    if (named != memberships_.end())
      for (const Membership& m : named->second) study_names_.insert(m.study->name);
    if (run.learner) {
      run.values = learner_values(table_, row, named == memberships_.end() ? nullptr : &named->second);
      if (wanted) learners_[run.family].push_back(run);
      if (named == memberships_.end()) return;
    }
    if (named == memberships_.end()) {
      run.values = configuration(table_, row);
      if (wanted && options_.study.empty()) group("", run.family).runs.push_back(run);
      return;
    }
    for (const Membership& m : named->second) {
      if (!wanted || !selected(options_.study, m.study->name)) continue;
      if (!run.learner) run.values = m.values;
      if (m.seed) run.seed = m.seed;
      group(m.study->name, run.family).runs.push_back(run);
    }
  }

  Group& group(const std::string& study, const std::string& family) {
    Group& g = groups_[{study, family}];
    g.study = study;
    g.family = family;
    return g;
  }

  // Runs of `learn` stand beside every group of trainings of their family too; those of no study, and beside none,
  // make a group of their own.
  void add_learners(const std::string& family, const std::vector<FigureRun>& runs) {
    bool placed = false;
    for (auto& [key, group] : groups_) {
      if (key.second != family) continue;
      placed = true;
      if (std::ranges::any_of(group.runs, [](const FigureRun& r) { return !r.learner; }))
        group.runs.insert(group.runs.end(), runs.begin(), runs.end());
    }
    if (!placed && options_.study.empty()) group("", family).runs = runs;
  }

  void finish(Group& group) const {
    const auto study = std::ranges::find(studies_, group.study, &Study::name);
    if (study != studies_.end()) group.title = study->title;
    find_swept(group, study == studies_.end() ? std::vector<std::string>() : study->swept);
    std::sort(group.runs.begin(), group.runs.end(),
              [&](const FigureRun& a, const FigureRun& b) { return run_less(group, a, b); });
  }

  const FigureOptions& options_;
  const RunTable table_;
  std::vector<Study> studies_;
  std::map<std::string, std::vector<Membership>> memberships_;
  std::map<std::pair<std::string, std::string>, Group> groups_;  // by study and family
  std::map<std::string, std::vector<FigureRun>> learners_;       // by family
  std::set<std::string> families_, study_names_;
};

}  // namespace

std::vector<Group> load_groups(const Database& db, const FigureOptions& options) {
  return Grouping(db, options).groups();
}

FrontierRun frontier_run(const Run& run, double size, std::string point) {
  return {.size = size,
          .point = std::move(point),
          .control = run.control,
          .learned = run.verdict == "learned",
          .diverged = run.verdict == "diverged",
          .normalized_test_loss = run.test_loss,
          .steps = run.steps,
          .samples = run.samples_seen,
          .steps_to_learn = run.steps_to_learn,
          .samples_to_learn = run.samples_to_learn,
          .eval_every = run.eval_every,
          .steps_given = run.steps_given};
}

}  // namespace tools
