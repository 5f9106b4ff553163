// What figures are drawn from: the runs of a results database, by study and family.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "figures/figures.h"
#include "figures/frontier.h"

namespace tools {

// One run. Numbers that it does not have, or that are not finite, are nan.
struct FigureRun {
  std::string id;
  std::string status;   // done, failed, unfinished
  std::string verdict;  // "" unless it is done
  std::string method;   // the model, or the algorithm of `learn`
  bool learner = false;
  bool control = false;
  std::int64_t seed = 0;
  double test_loss = 0, train_loss = 0;  // normalised
  double steps = 0, samples_seen = 0, steps_to_learn = 0, samples_to_learn = 0;
  double learned_below = 0.05, memorised_train_below = 0.1, fails_from = 0.9;
  std::map<std::string, Cell> values;  // of what was swept, by the flag's name; also the algorithm of a learner

  bool done() const { return status == "done"; }
};

// The runs of a family in a study, beside every run of `learn` of that family. Runs of no study make one of their
// own, named "".
struct Group {
  std::string study, title, family;
  std::vector<std::string> swept;  // what takes two values or more here, control and seeds apart, as in the study
  std::vector<FigureRun> runs;     // by values, target before control, by seed

  // "gnn-degree-parity, study f1": for titles.
  std::string name() const;
  // "frontier-f1-gnn-degree-parity": unique for the kind.
  std::string slug(const std::string& kind) const;
};

// Throws ValueError for a study or family that the database does not hold, naming the nearest one.
std::vector<Group> load_groups(const Database& db, const FigureOptions& options);

// Runs with the same values, whatever seeds and control are.
struct Setting {
  std::string name;             // "n 8, lr 0.001, init xavier-normal": what tells it from the others of its list
  std::string label;            // the same for a drawing: "n 8, lr 0.001, xavier-normal", long values shortened
  std::vector<FigureRun> runs;  // target and control
};

// The settings of a group in order. `left_out`: columns that are not told apart.
std::vector<Setting> settings_of(const Group& group, const std::vector<FigureRun>& runs,
                                 const std::set<std::string>& left_out = {});
// A value as labels show it: 3e-4, where its shortest form is 3e-04.
std::string label_of(const Cell& value);
// The columns of `columns` as text: "lr 0.001, width 64"; "" for none.
std::string values_text(const FigureRun& run, const std::vector<std::string>& columns);
// Whether that is a parameter of a family (what makes a problem harder), not a choice of how to train.
bool is_family_parameter(const std::string& column);
// What a frontier goes along: the option x where it was swept, or else the first numeric family parameter that
// takes two values or more, or else samples or width. "" for none.
std::string size_column(const Group& group, const std::string& wanted = "");
// Whether two values or more of a column are numbers, and all are.
bool is_numeric(const Group& group, const std::string& column);
// Different values in rising order: numbers, then text.
std::vector<Cell> values_of(const std::vector<FigureRun>& runs, const std::string& column);
bool cell_less(const Cell& a, const Cell& b);

// A group by family parameters other than the size, and by method: what belongs into one frontier.
struct FrontierSlice {
  std::string method, label;  // label: "k 4": the other family parameters, where they were swept
  std::string size;           // its column
  std::vector<FigureRun> runs;
  std::vector<FrontierPoint> points;
};
// Slices of two sizes or more.
std::vector<FrontierSlice> frontier_slices(const Group& group, const std::string& x = "");

// Text as part of a figure's name: letters, digits, dots and single dashes.
std::string slug_of(const std::string& text);

// A number for a table: null where it is not finite.
Cell number_cell(double value);

}  // namespace tools
