// What figures are drawn from: the runs of a results database, by study and family.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "figures/figures.h"
#include "results/frontier.h"
#include "results/runs.h"

namespace tools {

// Parameters of families, those that set how hard a problem is first: the order in which a frontier chooses.
inline constexpr const char* kFamilyParameters[] = {"n",     "r",          "d",        "k",         "degree",
                                                    "m",     "terms",      "bias-max", "min-count", "c-min",
                                                    "group", "self-loops", "graph",    "frame",     "generators"};
bool is_family_parameter(const std::string& column);
// Weights of another run are a part of the question, and no setting to choose the best of. A study has them as its
// file names them; of runs of no study, true or false.
inline constexpr const char* kBeginning = "init-from";

struct FigureRun : Run {
  std::map<std::string, Cell> values;  // of what was swept, by the flag's name; also the algorithm of a learner
};

// The runs of a family in a study, those of training beside every run of `learn` of that family. Runs of no study
// make one of their own, named "".
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

// What the frontier's statistics take of a run. `point`: its point of the grid, as text.
FrontierRun frontier_run(const Run& run, double size, std::string point);

// By value: numbers, then text.
bool cell_less(const Cell& a, const Cell& b);
// Text as part of a figure's name: letters, digits, dots and single dashes.
std::string slug_of(const std::string& text);

// A number for a table: null where it is not finite.
Cell number_cell(double value);

}  // namespace tools
