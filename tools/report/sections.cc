#include "report/sections.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <set>

#include <fmt/core.h>

#include "report/html.h"

namespace tools {
namespace {

// What a page lists at most; the rest is counted, and named by a query.
constexpr std::size_t kRows = 300, kCommands = 300, kFigureCells = 6000;
constexpr std::size_t kFigureBytes = 1 << 20, kFiguresBytes = 3 << 20;

std::string study_name(const ReportStudy& s) { return s.name.empty() ? "Runs of no study" : s.name; }

std::string study_heading(const ReportStudy& s) {
  const bool titled = !s.title.empty() && s.title != s.name;
  return titled ? fmt::format("<h3>{} <small>({})</small></h3>\n", escaped(s.title), escaped(s.name))
                : fmt::format("<h3>{}</h3>\n", escaped(study_name(s)));
}

std::string paragraph(std::string_view text) { return fmt::format("<p>{}</p>\n", escaped(text)); }
std::string note(std::string_view text) {
  return fmt::format("<p class=\"note\" role=\"note\">{}</p>\n", escaped(text));
}

std::string plural(std::size_t count, const std::string& word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

std::string join(const std::vector<std::string>& parts, const char* between = ", ") {
  std::string out;
  for (const std::string& p : parts) out += (out.empty() ? "" : between) + p;
  return out;
}

std::string loss_text(double v) {
  if (!std::isfinite(v)) return "not finite";
  return std::abs(v) < 1000 ? fmt::format("{:.4f}", v) : fmt::format("{:.3g}", v);
}

std::string count_text(double v) { return std::isfinite(v) ? fmt::format("{:.0f}", v) : "–"; }

std::string percent(double fraction) { return fmt::format("{:.0f} %", 100 * fraction); }

}  // namespace

std::string shown_path(const std::string& path) {
  namespace fs = std::filesystem;
  if (!path.starts_with('/')) return path;
  const fs::path p(path);
  return (p.has_filename() ? p : p.parent_path()).filename().string();
}

std::string shell_word(const std::string& word) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("_-./,:=+%@").find(c) != std::string_view::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

// --- claim -------------------------------------------------------------------------------------------------

namespace {

// Words that no finite number of runs can support.
std::string overstated(const std::string& claim) {
  std::string lower = claim;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const char* word :
       {"unlearnable", "not learnable", "cannot be learned", "can not be learned", "never learn"})
    if (lower.find(word) != lower.npos) return word;
  return "";
}

}  // namespace

std::string claim_section(const ReportData& data) {
  std::string out = "<section id=\"claim\">\n<h2>Claim</h2>\n";
  bool any = false;
  std::set<std::string> seen;
  for (const ReportStudy& s : data.studies) {
    if (s.claim.empty() || !seen.insert(s.claim).second) continue;
    any = true;
    out += fmt::format("<blockquote>{}</blockquote>\n", escaped(s.claim));
    if (const std::string word = overstated(s.claim); !word.empty())
      out +=
          note(fmt::format("The claim says “{}”. Runs can show less: not learned within this budget, by any "
                           "point of this grid.",
                           word));
  }
  if (!any) out += paragraph("The studies state no claim; what follows is what the runs gave.");
  out += paragraph(
      "“Not learned” means here: not learned within this budget, that is with these steps, samples, networks and "
      "settings. It is the best of the whole grid that is reported, over all seeds, beside a control: the same "
      "network with the same settings on the same inputs, and another function of them to learn.");
  return out + "</section>\n";
}

// --- summary -----------------------------------------------------------------------------------------------

namespace {

// Subjects of one family and one network, which a finding speaks of together.
struct Group {
  std::string family, network;
  std::vector<const ReportSubject*> subjects;
};

std::vector<Group> groups_of(const ReportStudy& study) {
  std::vector<Group> groups;
  for (const ReportSubject& s : study.subjects) {
    if (groups.empty() || groups.back().family != s.family || groups.back().network != s.network)
      groups.push_back({s.family, s.network, {}});
    groups.back().subjects.push_back(&s);
  }
  return groups;
}

// What tells a subject from the others of its group: "n = 12, width = 64".
std::string label(const ReportSubject& s, const Group& group) {
  Settings all = s.size, own;
  all.insert(all.end(), s.more.begin(), s.more.end());
  for (const auto& setting : all) {
    const auto has_it = [&](const ReportSubject* other) {
      return std::find(other->size.begin(), other->size.end(), setting) != other->size.end() ||
             std::find(other->more.begin(), other->more.end(), setting) != other->more.end();
    };
    if (!std::all_of(group.subjects.begin(), group.subjects.end(), has_it)) own.push_back(setting);
  }
  return settings_text(own.empty() ? all : own, "its only size");
}

// "n = 4; n = 6": those of the group for which `chosen` holds, "" for none.
std::string labels(const Group& group, const std::function<bool(const ReportSubject&)>& chosen) {
  std::vector<std::string> names;
  std::size_t left_out = 0;
  for (const ReportSubject* s : group.subjects) {
    if (!chosen(*s)) continue;
    if (names.size() < 24)
      names.push_back(label(*s, group));
    else
      ++left_out;
  }
  // "n = 4, 6, 8" where all have one name.
  const std::size_t equals = names.empty() ? 0 : names[0].find(kEquals);
  const std::string prefix = equals == 0 || equals == std::string::npos
                                 ? ""
                                 : names[0].substr(0, equals + std::string_view(kEquals).size());
  const bool one_name = !prefix.empty() && std::all_of(names.begin(), names.end(), [&](const std::string& n) {
    return n.starts_with(prefix) && n.find(", ") == n.npos;
  });
  for (std::size_t i = 1; one_name && i < names.size(); ++i) names[i].erase(0, prefix.size());
  return join(names, one_name ? ", " : "; ") + (left_out > 0 ? fmt::format(" and {} more", left_out) : "");
}

std::string outcomes(const Group& group, const ReportSide ReportSubject::*side, const std::string& name) {
  std::string out;
  const auto add = [&](const char* what, const char* style, const std::function<bool(const ReportSide&)>& holds) {
    const std::string at = labels(group, [&](const ReportSubject& s) { return holds(s.*side); });
    if (!at.empty())
      out += fmt::format("{}<span class=\"{}\">{}</span> at {}", out.empty() ? "" : "; ", style, what, escaped(at));
  };
  add("learned by every seed", "good", [](const ReportSide& s) { return s.always_learned(); });
  add("learned by some seeds", "", [](const ReportSide& s) { return s.learned() && !s.always_learned(); });
  add("not learned within this budget", "bad", [](const ReportSide& s) { return s.done > 0 && !s.learned(); });
  add("without a finished run", "quiet", [](const ReportSide& s) { return s.run() && s.done == 0; });
  return out.empty() ? "" : fmt::format("<li>{}: {}.</li>\n", name, out);
}

// A failure says something beside a control that was learned. Where that is missing, the page says so.
std::string control_notes(const Group& group) {
  const auto failed = [](const ReportSubject& s) { return s.target.done > 0 && !s.target.learned(); };
  std::string out;
  const std::string none = labels(group, [&](const ReportSubject& s) { return failed(s) && s.control.done == 0; });
  if (!none.empty())
    out +=
        note(fmt::format("No control was run for {} at {}. The target was not learned there, and nothing beside it "
                         "shows that this network, with this budget, learns anything on these inputs.",
                         group.family, none));
  const std::string both = labels(
      group, [&](const ReportSubject& s) { return failed(s) && s.control.done > 0 && !s.control.learned(); });
  if (!both.empty())
    out +=
        note(fmt::format("The control of {} was not learned at {} either. The failure there may be one of the "
                         "network or the budget, and says nothing of the target.",
                         group.family, both));
  return out;
}

std::string findings(const ReportStudy& study) {
  std::string out;
  for (const Group& g : groups_of(study)) {
    out += fmt::format("<p><strong>{}</strong>{}</p>\n<ul>\n", escaped(g.family),
                       g.network.empty() ? "" : escaped(", " + g.network));
    out +=
        outcomes(g, &ReportSubject::target, "Target") + outcomes(g, &ReportSubject::control, "Control") + "</ul>\n";
    out += control_notes(g);
  }
  return out;
}

// A number with a second, smaller line.
HtmlCell two_lines(const std::string& html, const std::string& below) {
  return {fmt::format("{}<small>{}</small>", html, escaped(below)), true};
}

HtmlRow side_row(const ReportSide& side, const char* name) {
  const std::string runs = fmt::format("{} in {}", plural(side.runs.size(), "run"), plural(side.points, "point"));
  HtmlRow row{words(name)};
  if (side.done == 0) {
    row.push_back({fmt::format("<span class=\"quiet\">{}</span>", side.run() ? "no finished run" : "not run")});
    for (int i = 0; i < 3; ++i) row.push_back(number_cell("–"));
    row.push_back(number_cell(side.run() ? runs : "–"));
    return row;
  }
  const FrontierPoint& best = side.best;
  const char* style = side.always_learned() ? "good" : side.learned() ? "mixed" : "bad";
  row.push_back(words(best.best.empty() ? "the only one" : best.best));
  row.push_back(two_lines(
      fmt::format("<span class=\"{}\">{} of {}</span>", style, best.learned, best.seeds),
      fmt::format("{} to {}", percent(best.fraction_interval.low), percent(best.fraction_interval.high))));
  row.push_back(two_lines(
      loss_text(best.loss_median),
      best.seeds == 1 ? "one seed" : loss_text(best.loss_range.low) + " to " + loss_text(best.loss_range.high)));
  const std::string budget = count_text(best.steps.budget);
  row.push_back(two_lines(std::isfinite(best.steps.value) ? count_text(best.steps.value) : "&gt; " + budget,
                          budget + " given"));
  row.push_back(number_cell(runs));
  return row;
}

// Family, network and size before the rows of a subject.
void name_rows(std::vector<HtmlRow>& rows, const ReportSubject& s) {
  Settings all = s.size;
  all.insert(all.end(), s.more.begin(), s.more.end());
  HtmlCell family = row_name(s.family, static_cast<int>(rows.size())), size = words(settings_text(all, "–"));
  if (!s.network.empty()) family.html += fmt::format("<small>{}</small>", escaped(s.network));
  size.rows = family.rows;
  rows.front().insert(rows.front().begin(), {family, size});
}

std::string summary_table(const ReportStudy& study) {
  std::vector<std::vector<HtmlRow>> bodies;
  for (const ReportSubject& s : study.subjects) {
    if (bodies.size() == kRows) break;
    const bool both = s.control.run() || !s.target.always_learned();
    std::vector<HtmlRow> rows;
    if (s.target.run() || !s.control.run()) rows.push_back(side_row(s.target, "target"));
    if (s.control.run() || (both && s.target.run())) rows.push_back(side_row(s.control, "control"));
    name_rows(rows, s);
    bodies.push_back(std::move(rows));
  }
  std::string out = html_table(
      "Each family at each size, at the best point of its grid. Below the seeds learned stands their 95 % "
      "interval, "
      "below the median of the normalised test loss its range over the seeds.",
      {"Family", "Size", "Trained on", "Best grid point", "Seeds learned", "Test loss, median",
       "Steps to learn, median", "Whole grid"},
      bodies);
  if (study.subjects.size() > kRows)
    out += paragraph(fmt::format("{} further rows are in the database.", study.subjects.size() - kRows));
  return out;
}

}  // namespace

std::string summary_section(const ReportData& data) {
  std::string out = "<section id=\"summary\">\n<h2>Summary</h2>\n";
  for (const ReportStudy& s : data.studies) {
    out += study_heading(s);
    if (s.subjects.empty())
      out += paragraph("No run of this study has begun.");
    else
      out += findings(s) + summary_table(s);
  }
  return out + "</section>\n";
}

// --- figures -----------------------------------------------------------------------------------------------

namespace {

std::string data_table(const Figure& figure) {
  const std::size_t columns = std::max<std::size_t>(1, figure.data.columns.size());
  const std::size_t shown = std::min(figure.data.rows.size(), std::max<std::size_t>(1, kFigureCells / columns));
  std::vector<HtmlRow> rows;
  for (std::size_t i = 0; i < shown; ++i) {
    HtmlRow row;
    for (const Cell& cell : figure.data.rows[i]) {
      const auto* real = std::get_if<double>(&cell);
      const bool number = real != nullptr || std::holds_alternative<std::int64_t>(cell);
      row.push_back(number ? number_cell(real != nullptr ? fmt::format("{:.6g}", *real) : text_of(cell))
                           : words(text_of(cell)));
    }
    rows.push_back(std::move(row));
  }
  std::string out = html_table("Data of: " + figure.title, figure.data.columns, {rows});
  if (shown < figure.data.rows.size())
    out += paragraph(fmt::format("The first {} of {} rows; all of them come from the database.", shown,
                                 figure.data.rows.size()));
  return html_details(fmt::format("Data of this figure ({})", plural(figure.data.rows.size(), "row")), out);
}

}  // namespace

std::string figures_section(const std::vector<Figure>& figures, const ReportOptions& options) {
  std::string out = "<section id=\"figures\">\n<h2>Figures</h2>\n";
  std::vector<std::string> left_out;
  std::size_t bytes = 0, number = 0;
  for (const Figure& f : figures) {
    const std::string label = f.title + (f.caption.empty() ? "" : ". " + f.caption);
    const std::string svg =
        bytes < kFiguresBytes ? inline_svg(draw(f, "svg"), fmt::format("f{}-", number + 1), label) : std::string();
    if (svg.empty() || svg.size() > kFigureBytes) {
      left_out.push_back(f.kind);
      continue;
    }
    bytes += svg.size();
    ++number;
    out += fmt::format(
        "<figure id=\"figure-{0}\">\n<div class=\"plot\" role=\"region\" tabindex=\"0\" "
        "aria-label=\"Figure {0}\">{1}</div>\n"
        "<figcaption><strong>Figure {0}. {2}.</strong> {3}</figcaption>\n{4}</figure>\n",
        number, svg, escaped(f.title), escaped(f.caption), data_table(f));
  }
  if (!left_out.empty()) {
    std::sort(left_out.begin(), left_out.end());
    left_out.erase(std::unique(left_out.begin(), left_out.end()), left_out.end());
    out +=
        note(fmt::format("Some figures are left out, so that this page stays small: of the kinds {}. "
                         "“eqnn plot {} --figure KIND -o FILE.svg” draws each.",
                         join(left_out), shell_word(shown_path(options.database))));
  }
  return out + "</section>\n";
}

// --- verdicts ----------------------------------------------------------------------------------------------

namespace {

constexpr const char* kVerdicts[] = {"learned",   "partly-learned", "undecided",
                                     "memorised", "cannot-fit",     "diverged"};

std::string verdict_table(const ReportStudy& study) {
  std::vector<std::string> head{"Family", "Size", "Trained on"};
  std::set<std::string> others;
  for (const ReportSubject& s : study.subjects)
    for (const ReportSide* side : {&s.target, &s.control})
      for (const auto& [verdict, count] : side->verdicts) others.insert(verdict);
  std::vector<std::string> verdicts(std::begin(kVerdicts), std::end(kVerdicts));
  for (const std::string& v : others)
    if (std::find(verdicts.begin(), verdicts.end(), v) == verdicts.end()) verdicts.push_back(v);
  head.insert(head.end(), verdicts.begin(), verdicts.end());
  head.insert(head.end(), {"failed", "unfinished"});
  std::vector<std::vector<HtmlRow>> bodies;
  const auto count_cell = [](int count) {
    return count == 0 ? HtmlCell{"<span class=\"quiet\">0</span>", true} : number_cell(fmt::format("{}", count));
  };
  for (const ReportSubject& s : study.subjects) {
    if (bodies.size() == kRows) break;
    std::vector<HtmlRow> rows;
    for (const ReportSide* side : {&s.target, &s.control}) {
      if (!side->run()) continue;
      HtmlRow row{words(side == &s.target ? "target" : "control")};
      for (const std::string& v : verdicts) {
        const auto at = side->verdicts.find(v);
        row.push_back(count_cell(at == side->verdicts.end() ? 0 : at->second));
      }
      row.push_back(count_cell(side->failed));
      row.push_back(count_cell(side->unfinished));
      rows.push_back(std::move(row));
    }
    name_rows(rows, s);
    bodies.push_back(std::move(rows));
  }
  return html_table("Runs by verdict, all points of the grid and all seeds together.", head, bodies);
}

}  // namespace

std::string verdicts_section(const ReportData& data) {
  std::string out = "<section id=\"verdicts\">\n<h2>Verdicts</h2>\n";
  for (const ReportStudy& s : data.studies)
    if (!s.subjects.empty()) out += study_heading(s) + verdict_table(s);
  return out + "</section>\n";
}

// --- what did not finish -----------------------------------------------------------------------------------

std::string broken_section(const ReportData& data) {
  std::vector<HtmlRow> rows;
  std::string counts;
  std::size_t broken = 0;
  for (const ReportStudy& s : data.studies) {
    if (s.failed + s.unfinished + s.not_started == 0) continue;
    broken += s.broken.size();
    counts += fmt::format("<li>{}: {} planned, {} done, {} failed, {} unfinished, {} not begun.</li>\n",
                          escaped(study_name(s)), plural(static_cast<std::size_t>(s.planned), "run"), s.done,
                          s.failed, s.unfinished, s.not_started);
    for (const ReportRun& r : s.broken)
      if (rows.size() < kRows)
        rows.push_back({row_name(r.id), words(study_name(s)), words(r.point), number_cell(r.seed_text()), words(r.status),
                        words(r.error.empty() ? (r.status == "failed" ? "no message" : "–") : r.error)});
  }
  if (counts.empty()) return "";
  std::string out = "<section id=\"failed\">\n<h2>Failed and unfinished runs</h2>\n";
  out += paragraph("These are in none of the fractions and losses above, which are of finished runs.");
  out += "<ul>\n" + counts + "</ul>\n";
  if (!rows.empty())
    out += html_table("Runs without a result, with what they said.",
                      {"Run", "Study", "Grid point", "Seed", "Status", "Error"}, {rows});
  if (broken > rows.size())
    out += fmt::format("<p>{} more: <code>SELECT run_id, error FROM runs WHERE status &lt;&gt; 'done'</code></p>\n",
                       broken - rows.size());
  return out + "</section>\n";
}

std::string bounds_section(const ReportData& data) {
  if (data.bounds.rows.empty()) return "";
  std::vector<HtmlRow> rows;
  for (const auto& cells : data.bounds.rows) {
    if (rows.size() == kRows) break;
    HtmlRow row;
    for (std::size_t i = 0; i < cells.size(); ++i)
      row.push_back(i == 0   ? row_name(text_of(cells[i]))
                    : i == 2 ? number_cell(fmt::format("{:.4g}", number_of(cells[i])))
                             : words(text_of(cells[i])));
    rows.push_back(std::move(row));
  }
  return "<section id=\"bounds\">\n<h2>Lower bounds</h2>\n" +
         paragraph(
             "What the theory says of every learner by statistical queries. At or below 1 query a bound says "
             "nothing.") +
         html_table("Queries that a learner needs, at least.", data.bounds.columns, {rows}) + "</section>\n";
}

// --- settings ----------------------------------------------------------------------------------------------

namespace {

std::string shortened(const std::vector<std::string>& values, std::size_t most = 40) {
  if (values.size() <= most) return join(values);
  return fmt::format("{}, … {} ({} values)", join({values.begin(), values.begin() + static_cast<long>(most) - 1}),
                     values.back(), values.size());
}

std::string duration(double seconds) {
  if (seconds < 120) return fmt::format("{:.1f} s", seconds);
  if (seconds < 7200) return fmt::format("{:.1f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

std::string definitions(const Settings& items) {
  std::string out = "<dl>\n";
  for (const auto& [name, value] : items)
    out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(value));
  return out + "</dl>\n";
}

std::string study_settings(const ReportStudy& s) {
  Settings items;
  for (const auto& [name, values] : s.grid) items.emplace_back("grid: " + name, shortened(values));
  if (s.grid.empty()) items.emplace_back("grid", "one point");
  items.emplace_back(s.seeds.size() == 1 ? "seed" : "seeds", s.seeds.empty() ? "–" : shortened(s.seeds));
  items.insert(items.end(), s.budget.begin(), s.budget.end());
  items.emplace_back("runs", fmt::format("{} of {} finished", s.done, s.planned));
  if (s.seconds > 0) items.emplace_back("time of all runs", duration(s.seconds) + ", added up");
  std::string out = study_heading(s) + definitions(items);
  if (s.same.empty()) return out;
  std::vector<HtmlRow> rows;
  for (const auto& [name, value] : s.same) rows.push_back({row_name(name), words(value)});
  return out + html_details(
                   fmt::format("What is equal in all its runs ({})", plural(rows.size(), "setting")),
                   html_table("Settings that are equal in all runs of this study.", {"Setting", "Value"}, {rows}));
}

std::string with_counts(const std::vector<std::pair<std::string, int>>& values) {
  if (values.size() == 1) return values[0].first;
  std::vector<std::string> parts;
  for (const auto& [value, count] : values)
    parts.push_back(fmt::format("{} ({})", value, plural(static_cast<std::size_t>(count), "run")));
  return join(parts, "; ");
}

}  // namespace

std::string settings_section(const ReportData& data) {
  std::string out = "<section id=\"settings\">\n<h2>Settings</h2>\n";
  for (const ReportStudy& s : data.studies) out += study_settings(s);
  Settings items;
  if (!data.versions.empty()) items.emplace_back("version", "eqnn " + with_counts(data.versions));
  if (!data.machines.empty()) items.emplace_back("machine", with_counts(data.machines));
  if (!items.empty()) out += "<h3>Program and machine</h3>\n" + definitions(items);
  return out + "</section>\n";
}

// --- commands ----------------------------------------------------------------------------------------------

namespace {

std::string code_block(const std::string& text) {
  return fmt::format("<pre tabindex=\"0\"><code>{}</code></pre>\n", escaped(text));
}

std::string made_by(const ReportData& data, const ReportOptions& options) {
  std::vector<std::string> commands;
  if (!options.command.empty()) commands.push_back(options.command);
  for (const ReportStudy& s : data.studies)
    if (!s.command.empty() && std::find(commands.begin(), commands.end(), s.command) == commands.end())
      commands.push_back(s.command);
  const std::string database = shell_word(shown_path(options.database));
  std::string collect = "eqnn collect";
  std::set<std::string> folders;
  for (const std::string& f : data.folders) folders.insert(shell_word(shown_path(f)));
  for (const std::string& f : folders) collect += " " + f;
  commands.push_back(collect + " --db " + database);
  std::string report = "eqnn report " + database + " -o " + shell_word(shown_path(options.out));
  if (!options.title.empty()) report += " --title " + shell_word(options.title);
  if (!options.study.empty()) report += " --study " + shell_word(options.study);
  commands.push_back(report);
  return code_block(join(commands, "\n"));
}

// The runs behind the summary first, then the rest by study and id.
std::string run_commands(const ReportData& data, const ReportOptions& options) {
  std::vector<HtmlRow> rows;
  std::set<std::string> seen;
  for (const bool best : {true, false})
    for (const ReportStudy& study : data.studies)
      for (const ReportSubject& subject : study.subjects)
        for (const ReportSide* side : {&subject.target, &subject.control})
          for (const ReportRun& r : side->runs)
            if (rows.size() < kCommands && !r.command.empty() && (!best || r.point == side->best.best) &&
                seen.insert(r.id).second)
              rows.push_back({row_name(r.id),
                              words(r.status == "done" ? r.verdict : r.status),
                              {fmt::format("<code>{}</code>", escaped(r.command))}});
  if (rows.empty()) return "";
  const std::string query =
      fmt::format("sqlite3 {} \"SELECT command FROM runs\"", shell_word(shown_path(options.database)));
  std::string content = html_table("One run each.", {"Run", "Verdict", "Command"}, {rows});
  if (rows.size() < static_cast<std::size_t>(data.runs))
    content = paragraph(fmt::format("{} of {} runs, those of the best grid points first. All of them:", rows.size(),
                                    data.runs)) +
              code_block(query) + content;
  return html_details(fmt::format("The command of every run ({})", data.runs), content);
}

}  // namespace

std::string commands_section(const ReportData& data, const ReportOptions& options) {
  std::string out = "<section id=\"commands\">\n<h2>Commands</h2>\n";
  out +=
      paragraph("What made this page, in order. The same seeds give the same numbers, for any number of threads.");
  out += made_by(data, options);
  std::set<std::string> seen;
  for (const ReportStudy& s : data.studies)
    if (!s.toml.empty() && seen.insert(s.toml).second)
      out += html_details("The file of " + s.name.substr(0, s.name.find('/')), code_block(s.toml));
  return out + run_commands(data, options) + "</section>\n";
}

std::string reading_section() {
  return R"(<section id="reading">
<h2>How to read the numbers</h2>
<dl>
<dt>normalised loss</dt><dd>The mean squared error divided by the target’s variance (cross entropy: by the classes’
entropy). 0 is exact, 1 is what the best constant has, above 1 is worse than that constant. The test loss is over fresh
samples, or over held-out examples where the data are a file.</dd>
<dt>verdicts</dt><dd>The first that holds, with the default thresholds: <em>diverged</em>, a loss that is not finite or
above a million times the first one; <em>learned</em>, a normalised test loss of at most 0.05; <em>memorised</em>, at
most 0.1 in training and at least 0.9 in the test; <em>cannot-fit</em>, at least 0.9 in training;
<em>partly-learned</em>, below 0.9 in the test; <em>undecided</em>.</dd>
<dt>seeds learned</dt><dd>How many of the finished runs at a grid point have the verdict <em>learned</em>. A seed draws
the function to learn, the initial weights and the data, unless the study fixes some of them: the spread mixes all that
is drawn.</dd>
<dt>best grid point</dt><dd>The one with the largest fraction of seeds learned; of equals, the one with the lowest mean
test loss. It is chosen on the seeds that are then reported, separately for target and control. That favours learning:
where the best of a grid fails, all of it failed.</dd>
<dt>95 % interval</dt><dd>Wilson’s score interval of the fraction learned. With few seeds it is wide: 0 of 3 still allows
56 %, 0 of 10 allows 28 %.</dd>
<dt>lowest to highest</dt><dd>The range over the seeds, not an interval of confidence.</dd>
<dt>steps to learn</dt><dd>The first evaluation at which the test loss is at most the threshold, the median over the
seeds. A seed that never gets there counts as more than its budget; “&gt; 12000” says that half of them or more did
not.</dd>
<dt>target and control</dt><dd>The target is a member of the family. The control has the same inputs, network and
settings, and a function to learn that gradient descent is known to learn. A failure says something only where the
control succeeds.</dd>
</dl>
</section>
)";
}

}  // namespace tools
