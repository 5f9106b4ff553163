#include "cli/columns.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <sstream>

#include <fmt/format.h>

namespace tools {
namespace {

constexpr std::size_t kGap = 2, kFurtherIn = 4;

// Of COLUMNS, or the terminal; 0: neither says.
std::size_t known_columns() {
  winsize size{};
  if (const char* said = std::getenv("COLUMNS"); said != nullptr && std::atoi(said) > 0)
    return static_cast<std::size_t>(std::atoi(said));
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

std::vector<std::size_t> cell_widths(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  return widths;
}

// For each column whether it begins a line of its row.
std::vector<bool> line_starts(const std::vector<std::size_t>& widths, std::size_t columns) {
  std::vector<bool> starts(widths.size());
  std::size_t used = 0;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    starts[i] = i > 0 && used + widths[i] > columns;
    used = (starts[i] ? kFurtherIn : used) + widths[i] + kGap;
  }
  return starts;
}

}  // namespace

std::size_t terminal_columns() {
  const std::size_t known = known_columns();
  return known == 0 ? 80 : std::clamp<std::size_t>(known, 60, 120);
}

std::size_t line_columns() {
  const std::size_t known = isatty(STDOUT_FILENO) == 1 ? known_columns() : 0;
  return known == 0 ? SIZE_MAX : std::max<std::size_t>(known, 40);
}

std::string wrapped(const std::string& text, std::size_t used, std::size_t indent, std::size_t columns) {
  std::istringstream words(text);
  std::string out, word;
  std::size_t at = used;
  for (bool first = true; words >> word; first = false) {
    if (!first && at + 1 + word.size() > columns) {
      out += '\n' + std::string(indent, ' ');
      at = indent;
    } else if (!first) {
      out += ' ';
      ++at;
    }
    out += word;
    at += word.size();
  }
  return out + '\n';
}

std::string table_text(const std::vector<std::vector<std::string>>& rows, std::size_t columns) {
  if (rows.empty()) return "";
  const std::vector<std::size_t> widths = cell_widths(rows);
  const std::vector<bool> starts = line_starts(widths, columns);
  std::string out;
  const auto end_line = [&](std::string& line) {
    const std::size_t last = line.find_last_not_of(' ');
    if (last != std::string::npos) out += line.substr(0, last + 1);
    out += '\n';
  };
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (starts[i]) {
        end_line(line);
        line.assign(kFurtherIn, ' ');
      }
      line += fmt::format("{:<{}}", row[i], widths[i] + kGap);
    }
    end_line(line);
  }
  return out;
}

}  // namespace tools
