// Other programs: started without a shell, or in the place of this one.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

namespace tools {

// The words as exec takes them, with a null after them; they must outlive it.
std::vector<char*> pointers(std::vector<std::string>& words);

struct ProcessResult {
  int code = 0, signal = 0;    // the exit code, or the signal that ended it
  std::string output, errors;  // what it wrote, where that was captured
  std::string start_error;     // why it could not be started; empty: it was

  bool succeeded() const { return start_error.empty() && signal == 0 && code == 0; }
};

struct Process {
  enum class Stream { ours, captured, dropped };

  std::vector<std::string> words;         // words[0]: a path, or a name to be found in PATH
  std::optional<std::string> input = {};  // on its standard input; none: ours
  Stream output = Stream::captured, errors = Stream::ours;
  std::optional<std::vector<std::string>> environment = {};  // "NAME=value"; none: ours

  // Starts it and waits for its end. Any thread may call it. Throws FileError when there is no room for what it
  // reads and writes.
  ProcessResult run() const;
};

// Our environment without the variables whose "NAME=value" begins with one of `prefixes`.
std::vector<std::string> environment_without(std::initializer_list<const char*> prefixes);

// Goes on as the program at `path`, called words[0]; comes back by a FileError alone.
[[noreturn]] void become(const std::string& path, std::vector<std::string> words);

}  // namespace tools
