// Labelled examples as they stand in a file, or as a program has them: what a Dataset and a GraphDataset are made
// of.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../core/matrix.h"
#include "../core/sparse_graph.h"

namespace eqnn {

// What the reader of a file is told where the file leaves it open.
struct DataChoices {
  // Classes or numbers. Guessed: classes where the format holds classes (graphs, integers of an npz), and for whole
  // numbers of a csv with 64 different values at most.
  enum class Targets : std::uint8_t { guessed, classes, real } targets = Targets::guessed;
  // A node's label: that of the file, its degree, or none, the same on all nodes. Guessed: the file's, but the
  // degree where the file tells nothing of the nodes: neither attributes nor two different labels.
  enum class NodeLabels : std::uint8_t { guessed, file, degree, none } node_labels = NodeLabels::guessed;
};

// `examples` labelled examples, all of them graphs or all of them arrays, each with a class or with a real target.
// Plain data: any number of threads may read.
struct LabelledExamples {
  std::string path = {}, format = {};  // of the file; empty: there is none
  Index examples = 0;                  // 0 in a program's own: as many as have a class or a target

  // Graphs; empty: arrays. Row v of a graph lists the neighbours that the file gives for node v, in its order and
  // directed as they stand there: an undirected edge is in the file twice, which nothing checks. Self loops and
  // isolated nodes are kept, and of repeated edges the first; every graph has a node.
  std::vector<SparseGraph> graphs = {};
  // The nodes of example e are node_starts[e] .. node_starts[e + 1] - 1 of the whole file: [examples + 1]. Empty in
  // a program's own: counted from the graphs.
  std::vector<Index> node_starts = {};
  // A node's features are the one-hot vector of its label, then its attributes; write_node_features makes them.
  // Label l stands for the number label_values[l], ascending over the whole file: the file's, or the number of
  // neighbours, or 0 on all nodes. No labels (both empty): the nodes have attributes alone.
  DataChoices::NodeLabels labels_from = DataChoices::NodeLabels::file;  // never guessed
  std::vector<std::int32_t> node_labels = {};                           // [nodes of the file]
  std::vector<std::int64_t> label_values = {};
  Index attributes = 0;                      // a node
  std::vector<double> node_attributes = {};  // [nodes of the file, attributes]

  // Arrays: x is [examples, points, channels]. Graphs have points 0, and channels = labels + attributes, which is
  // computed for a program's own.
  Index points = 0, channels = 0;
  std::vector<double> x = {};

  // Either the class of each example, 0 .. class_names.size() - 1, in the order of the file's numbers, whose
  // decimal text is the name; or, when `classes` is empty, the real target of each. Of a file there are two
  // different ones at least. No names in a program's own: the numbers.
  std::vector<std::int32_t> classes = {};
  std::vector<std::string> class_names = {};
  std::vector<double> y = {};

  // What was guessed, or read otherwise than it stands there: a line for the user each. The last is that of a
  // guess.
  std::vector<std::string> notes = {};
  bool guessed = false;  // that numbers of a csv are classes, or that degrees are labels

  bool has_graphs() const { return !graphs.empty(); }
  bool has_classes() const { return !classes.empty(); }
  // Whether in every graph all nodes have the same features and equally many neighbours: no layer of messages tells
  // them apart, and what subtracts their mean leaves nothing.
  bool nodes_look_alike() const;
  // The array of an example, [points, channels].
  MatrixView<const double> example(Index e) const {
    return {x.data() + e * points * channels, points, channels, channels};
  }
};

}  // namespace eqnn
