// A results database that a test writes row by row.
#pragma once

#include <doctest/doctest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <string>

namespace results_database {

inline bool have_gnuplot() {
  std::istringstream path(std::getenv("PATH") == nullptr ? "" : std::getenv("PATH"));
  for (std::string folder; std::getline(path, folder, ':');)
    if (access((folder + "/gnuplot").c_str(), X_OK) == 0) return true;
  MESSAGE("skipped: figures are drawn by gnuplot, which is not installed (package gnuplot-nox)");
  return false;
}

// A results database, by SQL.
class Results {
 public:
  explicit Results(const std::string& path) {
    REQUIRE(sqlite3_open(path.c_str(), &db_) == SQLITE_OK);
    run("BEGIN");
    run("CREATE TABLE studies(study TEXT PRIMARY KEY, title TEXT, claim TEXT, command TEXT, toml TEXT, swept TEXT, "
        "seeds TEXT) STRICT");
    run("CREATE TABLE study_runs(study TEXT NOT NULL, run_id TEXT NOT NULL, seed INTEGER, \"values\" TEXT, "
        "PRIMARY KEY(study, run_id)) STRICT");
    run("CREATE TABLE runs(run_id TEXT PRIMARY KEY, study TEXT, seed INTEGER, status TEXT NOT NULL, error TEXT, "
        "directory TEXT, command TEXT, family TEXT, model TEXT, algorithm TEXT, control INTEGER, verdict TEXT, "
        "normalized_test_loss REAL, normalized_train_loss REAL, steps INTEGER, samples_seen INTEGER, "
        "steps_to_learn "
        "INTEGER, samples_to_learn INTEGER, \"params.n\" INTEGER, \"config.lr\" REAL) STRICT");
    run("CREATE TABLE metrics(run_id TEXT NOT NULL, step INTEGER NOT NULL, samples_seen INTEGER, batch_loss REAL, "
        "train_loss REAL, test_samples INTEGER, test_loss REAL, normalized_test_loss REAL, test_accuracy REAL, "
        "correlation REAL, correlation_low REAL, correlation_high REAL, gradient_norm REAL, gradient_snr REAL, "
        "distance REAL, \"time.wall_seconds\" REAL, PRIMARY KEY(run_id, step)) STRICT, WITHOUT ROWID");
    run("CREATE TABLE documents(kind TEXT NOT NULL, key TEXT NOT NULL, json TEXT, PRIMARY KEY(kind, key)) STRICT");
    run("PRAGMA application_id = 1701932654");
    run("PRAGMA user_version = 1");
  }
  ~Results() {
    run("COMMIT");
    sqlite3_close(db_);
  }
  Results(const Results&) = delete;
  Results& operator=(const Results&) = delete;

  void run(const std::string& sql) {
    char* error = nullptr;
    const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, &error);
    INFO(sql, ": ", error == nullptr ? "" : error);
    REQUIRE(code == SQLITE_OK);
  }
  static std::string text(const std::string& t) {
    std::string out = "'";
    for (const char c : t) out += c == '\'' ? std::string("''") : std::string(1, c);
    return out + "'";
  }
  void study(const std::string& name, const std::string& swept) {
    run("INSERT INTO studies VALUES(" + text(name) + ", 'a title', '', '', '', " + text(swept) + ", '[0, 1]')");
  }
  // A document of `collect`: what gradvar or bound wrote.
  void document(const std::string& kind, const std::string& key, const std::string& json) {
    run("INSERT INTO documents VALUES(" + text(kind) + ", " + text(key) + ", " + text(json) + ")");
  }
  // A finished run whose loss falls from 1 to `loss`; `loss` null: it diverged. `study` "": of none.
  void add(const std::string& study, int seed, const std::string& values, int n, bool control,
           const std::string& verdict, const std::string& loss, int steps_to_learn = 0) {
    const std::string id = "run" + std::to_string(1000 + count_++);
    const std::string learned = steps_to_learn > 0 ? std::to_string(steps_to_learn) : "NULL";
    run("INSERT INTO runs VALUES('" + id + "', " + (study.empty() ? "NULL" : text(study)) + ", " +
        std::to_string(seed) + ", 'done', NULL, '', '', 'gnn-degree-parity', 'gnn', NULL, " +
        (control ? "1" : "0") + ", '" + verdict + "', " + loss + ", " + loss + ", 800, 6400, " + learned + ", " +
        learned + ", " + std::to_string(n) + ", 0.01)");
    if (!study.empty())
      run("INSERT INTO study_runs VALUES(" + text(study) + ", '" + id + "', " + std::to_string(seed) + ", " +
          text(values) + ")");
    for (int step = 100; step <= 800; step *= 2)
      run("INSERT INTO metrics(run_id, step, normalized_test_loss, correlation, correlation_low, correlation_high) "
          "VALUES('" +
          id + "', " + std::to_string(step) + ", " + (step == 800 ? loss : "1.0") + ", 0.02, -0.03, 0.07)");
  }

 private:
  sqlite3* db_ = nullptr;
  int count_ = 0;
};

}  // namespace results_database
