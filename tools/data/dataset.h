// Labelled examples from files: graphs with node labels, or arrays; folds for cross-validation; batches of graphs.
#pragma once

#include <eqnn/core/check.h>
#include <eqnn/core/matrix.h>
#include <eqnn/core/sparse_graph.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tools {

using eqnn::Index;

// What the user says of a file's examples where the file leaves it open.
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
struct Dataset {
  std::string path, format;
  Index examples = 0;

  // Graphs; empty: arrays. Row v of a graph lists the neighbours that the file gives for node v, in its order and
  // directed as they stand there: an undirected edge is in the file twice, which nothing checks. Self loops and
  // isolated nodes are kept, and of repeated edges the first; every graph has a node.
  std::vector<eqnn::SparseGraph> graphs;
  // The nodes of example e are node_starts[e] .. node_starts[e + 1] - 1 of the whole file: [examples + 1].
  std::vector<Index> node_starts;
  // A node's features are the one-hot vector of its label, then its attributes; write_node_features makes them.
  // Label l stands for the number label_values[l], ascending over the whole file: the file's, or the number of
  // neighbours, or 0 on all nodes. No labels (both empty): the nodes have attributes alone.
  DataChoices::NodeLabels labels_from = DataChoices::NodeLabels::file;  // never guessed
  std::vector<std::int32_t> node_labels;                                // [nodes of the file]
  std::vector<std::int64_t> label_values;
  Index attributes = 0;                 // a node
  std::vector<double> node_attributes;  // [nodes of the file, attributes]

  // Arrays: x is [examples, points, channels]. Graphs have points 0, and channels = labels + attributes.
  Index points = 0, channels = 0;
  std::vector<double> x;

  // Either the class of each example, 0 .. class_names.size() - 1, in the order of the file's numbers, whose
  // decimal text is the name; or, when `classes` is empty, the real target of each. There are two different ones at
  // least.
  std::vector<std::int32_t> classes;
  std::vector<std::string> class_names;
  std::vector<double> y;

  // What was guessed, or read otherwise than it stands there: a line for the user each.
  std::vector<std::string> notes;

  bool has_graphs() const { return !graphs.empty(); }
  bool has_classes() const { return !classes.empty(); }
  // Whether in every graph all nodes have the same features and equally many neighbours: no layer of messages tells
  // them apart, and what subtracts their mean leaves nothing.
  bool nodes_look_alike() const;
  // The array of an example, [points, channels].
  eqnn::MatrixView<const double> example(Index e) const {
    return {x.data() + e * points * channels, points, channels, channels};
  }
};

// gin, tudataset, npz, csv.
const std::vector<std::string>& dataset_formats();

// Reads `path` in one of the formats
//   gin         the text files of the GIN benchmark (Xu et al. 2019), numbers separated by blanks: the number of
//               graphs; for each graph a line `nodes class`, and for each of its nodes a line `label degree
//               neighbour...`, the neighbours counted from 0. Real attributes may follow the neighbours, equally
//               many on all nodes.
//   tudataset   the files DS_A.txt, DS_graph_indicator.txt, DS_graph_labels.txt and, if there, DS_node_labels.txt,
//               DS_node_attributes.txt of TUDataset (Morris et al. 2020), numbers separated by commas, nodes and
//               graphs counted from 1, a graph's nodes one after the other; line `i, j` of DS_A.txt: node i has the
//               neighbour j. Of several columns of node labels those behind the first become one-hot attributes.
//               Without DS_graph_labels.txt the targets are the one column of DS_graph_attributes.txt. `path` is
//               the folder that holds them, or folder/DS. Its other files are not read.
//   npz         `y` [count], classes when its dtype is an integer (or bool), real targets when it is a float; with
//               `x` [count, n, d...] (points n, channels the product of the rest) or [count, d] (points d, one
//               channel); or with `adjacency`, bytes 0 and 1, [count, n, n], adjacency[e, v, j] = 1 when node v of
//               graph e has the neighbour j, and then, if there, `x` [count, n, c] as the attributes of the nodes.
//               Other arrays are not read.
//   csv         one example a line, the same number of fields on all, separated by commas: the channels of x at the
//               left (points: their number; one channel), the target in the last. Fields may stand in quotes (RFC
//               4180, but for line breaks). The first line is a header when no field of it is a number. The targets
//               are whole when all are (1 and 1.0, not 0.5).
// Strict: throws FileError, with the line (npz: the array and example), for everything else: numbers that are not
// finite, counts that do not match, indices out of range, an empty graph, a missing or superfluous line, classes or
// targets that are all the same. Memory is taken for what is in the file, never for what a number in it says.
// Throws ValueError for another format, and for a choice of node labels without graphs.
Dataset read_dataset(const std::string& path, const std::string& format, const DataChoices& choices = {});

// The fold of each example, 0 .. folds - 1: the examples of each class in turn, shuffled by (seed, Stream::order),
// are dealt to the folds one by one, each class beginning where the last one ended. Sizes of folds differ by one at
// most, and so do those of a class within the folds. Only (classes, folds, seed) matter. With equal classes these
// are plain shuffled folds (for real targets).
// Throws ValueError for folds < 2, a negative class, and a class with fewer examples than folds.
std::vector<int> stratified_folds(const std::vector<std::int32_t>& classes, int folds, std::uint64_t seed);

// The same for what is set apart of a training set, in an order of its own and without a least size of a class: the
// part of each example, 0 .. parts - 1.
std::vector<int> stratified_parts(const std::vector<std::int32_t>& classes, int parts, std::uint64_t seed);

// Writes the node features of the given examples, one after the other: row i of `to`, its first data.channels
// entries. REQUIRES: data.has_graphs(); `to` has that many channels, and a row (an example of one point) for each
// node. T: float or double. Allocates nothing.
template <class T>
void write_node_features(const Dataset& data, std::span<const Index> examples, eqnn::Block<T> to);

// Room for any `shard` different examples (all when there are fewer): the most nodes, and the most edges, that they
// have together. What Program::graph must be recorded with.
struct GraphRoom {
  Index nodes = 0, edges = 0, graphs = 0;
};
GraphRoom graph_room(const Dataset& data, Index shard);

// Puts examples side by side into one SparseGraph, in memory of its own that is taken once.
// Threads: one a Collator; several may share a Dataset, which must outlive them. A graph that a Trainer's callback
// binds must last for the whole step: take one Collator for each shard of a batch, not for each thread.
class Collator {
 public:
  // Room for any `shard` different examples. Throws ValueError for shard < 1 and for data without graphs.
  Collator(const Dataset& data, Index shard);

  // The batch of these examples, in their order, until the next call. Allocates nothing. Throws ValueError for an
  // example that does not exist, and for more graphs, nodes or edges than there is room for (examples that occur
  // twice can need more).
  const eqnn::SparseGraph& collate(std::span<const Index> examples);

 private:
  const Dataset& data_;
  GraphRoom room_;
  eqnn::SparseGraph batch_;
};

}  // namespace tools
