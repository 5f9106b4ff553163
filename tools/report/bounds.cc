// Lower bounds beside the runs.

#include <fmt/core.h>

#include "report/html.h"
#include "report/sections.h"
#include "report/words.h"

namespace tools {

std::string bounds_section(const ReportData& data) {
  if (data.bounds.rows.empty()) return "";
  std::vector<HtmlRow> rows;
  for (const auto& cells : data.bounds.rows) {
    if (rows.size() == kMaxReportRows) break;
    HtmlRow row;
    for (std::size_t i = 0; i < cells.size(); ++i)
      row.push_back(i == 0   ? row_name(text_of(cells[i]))
                    : i == 2 ? number_cell(fmt::format("{:.4g}", number_of(cells[i])))
                             : words(text_of(cells[i])));
    rows.push_back(std::move(row));
  }
  return "<section id=\"bounds\">\n<h2>Lower bounds</h2>\n" +
         paragraph(
             "What the theory says of every learner by correlational queries, and where labels have two values, by "
             "statistical ones. At or below 1 query a bound says nothing.") +
         html_table("Queries that a learner needs, at least.", data.bounds.columns, {rows}) + "</section>\n";
}

}  // namespace tools
