// The commands that made a page.

#include <algorithm>
#include <set>

#include <fmt/core.h>

#include "cli/text.h"
#include "report/html.h"
#include "report/sections.h"
#include "report/words.h"

namespace tools {

namespace {

constexpr std::size_t kCommands = 300;  // listed; the rest is counted, and named by a query

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
      out += html_details("The file of " + study_file(s.name), code_block(s.toml));
  return out + run_commands(data, options) + "</section>\n";
}

}  // namespace tools
