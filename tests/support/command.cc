#include "support/command.h"
#include "support/paths.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

namespace cli {
namespace {

namespace fs = std::filesystem;

std::string read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Runs in the child: nothing that allocates.
[[noreturn]] void become(const std::string& folder, char* const* argv, const std::string& out,
                         const std::string& err, const Setting& setting) {
  const int o = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  const int e = open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (o < 0 || e < 0 || chdir(folder.c_str()) != 0) _exit(126);
  dup2(o, STDOUT_FILENO);
  dup2(e, STDERR_FILENO);
  close(o);
  close(e);
  if (setting.largest_file >= 0) {
    const rlimit limit{static_cast<rlim_t>(setting.largest_file), static_cast<rlim_t>(setting.largest_file)};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  for (const int stream : setting.closed) close(stream);
  execvp(argv[0], argv);
  _exit(127);
}

}  // namespace

Process::Process(const Folder& folder, const Arguments& arguments, const Setting& setting) {
  // Streams are kept beside the folder, so that it holds only what the command made.
  static std::atomic<int> count = 0;
  const std::string base = folder.path() + ".stream" + std::to_string(count++);
  out_ = setting.out.empty() ? base + ".out" : setting.out;
  err_ = base + ".err";
  std::vector<std::string> words = setting.under;
  words.push_back(paths::command());
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) become(folder.path(), argv.data(), out_, err_, setting);
  if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
}

Process::~Process() {
  if (!done_) {
    kill(pid_, SIGKILL);
    reap(0);
  }
  fs::remove(err_);
  if (out_.ends_with(".out")) fs::remove(out_);
}

void Process::signal(int number) const { kill(pid_, number); }

void Process::reap(int options) {
  if (!done_) done_ = waitpid(pid_, &status_, options) == pid_;
}

bool Process::running() {
  reap(WNOHANG);
  return !done_;
}

bool Process::reaches(const std::function<bool()>& state) {
  while (!state()) {
    if (!running()) return state();
    usleep(1000);
  }
  return true;
}

std::string Process::said() const { return read_whole(err_); }

Outcome Process::wait() {
  reap(0);
  const int code = WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
  return {code, out_.ends_with(".out") ? read_whole(out_) : "", read_whole(err_)};
}

Folder::Folder() : path_((fs::temp_directory_path() / "eqnn-cli-XXXXXX").string()) {
  if (mkdtemp(path_.data()) == nullptr) throw std::system_error(errno, std::generic_category(), path_);
}

Folder::~Folder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Outcome Folder::run(const Arguments& arguments, const Setting& setting) const {
  return Process(*this, arguments, setting).wait();
}

std::map<std::string, std::string> Folder::contents() const {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(path_)) {
    const std::string name = entry.path().lexically_relative(path_).string();
    if (entry.is_directory())
      all[name + "/"] = "";
    else
      all[name] = entry.is_regular_file() ? read_whole(entry.path().string()) : "";
  }
  return all;
}

std::string Folder::read(const std::string& name) const { return read_whole(*this / name); }

void Folder::write(const std::string& name, const std::string& bytes) const {
  std::ofstream(*this / name, std::ios::binary) << bytes;
}

std::uintmax_t Folder::size(const std::string& name) const {
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(*this / name, error);
  return error ? 0 : bytes;
}

Disk::Disk(const Folder& folder, const std::string& name, const std::string& options, bool read_only)
    : path_(folder / name) {
  fs::create_directory(path_);
  made_ = mount("tmpfs", path_.c_str(), "tmpfs", read_only ? MS_RDONLY : 0, options.c_str()) == 0;
  if (!made_) MESSAGE("skipped: no file system can be mounted here, which needs the rights of root");
}

Disk::~Disk() {
  if (made_) umount2(path_.c_str(), MNT_DETACH);
}

bool one_error_line(const std::string& err) {
  return err.starts_with("eqnn: error: ") && err.find('\n') == err.size() - 1 && err.size() > 20;
}

void refused(const Folder& folder, const Arguments& arguments, int code, const std::string& fragment,
             const Setting& setting) {
  const auto before = folder.contents();
  const Outcome r = folder.run(arguments, setting);
  std::string command = "eqnn";
  for (const std::string& a : arguments) command += " '" + a + "'";
  INFO(command, "\n  stderr: ", r.err, "\n  stdout: ", r.out.substr(0, 200));
  CHECK(r.code == code);
  CHECK(one_error_line(r.err));
  CHECK(r.err.find(fragment) != std::string::npos);
  CHECK(r.out.empty());
  CHECK(folder.contents() == before);
}

std::string accepted(const Folder& folder, const Arguments& arguments, int code) {
  const Outcome r = folder.run(arguments);
  std::string command = "eqnn";
  for (const std::string& a : arguments) command += " '" + a + "'";
  INFO(command, "\n  stderr: ", r.err);
  CHECK(r.code == code);
  CHECK(r.err.empty());
  return r.out;
}

Arguments operator+(Arguments left, const Arguments& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Arguments tiny(const Arguments& more) {
  const bool has_head = std::find(more.begin(), more.end(), "mlp") == more.end();
  return Arguments{"train", "gnn-degree-parity", "--n", "6", "--width", "8"} +
         (has_head ? Arguments{"--head-width", "8"} : Arguments{}) +
         Arguments{"--depth", "1", "--batch", "8", "--steps", "40", "--test-samples", "200", "--threads", "1"} +
         more;
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}

Json without_time(const std::string& text) {
  Json j = Json::parse(text);
  j.erase("time");
  j.erase("machine");
  return j;
}

std::vector<Json> metrics(const Folder& folder, const std::string& run) {
  std::vector<Json> all;
  for (const std::string& line : lines(folder.read(run + "/metrics.jsonl"))) all.push_back(without_time(line));
  return all;
}

void same_run(const Folder& a, const std::string& run_a, const Folder& b, const std::string& run_b) {
  CHECK(!a.read(run_a + "/model.safetensors").empty());
  CHECK(a.read(run_a + "/model.safetensors") == b.read(run_b + "/model.safetensors"));
  CHECK(metrics(a, run_a) == metrics(b, run_b));
  CHECK(without_time(a.read(run_a + "/result.json")) == without_time(b.read(run_b + "/result.json")));
}

}  // namespace cli
