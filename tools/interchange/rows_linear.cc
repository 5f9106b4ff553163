// Products, convolutions, actions of groups.

#include "interchange/translation.h"

namespace tools {
namespace {

std::string linear_row(Translation& t, const RecordedValue& v) {
  const std::string y = t.g.node("MatMul", {t.in(v, 0), t.matrix(t.in(v, 1))});
  return v.inputs.size() > 2 ? t.g.node("Add", {y, t.in(v, 2)}) : y;
}
std::string linear_pair_row(Translation& t, const RecordedValue& v) {
  const std::string x = t.g.node("MatMul", {t.in(v, 0), t.matrix(t.in(v, 1))});
  const std::string z = t.g.node("MatMul", {t.in(v, 2), t.matrix(t.in(v, 3))});
  return t.g.node("Add", {t.g.node("Add", {x, z}), t.in(v, 4)});
}
std::string product_row(Translation& t, const RecordedValue& v) {
  return t.g.node("MatMul", {t.in(v, 0), t.in(v, 1)});
}
std::string product_transposed_row(Translation& t, const RecordedValue& v) {
  const std::string y = t.g.node("Transpose", {t.in(v, 1)}, {integers_attribute("perm", {0, 2, 1})});
  return t.g.node("MatMul", {t.in(v, 0), y});
}

// A spectrum is another form of its filter, a parameter: who reads it reads the filter.
std::string filter_spectrum_row(Translation& t, const RecordedValue& v) { return t.in(v, 0); }

// y_t = b + sum_s x_{t+s} W_s: the points that each position reads, channels outside and shifts inside, as the rows
// of the weight are. onnxruntime has Conv for float alone.
std::string cyclic_convolution_row(Translation& t, const RecordedValue& v) {
  GraphBuilder& g = t.g;
  const auto size = [&](std::size_t k) { return static_cast<Index>(v.numbers.at(k)); };
  const Index height = size(0), width = size(1), shifts = size(2) * size(3), channels = t.shape(v, 0).channels;
  std::vector<Index> read;
  for (Index point = 0; point < height * width; ++point)
    for (Index shift = 0; shift < shifts; ++shift)
      read.push_back((point / width + shift / size(3)) % height * width + (point + shift % size(3)) % width);
  const std::string points = g.node("Gather", {t.in(v, 0), g.whole(read)}, along(1));
  const std::string windows = g.node("Reshape", {points, g.whole({0, v.shape.points, shifts, channels})});
  const std::string turned = g.node("Transpose", {windows}, {integers_attribute("perm", {0, 1, 3, 2})});
  const std::string rows = g.node("Reshape", {turned, g.whole({0, v.shape.points, channels * shifts})});
  const std::string y = g.node("MatMul", {rows, t.matrix(t.in(v, 1))});
  return v.inputs.size() > 2 ? g.node("Add", {y, t.in(v, 2)}) : y;
}

// Row i is the points t_i1, t_i2, .. side by side.
std::string gather_row(Translation& t, const RecordedValue& v) {
  if (!v.table) t.refuse(v);
  const std::string index = t.g.whole({v.table->begin(), v.table->end()});
  const std::string points = t.g.node("Gather", {t.in(v, 0), index}, along(1));
  if (static_cast<Index>(v.table->size()) == v.shape.points) return points;
  return t.g.node("Reshape", {points, t.g.whole({0, v.shape.points, v.shape.channels})});
}
std::string permute_pairs_row(Translation& t, const RecordedValue& v) {
  const std::string index = t.g.whole({v.table->begin(), v.table->end()});
  return t.g.node("Gather", {t.g.node("Gather", {t.in(v, 0), index}, along(1)), index}, along(2));
}

}  // namespace

void add_linear_rows(TranslationRows& rows) {
  rows.insert({{"linear", linear_row},
               {"linear_pair", linear_pair_row},
               {"product", product_row},
               {"product_transposed", product_transposed_row},
               {"filter_spectrum", filter_spectrum_row},
               {"cyclic_convolution (direct)", cyclic_convolution_row},
               {"cyclic_convolution (spectral)", cyclic_convolution_row},
               {"gather_points", gather_row},
               {"permute_points", gather_row},
               {"orbit", gather_row},
               {"permute_pairs", permute_pairs_row}});
}

}  // namespace tools
