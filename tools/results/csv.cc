#include "results/csv.h"

#include <algorithm>
#include <map>

#include "cli/json.h"
#include "cli/text.h"
#include "results/schema.h"
#include "results/study_file.h"

namespace tools {
namespace {

std::vector<std::string> csv_columns(const Database& db) {
  std::vector<std::string> columns = {"run_id", "study", "seed", "status"};
  for (const std::string& flag : swept_flags(db)) columns.push_back(flag);
  std::vector<std::string> keys;
  for (const std::string& name : db.columns("runs")) {
    const bool swept = std::find(columns.begin(), columns.end(), name) != columns.end();
    if (!is_run_column(name) && !swept && !name.starts_with("config.member") && name != "config.data" &&
        name != "config.init-from")  // where a file is is no setting
      keys.push_back(name);
  }
  std::sort(keys.begin(), keys.end(), [](const std::string& a, const std::string& b) {
    return std::pair(column_place(a), a) < std::pair(column_place(b), b);
  });
  columns.insert(columns.end(), keys.begin(), keys.end());
  return columns;
}

// null, numbers, text; within them by value.
bool cell_before(const Cell& a, const Cell& b) {
  const auto kind = [](const Cell& c) {
    return std::holds_alternative<std::monostate>(c) ? 0 : std::holds_alternative<std::string>(c) ? 2 : 1;
  };
  if (kind(a) != kind(b)) return kind(a) < kind(b);
  if (kind(a) == 2) return std::get<std::string>(a) < std::get<std::string>(b);
  return kind(a) == 1 && number_of(a) < number_of(b);
}

std::vector<std::size_t> csv_order(const Database& db, const Table& runs) {
  std::map<std::string, std::vector<std::size_t>> swept;  // columns of `runs`
  for (const auto& row : db.query("SELECT study, swept FROM studies").rows)
    for (const std::string flag : parse_json(text_of(row[1]))) swept[text_of(row[0])].push_back(runs.column(flag));
  std::vector<std::vector<Cell>> keys;
  std::vector<std::size_t> order;
  for (const auto& row : runs.rows) {
    const Cell& study = row[1];
    std::vector<Cell> key = {Cell(std::int64_t{study == Cell()}), study};
    for (std::size_t column : swept[text_of(study)]) key.push_back(row[column]);
    key.push_back(row[2]);
    key.push_back(row[0]);
    order.push_back(keys.size());
    keys.push_back(std::move(key));
  }
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::lexicographical_compare(keys[a].begin(), keys[a].end(), keys[b].begin(), keys[b].end(),
                                        cell_before);
  });
  return order;
}

}  // namespace

std::string runs_csv(const Database& db) {
  const std::vector<std::string> columns = csv_columns(db);
  std::string names, text;
  for (const std::string& column : columns) {
    names += concat(names.empty() ? "" : ", ", sql_name(column));
    text += concat(text.empty() ? "" : ",", csv_field(column == "member.bias" ? "member.b" : column));
  }
  text += "\r\n";
  const Table runs = db.query(concat("SELECT ", names, " FROM runs"));
  for (std::size_t i : csv_order(db, runs)) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      if (c > 0) text += ',';
      text += csv_field(text_of(runs.rows[i][c]));
    }
    text += "\r\n";
  }
  return text;
}

}  // namespace tools
