// How the runs ended, and what did not finish.

#include <algorithm>
#include <set>

#include <fmt/core.h>

#include "report/html.h"
#include "report/sections.h"
#include "report/words.h"

namespace tools {

namespace {

constexpr const char* kVerdictColumns[] = {"learned",   "partly-learned", "undecided",
                                           "memorised", "cannot-fit",     "diverged"};

std::string verdict_table(const ReportStudy& study) {
  std::vector<std::string> head{"Family", "Size", "Trained on"};
  std::set<std::string> others;
  for (const ReportSubject& s : study.subjects)
    for (const ReportSide* side : {&s.target, &s.control})
      for (const auto& [verdict, count] : side->verdicts) others.insert(verdict);
  std::vector<std::string> verdicts(std::begin(kVerdictColumns), std::end(kVerdictColumns));
  for (const std::string& v : others)
    if (std::find(verdicts.begin(), verdicts.end(), v) == verdicts.end()) verdicts.push_back(v);
  head.insert(head.end(), verdicts.begin(), verdicts.end());
  head.insert(head.end(), {"failed", "unfinished", "explained by a bound"});
  std::vector<std::vector<HtmlRow>> bodies;
  const auto count_cell = [](int count) {
    return count == 0 ? HtmlCell{"<span class=\"quiet\">0</span>", true} : number_cell(fmt::format("{}", count));
  };
  for (const ReportSubject& s : study.subjects) {
    if (bodies.size() == kMaxReportRows) break;
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
      const int judged = side->explained + side->not_explained;
      row.push_back(judged == 0 ? HtmlCell{"<span class=\"quiet\">–</span>", true}
                                : number_cell(fmt::format("{} of {}", side->explained, judged)));
      rows.push_back(std::move(row));
    }
    name_rows(rows, s);
    bodies.push_back(std::move(rows));
  }
  return html_table("Runs by verdict, all points of the grid and all seeds together.", head, bodies);
}

}  // namespace

std::string verdicts_section(const ReportData& data) {
  if (!data.has_runs()) return "";
  std::string out = "<section id=\"verdicts\">\n<h2>Verdicts</h2>\n";
  for (const ReportStudy& s : data.studies)
    if (!s.subjects.empty()) out += study_heading(s) + verdict_table(s);
  return out + "</section>\n";
}

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
      if (rows.size() < kMaxReportRows)
        rows.push_back({row_name(r.id), words(study_name(s)), words(r.point), number_cell(r.seed_text()),
                        words(r.status),
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

}  // namespace tools
