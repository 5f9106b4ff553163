#include "npz.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>

#include "files.h"

// Zip as in APPNOTE.TXT 6.3 (pkware.com), .npy as in numpy.lib.format.
namespace eqnn {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are copied to and from little-endian files");

constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr std::uint32_t kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr std::uint16_t kStored = 0, kDeflated = 8;
constexpr std::uint16_t kEncrypted = 1, kUtf8 = 1 << 11;    // flags
constexpr std::uint16_t kExtra64 = 1;                       // id of the field with 64-bit sizes
constexpr std::uint16_t kVersion = 45;                      // of zip, the first with 64-bit sizes
constexpr std::uint16_t kNoTime = 0, kNoDate = 1 << 5 | 1;  // 1980-01-01 00:00
constexpr std::uint16_t kFull16 = 0xffff;                   // "see the 64-bit field"
constexpr std::uint32_t kFull32 = 0xffffffff;
constexpr std::uint64_t kMostRatio = 1032;  // no deflated byte stands for more
constexpr std::size_t kChunk = 1 << 30;     // zlib counts in 32 bits
constexpr std::size_t kMostAxes = 64;       // as in NumPy 2

constexpr std::string_view kMagic = "\x93NUMPY";

// Bytes of an item; 0 for a dtype that is not supported.
Index numpy_item_bytes(std::string_view dtype) {
  if (dtype == "<f8" || dtype == "<i8") return 8;
  if (dtype == "<f4" || dtype == "<i4") return 4;
  return dtype == "|u1" ? 1 : 0;
}

void check_array(const NpyArray& a) {
  const Index item = numpy_item_bytes(a.dtype);
  require(item > 0, "an array has dtype '", a.dtype, "'; npz files take <f8, <f4, <i8, <i4 and |u1");
  const auto size = array_bytes(a.shape, item);
  require(a.shape.size() <= kMostAxes && size && *size == static_cast<Index>(a.bytes.size()), "an array of shape ",
          shape_text(a.shape), " and dtype ", a.dtype, " has ", a.bytes.size(), " bytes; give as many as it needs");
}

template <class... Fields>
void put(std::string& out, Fields... fields) {
  (out.append(reinterpret_cast<const char*>(&fields), sizeof fields), ...);
}

std::string npy_header(const NpyArray& a) {
  std::string shape;
  for (const Index size : a.shape) shape += concat(shape.empty() ? "" : " ", size, ",");
  if (a.shape.size() > 1) shape.pop_back();  // (3,) and (3, 4), as Python writes tuples
  std::string dict = concat("{'descr': '", a.dtype, "', 'fortran_order': False, 'shape': (", shape, "), }");
  const std::size_t prefix = kMagic.size() + 4;
  dict.resize((prefix + dict.size() + 1 + 63) / 64 * 64 - prefix, ' ');
  dict.back() = '\n';
  std::string header(kMagic);
  header += std::string_view("\x01\0", 2);
  put(header, static_cast<std::uint16_t>(dict.size()));
  return header + dict;
}

// Appends the raw deflate stream of the concatenated parts.
void deflate_to(std::string& out, std::array<std::string_view, 2> parts) {
  z_stream z{};
  if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&z, deflateEnd);
  std::vector<char> buffer(1 << 18);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::string_view rest = parts[i];
    do {
      const std::size_t n = std::min(rest.size(), kChunk);
      z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(rest.data()));
      z.avail_in = static_cast<uInt>(n);
      rest.remove_prefix(n);
      const bool last = i + 1 == parts.size() && rest.empty();
      do {
        z.next_out = reinterpret_cast<Bytef*>(buffer.data());
        z.avail_out = static_cast<uInt>(buffer.size());
        deflate(&z, last ? Z_FINISH : Z_NO_FLUSH);
        out.append(buffer.data(), buffer.size() - z.avail_out);
      } while (z.avail_out == 0);
    } while (!rest.empty());
  }
}

std::uint32_t checksum(std::string_view bytes, std::uint32_t start = 0) {
  if (bytes.empty()) return start;  // zlib would begin anew for a null pointer
  return static_cast<std::uint32_t>(crc32_z(start, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

std::string_view view_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Appends one entry to `archive` and its line to `directory`. Every entry has the 64-bit form, small or not:
// one form to write, and one that readers must know anyway since numpy writes it.
void add_entry(std::string& archive, std::string& directory, const std::string& name, const NpyArray& array,
               Compression compression) {
  const std::string entry = name + ".npy", header = npy_header(array);
  const std::string_view data = view_of(array.bytes);
  const std::uint16_t method = compression == Compression::deflate ? kDeflated : kStored;
  const std::uint16_t name_bytes = static_cast<std::uint16_t>(entry.size()), none16 = 0;
  const std::uint32_t crc = checksum(data, checksum(header)), none32 = 0;
  const std::uint64_t offset = archive.size(), size = header.size() + data.size();

  const std::uint16_t local_extra = 20, local_payload = 16, central_extra = 28, central_payload = 24;
  put(archive, kLocal, kVersion, kUtf8, method, kNoTime, kNoDate, crc, kFull32, kFull32, name_bytes, local_extra);
  archive += entry;
  put(archive, kExtra64, local_payload, size);
  const std::size_t packed_at = archive.size();  // the packed size, known only below
  put(archive, std::uint64_t{0});
  const std::size_t begin = archive.size();
  if (method == kDeflated)
    deflate_to(archive, {header, data});
  else
    (archive += header) += data;
  const std::uint64_t packed = archive.size() - begin;
  std::memcpy(archive.data() + packed_at, &packed, sizeof packed);

  put(directory, kCentral, kVersion, kVersion, kUtf8, method, kNoTime, kNoDate, crc, kFull32, kFull32, name_bytes,
      central_extra, none16, none16, none16, none32, kFull32);
  directory += entry;
  put(directory, kExtra64, central_payload, size, packed, offset);
}

// Bytes read by position; any position outside of them is a FileError.
class Source {
 public:
  Source(std::string_view bytes, std::string where) : bytes_(bytes), where_(std::move(where)) {}

  std::string_view bytes(std::uint64_t at, std::uint64_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) fail("it ends too early: truncated or damaged");
    return bytes_.substr(at, size);
  }
  template <class U>
  U number(std::uint64_t at) const {
    U value;
    std::memcpy(&value, bytes(at, sizeof(U)).data(), sizeof(U));
    return value;
  }
  std::uint16_t u16(std::uint64_t at) const { return number<std::uint16_t>(at); }
  std::uint32_t u32(std::uint64_t at) const { return number<std::uint32_t>(at); }
  std::uint64_t u64(std::uint64_t at) const { return number<std::uint64_t>(at); }
  std::uint64_t size() const { return bytes_.size(); }

  [[noreturn]] void fail(std::string_view what) const { throw FileError(concat(where_, ": ", what)); }
  void check(bool ok, std::string_view what) const {
    if (!ok) fail(what);
  }

 private:
  std::string_view bytes_;
  std::string where_;
};

struct ZipEntry {
  std::string name;
  std::uint16_t flags, method;
  std::uint32_t crc;
  std::uint64_t packed, size, offset;
};

// Replaces the sizes that are full by those of the 64-bit field, which holds exactly these, in this order.
void read_extra64(const Source& extra, ZipEntry& e) {
  std::array<std::uint64_t*, 3> fields{&e.size, &e.packed, &e.offset};
  if (std::none_of(fields.begin(), fields.end(), [](const std::uint64_t* f) { return *f == kFull32; })) return;
  std::uint64_t at = 0;
  while (extra.u16(at) != kExtra64) at += 4u + extra.u16(at + 2);
  const Source field(extra.bytes(at + 4, extra.u16(at + 2)), "");
  std::uint64_t next = 0;
  for (std::uint64_t* f : fields)
    if (*f == kFull32) {
      extra.check(next + 8 <= field.size(), "a 64-bit size is missing: damaged");
      *f = field.u64(next);
      next += 8;
    }
}

struct Directory {
  std::uint64_t count, size, offset;
};

// Finds the directory from the record at the end of the archive, which must be the last bytes of the file.
Directory find_directory(const Source& zip) {
  constexpr std::uint64_t end_bytes = 22, locator_bytes = 20;
  zip.check(zip.size() >= end_bytes, "it is too short for an npz file: truncated or another format");
  const std::uint64_t end = zip.size() - end_bytes;
  zip.check(zip.u32(end) == kEnd && zip.u16(end + 20) == 0,
            "it does not end in a zip directory: truncated, or not an npz file; write it with numpy.savez");
  Directory d{zip.u16(end + 10), zip.u32(end + 12), zip.u32(end + 16)};
  std::uint64_t directory_end = end;
  if (d.count == kFull16 || d.size == kFull32 || d.offset == kFull32) {
    zip.check(end >= locator_bytes && zip.u32(end - locator_bytes) == kLocator64,
              "its 64-bit directory is missing");
    directory_end = zip.u64(end - locator_bytes + 8);
    zip.check(zip.u32(directory_end) == kEnd64, "its 64-bit directory is damaged");
    d = {zip.u64(directory_end + 32), zip.u64(directory_end + 40), zip.u64(directory_end + 48)};
  }
  zip.check(d.offset <= directory_end && d.size == directory_end - d.offset,
            "its directory is not where the end says: damaged");
  return d;
}

std::vector<ZipEntry> read_directory(const Source& zip, const std::string& path) {
  const Directory d = find_directory(zip);
  const Source directory(zip.bytes(d.offset, d.size), path);
  std::vector<ZipEntry> entries;
  std::uint64_t at = 0;
  for (std::uint64_t i = 0; i < d.count; ++i) {
    directory.check(directory.u32(at) == kCentral, "its directory is damaged");
    ZipEntry e{"",
               directory.u16(at + 8),
               directory.u16(at + 10),
               directory.u32(at + 16),
               directory.u32(at + 20),
               directory.u32(at + 24),
               directory.u32(at + 42)};
    const std::uint64_t name = directory.u16(at + 28), extra = directory.u16(at + 30),
                        note = directory.u16(at + 32);
    e.name = directory.bytes(at + 46, name);
    read_extra64(Source(directory.bytes(at + 46 + name, extra), concat(path, ": entry '", e.name, "'")), e);
    entries.push_back(std::move(e));
    at += 46 + name + extra + note;
  }
  directory.check(at == directory.size(), "its directory is longer than its entries: damaged");
  return entries;
}

// Unpacks `packed` into exactly out.size() bytes; false when it is damaged.
bool inflate_to(std::vector<std::byte>& out, std::string_view packed) {
  z_stream z{};
  if (inflateInit2(&z, -MAX_WBITS) != Z_OK) throw std::bad_alloc();
  std::byte spare;  // inflate wants a place to write to, also for nothing
  std::size_t done = 0;
  int status = Z_OK;
  while (status == Z_OK) {
    const std::size_t in = std::min(packed.size(), kChunk), room = std::min(out.size() - done, kChunk);
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    z.avail_in = static_cast<uInt>(in);
    z.next_out = reinterpret_cast<Bytef*>(out.empty() ? &spare : out.data() + done);
    z.avail_out = static_cast<uInt>(room);
    status = inflate(&z, Z_NO_FLUSH);  // Z_BUF_ERROR when neither input nor room is left
    packed.remove_prefix(in - z.avail_in);
    done += room - z.avail_out;
  }
  inflateEnd(&z);
  return status == Z_STREAM_END && done == out.size() && packed.empty();
}

std::vector<std::byte> unpack(const Source& zip, const Source& at, const ZipEntry& e) {
  at.check((e.flags & kEncrypted) == 0, "it is encrypted; save it without a password");
  at.check(e.method == kStored || e.method == kDeflated,
           concat("its compression method is ", e.method, "; only stored (0) and deflated (8) are read"));
  at.check(zip.u32(e.offset) == kLocal && zip.u16(e.offset + 8) == e.method, "it is not where the directory says");
  const std::uint64_t name = zip.u16(e.offset + 26), extra = zip.u16(e.offset + 28);
  at.check(zip.bytes(e.offset + 30, name) == e.name, "it has another name in the directory: damaged");
  const std::string_view packed = zip.bytes(e.offset + 30 + name + extra, e.packed);
  at.check(e.method == kStored ? e.size == e.packed : e.size / kMostRatio <= e.packed,
           concat("it says that it unpacks ", e.packed, " bytes to ", e.size, ": damaged"));
  std::vector<std::byte> bytes;
  if (e.method == kStored) {
    const auto part = std::as_bytes(std::span(packed));
    bytes.assign(part.begin(), part.end());
  } else {
    bytes.resize(e.size);
    at.check(inflate_to(bytes, packed), "its compressed bytes are damaged");
  }
  at.check(checksum(view_of(bytes)) == e.crc, "its checksum is wrong: damaged; write the file again");
  return bytes;
}

// The Python dict literal at the start of a .npy file:
// {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
class NpyHeader {
 public:
  NpyHeader(std::string_view text, const Source& at) : rest_(text), at_(at) {
    int keys = 0;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      keys += key == "descr" ? 1 : key == "fortran_order" ? 8 : key == "shape" ? 64 : 512;
      if (key == "descr")
        dtype = quoted();
      else if (key == "fortran_order")
        fortran = boolean();
      else
        shape = tuple();
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    check(keys == 1 + 8 + 64 && rest_.find_first_not_of(" \n") == rest_.npos);
  }

  std::string dtype;
  bool fortran = false;
  std::vector<Index> shape;

 private:
  void check(bool ok) const {
    at_.check(ok, "its .npy header is not a plain array's; save one array of numbers, without fields or objects");
  }
  bool accept(char c) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size()));
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) { check(accept(c)); }
  std::string quoted() {
    const char quote = accept('\'') ? '\'' : '"';
    if (quote == '"') expect('"');
    const std::size_t n = rest_.find(quote);
    check(n != rest_.npos);
    const std::string text(rest_.substr(0, n));
    rest_.remove_prefix(n + 1);
    return text;
  }
  bool boolean() {
    accept(' ');
    const bool value = rest_.starts_with("True");
    check(value || rest_.starts_with("False"));
    rest_.remove_prefix(value ? 4 : 5);
    return value;
  }
  Index integer() {
    const std::size_t n = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    check(n >= 1 && n <= 18);
    const Index value = std::stoll(std::string(rest_.substr(0, n)));
    rest_.remove_prefix(n);
    return value;
  }
  std::vector<Index> tuple() {
    std::vector<Index> sizes;
    expect('(');
    while (!accept(')')) {
      check(sizes.size() < kMostAxes);
      sizes.push_back(integer());
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return sizes;
  }

  std::string_view rest_;
  const Source& at_;
};

// Items from Fortran order (first axis fastest) to C order (last axis fastest).
std::vector<std::byte> to_c_order(const std::vector<std::byte>& bytes, std::span<const Index> shape, Index item) {
  std::vector<std::byte> out(bytes.size());
  std::vector<Index> position(shape.size());
  for (std::size_t to = 0; to < out.size(); to += item) {
    Index from = 0;
    for (std::size_t axis = shape.size(); axis-- > 0;) from = from * shape[axis] + position[axis];
    std::memcpy(out.data() + to, bytes.data() + from * item, item);
    for (std::size_t axis = shape.size(); axis-- > 0 && ++position[axis] == shape[axis];) position[axis] = 0;
  }
  return out;
}

NpyArray parse_npy(std::vector<std::byte> bytes, const std::string& where) {
  const Source npy(view_of(bytes), where);
  npy.check(npy.bytes(0, kMagic.size()) == kMagic, "it is not a .npy array");
  const int version = npy.number<std::uint8_t>(6);
  npy.check(version >= 1 && version <= 3, concat("it has .npy version ", version, "; versions 1 to 3 are read"));
  const std::uint64_t prefix = version == 1 ? 10 : 12;
  const std::uint64_t length = version == 1 ? npy.u16(8) : npy.u32(8);
  NpyHeader header(npy.bytes(prefix, length), npy);
  NpyArray array{header.dtype == "|b1" ? "|u1" : header.dtype, std::move(header.shape), {}};
  const Index item = numpy_item_bytes(array.dtype);
  npy.check(item > 0,
            concat("its dtype is '", header.dtype, "'; convert it with astype to <f8, <f4, <i8, <i4, |u1 or |b1"));
  const auto size = array_bytes(array.shape, item);
  const std::uint64_t held = npy.size() - prefix - length;
  npy.check(
      size && static_cast<std::uint64_t>(*size) == held,
      concat("shape ", shape_text(array.shape), " and dtype ", array.dtype, " do not fit its ", held, " bytes"));
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(prefix + length));
  array.bytes = header.fortran ? to_c_order(bytes, array.shape, item) : std::move(bytes);
  return array;
}

template <class T>
void convert(std::vector<double>& out, const NpyArray& a) {
  out.resize(a.bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, a.bytes.data() + i * sizeof(T), sizeof(T));
    out[i] = static_cast<double>(value);
  }
}

template <class T>
constexpr const char* kNumpyType = std::is_same_v<T, double>         ? "<f8"
                                   : std::is_same_v<T, float>        ? "<f4"
                                   : std::is_same_v<T, std::int64_t> ? "<i8"
                                   : std::is_same_v<T, std::int32_t> ? "<i4"
                                                                     : "|u1";

}  // namespace

template <class T>
NpyArray npy_array(std::vector<Index> shape, std::span<const T> values) {
  const auto bytes = std::as_bytes(values);
  NpyArray array{kNumpyType<T>, std::move(shape), {bytes.begin(), bytes.end()}};
  check_array(array);
  return array;
}
template NpyArray npy_array(std::vector<Index>, std::span<const double>);
template NpyArray npy_array(std::vector<Index>, std::span<const float>);
template NpyArray npy_array(std::vector<Index>, std::span<const std::int64_t>);
template NpyArray npy_array(std::vector<Index>, std::span<const std::int32_t>);
template NpyArray npy_array(std::vector<Index>, std::span<const std::uint8_t>);

std::vector<double> as_doubles(const NpyArray& array) {
  check_array(array);
  std::vector<double> out;
  if (array.dtype == "<f8") convert<double>(out, array);
  if (array.dtype == "<f4") convert<float>(out, array);
  if (array.dtype == "<i8") convert<std::int64_t>(out, array);
  if (array.dtype == "<i4") convert<std::int32_t>(out, array);
  if (array.dtype == "|u1") convert<std::uint8_t>(out, array);
  return out;
}

void write_npz(const std::string& path, const NpzArrays& arrays, Compression compression) {
  std::string archive, directory;
  for (const auto& [name, array] : arrays) {
    require(!name.empty() && name.size() < 60000, "an array's name has ", name.size(),
            " bytes; give it 1 to 59999");
    check_array(array);
    add_entry(archive, directory, name, array, compression);
  }
  const std::uint64_t offset = archive.size(), size = directory.size(), count = arrays.size(), end = offset + size;
  const std::uint64_t record_bytes = 44;  // of the 64-bit record, after this number
  const std::uint32_t first_disk = 0, disks = 1;
  archive += directory;
  put(archive, kEnd64, record_bytes, kVersion, kVersion, first_disk, first_disk, count, count, size, offset);
  put(archive, kLocator64, first_disk, end, disks);
  const std::uint16_t disk = 0, comment = 0;
  put(archive, kEnd, disk, disk, kFull16, kFull16, kFull32, kFull32, comment);
  write_atomically(path, archive);
}

namespace {

// The arrays whose names `wanted` takes.
template <class Wanted>
NpzArrays read_arrays(const std::string& path, const Wanted& wanted) {
  const std::string file = read_file(path);
  const Source zip(file, path);
  NpzArrays arrays;
  for (const ZipEntry& e : read_directory(zip, path)) {
    const std::string where = concat(path, ": entry '", e.name, "'");
    const Source at("", where);
    const bool is_array = e.name.ends_with(".npy");
    const std::string name = e.name.substr(0, e.name.size() - (is_array ? 4 : 0));
    if (!wanted(name)) continue;
    at.check(is_array, "it is not a .npy array; write the file with numpy.savez");
    NpyArray array = parse_npy(unpack(zip, at, e), where);
    const bool added = arrays.emplace(name, std::move(array)).second;
    at.check(added, "it occurs twice; write the file again");
  }
  return arrays;
}

}  // namespace

NpzArrays read_npz(const std::string& path) {
  return read_arrays(path, [](const std::string&) { return true; });
}

NpzArrays read_npz(const std::string& path, const std::vector<std::string>& names) {
  return read_arrays(
      path, [&](const std::string& name) { return std::find(names.begin(), names.end(), name) != names.end(); });
}

}  // namespace eqnn
