#include "study/samples_to_learn.h"

#include <algorithm>
#include <cmath>
#include <iterator>

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

// The largest size tried below what a seed needed, with which it did not learn; 0 where that was the smallest. Of
// fresh samples, whose number is known, the number itself.
double above(const SeedsNeed& n, double samples) {
  if (n.sizes.empty() || !std::isfinite(samples)) return samples;
  const auto place = n.sizes.lower_bound(samples);
  return place == n.sizes.begin() ? 0 : *std::prev(place);
}

// The interval of the ratio of medians a / b: from the least that a can be over the most that b can be.
std::string ratio_interval(const SeedsNeed& a, const SeedsNeed& b) {
  const MedianInterval of_a = median_interval(a.samples, 0.975), of_b = median_interval(b.samples, 0.975);
  const auto low = [](const SeedsNeed& n, double v) { return std::isfinite(v) ? above(n, v) : n.most; };
  const double least = low(a, of_a.interval.low), most = of_a.interval.high, under = low(b, of_b.interval.low);
  const double coverage = of_a.coverage + of_b.coverage - 1;
  return fmt::format("[{:.2g}, {}]{}", least / of_b.interval.high,
                     std::isfinite(most) && under > 0 ? fmt::format("{:.2g}", most / under) : "any",
                     coverage >= 0.95 ? "" : fmt::format(" ({:.0f} %)", 100 * std::max(coverage, 0.0)));
}

}  // namespace

std::vector<std::vector<std::string>> exchange_rows(const std::vector<SeedsNeed>& all) {
  if (all.size() < 2) return {};
  std::vector<std::vector<std::string>> rows{{"", "learned", "samples, median", "95 %", "first over this", "95 %"}};
  const SeedsNeed& first = all.front();
  for (const SeedsNeed& n : all) {
    const auto learned =
        std::count_if(n.samples.begin(), n.samples.end(), [](double v) { return std::isfinite(v); });
    rows.push_back({n.label, fmt::format("{}/{}", learned, n.samples.size()), count_text(median(n.samples), n.most),
                    range_text(median_interval(n.samples), n.most),
                    &n == &first ? "1" : ratio_text(median(first.samples), first.most, median(n.samples), n.most),
                    &n == &first ? "" : ratio_interval(first, n)});
  }
  return rows;
}

}  // namespace tools
