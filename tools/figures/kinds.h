// The kinds of figures, each made from the runs of one group or from the whole database.
#pragma once

#include "figures/script.h"

namespace tools {

using Figures = std::vector<Figure>;

// figures_runs.cc: every run by its end.
Figures final_loss_figures(const Group& group);
Figures verdict_figures(const Group& group);
Figures train_test_figures(const Group& group);
// figures_curves.cc: against the step.
Figures learning_curve_figures(const Database& db, const Group& group);
Figures correlation_figures(const Database& db, const Group& group);
// figures_frontier.cc: against the size.
Figures frontier_figures(const Group& group, const FigureOptions& options);
Figures scaling_figures(const Group& group, const FigureOptions& options);
// figures_phase.cc: over two swept columns.
Figures phase_figures(const Group& group, const FigureOptions& options);
// figures_documents.cc: what gradvar and bound measured.
Figures gradvar_figures(const Database& db);
Figures query_figures(const Database& db);

// Settings of a group, at most `most`: columns are given up from the last on, the size's last of all, until so few
// are left. `given_up` tells which, for the caption ("" for none).
std::vector<Setting> readable_settings(const Group& group, const std::vector<FigureRun>& runs, std::size_t most,
                                       std::string& given_up);
// Whether there are target and control among runs.
bool has_role(const std::vector<FigureRun>& runs, bool control);
// "10 runs, 5 seeds".
std::string counts_text(const std::vector<FigureRun>& runs);

}  // namespace tools
