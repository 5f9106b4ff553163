// Weighted frames of point clouds: elements and weights by hand, symmetry, continuity where every other frame
// jumps.
#include <doctest/doctest.h>
#include <eqnn/nn/dense.h>
#include <eqnn/nn/points.h>
#include <eqnn/nn/weighted_frames.h>

#include <cmath>
#include <vector>

#include "support/clouds.h"
#include "support/equivariance.h"
#include "support/evaluate.h"
#include "support/gradcheck.h"

namespace test_weighted_frames {

using namespace eqnn;
using reference::Dense;

namespace {

constexpr PointGroup kGroups[] = {PointGroup::so, PointGroup::o, PointGroup::se, PointGroup::e};

Dense cloud(Index d, std::vector<double> values) {
  Dense x(static_cast<Index>(values.size()) / d, d);
  x.data = std::move(values);
  return x;
}

std::vector<Dense> forms_of(const std::vector<Dense>& clouds, PointGroup group) {
  Params<double> p;
  p.freeze();
  return testing::evaluate(
      p, [&](Tensor<double> x) { return weighted_frame(x, group).forms; }, clouds);
}
std::vector<Dense> weights_of(const std::vector<Dense>& clouds, PointGroup group) {
  Params<double> p;
  p.freeze();
  return testing::evaluate(
      p, [&](Tensor<double> x) { return weighted_frame(x, group).weights; }, clouds);
}

// An average of a network without symmetry over the frame.
template <class T>
struct Average {
  Average(Params<T>& p, Index n, Index d, PointGroup g) : net(p, "net", {n * d, 9, 2}, Activation::tanh), group(g) {
    testing::draw_off_zero(p, 3, 0.05, 0.6);
  }
  Tensor<T> operator()(Tensor<T> x) const {
    const auto frame = weighted_frame(x, group);
    return weighted_sum(net(frame.forms), frame.weights);
  }
  Mlp<T> net;
  PointGroup group;
};

void check_near(const Dense& a, const std::vector<double>& b) {
  REQUIRE(a.data.size() == b.size());
  for (std::size_t i = 0; i < b.size(); ++i) CHECK(a.data[i] == doctest::Approx(b[i]).epsilon(1e-14));
}

}  // namespace

TEST_CASE("weighted frames: elements and weights by hand") {
  const Dense flat = cloud(2, {3, 4, 0, 5, -1, 0});
  check_near(forms_of({flat}, PointGroup::so)[0], {5, 0, 4, 3, -0.6, 0.8, 4, -3, 5, 0, 0, 1, -3, -4, 0, -5, 1, 0});
  check_near(weights_of({flat}, PointGroup::so)[0], {25.0 / 51, 25.0 / 51, 1.0 / 51});
  check_near(weights_of({flat}, PointGroup::o)[0],
             {25.0 / 102, 25.0 / 102, 25.0 / 102, 25.0 / 102, 1.0 / 102, 1.0 / 102});
  const Dense mirrored = forms_of({flat}, PointGroup::o)[0];
  check_near(mirrored, {5, 0, 4, 3, -0.6, 0.8, 5,  0,  4, -3, -0.6, -0.8, 4,  -3, 5, 0, 0, 1,
                        4, 3, 5, 0, 0,    -1,  -3, -4, 0, -5, 1,    0,    -3, 4,  0, 5, 1, 0});
  // Three points: element (1, 0) has u_1 = (0, 1, 0), v = (3, 0, 0) of x_0; element (1, 2) has v = (0, 0, 2).
  const Dense solid = cloud(3, {3, 4, 0, 0, 5, 0, 0, 0, 2});
  const Dense forms = forms_of({solid}, PointGroup::so)[0], weights = weights_of({solid}, PointGroup::so)[0];
  REQUIRE(forms.rows == 6);
  check_near(cloud(1, {forms.data.begin() + 18, forms.data.begin() + 27}), {4, 3, 0, 5, 0, 0, 0, 0, -2});
  check_near(cloud(1, {forms.data.begin() + 27, forms.data.begin() + 36}), {4, 0, 3, 5, 0, 0, 0, 2, 0});
  CHECK(weights(2, 0) == doctest::Approx(25.0 / 54 * 9 / 13));
  CHECK(weights(3, 0) == doctest::Approx(25.0 / 54 * 4 / 13));
  for (const Index d : {2, 3})
    for (const PointGroup group : kGroups) {
      const Dense w = weights_of({testing::random_cloud(5, d, 1)}, group)[0];
      CHECK(w.rows == weighted_elements(group, 5, d));
      double sum = 0;
      for (const double v : w.data) sum += v;
      CHECK(sum == doctest::Approx(1).epsilon(1e-14));
    }
}

TEST_CASE_TEMPLATE("weighted frames: averages are symmetric, degenerate clouds included", T, float, double) {
  for (const Index d : {2, 3})
    for (const PointGroup group : kGroups) {
      Params<T> p;
      const Average<T> f(p, 4, d, group);
      Dense line(4, d), same(4, d), square(4, d);
      for (Index i = 0; i < 4; ++i) {
        for (Index k = 0; k < d; ++k) line(i, k) = static_cast<double>((i - 1) * (k + 1)) / 4;
        same(i, 0) = 1;
        square(i, i % 2) = i < 2 ? 1 : -1;
      }
      const std::vector<Dense> clouds = {testing::random_cloud(4, d, 5), line, same, square, Dense(4, d)};
      const auto motions = testing::motions(d, has_reflections(group), has_translations(group), 8, 6);
      double error = 0;
      for (const Dense& x : clouds) {
        std::vector<Dense> all = {x};
        for (const auto& m : motions) all.push_back(testing::moved(x, m, true));
        const auto y = testing::evaluate(p, f, all);
        for (const Dense& v : y) error = reference::worse(error, testing::relative_error(v, y[0]));
      }
      INFO("d ", d, " group ", static_cast<int>(group));
      CHECK(error <= testing::equivariance_tolerance<T>());
    }
  // A rotation frame sees mirrors, a frame without translations sees shifts.
  Params<T> p;
  const Average<T> f(p, 4, 3, PointGroup::so);
  const Dense x = testing::random_cloud(4, 3, 9);
  const auto y = testing::evaluate(p, f,
                                   {x, testing::moved(x, testing::random_motion(3, true, false, 1), true),
                                    testing::moved(x, testing::random_motion(3, false, true, 2), true)});
  CHECK(testing::relative_error(y[1], y[0]) > 1e-3);
  CHECK(testing::relative_error(y[2], y[0]) > 1e-3);
}

TEST_CASE("weighted frames: small changes of any cloud change the average little") {
  for (const Index d : {2, 3}) {
    Params<double> p;
    const Average<double> f(p, 4, d, PointGroup::o);
    Dense line(4, d), square(4, d), missing = testing::random_cloud(4, d, 21);
    for (Index i = 0; i < 4; ++i) {
      for (Index k = 0; k < d; ++k) line(i, k) = static_cast<double>((i - 1) * (k + 1)) / 4;
      square(i, i % 2) = i < 2 ? 1 : -1;
    }
    for (Index k = 0; k < d; ++k) missing(0, k) = 0;  // a point in the origin: its own axes jump
    for (const Dense& x : {line, square, missing, Dense(4, d)})
      for (const double step : {1e-3, 1e-6}) {
        std::vector<Dense> all = {x};
        for (std::uint64_t seed = 0; seed < 10; ++seed) {
          Dense near = testing::random_cloud(4, d, seed);
          for (std::size_t i = 0; i < near.data.size(); ++i) near.data[i] = x.data[i] + step * near.data[i];
          all.push_back(near);
        }
        const auto y = testing::evaluate(p, f, all);
        for (const Dense& v : y) CHECK(testing::relative_error(v, y[0]) <= 20 * step);
      }
  }
}

TEST_CASE("weighted frames: gradients of the sum, and what is refused") {
  Params<double> p;
  const Param y = p.weight("y", 3 * 4, 5), w = p.weight("w", 3 * 4, 1), x = p.weight("x", 2 * 4, 2);
  testing::draw_off_zero(p, 7);
  testing::check_gradient(p, [&](Program<double>& g) {
    return square(weighted_sum(testing::parameter_as_input(g, y, 4), testing::parameter_as_input(g, w, 4)));
  });
  Program<double> g(2, Mode::train);
  const auto shaped = [&](const char* name, Index n, Index c) {
    return g.input(name, {.points = n, .channels = c});
  };
  CHECK_THROWS_AS(weighted_frame(shaped("a", 4, 1), PointGroup::o), ShapeError);
  CHECK_THROWS_AS(weighted_frame(shaped("b", 4, 4), PointGroup::o), ShapeError);
  CHECK_THROWS_AS(weighted_frame(shaped("c", 1, 2), PointGroup::o), ShapeError);
  CHECK_THROWS_AS(weighted_sum(shaped("d", 4, 2), shaped("e", 3, 1)), ShapeError);
  CHECK_THROWS_AS(weighted_sum(shaped("f", 4, 2), shaped("h", 4, 2)), ShapeError);
  CHECK_THROWS_AS(weighted_frame(testing::parameter_as_input(g, x, 4), PointGroup::o), ShapeError);
}

}  // namespace test_weighted_frames
