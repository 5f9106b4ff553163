#include "report/data.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <optional>
#include <set>
#include <tuple>

#include <eqnn/core/spelling.h>

#include "cli/json.h"
#include "cli/text.h"
#include "figures/groups.h"
#include "results/documents.h"

namespace tools {
namespace {

// Flags that say what is learned from what. Best grid points are chosen over the others.
constexpr const char* kSubjectFlags[] = {"data",  "algorithm",  "algo",   "samples", "noise",  "steps",   "depth",
                                         "width", "head-width", "oracle", "tau",     "answer", kBeginning};
// Flags with a place of their own in a report, or that differ from run to run by their nature.
constexpr const char* kOwnPlace[] = {"family",    "model",     "control",   "member", "member-seed",
                                     "init-seed", "data-seed", "data_hash", "fold"};
// Parameters of the samplers, worth a word only where they differ.
constexpr const char* kQuietParameters[] = {"self-loops", "bias-max",         "min-count",        "c-min",
                                            "input-dim",  "edge-probability", "input-correlation"};

template <std::size_t N>
bool one_of(const std::string& word, const char* const (&words)[N]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

// Of the configuration; where weights are is no setting, that there are some is one.
std::string setting_text(const RunTable& table, std::size_t row, const std::string& key) {
  if (key == kBeginning) return table.begins_with_weights(row) ? "yes" : "no";
  return table.text(row, concat("config.", key));
}

std::string text_of_json(const Json& value) {
  return value.is_string() ? value.get<std::string>() : to_text(value);
}

// Text that orders as numbers do where it is a number.
using Natural = std::pair<double, std::string>;
Natural natural(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool number = error == std::errc() && end == text.data() + text.size() && std::isfinite(value);
  return {number ? value : std::numeric_limits<double>::infinity(), text};
}

using NaturalSet = std::set<Natural>;
std::vector<std::string> texts(const NaturalSet& values) {
  std::vector<std::string> out;
  for (const auto& [number, text] : values) out.push_back(text);
  return out;
}

// --- runs into subjects ------------------------------------------------------------------------------------

// One run on the way to its subject.
struct Entry {
  std::string family;  // of a file's examples: the file
  Settings size, more;
  ReportRun run;
};

// A run of a study, or of none: what the study plans, and the row of the run where there is one.
struct Planned {
  const StudyRun* plan;  // null: of no study
  std::optional<std::size_t> row;
};

// Every run of a study by id, without bounds and variances, which have sections of their own; for null every run
// that is of none.
std::vector<Planned> planned_runs(const RunTable& table, const std::vector<Study>& studies, const Study* study,
                                  const std::set<std::string>& documents) {
  std::vector<Planned> planned;
  if (study != nullptr) {
    for (const StudyRun& r : study->runs)
      if (!documents.contains(r.id)) planned.push_back({&r, table.row_of(r.id)});
    std::ranges::sort(planned, {}, [](const Planned& p) { return p.plan->id; });
    return planned;
  }
  std::set<std::string> named;
  for (const Study& s : studies)
    for (const StudyRun& r : s.runs) named.insert(r.id);
  for (std::size_t row = 0; row < table.size(); ++row)
    if (!named.contains(table.text(row, "run_id"))) planned.push_back({nullptr, row});
  return planned;
}

// The configuration of the runs that are there: keys with one value, and those with several.
struct Spread {
  Settings same;
  std::vector<std::string> varying;
};
Spread spread(const RunTable& table, const std::vector<std::size_t>& rows) {
  Spread out;
  for (const auto& [column, place] : table.columns()) {
    if (!column.starts_with("config.") || column.starts_with("config.params.")) continue;
    const std::string key = column.substr(7);
    if (one_of(key, kOwnPlace)) continue;
    std::string value;
    bool several = false;
    for (const std::size_t row : rows) {
      const std::string text = setting_text(table, row, key);
      several = several || (!text.empty() && !value.empty() && text != value);
      if (several) break;
      if (!text.empty()) value = text;
    }
    if (several)
      out.varying.push_back(key);
    else if (!value.empty() && (key != kBeginning || value == "yes"))
      out.same.emplace_back(key, value);
  }
  return out;
}

// The family's parameters in the order of the columns; those of other families are null.
Settings parameters(const RunTable& table, std::size_t row) {
  Settings out;
  for (const auto& [column, place] : table.columns()) {
    const std::string prefix = column.starts_with("params.") ? "params." : "config.params.";
    if (!column.starts_with(prefix)) continue;
    const std::string name = column.substr(prefix.size());
    std::string value = table.text(row, column);
    if (value == "true" || value == "false") value = value == "true" ? "1" : "0";
    const bool there = std::any_of(out.begin(), out.end(), [&](const auto& p) { return p.first == name; });
    if (!value.empty() && !there) out.emplace_back(name, value);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// The swept flags of a run: of its study's list, or for a run of no study what differs between such runs.
Settings swept_values(const RunTable& table, const Planned& run, const std::vector<std::string>& varying) {
  Settings out;
  const Json values = run.plan == nullptr ? Json() : parse_json_if(run.plan->values);
  if (values.is_object())
    for (const auto& [name, value] : values.items()) out.emplace_back(name, text_of_json(value));
  else
    for (const std::string& key : varying) out.emplace_back(key, run.row ? setting_text(table, *run.row, key) : "");
  return out;
}

Entry read_entry(const RunTable& table, std::size_t row, const Planned& planned, const Settings& swept) {
  Entry e;
  e.run = {table.run(row), {}, {}};
  e.family = e.run.family;
  if (e.family == "data" || !table.text(row, "config.data").empty())
    e.family = std::filesystem::path(table.text(row, "config.data")).filename().string();
  e.size = parameters(table, row);
  if (planned.plan != nullptr && planned.plan->seed) e.run.seed = planned.plan->seed;
  Settings point;
  for (const auto& flag : swept) {
    const std::string &name = flag.first, &value = flag.second;
    const bool size = std::any_of(e.size.begin(), e.size.end(), [&](const auto& p) { return p.first == name; });
    if (one_of(name, kSubjectFlags))
      e.more.emplace_back(name, value);
    else if (!size && !one_of(name, kOwnPlace))
      point.emplace_back(name, value);
  }
  e.run.point = settings_text(point);
  e.run.task = concat(e.family, "\n", e.run.method, "\n", settings_text(e.size));
  for (const char* flag : kSubjectFlags) e.run.task += concat("\n", flag, " ", setting_text(table, row, flag));
  return e;
}

// Leaves out what is constant in a family and says nothing of its size.
void drop_quiet(std::vector<Entry>& entries) {
  std::map<std::pair<std::string, std::string>, std::set<std::string>> seen;
  for (const Entry& e : entries)
    for (const Settings* settings : {&e.size, &e.more})
      for (const auto& [name, value] : *settings) seen[{e.family, name}].insert(value);
  for (Entry& e : entries) {
    const auto constant = [&](const auto& p) { return seen[{e.family, p.first}].size() == 1; };
    std::erase_if(e.size, [&](const auto& p) { return one_of(p.first, kQuietParameters) && constant(p); });
    std::erase_if(e.more, constant);
  }
}

void add_run(ReportSide& side, ReportRun run) {
  if (run.done())
    ++side.done, ++side.verdicts[run.verdict];
  else
    ++(run.status == "failed" ? side.failed : side.unfinished);
  if (run.explained) ++(*run.explained ? side.explained : side.not_explained);
  side.runs.push_back(std::move(run));
}

void find_best(ReportSide& side) {
  std::vector<FrontierRun> runs;
  std::set<std::string> points;
  for (const ReportRun& r : side.runs) {
    points.insert(r.point);
    if (r.done()) runs.push_back(frontier_run(r, 0, r.point));
  }
  side.points = points.size();
  if (!runs.empty()) side.best = frontier(runs).front();
}

std::vector<ReportSubject> make_subjects(std::vector<Entry> entries) {
  drop_quiet(entries);
  using Key = std::tuple<std::string, std::string, std::vector<std::pair<std::string, Natural>>,
                         std::vector<std::pair<std::string, Natural>>>;
  const auto ordered = [](const Settings& settings) {
    std::vector<std::pair<std::string, Natural>> out;
    for (const auto& [name, value] : settings) out.emplace_back(name, natural(value));
    return out;
  };
  std::map<Key, ReportSubject> subjects;
  for (Entry& e : entries) {
    ReportSubject& s = subjects[{e.family, e.run.method, ordered(e.size), ordered(e.more)}];
    s.family = e.family, s.network = e.run.method, s.size = e.size, s.more = e.more;
    add_run(e.run.control ? s.control : s.target, std::move(e.run));
  }
  std::vector<ReportSubject> out;
  for (auto& [key, subject] : subjects) {
    find_best(subject.target);
    find_best(subject.control);
    out.push_back(std::move(subject));
  }
  return out;
}

// --- studies -----------------------------------------------------------------------------------------------

// "12000" or "2000, 12000" of a column.
std::string distinct(const RunTable& table, const std::vector<std::size_t>& rows, const std::string& column) {
  NaturalSet values;
  for (const std::size_t row : rows)
    if (const std::string text = table.text(row, column); !text.empty()) values.insert(natural(text));
  std::string out;
  for (const std::string& v : texts(values)) out += (out.empty() ? "" : ", ") + v;
  return out;
}

Settings read_budget(const RunTable& table, const std::vector<std::size_t>& rows) {
  Settings out;
  const auto add = [&](const char* name, const char* column) {
    if (const std::string values = distinct(table, rows, column); !values.empty()) out.emplace_back(name, values);
  };
  add("steps", "config.steps");
  add("batch", "config.batch");
  add("training examples", "config.samples");
  if (out.size() == 3 && out.back().second == "0") out.back().second = "fresh ones in every step";
  if (out.size() == 3 && out.back().second.starts_with("0, "))
    out.back().second.replace(0, 1, "fresh ones in every step");
  add("test examples", "config.test-samples");
  return out;
}

void read_runs(const RunTable& table, const std::vector<Planned>& planned, ReportStudy& study) {
  std::vector<std::size_t> rows;
  for (const Planned& p : planned)
    if (p.row) rows.push_back(*p.row);
  const Spread spread_of = spread(table, rows);
  study.same = spread_of.same;
  study.budget = read_budget(table, rows);
  std::vector<Entry> entries;
  std::map<std::string, NaturalSet> grid;
  NaturalSet seeds;
  for (const Planned& p : planned) {
    const Settings swept = swept_values(table, p, spread_of.varying);
    for (const auto& [name, value] : swept) grid[name].insert(natural(value));
    ++study.planned;
    if (!p.row) {
      ++study.not_started;
      if (p.plan->seed) seeds.insert(natural(std::to_string(*p.plan->seed)));
      continue;
    }
    Entry e = read_entry(table, *p.row, p, swept);
    seeds.insert(natural(e.run.seed_text()));
    ++(e.run.done() ? study.done : e.run.status == "failed" ? study.failed : study.unfinished);
    if (std::isfinite(e.run.seconds)) study.seconds += e.run.seconds;
    if (!e.run.done()) study.broken.push_back(e.run);
    if (!e.family.empty()) entries.push_back(std::move(e));
  }
  study.subjects = make_subjects(std::move(entries));
  seeds.erase(natural(""));
  study.seeds = texts(seeds);
  for (const auto& [name, values] : grid) study.grid.emplace_back(name, texts(values));
}

// The studies that `wanted` names, by name: all for "". Throws ValueError where there is none.
std::vector<const Study*> chosen_studies(const std::vector<Study>& studies, const std::string& wanted) {
  std::vector<const Study*> chosen;
  std::vector<std::string> names;
  for (const Study& s : studies) {
    names.push_back(s.name);
    if (wanted.empty() || s.name == wanted || s.name.starts_with(wanted + "/")) chosen.push_back(&s);
  }
  if (!wanted.empty() && chosen.empty()) {
    require(!names.empty(), "--study is '", wanted, "', and the database holds no study; leave --study out");
    throw ValueError(
        concat("--study is '", wanted, "', which the database does not hold", eqnn::spelling_hint(wanted, names)));
  }
  if (wanted.empty()) chosen.push_back(nullptr);  // what belongs to none
  return chosen;
}

ReportStudy report_study(const Study* study) {
  ReportStudy s;
  if (study == nullptr) return s;
  s.name = study->name, s.title = study->title, s.claim = study->claim;
  s.command = study->command, s.toml = study->toml;
  return s;
}

// Gives each subject that has runs of the target alone the control of its task which another sweep of its file ran.
void find_controls(std::vector<ReportStudy>& studies) {
  for (ReportStudy& study : studies)
    for (ReportSubject& s : study.subjects) {
      if (study.name.empty() || s.control.run() || !s.target.run()) continue;
      for (const ReportStudy& other : studies) {
        if (&other == &study || study_file(other.name) != study_file(study.name) || s.other_control.run()) continue;
        for (const ReportSubject& o : other.subjects)
          for (const ReportRun& r : o.control.runs)
            if (r.task == s.target.runs.front().task) add_run(s.other_control, r);
        if (!s.other_control.run()) continue;
        s.other_sweep = other.name;
        find_best(s.other_control);
      }
    }
}

// --- what concerns all runs --------------------------------------------------------------------------------

std::vector<std::pair<std::string, int>> counted(const Database& db, const std::string& column) {
  std::vector<std::pair<std::string, int>> out;
  for (const auto& row :
       db.query("SELECT " + column + " AS v, count(*) FROM runs WHERE status = 'done' AND v <> ''" +
                " GROUP BY v ORDER BY count(*) DESC, v")
           .rows)
    out.emplace_back(text_of(row[0]), static_cast<int>(number_of(row[1])));
  return out;
}

// "Xeon 8370C, 2 cores, AVX3_DL, ...": what machine.* holds, without the list of compiled targets.
std::string machine_expression(const RunTable& table) {
  std::string out = "''";
  const auto add = [&](const std::string& column, const std::string& before, const std::string& after) {
    if (!table.columns().contains(column)) return;
    const std::string name = sql_name(column);
    out += concat(" || iif(", name, " IS NULL, '', '", before, "' || ", name, " || '", after, "')");
  };
  add("machine.cpu", "", "");
  add("machine.cores", ", ", " cores");
  add("machine.threads", ", threads a run: ", "");
  add("machine.target", ", target ", "");
  add("machine.blas", ", ", "");
  add("machine.blas_core", " for ", "");
  return "(" + out + ")";
}

std::vector<std::string> collected_folders(const RunTable& table) {
  std::set<std::string> folders;
  for (std::size_t row = 0; row < table.size(); ++row) {
    const std::string directory = table.text(row, "directory");
    if (directory.empty()) continue;
    const std::string parent = std::filesystem::path(directory).parent_path().string();
    folders.insert(parent.empty() ? "." : parent);
  }
  return {folders.begin(), folders.end()};
}

std::string text_at(const Json& j, const char* key) { return j.contains(key) ? text_of_json(j.at(key)) : ""; }

std::vector<ReportBound> bounds_of_document(const Json& document) {
  std::vector<ReportBound> bounds;
  for (const Json& b : document.at("bounds"))
    if (b.is_object())
      bounds.push_back({.name = text_at(b, "name"),
                        .statement = text_at(b, "statement"),
                        .assumes = text_at(b, "assumes"),
                        .source = text_at(b, "source"),
                        .queries = b.contains("queries") && b.at("queries").is_number()
                                       ? b.at("queries").get<double>()
                                       : std::nan("")});
  std::stable_sort(bounds.begin(), bounds.end(),
                   [](const ReportBound& a, const ReportBound& b) { return a.queries > b.queries; });
  return bounds;
}

std::vector<ReportInstance> read_bounds(const Database& db) {
  std::vector<ReportInstance> all;
  for (const StoredDocument& document : read_documents(db, "bounds")) {
    const Json& j = document.json;
    if (!j.contains("bounds") || !j.at("bounds").is_array()) continue;
    ReportInstance instance{.family = text_at(j, "family"), .settings = {}, .bounds = bounds_of_document(j)};
    const Json params = j.value("params", Json::object());
    for (const auto& [name, value] : params.items())
      if (!one_of(name, kQuietParameters)) instance.settings.emplace_back(name, text_of_json(value));
    for (const char* key : {"tau", "prob"})
      if (const std::string value = text_at(j, key);
          !value.empty() && !(key == std::string("prob") && value == "1.0"))
        instance.settings.emplace_back(key, value);
    all.push_back(std::move(instance));
  }
  const auto order = [](const ReportInstance& i) {
    std::vector<std::pair<std::string, Natural>> key;
    for (const auto& [name, value] : i.settings) key.emplace_back(name, natural(value));
    return std::pair(i.family, key);
  };
  std::ranges::stable_sort(all, {}, order);
  return all;
}

}  // namespace

std::string settings_text(const Settings& settings, const std::string& none) {
  std::string out;
  for (const auto& [name, value] : settings) out += (out.empty() ? "" : ", ") + name + kEquals + value;
  return out.empty() ? none : out;
}

std::string ReportRun::seed_text() const { return seed ? std::to_string(*seed) : ""; }

ReportData read_report_data(const Database& db, const std::string& study) {
  const RunTable table(db);
  std::vector<Study> studies = read_studies(db);
  sort_studies(studies);
  ReportData data;
  data.runs = static_cast<int>(table.size());
  for (std::size_t row = 0; row < table.size(); ++row) data.done += table.text(row, "status") == "done" ? 1 : 0;
  const std::set<std::string> documents = document_keys(db);
  require<eqnn::FileError>(data.done > 0 || !documents.empty(), "the database holds ", data.runs,
                           " runs, and none is finished; finish them and collect them again");
  for (const Study* s : chosen_studies(studies, study)) {
    ReportStudy part = report_study(s);
    read_runs(table, planned_runs(table, studies, s, documents), part);
    if (s != nullptr)
      part.documents = static_cast<int>(
          std::ranges::count_if(s->runs, [&](const StudyRun& r) { return documents.contains(r.id); }));
    if (part.has_runs() || part.documents > 0) data.studies.push_back(std::move(part));
  }
  find_controls(data.studies);
  if (!study.empty()) {
    data.runs = data.done = 0;
    for (const ReportStudy& s : data.studies) data.done += s.done, data.runs += s.planned - s.not_started;
    require<eqnn::FileError>(data.done > 0, "study '", study,
                             "' has no finished run; finish its runs and collect them again");
  }
  if (table.columns().contains("version")) data.versions = counted(db, "version");
  data.machines = counted(db, machine_expression(table));
  data.folders = collected_folders(table);
  data.bounds = read_bounds(db);
  return data;
}

}  // namespace tools
