// eqnn plot: figures of a results database that is written here, row by row.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <sstream>

#include "support/command.h"
#include "support/results_database.h"

namespace test_plot {

namespace {

using namespace cli;
using results_database::have_gnuplot;
using results_database::Results;

// Three sizes, two rates, two seeds; the target is learned at 4 and 6, the control everywhere.
void write_grid(const std::string& path) {
  Results r(path);
  r.study("grid", R"(["n", "lr", "control"])");
  for (const int n : {4, 6, 8})
    for (const char* lr : {"0.001", "0.01"})
      for (const bool control : {false, true})
        for (const int seed : {0, 1}) {
          const bool learned = control || n < 8;
          const std::string loss = learned ? (std::string(lr) == "0.01" ? "0.0125" : "0.03125") : "1.25";
          const std::string values = "{\"n\": " + std::to_string(n) + ", \"lr\": " + lr + "}";
          r.add("grid", seed, values, n, control, learned ? "learned" : "cannot-fit", loss,
                learned ? 100 * n + 100 * seed : 0);
        }
}

const std::vector<std::string> kKinds = {"frontier",    "phase",    "scaling",    "survival",  "learning-curves",
                                         "correlation", "verdicts", "final-loss", "train-test"};

// Target runs of n = 6 and n = 8; at 8 six that learn after a quarter of their samples and six that do not. The
// correlation tells which, and rises a quarter before the loss falls; the distance is the same in all.
void write_progress(const std::string& path) {
  Results r(path);
  r.study("hidden", R"(["n"])");
  for (const int n : {6, 8})
    for (int seed = 0; seed < 12; ++seed) {
      const bool learned = n == 6 || seed % 2 == 0;
      r.add("hidden", seed, "{\"n\": " + std::to_string(n) + "}", n, false, learned ? "learned" : "cannot-fit",
            learned ? "0.01" : "1",
            n == 6    ? 100
            : learned ? 800
                      : 0);
    }
  r.run("DELETE FROM metrics");
  r.run("UPDATE runs SET samples_seen = 800");
  for (int step = 50; step <= 800; step += 50)
    r.run(
        "INSERT INTO metrics(run_id, step, samples_seen, normalized_test_loss, correlation, distance) SELECT "
        "run_id, " +
        std::to_string(step) + ", " + std::to_string(step) + ", CASE WHEN verdict = 'learned' AND " +
        std::to_string(step) + " >= 400 THEN 0.5 ELSE 1 END, CASE WHEN verdict = 'learned' AND " +
        std::to_string(step) + " >= 200 THEN -0.5 ELSE 0.01 END, " + std::to_string(step) + " FROM runs");
}

// Whether text is XML whose tags close in order; no more than that.
bool is_well_formed(const std::string& xml) {
  std::vector<std::string> open;
  bool any = false;
  for (std::size_t at = 0; (at = xml.find('<', at)) != std::string::npos;) {
    const std::size_t end = xml.find('>', at);
    if (end == std::string::npos) return false;
    const std::string tag = xml.substr(at + 1, end - at - 1);
    if (tag.find('<') != std::string::npos) return false;
    at = end + 1;
    if (tag.starts_with("?") || tag.starts_with("!--")) continue;
    const std::string name = tag.substr(0, tag.find_first_of(" \t\r\n/", tag.starts_with("/") ? 1 : 0));
    if (tag.starts_with("/")) {
      if (open.empty() || "/" + open.back() != name) return false;
      open.pop_back();
    } else if (!tag.ends_with("/")) {
      open.push_back(name);
      any = true;
    }
  }
  for (std::size_t at = 0; (at = xml.find('&', at)) != std::string::npos; ++at) {
    const std::string entity = xml.substr(at, xml.find(';', at) - at);
    if (entity != "&amp" && entity != "&lt" && entity != "&gt" && entity != "&quot" && !entity.starts_with("&#"))
      return false;
  }
  return any && open.empty();
}

void check_svg(const std::string& svg) {
  CHECK(is_well_formed(svg));
  CHECK(svg.find("<svg") != std::string::npos);
  CHECK(svg.find("<script") == std::string::npos);
  CHECK(svg.find("href='http") == std::string::npos);
  CHECK(svg.find("href=\"http") == std::string::npos);
  CHECK(svg.find("EQNNFONT") == std::string::npos);
}

TEST_CASE("plot: every kind as SVG, the same bytes twice") {
  if (!have_gnuplot()) return;
  const Folder f;
  write_grid(f / "r.db");
  for (const std::string& kind : kKinds) {
    CAPTURE(kind);
    accepted(f, {"plot", "r.db", "--figure", kind, "-o", kind + ".svg", "-q"});
    const std::string svg = f.read(kind + ".svg");
    check_svg(svg);
    CHECK(svg.find("gnn-degree-parity") != std::string::npos);
  }
  for (const char* kind : {"frontier", "phase", "learning-curves"}) {
    accepted(f, {"plot", "r.db", "--figure", kind, "-o", "again.svg", "-q", "--force"});
    CHECK(f.read("again.svg") == f.read(std::string(kind) + ".svg"));
  }
}

TEST_CASE("plot: PDF and PNG") {
  if (!have_gnuplot()) return;
  const Folder f;
  write_grid(f / "r.db");
  accepted(f, {"plot", "r.db", "--figure", "frontier", "-o", "f.pdf", "-q"});
  CHECK(f.read("f.pdf").starts_with("%PDF-"));
  accepted(f, {"plot", "r.db", "--figure", "verdicts-grid-gnn-degree-parity", "-o", "f.png", "-q"});
  CHECK(f.read("f.png").starts_with("\x89PNG\r\n\x1a\n"));
}

TEST_CASE("plot: --list names what there is, in JSON too") {
  const Folder f;
  write_grid(f / "r.db");
  const std::string list = accepted(f, {"plot", "r.db", "--list"});
  for (const std::string& kind : kKinds) CHECK(list.find(kind + "-grid-gnn-degree-parity") != std::string::npos);
  CHECK(accepted(f, {"plot", "r.db", "--figure", "list"}) == list);
  const Json json = Json::parse(accepted(f, {"plot", "r.db", "--list", "--json"}));
  CHECK(json["figures"].size() == kKinds.size());
  for (const Json& figure : json["figures"]) CHECK(!figure["caption"].get<std::string>().empty());
}

TEST_CASE("plot: the data are those of the database") {
  const Folder f;
  write_grid(f / "r.db");
  const auto rows = lines(accepted(f, {"plot", "r.db", "--figure", "frontier"}));
  REQUIRE(rows.size() == 7);
  CHECK(rows[0].starts_with("n,role,grid_point,grid_points,seeds,learned,fraction,"));
  CHECK(rows[0].find(",steps_to_learn,steps_to_learn_censored,steps_low,steps_low_censored,") != std::string::npos);
  for (const std::string& row : rows) CHECK(row.find('>') == std::string::npos);  // numbers, and flags beside them
  CHECK(rows[1].starts_with("4,target,lr 0.01,2,2,2,1,"));          // both rates learn: the lower loss wins
  CHECK(rows[1].find(",450,0,400,0,500,0,") != std::string::npos);  // median of 400 and 500 steps, and its interval
  CHECK(rows[5].starts_with("8,target,"));
  CHECK(rows[5].find(",2,0,0,") != std::string::npos);
  CHECK(rows[5].find(",800,1,800,1,800,1,6400,1,6400,1,6400,1,1.25,1.25,1.25,") != std::string::npos);
  CHECK(rows[6].starts_with("8,control,lr 0.01,2,2,2,1,"));
  const auto losses = lines(accepted(f, {"plot", "r.db", "--figure", "final-loss", "--data"}));
  CHECK(losses.size() == 25);
  CHECK(losses[1].find(",0.03125,") != std::string::npos);
  const auto phase = lines(accepted(f, {"plot", "r.db", "--figure", "phase", "--x", "lr", "--y", "n"}));
  CHECK(phase.size() == 13);
  CHECK(phase[0].starts_with("lr,n,role,"));
  const Json json = Json::parse(accepted(f, {"plot", "r.db", "--figure", "learning-curves", "--json"}));
  CHECK(json["figures"][0]["columns"][4] == "step");
  CHECK(json["figures"][0]["rows"].size() == 3 * 2 * 2 * 4);
  accepted(f, {"plot", "r.db", "--figure", "frontier", "-o", "f.csv", "-q"});
  CHECK(lines(f.read("f.csv")) == rows);
}

TEST_CASE("plot: a run that learned without a note of when did so by its last step") {
  const Folder f;
  {
    Results r(f / "r.db");
    r.study("s", R"(["n"])");
    for (const int n : {4, 6}) r.add("s", 0, "{\"n\": " + std::to_string(n) + "}", n, false, "learned", "0.01");
  }
  const auto rows = lines(accepted(f, {"plot", "r.db", "--figure", "frontier"}));
  REQUIRE(rows.size() == 3);
  CHECK(rows[1].find(",800,0,800,0,800,0,6400,0,6400,0,6400,0,0.01,") != std::string::npos);
}

TEST_CASE("plot: several figures of a kind are written beside the one that is named") {
  if (!have_gnuplot()) return;
  const Folder f;
  {
    Results r(f / "r.db");
    for (const char* study : {"one", "two/b"}) {
      r.study(study, R"(["n"])");
      r.add(study, 0, R"({"n": 4})", 4, false, "learned", "0.01", 100);
    }
  }
  const Outcome o = f.run({"plot", "r.db", "--figure", "verdicts", "-o", "v.svg"});
  CHECK(o.code == 0);
  CHECK(f.has("v.svg"));
  CHECK(f.has("v-two-b-gnn-degree-parity.svg"));
  CHECK(lines(o.err).size() == 2);
  refused(f, {"plot", "r.db", "--figure", "verdicts"}, 2, "verdicts-one-gnn-degree-parity");
  accepted(f, {"plot", "r.db", "--figure", "verdicts", "--study", "two", "-o", "w.svg", "-q"});
  CHECK(f.read("w.svg").find("study two/b") != std::string::npos);
}

TEST_CASE("plot: one run makes three figures, also one that diverged") {
  const Folder f;
  for (const char* loss : {"1.01", "NULL"}) {
    const std::string name = std::string(loss) + ".db";
    {
      Results r(f / name);
      r.add("", 0, "", 15, false, *loss == 'N' ? "diverged" : "cannot-fit", loss);
    }
    CHECK(lines(accepted(f, {"plot", name, "--list"})).size() >= 3);
    if (!have_gnuplot()) continue;
    for (const char* kind : {"learning-curves", "final-loss", "verdicts"}) {
      accepted(f, {"plot", name, "--figure", kind, "-o", "o.svg", "-q", "--force"});
      check_svg(f.read("o.svg"));
    }
  }
}

TEST_CASE("plot: names with every sign that gnuplot or XML reads") {
  if (!have_gnuplot()) return;
  const Folder f;
  {
    const std::string study =
        "it's <b>{odd}</b> & \"q\" 100%d_^@x `date` $PATH \\ \n end, of a length beyond the page of it all";
    Results r(f / "r.db");
    r.study(study, R"(["optimizer"])");
    for (const char* value : {R"({"optimizer": "<i>'50%' & {x}_^2 @y `date` \\"})", R"({"optimizer": "µ 日本"})"})
      r.add(study, 0, value, 4, false, "undecided", "0.95");
  }
  for (const char* kind : {"verdicts", "final-loss", "learning-curves"}) {
    CAPTURE(kind);
    accepted(f, {"plot", "r.db", "--figure", kind, "-o", "o.svg", "-q", "--force"});
    const std::string svg = f.read("o.svg");
    check_svg(svg);
    CHECK(svg.find("&lt;i>'50%' &amp; {x}_") != std::string::npos);
    CHECK(svg.find("日本") != std::string::npos);
  }
}

TEST_CASE("plot: what is refused") {
  const Folder f;
  write_grid(f / "r.db");
  { const Results empty(f / "empty.db"); }
  f.write("taken.svg", "mine");
  refused(f, {"plot", "none.db", "--figure", "frontier"}, 3, "none.db");
  refused(f, {"plot", "r.db"}, 2, "--figure");
  refused(f, {"plot", "r.db", "--figure", "fronteer"}, 2, "nearest is 'frontier'");
  refused(f, {"plot", "r.db", "--figure", "frontier", "--study", "gird"}, 2, "nearest is 'grid'");
  refused(f, {"plot", "r.db", "--figure", "frontier", "--family", "gnn"}, 2, "gnn-degree-parity");
  refused(f, {"plot", "r.db", "--figure", "phase", "--x", "rl"}, 2, "nearest is 'lr'");
  refused(f, {"plot", "r.db", "--figure", "phase", "--x", "lr", "--y", "lr"}, 2, "two columns");
  refused(f, {"plot", "r.db", "--figure", "frontier", "-o", "f.gif"}, 2, ".svg, .pdf or .png");
  refused(f, {"plot", "r.db", "--figure", "frontier", "--data", "-o", "f.svg"}, 2, "ends in .csv");
  refused(f, {"plot", "r.db", "--figure", "gradvar"}, 2, "has nothing for figure 'gradvar'");
  refused(f, {"plot", "empty.db", "--figure", "verdicts"}, 2, "holds no finished run");
  if (have_gnuplot()) refused(f, {"plot", "r.db", "--figure", "frontier", "-o", "taken.svg"}, 2, "--force");
}

TEST_CASE("plot: without gnuplot the data are there, and the error names the package") {
  const Folder f;
  write_grid(f / "r.db");
  const char* path = std::getenv("PATH");
  const std::string before = path == nullptr ? "" : path;
  setenv("PATH", "/nowhere", 1);
  refused(f, {"plot", "r.db", "--figure", "frontier", "-o", "f.svg"}, 6, "gnuplot-nox");
  CHECK(lines(accepted(f, {"plot", "r.db", "--figure", "frontier"})).size() == 7);
  setenv("PATH", before.c_str(), 1);
}

}  // namespace

TEST_CASE("plot: what measures foretell at a quarter of the budget, and how much earlier they rise") {
  const Folder f;
  write_progress(f / "h.db");
  const auto rows = lines(accepted(f, {"plot", "h.db", "--figure", "progress"}));
  REQUIRE(rows.size() > 4);
  CHECK(rows[0].starts_with("n,measure,learned_early,learned_later,not_learned,area,"));
  // Twelve runs of n = 8, six of either; the tests stand at 50, 100, ..., a quarter is 200.
  CHECK(rows[1].starts_with("8,normalized_test_loss,0,6,6,0.5,"));
  CHECK(rows[2].starts_with("8,correlation,0,6,6,1,"));
  CHECK(rows[2].find(",0.5,0.5,0.5,") != std::string::npos);  // at 200 where the loss fell at 400
  CHECK(rows[3].starts_with("8,distance,0,6,6,0.5,"));
}

}  // namespace test_plot
