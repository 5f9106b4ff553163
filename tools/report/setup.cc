// What the runs were: grids, budgets, program and machine.

#include <fmt/core.h>

#include "report/html.h"
#include "report/sections.h"
#include "report/words.h"

namespace tools {

namespace {

std::string shortened(const std::vector<std::string>& values, std::size_t most = 40) {
  if (values.size() <= most) return join(values);
  return fmt::format("{}, … {} ({} values)", join({values.begin(), values.begin() + static_cast<long>(most) - 1}),
                     values.back(), values.size());
}

std::string duration(double seconds) {
  if (seconds < 120) return fmt::format("{:.1f} s", seconds);
  if (seconds < 7200) return fmt::format("{:.1f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

std::string definitions(const Settings& items) {
  std::string out = "<dl>\n";
  for (const auto& [name, value] : items)
    out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(value));
  return out + "</dl>\n";
}

std::string study_settings(const ReportStudy& s) {
  Settings items;
  for (const auto& [name, values] : s.grid) items.emplace_back("grid: " + name, shortened(values));
  if (s.grid.empty()) items.emplace_back("grid", "one point");
  items.emplace_back(s.seeds.size() == 1 ? "seed" : "seeds", s.seeds.empty() ? "–" : shortened(s.seeds));
  items.insert(items.end(), s.budget.begin(), s.budget.end());
  items.emplace_back("runs", fmt::format("{} of {} finished", s.done, s.planned));
  if (s.seconds > 0) items.emplace_back("time of all runs", duration(s.seconds) + ", added up");
  std::string out = study_heading(s) + definitions(items);
  if (s.same.empty()) return out;
  std::vector<HtmlRow> rows;
  for (const auto& [name, value] : s.same) rows.push_back({row_name(name), words(value)});
  return out + html_details(
                   fmt::format("What is equal in all its runs ({})", plural(rows.size(), "setting")),
                   html_table("Settings that are equal in all runs of this study.", {"Setting", "Value"}, {rows}));
}

std::string with_counts(const std::vector<std::pair<std::string, int>>& values) {
  if (values.size() == 1) return values[0].first;
  std::vector<std::string> parts;
  for (const auto& [value, count] : values)
    parts.push_back(fmt::format("{} ({})", value, plural(static_cast<std::size_t>(count), "run")));
  return join(parts, "; ");
}

}  // namespace

std::string settings_section(const ReportData& data) {
  std::string out = "<section id=\"settings\">\n<h2>Settings</h2>\n";
  for (const ReportStudy& s : data.studies)
    if (s.has_runs()) out += study_settings(s);
  Settings items;
  if (!data.versions.empty()) items.emplace_back("version", "eqnn " + with_counts(data.versions));
  if (!data.machines.empty()) items.emplace_back("machine", with_counts(data.machines));
  if (!items.empty()) out += "<h3>Program and machine</h3>\n" + definitions(items);
  return out + "</section>\n";
}

}  // namespace tools
