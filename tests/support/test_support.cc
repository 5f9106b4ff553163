// The checks of symmetry and of gradients find what is wrong.
#include <doctest/doctest.h>
#include <eqnn/nn/points.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "support/equivariance.h"
#include "support/gradcheck.h"

namespace test_support {

using namespace eqnn;

TEST_CASE("the permutations of the symmetry check are permutations, extreme ones among them") {
  for (const Index n : {1, 2, 5}) {
    const auto list = testing::permutations(n, 4, 1);
    CHECK(list.size() == 9);
    for (testing::Permutation p : list) {
      std::sort(p.begin(), p.end());
      CHECK(p == list[0]);
    }
  }
  const auto list = testing::permutations(4, 0, 1);
  CHECK(list[1] == testing::Permutation{1, 0, 2, 3});
  CHECK(list[2] == testing::Permutation{3, 1, 2, 0});
  CHECK(list[3] == testing::Permutation{1, 2, 3, 0});
  CHECK(list[4] == testing::Permutation{3, 2, 1, 0});
}

TEST_CASE_TEMPLATE("a layer that looks at positions fails the symmetry check", T, float, double) {
  Params<T> p;
  p.freeze();
  const auto scaled_by_position = [](Tensor<T> x) {
    return x.program().record({
        .name = "scaled_by_position",
        .inputs = {x},
        .shape = x.shape(),
        .forward =
            [n = x.shape().points](const Call<T>& call) {
              for (Index i = 0; i < call.out().rows; ++i)
                for (Index j = 0; j < call.out().cols; ++j)
                  call.out()(i, j) = call.in(0)(i, j) * static_cast<T>(i % n);
            },
        .backward = nullptr,
    });
  };
  CHECK(testing::equivariance_error(p, scaled_by_position) > 0.01);
  CHECK(testing::equivariance_error(p, [&](Tensor<T> x) { return sum_points(scaled_by_position(x)); }) > 0.01);
  CHECK(testing::equivariance_error(p, [](Tensor<T> x) { return flatten(x); }) > 0.01);
  // Only the group that is asked about counts: this layer is symmetric under the identity.
  testing::EquivarianceOptions trivial;
  trivial.elements = {testing::permutations(trivial.points, 0, 1)[0]};
  CHECK(testing::equivariance_error(p, scaled_by_position, trivial) == 0);
}

TEST_CASE("the gradient check finds a wrong gradient") {
  Params<double> p;
  const Param value = p.weight("x", 6, 3);
  testing::draw_off_zero(p, 13);
  const auto cube = [](Tensor<double> x, double factor) {
    return x.program().record({
        .name = "cube",
        .inputs = {x},
        .shape = x.shape(),
        .forward =
            [](const Call<double>& call) {
              for (Index i = 0; i < call.out().rows; ++i)
                for (Index j = 0; j < call.out().cols; ++j) call.out()(i, j) = std::pow(call.in(0)(i, j), 3);
            },
        .backward =
            [factor](const Call<double>& call) {
              for (Index i = 0; i < call.out().rows; ++i)
                for (Index j = 0; j < call.out().cols; ++j)
                  call.in_gradient(0)(i, j) +=
                      factor * call.in(0)(i, j) * call.in(0)(i, j) * call.out_gradient()(i, j);
            },
    });
  };
  const auto error = [&](double factor) {
    const auto model = [&](Program<double>& g) { return cube(testing::parameter_as_input(g, value, 2), factor); };
    return testing::gradcheck(p, model, [](Workspace<double>&) {}).error;
  };
  CHECK(error(3) <= 1e-9);
  CHECK(error(3.0001) > 1e-6);
}

}  // namespace test_support
