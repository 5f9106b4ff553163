// The text formats of graphs: gin and tudataset.
#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <unordered_set>
#include <utility>

#include "lines.h"
#include "readers.h"
#include "reading.h"

namespace eqnn {
namespace {

namespace fs = std::filesystem;

// A class a graph as it stands in the file, or a number.
struct GraphTargets {
  std::vector<std::int64_t> classes;
  std::vector<double> real;
};

// Leaves out of a node's neighbours, those from `first` on, what was there before, as other readers of these
// formats do, and counts it. Memory is that of the node's degree: a number of nodes may be a lie.
class RepeatedEdges {
 public:
  void leave_out(std::vector<std::int32_t>& neighbors, std::size_t first) {
    const auto begin = neighbors.begin() + static_cast<std::ptrdiff_t>(first);
    sorted_.assign(begin, neighbors.end());
    std::sort(sorted_.begin(), sorted_.end());
    if (std::adjacent_find(sorted_.begin(), sorted_.end()) == sorted_.end()) return;
    std::unordered_set<std::int32_t> seen;
    const auto kept =
        std::remove_if(begin, neighbors.end(), [&](std::int32_t j) { return !seen.insert(j).second; });
    count_ += static_cast<std::size_t>(neighbors.end() - kept);
    neighbors.erase(kept, neighbors.end());
  }
  void tell(LabelledExamples& data) const {
    if (count_ > 0) data.notes.push_back(concat(count_, " edges are listed more than once; each is counted once"));
  }

 private:
  std::vector<std::int32_t> sorted_;
  std::size_t count_ = 0;
};

constexpr std::string_view kCut = "; the file was cut off, or a count is wrong";

// --- gin -----------------------------------------------------------------------------------------------------

// Reads graph after graph; the line it is in is the one errors name.
class GinReader {
 public:
  GinReader(const std::string& path, LabelledExamples& data) : in_(path, Lines::Separator::blanks), data_(data) {}

  GraphTargets read() {
    require<FileError>(in_.next(), in_.path(),
                       ": the file is empty; the number of graphs is needed in its first line");
    in_.check(in_.fields().size() == 1, "the first line has ", in_.fields().size(),
              " fields; one, the number of graphs, is needed");
    const Index graphs = in_.integer(0, "the number of graphs", 1, kMostItems);
    std::vector<std::int64_t> classes;
    for (Index g = 0; g < graphs; ++g) {
      if (!in_.next()) in_.fail("the file ends here, after ", g, " graphs; its first line says ", graphs, kCut);
      classes.push_back(read_graph(g));
    }
    if (in_.next())
      in_.fail("there is more behind the ", graphs,
               " graphs that the first line says; the first line, or a number of nodes, is wrong");
    data_.node_labels = positions(labels_, data_.label_values);
    repeated_.tell(data_);
    return {std::move(classes), {}};
  }

 private:
  std::int64_t read_graph(Index g) {
    in_.check(in_.fields().size() == 2, "graph ", g, " (counted from 0) begins with ", in_.fields().size(),
              " fields; two are needed, its number of nodes and its class; or the graph before has another number "
              "of nodes than it says");
    const std::int64_t nodes = in_.integer(0, concat("the number of nodes of graph ", g), 1, kMostItems);
    const std::int64_t name = in_.integer(1, concat("the class of graph ", g), kLowestName, kHighestName);
    const std::string neighbor = concat("a neighbour in graph ", g, ", which has ", nodes, " nodes,");
    const Index first_line = in_.number();
    offsets_.assign(1, 0);
    neighbors_.clear();
    for (std::int64_t v = 0; v < nodes; ++v) {
      if (!in_.next())
        in_.fail("the file ends here, after ", v, " of the ", nodes, " nodes that graph ", g, " has by line ",
                 first_line, kCut);
      read_node(nodes, neighbor);
    }
    data_.graphs.emplace_back(offsets_, neighbors_);
    data_.node_starts.push_back(data_.node_starts.back() + nodes);
    return name;
  }

  void read_node(std::int64_t nodes, std::string_view neighbor) {
    const auto fields = static_cast<Index>(in_.fields().size());
    in_.check(fields >= 2, "a node has ", fields, " fields; its label, its degree and its neighbours are needed",
              in_.last() ? kCut : "");
    labels_.push_back(in_.integer(0, "a node's label", kLowestName, kHighestName));
    const Index degree = in_.integer(1, "a node's degree", 0, kMostItems), attributes = fields - 2 - degree;
    in_.check(attributes >= 0, "a node's degree is ", degree, " and ", fields - 2,
              " fields follow; one for each neighbour is needed", in_.last() ? kCut : "");
    if (labels_.size() == 1) {
      data_.attributes = attributes;
      first_node_ = in_.number();
    }
    in_.check(attributes == data_.attributes, "a node has ", attributes, " fields behind its ", degree,
              " neighbours and the first node of the file, in line ", first_node_, ", has ", data_.attributes,
              "; all need equally many attributes: a degree is wrong, or an attribute missing");
    in_.check(static_cast<std::int64_t>(neighbors_.size()) <= kMostItems - degree, "a graph has more than ",
              kMostItems, " edges; split it");
    for (Index i = 2; i < 2 + degree; ++i)
      neighbors_.push_back(
          static_cast<std::int32_t>(in_.integer(static_cast<std::size_t>(i), neighbor, 0, nodes - 1)));
    repeated_.leave_out(neighbors_, static_cast<std::size_t>(offsets_.back()));
    offsets_.push_back(static_cast<std::int32_t>(neighbors_.size()));
    for (Index i = 2 + degree; i < fields; ++i)
      data_.node_attributes.push_back(in_.real(static_cast<std::size_t>(i), "a node's attribute"));
  }

  Lines in_;
  LabelledExamples& data_;
  Index first_node_ = 0;
  RepeatedEdges repeated_;
  std::vector<std::int64_t> labels_;               // of all nodes, as in the file
  std::vector<std::int32_t> offsets_, neighbors_;  // of the graph that is being read
};

// --- tudataset -----------------------------------------------------------------------------------------------

// What stands at a path. A disk that cannot be asked must not have its files taken for missing.
fs::file_type type_at(const std::string& path) {
  std::error_code error;
  const fs::file_type type = fs::status(path, error).type();
  // Of what is not there the error is set too, and a link in a circle leads nowhere.
  if (type == fs::file_type::not_found || error == std::errc::too_many_symbolic_link_levels)
    return fs::file_type::not_found;
  require<FileError>(type != fs::file_type::none, path, ": cannot be looked for: ", error.message(),
                     "; check the permissions and the disk");
  return type;
}
bool is_there(const std::string& path) { return type_at(path) != fs::file_type::not_found; }

// The common beginning of the files' names: PATH itself, or what stands before "_A.txt" in the folder PATH.
std::string tudataset_prefix(const std::string& path) {
  if (type_at(path) != fs::file_type::directory) return path;
  std::error_code error;
  const std::string ending = "_A.txt";
  std::vector<std::string> found;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error))
    if (const std::string name = at->path().filename().string(); name.ends_with(ending))
      found.push_back(name.substr(0, name.size() - ending.size()));
  require<FileError>(!error, path, ": cannot list the folder: ", error.message(), "; check its permissions");
  require<FileError>(!found.empty(), path, ": no file in the folder is named DS", ending,
                     "; name the folder that holds the data set's files, or folder/DS");
  std::sort(found.begin(), found.end());
  require<FileError>(found.size() == 1, path, ": the folder holds ", found.size(), " data sets, among them ",
                     found[0], " and ", found[found.size() - 1], "; name one as folder/DS");
  return (fs::path(path) / found[0]).string();
}

// The whole numbers of a file with one a line.
std::vector<std::int64_t> read_column(const std::string& path, const char* what, std::int64_t low,
                                      std::int64_t high) {
  Lines in(path, Lines::Separator::commas);
  std::vector<std::int64_t> values;
  while (in.next()) {
    in.check(in.fields().size() == 1, "there are ", in.fields().size(), " fields; one, ", what, ", is needed");
    values.push_back(in.integer(0, what, low, high));
  }
  return values;
}

void check_count(const std::string& path, Index lines, Index needed, const std::string& other, const char* items) {
  require<FileError>(lines == needed, path, ": the file ends at line ", lines, " and ", other, " has ", needed, " ",
                     items, "; one line for each is needed: a file was cut off, or they do not belong together");
}

// First node of each graph, and the number of nodes.
std::vector<Index> read_indicator(const std::string& path) {
  Lines in(path, Lines::Separator::commas);
  std::vector<Index> starts;
  Index nodes = 0;
  for (; in.next(); ++nodes) {
    in.check(in.fields().size() == 1, "there are ", in.fields().size(), " fields; one, a node's graph, is needed");
    const std::int64_t graph = in.integer(0, "a node's graph", 1, kMostItems);
    const auto before = static_cast<std::int64_t>(starts.size());
    in.check(graph == before || graph == before + 1, "a node's graph is ", graph, " and the one before is ", before,
             "; that one again or the next is needed: every graph has a node, and its nodes stand together");
    if (graph > before) starts.push_back(nodes);
  }
  require<FileError>(nodes >= 1 && nodes <= kMostItems, path, ": it has ", nodes, " nodes; 1 to ", kMostItems,
                     " are allowed");
  starts.push_back(nodes);
  return starts;
}

// Edges of the whole file in the order of their nodes, and within a node in that of the file.
struct EdgeRows {
  std::vector<Index> offsets;
  std::vector<std::int32_t> neighbors;
};

EdgeRows read_edges(const std::string& path, const std::vector<Index>& starts) {
  Lines in(path, Lines::Separator::commas);
  const Index nodes = starts.back();
  const auto graph_of = [&](Index v) { return std::upper_bound(starts.begin(), starts.end(), v) - starts.begin(); };
  std::vector<std::pair<std::int32_t, std::int32_t>> edges;
  EdgeRows rows{std::vector<Index>(static_cast<std::size_t>(nodes) + 1), {}};
  while (in.next()) {
    in.check(in.fields().size() == 2, "there are ", in.fields().size(),
             " fields; two, a node and its neighbour, are needed");
    const Index v = in.integer(0, "a node", 1, nodes) - 1, j = in.integer(1, "a neighbour", 1, nodes) - 1;
    in.check(graph_of(v) == graph_of(j), "nodes ", v + 1, " and ", j + 1, " of an edge are in graphs ", graph_of(v),
             " and ", graph_of(j), "; both must be in the same one");
    in.check(static_cast<std::int64_t>(edges.size()) < kMostItems, "there are more than ", kMostItems,
             " edges; split the file");
    edges.emplace_back(static_cast<std::int32_t>(v), static_cast<std::int32_t>(j));
    ++rows.offsets[static_cast<std::size_t>(v) + 1];
  }
  for (std::size_t v = 1; v < rows.offsets.size(); ++v) rows.offsets[v] += rows.offsets[v - 1];
  std::vector<Index> next = rows.offsets;
  rows.neighbors.resize(edges.size());
  for (const auto& [v, j] : edges) rows.neighbors[next[static_cast<std::size_t>(v)]++] = j;
  return rows;
}

void cut_into_graphs(const EdgeRows& rows, LabelledExamples& data) {
  RepeatedEdges repeated;
  std::vector<std::int32_t> offsets, neighbors;
  for (std::size_t g = 0; g + 1 < data.node_starts.size(); ++g) {
    const Index first = data.node_starts[g], last = data.node_starts[g + 1];
    offsets.assign(1, 0);
    neighbors.clear();
    for (Index v = first; v < last; ++v) {
      for (Index e = rows.offsets[v]; e < rows.offsets[static_cast<std::size_t>(v) + 1]; ++e)
        neighbors.push_back(static_cast<std::int32_t>(rows.neighbors[e] - first));
      repeated.leave_out(neighbors, static_cast<std::size_t>(offsets.back()));
      offsets.push_back(static_cast<std::int32_t>(neighbors.size()));
    }
    data.graphs.emplace_back(offsets, neighbors);
  }
  repeated.tell(data);
}

void read_attributes(const std::string& path, const std::string& indicator, LabelledExamples& data) {
  Lines in(path, Lines::Separator::commas);
  while (in.next()) {
    const auto fields = static_cast<Index>(in.fields().size());
    if (in.number() == 1) data.attributes = fields;
    in.check(fields == data.attributes && fields > 0, "there are ", fields, " attributes and ", data.attributes,
             " in the first line; all nodes need equally many");
    for (std::size_t i = 0; i < in.fields().size(); ++i)
      data.node_attributes.push_back(in.real(i, "a node's attribute"));
  }
  check_count(path, in.number(), data.node_starts.back(), indicator, "nodes");
}

// What one-hot attributes take at most: 1 GiB.
constexpr Index kMostNumbers = Index{1} << 27;

// Node labels, equally many a line: the first is the label, and each of the others becomes attributes, one for each
// of its values, 1 where the node has it.
void read_node_labels(const std::string& path, const std::string& indicator, LabelledExamples& data) {
  Lines in(path, Lines::Separator::commas);
  std::vector<std::vector<std::int64_t>> columns;
  while (in.next()) {
    if (in.number() == 1) columns.resize(in.fields().size());
    in.check(!columns.empty() && in.fields().size() == columns.size(), "there are ", in.fields().size(),
             " labels and ", columns.size(), " in the first line; all nodes need equally many");
    for (std::size_t i = 0; i < columns.size(); ++i)
      columns[i].push_back(in.integer(i, "a node's label", kLowestName, kHighestName));
  }
  const Index nodes = data.node_starts.back();
  check_count(path, in.number(), nodes, indicator, "nodes");
  data.node_labels = positions(columns.at(0), data.label_values);
  for (std::size_t c = 1; c < columns.size(); ++c) {
    std::vector<std::int64_t> values;
    const std::vector<std::int32_t> place = positions(columns[c], values);
    const auto more = static_cast<Index>(values.size()), before = data.attributes;
    // Of a file of n different labels these would be n^2 numbers.
    require<FileError>(before + more <= kMostNumbers / nodes, path, ": column ", c + 1, " of the labels has ", more,
                       " different ones, which would be ", before + more, " attributes of each of ", nodes,
                       " nodes; leave the column out");
    std::vector<double> all;
    for (Index v = 0; v < nodes; ++v) {
      const double* own = data.node_attributes.data() + v * before;
      all.insert(all.end(), own, own + before);
      for (Index k = 0; k < more; ++k) all.push_back(place[v] == k ? 1 : 0);
    }
    data.node_attributes = std::move(all);
    data.attributes += more;
  }
  if (columns.size() > 1)
    data.notes.push_back(concat("the nodes have ", columns.size(),
                                " labels each; those behind the first are taken "
                                "for attributes, one for each value"));
}

// The classes of the graphs, or where there are none their one attribute.
GraphTargets read_graph_targets(const std::string& prefix, const std::string& indicator, Index graphs) {
  const std::string class_file = prefix + "_graph_labels.txt", value_file = prefix + "_graph_attributes.txt";
  GraphTargets targets;
  if (!is_there(class_file) && is_there(value_file)) {
    Lines in(value_file, Lines::Separator::commas);
    while (in.next()) {
      in.check(in.fields().size() == 1, "there are ", in.fields().size(),
               " targets; one a graph is learned: keep its column and leave the others out");
      targets.real.push_back(in.real(0, "a graph's target"));
    }
    check_count(value_file, in.number(), graphs, indicator, "graphs");
  } else {
    targets.classes = read_column(class_file, "a graph's class", kLowestName, kHighestName);
    check_count(class_file, static_cast<Index>(targets.classes.size()), graphs, indicator, "graphs");
  }
  return targets;
}

// What both formats end with.
LabelledExamples finished(LabelledExamples data, GraphTargets targets, const DataChoices& choices) {
  data.examples = static_cast<Index>(data.graphs.size());
  if (targets.real.empty())
    set_numbers(data, targets.classes, choices.targets);
  else
    set_targets(data, std::move(targets.real));
  finish_graphs(data, choices.node_labels);
  return data;
}

}  // namespace

LabelledExamples read_gin(const std::string& path, const DataChoices& choices) {
  LabelledExamples data{.path = path, .format = "gin"};
  data.node_starts.assign(1, 0);
  GraphTargets targets = GinReader(path, data).read();
  return finished(std::move(data), std::move(targets), choices);
}

LabelledExamples read_tudataset(const std::string& path, const DataChoices& choices) {
  LabelledExamples data{.path = path, .format = "tudataset"};
  const std::string prefix = tudataset_prefix(path), indicator = prefix + "_graph_indicator.txt",
                    label_file = prefix + "_node_labels.txt", attribute_file = prefix + "_node_attributes.txt";
  data.node_starts = read_indicator(indicator);
  const Index nodes = data.node_starts.back(), graphs = static_cast<Index>(data.node_starts.size()) - 1;
  GraphTargets targets = read_graph_targets(prefix, indicator, graphs);
  cut_into_graphs(read_edges(prefix + "_A.txt", data.node_starts), data);
  const bool labelled = is_there(label_file), attributed = is_there(attribute_file);
  if (attributed) read_attributes(attribute_file, indicator, data);
  if (labelled) read_node_labels(label_file, indicator, data);
  if (!labelled && !attributed)
    data.node_labels = positions(std::vector<std::int64_t>(static_cast<std::size_t>(nodes), 0), data.label_values);
  return finished(std::move(data), std::move(targets), choices);
}

}  // namespace eqnn
