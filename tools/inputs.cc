#include "inputs.h"

#include <eqnn/npz.h>

namespace tools {

InputArray read_inputs(const std::string& path, const eqnn::hard::InputLayout& layout) {
  using eqnn::FileError;
  const eqnn::NpzArrays arrays = eqnn::read_npz(path);
  const auto found = arrays.find(layout.name);
  require<FileError>(found != arrays.end(), path, ": there is no array '", layout.name,
                     "'; this family's inputs are under that name");
  const std::vector<Index>& shape = found->second.shape;
  const bool three = shape.size() == 3 && shape[1] == layout.points && shape[2] == layout.channels;
  const bool two = shape.size() == 2 && layout.channels == 1 && shape[1] == layout.points;
  if (!three && !two) {
    std::string seen;
    for (Index s : shape) seen += concat(seen.empty() ? "" : ", ", s);
    throw FileError(concat(path, ": array '", layout.name, "' has shape [", seen, "]; [count, ", layout.points, ", ",
                           layout.channels, "] is needed"));
  }
  return {shape[0], layout.points, layout.channels, eqnn::as_doubles(found->second)};
}

}  // namespace tools
