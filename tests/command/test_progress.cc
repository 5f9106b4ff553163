// Progress: a bar on a terminal, plain lines elsewhere, and silence when asked.
#include <doctest/doctest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "support/command.h"
#include "support/paths.h"
#include "support/thrown.h"

namespace test_progress {

using namespace cli;

namespace {

// Work without an end, of which a test sees the start.
Arguments at_work(const std::string& out, const Arguments& more = {}) {
  return tiny(Arguments{"--steps", "100000000", "--eval-every", "100"} +
              Arguments{"--checkpoint-every", "100000", "--out", out} + more);
}

bool terminals() {
  int terminal = -1, user = -1;
  const bool made = openpty(&terminal, &user, nullptr, nullptr, nullptr) == 0;
  if (!made) MESSAGE("skipped: no terminal can be opened here; is /dev/pts mounted?");
  for (const int end : {terminal, user})
    if (end >= 0) close(end);
  return made;
}

// Runs the command on a terminal of its own, and interrupts it when it has shown a bar with an evaluation, or
// one that has no room for it; everything it showed there.
std::string on_terminal(const Folder& f, const Arguments& arguments, unsigned short columns, const char* no_color) {
  std::vector<std::string> words = Arguments{paths::command()} + arguments;
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const winsize size{24, columns, 0, 0};
  int terminal = -1;
  const pid_t pid = forkpty(&terminal, nullptr, nullptr, &size);
  REQUIRE(pid >= 0);
  if (pid == 0) {
    no_color == nullptr ? unsetenv("NO_COLOR") : setenv("NO_COLOR", no_color, 1);
    if (chdir(f.path().c_str()) == 0) execv(argv[0], argv.data());
    _exit(127);
  }
  std::string shown;
  char buffer[4096];
  for (ssize_t n; (n = read(terminal, buffer, sizeof buffer)) > 0;) {
    shown.append(buffer, static_cast<std::size_t>(n));
    if (contains(shown, columns < 60 ? "step " : "  test ")) kill(pid, SIGTERM);
  }
  waitpid(pid, nullptr, 0);
  close(terminal);
  return shown;
}

// Widest bar that was drawn, without control sequences.
std::size_t widest_bar(const std::string& all) {
  const std::string shown = all.substr(0, std::min(all.find("eqnn: interrupted"), all.find("verdict")));
  std::size_t widest = 0;
  const std::string start = "\r\033[K";
  for (std::size_t at = shown.find(start); at != std::string::npos; at = shown.find(start, at + 1)) {
    std::size_t width = 0;
    for (std::size_t i = at + start.size(); i < shown.size() && shown[i] != '\r' && shown[i] != '\n'; ++i) {
      if (shown[i] == '\033') {
        while (i < shown.size() && shown[i] != 'm') ++i;
      } else {
        ++width;
      }
    }
    widest = std::max(widest, width);
  }
  return widest;
}

}  // namespace

TEST_CASE("progress: a bar with rate and time left on a terminal, which NO_COLOR and -q change") {
  if (!terminals()) return;
  const Folder f;
  const std::string shown = on_terminal(f, at_work("color"), 100, nullptr);
  for (const char* part : {"\r\033[K", "\033[36m[", "/100000000", " steps/s", " left"})
    CHECK(contains(shown, part));
  CHECK(contains(shown, "\r\033[Keqnn: interrupted"));  // the bar makes room
  CHECK(widest_bar(shown) < 100);
  CHECK(widest_bar(shown) > 40);
  const std::string plain = on_terminal(f, at_work("mono"), 100, "1");
  CHECK(contains(plain, "\r\033[K["));
  CHECK(!contains(plain, "\033[36m"));
  const std::size_t narrow = widest_bar(on_terminal(f, at_work("narrow"), 30, nullptr));
  CHECK(narrow > 10);
  CHECK(narrow < 30);
  for (const Arguments& silent : {Arguments{"-q"}, {"--progress", "none"}}) {
    const Arguments finite{"--steps", "6000", "--force"};
    const std::string result = on_terminal(f, at_work("silent", finite + silent), 100, nullptr);
    for (const char* part : {"\033[K", "\033[36m"}) CHECK(!contains(result, part));
  }
}

TEST_CASE("progress: plain lines where stderr is no terminal, none with -q") {
  const Folder f;
  const Arguments endless = tiny({"--steps", "100000000", "--eval-every", "100"});
  Process plain(f, endless + Arguments{"--out", "plain"}), quiet(f, endless + Arguments{"--out", "quiet", "-q"});
  // The first line comes after ten seconds; when a busy machine gives more, that is as well.
  REQUIRE(plain.reaches([&] { return contains(plain.said(), "\n"); }));
  const auto written = f.size("quiet/metrics.jsonl");
  REQUIRE(quiet.reaches([&] { return f.size("quiet/metrics.jsonl") > written; }));
  for (const Process* p : {&plain, &quiet}) p->signal(SIGTERM);
  auto said = lines(plain.wait().err);
  const auto whispered = lines(quiet.wait().err);
  REQUIRE(said.size() >= 2);
  CHECK(said.back().starts_with("eqnn: interrupted"));
  said.pop_back();
  for (const std::string& line : said) {
    CHECK(line.starts_with("step "));
    for (const char* part : {"/100000000", " steps/s", " left"}) CHECK(contains(line, part));
  }
  CHECK(whispered.size() == 1);
}

}  // namespace test_progress
