// eqnn collect: what a database and a csv hold, that it is safe to repeat, and what it does with broken folders.
#include <doctest/doctest.h>
#include <sqlite3.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "support/command.h"
#include "support/paths.h"

namespace test_collect {

using namespace cli;

namespace {

namespace fs = std::filesystem;
using Row = std::vector<Json>;

// One statement on a database, as JSON values; an error is a row with its message. A second reader beside the one
// under test, which does as the sqlite3 shell does.
std::vector<Row> rows(const std::string& path, const std::string& sql, std::vector<std::string>* names = nullptr) {
  sqlite3* db = nullptr;
  sqlite3_stmt* s = nullptr;
  std::vector<Row> all;
  REQUIRE(sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  if (sqlite3_prepare_v2(db, sql.c_str(), -1, &s, nullptr) != SQLITE_OK) all.push_back({Json(sqlite3_errmsg(db))});
  for (int i = 0; names != nullptr && i < sqlite3_column_count(s); ++i) names->push_back(sqlite3_column_name(s, i));
  while (s != nullptr && sqlite3_step(s) == SQLITE_ROW) {
    Row& row = all.emplace_back();
    for (int i = 0; i < sqlite3_column_count(s); ++i) {
      const int type = sqlite3_column_type(s, i);
      if (type == SQLITE_NULL) row.push_back(nullptr);
      if (type == SQLITE_INTEGER) row.push_back(sqlite3_column_int64(s, i));
      if (type == SQLITE_FLOAT) row.push_back(sqlite3_column_double(s, i));
      if (type == SQLITE_TEXT) row.push_back(reinterpret_cast<const char*>(sqlite3_column_text(s, i)));
    }
  }
  sqlite3_finalize(s);
  sqlite3_close(db);
  return all;
}

// Every row of every table, by column name, in the order of their keys.
Json everything(const std::string& path) {
  Json all;
  for (const char* table : {"studies", "study_runs", "runs", "metrics", "documents"}) {
    std::vector<std::string> names;
    Json list = Json::array();
    for (const Row& row : rows(path, std::string("SELECT * FROM ") + table + " ORDER BY 1, 2", &names)) {
      std::map<std::string, Json> cells;
      for (std::size_t i = 0; i < names.size(); ++i) cells[names[i]] = row[i];
      list.push_back(cells);
    }
    all[table] = list;
  }
  return all;
}

// RFC 4180, the other way round: records of fields. Every record ends in \r\n.
std::vector<std::vector<std::string>> csv(const std::string& text) {
  std::vector<std::vector<std::string>> all;
  std::vector<std::string> record;
  std::string field;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c != '"')
        field += c;
      else if (i + 1 < text.size() && text[i + 1] == '"')
        field += text[++i];
      else
        quoted = false;
    } else if (c == '"') {
      CHECK(field.empty());
      quoted = true;
    } else if (c == ',') {
      record.push_back(std::exchange(field, ""));
    } else if (c == '\r') {
      REQUIRE(text.at(++i) == '\n');
      record.push_back(std::exchange(field, ""));
      all.push_back(std::exchange(record, {}));
    } else {
      CHECK(c != '\n');
      field += c;
    }
  }
  CHECK(record.empty());
  return all;
}

// Without the columns that may differ between equal runs.
std::vector<std::vector<std::string>> lasting(const std::vector<std::vector<std::string>>& table) {
  std::vector<std::vector<std::string>> kept(table.size());
  for (std::size_t c = 0; c < table.at(0).size(); ++c)
    if (!table[0][c].starts_with("time.") && !table[0][c].starts_with("machine."))
      for (std::size_t r = 0; r < table.size(); ++r) kept[r].push_back(table[r].at(c));
  return kept;
}

std::size_t column(const std::vector<std::vector<std::string>>& table, const std::string& name) {
  const auto at = std::find(table[0].begin(), table[0].end(), name);
  REQUIRE_MESSAGE(at != table[0].end(), name);
  return static_cast<std::size_t>(at - table[0].begin());
}

std::string planned_id(const Folder& f, const Arguments& flags) {
  return Json::parse(accepted(f, tiny(flags + Arguments{"--dry-run", "--json"})))["run_id"];
}

// What `sweep run` leaves: one run a point, and the file that says so.
struct Grid {
  std::string name;
  std::vector<std::string> swept;
  Json runs = Json::array();

  void add(const std::string& id, int seed, const Json& values) {
    runs.push_back({{"run_id", id}, {"seed", seed}, {"values", values}});
  }
  Json sweep() const {
    return {{"name", name}, {"title", "of " + name}, {"swept", swept}, {"seeds", {0, 1}}, {"runs", runs}};
  }
};
void write_study(const Folder& f, const std::string& folder, const std::string& name,
                 const std::vector<Grid>& grids) {
  Json sweeps = Json::array();
  for (const Grid& g : grids) sweeps.push_back(g.sweep());
  f.write(folder + "/" + name + ".sweep.json", Json({{"format", 1},
                                                     {"name", name},
                                                     {"title", "a title"},
                                                     {"claim", "a claim, with \"quotes\""},
                                                     {"command", "eqnn sweep run"},
                                                     {"toml", "name = 1\n"},
                                                     {"sweeps", sweeps}})
                                                   .dump());
}

Outcome collect(const Folder& f, const Arguments& arguments) { return f.run(Arguments{"collect"} + arguments); }

// Runs made from one real one, with numbers of our own.
class Forge {
 public:
  explicit Forge(const Folder& f) : folder_(f) {
    accepted(f, tiny({"--out", "model-run"}));
    run_ = Json::parse(f.read("model-run/run.json"));
    result_ = Json::parse(f.read("model-run/result.json"));
  }

  // Test losses at the steps 10, 20, ...; one below 0 is null, as of a run that diverged.
  void run(const std::string& directory, bool control, double lr, int seed, const std::vector<double>& losses,
           const std::vector<double>& correlation_low = {}) {
    Json run = run_, result = result_;
    const std::string id = fs::path(directory).filename();
    run["run_id"] = result["run_id"] = id;
    run["config"]["control"] = result["control"] = control;
    run["config"]["lr"] = result["lr"] = lr;
    for (const char* name : {"member", "init", "data"}) {
      run["config"][std::string(name) + "-seed"] = seed;
      result["seeds"][name] = seed;
    }
    const double last = losses.back();
    result["normalized_test_loss"] = last < 0 ? Json() : Json(last);
    result["verdict"] = last < 0 ? "diverged" : last <= 0.05 ? "learned" : "cannot-fit";
    result["time"]["wall_seconds"] = 100 * lr + seed;
    result.update(more);
    std::string lines;
    for (std::size_t i = 0; i < losses.size(); ++i)
      lines += Json({{"step", 10 * (i + 1)},
                     {"normalized_test_loss", losses[i] < 0 ? Json() : Json(losses[i])},
                     {"correlation_low", i < correlation_low.size() ? correlation_low[i] : -0.1},
                     {"time", {{"wall_seconds", 1}}}})
                   .dump() +
               "\n";
    fs::create_directories(folder_ / directory);
    folder_.write(directory + "/run.json", run.dump());
    folder_.write(directory + "/result.json", result.dump());
    folder_.write(directory + "/metrics.jsonl", lines);
  }

  Json more = Json::object();  // further keys of result.json

 private:
  const Folder& folder_;
  Json run_, result_;
};

std::string id_of(int i) { return std::string(15, 'a') + static_cast<char>('0' + i); }

// A grid of two rates, with controls and two seeds; a memorised run, one that failed and one that was not finished.
Forge forge_study(const Folder& f) {
  Forge forge(f);
  Grid grid{"grid", {"lr", "control"}, Json::array()};
  int i = 0;
  const auto add = [&](double lr, bool control, int seed, const std::vector<double>& losses,
                       const std::vector<double>& low = {}) {
    forge.run("runs/" + id_of(i), control, lr, seed, losses, low);
    grid.add(id_of(i++), seed, {{"lr", lr}, {"control", control}});
  };
  add(0.001, false, 0, {1, 1, 1, 0.96});
  add(0.001, false, 1, {1, 1.1, 1, 1}, {-1, 0.1, -0.1, -1});  // once by chance
  add(0.01, false, 0, {1, 1.2, 1, 1.1});
  add(0.01, false, 1, {2, -1});
  add(0.001, true, 0, {1, 1, 1, 0.02});
  add(0.001, true, 1, {1, 0.8, 0.6, 0.5});
  add(0.01, true, 0, {0.95, 0.94, 0.04, 0.03}, {0.1, 0.2, 0.9, 0.9});
  add(0.01, true, 1, {0.99, 0.9, 0.5, 0.04});
  forge.more = {{"samples", 50}, {"normalized_train_loss", 0.01}, {"verdict", "memorised"}};
  forge.run("runs/memo", false, 0.002, 0, {1, 1.2});
  forge.run("runs/bad", false, 0.1, 0, {1});
  fs::remove(f / "runs/bad/result.json");
  f.write("runs/bad/failure.json", R"({"exit_code": 3, "signal": 0, "error": "disk full"})");
  forge.run("runs/half", true, 0.2, 0, {1});
  fs::remove(f / "runs/half/result.json");
  write_study(f, "runs", "grid", {grid});
  return forge;
}

}  // namespace

TEST_CASE("collect: a csv has every key of result.json, and equal runs in other folders give an equal one") {
  const Folder f;
  Grid g{"lrs", {"lr", "head-width"}, Json::array()}, h{"more", {"lr"}, Json::array()};
  for (const std::string lr : {"0.01", "0.0001"}) {
    const Arguments flags{"--lr", lr, "--head-width", "4", "--seed", "3"};
    const std::string id = planned_id(f, flags);
    accepted(f, tiny(flags + Arguments{"--out", "a/" + id}));
    accepted(f, tiny(flags + Arguments{"--out", "b/deep er/" + id}));
    g.add(id, 3, {{"lr", std::stod(lr)}, {"head-width", 4}});
    h.add(id, 3, {{"lr", std::stod(lr)}});
  }
  accepted(f, tiny({"--out", "a/alone"}));
  accepted(f, tiny({"--out", "b/alone, \"quoted\""}));
  write_study(f, "a", "st", {g, h});
  write_study(f, "b", "st", {g, h});

  CHECK(accepted(f, {"collect", "a", "--db", "a.db", "--csv", "a.csv", "-q"}).empty());
  const Json summary = Json::parse(accepted(f, {"collect", "b", "--db", "b.db", "--csv", "b.csv", "--json"}));
  CHECK(summary.dump() == R"({"db":"b.db","runs":3,"done":3,"failed":0,"unfinished":0,"studies":2})");
  const auto a = csv(f.read("a.csv")), b = csv(f.read("b.csv"));
  CHECK(lasting(a) == lasting(b));
  CHECK(f.read("a.csv").find(f.path()) == std::string::npos);
  REQUIRE(a.size() == 4);
  const std::vector<std::string> first = {"run_id", "study", "seed", "status", "lr", "head-width", "family"};
  CHECK(std::vector<std::string>(a[0].begin(), a[0].begin() + 7) == first);
  CHECK(std::set<std::string>(a[0].begin(), a[0].end()).size() == a[0].size());
  // By study, then by the rate as a number; the run of no study is last.
  CHECK(a[1][4] == "1e-04");
  CHECK(a[2][4] == "0.01");
  CHECK(a[1][1] == "st/lrs");
  CHECK(a[3][1] == "");
  CHECK(a[3][5] == "8");  // not swept there, and as it ran

  const Json result = Json::parse(f.read("a/alone/result.json"));
  for (const auto& item : result.items()) {
    INFO(item.key());
    const Json& value = item.value();
    if (value.is_object()) {
      for (const auto& inner : value.items()) {
        const std::string cell = a[3][column(a, item.key() + "." + inner.key())];
        if (inner.value().is_array()) CHECK(cell == inner.value().dump());
        if (inner.value().is_number()) CHECK(std::stod(cell) == inner.value().get<double>());
      }
    } else {
      const std::string cell = a[3][column(a, item.key())];
      if (value.is_number()) CHECK(std::stod(cell) == value.get<double>());
      if (value.is_string()) CHECK(cell == value.get<std::string>());
      if (value.is_boolean()) CHECK(cell == (value.get<bool>() ? "1" : "0"));
    }
  }
  for (const std::string& name : a[0]) {
    CHECK(!name.starts_with("config.member."));
    CHECK(name != "config.data");
    CHECK(name != "directory");
    CHECK(name != "command");
  }
  // The command repeats the run.
  for (const Row& row : rows(f / "a.db", "SELECT run_id, command FROM runs")) {
    Arguments words;
    std::istringstream in(row[1].get<std::string>());
    for (std::string word; in >> word;) words.push_back(word);
    words.erase(words.begin());
    CHECK(Json::parse(accepted(f, words + Arguments{"--dry-run", "--json"}))["run_id"] == row[0]);
  }
  CHECK(rows(f / "a.db", "SELECT count(*) FROM metrics").at(0).at(0) == 60);
  CHECK(rows(f / "a.db", "PRAGMA user_version").at(0).at(0) == 1);
  CHECK(rows(f / "a.db", "SELECT count(*) FROM study_runs").at(0).at(0) == 4);
}

TEST_CASE("collect: the same again changes nothing, and what changed is replaced") {
  const Folder f;
  Forge forge = forge_study(f);
  forge.more = Json::object();
  accepted(f, {"collect", "runs", "--db", "r.db", "--csv", "1.csv", "-q"});
  const Json once = everything(f / "r.db");
  accepted(f, {"collect", "runs", "runs/", "runs/memo", ".", "--db", "r.db", "--csv", "2.csv", "-q"});
  CHECK(everything(f / "r.db")["runs"].size() == once["runs"].size() + 1);  // that of which the others were made
  // Piece by piece it is the same as at once, whatever the order.
  accepted(f, {"collect", "runs/half", "runs/bad", "--db", "p.db", "-q"});
  accepted(f, {"collect", "runs", "--db", "p.db", "--csv", "3.csv", "-q"});
  CHECK(everything(f / "p.db") == once);
  CHECK(f.read("1.csv") == f.read("3.csv"));
  accepted(f, {"collect", "runs", "--db", "p.db", "-q"});
  CHECK(everything(f / "p.db") == once);

  // The unfinished run ends, with fewer evaluations than before.
  const auto status = [&](const std::string& id) {
    return rows(f / "p.db", "SELECT status, error, normalized_test_loss FROM runs WHERE run_id = '" + id + "'")
        .at(0);
  };
  CHECK(status("half") == Row{"unfinished", nullptr, nullptr});
  CHECK(status("bad") == Row{"failed", "disk full", nullptr});
  forge.run("runs/half", true, 0.2, 0, {1, 0.7});
  fs::remove(f / "runs/bad/failure.json");
  fs::create_directories(f / "elsewhere/memo");  // a copy that got less far
  f.write("elsewhere/memo/run.json", f.read("runs/memo/run.json"));
  accepted(f, {"collect", "runs", "elsewhere", "--db", "p.db", "-q"});
  CHECK(status("half") == Row{"done", nullptr, 0.7});
  CHECK(status("bad") == Row{"unfinished", nullptr, nullptr});
  CHECK(status("memo") == Row{"done", nullptr, 1.2});
  CHECK(rows(f / "p.db", "SELECT count(*) FROM metrics WHERE run_id = 'half'").at(0).at(0) == 2);
  forge.run("runs/half", true, 0.2, 0, {1});
  fs::remove(f / "runs/half/result.json");
  accepted(f, {"collect", "runs", "--db", "p.db", "-q"});
  CHECK(status("half") == Row{"unfinished", nullptr, nullptr});
  CHECK(rows(f / "p.db", "SELECT count(*) FROM metrics WHERE run_id = 'half'").at(0).at(0) == 1);
  // A sweep's file that has changed takes the place of what it said before.
  write_study(f, "runs", "grid", {Grid{"x", {}, Json::array()}, Grid{"y", {}, Json::array()}});
  accepted(f, {"collect", "runs", "--db", "p.db", "-q"});
  CHECK(rows(f / "p.db", "SELECT study FROM studies ORDER BY 1") == std::vector<Row>{{"grid/x"}, {"grid/y"}});
  CHECK(rows(f / "p.db", "SELECT count(study) FROM runs UNION ALL SELECT count(*) FROM study_runs") ==
        std::vector<Row>{{0}, {0}});
}

TEST_CASE("collect: broken folders are told in one line each, and the others are collected") {
  const Folder f;
  Forge forge(f);
  for (const char* name : {"good", "empty", "cut", "list", "other", "text", "line", "deep", "foreign", "norun"})
    forge.run(std::string("r/") + name, false, 0.1, 0, {1, 2});
  f.write("r/empty/result.json", "");
  f.write("r/cut/result.json", f.read("r/cut/result.json").substr(0, 300));
  f.write("r/list/result.json", "[1]\n");
  f.write("r/other/result.json", f.read("r/good/result.json"));
  Json j = Json::parse(f.read("r/text/result.json"));
  j["normalized_test_loss"] = "low\nand\nlower";
  f.write("r/text/result.json", j.dump());
  f.write("r/line/metrics.jsonl", "{\"step\": 1}\n{\"step\": 1.5}\n");
  f.write("r/deep/result.json", std::string(100000, '[') + std::string(100000, ']'));
  f.write("r/foreign/run.json", R"({"format": "other-1", "run_id": "x", "config": {}})");
  fs::remove(f / "r/norun/run.json");
  f.write("r/a.sweep.json", "{}");
  f.write("r/b.sweep.json",
          R"({"format": 1, "name": "b", "sweeps": [{"name": "b", "swept": ["a\"b"], "seeds": [], "runs": []}]})");
  f.write("r/gradvar.json", "{");
  // What is no trouble: circles, a link to nothing, folders without runs, a last line that is being written.
  fs::create_directory_symlink("..", f / "r/good/up");
  fs::create_directory_symlink("good", f / "r/again");
  fs::create_symlink("nowhere", f / "r/dangling");
  fs::create_directories(f / "r/folder/run.json.d");
  forge.run("r/growing", false, 0.1, 0, {1, 2});
  fs::remove(f / "r/growing/result.json");
  f.write("r/growing/metrics.jsonl", f.read("r/growing/metrics.jsonl") + "{\"step\": 3, ");

  for (int time = 0; time < 2; ++time) {
    const Outcome r = collect(f, {"r", "--db", "r.db", "--csv", "r.csv", "--json"});
    CHECK(r.code == 3);
    CHECK(Json::parse(r.out)["runs"] == 2);
    const auto said = lines(r.err);
    CHECK(said.size() == 12);
    for (const std::string& line : said) CHECK(line.starts_with("eqnn: error: not collected: "));
    for (const char* name : {"r/empty", "r/cut", "r/list", "r/other", "r/text", "r/line", "r/deep", "r/foreign",
                             "r/norun", "a.sweep.json", "b.sweep.json", "gradvar.json"})
      CHECK(std::count_if(said.begin(), said.end(),
                          [&](const std::string& l) { return l.find(name) != std::string::npos; }) == 1);
    CHECK(rows(f / "r.db", "SELECT run_id FROM runs ORDER BY 1") == std::vector<Row>{{"good"}, {"growing"}});
    CHECK(rows(f / "r.db", "SELECT count(*) FROM metrics WHERE run_id = 'growing'").at(0).at(0) == 2);
    CHECK(csv(f.read("r.csv")).size() == 3);
  }
}

TEST_CASE("collect: columns for keys of any kind") {
  const Folder f;
  Forge forge(f);
  forge.more = Json::parse(R"({"new": {"a": [1, {"b": null}], "A": "x,\"y\"\n", "deep": {"er": true}},
                               "big": 18446744073709551615, "status": "mine", "steps": 39.5, "recovered": {"S": [1]},
                               "member": {"b": 0.5}})");
  forge.run("r/one", true, 0.1, 0, {1});
  forge.more = {{"member", {{"B", {{1.0, 2.0}}}}}, {"time", {{"zone", "x"}}}};
  forge.run("r/two", true, 1, 0, {1});
  fs::create_directories(f / "r/three");
  f.write("r/three/failure.json", R"({"exit_code": 0, "signal": 9, "error": ""})");
  for (const char* name : {"gradvar", "bounds"}) f.write(std::string("r/") + name + ".json", "{\"x\": [1]}");
  accepted(f, {"collect", "r", "--db", "r.db", "--csv", "r.csv", "-q"});
  CHECK(rows(f / "r.db", R"(SELECT "new.a", "new.A_", "new.deep.er", big, "result.status", steps, "recovered.S",
                                   "member.bias", "member.B" FROM runs WHERE run_id = 'one')") ==
        std::vector<Row>{
            {"[1,{\"b\":null}]", "x,\"y\"\n", 1, "18446744073709551615", "mine", 39.5, "[1]", 0.5, nullptr}});
  CHECK(rows(f / "r.db", "SELECT status, error, family FROM runs WHERE run_id = 'three'") ==
        std::vector<Row>{{"failed", "signal 9", nullptr}});
  CHECK(rows(f / "r.db", "SELECT * FROM documents ORDER BY kind") ==
        std::vector<Row>{{"bounds", "r", "{\"x\":[1]}"}, {"gradvar", "r", "{\"x\":[1]}"}});
  const auto table = csv(f.read("r.csv"));
  REQUIRE(table.size() == 4);
  CHECK(table[2][column(table, "new.A_")] == "x,\"y\"\n");
  CHECK(table[2][column(table, "member.b")] == "0.5");
  CHECK(table[3][column(table, "member.B")] == "[[1.0,2.0]]");
  CHECK(rows(f / "r.db", "SELECT typeof(lr), typeof(control) FROM runs WHERE run_id = 'two'") ==
        std::vector<Row>{{"real", "integer"}});
}

TEST_CASE("collect: parameters that a configuration leaves out have the defaults that apply") {
  const Folder f;
  accepted(f, tiny({"--out", "r/half"}));
  accepted(f, tiny({"--out", "r/begun", "--seed", "1"}));
  fs::remove(f / "r/begun/result.json");
  accepted(f, tiny({"--edge-probability", "0.25", "--out", "r/quarter"}));
  accepted(f, {"train", "cnn-cyclic", "--n", "4", "--k", "2", "--steps", "2", "--test-samples", "10", "-q", "--out",
               "r/cnn"});
  CHECK(f.read("r/half/run.json").find("edge-probability") == std::string::npos);
  accepted(f, {"collect", "r", "--db", "r.db", "-q"});
  const std::string both = R"("params.edge-probability", "config.params.edge-probability")";
  CHECK(
      rows(f / "r.db", "SELECT " + both + R"( FROM runs WHERE "config.family" = 'gnn-degree-parity' ORDER BY 1)") ==
      std::vector<Row>{{0.25, 0.25}, {0.5, 0.5}, {0.5, 0.5}});
  CHECK(rows(f / "r.db",
             "SELECT " + both + R"(, "params.input-correlation" FROM runs WHERE "config.family" = 'cnn-cyclic')") ==
        std::vector<Row>{{nullptr, nullptr, 0}});
  CHECK(rows(f / "r.db", "SELECT count(*) FROM runs WHERE command LIKE '%edge-probability%'") ==
        std::vector<Row>{{1}});
  const std::string table =
      accepted(f, {"plot", "r.db", "--figure", "final-loss", "--family", "gnn-degree-parity"});
  for (const char* q : {"0.25", "0.5"}) CHECK(table.find(q) != std::string::npos);
}

TEST_CASE("collect: the folds of a cross-validation are runs beside it") {
  const Folder f;
  accepted(f, {"train", "--data", paths::data("rings_and_stars.txt"), "--folds", "3", "--steps", "10", "--width",
               "4", "--depth", "1", "--out", "cv", "-q"});
  accepted(f, {"collect", "cv", "--db", "r.db", "-q"});
  CHECK(rows(f / "r.db", "SELECT \"data.fold\", family, status FROM runs ORDER BY 1") ==
        std::vector<Row>{{-1, "data", "done"}, {0, "data", "done"}, {1, "data", "done"}, {2, "data", "done"}});
}

TEST_CASE("collect: what it refuses, and then nothing is written") {
  const Folder f;
  fs::create_directories(f / "r");
  f.write(
      "file",
      "text that is no database, and longer than a header of a hundred bytes, which is what SQLite reads first");
  refused(f, {"collect", "r"}, 2, "--db");
  refused(f, {"collect", "--db", "x.db"}, 2, "DIR");
  refused(f, {"collect", "none", "--db", "x.db"}, 3, "none");
  refused(f, {"collect", "file", "--db", "x.db"}, 3, "file");
  refused(f, {"collect", "r", "--db", "file"}, 3, "no SQLite database");
  refused(f, {"collect", "r", "--db", "r"}, 3, "not a file");
  refused(f, {"collect", "r", "--db", "none/x.db"}, 3, "none/x.db");
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open((f / "foreign.db").c_str(), &db) == SQLITE_OK);
  sqlite3_exec(db, "CREATE TABLE t(x)", nullptr, nullptr, nullptr);
  sqlite3_close(db);
  refused(f, {"collect", "r", "--db", "foreign.db"}, 3, "another program");
  accepted(f, {"collect", "r", "--db", ":memory:", "-q"});
  CHECK(f.has(":memory:"));
  refused(f, {"collect", "r", "--db", ":memory:", "--csv", "./:memory:"}, 2, "--csv");
  CHECK(collect(f, {"r", "--db", "x.db", "--csv", "none/x.csv"}).code == 3);
  REQUIRE(sqlite3_open((f / "x.db").c_str(), &db) == SQLITE_OK);
  sqlite3_exec(db, "PRAGMA user_version = 2", nullptr, nullptr, nullptr);
  sqlite3_close(db);
  refused(f, {"collect", "r", "--db", "x.db"}, 3, "schema 2");
}

TEST_CASE("collect: the queries of docs/database.md answer") {
  const Folder f;
  forge_study(f);
  accepted(f, {"collect", "runs", "--db", "r.db", "-q"});
  std::ifstream in(paths::source("docs/database.md"));
  std::vector<std::vector<Row>> answers;
  bool inside = false;
  std::string sql;
  for (std::string line; std::getline(in, line);) {
    if (inside && line == "```") {
      answers.push_back(rows(f / "r.db", sql));
      INFO(sql);
      CHECK(!answers.back().empty());
      for (const Row& row : answers.back()) CHECK(row.size() > 1);  // one cell: an error
      sql.clear();
      inside = false;
    } else if (inside) {
      sql += line + "\n";
    } else {
      inside = line == "```sql";
    }
  }
  REQUIRE(answers.size() == 10);
  const std::string family = "gnn-degree-parity", slow = R"({"lr":0.001})", fast = R"({"lr":0.01})";
  CHECK(answers[0] == std::vector<Row>{{family, 6, slow, 0.98, 2, fast, 0.035}});
  CHECK(answers[1] == std::vector<Row>{{"grid", slow, 0, 0.0, 2},
                                       {"grid", slow, 1, 0.5, 2},
                                       {"grid", fast, 0, 0.0, 2},
                                       {"grid", fast, 1, 1.0, 2}});
  CHECK(answers[2].at(0) == Row{family, 6, 0.001, 0, 10, 1.0, 1.0, 1.0, 2});
  CHECK(answers[2].at(1) == Row{family, 6, 0.001, 0, 20, 1.05, 1.0, 1.1, 2});
  CHECK(answers[3].size() == 9);
  CHECK(answers[3].at(0).at(5) == 2.0);
  CHECK(answers[3].at(8).at(0) == "aaaaaaaaaaaaaaa4");
  REQUIRE(answers[4].size() == 2);
  CHECK(answers[4].at(0).at(3) == "disk full");
  CHECK(answers[4].at(1).at(0) == "half");
  CHECK(answers[5] == std::vector<Row>{{id_of(6), family, 1, 0, 10, 30}});
  CHECK(answers[6] == std::vector<Row>{{family, "gnn", 0, "cannot-fit", 3},
                                       {family, "gnn", 0, "diverged", 1},
                                       {family, "gnn", 0, "failed", 1},
                                       {family, "gnn", 0, "memorised", 1},
                                       {family, "gnn", 1, "cannot-fit", 1},
                                       {family, "gnn", 1, "learned", 3},
                                       {family, "gnn", 1, "unfinished", 1}});
  CHECK(answers[7] == std::vector<Row>{{family, 6, 0, nullptr, 0, 5}, {family, 6, 1, 40.0, 3, 1}});
  CHECK(answers[8] == std::vector<Row>{{family, 0, 50, 0.01, 1.2, 1.0, 1}});
  CHECK(answers[9] ==
        std::vector<Row>{{family, 6, 0, 0.001, 0.98, 0.001, 0.01}, {family, 6, 1, 0.01, 0.035, 0.001, 0.01}});
}

}  // namespace test_collect
