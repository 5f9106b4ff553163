#include "files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <new>
#include <random>
#include <system_error>

namespace eqnn {
namespace {

const char* advice(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return "free some space there, or choose another disk, and try again";
    case EFBIG:
      return "raise the limit on file sizes (ulimit -f), or choose another disk";
    case EACCES:
    case EPERM:
    case EROFS:
      return "choose a place you have permission for";
    case ENOENT:
    case ENOTDIR:
      return "check the spelling; the folder it is in must exist";
    case EISDIR:
      return "name a file, not a folder";
    case EMFILE:
    case ENFILE:
      return "raise the limit on open files (ulimit -n)";
    default:
      return "check the path and the disk";
  }
}

[[noreturn]] void fail(const std::string& path, const char* what, int error) {
  throw FileError(concat(path, ": ", what, ": ", std::generic_category().message(error), "; ", advice(error)));
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }
  // 0 or the error; network file systems report a failed write only here.
  int close() {
    if (fd_ < 0) return 0;
    const int error = ::close(fd_) == 0 || errno == EINTR ? 0 : errno;
    fd_ = -1;
    return error;
  }

 private:
  int fd_;
};

// Writes all bytes, however few each call takes; 0 or the error.
int write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) return EIO;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

void write_directly(const std::string& path, std::string_view bytes) {
  Descriptor file(path, O_WRONLY);
  if (file.get() < 0) fail(path, "cannot open it to write", errno);
  int error = write_all(file.get(), bytes);
  if (error == 0) error = file.close();
  if (error != 0) fail(path, "cannot write", error);
}

std::string temporary_name(const std::string& path) {
  std::random_device random;
  char suffix[32];
  std::snprintf(suffix, sizeof suffix, ".%08x%08x.tmp", random(), random());
  return path + suffix;
}

// The file's new name is safe once its folder is on the disk. EINVAL: a file system whose folders cannot be synced.
int sync_folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const Descriptor d(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY);
  if (d.get() < 0) return errno == EACCES ? 0 : errno;  // a folder one may write to but not list
  return ::fsync(d.get()) == 0 || errno == EINVAL ? 0 : errno;
}

}  // namespace

void write_atomically(const std::string& path, std::string_view bytes) {
  // What cannot be looked at may be a link, or a device: it is not written over.
  const auto found = [&](int error) {
    if (error != 0 && error != ENOENT && error != ENOTDIR && error != ELOOP)
      fail(path, "cannot look at what is there", error);
    return error == 0;
  };
  std::string target = path;
  struct stat status;
  if (found(::lstat(path.c_str(), &status) == 0 ? 0 : errno) && S_ISLNK(status.st_mode)) {
    std::error_code error;
    const std::filesystem::path followed = std::filesystem::canonical(path, error);
    if (found(error.value())) target = followed.string();  // a link that leads nowhere is replaced
  }
  if (found(::stat(path.c_str(), &status) == 0 ? 0 : errno) && !S_ISREG(status.st_mode)) {
    if (S_ISDIR(status.st_mode)) fail(path, "cannot write", EISDIR);
    return write_directly(path, bytes);  // a rename would put a file in the place of /dev/null
  }

  const std::string temporary = temporary_name(target);
  Descriptor file(temporary, O_WRONLY | O_CREAT | O_EXCL);
  if (file.get() < 0) fail(path, "cannot create a file beside it", errno);
  int error = write_all(file.get(), bytes);
  if (error == 0 && ::fsync(file.get()) != 0) error = errno;
  const int close_error = file.close();
  if (error == 0) error = close_error;
  if (error == 0 && ::rename(temporary.c_str(), target.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(temporary.c_str());
    fail(path, "cannot write", error);
  }
  error = sync_folder_of(target);
  if (error != 0) fail(path, "written, but its folder cannot be synced to disk", error);
}

std::string read_file(const std::string& path) {
  const Descriptor file(path, O_RDONLY);
  if (file.get() < 0) fail(path, "cannot open it to read", errno);
  struct stat status;
  if (::fstat(file.get(), &status) != 0) fail(path, "cannot read", errno);
  std::string bytes;
  std::size_t used = 0;
  try {
    // One byte more than the size: the read that finds the end then needs no room of its own.
    bytes.resize(S_ISREG(status.st_mode) ? static_cast<std::size_t>(status.st_size) + 1 : 65536);
    for (;;) {
      if (used == bytes.size()) bytes.resize(2 * used);
      const ssize_t n = ::read(file.get(), bytes.data() + used, bytes.size() - used);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(path, "cannot read", errno);
      if (n == 0) break;
      used += static_cast<std::size_t>(n);
    }
  } catch (const std::bad_alloc&) {
    fail(path, "cannot read it into memory", ENOMEM);
  } catch (const std::length_error&) {
    fail(path, "cannot read it into memory", EFBIG);
  }
  bytes.resize(used);
  return bytes;
}

AppendFile::AppendFile(std::string path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(path_, "cannot open it to append", errno);
  struct stat status;
  if (::fstat(descriptor_, &status) != 0) {
    const int error = errno;
    ::close(descriptor_);
    fail(path_, "cannot open it to append", error);
  }
  length_ = status.st_size;
}

AppendFile::~AppendFile() { ::close(descriptor_); }

void AppendFile::append(std::string_view bytes) {
  const int error = write_all(descriptor_, bytes);
  if (error != 0) {
    const bool restored = ::ftruncate(descriptor_, length_) == 0;
    fail(path_, restored ? "cannot append" : "cannot append, and part of the record may be left", error);
  }
  length_ += static_cast<Index>(bytes.size());
}

void AppendFile::truncate(Index length) {
  require<FileError>(length >= 0 && length <= length_, path_, ": is ", length_, " bytes long and cannot be cut to ",
                     length, "; it was shortened or replaced: start again, or put the old file back");
  if (::ftruncate(descriptor_, length) != 0) fail(path_, "cannot cut it", errno);
  length_ = length;
}

void AppendFile::sync() {
  if (::fsync(descriptor_) != 0) fail(path_, "cannot sync it to disk", errno);
}

std::optional<Index> array_bytes(std::span<const Index> shape, Index item_bytes) {
  Index total = item_bytes;
  for (const Index size : shape)
    if (size < 0 || __builtin_mul_overflow(total, size, &total)) return std::nullopt;
  return total;
}

std::string shape_text(std::span<const Index> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += concat(i == 0 ? "" : ", ", shape[i]);
  return text + "]";
}

}  // namespace eqnn
