// Files: atomic writes, logs, safetensors and npz; truncated, damaged and foreign files; full disks.
#include <doctest/doctest.h>
#include <eqnn/io/files.h>
#include <eqnn/io/npz.h>
#include <eqnn/io/safetensors.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "support/folder.h"
#include "support/thrown.h"

namespace test_files {

using namespace eqnn;
namespace fs = std::filesystem;

namespace {

struct Folder : eqnn::testing::Folder {
  Index entries() const { return std::distance(fs::directory_iterator(path), fs::directory_iterator()); }
};

// Files cannot grow past `bytes` while this lives: writes fail part-way, as on a full disk.
struct FileSizeLimit {
  explicit FileSizeLimit(rlim_t bytes) : handler(std::signal(SIGXFSZ, SIG_IGN)) {
    REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    const rlimit now{bytes, before.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &now) == 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
  }
  rlimit before{};
  void (*handler)(int);
};

// A disk of 64 KiB at a folder; needs root.
struct SmallDisk {
  explicit SmallDisk(const fs::path& at)
      : path(at), mounted(::mount("tmpfs", path.c_str(), "tmpfs", 0, "size=64k") == 0) {}
  ~SmallDisk() {
    if (mounted) ::umount2(path.c_str(), MNT_DETACH);
  }
  fs::path path;
  bool mounted;
};

// What the FileError says; fails when there is none or it has several lines.
template <class F>
std::string file_error(F f) {
  try {
    f();
  } catch (const FileError& e) {
    const std::string text = e.what();
    CHECK(text.find('\n') == text.npos);
    return text;
  }
  FAIL_CHECK("no FileError");
  return "";
}

void write_plainly(const std::string& path, std::string_view bytes) {
  fs::remove(
      path);  // a file that is cut to nothing and written again goes to the disk at once: thousands take minutes
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

template <class T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
  const auto bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}

// A safetensors file from a header and data, right or wrong.
std::string safetensors(std::string_view header, std::size_t data_bytes) {
  const std::uint64_t size = header.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &size, 8);
  return file.append(header).append(data_bytes, '\0');
}

std::vector<NamedArray> every_dtype() {
  return {{"bytes", "U8", {3}, bytes_of<std::uint8_t>({0, 7, 255})},
          {"singles", "F32", {2, 2}, bytes_of<float>({0.5f, -1, 3e38f, 1e-45f})},
          {"doubles", "F64", {1, 3}, bytes_of<double>({0.1, -0.0, 1e300})},
          {"ints", "I32", {2}, bytes_of<std::int32_t>({INT32_MIN, INT32_MAX})},
          {"longs", "I64", {}, bytes_of<std::int64_t>({INT64_MIN})},
          {"nothing", "F32", {0, 4}, {}}};
}

template <class T>
Params<T> small_params() {
  Params<T> p;
  p.weight("layer.weight", 2, 3);
  p.bias("layer.bias", 3);
  p.freeze();
  T value = 1;
  for (const ParamInfo& info : p.list())
    for (Index i = 0; i < info.slice.rows; ++i)
      for (Index j = 0; j < info.slice.cols; ++j) p.view(info.slice)(i, j) = value++;
  return p;
}

NpzArrays every_npy_dtype() {
  return {{"f8", {"<f8", {2, 2}, bytes_of<double>({0.1, -0.0, 1e300, 5})}},
          {"f4", {"<f4", {3}, bytes_of<float>({0.5f, -1, 3e38f})}},
          {"i8", {"<i8", {}, bytes_of<std::int64_t>({1LL << 62})}},
          {"i4", {"<i4", {1, 2}, bytes_of<std::int32_t>({INT32_MIN, INT32_MAX})}},
          {"u1", {"|u1", {2}, bytes_of<std::uint8_t>({0, 255})}},
          {"empty", {"<f8", {0, 4}, {}}}};
}

bool same(const NpyArray& a, const NpyArray& b) {
  return a.dtype == b.dtype && a.shape == b.shape && a.bytes == b.bytes;
}

bool same(const NpzArrays& a, const NpzArrays& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& x, const auto& y) { return x.first == y.first && same(x.second, y.second); });
}

std::uint32_t crc32(std::string_view bytes) {
  std::uint32_t crc = ~0u;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0u);
  }
  return ~crc;
}

std::string little(std::uint64_t value, std::size_t bytes) {
  return std::string(reinterpret_cast<const char*>(&value), bytes);
}

struct ZipEntry {
  std::string name, bytes;
  std::uint64_t method = 0, flags = 0, size_said = 0;  // 0: the true size
};

// An archive in the oldest form, without 64-bit fields: what other tools write, and entries nobody should write.
std::string zip(const std::vector<ZipEntry>& entries) {
  std::string archive, directory;
  for (const ZipEntry& e : entries) {
    const std::size_t size = e.size_said != 0 ? e.size_said : e.bytes.size();
    const std::string common = little(20, 2) + little(e.flags, 2) + little(e.method, 2) + little(0, 4) +
                               little(crc32(e.bytes), 4) + little(e.bytes.size(), 4) + little(size, 4) +
                               little(e.name.size(), 2) + little(0, 2);
    directory += "PK\1\2" + little(20, 2) + common + std::string(10, '\0') + little(archive.size(), 4) + e.name;
    archive += "PK\3\4" + common + e.name + e.bytes;
  }
  return archive + directory + "PK\5\6" + little(0, 4) + little(entries.size(), 2) + little(entries.size(), 2) +
         little(directory.size(), 4) + little(archive.size(), 4) + little(0, 2);
}

std::string npy(const std::string& dict, std::size_t data_bytes, char version = 1) {
  const std::string header = dict + "\n";
  return std::string("\x93NUMPY") + version + '\0' + little(header.size(), version == 1 ? 2 : 4) + header +
         std::string(data_bytes, '\1');
}

std::string npy_dict(const std::string& descr, const std::string& order, const std::string& shape) {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
}

// What read_npz says of an archive with these bytes.
std::string npz_error(const std::string& archive) {
  const Folder folder;
  write_plainly(folder / "a.npz", archive);
  const std::string error = file_error([&] { read_npz(folder / "a.npz"); });
  CHECK(contains(error, "a.npz"));
  return error;
}

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return bytes;
}

// Written by NumPy 2.4: savez_compressed(x=arange(6, dtype='<f4').reshape(2, 3).T, flags=array([True, False])).
const char kNumpyFile[] =
    "504b03042d0000000800000021001a55ee69ffffffffffffffff05001400782e6e7079010010009800000000000000540000"
    "00000000009bec17ea1b10c9c850c650ad9e925a9c5ca46ea5a06e9366a2aea3a09e965f54529498179f5f94920a120f292a"
    "4d050a17672416a402b91ac63a0a469a3a0ab50ae4032e063068b007120e4004c40d40bcc00100504b03042d000000080000"
    "002100ee19bb5dffffffffffffffff09001400666c6167732e6e707901001000820000000000000046000000000000009bec"
    "17ea1b10c9c850c650ad9e925a9c5ca46ea5a05e9364a8aea3a09e965f54529498179f5f94920a12774bcc294e058a176724"
    "16a402f91a463a9a3a0ab50a14002e460600504b01022d032d0000000800000021001a55ee69540000009800000005000000"
    "0000000000000000800100000000782e6e7079504b01022d032d000000080000002100ee19bb5d4600000082000000090000"
    "00000000000000000080018b000000666c6167732e6e7079504b050600000000020002006a0000000c0100000000";

}  // namespace

TEST_CASE("files: a write replaces the file and leaves nothing else") {
  const Folder folder;
  const std::string path = folder / "a";
  write_atomically(path, "first, and longer");
  write_atomically(path, std::string_view("second\0", 7));
  CHECK(read_file(path) == std::string_view("second\0", 7));
  CHECK(folder.entries() == 1);

  const mode_t mask = ::umask(0);
  ::umask(mask);
  CHECK((static_cast<mode_t>(fs::status(path).permissions()) & 0777) == (0666 & ~mask));
  write_atomically(path, "");
  CHECK(read_file(path).empty());
}

TEST_CASE("files: a write follows a symbolic link and keeps it") {
  const Folder folder;
  write_atomically(folder / "real", "old");
  fs::create_symlink("real", folder / "link");
  write_atomically(folder / "link", "new");
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(read_file(folder / "real") == "new");
  CHECK(folder.entries() == 2);
}

TEST_CASE("files: what cannot be read or written is named with its reason") {
  const Folder folder;
  CHECK(contains(file_error([&] { read_file(folder / "none"); }), folder / "none"));
  CHECK(contains(file_error([&] { read_file(folder / "none"); }), "No such file"));
  CHECK(contains(file_error([&] { read_file(folder.path.string()); }), "directory"));
  CHECK(contains(file_error([&] { write_atomically(folder / "none/a", "x"); }), "No such file"));
  CHECK(contains(file_error([&] { write_atomically(folder.path.string(), "x"); }), "directory"));
  CHECK(contains(file_error([&] { AppendFile(folder / "none/a"); }), "No such file"));
  CHECK(folder.entries() == 0);
  if (::geteuid() == 0) return;  // root may write anywhere
  fs::permissions(folder.path, fs::perms::owner_read | fs::perms::owner_exec);
  CHECK(contains(file_error([&] { write_atomically(folder / "a", "x"); }), "Permission denied"));
  fs::permissions(folder.path, fs::perms::owner_all);
}

TEST_CASE("files: a pipe is written to, not replaced") {
  const Folder folder;
  const std::string pipe = folder / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  write_atomically(pipe, "bytes");
  char got[8] = {};
  CHECK(::read(reader, got, sizeof got) == 5);
  ::close(reader);
  CHECK(std::string(got) == "bytes");
  CHECK(fs::is_fifo(pipe));
  CHECK(folder.entries() == 1);
}

TEST_CASE("files: a full device is an error") {
  AppendFile log("/dev/full");
  CHECK(contains(file_error([&] { log.append("x"); }), "No space left"));
  CHECK(log.length() == 0);
  // Not as root, who would lose the device were it ever replaced by a file.
  if (::geteuid() != 0) CHECK(contains(file_error([] { write_atomically("/dev/full", "x"); }), "No space left"));
}

TEST_CASE("files: a write that fails half-way keeps the old file and no temporary") {
  const Folder folder;
  const std::string path = folder / "a", large(100'000, 'x');
  write_atomically(path, "old");
  {
    const FileSizeLimit limit(4096);
    CHECK(contains(file_error([&] { write_atomically(path, large); }), "File too large"));
    CHECK(contains(file_error([&] { save_model(path, small_params<float>(), {{"k", large}}); }), path));
    const NpzArrays arrays{{"x", npy_array<std::uint8_t>({100'000}, std::vector<std::uint8_t>(100'000))}};
    CHECK(contains(file_error([&] { write_npz(path, arrays, Compression::none); }), path));
  }
  CHECK(read_file(path) == "old");
  CHECK(folder.entries() == 1);
}

TEST_CASE("files: a log keeps its length, and is cut back when a record does not fit") {
  const Folder folder;
  const std::string path = folder / "log";
  {
    AppendFile log(path);
    log.append("one\n");
    log.append("two\n");
    CHECK(log.length() == 8);
  }
  AppendFile log(path);
  CHECK(log.length() == 8);
  {
    const FileSizeLimit limit(10);
    CHECK(contains(file_error([&] { log.append("three\n"); }), "cannot append: File too large"));
  }
  CHECK(read_file(path) == "one\ntwo\n");
  log.append("3\n");
  log.sync();
  CHECK(read_file(path) == "one\ntwo\n3\n");
  log.truncate(4);
  CHECK(log.length() == 4);
  CHECK(contains(file_error([&] { log.truncate(5); }), "is 4 bytes long and cannot be cut to 5"));
  log.append("2\n");
  CHECK(read_file(path) == "one\n2\n");
}

TEST_CASE("files: a full disk loses nothing") {
  const Folder folder;
  const SmallDisk disk(folder.path);
  if (!disk.mounted) {
    MESSAGE("not run: mounting a small disk needs root");
    return;
  }
  const std::string path = folder / "a", kept(20'000, 'k'), large(100'000, 'x');
  write_atomically(path, kept);
  CHECK(contains(file_error([&] { write_atomically(path, large); }), "No space left"));
  CHECK(contains(file_error([&] { save_model(path, small_params<float>(), {{"k", large}}); }), "No space left"));
  CHECK(read_file(path) == kept);
  CHECK(folder.entries() == 1);
  {
    AppendFile log(folder / "log");
    log.append("one\n");
    CHECK(contains(file_error([&] { log.append(large); }), "No space left"));
    CHECK(log.length() == 4);
    log.append("two\n");
    CHECK(read_file(folder / "log") == "one\ntwo\n");
  }
}

TEST_CASE("files: sizes of arrays do not overflow") {
  CHECK(array_bytes(std::vector<Index>{}, 8) == 8);
  CHECK(array_bytes(std::vector<Index>{3, 0}, 8) == 0);
  CHECK(array_bytes(std::vector<Index>{3, 4}, 4) == 48);
  CHECK_FALSE(array_bytes(std::vector<Index>{-1}, 4));
  CHECK_FALSE(array_bytes(std::vector<Index>{1LL << 61}, 8));
  CHECK_FALSE(array_bytes(std::vector<Index>{1LL << 31, 1LL << 31, 2}, 1));
}

TEST_CASE("safetensors: a small file, byte for byte") {
  const std::string expected =
      std::string("\x58\0\0\0\0\0\0\0", 8) +
      R"({"__metadata__":{"k":"v"},"a":{"dtype":"I32","shape":[1,2],"data_offsets":[0,8]}})" + std::string(7, ' ') +
      std::string("\1\0\0\0\xff\xff\xff\xff", 8);
  CHECK(encode_safetensors({{"a", "I32", {1, 2}, bytes_of<std::int32_t>({1, -1})}}, {{"k", "v"}}) == expected);
}

TEST_CASE("safetensors: every dtype comes back, aligned, widest first") {
  const auto arrays = every_dtype();
  const std::map<std::string, std::string> metadata{{"step", "12"}, {"text", "line\nwith \"quotes\" and \xc3\xa9"}};
  const std::string bytes = encode_safetensors(arrays, metadata);
  CHECK(bytes == encode_safetensors(arrays, metadata));
  std::uint64_t header;
  std::memcpy(&header, bytes.data(), 8);
  CHECK(header % 8 == 0);
  const SafeTensors file = decode_safetensors(bytes, "name");
  CHECK(file.metadata == metadata);
  REQUIRE(file.arrays.size() == arrays.size());
  CHECK(file.arrays.front().name == "doubles");
  CHECK(file.arrays.back().name == "bytes");
  for (const NamedArray& a : arrays) {
    CAPTURE(a.name);
    const NamedArray& b = file.array(a.name);
    CHECK(b.dtype == a.dtype);
    CHECK(b.shape == a.shape);
    CHECK(b.bytes == a.bytes);
  }
  CHECK(contains(file_error([&] { file.array("other"); }), "has no array 'other'"));
  CHECK(decode_safetensors(encode_safetensors({}), "name").arrays.empty());
}

TEST_CASE("safetensors: every truncation and every extension is an error") {
  const std::string bytes = encode_safetensors(every_dtype(), {{"k", "v"}});
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    CAPTURE(n);
    CHECK(
        contains(file_error([&] { decode_safetensors(std::string_view(bytes).substr(0, n), "name"); }), "name: "));
  }
  CHECK(contains(file_error([&] { decode_safetensors(bytes + '\0', "name"); }), "damaged"));
}

TEST_CASE("safetensors: a flipped bit is an error or a file that writes back") {
  const std::string bytes = encode_safetensors(every_dtype(), {{"k", "v"}});
  int errors = 0;
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    try {
      const SafeTensors file = decode_safetensors(flipped, "name");
      CHECK(encode_safetensors(file.arrays, file.metadata).size() > 8);
    } catch (const FileError&) {
      ++errors;
    }
  }
  CHECK(errors > 1000);
}

TEST_CASE("safetensors: malformed headers are refused with the reason") {
  const auto error = [](std::string_view header, std::size_t data_bytes) {
    return file_error([&] { decode_safetensors(safetensors(header, data_bytes), "name"); });
  };
  CHECK(decode_safetensors(safetensors(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 2), "name")
            .arrays.size() == 1);
  CHECK(contains(error("[]", 0), "not a JSON object"));
  CHECK(contains(error("{nonsense}", 0), "not JSON"));
  CHECK(contains(error("\xff", 0), "not JSON"));
  CHECK(contains(error(std::string(100'000, '['), 0), "nested too deep"));
  CHECK(contains(error(R"({"a":7})", 0), "exactly the keys"));
  CHECK(contains(error(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2],"b":1}})", 2), "exactly the keys"));
  CHECK(contains(error(R"({"a":{"dtype":"BF16","shape":[1],"data_offsets":[0,2]}})", 2), "has dtype \"BF16\""));
  CHECK(contains(error(R"({"a":{"dtype":3,"shape":[1],"data_offsets":[0,2]}})", 2), "has dtype 3"));
  CHECK(contains(error(R"({"a":{"dtype":"U8","shape":[-2],"data_offsets":[0,2]}})", 2), "not a list of sizes"));
  CHECK(contains(error(R"({"a":{"dtype":"U8","shape":[2.0],"data_offsets":[0,2]}})", 2), "not a list of sizes"));
  CHECK(contains(error(R"({"a":{"dtype":"U8","shape":[1e99],"data_offsets":[0,2]}})", 2), "not a list of sizes"));
  CHECK(contains(error(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0]}})", 2), "not two positions"));
  CHECK(contains(error(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[2,0]}})", 2), "bytes 2 to 0 of 2"));
  CHECK(contains(error(R"({"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}})", 2), "bytes 0 to 9 of 2"));
  CHECK(contains(error(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4), "do not fit"));
  CHECK(contains(error(R"({"a":{"dtype":"F64","shape":[2305843009213693952,8],"data_offsets":[0,0]}})", 0),
                 "do not fit"));
  CHECK(contains(error(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})", 2), "the one before ends at 0"));
  CHECK(contains(error(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                       R"("b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
                       3),
                 "the one before ends at 2"));
  CHECK(contains(error(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                       R"("a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                       2),
                 "'a' twice"));
  CHECK(contains(error(R"({"__metadata__":{"k":1}})", 0), "must map text to text"));
  std::string huge = safetensors("{}", 0);
  std::fill_n(huge.begin(), 8, '\xff');
  CHECK(contains(file_error([&] { decode_safetensors(huge, "name"); }), "18446744073709551615"));
}

TEST_CASE("safetensors: arrays that make no file are refused") {
  CHECK_THROWS_AS(encode_safetensors({{"a", "F16", {1}, bytes_of<std::uint8_t>({1, 2})}}), ValueError);
  CHECK_THROWS_AS(encode_safetensors({{"a", "F32", {2}, bytes_of<float>({1})}}), ValueError);
  CHECK_THROWS_AS(encode_safetensors({{"a", "U8", {0}, {}}, {"a", "U8", {0}, {}}}), ValueError);
  CHECK_THROWS_AS(encode_safetensors({{"__metadata__", "U8", {0}, {}}}), ValueError);
  CHECK_THROWS_AS(encode_safetensors({{"\xff", "U8", {0}, {}}}), ValueError);
}

TEST_CASE_TEMPLATE("safetensors: parameters are stored in PyTorch's layout", T, float, double) {
  const Params<T> params = small_params<T>();
  const auto arrays = parameter_arrays(params, params.values(), "p.");
  REQUIRE(arrays.size() == 2);
  CHECK(arrays[0].name == "p.layer.weight");
  CHECK(arrays[0].dtype == (sizeof(T) == 4 ? "F32" : "F64"));
  CHECK(arrays[0].shape == std::vector<Index>{3, 2});
  CHECK(arrays[0].bytes == bytes_of<T>({1, 4, 2, 5, 3, 6}));  // in memory [[1, 2, 3], [4, 5, 6]]
  CHECK(arrays[1].shape == std::vector<Index>{3});
  CHECK(arrays[1].bytes == bytes_of<T>({7, 8, 9}));
}

TEST_CASE_TEMPLATE("safetensors: a model comes back bit for bit, its padding zero", T, float, double) {
  const Folder folder;
  const Params<T> params = small_params<T>();
  save_model(folder / "a", params, {{"model", "mlp"}});
  Params<T> other = small_params<T>();
  for (const ParamInfo& info : other.list())
    for (Index i = 0; i < info.slice.rows; ++i)
      for (Index j = 0; j < info.slice.cols; ++j) other.view(info.slice)(i, j) = -5;
  CHECK(load_model(folder / "a", other).at("model") == "mlp");
  const auto bits = std::as_bytes(params.values()), loaded = std::as_bytes(std::as_const(other).values());
  CHECK(std::equal(bits.begin(), bits.end(), loaded.begin(), loaded.end()));
  save_model(folder / "b", other, {{"model", "mlp"}});
  CHECK(read_file(folder / "a") == read_file(folder / "b"));
}

TEST_CASE("safetensors: another model's file is refused and changes nothing") {
  Params<float> params = small_params<float>();
  const std::vector<float> before(params.values().begin(), params.values().end());
  const auto good = parameter_arrays(params, params.values(), "p.");
  const auto error = [&](std::vector<NamedArray> arrays) {
    for (NamedArray& a : arrays) std::fill(a.bytes.begin(), a.bytes.end(), std::byte{1});
    const SafeTensors file = decode_safetensors(encode_safetensors(arrays), "name");
    return file_error([&] { load_parameter_arrays(params, params.values(), file, "p."); });
  };
  CHECK(contains(error({good[0]}), "no array 'p.layer.bias'; the model has one of shape [3]"));
  auto arrays = good;
  arrays[0].shape = {2, 3};
  CHECK(contains(error(arrays), "F32 [2, 3] and the model's is F32 [3, 2]"));
  arrays = good;
  arrays[1].dtype = "I32";
  CHECK(contains(error(arrays), "I32 [3] and the model's is F32 [3]"));
  arrays = good;
  arrays.push_back({"p.extra", "F32", {1}, bytes_of<float>({1})});
  CHECK(contains(error(arrays), "array 'p.extra' of shape [1] is no parameter"));
  CHECK(std::equal(before.begin(), before.end(), params.values().begin()));

  arrays.back().name = "q.extra";  // another prefix is somebody else's
  load_parameter_arrays(params, params.values(), decode_safetensors(encode_safetensors(arrays), "name"), "p.");
  CHECK(std::equal(before.begin(), before.end(), params.values().begin()));
  CHECK_THROWS_AS(parameter_arrays(params, std::span<const float>(), ""), ValueError);
}

TEST_CASE("npz: every dtype comes back, stored and deflated, with the same bytes each time") {
  const Folder folder;
  for (const Compression compression : {Compression::none, Compression::deflate}) {
    write_npz(folder / "a.npz", every_npy_dtype(), compression);
    write_npz(folder / "b.npz", every_npy_dtype(), compression);
    CHECK(read_file(folder / "a.npz") == read_file(folder / "b.npz"));
    CHECK(same(read_npz(folder / "a.npz"), every_npy_dtype()));
  }
  write_npz(folder / "a.npz", {});
  CHECK(read_npz(folder / "a.npz").empty());
}

TEST_CASE("npz: an array of megabytes comes back") {
  const Folder folder;
  std::vector<double> values(300'000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i * i % 1013) / 7;
  for (const Compression compression : {Compression::none, Compression::deflate}) {
    write_npz(folder / "a.npz", {{"x", npy_array<double>({300, 1000}, values)}}, compression);
    CHECK(as_doubles(read_npz(folder / "a.npz").at("x")) == values);
  }
  CHECK(fs::file_size(folder / "a.npz") < 8 * values.size() / 2);
}

TEST_CASE("npz: values as doubles") {
  const NpzArrays arrays = every_npy_dtype();
  CHECK(as_doubles(arrays.at("f8")) == std::vector<double>{0.1, -0.0, 1e300, 5});
  CHECK(as_doubles(arrays.at("f4")) == std::vector<double>{0.5, -1, double{3e38f}});
  CHECK(as_doubles(arrays.at("i8")) == std::vector<double>{4611686018427387904.0});
  CHECK(as_doubles(arrays.at("i4")) == std::vector<double>{-2147483648.0, 2147483647.0});
  CHECK(as_doubles(arrays.at("u1")) == std::vector<double>{0, 255});
  CHECK(as_doubles(arrays.at("empty")).empty());
  CHECK_THROWS_AS(as_doubles({"<f8", {2}, bytes_of<double>({1})}), ValueError);
  CHECK_THROWS_AS(npy_array<double>({3}, std::vector<double>{1, 2}), ValueError);
  const Folder folder;
  CHECK_THROWS_AS(write_npz(folder / "a.npz", {{"x", {"<f2", {0}, {}}}}), ValueError);
  CHECK_THROWS_AS(write_npz(folder / "a.npz", {{"", {"<f8", {0}, {}}}}), ValueError);
  CHECK(folder.entries() == 0);
}

TEST_CASE("npz: a file of NumPy's, in Fortran order and with booleans") {
  const Folder folder;
  write_plainly(folder / "a.npz", from_hex(kNumpyFile));
  const NpzArrays arrays = read_npz(folder / "a.npz");
  REQUIRE(arrays.size() == 2);
  CHECK(same(arrays.at("x"), {"<f4", {3, 2}, bytes_of<float>({0, 3, 1, 4, 2, 5})}));
  CHECK(same(arrays.at("flags"), {"|u1", {2}, bytes_of<std::uint8_t>({1, 0})}));
}

TEST_CASE("npz: three axes in Fortran order") {
  const Folder folder;
  std::string array = npy(npy_dict("|u1", "True", "(2, 3, 2)"), 12);
  for (int i = 0; i < 12; ++i) array[array.size() - 12 + static_cast<std::size_t>(i)] = static_cast<char>(i);
  write_plainly(folder / "a.npz", zip({{"x.npy", array}}));
  CHECK(as_doubles(read_npz(folder / "a.npz").at("x")) ==
        std::vector<double>{0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11});
}

TEST_CASE("npz: every truncation is an error") {
  const Folder folder;
  write_npz(folder / "none", every_npy_dtype(), Compression::none);
  write_npz(folder / "deflate", every_npy_dtype());
  write_plainly(folder / "numpy", from_hex(kNumpyFile));
  for (const char* name : {"none", "deflate", "numpy"}) {
    const std::string bytes = read_file(folder / name);
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      CAPTURE(n);
      write_plainly(folder / "cut", std::string_view(bytes).substr(0, n));
      CHECK(contains(file_error([&] { read_npz(folder / "cut"); }), folder / "cut"));
    }
    write_plainly(folder / "cut", bytes + '\0');
    CHECK(contains(file_error([&] { read_npz(folder / "cut"); }), "does not end in a zip directory"));
  }
}

TEST_CASE("npz: a flipped bit is an error or changes nothing") {
  const Folder folder;
  write_npz(folder / "none", every_npy_dtype(), Compression::none);
  write_npz(folder / "deflate", every_npy_dtype());
  for (const char* name : {"none", "deflate"}) {
    const std::string bytes = read_file(folder / name);
    int errors = 0;
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      CAPTURE(bit);
      std::string flipped = bytes;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
      write_plainly(folder / "flipped", flipped);
      try {
        const NpzArrays arrays = read_npz(folder / "flipped");
        CHECK(same(arrays, every_npy_dtype()));
      } catch (const FileError&) {
        ++errors;
      }
    }
    CHECK(errors > 5000);
  }
}

TEST_CASE("npz: malformed archives are refused with the reason") {
  const std::string good = npy(npy_dict("|u1", "False", "(2,)"), 2);
  CHECK(contains(npz_error(""), "too short"));
  CHECK(contains(npz_error(std::string(1000, 'x')), "not end in a zip directory"));
  CHECK(contains(npz_error(zip({{"a.txt", "text"}})), "'a.txt': it is not a .npy array"));
  CHECK(contains(npz_error(zip({{"x.npy", "text of another kind"}})), "'x.npy': it is not a .npy array"));
  CHECK(contains(npz_error(zip({{"x.npy", good}, {"x.npy", good}})), "occurs twice"));
  CHECK(contains(npz_error(zip({{"x.npy", good, 12}})), "compression method is 12"));
  CHECK(contains(npz_error(zip({{"x.npy", good, 0, 1}})), "encrypted"));
  CHECK(contains(npz_error(zip({{"x.npy", good, 0, 0, 999}})), "unpacks"));
  CHECK(contains(npz_error(zip({{"x.npy", good, 8, 0, 0xfffffffe}})), "unpacks"));
  CHECK(contains(npz_error(zip({{"x.npy", good, 8}})), "compressed bytes are damaged"));
  // One uncompressed block of deflate; too short for the size it says, then with a byte after its end.
  const std::string block = '\1' + little(good.size(), 2) + little(~good.size(), 2) + good;
  CHECK(contains(npz_error(zip({{"x.npy", block, 8, 0, good.size() + 1}})), "compressed bytes are damaged"));
  CHECK(contains(npz_error(zip({{"x.npy", block + "x", 8, 0, good.size()}})), "compressed bytes are damaged"));
  std::string gap = zip({{"x.npy", good}});
  gap.insert(gap.size() - 22, "x");
  CHECK(contains(npz_error(gap), "not where the end says"));
  std::string remark = zip({{"x.npy", good}});
  remark[remark.size() - 2] = 1;
  CHECK(contains(npz_error(remark), "not end in a zip directory"));
  std::string damaged = zip({{"x.npy", good}});
  damaged[30 + 5 + good.size() - 1] ^= 4;
  CHECK(contains(npz_error(damaged), "checksum"));
}

TEST_CASE("npz: malformed array headers are refused with the reason") {
  const auto error = [](const std::string& dict, std::size_t data_bytes, char version = 1) {
    return npz_error(zip({{"x.npy", npy(dict, data_bytes, version)}}));
  };
  const Folder folder;
  for (const char version : {'\1', '\2', '\3'})
    for (const char* dict : {"{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }",
                             R"({"shape":(2),"fortran_order":True,"descr":"|u1"})"}) {
      write_plainly(folder / "a.npz", zip({{"x.npy", npy(dict, 2, version)}}));
      CHECK(as_doubles(read_npz(folder / "a.npz").at("x")) == std::vector<double>{1, 1});
    }
  CHECK(contains(error(npy_dict("|u1", "False", "(2,)"), 2, 4), "version 4"));
  CHECK(contains(error(npy_dict(">f8", "False", "(2,)"), 16), "dtype is '>f8'"));
  CHECK(contains(error(npy_dict("|O", "False", "(2,)"), 16), "dtype is '|O'"));
  CHECK(contains(error("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,), }", 8), "plain array"));
  CHECK(contains(error("{'descr': '<f8', 'shape': (1,), }", 8), "plain array"));
  CHECK(contains(error("{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", 8),
                 "plain array"));
  CHECK(contains(error("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'x': 1}", 8), "plain array"));
  CHECK(contains(error("{'descr': '<f8", 8), "plain array"));
  CHECK(contains(error("", 8), "plain array"));
  CHECK(contains(error(npy_dict("<f8", "None", "(1,)"), 8), "plain array"));
  CHECK(contains(error(npy_dict("<f8", "False", "(-1,)"), 8), "plain array"));
  CHECK(contains(error(npy_dict("<f8", "False", "(1,)") + "x", 8), "plain array"));
  CHECK(contains(error(npy_dict("<f8", "False", "(9999999999999999999,)"), 8), "plain array"));
  CHECK(contains(error(npy_dict("<f8", "False", "(999999999999, 999999999999)"), 8), "do not fit its 8 bytes"));
  CHECK(contains(error(npy_dict("<f8", "False", "(2,)"), 8), "do not fit its 8 bytes"));
  CHECK(contains(error(npy_dict("|u1", "False", "(2,)"), 3), "do not fit its 3 bytes"));
}

// tests/io/verify_files.py sets the variable, writes the files read here with the official Python packages, and
// reads with them the files written here.
TEST_CASE("files of Python's packages are read, and written back for them" *
          doctest::skip(std::getenv("EQNN_VERIFY_FILES") == nullptr)) {
  const std::string folder = std::string(std::getenv("EQNN_VERIFY_FILES")) + "/";
  const NpzArrays arrays = read_npz(folder + "savez.npz");
  CHECK(same(arrays, read_npz(folder + "savez_compressed.npz")));
  write_npz(folder + "none.npz", arrays, Compression::none);
  write_npz(folder + "deflate.npz", arrays, Compression::deflate);
  CHECK_THROWS_AS(read_npz(folder + "refused.npz"), FileError);

  const std::string path = folder + "python.safetensors";
  const SafeTensors file = decode_safetensors(read_file(path), path);
  write_atomically(folder + "again.safetensors", encode_safetensors(file.arrays, file.metadata));
  save_model(folder + "model.safetensors", small_params<float>(), {{"format", "pt"}});
}

}  // namespace test_files
