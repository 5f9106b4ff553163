#include "report/words.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include <fmt/core.h>

namespace tools {

std::string study_name(const ReportStudy& s) { return s.name.empty() ? "Runs of no study" : s.name; }

std::string study_heading(const ReportStudy& s) {
  const bool titled = !s.title.empty() && s.title != s.name;
  return titled ? fmt::format("<h3>{} <small>({})</small></h3>\n", escaped(s.title), escaped(s.name))
                : fmt::format("<h3>{}</h3>\n", escaped(study_name(s)));
}

std::string paragraph(std::string_view text) { return fmt::format("<p>{}</p>\n", escaped(text)); }
std::string note(std::string_view text) {
  return fmt::format("<p class=\"note\" role=\"note\">{}</p>\n", escaped(text));
}

std::string plural(std::size_t count, const std::string& word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

std::string join(const std::vector<std::string>& parts, const char* between) {
  std::string out;
  for (const std::string& p : parts) out += (out.empty() ? "" : between) + p;
  return out;
}

void name_rows(std::vector<HtmlRow>& rows, const ReportSubject& s) {
  Settings all = s.size;
  all.insert(all.end(), s.more.begin(), s.more.end());
  HtmlCell family = row_name(s.family, static_cast<int>(rows.size())), size = words(settings_text(all, "–"));
  if (!s.network.empty()) family.html += fmt::format("<small>{}</small>", escaped(s.network));
  size.rows = family.rows;
  rows.front().insert(rows.front().begin(), {family, size});
}

std::string shown_path(const std::string& path) {
  namespace fs = std::filesystem;
  if (!path.starts_with('/')) return path;
  const fs::path p(path);
  return (p.has_filename() ? p : p.parent_path()).filename().string();
}

std::string shell_word(const std::string& word) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("_-./,:=+%@").find(c) != std::string_view::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

}  // namespace tools
