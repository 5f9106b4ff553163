#include "report/html.h"

#include <algorithm>
#include <cctype>

#include <fmt/core.h>

#include "cli/json.h"
#include "cli/options.h"
#include "cli/text.h"

namespace tools {
namespace {

bool same_letters(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && std::equal(text.begin(), text.end(), lower.begin(), [](char a, char b) {
           return std::tolower(static_cast<unsigned char>(a)) == b;
         });
}

// An entity in the place of the h: also right in text that is escaped already.
std::string without_http(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (same_letters(text.substr(i, 4), "http"))
      out += text[i] == 'h' ? "&#104;" : "&#72;";
    else
      out += text[i];
  }
  return out;
}

std::string valid_utf8(std::string_view text) {
  const auto ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  if (std::all_of(text.begin(), text.end(), ascii)) return std::string(text);
  return parse_json(to_text(Json(text))).get<std::string>();
}

}  // namespace

std::string escaped(std::string_view text) { return without_http(markup_text(valid_utf8(text))); }

HtmlCell words(std::string_view text) { return {escaped(text)}; }
HtmlCell number_cell(std::string_view text) { return {escaped(text), true}; }
HtmlCell row_name(std::string_view text, int rows) { return {escaped(text), false, true, rows}; }

std::string html_table(std::string_view caption, const std::vector<std::string>& head,
                       const std::vector<std::vector<HtmlRow>>& bodies) {
  // Focusable, so that arrow keys scroll it too.
  std::string out = fmt::format(
      "<div class=\"scroll{1}\" role=\"region\" tabindex=\"0\" aria-label=\"{0}\"><table>\n<caption>{0}</caption>\n"
      "<thead><tr>",
      escaped(caption), head.size() > 4 ? " wide" : "");
  // A column of numbers has its name flush right too.
  const auto numeric = [&](std::size_t column) {
    return !bodies.empty() && !bodies.front().empty() && column < bodies.front().front().size() &&
           bodies.front().front()[column].number;
  };
  for (std::size_t i = 0; i < head.size(); ++i)
    out += fmt::format("<th scope=\"col\"{}>{}</th>", numeric(i) ? " class=\"n\"" : "", escaped(head[i]));
  out += "</tr></thead>\n";
  for (const auto& body : bodies) {
    out += "<tbody>\n";
    for (const HtmlRow& row : body) {
      out += "<tr>";
      for (const HtmlCell& cell : row) {
        out += cell.header ? "<th scope=\"row\"" : "<td";
        if (cell.number) out += " class=\"n\"";
        if (cell.rows > 1) out += fmt::format(" rowspan=\"{}\"", cell.rows);
        out += fmt::format(">{}{}", cell.html, cell.header ? "</th>" : "</td>");
      }
      out += "</tr>\n";
    }
    out += "</tbody>\n";
  }
  return out + "</table></div>\n";
}

std::string html_details(std::string_view summary, const std::string& content) {
  return fmt::format("<details><summary>{}</summary>\n{}</details>\n", escaped(summary), content);
}

// --- SVG ---------------------------------------------------------------------------------------------------

namespace {

struct Tag {
  std::string_view name;
  bool closing = false, empty = false;
  std::vector<std::pair<std::string_view, std::string_view>> attributes;  // values as written, without the quotes
};

constexpr std::string_view kSpace = " \t\r\n";

// What stands between '<' and '>'.
Tag parse_tag(std::string_view text) {
  Tag tag;
  if (text.starts_with('/')) tag.closing = true, text.remove_prefix(1);
  if (text.ends_with('/')) tag.empty = true, text.remove_suffix(1);
  tag.name = text.substr(0, text.find_first_of(kSpace));
  text.remove_prefix(tag.name.size());
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
    const std::size_t equals = text.find('=');
    if (equals == text.npos) return tag;
    std::string_view name = text.substr(0, equals);
    name = name.substr(0, name.find_first_of(kSpace));
    const std::size_t quote = text.find_first_of("'\"", equals);
    if (quote == text.npos) return tag;
    const std::size_t end = text.find(text[quote], quote + 1);
    if (end == text.npos) return tag;
    tag.attributes.emplace_back(name, text.substr(quote + 1, end - quote - 1));
    text.remove_prefix(end + 1);
  }
}

// The '>' that ends the tag which begins at `start`; one inside quotes does not.
std::size_t tag_end(std::string_view svg, std::size_t start) {
  char quote = 0;
  for (std::size_t i = start; i < svg.size(); ++i) {
    if (quote != 0)
      quote = svg[i] == quote ? 0 : quote;
    else if (svg[i] == '"' || svg[i] == '\'')
      quote = svg[i];
    else if (svg[i] == '>')
      return i;
  }
  return svg.npos;
}

bool one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Of gnuplot's images the one rectangle in white at their corner.
bool is_background(const Tag& tag) {
  const auto value = [&](std::string_view name) {
    const auto found = std::ranges::find(tag.attributes, name, [](const auto& a) { return a.first; });
    return found == tag.attributes.end() ? std::string_view() : found->second;
  };
  return tag.name == "rect" && tag.empty && value("x") == "0" && value("y") == "0" && value("fill") == "#ffffff";
}

std::string with_prefix(std::string_view value, std::string_view prefix) {
  std::string out(value);
  for (std::size_t at = out.find("url(#"); at != out.npos; at = out.find("url(#", at + 1))
    out.insert(at + 5, prefix);
  return out;
}

std::string attributes_text(const Tag& tag, std::string_view prefix) {
  std::string out;
  for (const auto& [name, value] : tag.attributes) {
    const bool link = name == "href" || name.ends_with(":href");
    if (name.starts_with("on") || name.starts_with("xmlns") || name == "version" || name == "role" ||
        (link && !value.starts_with('#')) || (!link && name.find(':') != name.npos))
      continue;
    const char quote = value.find('"') == value.npos ? '"' : '\'';
    out += fmt::format(" {}={}", link ? std::string_view("href") : name, quote);
    if (name == "id")
      out += fmt::format("{}{}", prefix, value);
    else if (link)
      out += fmt::format("#{}{}", prefix, value.substr(1));
    else
      out += with_prefix(value, prefix);
    out += quote;
  }
  return without_http(out);
}

}  // namespace

std::string inline_svg(std::string_view svg, std::string_view prefix, std::string_view label) {
  const std::size_t first = svg.find("<svg"), last = svg.rfind("</svg>");
  require<eqnn::FileError>(
      first != svg.npos && last != svg.npos && first < last,
      "a figure was drawn as something that is no SVG; check gnuplot with 'gnuplot --version'");
  svg = svg.substr(first, last + 6 - first);
  std::string out;
  std::string_view skipped;  // the element whose content is left out
  for (std::size_t at = 0; at < svg.size();) {
    const std::size_t next = std::min(svg.find('<', at), svg.size());
    if (skipped.empty()) out += without_http(svg.substr(at, next - at));
    if (next == svg.size()) break;
    const bool comment = svg.substr(next).starts_with("<!--");
    const std::size_t end = comment ? svg.find("-->", next) : tag_end(svg, next);
    require<eqnn::FileError>(end != svg.npos, "a figure was drawn as an SVG that is cut off; check the free space");
    at = end + (comment ? 3 : 1);
    if (comment || svg[next + 1] == '!' || svg[next + 1] == '?') continue;
    const Tag tag = parse_tag(svg.substr(next + 1, end - next - 1));
    if (!skipped.empty()) {
      if (tag.closing && tag.name == skipped) skipped = {};
    } else if (one_of(tag.name, {"script", "style", "title", "desc", "metadata", "foreignObject"})) {
      if (!tag.closing && !tag.empty) skipped = tag.name;
    } else if (is_background(tag)) {  // the page has its own, light or dark
      continue;
    } else if (tag.name != "a") {
      out += fmt::format("<{}{}{}", tag.closing ? "/" : "", tag.name, attributes_text(tag, prefix));
      if (next == 0) out += fmt::format(" role=\"img\" aria-label=\"{}\"", escaped(label));
      out += tag.empty ? "/>" : ">";
    }
  }
  return out;
}

}  // namespace tools
