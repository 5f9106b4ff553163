// What symmetry buys: the samples that each network, or way to train it, needed.

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include "cli/text.h"
#include "figures/kinds.h"
#include "figures/samples_to_learn.h"

namespace tools {
namespace {

constexpr std::size_t kNetworkLabel = 36;

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
  return std::isfinite(r.value) ? fmt::format("{:.2g} {}", r.value, ends_text(r.interval)) : ends_text(r.interval);
}

// Above them, with the coverage where few seeds have less than 95 %.
std::string ratios_name(const std::vector<SeedsNeed>& all) {
  double coverage = 1;
  for (const SeedsNeed& n : all)
    if (&n != &all.front()) coverage = std::min(coverage, need_ratio(all.front(), n).coverage);
  return coverage >= 0.95 ? "first over this"
                          : fmt::format("first / this, {:.0f} %", 100 * std::max(coverage, 0.0));
}

// "median over the seeds, 95 % interval", or what few seeds have.
std::string interval_name(const std::vector<SeedsNeed>& all) {
  double coverage = 1;
  for (const SeedsNeed& n : all) coverage = std::min(coverage, median_interval(n.samples).coverage);
  return coverage >= 0.95 ? "median over the seeds, 95 % interval"
                          : fmt::format("median over the seeds, lowest to highest ({:.0f} %)", 100 * coverage);
}

std::vector<LegendEntry> exchange_legend(const std::vector<SeedsNeed>& all) {
  std::vector<LegendEntry> legend{{LegendEntry::kPoint, role_style(false), interval_name(all)}};
  if (std::ranges::any_of(all, [](const SeedsNeed& n) { return !std::isfinite(median(n.samples)); }))
    legend.push_back({LegendEntry::kPoint, fmt::format("lc rgb '{}' dt 1 pt 6 ps 0.9*point_scale", kTargetColor),
                      "→ half did not learn from so many"});
  return legend;
}

// Of all that is drawn.
Interval samples_range(const std::vector<SeedsNeed>& all) {
  Interval range{INFINITY, 0};
  for (const SeedsNeed& n : all)
    for (const double v : {median(n.samples), median_interval(n.samples).interval.low, n.most}) {
      if (!std::isfinite(v)) continue;
      range.low = std::min(range.low, v);
      range.high = std::max(range.high, v);
    }
  return {range.low / 1.4, range.high * 1.8};
}

// A row a network, the first at the top, between the panel's columns of labels.
void plot_exchange(Page& page, const std::vector<SeedsNeed>& all, const Interval& range) {
  const double top = page.top() + 18, rows = 30 * static_cast<double>(all.size());
  std::size_t longest = characters(ratios_name(all));
  for (const SeedsNeed& n : all) longest = std::max(longest, characters(ratio_label(all.front(), n)));
  const double left = label_space(290, page.width(), 0.38),
               right = page.width() - label_space(30 + 6.4 * static_cast<double>(longest), page.width(), 0.34);
  page.panel(left, top, right, top + rows, all.size());
  page.add(number_axis('x', range.low, range.high, true, right - left));
  page.axis_labels("samples to learn", "");
  page.label(right + 14, top - 12, ratios_name(all), "left");
  std::vector<BarMark> marks;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const SeedsNeed& n = all[i];
    const double at = static_cast<double>(all.size() - i),
                 y = top + rows - (at - 0.4) / (static_cast<double>(all.size()) + 0.2) * rows;
    page.label(left - 12, y, shortened(short_label(all, n), std::min(kNetworkLabel, fitting(left - 30))), "right");
    page.label(right + 14, y, shortened(ratio_label(all.front(), n), fitting(page.width() - right - 12)), "left");
    const Interval bar = median_interval(n.samples).interval;
    const double value = median(n.samples);
    const bool learned = std::isfinite(value);
    marks.push_back({at, learned ? value : n.most, bar.low, bar.high, learned ? BarMark::kNone : BarMark::kUp});
  }
  page.plot(bar_parts(page, 'x', marks, 0.35, 6, kTargetColor, range.high));
}

Figure exchange_figure(const Study& study, const std::vector<SeedsNeed>& all, const FigureStyle& style) {
  const Interval range = samples_range(all);
  Page page(style, exchange_legend(all));
  page.set_height(page.top() + 18 + 30 * static_cast<int>(all.size()) + 54);
  page.add(fmt::format("set yrange [0.4:{}]\nunset ytics", static_cast<double>(all.size()) + 0.6));
  plot_exchange(page, all, range);
  Figure f{"exchange-" + slug_of(study.name), "exchange", study.title, "", exchange_table(all), ""};
  f.caption =
      "Samples until the normalised test loss is low enough, of each seed the fewest; of fixed training sets the "
      "smallest size tried with which the seed learned. Points: medians, bars: exact intervals (order statistics). "
      "At the right: the first row's median over this one's with an interval (95 %, or at least what stands "
      "above) that holds whatever the seeds have in common.";
  page.finish(f);
  return f;
}

Figures exchange_figures(const FigureSource& source) {
  const RunTable table(source.db);
  Figures figures;
  for (const Study& study : read_studies(source.db))
    if (const auto all = needs_of(table, study); all.size() >= 2)
      figures.push_back(exchange_figure(study, all, source.options.style));
  return figures;
}

}  // namespace

const FigureKind kExchangeKind{"exchange", "samples to learn of networks side by side, and their ratios", nullptr,
                               exchange_figures};

}  // namespace tools
