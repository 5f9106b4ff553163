#include "cli/note.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace tools {

std::string one_line(std::string text) {
  constexpr std::size_t most = 900;
  if (text.size() > most) {
    std::size_t end = most;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // within a character of UTF-8
    text.resize(end);
    text += " ...";
  }
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

std::string coloured(const std::string& text, Colour colour) {
  const char *none = std::getenv("NO_COLOR"), *terminal = std::getenv("TERM");
  const bool plain =
      (none != nullptr && *none != '\0') || terminal == nullptr || std::string_view(terminal) == "dumb";
  if (plain || isatty(STDOUT_FILENO) != 1) return text;
  return fmt::format("\033[{}m{}\033[0m", static_cast<int>(colour), text);
}

void write_note(const std::string& text) noexcept {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::clearerr(stderr);
}

}  // namespace tools
