// The kinds of figures, and what they share.
#pragma once

#include "figures/script.h"
#include "figures/settings.h"

namespace tools {

using Figures = std::vector<Figure>;

// Each is defined beside what draws it, and has a line in the list of figures.cc.
extern const FigureKind kFinalLossKind, kVerdictsKind, kTrainTestKind;  // runs.cc: every run by its end
extern const FigureKind kLearningCurvesKind, kCorrelationKind;          // curves.cc: against the step
extern const FigureKind kFrontierKind, kScalingKind, kSurvivalKind;     // against the size
extern const FigureKind kExchangeKind;                                  // what networks need, side by side
extern const FigureKind kProgressKind;                                  // what measures tell before the loss
extern const FigureKind kPhaseKind;                                     // phase.cc: over two swept columns
extern const FigureKind kAnythingKind;                                  // of any columns
extern const FigureKind kGradvarKind, kQueriesKind;                     // documents.cc: of gradvar and bound

// Settings of a group, at most `most`: columns are given up from the last on, the size's last of all, until so few
// are left. `given_up` tells which, for the caption ("" for none).
std::vector<Setting> readable_settings(const Group& group, const std::vector<FigureRun>& runs, std::size_t most,
                                       std::string& given_up);
// Whether there are target and control among runs.
bool has_role(const std::vector<FigureRun>& runs, bool control);
// "10 runs, 5 seeds".
std::string counts_text(const std::vector<FigureRun>& runs);

}  // namespace tools
