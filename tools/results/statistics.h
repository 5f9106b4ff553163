// Fractions and their intervals.
#pragma once

namespace tools {

struct Interval {
  double low = 0, high = 0;
};

// 95 % score interval of a fraction (Wilson 1927): (p + z^2/2m -+ z sqrt(p(1-p)/m + z^2/4m^2)) / (1 + z^2/m).
// [0, 1] for no trials.
Interval wilson(int successes, int trials);

// 95 % interval of the fraction that was chosen among `choices` for what was seen of all of them: that of Clopper
// and Pearson (1934) at level 1 - 0.05 / choices (Bonferroni), which holds the chosen one's true value with 95 % at
// least, whatever the choice. With one choice there was none: wilson.
Interval chosen_interval(int successes, int trials, int choices);

}  // namespace tools
