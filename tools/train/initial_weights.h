// Initial weights from the model of another run, for networks of which some or all arrays have the same shapes.
#pragma once

#include <string>

#include <eqnn/core/params.h>
#include <eqnn/io/safetensors.h>

#include "cli/options.h"

namespace tools {

// The model of a run directory, or a safetensors file. Throws FileError for one that is not there or malformed.
eqnn::SafeTensors read_weights(const std::string& path);

// 16 hexadecimal digits of names, types, shapes and values.
std::string weights_hash(const eqnn::SafeTensors& weights);

// What a network took of a file.
struct TakenWeights {
  Index arrays = 0, all_arrays = 0, parameters = 0,
        all_parameters = 0;  // of how many it has; all_arrays 0: no file
  std::string rest;  // a line about what it did not take, and arrays that nothing took; "" where there are none

  bool most() const { return 2 * parameters >= all_parameters; }
  // "3 of 10 arrays, 1234 of 33281 parameters".
  std::string text() const;
};

// Gives each parameter the array of its name in the file, where that has its shape and type (eqnn::load_matching).
// Others keep their values. Throws ValueError where nothing fits.
template <class T>
TakenWeights take_weights(eqnn::Params<T>& params, const std::string& file);

}  // namespace tools
