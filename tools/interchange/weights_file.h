// Parameters of a run in a file that something else may have written.
#pragma once

#include "interchange/graph.h"

namespace tools {

// The arrays of a file: .safetensors; .npz; .onnx, of whose initialisers those that `wanted` names. Throws
// FileError for a file that cannot be read, and ValueError for another ending.
eqnn::SafeTensors read_weights(const std::string& path, const std::vector<eqnn::NamedArray>& wanted);
// The same, of a file of this kind, whatever its ending: safetensors, npz or onnx.
eqnn::SafeTensors read_weights(const std::string& path, const std::string& kind,
                               const std::vector<eqnn::NamedArray>& wanted);

// The archive of the arrays, under their names.
void write_weights_npz(const std::string& path, const std::vector<eqnn::NamedArray>& arrays);

// The first array of `wanted` that is not in `found` bit for bit; empty where all are.
std::string first_difference(const std::vector<eqnn::NamedArray>& wanted,
                             const std::vector<eqnn::NamedArray>& found);

}  // namespace tools
