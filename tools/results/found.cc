#include "results/found.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <string_view>

#include "cli/paths.h"
#include "results/documents.h"

namespace tools {
namespace {

namespace fs = std::filesystem;
using eqnn::FileError;

// Any of them makes a directory that of a run.
constexpr const char* kRunFiles[] = {"run.json", "failure.json", "result.json"};

bool is_run_file(std::string_view name) {
  return std::ranges::any_of(kRunFiles, [&](const char* file) { return name == file; });
}

class Walk {
 public:
  Found found;

  // Every folder once, also where symbolic links lead in circles.
  void folder(const std::string& path) {
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) {
      if (errno != ENOENT) problem(path, std::strerror(errno));  // it may have been removed meanwhile
      return;
    }
    if (!seen_.insert({info.st_dev, info.st_ino}).second) return;
    std::vector<std::string> folders;
    bool is_run = false;
    std::error_code error;
    for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
      const std::string name = at->path().filename();
      if (is_run_file(name))
        is_run = true;
      else if (name.ends_with(".sweep.json"))
        found.studies.push_back(at->path());
      else if (const DocumentKind* kind = find_document(&DocumentKind::file, name))
        found.documents.push_back({kind->name, at->path(), fs::path(path).filename()});
      else if (leads_on(at->path()))
        folders.push_back(at->path());
    }
    if (error && error != std::errc::no_such_file_or_directory) problem(path, error.message());
    if (is_run) found.runs.push_back(path);
    std::sort(folders.begin(), folders.end());
    for (const std::string& inner : folders) folder(inner);
  }

 private:
  void problem(const std::string& path, const std::string& why) {
    found.problems.push_back(concat(path, ": cannot be read: ", why));
  }

  bool leads_on(const std::string& path) {
    try {
      return is_folder(path);
    } catch (const FileError& e) {
      found.problems.emplace_back(e.what());
      return false;
    }
  }

  std::set<std::pair<dev_t, ino_t>> seen_;
};

}  // namespace

Found find_runs(const std::vector<std::string>& folders) {
  Walk walk;
  for (const std::string& name : folders) {
    require<FileError>(is_folder(name), name,
                       ": there is no such folder; name a run directory or a folder of them");
    std::error_code error;
    const fs::path path = fs::canonical(name, error);
    require<FileError>(!error, name, ": cannot be read: ", error.message());
    walk.folder(path);
  }
  return std::move(walk.found);
}

bool was_removed(const std::string& path) {
  std::error_code error;
  return std::ranges::all_of(kRunFiles, [&](const char* name) {
    return fs::status(path + "/" + name, error).type() == fs::file_type::not_found;
  });
}

}  // namespace tools
