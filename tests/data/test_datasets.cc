// Data sets: what they refuse, parts, epochs, standardisation.
#include <doctest/doctest.h>
#include <eqnn/data/dataset.h>
#include <eqnn/data/readers.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "support/paths.h"
#include "support/thrown.h"

namespace test_datasets {

using namespace eqnn;

namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// Example e of n is [3, 2] with entries 10 e + k; its class is drawn, or its target is e.
LabelledExamples small_arrays(Index n, std::int32_t classes) {
  LabelledExamples e{.points = 3, .channels = 2};
  Draws draw({9, Stream::user, 0, 0});
  for (Index i = 0; i < n; ++i) {
    for (Index k = 0; k < 6; ++k) e.x.push_back(static_cast<double>(10 * i + k));
    if (classes > 0)
      e.classes.push_back(i < classes ? static_cast<std::int32_t>(i)
                                      : static_cast<std::int32_t>(draw.below(static_cast<std::uint32_t>(classes))));
    else
      e.y.push_back(static_cast<double>(i));
  }
  return e;
}

SparseGraph path(std::int32_t nodes) {
  std::vector<std::pair<std::int32_t, std::int32_t>> edges;
  for (std::int32_t v = 1; v < nodes; ++v) edges.insert(edges.end(), {{v - 1, v}, {v, v - 1}});
  return SparseGraph::from_edges(nodes, edges);
}

std::vector<Index> numbers(const ChosenExamples& set) {
  std::vector<Index> list;
  for (Index i = 0; i < set.size(); ++i) list.push_back(set.number(i));
  return list;
}

// The parts share nothing and are all of the set.
template <class Set>
void check_partition(const Split<Set>& parts, const std::vector<Index>& whole) {
  std::vector<Index> all;
  for (const Set* part : {&parts.train, &parts.validation, &parts.test})
    for (const Index e : numbers(*part)) all.push_back(e);
  std::sort(all.begin(), all.end());
  std::vector<Index> sorted = whole;
  std::sort(sorted.begin(), sorted.end());
  CHECK(all == sorted);
}

// A file that is removed at the end.
struct TextFile {
  explicit TextFile(const std::string& text) {
    std::string name = (std::filesystem::temp_directory_path() / "eqnn-text-XXXXXX").string();
    const int descriptor = ::mkstemp(name.data());
    REQUIRE(descriptor >= 0);
    std::ofstream(name, std::ios::binary) << text;
    path = name;
  }
  ~TextFile() {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }
  std::string path;
};

}  // namespace

TEST_CASE("epochs: every example once, but for those that fill no batch; each epoch in an order of its own") {
  for (const Index size : {1, 2, 3, 7, 64, 100, 1000})
    for (const Index batch : {1, 2, 3, 7, 32, 100}) {
      if (batch > size) continue;
      const Epochs epochs(5, size, batch);
      REQUIRE(epochs.steps() == static_cast<std::uint64_t>(size / batch));
      std::set<std::vector<Index>> orders;
      std::set<Index> ever;
      for (std::uint64_t epoch = 0; epoch < 40; ++epoch) {
        std::vector<Index> order;
        for (std::uint64_t step = 0; step < epochs.steps(); ++step)
          for (Index i = 0; i < batch; ++i) order.push_back(epochs(epoch * epochs.steps() + step, i));
        orders.insert(order);
        ever.insert(order.begin(), order.end());
        std::sort(order.begin(), order.end());
        CHECK(std::adjacent_find(order.begin(), order.end()) == order.end());
        CHECK((order.front() >= 0 && order.back() < size));
        CHECK(static_cast<Index>(order.size()) == size / batch * batch);
      }
      CHECK(static_cast<Index>(ever.size()) == size);  // what is left out is another each time
      if (size >= 64) CHECK(orders.size() == 40);
    }
}

TEST_CASE("epochs: a pure function of seed and step, fixed for good") {
  const auto first = [](std::uint64_t seed, std::uint64_t step) {
    std::vector<Index> list;
    for (Index i = 0; i < 8; ++i) list.push_back(Epochs(seed, 100, 8)(step, i));
    return list;
  };
  CHECK(first(1, 3) == first(1, 3));
  CHECK(first(1, 3) != first(2, 3));
  CHECK(first(1, 0) != first(1, 12));  // the same place of the next epoch
  CHECK(first(0, 0) == std::vector<Index>{52, 6, 53, 72, 60, 2, 75, 63});
  CHECK(first(7, 1000000007) == std::vector<Index>{3, 62, 9, 50, 15, 43, 94, 95});
  CHECK(message([] { Epochs(0, 10, 0); }) ==
        "a batch is 0 of 10 examples; 1 to all of them are allowed: take a smaller batch, or a larger part");
  CHECK(contains(message([] { Epochs(0, 10, 11); }), "a batch is 11 of 10 examples"));
  CHECK_THROWS_AS(Epochs(0, 0, 1), ValueError);
}

TEST_CASE("epochs: a place outside the batch is refused, as that of a second accumulated batch is") {
  const Epochs epochs(0, 16, 4);
  CHECK(epochs(3, 3) < 16);
  CHECK_THROWS_AS(epochs(3, 4), ValueError);
  CHECK_THROWS_AS(epochs(0, -1), ValueError);
}

TEST_CASE("splits: disjoint, of the sizes asked for, and in each class") {
  const std::vector<Fractions> fractions = {{},
                                            {0.5, 0.25, 0.25},
                                            {1, 0, 0},
                                            {0, 0.5, 0.5},
                                            {0.7, 0, 0.3},
                                            {1.0 / 3, 1.0 / 3, 1.0 / 3},
                                            {0.98, 0.01, 0.01}};
  for (const Index size : {1, 2, 5, 19, 100, 761})
    for (const std::int32_t classes : {0, 1, 2, 5})
      for (const Fractions& f : fractions) {
        if (classes > size) continue;
        const Dataset data = small_arrays(size, classes);
        const Split<Dataset> parts = data.split(f, 3);
        check_partition(parts, numbers(data));
        const std::array<double, 3> share = {f.train, f.validation, f.test};
        const std::array<const Dataset*, 3> part = {&parts.train, &parts.validation, &parts.test};
        for (std::size_t k = 0; k < 3; ++k) {
          INFO(size, " ", classes, " ", k, " of ", share[k], ": ", part[k]->size());
          CHECK(std::abs(static_cast<double>(part[k]->size()) - share[k] * static_cast<double>(size)) < 1);
          if (share[k] == 0) CHECK(part[k]->size() == 0);
          for (std::int32_t c = 0; c < classes; ++c) {
            double all = 0, here = 0;
            for (Index i = 0; i < data.size(); ++i) all += data.label(i) == c;
            for (Index i = 0; i < part[k]->size(); ++i) here += part[k]->label(i) == c;
            CHECK(std::abs(here - share[k] * all) < 2);
          }
        }
      }
}

TEST_CASE("splits: by the seed, of parts too, and what is refused") {
  const Dataset data = small_arrays(300, 3);
  CHECK(numbers(data.split({}, 1).test) == numbers(data.split({}, 1).test));
  CHECK(numbers(data.split({}, 1).test) != numbers(data.split({}, 2).test));
  const Dataset train = data.split({}, 1).train;
  const Split<Dataset> again = train.split({0.5, 0, 0.5}, 1);
  check_partition(again, numbers(train));
  CHECK(again.train.classes() == 3);
  for (const Fractions& f : {Fractions{0.5, 0.5, 0.5}, {1.5, -0.5, 0}, {0.5, 0.4, 0}, {NAN, 0.5, 0.5}})
    CHECK(contains(message([&] { data.split(f, 0); }), "the fractions of a split are "));
}

TEST_CASE("folds: those of stratified_folds, each example tested once") {
  const Dataset data = small_arrays(103, 4);
  std::vector<int> tested(at(data.size()));
  const std::vector<int> folds = stratified_folds(data.all().classes, 5, 7);
  for (int f = 0; f < 5; ++f) {
    const Split<Dataset> parts = data.fold(f, 5, 7);
    check_partition(parts, numbers(data));
    CHECK(parts.validation.size() == 0);
    for (const Index e : numbers(parts.test)) {
      ++tested[at(e)];
      CHECK(folds[at(e)] == f);
    }
  }
  CHECK(std::count(tested.begin(), tested.end(), 1) == data.size());
  CHECK(message([&] { data.fold(5, 5, 0); }) == "fold 5 is asked for; there are 0 to 4");
  CHECK_THROWS_AS(data.fold(-1, 5, 0), ValueError);
  CHECK_THROWS_AS(data.fold(0, 1, 0), ValueError);
}

TEST_CASE("data sets: what examples say, and what is not there") {
  const Dataset classes = small_arrays(12, 3), numbers_of = small_arrays(5, 0);
  CHECK(classes.size() == 12);
  CHECK(classes.classes() == 3);
  CHECK(classes.label(2) == 2);
  CHECK(classes.all().class_names == std::vector<std::string>{"0", "1", "2"});
  CHECK(classes.x(4)(2, 1) == 45);
  CHECK(numbers_of.classes() == 0);
  CHECK(numbers_of.y(4) == 4);
  CHECK(contains(message([&] { classes.y(0); }), "the targets of a data set are classes"));
  CHECK(contains(message([&] { numbers_of.label(0); }), "the targets of a data set are numbers"));
  for (const Index i : {-1, 5}) CHECK(contains(message([&] { numbers_of.y(i); }), "there is no example "));
  const Dataset part = classes.part(std::vector<Index>{7, 2, 2});
  CHECK(numbers(part) == std::vector<Index>{7, 2, 2});
  CHECK(numbers(part.part(std::vector<Index>{2, 0})) == std::vector<Index>{2, 7});
  CHECK(part.x(0)(0, 0) == 70);
  CHECK(message([&] { part.part(std::vector<Index>{3}); }) ==
        "there is no example 3 in a set of 3; they are counted from 0, and evaluate() takes as many as there are");
}

TEST_CASE("data sets: sizes that do not fit are refused") {
  const auto error = [](auto change) {
    LabelledExamples e = small_arrays(4, 2);
    change(e);
    return message([&] { Dataset{e}; });
  };
  CHECK(error([](auto&) {}) == "no error");
  CHECK(error([](auto& e) { e.x.pop_back(); }) ==
        "a data set has 23 values in x; 24 are needed: examples times points times channels");
  CHECK(contains(error([](auto& e) { e.points = 0; }), "examples have 0 points and 2 channels"));
  CHECK(contains(error([](auto& e) { e.classes.clear(); }), "a data set has no example"));
  CHECK(contains(error([](auto& e) { e.y = {1, 2, 3, 4}; }), "a data set has classes and y; give one of them"));
  CHECK(contains(error([](auto& e) { e.examples = 5; }), "a data set has 4 classes; 5 are needed"));
  CHECK(contains(error([](auto& e) { e.classes[0] = -1; }), "classes are -1 to 1"));
  CHECK(contains(error([](auto& e) { e.class_names = {"a"}; }), "and 1 have a name; they are counted from 0"));
  CHECK(contains(error([](auto& e) { e.graphs = {path(2)}; }), "the examples are graphs; make a GraphDataset"));

  const auto graph_error = [](auto change) {
    LabelledExamples e{
        .graphs = {path(2), path(3)}, .attributes = 1, .node_attributes = {1, 2, 3, 4, 5}, .y = {0, 1}};
    change(e);
    return message([&] { GraphDataset{e}; });
  };
  CHECK(graph_error([](auto&) {}) == "no error");
  CHECK(contains(graph_error([](auto& e) { e.node_attributes.pop_back(); }),
                 "a data set has 4 attributes of nodes; 5 are needed: nodes times attributes"));
  CHECK(contains(graph_error([](auto& e) { e.y.pop_back(); }), "a data set has 2 graphs; 1 are needed"));
  CHECK(contains(graph_error([](auto& e) { e.node_labels = {0}; }), "a data set has 1 node labels; 0 are needed"));
  CHECK(contains(graph_error([](auto& e) { e.label_values = {7}; }), "a data set has 0 node labels; 5 are needed"));
  CHECK(contains(graph_error([](auto& e) {
                   e.label_values = {7}, e.node_labels = {0, 0, 1, 0, 0};
                 }),
                 "a node has label 1; 0 to 0 have a value"));
  CHECK(
      contains(graph_error([](auto& e) { e.graphs.clear(); }), "the examples are arrays; make a Dataset of them"));
  CHECK(contains(graph_error([](auto& e) { e.attributes = -1; }), "-1 attributes"));
  LabelledExamples labelled{.classes = {0, 1}};
  labelled.graphs = {SparseGraph::from_edges(2, {}), SparseGraph::from_edges(1, {})};
  labelled.node_labels = {0, 1, 0};
  CHECK(contains(message([&] { GraphDataset{labelled}; }), "label_values is empty"));
  labelled.label_values = {5, 7};
  CHECK(GraphDataset(labelled).channels() == 2);
}

TEST_CASE("readers: files become data sets, and notes name no flag") {
  const GraphDataset graphs = read_gin(paths::data("rings_and_stars.txt"));
  CHECK(graphs.size() == 24);
  CHECK(graphs.classes() == 2);
  CHECK(graphs.channels() == 3);
  CHECK(graphs.graph(0).nodes() == graphs.all().node_starts[1]);
  CHECK(graphs.room(100).graphs == 24);
  CHECK(numbers(GraphDataset(read_tudataset(paths::data("rings_and_stars"))).split({}, 0).test) ==
        numbers(graphs.split({}, 0).test));
  CHECK(contains(message([&] { Dataset{read_gin(paths::data("rings_and_stars.txt"))}; }),
                 "rings_and_stars.txt: the examples are graphs; make a GraphDataset of them"));

  const TextFile table("a,b\n1,3\n2,4\n");
  CHECK(read_csv(table.path).notes ==
        std::vector<std::string>{"the targets are whole numbers, 2 different ones: they "
                                 "are taken for classes"});
  CHECK(read_csv(table.path).guessed);
  const Dataset numbered = read_csv(table.path, {.targets = DataChoices::Targets::real});
  CHECK(numbered.y(1) == 4);
  CHECK(!numbered.all().guessed);
  CHECK(contains(message([&] { GraphDataset{read_csv(table.path)}; }), "the examples are arrays"));
}

TEST_CASE("readers: numbers in messages are short and exact") {
  const std::pair<const char*, const char*> texts[] = {
      {"1e20", "1e+20"},    {"123456.5", "123456.5"}, {"1e15", "1000000000000000"}, {"9e16", "9e+16"},
      {"0.00001", "1e-05"}, {"-0.1", "-0.1"},         {"0.0001", "0.0001"}};
  for (const auto& [written, said] : texts) {
    const TextFile file(concat("1,", written, "\n2,", written, "\n"));
    const auto read = [&] { read_csv(file.path, {.targets = DataChoices::Targets::real}); };
    const std::string expected = concat("all 2 targets are ", said, ";");
    CHECK(contains(message<FileError>(read), expected));
  }
  const TextFile bad("1,2\n3,x\n");
  CHECK(message<FileError>([&] { read_csv(bad.path); }) ==
        bad.path + ": line 2: field 2, the target, is 'x'; a finite number is needed");
  CHECK(contains(message<FileError>([] { read_npz_dataset("/nowhere/a.npz"); }), "/nowhere/a.npz: cannot open it"));
}

}  // namespace test_datasets
