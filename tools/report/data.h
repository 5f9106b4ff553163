// What a report says in numbers, read from the database: studies, what they trained on, and how it went.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "results/frontier.h"
#include "results/runs.h"

namespace tools {

// Names with values as text, in an order that is theirs.
using Settings = std::vector<std::pair<std::string, std::string>>;
// "n = 8, d = 32", without a break around the signs; `none` for no settings.
inline constexpr const char* kEquals = "\u00a0=\u00a0";
std::string settings_text(const Settings& settings, const std::string& none = "");

struct ReportRun : Run {
  std::string point;  // its place in the grid: the swept flags that are no part of a subject
  std::string task;   // what is learned from what, by which network and budget: equal for a target and its control

  std::string seed_text() const;  // "" for none
};

// The target, or the control, of a subject.
struct ReportSide {
  std::vector<ReportRun> runs;          // by id
  std::map<std::string, int> verdicts;  // of finished runs
  int done = 0, failed = 0, unfinished = 0;
  int explained = 0, not_explained = 0;  // by a bound, of those that did not learn
  FrontierPoint best;                    // of its grid points; nothing in it when done is 0
  std::size_t points = 0;                // grid points with a run of any kind

  bool run() const { return !runs.empty(); }
  // Some, or every, seed of the best grid point.
  bool learned() const { return done > 0 && best.learned > 0; }
  bool always_learned() const { return learned() && best.learned == best.seeds; }
};

// One row of the summary: a family at a size, with a network and whatever else says what is to be learned from what
// (a training set's size, a width), not how (a rate, an optimiser).
struct ReportSubject {
  std::string family, network;
  Settings size, more;
  ReportSide target, control;
  // Where the target has no control of its own: the one that another sweep of the file ran, with the same network,
  // size and budget, and that sweep's name.
  ReportSide other_control;
  std::string other_sweep;

  const ReportSide& any_control() const { return control.run() ? control : other_control; }
};

struct ReportStudy {
  std::string name, title, claim, command, toml;
  std::vector<std::string> seeds;
  std::vector<std::pair<std::string, std::vector<std::string>>> grid;  // swept flags with their values
  std::vector<ReportSubject> subjects;                                 // by family, network, size
  std::vector<ReportRun> broken;                                       // failed and unfinished runs, by id
  int planned = 0, done = 0, failed = 0, unfinished = 0, not_started = 0;
  int documents = 0;   // bounds and variances, which are no runs
  Settings same;       // of all its runs: configuration keys with one value
  Settings budget;     // "steps", "batch", ...: the values in its runs
  double seconds = 0;  // of all its runs together

  bool has_runs() const { return planned > 0; }
};

// One lower bound on the number of queries, as `eqnn bound` gives it.
struct ReportBound {
  std::string name, statement, assumes, source;
  double queries = 0;
};

// The bounds of an instance at a tolerance, the largest first.
struct ReportInstance {
  std::string family;
  Settings settings;  // its parameters, tau, and prob where that is not 1
  std::vector<ReportBound> bounds;
};

struct ReportData {
  std::vector<ReportStudy> studies;                             // as their files have them; runs of no study last
  int runs = 0, done = 0;                                       // without repetition
  std::vector<std::pair<std::string, int>> versions, machines;  // with the number of runs
  std::vector<std::string> folders;                             // that were collected
  std::vector<ReportInstance> bounds;  // from documents of that kind, by family and settings

  bool has_runs() const { return std::ranges::any_of(studies, &ReportStudy::has_runs); }
};

// Everything, or one study: by its name, or the name of the file whose sweeps are studies ("paper" for "paper/f1").
// Throws ValueError for a study that is not there, FileError for a database without a finished run.
ReportData read_report_data(const Database& db, const std::string& study);

}  // namespace tools
