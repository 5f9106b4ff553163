#include "sweep/place.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <string>

#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/paths.h"
#include "results/documents.h"
#include "results/run_directory.h"

namespace tools {
namespace {

int open_lock(const std::string& folder) {
  int file = -1;
  do file = open((folder + "/.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  while (file < 0 && errno == EINTR);
  return file;
}

// The byte of a run, whose id is a number of 64 bits.
struct flock byte_of(const PlannedRun& run, short type) {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(std::stoull(run.run_id, nullptr, 16) >> 2);
  range.l_len = 1;
  return range;
}

bool set_lock(int file, struct flock range) {
  int result = 0;
  do result = fcntl(file, F_OFD_SETLK, &range);
  while (result != 0 && errno == EINTR);
  return result == 0;
}

}  // namespace

std::string directory_of(const PlannedRun& run, const std::string& folder) { return folder + "/" + run.run_id; }

const char* final_file(const PlannedRun& run) {
  const DocumentKind* document = find_document(&DocumentKind::command, run.command);
  return document != nullptr ? document->file : "result.json";
}

bool has(const std::string& directory, const char* file) { return is_there(directory + "/" + file); }

bool is_done(const PlannedRun& run, const std::string& folder) {
  return has(directory_of(run, folder), final_file(run));
}

double wall_seconds(const std::string& json) {
  const Json j = parse_json_if(json);
  if (!j.is_object() || !j.contains("time") || !j["time"].is_object()) return std::nan("");
  const Json& seconds = j["time"].value("wall_seconds", Json());
  return seconds.is_number() ? seconds.get<double>() : std::nan("");
}

double seconds_taken(const PlannedRun& run, const std::string& folder) {
  return wall_seconds(eqnn::read_file(directory_of(run, folder) + "/" + final_file(run)));
}

bool lock_run(const PlannedRun& run, const std::string& folder) {
  const int file = open_lock(folder);
  if (file < 0) return true;
  if (set_lock(file, byte_of(run, F_WRLCK)) || (errno != EAGAIN && errno != EACCES)) {
    fcntl(file, F_SETFD, 0);  // it stays open, in the program that takes this place too: the lock would go with it
    return true;
  }
  close(file);
  return false;
}

bool is_at_work(const PlannedRun& run, const std::string& folder) {
  if (RunDirectory(directory_of(run, folder)).busy()) return true;
  const int file = open((folder + "/.lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  struct flock range = byte_of(run, F_WRLCK);
  const bool held = fcntl(file, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
  close(file);
  return held;
}

bool locks_hold(const std::string& folder) {
  const int file = open_lock(folder);
  if (file < 0) return false;
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_len = 1;  // no run's: ids are hashes
  const bool held = set_lock(file, range) || errno == EAGAIN || errno == EACCES;
  close(file);
  return held;
}

}  // namespace tools
