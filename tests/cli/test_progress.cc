// Progress: a bar on a terminal, plain lines elsewhere, and silence when asked.
#include <doctest/doctest.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <ctime>

#include "command.h"

using namespace cli;

namespace {

Arguments at_work(const std::string& out, const Arguments& more = {}) {
  return tiny(Arguments{"--steps", "6000", "--eval-every", "1000", "--out", out} + more);
}

// Runs the command on a terminal of its own; everything it showed there.
std::string on_terminal(const Folder& f, const Arguments& arguments, unsigned short columns, const char* no_color) {
  std::vector<std::string> words = Arguments{EQNN_COMMAND} + arguments;
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
  for (ssize_t n; (n = read(terminal, buffer, sizeof buffer)) > 0;) shown.append(buffer, static_cast<std::size_t>(n));
  int status = 0;
  waitpid(pid, &status, 0);
  close(terminal);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  return shown;
}

// Widest bar that was drawn, without control sequences.
std::size_t widest_bar(const std::string& all) {
  const std::string shown = all.substr(0, all.find("verdict"));
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

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("progress: a bar with rate and time left on a terminal, which NO_COLOR and -q change") {
  const Folder f;
  const std::string shown = on_terminal(f, at_work("color"), 100, nullptr);
  for (const char* part : {"\r\033[K", "\033[36m[", "/6000", " steps/s", " left", "test ", "verdict"}) CHECK(holds(shown, part));
  CHECK(widest_bar(shown) < 100);
  CHECK(widest_bar(shown) > 40);
  // The bar is gone when the result is printed.
  CHECK(holds(shown, "\r\033[Kverdict"));
  const std::string plain = on_terminal(f, at_work("mono"), 100, "1");
  CHECK(holds(plain, "\r\033[K["));
  CHECK(!holds(plain, "\033[36m"));
  CHECK(widest_bar(on_terminal(f, at_work("narrow"), 30, nullptr)) < 30);
  for (const Arguments& silent : {Arguments{"-q"}, {"--progress", "none"}})
    CHECK(!holds(on_terminal(f, at_work("silent", Arguments{"--force"} + silent), 100, nullptr), "\033["));
  same_run(f, "color", f, "silent");
}

TEST_CASE("progress: one plain line every ten seconds where stderr is no terminal, none with -q") {
  const Folder f;
  const auto nap = [](long ms) {
    const timespec t{ms / 1000, ms % 1000 * 1000000};
    nanosleep(&t, nullptr);
  };
  const Arguments endless = tiny({"--steps", "100000000"});
  Process plain(f, endless + Arguments{"--out", "plain"}), quiet(f, endless + Arguments{"--out", "quiet", "-q"});
  while (!f.has("plain/metrics.jsonl") || !f.has("quiet/metrics.jsonl")) nap(1);
  // They sleep through the ten seconds, which are then nobody's processor time.
  for (const Process* p : {&plain, &quiet}) p->signal(SIGSTOP);
  nap(10100);
  for (const Process* p : {&plain, &quiet}) p->signal(SIGCONT);
  nap(300);
  for (const Process* p : {&plain, &quiet}) p->signal(SIGTERM);
  const auto said = lines(plain.wait().err), whispered = lines(quiet.wait().err);
  REQUIRE(said.size() == 2);
  CHECK(said[0].starts_with("step "));
  for (const char* part : {"/100000000", " steps/s", " left"}) CHECK(holds(said[0], part));
  CHECK(said[1].starts_with("eqnn: interrupted"));
  CHECK(whispered.size() == 1);
}
