// Parameters and training state in safetensors files (https://huggingface.co/docs/safetensors): 8 bytes of
// header length, a JSON header, then the arrays' bytes; all little-endian.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "../core/params.h"

namespace eqnn {

// An array in C order.
struct NamedArray {
  std::string name;
  std::string dtype;  // "F32", "F64", "I32", "I64" or "U8"
  std::vector<Index> shape;
  std::vector<std::byte> bytes;
};

// What a safetensors file holds.
struct SafeTensors {
  std::string path;                // for messages
  std::vector<NamedArray> arrays;  // in the order of their bytes
  std::map<std::string, std::string> metadata;

  // Throws FileError when there is none of that name.
  const NamedArray& array(std::string_view name) const;
};

// The file's bytes; the same arguments give the same bytes. Arrays of wider types go first, otherwise in the order
// given, and the header is padded with spaces to 8 bytes, so every array is aligned.
// Throws ValueError for an unknown dtype, a repeated name, bytes that do not fit the shape, or text that is not
// UTF-8.
std::string encode_safetensors(const std::vector<NamedArray>& arrays,
                               const std::map<std::string, std::string>& metadata = {});

// The inverse. Strict: a header that is not JSON or over 100 MB, a missing or unknown or repeated key, an unknown
// dtype, sizes that disagree, bytes that overlap or belong to no array, a file too short or too long is a FileError
// with `path`.
SafeTensors decode_safetensors(std::string_view bytes, std::string_view path);

// One array for each parameter, named prefix + name, in PyTorch's layout: a weight [in, out] as [out, in], a bias
// as [out], without padding. `values` is laid out like the parameters: the parameters, a gradient or a moment.
// Throws ValueError when its size is not params.size().
template <class T>
std::vector<NamedArray> parameter_arrays(const Params<T>& params, std::type_identity_t<std::span<const T>> values,
                                         const std::string& prefix);

// The inverse, from those arrays of `file` whose names start with `prefix`; elements in the padding are not
// touched. Throws FileError, before any value is written, for a missing or extra array, another shape or another
// dtype, and ValueError as above.
template <class T>
void load_parameter_arrays(const Params<T>& params, std::type_identity_t<std::span<T>> values,
                           const SafeTensors& file, const std::string& prefix);

// The parameters alone, without a prefix; equal parameters and metadata give equal files. Throws FileError.
template <class T>
void save_model(const std::string& path, const Params<T>& params,
                const std::map<std::string, std::string>& metadata = {});
// Sets `params` from a file of save_model or of PyTorch, and returns the metadata. Throws FileError, and then
// `params` is as before.
template <class T>
std::map<std::string, std::string> load_model(const std::string& path, Params<T>& params);

// What load_matching() found, by name: parameters in their order, arrays of the file in that of their bytes.
struct LoadReport {
  std::vector<std::string> loaded;   // parameters that have the file's values now
  std::vector<std::string> missing;  // parameters that the file does not have; as before
  std::vector<std::string>
      other_shape;                  // of another shape, or float for double: "NAME: F32 [1, 8] in the file, .."
  std::vector<std::string> unused;  // arrays of the file that are no parameter
};
// Sets those parameters that the file has under their names, `prefix` before them, in their shape and type, and
// leaves the others. Arrays without the prefix are not looked at: "model." reads the parameters of a file of
// save_training. Throws FileError for a file that cannot be read, and ValueError where parameters that were never
// set would stay so; then `params` is as before.
template <class T>
LoadReport load_matching(const std::string& path, Params<T>& params, const std::string& prefix = "");

}  // namespace eqnn
