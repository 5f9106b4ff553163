#include "figures/data.h"

#include "cli/json.h"
#include "figures/script.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>


#include <eqnn/core/spelling.h>

namespace tools {
namespace {

// Parameters of families, those that set how hard a problem is first: the order in which a frontier chooses.
constexpr std::array kFamilyParameters = {"n",     "r",          "d",        "k",         "degree",
                                          "m",     "terms",      "bias-max", "min-count", "c-min",
                                          "group", "self-loops", "graph",    "frame",     "generators"};

// Keys of a configuration that tell no settings apart.
bool tells_nothing(const std::string& key) {
  static const std::set<std::string> keys = {
      "seed",   "member-seed", "init-seed", "data-seed",    "control",
      "shard",  "strict",      "format",    "test-samples", "eval-every",
      "folds",  "fold",        "family",    "member",       "learned-below",
      "out",    "data_hash",   "data",      "fails-from",   "memorised-train-below",
      "threads"};
  return keys.contains(key);
}

bool is_seed(const std::string& key) {
  return key == "seed" || key == "member-seed" || key == "init-seed" || key == "data-seed";
}

// A number where text is one.
Cell typed(const Cell& cell) {
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
  if (v.is_string()) return typed(v.get<std::string>());
  return v.is_null() ? Cell() : Cell(to_text(v));
}

// The columns of table runs that figures need, as far as they are there.
class RunTable {
 public:
  explicit RunTable(const Database& db) {
    std::string list;
    for (const std::string& name : db.columns("runs"))
      if (wanted(name)) list += concat(list.empty() ? "" : ", ", sql_name(name));
    table_ = db.query(concat("SELECT ", list, " FROM runs ORDER BY run_id"));
    for (std::size_t i = 0; i < table_.columns.size(); ++i) columns_[table_.columns[i]] = i;
  }

  std::size_t size() const { return table_.rows.size(); }
  const std::map<std::string, std::size_t>& columns() const { return columns_; }
  Cell cell(std::size_t row, const std::string& name) const {
    const auto found = columns_.find(name);
    return found == columns_.end() ? Cell() : table_.rows[row][found->second];
  }
  std::string text(std::size_t row, const std::string& name) const { return text_of(cell(row, name)); }
  double number(std::size_t row, const std::string& name) const { return number_of(cell(row, name)); }

 private:
  static bool wanted(const std::string& name) {
    static const std::set<std::string> names = {
        "run_id", "study",   "seed",         "status",           "family",
        "model",  "verdict", "algorithm",    "control",          "normalized_test_loss",
        "steps",  "samples", "samples_seen", "steps_to_learn",   "normalized_train_loss",
        "data",   "exact",   "data.path",    "samples_to_learn", "queries"};
    return names.contains(name) || name.starts_with("params.") || name.starts_with("config.") ||
           name.starts_with("thresholds.");
  }

  Table table_;
  std::map<std::string, std::size_t> columns_;
};

double or_else(double value, double fallback) { return std::isfinite(value) ? value : fallback; }

FigureRun read_run(const RunTable& t, std::size_t row) {
  FigureRun run;
  run.id = t.text(row, "run_id");
  run.status = t.text(row, "status");
  run.verdict = run.done() ? t.text(row, "verdict") : "";
  const std::string algorithm = t.text(row, "algorithm"), model = t.text(row, "model");
  run.learner = !algorithm.empty();
  run.method = run.learner ? algorithm : model.empty() ? t.text(row, "config.model") : model;
  const double control = t.number(row, "control");
  run.control = (std::isfinite(control) ? control : or_else(t.number(row, "config.control"), 0)) != 0;
  run.seed = static_cast<std::int64_t>(or_else(t.number(row, "seed"), 0));
  run.test_loss = t.number(row, "normalized_test_loss");
  run.train_loss = t.number(row, "normalized_train_loss");
  run.steps = t.number(row, "steps");
  run.samples_seen = t.number(row, "samples_seen");
  run.steps_to_learn = t.number(row, "steps_to_learn");
  run.samples_to_learn = t.number(row, "samples_to_learn");
  run.learned_below = or_else(t.number(row, "thresholds.learned_below"), run.learned_below);
  run.memorised_train_below = or_else(t.number(row, "thresholds.memorised_train_below"), run.memorised_train_below);
  run.fails_from = or_else(t.number(row, "thresholds.fails_from"), run.fails_from);
  return run;
}

std::string family_of(const RunTable& t, std::size_t row) {
  const std::string family = t.text(row, "family");
  return family.empty() ? t.text(row, "config.family") : family;
}

// What the run was given, by the flags' names: from its configuration, or from the parameters of its result.
std::map<std::string, Cell> configuration(const RunTable& t, std::size_t row) {
  std::map<std::string, Cell> values;
  for (const auto& [column, unused] : t.columns()) {
    std::string key = column;
    if (key.starts_with("config.")) key = key.substr(7);
    if (key.starts_with("params.")) key = key.substr(7);
    if (key == column || tells_nothing(key)) continue;
    const Cell value = typed(t.cell(row, column));
    if (!std::holds_alternative<std::monostate>(value)) values[key] = value;
  }
  return values;
}

struct Membership {
  std::string study;
  std::map<std::string, Cell> values;
  double seed;
};

// By run: the studies that name it, with what they swept.
std::map<std::string, std::vector<Membership>> memberships(const Database& db) {
  std::map<std::string, std::vector<Membership>> all;
  const Table table = db.query(R"(SELECT study, run_id, seed, "values" FROM study_runs ORDER BY study, run_id)");
  for (const auto& row : table.rows) {
    Membership m{text_of(row[0]), {}, number_of(row[2])};
    const auto json = parse_json_if(text_of(row[3]));
    if (json.is_object())
      for (const auto& [key, value] : json.items())
        if (!is_seed(key) && key != "control" && key != "family") m.values[key] = json_cell(value);
    all[text_of(row[1])].push_back(std::move(m));
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
  return a.seed != b.seed ? a.seed < b.seed : a.id < b.id;
}

void check_known(const std::string& flag, const std::string& given, const std::set<std::string>& known) {
  if (given.empty() || known.contains(given)) return;
  for (const std::string& name : known)
    if (name.starts_with(given + "/")) return;
  const std::vector<std::string> names(known.begin(), known.end());
  require(!names.empty(), "--", flag, " is '", given, "'; the database names none");
  throw ValueError(concat("--", flag, " is '", given, "', which the database does not hold; the nearest is '",
                          eqnn::nearest(given, names), "'"));
}

bool selected(const std::string& given, const std::string& name) {
  return given.empty() || given == name || name.starts_with(given + "/");
}

}  // namespace

std::string Group::name() const { return study.empty() ? family : concat(family, ", study ", study); }

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

std::string Group::slug(const std::string& kind) const {
  return kind + (study.empty() ? "" : "-" + slug_of(study)) + (family.empty() ? "" : "-" + slug_of(family));
}

bool cell_less(const Cell& a, const Cell& b) {
  const double x = number_of(a), y = number_of(b);
  if (std::isnan(x) != std::isnan(y)) return std::isnan(y);
  return std::isnan(x) ? text_of(a) < text_of(b) : x < y;
}

namespace {

std::map<std::string, Cell> learner_values(const RunTable& t, std::size_t row) {
  auto values = configuration(t, row);
  std::erase_if(values, [](const auto& entry) { return !is_family_parameter(entry.first); });
  values["algorithm"] = t.text(row, "algorithm");
  return values;
}

void finish_group(Group& group, const Database& db) {
  const Table study = db.query("SELECT title, swept FROM studies WHERE study = ?", {group.study});
  std::vector<std::string> order;
  if (!study.rows.empty()) {
    group.title = text_of(study.rows[0][0]);
    const auto list = parse_json_if(text_of(study.rows[0][1]));
    if (list.is_array())
      for (const auto& key : list)
        if (key.is_string()) order.push_back(key.get<std::string>());
  }
  find_swept(group, order);
  std::sort(group.runs.begin(), group.runs.end(),
            [&](const FigureRun& a, const FigureRun& b) { return run_less(group, a, b); });
}

}  // namespace

std::vector<Group> load_groups(const Database& db, const FigureOptions& options) {
  const RunTable table(db);
  const auto studies_of = memberships(db);
  std::map<std::pair<std::string, std::string>, Group> groups;  // study, family
  std::map<std::string, std::vector<FigureRun>> learners;       // by family
  std::set<std::string> families, studies;
  for (std::size_t row = 0; row < table.size(); ++row) {
    FigureRun run = read_run(table, row);
    const std::string family = family_of(table, row);
    families.insert(family);
    if (run.learner) {
      run.values = learner_values(table, row);
      if (selected(options.family, family)) learners[family].push_back(run);
      continue;
    }
    std::vector<Membership> named;
    if (const auto found = studies_of.find(run.id); found != studies_of.end()) named = found->second;
    if (named.empty()) named.push_back({"", configuration(table, row), std::nan("")});
    for (const Membership& m : named) {
      studies.insert(m.study);
      if (!selected(options.study, m.study) || !selected(options.family, family)) continue;
      Group& group = groups[{m.study, family}];
      group.study = m.study;
      group.family = family;
      run.values = m.values;
      if (std::isfinite(m.seed)) run.seed = static_cast<std::int64_t>(m.seed);
      group.runs.push_back(run);
    }
  }
  studies.erase("");
  families.erase("");
  check_known("study", options.study, studies);
  check_known("family", options.family, families);
  for (const auto& [family, runs] : learners) {
    bool placed = false;
    for (auto& [key, group] : groups)
      if (key.second == family) {
        group.runs.insert(group.runs.end(), runs.begin(), runs.end());
        placed = true;
      }
    if (!placed && options.study.empty()) groups[{"", family}] = {"", "", family, {}, runs};
  }
  std::vector<Group> all;
  for (auto& [key, group] : groups) {
    finish_group(group, db);
    all.push_back(std::move(group));
  }
  return all;
}

std::string label_of(const Cell& value) {
  std::string text = text_of(value);
  if (!std::holds_alternative<double>(value)) return text;
  if (const auto e = text.find("e-0"); e != std::string::npos) text.erase(e + 2, 1);
  if (const auto e = text.find("e+"); e != std::string::npos) text.erase(e + 1, text[e + 2] == '0' ? 2 : 1);
  return text;
}

std::string values_text(const FigureRun& run, const std::vector<std::string>& columns) {
  std::string text;
  for (const std::string& key : columns)
    if (const auto found = run.values.find(key); found != run.values.end())
      text += concat(text.empty() ? "" : ", ", key, " ", label_of(found->second));
  return text;
}

namespace {

// Words say themselves what they are: "sgd, lr 0.1".
std::string short_text(const FigureRun& run, const std::vector<std::string>& columns) {
  std::string text;
  for (const std::string& key : columns) {
    const auto found = run.values.find(key);
    if (found == run.values.end()) continue;
    const std::string value = label_of(found->second);
    const bool word = !std::isfinite(number_of(found->second)) && value != "true" && value != "false";
    text += concat(text.empty() ? "" : ", ", word ? "" : key + " ", shortened(value, 18));
  }
  return text;
}

}  // namespace

std::vector<Setting> settings_of(const Group& group, const std::vector<FigureRun>& runs,
                                 const std::set<std::string>& left_out) {
  std::vector<std::string> columns;
  for (const std::string& key : group.swept)
    if (!left_out.contains(key)) columns.push_back(key);
  std::vector<Setting> settings;
  std::map<std::string, std::size_t> place;
  for (const FigureRun& run : runs) {
    std::string name = values_text(run, columns), label = short_text(run, columns);
    if (run.learner) {
      name = concat(run.method, name.empty() ? "" : ", ", name);
      label = concat(run.method, label.empty() ? "" : ", ", label);
    }
    if (name.empty()) name = label = run.method.empty() ? "all runs" : run.method;
    const auto [entry, added] = place.try_emplace(name, settings.size());
    if (added) settings.push_back({name, label, {}});
    settings[entry->second].runs.push_back(run);
  }
  return settings;
}

bool is_family_parameter(const std::string& column) {
  return std::ranges::find(kFamilyParameters, column) != kFamilyParameters.end();
}

std::vector<Cell> values_of(const std::vector<FigureRun>& runs, const std::string& column) {
  std::vector<Cell> values;
  for (const FigureRun& run : runs)
    if (const auto found = run.values.find(column); found != run.values.end()) values.push_back(found->second);
  std::sort(values.begin(), values.end(), cell_less);
  values.erase(std::unique(values.begin(), values.end(),
                           [](const Cell& a, const Cell& b) { return text_of(a) == text_of(b); }),
               values.end());
  return values;
}

bool is_numeric(const Group& group, const std::string& column) {
  const std::vector<Cell> values = values_of(group.runs, column);
  return values.size() > 1 &&
         std::ranges::all_of(values, [](const Cell& c) { return std::isfinite(number_of(c)); });
}

std::string size_column(const Group& group, const std::string& wanted) {
  const auto swept = [&](const std::string& key) {
    return std::ranges::find(group.swept, key) != group.swept.end() && is_numeric(group, key);
  };
  if (!wanted.empty()) return swept(wanted) ? wanted : "";
  for (const char* key : kFamilyParameters)
    if (swept(key)) return key;
  for (const char* key : {"samples", "width"})
    if (swept(key)) return key;
  return "";
}

namespace {

FrontierRun frontier_run(const FigureRun& run, const std::string& size, const std::vector<std::string>& others) {
  FrontierRun r;
  r.size = number_of(run.values.at(size));
  r.point = values_text(run, others);
  r.control = run.control;
  r.learned = run.verdict == "learned";
  r.diverged = run.verdict == "diverged";
  r.normalized_test_loss = run.test_loss;
  r.steps = run.steps;
  r.samples = run.samples_seen;
  r.steps_to_learn = run.steps_to_learn;
  r.samples_to_learn = run.samples_to_learn;
  // Learned, and nobody noted when: by its last step.
  if (r.learned && !std::isfinite(r.steps_to_learn)) {
    r.steps_to_learn = run.steps;
    r.samples_to_learn = run.samples_seen;
  }
  return r;
}

}  // namespace

std::vector<FrontierSlice> frontier_slices(const Group& group, const std::string& x) {
  const std::string size = size_column(group, x);
  if (size.empty()) return {};
  std::vector<std::string> problem, grid;  // the other columns
  for (const std::string& key : group.swept)
    if (key != size && key != "model") (is_family_parameter(key) ? problem : grid).push_back(key);
  std::vector<FrontierSlice> slices;
  std::map<std::string, std::size_t> place;
  for (const FigureRun& run : group.runs) {
    if (run.learner || !run.done() || !run.values.contains(size)) continue;
    const std::string label = values_text(run, problem);
    const auto [entry, added] = place.try_emplace(concat(run.method, "\n", label), slices.size());
    if (added) slices.push_back({run.method, label, size, {}, {}});
    slices[entry->second].runs.push_back(run);
  }
  std::erase_if(slices, [&](const FrontierSlice& s) { return values_of(s.runs, size).size() < 2; });
  for (FrontierSlice& slice : slices) {
    std::vector<FrontierRun> runs;
    for (const FigureRun& run : slice.runs) runs.push_back(frontier_run(run, size, grid));
    slice.points = frontier(std::move(runs));
  }
  return slices;
}

Cell number_cell(double value) { return std::isfinite(value) ? Cell(value) : Cell(); }

}  // namespace tools
