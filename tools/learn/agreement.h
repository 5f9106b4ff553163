// The most examples that one halfspace agrees with, exactly, by integer programming (CBC). The solver is a module
// of its own, loaded when it is needed: its libraries would make every start of the command half as long again.
#pragma once

#include <string>

#include <eqnn/hard/proper/reduction.h>

#include "cli/options.h"

namespace tools {

struct AgreementResult {
  eqnn::hard::Halfspace halfspace;  // small whole numbers where those were found
  Index agreement = 0;              // of `halfspace`, counted without rounding
  Index bound = 0;                  // no halfspace agrees with more
  Index rounds = 0, conflicts = 0;  // integer programs solved, rows of the last one
  std::string stopped;              // why the search ended before both met: "time limit" or "solver"; else empty

  bool optimal() const { return agreement == bound; }
};

// The features may be any whole numbers, so that the counts of degrees of graphs give the best degree network.
//
// Branch and cut over sets of examples that no halfspace agrees with, without a bound on the weights: which
// examples are given up is the smallest set that meets every minimal conflict (Parker, Ryan 1996); each round
// solves that problem for the conflicts known, and looks among the examples that are kept for further ones, the
// vertices of
//   { l >= 0 : sum_e l_e y_e f_e = 0, sum_e l_e y_e = 0, sum_{y_e = 1} l_e = 1 }    (Gleeson, Ryan 1990).
// Each conflict is proved in whole numbers (is_minimal_conflict) before it is used, so the answer rests on rounding
// nowhere but in CBC's bound for a covering problem with coefficients 0 and 1.
//
// After `seconds`, what is known is returned: `agreement` < `bound`. With 0 that is the best constant. Equal inputs
// give equal results unless the time runs out. Throws ValueError for shapes that do not fit, FileError when the
// module cannot be loaded. Threads: one at a time; standard streams lead to /dev/null while the solver is at work.
AgreementResult maximum_agreement(const eqnn::hard::LabelledVectors& vectors, double seconds);

}  // namespace tools
