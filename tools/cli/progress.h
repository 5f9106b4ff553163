// Progress on stderr: a bar with rate and time left on a terminal, a plain line every 10 s elsewhere.
#pragma once

#include <cmath>
#include <cstdio>
#include <functional>
#include <string>

#include "cli/options.h"

namespace tools {

class Progress {
 public:
  // Seconds since a fixed moment.
  using Clock = std::function<double()>;

  // `total` steps (or what `unit` names), of which `done` are behind; mode as in Common::progress. Tests bring a
  // clock and a stream of their own.
  Progress(const Common& common, Index done, Index total, std::string unit = "step");
  Progress(const Common& common, Index done, Index total, std::string unit, Clock clock, std::FILE* out);
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Draws the bar when a tenth of a second has gone by since it was drawn last, or a line when it is ten seconds;
  // `note` is a few words, such as the last test loss.
  // The time left is `seconds_left` where that is known, and else what is left at the rate so far.
  void update(Index done, const std::string& note, double seconds_left = std::nan(""));
  // Removes the bar, so that another line can be written.
  void clear();

 private:
  void draw(Index done, const std::string& note, double seconds, double seconds_left);

  enum class Kind { none, plain, bar } kind_;
  bool color_ = false, drawn_ = false;
  Index start_, total_;
  std::string unit_;
  Clock clock_;
  std::FILE* out_;
  double began_ = clock_(), last_ = began_;
};

// "1 h 02 min", "3 min 05 s", "12 s".
std::string duration_text(double seconds);

}  // namespace tools
