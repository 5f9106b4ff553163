#include "frame_screen.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace eqnn::hard {
namespace {

constexpr Index kClimbed = 8192;    // examples
constexpr Index kMostSilent = 4;    // climbs of which nothing is told, and then no more
constexpr double kConfirmed = 0.5;  // between 0 and 1

// Mean 0 and mean square 1; false where all are equal.
bool standardise(std::vector<double>& q) {
  double mean = 0, square = 0;
  for (const double v : q) mean += v / static_cast<double>(q.size());
  for (double& v : q) {
    v -= mean;
    square += v * v / static_cast<double>(q.size());
  }
  if (!(square > 1e-24)) return false;
  for (double& v : q) v /= std::sqrt(square);
  return true;
}

void confirm(FrameQueries& queries, FrameScreen& screen) {
  screen.correlation = queries.correlation(screen.set);
  const bool right = screen.correlation > kConfirmed;
  screen.status = right ? FrameScreen::Status::confirmed : FrameScreen::Status::unconfirmed;
  if (!right) return;
  screen.certain = static_cast<Index>(screen.set.size());
  screen.norm_sq = queries.norm_sq(screen.set, screen.correlation);
}

// --- one query a coordinate ----------------------------------------------------------------------------------

void screen_coordinates(const FrameParityLaw& law, FrameQueries& queries, FrameScreen& screen) {
  const Matrix<double>& forms = queries.sample().forms;
  std::vector<double> size(static_cast<std::size_t>(forms.rows()));
  std::vector<bool> certain;
  for (Index i = 0; i < law.n; ++i) {
    for (Index e = 0; e < forms.rows(); ++e) size[static_cast<std::size_t>(e)] = std::abs(forms(e, i));
    const Answer told = standardise(size) ? queries.squared(size) : Answer{};
    screen.answers.push_back(told.value);
    certain.push_back(std::abs(told.value) > told.certain);
  }
  std::vector<Index> order(screen.answers.size());
  std::iota(order.begin(), order.end(), Index{0});
  const auto answer = [&](Index i) { return std::abs(screen.answers[static_cast<std::size_t>(i)]); };
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return answer(a) > answer(b); });
  if (answer(order.front()) == 0) return;
  screen.set.assign(order.begin(), order.begin() + law.k);
  screen.certain = std::count_if(screen.set.begin(), screen.set.end(),
                                 [&](Index i) { return certain[static_cast<std::size_t>(i)]; });
  std::sort(screen.set.begin(), screen.set.end());
  confirm(queries, screen);
}

// --- one query a set -----------------------------------------------------------------------------------------

class Climb {
 public:
  Climb(const FrameParityLaw& law, FrameQueries& queries)
      : law_(law), queries_(queries), examples_(std::min(kClimbed, queries.sample().forms.rows())) {}

  // Changes one index of the set after the other until no change is for the better; the answer about what is left.
  double climb(std::vector<Index>& set) {
    double best = answer(set);
    for (bool better = true; better;) {
      better = false;
      for (std::size_t p = 0; p < set.size(); ++p) better = replace(set, p, best) || better;
    }
    return best;
  }

 private:
  double answer(std::span<const Index> set) {
    std::vector<double> f = parity_sums(queries_.sample(), set, examples_);
    double mean = 0;
    for (double& v : f) {
      v *= v;
      mean += v / static_cast<double>(f.size());
    }
    if (mean == 0) return 0;
    for (double& v : f) v = std::min(v / mean, kLabelClip);
    return standardise(f) ? queries_.squared(f).value : 0;
  }
  // The best index for place p, if it is better than the one that is there.
  bool replace(std::vector<Index>& set, std::size_t p, double& best) {
    const Index old = set[p];
    Index chosen = old;
    for (Index i = 0; i < law_.n; ++i) {
      if (std::find(set.begin(), set.end(), i) != set.end() && i != set[p]) continue;
      if (i == old) continue;
      set[p] = i;
      const double value = answer(set);
      if (value > best * (1 + 1e-12)) {
        best = value;
        chosen = i;
      }
    }
    set[p] = chosen;
    return chosen != old;
  }

  const FrameParityLaw& law_;
  FrameQueries& queries_;
  Index examples_;
};

std::vector<Index> start_set(const FrameParityLaw& law, Index start) {
  std::vector<Index> all(static_cast<std::size_t>(law.n)), set;
  std::iota(all.begin(), all.end(), Index{0});
  if (start == 0) {
    for (Index t = 0; t < law.k; ++t) set.push_back((2 * t + 1) * law.n / (2 * law.k));
    return set;
  }
  Draws draws({0, Stream::user, static_cast<std::uint64_t>(start), 0});
  for (std::size_t t = 0; t < static_cast<std::size_t>(law.k); ++t) {
    std::swap(all[t], all[t + draws.below(static_cast<std::uint32_t>(all.size() - t))]);
    set.push_back(all[t]);
  }
  return set;
}

void screen_sets(const FrameParityLaw& law, FrameQueries& queries, Index most_starts, FrameScreen& screen) {
  require(law.k <= kMostClimbedSize, "k is ", law.k, "; with the frame sort sets of at most ", kMostClimbedSize,
          " are climbed");
  Climb climb(law, queries);
  double best = 0;
  while (screen.starts < most_starts) {
    std::vector<Index> set = start_set(law, screen.starts++);
    const double answer = climb.climb(set);
    if (best == 0 && answer == 0 && screen.starts == kMostSilent) return;
    if (!(answer > best)) continue;
    best = answer;
    std::sort(set.begin(), set.end());
    screen.set = std::move(set);
    confirm(queries, screen);
    if (screen.status == FrameScreen::Status::confirmed) return;
  }
}

}  // namespace

const char* status_name(FrameScreen::Status status) {
  constexpr std::array kNames = {"confirmed", "unconfirmed", "stuck"};
  return kNames[static_cast<std::size_t>(status)];
}

FrameScreen screen_frame(const FrameParityLaw& law, FrameQueries& queries, Index most_starts) {
  require(queries.sample().forms.cols() == law.n, "the forms have ", queries.sample().forms.cols(),
          " coordinates; the law has ", law.n);
  FrameScreen screen;
  if (law.frame == ParityFrame::sort)
    screen_sets(law, queries, most_starts, screen);
  else
    screen_coordinates(law, queries, screen);
  return screen;
}

}  // namespace eqnn::hard
