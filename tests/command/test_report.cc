// `eqnn report`: one page that agrees with the runs, holds nothing it should not, and opens in a browser.
#include <doctest/doctest.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <regex>

#include "results/database.h"
#include "support/command.h"
#include "support/thrown.h"

namespace test_report {

using namespace cli;
using tools::Cell;
using tools::Database;

namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// A database as collect writes it, with finished runs of one family, made up.
class MadeUp {
 public:
  explicit MadeUp(const std::string& path) : db_(Database::create(path)) {
    for (const char* column :
         {"\"params.n\" INTEGER", "family TEXT", "model TEXT", "control INTEGER", "verdict TEXT",
          "normalized_test_loss REAL", "normalized_train_loss REAL", "steps INTEGER", "samples_seen INTEGER",
          "steps_to_learn INTEGER", "samples_to_learn INTEGER", "\"config.lr\" ANY", "\"config.batch\" ANY"})
      db_.query(std::string("ALTER TABLE runs ADD COLUMN ") + column);
  }

  void study(const std::string& name, const std::string& title, const std::string& claim) {
    db_.query(
        "INSERT INTO studies VALUES (?, ?, ?, 'eqnn sweep run made-up.toml --out made-up', 'name = 1', '[]', "
        "'[0]')",
        {name, title, claim});
  }

  // Its id.
  std::string run(const std::string& study, std::int64_t n, double lr, bool control, std::int64_t seed, double loss,
                  const std::string& status = "done", const std::string& error = "") {
    char id[17];
    std::snprintf(id, sizeof id, "%016zx", ++runs_);
    if (!study.empty())
      db_.query("INSERT INTO study_runs VALUES (?, ?, ?, ?)",
                {study, id, seed, Json({{"n", n}, {"lr", lr}, {"control", control}}).dump()});
    const bool done = status == "done", learned = done && loss <= 0.05;
    const auto if_done = [&](Cell cell) { return done ? cell : Cell(); };
    db_.query(
        "INSERT INTO runs(run_id, study, seed, status, error, directory, command, family, \"params.n\", model, "
        "control, verdict, normalized_test_loss, normalized_train_loss, steps, samples_seen, steps_to_learn, "
        "\"config.lr\", \"config.batch\") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 2000, 64000, ?, ?, 32)",
        {id, study, seed, status, error, std::string("made-up/") + id,
         std::string("eqnn train made-up --seed ") + id, if_done("gnn-degree-parity"), if_done(n), if_done("gnn"),
         if_done(std::int64_t{control}), if_done(learned ? "learned" : "cannot-fit"), if_done(loss), if_done(loss),
         learned ? Cell(std::int64_t{800}) : Cell(), lr});
    return id;
  }

  const Database& db() const { return db_; }

 private:
  Database db_;
  std::size_t runs_ = 0;
};

// Learned at n = 4, not at n = 12; beside it a control.
void usual(MadeUp& m, const std::string& study, bool with_control = true) {
  for (const double lr : {0.001, 0.01})
    for (int seed = 0; seed < 3; ++seed) {
      m.run(study, 4, lr, false, seed, 0.01 + 0.001 * seed + lr);
      m.run(study, 12, lr, false, seed, 1.0 + 0.001 * seed + lr);
      if (with_control) m.run(study, 12, lr, true, seed, 0.002);
    }
}

std::string page(const Folder& f, const Arguments& more = {}) {
  accepted(f, Arguments{"report", "results.db", "-o", "report.html", "-q"} + more);
  std::string html = f.read("report.html");
  REQUIRE(!html.empty());
  return html;
}

// What holds of every page: well-formed where it can be counted, no script, nothing from elsewhere, ids used once.
void check_page(const std::string& html) {
  CHECK(html.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
  CHECK(contains(html, "<meta charset=\"utf-8\">"));
  CHECK(contains(html, "<meta name=\"viewport\""));
  CHECK(!contains(lower(html), "http"));
  for (const char* word : {"<script", "<link", "<img", "<iframe", "@import", "xmlns", "javascript:", " onload"})
    CHECK_MESSAGE(!contains(lower(html), word), word);
  CHECK(count(html, "<svg") >= 3);
  CHECK(count(html, "<svg") == count(html, "role=\"img\" aria-label=\""));
  for (const char* tag : {"section", "table", "thead", "tbody", "tr",   "td",     "th",  "figure", "figcaption",
                          "details", "svg",   "g",     "dl",    "dt",   "dd",     "ul",  "li",     "p",
                          "h2",      "h3",    "div",   "span",  "main", "header", "code"}) {
    const std::string name(tag);
    CHECK_MESSAGE(count(html, "<" + name + ">") + count(html, "<" + name + " ") == count(html, "</" + name + ">"),
                  tag);
  }
  CHECK(count(html, "<h1>") == 1);
  CHECK(count(html, "<figure") == count(html, "<figcaption>"));
  CHECK(count(html, "<table") == count(html, "<caption>"));
  CHECK(count(html, "<thead>") == count(html, "<table"));
  std::vector<std::string> ids;
  const std::regex id("\\sid=[\"']([^\"']*)[\"']"), used("(?:href=[\"']#|url\\(#)([^\"')]*)");
  for (std::sregex_iterator i(html.begin(), html.end(), id), end; i != end; ++i) ids.push_back((*i)[1]);
  std::sort(ids.begin(), ids.end());
  CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
  for (std::sregex_iterator i(html.begin(), html.end(), used), end; i != end; ++i)
    CHECK_MESSAGE(std::binary_search(ids.begin(), ids.end(), (*i)[1].str()), (*i)[1].str());
}

}  // namespace

TEST_CASE("report: the numbers are those of result.json, and the commands repeat the runs") {
  const Folder f;
  Json runs = Json::array();
  std::vector<double> losses;
  for (const char* seed : {"0", "1", "2"}) {
    const std::string out = std::string("runs/r") + seed;
    accepted(f, tiny({"--seed", seed, "--out", out, "-q"}) + Arguments{"--steps", "60"});
    const Json r = Json::parse(f.read(out + "/result.json"));
    losses.push_back(r["normalized_test_loss"]);
    runs.push_back({{"run_id", r["run_id"]}, {"seed", std::stoi(seed)}, {"values", {{"n", 6}, {"lr", 0.002}}}});
  }
  f.write("runs/small.sweep.json", Json({{"format", 1},
                                         {"name", "small"},
                                         {"title", "A small study"},
                                         {"claim", "Sixty steps are not enough."},
                                         {"command", "eqnn sweep run small.toml --out runs"},
                                         {"toml", "name = \"small\"\n"},
                                         {"sweeps",
                                          {{{"name", "small"},
                                            {"title", "A small study"},
                                            {"swept", {"n", "lr"}},
                                            {"seeds", {0, 1, 2}},
                                            {"runs", runs}}}}})
                                       .dump());
  REQUIRE(f.run({"collect", "runs", "--db", "results.db", "-q"}).code == 0);
  const std::string html = page(f);
  check_page(html);
  std::sort(losses.begin(), losses.end());
  char median[32], range[64];
  std::snprintf(median, sizeof median, ">%.4f<small>", losses[1]);
  std::snprintf(range, sizeof range, "<small>%.4f to %.4f</small>", losses[0], losses[2]);
  CHECK(contains(html, median));
  CHECK(contains(html, range));
  CHECK(contains(html, "<h1>A small study</h1>"));
  CHECK(contains(html, "<blockquote>Sixty steps are not enough.</blockquote>"));
  CHECK(contains(html,
                 "eqnn sweep run small.toml --out runs\neqnn collect runs --db results.db\n"
                 "eqnn report results.db -o report.html</code>"));
  CHECK(contains(html, "<dt>seeds</dt><dd>0, 1, 2</dd>"));
  for (const Json& r : runs) CHECK(contains(html, "<th scope=\"row\">" + r["run_id"].get<std::string>()));
  // A command of the page, run again, is the same run.
  const std::regex line("<code>(eqnn train [^<]*)</code>");
  std::smatch match;
  REQUIRE(std::regex_search(html, match, line));
  Arguments words;
  std::istringstream in(match[1].str());
  for (std::string word; in >> word;) words.push_back(word);
  words.erase(words.begin());
  const Folder again;
  accepted(again, words + Arguments{"--out", "again", "-q"});
  const Json repeated = Json::parse(again.read("again/result.json"));
  bool found = false;
  for (const Json& r : runs) found = found || r["run_id"] == repeated["run_id"];
  CHECK(found);
}

TEST_CASE("report: names that are markup stay text") {
  const Folder f;
  const std::string nasty = "<script>alert(1)</script>&\"'";
  MadeUp m(f / "results.db");
  m.study(nasty, "<b>http://example</b> \xff\x01", "HTTPS <img src=x onerror=alert(1)>");
  usual(m, nasty);
  m.run(nasty, 12, 0.01, false, 4, 1, "failed", "member </td><script>alert(2)</script> http://x");
  const std::string html = page(f);
  check_page(html);
  CHECK(contains(html, "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;"));
  CHECK(contains(html, "<h1>&lt;b&gt;&#104;ttp://example&lt;/b&gt; \xEF\xBF\xBD\xEF\xBF\xBD</h1>"));
  CHECK(contains(html, "<blockquote>&#72;TTPS &lt;img src=x onerror=alert(1)&gt;</blockquote>"));
  CHECK(contains(html, "member &lt;/td&gt;&lt;script&gt;alert(2)"));
  CHECK(
      contains(page(f, {"--force", "--title", "</title><script>"}), "<title>&lt;/title&gt;&lt;script&gt;</title>"));
}

TEST_CASE("report: target and control, and notes where the control says nothing") {
  const Folder f;
  const std::string no_control = "No control was run", failed_control = "was not learned at";
  {
    MadeUp m(f / "results.db");
    m.study("s", "S", "It is unlearnable");
    usual(m, "s");
  }
  std::string html = page(f);
  CHECK(contains(html, "The claim says “unlearnable”"));
  CHECK(contains(html,
                 "Target: <span class=\"good\">learned by every seed</span> at n\u00a0=\u00a04; "
                 "<span class=\"bad\">not learned within this budget</span> at n\u00a0=\u00a012."));
  CHECK(contains(html, "Control: <span class=\"good\">learned by every seed</span> at n\u00a0=\u00a012."));
  CHECK(!contains(html, no_control));
  CHECK(!contains(html, failed_control));
  // 0 of 3 at the best of two points: the interval ends at 1 - 0.0125^(1/3) = 0.768.
  CHECK(contains(html, ">0 of 3</span><small>0 % to 77 %</small>"));
  // The rate with the lower mean loss is the best point; its median and range.
  CHECK(contains(html, "lr\u00a0=\u00a00.001</td><td class=\"n\"><span class=\"bad\">0 of 3"));
  CHECK(contains(html, "1.0020<small>1.0010 to 1.0030</small>"));
  CHECK(contains(html, "&gt; 2000<small>2000 given</small>"));
  CHECK(contains(html, "800<small>2000 given</small>"));

  std::filesystem::remove(f / "results.db");
  {
    MadeUp m(f / "results.db");
    m.study("s", "S", "");
    usual(m, "s", false);
  }
  html = page(f, {"--force"});
  check_page(html);
  CHECK(contains(html, "No control was run for gnn-degree-parity at n\u00a0=\u00a012."));

  std::filesystem::remove(f / "results.db");
  {
    MadeUp m(f / "results.db");
    m.study("s", "S", "");
    usual(m, "s", false);
    m.run("s", 12, 0.001, true, 0, 0.99);
    m.run("s", 12, 0.001, true, 1, 0.99, "failed", "disk full");
    m.run("s", 12, 0.001, true, 2, 0.99, "unfinished");
  }
  html = page(f, {"--force"});
  check_page(html);
  CHECK(contains(html, "was not learned at n\u00a0=\u00a012 either"));
  CHECK(contains(html, "15 runs planned, 13 done, 1 failed, 1 unfinished, 0 not begun"));
  CHECK(contains(html, "<td>failed</td><td>disk full</td>"));
}

TEST_CASE("report: what is refused, and outputs that exist") {
  const Folder f;
  refused(f, {"report"}, 2);
  refused(f, {"report", "results.db"}, 2, "--out");
  refused(f, {"report", "results.db", "-o", "report.html"}, 3, "results.db");
  f.write("text.db", "no database");
  refused(f, {"report", "text.db", "-o", "report.html"}, 3, "text.db");
  {
    MadeUp m(f / "results.db");
    m.study("a/first", "", "");
    m.run("a/first", 4, 0.1, false, 0, 1, "unfinished");
  }
  refused(f, {"report", "results.db", "-o", "report.html"}, 3, "none is finished");
  std::filesystem::remove(f / "results.db");
  {
    MadeUp m(f / "results.db");
    m.study("a/first", "The first", "");
    m.study("a/second", "The second", "");
    m.study("b", "Another", "");
    usual(m, "a/first");
    usual(m, "b");
    m.run("a/second", 4, 0.1, false, 0, 1, "unfinished");
    m.run("", 20, 0.1, false, 0, 1);
  }
  refused(f, {"report", "results.db", "-o", "report.html", "--study", "frist"}, 2, "a/first");
  refused(f, {"report", "results.db", "-o", "report.html", "--study", "a/second"}, 3, "no finished run");
  refused(f, {"report", "results.db", "-o", "none/report.html"}, 3, "none/report.html");
  const std::string first = page(f);
  CHECK(contains(first, "Runs of no study"));
  refused(f, {"report", "results.db", "-o", "report.html"}, 2, "--force");
  CHECK(page(f, {"--force"}) == first);
  const std::string one = page(f, {"--force", "--study", "a"});
  check_page(one);
  CHECK((contains(one, "The first") && contains(one, "The second")));
  CHECK((!contains(one, "Another") && !contains(one, "Runs of no study")));
  CHECK(contains(one, "eqnn report results.db -o report.html --study a<"));
  const Json j = Json::parse(accepted(f, {"report", "results.db", "-o", "report.html", "--force", "--json"}));
  CHECK(j["out"] == "report.html");
  CHECK(j["bytes"] == first.size());
}

TEST_CASE("report: ten thousand runs are a small page") {
  const Folder f;
  {
    MadeUp m(f / "results.db");
    m.db().query("BEGIN");
    m.study("many", "Many", "");
    for (int i = 0; i < 10000; ++i) {
      const int n = 4 + 2 * (i % 10);
      const bool control = i / 10 % 2 == 1;
      m.run("many", n, 1e-4 * (1 + i / 20 % 10), control, i / 200, control || n < 9 ? 0.01 : 1,
            i % 50 == 7 ? "failed" : "done", "killed");
    }
    m.db().query("COMMIT");
  }
  const std::string html = page(f);
  check_page(html);
  CHECK(html.size() < 3'000'000);
  CHECK(contains(html, "10000 runs"));
  CHECK(contains(html, "300 of 10000 runs"));
  CHECK(contains(html, "SELECT command FROM runs"));
  CHECK(count(html, "<code>eqnn train ") == 300);
}

// --- in a browser ------------------------------------------------------------------------------------------

namespace {

bool have_chromium() { return std::system("command -v chromium >/dev/null 2>&1") == 0; }

struct Picture {
  unsigned width = 0, height = 0;
  std::array<int, 3> corner{};  // red, green, blue of the first pixel
  double drawn = 0;             // the part of bytes that differ from what a PNG filter foretells
};

unsigned big_endian(const std::string& bytes, std::size_t at) {
  unsigned v = 0;
  for (std::size_t i = 0; i < 4; ++i) v = v << 8 | static_cast<unsigned char>(bytes[at + i]);
  return v;
}

// Enough of a PNG decoder (8 bits, RGB or RGBA) to tell a page from an empty one.
Picture read_png(const std::string& png) {
  Picture p;
  REQUIRE(png.starts_with("\x89PNG\r\n\x1a\n"));
  p.width = big_endian(png, 16), p.height = big_endian(png, 20);
  REQUIRE(png[24] == 8);
  REQUIRE((png[25] == 2 || png[25] == 6));
  const std::size_t channels = png[25] == 2 ? 3 : 4;
  std::string data;
  for (std::size_t at = 8; at + 12 <= png.size();) {
    const std::size_t length = big_endian(png, at);
    if (png.compare(at + 4, 4, "IDAT") == 0) data += png.substr(at + 8, length);
    at += length + 12;
  }
  std::vector<unsigned char> raw((p.width * channels + 1) * std::size_t{p.height});
  uLongf size = raw.size();
  REQUIRE(uncompress(raw.data(), &size, reinterpret_cast<const Bytef*>(data.data()), data.size()) == Z_OK);
  // Nothing is above or to the left of the first pixel: every filter leaves it as it is.
  for (std::size_t c = 0; c < 3; ++c) p.corner[c] = raw[1 + c];
  p.drawn = 1 - static_cast<double>(std::count(raw.begin(), raw.end(), 0)) / static_cast<double>(raw.size());
  return p;
}

// Opens report.html; its DOM, and the picture.
std::pair<std::string, Picture> browse(const Folder& f, unsigned width, bool dark) {
  const std::string command =
      "cd '" + f.path() + "' && HOME='" + f.path() + "' chromium --headless --no-sandbox --disable-gpu " +
      "--disable-dev-shm-usage --hide-scrollbars --no-first-run --user-data-dir='" + f.path() + "/profile' " +
      "--enable-logging=stderr --window-size=" + std::to_string(width) + ",1600 --screenshot=page.png --dump-dom " +
      (dark ? "--blink-settings=preferredColorScheme=0 " : "--blink-settings=preferredColorScheme=1 ") +
      "'file://" + f.path() + "/report.html' >dom.html 2>log.txt";
  REQUIRE(std::system(command.c_str()) == 0);
  CHECK(!contains(f.read("log.txt"), "CONSOLE"));
  REQUIRE(f.has("page.png"));
  const Picture p = read_png(f.read("page.png"));
  std::filesystem::remove(f / "page.png");
  CHECK(p.width == width);
  CHECK(p.height == 1600);
  CHECK(p.drawn > 0.005);
  return {f.read("dom.html"), p};
}

}  // namespace

TEST_CASE("report: opens in Chromium, wide and narrow, light and dark") {
  if (!have_chromium()) {
    MESSAGE("skipped: there is no chromium here (Debian: apt-get install chromium)");
    return;
  }
  const Folder f;
  {
    MadeUp m(f / "results.db");
    m.study("s", "S", "The target is not learned at n = 12.");
    usual(m, "s");
  }
  const std::string html = page(f);
  const auto wide = browse(f, 1200, false);
  const std::string& dom = wide.first;
  CHECK(count(dom, "<svg") == count(html, "<svg"));
  CHECK(count(dom, "<figure") == count(html, "<figure"));
  CHECK(count(dom, "<tr>") == count(html, "<tr>"));
  CHECK(contains(dom, "How to read the numbers"));
  CHECK(wide.second.corner == std::array{255, 255, 255});
  const Picture dark = browse(f, 360, true).second;
  CHECK(dark.corner == std::array{0x15, 0x17, 0x1a});
}

}  // namespace test_report
