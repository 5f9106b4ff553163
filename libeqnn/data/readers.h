// Readers of files of labelled examples.
//
// Strict: all throw FileError, with the line (npz: the array and example), for what is not of the format: numbers
// that are not finite, counts that do not match, indices out of range, an empty graph, a missing or superfluous
// line, classes or targets that are all the same. Memory is taken for what is in the file, never for what a number
// in it says. Lines of text may end as on Windows. Threads: any.
#pragma once

#include <string>

#include "labelled_examples.h"

namespace eqnn {

// A table: one example a line, the same number of fields on all, separated by commas: the channels of x at the left
// (points: their number; one channel), the target in the last. Fields may stand in quotes (RFC 4180, but for line
// breaks). The first line is a header when no field of it is a number. The targets are whole when all are (1
// and 1.0, not 0.5).
LabelledExamples read_csv(const std::string& path, const DataChoices& choices = {});

// `y` [count], classes when its dtype is an integer (or bool), real targets when it is a float; with `x`
// [count, n, d...] (points n, channels the product of the rest) or [count, d] (points d, one channel); or with
// `adjacency`, bytes 0 and 1, [count, n, n], adjacency[e, v, j] = 1 when node v of graph e has the neighbour j, and
// then, if there, `x` [count, n, c] as the attributes of the nodes. Other arrays are not read.
LabelledExamples read_npz_dataset(const std::string& path, const DataChoices& choices = {});

// The text files of the GIN benchmark (Xu et al. 2019), numbers separated by blanks: the number of graphs; for each
// graph a line `nodes class`, and for each of its nodes a line `label degree neighbour...`, the neighbours counted
// from 0. Real attributes may follow the neighbours, equally many on all nodes.
LabelledExamples read_gin(const std::string& path, const DataChoices& choices = {});

// The files DS_A.txt, DS_graph_indicator.txt, DS_graph_labels.txt and, if there, DS_node_labels.txt,
// DS_node_attributes.txt of TUDataset (Morris et al. 2020), numbers separated by commas, nodes and graphs counted
// from 1, a graph's nodes one after the other; line `i, j` of DS_A.txt: node i has the neighbour j. Of several
// columns of node labels those behind the first become one-hot attributes. Without DS_graph_labels.txt the targets
// are the one column of DS_graph_attributes.txt. `path` is the folder that holds them, or folder/DS. Its other
// files are not read.
LabelledExamples read_tudataset(const std::string& path, const DataChoices& choices = {});

}  // namespace eqnn
