// `eqnn report`: one page of HTML out of a results database.

#include "report/report.h"

#include <array>

#include <fmt/core.h>

#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/machine.h"
#include "commands.h"
#include "report/html.h"
#include "report/sections.h"
#include "report/style.h"

namespace tools {
namespace {

std::string page_title(const ReportData& data, const ReportOptions& options) {
  if (!options.title.empty()) return options.title;
  if (data.studies.size() == 1) {
    const ReportStudy& s = data.studies.front();
    if (!s.title.empty()) return s.title;
    if (!s.name.empty()) return s.name;
  }
  return "What gradient descent learned";
}

std::string lead(const ReportData& data, std::size_t figures) {
  std::size_t studies = 0;
  for (const ReportStudy& s : data.studies) studies += s.name.empty() ? 0 : 1;
  return fmt::format("<p class=\"lead\">{} {} in {} {}, {} finished; {} figures.</p>\n", data.runs,
                     data.runs == 1 ? "run" : "runs", studies, studies == 1 ? "study" : "studies", data.done,
                     figures);
}

// The sections with links to them; those that have nothing to say are left out.
std::string body(const ReportData& data, const std::vector<Figure>& figures, const ReportOptions& options) {
  const std::vector<std::array<std::string, 3>> sections = {
      {"claim", "Claim", claim_section(data)},
      {"summary", "Summary", summary_section(data)},
      {"figures", "Figures", figures_section(figures, options)},
      {"verdicts", "Verdicts", verdicts_section(data)},
      {"failed", "Failed and unfinished runs", broken_section(data)},
      {"bounds", "Lower bounds", bounds_section(data)},
      {"settings", "Settings", settings_section(data)},
      {"commands", "Commands", commands_section(data, options)},
      {"reading", "How to read the numbers", reading_section()}};
  std::string links, content;
  for (const auto& [id, name, html] : sections) {
    if (html.empty()) continue;
    links += fmt::format("<li><a href=\"#{}\">{}</a></li>\n", id, name);
    content += html;
  }
  return fmt::format("<nav aria-label=\"Sections\"><ul>\n{}</ul></nav>\n</header>\n<main>\n{}</main>\n", links,
                     content);
}

std::vector<Figure> figures_of(const Database& db, const ReportData& data, const ReportOptions& options) {
  if (options.study.empty()) return make_all_figures(db);
  std::vector<Figure> all;
  FigureOptions of_study;
  for (const ReportStudy& s : data.studies) {  // several, where the name is that of a file
    of_study.study = s.name;
    for (Figure& f : make_all_figures(db, of_study)) all.push_back(std::move(f));
  }
  return all;
}

}  // namespace

std::string make_report(const Database& db, const ReportOptions& options) {
  const ReportData data = read_report_data(db, options.study);
  const std::vector<Figure> figures = figures_of(db, data, options);
  const std::string title = escaped(page_title(data, options));
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>{0}</title>\n<style>{1}</style>\n</head>\n"
      "<body>\n<header>\n<h1>{0}</h1>\n{2}{3}"
      "<footer><p>Made by eqnn {4} from the database alone.</p></footer>\n</body>\n</html>\n",
      title, kReportStyle, lead(data, figures.size()), body(data, figures, options), escaped(version_text()));
}

namespace {

int report(const std::string& database, const ReportOptions& options, bool force, const Common& common) {
  if (!force) claim_output(options.out, false);  // before the work
  const Database db = Database::open(database);
  const std::string page = make_report(db, options);
  claim_output(options.out, force);
  eqnn::write_atomically(options.out, page);
  if (common.json)
    fmt::print("{}\n", to_text(Json({{"out", options.out}, {"bytes", page.size()}})));
  else if (!common.quiet)
    fmt::print("{}\n", options.out);
  return kDone;
}

}  // namespace

void add_report(CommandLine& line) {
  Subcommand sub =
      line.add("report", "one self-contained page: tables, figures, and what made them", "Look at results");
  struct Flags {
    ReportOptions options;
    bool force = false;
  };
  auto flags = std::make_shared<Flags>();
  sub.example("eqnn report results.db -o report.html");
  sub.required("DB", flags->options.database, "database that collect wrote");
  sub.required("-o,--out", flags->options.out, "the page, report.html for example");
  sub.option("--title", flags->options.title, "title of the page (default: the study's)");
  sub.option("--study", flags->options.study, "only this study, or the studies of this file");
  sub.toggle("--force", flags->force, "replace an existing page");
  sub.runs([flags](const Common& common) {
    return report(flags->options.database, flags->options, flags->force, common);
  });
}

}  // namespace tools
