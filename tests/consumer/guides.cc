// The pieces of the guides that are in no example, compiled and tried: those of docs/add-an-operation.md,
// docs/extending.md, docs/frames.md and docs/steerable-features.md.
#include <doctest/doctest.h>
#include <eqnn/eqnn.h>

#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "support/equivariance.h"
#include "support/gradcheck.h"

using namespace eqnn;

// y = log(1 + e^x), any shape.
template <class T>
Tensor<T> softplus(Tensor<T> x) {
  return x.program().record({
      .name = "softplus",
      .inputs = {x},
      .shape = x.shape(),
      .forward =
          [](const Call<T>& call) {
            for (Index i = 0; i < call.out().rows; ++i)
              for (Index j = 0; j < call.out().cols; ++j) call.out()(i, j) = std::log1p(std::exp(call.in(0)(i, j)));
          },
      .backward =
          [](const Call<T>& call) {
            for (Index i = 0; i < call.out().rows; ++i)
              for (Index j = 0; j < call.out().cols; ++j)
                call.in_gradient(0)(i, j) += call.out_gradient()(i, j) / (1 + std::exp(-call.in(0)(i, j)));
          },
  });
}

TEST_CASE("the gradient of softplus equals differences") {
  Params<double> p;
  const Param x = p.weight("x", 12, 5);  // 3 examples of 4 points, 5 channels
  testing::draw_off_zero(p, 1);
  const auto once = [&](Program<double>& g) { return softplus(testing::parameter_as_input(g, x, 4)); };
  const auto among_others = [&](Program<double>& g) {
    const auto v = tanh(testing::parameter_as_input(g, x, 4));
    return add(mul(softplus(v), v), softplus(scale(v, 2)));
  };
  testing::check_gradient(p, once);
  testing::check_gradient(p, among_others);
}

// The same with `overwrites`.
template <class T>
Tensor<T> overwriting_softplus(Tensor<T> x) {
  return x.program().record({
      .name = "softplus",
      .inputs = {x},
      .shape = x.shape(),
      .forward =
          [](const Call<T>& call) {
            const MatrixView<T> y = call.out();
            for (Index i = 0; i < y.rows; ++i)
              for (Index j = 0; j < y.stride; ++j)
                y(i, j) = j < y.cols ? std::log1p(std::exp(call.in(0)(i, j))) : T(0);
          },
      .backward =
          [](const Call<T>& call) {
            const MatrixView<T> dx = call.in_gradient(0);
            for (Index i = 0; i < dx.rows; ++i)
              for (Index j = 0; j < dx.stride; ++j) {
                const T d = call.out_gradient()(i, j) / (1 + std::exp(-call.in(0)(i, j)));
                dx(i, j) = call.accumulate(0) ? dx(i, j) + d : d;
              }
          },
      .overwrites = true,
  });
}

TEST_CASE("the gradient of softplus that overwrites equals differences, and its padding stays zero") {
  Params<double> p;
  const Param x = p.weight("x", 12, 5);
  testing::draw_off_zero(p, 1);
  testing::check_gradient(p, [&](Program<double>& g) {
    const auto v = tanh(testing::parameter_as_input(g, x, 4));
    return add(mul(overwriting_softplus(v), v), overwriting_softplus(scale(v, 2)));
  });
}

// p -= r g / |g|, |g| over all parameters.
struct NormalizedSgd {
  double rate = 1e-2;
  static constexpr std::string_view name = "normalized-sgd";
  template <class O, class Each>
  static void settings(O& o, const Each& each) {
    each("rate", o.rate);
  }
  void check() const;
  std::vector<std::string> moments() const { return {}; }
  template <class T>
  void update(const UpdateStep& step, const UpdateRange<T>& range) const;
};

void NormalizedSgd::check() const { require<ValueError>(rate > 0, "rate is ", rate, "; it must be above 0"); }

template <class T>
void NormalizedSgd::update(const UpdateStep& step, const UpdateRange<T>& range) const {
  T norm = 0;  // here one range has all of the parameters
  for (Index i = 0; i < range.size; ++i) norm += range.gradient()[i] * range.gradient()[i];
  const T factor = static_cast<T>(step.rate_factor * rate) / std::sqrt(norm);
  for (Index i = 0; i < range.size; ++i) range.parameters()[i] -= factor * range.gradient()[i];
}

TEST_CASE("an optimiser as docs/extending.md has it steps by its rate") {
  NormalizedSgd o{.rate = 0.5};
  o.check();
  int settings = 0;
  NormalizedSgd::settings(o, [&](const char* name, double value) {
    CHECK(std::string(name) == "rate");
    settings += value == 0.5 ? 1 : 100;
  });
  CHECK(settings == 1);
  CHECK(o.moments().empty());
  std::vector<float> p = {1, 1}, g = {3, 4};
  o.update(UpdateStep{}, UpdateRange<float>{0, 2, p.data(), g.data(), {}});
  CHECK(p[0] == doctest::Approx(0.7));
  CHECK(p[1] == doctest::Approx(0.6));
}

namespace {

// The values of the outputs of what `record(g, x)` records, on 3 clouds of n points; `turn`: with their axes
// turned, (x, y, z) to (y, z, x).
template <class Record>
std::vector<std::vector<float>> outputs(const Params<float>& p, Index n, bool turn,
                                        const std::vector<std::string>& names, const Record& record) {
  Program<float> g(3, Mode::evaluate);
  record(g, g.input("x", {.points = n, .channels = 3}));
  g.finish();
  Workspace<float> w(g);
  w.bind({.examples = 3});
  const Block<float> x = w.input("x");
  Draws d({1, Stream::user, 0, 0});
  for (Index e = 0; e < 3; ++e)
    for (Index i = 0; i < n; ++i)
      for (Index c = 0; c < 3; ++c) x(e, i, turn ? (c + 2) % 3 : c) = static_cast<float>(d.normal());
  g.forward(w, p.values().data());
  std::vector<std::vector<float>> found;
  for (const std::string& name : names) {
    const Block<const float> y = w.output(name);
    found.emplace_back();
    for (Index e = 0; e < y.examples; ++e)
      for (Index i = 0; i < y.points; ++i)
        for (Index c = 0; c < y.channels; ++c) found.back().push_back(y(e, i, c));
  }
  return found;
}

void check_near(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == doctest::Approx(b[i]).epsilon(1e-4));
}

}  // namespace

TEST_CASE("the averages of docs/frames.md are invariant, and the two by principal axes the same") {
  Params<float> p;
  const Mlp<float> head(p, "head", {15, 16, 1});
  p.initialize(kaiming_uniform, 1);
  const auto record = [&](Program<float>& g, Tensor<float> x) {
    // Invariant under S_n, whatever `head` does with its n c numbers:
    auto sorted = invariant_average(x, PermutationFrame::sort, [&](auto z) { return head(flatten(z)); });

    // Invariant under rotations, reflections and translations of a cloud [b, n, 3]:
    auto frame = pca_frame(x, PointGroup::e);
    g.output("frame", frame.value);  // to count what is undefined, see below
    auto turned = invariant_average(x, frame, [&](auto z) { return head(flatten(z)); });
    // The same, with the 8 elements as points, so that `head` runs once on all of them:
    auto same = mean_points(head(frame_points(to_axes(x, frame), frame)));

    g.output("sorted", sorted);
    g.output("turned", turned);
    g.output("same", same);
  };
  const auto plain = outputs(p, 5, false, {"sorted", "turned", "same"}, record);
  const auto moved = outputs(p, 5, true, {"sorted", "turned", "same"}, record);
  check_near(plain[1], plain[2]);
  check_near(plain[1], moved[1]);
  CHECK(plain[0].size() == 3);
  CHECK(plain[0] != moved[0]);  // turned, and not permuted
}

TEST_CASE("the average over a weighted frame of docs/frames.md is invariant") {
  Params<float> p;
  const Mlp<float> head(p, "head", {15, 16, 1});
  p.initialize(kaiming_uniform, 1);
  const auto record = [&](Program<float>& g, Tensor<float> x) {
    auto frame = weighted_frame(x, PointGroup::o);
    auto f = weighted_sum(head(frame.forms), frame.weights);
    g.output("f", f);
  };
  check_near(outputs(p, 5, false, {"f"}, record)[0], outputs(p, 5, true, {"f"}, record)[0]);
}

TEST_CASE("the energy of docs/steerable-features.md does not turn, and the force does") {
  constexpr Index n = 6;
  Params<float> p;
  const TensorFieldOptions o{.filter = 2, .cutoff = 5};  // harmonics to degree 2; neighbours nearer than 5
  const TensorFieldLayer<float> first(p, "0", {1}, {16, 8, 4}, o), last(p, "1", {16, 8, 4}, {16, 1}, o);
  const Linear<float> head(p, "head", 16, 1);
  p.initialize(kaiming_uniform, 1);
  const auto record = [&](Program<float>& g, Tensor<float> x) {
    const auto pairs = pair_geometry(x, o);                // x [b, n, 3]
    Steerable<float> h = {constant(g, {.points = n}, 1)};  // one scalar a point
    h = last(first(h, pairs), pairs);                      // h[0] [b, n, 16], h[1] [b, 3 n, 1]
    const auto energy = head(sum_points(h[0]));            // [b, 1, 1], does not change as x turns
    const auto force = from_components(h[1], 1);           // [b, n, 3], turns with x
    g.output("energy", energy);
    g.output("force", force);
  };
  const auto plain = outputs(p, n, false, {"energy", "force"}, record);
  const auto turned = outputs(p, n, true, {"energy", "force"}, record);
  check_near(plain[0], turned[0]);
  std::vector<float> back;
  for (std::size_t i = 0; i < turned[1].size(); ++i) back.push_back(turned[1][i / 3 * 3 + (i + 2) % 3]);
  check_near(plain[1], back);
  CHECK(plain[1] != turned[1]);
}
