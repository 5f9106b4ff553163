// The page that shows what a database of results holds.
#pragma once

#include <string>

#include "results/database.h"

namespace tools {

struct ReportOptions {
  std::string title;  // "": the study's own, where there is one
  std::string study;  // "": all; or a study's name, or the name of the file of several
  // As the page's commands name them. Absolute paths are shortened to the file's name, so that a page does not
  // depend on where it was made.
  std::string database = "results.db", out = "report.html";
  std::string command;   // one that makes all of this ("eqnn reproduce quick"), named first; "" for none
  int refresh = 0;       // seconds after which a browser loads the page anew; 0: it is the last one
  std::string progress;  // of a page that is not the last: how far its runs are
};

// One self-contained page of HTML: claim, summary, figures, verdicts, failures, settings, commands. It has no
// script, asks for nothing from the network, and depends on the database and the options alone. Throws ValueError
// for a study that is not there, FileError for a database without a finished run, NotBuiltError without gnuplot.
std::string make_report(const Database& db, const ReportOptions& options);

// Of a page that is not the last: what goes into its head, and its first line; "" for the last.
std::string refresh_head(const ReportOptions& options);
std::string live_line(const ReportOptions& options);

}  // namespace tools
