// What the targets of libFuzzer share: which errors may leave a reader, and input as files.
#pragma once

#include <eqnn/core/check.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

// Ends the program, which libFuzzer reports with the input, unless `ok`: for what a reader promises.
inline void expect(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

// Calls `read`, which may throw what the library throws on purpose. Any other exception leaves, and is a finding.
template <class Read>
void reads(Read read) {
  try {
    read();
  } catch (const eqnn::Error& e) {
    expect(*e.what() != '\0', "an error says what is wrong");
  }
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The first byte as a number below `count`, and taken away: which of several readers an input is for.
inline std::size_t take_choice(std::string_view& text, std::size_t count) {
  if (text.empty()) return 0;
  const auto first = static_cast<unsigned char>(text[0]);
  text.remove_prefix(1);
  // Letters in the order of the readers, so that the seeds can be read.
  return (first >= 'a' ? first - 'a' : first) % count;
}

// Sums are kept here, so that no compiler leaves out the reading of what they add.
inline volatile double sink = 0;
template <class Values>
void add_up(const Values& values) {
  double sum = 0;
  for (const auto& v : values) sum += static_cast<double>(v);
  sink = sum;
}

// A file in memory with a path, for readers that take one.
class InputFile {
 public:
  explicit InputFile(std::string_view bytes) : descriptor_(::memfd_create("input", MFD_CLOEXEC)) {
    expect(descriptor_ >= 0, "a file in memory can be made");
    while (!bytes.empty()) {
      const auto n = ::write(descriptor_, bytes.data(), bytes.size());
      expect(n > 0, "a file in memory can be written");
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  ~InputFile() { ::close(descriptor_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

// A folder of this process for readers of several files, or of names with an ending; under TMPDIR.
class InputFolder {
 public:
  InputFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "eqnn-fuzz-XXXXXX").string();
    expect(::mkdtemp(name.data()) != nullptr, "a temporary folder can be made");
    path_ = name;
  }
  ~InputFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  InputFolder(const InputFolder&) = delete;
  InputFolder& operator=(const InputFolder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  std::string write(const std::string& name, std::string_view bytes) const {
    std::ofstream(*this / name, std::ios::binary) << bytes;
    return *this / name;
  }
  // The parts of `text` between bytes 0x1e, ASCII's record separator, as the files `names`. An empty part, and one
  // that is not there, is no file.
  void write_parts(std::string_view text, const std::vector<std::string>& names) const {
    for (const std::string& name : names) {
      const std::size_t end = std::min(text.find('\x1e'), text.size());
      if (end > 0)
        write(name, text.substr(0, end));
      else
        ::unlink((*this / name).c_str());
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

 private:
  std::string path_;
};

}  // namespace fuzz
