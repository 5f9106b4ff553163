// Exit codes, streams, and input that is refused: one line, the right code, and every file as it was.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "support/command.h"
#include "support/paths.h"
#include "support/sanitized.h"

namespace test_usage {

#ifndef __has_feature
#define __has_feature(x) 0
#endif

using namespace cli;

namespace {

const std::string kFamily = "gnn-degree-parity";

Arguments train(const Arguments& more) { return Arguments{"train", kFamily} + more; }

}  // namespace

TEST_CASE("the command: what is unknown is refused with the nearest known name") {
  const Folder f;
  refused(f, {""}, 2);
  refused(f, {"trian"}, 2, "'train'");
  refused(f, {"families"}, 2);
  refused(f, {"families", "samlpe"}, 2, "'sample'");
  refused(f, {"doctor", "extra"}, 2, "one argument too many");
  refused(f, {"doctor", "--jsno"}, 2, "'--json'");
  refused(f, {"--json", "doctor"}, 2, "before a subcommand");
  refused(f, {"train"}, 2, "no family");
  refused(f, {"train", "gnn-degree-party"}, 2, "'gnn-degree-parity'");
  refused(f, train({"--stepz", "3"}), 2, "'--steps'");
  refused(f, train({"--stepz=3"}), 2, "'--steps'");
  refused(f, train({"-z"}), 2);
  refused(f, train({"another"}), 2, "one argument too many");
  refused(f, {"families", "show", kFamily, "--slef-loops"}, 2, "'--self-loops'");
  refused(f, {"families", "sample", kFamily, "--cuont", "5", "--out", "x"}, 2, "'--count'");
  refused(f, {"families", "show", kFamily, "--lr", "1"}, 2, "eqnn families show");
  refused(f, {"predict"}, 2);
}

TEST_CASE("the command: hints are near, or say what there is; words of other programs are known") {
  const Folder f;
  refused(f, {"sweep", "q1.toml"}, 2, "write eqnn sweep run q1.toml");
  refused(f, {kFamily}, 2, "write eqnn families show gnn-degree-parity");
  refused(f, {"sweep"}, 2, "there are run, status, plan");
  refused(f, {"reproduce", "foo"}, 2, "there are quick, paper");
  refused(f, {"families", "xyz"}, 2, "there are list, show, sample, eval, check");
  refused(f, train({"--epochs", "3"}), 2, "here it is '--steps'");
  refused(f, train({"--batch-size", "3"}), 2, "here it is '--batch'");
  refused(f, train({"--learning_rate=3"}), 2, "here it is '--lr'");
  refused(f, train({"--gpu"}), 2, "on the processor");
  refused(f, {"families", "sample", kFamily, "--num-samples", "5", "--out", "x"}, 2, "here it is '--count'");
  refused(f, train({"--qqqqqq"}), 2, "is not a flag of 'eqnn train'; --help lists all");
  refused(f, train({"--n"}), 2, "--n needs a value");
  refused(f, {"plot"}, 2,
          "needs RESULTS, a database that collect made, or run directories and folders of such: eqnn plot "
          "RESULTS... [FLAGS]");
  refused(f, {"plot", "no.db"}, 3, "no such database");
  refused(f, train({"--expect", "learnt"}), 2,
          "--expect is 'learnt'; allowed are learned, fails; the nearest is 'learned'");
  f.write("c.toml", "epochs = 4\n");
  refused(f, train({"-c", "c.toml"}), 2, "here it is 'steps'");
}

TEST_CASE("the command: a terminal's width is kept, what is piped is not wrapped") {
  const Folder f;
  if (std::system("command -v script >/dev/null 2>&1") != 0) return;
  f.write("g.toml",
          "name = \"grid\"\nseeds = [0, 1, 2]\n[run]\nfamily = \"gnn-degree-parity\"\nsteps = 3\n"
          "test-samples = 100\n[grid]\nn = [4, 6]\nlr = [1e-3, 4e-3]\n");
  CHECK(f.run({"sweep", "run", "g.toml", "--out", "g", "-q"}).code == 0);
  const auto widest = [](const std::string& text) {
    std::size_t most = 0;
    for (const std::string& line : lines(text)) most = std::max(most, line.find_last_not_of('\r') + 1);
    return most;
  };
  for (const Arguments& words : {Arguments{"table", "g"}, {"families", "list"}}) {
    const std::string piped = accepted(f, words);
    CHECK(widest(piped) > 110);
    for (const char* columns : {"80", "120"}) {
      const std::string line = "cd '" + f.path() + "' && TERM=dumb script -qec \"stty cols " + columns + "; '" +
                               paths::command() + "' " + words[0] + " " + words[1] +
                               "\" /dev/null >said </dev/null";
      CHECK(std::system(line.c_str()) == 0);
      const std::string said = f.read("said");
      CHECK_MESSAGE(widest(said) <= static_cast<std::size_t>(std::atoi(columns)), said);
      // The same words, all of them whole.
      std::istringstream a(piped), b(said);
      for (std::string x, y; a >> x;) {
        b >> y;
        CHECK(x == y);
      }
    }
  }
}

TEST_CASE("train: notes say where a network lacks the symmetry, and that there is no floor") {
  const Folder f;
  const auto noted = [&](const Arguments& words) {
    return f.run(Arguments{"train"} + words + Arguments{"--dry-run"}).err;
  };
  CHECK(noted({kFamily, "--model", "cnn"}).find("--model cnn does not have the symmetry of gnn-degree-parity") !=
        std::string::npos);
  CHECK(lines(noted({"cnn-cyclic", "--model", "mlp"})).size() == 1);
  CHECK(!noted({"frame-parity", "--frame", "sort", "--model", "cnn"}).empty());
  for (const Arguments& has : std::vector<Arguments>{{kFamily},
                                                     {kFamily, "--model", "gin"},
                                                     {"cnn-cyclic", "--model", "deepsets"},
                                                     {"cnn-cyclic", "--model", "group-mlp"},
                                                     {"frame-parity", "--frame", "cyclic", "--model", "cnn"},
                                                     {"frame-parity", "--frame", "none"},
                                                     {"gnn-feature", "--model", "gin"}})
    CHECK_MESSAGE(noted(has).empty(), noted(has));
  CHECK(noted({kFamily, "--model", "cnn", "-q"}).empty());
  const std::string none = f.run(tiny({"--noise", "0.6", "--out", "a"})).out;
  CHECK(none.find("noise floor            none ") != std::string::npos);
  CHECK(Json::parse(f.read("a/result.json"))["noise_floor"].is_null());
  CHECK(f.run(tiny({"--noise", "0.6", "--out", "b", "--expect", "fails"})).code != 1);
  CHECK(f.run(tiny({"--noise", "0.2", "--out", "c"})).out.find("noise floor            0.16") != std::string::npos);
}

TEST_CASE("the command: a flag without its value, or with an empty one, is refused") {
  const Folder f;
  refused(f, train({"-o"}), 2, "--out");
  refused(f, train({"-o", "--force"}), 2, "--out is '--force'");
  refused(f, train({"-o", "-q"}), 2, "--out is '-q'");
  for (const char* flag :
       {"--out", "--threads", "--seed", "--member", "--config", "--lr", "--n", "--steps", "--expect"})
    refused(f, train({flag, ""}), 2);
  refused(f, {"families", "sample", kFamily, "--count", "", "--out", "x"}, 2, "empty");
  refused(f, {"train", ""}, 2, "empty");
}

TEST_CASE("the command: values that are not allowed") {
  const Folder f;
  const std::vector<Arguments> wrong = {{"--n", "1"},
                                        {"--n", "0"},
                                        {"--n=-3"},
                                        {"--n", "-3"},
                                        {"--n", "4.5"},
                                        {"--n", "many"},
                                        {"--n", "99999999999999999999"},
                                        {"--n", "2000000"},
                                        {"--n", "4x"},
                                        {"--n", "nan"},
                                        {"--bias-max", "2"},
                                        {"--bias-max", "nan"},
                                        {"--min-count", "inf"},
                                        {"--self-loops=maybe"},
                                        {"--batch", "0"},
                                        {"--batch", "-1"},
                                        {"--steps", "0"},
                                        {"--steps", "1e99"},
                                        {"--steps", "2.5"},
                                        {"--lr", "nan"},
                                        {"--lr", "inf"},
                                        {"--lr", "-inf"},
                                        {"--lr", "1e400"},
                                        {"--lr", "-1"},
                                        {"--lr", "fast"},
                                        {"--width", "0"},
                                        {"--depth", "0"},
                                        {"--threads", "0"},
                                        {"--threads", "10000"},
                                        {"--threads", "two"},
                                        {"--seed", "-1"},
                                        {"--seed", "1.5"},
                                        {"--seed", "18446744073709551616"},
                                        {"--test-samples", "1"},
                                        {"--checkpoint-every", "-1"},
                                        {"--checkpoint-every", "5.5"},
                                        {"--progress", "loud"},
                                        {"--expect", "luck"},
                                        {"--activation", "rleu"},
                                        {"--init", "zero"},
                                        {"--optimizer", "adma"},
                                        {"--schedule", "cosin"},
                                        {"--adjacency", "center"},
                                        {"--pool", "max"},
                                        {"--dtype", "f16"},
                                        {"--model", "cmm"},
                                        {"--loss", "mae"},
                                        {"--nesterov"},
                                        {"--momentum", "0.9"},
                                        {"--patience", "2"},
                                        {"--warmup", "20000"},
                                        {"--online", "--samples", "9"},
                                        {"--clip-norm", "-1"},
                                        {"--noise", "-1"},
                                        {"--noise", "2"},
                                        {"--decay-factor", "2"},
                                        {"--resume", "--force"}};
  for (const Arguments& w : wrong) refused(f, train(w), 2);
}

TEST_CASE("the command: values that are not allowed, in every subcommand") {
  const Folder f;
  refused(f, train({"--optimizer", "adma"}), 2, "nearest is 'adam'");
  refused(f, train({"--print-config", "--n", "1"}), 2, "n is 1");
  refused(f, train({"--dry-run", "--n", "1"}), 2, "n is 1");
  for (const char* command : {"show", "check"}) {
    refused(f, {"families", command, kFamily, "--n", "1"}, 2, "n >= 2");
    refused(f, {"families", command, kFamily, "--threads", "0"}, 2, "1 to 1024");
  }
  refused(f, {"families", "sample", kFamily, "--count", "0", "--out", "x"}, 2, "--count");
  refused(f, {"families", "check", kFamily, "--members", "0"}, 2, "--members");
  refused(f, {"families", "check", kFamily, "--in", "x"}, 2, "--member");
  refused(f, {"families", "eval", kFamily, "--in", "x", "--out", "y"}, 2, "--member");
}

TEST_CASE("the command: TOML files that are refused") {
  const Folder f;
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"steps = ", "line 1"},
      {"steps = 1\nsteps = 2\n", "line 2"},
      {"\xff\xfe", ""},
      {"[run\n", "line 1"},
      {std::string(40, '\0'), ""},
      {"family = \"gnn-degree-parity\"\nstepz = 4\n", "'steps'"},
      {"[grid]\nn = [4]\n", "[grid]"},
      {"[params]\nn = 1\n", "n >= 2"},
      {"n = [4, 5]\n", "whole number"},
      {"n = {a = 1}\n", "not known"},
      {"lr = nan\n", "finite"},
      {"lr = inf\n", "finite"},
      {"n = 1979-05-27\n", "date"},
      {"n = 4\n[params]\nn = 5\n", "twice"},
      {"steps = true\n", "--steps"},
      {"threads = 0\n", "1 to 1024"},
      {"progress = \"loud\"\n", "--progress"},
      {"online = true\nsamples = 8\n", "exclude"},
      {std::string("a = ") + std::string(100000, '['), ""}};
  for (const auto& w : wrong) {
    f.write("c.toml", w.first);
    CAPTURE(w.first.substr(0, 60));
    refused(f, train({"-c", "c.toml"}), 2, w.second);
  }
  f.write("c.toml", "[run]\nfamily = \"gnn-degree-party\"\n");
  refused(f, {"train", "-c", "c.toml"}, 2, "'gnn-degree-parity'");
  f.write("c.toml", "tau = 0.1\n");
  refused(f, train({"-c", "c.toml"}), 2, "without --oracle");
  refused(f, train({"-c", "missing.toml"}), 3, "missing.toml");
  refused(f, train({"-c", "."}), 3, "folder");
}

TEST_CASE("the command: stdout that cannot be written is exit 3, in one line") {
  const Folder f;
  const Setting full{.out = "/dev/full"};
  refused(f, {"families", "list"}, 3, "standard output", full);
  refused(f, {"families", "list", "--json"}, 3, "standard output", full);
  refused(f, {"doctor"}, 3, "standard output", full);
  refused(f, {"--help"}, 3, "standard output", full);
  refused(f, {"--version"}, 3, "standard output", full);
  refused(f, train({"--print-config"}), 3, "standard output", full);
  const Outcome r = f.run(tiny({"--json", "--out", "run"}), full);
  CHECK(r.code == 3);
  CHECK(one_error_line(r.err));
}

TEST_CASE("the command: a closed stream never lends its number to a file") {
  const Folder f;
  refused(f, {"families", "list"}, 3, "standard output", {.closed = {1}});
  accepted(f, tiny({"--out", "whole"}));
  for (const std::vector<int>& closed : {std::vector<int>{0}, {2}, {0, 1}, {1, 2}, {0, 1, 2}}) {
    const bool printed = std::find(closed.begin(), closed.end(), 1) == closed.end();
    CHECK(f.run(tiny({"--out", "run", "--force", "--json"}), {.closed = closed}).code == (printed ? 0 : 3));
    same_run(f, "whole", f, "run");
  }
}

// The address sanitizer ends the process where operator new throws.
#ifndef EQNN_SANITIZED
TEST_CASE("the command: memory that no machine has is exit 2, in one line") {
  const Folder f;
  refused(f, {"families", "sample", kFamily, "--n", "1024", "--count", "2147483648", "--out", "x.npz"}, 2,
          "memory");
  refused(f, train({"--width", "65536", "--depth", "1000", "--dry-run"}), 2, "memory");
}
#endif

TEST_CASE("the command: help, version and doctor answer on stdout") {
  const Folder f;
  for (const Arguments& a :
       {Arguments{"--help"}, {"train", "--help"}, {"families", "sample", "--help"}, {"--version"}, {"doctor"}})
    CHECK(!accepted(f, a).empty());
  const Json doctor = Json::parse(accepted(f, {"doctor", "--json", "--threads", "3"}));
  CHECK(doctor["threads"] == 3);
  for (const char* key : {"cpu", "cores", "target", "targets", "blas", "blas_core", "version"})
    CHECK(doctor.contains(key));
  CHECK(f.contents().empty());
}

TEST_CASE("train -v: the run directory and the configuration on stderr, as a file that makes the same run") {
  const Folder f;
  const Outcome loud = f.run(tiny({"--seed", "7", "--out", "run", "-v", "--progress", "none"}));
  CHECK(loud.code == 0);
  const Json run = Json::parse(f.read("run/run.json"));
  const std::string id = run["run_id"];
  CHECK(loud.err.find("# run " + id + " in run\n") == 0);
  f.write("same.toml", loud.err);
  CHECK(Json::parse(accepted(f, {"train", "-c", "same.toml", "--dry-run", "--json"}))["run_id"] == id);
  // Stdout is what it is without; -q wins.
  accepted(f, tiny({"--seed", "7", "--out", "quiet", "-v", "-q"}));
  same_run(f, "run", f, "quiet");
}

TEST_CASE("bench: the keys of its JSON, for a row with convolutions") {
  const Folder f;
  const Outcome o =
      f.run({"bench", "--rows", "cnn-50-100", "--minutes", "0.02", "--threads", "1", "--no-peers", "--json", "-q"});
  REQUIRE(o.code == 0);
  const Json all = Json::parse(o.out);
  CHECK(all.at("machine").is_object());
  CHECK(all.at("limit_gflops").get<double>() > 0);
  REQUIRE(all.at("rows").size() == 1);
  const Json row = all.at("rows").at(0);
  CHECK(row.at("id") == "cnn-50-100");
  CHECK(row.at("threads") == 1);
  for (const char* key : {"microseconds_per_step", "gflops", "share_of_limit", "ratio_to_direct", "work_ratio"})
    CHECK(row.at(key).get<double>() > 0);
  for (const char* key : {"ratio_to_hand_written", "speedup_over_one_thread", "data_generation_share"})
    CHECK(row.at(key).is_null());
  CHECK(row.contains("allocations_per_step"));
  CHECK(row.at("limit") == "sgemm");
  CHECK(!all.contains("matches"));
  REQUIRE(all.at("limits").size() == 1);
  for (const char* key : {"sgemm_gflops", "registers_gflops", "triad_gigabytes_per_second"})
    CHECK(all.at("limits").at(0).at(key).get<double>() > 0);
  refused(f, {"bench", "--rows", "cnn-50-10"}, 2, "cnn-50-100");
  refused(f, {"bench", "--scaling", "curves.jpg"}, 2, ".svg, .pdf or .png");
}

TEST_CASE("bench: a profile's operations have all of the step's time") {
  const Folder f;
  const Outcome o =
      f.run({"bench", "--profile", "--rows", "gnn-15-32", "--minutes", "0.01", "--threads", "1", "--json", "-q"});
  REQUIRE(o.code == 0);
  const Json profiles = Json::parse(o.out).at("profiles");
  REQUIRE(profiles.size() == 1);
  CHECK(profiles.at(0).at("id") == "gnn-15-32");
  double share = 0, multiply_adds = 0;
  for (const Json& line : profiles.at(0).at("operations")) {
    share += line.at("share").get<double>();
    multiply_adds += line.at("multiply_adds").get<double>();
  }
  CHECK(share > 0.99);
  CHECK(share < 1.01);
  // Of the two wide layers forward, to their weights and to their inputs alone: 480 nodes, 64 to 32 channels.
  CHECK(multiply_adds > 2 * 3 * 480 * 64 * 32);
}

}  // namespace test_usage
