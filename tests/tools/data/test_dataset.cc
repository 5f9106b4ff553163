// Data sets from files, right and damaged ones; folds; batches of graphs.
#include <doctest/doctest.h>
#include <eqnn/core/rng.h>
#include <eqnn/io/npz.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <numeric>
#include <set>

#include "data/dataset.h"
#include "support/allocations.h"
#include "support/folder.h"
#include "support/paths.h"
#include "support/thrown.h"

namespace test_dataset {

using namespace eqnn;
#ifdef EQNN_TEST_COUNTS_ALLOCATIONS
using testing::allocations;
#endif
using tools::read_dataset;
namespace fs = std::filesystem;

namespace {

using Ints = std::vector<std::int32_t>;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

struct Folder : eqnn::testing::Folder {
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path / name, std::ios::binary) << text;
    return *this / name;
  }
};

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// What the error says, without the folder's name.
template <class E = FileError, class F>
std::string error_of(F f, const Folder& folder) {
  try {
    f();
  } catch (const E& e) {
    std::string text = e.what();
    const std::string name = folder / "";
    for (std::size_t i; (i = text.find(name)) != text.npos;) text.erase(i, name.size());
    CHECK(text.find('\n') == text.npos);
    return text;
  }
  FAIL_CHECK("no error");
  return "";
}

std::string error_of_text(const std::string& format, const std::string& text) {
  const Folder folder;
  const std::string path = folder.write("f", text);
  return error_of([&] { read_dataset(path, format); }, folder);
}

LabelledExamples from_text(const std::string& format, const std::string& text) {
  const Folder folder;
  return read_dataset(folder.write("f", text), format);
}

// Text with its `count`-th line (from 1) replaced, or removed.
std::string with_line(const std::string& text, Index number, const std::string& line, bool remove = false) {
  std::size_t begin = 0;
  for (Index i = 1; i < number; ++i) begin = text.find('\n', begin) + 1;
  const std::size_t end = text.find('\n', begin) + 1;
  return text.substr(0, begin) + (remove ? "" : line + "\n") + text.substr(end);
}

const std::string kGin = paths::data("rings_and_stars.txt"), kTu = paths::data("rings_and_stars");

std::vector<Ints> rows(const SparseGraph& g) {
  std::vector<Ints> result;
  for (Index v = 0; v < g.nodes(); ++v)
    result.emplace_back(g.neighbors() + g.offsets()[v], g.neighbors() + g.offsets()[v + 1]);
  return result;
}

void check_equal(const LabelledExamples& a, const LabelledExamples& b) {
  REQUIRE(a.examples == b.examples);
  REQUIRE(a.graphs.size() == b.graphs.size());
  for (std::size_t g = 0; g < a.graphs.size(); ++g) CHECK(rows(a.graphs[g]) == rows(b.graphs[g]));
  CHECK(a.node_starts == b.node_starts);
  CHECK(a.node_labels == b.node_labels);
  CHECK(a.label_values == b.label_values);
  CHECK(a.attributes == b.attributes);
  CHECK(a.node_attributes == b.node_attributes);
  CHECK(a.points == b.points);
  CHECK(a.channels == b.channels);
  CHECK(a.x == b.x);
  CHECK(a.classes == b.classes);
  CHECK(a.class_names == b.class_names);
  CHECK(a.y == b.y);
}

// The node features of some examples as rows.
template <class T = double>
std::vector<std::vector<T>> features(const LabelledExamples& d, const std::vector<Index>& examples) {
  Index nodes = 0;
  for (const Index e : examples) nodes += d.graphs[at(e)].nodes();
  Matrix<T> m(nodes, d.channels);
  for (Index i = 0; i < nodes; ++i)
    for (Index j = 0; j < d.channels; ++j) m(i, j) = T(-7);
  write_node_features(d, examples, Block<T>{m.data(), nodes, 1, d.channels, m.stride()});
  std::vector<std::vector<T>> result;
  for (Index i = 0; i < nodes; ++i) {
    result.emplace_back(&m(i, 0), &m(i, 0) + d.channels);
    for (Index j = d.channels; j < m.stride(); ++j) CHECK(m.data()[i * m.stride() + j] == 0);
  }
  return result;
}

template <class T>
NpyArray array(std::vector<Index> shape, const std::vector<T>& values) {
  return npy_array<T>(std::move(shape), values);
}

struct Npz {
  explicit Npz(const NpzArrays& arrays) : path(folder / "f.npz") { write_npz(path, arrays); }
  LabelledExamples read() const { return read_dataset(path, "npz"); }
  std::string error() const {
    return error_of([&] { read(); }, folder);
  }
  Folder folder;
  std::string path;
};

using Bytes = std::vector<std::uint8_t>;
using Longs = std::vector<std::int64_t>;
using Doubles = std::vector<double>;

}  // namespace

// --- gin -----------------------------------------------------------------------------------------------------

TEST_CASE("dataset gin: labels, classes, edges as they stand in the file") {
  // The second graph has a self loop, an edge in one direction, one twice (it counts once), and an isolated node.
  const LabelledExamples d =
      from_text("gin", "2\n2 5\n9 1 1\n-3 1 0\n4 -1\n4 1 0\n4 2 2 0\r\n9 2 3 3\n\t4  0 \n\n");
  CHECK(d.format == "gin");
  CHECK(d.examples == 2);
  CHECK(d.has_graphs());
  CHECK(d.has_classes());
  CHECK(d.classes == Ints{1, 0});
  CHECK(d.class_names == std::vector<std::string>{"-1", "5"});
  CHECK(d.node_starts == std::vector<Index>{0, 2, 6});
  CHECK(d.label_values == Longs{-3, 4, 9});
  CHECK(d.node_labels == Ints{2, 0, 1, 1, 2, 1});
  CHECK(d.channels == 3);
  CHECK(d.points == 0);
  CHECK(d.attributes == 0);
  CHECK(rows(d.graphs[0]) == std::vector<Ints>{{1}, {0}});
  CHECK(rows(d.graphs[1]) == std::vector<Ints>{{0}, {2, 0}, {3}, {}});
  CHECK(features(d, {0}) == std::vector<Doubles>{{0, 0, 1}, {1, 0, 0}});
  CHECK(features<float>(d, {1, 0}).size() == 6);
}

TEST_CASE("dataset gin: real attributes behind the neighbours") {
  const LabelledExamples d = from_text("gin", "2\n2 0\n1 1 1 0.5 -2\n0 1 0 1e-3 4\n1 1\n1 0 7 8");
  CHECK(d.attributes == 2);
  CHECK(d.channels == 4);
  CHECK(d.node_attributes == Doubles{0.5, -2, 1e-3, 4, 7, 8});
  CHECK(features(d, {1, 0}) == std::vector<Doubles>{{0, 1, 7, 8}, {0, 1, 0.5, -2}, {1, 0, 1e-3, 4}});
  CHECK(contains(error_of_text("gin", "1\n2 0\n1 1 1 0.5\n0 1 0 nan\n"),
                 "f: line 4: a node's attribute is 'nan'; a finite number is needed"));
  CHECK(contains(
      error_of_text("gin", "1\n2 0\n1 1 1 0.5\n0 1 0\n"),
      "line 4: a node has 0 fields behind its 1 neighbours and the first node of the file, in line 3, has 1"));
}

TEST_CASE("dataset gin: every wrong line is named") {
  const auto error = [](const std::string& text) { return error_of_text("gin", text); };
  const std::string good = "2\n2 0\n1 1 1\n1 1 0\n1 1\n1 0\n";
  CHECK_NOTHROW(from_text("gin", good));
  const auto changed = [&](Index number, const std::string& line) { return error(with_line(good, number, line)); };
  CHECK(error("") == "f: the file is empty; the number of graphs is needed in its first line");
  CHECK(error(" \n\r\n") == error(""));
  CHECK(changed(1, "2 2") == "f: line 1: the first line has 2 fields; one, the number of graphs, is needed");
  CHECK(changed(1, "two") ==
        "f: line 1: the number of graphs is 'two'; a whole number from 1 to 2147483646 is needed");
  for (const char* graphs : {"0", "-2", "1000000000000", "99999999999999999999", "2.0", "++2", "+-2", "0x2"})
    CHECK(contains(changed(1, graphs),
                   "f: line 1: the number of graphs is '" + std::string(graphs) + "'; a whole number"));
  CHECK(contains(changed(1, "3"),
                 "f: line 6: the file ends here, after 2 graphs; its first line says 3; the file was cut"));
  CHECK(contains(changed(1, "2000000000"),
                 "f: line 6: the file ends here, after 2 graphs; its first line says 2000000000"));
  CHECK(contains(changed(1, "1"), "f: line 5: there is more behind the 1 graphs that the first line says"));
  CHECK(contains(changed(2, "0 0"), "f: line 2: the number of nodes of graph 0 is '0'; a whole number from 1"));
  CHECK(contains(changed(2, "-1 0"), "f: line 2: the number of nodes of graph 0 is '-1'"));
  CHECK(contains(changed(2, "1000000000000 0"), "f: line 2: the number of nodes of graph 0 is '1000000000000'"));
  CHECK(contains(
      changed(5, "2000000000 1"),
      "f: line 6: the file ends here, after 1 of the 2000000000 nodes that graph 1 has by line 5; the file "
      "was cut"));
  CHECK(contains(changed(2, "2 x"), "f: line 2: the class of graph 0 is 'x'"));
  CHECK(contains(changed(2, "2 4294967296"), "f: line 2: the class of graph 0 is '4294967296'"));
  CHECK(contains(error("2\n1 0\n1 1 0\n1 1 0\n1 1\n1 0\n"),
                 "f: line 4: graph 1 (counted from 0) begins with 3 fields; two are needed"));
  CHECK(contains(changed(2, "2"), "f: line 2: graph 0 (counted from 0) begins with 1 fields"));
  CHECK(contains(changed(3, ""), "f: line 3: a node has 0 fields"));
  CHECK(contains(changed(3, "1"), "f: line 3: a node has 1 fields"));
  CHECK(contains(
      changed(6, "1"),
      "f: line 6: a node has 1 fields; its label, its degree and its neighbours are needed; the file was cut"));
  CHECK(contains(changed(3, "1 2 1"), "f: line 3: a node's degree is 2 and 1 fields follow"));
  CHECK(contains(changed(3, "1 -1 1"), "f: line 3: a node's degree is '-1'"));
  CHECK(contains(changed(3, "1 1000000000000 1"), "f: line 3: a node's degree is '1000000000000'"));
  CHECK(contains(changed(4, "1 0 0"), "f: line 4: a node has 1 fields behind its 0 neighbours"));
  CHECK(contains(changed(3, "1.5 1 1"), "f: line 3: a node's label is '1.5'"));
  CHECK(changed(3, "1 1 2") ==
        "f: line 3: a neighbour in graph 0, which has 2 nodes, is '2'; a whole number from 0 to 1 is needed");
  CHECK(contains(changed(3, "1 1 -1"), "f: line 3: a neighbour in graph 0, which has 2 nodes, is '-1'"));
  CHECK(contains(changed(5, "1 0"), "f: all 2 examples are of class 0; two different classes at least are needed"));
  CHECK(contains(error(good + "1 1 0\n"), "f: line 7: there is more behind the 2 graphs"));
  CHECK(contains(error(good + "\n\nend\n"), "f: line 7: there is more behind the 2 graphs"));
  CHECK(contains(error(std::string("2\n2 0\n\x01\xff\0 1 1\n", 13)), "line 3: a node's label is '?\?\?'"));
  CHECK(contains(error("2\n2 " + std::string(500, '7') + "\n"), "is '" + std::string(40, '7') + "...'; a whole"));
  CHECK(error("\x1f\x8b\x08") == "f: it is compressed; text is needed: unpack it first");
}

TEST_CASE("dataset gin: a file cut anywhere is refused with a line, but within its last number") {
  const std::string text = contents(kGin);
  const Folder folder;
  const std::size_t last_number = text.find_last_of(' ');
  std::set<std::string> texts;
  for (std::size_t cut = 0; cut <= last_number; cut += cut < 120 ? 1 : 13) {
    const std::string path = folder.write("f", text.substr(0, cut));
    const std::string message = error_of([&] { read_dataset(path, "gin"); }, folder);
    const auto lines = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(cut), '\n');
    INFO(cut, " ", message);
    if (cut > 0) CHECK(contains(message, "f: line "));
    if (cut > 0) CHECK(std::abs(std::stol(message.substr(8)) - lines) <= 1);
    texts.insert(message.substr(message.find(':', 3) + 1));
  }
  CHECK(texts.size() > 5);
}

TEST_CASE("dataset gin: the graphs of the test data") {
  const LabelledExamples d = read_dataset(kGin, "gin");
  REQUIRE(d.examples == 24);
  CHECK(d.class_names == std::vector<std::string>{"1", "5"});
  CHECK(d.label_values == Longs{2, 3, 7});
  CHECK(d.node_starts.back() == 168);
  Index edges = 0, loops = 0, isolated = 0;
  for (Index g = 0; g < d.examples; ++g) {
    CHECK(d.classes[at(g)] == g % 2);
    edges += d.graphs[at(g)].edges();
    const auto lists = rows(d.graphs[at(g)]);
    for (std::size_t v = 0; v < lists.size(); ++v) {
      loops += std::count(lists[v].begin(), lists[v].end(), static_cast<std::int32_t>(v));
      isolated += lists[v].empty() ? 1 : 0;
    }
  }
  CHECK(edges == 302);
  CHECK(loops == 6);
  CHECK(isolated == 8);
}

// --- tudataset -----------------------------------------------------------------------------------------------

TEST_CASE("dataset tudataset: the same graphs as gin, by folder and by prefix") {
  const LabelledExamples gin = read_dataset(kGin, "gin");
  check_equal(read_dataset(kTu, "tudataset"), gin);
  check_equal(read_dataset(kTu + "/", "tudataset"), gin);
  check_equal(read_dataset(kTu + "/RS", "tudataset"), gin);
}

TEST_CASE("dataset tudataset: edges in any order, labels and attributes if there") {
  const Folder folder;
  folder.write("D_A.txt", "4,5\n1, 2\n5,5\n2,1\n4, 4\n4,5\n");
  folder.write("D_graph_indicator.txt", "1\n1\n1\n2\n2");
  folder.write("D_graph_labels.txt", "1\n-1\n");
  const LabelledExamples plain = read_dataset(folder / "", "tudataset");
  CHECK(rows(plain.graphs[0]) == std::vector<Ints>{{1}, {0}, {}});
  CHECK(rows(plain.graphs[1]) == std::vector<Ints>{{1, 0}, {1}});
  CHECK(plain.classes == Ints{1, 0});
  CHECK(plain.notes ==
        std::vector<std::string>{"1 edges are listed more than once; each is counted once",
                                 "the nodes have no labels: their degree is taken for one, 3 different "
                                 "ones; --node-labels none leaves it out"});
  CHECK(features(plain, {0, 1}) == std::vector<Doubles>{{0, 1, 0}, {0, 1, 0}, {1, 0, 0}, {0, 0, 1}, {0, 1, 0}});
  const LabelledExamples bare =
      read_dataset(folder / "", "tudataset", {.node_labels = DataChoices::NodeLabels::none});
  CHECK(features(bare, {1}) == std::vector<Doubles>{{1}, {1}});
  folder.write("D_node_attributes.txt", "0.5, 1\n1.5, 2\n2.5, 3\n3.5, 4\n4.5, 5\n");
  const LabelledExamples attributed = read_dataset(folder / "D", "tudataset");
  CHECK(attributed.label_values.empty());
  CHECK(features(attributed, {1}) == std::vector<Doubles>{{3.5, 4}, {4.5, 5}});
  folder.write("D_node_labels.txt", "6\n6\n6\n0\n6\n");
  const LabelledExamples both = read_dataset(folder / "D", "tudataset");
  CHECK(features(both, {1}) == std::vector<Doubles>{{1, 0, 3.5, 4}, {0, 1, 4.5, 5}});
  folder.write("D_A.txt", "");
  CHECK(read_dataset(folder / "D", "tudataset").graphs[0].edges() == 0);
}

TEST_CASE("dataset tudataset: every wrong file and line is named") {
  const auto changed = [](const std::string& name, const std::string& text) {
    const Folder folder;
    folder.write("D_A.txt", "1,2\n2,1\n4,3\n");
    folder.write("D_graph_indicator.txt", "1\n1\n2\n2\n");
    folder.write("D_graph_labels.txt", "0\n1\n");
    folder.write("D_node_labels.txt", "0\n1\n2\n3\n");
    folder.write("D_node_attributes.txt", "0\n1\n2\n3\n");
    CHECK_NOTHROW(read_dataset(folder.path.string(), "tudataset"));
    folder.write("D_" + name + ".txt", text);
    return error_of([&] { read_dataset(folder / "D", "tudataset"); }, folder);
  };
  CHECK(changed("A", "1,2\n2,5\n") == "D_A.txt: line 2: a neighbour is '5'; a whole number from 1 to 4 is needed");
  CHECK(contains(changed("A", "0,2\n"), "D_A.txt: line 1: a node is '0'"));
  CHECK(contains(changed("A", "1,2\n2,3\n"), "D_A.txt: line 2: nodes 2 and 3 of an edge are in graphs 1 and 2"));
  CHECK(contains(changed("A", "1,2\n2\n"), "D_A.txt: line 2: there are 1 fields; two"));
  CHECK(contains(changed("A", "1,2\n\n2,1\n"), "D_A.txt: line 2: there are 0 fields"));
  CHECK(contains(changed("A", "1,2\n2,"), "D_A.txt: line 2: a neighbour is ''"));
  CHECK(contains(changed("A", "1,2\n2 1"), "D_A.txt: line 2: there are 1 fields"));
  CHECK(contains(changed("graph_indicator", ""), "D_graph_indicator.txt: it has 0 nodes"));
  CHECK(contains(changed("graph_indicator", "1\n1\n3\n3\n"),
                 "D_graph_indicator.txt: line 3: a node's graph is 3 and the one before is 1"));
  CHECK(contains(changed("graph_indicator", "1\n2\n1\n2\n"),
                 "D_graph_indicator.txt: line 3: a node's graph is 1 and the one before is 2"));
  CHECK(contains(changed("graph_indicator", "2\n2\n"), "D_graph_indicator.txt: line 1: a node's graph is 2"));
  CHECK(contains(changed("graph_indicator", "1\n1000000000000\n"), "line 2: a node's graph is '1000000000000'"));
  CHECK(contains(changed("graph_indicator", "1\n1 1\n"), "line 2: a node's graph is '1 1'"));
  CHECK(contains(changed("graph_labels", "0\n"), "D_graph_labels.txt: the file ends at line 1 and "));
  CHECK(contains(changed("graph_labels", "0\n1\n1\n"), "D_graph_labels.txt: the file ends at line 3 and "));
  CHECK(contains(changed("graph_labels", "0\nx\n"), "D_graph_labels.txt: line 2: a graph's class is 'x'"));
  CHECK(contains(changed("graph_labels", "1\n1\n"), "all 2 examples are of class 1"));
  CHECK(contains(changed("node_labels", "0\n1\n2\n"),
                 "D_node_labels.txt: the file ends at line 3 and D_graph_indicator.txt has 4 nodes"));
  CHECK(contains(changed("node_labels", "0\n1,2\n2\n3\n"),
                 "D_node_labels.txt: line 2: there are 2 labels and 1 in the first line"));
  CHECK(contains(changed("node_attributes", "0\n1\ninf\n3\n"),
                 "D_node_attributes.txt: line 3: a node's attribute is 'inf'"));
  CHECK(contains(changed("node_attributes", "0\n1,1\n2\n3\n"),
                 "line 2: there are 2 attributes and 1 in the first line"));
  CHECK(contains(changed("node_attributes", "0\n1\n2\n"), "D_node_attributes.txt: the file ends at line 3"));
}

TEST_CASE("dataset tudataset: which files are meant") {
  const Folder folder;
  const auto error = [&](const std::string& path) {
    return error_of([&] { read_dataset(path, "tudataset"); }, folder);
  };
  CHECK(contains(error(folder.path.string()), "no file in the folder is named DS_A.txt"));
  CHECK(contains(error(folder / "D"), "D_graph_indicator.txt: cannot open it to read"));
  folder.write("D_A.txt", "");
  folder.write("E_A.txt", "");
  CHECK(contains(error(folder.path.string()),
                 "the folder holds 2 data sets, among them D and E; name one as folder/DS"));
}

// --- npz -----------------------------------------------------------------------------------------------------

TEST_CASE("dataset npz: arrays with classes or targets") {
  Doubles x(24);
  std::iota(x.begin(), x.end(), 0.5);
  const NpyArray classes = array<std::int64_t>({4}, {7, (1LL << 60) + 1, 1LL << 60, 7});
  const LabelledExamples d =
      Npz({{"x", array<double>({4, 3, 2}, x)}, {"y", classes}, {"member.S", classes}}).read();
  CHECK(d.examples == 4);
  CHECK(!d.has_graphs());
  CHECK(d.points == 3);
  CHECK(d.channels == 2);
  CHECK(d.x == x);
  CHECK(d.example(1)(2, 1) == 11.5);
  CHECK(d.example(1).rows == 3);
  CHECK(d.classes == Ints{0, 2, 1, 0});
  CHECK(d.class_names == std::vector<std::string>{"7", "1152921504606846976", "1152921504606846977"});
  const LabelledExamples flat =
      Npz({{"x", array<double>({4, 6}, x)}, {"y", array<double>({4}, {1, 2, 3, 1})}}).read();
  CHECK(flat.points == 6);
  CHECK(flat.channels == 1);
  CHECK(!flat.has_classes());
  CHECK(flat.y == Doubles{1, 2, 3, 1});
  const LabelledExamples deep =
      Npz({{"x", array<double>({2, 3, 2, 2}, x)}, {"y", array<std::uint8_t>({2}, {1, 0})}}).read();
  CHECK(deep.points == 3);
  CHECK(deep.channels == 4);
  CHECK(deep.classes == Ints{1, 0});
  CHECK(deep.example(1)(2, 3) == 23.5);
}

TEST_CASE("dataset npz: dense graphs") {
  const NpyArray y = array<std::int32_t>({2}, {3, -3});
  const NpyArray adjacency = array<std::uint8_t>({2, 2, 2}, {0, 1, 0, 1, 0, 0, 1, 0});
  const LabelledExamples d = Npz({{"adjacency", adjacency}, {"y", y}}).read();
  REQUIRE(d.graphs.size() == 2);
  CHECK(rows(d.graphs[0]) == std::vector<Ints>{{1}, {1}});
  CHECK(rows(d.graphs[1]) == std::vector<Ints>{{}, {0}});
  CHECK(d.classes == Ints{1, 0});
  CHECK(d.channels == 2);  // degrees 0 and 1
  CHECK(d.points == 0);
  CHECK(features(d, {0, 1}) == std::vector<Doubles>{{0, 1}, {0, 1}, {1, 0}, {0, 1}});
  const NpyArray x = array<float>({2, 2, 3}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const LabelledExamples both = Npz({{"adjacency", adjacency}, {"x", x}, {"y", y}}).read();
  CHECK(both.x.empty());
  CHECK(both.channels == 3);
  CHECK(features(both, {1}) == std::vector<Doubles>{{6, 7, 8}, {9, 10, 11}});
  CHECK(Npz({{"adjacency", adjacency}, {"y", array<double>({2}, {0.5, 1})}}).read().y == Doubles{0.5, 1});
}

TEST_CASE("dataset npz: every wrong array is named") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const NpyArray y = array<std::int64_t>({2}, {0, 1}), x = array<double>({2, 2}, {1, 2, 3, 4});
  const auto error = [](const NpzArrays& arrays) { return Npz(arrays).error(); };
  CHECK(contains(error({{"x", x}}), "f.npz: there is no array 'y'"));
  CHECK(contains(error({{"y", y}}), "f.npz: there is no array 'x' and none 'adjacency'"));
  CHECK(contains(error({{"x", x}, {"y", array<double>({2, 1}, {0, 1})}}), "array 'y' has shape [2, 1]; [count]"));
  CHECK(contains(error({{"x", x}, {"y", array<double>({0}, {})}}), "array 'y' has shape [0]"));
  CHECK(contains(error({{"x", x}, {"y", array<double>({3}, {0, 1, 2})}}),
                 "array 'x' has shape [2, 2]; [3, n, ...] or [3, d]"));
  CHECK(contains(error({{"x", array<double>({2}, {1, 2})}, {"y", y}}), "array 'x' has shape [2]"));
  CHECK(contains(error({{"x", array<double>({2, 0}, {})}, {"y", y}}), "array 'x' has shape [2, 0]"));
  CHECK(error({{"x", array<double>({2, 2}, {1, 2, 3, nan})}, {"y", y}}) ==
        "f.npz: array 'x', example 1 (counted from 0), item 1 of it is nan; finite numbers are needed");
  CHECK(contains(error({{"x", x}, {"y", array<double>({2}, {1, -HUGE_VAL})}}),
                 "array 'y', example 1 (counted from 0), item 0 of it is -inf"));
  CHECK(contains(error({{"x", x}, {"y", array<double>({2}, {0.5, 0.5})}}),
                 "all 2 targets are 0.5; two different ones"));
  CHECK(contains(error({{"x", x}, {"y", array<std::int32_t>({2}, {4, 4})}}), "all 2 examples are of class 4"));
  const NpyArray a = array<std::uint8_t>({2, 1, 1}, {0, 1});
  CHECK(contains(error({{"adjacency", array<std::uint8_t>({2, 2, 2}, {0, 1, 1, 0, 0, 1, 2, 0})}, {"y", y}}),
                 "array 'adjacency' is 2 at [1, 1, 0]; 0 and 1 are allowed"));
  CHECK(contains(error({{"adjacency", array<std::uint8_t>({2, 1, 2}, Bytes(4))}, {"y", y}}),
                 "array 'adjacency' has shape [2, 1, 2]; [2, n, n]"));
  CHECK(contains(error({{"adjacency", array<std::uint8_t>({2, 0, 0}, {})}, {"y", y}}), "with n > 0"));
  CHECK(contains(error({{"adjacency", array<double>({2, 1, 1}, {0, 1})}, {"y", y}}),
                 "array 'adjacency' has dtype <f8"));
  CHECK(contains(error({{"adjacency", a}, {"x", x}, {"y", y}}), "array 'x' has shape [2, 2]; [2, n, channels]"));
  CHECK(contains(error({{"adjacency", a}, {"x", array<double>({2, 2, 1}, Doubles(4))}, {"y", y}}),
                 "array 'x' has shape [2, 2, 1]"));
  CHECK(contains(error_of_text("npz", "not a zip archive, but long enough"),
                 "f: it does not end in a zip directory"));
}

// --- csv -----------------------------------------------------------------------------------------------------

TEST_CASE("dataset csv: header, classes and targets") {
  const LabelledExamples d = from_text("csv",
                                       "\xef\xbb\xbf"
                                       "a,b,class\r\n1, 2.5,3\r\n-4e2,5,1.0\r\n7,8,3\r\n");
  CHECK(d.examples == 3);
  CHECK(d.points == 2);
  CHECK(d.channels == 1);
  CHECK(d.x == Doubles{1, 2.5, -400, 5, 7, 8});
  CHECK(d.classes == Ints{1, 0, 1});
  CHECK(d.class_names == std::vector<std::string>{"1", "3"});
  const LabelledExamples bare = from_text("csv",
                                          "\xef\xbb\xbf"
                                          "1,0.5\n2,1\n");
  CHECK(bare.examples == 2);
  CHECK(bare.y == Doubles{0.5, 1});
  std::string many, most;
  for (int i = 0; i < 65; ++i) many += concat(i, ",", i, "\n");
  for (int i = 0; i < 128; ++i) most += concat(i, ",", i % 64, "\n");
  CHECK(from_text("csv", many).y.size() == 65);
  CHECK(from_text("csv", most).class_names.size() == 64);
  CHECK(!from_text("csv", "1,1e300\n2,0\n").has_classes());
}

TEST_CASE("dataset csv: fields in quotes, as spreadsheets write them") {
  const LabelledExamples d =
      from_text("csv",
                "\xef\xbb\xbf"
                "\"height, in \"\"cm\"\"\",\"\" , \"kind\"\r\n\"1\",\" 2.5\",3\r\n+4,\"-5\", +1\r\n");
  CHECK(d.x == Doubles{1, 2.5, 4, -5});
  CHECK(d.class_names == std::vector<std::string>{"1", "3"});
  const auto error = [](const std::string& text) { return error_of_text("csv", text); };
  CHECK(error("a,b\n1,\"2\n3,4\n") ==
        "f: line 2: field 2 begins with a quote that the line does not close; a quoted field stands in one line");
  CHECK(contains(error("a,b\n\"1\"2,3\n"), "f: line 2: field 1 has '2,3' behind its closing quote"));
}

TEST_CASE("dataset csv: a first line with numbers is an example, whole or wrong") {
  for (const char* cell : {"", "NA", "?", "\"\"", "0.3 m"}) {
    const std::string text = concat(cell, ",0.5,1\n1,2,0\n");
    CHECK(contains(error_of_text("csv", text), "f: line 1: field 1 is '"));
    CHECK(contains(error_of_text("csv", text), "an example needs a number in every field, and a header has none"));
  }
  CHECK(from_text("csv", "\"0.3\",0.5,1\n1,2,0\n").examples == 2);
  CHECK(from_text("csv", ",b,c\n1,2,0\n1,2,1\n").examples == 2);  // of a table whose first column has no name
}

TEST_CASE("dataset: what the user says of the targets decides") {
  const auto read = [](const std::string& text, DataChoices::Targets targets) {
    const Folder folder;
    folder.write("f", text);
    return read_dataset(folder / "f", "csv", {.targets = targets});
  };
  using enum DataChoices::Targets;
  const std::string table = "1,10\n2,20\n3,90\n";
  CHECK(read(table, real).y == Doubles{10, 20, 90});
  CHECK(!read(table, real).has_classes());
  CHECK(read(table, real).notes.empty());
  CHECK(read(table, classes).classes == Ints{0, 1, 2});
  CHECK(read(table, classes).notes.empty());
  CHECK(read(table, guessed).classes == Ints{0, 1, 2});
  REQUIRE(read(table, guessed).notes.size() == 1);
  CHECK(contains(read(table, guessed).notes[0], "3 different ones: they are taken for classes; --loss mse"));
  std::string many;
  for (int i = 0; i < 65; ++i) many += concat(i, ",", i, "\n");
  CHECK(read(many, classes).class_names.size() == 65);
  CHECK(read("1,0.5\n2,1\n", classes).y == Doubles{0.5, 1});  // which cross entropy then refuses
}

TEST_CASE("dataset tudataset: one attribute a graph where there are no classes, and several labels a node") {
  const Folder folder;
  folder.write("D_A.txt", "1,2\n2,1\n");
  folder.write("D_graph_indicator.txt", "1\n1\n2\n");
  folder.write("D_graph_attributes.txt", "0.5\n-2\n");
  folder.write("D_node_labels.txt", "6, 1\n6, 0\n5, 7\n");
  folder.write("D_node_attributes.txt", "0.25\n0.5\n0.75\n");
  const LabelledExamples d = read_dataset(folder / "", "tudataset");
  CHECK(d.y == Doubles{0.5, -2});
  CHECK(features(d, {0, 1}) ==
        std::vector<Doubles>{{0, 1, 0.25, 0, 1, 0}, {0, 1, 0.5, 1, 0, 0}, {1, 0, 0.75, 0, 0, 1}});
  CHECK(d.notes.size() == 1);
  folder.write("D_graph_attributes.txt", "0.5, 1\n-2, 1\n");
  CHECK_THROWS_WITH_AS(read_dataset(folder / "", "tudataset"),
                       doctest::Contains("D_graph_attributes.txt: line 1: there are 2 targets; one a graph"),
                       FileError);
}

TEST_CASE("dataset tudataset: labels that would be attributes beyond all memory are refused") {
  const Folder folder;
  const int nodes = 12000;
  std::string indicator, labels;
  for (int v = 0; v < nodes; ++v) {
    indicator += v < nodes / 2 ? "1\n" : "2\n";
    labels += "0," + std::to_string(v) + "\n";
  }
  folder.write("D_A.txt", "1,2\n2,1\n");
  folder.write("D_graph_indicator.txt", indicator);
  folder.write("D_graph_labels.txt", "0\n1\n");
  folder.write("D_node_labels.txt", labels);
  CHECK_THROWS_WITH_AS(read_dataset(folder / "", "tudataset"),
                       doctest::Contains("column 2 of the labels has 12000 different ones"), FileError);
}

TEST_CASE("dataset: graphs whose nodes all look alike") {
  const auto alike = [](const std::string& text) { return from_text("gin", text).nodes_look_alike(); };
  CHECK(alike("2\n3 0\n0 2 1 2\n0 2 0 2\n0 2 0 1\n1 1\n0 0\n"));
  CHECK(!alike("2\n3 0\n0 2 1 2\n0 1 0\n0 1 0\n1 1\n0 0\n"));
  CHECK(!alike("2\n2 0\n0 1 1\n1 1 0\n1 1\n0 0\n"));
  CHECK(!from_text("csv", "1,2\n3,4\n").nodes_look_alike());
}

TEST_CASE("dataset csv: every wrong line is named") {
  const auto error = [](const std::string& text) { return error_of_text("csv", text); };
  CHECK(error("") == "f: the file holds no example; one a line is needed");
  CHECK(error("a,b\n") == error(""));
  CHECK(contains(error("1\n2\n"), "f: line 1: there are 1 fields; two at least are needed"));
  CHECK(contains(error("1;2\n2;3\n"), "f: line 1: there are 1 fields"));
  CHECK(error("1,2\n3,x\n") == "f: line 2: field 2, the target, is 'x'; a finite number is needed");
  CHECK(error("1,2\n1.5.2,1\n") == "f: line 2: field 1 is '1.5.2'; a finite number is needed");
  CHECK(contains(error("a,b\n1,2\n,1\n"), "f: line 3: field 1 is ''"));
  CHECK(contains(error("1,nan\n1,2\n"), "f: line 1: field 2, the target, is 'nan'"));
  CHECK(contains(error("1,2\n-inf,2\n"), "f: line 2: field 1 is '-inf'"));
  CHECK(contains(error("1,2\n1e999,2\n"), "f: line 2: field 1 is '1e999'"));
  CHECK(contains(error("1,2\n1,2,3\n1,2\n"),
                 "f: line 2: there are 3 fields and 2 in the first line; all lines need equally many"));
  CHECK(contains(
      error("1,2,0\n1,2"),
      "f: line 2: there are 2 fields and 3 in the first line; all lines need equally many, or the file was cut"));
  CHECK(contains(error("1,2\n\n3,4\n"), "f: line 2: there are 0 fields"));
  CHECK(contains(error("1,2\n3,2\n"), "f: all 2 examples are of class 2"));
  CHECK(contains(error("1,0.5\n3,0.5\n"), "f: all 2 targets are 0.5"));
}

TEST_CASE("dataset: formats, missing files and folders") {
  const Folder folder;
  CHECK_THROWS_WITH_AS(read_dataset(kGin, "GIN"),
                       doctest::Contains("--format is 'GIN'; gin, tudataset, npz and csv are allowed"), ValueError);
  for (const char* format : {"gin", "tudataset", "npz", "csv"}) {
    const auto read = [&] { read_dataset(folder / "nothing", format); };
    CHECK(contains(error_of(read, folder), "cannot open it to read"));
    if (std::string(format) != "tudataset") CHECK_THROWS_AS(read_dataset(folder.path.string(), format), FileError);
  }
}

// --- folds ---------------------------------------------------------------------------------------------------

TEST_CASE("folds: sizes differ by one at most, in all and in each class") {
  for (const std::vector<int>& sizes : {std::vector<int>{125, 63}, {10, 10}, {7, 8, 9, 31}, {40}, {3, 0, 3}})
    for (const int folds : {2, 3, 7, 10}) {
      Ints classes;
      for (std::size_t c = 0; c < sizes.size(); ++c)
        classes.insert(classes.end(), at(sizes[c]), static_cast<std::int32_t>(c));
      for (const int s : sizes)
        if (s > 0 && s < folds) {
          CHECK_THROWS_AS(stratified_folds(classes, folds, 1), ValueError);
          classes.clear();
          break;
        }
      if (classes.empty()) continue;
      const std::vector<int> fold = stratified_folds(classes, folds, 1);
      REQUIRE(fold.size() == classes.size());
      for (int c = -1; c < static_cast<int>(sizes.size()); ++c) {  // -1: all classes
        std::vector<int> counts(at(folds));
        for (std::size_t e = 0; e < fold.size(); ++e) {
          REQUIRE((fold[e] >= 0 && fold[e] < folds));
          counts[at(fold[e])] += c < 0 || classes[e] == c ? 1 : 0;
        }
        const auto [low, high] = std::minmax_element(counts.begin(), counts.end());
        CHECK(*high - *low <= 1);
        CHECK(std::accumulate(counts.begin(), counts.end(), 0) ==
              (c < 0 ? static_cast<int>(fold.size()) : sizes[at(c)]));
      }
    }
}

TEST_CASE("folds: a pure function of classes, folds and seed, shuffled within the classes") {
  Ints classes;
  for (int e = 0; e < 200; ++e) classes.push_back(e % 3 == 0);
  const auto fold = stratified_folds(classes, 10, 7);
  CHECK(stratified_folds(classes, 10, 7) == fold);
  CHECK(stratified_folds(classes, 10, 8) != fold);
  // Fixed for good: results of cross-validation depend on them.
  CHECK(std::vector<int>(fold.begin(), fold.begin() + 12) == std::vector<int>{4, 2, 0, 5, 4, 1, 0, 9, 0, 6, 8, 6});
  // With equal chances, 200 examples of one class stay in the fold they would have without a shuffle 20 times.
  const auto one = stratified_folds(Ints(200, 0), 10, 3);
  int same = 0;
  for (std::size_t e = 0; e < one.size(); ++e) same += one[e] == static_cast<int>(e % 10) ? 1 : 0;
  CHECK(same > 5);
  CHECK(same < 45);
}

TEST_CASE("folds: what is not allowed") {
  CHECK_THROWS_WITH_AS(stratified_folds({0, 1, 0, 1}, 1, 0), "the number of folds is 1; 2 at least are needed",
                       ValueError);
  CHECK_THROWS_WITH_AS(
      stratified_folds({0, 1, 0, 1, 0}, 3, 0),
      "class 1 (counted from 0) has 2 examples, fewer than the 3 folds; take fewer folds, or leave the class out",
      ValueError);
  CHECK_THROWS_AS(stratified_folds({0, -1, 0, -1}, 2, 0), ValueError);
}

// --- batches -------------------------------------------------------------------------------------------------

TEST_CASE("collator: a batch is its graphs side by side") {
  const LabelledExamples d = read_dataset(kGin, "gin");
  Collator collator(d, 5);
  for (const std::vector<Index>& examples : {std::vector<Index>{3, 0, 23, 11, 4}, {7}, {4, 5, 9}}) {
    const SparseGraph& batch = collator.collate(examples);
    REQUIRE(batch.graphs() == static_cast<Index>(examples.size()));
    std::vector<Ints> expected;
    for (const Index e : examples) {
      const auto first = static_cast<std::int32_t>(expected.size());
      for (Ints row : rows(d.graphs[at(e)])) {
        for (std::int32_t& j : row) j += first;
        expected.push_back(row);
      }
    }
    CHECK(rows(batch) == expected);
    for (std::size_t i = 0; i < examples.size(); ++i)
      CHECK(batch.starts()[i + 1] - batch.starts()[i] == d.graphs[at(examples[i])].nodes());
    CHECK(static_cast<Index>(features(d, examples).size()) == batch.nodes());
  }
}

TEST_CASE("collator: room for the largest examples, and no more") {
  const LabelledExamples d =
      from_text("gin", "4\n1 0\n0 0\n3 1\n0 0\n0 0\n0 0\n2 0\n0 2 1 0\n0 1 0\n2 1\n0 0\n0 1 0\n");
  const auto room = graph_room(d, 2);
  CHECK(room.nodes == 5);
  CHECK(room.edges == 4);
  CHECK(room.graphs == 2);
  CHECK(graph_room(d, 100).nodes == 8);
  CHECK(graph_room(d, 100).graphs == 4);
  Collator collator(d, 2);
  CHECK_NOTHROW(collator.collate(std::vector<Index>{1, 2}));
  CHECK_NOTHROW(collator.collate(std::vector<Index>{}));
  CHECK_THROWS_WITH_AS(collator.collate(std::vector<Index>{1, 1}),
                       doctest::Contains("a batch has 2 graphs, 6 nodes and 0 edges; there is room for 2, 5 and 4"),
                       ValueError);
  CHECK_THROWS_AS(collator.collate(std::vector<Index>{2, 2}), ValueError);
  CHECK_THROWS_AS(collator.collate(std::vector<Index>{0, 2, 3}), ValueError);
  CHECK_THROWS_WITH_AS(collator.collate(std::vector<Index>{4}), "there is no example 4; examples are 0 to 3",
                       ValueError);
  CHECK_THROWS_AS(collator.collate(std::vector<Index>{-1}), ValueError);
  CHECK_THROWS_AS(Collator(d, 0), ValueError);
  CHECK_THROWS_AS(Collator(from_text("csv", "1,2\n3,4\n"), 2), ValueError);
}

#ifdef EQNN_TEST_COUNTS_ALLOCATIONS
TEST_CASE("collator: 1000 batches and their features allocate nothing") {
  const LabelledExamples d = read_dataset(kGin, "gin");
  const Index shard = 6;
  Collator collator(d, shard);
  Matrix<float> m(graph_room(d, shard).nodes, d.channels);
  std::vector<Index> order(at(d.examples)), first;
  std::iota(order.begin(), order.end(), Index{0});
  Index nodes = 0;
  const auto pass = [&](std::uint64_t step) {
    Draws draws({1, Stream::user, step, 0});
    for (std::size_t i = 0; i < at(shard); ++i)
      std::swap(order[i], order[i + draws.below(static_cast<std::uint32_t>(order.size() - i))]);
    const auto examples = std::span<const Index>(order).first(1 + draws.below(static_cast<std::uint32_t>(shard)));
    const SparseGraph& batch = collator.collate(examples);
    write_node_features(d, examples, Block<float>{m.data(), batch.nodes(), 1, d.channels, m.stride()});
    nodes += batch.nodes();
  };
  const std::int64_t start = allocations;
  const std::vector<Index> counted(3);
  CHECK(allocations > start);
  pass(0);
  const std::int64_t before = allocations;
  for (std::uint64_t step = 1; step <= 1000; ++step) pass(step);
  const std::int64_t after = allocations;
  CHECK(after == before);
  CHECK(nodes > 1000);
}
#endif

}  // namespace test_dataset
