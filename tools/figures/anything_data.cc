// Which runs a figure of any columns has, in which lines, and their medians.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include <fmt/core.h>

#include <eqnn/core/spelling.h>

#include "cli/json.h"
#include "cli/name_table.h"
#include "figures/anything.h"
#include "figures/groups.h"
#include "figures/settings.h"
#include "results/schema.h"

namespace tools {
namespace {

constexpr std::size_t kMostLines = 7, kMostWords = 40;

// "lr" of "config.lr", "n" of "config.params.n".
std::string plain(std::string name) {
  for (const char* prefix : {"config.", "params.", "time.", "machine."})
    if (name.starts_with(prefix)) name.erase(0, std::string(prefix).size());
  return name;
}

// How a key is called at an axis.
std::string words_of(std::string key) {
  key = plain(key);
  std::ranges::replace(key, '_', ' ');
  if (key.starts_with("normalized ")) key.replace(0, 10, "normalised");
  return key;
}

// The column of a key: "lr" is config.lr where the runs have no lr of their own. Throws ValueError with the
// nearest.
std::string column_of(const RunTable& table, const std::string& flag, const std::string& key) {
  if (key == "learned") return key;
  std::vector<std::string> known{"learned"};
  for (const auto& [name, place] : table.columns()) {
    known.push_back(name);
    if (plain(name) != name) known.push_back(plain(name));
  }
  for (const char* prefix : {"", "config.", "params.", "config.params.", "time."})
    if (table.columns().contains(prefix + key)) return prefix + key;
  throw ValueError(concat("--", flag, " is '", key, "', which no run has", eqnn::spelling_hint(key, known)));
}

// A number where text is one.
Cell as_number(const Cell& cell) {
  const std::string text = text_of(cell);
  double value = 0;
  const auto r = std::from_chars(text.data(), text.data() + text.size(), value);
  return r.ec == std::errc() && r.ptr == text.data() + text.size() && std::isfinite(value) ? Cell(value) : cell;
}

// The columns of results that have a number in some run, their own names alone.
std::vector<std::string> number_columns(const RunTable& table) {
  std::vector<std::string> names;
  for (const auto& [name, place] : table.columns()) {
    if (name.find('.') != std::string::npos || is_run_column(name)) continue;
    for (std::size_t row = 0; row < table.size(); ++row)
      if (std::isfinite(number_of(as_number(table.cell(row, name))))) {
        names.push_back(name);
        break;
      }
  }
  return names;
}

// The words of a list of words, as tags are.
std::vector<std::string> list_of(const std::string& text) {
  std::vector<std::string> words;
  if (const Json j = text.starts_with("[") ? parse_json_if(text) : Json(); j.is_array())
    for (const Json& word : j) words.push_back(word.is_string() ? word.get<std::string>() : to_text(word));
  return words;
}

// A cell as figures have it: target and control by name, tags with commas, the learner of a training.
Cell value_of(const RunTable& table, std::size_t row, const std::string& column) {
  if (column == "learned")  // nothing is said of what has no verdict
    return table.text(row, "verdict").empty() ? Cell() : Cell(table.text(row, "verdict") == "learned" ? 1.0 : 0.0);
  const Cell& cell = table.cell(row, column);
  if (column == "control") return Cell(std::string(number_of(cell) > 0 ? "control" : "target"));
  if (column == "algorithm" && text_of(cell).empty()) return Cell(std::string("gradient descent"));
  if (const auto words = list_of(text_of(cell)); !words.empty()) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return Cell(text);
  }
  return as_number(cell);
}

struct Condition {
  std::string column, value;

  bool holds(const RunTable& table, std::size_t row) const {
    const auto words = list_of(table.text(row, column));
    if (std::ranges::find(words, value) != words.end()) return true;
    const Cell cell = value_of(table, row, column), wanted = as_number(Cell(value));
    if (column == "control" && (value == "0" || value == "false")) return text_of(cell) == "target";
    if (column == "control" && (value == "1" || value == "true")) return text_of(cell) == "control";
    return text_of(cell) == text_of(wanted);
  }
};

std::vector<std::string> parts(const std::string& list, char between) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t end = std::min(list.find(between, at), list.size());
    if (end > at) out.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

// Columns that tell seeds and runs apart, and no settings.
bool is_of_a_run(const std::string& key) {
  static const std::set<std::string> kOfARun{"member-seed", "init-seed", "data-seed", "data_hash",
                                             "init_hash",   "init-from", "member",    "fold"};
  return kOfARun.contains(key);
}

class Reader {
 public:
  explicit Reader(const FigureSource& source) : o_(source.options), db_(source.db), table_(source.db) {
    x_ = column_of(table_, "x", o_.x);
    y_ = column_of(table_, "y", o_.y);
    for (const std::string& key : parts(o_.by, ',')) by_.push_back(column_of(table_, "by", key));
    for (const std::string& text : o_.where) {
      const std::size_t equals = text.find('='), first = text.find_first_not_of(' ');
      require(equals != std::string::npos && equals > first, "--where is '", text,
              "'; allowed is KEY=VALUE, such as optimizer=adam");
      where_.push_back({column_of(table_, "where", text.substr(first, equals - first)), text.substr(equals + 1)});
    }
    rows_ = chosen_rows();
    require(!rows_.empty(), "no finished run is of this study and family",
            where_.empty() ? "" : ", and meets --where", "; eqnn table shows what there is");
    add_roles();
  }

  Anything read() {
    a_.x_label = words_of(o_.x);
    a_.y_label = y_ == "learned" ? "fraction learned" : words_of(o_.y);
    a_.fraction = y_ == "learned";
    a_.budgeted = y_ == "steps_to_learn" || y_ == "samples_to_learn";
    a_.low = INFINITY;
    a_.high = -INFINITY;
    for (const std::size_t row : rows_) place(row);
    if (a_.xs.empty())
      throw ValueError(concat("--y is '", o_.y, "', which is no number in the finished runs that have '", o_.x,
                              "'; columns of numbers are ", comma_list(number_columns(table_)),
                              ", and learned for the fraction"));
    std::ranges::sort(a_.xs, cell_less);
    const auto same = [](const Cell& p, const Cell& q) { return text_of(p) == text_of(q); };
    a_.xs.erase(std::unique(a_.xs.begin(), a_.xs.end(), same), a_.xs.end());
    require(lines_.size() <= kMostLines, "--by ", o_.by, " makes ", lines_.size(), " lines; at most ", kMostLines,
            " can be told apart: choose with --where, --study and --family, or another --by");
    require(a_.numeric() || a_.xs.size() <= kMostWords, "--x ", o_.x, " takes ", a_.xs.size(), " words; at most ",
            kMostWords, " have room");
    std::vector<Line> lines;
    for (auto& [text, line] : lines_) lines.push_back(std::move(line));
    std::ranges::stable_sort(lines, [](const Line& p, const Line& q) {
      return std::ranges::lexicographical_compare(p.by, q.by, cell_less);
    });
    for (const Line& line : lines) add_line(line);
    if (!std::isfinite(a_.low)) a_.low = 1, a_.high = 10;
    return std::move(a_);
  }

 private:
  struct Line {
    std::vector<Cell> by;
    std::map<std::string, std::vector<std::size_t>> rows;  // by x
  };

  // Finished runs of the study and family that were asked for.
  std::vector<std::size_t> chosen_rows() const {
    std::set<std::string> named;
    for (const Study& s : read_studies(db_))
      if (s.name == o_.study || s.name.starts_with(o_.study + "/"))
        for (const StudyRun& r : s.runs) named.insert(r.id);
    std::vector<std::size_t> rows;
    for (std::size_t row = 0; row < table_.size(); ++row) {
      const bool of_study = o_.study.empty() || named.contains(table_.text(row, "run_id"));
      const bool of_family = o_.family.empty() || text_of(table_.either(row, "family")) == o_.family;
      const bool holds = std::ranges::all_of(where_, [&](const Condition& c) { return c.holds(table_, row); });
      if (table_.text(row, "status") == "done" && of_study && of_family && holds) rows.push_back(row);
    }
    return rows;
  }

  // Target and control are never one line.
  void add_roles() {
    if (x_ == "control" || std::ranges::find(by_, "control") != by_.end() || !table_.columns().contains("control"))
      return;
    std::set<bool> roles;
    for (const std::size_t row : rows_) roles.insert(table_.number(row, "control") > 0);
    if (roles.size() == 2) by_.insert(by_.begin(), "control");
  }

  // What a run has at y: infinite above its budget, and where it diverged.
  double y_of(std::size_t row) const {
    const double y = number_of(value_of(table_, row, y_));
    const bool diverged = y_.find("loss") != std::string::npos && table_.text(row, "verdict") == "diverged";
    const bool never = a_.budgeted && !table_.text(row, "verdict").empty();
    return std::isfinite(y) ? y : diverged || never ? INFINITY : std::nan("");
  }

  void place(std::size_t row) {
    const Cell x = value_of(table_, row, x_);
    if (text_of(x).empty() || std::isnan(y_of(row))) {
      ++a_.without;
      return;
    }
    Line line;
    std::string text;
    for (const std::string& column : by_) {
      // As a number, so that the target comes first.
      line.by.push_back(column == "control" ? table_.cell(row, column) : value_of(table_, row, column));
      text += text_of(line.by.back()) + "\n";
    }
    lines_.try_emplace(text, line).first->second.rows[text_of(x)].push_back(row);
    a_.xs.push_back(x);
  }

  std::string label_of_line(const Line& line) const {
    std::string label;
    for (std::size_t i = 0; i < by_.size(); ++i) {
      const bool control = by_[i] == "control" && number_of(line.by[i]) > 0;
      const std::string value = by_[i] == "control"           ? (control ? "control" : "target")
                                : text_of(line.by[i]).empty() ? "none"
                                                              : label_of(line.by[i]);
      const bool speaks = by_[i] == "control" || by_[i] == "algorithm";
      label += concat(label.empty() ? "" : ", ", speaks ? "" : words_of(by_[i]) + " ", value);
    }
    return label;
  }

  // Settings that take several values among these runs.
  std::vector<std::string> differing(const std::vector<std::size_t>& rows) {
    std::vector<std::string> columns;
    std::set<bool> beginnings;
    for (const std::size_t row : rows) beginnings.insert(table_.begins_with_weights(row));
    if (beginnings.size() > 1) pooled_["init-from"].insert({"", "weights"});
    for (const auto& [column, at] : table_.columns()) {
      const std::string key = plain(column);
      if (!column.starts_with("config.") || is_of_a_run(key) || key == plain(x_)) continue;
      std::set<std::string> values;
      for (const std::size_t row : rows) values.insert(table_.text(row, column));
      if (values.size() < 2) continue;
      columns.push_back(column);
      pooled_[key].insert(values.begin(), values.end());
    }
    return columns;
  }

  // The runs at the best of these settings, as a frontier chooses.
  FrontierPoint choose(std::vector<std::size_t>& rows, const std::vector<std::string>& columns) const {
    const auto setting = [&](std::size_t row) {
      std::string text;
      for (const std::string& c : columns)
        text += concat(text.empty() ? "" : ", ", words_of(c), " ", label_of(value_of(table_, row, c)));
      return text;
    };
    std::vector<FrontierRun> runs;
    for (const std::size_t row : rows) runs.push_back(frontier_run(table_.run(row), 0, setting(row)));
    const std::vector<FrontierPoint> points = frontier(runs);
    std::erase_if(rows, [&](std::size_t row) { return setting(row) != points.front().best; });
    return points.front();
  }

  void add_line(const Line& line) {
    PlottedLine out{label_of_line(line), {}, {}, false};
    for (std::size_t i = 0; i < by_.size(); ++i)
      out.control = out.control || (by_[i] == "control" && number_of(line.by[i]) > 0);
    for (const Cell& x : a_.xs) {
      const auto found = line.rows.find(text_of(x));
      if (found == line.rows.end()) continue;
      std::vector<std::size_t> rows = found->second;
      const std::vector<std::string> columns = differing(rows);
      PlottedMark mark;
      mark.x = x;
      int choices = 1;
      if (o_.best && !columns.empty()) {
        const FrontierPoint point = choose(rows, columns);
        mark.best = point.best;
        choices = point.grid_points;
      }
      finish(mark, rows, choices, out.runs);
      out.marks.push_back(mark);
    }
    a_.lines.push_back(std::move(out));
    a_.pooled.clear();
    for (const auto& [key, values] : pooled_)
      a_.pooled.push_back(fmt::format("{} ({} values)", key, values.size()));
  }

  void finish(PlottedMark& mark, const std::vector<std::size_t>& rows, int choices, std::vector<PlottedRun>& runs) {
    std::vector<double> values;
    for (const std::size_t row : rows) {
      const double y = y_of(row);
      values.push_back(y);
      runs.push_back({table_.text(row, "run_id"), mark.x, y});
      a_.above += std::isfinite(y) ? 0 : 1;
      if (a_.budgeted)
        mark.budget = std::max(mark.budget, table_.number(row, y_ == "steps_to_learn" ? "steps" : "samples_seen"));
      for (const double v : {y, a_.budgeted ? mark.budget : y})
        if (std::isfinite(v)) a_.low = std::min(a_.low, v), a_.high = std::max(a_.high, v);
    }
    mark.runs = rows.size();
    a_.runs += rows.size();
    if (a_.fraction) {
      const auto learned = static_cast<int>(std::ranges::count(values, 1.0));
      mark.value = static_cast<double>(learned) / static_cast<double>(rows.size());
      mark.interval = clopper_pearson(learned, static_cast<int>(rows.size()), choices);
      mark.coverage = 0.95;
      return;
    }
    const MedianInterval m = median_interval(values);
    mark.value = median(values);
    mark.interval = m.interval;
    mark.coverage = m.coverage;
  }

  const FigureOptions& o_;
  const Database& db_;
  const RunTable table_;
  std::string x_, y_;
  std::vector<std::string> by_;
  std::vector<Condition> where_;
  std::vector<std::size_t> rows_;
  std::map<std::string, Line> lines_;
  std::map<std::string, std::set<std::string>> pooled_;
  Anything a_;
};

}  // namespace

bool Anything::numeric() const {
  return std::ranges::all_of(xs, [](const Cell& c) { return std::isfinite(number_of(c)); });
}

bool Anything::repeated() const {
  return std::ranges::any_of(lines, [](const PlottedLine& line) {
    return std::ranges::any_of(line.marks, [](const PlottedMark& m) { return m.runs > 1; });
  });
}

Anything read_anything(const FigureSource& source) { return Reader(source).read(); }

}  // namespace tools
