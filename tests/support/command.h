// Runs the eqnn command as a user does: a process of its own, in a folder of its own.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace cli {

using Json = nlohmann::ordered_json;
using Arguments = std::vector<std::string>;

// What a process left behind. `code`: its exit code, or 128 + the signal that ended it.
struct Outcome {
  int code = -1;
  std::string out, err;
};

// What differs from a plain start.
struct Setting {
  std::string out = {};                 // stdout goes to this file; empty: into Outcome::out
  long largest_file = -1;               // bytes, as ulimit -f; -1: no limit
  std::vector<int> closed = {};         // streams that are closed: 1 as >&-, 2 as 2>&-
  std::vector<std::string> under = {};  // a program, found by PATH, that starts the command: strace and its flags
};

class Folder;

// A command at work. Destroying it kills what still runs.
class Process {
 public:
  Process(const Folder& folder, const Arguments& arguments, const Setting& setting = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const;
  pid_t pid() const { return pid_; }
  bool running();
  Outcome wait();
  // Waits, for as long as it takes, until `state` is so; false when the command ended before.
  bool reaches(const std::function<bool()>& state);
  // What stands on its stderr by now.
  std::string said() const;

 private:
  void reap(int options);
  pid_t pid_;
  int status_ = 0;
  bool done_ = false;
  std::string out_, err_;
};

// A new folder, the commands' working directory; removed at the end.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  Outcome run(const Arguments& arguments, const Setting& setting = {}) const;
  // Every file by its path from here, with its bytes; folders end in "/".
  std::map<std::string, std::string> contents() const;
  bool has(const std::string& name) const { return std::filesystem::exists(path_ + "/" + name); }
  std::string read(const std::string& name) const;
  void write(const std::string& name, const std::string& bytes) const;
  // Bytes of the file; 0 if there is none.
  std::uintmax_t size(const std::string& name) const;

 private:
  std::string path_;
};

// A small file system of its own in a folder, where the user may make one.
class Disk {
 public:
  Disk(const Folder& folder, const std::string& name, const std::string& options, bool read_only = false);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;
  bool made() const { return made_; }

 private:
  std::string path_;
  bool made_;
};

// Checks that a command is refused: this exit code, one line on stderr that begins "eqnn: error: " and has
// `fragment` in it, nothing on stdout, and every file as it was.
void refused(const Folder& folder, const Arguments& arguments, int code, const std::string& fragment = "",
             const Setting& setting = {});
// Checks that a command ends with `code` and says nothing on stderr; its stdout.
std::string accepted(const Folder& folder, const Arguments& arguments, int code = 0);
// Is it one line that begins "eqnn: error: "?
bool one_error_line(const std::string& err);

// A network and a budget that take milliseconds; `more` comes after and wins.
Arguments tiny(const Arguments& more = {});
// The same network and data as the head of a file's [run].
inline const std::string kTinyRun = R"([run]
family = "gnn-degree-parity"
width = 8
head-width = 8
depth = 1
batch = 8
steps = 40
test-samples = 200
)";
Arguments operator+(Arguments left, const Arguments& right);
std::vector<std::string> lines(const std::string& text);
// The document without what may differ between equal runs.
Json without_time(const std::string& text);
// metrics.jsonl, each line without its time.
std::vector<Json> metrics(const Folder& folder, const std::string& run);
// Checks that two runs of a folder left the same model, metrics and result.
void same_run(const Folder& a, const std::string& run_a, const Folder& b, const std::string& run_b);

}  // namespace cli
