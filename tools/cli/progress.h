// Progress on stderr: a bar with rate and time left on a terminal, a plain line every 10 s elsewhere.
#pragma once

#include <chrono>
#include <string>

#include "cli/options.h"

namespace tools {

class Progress {
 public:
  // `total` steps (or what `unit` names), of which `done` are behind; mode as in Common::progress.
  Progress(const Common& common, Index done, Index total, std::string unit = "step");
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Draws at most ten times a second; `note` is a few words, such as the last test loss.
  void update(Index done, const std::string& note);
  // Removes the bar, so that another line can be written.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  void draw(Index done, const std::string& note, double seconds);

  enum class Kind { none, plain, bar } kind_;
  bool color_ = false, drawn_ = false;
  Index start_, total_;
  std::string unit_;
  Clock::time_point began_ = Clock::now(), last_ = began_;
};

// "1 h 02 min", "3 min 05 s", "12 s".
std::string duration_text(double seconds);

}  // namespace tools
