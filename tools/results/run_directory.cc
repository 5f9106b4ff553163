#include "results/run_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "cli/json.h"
#include "cli/note.h"
#include "cli/paths.h"
#include "results/documents.h"
#include "results/schema.h"

namespace tools {
namespace {

namespace fs = std::filesystem;
using eqnn::FileError;

// What array run.numbers of a checkpoint holds, in this order.
constexpr double RunState::*kNumbers[] = {&RunState::wall_seconds, &RunState::initial_loss,
                                          &RunState::best_validation, &RunState::gradient_norm,
                                          &RunState::gradient_snr};

eqnn::NamedArray doubles(const std::string& name, const std::vector<double>& values) {
  eqnn::NamedArray a{name, "F64", {static_cast<Index>(values.size())}, {}};
  a.bytes.resize(values.size() * sizeof(double));
  if (!values.empty()) std::memcpy(a.bytes.data(), values.data(), a.bytes.size());
  return a;
}

std::vector<double> doubles(const eqnn::SafeTensors& file, const std::string& name, std::size_t least) {
  const eqnn::NamedArray& a = file.array(name);
  std::vector<double> values(a.bytes.size() / sizeof(double));
  require<FileError>(a.dtype == "F64" && values.size() >= least, file.path, ": array '", name, "' is ", a.dtype,
                     " with ", values.size(), " values; F64 with at least ", least, " is needed");
  if (!values.empty()) std::memcpy(values.data(), a.bytes.data(), a.bytes.size());
  return values;
}

// PATH.<16 hex digits>.tmp, as write_atomically names what a kill leaves.
bool is_temporary(const fs::path& file) {
  const std::string name = file.filename().string();
  return name.ends_with(".tmp") && name.size() > 21 && name[name.size() - 21] == '.' &&
         name.find_last_not_of("0123456789abcdef", name.size() - 5) == name.size() - 21;
}

// What is in a folder. Throws FileError.
std::vector<fs::path> entries(const std::string& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    found.push_back(at->path());
  require<FileError>(!error, folder, ": cannot be read: ", error.message(), "; check the permissions and the disk");
  return found;
}

// flock without waiting, however often a signal comes in between.
int try_lock(int folder, int kind) {
  int result = 0;
  do result = flock(folder, kind | LOCK_NB);
  while (result != 0 && errno == EINTR);
  return result;
}

// Whether a lock is held against this one. File systems without locks answer with other errors, and are used
// without.
bool is_held(int folder, int kind) { return try_lock(folder, kind) != 0 && errno == EWOULDBLOCK; }

// The folder, to lock it; -1 for one that may not be listed, which is used without a lock, or is no longer there.
int open_folder(const std::string& path) {
  int folder = -1;
  do folder = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  while (folder < 0 && errno == EINTR);
  require<FileError>(folder >= 0 || errno == EACCES || errno == ENOENT, path,
                     ": cannot be opened to lock it: ", std::strerror(errno));
  return folder;
}

}  // namespace

RunDirectory::~RunDirectory() {
  if (lock_ >= 0) close(lock_);
}

bool RunDirectory::exists() const { return is_taken(path_); }
bool RunDirectory::blank() const { return is_folder(path_) && std::ranges::all_of(entries(path_), is_temporary); }
bool RunDirectory::finished() const { return is_there(file("result.json")); }
bool RunDirectory::has_checkpoint() const { return is_there(file("checkpoint.safetensors")); }

void RunDirectory::create(const std::string& run_json) {
  std::error_code error;
  const bool made = fs::create_directories(path_, error);
  require<FileError>(!error && fs::is_directory(path_), path_,
                     ": the run directory cannot be made: ", error ? error.message() : "a file is in the way",
                     "; choose another --out");
  try {
    lock();
    eqnn::write_atomically(file("run.json"), run_json);
  } catch (const FileError&) {
    if (made) fs::remove(path_, error);
    throw;
  }
}

void RunDirectory::lock() {
  if (lock_ < 0) lock_ = open_folder(path_);
  // Who only looks holds a shared lock for an instant: then it is waited for. Who works holds an exclusive one.
  while (lock_ >= 0 && is_held(lock_, LOCK_EX)) {
    require<BusyError>(!is_held(lock_, LOCK_SH), path_,
                       ": another process is at work in this run directory; wait for it, or choose another --out");
    flock(lock_, LOCK_UN);
    usleep(1000);
  }
}

bool RunDirectory::busy() const {
  if (!is_folder(path_)) return false;
  const int folder = open_folder(path_);
  const bool held = folder >= 0 && is_held(folder, LOCK_SH);
  if (folder >= 0) close(folder);
  return held;
}

void RunDirectory::sweep() const {
  std::error_code ignored;  // one that stays does no harm
  for (const fs::path& entry : entries(path_))
    if (is_temporary(entry)) fs::remove(entry, ignored);
}

void RunDirectory::write_result(const Json& result) const {
  check_result(result);
  eqnn::write_atomically(file("result.json"), to_text(result, 2) + "\n");
}

namespace {

// What stands in a place where there is no run.json, for messages.
std::string contents_of(const std::string& path) {
  if (!is_folder(path)) return "is a file";
  std::vector<std::string> names;
  for (const fs::path& entry : entries(path)) names.push_back(entry.filename().string());
  for (const std::string& name : names) {
    if (const DocumentKind* kind = find_document(&DocumentKind::file, name))
      return concat("holds ", name, ", of eqnn ", kind->command);
    if (name.ends_with(".sweep.json")) return "is the folder of a sweep, in which each run has a folder of its own";
  }
  return names.empty() ? "is an empty folder" : "holds no run.json";
}

// Throws unless the run.json is of a run that `eqnn train` made: ValueError where it is of another command.
void require_trained(const std::string& path, const Json& document) {
  if (!document.contains("command") || !document["command"].is_string()) return;
  const std::string command = document["command"].get<std::string>();
  require(command == "train", path, " holds a run of eqnn ", one_line(command),
          ", which trains no network; name a run of eqnn train");
}

}  // namespace

TrainConfig RunDirectory::config() const {
  const std::string path = file("run.json");
  require<FileError>(exists(), path_, ": there is no such run directory; train one first");
  require(is_folder(path_) && is_there(path), path_, " ", contents_of(path_),
          "; the folder of a run of eqnn train is needed, which has a run.json");
  const Json document = parse_json(eqnn::read_file(path), path);
  require<FileError>(document.is_object(), path, ": holds no JSON object");
  require_trained(path_, document);
  try {
    require<FileError>(document.at("format") == kRunFormat, path, ": format is ", to_text(document.at("format")),
                       "; this version reads '", kRunFormat, "'; start again with --force");
    return parse_config_json(to_text(document.at("config")));
  } catch (const Json::exception& e) {
    throw FileError(
        concat(path, ": not a run.json of this version: ", plain_message(e), "; start again with --force"));
  } catch (const ValueError& e) {
    throw FileError(concat(path, ": not a run.json of this version: ", e.what(), "; start again with --force"));
  } catch (const NotBuiltError& e) {
    throw FileError(concat(path, ": not a run.json of this version: ", e.what(), "; start again with --force"));
  }
}

// Removes only what is a run, or empty: --force must not be able to take a home directory with it. result.json goes
// first and run.json last: whenever it is cut off, what is left is a run that is not done, and can be removed.
void RunDirectory::remove() {
  const bool removable = is_folder(path_) && (blank() || is_there(file("run.json")));
  require(removable, path_,
          " is not a run directory; --force replaces runs only: remove it yourself or choose another --out");
  lock();
  std::error_code error;
  fs::remove(file("result.json"), error);
  for (const fs::path& entry : entries(path_))
    if (!error && entry.filename() != "run.json") fs::remove_all(entry, error);
  if (!error) fs::remove(file("run.json"), error);
  if (!error) fs::remove(path_, error);
  if (lock_ >= 0) close(lock_);
  lock_ = -1;
  require<FileError>(!error, path_, ": cannot be removed: ", error.message());
}

void RunDirectory::write_checkpoint(Training& training, const RunState& s, const std::string& owner) const {
  std::vector<eqnn::NamedArray> arrays = training.state();
  std::vector<double> numbers;
  for (const auto member : kNumbers) numbers.push_back(s.*member);
  arrays.push_back(doubles("run.numbers", numbers));
  arrays.push_back(doubles("run.recent_losses", s.recent_losses));
  std::map<std::string, std::string> metadata = {
      {"format", kCheckpointFormat},
      {"owner", owner},
      {"ended", s.ended},
      {"evaluated", std::to_string(s.evaluated)},
      {"learned_at", std::to_string(s.learned_at)},
      {"step", std::to_string(s.steps)},
      {"metrics_length", std::to_string(s.metrics_length)},
      {"evaluations_without_better", std::to_string(s.evaluations_without_better)}};
  if (std::isfinite(s.best_test)) metadata["best_test"] = number_text(s.best_test);
  eqnn::write_atomically(file("checkpoint.safetensors"), eqnn::encode_safetensors(arrays, metadata));
}

RunState RunDirectory::read_checkpoint(Training& training, const std::string& owner, Index steps) const {
  const std::string path = file("checkpoint.safetensors");
  eqnn::SafeTensors found = eqnn::decode_safetensors(eqnn::read_file(path), path);
  require<FileError>(found.metadata["format"] == kCheckpointFormat, path, ": format is '", found.metadata["format"],
                     "'; this version reads ", kCheckpointFormat, "; start again with --force");
  require<FileError>(found.metadata["owner"] == owner, path, ": belongs to run '", found.metadata["owner"],
                     "'; that of '", owner, "' is needed: put it back, or start again with --force");
  const auto whole = [&](const char* name) {
    const std::string& text = found.metadata[name];
    std::int64_t value = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    require<FileError>(error == std::errc() && end == text.data() + text.size() && value >= 0, path, ": ", name,
                       " is '", text, "'; a whole number is needed; start again with --force");
    return value;
  };
  RunState s;
  s.steps = static_cast<std::uint64_t>(whole("step"));
  require<FileError>(s.steps <= static_cast<std::uint64_t>(steps), path, ": is of step ", s.steps, " of a run of ",
                     steps, "; start again with --force");
  s.evaluated = static_cast<std::uint64_t>(whole("evaluated"));
  s.learned_at = static_cast<std::uint64_t>(whole("learned_at"));
  s.ended = found.metadata["ended"];
  s.metrics_length = whole("metrics_length");
  s.evaluations_without_better = whole("evaluations_without_better");
  const std::vector<double> numbers = doubles(found, "run.numbers", std::size(kNumbers));
  for (std::size_t i = 0; i < std::size(kNumbers); ++i) s.*kNumbers[i] = numbers[i];
  s.recent_losses = doubles(found, "run.recent_losses", 0);
  if (const std::string& best = found.metadata["best_test"]; !best.empty())
    s.best_test = parse_number("best_test", best);
  training.restore(found, s.steps);
  return s;
}

}  // namespace tools
