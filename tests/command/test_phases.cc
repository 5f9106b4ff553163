// eqnn train with label transforms, phases, reuse and other losses: files, verdicts, refusals.
#include <doctest/doctest.h>

#include <sstream>

#include "support/command.h"
#include "support/thrown.h"

namespace test_command_phases {

using namespace cli;

namespace {

Arguments real(const Arguments& more) {
  return Arguments{"train",
                   "rotation-invariant",
                   "--n",
                   "4",
                   "--k",
                   "4",
                   "--width",
                   "8",
                   "--depth",
                   "1",
                   "--batch",
                   "8",
                   "--test-samples",
                   "300",
                   "--threads",
                   "1"} +
         more;
}

Json result(const Folder& f, const std::string& run) { return Json::parse(f.read(run + "/result.json")); }

// y = 2 a, of 60 lines.
std::string table() {
  std::ostringstream csv;
  for (int i = 0; i < 60; ++i) csv << (i * 37 % 60) / 30.0 - 1 << "," << 2 * ((i * 37 % 60) / 30.0 - 1) << "\n";
  return csv.str();
}

}  // namespace

TEST_CASE("phases: the result says them, with mean and deviation, and its verdict is on y") {
  const Folder f;
  accepted(f, real({"--phases", "clip-square:30:1e-3,none:10:2e-3", "--samples", "100", "--out", "two"}));
  const Json two = result(f, "two");
  REQUIRE(two["training_phases"].size() == 2);
  CHECK(two["training_phases"][0]["label_transform"] == "clip-square:4");
  CHECK(two["training_phases"][0]["sd"].get<double>() > 0);
  CHECK(two["training_phases"][1]["label_transform"] == "none");
  CHECK(two["training_phases"][1]["mean"] == 0);
  CHECK(two["training_phases"][1]["steps"] == 10);
  CHECK(two["steps"] == 40);
  CHECK(two["lr"] == 2e-3);
  CHECK(Json::parse(f.read("two/run.json"))["config"]["phases"] == "clip-square:4:30:0.001,none:10:0.002");
  // What is told of y does not depend on what was trained on: without a rate all are the same network.
  std::vector<Json> told;
  for (const Arguments& more : {Arguments{}, {"--label-transform", "square"}, {"--loss", "abs"}}) {
    const std::string run = "still" + std::to_string(told.size());
    accepted(f, real(more + Arguments{"--lr", "0", "--steps", "5", "--samples", "100", "--out", run}));
    told.push_back(result(f, run));
    const Json &first = told.front(), &last = told.back();
    for (const char* key :
         {"test_loss", "test_variance", "normalized_test_loss", "train_loss", "normalized_train_loss"})
      CHECK(last[key].get<double>() == doctest::Approx(first[key].get<double>()).epsilon(1e-5));
    CHECK(last["verdict"] == first["verdict"]);
    CHECK(last["correlation"] == first["correlation"]);
  }
  CHECK(!told[0].contains("training_phases"));
  CHECK(told[1]["training_phases"].size() == 1);
  // On fresh inputs the train loss of a run that ends on T(y) is its test's.
  accepted(f, real({"--label-transform", "abs", "--steps", "20", "--out", "fresh"}));
  CHECK(result(f, "fresh")["train_loss"] == result(f, "fresh")["test_loss"]);
  // The printed configuration is the run.
  f.write("two.toml", accepted(f, real({"--phases", "abs:3:1e-3,none:4:1e-3", "--print-config"})));
  accepted(f, {"train", "-c", "two.toml", "--out", "again"});
  CHECK(result(f, "again")["steps"] == 7);
}

TEST_CASE("phases: a sweep file has them as a list of texts, of one run or of several") {
  const Folder f;
  const std::string head =
      "name = \"s\"\n[run]\nfamily = \"rotation-invariant\"\nn = 4\nwidth = 4\ntest-samples = 50\n";
  f.write("one.toml", head + "phases = [\"clip-square:3:1e-3\", \"none:4:1e-3\"]\n");
  CHECK(contains(accepted(f, {"sweep", "run", "one.toml", "--list"}), "--phases clip-square:3:1e-3,none:4:1e-3"));
  f.write("two.toml", head + "[grid]\nphases = [[\"abs:3:1e-3\", \"none:4:1e-3\"], \"none:7:1e-3\"]\n");
  accepted(f, {"sweep", "run", "two.toml", "--out", "o", "-q"});
  accepted(f, {"collect", "o", "--db", "r.db", "--csv", "r.csv", "-q"});
  const std::string csv = f.read("r.csv");
  CHECK(lines(csv).size() == 3);
  CHECK(contains(csv, "\"abs:3:1e-3,none:4:1e-3\""));
  // Flags that change together.
  f.write("three.toml", head +
                            "[grid]\nway = [{phases = [\"abs:3:1\", \"none:4:1\"], reuse = 1}, "
                            "{phases = \"none:4:1\", reuse = 2}]\n");
  CHECK(lines(accepted(f, {"sweep", "run", "three.toml", "--list"})).size() == 2);
}

TEST_CASE("phases: reuse counts fresh samples once, in every file") {
  const Folder f;
  accepted(f, real({"--steps", "7", "--reuse", "3", "--eval-every", "2", "--learned-below", "0.89", "--fails-from",
                    "9e9", "--out", "r"}));
  CHECK(result(f, "r")["samples_seen"] == 24);
  const auto rows = metrics(f, "r");
  REQUIRE(rows.size() == 4);
  CHECK(rows[0]["samples_seen"] == 8);   // after step 2
  CHECK(rows[1]["samples_seen"] == 16);  // after step 4
  CHECK(rows[3]["samples_seen"] == 24);
}

TEST_CASE("phases: data from a file take transforms of real targets") {
  const Folder f;
  f.write("t.csv", table());
  const Arguments train{"train", "--data", "t.csv", "--format", "csv", "--width", "8", "-q"};
  accepted(f, train + Arguments{"--phases", "square:20:1e-2,none:400:1e-2", "--out", "a"});
  CHECK(result(f, "a")["verdict"] == "learned");
  CHECK(result(f, "a")["training_phases"].size() == 2);
  accepted(f, train + Arguments{"--loss", "huber", "--steps", "400", "--lr", "1e-2", "--out", "b"});
  CHECK(result(f, "b")["verdict"] == "learned");
  refused(f, train + Arguments{"--reuse", "2", "--out", "c"}, 2, "no effect");
  accepted(f, train + Arguments{"--phases", "abs:4:1e-2,none:6:1e-2", "--folds", "3", "--out", "folds"});
  CHECK(result(f, "folds/fold-2").contains("training_phases"));
  CHECK(!result(f, "folds").contains("training_phases"));
  f.write("classes.csv", "1,0\n2,1\n3,0\n4,1\n1,0\n2,1\n3,0\n4,1\n1,0\n2,1\n3,0\n4,1\n");
  const Arguments classes{"train", "--data", "classes.csv", "--format", "csv", "--out", "c", "-q"};
  refused(f, classes + Arguments{"--label-transform", "square"}, 2, "classes");
  refused(f, classes + Arguments{"--loss", "mse", "--label-transform", "square"}, 2, "two values");
}

TEST_CASE("phases: what makes no sense is refused before anything is written") {
  const Folder f;
  const std::vector<std::pair<Arguments, std::string>> wrong = {
      {{"--label-transform", "cube"}, "square"},
      {{"--phases", "none:4"}, "TRANSFORM:STEPS:LR"},
      {{"--phases", "none:4:1,abs:0:1"}, "whole numbers"},
      {{"--phases", "none:4:1", "--steps", "5"}, "leave out --steps"},
      {{"--phases", "none:4:1", "--lr", "5"}, "leave out --lr"},
      {{"--phases", "none:4:1", "--label-transform", "abs"}, "leave one of them out"},
      {{"--reuse", "0"}, "whole numbers"},
      {{"--reuse", "2", "--samples", "10"}, "leave one of them out"},
      {{"--loss", "cross-entropy"}, "two values"},
      {{"--loss", "hubert"}, "huber"},
      {{"--first-lr", "-1"}, "numbers from 0"}};
  for (const auto& w : wrong) refused(f, real(w.first + Arguments{"--out", "r"}), 2, w.second);
  refused(f, tiny({"--label-transform", "square", "--out", "r"}), 2, "two values");
}

TEST_CASE("resume: a run with phases goes on with the same phases alone") {
  const Folder f;
  const Arguments run = real({"--phases", "abs:10:1e-3,none:10:1e-3", "--schedule", "constant", "--out", "r"});
  accepted(f, run);
  accepted(
      f, real({"--phases", "abs:10:1e-3,none:10:1e-3", "--schedule", "constant", "--out", "r", "--resume", "-q"}));
  refused(f, real({"--phases", "abs:10:1e-3,none:30:1e-3", "--schedule", "constant", "--out", "r", "--resume"}), 2,
          "phases");
  refused(f, real({"--steps", "20", "--lr", "1e-3", "--schedule", "constant", "--out", "r", "--resume"}), 2,
          "phases");
}

}  // namespace test_command_phases
