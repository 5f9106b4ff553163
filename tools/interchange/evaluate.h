// Evaluates a graph in double precision, operator by operator: the check of what is written, without any other
// program.
#pragma once

#include "interchange/graph.h"

namespace tools {

// An array of numbers in C order; whole ones are exact up to 2^53.
struct GraphArray {
  std::vector<Index> shape;
  std::vector<double> values;
};
using GraphArrays = std::map<std::string, GraphArray>;

// The outputs of the graph for these inputs, by name; `rounded`: the value of every operator is rounded to float,
// which shows what rounding amounts to. Throws Error for an operator that is not known here, for a value that is
// missing, and for shapes that do not fit. Slow: plain loops, one thread.
GraphArrays evaluate(const NetworkGraph& graph, const GraphArrays& inputs, bool rounded = false);

// Operators that can be evaluated.
std::vector<std::string> evaluated_operators();

}  // namespace tools
