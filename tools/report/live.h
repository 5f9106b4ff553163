// `eqnn report --watch`: a page that is written anew while its runs go on.
#pragma once

#include "cli/options.h"
#include "report/report.h"

namespace tools {

struct LiveFlags {
  std::string source;   // a database, or a folder of runs
  double seconds = 10;  // between two pages
};

// Writes options.out again and again, each time whole, until every run that a sweep planned is done or failed;
// the last page is that of `eqnn report` alone. At SIGINT or SIGTERM the page that stands there stays.
int watch_report(const LiveFlags& flags, ReportOptions options, bool force, const Common& common);

}  // namespace tools
