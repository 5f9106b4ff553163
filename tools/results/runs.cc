#include "results/runs.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "cli/json.h"

namespace tools {
namespace {

std::optional<std::int64_t> whole(const Cell& cell) {
  const auto* value = std::get_if<std::int64_t>(&cell);
  return value == nullptr ? std::nullopt : std::optional(*value);
}

// Matrices of every member, which nothing here reads.
bool is_of_member(const std::string& column) {
  return column == "member" || column == "config.member" || column.starts_with("member.");
}

}  // namespace

RunTable::RunTable(const Database& db) {
  std::string list;
  for (const std::string& name : db.columns("runs"))
    if (!is_of_member(name)) list += concat(list.empty() ? "" : ", ", sql_name(name));
  table_ = db.query(concat("SELECT ", list, " FROM runs ORDER BY run_id"));
  for (std::size_t i = 0; i < table_.columns.size(); ++i) columns_[table_.columns[i]] = i;
  for (std::size_t row = 0; row < size(); ++row) rows_[text(row, "run_id")] = row;
}

std::optional<std::size_t> RunTable::row_of(const std::string& id) const {
  const auto found = rows_.find(id);
  return found == rows_.end() ? std::nullopt : std::optional(found->second);
}

const Cell& RunTable::cell(std::size_t row, const std::string& column) const {
  static const Cell null;
  const auto found = columns_.find(column);
  return found == columns_.end() ? null : table_.rows[row][found->second];
}

const Cell& RunTable::either(std::size_t row, const std::string& key) const {
  const Cell& result = cell(row, key);
  return text_of(result).empty() ? cell(row, "config." + key) : result;
}

Run RunTable::run(std::size_t row) const {
  Run r;
  r.id = text(row, "run_id");
  r.status = text(row, "status");
  r.error = text(row, "error");
  r.command = text(row, "command");
  r.verdict = r.done() ? text(row, "verdict") : "";
  r.family = text_of(either(row, "family"));
  const std::string algorithm = text(row, "algorithm");
  r.learner = !algorithm.empty();
  r.method = r.learner ? algorithm : text_of(either(row, "model"));
  const Cell& control = either(row, "control");
  r.control = text_of(control) == "true" || (std::isfinite(number_of(control)) && number_of(control) != 0);
  if (const double explains = number(row, "explanation.explains"); std::isfinite(explains))
    r.explained = explains != 0;
  r.seed = whole(cell(row, "seed"));
  r.test_loss = number(row, "normalized_test_loss");
  r.train_loss = number(row, "normalized_train_loss");
  r.test_accuracy = number(row, "test_accuracy");
  r.steps = number(row, "steps");
  r.samples_seen = number(row, "samples_seen");
  r.steps_to_learn = number(row, "steps_to_learn");
  r.samples_to_learn = number(row, "samples_to_learn");
  r.eval_every = number(row, "config.eval-every");
  if (r.eval_every == 0)  // the default
    r.eval_every = std::max(1.0, std::floor(number(row, "config.steps") / 20));
  r.steps_given = number(row, "config.steps");
  r.seconds = number(row, "time.wall_seconds");
  r.steps_per_second = number(row, "time.steps_per_second");
  const auto threshold = [&](const char* name, double fallback) {
    const double value = number(row, concat("thresholds.", name));
    return std::isfinite(value) ? value : fallback;
  };
  r.learned_below = threshold("learned_below", r.learned_below);
  r.memorised_train_below = threshold("memorised_train_below", r.memorised_train_below);
  r.fails_from = threshold("fails_from", r.fails_from);
  for (auto column = columns_.lower_bound("params."); column != columns_.end(); ++column) {
    if (!column->first.starts_with("params.")) break;
    if (std::string value = text_of(table_.rows[row][column->second]); !value.empty())
      r.parameters[column->first.substr(7)] = std::move(value);
  }
  return r;
}

bool RunTable::begins_with_weights(std::size_t row) const { return !text(row, "config.init-from").empty(); }

namespace {

// Absolute paths of initial weights, in the folder that all of a study have in common: tables and labels are
// narrow, and of no machine.
void shorten_beginnings(Study& study) {
  constexpr const char* kKey = "init-from";
  namespace fs = std::filesystem;
  std::vector<Json> values;
  fs::path common;
  bool first = true;
  for (const StudyRun& run : study.runs) {
    values.push_back(parse_json_if(run.values));
    if (!values.back().is_object() || !values.back().contains(kKey) || !values.back()[kKey].is_string()) continue;
    const fs::path path = values.back()[kKey].get<std::string>();
    if (!path.is_absolute()) return;
    const fs::path parent = path.parent_path();
    const auto [end, unused] = std::mismatch(common.begin(), common.end(), parent.begin(), parent.end());
    fs::path shared;
    for (auto part = common.begin(); part != end; ++part) shared /= *part;
    common = first ? parent : shared;
    first = false;
  }
  if (first) return;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i].is_object() && values[i].contains(kKey)) {
      values[i][kKey] = fs::path(values[i][kKey].get<std::string>()).lexically_relative(common).string();
      study.runs[i].values = to_text(values[i]);
    }
}

}  // namespace

std::vector<Study> read_studies(const Database& db) {
  std::vector<Study> studies;
  std::map<std::string, std::size_t> place;
  for (const auto& row :
       db.query("SELECT study, title, claim, command, toml, swept FROM studies ORDER BY rowid").rows) {
    Study s{text_of(row[0]), text_of(row[1]), text_of(row[2]), text_of(row[3]), text_of(row[4]), {}, {}};
    if (const Json swept = parse_json_if(text_of(row[5])); swept.is_array())
      for (const Json& flag : swept)
        if (flag.is_string()) s.swept.push_back(flag.get<std::string>());
    place[s.name] = studies.size();
    studies.push_back(std::move(s));
  }
  for (const auto& row : db.query(R"(SELECT study, run_id, seed, "values" FROM study_runs ORDER BY rowid)").rows)
    if (const auto study = place.find(text_of(row[0])); study != place.end())
      studies[study->second].runs.push_back({text_of(row[1]), whole(row[2]), text_of(row[3])});
  for (Study& study : studies) shorten_beginnings(study);
  return studies;
}

std::string study_file(const std::string& study) { return study.substr(0, study.find('/')); }

void sort_studies(std::vector<Study>& studies) {
  std::ranges::stable_sort(studies, {}, [](const Study& s) { return study_file(s.name); });
}

}  // namespace tools
