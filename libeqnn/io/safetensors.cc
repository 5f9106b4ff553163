#include "safetensors.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "files.h"

namespace eqnn {
namespace {

static_assert(std::endian::native == std::endian::little, "arrays are copied to and from little-endian files");

using nlohmann::json;

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kLongestHeader = 100'000'000;  // the limit of the reference implementation

template <class T>
constexpr const char* kDtype = std::is_same_v<T, float> ? "F32" : "F64";

// Bytes of an item; 0 for a dtype that is not supported.
Index item_bytes(std::string_view dtype) {
  if (dtype == "F64" || dtype == "I64") return 8;
  if (dtype == "F32" || dtype == "I32") return 4;
  return dtype == "U8" ? 1 : 0;
}

void check_arrays(const std::vector<NamedArray>& arrays) {
  std::set<std::string_view> names;
  for (const NamedArray& a : arrays) {
    const Index item = item_bytes(a.dtype);
    require(item > 0, "array '", a.name, "' has dtype '", a.dtype, "'; safetensors take F32, F64, I32, I64 and U8");
    const auto size = array_bytes(a.shape, item);
    require(size && *size == static_cast<Index>(a.bytes.size()), "array '", a.name, "' of shape ",
            shape_text(a.shape), " and dtype ", a.dtype, " has ", a.bytes.size(),
            " bytes; give as many as it needs");
    require(a.name != "__metadata__", "an array is named '__metadata__', which safetensors reserve; rename it");
    require(names.insert(a.name).second, "two arrays are named '", a.name, "'; give each its own name");
  }
}

// Parses the header. The parser itself would let the last of two equal keys win and nest without limit.
json parse_header(std::string_view text, std::string_view path) {
  std::vector<std::set<std::string>> keys;  // of each open object
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    require<FileError>(depth <= 4, path, ": its header is nested too deep for safetensors; is it another format?");
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key)
      require<FileError>(keys.back().insert(parsed.get<std::string>()).second, path, ": its header has '",
                         parsed.get<std::string>(), "' twice; write the file again");
    return true;
  };
  // To the parser a NUL is the end of the text.
  require<FileError>(text.find('\0') == text.npos, path,
                     ": its header holds a NUL byte; the file is damaged or not in safetensors format");
  try {
    json header = json::parse(text, check);
    require<FileError>(header.is_object(), path, ": its header is not a JSON object; is it a safetensors file?");
    return header;
  } catch (const json::exception&) {
    throw FileError(concat(path, ": its header is not JSON; the file is damaged or not in safetensors format"));
  }
}

struct Entry {
  NamedArray array;  // bytes still empty
  std::uint64_t first, last;
};

// One array's entry: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}.
Entry parse_entry(const std::string& name, const json& value, std::uint64_t data_bytes, std::string_view path) {
  const std::string where = concat(path, ": array '", name, "' ");
  const auto is_size = [](const json& j) {
    return j.is_number_unsigned() && j.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX);
  };
  require<FileError>(value.is_object() && value.size() == 3 && value.contains("dtype") && value.contains("shape") &&
                         value.contains("data_offsets"),
                     where, "needs exactly the keys dtype, shape and data_offsets; write the file again");
  const json &dtype = value["dtype"], &shape = value["shape"], &offsets = value["data_offsets"];
  require<FileError>(dtype.is_string() && item_bytes(dtype.get_ref<const std::string&>()) > 0, where, "has dtype ",
                     dtype.dump(), "; convert it to F32, F64, I32, I64 or U8");
  require<FileError>(shape.is_array() && std::all_of(shape.begin(), shape.end(), is_size), where,
                     "has a shape that is not a list of sizes; write the file again");
  require<FileError>(offsets.is_array() && offsets.size() == 2 && is_size(offsets[0]) && is_size(offsets[1]), where,
                     "has data_offsets that are not two positions; write the file again");

  Entry e{{name, dtype.get<std::string>(), shape.get<std::vector<Index>>(), {}},
          offsets[0].get<std::uint64_t>(),
          offsets[1].get<std::uint64_t>()};
  require<FileError>(e.first <= e.last && e.last <= data_bytes, where, "lies at bytes ", e.first, " to ", e.last,
                     " of ", data_bytes, "; the file is truncated or damaged");
  const auto size = array_bytes(e.array.shape, item_bytes(e.array.dtype));
  require<FileError>(size && static_cast<std::uint64_t>(*size) == e.last - e.first, where, "of shape ",
                     shape_text(e.array.shape), " and dtype ", e.array.dtype, " has ", e.last - e.first,
                     " bytes, which do not fit; the file is damaged");
  return e;
}

std::map<std::string, std::string> parse_metadata(const json& value, std::string_view path) {
  const bool valid =
      value.is_object() && std::all_of(value.begin(), value.end(), [](const json& v) { return v.is_string(); });
  require<FileError>(valid, path, ": its __metadata__ must map text to text; write the file again");
  return value.get<std::map<std::string, std::string>>();
}

template <class T>
void check_size(const Params<T>& params, std::size_t size) {
  require(static_cast<Index>(size) == params.size(), "values for ", params.size(), " parameter elements have size ",
          size, "; they must be laid out like the parameters, and those allocated by freeze() or initialize()");
}

// Calls visit(element of the flat vector, position in the file) for each value of a parameter, in file order.
template <class Visit>
void for_each_value(const Param& p, Visit visit) {
  std::size_t position = 0;
  for (Index out = 0; out < p.cols; ++out)
    for (Index in = 0; in < p.rows; ++in)
      visit(static_cast<std::size_t>(p.offset + in * p.stride + out), position++);
}

template <class T>
void copy_array(const NamedArray& a, const Param& p, std::span<T> values) {
  for_each_value(p, [&](std::size_t element, std::size_t position) {
    std::memcpy(&values[element], a.bytes.data() + position * sizeof(T), sizeof(T));
  });
}

// Of each parameter the array that fits, or null; what of the file does not goes to the report. `set`: those that
// are not found have values.
std::vector<const NamedArray*> match(const std::vector<ParamInfo>& parameters, const SafeTensors& file,
                                     const std::string& prefix, const char* dtype, bool set, LoadReport& report) {
  std::vector<const NamedArray*> found;
  std::set<std::string> names;
  for (const ParamInfo& info : parameters) {
    const std::string& name = *names.insert(prefix + info.name).first;
    const auto a = std::find_if(file.arrays.begin(), file.arrays.end(),
                                [&name](const NamedArray& array) { return array.name == name; });
    found.push_back(nullptr);
    if (a == file.arrays.end()) {
      report.missing.push_back(info.name);
    } else if (a->shape == info.file_shape && a->dtype == dtype) {
      report.loaded.push_back(info.name);
      found.back() = &*a;
    } else {
      report.other_shape.push_back(concat(info.name, ": ", a->dtype, " ", shape_text(a->shape), " in the file, ",
                                          dtype, " ", shape_text(info.file_shape), " in the model"));
    }
  }
  for (const NamedArray& a : file.arrays)
    if (a.name.starts_with(prefix) && names.count(a.name) == 0) report.unused.push_back(a.name);
  require(set || report.loaded.size() == parameters.size(), file.path, ": has ", report.loaded.size(), " of ",
          parameters.size(), " parameters, and the others were never set: call Params::initialize before");
  return found;
}

}  // namespace

const NamedArray& SafeTensors::array(std::string_view name) const {
  const auto found =
      std::find_if(arrays.begin(), arrays.end(), [&](const NamedArray& a) { return a.name == name; });
  require<FileError>(found != arrays.end(), path, ": has no array '", name, "'; it belongs to something else");
  return *found;
}

std::string encode_safetensors(const std::vector<NamedArray>& arrays,
                               const std::map<std::string, std::string>& metadata) {
  check_arrays(arrays);
  std::vector<const NamedArray*> order;
  for (const NamedArray& a : arrays) order.push_back(&a);
  std::stable_sort(order.begin(), order.end(), [](const NamedArray* a, const NamedArray* b) {
    return item_bytes(a->dtype) > item_bytes(b->dtype);
  });

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t end = 0;
  for (const NamedArray* a : order) {
    const std::size_t begin = end;
    end += a->bytes.size();
    header[a->name] = {{"dtype", a->dtype}, {"shape", a->shape}, {"data_offsets", {begin, end}}};
  }
  std::string text;
  try {
    text = header.dump();
  } catch (const json::exception&) {
    throw ValueError("a name or metadata for a safetensors file is not UTF-8; use valid UTF-8 text");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');

  const std::uint64_t length = text.size();
  std::string file(kLengthBytes, '\0');
  std::memcpy(file.data(), &length, kLengthBytes);
  file.reserve(kLengthBytes + text.size() + end);
  file += text;
  for (const NamedArray* a : order) file.append(reinterpret_cast<const char*>(a->bytes.data()), a->bytes.size());
  return file;
}

SafeTensors decode_safetensors(std::string_view bytes, std::string_view path) {
  require<FileError>(bytes.size() >= kLengthBytes, path, ": has ", bytes.size(),
                     " bytes, too few for a safetensors file; it is truncated or another format");
  std::uint64_t length;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  bytes.remove_prefix(kLengthBytes);
  require<FileError>(length <= kLongestHeader && length <= bytes.size(), path, ": its header would be ", length,
                     " bytes of ", bytes.size(), "; the file is truncated or not in safetensors format");
  const json header = parse_header(bytes.substr(0, length), path);
  const std::string_view data = bytes.substr(length);

  SafeTensors file{std::string(path), {}, {}};
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__")
      file.metadata = parse_metadata(value, path);
    else
      entries.push_back(parse_entry(name, value, data.size(), path));
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::pair(a.first, a.last) < std::pair(b.first, b.last); });
  std::uint64_t end = 0;
  for (Entry& e : entries) {
    require<FileError>(e.first == end, path, ": array '", e.array.name, "' starts at byte ", e.first,
                       " and the one before ends at ", end, "; the file is damaged");
    end = e.last;
    const auto part = std::as_bytes(std::span(data.substr(e.first, e.last - e.first)));
    e.array.bytes.assign(part.begin(), part.end());
    file.arrays.push_back(std::move(e.array));
  }
  require<FileError>(end == data.size(), path, ": has ", data.size(), " bytes of data and arrays for ", end,
                     "; the file is damaged");
  return file;
}

template <class T>
std::vector<NamedArray> parameter_arrays(const Params<T>& params, std::type_identity_t<std::span<const T>> values,
                                         const std::string& prefix) {
  check_size(params, values.size());
  std::vector<NamedArray> arrays;
  for (const ParamInfo& info : params.list()) {
    const auto size = static_cast<std::size_t>(info.slice.rows * info.slice.cols) * sizeof(T);
    NamedArray a{prefix + info.name, kDtype<T>, info.file_shape, std::vector<std::byte>(size)};
    for_each_value(info.slice, [&](std::size_t element, std::size_t position) {
      std::memcpy(a.bytes.data() + position * sizeof(T), &values[element], sizeof(T));
    });
    arrays.push_back(std::move(a));
  }
  return arrays;
}

template <class T>
void load_parameter_arrays(const Params<T>& params, std::type_identity_t<std::span<T>> values,
                           const SafeTensors& file, const std::string& prefix) {
  check_size(params, values.size());
  std::map<std::string_view, const NamedArray*> unused;
  for (const NamedArray& a : file.arrays)
    if (std::string_view(a.name).starts_with(prefix)) unused.emplace(a.name, &a);
  std::vector<const NamedArray*> sources;
  for (const ParamInfo& info : params.list()) {
    const std::string name = prefix + info.name;
    const std::vector<Index> shape = info.file_shape;
    const auto found = unused.find(name);
    require<FileError>(found != unused.end(), file.path, ": has no array '", name, "'; the model has one of shape ",
                       shape_text(shape), ": the file is of another model");
    const NamedArray& a = *found->second;
    require<FileError>(a.shape == shape && a.dtype == kDtype<T>, file.path, ": array '", name, "' is ", a.dtype,
                       " ", shape_text(a.shape), " and the model's is ", kDtype<T>, " ", shape_text(shape),
                       "; the file is of another model");
    sources.push_back(&a);
    unused.erase(found);
  }
  if (!unused.empty()) {
    const NamedArray& a = *unused.begin()->second;
    throw FileError(concat(file.path, ": array '", a.name, "' of shape ", shape_text(a.shape),
                           " is no parameter of the model; the file is of another model"));
  }
  for (std::size_t i = 0; i < sources.size(); ++i) copy_array(*sources[i], params.list()[i].slice, values);
}

template <class T>
void save_model(const std::string& path, const Params<T>& params,
                const std::map<std::string, std::string>& metadata) {
  write_atomically(path, encode_safetensors(parameter_arrays(params, params.values(), ""), metadata));
}

template <class T>
std::map<std::string, std::string> load_model(const std::string& path, Params<T>& params) {
  SafeTensors file = decode_safetensors(read_file(path), path);
  load_parameter_arrays(params, params.values(), file, "");
  return std::move(file.metadata);
}

template <class T>
LoadReport load_matching(const std::string& path, Params<T>& params, const std::string& prefix) {
  const SafeTensors file = decode_safetensors(read_file(path), path);
  LoadReport report;
  const std::vector<const NamedArray*> found =
      match(params.list(), file, prefix, kDtype<T>, params.is_set(), report);
  for (std::size_t i = 0; i < found.size(); ++i)
    if (found[i] != nullptr) copy_array(*found[i], params.list()[i].slice, params.values());
  return report;
}

#define EQNN_INSTANTIATE(T)                                                                                    \
  template std::vector<NamedArray> parameter_arrays(const Params<T>&, std::span<const T>, const std::string&); \
  template void load_parameter_arrays(const Params<T>&, std::span<T>, const SafeTensors&, const std::string&); \
  template void save_model(const std::string&, const Params<T>&, const std::map<std::string, std::string>&);   \
  template std::map<std::string, std::string> load_model(const std::string&, Params<T>&);                      \
  template LoadReport load_matching(const std::string&, Params<T>&, const std::string&)
EQNN_INSTANTIATE(float);
EQNN_INSTANTIATE(double);
#undef EQNN_INSTANTIATE

}  // namespace eqnn
