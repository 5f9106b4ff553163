// eqnn train: its options, its files, the bits it promises, and its verdicts.
#include <doctest/doctest.h>
#include <eqnn/io/safetensors.h>

#include <cmath>
#include <set>

#include "support/command.h"

namespace test_train {

using namespace cli;

namespace {

Json result(const Folder& f, const std::string& run) { return Json::parse(f.read(run + "/result.json")); }

// The dry run's document for some options.
Json resolved(const Folder& f, const Arguments& more) {
  return Json::parse(accepted(f, tiny(Arguments{"--dry-run", "--json"} + more)));
}
std::string run_id(const Folder& f, const Arguments& more) {
  return resolved(f, more)["run_id"].get<std::string>();
}

}  // namespace

TEST_CASE("train: the run directory and every key of its files") {
  const Folder f;
  const std::string out = accepted(f, tiny({"--out", "run", "--json"}));
  std::set<std::string> names;
  for (const auto& [name, bytes] : f.contents()) names.insert(name);
  CHECK(names == std::set<std::string>{"run/", "run/run.json", "run/metrics.jsonl", "run/model.safetensors",
                                       "run/checkpoint.safetensors", "run/result.json"});
  const Json run = Json::parse(f.read("run/run.json")), last = result(f, "run");
  for (const char* key : {"run_id", "version", "config", "member", "machine"}) CHECK(run.contains(key));
  for (const char* key : {"cpu", "target", "blas", "threads"}) CHECK(run["machine"].contains(key));
  for (const char* key : {"family",
                          "params",
                          "model",
                          "parameters",
                          "optimizer",
                          "steps",
                          "samples_seen",
                          "train_loss",
                          "test_loss",
                          "test_variance",
                          "normalized_test_loss",
                          "normalized_train_loss",
                          "test_accuracy",
                          "correlation",
                          "correlation_low",
                          "correlation_high",
                          "verdict",
                          "thresholds",
                          "seeds",
                          "time",
                          "machine"})
    CHECK(last.contains(key));
  for (const char* key : {"wall_seconds", "steps_per_second"}) CHECK(last["time"].contains(key));
  CHECK(last["params"]["n"] == 6);
  CHECK(last["steps"] == 40);
  CHECK(last["samples_seen"] == 320);
  const double normalized = last["test_loss"].get<double>() / last["test_variance"].get<double>();
  CHECK(last["normalized_test_loss"].get<double>() == doctest::Approx(normalized).epsilon(1e-14));
  // 2 (8 + 0) + 8 in the layer, whose input has one channel, and 8 * 8 + 8 + 8 + 1 in the head.
  CHECK(last["parameters"] == 2 * 8 + 8 + 64 + 8 + 8 + 1);

  // stdout: the lines of metrics.jsonl, then the result.
  const auto printed = lines(out), kept = lines(f.read("run/metrics.jsonl"));
  CHECK(kept.size() == 20);
  REQUIRE(printed.size() == kept.size() + 1);
  for (std::size_t i = 0; i < kept.size(); ++i) CHECK(printed[i] == kept[i]);
  CHECK(Json::parse(printed.back()) == last);
  CHECK(Json::parse(kept.back())["step"] == 40);

  const std::string plain = accepted(f, tiny({"--out", "plain"}));
  CHECK(plain.find("verdict") != std::string::npos);
  same_run(f, "run", f, "plain");
}

TEST_CASE("train: the directory is runs/RUN_ID by default, and is never overwritten unasked") {
  const Folder f;
  accepted(f, tiny());
  const std::string run = "runs/" + run_id(f, {});
  REQUIRE(f.has(run + "/result.json"));
  refused(f, tiny(), 2, "exists");
  const std::string model = f.read(run + "/model.safetensors");
  accepted(f, tiny({"--force"}));
  CHECK(f.read(run + "/model.safetensors") == model);
  accepted(f, tiny({"--out", run, "--force", "--seed", "4"}));
  CHECK(f.read(run + "/model.safetensors") != model);

  f.write("letter", "dear");
  std::filesystem::create_directory(f / "home");
  f.write("home/letter", "dear");
  std::filesystem::create_directory_symlink("home", f / "link");
  std::filesystem::create_symlink("nowhere", f / "dangling");
  for (const char* out : {"letter", "home", "link", "dangling", ".", "/"}) {
    refused(f, tiny({"--out", out}), 2, "exists");
    refused(f, tiny({"--out", out, "--force"}), 2, "not a run directory");
  }
  refused(f, tiny({"--out", "home", "--resume"}), 2, "run.json");
  refused(f, tiny({"--out", "letter/run"}), 3, "letter");
  if (std::filesystem::exists("/proc/self")) refused(f, tiny({"--out", "/proc/run"}), 3, "/proc/run");
  if (Disk disk(f, "ro", "size=8k", true); disk.made()) refused(f, tiny({"--out", "ro/run"}), 3, "ro/run");
  // A configuration that is refused leaves the old run alone, even with --force.
  refused(f, tiny({"--out", run, "--force", "--n", "1"}), 2, "n is 1");
}

TEST_CASE("train: the same bits for every number of threads, and for none of the other seeds") {
  const Folder f;
  const std::vector<std::pair<std::string, Arguments>> kinds = {
      {"online", {}},
      {"f64", {"--dtype", "f64"}},
      {"fixed", {"--samples", "37"}},
      {"control", {"--control"}},
      {"mlp", {"--model", "mlp", "--samples", "20", "--dtype", "f64", "-q"}},
      {"short", {"--batch", "13", "--shard", "4", "--noise", "0.1"}}};
  std::set<std::string> models;
  for (const auto& kind : kinds) {
    const auto& [name, flags] = kind;
    CAPTURE(kind.first);
    for (const char* threads : {"1", "2", "3"})
      accepted(f, tiny(flags + Arguments{"--threads", threads, "--out", name + threads}));
    same_run(f, name + "1", f, name + "2");
    same_run(f, name + "1", f, name + "3");
    models.insert(f.read(name + "1/model.safetensors"));
  }
  for (const char* seed : {"--member-seed", "--init-seed", "--data-seed", "--seed"}) {
    accepted(f, tiny({seed, "1", "--out", seed + 2}));
    models.insert(f.read(std::string(seed + 2) + "/model.safetensors"));
  }
  CHECK(models.size() == kinds.size() + 4);
}

TEST_CASE("train: --seed is the default of the three seeds, and the run id is of what decides the result") {
  const Folder f;
  const Json c = resolved(f, {"--seed", "7", "--data-seed", "9"})["config"];
  CHECK(c["member-seed"] == 7);
  CHECK(c["init-seed"] == 7);
  CHECK(c["data-seed"] == 9);
  CHECK(resolved(f, {"--seed", "18446744073709551615"})["config"]["init-seed"] == 18446744073709551615u);
  const std::string id = run_id(f, {});
  CHECK(id.size() == 16);
  for (const Arguments& same : {Arguments{"--threads", "2"},
                                {"--out", "elsewhere"},
                                {"--progress", "plain"},
                                {"--checkpoint-every", "3"},
                                {"-q"},
                                {"--expect", "fails"},
                                {"--seed", "0"},
                                {"--n", "6.0"},
                                {"--bias-max", "1e-2"},
                                {"--lr", "0.0020"},
                                {"--online"},
                                {"--self-loops=0"},
                                {"--steps", "4e1"},
                                {"--member-seed", "0", "--init-seed", "0"}})
    CHECK(run_id(f, same) == id);
  for (const Arguments& other : {Arguments{"--n", "7"},
                                 {"--lr", "0.003"},
                                 {"--seed", "1"},
                                 {"--data-seed", "1"},
                                 {"--control"},
                                 {"--steps", "41"},
                                 {"--samples", "9"},
                                 {"--dtype", "f64"},
                                 {"--eval-every", "5"},
                                 {"--self-loops"},
                                 {"--learned-below", "0.1"}})
    CHECK(run_id(f, other) != id);
}

TEST_CASE("train: every value of every choice trains") {
  const Folder f;
  const std::vector<std::pair<std::string, std::vector<std::string>>> choices = {
      {"--optimizer", {"sgd", "adam", "adamw", "sign-sgd"}},
      {"--schedule", {"constant", "cosine", "step"}},
      {"--init", {"kaiming-uniform", "kaiming-normal", "xavier-uniform", "xavier-normal", "orthogonal"}},
      {"--activation", {"relu", "tanh", "gelu", "square"}},
      {"--adjacency", {"raw", "mean", "sqrt", "centred"}},
      {"--pool", {"sum", "mean", "sqrt"}},
      {"--model", {"gnn", "mlp"}}};
  for (const auto& [flag, values] : choices) {
    std::set<std::string> models;
    for (const std::string& value : values) {
      CAPTURE(value);
      const std::string run = flag.substr(2) + "-" + value;
      accepted(f, tiny(Arguments{flag, value, "--weight-decay", "0.01", "--out", run, "-q"} +
                       (value == "step" ? Arguments{"--decay-every", "10"} : Arguments{})));
      CHECK(std::isfinite(result(f, run)["test_loss"].get<double>()));
      models.insert(f.read(run + "/model.safetensors"));
    }
    CHECK(models.size() == values.size());
  }
  std::set<std::string> models;
  for (const Arguments& flags : {Arguments{},
                                 {"--clip-norm", "0.1"},
                                 {"--noise", "0.2"},
                                 {"--warmup", "10"},
                                 {"--init-scale", "0.5"},
                                 {"--depth", "2"},
                                 {"--optimizer", "sgd", "--momentum", "0.9"},
                                 {"--optimizer", "sgd", "--momentum", "0.9", "--nesterov"},
                                 {"--self-loops"},
                                 {"--head-width", "5"}}) {
    const std::string run = "option" + std::to_string(models.size());
    accepted(f, tiny(flags + Arguments{"--out", run}));
    models.insert(f.read(run + "/model.safetensors"));
  }
  CHECK(models.size() == 10);
  accepted(f, tiny({"--strict", "--out", "strict"}));
}

TEST_CASE("train: --dry-run and --print-config write nothing, and the printed configuration is the run") {
  const Folder f;
  const Json j = resolved(f, {});
  for (const char* key : {"run_id", "config", "parameters", "memory_bytes", "flops_per_step"})
    CHECK(j.contains(key));
  f.write("m.json", R"({"n": 5, "S": [2, 3], "b": 1})");
  const auto clean = f.contents();
  CHECK(accepted(f, tiny({"--dry-run"})).find("# run id            " + j["run_id"].get<std::string>()) !=
        std::string::npos);
  CHECK(f.contents() == clean);
  for (const Arguments& flags : {Arguments{},
                                 {"--n", "7", "--bias-max", "1e-2", "--min-count", "2.50"},
                                 {"--self-loops", "--control", "--lr", "1e-17"},
                                 {"--seed", "18446744073709551615"},
                                 {"--samples", "12", "--patience", "2"}}) {
    f.write("c.toml", accepted(f, tiny(flags + Arguments{"--print-config"})));
    CHECK(Json::parse(accepted(f, {"train", "-c", "c.toml", "--dry-run", "--json"}))["run_id"] == run_id(f, flags));
  }
  const Arguments member = {"train", "gnn-degree-parity", "--member", "m.json", "--steps", "3"};
  f.write("c.toml", accepted(f, member + Arguments{"--print-config"}));
  const Json a = Json::parse(accepted(f, member + Arguments{"--dry-run", "--json"}));
  CHECK(Json::parse(accepted(f, {"train", "-c", "c.toml", "--dry-run", "--json"})) == a);
}

TEST_CASE("train: a TOML file gives flags, and flags override it") {
  const Folder f;
  f.write("c.toml", cli::kTinyRun + R"(threads = 1
seed = 3
out = "named"
checkpoint-every = 10
expect = "fails"
progress = "none"
[params]
n = 6
self-loops = false
)");
  const Arguments base = {"train", "-c", "c.toml", "--dry-run", "--json"};
  const auto id = [&](const Arguments& more) {
    return Json::parse(accepted(f, base + more))["run_id"].get<std::string>();
  };
  CHECK(id({}) == run_id(f, {"--seed", "3"}));
  CHECK(id({"--seed", "0"}) == run_id(f, {}));
  CHECK(id({"--n", "7", "--lr", "1e-3"}) == run_id(f, {"--seed", "3", "--n", "7", "--lr", "1e-3"}));
  accepted(f, {"train", "-c", "c.toml"});
  CHECK(f.has("named/result.json"));
  accepted(f, {"train", "-c", "c.toml", "--out", "other"});
  same_run(f, "named", f, "other");
  f.write("d.toml", "samples = 30\n");
  CHECK(run_id(f, {"-c", "d.toml"}) == run_id(f, {"--samples", "30"}));
  CHECK(run_id(f, {"-c", "d.toml", "--online"}) == run_id(f, {}));
}

TEST_CASE("train: a member file, as JSON or npz, decides the function and its parameters") {
  const Folder f;
  accepted(f, {"families", "sample", "gnn-degree-parity", "--n", "6", "--count", "2", "--member-seed", "8", "--out",
               "d.npz"});
  const Arguments base = {"train", "gnn-degree-parity", "--width", "8", "--depth", "1", "--batch", "8", "--steps",
                          "20",    "--test-samples",    "100"};
  accepted(f, base + Arguments{"--member", "d.npz", "--out", "npz"});
  accepted(f, base + Arguments{"--member", "d.member.json", "--out", "json"});
  accepted(f, base + Arguments{"--n", "6", "--member-seed", "8", "--out", "drawn"});
  same_run(f, "npz", f, "json");
  CHECK(f.read("npz/metrics.jsonl").size() > 100);
  CHECK(metrics(f, "npz") == metrics(f, "drawn"));
  CHECK(result(f, "npz")["member"] == Json::parse(f.read("d.member.json")));
  refused(f, base + Arguments{"--member", "d.npz", "--n", "7", "--out", "x"}, 2, "has 6");
}

TEST_CASE("train: verdicts, the first that holds") {
  const Folder f;
  int count = 0;
  const auto verdict = [&](const Arguments& flags) {
    const std::string run = "v" + std::to_string(count++);
    const std::string text = accepted(f, tiny(flags + Arguments{"--out", run, "--json", "-q"}));
    const Json r = result(f, run);
    CHECK(r == Json::parse(lines(text).back()));
    return r["verdict"].get<std::string>();
  };
  CHECK(verdict({"--optimizer", "sgd", "--lr", "1e6"}) == "diverged");
  CHECK(Json::parse(f.read("v0/result.json"))["steps"] < 40);
  CHECK(verdict({"--optimizer", "sgd", "--lr", "1e300", "--dtype", "f64"}) == "diverged");
  CHECK(result(f, "v1")["test_loss"].is_null());
  CHECK(verdict({"--lr", "0"}) == "cannot-fit");
  const Arguments few = {"--n", "8",         "--model", "mlp",  "--depth", "2",       "--width",
                         "32",  "--samples", "16",      "--lr", "1e-2",    "--batch", "16"};
  CHECK(verdict(few + Arguments{"--steps", "300", "--test-samples", "1000"}) == "memorised");
  CHECK(verdict({"--n", "6", "--control", "--width", "32", "--head-width", "32", "--depth", "2", "--lr", "1e-2",
                 "--steps", "1500"}) == "learned");
  // The thresholds are options, stand in the result, and are asked in order.
  CHECK(verdict({"--learned-below", "100", "--fails-from", "200"}) == "learned");
  CHECK(verdict({"--fails-from", "100"}) == "partly-learned");
  const Arguments lowest = {"--learned-below", "0", "--memorised-train-below", "1e-9", "--fails-from", "2e-9"};
  CHECK(verdict(lowest) == "cannot-fit");
  CHECK(result(f, "v7")["thresholds"]["fails_from"] == 2e-9);
  // Where they contradict each other, there is no verdict to ask for.
  for (const char* flag : {"--learned-below", "--memorised-train-below"})
    for (const char* value : {"0.9", "100"})
      refused(f, tiny({flag, value, "--out", "x"}), 2,
              std::string(flag) + " is " + value + " and --fails-from 0.9");
  CHECK(verdict(few + Arguments{"--steps", "30", "--samples", "60", "--memorised-train-below", "0",
                                "--test-samples", "1000"}) == "undecided");
}

TEST_CASE("train: --expect exits 4 with the run complete") {
  const Folder f;
  for (const char* fails : {"0.5", "1e9"}) {
    const bool met = fails[0] == '0';
    const Outcome r = f.run(tiny({"--fails-from", fails, "--expect", "fails", "--out", fails}));
    CHECK(r.code == (met ? 0 : 4));
    CHECK(one_error_line(r.err) == !met);
    CHECK(f.has(std::string(fails) + "/result.json"));
  }
  const Outcome r = f.run(tiny({"--expect", "learned", "--out", "run"}));
  CHECK(r.code == 4);
  CHECK(one_error_line(r.err));
  CHECK(
      f.run(tiny({"--expect", "learned", "--learned-below", "100", "--fails-from", "200", "--out", "met"})).code ==
      0);
}

TEST_CASE("train: --stop-at-loss and --patience end a run early") {
  const Folder f;
  accepted(f, tiny({"--stop-at-loss", "1e9", "--eval-every", "7", "--out", "stop"}));
  CHECK(result(f, "stop")["steps"] == 7);
  CHECK(metrics(f, "stop").size() == 2);
  accepted(f, tiny({"--samples", "40", "--patience", "3", "--eval-every", "2", "--lr", "0", "--out", "patience"}));
  CHECK(result(f, "patience")["steps"] == 8);
  CHECK(result(f, "patience")["samples"] == 40);
}

TEST_CASE("train: --stop-at-loss stops when all test samples say so, not the part that is tested between steps") {
  const Folder f;
  const Arguments budget = {"--test-samples", "8000", "--schedule", "constant", "--eval-every", "5"};
  // A seed of which 1,600 samples make the loss after 5 steps lower than all of them do.
  for (int seed = 0; seed < 20; ++seed) {
    const Arguments of_seed = budget + Arguments{"--seed", std::to_string(seed)};
    accepted(f, tiny({"--steps", "10", "--force", "--out", "part"}) + of_seed);
    accepted(f, tiny({"--steps", "5", "--force", "--out", "all"}) + of_seed);
    const double part = metrics(f, "part")[0]["normalized_test_loss"].get<double>();
    const double all = result(f, "all")["normalized_test_loss"].get<double>();
    if (part > all - 1e-4) continue;
    const auto stopping_at = [&](double loss, const std::string& out) {
      accepted(f, tiny({"--steps", "10", "--stop-at-loss", std::to_string(loss), "--out", out}) + of_seed);
      return result(f, out)["steps"].get<int>();
    };
    CHECK(stopping_at((part + all) / 2, "goes-on") == 10);
    CHECK(stopping_at(all + 1e-5, "stops") == 5);
    CHECK(result(f, "stops")["normalized_test_loss"] == all);
    // A line of metrics.jsonl is of the part, whatever was confirmed, and to go on changes no bit.
    CHECK(metrics(f, "goes-on")[0]["normalized_test_loss"] == part);
    CHECK(metrics(f, "goes-on")[0]["test_samples"] == 1600);
    CHECK(result(f, "goes-on")["test_loss"] == result(f, "part")["test_loss"]);
    return;
  }
  FAIL("no seed of 20 has a lower loss on a part of the test samples than on all");
}

TEST_CASE("train: graphs with loops have controls that their default network learns") {
  const Folder f;
  const std::vector<std::string> common{
      "--control", "--width",        "32",       "--head-width", "32",   "--depth",      "2",      "--steps",
      "3000",      "--schedule",     "constant", "--lr",         "4e-3", "--eval-every", "50",     "--stop-at-loss",
      "0.045",     "--test-samples", "1000",     "--threads",    "1",    "--expect",     "learned"};
  for (std::vector<std::string> args :
       {std::vector<std::string>{"train", "gnn-degree-parity", "--self-loops", "--n", "4", "--out", "a"},
        {"train", "boolean-orbit", "--group", "adjacency", "--n", "9", "--out", "b"}}) {
    args.insert(args.end(), common.begin(), common.end());
    accepted(f, args);
  }
}

}  // namespace test_train
