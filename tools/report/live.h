// `eqnn report --watch`: a page that is written anew while its runs go on.
#pragma once

#include "cli/options.h"
#include "report/report.h"

namespace tools {

struct LiveFlags {
  std::string source;   // a database, or a folder of runs
  double seconds = 10;  // between two pages
};

// The database of a source: itself, or of a folder one that is made for as long as this lives.
class ReportSource {
 public:
  explicit ReportSource(const std::string& source);
  ~ReportSource();
  ReportSource(const ReportSource&) = delete;
  ReportSource& operator=(const ReportSource&) = delete;

  bool is_folder() const { return !folder_.empty(); }
  // Collects anew: the folder, or those that the database's runs came from, as far as they are there.
  void collect_anew(const Common& common) const;
  const std::string& database() const { return database_; }

 private:
  std::string folder_, database_;
  std::string scratch_;  // a folder of its own, with the database of a folder's runs
};

// Writes options.out again and again, each time whole, until every run that a sweep planned is done or failed;
// the last page is that of `eqnn report` alone. At SIGINT or SIGTERM the page that stands there stays.
int watch_report(const LiveFlags& flags, ReportOptions options, bool force, const Common& common);

}  // namespace tools
