#include "cli/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

#include <fmt/core.h>

namespace tools {
namespace {

// Columns of the terminal; 80 when it does not say.
int terminal_columns(std::FILE* out) {
  winsize size{};
  return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

std::string duration_text(double seconds) {
  const auto s = static_cast<long>(std::max(0.0, seconds) + 0.5);
  if (s >= 3600) return fmt::format("{} h {:02} min", s / 3600, s % 3600 / 60);
  if (s >= 60) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} s", s);
}

Progress::Progress(const Common& common, Index done, Index total, std::string unit)
    : Progress(common, done, total, std::move(unit), steady_seconds, stderr) {}

Progress::Progress(const Common& common, Index done, Index total, std::string unit, Clock clock, std::FILE* out)
    : start_(done), total_(total), unit_(std::move(unit)), clock_(std::move(clock)), out_(out) {
  const bool terminal = isatty(fileno(out)) == 1;
  const bool quiet = common.quiet || common.progress == "none";
  const bool bar = common.progress == "bar" || (common.progress == "auto" && terminal);
  kind_ = quiet ? Kind::none : bar ? Kind::bar : Kind::plain;
  const char* no_color = std::getenv("NO_COLOR");
  color_ = terminal && (no_color == nullptr || *no_color == '\0');
}

void Progress::update(Index done, const std::string& note, double seconds_left) {
  if (kind_ == Kind::none) return;
  const double now = clock_();
  if (now - last_ < (kind_ == Kind::bar ? 0.1 : 10.0)) return;
  last_ = now;
  draw(done, note, now - began_, seconds_left);
}

void Progress::draw(Index done, const std::string& note, double seconds, double seconds_left) {
  const double rate = static_cast<double>(done - start_) / std::max(seconds, 1e-9);
  const double left = std::isnan(seconds_left) ? static_cast<double>(total_ - done) / rate : seconds_left;
  std::string text = fmt::format("{} {}/{}  {:.{}f} {}s/s", unit_, done, total_, rate, rate < 10 ? 2 : 0, unit_);
  if (std::isfinite(left)) text += fmt::format("  {} left", duration_text(left));
  if (!note.empty()) text += "  " + note;
  if (kind_ == Kind::plain) {
    std::fprintf(out_, "%s\n", text.c_str());
    return;
  }
  // One line, never wrapped: the text first, and what room is left for the bar.
  const int columns = terminal_columns(out_) - 1, room = columns - static_cast<int>(text.size()) - 3;
  std::string bar;
  if (room >= 8) {
    const int width = std::min(room, 30);
    const int full =
        static_cast<int>(static_cast<double>(width) * static_cast<double>(done) / static_cast<double>(total_));
    bar = "[" + std::string(full, '#') + std::string(width - full, '.') + "] ";
  } else if (static_cast<int>(text.size()) > columns) {
    text.resize(std::max(columns, 1));
  }
  std::fprintf(out_, "\r\033[K%s%s%s%s", color_ ? "\033[36m" : "", bar.c_str(), color_ ? "\033[0m" : "",
               text.c_str());
  drawn_ = true;
}

void Progress::clear() {
  if (drawn_) std::fputs("\r\033[K", out_);
  drawn_ = false;
}

}  // namespace tools
