// What the command says on stderr: notes, warnings, errors. Saying it cannot fail, whatever stderr is: a closed
// stream or a full disk must not end the work that is told of.
#pragma once

#include <string>

#include <fmt/core.h>

namespace tools {

// As a message may quote it: one line of at most 900 bytes, control characters as spaces, cut between characters.
std::string one_line(std::string text);

// In colour where stdout is a terminal that has some; as it is in pipes and files, and where NO_COLOR is set
// (https://no-color.org) or TERM is dumb.
enum class Colour { red = 31, green = 32, yellow = 33 };
std::string coloured(const std::string& text, Colour colour);

// Writes the text to stderr as it is.
void write_note(const std::string& text) noexcept;

template <class... Args>
void note(fmt::format_string<Args...> format, Args&&... args) {
  write_note(fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace tools
