// The runs of a results database, as figures, report and reproduce read them.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "results/database.h"

namespace tools {

// One run. Numbers that it does not have, or that are not finite, are nan.
struct Run {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  std::string id, error, command;
  std::string status;   // done, failed, unfinished
  std::string verdict;  // "" unless it is done
  std::string family;   // "data" for the examples of a file
  std::string method;   // the model, or the algorithm of `learn`
  bool learner = false;
  bool control = false;
  std::optional<bool> explained;  // by a bound, where it did not learn; none where nothing is said
  std::optional<std::int64_t> seed;
  double test_loss = kNone, train_loss = kNone;  // normalised
  double test_accuracy = kNone;
  double steps = kNone, samples_seen = kNone, steps_to_learn = kNone, samples_to_learn = kNone;
  double seconds = kNone, steps_per_second = kNone;
  double eval_every = kNone;                      // steps between two tests
  double steps_given = kNone;                     // --steps, before which a run may end
  std::map<std::string, std::string> parameters;  // of the family
  double learned_below = 0.05, memorised_train_below = 0.1, fails_from = 0.9;

  bool done() const { return status == "done"; }
};

// The table of runs, but for the members' own numbers, by row and column. Rows are in the order of the ids. A
// column that is not there is null everywhere.
class RunTable {
 public:
  explicit RunTable(const Database& db);

  std::size_t size() const { return table_.rows.size(); }
  std::optional<std::size_t> row_of(const std::string& id) const;
  // The columns' names with their places in a row, in the order of the names.
  const std::map<std::string, std::size_t>& columns() const { return columns_; }

  const Cell& cell(std::size_t row, const std::string& column) const;
  std::string text(std::size_t row, const std::string& column) const { return text_of(cell(row, column)); }
  double number(std::size_t row, const std::string& column) const { return number_of(cell(row, column)); }
  // A key of the result, or of the configuration for a run without one.
  const Cell& either(std::size_t row, const std::string& key) const;
  // Whether it began with the weights of another run.
  bool begins_with_weights(std::size_t row) const;
  Run run(std::size_t row) const;

 private:
  Table table_;
  std::map<std::string, std::size_t> columns_, rows_;
};

// A run that a study asks for, whether there is one yet or not.
struct StudyRun {
  std::string id;
  std::optional<std::int64_t> seed;
  std::string values;  // the point of the grid, a JSON object
};

struct Study {
  std::string name, title, claim, command, toml;
  std::vector<std::string> swept;  // flags, in the order of the grid
  std::vector<StudyRun> runs;      // in the order of the grid
};

// In the order in which they were collected.
std::vector<Study> read_studies(const Database& db);
// By the names of their files, and the sweeps of one file as it has them.
void sort_studies(std::vector<Study>& studies);
// "paper" of "paper/f1": the file that a study is of.
std::string study_file(const std::string& study);

}  // namespace tools
