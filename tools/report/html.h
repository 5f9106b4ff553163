// What a page of HTML is made of: escaped text, tables, and SVG images put into it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tools {

// Text as the content of an element or of a quoted attribute. What is no UTF-8 and no printable character becomes
// U+FFFD. An "http" in it is written with an entity: it shows, and a page without links has that word nowhere.
std::string escaped(std::string_view text);

// One cell of a table, `html` being markup already.
struct HtmlCell {
  std::string html;
  bool number = false;  // set flush right
  bool header = false;  // names its row
  int rows = 1;         // that it spans
};
using HtmlRow = std::vector<HtmlCell>;

HtmlCell words(std::string_view text);
HtmlCell number_cell(std::string_view text);  // a number
HtmlCell row_name(std::string_view text, int rows = 1);

// A table with caption and head (plain text both) that scrolls sideways where the screen is narrow. Each of
// `bodies` is a group of rows that stays together on paper.
std::string html_table(std::string_view caption, const std::vector<std::string>& head,
                       const std::vector<std::vector<HtmlRow>>& bodies);

// Content that is folded away until it is asked for.
std::string html_details(std::string_view summary, const std::string& content);

// An SVG document as an element of a page: without XML declaration, namespaces, scripts, event handlers, links and
// titles, every id beginning with `prefix` (two images of one program have the same ids), read out as `label`.
// Throws FileError for what is no SVG.
std::string inline_svg(std::string_view svg, std::string_view prefix, std::string_view label);

}  // namespace tools
