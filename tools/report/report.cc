// `eqnn report`: one page of HTML out of a results database.

#include "report/report.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/core.h>

#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/machine.h"
#include "cli/paths.h"
#include "commands.h"
#include "report/html.h"
#include "report/live.h"
#include "report/sections.h"
#include "report/style.h"
#include "report/words.h"
#include "results/collect.h"
#include "results/study_file.h"

namespace tools {
namespace {

std::string page_title(const ReportData& data, const ReportOptions& options) {
  if (!options.title.empty()) return options.title;
  std::set<std::string> files;
  for (const ReportStudy& s : data.studies) files.insert(study_file(s.name));
  if (files.size() == 1 && !data.studies.front().name.empty()) {
    const ReportStudy& s = data.studies.front();
    if (const std::string title = data.studies.size() > 1 ? file_title(s.toml) : s.title; !title.empty())
      return title;
    return *files.begin();
  }
  return "What gradient descent learned";
}

std::string lead(const ReportData& data, std::size_t figures) {
  std::size_t studies = 0;
  for (const ReportStudy& s : data.studies) studies += s.name.empty() ? 0 : 1;
  return fmt::format("<p class=\"lead\">{} in {} {}, {} finished; {}.</p>\n",
                     plural(static_cast<std::size_t>(data.runs), "run"), studies,
                     studies == 1 ? "study" : "studies", data.done, plural(figures, "figure"));
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

// One run has nothing to be compared with; its figures are left out, unless there are no others.
std::vector<Figure> without_single_runs(std::vector<Figure> figures) {
  const auto single = [](const Figure& f) { return f.runs == 1; };
  if (!std::ranges::all_of(figures, single)) std::erase_if(figures, single);
  return figures;
}

std::vector<Figure> figures_of(const Database& db, const ReportData& data, const ReportOptions& options) {
  std::vector<Figure> all;
  if (options.study.empty()) return without_single_runs(make_all_figures(db));
  FigureOptions of_study;
  for (const ReportStudy& s : data.studies) {  // several, where the name is that of a file
    of_study.study = s.name;
    for (Figure& f : make_all_figures(db, of_study)) all.push_back(std::move(f));
  }
  return without_single_runs(std::move(all));
}

}  // namespace

std::string refresh_head(const ReportOptions& options) {
  return options.refresh == 0 ? "" : fmt::format("<meta http-equiv=\"refresh\" content=\"{}\">\n", options.refresh);
}

std::string live_line(const ReportOptions& options) {
  return options.refresh == 0
             ? ""
             : fmt::format("<p class=\"note\" role=\"status\">{}</p>\n", escaped(options.progress));
}

std::string make_report(const Database& db, const ReportOptions& options) {
  const ReportData data = read_report_data(db, options.study);
  const std::vector<Figure> figures = figures_of(db, data, options);
  const std::string title = escaped(page_title(data, options));
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n{5}"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>{0}</title>\n<style>{1}</style>\n</head>\n"
      "<body>\n<header>\n<h1>{0}</h1>\n{6}{2}{3}"
      "<footer><p>Made by eqnn {4} from the database alone.</p></footer>\n</body>\n</html>\n",
      title, kReportStyle, lead(data, figures.size()), body(data, figures, options), escaped(version_text()),
      refresh_head(options), live_line(options));
}

namespace {

struct ReportFlags {
  LiveFlags live;
  ReportOptions options;
  std::string every = "10";
  bool force = false, watched = false;
};

int report(ReportFlags flags, const Common& common) {
  ReportOptions& options = flags.options;
  flags.live.seconds = parse_number("every", flags.every);
  require(flags.live.seconds >= 0.1 && flags.live.seconds <= 86400, "--every is ", flags.every,
          "; allowed are 0.1 to 86400 seconds");
  if (!is_folder(flags.live.source)) options.database = flags.live.source;
  if (flags.watched) return watch_report(flags.live, options, flags.force, common);
  if (!flags.force) claim_output(options.out, false);  // before the work
  const std::string page = make_report(open_results({flags.live.source}, common), options);
  claim_output(options.out, flags.force);
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
  auto flags = std::make_shared<ReportFlags>();
  sub.example("eqnn report results.db -o report.html");
  sub.example("eqnn report runs/grid --watch -o live.html # while a sweep runs");
  sub.required("DB", flags->live.source, "database that collect wrote, or a folder of runs");
  sub.takes("DB", {".db", "/"});
  sub.required("-o,--out", flags->options.out, "the page, report.html for example");
  sub.takes("FILE", {".html"});
  sub.option("--title", flags->options.title, "title of the page (default: the study's)");
  sub.option("--study", flags->options.study, "only this study, or the studies of this file");
  sub.toggle("--force", flags->force, "replace an existing page");
  sub.heading("While runs go on");
  sub.toggle("--watch", flags->watched,
             "collect and write the page again and again, until nothing is left to do; browsers load it anew");
  sub.option("--every", flags->every, "seconds between two pages of --watch (default: 10)");
  sub.runs([flags](const Common& common) { return report(*flags, common); });
}

}  // namespace tools
