// A graph as a Python module that computes the same in PyTorch.
#pragma once

#include "interchange/graph.h"

namespace tools {

// The text of model.py: a class Network, a torch.nn.Module whose state dict has the names and shapes of the run's
// parameters, and load(), which reads them from weights.safetensors and constants.safetensors beside the module. It
// needs torch and numpy. The same graph gives the same text. Throws Error for an operator that is not known here.
std::string torch_module(const NetworkGraph& graph, const std::string& description);

// The constants of the graph that the module reads from a file; the others stand in its text.
std::vector<eqnn::NamedArray> torch_constants(const NetworkGraph& graph);

// Operators that can be written.
std::vector<std::string> torch_operators();

}  // namespace tools
