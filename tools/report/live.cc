#include "report/live.h"

#include <cmath>
#include <csignal>
#include <ctime>
#include <filesystem>
#include <set>

#include <fmt/core.h>

#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/paths.h"
#include "commands.h"
#include "report/html.h"
#include "report/style.h"
#include "results/collect.h"

namespace tools {
namespace {

namespace fs = std::filesystem;

// Of all runs that studies plan, and those of none.
struct RunCounts {
  std::int64_t runs = 0, done = 0, failed = 0;

  bool over() const { return runs > 0 && done + failed >= runs; }
};

RunCounts progress_of(const Database& db) {
  const auto count = [&](const char* sql) { return std::get<std::int64_t>(db.query(sql).rows[0][0]); };
  return {count("SELECT count(*) FROM (SELECT run_id FROM study_runs UNION SELECT run_id FROM runs)"),
          count("SELECT count(*) FROM runs WHERE status = 'done'"),
          count("SELECT count(*) FROM runs WHERE status = 'failed'")};
}

// Where nothing is finished yet there is nothing to report.
std::string waiting_page(const ReportOptions& options) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n{}"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{}</title>\n"
      "<style>{}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
      refresh_head(options), escaped(options.title.empty() ? "No run is finished yet" : options.title),
      kReportStyle, live_line(options));
}

// Waits, and gives the number of a signal to end, or 0. The signals are blocked: a page is never cut off.
int wait_or_signal(double seconds) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGINT, SIGTERM}) sigaddset(&set, number);
  const double whole = std::floor(seconds);
  const timespec time{static_cast<time_t>(whole), static_cast<long>((seconds - whole) * 1e9)};
  const int number = sigtimedwait(&set, nullptr, &time);
  return number > 0 ? number : 0;
}

class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGINT, SIGTERM}) sigaddset(&set, number);
    pthread_sigmask(SIG_BLOCK, &set, &before_);
  }
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

namespace {

// What the source holds now: a database with what has come meanwhile to the folders that its runs are from, as far
// as they are there.
Database collected_anew(const std::string& source, const Common& common) {
  if (is_folder(source)) return collected({source}, common);
  Common quiet = common;
  quiet.quiet = true;
  quiet.json = false;
  std::set<std::string> folders;
  for (const auto& row : Database::open(source).query("SELECT directory FROM runs").rows)
    if (const fs::path parent = fs::path(text_of(row[0])).parent_path(); !parent.empty())
      if (is_folder(parent.string())) folders.insert(parent.string());
  if (!folders.empty()) collect({{folders.begin(), folders.end()}, source, ""}, quiet);
  return Database::open(source);
}

}  // namespace

int watch_report(const LiveFlags& flags, ReportOptions options, bool force, const Common& common) {
  claim_output(options.out, force);
  const BlockedSignals blocked;
  for (bool first = true;; first = false) {
    const Database db = collected_anew(flags.source, common);
    const RunCounts p = progress_of(db);
    options.refresh = p.over() ? 0 : static_cast<int>(std::ceil(flags.seconds));
    options.progress = fmt::format("{} of {} runs done, {} failed; this page is written anew every {} s.", p.done,
                                   p.runs, p.failed, number_text(flags.seconds));
    const std::string page = p.done > 0 || p.over() ? make_report(db, options) : waiting_page(options);
    claim_output(options.out, force || !first);
    eqnn::write_atomically(options.out, page);
    if (common.json)
      fmt::print("{}\n",
                 to_text(Json({{"out", options.out}, {"done", p.done}, {"failed", p.failed}, {"runs", p.runs}})));
    else if (!common.quiet)
      fmt::print("{}: {} of {} runs done, {} failed\n", options.out, p.done, p.runs, p.failed);
    std::fflush(stdout);
    if (p.over()) return kDone;
    if (const int number = wait_or_signal(flags.seconds); number != 0)
      return number == SIGINT ? kSigint : kInterrupted;
  }
}

}  // namespace tools
