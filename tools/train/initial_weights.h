// Initial weights from the model of another run, for networks of which some or all arrays have the same shapes.
#pragma once

#include <string>

#include <eqnn/core/params.h>
#include <eqnn/io/safetensors.h>

namespace tools {

// The model of a run directory, or a safetensors file. Throws FileError for one that is not there or malformed.
eqnn::SafeTensors read_weights(const std::string& path);

// 16 hexadecimal digits of names, types, shapes and values.
std::string weights_hash(const eqnn::SafeTensors& weights);

// Gives each parameter the array of its name in the file, where that has its shape and type (eqnn::load_matching).
// Others keep their values. Returns a line about those, and about arrays that nothing took; "" where there are
// none. Throws ValueError where nothing fits.
template <class T>
std::string take_weights(eqnn::Params<T>& params, const std::string& file);

}  // namespace tools
