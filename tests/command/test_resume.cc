// Runs that are cut off at any moment go on with --resume and end with the bits of an uninterrupted run.
#include <doctest/doctest.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <random>

#include "support/command.h"

namespace test_resume {

using namespace cli;

namespace {

// Long enough to be caught at work: a few thousand steps, with a checkpoint every fifty.
Arguments longer(const Arguments& more = {}) {
  return tiny(Arguments{"--steps", "3000", "--eval-every", "100", "--checkpoint-every", "50"} + more);
}

// The kinds of runs that have state of their own.
const std::vector<Arguments> kKinds = {
    {},
    {"--samples", "50", "--patience", "1000", "--dtype", "f64"},
    {"--optimizer", "sgd", "--momentum", "0.9", "--noise", "0.1"},
    {"--control", "--phases", "clip-square:1000:2e-3,none:500:1e-3,abs:1500:3e-3", "--reuse", "3", "--loss",
     "huber", "--first-lr", "0.1"}};

// Starts a run in a new folder, signals it when its file is that long, and says how it ended. A busy machine may
// let a run finish before it gets the signal: it is then started again.
Outcome cut_off(const Folder& f, const std::string& run, const Arguments& arguments, const std::string& file,
                std::uintmax_t bytes, int signal) {
  for (;;) {
    Process p(f, arguments + Arguments{"--out", run});
    const bool reached = p.reaches([&] { return f.size(run + "/" + file) >= bytes; });
    p.signal(signal);
    const Outcome r = p.wait();
    if (r.code != 0 || !reached) return r;
    std::filesystem::remove_all(f / run);
  }
}

bool no_temporaries(const Folder& f) {
  for (const auto& [name, bytes] : f.contents())
    if (name.ends_with(".tmp")) return false;
  return true;
}

}  // namespace

TEST_CASE("resume: killed at random moments, the same bits as uninterrupted") {
  std::mt19937 random(20240607);
  for (const Arguments& kind : kKinds) {
    const Folder f;
    accepted(f, longer(kind + Arguments{"--out", "whole"}));
    // A run that finished before the signal leaves nothing to go on with: another begins.
    for (int killed = 0; killed < 6;) {
      Process p(f, longer(kind + Arguments{"--out", "cut", "--resume"}));
      if (killed > 0) p.reaches([&] { return f.has("cut/checkpoint.safetensors"); });
      usleep(std::uniform_int_distribution<useconds_t>(0, 30000)(random));
      p.signal(SIGKILL);
      if (const int code = p.wait().code; code != 0) {
        REQUIRE(code == 137);
        ++killed;
      } else {
        std::filesystem::remove_all(f / "cut");
      }
    }
    const Outcome last = f.run(longer(kind + Arguments{"--out", "cut", "--resume"}));
    CHECK(last.code == 0);
    same_run(f, "whole", f, "cut");
    // Nothing is done to a finished run.
    const auto before = f.contents();
    const Outcome again = f.run(longer(kind + Arguments{"--out", "cut", "--resume", "--json"}));
    CHECK(again.code == 0);
    CHECK(Json::parse(again.out) == Json::parse(f.read("cut/result.json")));
    CHECK(f.contents() == before);
    CHECK(no_temporaries(f));
  }
}

TEST_CASE("resume: killed before the first checkpoint, or before run.json") {
  const Folder f;
  accepted(f, longer({"--steps", "12000", "--out", "whole"}));
  const Arguments no_checkpoint = longer({"--steps", "12000", "--checkpoint-every", "1000000"});
  REQUIRE(cut_off(f, "cut", no_checkpoint, "metrics.jsonl", 300, SIGKILL).code == 137);
  REQUIRE(!f.has("cut/checkpoint.safetensors"));
  accepted(f, longer({"--steps", "12000", "--out", "cut", "--resume"}));
  same_run(f, "whole", f, "cut");

  std::filesystem::create_directory(f / "bare");
  f.write("bare/run.json.0123456789abcdef.tmp", "{\"form");
  accepted(f, longer({"--steps", "12000", "--out", "bare", "--resume"}));
  same_run(f, "whole", f, "bare");
  CHECK(no_temporaries(f));
  accepted(f, longer({"--steps", "12000", "--out", "none", "--resume"}));  // starts where there is none
  same_run(f, "whole", f, "none");
}

TEST_CASE("resume: SIGTERM and SIGUSR1 exit 75, SIGINT 130, after a checkpoint") {
  const Folder f;
  accepted(f, longer({"--steps", "12000", "--out", "whole"}));
  for (const auto& [number, code] : {std::pair{SIGTERM, 75}, {SIGUSR1, 75}, {SIGINT, 130}}) {
    const std::string run = "cut" + std::to_string(number);
    const Outcome r = cut_off(f, run, longer({"--steps", "12000", "--checkpoint-every", "1000000"}),
                              "metrics.jsonl", 300, number);
    CHECK(r.code == code);
    CHECK(r.out.empty());
    CHECK(lines(r.err).size() == 1);
    CHECK(r.err.find("--resume") != std::string::npos);
    REQUIRE(f.has(run + "/checkpoint.safetensors"));
    CHECK(!f.has(run + "/result.json"));
    refused(f, longer({"--steps", "12000", "--out", run}), 2, "--resume");
    // With --out the run knows its own flags.
    CHECK(f.run({"train", "--resume", "--out", run}).code == 0);
    same_run(f, "whole", f, run);
  }
}

TEST_CASE("resume: a run that stopped early, or was cut off while it ended, ends the same way") {
  const Folder f;
  const std::vector<std::pair<std::string, Arguments>> kinds = {
      {"full", {}},
      {"stopped", {"--stop-at-loss", "1e9", "--eval-every", "11"}},
      {"diverged", {"--optimizer", "sgd", "--lr", "1e6"}}};
  for (const auto& kind : kinds) {
    const auto& [name, flags] = kind;
    CAPTURE(kind.first);
    accepted(f, tiny(flags + Arguments{"--out", name}));
    accepted(f, tiny(flags + Arguments{"--out", name + "-cut"}));
    std::filesystem::remove(f / (name + "-cut/result.json"));
    std::filesystem::remove(f / (name + "-cut/model.safetensors"));
    accepted(f, tiny(flags + Arguments{"--out", name + "-cut", "--resume"}));
    same_run(f, name, f, name + "-cut");
    // A line that a kill left half-written goes.
    std::filesystem::remove(f / (name + "-cut/result.json"));
    f.write(name + "-cut/metrics.jsonl", f.read(name + "-cut/metrics.jsonl") + "{\"step\":4");
    accepted(f, tiny(flags + Arguments{"--out", name + "-cut", "--resume"}));
    same_run(f, name, f, name + "-cut");
  }
}

TEST_CASE(
    "resume: --steps may grow under a constant schedule, to the bits of the long run; nothing else may change") {
  const Folder f;
  const Arguments base = tiny({"--schedule", "constant", "--eval-every", "10"});
  const auto with = [&](const std::string& steps, const std::string& out, const Arguments& more = {}) {
    return base + Arguments{"--steps", steps, "--out", out} + more;
  };
  accepted(f, with("100", "long"));
  accepted(f, with("30", "grown"));
  accepted(f, with("55", "grown", {"--resume"}));
  refused(f, with("50", "grown", {"--resume"}), 2, "only grow");
  accepted(f, with("100", "grown", {"--resume", "--threads", "2"}));
  same_run(f, "long", f, "grown");
  CHECK(Json::parse(f.read("grown/run.json"))["run_id"] == Json::parse(f.read("long/run.json"))["run_id"]);
  // Also without the flags of the run, and when the run was cut off just as it grew.
  accepted(f, with("30", "named"));
  accepted(f, {"train", "--out", "named", "--resume", "--steps", "100"});
  same_run(f, "long", f, "named");
  accepted(f, with("30", "cut"));
  std::filesystem::remove(f / "cut/result.json");
  f.write("cut/run.json", f.read("long/run.json"));
  accepted(f, with("100", "cut", {"--resume"}));
  same_run(f, "long", f, "cut");

  for (const Arguments& other : {Arguments{"--lr", "1e-3"},
                                 {"--seed", "1"},
                                 {"--n", "7"},
                                 {"--control"},
                                 {"--width", "9"},
                                 {"--dtype", "f64"},
                                 {"--eval-every", "5"},
                                 {"--schedule", "cosine"},
                                 {"--samples", "50"},
                                 {"--model", "mlp"}})
    refused(f, with("100", "long", Arguments{"--resume"} + other), 2, "");
  refused(f, with("100", "long", {"--resume", "--lr", "1e-3"}), 2, "'lr'");
  accepted(f, tiny({"--out", "cosine"}));
  refused(f, tiny({"--out", "cosine", "--resume", "--steps", "50"}), 2, "constant");
  f.write("m.json", R"({"n": 6, "S": [2, 3]})");
  refused(f, with("100", "long", {"--resume", "--member", "m.json"}), 2, "--resume");
}

TEST_CASE("resume: files that are truncated or foreign are exit 3, and stay as they are") {
  const Folder f;
  const auto resume = [](const std::string& steps) {
    return tiny({"--schedule", "constant", "--out", "run", "--resume", "--steps", steps});
  };
  accepted(f, tiny({"--schedule", "constant", "--out", "run"}));
  accepted(f, tiny({"--schedule", "constant", "--out", "other", "--seed", "1"}));
  const std::string path = "run/checkpoint.safetensors", whole = f.read(path);
  std::uint64_t header = 0;
  std::memcpy(&header, whole.data(), 8);
  const auto bad = [&](const std::string& bytes, const std::string& fragment = "checkpoint.safetensors") {
    f.write(path, bytes);
    refused(f, resume("80"), 3, fragment);  // result.json is lost to nobody
  };
  for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, std::size_t{7}, std::size_t{8}, std::size_t{9},
                                std::size_t{8 + header / 2}, std::size_t{8 + header - 1}, std::size_t{8 + header},
                                std::size_t{9 + header}, whole.size() / 2, whole.size() - 1})
    bad(whole.substr(0, cut));
  bad(whole + "x");
  bad(std::string(8, '\xff') + whole.substr(8));
  bad("not a checkpoint at all, but long enough for a header");
  bad(f.read("run/model.safetensors"), "format");
  bad(f.read("other/checkpoint.safetensors"), "belongs to run");
  std::string step = whole;
  step.replace(step.find("\"step\":\"40\""), 11, "\"step\":\"99\"");
  bad(step, "step 99");
  f.write(path, whole);

  const std::string run = f.read("run/run.json");
  for (const std::string& text :
       {std::string(), run.substr(0, run.size() / 2), std::string("[]"), std::string("{}"), std::string("\xff"),
        std::string(run).replace(run.find("eqnn-run-1"), 10, "eqnn-run-9"),
        std::string(run).replace(run.find("\"adam\""), 6, "\"adom\""), std::string(100000, '[')}) {
    f.write("run/run.json", text);
    refused(f, resume("40"), 3, "run.json");
    refused(f, {"train", "--resume", "--out", "run"}, 3, "run.json");
  }
  f.write("run/run.json", run);
  const std::string log = f.read("run/metrics.jsonl");
  f.write("run/metrics.jsonl", log.substr(0, log.size() / 2));
  CHECK(f.run(resume("80")).code == 3);
  f.write("run/metrics.jsonl", log);
  const std::string result = f.read("run/result.json");
  f.write("run/result.json", "{");
  f.write("run/run.json", run);
  refused(f, tiny({"--schedule", "constant", "--out", "run", "--resume", "--json"}), 3, "result.json");
}

TEST_CASE("resume: two processes are never at work in one run directory") {
  const Folder f;
  Process p(f, longer({"--steps", "100000000", "--out", "run"}));
  REQUIRE(p.reaches([&] { return f.size("run/metrics.jsonl") > 0; }));
  for (const char* flag : {"--resume", "--force"}) {
    const Outcome r = f.run(longer({"--steps", "100000000", "--out", "run", flag}));
    CHECK(r.code == 2);
    CHECK(one_error_line(r.err));
    CHECK(r.err.find("another process") != std::string::npos);
  }
  REQUIRE(p.running());
  p.signal(SIGTERM);
  CHECK(p.wait().code == 75);
}

TEST_CASE(
    "resume: a file system that fills up, or a limit on file sizes, is exit 3; more room, and the run goes on") {
  const Folder f;
  const Arguments base = longer({"--steps", "1000", "--eval-every", "20"});
  accepted(f, base + Arguments{"--out", "whole"});
  for (const long room : {400L, 3000L, 9000L}) {  // for nothing, run.json, or a part of metrics.jsonl
    CAPTURE(room);
    const std::string run = "limit" + std::to_string(room);
    const Outcome r = f.run(base + Arguments{"--out", run, "--resume"}, {.largest_file = room});
    CHECK(r.code == 3);
    CHECK(one_error_line(r.err));
    CHECK(no_temporaries(f));
    CHECK(f.has(run) == (room > 2000));
    accepted(f, base + Arguments{"--out", run, "--resume"});
    same_run(f, "whole", f, run);
  }
  if (Disk disk(f, "disk", "size=64k"); disk.made()) {
    for (const std::size_t room : {0, 8, 16, 24}) {
      CAPTURE(room);
      f.write("disk/filler", std::string((64 - room) * 1024, 'x'));
      const Outcome r = f.run(base + Arguments{"--out", "disk/run", "--resume"});
      CHECK(r.code == 3);
      CHECK(one_error_line(r.err));
      CHECK(r.err.find("space") != std::string::npos);
      CHECK(no_temporaries(f));
      CHECK(!f.has("disk/run/result.json"));
      for (const std::string& line :
           f.has("disk/run/metrics.jsonl") ? lines(f.read("disk/run/metrics.jsonl")) : lines(""))
        CHECK(Json::accept(line));
      std::filesystem::remove(f / "disk/filler");
    }
    accepted(f, base + Arguments{"--out", "disk/run", "--resume"});
    same_run(f, "whole", f, "disk/run");
  }
}

}  // namespace test_resume
