// Lower bounds beside the runs.

#include <fmt/core.h>

#include "report/html.h"
#include "report/sections.h"
#include "report/words.h"

namespace tools {
namespace {

HtmlRow bound_row(const ReportBound& b) {
  std::string terms;
  if (!b.assumes.empty()) terms += fmt::format("<small>Assumes: {}</small>", escaped(b.assumes));
  if (!b.source.empty()) terms += fmt::format("<small>Source: {}</small>", escaped(b.source));
  return {row_name(b.name), number_cell(fmt::format("{:.4g}", b.queries)), {escaped(b.statement) + terms}};
}

// Those that say something in a table, the others by their names.
std::string instance_bounds(const ReportInstance& instance) {
  std::vector<HtmlRow> rows;
  std::vector<std::string> vacuous;
  for (const ReportBound& b : instance.bounds)
    if (b.queries > 1)
      rows.push_back(bound_row(b));
    else
      vacuous.push_back(fmt::format("{} ({:.4g})", b.name, b.queries));
  std::string out =
      fmt::format("<h3>{}, {}</h3>\n", escaped(instance.family), escaped(settings_text(instance.settings)));
  std::vector<std::vector<HtmlRow>> bodies;
  for (HtmlRow& row : rows) bodies.push_back({std::move(row)});
  if (!bodies.empty())
    out += html_table("Queries that a learner needs, at least.", {"bound", "queries", "statement"}, bodies);
  if (!vacuous.empty())
    out += paragraph(fmt::format("{} that {} nothing here: {}.", plural(vacuous.size(), "bound"),
                                 vacuous.size() == 1 ? "says" : "say", join(vacuous)));
  return out;
}

}  // namespace

std::string bounds_section(const ReportData& data) {
  if (data.bounds.empty()) return "";
  std::string out = "<section id=\"bounds\">\n<h2>Lower bounds</h2>\n" +
                    paragraph(
                        "What the theory says of every learner by correlational queries, and where labels have two "
                        "values, by statistical ones. At or below 1 query a bound says nothing.");
  constexpr std::size_t kMostInstances = 40;
  for (std::size_t i = 0; i < data.bounds.size() && i < kMostInstances; ++i) out += instance_bounds(data.bounds[i]);
  if (data.bounds.size() > kMostInstances)
    out += paragraph(fmt::format("{} further instances are in the database.", data.bounds.size() - kMostInstances));
  return out + "</section>\n";
}

}  // namespace tools
