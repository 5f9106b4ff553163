// Where a run begins and ends: weights of another run, noise and its floor, runs that are given up, the last block.
#include <doctest/doctest.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "support/command.h"
#include "support/paths.h"

namespace test_beginnings {

namespace {

using cli::accepted;
using cli::Arguments;
using cli::Folder;
using cli::Json;
using cli::Outcome;
using cli::refused;
using cli::tiny;
using cli::operator+;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Arguments train(const std::string& out, const Arguments& more = {}) { return tiny({"--out", out, "-q"}) + more; }

Json result(const Folder& f, const std::string& run) { return Json::parse(f.read(run + "/result.json")); }
std::string id(const Folder& f, const Arguments& arguments) {
  return Json::parse(accepted(f, arguments + Arguments{"--dry-run", "--json"}))["run_id"].get<std::string>();
}

// What a run shows on a terminal of its own.
std::string on_terminal(const Folder& f, const std::string& out, const char* no_color) {
  std::vector<std::string> words = Arguments{paths::command()} + train(out, {"--n", "15"});
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int terminal = -1;
  const pid_t pid = forkpty(&terminal, nullptr, nullptr, nullptr);
  REQUIRE(pid >= 0);
  if (pid == 0) {
    no_color == nullptr ? unsetenv("NO_COLOR") : setenv("NO_COLOR", no_color, 1);
    setenv("TERM", "xterm", 1);
    if (chdir(f.path().c_str()) == 0) execv(argv[0], argv.data());
    _exit(127);
  }
  std::string shown;
  char buffer[4096];
  for (ssize_t n; (n = read(terminal, buffer, sizeof buffer)) > 0;)
    shown.append(buffer, static_cast<std::size_t>(n));
  waitpid(pid, nullptr, 0);
  close(terminal);
  return shown;
}

}  // namespace

TEST_CASE("train: --init-from begins with the weights of a run of another size") {
  const Folder f;
  accepted(f, train("a", {"--n", "4"}));
  // A step of size 0 leaves them as they were.
  accepted(f, train("b", {"--n", "6", "--init-from", "a", "--steps", "1", "--lr", "0"}));
  const auto arrays = [&](const std::string& run) {
    const std::string file = f.read(run + "/model.safetensors");
    return file.substr(8 + *reinterpret_cast<const std::uint64_t*>(file.data()));
  };
  CHECK(arrays("a") == arrays("b"));
  CHECK(result(f, "b")["distance"] == 0);
  // The weights decide the id, not where they are.
  std::filesystem::copy(f / "a", f / "copy", std::filesystem::copy_options::recursive);
  const Arguments from_a = train("x", {"--n", "6", "--init-from", "a"});
  CHECK(id(f, from_a) == id(f, train("x", {"--n", "6", "--init-from", "copy"})));
  CHECK(id(f, from_a) == id(f, train("x", {"--n", "6", "--init-from", "copy/model.safetensors"})));
  CHECK(id(f, from_a) != id(f, train("x", {"--n", "6"})));
  accepted(f, train("c", {"--n", "4", "--seed", "1"}));
  CHECK(id(f, from_a) != id(f, train("x", {"--n", "6", "--init-from", "c"})));
  CHECK_FALSE(has(accepted(f, train("x", {"--n", "6", "--print-config"})), "init-from"));
}

TEST_CASE("train: --init-from says what does not fit, and refuses what is no model") {
  const Folder f;
  accepted(f, train("a"));
  const Outcome wider = f.run(tiny({"--out", "b", "--head-width", "16", "--init-from", "a"}));
  CHECK(wider.code == 0);
  CHECK(has(wider.err,
            "warning: less than half of the weights: --init-from: 3 of 6 arrays, 25 of 185 parameters are "
            "from a/model.safetensors; drawn as without it: "));
  CHECK(has(wider.err, "head.0.weight: F32 [8, 8] in the file"));
  CHECK(cli::lines(wider.err).size() == 1);
  // The record of the run says it too.
  CHECK(has(wider.out, "begun with             a: 3 of 6 arrays, 25 of 185 parameters\n"));
  CHECK(Json::parse(f.read("b/run.json"))["initial"] ==
        Json::parse(R"({"arrays": 3, "all_arrays": 6, "parameters": 25, "all_parameters": 185})"));
  CHECK_FALSE(Json::parse(f.read("a/run.json")).contains("initial"));
  accepted(f, train("same", {"--init-from", "a"}));
  CHECK(Json::parse(f.read("same/run.json"))["initial"]["arrays"] == 6);
  refused(f, train("c", {"--init-from", "none"}), 3, "none: there is no such model");
  refused(f, train("c", {"--width", "32", "--head-width", "24", "--depth", "2", "--init-from", "a/run.json"}), 3,
          "a/run.json");
  // Another network altogether.
  accepted(f, {"train", "boolean-orbit", "--n", "6", "--model", "mlp", "--depth", "1", "--width", "5", "--steps",
               "5", "--test-samples", "100", "--out", "m", "-q"});
  refused(f, train("c", {"--init-from", "m"}), 2, "none of its arrays");
}

TEST_CASE("train: a run with --init-from goes on to the same bits, and not from other weights") {
  const Folder f;
  accepted(f, train("a", {"--n", "4"}));
  const Arguments more = {"--n", "5", "--init-from", "a", "--schedule", "constant"};
  accepted(f, train("whole", more + Arguments{"--steps", "60"}));
  accepted(f, train("half", more + Arguments{"--steps", "30"}));
  accepted(f, train("half", more + Arguments{"--steps", "60", "--resume"}));
  CHECK(f.read("whole/model.safetensors") == f.read("half/model.safetensors"));
  CHECK(result(f, "whole")["distance"] == result(f, "half")["distance"]);
  accepted(f, train("a", {"--n", "4", "--seed", "1", "--force"}));
  CHECK(f.run(train("half", more + Arguments{"--steps", "70", "--resume"})).code == 2);
  // What was trained can be used whatever became of where it began.
  std::filesystem::remove_all(f / "a");
  accepted(f, {"certify", "whole", "-q"});
}

TEST_CASE("train: flipped labels are judged above the floor that they set") {
  const Folder f;
  const Arguments learns = {"--n",
                            "4",
                            "--control=false",
                            "--width",
                            "32",
                            "--head-width",
                            "32",
                            "--depth",
                            "2",
                            "--batch",
                            "32",
                            "--steps",
                            "2500",
                            "--lr",
                            "4e-3",
                            "--test-samples",
                            "4000"};
  accepted(f, train("a", learns + Arguments{"--noise", "0.2"}));
  const Json r = result(f, "a");
  const double variance = r["test_variance"].get<double>(), floor = r["noise_floor"].get<double>();
  CHECK(floor == doctest::Approx(4 * 0.2 * 0.2 / variance).epsilon(1e-12));
  CHECK(r["test_accuracy"].get<double>() > 0.99);
  CHECK(r["normalized_test_loss"].get<double>() > 0.1);  // which alone would be partly-learned
  CHECK(r["verdict"] == "learned");
  CHECK(r["steps_to_learn"].is_number());
  accepted(f, train("b", {"--n", "15", "--noise", "0.2"}));
  CHECK(result(f, "b")["verdict"] == "cannot-fit");
  accepted(f, train("c"));
  CHECK_FALSE(result(f, "c").contains("noise_floor"));
  const Outcome told = f.run(tiny({"--out", "d", "--noise", "0.2"}));
  CHECK(has(told.out, "noise floor            0.16"));
}

TEST_CASE("train: --stop-hopeless gives up, says so, and proves no failure") {
  const Folder f;
  const Arguments budget = {"--n", "15", "--steps", "400", "--eval-every", "50", "--stop-hopeless", "100:0.5"};
  accepted(f, train("a", budget));
  CHECK(result(f, "a")["verdict"] == "hopeless");
  CHECK(result(f, "a")["steps"] == 100);
  const Outcome expected = f.run(train("b", budget + Arguments{"--expect", "fails"}));
  CHECK(expected.code == 4);
  CHECK(has(expected.err, "was not given up"));
  CHECK(f.run(train("c", budget + Arguments{"--expect", "learned"})).code == 4);
  // It is part of the configuration, and changes nothing where the loss was low enough.
  CHECK(id(f, train("x", budget)) != id(f, train("x", {"--n", "15", "--steps", "400", "--eval-every", "50"})));
  accepted(f, train("d", {"--n", "15", "--steps", "400", "--eval-every", "50", "--stop-hopeless", "100:50"}));
  CHECK(result(f, "d")["steps"] == 400);
  CHECK(result(f, "d")["verdict"] != "hopeless");
  CHECK(f.run({"train", "--resume", "--out", "a"}).err == "eqnn: a is finished; nothing to do\n");
  for (const auto& [rule, why] :
       {std::pair{"100", "STEPS:LOSS"}, {"0:0.5", "STEPS:LOSS"}, {"100:0.01", "above"}, {"400:0.9", "before"}})
    refused(f, train("e", {"--steps", "400", "--stop-hopeless", rule}), 2, why);
  refused(f, train("e", {"--steps", "400", "--samples", "64", "--stop-hopeless", "100:0.9"}), 2, "fresh samples");
}

TEST_CASE("train: an interrupted run is given up where an uninterrupted one is") {
  const Folder f;
  // Below the rule's loss once, before it grew: it is not hopeless, which only its checkpoint knows.
  const Arguments budget = {"--n",          "4",   "--control",       "--lr",   "0.01", "--schedule", "constant",
                            "--eval-every", "100", "--stop-hopeless", "600:0.9"};
  accepted(f, train("half", budget + Arguments{"--steps", "700"}));
  accepted(f, train("half", budget + Arguments{"--steps", "1000", "--resume"}));
  accepted(f, train("whole", budget + Arguments{"--steps", "1000"}));
  CHECK(result(f, "half")["steps"] == 1000);
  cli::same_run(f, "half", f, "whole");
}

TEST_CASE("train: the last block says what was trained, and in colour only to a terminal") {
  const Folder f;
  const Outcome o = f.run(tiny({"--out", "a", "--n", "5", "--control"}));
  CHECK(has(o.out, "trained                the control of gnn-degree-parity ("));
  CHECK(has(o.out, "n 5"));
  CHECK(has(o.out, "gnn, depth 1, width 8, "));
  CHECK(has(o.out, "by                     adam, rate "));
  CHECK(has(o.out, "40 steps of "));
  CHECK_FALSE(has(o.out, "\033["));
  int terminal = -1, user = -1;
  if (openpty(&terminal, &user, nullptr, nullptr, nullptr) != 0) {
    MESSAGE("skipped: no terminal can be opened here; is /dev/pts mounted?");
    return;
  }
  close(terminal);
  close(user);
  CHECK(has(on_terminal(f, "b", nullptr), "verdict                \033[31mcannot-fit\033[0m"));
  const std::string plain = on_terminal(f, "c", "1");
  CHECK(has(plain, "verdict                cannot-fit"));
  CHECK_FALSE(has(plain, "\033["));
}

}  // namespace test_beginnings
