#include "report/data.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <set>
#include <tuple>


#include <eqnn/core/spelling.h>

#include "cli/json.h"
#include "cli/text.h"

namespace tools {
namespace {


// Flags that say what is learned from what. Best grid points are chosen over the others.
constexpr const char* kSubjectFlags[] = {"data",  "algorithm", "algo",       "samples", "noise", "steps",
                                         "depth", "width",     "head-width", "oracle",  "tau",   "answer"};
// Flags with a place of their own in a report, or that differ from run to run by their nature.
constexpr const char* kOwnPlace[] = {"family",    "model",     "control",   "member", "member-seed",
                                     "init-seed", "data-seed", "data_hash", "fold"};
// Parameters of the samplers, worth a word only where they differ.
constexpr const char* kQuietParameters[] = {"self-loops", "bias-max", "min-count", "c-min"};

template <std::size_t N>
bool one_of(const std::string& word, const char* const (&words)[N]) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

std::string text_of_json(const Json& value) { return value.is_string() ? value.get<std::string>() : to_text(value); }

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

// A query's rows by column name; a column that is not there is null.
class Rows {
 public:
  explicit Rows(Table table) : table_(std::move(table)) {
    for (std::size_t i = 0; i < table_.columns.size(); ++i) index_.emplace(table_.columns[i], i);
  }
  std::size_t size() const { return table_.rows.size(); }
  const Cell& cell(std::size_t row, const std::string& column) const {
    static const Cell null;
    const auto at = index_.find(column);
    return at == index_.end() ? null : table_.rows[row][at->second];
  }
  std::string text(std::size_t row, const std::string& column) const { return text_of(cell(row, column)); }
  double number(std::size_t row, const std::string& column) const { return number_of(cell(row, column)); }
  // A key of the result, or of the configuration for a run without one.
  std::string either(std::size_t row, const std::string& key) const {
    const std::string result = text(row, key);
    return result.empty() ? text(row, "config." + key) : result;
  }
  const std::vector<std::string>& columns() const { return table_.columns; }

 private:
  Table table_;
  std::map<std::string, std::size_t> index_;
};

std::set<std::string> columns_of(const Database& db, const std::string& table) {
  std::set<std::string> names;
  for (const auto& row : db.query("SELECT name FROM pragma_table_info(?)", {table}).rows)
    names.insert(text_of(row[0]));
  return names;
}

// --- runs into subjects ------------------------------------------------------------------------------------

// One run on the way to its subject.
struct Entry {
  std::string family, network;
  Settings size, more;
  bool control = false;
  ReportRun run;
};

// Every run of a study, or of none.
Rows study_rows(const Database& db, const std::set<std::string>& columns, const std::string& study) {
  std::string list = "s.seed AS study_seed, s.\"values\" AS study_values, s.run_id AS planned_id";
  for (const std::string& c : columns)
    if (c != "config.member" && c != "member") list += ", r." + sql_name(c) + " AS " + sql_name(c);
  if (!study.empty())
    return Rows(db.query("SELECT " + list + " FROM study_runs s LEFT JOIN runs r ON r.run_id = s.run_id" +
                             " WHERE s.study = ? ORDER BY s.run_id",
                         {study}));
  return Rows(db.query("SELECT " + list + " FROM runs r LEFT JOIN study_runs s ON s.run_id = r.run_id" +
                       " WHERE s.run_id IS NULL ORDER BY r.run_id"));
}

// The configuration of the runs that are there: keys with one value, and those with several.
struct Spread {
  Settings same;
  std::vector<std::string> varying;
};
Spread spread(const Rows& rows) {
  Spread out;
  for (const std::string& column : rows.columns()) {
    if (!column.starts_with("config.") || column.starts_with("config.params.")) continue;
    const std::string key = column.substr(7);
    if (one_of(key, kOwnPlace)) continue;
    std::string value;
    bool several = false;
    for (std::size_t i = 0; i < rows.size() && !several; ++i) {
      const std::string text = rows.text(i, column);
      several = !text.empty() && !value.empty() && text != value;
      if (!text.empty()) value = text;
    }
    if (several)
      out.varying.push_back(key);
    else if (!value.empty())
      out.same.emplace_back(key, value);
  }
  return out;
}

// The family's parameters in the order of the columns; those of other families are null.
Settings parameters(const Rows& rows, std::size_t i) {
  Settings out;
  for (const std::string& column : rows.columns()) {
    const std::string prefix = column.starts_with("params.") ? "params." : "config.params.";
    if (!column.starts_with(prefix)) continue;
    const std::string name = column.substr(prefix.size());
    std::string value = rows.text(i, column);
    if (value == "true" || value == "false") value = value == "true" ? "1" : "0";
    const bool there = std::any_of(out.begin(), out.end(), [&](const auto& p) { return p.first == name; });
    if (!value.empty() && !there) out.emplace_back(name, value);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// The swept flags of a run: of its study's list, or for a run of no study what differs between such runs.
Settings swept_values(const Rows& rows, std::size_t i, const std::vector<std::string>& varying) {
  Settings out;
  const Json values = parse_json_if(rows.text(i, "study_values"));
  if (values.is_object())
    for (const auto& [name, value] : values.items()) out.emplace_back(name, text_of_json(value));
  else
    for (const std::string& key : varying) out.emplace_back(key, rows.text(i, "config." + key));
  return out;
}

bool is_true(const std::string& text) { return text == "1" || text == "true"; }

Entry read_entry(const Rows& rows, std::size_t i, const Settings& swept) {
  Entry e;
  e.family = rows.either(i, "family");
  if (e.family == "data" || !rows.text(i, "config.data").empty())
    e.family = std::filesystem::path(rows.text(i, "config.data")).filename().string();
  e.network = rows.text(i, "algorithm");
  if (e.network.empty()) e.network = rows.either(i, "model");
  e.size = parameters(rows, i);
  e.control = is_true(rows.either(i, "control"));
  Settings point;
  for (const auto& flag : swept) {
    const std::string &name = flag.first, &value = flag.second;
    const bool size = std::any_of(e.size.begin(), e.size.end(), [&](const auto& p) { return p.first == name; });
    if (one_of(name, kSubjectFlags))
      e.more.emplace_back(name, value);
    else if (!size && !one_of(name, kOwnPlace))
      point.emplace_back(name, value);
  }
  ReportRun& r = e.run;
  r.id = rows.text(i, "run_id"), r.status = rows.text(i, "status"), r.error = rows.text(i, "error");
  r.verdict = rows.text(i, "verdict"), r.command = rows.text(i, "command"), r.point = settings_text(point);
  r.seed = rows.text(i, "study_seed");
  if (r.seed.empty()) r.seed = rows.text(i, "seed");
  r.test_loss = rows.number(i, "normalized_test_loss"), r.train_loss = rows.number(i, "normalized_train_loss");
  r.steps = rows.number(i, "steps"), r.samples_seen = rows.number(i, "samples_seen");
  r.steps_to_learn = rows.number(i, "steps_to_learn"), r.samples_to_learn = rows.number(i, "samples_to_learn");
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
  if (run.status == "done")
    ++side.done, ++side.verdicts[run.verdict];
  else
    ++(run.status == "failed" ? side.failed : side.unfinished);
  side.runs.push_back(std::move(run));
}

void find_best(ReportSide& side, bool control) {
  std::vector<FrontierRun> runs;
  std::set<std::string> points;
  for (const ReportRun& r : side.runs) {
    points.insert(r.point);
    if (r.status == "done")
      runs.push_back({0, r.point, control, r.verdict == "learned", r.verdict == "diverged", r.test_loss, r.steps,
                      r.samples_seen, r.steps_to_learn, r.samples_to_learn});
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
    ReportSubject& s = subjects[{e.family, e.network, ordered(e.size), ordered(e.more)}];
    s.family = e.family, s.network = e.network, s.size = e.size, s.more = e.more;
    add_run(e.control ? s.control : s.target, std::move(e.run));
  }
  std::vector<ReportSubject> out;
  for (auto& [key, subject] : subjects) {
    find_best(subject.target, false);
    find_best(subject.control, true);
    out.push_back(std::move(subject));
  }
  return out;
}

// --- studies -----------------------------------------------------------------------------------------------

// "12000" or "2000, 12000" of a column.
std::string distinct(const Rows& rows, const std::string& column) {
  NaturalSet values;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (const std::string text = rows.text(i, column); !text.empty()) values.insert(natural(text));
  std::string out;
  for (const std::string& v : texts(values)) out += (out.empty() ? "" : ", ") + v;
  return out;
}

Settings read_budget(const Rows& rows) {
  Settings out;
  const auto add = [&](const char* name, const char* column) {
    if (const std::string values = distinct(rows, column); !values.empty()) out.emplace_back(name, values);
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

void read_runs(const Database& db, const std::set<std::string>& columns, ReportStudy& study) {
  const Rows rows = study_rows(db, columns, study.name);
  const Spread spread_of = spread(rows);
  study.same = spread_of.same;
  study.budget = read_budget(rows);
  std::vector<Entry> entries;
  std::map<std::string, NaturalSet> grid;
  NaturalSet seeds;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Settings swept = swept_values(rows, i, spread_of.varying);
    for (const auto& [name, value] : swept) grid[name].insert(natural(value));
    Entry e = read_entry(rows, i, swept);
    seeds.insert(natural(e.run.seed));
    ++study.planned;
    if (e.run.id.empty()) {
      ++study.not_started;
      continue;
    }
    ++(e.run.status == "done" ? study.done : e.run.status == "failed" ? study.failed : study.unfinished);
    if (const double t = rows.number(i, "time.wall_seconds"); std::isfinite(t)) study.seconds += t;
    if (e.run.status != "done") study.broken.push_back(e.run);
    if (!e.family.empty()) entries.push_back(std::move(e));
  }
  study.subjects = make_subjects(std::move(entries));
  seeds.erase(natural(""));
  study.seeds = texts(seeds);
  for (const auto& [name, values] : grid) study.grid.emplace_back(name, texts(values));
}

std::vector<ReportStudy> named_studies(const Database& db, const std::string& wanted) {
  std::vector<ReportStudy> studies;
  std::vector<std::string> names;
  for (const auto& row : db.query("SELECT study, title, claim, command, toml FROM studies ORDER BY study").rows) {
    const std::string name = text_of(row[0]);
    names.push_back(name);
    if (!wanted.empty() && name != wanted && !name.starts_with(wanted + "/")) continue;
    ReportStudy s;
    s.name = name, s.title = text_of(row[1]), s.claim = text_of(row[2]);
    s.command = text_of(row[3]), s.toml = text_of(row[4]);
    studies.push_back(std::move(s));
  }
  if (!wanted.empty() && studies.empty()) {
    require(!names.empty(), "--study is '", wanted, "', and the database holds no study; leave --study out");
    throw ValueError(concat("--study is '", wanted, "', which the database does not hold; the nearest is '",
                            eqnn::nearest(wanted, names), "'"));
  }
  if (wanted.empty()) studies.emplace_back();  // what belongs to none
  return studies;
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
std::string machine_expression(const std::set<std::string>& columns) {
  std::string out = "''";
  const auto add = [&](const std::string& column, const std::string& before, const std::string& after) {
    if (columns.contains(column))
      out += " || iif(" + sql_name(column) + " IS NULL, '', '" + before + "' || " + sql_name(column) + " || '" + after +
             "')";
  };
  add("machine.cpu", "", "");
  add("machine.cores", ", ", " cores");
  add("machine.threads", ", threads a run: ", "");
  add("machine.target", ", target ", "");
  add("machine.blas", ", ", "");
  add("machine.blas_core", " for ", "");
  return "(" + out + ")";
}

std::vector<std::string> collected_folders(const Database& db) {
  std::set<std::string> folders;
  for (const auto& row : db.query("SELECT DISTINCT directory FROM runs WHERE directory <> ''").rows) {
    const std::string parent = std::filesystem::path(text_of(row[0])).parent_path().string();
    folders.insert(parent.empty() ? "." : parent);
  }
  return {folders.begin(), folders.end()};
}

Table read_bounds(const Database& db) {
  Table out{{"of", "bound", "queries", "statement", "assumes", "source"}, {}};
  for (const auto& row : db.query("SELECT key, json FROM documents WHERE kind = 'bounds' ORDER BY key").rows) {
    const Json document = parse_json_if(text_of(row[1]));
    if (!document.is_object() || !document.contains("bounds")) continue;
    for (const Json& b : document["bounds"]) {
      std::vector<Cell> cells{text_of(row[0])};
      for (const char* key : {"name", "queries", "statement", "assumes", "source"})
        cells.push_back(!b.is_object() || !b.contains(key) ? Cell()
                        : b[key].is_number()               ? Cell(b[key].get<double>())
                                                           : Cell(text_of_json(b[key])));
      out.rows.push_back(std::move(cells));
    }
  }
  return out;
}

}  // namespace

std::string settings_text(const Settings& settings, const std::string& none) {
  std::string out;
  for (const auto& [name, value] : settings) out += (out.empty() ? "" : ", ") + name + kEquals + value;
  return out.empty() ? none : out;
}

ReportData read_report_data(const Database& db, const std::string& study) {
  const std::set<std::string> columns = columns_of(db, "runs");
  ReportData data;
  const Table counts = db.query("SELECT count(*), coalesce(sum(status = 'done'), 0) FROM runs");
  data.runs = static_cast<int>(number_of(counts.rows[0][0]));
  data.done = static_cast<int>(number_of(counts.rows[0][1]));
  require<eqnn::FileError>(data.done > 0, "the database holds ", data.runs,
                           " runs, and none is finished; finish them and collect them again");
  for (ReportStudy& s : named_studies(db, study)) {
    read_runs(db, columns, s);
    if (s.planned > 0) data.studies.push_back(std::move(s));
  }
  if (!study.empty()) {
    std::set<std::string> ids;
    data.runs = data.done = 0;
    for (const ReportStudy& s : data.studies) data.done += s.done, data.runs += s.planned - s.not_started;
    require<eqnn::FileError>(data.done > 0, "study '", study,
                             "' has no finished run; finish its runs and collect them again");
  }
  if (columns.contains("version")) data.versions = counted(db, "version");
  data.machines = counted(db, machine_expression(columns));
  data.folders = collected_folders(db);
  data.bounds = read_bounds(db);
  return data;
}

}  // namespace tools
