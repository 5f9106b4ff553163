// System calls that fail on one file, and kills in the middle of a removal: told, and nothing lost. What the
// campaign of tests/faults does at random moments, here at those that once went wrong.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "support/command.h"
#include "support/sanitized.h"

namespace test_faults {

using namespace cli;

namespace {

// The command under strace: `calls` on `path` fail with `error`, or bring a signal. The leak sanitizer cannot look
// at a process that is traced already.
Setting failing(const std::string& path, const std::string& calls, const std::string& how) {
  return {.under = {"strace", "-f", "--quiet=all", "-o", "/dev/null", "-E", "LSAN_OPTIONS=detect_leaks=0", "-P",
                    path, "-e", "trace=" + calls, "-e", "inject=" + calls + ":" + how}};
}

bool have_strace() {
  if (std::system("strace -o /dev/null true 2>/dev/null >&2") == 0) return true;
  MESSAGE("skipped: calls are made to fail by strace, which is not installed or may not trace here");
  return false;
}

const Arguments kSample = {"families", "sample", "gnn-degree-parity", "--n", "5", "--count", "9", "--out", "x.npz"};
const Arguments kLearn = {"learn", "gnn-degree-parity", "--n", "5",     "--samples",
                          "60",    "--test-samples",    "200", "--out", "run"};
const char* const kSweep =
    "name = \"t\"\n[run]\nfamily = \"gnn-degree-parity\"\nn = 5\nwidth = 8\ndepth = 1\nbatch = 8\n"
    "steps = 40\ntest-samples = 200\n";

// The folder of the only run of a sweep.
std::string only_run(const Folder& f, const std::string& out) {
  for (const auto& entry : std::filesystem::directory_iterator(f / out))
    if (entry.is_directory()) return out + "/" + entry.path().filename().string();
  return "";
}

// A lock on a folder as one who looks at it has it, for a moment; or as one who works there.
class Held {
 public:
  Held(const std::string& folder, int kind) : file_(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    REQUIRE(flock(file_, kind | LOCK_NB) == 0);
  }
  ~Held() { close(file_); }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  int file_;
};

}  // namespace

TEST_CASE("faults: an output that cannot be looked for is not taken for missing") {
  if (!have_strace()) return;
  const Folder f;
  // Once the whole sample was written, and its member left out without a word.
  refused(f, kSample, 3, "x.npz", failing("x.npz", "newfstatat", "error=EACCES"));
  for (int call = 1; call <= 4; ++call)
    refused(f, kSample, 3, "x.npz", failing("x.npz", "newfstatat", "error=EIO:when=" + std::to_string(call)));
  accepted(f, kSample + Arguments{"-q"});
  // Once an output was replaced without --force.
  refused(f, kSample, 3, "x.npz", failing("x.npz", "newfstatat", "error=EIO:when=1"));
  refused(f, kSample, 2, "--force");
}

TEST_CASE("faults: a link that cannot be looked at stays a link") {
  if (!have_strace()) return;
  const Folder f;
  const Arguments words = tiny({"--out", "run", "--resume", "-q"});
  std::filesystem::create_directory(f / "run");
  accepted(f, words);
  const std::string model = f.read("run/model.safetensors");
  std::filesystem::rename(f / "run/model.safetensors", f / "model");
  std::filesystem::create_symlink("../model", f / "run/model.safetensors");
  for (const char* which : {":when=1", ":when=2"}) {
    std::filesystem::remove(f / "run/result.json");
    const Outcome r =
        f.run(words, failing("run/model.safetensors", "newfstatat", std::string("error=EIO") + which));
    CHECK(r.code == 3);
    CHECK(one_error_line(r.err));
    CHECK(std::filesystem::is_symlink(f / "run/model.safetensors"));
  }
  accepted(f, words);
  CHECK(std::filesystem::is_symlink(f / "run/model.safetensors"));
  CHECK(f.read("model") == model);
}

TEST_CASE("faults: collect tells what it could not look at, and takes no run for unfinished") {
  if (!have_strace()) return;
  const Folder f;
  f.write("t.toml", kSweep);
  accepted(f, {"sweep", "run", "t.toml", "--out", "o", "-q"});
  const std::string run = only_run(f, "o");
  const Arguments words = {"collect", "o", "--db", "c.db", "-q"};
  for (const std::string& path : {f / (run + "/result.json"), f / (run + "/failure.json"), f / run}) {
    CAPTURE(path);
    const Outcome r = f.run(words, failing(path, "newfstatat", "error=EIO"));
    CHECK(r.code == 3);
    CHECK(one_error_line(r.err));
    CHECK(r.err.find(run) != std::string::npos);
  }
  accepted(f, words);
}

TEST_CASE("faults: a sweep does not take a run for one that is left to do, nor fail over it") {
  if (!have_strace()) return;
  const Folder f;
  f.write("t.toml", kSweep);
  const Arguments words = {"sweep", "run", "t.toml", "--out", "o", "-q"};
  accepted(f, words);
  const std::string result = only_run(f, "o") + "/result.json";
  refused(f, words, 3, "result.json", failing(result, "newfstatat", "error=EIO"));
  refused(f, {"sweep", "status", "t.toml", "--out", "o"}, 3, "result.json",
          failing(result, "newfstatat", "error=EIO"));
}

TEST_CASE("faults: a run that grows does not go on beside a result that could not be removed") {
  if (!have_strace()) return;
  const Folder f;
  accepted(f, tiny({"--schedule", "constant", "--out", "run", "-q"}));
  const Arguments longer = tiny({"--schedule", "constant", "--steps", "80", "--out", "run", "--resume", "-q"});
  refused(f, longer, 3, "result.json", failing("run/result.json", "unlink", "error=EIO"));
  accepted(f, longer);
  CHECK(Json::parse(f.read("run/result.json"))["steps"] == 80);
}

TEST_CASE("faults: a folder that cannot be opened is not used without its lock") {
  if (!have_strace()) return;
  const Folder f;
  accepted(f, tiny({"--out", "run", "-q"}));
  std::filesystem::remove(f / "run/result.json");
  // Opened to see what it holds, and again to lock it.
  refused(f, tiny({"--out", "run", "--resume", "-q"}), 3, "cannot be read",
          failing("run", "openat", "error=EMFILE:when=2"));
  refused(f, tiny({"--out", "run", "--resume", "-q"}), 3, "to lock it",
          failing("run", "openat", "error=EMFILE:when=3"));
}

TEST_CASE("faults: killed while a run is replaced, it can be replaced again") {
  if (!have_strace()) return;
  for (const char* file : {"run/result.json", "run/run.json"}) {
    CAPTURE(file);
    const Folder f;
    accepted(f, kLearn + Arguments{"-q", "--json"});
    CHECK(f.run(kLearn + Arguments{"--force"}, failing(file, "unlink,unlinkat", "signal=KILL")).code == 137);
    CHECK(f.has("run/run.json"));
    CHECK(f.has(file));
    CHECK(f.contents().size() == (std::string("run/run.json") == file ? 2 : 3));  // with the folder
    CHECK(f.run(kLearn + Arguments{"--force"}).code == 0);
    CHECK(f.has("run/result.json"));
  }
}

// Sanitizers take more address space than these limits give.
#ifndef EQNN_SANITIZED
TEST_CASE("faults: memory that ends at any point is told, and no crash") {
  const Folder f;
  accepted(f, kSample + Arguments{"-q"});
  accepted(f, tiny({"--n", "5", "--out", "run", "-q"}));
  const auto limited = [&](const Arguments& words, int kib) {
    return f.run(words, {.under = {"sh", "-c", "ulimit -v " + std::to_string(kib) + "; exec \"$@\"", "sh"}});
  };
  int least = 8000;  // for the system's loader
  while (least < 1000000 && limited({"--version"}, least).code != 0) least += 250;
  REQUIRE(least < 1000000);
  int told = 0;
  for (int kib = least + 1000; kib < least + 5000; kib += 60) {
    CAPTURE(kib);
    const Outcome r = limited({"predict", "run", "--in", "x.npz", "--out", "y.npz", "--force"}, kib);
    CHECK((r.code == 0 || r.code == 2 || r.code == 3));
    if (r.code != 0) CHECK(one_error_line(r.err));
    told += r.code != 0;
  }
  CHECK(told > 0);
}
#endif

TEST_CASE("faults: who looks at a run stops nobody, and sees who works there") {
  const Folder f;
  f.write("t.toml", kSweep);
  const Arguments words = {"sweep", "run", "t.toml", "--out", "o", "-q"},
                  look = {"sweep", "status", "t.toml", "--out", "o", "--json"};
  accepted(f, words);
  const std::string run = only_run(f, "o");
  std::filesystem::remove(f / (run + "/result.json"));
  {
    const Held looking(f / run, LOCK_SH);
    CHECK(Json::parse(accepted(f, look))["running"] == 0);
  }
  {
    const Held working(f / run, LOCK_EX);
    CHECK(Json::parse(accepted(f, look))["running"] == 1);
    CHECK(f.run({"sweep", "run", "t.toml", "--out", "o"}).err.find("at work in another process") !=
          std::string::npos);
  }
  // Somebody looks for much longer than a status takes: the sweep waits for them.
  auto looking = std::make_unique<Held>(f / run, LOCK_SH);
  Process sweep(f, words);
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  CHECK(sweep.running());
  looking.reset();
  CHECK(sweep.wait().code == 0);
  CHECK(f.has(run + "/result.json"));
}

TEST_CASE("faults: a sweep waits for the children of one that was killed") {
  const Folder f;
  f.write("t.toml", kSweep);
  accepted(f, {"sweep", "run", "t.toml", "--out", "o", "-q"});
  const std::string run = only_run(f, "o");
  std::filesystem::remove(f / (run + "/result.json"));
  auto dying = std::make_unique<Held>(f / run, LOCK_EX);
  Process sweep(f, {"sweep", "run", "t.toml", "--out", "o", "-q"});
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  dying.reset();
  CHECK(sweep.wait().code == 0);
  CHECK(f.has(run + "/result.json"));
}

}  // namespace test_faults
