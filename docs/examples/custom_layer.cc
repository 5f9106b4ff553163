// A layer of one's own, the graph isomorphism layer of Xu et al. (ICLR 2019), with the tests that a layer
// should have: symmetry, gradient, and that it trains. docs/add-a-layer.md explains it.

#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>
#include <eqnn/eqnn.h>

#include "../../tests/support/equivariance.h"
#include "../../tests/support/gradcheck.h"

using namespace eqnn;

// x'_i = mlp((1 + epsilon) x_i + sum_j A_ij x_j): [b, n, in], [b, n, n] -> [b, n, out].
// Equivariant under permutations of the nodes. Parameters: NAME.mlp.0.weight, NAME.mlp.0.bias, ...
template <class T>
struct GinLayer {
  GinLayer(Params<T>& p, const std::string& name, Index in, Index out, double self = 0)
      : mlp(p, name + ".mlp", {in, out, out}), epsilon(self) {}
  Tensor<T> operator()(Tensor<T> x, Tensor<T> adjacency) const {
    return mlp(add(scale(x, 1 + epsilon), neighbor_sum(x, adjacency)));
  }
  Mlp<T> mlp;
  double epsilon;
};

TEST_CASE_TEMPLATE("GinLayer is equivariant under permutations", T, float, double) {
  for (const Index points : {1, 2, 7, 15}) {
    Params<T> p;
    const GinLayer<T> layer(p, "gin", 3, 20, 0.5);
    p.initialize(kaiming_uniform, 1);
    testing::check_equivariance(p, layer, {.points = points});
  }
}

TEST_CASE("the gradient of GinLayer equals differences") {
  Params<double> p;
  const GinLayer<double> layer(p, "gin", 2, 9, 0.5);
  testing::draw_off_zero(p, 2, 0.05, 0.5);
  const auto model = [&](Program<double>& g) {
    return layer(g.input("x", {.points = 5, .channels = 2}), g.input("adjacency", {.points = 5, .channels = 5}));
  };
  const auto fill = [](Workspace<double>& w) {
    Draws d({3, Stream::user, 0, 0});
    const Block<double> x = w.input("x"), a = w.input("adjacency");
    for (Index e = 0; e < x.examples; ++e)
      for (Index i = 0; i < 5; ++i) {
        for (Index c = 0; c < 2; ++c) x(e, i, c) = d.normal();
        for (Index j = 0; j < i; ++j) a(e, i, j) = a(e, j, i) = d.below(2);
      }
  };
  testing::check_gradient(p, model, fill, {.step = 1e-5}, 1e-8);  // small: relu has kinks
}

TEST_CASE("two GinLayer layers learn the number of nodes with two neighbours") {
  constexpr Index n = 6;
  Params<float> p;
  const GinLayer<float> first(p, "layers.0", 1, 32), second(p, "layers.1", 32, 32);
  const Linear<float> head(p, "head", 32, 1);
  p.initialize(kaiming_uniform, 4);
  const auto model = [&](Program<float>& g) {
    const auto a = g.input("adjacency", {.points = n, .channels = n});
    auto x = constant(g, {.points = n}, 1.0);
    x = relu(second(relu(first(x, a)), a));
    return squared_error(head(sum_points(x)), g.input("y", {}));
  };
  Trainer<float> trainer(p, {.batch = 32, .optimizer = Adam{.rate = 3e-3}}, model);
  const auto fill = [](Batch<float>& b, Stream stream) {
    const Block<float> a = b["adjacency"], y = b["y"];
    for (Index e = 0; e < a.examples; ++e) {
      Draws d({5, stream, b.step, static_cast<std::uint64_t>(b.first + e)});
      y(e) = 0;
      for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < i; ++j) a(e, i, j) = a(e, j, i) = static_cast<float>(d.below(2));
      for (Index i = 0; i < n; ++i) {
        float degree = 0;
        for (Index j = 0; j < n; ++j) degree += a(e, i, j);
        if (degree == 2) y(e) += 1;
      }
    }
  };
  const auto test_loss = [&] { return trainer.evaluate(1000, [&](Batch<float>& b) { fill(b, Stream::test); }); };
  const double before = test_loss();
  for (int step = 0; step < 2000; ++step) trainer.step([&](Batch<float>& b) { fill(b, Stream::train); });
  const double after = test_loss();
  CHECK(after < before / 20);
}
