// From a recorded program to a graph of ONNX operators, operation by operation.
#pragma once

#include <eqnn/core/program.h>
#include <eqnn/nn/frames.h>

#include <optional>

#include "interchange/graph.h"

namespace tools {

// What a program does not say of its inputs.
struct TranslatedInputs {
  // By name, the sizes of one example in files where they are not [points, channels].
  std::map<std::string, std::vector<Index>> file_sizes = {};
  // By name, inputs that are the same for all examples, [points, channels]: they become constants.
  std::map<std::string, std::vector<double>> fixed = {};
  // By name, inputs that are canonical forms of another one: its name, and the frame; none: they are equal.
  struct Form {
    std::string of;
    std::optional<eqnn::PermutationFrame> frame;
  };
  std::map<std::string, Form> forms = {};
  // Of two logits the difference is given too, as "y": first minus second.
  bool difference = false;
};

// The graph whose output is `value`, [b, 1, k], of a program that is not finished yet: "y" [batch] for k = 1, else
// "logits" [batch, k]. Its inputs are those of the program that `value` depends on, under their names; of a batch
// of sparse graphs "nodes" [nodes, c], "edge_index" [2, edges] (each edge's neighbour, and the node that takes it
// in) and "batch" [nodes], the graph of each node, as torch_geometric has them. Throws NotBuiltError for an
// operation that no row of the table says.
template <class T>
NetworkGraph translate(const eqnn::Program<T>& program, const eqnn::Params<T>& params, eqnn::Tensor<T> value,
                       const TranslatedInputs& inputs);

// Names of the operations that can be said.
std::vector<std::string> translated_operations();

extern template NetworkGraph translate(const eqnn::Program<float>&, const eqnn::Params<float>&, eqnn::Tensor<float>,
                                       const TranslatedInputs&);
extern template NetworkGraph translate(const eqnn::Program<double>&, const eqnn::Params<double>&,
                                       eqnn::Tensor<double>, const TranslatedInputs&);

}  // namespace tools
