// Screening: learns the set S of frame-parity from queries about y^2, where correlational ones need C(n, k) of
// them.
//
// f_S(y)^2 does not see signs, and depends on |y_i|, i in S, alone. With g = min(y^2, 4):
//   none, cyclic: E[g a_i], a_i = |y_i| standardised, n queries. |y_i|, i not in S, is independent of g (cyclic:
//   given
//     the largest |y|); the k largest answers are S.
//   sort: neighbours in order correlate, and so do all a_i with g. There E[g b_T], b_T = min(f_T^2 / E f_T^2, 4)
//     standardised, is climbed: one index of T is changed for the better until none is, from T = evenly spaced and
//     then from random T. Each T is a query.
// A set is confirmed by one correlational query, E[y f_T] / |f_T|: 1 for S, 0 for every other. Told: k and the
// frame.
#pragma once

#include <vector>

#include "frame_sets.h"

namespace eqnn::hard {

inline constexpr Index kMostClimbedSize = 10;  // k up to which sort is climbed

// What screening found.
struct FrameScreen {
  enum class Status : std::uint8_t { confirmed, unconfirmed, stuck };
  Status status = Status::stuck;  // stuck: every answer was 0
  std::vector<Index> set;         // ascending; empty where stuck
  Index certain = 0;              // of its indices: all where confirmed; else those far above chance (sort: none)
  double correlation = 0;         // the answer about `set`
  double norm_sq = 0;             // E f^2, where confirmed
  std::vector<double> answers;    // none, cyclic: those of the n queries
  Index starts = 0;               // sort: climbs
};
const char* status_name(FrameScreen::Status status);  // "confirmed", "unconfirmed", "stuck"

// On the calling thread. sort climbs on the first 8,192 examples, at most `most_starts` times. Throws ValueError
// for forms of another n, and with sort for k above kMostClimbedSize.
FrameScreen screen_frame(const FrameParityLaw& law, FrameQueries& queries, Index most_starts = 64);

}  // namespace eqnn::hard
