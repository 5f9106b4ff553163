// What symmetry buys: the samples that each network, or way to train it, needed.

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include "cli/text.h"
#include "figures/kinds.h"
#include "figures/samples_to_learn.h"

namespace tools {
namespace {

constexpr std::size_t kLabelLength = 36;

std::vector<std::string> parts_of(const std::string& label) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= label.size();) {
    const std::size_t end = std::min(label.find(", ", at), label.size());
    parts.push_back(label.substr(at, end - at));
    at = end + 2;
  }
  return parts;
}

// What tells a label from the others: "mlp, augment family" of "model mlp, augment family, test-average none".
std::string short_label(const std::vector<SeedsNeed>& all, const SeedsNeed& of) {
  std::string text;
  for (const std::string& part : parts_of(of.label)) {
    const bool everywhere = std::ranges::all_of(
        all, [&](const SeedsNeed& n) { return std::ranges::count(parts_of(n.label), part) > 0; });
    if (everywhere || part.ends_with(" none")) continue;
    text += (text.empty() ? "" : ", ") + (part.starts_with("model ") ? part.substr(6) : part);
  }
  return text.empty() ? "plain" : text;
}

Table exchange_table(const std::vector<SeedsNeed>& all) {
  Table t{{"network", "seeds", "learned", "samples", "samples_low", "samples_high", "most", "ratio", "ratio_low",
           "ratio_high", "coverage"},
          {}};
  for (const SeedsNeed& n : all) {
    const MedianInterval m = median_interval(n.samples);
    const NeedRatio r = need_ratio(all.front(), n);
    const bool first = &n == &all.front();
    t.rows.push_back({n.label, static_cast<std::int64_t>(n.samples.size()),
                      std::ranges::count_if(n.samples, [](double v) { return std::isfinite(v); }),
                      number_cell(median(n.samples)), number_cell(m.interval.low), number_cell(m.interval.high),
                      n.most, first ? Cell(1.0) : number_cell(r.value),
                      first ? Cell() : number_cell(r.interval.low), first ? Cell() : number_cell(r.interval.high),
                      first ? Cell() : number_cell(r.coverage)});
  }
  return t;
}

// "3.5 [2.5, 4.7]": the ratio as a row of the figure has it.
std::string ratio_label(const SeedsNeed& first, const SeedsNeed& n) {
  if (&n == &first) return "1";
  const NeedRatio r = need_ratio(first, n);
  return std::isfinite(r.value) ? fmt::format("{:.2g} {}", r.value, interval_text(r)) : interval_text(r);
}

// "median over the seeds, 95 % interval", or what few seeds have.
std::string interval_name(const std::vector<SeedsNeed>& all) {
  double coverage = 1;
  for (const SeedsNeed& n : all) coverage = std::min(coverage, median_interval(n.samples).coverage);
  return coverage >= 0.95 ? "median over the seeds, 95 % interval"
                          : fmt::format("median over the seeds, lowest to highest ({:.0f} %)", 100 * coverage);
}

Figure exchange_figure(const Study& study, const std::vector<SeedsNeed>& all) {
  double low = INFINITY, high = 0;
  bool censored = false;
  for (const SeedsNeed& n : all) {
    const MedianInterval m = median_interval(n.samples);
    for (const double v : {median(n.samples), m.interval.low, n.most}) {
      if (!std::isfinite(v)) continue;
      low = std::min(low, v);
      high = std::max(high, v);
    }
    censored = censored || !std::isfinite(median(n.samples));
  }
  std::vector<LegendEntry> legend{{LegendEntry::kPoint, role_style(false), interval_name(all)}};
  if (censored)
    legend.push_back({LegendEntry::kPoint, fmt::format("lc rgb '{}' dt 1 pt 6 ps 0.9*point_scale", kTargetColor),
                      "→ half did not learn from so many"});
  Page page(kPageWidth, legend);
  const double top = page.top() + 18, row = 30, rows = row * static_cast<double>(all.size());
  page.set_height(static_cast<int>(top + rows + 54));
  const double left = 290, right = kPageWidth - 150;
  page.panel(left, top, right, top + rows);
  page.add(number_axis('x', low / 1.4, high * 1.8, true, 6));
  page.add(fmt::format("set yrange [0.4:{}]\nunset ytics", static_cast<double>(all.size()) + 0.6));
  page.axis_labels("samples to learn", "");
  page.label(right + 14, top - 12, "first over this", "left");
  std::vector<std::vector<double>> known, unknown;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const SeedsNeed& n = all[i];
    const double at = static_cast<double>(all.size() - i),
                 y = top + rows - (at - 0.4) / (static_cast<double>(all.size()) + 0.2) * rows;
    page.label(left - 12, y, shortened(short_label(all, n), kLabelLength), "right");
    page.label(right + 14, y, ratio_label(all.front(), n), "left");
    const MedianInterval m = median_interval(n.samples);
    const double value = median(n.samples), edge = high * 1.8;
    if (std::isfinite(value))
      known.push_back({value, at, m.interval.low, std::isfinite(m.interval.high) ? m.interval.high : edge});
    else
      unknown.push_back({n.most, at, n.most * 0.35, 0});
  }
  std::vector<std::string> parts;
  if (!known.empty())
    parts.push_back(fmt::format("{} using 1:2:3:4 with xerrorbars lc rgb '{}' lw 1.4 pt 7 ps 0.9*point_scale",
                                page.data(known), kTargetColor));
  if (!unknown.empty()) {
    const std::string name = page.data(unknown);
    parts.push_back(fmt::format("{} using 1:2:3:4 with vectors head size screen 0.006,25 lc rgb '{}' lw 1.4", name,
                                kTargetColor));
    parts.push_back(
        fmt::format("{} using 1:2 with points pt 6 ps 0.9*point_scale lc rgb '{}'", name, kTargetColor));
  }
  page.plot(parts);
  Figure f{"exchange-" + slug_of(study.name), "exchange", study.title, "", exchange_table(all), ""};
  f.caption =
      "Samples until the normalised test loss is low enough, of each seed the fewest; of fixed training sets the "
      "smallest "
      "size tried with which the seed learned. Points: medians, bars: exact intervals (order statistics). At "
      "the "
      "right: the first row's median over this one's with an interval (95 %, or as it says) that holds whatever "
      "the seeds have in "
      "common.";
  page.finish(f);
  return f;
}

Figures exchange_figures(const Database& db) {
  const RunTable table(db);
  Figures figures;
  for (const Study& study : read_studies(db))
    if (const auto all = needs_of(table, study); all.size() >= 2) figures.push_back(exchange_figure(study, all));
  return figures;
}

}  // namespace

const FigureKind kExchangeKind{"exchange", "samples to learn of networks side by side, and their ratios", nullptr,
                               exchange_figures};

}  // namespace tools
