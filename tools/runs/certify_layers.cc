#include "runs/certify_layers.h"

#include <cmath>
#include <memory>

#include <eqnn/eqnn.h>

#include "train/models.h"

namespace tools {
namespace {

using eqnn::Array;
using eqnn::GroupElement;
using eqnn::Params;
using eqnn::Permutation;
using eqnn::PermutationGroup;
using eqnn::PointGroup;
using eqnn::Program;
using eqnn::Sample;
using eqnn::Tensor;

// --- a recorded model as a function of samples ----------------------------------------------------------------

// How a sample enters a program.
struct Part {
  std::string name;
  Index rows = 1, cols = 1;
};
constexpr Index kNodes = 6;  // of graphs; all 720 relabellings are tried
constexpr Index kMaxEdges = kNodes * kNodes;

template <class T>
class Recorded {
 public:
  using Model = std::function<Tensor<T>(Program<T>&, Params<T>&)>;

  // A program named output "frame" says where the value is undefined. With `sparse` the parts "adjacency" and
  // "edges" become the graph input "graph" and its edge features, and "x" its nodes'.
  Recorded(const Model& model, std::uint64_t seed, bool frame, bool sparse)
      : program_(1, eqnn::Mode::evaluate), frame_(frame), sparse_(sparse) {
    program_.output("y", model(program_, params_));
    program_.finish();
    params_.initialize(eqnn::kaiming_uniform, seed);
    perturb(seed);
    workspace_.emplace(program_);
  }

  std::optional<Array> operator()(const Sample& sample) {
    auto& w = *workspace_;
    eqnn::SparseGraph graph;
    w.bind({.examples = 1});
    if (sparse_) {
      graph = to_graph(sample.at("adjacency"));
      w.bind_graph("graph", graph);
    }
    for (const auto& [name, part] : sample) fill(w, name, part, graph);
    program_.forward(w, params_.values().data());
    if (frame_ && undefined_frames(w.output("frame")) > 0) return {};
    const auto y = w.output("y");
    Array out = Array::zeros(y.examples * y.points, y.channels);
    for (Index i = 0; i < out.rows; ++i)
      for (Index j = 0; j < out.cols; ++j) out(i, j) = static_cast<double>(y.row(0, i)[j]);
    return out;
  }

 private:
  // Gains start as ones and biases as zeros: nothing may hide behind that.
  void perturb(std::uint64_t seed) {
    eqnn::Draws draws({seed, eqnn::Stream::check, 1, 0});
    for (const eqnn::ParamInfo& p : params_.list())
      for (Index j = 0; p.is_bias && j < p.slice.cols; ++j)
        params_.view(p.slice)(0, j) += static_cast<T>(draws.uniform() - 0.5);
  }
  static eqnn::SparseGraph to_graph(const Array& a) {
    std::vector<std::pair<std::int32_t, std::int32_t>> edges;
    for (Index i = 0; i < a.rows; ++i)
      for (Index j = 0; j < a.cols; ++j)
        if (a(i, j) != 0) edges.emplace_back(static_cast<std::int32_t>(i), static_cast<std::int32_t>(j));
    return eqnn::SparseGraph::from_edges(a.rows, edges);
  }
  void fill(eqnn::Workspace<T>& w, const std::string& name, const Array& part, const eqnn::SparseGraph& graph) {
    if (sparse_ && name == "adjacency") return;
    const auto x = w.input(name);
    if (sparse_ && name == "edges") {
      for (Index v = 0, e = 0; v < graph.nodes(); ++v)
        for (; e < graph.offsets()[v + 1]; ++e) x.row(e)[0] = static_cast<T>(part(v, graph.neighbors()[e]));
      return;
    }
    for (Index i = 0; i < part.rows; ++i)
      for (Index j = 0; j < part.cols; ++j) x.row(0, i)[j] = static_cast<T>(part(i, j));
  }

  Params<T> params_;
  Program<T> program_;
  bool frame_, sparse_;
  std::optional<eqnn::Workspace<T>> workspace_;
};

// --- inputs: random ones, and such with ties --------------------------------------------------------------------

double single(double v) { return static_cast<double>(static_cast<float>(v)); }

// Number `which`: normal entries; then entries of {-1, 0, 1}, whose rows repeat; equal rows; zeros.
Array points(Index rows, Index cols, int which, std::uint64_t seed) {
  eqnn::Draws draws({seed, eqnn::Stream::check, 2, static_cast<std::uint64_t>(which)});
  Array a = Array::zeros(rows, cols);
  for (Index i = 0; i < rows; ++i)
    for (Index j = 0; j < cols; ++j)
      a(i, j) = which == 5            ? 0
                : which == 4 && i > 0 ? a(0, j)
                : which == 3          ? static_cast<double>(draws.below(3)) - 1
                                      : single(draws.normal());
  return a;
}

// Random directed graphs, one with loops; the complete and the empty graph last.
Array adjacency(Index n, int which, std::uint64_t seed) {
  eqnn::Draws draws({seed, eqnn::Stream::check, 3, static_cast<std::uint64_t>(which)});
  Array a = Array::zeros(n, n);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j)
      a(i, j) = which == 5 || (i == j && which != 2) ? 0 : which == 4 ? 1 : draws.below(2);
  return a;
}

constexpr int kInputs = 6;

std::vector<Sample> samples(const std::vector<Part>& parts, std::uint64_t seed) {
  std::vector<Sample> list;
  for (int k = 0; k < kInputs; ++k) {
    Sample s;
    for (const Part& p : parts)
      s[p.name] = p.name == "adjacency" ? adjacency(p.rows, k, seed) : points(p.rows, p.cols, k, seed);
    list.push_back(std::move(s));
  }
  return list;
}

// --- what group elements do -------------------------------------------------------------------------------------

// Permutes the rows of every part, pairs where it is [n, n] on n points.
Sample permuted(const Sample& s, const Permutation& p) {
  Sample moved;
  for (const auto& [name, a] : s)
    moved[name] = name == "adjacency" || name == "edges" ? permute_pairs(a, p) : permute_rows(a, p);
  return moved;
}

enum class Output : std::uint8_t { invariant, moves };

std::vector<GroupElement> permutations(const PermutationGroup& group, Output output, std::uint64_t seed) {
  std::vector<GroupElement> elements;
  for (const Permutation& p : telling_elements(group, 1000, 20, seed)) {
    GroupElement g{to_string(p), [p](const Sample& s) { return permuted(s, p); }};
    if (output == Output::moves) g.on_output = [p](const Array& y) { return permute_rows(y, p); };
    elements.push_back(std::move(g));
  }
  return elements;
}

// A rotation or reflection Q, d x d, and a translation: x -> x Q^T + t.
struct Motion {
  std::string name;
  std::vector<double> q, t;
};

Array moved_by(const Array& x, const Motion& m, bool translate) {
  Array y = Array::zeros(x.rows, x.cols);
  for (Index i = 0; i < x.rows; ++i)
    for (Index j = 0; j < x.cols; ++j) {
      double sum = translate ? m.t[static_cast<std::size_t>(j)] : 0;
      for (Index k = 0; k < x.cols; ++k) sum += m.q[static_cast<std::size_t>(j * x.cols + k)] * x(i, k);
      y(i, j) = sum;
    }
  return y;
}

// The rotation by `angle` in the plane of axes a and b.
Motion turn(Index d, Index a, Index b, double angle, std::string name) {
  Motion m{std::move(name), std::vector<double>(static_cast<std::size_t>(d * d)),
           std::vector<double>(static_cast<std::size_t>(d))};
  const auto q = [&](Index i, Index j) -> double& { return m.q[static_cast<std::size_t>(i * d + j)]; };
  for (Index i = 0; i < d; ++i) q(i, i) = 1;
  q(a, a) = q(b, b) = std::cos(angle);
  q(a, b) = -std::sin(angle);
  q(b, a) = std::sin(angle);
  return m;
}

Motion product(const Motion& a, const Motion& b, Index d, std::string name) {
  Motion m{std::move(name), std::vector<double>(static_cast<std::size_t>(d * d)), a.t};
  for (Index i = 0; i < d; ++i)
    for (Index j = 0; j < d; ++j)
      for (Index k = 0; k < d; ++k)
        m.q[static_cast<std::size_t>(i * d + j)] +=
            a.q[static_cast<std::size_t>(i * d + k)] * b.q[static_cast<std::size_t>(k * d + j)];
  return m;
}

// Quarter and half turns in every plane, random rotations; mirrors; translations.
std::vector<Motion> motions(PointGroup group, Index d, std::uint64_t seed) {
  eqnn::Draws draws({seed, eqnn::Stream::check, 4, static_cast<std::uint64_t>(d)});
  constexpr double quarter = 1.5707963267948966;
  std::vector<Motion> list;
  for (Index a = 0; a < d; ++a)
    for (Index b = a + 1; b < d; ++b) {
      list.push_back(turn(d, a, b, quarter, concat("quarter turn of axes ", a, ", ", b)));
      list.push_back(turn(d, a, b, 2 * quarter, concat("half turn of axes ", a, ", ", b)));
    }
  for (int k = 0; k < 20; ++k) {
    Motion m = turn(d, 0, 1, 4 * quarter * draws.uniform(), "");
    if (d == 3)
      m = product(turn(d, 0, 2, 4 * quarter * draws.uniform(), ""),
                  product(m, turn(d, 1, 2, 4 * quarter * draws.uniform(), ""), d, ""), d, "");
    m.name = concat("random rotation ", k);
    list.push_back(m);
  }
  if (has_reflections(group))
    for (std::size_t k = 0, count = list.size(); k < count; k += 3) {
      Motion mirror = turn(d, 0, 1, 0, "");
      mirror.q[0] = -1;
      list.push_back(product(list[k], mirror, d, concat("mirror of axis 0, ", list[k].name)));
    }
  if (has_translations(group))
    for (Motion& m : list)
      for (double& t : m.t) t = single(2 * draws.uniform() - 1);
  return list;
}

std::vector<GroupElement> point_motions(PointGroup group, Index d, std::uint64_t seed,
                                        std::optional<bool> output_translates) {
  std::vector<GroupElement> elements;
  for (const Motion& m : motions(group, d, seed)) {
    GroupElement g{m.name, [m](const Sample& s) {
                     Sample moved = s;
                     moved["x"] = moved_by(s.at("x"), m, true);
                     return moved;
                   }};
    if (output_translates) g.on_output = [m, t = *output_translates](const Array& y) { return moved_by(y, m, t); };
    elements.push_back(std::move(g));
  }
  return elements;
}

// --- the table
// ----------------------------------------------------------------------------------------------------

// Collects the layers of one dtype.
template <class T>
class Table {
 public:
  using Model = typename Recorded<T>::Model;
  using Elements = std::function<std::vector<GroupElement>(std::uint64_t)>;

  explicit Table(std::vector<Layer>& layers) : layers_(layers) {}

  void add(std::string name, std::string group, std::vector<Part> parts, Elements elements, Model model,
           bool frame = false, bool claims = true) {
    const bool sparse = group.ends_with("sparse");
    layers_.push_back(
        {std::move(name), std::move(group), sizeof(T) == 4 ? "f32" : "f64", claims, [=](std::uint64_t seed) {
           auto f = std::make_shared<Recorded<T>>(model, seed, frame, sparse);
           return Subject{[f](const Sample& s) { return (*f)(s); }, samples(parts, seed), elements(seed),
                          eqnn::symmetry_tolerance<T>()};
         }});
  }
  // Under a permutation group of the points.
  void add_on_points(std::string name, const std::string& group, std::vector<Part> parts, Output output,
                     Model model) {
    const Index n = parts[0].rows;
    const auto g = group.starts_with("S_n") ? PermutationGroup::symmetric(n)
                   : group == "C_n"         ? PermutationGroup::cyclic(n)
                                            : PermutationGroup::named(group);
    add(
        std::move(name), group, std::move(parts),
        [g, output](std::uint64_t seed) { return permutations(g, output, seed); }, std::move(model));
  }

 private:
  std::vector<Layer>& layers_;
};

template <class T>
Tensor<T> input(Program<T>& g, Index points, Index channels, const char* name = "x") {
  return g.input(name, {.points = points, .channels = channels});
}

template <class T>
void add_dense_layers(Table<T>& t) {
  using P = Params<T>;
  using G = Program<T>;
  const std::vector<Part> graph{{"x", kNodes, 3}, {"adjacency", kNodes, kNodes}}, set{{"x", kNodes, 3}};
  for (const auto& [form, name] : {std::pair{eqnn::Adjacency::raw, "raw"},
                                   {eqnn::Adjacency::mean, "mean"},
                                   {eqnn::Adjacency::sqrt, "sqrt"},
                                   {eqnn::Adjacency::centred, "centred"}})
    t.add_on_points(concat("message-passing-", name), "S_n", graph, Output::moves, [form = form](G& g, P& p) {
      const auto a = normalize_adjacency(input(g, kNodes, kNodes, "adjacency"), form);
      return eqnn::MessagePassing<T>(p, "layer", 3, 5)(input(g, kNodes, 3), a);
    });
  t.add_on_points("deep-sets", "S_n", set, Output::moves,
                  [](G& g, P& p) { return eqnn::DeepSets<T>(p, "layer", 3, 5)(input(g, kNodes, 3)); });
  t.add_on_points("set-readout", "S_n", set, Output::invariant,
                  [](G& g, P& p) { return eqnn::SetReadout<T>(p, "layer", 3, 8, 2)(input(g, kNodes, 3)); });
  t.add_on_points("layer-norm", "S_n", set, Output::moves,
                  [](G& g, P& p) { return eqnn::LayerNorm<T>(p, "layer", 3)(input(g, kNodes, 3)); });
  t.add_on_points("graph-norm", "S_n", set, Output::moves,
                  [](G& g, P& p) { return eqnn::GraphNorm<T>(p, "layer", 3)(input(g, kNodes, 3)); });
  for (const auto& [pool, name] :
       {std::pair{&eqnn::sum_points<T>, "sum-points"}, {&eqnn::mean_points<T>, "mean-points"}})
    t.add_on_points(name, "S_n", set, Output::invariant,
                    [pool = pool](G& g, P&) { return pool(input(g, kNodes, 3)); });
}

template <class T>
void add_sparse_layers(Table<T>& t) {
  using P = Params<T>;
  using G = Program<T>;
  const auto add = [&](std::string name, Output output,
                       std::function<Tensor<T>(P&, Tensor<T>, eqnn::GraphInput)> layer) {
    t.add_on_points(std::move(name), "S_n, sparse", {{"x", kNodes, 3}, {"adjacency", kNodes, kNodes}}, output,
                    [layer](G& g, P& p) {
                      const auto graph = g.graph("graph", kNodes, kMaxEdges);
                      return layer(p, g.input("x", graph.nodes, 3), graph);
                    });
  };
  using eqnn::Aggregation;
  for (const auto& [how, name] :
       {std::pair{Aggregation::sum, "sum"}, {Aggregation::mean, "mean"}, {Aggregation::max, "max"}})
    add(concat("graph-conv-", name), Output::moves, [how = how](P& p, Tensor<T> x, eqnn::GraphInput g) {
      return eqnn::GraphConv<T>(p, "layer", 3, 5, how)(x, g);
    });
  add("gcn", Output::moves,
      [](P& p, Tensor<T> x, eqnn::GraphInput g) { return eqnn::Gcn<T>(p, "layer", 3, 5)(x, g); });
  add("gin-layer", Output::moves, [](P& p, Tensor<T> x, eqnn::GraphInput g) {
    return eqnn::Gin<T>(p, "layer", {3, 8, 5}, 0.25)(x, g);
  });
  add("graph-norm-sparse", Output::moves,
      [](P& p, Tensor<T> x, eqnn::GraphInput g) { return eqnn::GraphNorm<T>(p, "layer", 3)(x, g); });
  for (const auto& [pool, name] : {std::pair{&eqnn::sum_nodes<T>, "sum-nodes"},
                                   {&eqnn::mean_nodes<T>, "mean-nodes"},
                                   {&eqnn::max_nodes<T>, "max-nodes"}})
    add(name, Output::invariant, [pool = pool](P&, Tensor<T> x, eqnn::GraphInput g) { return pool(x, g); });
  t.add_on_points("gine-layer", "S_n, sparse",
                  {{"x", kNodes, 3}, {"adjacency", kNodes, kNodes}, {"edges", kNodes, kNodes}}, Output::moves,
                  [](G& g, P& p) {
                    const auto graph = g.graph("graph", kNodes, kMaxEdges);
                    const auto x = g.input("x", graph.nodes, 3);
                    const auto e = eqnn::Linear<T>(p, "edges", 1, 3)(g.input("edges", graph.edges, 1));
                    return eqnn::Gine<T>(p, "layer", {3, 8, 5})(x, e, graph);
                  });
}

template <class T>
void add_convolutions(Table<T>& t) {
  using P = Params<T>;
  using G = Program<T>;
  using Method = eqnn::ConvolutionMethod;
  for (const auto& [method, how] : {std::pair{Method::direct, "direct"}, {Method::spectral, "spectral"}}) {
    for (Index n : {1, 2, 9, 16, 50})
      t.add_on_points(concat("cyclic-convolution-", how, "-", n), "C_n", {{"x", n, 3}}, Output::moves,
                      [=, method = method](G& g, P& p) {
                        return eqnn::CyclicConvolution<T>(p, "layer", 3, 5, eqnn::Torus::cycle(n),
                                                          method)(input(g, n, 3));
                      });
    t.add_on_points(concat("torus-convolution-", how), "C4xC5", {{"x", 20, 3}}, Output::moves,
                    [method = method](G& g, P& p) {
                      return eqnn::CyclicConvolution<T>(p, "layer", 3, 5, {4, 5, 3, 5}, method)(input(g, 20, 3));
                    });
  }
  for (const char* name : {"D5", "S4", "C3xC2", "S3+C2"}) {
    const auto group = PermutationGroup::named(name);
    const Index n = group.points();
    t.add(
        concat("group-convolution-", name), name, {{"x", n, 3}},
        [group](std::uint64_t) {
          auto elements = permutations(group, Output::invariant, 0);
          const auto all = group.elements();
          for (std::size_t k = 0; k < all.size(); ++k)
            elements[k].on_output = [p = group.left_multiplication(all[k])](const Array& y) {
              return permute_rows(y, p);
            };
          return elements;
        },
        [group, n](G& g, P& p) {
          const auto f = relu(eqnn::GroupLifting<T>(p, "lift", group, 3, 4)(input(g, n, 3)));
          return eqnn::GroupConvolution<T>(p, "layer", group, 4, 5)(f);
        });
    t.add_on_points(concat("group-average-", name), name, {{"x", n, 3}}, Output::invariant, [group, n](G& g, P& p) {
      return eqnn::GroupAveragedMlp<T>(p, "layer", group, {3, 8, 2})(input(g, n, 3));
    });
    t.add_on_points(concat("equivariant-average-", name), name, {{"x", n, 3}}, Output::moves,
                    [group, n](G& g, P& p) {
                      // Not symmetric by itself: every point reads point 0 besides its own.
                      std::vector<std::int32_t> table;
                      for (Index i = 0; i < n; ++i) table.insert(table.end(), {0, static_cast<std::int32_t>(i)});
                      const eqnn::Linear<T> linear(p, "layer", 6, 4);
                      const auto mix = [&](Tensor<T> x) { return relu(linear(gather_points(x, n, table))); };
                      const auto elements = group.elements();
                      return equivariant_group_average(mix, input(g, n, 3), std::span<const Permutation>(elements));
                    });
  }
}

template <class T>
void add_frames(Table<T>& t) {
  using P = Params<T>;
  using G = Program<T>;
  using eqnn::PermutationFrame;
  for (const auto& [frame, group, name] : {std::tuple{PermutationFrame::sort, "S_n", "sort"},
                                           {PermutationFrame::sort_absolute, "S_n", "sort-absolute"},
                                           {PermutationFrame::rotate_to_maximum, "C_n", "rotate-to-maximum"}}) {
    t.add_on_points(
        concat("frame-", name), group, {{"x", kNodes, 2}}, Output::invariant, [frame = frame](G& g, P& p) {
          const eqnn::Mlp<T> inner(p, "inner", {2 * kNodes, 8, 3});
          return invariant_average(input(g, kNodes, 2), frame, [&](Tensor<T> z) { return inner(flatten(z)); });
        });
    t.add_on_points(
        concat("equivariant-frame-", name), group, {{"x", kNodes, 2}}, Output::moves, [frame = frame](G& g, P& p) {
          const eqnn::Linear<T> inner(p, "inner", 4, 3);
          std::vector<std::int32_t> table;  // every point reads the one of the mirrored number too
          for (std::int32_t i = 0; i < kNodes; ++i)
            table.insert(table.end(), {i, static_cast<std::int32_t>(kNodes) - 1 - i});
          return equivariant_average(input(g, kNodes, 2), frame,
                                     [&](Tensor<T> z) { return relu(inner(gather_points(z, kNodes, table))); });
        });
  }
  t.add(
      "frame-signs", "signs of 4 channels", {{"x", kNodes, 4}},
      [](std::uint64_t) {
        std::vector<GroupElement> elements;
        for (int bits = 0; bits < 16; ++bits)
          elements.push_back({concat("signs ", bits), [bits](const Sample& s) {
                                Sample moved = s;
                                Array& x = moved["x"];
                                for (Index i = 0; i < x.rows; ++i)
                                  for (Index j = 0; j < x.cols; ++j) x(i, j) *= bits >> j & 1 ? -1 : 1;
                                return moved;
                              }});
        return elements;
      },
      [](G& g, P& p) {
        const eqnn::Mlp<T> inner(p, "inner", {4 * kNodes, 8, 3});
        return invariant_average(input(g, kNodes, 4), eqnn::SignFrame{},
                                 [&](Tensor<T> z) { return inner(flatten(z)); });
      });
}

// Clouds: random ones, and (entries of {-1, 0, 1}, equal points, zeros) such that may have no frame.
template <class T>
void add_clouds(Table<T>& t) {
  using P = Params<T>;
  using G = Program<T>;
  const std::pair<PointGroup, const char*> groups[] = {
      {PointGroup::so, "SO"}, {PointGroup::o, "O"}, {PointGroup::se, "SE"}, {PointGroup::e, "E"}};
  for (Index d : {2, 3})
    for (const auto& [group, name] : groups) {
      const std::string full = concat(name, "(", d, ")");
      t.add(
          concat("pca-frame-", name, d), full, {{"x", 7, d}},
          [group = group, d](std::uint64_t seed) { return point_motions(group, d, seed, {}); },
          [group = group, d](G& g, P& p) {
            const auto x = input(g, 7, d);
            const auto frame = pca_frame(x, group);
            g.output("frame", frame.value);
            const eqnn::Mlp<T> inner(p, "inner", {7 * d, 8, 3});
            return invariant_average(x, frame, [&](Tensor<T> z) { return inner(flatten(z)); });
          },
          true);
      t.add(
          concat("equivariant-pca-frame-", name, d), full, {{"x", 7, d}},
          [group = group, d](std::uint64_t seed) { return point_motions(group, d, seed, true); },
          [group = group, d](G& g, P& p) {
            const auto x = input(g, 7, d);
            const auto frame = pca_frame(x, group);
            g.output("frame", frame.value);
            const eqnn::Mlp<T> inner(p, "inner", {d, 8, d}, eqnn::Activation::tanh);
            return equivariant_average(
                x, frame, has_translations(group) ? eqnn::Equivariant::positions : eqnn::Equivariant::vectors,
                inner);
          },
          true);
    }
  for (Index d : {2, 3}) {
    const std::vector<Part> parts{{"h", 5, 3}, {"x", 5, d}};
    t.add(
        concat("egnn-features-", d), concat("E(", d, ")"), parts,
        [d](std::uint64_t seed) { return point_motions(PointGroup::e, d, seed, {}); },
        [d](G& g, P& p) { return eqnn::Egnn<T>(p, "layer", 3, 8, 4)(input(g, 5, 3, "h"), input(g, 5, d)).h; });
    t.add(
        concat("egnn-positions-", d), concat("E(", d, ")"), parts,
        [d](std::uint64_t seed) { return point_motions(PointGroup::e, d, seed, true); },
        [d](G& g, P& p) { return eqnn::Egnn<T>(p, "layer", 3, 8, 4)(input(g, 5, 3, "h"), input(g, 5, d)).x; });
    t.add_on_points(concat("egnn-points-", d), "S_n", parts, Output::moves, [d](G& g, P& p) {
      return eqnn::Egnn<T>(p, "layer", 3, 8, 4)(input(g, 5, 3, "h"), input(g, 5, d)).x;
    });
  }
}

// The models of `eqnn train`, small, on their kind of input.
template <class T>
void add_models(Table<T>& t) {
  using P = Params<T>;
  using G = Program<T>;
  TrainConfig small;
  small.depth = 2;
  small.width = small.head_width = 8;
  const auto model = [&](const std::string& kind, const eqnn::hard::InputLayout& layout,
                         std::optional<PermutationGroup> group) {
    NetworkInputs in;
    in.input = layout;
    in.group = std::move(group);
    TrainConfig c = small;
    c.model = kind;
    // Squared distances magnify the rounding of the positions; two layers do it twice, beyond 1e-5 in float.
    if (kind == "egnn") c.depth = 1;
    return [c, in](G& g, P& p) { return make_network<T>(p, c, in)(g); };
  };
  for (const char* kind : {"gnn", "gin"})
    t.add_on_points(kind, "S_n", {{"adjacency", kNodes, kNodes}}, Output::invariant,
                    model(kind, {"adjacency", kNodes, kNodes, true}, {}));
  const eqnn::hard::InputLayout line{"x", 12, 2}, set{"x", kNodes, 2}, cloud{"x", 5, 3};
  t.add_on_points("cnn", "C_n", {{"x", 12, 2}}, Output::invariant, model("cnn", line, {}));
  t.add_on_points("deepsets", "S_n", {{"x", kNodes, 2}}, Output::invariant, model("deepsets", set, {}));
  t.add_on_points("frame-mlp", "S_n", {{"x", kNodes, 2}}, Output::invariant,
                  model("frame-mlp", set, PermutationGroup::symmetric(kNodes)));
  t.add_on_points("group-mlp", "C_n", {{"x", 12, 2}}, Output::invariant,
                  model("group-mlp", line, PermutationGroup::cyclic(12)));
  t.add(
      "egnn", "E(3)", {{"x", 5, 3}}, [](std::uint64_t seed) { return point_motions(PointGroup::e, 3, seed, {}); },
      model("egnn", cloud, {}));
  t.add(
      "mlp", "S_n", {{"x", kNodes, 2}},
      [](std::uint64_t seed) { return permutations(PermutationGroup::symmetric(kNodes), Output::invariant, seed); },
      model("mlp", set, {}), false, false);
}

template <class T>
void add_all(std::vector<Layer>& layers) {
  Table<T> table(layers);
  add_dense_layers(table);
  add_sparse_layers(table);
  add_convolutions(table);
  add_frames(table);
  add_clouds(table);
  add_models(table);
}

}  // namespace

std::vector<Layer> certified_layers() {
  std::vector<Layer> layers;
  add_all<float>(layers);
  add_all<double>(layers);
  return layers;
}

}  // namespace tools
