#include "runs/certify_layers.h"

#include <memory>

#include <eqnn/eqnn.h>

#include "runs/certified_inputs.h"
#include "runs/certified_program.h"
#include "train/choices.h"
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

constexpr Index kNodes = 6;  // of graphs; all 720 relabellings are tried
constexpr Index kMaxEdges = kNodes * kNodes;

// Collects the layers of one dtype.
template <class T>
class LayerTable {
 public:
  using Model = typename CertifiedProgram<T>::Model;
  using Elements = std::function<std::vector<GroupElement>(const Tries&)>;

  explicit LayerTable(std::vector<Layer>& layers) : layers_(layers) {}

  void add(std::string name, std::string group, std::vector<Part> parts, Elements elements, Model model,
           bool frame = false, bool claims = true) {
    const bool sparse = group.ends_with("sparse");
    layers_.push_back(
        {std::move(name), std::move(group), sizeof(T) == 4 ? "f32" : "f64", claims, [=](const Tries& tries) {
           auto f = std::make_shared<CertifiedProgram<T>>(model, tries.seed, frame, sparse);
           return Subject{.f = [f](const Sample& s) { return (*f)(s); },
                          .inputs = certified_samples(parts, tries.seed),
                          .elements = elements(tries),
                          .tolerance = eqnn::symmetry_tolerance<T>(),
                          .anyway = [f](const Sample& s) { return f->value(s); }};
         }});
  }
  // A model of clouds, which is tried on degenerate ones too.
  void add_on_cloud(const std::string& name, PointGroup group, const Part& cloud, Model model, bool frame) {
    add(
        name, group_name(group, cloud.cols), {cloud},
        [=](const Tries& tries) { return point_motions(group, cloud.cols, tries, {}); }, std::move(model), frame);
    Layer& layer = layers_.back();
    layer.make = [make = layer.make, cloud](const Tries& tries) {
      Subject s = make(tries);
      s.degenerate = degenerate_clouds(cloud.name, cloud.rows, cloud.cols, tries.seed);
      return s;
    };
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
        [g, output](const Tries& tries) { return permutations(g, output, tries.seed); }, std::move(model));
  }

 private:
  std::vector<Layer>& layers_;
};

template <class T>
Tensor<T> input(Program<T>& g, Index points, Index channels, const char* name = "x") {
  return g.input(name, {.points = points, .channels = channels});
}

template <class T>
void add_dense_layers(LayerTable<T>& t) {
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
  t.add_on_points("attention", "S_n", set, Output::moves,
                  [](G& g, P& p) { return eqnn::Attention<T>(p, "layer", 3, 3)(input(g, kNodes, 3)); });
  t.add_on_points("attention-masked", "S_n", graph, Output::moves, [](G& g, P& p) {
    return eqnn::Attention<T>(p, "layer", 3)(input(g, kNodes, 3), input(g, kNodes, kNodes, "adjacency"));
  });
  t.add_on_points("layer-norm", "S_n", set, Output::moves,
                  [](G& g, P& p) { return eqnn::LayerNorm<T>(p, "layer", 3)(input(g, kNodes, 3)); });
  t.add_on_points("graph-norm", "S_n", set, Output::moves,
                  [](G& g, P& p) { return eqnn::GraphNorm<T>(p, "layer", 3)(input(g, kNodes, 3)); });
  for (const auto& [pool, name] : {std::pair{&eqnn::sum_points<T>, "sum-points"},
                                   {&eqnn::mean_points<T>, "mean-points"},
                                   {&eqnn::max_points<T>, "max-points"}})
    t.add_on_points(name, "S_n", set, Output::invariant,
                    [pool = pool](G& g, P&) { return pool(input(g, kNodes, 3)); });
}

template <class T>
void add_sparse_layers(LayerTable<T>& t) {
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
  add("gat", Output::moves,
      [](P& p, Tensor<T> x, eqnn::GraphInput g) { return eqnn::Gat<T>(p, "layer", 3, 6, 2)(x, g); });
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
void add_convolutions(LayerTable<T>& t) {
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
        [group](const Tries&) {
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
void add_frames(LayerTable<T>& t) {
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
      [](const Tries&) {
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
void add_clouds(LayerTable<T>& t) {
  using P = Params<T>;
  using G = Program<T>;
  const std::pair<PointGroup, const char*> groups[] = {
      {PointGroup::so, "SO"}, {PointGroup::o, "O"}, {PointGroup::se, "SE"}, {PointGroup::e, "E"}};
  for (Index d : {2, 3})
    for (const auto& [group, name] : groups) {
      const std::string full = concat(name, "(", d, ")");
      t.add(
          concat("pca-frame-", name, d), full, {{"x", 7, d}},
          [group = group, d](const Tries& tries) { return point_motions(group, d, tries, {}); },
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
          [group = group, d](const Tries& tries) { return point_motions(group, d, tries, true); },
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
        [d](const Tries& tries) { return point_motions(PointGroup::e, d, tries, {}); },
        [d](G& g, P& p) { return eqnn::Egnn<T>(p, "layer", 3, 8, 4)(input(g, 5, 3, "h"), input(g, 5, d)).h; });
    t.add(
        concat("egnn-positions-", d), concat("E(", d, ")"), parts,
        [d](const Tries& tries) { return point_motions(PointGroup::e, d, tries, true); },
        [d](G& g, P& p) { return eqnn::Egnn<T>(p, "layer", 3, 8, 4)(input(g, 5, 3, "h"), input(g, 5, d)).x; });
    t.add_on_points(concat("egnn-points-", d), "S_n", parts, Output::moves, [d](G& g, P& p) {
      return eqnn::Egnn<T>(p, "layer", 3, 8, 4)(input(g, 5, 3, "h"), input(g, 5, d)).x;
    });
  }
  // Two layers, of which the first makes features of degrees 1 and 2; the value of a point is its first vector.
  const std::vector<Part> parts{{"h", 5, 3}, {"x", 5, 3}};
  const auto vectors = [](G& g, P& p) {
    const eqnn::TensorFieldOptions o{.basis = 4, .radial = 6};
    const auto pairs = pair_geometry(input(g, 5, 3), o);
    const auto h = eqnn::TensorFieldLayer<T>(p, "first", {3}, {4, 3, 2}, o)({input(g, 5, 3, "h")}, pairs);
    return from_components(eqnn::TensorFieldLayer<T>(p, "last", {4, 3, 2}, {1, 1}, o)(h, pairs)[1], 1);
  };
  t.add(
      "tensor-field-vectors", "SE(3)", parts,
      [](const Tries& tries) { return point_motions(PointGroup::se, 3, tries, false); }, vectors);
  t.add_on_points("tensor-field-points", "S_n", parts, Output::moves, vectors);
}

// A model of `eqnn train` with few units.
template <class T>
typename CertifiedProgram<T>::Model small_model(const std::string& name, const Part& x,
                                                std::optional<PermutationGroup> group,
                                                const std::string& frame_group = "O") {
  const Invariance invariance = models()[name].invariance;
  NetworkInputs in;
  in.input = {x.name, x.rows, x.cols, invariance == Invariance::nodes};
  in.group = std::move(group);
  TrainConfig c;
  c.model = name;
  c.frame_group = frame_group;
  // Squared distances magnify the rounding of the positions; two layers do it twice, beyond 1e-5 in float.
  c.depth = invariance == Invariance::motions || invariance == Invariance::rotations ? 1 : 2;
  c.width = c.head_width = 8;
  return [c, in](Program<T>& g, Params<T>& p) { return make_network<T>(p, c, in)(g); };
}

// In two and three dimensions, under every group that it may have.
template <class T>
void add_cloud_model(LayerTable<T>& t, const std::string& name) {
  TrainConfig c;
  c.model = name;
  const bool framed = models()[name].invariance == Invariance::frame;
  const std::vector<std::string> groups = framed ? point_groups().names() : std::vector<std::string>{"O"};
  for (const Index d : {2, 3})
    for (const std::string& group : groups) {
      if (d == 2 && models()[name].invariance == Invariance::turns) continue;  // tfn is for 3 dimensions
      const Part cloud{"x", 5, d};
      c.frame_group = group;
      t.add_on_cloud(name, *point_group(c), cloud,
                     small_model<T>(name, cloud, PermutationGroup::symmetric(5), group), may_be_undefined(c));
    }
}

// The models of `eqnn train`, small, each on a kind of input that its values do not change under the group of. One
// that reads features has the symmetries of these, and none here.
template <class T>
void add_models(LayerTable<T>& t) {
  const std::vector<Part> graph{{"adjacency", kNodes, kNodes}}, set{{"x", kNodes, 2}}, line{{"x", 12, 2}};
  const auto all = PermutationGroup::symmetric(kNodes);
  for (const std::string& name : models().names()) {
    const Invariance invariance = models()[name].invariance;
    const auto model = [&](const Part& x, std::optional<PermutationGroup> group) {
      return small_model<T>(name, x, std::move(group));
    };
    switch (invariance) {
      case Invariance::nodes:
        t.add_on_points(name, "S_n", graph, Output::invariant, model(graph[0], {}));
        break;
      case Invariance::points:
        t.add_on_points(name, "S_n", set, Output::invariant, model(set[0], all));
        break;
      case Invariance::shifts:
      case Invariance::group:
        t.add_on_points(name, "C_n", line, Output::invariant, model(line[0], PermutationGroup::cyclic(12)));
        break;
      case Invariance::nothing:
        t.add(
            name, "S_n", set,
            [all](const Tries& tries) { return permutations(all, Output::invariant, tries.seed); },
            model(set[0], {}), false, false);
        break;
      case Invariance::motions:
      case Invariance::turns:
      case Invariance::rotations:
      case Invariance::frame:
        add_cloud_model(t, name);
        break;
      case Invariance::features:
        break;
    }
  }
}

template <class T>
void add_all(std::vector<Layer>& layers) {
  LayerTable<T> table(layers);
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
