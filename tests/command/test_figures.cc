// What figures and pages look like, measured in the SVG and read in the page.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <regex>
#include <set>
#include <thread>

#include "support/command.h"
#include "support/results_database.h"

namespace test_figures {

using namespace cli;
using results_database::have_gnuplot;
using results_database::Results;

namespace {

struct Place {
  double x = 0, y = 0;
  std::string text;
};

std::vector<Place> matches(const std::string& svg, const std::string& pattern) {
  std::vector<Place> places;
  const std::regex form(pattern);
  for (std::sregex_iterator i(svg.begin(), svg.end(), form), end; i != end; ++i)
    places.push_back({std::stod((*i)[1]), std::stod((*i)[2]), i->size() > 3 ? (*i)[3].str() : ""});
  return places;
}

// Points of gnuplot's type (6 a disk, 8 a triangle, 5 a ring) but for the white below them.
std::vector<Place> points(const std::string& svg, int type) {
  return matches(svg, "gpPt" + std::to_string(type) +
                          "' transform='translate\\(([-0-9.]+),([-0-9.]+)\\) scale\\([0-9.]+\\)' color='rgb");
}

std::vector<Place> words(const std::string& svg) {
  return matches(svg, "translate\\(([-0-9.]+),([-0-9.]+)\\)[^>]*>\\s*<text>([^<]*)</text>");
}

std::size_t count_words(const std::string& svg, const std::string& text) {
  const auto all = words(svg);
  return static_cast<std::size_t>(std::ranges::count(all, text, &Place::text));
}

// Where the word stands; the last of several.
Place word(const std::string& svg, const std::string& text) {
  Place found{std::nan(""), std::nan(""), ""};
  for (const Place& p : words(svg))
    if (p.text == text) found = p;
  return found;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

struct Segment {
  double x1 = 0, x2 = 0;
};

// The parts of all lines of a colour, "  0, 114, 178".
std::vector<Segment> segments(const std::string& svg, const std::string& color) {
  std::vector<Segment> all;
  const std::regex path("<path stroke='rgb\\(" + color + "\\)'[^>]* d='([^']*)'"), step("([ML])([0-9.]+),");
  for (std::sregex_iterator i(svg.begin(), svg.end(), path), end; i != end; ++i) {
    const std::string d = (*i)[1];
    double at = 0;
    for (std::sregex_iterator j(d.begin(), d.end(), step); j != end; ++j) {
      const double x = std::stod((*j)[2]);
      if ((*j)[1] == "L") all.push_back({at, x});
      at = x;
    }
  }
  return all;
}

bool joins(const std::vector<Segment>& all, double from, double to, double slack = 1) {
  return std::ranges::any_of(
      all, [&](const Segment& s) { return std::abs(s.x1 - from) < slack && std::abs(s.x2 - to) < slack; });
}

std::string drawn(const Folder& f, const std::string& kind, const Arguments& more = {}) {
  accepted(f, Arguments{"plot", "r.db", "--figure", kind, "-o", "o.svg", "-q", "--force"} + more);
  return f.read("o.svg");
}

// One run a size, role and seed; what is learned takes 100 n steps.
void add_sizes(Results& r, const std::string& study, const std::vector<int>& sizes, bool control, int seeds = 1,
               const std::string& loss = "0.01") {
  for (const int n : sizes)
    for (int seed = 0; seed < seeds; ++seed)
      r.add(study, seed, "{\"n\": " + std::to_string(n) + "}", n, control, "learned", loss, 100 * n);
}

std::string gradvar_json(const std::string& n, double variance, double error) {
  return R"({"family": "boolean-orbit", "params": {"n": )" + n +
         R"(}, "members": 4, "points": [{"step": 0, "variance": )" + std::to_string(variance) + R"(, "error": )" +
         std::to_string(error) + R"(, "bound": 30}]})";
}

std::string bounds_json(const std::string& group, const std::string& queries) {
  return R"({"family": "boolean-orbit", "params": {"n": 6, "group": ")" + group +
         R"("}, "training": {"queries": )" + queries +
         R"(, "steps": 1, "parameters": 1, "explanation": {"explains": false, "run_queries": 10, "run_tau": 0.1, )"
         R"("batch_queries": 1e18, "batch_tau": 0.1}}, "bounds": []})";
}

}  // namespace

TEST_CASE("plot: gradvar draws an arrow from an upper limit where it has no estimate") {
  if (!have_gnuplot()) return;
  const Folder f;
  {
    Results r(f / "r.db");
    r.document("gradvar", "a", gradvar_json("4", 10, 1));    // 8 to 12
    r.document("gradvar", "b", gradvar_json("6", 0.5, 1));   // below 2.5
    r.document("gradvar", "c", gradvar_json("8", -3, 0.5));  // below 1
  }
  const auto rows = lines(accepted(f, {"plot", "r.db", "--figure", "gradvar"}));
  REQUIRE(rows.size() == 4);
  CHECK(rows[1] == "boolean-orbit,0,10,1,30,,,,");
  CHECK(rows[2] == "boolean-orbit,0,0.5,1,30,,,2.5,");
  CHECK(rows[3] == "boolean-orbit,0,-3,0.5,30,,,1,");
  const std::string svg = drawn(f, "gradvar");
  CHECK(count_words(svg, "← upper limit") == 1);
  const auto disks = points(svg, 6), rings = points(svg, 5);
  REQUIRE(disks.size() == 2);  // the legend's, and the one estimate
  REQUIRE(rings.size() == 3);
  // On the logarithmic axis 1 and 10 have tics: 2.5 and 1 stand where they belong.
  const double one = word(svg, "1").x, ten = word(svg, "10").x;
  CHECK(disks[1].x == doctest::Approx(ten).epsilon(0.002));
  CHECK(rings[1].x == doctest::Approx(one + (ten - one) * std::log10(2.5)).epsilon(0.002));
  CHECK(rings[2].x == doctest::Approx(one).epsilon(0.002));
  // From each ring a line to the left, to 0.45 of the limit.
  const double end = rings[2].x + (ten - one) * std::log10(0.45);
  CHECK(joins(segments(svg, "  0, 114, 178"), rings[2].x, end));
}

TEST_CASE("plot: rows of queries have names of their own, and tics do not touch") {
  if (!have_gnuplot()) return;
  const Folder f;
  {
    Results r(f / "r.db");
    r.document("bounds", "a", bounds_json("cyclic", "1e6"));
    r.document("bounds", "b", bounds_json("symmetric", "1e2"));
    r.document("bounds", "c", bounds_json("symmetric", "1e2"));  // the same instance again
  }
  const std::string svg = drawn(f, "queries");
  CHECK(count_words(svg, "boolean-orbit n 6, group cyclic") == 1);
  CHECK(count_words(svg, "boolean-orbit n 6, group symmetric") == 1);
  std::vector<Place> tics;
  for (const Place& p : words(svg))
    if (!p.text.empty() && p.text.find_first_not_of("0123456789e") == std::string::npos) tics.push_back(p);
  REQUIRE(tics.size() >= 4);
  for (std::size_t i = 1; i < tics.size(); ++i)
    CHECK(tics[i].x - tics[i - 1].x > 3.5 * static_cast<double>(tics[i].text.size() + tics[i - 1].text.size()) + 4);
}

TEST_CASE("plot: frontier marks stand at their tics, and no line passes a size that was not measured") {
  if (!have_gnuplot()) return;
  const Folder f;
  {
    Results r(f / "r.db");
    r.study("s", R"(["n"])");
    add_sizes(r, "s", {4, 8, 12}, false);
    add_sizes(r, "s", {4, 6, 8}, true);
  }
  const std::string svg = drawn(f, "frontier");
  const auto disks = points(svg, 6), triangles = points(svg, 8);
  REQUIRE(disks.size() == 7);  // the legend's; three in each panel
  REQUIRE(triangles.size() == 7);
  CHECK(disks[3].x == doctest::Approx(word(svg, "12").x).epsilon(1e-4));     // alone at 12
  CHECK(triangles[2].x == doctest::Approx(word(svg, "6").x).epsilon(1e-4));  // alone at 6
  CHECK(disks[1].x < word(svg, "4").x);                                      // beside the control
  CHECK(triangles[1].x > word(svg, "4").x);
  // The target's line is broken at 6: it begins anew at 8.
  const auto target = segments(svg, "  0, 114, 178"), control = segments(svg, "213,  94,   0");
  CHECK(!joins(target, disks[1].x, disks[2].x));
  CHECK(joins(target, disks[2].x, disks[3].x));
  CHECK(joins(control, triangles[1].x, triangles[2].x));
}

TEST_CASE("plot: scaling has no point without a size") {
  if (!have_gnuplot()) return;
  const Folder f;
  {
    Results r(f / "r.db");
    r.study("s", R"(["n"])");
    add_sizes(r, "s", {4, 8}, false);
  }
  const std::string svg = drawn(f, "scaling");
  CHECK(!contains(svg, "scale(0.00)"));
  CHECK(contains(svg, "a fit needs"));
}

TEST_CASE("plot: tests a twentieth of the budget apart, the default, bound the times that laws are fitted to") {
  const Folder f;
  {
    Results r(f / "r.db");
    r.study("s", R"(["n"])");
    add_sizes(r, "s", {4, 6, 8}, false, 3);
    r.run("ALTER TABLE runs ADD COLUMN \"config.eval-every\" INTEGER");
    r.run("ALTER TABLE runs ADD COLUMN \"config.steps\" INTEGER");
    r.run("UPDATE runs SET \"config.eval-every\" = 0, \"config.steps\" = 4000");
  }
  const Json figure = Json::parse(accepted(f, {"plot", "r.db", "--figure", "scaling", "--json"}))["figures"][0];
  int laws = 0;
  for (const Json& row : figure["rows"])
    if (row[10].is_string() && !contains(row[10], "no law")) {
      CHECK(row[16].is_number());  // its log-likelihood
      ++laws;
    }
  CHECK(laws >= 3);
}

TEST_CASE("plot: learning curves leave no setting out: further rows, then further figures") {
  if (!have_gnuplot()) return;
  const Folder f;
  {
    Results r(f / "r.db");
    r.study("s", R"(["n"])");
    std::vector<int> sizes;
    for (int n = 3; n < 17; ++n) sizes.push_back(n);
    add_sizes(r, "s", sizes, false);
  }
  const std::string first = drawn(f, "learning-curves");
  for (int n = 3; n < 15; ++n) CHECK(count_words(first, "n " + std::to_string(n)) == 1);
  CHECK(contains(first, "study s, 1 of 2"));
  const std::string second = f.read("o-s-gnn-degree-parity-2.svg");
  for (const int n : {15, 16}) CHECK(count_words(second, "n " + std::to_string(n)) == 1);
  CHECK(count_words(second, "n 14") == 0);
}

TEST_CASE("plot: phase diagrams have a logarithmic colour where losses span decades, and whole numbers") {
  if (!have_gnuplot()) return;
  const Folder f;
  const auto write = [&](const char* least) {
    std::filesystem::remove(f / "r.db");
    Results r(f / "r.db");
    r.study("s", R"(["n", "lr"])");
    for (const int n : {4, 6})
      for (const char* lr : {"0.1", "0.2"})
        r.add("s", 0, "{\"n\": " + std::to_string(n) + ", \"lr\": " + lr + "}", n, false, "learned",
              n == 4 ? (*std::string(lr).rbegin() == '1' ? least : "0.01") : "1", 100);
  };
  write("0.0002");
  const std::string svg = drawn(f, "phase");
  CHECK(count_words(svg, "2e-4") + count_words(svg, "0.0002") == 1);
  CHECK(count_words(svg, "0.01") == 2);  // a cell, and the scale
  CHECK(count_words(svg, ".01") == 0);
  CHECK(count_words(svg, "≤ 0.0001") == 1);
  CHECK(count_words(svg, "≥ 1") == 1);
  write("0.4");  // 0.01 to 1 still span decades; the scale ends there
  CHECK(count_words(drawn(f, "phase"), "≤ 0.01") == 1);
}

TEST_CASE("plot: no marks for runs that were not measured, and no figure of half of the runs") {
  const Folder f;
  {
    Results r(f / "r.db");
    r.study("s", R"(["n"])");
    add_sizes(r, "s", {4, 8}, false, 3);
    r.run("UPDATE runs SET normalized_train_loss = NULL WHERE run_id = 'run1000'");
    r.run("UPDATE runs SET verdict = 'diverged', normalized_test_loss = NULL WHERE run_id = 'run1001'");
  }
  const Json some = Json::parse(accepted(f, {"plot", "r.db", "--figure", "train-test", "--json"}))["figures"][0];
  CHECK(some["rows"].size() == 5);
  CHECK(contains(some["caption"], "1 without a loss is not drawn."));
  CHECK(lines(accepted(f, {"plot", "r.db", "--figure", "final-loss"})).size() == 7);  // has its test loss
  {
    Results r(f / "h.db");
    r.study("s", R"(["n"])");
    add_sizes(r, "s", {4, 8}, false);
    r.run("UPDATE runs SET normalized_train_loss = NULL WHERE run_id = 'run1000'");
  }
  refused(f, {"plot", "h.db", "--figure", "train-test"}, 2, "has nothing for figure 'train-test'");
}

TEST_CASE("plot: no panel without a curve, no phase diagram of pairs") {
  const Folder f;
  {
    Results r(f / "r.db");
    r.study("s", R"(["n", "lr"])");
    add_sizes(r, "s", {4, 8}, false);
    r.run("UPDATE study_runs SET \"values\" = '{\"n\": 4, \"lr\": 0.1}' WHERE run_id = 'run1000'");
    r.run("UPDATE study_runs SET \"values\" = '{\"n\": 8, \"lr\": 0.2}' WHERE run_id = 'run1001'");
    r.run("DELETE FROM metrics WHERE run_id = 'run1000' AND step > 100");
  }
  const Json curves =
      Json::parse(accepted(f, {"plot", "r.db", "--figure", "learning-curves", "--json"}))["figures"][0];
  for (const Json& row : curves["rows"]) CHECK(row[0] == "n 8");
  CHECK(contains(curves["caption"], "1 setting of which no run was tested twice has no panel."));
  refused(f, {"plot", "r.db", "--figure", "phase"}, 2, "has nothing for figure 'phase'");
  CHECK(lines(accepted(f, {"plot", "r.db", "--figure", "phase", "--x", "n", "--y", "lr"})).size() == 3);
}

TEST_CASE("plot: a figure for a paper has its size, text and lines, and its script") {
  if (!have_gnuplot()) return;
  const Folder f;
  {
    Results r(f / "r.db");
    r.study("s", R"(["n"])");
    add_sizes(r, "s", {4, 8, 12}, false, 3);
  }
  std::string svg = drawn(f, "frontier", {"--size", "85x80mm"});
  CHECK(contains(svg, "width=\"3.34646in\" height=\"3.14961in\""));
  CHECK(count_words(svg, "Frontier: gnn-degree-parity, study s") == 0);
  svg = drawn(f, "frontier", {"--size", "5x4in", "--font", "Times,10", "--title", "Mine", "--axes", "n=nodes"});
  CHECK(contains(svg, "width=\"5in\" height=\"4in\""));
  CHECK(contains(svg, "font-family=\"Times, serif\""));
  CHECK(count_words(svg, "Mine") == 1);
  CHECK((count_words(svg, "nodes") == 1 && count_words(svg, "n") == 0));
  // Text of 12 units: 10 points of 5 inches. The axes' lines, of width 1, are half a point: 0.6 units.
  CHECK(contains(svg, "viewBox=\"0 0 432 346\""));
  CHECK(contains(svg, "stroke-width=\"0.60\""));
  accepted(f, {"plot", "r.db", "--figure", "frontier", "--size", "85x80mm", "-o", "f.pdf", "-q"});
  const std::string pdf = f.read("f.pdf");
  CHECK(contains(pdf, "/Font"));
  if (std::system("command -v pdftotext >/dev/null 2>&1") == 0) {
    REQUIRE(std::system(("pdftotext '" + (f / "f.pdf") + "' '" + (f / "f.txt") + "'").c_str()) == 0);
    CHECK(contains(f.read("f.txt"), "target"));
    CHECK(contains(f.read("f.txt"), "0.05: learned"));
  }
  accepted(f, {"plot", "r.db", "--figure", "frontier", "--script", "scripts", "-q"});
  CHECK(f.read("scripts/frontier-s-gnn-degree-parity.csv") ==
        accepted(f, {"plot", "r.db", "--figure", "frontier"}));
  REQUIRE(std::system(("cd '" + (f / "scripts") + "' && gnuplot frontier-s-gnn-degree-parity.gp").c_str()) == 0);
  CHECK(f.read("scripts/frontier-s-gnn-degree-parity.pdf").starts_with("%PDF-"));
  accepted(f, {"plot", "r.db", "--figure", "frontier", "--script", "one.gp", "-o", "o.svg", "--force", "-q"});
  CHECK(contains(f.read("one.gp"), "set output 'one.svg'"));
  refused(f, {"plot", "r.db", "--figure", "frontier", "--script", "one.gp"}, 2, "--force");
  refused(f, {"plot", "r.db", "--figure", "frontier", "--size", "85mm", "-o", "x.svg"}, 2, "85x60mm");
  refused(f, {"plot", "r.db", "--figure", "frontier", "--size", "85x25mm", "-o", "x.svg"}, 2,
          "is 85x25mm, too small");
  refused(f, {"plot", "r.db", "--figure", "frontier", "--size", "3.4x1in", "-o", "x.svg"}, 2,
          "is 3.4x1in, too small");
  const Outcome font = f.run({"plot", "r.db", "--figure", "frontier", "--font", "Tims", "-o", "t.svg"});
  if (std::system("command -v fc-match >/dev/null 2>&1") == 0) CHECK(contains(font.err, "'Tims' is not installed"));
  // What a message says is the least size is one.
  for (const std::string figure : {"frontier", "verdicts", "final-loss", "scaling", "survival"}) {
    CAPTURE(figure);
    const Outcome small = f.run({"plot", "r.db", "--figure", figure, "--size", "85x20mm", "-o", "least.svg", "-q"});
    const auto at = small.err.find("at least ");
    REQUIRE(at != std::string::npos);
    const std::string least = small.err.substr(at + 9, small.err.find(',', at) - at - 9);
    accepted(f, {"plot", "r.db", "--figure", figure, "--size", least, "-o", "least.svg", "--force", "-q"});
  }
  accepted(f, {"plot", "r.db", "--figure", "frontier", "--axes", "n=nodes; normalised test loss=loss", "-o",
               "a.svg", "-q"});
  refused(f, {"plot", "r.db", "--figure", "frontier", "--font", "Times,99", "-o", "x.svg"}, 2, "4 to 40 points");
  refused(f, {"plot", "r.db", "--figure", "frontier", "--axes", "m=x", "-o", "x.svg"}, 2, "there are ");
}

TEST_CASE("plot: any column against any other") {
  const Folder f;
  {
    Results r(f / "r.db");
    for (const char* loss : {"0.001", "0.01", "0.1"}) r.add("", 0, "", 4, false, "learned", loss, 100);
    for (const char* loss : {"1", "3"}) r.add("", 0, "", 400, true, "cannot-fit", loss);
    r.add("", 0, "", 4, false, "diverged", "NULL");
  }
  const Arguments anything{"plot", "r.db", "--kind", "anything"};
  const auto rows =
      lines(accepted(f, anything + Arguments{"--x", "n", "--y", "normalized_test_loss", "--by", "control"}));
  REQUIRE(rows.size() == 9);
  CHECK(rows[0] == "mark,control,n,normalized_test_loss,run_id,runs,low,high,coverage,budget,setting");
  CHECK(rows[1] == "run,target,4,0.001,run1000,,,,,,");
  CHECK(rows[5] == "median,target,4,0.055,,4,0.001,,0.875,,");  // one diverged: above all others
  CHECK(rows[8] == "median,control,400,2,,2,1,3,0.5,,");
  if (have_gnuplot()) {
    accepted(f, anything + Arguments{"--x", "n", "--y", "normalized_test_loss", "--script", "a.gp", "-q"});
    CHECK(contains(f.read("a.gp"), "set logscale x"));
    CHECK(contains(f.read("a.gp"), "set logscale y"));
    accepted(f, anything + Arguments{"--x", "verdict", "--y", "steps", "-o", "o.svg", "-q"});
    CHECK(count_words(f.read("o.svg"), "cannot-fit") == 1);
  }
  refused(f, anything + Arguments{"--x", "nn", "--y", "steps"}, 2, "nearest is 'n'");
  refused(f, anything + Arguments{"--x", "n", "--y", "normalised_test_loss"}, 2,
          "nearest is 'normalized_test_loss'");
  refused(f, anything + Arguments{"--x", "n", "--y", "verdict"}, 2, "columns of numbers are ");
  refused(f, anything + Arguments{"--x", "n"}, 2, "needs --x and --y");
  for (const Arguments& flag : {Arguments{"--by", "n"}, {"--where", "n=4"}, {"--best"}})
    refused(f, Arguments{"plot", "r.db", "--figure", "verdicts"} + flag, 2,
            flag[0] + " has no effect on 'verdicts'");
}

TEST_CASE("plot: any columns: target and control stay apart, what is pooled is said, chosen, or left to the best") {
  const Folder f;
  {
    Results r(f / "r.db");
    for (const bool control : {false, true})
      for (const char* loss : {"0.01", "0.02", "0.03"})
        r.add("", 0, "", 4, control, "learned", control ? "0.001" : loss, 100);
    for (const char* loss : {"0.9", "1", "0.04"})
      r.add("", 0, "", 4, false, std::string(loss) == "0.04" ? "learned" : "cannot-fit", loss,
            std::string(loss) == "0.04" ? 200 : -1);
    r.run("ALTER TABLE runs ADD COLUMN tags TEXT");
    r.run("ALTER TABLE runs ADD COLUMN \"config.member-seed\" INTEGER");
    r.run("UPDATE runs SET \"config.lr\" = 0.1, \"config.member-seed\" = substr(run_id, 4)");
    r.run("UPDATE runs SET \"config.lr\" = 0.3 WHERE run_id >= 'run1006'");
    r.run("UPDATE runs SET tags = '[\"one\",\"two\"]' WHERE run_id = 'run1001'");
  }
  const Arguments anything{"plot", "r.db", "--kind", "anything", "--x", "n"}, loss{"--y", "normalized_test_loss"};
  const Outcome pooled = f.run(anything + loss);
  CHECK(pooled.code == 0);
  CHECK(contains(pooled.err, "marks pool lr (2 values)"));
  CHECK(contains(pooled.out, "median,target,4,0.035,,6,"));
  CHECK(contains(pooled.out, "median,control,4,0.001,,3,"));
  CHECK(contains(accepted(f, anything + loss + Arguments{"--best"}),
                 "median,target,4,0.02,,3,0.01,0.03,0.75,,lr 0.1"));
  const std::string by = accepted(f, anything + loss + Arguments{"--by", "lr,control"});
  CHECK(contains(by, "median,\"lr 0.3, target\",4,0.9,"));
  const std::string chosen = accepted(f, anything + loss + Arguments{"--where", "lr=0.3; control=target"});
  CHECK(contains(chosen, "median,,4,0.9,,3,"));
  CHECK_FALSE(contains(chosen, "control"));
  CHECK(lines(accepted(f, anything + loss + Arguments{"--where", "tags=two"})).size() == 3);
  // Fractions, with intervals that allow for a choice; and times, of which some are above the budget.
  CHECK(contains(accepted(f, anything + Arguments{"--y", "learned", "--where", "lr=0.3"}), "fraction,,4,0.3333"));
  const std::string best =
                        accepted(f, anything + Arguments{"--y", "learned", "--best", "--where", "control=target"}),
                    all = accepted(f, anything + Arguments{"--y", "learned", "--where", "lr=0.1; control=target"});
  CHECK(contains(all, "fraction,,4,1,,3,0.29"));
  CHECK(contains(best, "fraction,,4,1,,3,0.23"));
  CHECK(contains(accepted(f, anything + Arguments{"--y", "steps_to_learn", "--where", "lr=0.3"}),
                 "median,,4,,,3,200,,0.75,"));
  refused(f, anything + loss + Arguments{"--where", "lr"}, 2, "KEY=VALUE");
  refused(f, anything + loss + Arguments{"--where", "lr=7"}, 2,
          "no finished run is of this study and family, and meets");
  refused(f, anything + loss + Arguments{"--where", "lrr=1"}, 2, "nearest is 'lr'");
}

// --- the page ----------------------------------------------------------------------------------------------

TEST_CASE("report: sweeps as their file has them, controls of other sweeps, no figures of one run") {
  if (!have_gnuplot()) return;
  const Folder f;
  {
    Results r(f / "r.db");
    r.study("f/zeta", R"(["n"])");
    r.study("f/alpha", R"(["n"])");
    r.study("f/single", "[]");
    r.run("UPDATE studies SET toml = 'title = \"The title of the file\"'");
    for (const int seed : {0, 1}) {
      r.add("f/zeta", seed, R"({"n": 12})", 12, false, "cannot-fit", "1");
      r.add("f/alpha", seed, R"({"n": 12})", 12, true, "learned", "0.01", 100);
    }
    r.add("f/single", 0, "{}", 20, false, "cannot-fit", "1");
  }
  accepted(f, {"report", "r.db", "-o", "r.html", "-q"});
  const std::string html = f.read("r.html");
  CHECK(contains(html, "<h1>The title of the file</h1>"));
  CHECK(html.find("(f/zeta)") < html.find("(f/alpha)"));
  CHECK(contains(html, "Control, of sweep f/alpha: <span class=\"good\">learned by every seed</span>"));
  CHECK(contains(html, "control<small>of f/alpha</small>"));
  CHECK(!contains(html, "No control was run for gnn-degree-parity at n\u00a0=\u00a012"));
  CHECK(contains(html, "No control was run for gnn-degree-parity at n\u00a0=\u00a020"));  // there is none
  CHECK(contains(html, "Verdicts by setting: gnn-degree-parity, study f/zeta"));
  CHECK(!contains(html, "Verdicts by setting: gnn-degree-parity, study f/single"));
  // Another budget is another control.
  {
    Results r(f / "s.db");
    r.study("f/zeta", R"(["n"])");
    r.study("f/alpha", R"(["n"])");
    r.add("f/zeta", 0, R"({"n": 12})", 12, false, "cannot-fit", "1");
    r.add("f/alpha", 0, R"({"n": 12})", 12, true, "learned", "0.01", 100);
    r.run("ALTER TABLE runs ADD COLUMN \"config.steps\" INTEGER");
    r.run("UPDATE runs SET \"config.steps\" = CASE WHEN control THEN 5000 ELSE 100 END");
  }
  accepted(f, {"report", "s.db", "-o", "s.html", "-q"});
  CHECK(contains(f.read("s.html"), "No control was run for gnn-degree-parity at n\u00a0=\u00a012"));
}

TEST_CASE("report: figures without a background, and cues where a page is narrow, dark or paper") {
  if (!have_gnuplot()) return;
  const Folder f;
  {
    Results r(f / "r.db");
    r.study("s", R"(["n"])");
    add_sizes(r, "s", {4, 8}, false);
  }
  accepted(f, {"report", "r.db", "-o", "r.html", "-q"});
  const std::string html = f.read("r.html");
  CHECK(!contains(html, "fill=\"#ffffff\"/>"));
  CHECK(contains(html, "class=\"scroll wide\""));
  const std::string style = html.substr(0, html.find("</style>"));
  CHECK(contains(style, "background-attachment: local, local, scroll, scroll"));
  CHECK(contains(style, "filter: invert(1) hue-rotate(180deg)"));
  CHECK(contains(style, "wider than the screen: scroll"));
  // Small text is smaller than its table's, on paper too.
  CHECK(std::regex_search(style, std::regex("td small \\{[^}]*font-size: \\.9em")));
}

TEST_CASE("report: a live page is written anew until nothing is left") {
  if (!have_gnuplot()) return;
  const Folder f;
  f.write("s.toml",
          "name = \"s\"\nseeds = [0, 1]\n[run]\nfamily = \"gnn-degree-parity\"\nn = 4\nwidth = 4\nsteps = 20\n"
          "batch = 4\ntest-samples = 20\neval-every = 10\n");
  accepted(f, {"sweep", "run", "s.toml", "--out", "runs", "--shard", "0/2", "-q"});
  Process live(f, {"report", "runs", "--watch", "--every", "0.2", "-o", "live.html"});
  REQUIRE(live.reaches([&] { return f.has("live.html"); }));
  const std::string page = f.read("live.html");  // written at once as a whole
  CHECK(contains(page, "<meta http-equiv=\"refresh\" content=\"1\">"));
  CHECK(contains(page, "1 of 2 runs done, 0 failed"));
  CHECK(page.ends_with("</html>\n"));
  accepted(f, {"sweep", "run", "s.toml", "--out", "runs", "-q"});
  const Outcome o = live.wait();
  CHECK(o.code == 0);
  CHECK(contains(o.out, "live.html: 2 of 2 runs done"));
  const std::string last = f.read("live.html");
  CHECK(!contains(last, "refresh"));
  // The last page is that of the same folder without --watch.
  accepted(f, {"report", "runs", "-o", "once.html", "-q"});
  std::string once = f.read("once.html");
  for (std::size_t at; (at = once.find("once.html")) != std::string::npos;) once.replace(at, 9, "live.html");
  CHECK(once == last);
  refused(f, {"report", "runs", "--watch", "-o", "live.html"}, 2, "--force");
  refused(f, {"report", "runs", "--watch", "--every", "0", "-o", "x.html"}, 2, "--every");
}

TEST_CASE("report: a live page of a sweep without a finished run waits, and ends when it is told") {
  if (!have_gnuplot()) return;
  const Folder f;
  {
    Results r(f / "r.db");
    r.study("s", R"(["n"])");
    r.add("s", 0, R"({"n": 4})", 4, false, "learned", "0.01", 100);
    r.run("UPDATE runs SET status = 'unfinished'");
  }
  Process live(f, {"report", "r.db", "--watch", "--every", "60", "-o", "live.html"});
  REQUIRE(live.reaches([&] { return f.has("live.html"); }));
  CHECK(contains(f.read("live.html"), "0 of 1 runs done"));
  live.signal(SIGINT);
  CHECK(live.wait().code == 130);
  CHECK(f.has("live.html"));
}

}  // namespace test_figures
