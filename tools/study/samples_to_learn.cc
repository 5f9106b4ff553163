#include "study/samples_to_learn.h"

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include "cli/text.h"
#include "results/statistics.h"

namespace tools {
namespace {

std::string count_text(double samples, double most) {
  return std::isfinite(samples) ? fmt::format("{:.0f}", samples) : fmt::format("> {:.0f}", most);
}

std::string range_text(const MedianInterval& m, double most) {
  return fmt::format("[{}, {}]{}", count_text(m.interval.low, most), count_text(m.interval.high, most),
                     m.coverage >= 0.95 ? "" : fmt::format(" ({:.0f} %)", 100 * m.coverage));
}

// a / b where an infinite one is known to be above what its runs were given.
std::string ratio_text(double a, double a_most, double b, double b_most) {
  if (std::isfinite(a) && std::isfinite(b)) return fmt::format("{:.2g}", a / b);
  if (!std::isfinite(a) && !std::isfinite(b)) return "?";
  return std::isfinite(b) ? fmt::format("> {:.2g}", a_most / b) : fmt::format("< {:.2g}", a / b_most);
}

// One end of the interval: `a_end / b_end`, or the end that nothing is known beyond.
std::string end_text(double a, double a_most, double b, double b_most, bool low) {
  if (std::isfinite(a) && std::isfinite(b)) return fmt::format("{:.2g}", a / b);
  if (low) return std::isfinite(b) ? fmt::format("{:.2g}", a_most / b) : "0";
  return std::isfinite(a) ? fmt::format("{:.2g}", a / b_most) : "any";
}

}  // namespace

std::vector<std::vector<std::string>> exchange_rows(const std::vector<SeedsNeed>& all) {
  if (all.size() < 2) return {};
  std::vector<std::vector<std::string>> rows{{"", "learned", "samples, median", "95 %", "first over this", "95 %"}};
  const SeedsNeed& first = all.front();
  const MedianInterval of_first = median_interval(first.samples, 0.975);
  for (const SeedsNeed& n : all) {
    const auto learned =
        std::count_if(n.samples.begin(), n.samples.end(), [](double v) { return std::isfinite(v); });
    const MedianInterval m = median_interval(n.samples, 0.975);
    const double coverage = m.coverage + of_first.coverage - 1;
    rows.push_back(
        {n.label, fmt::format("{}/{}", learned, n.samples.size()), count_text(median(n.samples), n.most),
         range_text(median_interval(n.samples), n.most),
         &n == &first ? "1" : ratio_text(median(first.samples), first.most, median(n.samples), n.most),
         &n == &first
             ? ""
             : fmt::format("[{}, {}]{}", end_text(of_first.interval.low, first.most, m.interval.high, n.most, true),
                           end_text(of_first.interval.high, first.most, m.interval.low, n.most, false),
                           coverage >= 0.95 ? "" : fmt::format(" ({:.0f} %)", 100 * std::max(coverage, 0.0)))});
  }
  return rows;
}

}  // namespace tools
