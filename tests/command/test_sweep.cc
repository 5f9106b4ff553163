// Sweeps: plans, runs, failures, shards, kill -9.

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "support/command.h"
#include "support/paths.h"
#include "support/sanitized.h"
#include "support/thrown.h"

namespace test_sweep {

namespace {

using cli::accepted;
using cli::Arguments;
using cli::Folder;
using cli::Json;
using cli::lines;
using cli::Outcome;
using cli::refused;
using cli::operator+;

const std::string kTiny = R"(name = "tiny"
title = "A tiny sweep"
seeds = "0:2"
)" + cli::kTinyRun;
const std::string kGrid = "[grid]\nn = [4, 5]\nlr = [1e-3, 1e-2]\ncontrol = [false, true]\n";

Json status(const Folder& f, const std::string& file, const std::string& out) {
  return Json::parse(accepted(f, {"sweep", "status", file, "--out", out, "--json"}));
}

// The cells of a csv without the columns that may differ between equal runs. No cell of these runs has a line end.
std::vector<std::vector<std::string>> stable_cells(const std::string& csv) {
  std::vector<std::vector<std::string>> rows;
  std::set<std::size_t> left_out;
  for (const std::string& line : lines(csv)) {
    std::vector<std::string> cells(1);
    bool quoted = false;
    for (char c : line) {
      if (c == '"') quoted = !quoted;
      if (c == ',' && !quoted)
        cells.emplace_back();
      else if (c != '\r')
        cells.back() += c;
    }
    if (rows.empty())
      for (std::size_t i = 0; i < cells.size(); ++i)
        if (cells[i].starts_with("time.") || cells[i].starts_with("machine.")) left_out.insert(i);
    std::vector<std::string> kept;
    for (std::size_t i = 0; i < cells.size(); ++i)
      if (left_out.count(i) == 0) kept.push_back(cells[i]);
    rows.push_back(kept);
  }
  return rows;
}

std::vector<std::vector<std::string>> table_of(const Folder& f, const std::string& out) {
  accepted(f, {"collect", out, "--db", out + ".db", "--csv", out + ".csv", "-q"});
  return stable_cells(f.read(out + ".csv"));
}

}  // namespace

TEST_CASE("sweep: a plan has every combination once, and its ids are those of train") {
  const Folder f;
  f.write("t.toml", kTiny + kGrid);
  const Json plan = Json::parse(accepted(f, {"sweep", "plan", "t.toml", "--out", "o", "--json"}));
  CHECK(plan["runs"] == 16);
  CHECK(plan["left"] == 16);
  CHECK(plan["steps"] == 640);
  CHECK(plan["seconds_at_most"].get<double>() > 0);
  CHECK(contains(accepted(f, {"sweep", "plan", "t.toml", "--jobs", "3"}), ", 3 at a time, if each run takes all"));
  const auto commands = lines(accepted(f, {"sweep", "run", "t.toml", "--out", "o", "--list"}));
  REQUIRE(commands.size() == 16);
  CHECK(std::set(commands.begin(), commands.end()).size() == 16);
  CHECK_FALSE(f.has("o"));
  // A listed command, run by hand, makes the run directory that the sweep would make.
  std::istringstream words(commands[3]);
  Arguments arguments;
  for (std::string word; words >> word;) arguments.push_back(word);
  arguments.erase(arguments.begin());
  const std::string directory = arguments.back();
  accepted(f, arguments + Arguments{"-q"});
  CHECK(Json::parse(f.read(directory + "/result.json"))["run_id"] == directory.substr(2));
  CHECK(status(f, "t.toml", "o")["done"] == 1);
  accepted(f, {"sweep", "run", "t.toml", "--out", "o", "-q"});
  CHECK(status(f, "t.toml", "o")["done"] == 16);
}

TEST_CASE("sweep: the first seed of every point comes before the second, and bounds alone end well") {
  const Folder f;
  f.write("t.toml",
          "name = \"two\"\nseeds = \"0:2\"\n[run]\nn = 4\nsteps = 1\nwidth = 8\ntest-samples = 10\n"
          "family = \"gnn-degree-parity\"\n[[sweeps]]\nname = \"a\"\n[sweeps.grid]\nlr = [1e-3, 1e-2]\n"
          "[[sweeps]]\nname = \"b\"\n[sweeps.run]\nbatch = 8\n");
  accepted(f, {"sweep", "run", "t.toml", "--out", "o", "--jobs", "1", "-q"});
  const Json plan = Json::parse(f.read("o/two.sweep.json"));
  std::vector<std::pair<std::filesystem::file_time_type, int>> order;
  for (const Json& sweep : plan["sweeps"])
    for (const Json& run : sweep["runs"])
      order.emplace_back(
          std::filesystem::last_write_time(f.path() + "/o/" + run["run_id"].get<std::string>() + "/result.json"),
          run["seed"]);
  std::sort(order.begin(), order.end());
  std::vector<int> seeds;
  for (const auto& [time, seed] : order) seeds.push_back(seed);
  CHECK(seeds == std::vector<int>{0, 0, 0, 1, 1, 1});
  f.write("b.toml", "name = \"b\"\ncommand = \"bound\"\n[run]\nfamily = \"boolean-orbit\"\nn = 16\ntau = 0.1\n");
  const Outcome bounds = f.run({"sweep", "run", "b.toml", "--out", "b"});
  CHECK(bounds.code == 0);
  CHECK(contains(bounds.out, "eqnn collect b"));
  accepted(f, {"report", "b", "-o", "b.html", "-q"});
  const std::string page = f.read("b.html");
  for (const std::string there : {"<h3>boolean-orbit, group\u00a0=\u00a0"
                                  "cyclic, n\u00a0=\u00a0"
                                  "16, tau\u00a0=\u00a0"
                                  "0.1</h3>",
                                  "Assumes: prior", "say nothing here: B1 Gram", "eqnn sweep run b.toml"}) {
    CAPTURE(there);
    CHECK(contains(page, there));
  }
  for (const std::string not_there : {"has begun", "not begun", "0 of 1 finished", ">Summary<", ">Verdicts<"}) {
    CAPTURE(not_there);
    CHECK_FALSE(contains(page, not_there));
  }
}

TEST_CASE("sweep: the order of keys, spellings of numbers and repeated points change no id") {
  const Folder f;
  f.write("a.toml", kTiny + "[grid]\nn = [4, 5]\nlr = [1e-2]\n");
  f.write("b.toml", kTiny + "[grid]\nlr = [0.01, 1e-2, 0.010]\nn = [5.0, 4]\n");
  const auto ids = [&](const std::string& file) {
    std::set<std::string> set;
    for (const std::string& line : lines(accepted(f, {"sweep", "run", file, "--out", "o", "--list"})))
      set.insert(line.substr(line.rfind('/')));
    return set;
  };
  CHECK(ids("a.toml") == ids("b.toml"));
  CHECK(ids("a.toml").size() == 4);
}

TEST_CASE("sweep: several grids in one file share the runs that are equal") {
  const Folder f;
  f.write("t.toml", kTiny +
                        "[[sweeps]]\nname = \"one\"\n[sweeps.grid]\nn = [4, 5]\n"
                        "[[sweeps]]\nname = \"two\"\nseeds = [1, 7]\n[sweeps.run]\nn = 5\n");
  const Json plan = Json::parse(accepted(f, {"sweep", "plan", "t.toml", "--json"}));
  CHECK(plan["runs"] == 5);
  CHECK(plan["sweeps"][0]["runs"] == 4);
  CHECK(plan["sweeps"][1]["runs"] == 2);
  CHECK(plan["out"] == "runs/tiny");
}

TEST_CASE("sweep: what is wrong in a file is refused before anything runs") {
  const Folder f;
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"name = \n", "line 1"},
      {"[grid]\nn = [4]\n", "'name' is missing"},
      {"name = \"../x\"\n", "letters"},
      {kTiny + "[grid]\nnn = [4]\n", "'nn'"},
      {kTiny + "[grid]\nn = []\n", "no values"},
      {kTiny + "[grid]\nsteps = [4]\n", "once"},
      {kTiny + "[grids]\nn = [4]\n", "'grid'"},
      {kTiny + "[grid]\nseed = [1]\n", "seeds"},
      {kTiny + "[grid]\nthreads = [1]\n", "threads"},
      {kTiny + "checkpoint-every = 1\n", "checkpoint-every"},
      {kTiny + "[grid]\nlr = [1e-3, \"fast\"]\n", "lr = fast"},
      {kTiny + "[grid]\nn = [4, 1]\n", "at n = 1, seed 0: n is 1"},
      {"name = \"x\"\nseeds = [1, 1]\n[run]\nfamily = \"gnn-degree-parity\"\n", "twice"},
      {"name = \"x\"\nseeds = \"3:3\"\n[run]\nfamily = \"gnn-degree-parity\"\n", "empty"},
      {"name = \"x\"\nseeds = -1\n[run]\nfamily = \"gnn-degree-parity\"\n", "seeds"},
      {"name = \"x\"\n[run]\nsteps = 3\n", "no family"},
      {"name = \"x\"\ncommand = \"rm\"\n", "train, learn"},
      {kTiny + "[grid]\nmember-seed = [" + std::string(3000, '1') + "]\n", ""},
      {kTiny + "sweeps = 3\n", ""}};
  for (const auto& w : wrong) {
    f.write("t.toml", w.first);
    CAPTURE(w.first.substr(0, 300));
    refused(f, {"sweep", "run", "t.toml", "--out", "o"}, 2, w.second);
  }
  f.write("t.toml", kTiny);
  refused(f, {"sweep", "run", "t.toml", "--shard", "2/2"}, 2, "i/N");
  refused(f, {"sweep", "run", "t.toml", "--shard", "a"}, 2, "i/N");
  refused(f, {"sweep", "run", "t.toml", "--jobs", "0"}, 2, "--jobs");
  refused(f, {"sweep", "run", "missing.toml"}, 3, "missing.toml");
  f.write("file", "");
  refused(f, {"sweep", "run", "t.toml", "--out", "file"}, 3, "file");
}

TEST_CASE("sweep: a run that fails is recorded, the others are done, and it is tried again when told") {
  const Folder f;
  f.write("t.toml", kTiny + "n = 4\nloss = \"cross-entropy\"\n[grid]\ncontrol = [false, true]\n");
  const auto ended = f.run({"sweep", "run", "t.toml", "--out", "o"});
  CHECK(ended.code == 5);
  CHECK(ended.err.find("cross-entropy needs a target of two values") != std::string::npos);
  Json s = status(f, "t.toml", "o");
  CHECK(s["done"] == 2);
  CHECK(s["failed"] == 2);
  const auto before = f.contents();
  CHECK(f.run({"sweep", "run", "t.toml", "--out", "o", "-q"}).code == 5);
  CHECK(f.contents() == before);
  CHECK(f.run({"sweep", "run", "t.toml", "--out", "o", "-q", "--retry-failed"}).code == 5);
  CHECK(status(f, "t.toml", "o")["failed"] == 2);
  const auto rows = table_of(f, "o");
  CHECK(rows.size() == 5);
}

TEST_CASE("sweep: a run at work in another sweep is left to it, and SIGTERM leaves a checkpoint") {
  const Folder f;
  f.write("t.toml",
          "name = \"t\"\n[run]\nfamily = \"gnn-degree-parity\"\nsteps = 100000000\neval-every = 100000000\n");
  cli::Process sweep(f, {"sweep", "run", "t.toml", "--out", "o", "--jobs", "1", "-q"});
  const auto id = lines(accepted(f, {"sweep", "run", "t.toml", "--out", "o", "--list"}))[0];
  const std::string directory = id.substr(id.rfind(' ') + 1);
  REQUIRE(sweep.reaches([&] { return f.has(directory + "/run.json"); }));
  CHECK(status(f, "t.toml", "o")["running"] == 1);
  const auto found = f.run({"sweep", "run", "t.toml", "--out", "o", "-q"});
  CHECK(found.code == 0);  // the run is at work elsewhere: nothing to do here, nothing failed
  sweep.signal(SIGTERM);
  CHECK(sweep.wait().code == 75);
  CHECK(f.has(directory + "/checkpoint.safetensors"));
  CHECK_FALSE(f.has(directory + "/failure.json"));
}

// Children of a process, by /proc.
std::vector<pid_t> children(pid_t parent) {
  std::vector<pid_t> list;
  std::ifstream file("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children");
  for (pid_t pid = 0; file >> pid;) list.push_back(pid);
  return list;
}

TEST_CASE("sweep: a run that is killed once the sweep was told to end has not failed") {
  const Folder f;
  f.write("t.toml",
          "name = \"t\"\n[run]\nfamily = \"gnn-degree-parity\"\nsteps = 100000000\neval-every = 100000000\n");
  cli::Process sweep(f, {"sweep", "run", "t.toml", "--out", "o", "--jobs", "1"});
  const auto id = lines(accepted(f, {"sweep", "run", "t.toml", "--out", "o", "--list"}))[0];
  const std::string directory = id.substr(id.rfind(' ') + 1);
  REQUIRE(sweep.reaches([&] { return f.has(directory + "/run.json"); }));
  const std::vector<pid_t> found = children(sweep.pid());
  REQUIRE(found.size() == 1);
  ::kill(found[0], SIGSTOP);  // as one that takes too long to write its checkpoint
  sweep.signal(SIGTERM);
  ::kill(found[0], SIGKILL);
  const auto ended = sweep.wait();
  CHECK(ended.code == 75);
  CHECK(ended.err.find("the same command goes on") != std::string::npos);
  CHECK_FALSE(f.has(directory + "/failure.json"));
}

TEST_CASE("sweep: a run whose process is killed is recorded as failed, and the others go on") {
  const Folder f;
  f.write("t.toml",
          "name = \"t\"\n[run]\nfamily = \"gnn-degree-parity\"\neval-every = 100000000\n[grid]\nsteps = "
          "[100000000, 5]\n");
  cli::Process sweep(f, {"sweep", "run", "t.toml", "--out", "o", "--jobs", "1"});
  const auto id = lines(accepted(f, {"sweep", "run", "t.toml", "--out", "o", "--list"}))[0];
  REQUIRE(sweep.reaches([&] { return f.has(id.substr(id.rfind(' ') + 1) + "/run.json"); }));
  const std::vector<pid_t> found = children(sweep.pid());
  REQUIRE(found.size() == 1);
  CHECK(status(f, "t.toml", "o")["running"] == 1);
  ::kill(found[0], SIGKILL);
  const auto ended = sweep.wait();
  CHECK(ended.code == 5);
  CHECK(ended.err.find("signal 9") != std::string::npos);
  const Json s = status(f, "t.toml", "o");
  CHECK(s["done"] == 1);
  CHECK(s["failed"] == 1);
}

TEST_CASE("sweep: shards share the work, and together have all of it") {
  const Folder f;
  f.write("t.toml", kTiny + kGrid);
  accepted(f, {"sweep", "run", "t.toml", "--out", "whole", "-q"});
  for (const char* shard : {"2/3", "0/3", "1/3"})
    accepted(f, {"sweep", "run", "t.toml", "--out", "parts", "-q", "--shard", shard});
  CHECK(status(f, "t.toml", "parts")["done"] == 16);
  CHECK(table_of(f, "whole") == table_of(f, "parts"));
}

TEST_CASE("sweep: killed at any moment and started again, the collected table is that of an uninterrupted one") {
  const Folder f;
  f.write("t.toml", kTiny + kGrid);
  accepted(f, {"sweep", "run", "t.toml", "--out", "whole", "-q"});
  for (int kill = 0; kill < 6; ++kill) {
    cli::Process sweep(f, {"sweep", "run", "t.toml", "--out", "cut", "--jobs", "2", "-q"});
    usleep(1000 * (5 + 23 * kill % 90));  // any moment will do
    sweep.signal(SIGKILL);
    sweep.wait();
  }
  accepted(f, {"sweep", "run", "t.toml", "--out", "cut", "-q"});
  const Json s = status(f, "t.toml", "cut");
  CHECK(s["done"] == 16);
  CHECK(s["failed"] == 0);
  const auto whole = table_of(f, "whole"), cut = table_of(f, "cut");
  REQUIRE(whole.size() == 17);
  CHECK(whole == cut);
}

TEST_CASE("sweep: learners run as programs of their own, beside training") {
  const Folder f;
  f.write("t.toml",
          "name = \"t\"\nseeds = [0]\ncommand = \"learn\"\n[run]\nfamily = \"gnn-degree-parity\"\nalgo = \"gf2\"\n"
          "samples = 60\ntest-samples = 200\n[grid]\nn = [4, 6]\n");
  accepted(f, {"sweep", "run", "t.toml", "--out", "o", "-q"});
  accepted(f, {"sweep", "run", "t.toml", "--out", "o", "-q"});
  const auto rows = table_of(f, "o");
  REQUIRE(rows.size() == 3);
  CHECK(std::find(rows[0].begin(), rows[0].end(), "algorithm") != rows[0].end());
  CHECK(std::find(rows[1].begin(), rows[1].end(), "gf2") != rows[1].end());
  // A study of learners alone has figures of its own.
  accepted(f, {"collect", "o", "--db", "o.db", "-q"});
  CHECK(contains(accepted(f, {"plot", "o.db", "--list", "--study", "t"}), "final-loss-t-gnn-degree-parity"));
  const auto ends = lines(accepted(f, {"plot", "o.db", "--figure", "final-loss", "--study", "t"}));
  CHECK(ends.size() == 3);
  refused(f, {"plot", "o.db", "--list", "--study", "u"}, 2, "; there is t");
}

TEST_CASE("reproduce: the bundled studies are valid, and one goes from runs to a page") {
  const Folder f;
  const auto list = lines(accepted(f, {"reproduce", "--list"}));
  CHECK(list.size() == 17);
  for (const char* name :
       {"quick", "paper", "frontier", "optimizers", "samples", "size", "separation", "phenomenon", "tuned",
        "tuned-families", "noncsq", "explained", "exchange", "time", "symmetries", "staircase", "rotations"}) {
    f.write("s.toml", accepted(f, {"reproduce", name, "--print"}));
    CHECK(Json::parse(accepted(f, {"sweep", "plan", "s.toml", "--json"}))["name"] == name);
  }
  CHECK(lines(accepted(f, {"reproduce", "quick", "--dry-run"})).size() == 150);
  refused(f, {"reproduce", "quik"}, 2, "'quick'");
}

TEST_CASE("sweep: told to end while a learner is at work, it records no failure and goes on later") {
  const Folder f;
  f.write("t.toml",
          "name = \"t\"\ncommand = \"learn\"\n[run]\nfamily = \"invariant-poly\"\nalgo = \"brute-force\"\n"
          "r = 40\nsamples = 20000\n");
  cli::Process sweep(f, {"sweep", "run", "t.toml", "--out", "o", "-q"});
  sweep.reaches([&] { return !children(sweep.pid()).empty(); });
  sweep.signal(SIGTERM);
  const int code = sweep.wait().code;
  CHECK((code == 75 || code == 0));  // 0: it was quicker than the signal
  const Json s = status(f, "t.toml", "o");
  CHECK(s["failed"] == 0);
}

TEST_CASE("sweep: two sweeps of one folder at the same time do every run once") {
  const Folder f;
  f.write("t.toml", kTiny + kGrid);
  f.write(
      "l.toml",
      "name = \"l\"\nseeds = \"0:6\"\ncommand = \"learn\"\n[run]\nfamily = \"gnn-degree-parity\"\nsamples = 150\n");
  for (const char* file : {"t.toml", "l.toml"}) {
    cli::Process one(f, {"sweep", "run", file, "--out", "o"}), two(f, {"sweep", "run", file, "--out", "o"});
    CHECK(one.wait().code == 0);
    CHECK(two.wait().code == 0);
    accepted(f, {"sweep", "run", file, "--out", "o", "-q"});
    const Json s = status(f, file, "o");
    CHECK(s["left"] == 0);
    CHECK(s["failed"] == 0);
  }
}

TEST_CASE("sweep: too few descriptors, or children that nobody may wait for, lose nothing") {
  const Folder f;
  f.write("t.toml", kTiny + kGrid);
  // 16 descriptors are not enough for 16 jobs; those at work finish, and the others follow. The sanitizers need
  // descriptors themselves to look at memory, and take what they cannot look at for broken: they get all.
  const std::string command = std::string("cd '") + f.path() + (kSanitized ? "' && '" : "' && ulimit -n 16 && '") +
                              paths::command() + "' sweep run t.toml --out o --jobs 16 -q 2>err.txt";
  const int ended = std::system(command.c_str());
  CAPTURE(f.read("err.txt"));
  CHECK(WEXITSTATUS(ended) == 0);
  CHECK(status(f, "t.toml", "o")["done"] == 16);
  f.write("bad.toml", kTiny + "n = 4\nloss = \"cross-entropy\"\ncontrol = true\n");
  const std::string ignored = std::string("cd '") + f.path() + "' && trap '' CHLD && '" + paths::command() +
                              "' sweep run bad.toml --out b -q 2>err.txt";
  CHECK(WEXITSTATUS(std::system(ignored.c_str())) == 5);
  CHECK(status(f, "bad.toml", "b")["failed"] == 2);
}

TEST_CASE("sweep: places in a Slurm array") {
  const Folder f;
  f.write("t.toml", kTiny + kGrid);
  const auto planned = [&](const std::string& environment) {
    const std::string command = std::string("cd '") + f.path() + "' && " + environment + " '" + paths::command() +
                                "' sweep plan t.toml --json >plan.json 2>err.txt";
    return WEXITSTATUS(std::system(command.c_str())) == 0 ? Json::parse(f.read("plan.json")) : Json{{"shard", -1}};
  };
  CHECK(planned("SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=4")["shard"] == 3);
  CHECK(planned("SLURM_ARRAY_TASK_ID=4 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=1")["shard"] == 3);
  CHECK(planned("SLURM_ARRAY_TASK_ID=6 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_STEP=2")
            ["shard"] == 3);
  CHECK(planned("SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_STEP=2")
            ["shard"] == -1);
  CHECK(planned("SLURM_ARRAY_TASK_ID=6 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=6 "
                "SLURM_ARRAY_TASK_STEP=2")["chosen_by_locks"] == false);
  for (const char* environment :
       {"SLURM_ARRAY_TASK_ID=4 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=4",
        "SLURM_PROCID=1 SLURM_STEP_NUM_TASKS=2"}) {
    const Json plan = planned(environment);
    CHECK(plan["chosen_by_locks"] == true);
    CHECK(plan["runs"] == 16);
  }
}

TEST_CASE("sweep: the tasks of an array with gaps do every run once between them") {
  const Folder f;
  f.write("t.toml", kTiny + kGrid);
  accepted(f, {"sweep", "run", "t.toml", "--out", "alone", "--quiet"});
  std::string command = std::string("cd '") + f.path() +
                        "' && export SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1 "
                        "SLURM_ARRAY_TASK_MAX=4 SLURM_ARRAY_TASK_STEP=1; ";
  for (const char* task : {"1", "3", "4"})
    command += std::string("SLURM_ARRAY_TASK_ID=") + task + " '" + paths::command() +
               "' sweep run t.toml --out tasks --jobs 1 --quiet & ";
  CHECK(std::system((command + "wait").c_str()) == 0);
  CHECK(status(f, "t.toml", "tasks")["done"] == 16);
  for (const char* out : {"alone", "tasks"})
    accepted(f, {"collect", out, "--db", std::string(out) + ".db", "--csv", std::string(out) + ".csv", "--quiet"});
  CHECK(stable_cells(f.read("tasks.csv")) == stable_cells(f.read("alone.csv")));
}

TEST_CASE("sweep status: folders are sweeps too, several at a time, and --watch ends when nothing is left") {
  const Folder f;
  f.write("t.toml", kTiny + kGrid);
  accepted(f, {"sweep", "run", "t.toml", "--out", "a", "--shard", "0/2", "--quiet"});
  const Json half = Json::parse(accepted(f, {"sweep", "status", "a", "--json"}));
  CHECK(half["done"] == 8);
  CHECK(half["left"] == 8);
  CHECK(half["work_done"].get<double>() > 0.2);
  CHECK(half["work_done"].get<double>() < 0.8);
  CHECK(accepted(f, {"sweep", "status", "a"}).find("nobody is at work") != std::string::npos);
  cli::Process sweep(f, {"sweep", "run", "t.toml", "--out", "a", "--quiet"});
  // A table can be made of what is there at any time.
  for (int done = 8; done < 16;) {
    const Outcome collected = f.run({"collect", "a", "--db", "a.db", "--json"});
    REQUIRE(collected.code == 0);
    const int now = Json::parse(collected.out)["done"];
    CHECK(now >= done);
    done = now;
  }
  const std::string seen = accepted(f, {"sweep", "status", "a", "--watch", "--every", "0.1", "--json"});
  CHECK(sweep.wait().code == 0);
  CHECK(Json::parse(lines(seen).back())["done"] == 16);
  accepted(f, {"sweep", "run", "t.toml", "--out", "b", "--quiet"});
  CHECK(lines(accepted(f, {"sweep", "status", "a", "b"})).size() == 2);
  refused(f, {"sweep", "status", "."}, 3, "no sweep has begun here");
  refused(f, {"sweep", "status", "a", "t.toml"}, 2, "several sweeps are watched by their folders");
  refused(f, {"sweep", "status", "a", "--out", "b"}, 2, "--out names another");
}

}  // namespace test_sweep
