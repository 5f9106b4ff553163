#include "interchange/weights_file.h"

#include <algorithm>

#include <eqnn/io/files.h>
#include <eqnn/io/npz.h>

#include "interchange/onnx.h"

namespace tools {
namespace {

std::string safetensors_dtype(const std::string& npy) {
  return npy == "<f4" ? "F32" : npy == "<f8" ? "F64" : npy == "<i8" ? "I64" : npy == "<i4" ? "I32" : "U8";
}

}  // namespace

eqnn::SafeTensors read_weights(const std::string& path, const std::vector<eqnn::NamedArray>& wanted) {
  for (const char* kind : {"safetensors", "npz", "onnx"})
    if (path.ends_with(concat(".", kind))) return read_weights(path, kind, wanted);
  throw ValueError(concat("--weights is ", path,
                          "; the ending must be .safetensors, .npz or .onnx (of a state dict in PyTorch: "
                          "safetensors.torch.save_file)"));
}

eqnn::SafeTensors read_weights(const std::string& path, const std::string& kind,
                               const std::vector<eqnn::NamedArray>& wanted) {
  if (kind == "safetensors") return eqnn::decode_safetensors(eqnn::read_file(path), path);
  eqnn::SafeTensors file{path, {}, {}};
  if (kind == "npz") {
    for (auto& [name, a] : eqnn::read_npz(path))
      file.arrays.push_back({name, safetensors_dtype(a.dtype), a.shape, a.bytes});
    return file;
  }
  for (eqnn::NamedArray& a : decode_onnx(eqnn::read_file(path), path).constants)
    if (std::ranges::find(wanted, a.name, &eqnn::NamedArray::name) != wanted.end())
      file.arrays.push_back(std::move(a));
  return file;
}

void write_weights_npz(const std::string& path, const std::vector<eqnn::NamedArray>& arrays) {
  eqnn::NpzArrays archive;
  for (const eqnn::NamedArray& a : arrays) archive[a.name] = {a.dtype == "F32" ? "<f4" : "<f8", a.shape, a.bytes};
  eqnn::write_npz(path, archive);
}

std::string first_difference(const std::vector<eqnn::NamedArray>& wanted,
                             const std::vector<eqnn::NamedArray>& found) {
  for (const eqnn::NamedArray& a : wanted) {
    const auto other = std::ranges::find(found, a.name, &eqnn::NamedArray::name);
    if (other == found.end() || other->dtype != a.dtype || other->shape != a.shape || other->bytes != a.bytes)
      return a.name;
  }
  return "";
}

}  // namespace tools
