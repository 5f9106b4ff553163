// Whole files in and out, and what the array formats share. Errors are FileError: path, what failed, why, what to
// do.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "../core/check.h"

namespace eqnn {

// Replaces the file at `path`, or creates it, so that a reader, a crash or a full disk sees the old bytes or the
// new ones and never a mixture: temporary file beside it, fsync, rename, fsync of the folder. A symbolic link is
// followed, a device or pipe is written to directly. When it throws, the old file is as it was and the temporary is
// gone; a killed process may leave PATH.<16 hex digits>.tmp behind, which nothing reads.
// Throws FileError. Threads: any, also for the same path (the last rename wins).
void write_atomically(const std::string& path, std::string_view bytes);

// All bytes of a file or pipe. Throws FileError when it is missing, unreadable, a folder, or larger than memory.
std::string read_file(const std::string& path);

// A log that grows by whole records: one writer, which keeps the length.
class AppendFile {
 public:
  // Opens `path`, creating it empty when it is missing; what it holds is kept. Throws FileError.
  explicit AppendFile(std::string path);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  // Adds exactly `bytes` (end a line with "\n" yourself). When a write fails part-way, cuts the file back to the
  // length it had and throws FileError.
  void append(std::string_view bytes);
  // Bytes in the file.
  Index length() const { return length_; }
  // Cuts the file to its first `length` bytes. Throws FileError when it has fewer.
  void truncate(Index length);
  // Returns once the bytes are on the disk. Throws FileError.
  void sync();

 private:
  std::string path_;
  int descriptor_ = -1;
  Index length_ = 0;
};

// Bytes of a contiguous array: `item_bytes` times the product of `shape` ([] has one item). Nothing when a size is
// negative or the product does not fit an Index.
std::optional<Index> array_bytes(std::span<const Index> shape, Index item_bytes);

// "[3, 4]", for messages.
std::string shape_text(std::span<const Index> shape);

}  // namespace eqnn
