#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <fmt/core.h>

namespace tools {
namespace {

// Columns of the terminal on stderr; 80 when it does not say.
int terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

std::string duration_text(double seconds) {
  const auto s = static_cast<long>(std::max(0.0, seconds) + 0.5);
  if (s >= 3600) return fmt::format("{} h {:02} min", s / 3600, s % 3600 / 60);
  if (s >= 60) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} s", s);
}

Progress::Progress(const Common& common, Index done, Index total, std::string unit)
    : start_(done), total_(total), unit_(std::move(unit)) {
  const bool terminal = isatty(STDERR_FILENO) == 1;
  const bool quiet = common.quiet || common.progress == "none";
  const bool bar = common.progress == "bar" || (common.progress == "auto" && terminal);
  kind_ = quiet ? Kind::none : bar ? Kind::bar : Kind::plain;
  const char* no_color = std::getenv("NO_COLOR");
  color_ = terminal && (no_color == nullptr || *no_color == '\0');
}

void Progress::update(Index done, const std::string& note) {
  if (kind_ == Kind::none) return;
  const auto now = Clock::now();
  const double since = std::chrono::duration<double>(now - last_).count();
  if (since < (kind_ == Kind::bar ? 0.1 : 10.0)) return;
  last_ = now;
  draw(done, note, std::chrono::duration<double>(now - began_).count());
}

void Progress::draw(Index done, const std::string& note, double seconds) {
  const double rate = static_cast<double>(done - start_) / std::max(seconds, 1e-9);
  const double left = rate > 0 ? static_cast<double>(total_ - done) / rate : 0;
  std::string text = fmt::format("{} {}/{}  {:.{}f} {}s/s", unit_, done, total_, rate, rate < 10 ? 2 : 0, unit_);
  if (rate > 0) text += fmt::format("  {} left", duration_text(left));
  if (!note.empty()) text += "  " + note;
  if (kind_ == Kind::plain) {
    std::fprintf(stderr, "%s\n", text.c_str());
    return;
  }
  // One line, never wrapped: the text first, and what room is left for the bar.
  const int columns = terminal_columns() - 1, room = columns - static_cast<int>(text.size()) - 3;
  std::string bar;
  if (room >= 8) {
    const int width = std::min(room, 30);
    const int full =
        static_cast<int>(static_cast<double>(width) * static_cast<double>(done) / static_cast<double>(total_));
    bar = "[" + std::string(static_cast<std::size_t>(full), '#') +
          std::string(static_cast<std::size_t>(width - full), '.') + "] ";
  } else if (static_cast<int>(text.size()) > columns) {
    text.resize(static_cast<std::size_t>(std::max(columns, 1)));
  }
  std::fprintf(stderr, "\r\033[K%s%s%s%s", color_ ? "\033[36m" : "", bar.c_str(), color_ ? "\033[0m" : "",
               text.c_str());
  drawn_ = true;
}

void Progress::clear() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

}  // namespace tools
