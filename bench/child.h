// A program that is spoken to line by line while it runs.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace bench {

class Child {
 public:
  // words[0] is found in PATH; what the program says on stderr is dropped. Throws FileError when it cannot start.
  Child(std::vector<std::string> words, std::vector<std::string> environment);
  // Closes its input, waits a moment for its end, and kills it.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // To one that has ended nothing is said.
  void say(const std::string& line);
  // The next line of its output; nothing when it has ended, or has not spoken for so many seconds.
  std::optional<std::string> hear(double seconds);

 private:
  int stream_ = -1;
  pid_t process_ = 0;
  std::string heard_;
};

}  // namespace bench
