#include "data/inputs.h"

#include <eqnn/io/npz.h>

namespace tools {
namespace {

std::string shape_text(const std::vector<Index>& shape, const std::string& before = "") {
  std::string text;
  for (Index s : shape) text += concat(text.empty() ? "" : ", ", s);
  return concat("[", before, text, "]");
}

}  // namespace

std::vector<Index> file_shape(Index count, const eqnn::hard::InputLayout& layout) {
  std::vector<Index> shape = layout.dims;
  if (shape.empty()) shape = {layout.points, layout.channels};
  shape.insert(shape.begin(), count);
  return shape;
}

InputArray read_inputs(const std::string& path, const eqnn::hard::InputLayout& layout) {
  using eqnn::FileError;
  const eqnn::NpzArrays arrays = eqnn::read_npz(path);
  const auto found = arrays.find(layout.name);
  require<FileError>(found != arrays.end(), path, ": there is no array '", layout.name,
                     "'; this family's inputs are under that name");
  const std::vector<Index>& shape = found->second.shape;
  std::vector<Index> plain{layout.points, layout.channels};
  if (layout.channels == 1) plain.pop_back();
  const std::vector<Index> whole{layout.points, layout.channels},
      one(shape.begin() + (shape.empty() ? 0 : 1), shape.end());
  if (layout.other_sizes && (one.size() == 1 || one.size() == 2))  // value() judges
    return {shape[0], one.size() == 2 ? one[0] : 1, one.back(), eqnn::as_doubles(found->second)};
  if (shape.empty() || (one != layout.dims && one != whole && one != plain))
    throw FileError(concat(path, ": array '", layout.name, "' has shape ", shape_text(shape), "; ",
                           shape_text(layout.dims.empty() ? whole : layout.dims, "count, "), " is needed"));
  return {shape[0], layout.points, layout.channels, eqnn::as_doubles(found->second)};
}

}  // namespace tools
