#include "figures/figures.h"

#include <algorithm>
#include <map>
#include <set>

#include <eqnn/core/spelling.h>

#include "figures/kinds.h"

namespace tools {
namespace {

// Throws ValueError for a column of --x or --y that no group swept, naming the nearest that was.
void check_columns(const std::vector<Group>& groups, const FigureOptions& options) {
  std::set<std::string> swept;
  for (const Group& g : groups) swept.insert(g.swept.begin(), g.swept.end());
  const std::vector<std::string> names(swept.begin(), swept.end());
  for (const auto& [flag, column] : {std::pair("x", options.x), std::pair("y", options.y)})
    if (!column.empty() && !swept.contains(column))
      throw ValueError(names.empty() ? concat("--", flag, " is '", column, "'; nothing was swept in these runs")
                                     : concat("--", flag, " is '", column, "', which was not swept",
                                              eqnn::spelling_hint(column, names)));
  require(options.x.empty() || options.x != options.y, "--x and --y are both '", options.x, "'; name two columns");
}

Figures figures_of(const FigureKind& kind, const std::vector<Group>& groups, const FigureSource& source) {
  if (kind.of_database != nullptr) return kind.of_database(source);
  Figures all;
  for (const Group& group : groups)
    for (Figure& f : kind.of_group(group, source)) {
      f.runs = static_cast<std::size_t>(std::ranges::count_if(group.runs, &FigureRun::done));
      all.push_back(std::move(f));
    }
  return all;
}

// Names that would be equal, of studies that differ in a sign alone, get a number.
void make_unique(Figures& figures) {
  std::map<std::string, int> seen;
  for (Figure& f : figures)
    if (const int n = ++seen[f.name]; n > 1) f.name += concat("-", n);
}

}  // namespace

const std::vector<FigureKind>& figure_kinds() {
  static const std::vector<FigureKind> kinds = {
      kFrontierKind,       kPhaseKind,       kScalingKind,  kSurvivalKind, kExchangeKind,
      kLearningCurvesKind, kCorrelationKind, kProgressKind, kVerdictsKind, kFinalLossKind,
      kTrainTestKind,      kGradvarKind,     kQueriesKind,  kAnythingKind,
  };
  return kinds;
}

std::vector<Figure> make_figures(const Database& db, const std::string& kind, const FigureOptions& options) {
  std::vector<std::string> names;
  const FigureKind* found = nullptr;
  for (const FigureKind& k : figure_kinds()) {
    if (k.name == kind) found = &k;
    names.emplace_back(k.name);
  }
  require(found != nullptr, "figure '", kind, "' is not known", eqnn::spelling_hint(kind, names));
  const std::vector<Group> groups = load_groups(db, options);
  const bool anything = found->of_database == kAnythingKind.of_database;
  if (anything)
    require(!options.x.empty() && !options.y.empty(),
            "anything needs --x and --y: two columns of the runs, such as "
            "--x lr --y normalized_test_loss");
  else
    check_columns(groups, options);
  const char* alone = !options.by.empty()      ? "--by"
                      : !options.where.empty() ? "--where"
                      : options.best           ? "--best"
                                               : nullptr;
  require(anything || alone == nullptr, alone == nullptr ? "" : alone, " has no effect on '", kind,
          "'; it is for --kind anything");
  Figures figures = figures_of(*found, groups, {db, options});
  make_unique(figures);
  return figures;
}

std::vector<Figure> make_all_figures(const Database& db, const FigureOptions& options) {
  const std::vector<Group> groups = load_groups(db, options);
  check_columns(groups, options);
  Figures all;
  for (const FigureKind& kind : figure_kinds())
    for (Figure& f : figures_of(kind, groups, {db, options})) all.push_back(std::move(f));
  make_unique(all);
  return all;
}

}  // namespace tools
