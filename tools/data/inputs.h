// A family's inputs in npz files.
#pragma once

#include <string>
#include <vector>

#include <eqnn/hard/family.h>

#include "cli/options.h"

namespace tools {

// The inputs of a file in double, [examples, points, channels].
struct InputArray {
  Index examples = 0, points = 0, channels = 0;
  std::vector<double> values;

  eqnn::MatrixView<const double> example(Index e) const {
    return {values.data() + e * points * channels, points, channels, channels};
  }
};

// The shape of `count` inputs in files.
std::vector<Index> file_shape(Index count, const eqnn::hard::InputLayout& layout);

// Reads the array named like the layout's input; file_shape, [count, points, channels], or [count, points] when
// there is one channel. Throws FileError for a missing array or another shape.
InputArray read_inputs(const std::string& path, const eqnn::hard::InputLayout& layout);

}  // namespace tools
