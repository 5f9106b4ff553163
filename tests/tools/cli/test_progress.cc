// When progress is drawn and what it says, by a clock that the test turns.
#include "cli/progress.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

namespace test_progress {

using namespace tools;

namespace {

// A Progress from `done` of 100 steps, its clock, and what it wrote.
class Shown {
 public:
  explicit Shown(const std::string& mode, bool quiet = false, Index done = 0)
      : stream_(open_memstream(&text_, &size_)) {
    progress_.emplace(
        common(mode, quiet), done, 100, "step", [this] { return now_; }, stream_);
  }
  ~Shown() {
    progress_.reset();  // it may write once more
    std::fclose(stream_);
    std::free(text_);
  }
  Shown(const Shown&) = delete;
  Shown& operator=(const Shown&) = delete;

  // What an update says after so many seconds more.
  std::string after(double seconds, Index done, const std::string& note = "") {
    now_ += seconds;
    progress_->update(done, note);
    return news();
  }
  std::string cleared() {
    progress_->clear();
    return news();
  }

 private:
  static Common common(const std::string& mode, bool quiet) {
    Common c;
    c.progress = mode;
    c.quiet = quiet;
    return c;
  }
  std::string news() {
    std::fflush(stream_);
    const std::string all(text_, size_), last = all.substr(read_);
    read_ = all.size();
    return last;
  }

  double now_ = 1000;
  char* text_ = nullptr;
  std::size_t size_ = 0, read_ = 0;
  std::FILE* stream_;
  std::optional<Progress> progress_;
};

}  // namespace

TEST_CASE("progress: a plain line every ten seconds, with the rate since the start and the time left") {
  for (const char* mode : {"plain", "auto"}) {  // no terminal: automatic is plain
    Shown s(mode);
    CHECK(s.after(9.99, 10).empty());
    CHECK(s.after(0.01, 20) == "step 20/100  2.00 steps/s  40 s left\n");
    CHECK(s.after(9.99, 30).empty());
    CHECK(s.after(0.01, 40, "test 0.5") == "step 40/100  2.00 steps/s  30 s left  test 0.5\n");
    CHECK(s.after(1e6, 41).starts_with("step 41/100  0.00 steps/s"));  // after a long silence one line, not many
    CHECK(s.after(0, 42).empty());
    CHECK(s.cleared().empty());
  }
}

TEST_CASE("progress: what was done before is no speed, and no speed gives no time left") {
  Shown resumed("plain", false, 50);
  CHECK(resumed.after(10, 60) == "step 60/100  1.00 steps/s  40 s left\n");
  Shown stuck("plain");
  CHECK(stuck.after(10, 0) == "step 0/100  0.00 steps/s\n");
  Shown fast("plain");
  CHECK(fast.after(0.5, 50).empty());
  Shown large("bar");
  CHECK(large.after(0.125, 50).ends_with("step 50/100  400 steps/s  0 s left"));
}

TEST_CASE("progress: a bar is drawn at most ten times a second, over itself, and removed at the end") {
  Shown s("bar");
  CHECK(s.after(0.0625, 5).empty());
  const std::string bar = s.after(0.0625, 50);
  CHECK(bar == "\r\033[K[###############...............] step 50/100  400 steps/s  0 s left");
  CHECK(s.after(0.0625, 60).empty());
  CHECK(s.after(0.0625, 70, "test 0.5").ends_with("  test 0.5"));
  CHECK(s.after(0.125, 100).starts_with("\r\033[K[##############################] step 100/100"));
  CHECK(s.cleared() == "\r\033[K");
  CHECK(s.cleared().empty());  // there is nothing left to remove
}

TEST_CASE("progress: nothing with -q or --progress none") {
  for (const auto& [mode, quiet] : {std::pair{"bar", true}, {"plain", true}, {"auto", true}, {"none", false}}) {
    Shown s(mode, quiet);
    CHECK(s.after(1e3, 50).empty());
    CHECK(s.cleared().empty());
  }
}

TEST_CASE("progress: durations in words") {
  CHECK(duration_text(-1) == "0 s");
  CHECK(duration_text(12.4) == "12 s");
  CHECK(duration_text(59.6) == "1 min 00 s");
  CHECK(duration_text(185) == "3 min 05 s");
  CHECK(duration_text(3720) == "1 h 02 min");
}

}  // namespace test_progress
