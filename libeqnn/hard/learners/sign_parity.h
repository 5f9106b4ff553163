// Elimination over GF(2) on the signs of labels: learns the set S of frame-parity from examples.
//
// f_S is odd in each coordinate of y_S: f_S(y) = prod_{i in S} sgn(y_i) f_S(|y|). Where f_S(|y|) is not 0 and
// always of one sign, that of y is a linear equation over GF(2) in the indicator of S and a constant b:
//   sum_{i in S} [y_i < 0] + b = [y < 0] mod 2.
//   k = 2, 4: f_S(|y|) is sqrt2 min >= 0, and -max(0, ...) <= 0 (frame_parity.h): every example with y != 0 is such
//     an equation, and n + 1 independent ones give S.
//   k >= 6: f_S(|y|) changes its sign. Its largest values, near |y_1| = ... = |y_k|, have the sign (-1)^(k/2 + 1);
//   so
//     the equations of the largest |y| are nearly all right, as measured, not proved. Random subsets of them are
//     solved until one is right: information-set decoding (Prange 1962).
// A solution of k indices is confirmed by its correlation with y, which is 1 for S and 0 for every other set. Told:
// k and the frame. This reads examples: it is no statistical-query algorithm, and no bound on those binds it.
#pragma once

#include <vector>

#include "frame_sets.h"

namespace eqnn::hard {

// What was found from the signs of labels.
struct SignParity {
  std::vector<Index> set;  // ascending; the best one where none was confirmed, empty where none has k indices
  bool confirmed = false;
  double correlation = 0;  // E[y f] / |f| of that set
  double norm_sq = 0;      // E f^2, where confirmed
  Index window = 0;        // equations that subsets are drawn from: those of the largest |y|
  Index rank = 0;          // of the n + 1 unknowns, in the window
  Index attempts = 0;      // subsets solved
};

// On the calling thread, at most `most_attempts` subsets. Throws ValueError as FrameQueries, for forms of another
// n, and where every label is 0.
SignParity learn_sign_parity(const FrameParityLaw& law, const FrameSample& sample, Index most_attempts = 20000);

}  // namespace eqnn::hard
