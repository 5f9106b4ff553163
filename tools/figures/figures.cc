#include "figures/figures.h"

#include <algorithm>
#include <map>
#include <set>

#include <eqnn/core/spelling.h>

#include "figures/kinds.h"

namespace tools {
namespace {

// Of the groups that are there, those that swept the columns that were asked for; throws when none did.
void check_columns(const std::vector<Group>& groups, const FigureOptions& options) {
  std::set<std::string> swept;
  for (const Group& g : groups) swept.insert(g.swept.begin(), g.swept.end());
  const std::vector<std::string> names(swept.begin(), swept.end());
  for (const auto& [flag, column] : {std::pair("x", options.x), std::pair("y", options.y)})
    if (!column.empty() && !swept.contains(column))
      throw ValueError(names.empty()
                           ? concat("--", flag, " is '", column, "'; nothing was swept in these runs")
                           : concat("--", flag, " is '", column, "', which was not swept; the nearest is '",
                                    eqnn::nearest(column, names), "'"));
  require(options.x.empty() || options.x != options.y, "--x and --y are both '", options.x, "'; name two columns");
}

Figures group_figures(const Database& db, const Group& group, const std::string& kind,
                      const FigureOptions& options) {
  if (kind == "learning-curves") return learning_curve_figures(db, group);
  if (kind == "correlation") return correlation_figures(db, group);
  if (kind == "frontier") return frontier_figures(group, options);
  if (kind == "scaling") return scaling_figures(group, options);
  if (kind == "phase") return phase_figures(group, options);
  if (kind == "verdicts") return verdict_figures(group);
  if (kind == "final-loss") return final_loss_figures(group);
  return train_test_figures(group);
}

Figures figures_of(const Database& db, const std::vector<Group>& groups, const std::string& kind,
                   const FigureOptions& options) {
  if (kind == "gradvar") return gradvar_figures(db);
  if (kind == "queries") return query_figures(db);
  Figures all;
  for (const Group& group : groups)
    for (Figure& f : group_figures(db, group, kind, options)) all.push_back(std::move(f));
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
      {"frontier", "fraction of seeds learned, and the loss, against the size"},
      {"phase", "loss over two swept columns (--x, --y)"},
      {"scaling", "median steps to learn against the size, with fits"},
      {"learning-curves", "test loss against the step"},
      {"correlation", "correlation with the target against the step"},
      {"verdicts", "share of each verdict by setting"},
      {"final-loss", "test loss of every run by setting"},
      {"train-test", "train against test loss of every run"},
      {"gradvar", "variance of the gradient over the members of a family, against the bound"},
      {"queries", "lower bounds on the number of queries"},
  };
  return kinds;
}

std::vector<Figure> make_figures(const Database& db, const std::string& kind, const FigureOptions& options) {
  std::vector<std::string> names;
  for (const FigureKind& k : figure_kinds()) names.push_back(k.name);
  if (std::ranges::find(names, kind) == names.end())
    throw ValueError(concat("figure '", kind, "' is not known; the nearest is '", eqnn::nearest(kind, names), "'"));
  const std::vector<Group> groups = load_groups(db, options);
  check_columns(groups, options);
  Figures figures = figures_of(db, groups, kind, options);
  make_unique(figures);
  return figures;
}

std::vector<Figure> make_all_figures(const Database& db, const FigureOptions& options) {
  const std::vector<Group> groups = load_groups(db, options);
  check_columns(groups, options);
  Figures all;
  for (const FigureKind& kind : figure_kinds())
    for (Figure& f : figures_of(db, groups, kind.name, options)) all.push_back(std::move(f));
  make_unique(all);
  return all;
}

}  // namespace tools
