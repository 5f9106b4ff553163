// The figures of a page, each with its data folded away.

#include <algorithm>

#include <fmt/core.h>

#include "cli/text.h"
#include "report/html.h"
#include "report/sections.h"
#include "report/words.h"

namespace tools {

namespace {

// Of all figures together, and of one. What is larger is left out, so that a page opens quickly.
constexpr std::size_t kFigureCells = 6000, kFigureBytes = 1 << 20, kFiguresBytes = 3 << 20;

std::string data_table(const Figure& figure) {
  const std::size_t columns = std::max<std::size_t>(1, figure.data.columns.size());
  const std::size_t shown = std::min(figure.data.rows.size(), std::max<std::size_t>(1, kFigureCells / columns));
  std::vector<HtmlRow> rows;
  for (std::size_t i = 0; i < shown; ++i) {
    HtmlRow row;
    for (const Cell& cell : figure.data.rows[i]) {
      const auto* real = std::get_if<double>(&cell);
      const bool number = real != nullptr || std::holds_alternative<std::int64_t>(cell);
      row.push_back(number ? number_cell(real != nullptr ? fmt::format("{:.6g}", *real) : text_of(cell))
                           : words(text_of(cell)));
    }
    rows.push_back(std::move(row));
  }
  std::string out = html_table("Data of: " + figure.title, figure.data.columns, {rows});
  if (shown < figure.data.rows.size())
    out += paragraph(fmt::format("The first {} of {} rows; all of them come from the database.", shown,
                                 figure.data.rows.size()));
  return html_details(fmt::format("Data of this figure ({})", plural(figure.data.rows.size(), "row")), out);
}

}  // namespace

std::string figures_section(const std::vector<Figure>& figures, const ReportOptions& options) {
  std::string out = "<section id=\"figures\">\n<h2>Figures</h2>\n";
  std::vector<std::string> left_out;
  std::size_t bytes = 0, number = 0;
  for (const Figure& f : figures) {
    const std::string label = f.title + (f.caption.empty() ? "" : ". " + f.caption);
    const std::string svg =
        bytes < kFiguresBytes ? inline_svg(draw(f, "svg"), fmt::format("f{}-", number + 1), label) : std::string();
    if (svg.empty() || svg.size() > kFigureBytes) {
      left_out.push_back(f.kind);
      continue;
    }
    bytes += svg.size();
    ++number;
    out += fmt::format(
        "<figure id=\"figure-{0}\">\n<div class=\"plot\" role=\"region\" tabindex=\"0\" "
        "aria-label=\"Figure {0}\">{1}</div>\n"
        "<figcaption><strong>Figure {0}. {2}.</strong> {3}</figcaption>\n{4}</figure>\n",
        number, svg, escaped(f.title), escaped(f.caption), data_table(f));
  }
  if (!left_out.empty()) {
    std::sort(left_out.begin(), left_out.end());
    left_out.erase(std::unique(left_out.begin(), left_out.end()), left_out.end());
    out +=
        note(fmt::format("Some figures are left out, so that this page stays small: of the kinds {}. "
                         "“eqnn plot {} --figure KIND -o FILE.svg” draws each.",
                         join(left_out), shell_word(shown_path(options.database))));
  }
  return out + "</section>\n";
}

}  // namespace tools
