// What is seen of runs at the terminal and in tables: table, diff, tag, the end of a sweep, collect --prune,
// numbers.
#include <doctest/doctest.h>

#include <filesystem>

#include "figures/figures.h"
#include "support/command.h"

namespace test_table {

namespace {

using cli::accepted;
using cli::Arguments;
using cli::Folder;
using cli::Json;
using cli::lines;
using cli::Outcome;
using cli::refused;
using cli::tiny;
using cli::operator+;

const std::string kSweep = R"(name = "s"
title = "Two sizes"
seeds = "0:2"
)" + cli::kTinyRun + R"(tag = ["one", "two"]
note = "of a test"
[grid]
n = [4, 5]
lr = [1e-3, 1e-2]
)";

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Arguments train(const std::string& out, const Arguments& more = {}) { return tiny({"--out", out, "-q"}) + more; }

// The cells of a csv whose cells have no commas or quotes, by column.
std::vector<std::map<std::string, std::string>> table_of(const std::string& csv) {
  std::vector<std::string> names;
  std::vector<std::map<std::string, std::string>> rows;
  for (std::string line : lines(csv)) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    std::vector<std::string> cells(1);
    bool quoted = false;
    for (const char c : line) {
      if (c == '"') quoted = !quoted;
      if (c == ',' && !quoted)
        cells.emplace_back();
      else
        cells.back() += c;
    }
    if (names.empty()) {
      names = cells;
      continue;
    }
    REQUIRE(cells.size() == names.size());
    auto& row = rows.emplace_back();
    for (std::size_t i = 0; i < names.size(); ++i) row[names[i]] = cells[i];
  }
  return rows;
}

}  // namespace

TEST_CASE("table: a sweep ends with its table, which table prints again from folder and database") {
  const Folder f;
  f.write("s.toml", kSweep);
  const Outcome run = f.run({"sweep", "run", "s.toml", "--out", "o"});
  CHECK(run.code == 0);
  CHECK(has(run.out, "\nTwo sizes\n"));
  CHECK(has(run.out, "n 4"));
  CHECK(has(run.out, "(of 2; lr the "));
  CHECK(accepted(f, {"table", "o"}) == run.out);
  accepted(f, {"collect", "o", "--db", "r.db", "-q"});
  CHECK(accepted(f, {"table", "r.db"}) == run.out);
  CHECK(accepted(f, {"sweep", "run", "s.toml", "--out", "o", "-q"}).empty());
  const Json json = Json::parse(accepted(f, {"table", "o", "--json"}));
  REQUIRE(json.size() == 1);
  REQUIRE(json[0]["rows"].size() == 2);
  CHECK(json[0]["rows"][1]["question"] == "n 5");
  CHECK(json[0]["rows"][1]["runs"] == 4);
  CHECK(json[0]["rows"][1]["steps_given"] == 40);
  // A shard leaves runs to others, and says how to look.
  const Outcome part = f.run({"sweep", "run", "s.toml", "--out", "p", "--shard", "0/2"});
  CHECK(has(part.out, "4 runs are left to others; eqnn table p"));
}

TEST_CASE("table: of a study or a family, and of runs of no study by what they differ in") {
  const Folder f;
  f.write("s.toml", kSweep);
  accepted(f, {"sweep", "run", "s.toml", "--out", "o/s", "-q"});
  accepted(f, train("o/a"));
  accepted(f, train("o/b", {"--width", "16"}));
  accepted(f, train("o/c", {"--reuse", "2"}));
  const std::string all = accepted(f, {"table", "o"});
  CHECK(has(all, "Runs of no study: gnn-degree-parity"));
  CHECK(has(all, "width 16"));
  CHECK(has(all, "reuse 2"));
  CHECK(has(all, "Two sizes"));
  CHECK_FALSE(has(accepted(f, {"table", "o", "--study", "s"}), "no study"));
  CHECK(accepted(f, {"table", "o", "--family", "gnn-degree-parity"}) == all);
  refused(f, {"table", "o", "--family", "gnn-degree"}, 2, "the nearest is 'gnn-degree-parity'");
  refused(f, {"table", "none"}, 3, "none");
}

// Small runs of each seed, and runs of another size that begin with their weights.
void begin_with_small_ones(const Folder& f) {
  for (const char* seed : {"0", "1"})
    accepted(f, train(std::string("small/") + seed, {"--n", "4", "--seed", seed}));
  for (const char* seed : {"0", "1"})
    for (const char* n : {"5", "6"}) {
      accepted(f, train(std::string("o/from-") + n + seed,
                        {"--n", n, "--seed", seed, "--init-from", std::string("small/") + seed}));
      accepted(f, train(std::string("o/drawn-") + n + seed, {"--n", n, "--seed", seed}));
    }
}

TEST_CASE("table: weights of another run are a part of the question, and seeds are seeds") {
  const Folder f;
  begin_with_small_ones(f);
  const Json rows = Json::parse(accepted(f, {"table", "o", "--json"}))[0]["rows"];
  REQUIRE(rows.size() == 4);
  for (const Json& row : rows) CHECK(row["best_runs"] == 2);
  CHECK(rows[0]["question"] == "n 5");
  CHECK(rows[1]["question"] == "n 5, init-from");
  const std::string text = accepted(f, {"table", "o"});
  CHECK_FALSE(has(text, f.path()));
  // A frontier has a line for each, and all seeds of each at a point.
  const Json figures = Json::parse(accepted(f, {"plot", "o", "--figure", "frontier", "--json"}))["figures"];
  REQUIRE(figures.size() == 2);
  for (const Json& figure : figures)
    for (const auto& row : table_of(accepted(f, {"plot", "o", "--figure", figure["name"].get<std::string>()}))) {
      CHECK(row.at("grid_points") == "1");
      CHECK(row.at("seeds") == "2");
    }
  if (!tools::have_gnuplot()) return;
  accepted(f, {"report", "o", "-o", "r.html", "-q"});
  CHECK_FALSE(has(f.read("r.html"), (f / "small") + "/0,"));
  CHECK(has(f.read("r.html"), "init-from"));
}

TEST_CASE("sweep: {seed} in init-from begins each seed with weights of its own") {
  const Folder f;
  begin_with_small_ones(f);
  std::string plan = kSweep;
  plan.replace(plan.find("n = [4, 5]"), 10, "n = [5, 6]\ninit-from = [\"small/{seed}\"]");
  f.write("s.toml", plan);
  const std::string list = accepted(f, {"sweep", "run", "s.toml", "--out", "p", "--list"});
  CHECK(has(list, "--init-from small/1 --lr 0.01 --seed 1"));
  CHECK_FALSE(has(list, "{seed}"));
  accepted(f, {"sweep", "run", "s.toml", "--out", "p", "-q"});
  const Json rows = Json::parse(accepted(f, {"table", "p", "--json"}))[0]["rows"];
  REQUIRE(rows.size() == 2);
  CHECK(rows[0]["question"] == "n 5, init-from small/{seed}");
  CHECK(rows[0]["best_runs"] == 2);
  CHECK(rows[0]["points"] == 2);
  // The same runs as by hand.
  const std::string id = Json::parse(f.read("o/from-50/run.json"))["config"]["init_hash"].get<std::string>();
  std::size_t found = 0;
  for (const auto& [name, bytes] : f.contents())
    if (name.starts_with("p/") && name.ends_with("run.json"))
      found += Json::parse(bytes)["config"]["init_hash"] == id ? 1 : 0;
  CHECK(found == 4);
  // Absolute paths are of no machine in a table.
  plan.replace(plan.find("small/{seed}"), 12, (f / "small") + "/{seed}");
  f.write("s.toml", plan);
  accepted(f, {"sweep", "run", "s.toml", "--out", "q", "-q"});
  CHECK(has(accepted(f, {"table", "q"}), "n 5, init-from {seed}  "));
}

TEST_CASE("table: the best rate at the end of its grid is marked as such") {
  const Folder f;
  for (const char* lr : {"1e-4", "1e-3", "1e-2"})
    accepted(f, train(std::string("o/") + lr, {"--n", "4", "--control", "--steps", "200", "--lr", lr}));
  const Json row = Json::parse(accepted(f, {"table", "o", "--json"}))[0]["rows"][0];
  REQUIRE(row["best_point"] == "lr 0.01");
  CHECK(row["best_edges"] == Json::parse(R"([{"flag": "lr", "end": "highest", "of": 3}])"));
  CHECK(has(accepted(f, {"table", "o"}), "lr 0.01 (of 3; lr the highest of 3)"));
  // Bracketed by a rate at which it diverges; one optimiser's rates say nothing of another's.
  accepted(f, train("o/1e3", {"--n", "4", "--control", "--steps", "200", "--lr", "1e3"}));
  accepted(f, train("o/sgd", {"--n", "4", "--control", "--steps", "200", "--lr", "2e3", "--optimizer", "sgd"}));
  const std::string text = accepted(f, {"table", "o"});
  CHECK(has(text, "lr 0.01, adam (of 5)"));
  CHECK_FALSE(has(text, " the highest of "));
}

TEST_CASE("table, plot, report: of folders as they are; a name of nothing is told as such") {
  const Folder f;
  accepted(f, train("o/a"));
  accepted(f, train("p/b", {"--n", "5"}));
  accepted(f, {"collect", "o", "p", "--db", "r.db", "-q"});
  for (const Arguments& what :
       {Arguments{"--list"}, {"--figure", "learning-curves", "--json"}, {"--figure", "frontier"}})
    CHECK(accepted(f, Arguments{"plot", "o", "p"} + what) == accepted(f, Arguments{"plot", "r.db"} + what));
  CHECK(accepted(f, {"table", "o", "p"}) == accepted(f, {"table", "r.db"}));
  for (const char* subcommand : {"table", "plot", "report"}) {
    Arguments words = {subcommand, "runs/nosuch"};
    if (subcommand == std::string("report")) words = words + Arguments{"-o", "r.html"};
    if (subcommand == std::string("plot")) words = words + Arguments{"--list"};
    refused(f, words, 3, "runs/nosuch: there is no such folder or database");
    words[1] = "nosuch.db";
    refused(f, words, 3, "eqnn collect DIR --db nosuch.db makes one");
  }
}

TEST_CASE("table: the steps that a run was given stand beside those that it did") {
  const Folder f;
  accepted(f, train("a", {"--n", "4", "--control", "--lr", "0.01", "--steps", "4000", "--stop-at-loss", "0.5",
                          "--eval-every", "100"}));
  const long steps = Json::parse(f.read("a/result.json"))["steps"].get<long>();
  REQUIRE(steps < 4000);
  CHECK(has(accepted(f, {"table", "a"}), std::to_string(steps) + " of 4000"));
  if (!tools::have_gnuplot()) return;
  accepted(f, {"collect", "a", "--db", "r.db", "-q"});
  accepted(f, {"report", "r.db", "-o", "r.html", "-q"});
  CHECK(has(f.read("r.html"), "4000 given"));
}

TEST_CASE("diff: settings that differ, and both ends; it exits with 0") {
  const Folder f;
  accepted(f, train("a"));
  accepted(f, train("b", {"--width", "16", "--steps", "30"}));
  const std::string text = accepted(f, {"diff", "a", "b"});
  CHECK(has(text, "Settings that differ:\nsteps"));
  CHECK(has(text, "width"));
  CHECK_FALSE(has(text, "depth"));
  CHECK(has(text, "normalized_test_loss"));
  const Json json = Json::parse(accepted(f, {"diff", "a", "b", "--json"}));
  CHECK(json["settings"].size() == 2);
  CHECK(json["settings"]["width"] == Json({8, 16}));
  CHECK(json["result"]["steps"] == Json({40, 30}));
  CHECK(has(accepted(f, {"diff", "a", "a"}), "The settings are the same."));
  refused(f, {"diff", "a", "c"}, 3, "no such run");
}

TEST_CASE("tag: tags and notes are in run.json and in the database, and no part of the id") {
  const Folder f;
  accepted(f, train("a"));
  accepted(f, train("b", {"--tag", "x", "--tag", "y,z", "--note", "first"}));
  const Json a = Json::parse(f.read("a/run.json")), b = Json::parse(f.read("b/run.json"));
  CHECK(a["run_id"] == b["run_id"]);
  CHECK_FALSE(a.contains("tags"));
  CHECK(b["tags"] == Json({"x", "y", "z"}));
  CHECK(b["note"] == "first");
  CHECK(accepted(f, {"tag", "b", "--untag", "y", "--tag", "x", "--tag", "w", "--no-note"}) == "b: x, z, w\n");
  CHECK_FALSE(Json::parse(f.read("b/run.json")).contains("note"));
  CHECK(accepted(f, {"tag", "a"}) == "a: no tags\n");
  // Growing keeps them.
  accepted(f, train("g", {"--schedule", "constant", "--tag", "k"}));
  accepted(f, train("g", {"--schedule", "constant", "--steps", "60", "--resume", "--note", "grown"}));
  CHECK(Json::parse(f.read("g/run.json"))["tags"] == Json({"k"}));
  CHECK(Json::parse(f.read("g/run.json"))["note"] == "grown");
  refused(f, {"tag", "a", "--tag", "two\nlines"}, 2, "--tag");
  refused(f, {"tag", "none", "--tag", "x"}, 3, "run.json");
  accepted(f, {"collect", "b", "--db", "r.db", "--csv", "r.csv", "-q"});
  CHECK(has(table_of(f.read("r.csv")).at(0).at("tags"), "w"));
}

TEST_CASE("tag: a sweep's runs have its tags and note; its listed commands too") {
  const Folder f;
  f.write("s.toml", kSweep);
  accepted(f, {"sweep", "run", "s.toml", "--out", "o", "-q"});
  const std::string command = lines(accepted(f, {"sweep", "run", "s.toml", "--out", "o", "--list"})).at(0);
  CHECK(has(command, "--tag one,two"));
  CHECK(has(command, "--note 'of a test'"));
  const std::string run = command.substr(command.rfind("o/"));
  CHECK(Json::parse(f.read(run + "/run.json"))["tags"] == Json({"one", "two"}));
  // The same runs without them: they are no part of what a run is.
  std::string plain = kSweep;
  plain.erase(plain.find("tag ="), plain.find("[grid]") - plain.find("tag ="));
  f.write("plain.toml", plain);
  CHECK(Json::parse(accepted(f, {"sweep", "status", "plain.toml", "--out", "o", "--json"}))["done"] == 8);
  f.write("grid.toml", kSweep + "tag = [\"a\", \"b\"]\n");
  refused(f, {"sweep", "plan", "grid.toml"}, 2, "no setting");
}

TEST_CASE("collect --prune: the database is what the folders hold") {
  const Folder f;
  f.write("s.toml", kSweep);
  accepted(f, {"sweep", "run", "s.toml", "--out", "o/s", "-q"});
  for (const char* run : {"o/a", "o/b", "other"})
    accepted(f, train(run, {"--seed", std::string(run) == "o/b"        ? "1"
                                      : run[0] == 'o' && run[1] == '/' ? "2"
                                                                       : "3"}));
  const auto runs = [&] { return table_of(f.read("r.csv")).size(); };
  const auto collect = [&](const Arguments& more) {
    return accepted(f, Arguments{"collect", "--db", "r.db", "--csv", "r.csv", "-q"} + more);
  };
  collect({"o", "other"});
  CHECK(runs() == 11);
  std::filesystem::remove_all(f / "o/b");
  collect({"o", "other"});
  CHECK(runs() == 11);  // what is gone stays, unless it is asked for
  collect({"o", "other", "--prune"});
  CHECK(runs() == 10);
  collect({"o", "--prune"});
  CHECK(runs() == 9);
  CHECK(has(accepted(f, {"table", "r.db"}), "Two sizes"));
  std::filesystem::remove_all(f / "o/s");
  collect({"o", "--prune"});
  CHECK(runs() == 1);
  CHECK_FALSE(has(accepted(f, {"table", "r.db"}), "Two sizes"));
  // Without the rest it is what a new database is.
  accepted(f, {"collect", "o", "--db", "new.db", "--csv", "new.csv", "-q"});
  CHECK(table_of(f.read("new.csv")).at(0).at("run_id") == table_of(f.read("r.csv")).at(0).at("run_id"));
}

TEST_CASE("table: a csv has every setting as a column, and numbers where there are numbers") {
  const Folder f;
  accepted(f, train("a", {"--width", "16"}));
  accepted(f, {"collect", "a", "--db", "r.db", "--csv", "r.csv", "-q"});
  const auto row = table_of(f.read("r.csv")).at(0);
  CHECK(row.at("config.width") == "16");
  CHECK(row.at("config.steps") == "40");
  CHECK(row.at("config.head-width") == "8");
  CHECK(row.at("config.schedule") == "cosine");
  for (const auto& cell : row) CHECK_MESSAGE(!cell.second.starts_with(">"), cell.first);
}

}  // namespace test_table
