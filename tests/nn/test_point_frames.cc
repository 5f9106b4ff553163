// PCA frames of point clouds: principal axes, symmetry under rotations, reflections and translations wherever the
// frame is defined, the count of where it is not, gradients through the frame.
#include <doctest/doctest.h>
#include <eqnn/nn/dense.h>
#include <eqnn/nn/point_frames.h>
#include <eqnn/nn/points.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "support/clouds.h"
#include "support/equivariance.h"
#include "support/evaluate.h"
#include "support/gradcheck.h"

namespace test_point_frames {

using namespace eqnn;
using reference::Dense;
using testing::Motion;

namespace {

constexpr PointGroup kGroups[] = {PointGroup::so, PointGroup::o, PointGroup::se, PointGroup::e};

Pca pca_of(const Dense& x, PointGroup group, double min_gap = kMinEigenvalueGap) {
  return pca<double>({x.data.data(), x.rows, x.cols, x.cols}, group, min_gap);
}

template <class T>
Index undefined_of(const std::vector<Dense>& clouds, PointGroup group, double min_gap = kMinEigenvalueGap) {
  Params<T> p;
  p.freeze();
  const auto values = testing::evaluate(
      p, [&](Tensor<T> x) { return pca_frame(x, group, min_gap).value; }, clouds);
  std::vector<T> flat;
  for (const Dense& v : values)
    for (const double entry : v.data) flat.push_back(static_cast<T>(entry));
  const Index d = clouds[0].cols;
  return undefined_frames(Block<const T>{flat.data(), static_cast<Index>(values.size()), d + 2, d, d});
}

// n points with second moments of eigenvalues `values` around zero, in a random orientation.
Dense planted(const std::vector<double>& values, std::uint64_t seed) {
  const Index d = static_cast<Index>(values.size());
  Dense x(2 * d, d);
  for (Index k = 0; k < d; ++k)
    for (Index s = 0; s < 2; ++s)
      x(2 * k + s, k) = (s == 0 ? 1 : -1) * std::sqrt(static_cast<double>(d) * values[static_cast<std::size_t>(k)]);
  return testing::moved(x, testing::random_motion(d, false, false, seed), true);
}

template <class T>
struct Models {
  Models(Params<T>& p, Index n, Index d)
      : head(p, "head", {n * d, 6, 3}, Activation::tanh), turn(p, "turn", {d, 7, d}, Activation::tanh) {
    testing::draw_off_zero(p, 3, 0.05, 0.6);  // biases too: without them an average over all signs is zero
  }
  Mlp<T> head, turn;  // no symmetry of their own
};

}  // namespace

// --- principal axes ------------------------------------------------------------------------------------

TEST_CASE("principal axes are the eigenvectors of the second moments") {
  for (const Index d : {2, 3})
    for (const PointGroup group : kGroups)
      for (std::uint64_t seed = 0; seed < 30; ++seed) {
        const Dense x = testing::random_cloud(d + static_cast<Index>(seed % 5), d, seed);
        const Pca r = pca_of(x, group);
        Dense c(d, d), u(d, d);
        for (Index i = 0; i < d; ++i)
          for (Index k = 0; k < d; ++k) u(i, k) = r.axes[static_cast<std::size_t>(3 * i + k)];
        for (Index p = 0; p < x.rows; ++p)
          for (Index i = 0; i < d; ++i)
            for (Index k = 0; k < d; ++k)
              c(i, k) += (x(p, i) - r.centre[static_cast<std::size_t>(i)]) *
                         (x(p, k) - r.centre[static_cast<std::size_t>(k)]) / static_cast<double>(x.rows);
        const Dense diagonal = reference::product(reference::transposed(u), reference::product(c, u));
        const Dense unit = reference::product(reference::transposed(u), u);
        double error = 0;
        for (Index i = 0; i < d; ++i)
          for (Index k = 0; k < d; ++k) {
            const double value = i == k ? r.eigenvalues[static_cast<std::size_t>(i)] : 0;
            error = reference::worse(error, std::abs(diagonal(i, k) - value) / r.eigenvalues[0]);
            error = reference::worse(error, std::abs(unit(i, k) - (i == k)));
          }
        CHECK(error <= 1e-14);
        CHECK(testing::determinant(u) == doctest::Approx(1));
        CHECK(r.eigenvalues[0] >= r.eigenvalues[1]);
        if (!has_translations(group)) CHECK(r.centre == std::array<double, 3>{});
      }
}

TEST_CASE("the elements of a frame are all signs, or those of determinant 1") {
  for (const Index d : {2, 3})
    for (const PointGroup group : kGroups) {
      std::vector<std::array<double, 3>> seen;
      for (Index k = 0; k < pca_elements(group, d); ++k) {
        const auto s = pca_signs(group, d, k);
        CHECK(std::find(seen.begin(), seen.end(), s) == seen.end());
        if (!has_reflections(group)) CHECK(s[0] * s[1] * s[2] == 1);
        seen.push_back(s);
      }
      CHECK(static_cast<Index>(seen.size()) == (has_reflections(group) ? 1 << d : 1 << (d - 1)));
    }
}

TEST_CASE_TEMPLATE("raw canonical clouds are those of the operations", T, float, double) {
  for (const Index d : {2, 3})
    for (const PointGroup group : kGroups) {
      Params<T> p;
      p.freeze();
      const Dense x = testing::random_cloud(5, d, 7);
      Matrix<T> cloud(5, d);
      for (Index i = 0; i < 5; ++i)
        for (Index j = 0; j < d; ++j) cloud(i, j) = static_cast<T>(x(i, j));
      const Pca r = pca<T>(cloud.view(), group);
      const auto all_elements = [&](Tensor<T> t) {
        const auto frame = pca_frame(t, group);
        return frame_points(to_axes(t, frame), frame);
      };
      const Dense points = testing::evaluate(p, all_elements, {x})[0];
      REQUIRE(points.rows == pca_elements(group, d));
      for (Index k = 0; k < points.rows; ++k) {
        const auto one_element = [&](Tensor<T> t) {
          const auto frame = pca_frame(t, group);
          return frame_element(to_axes(t, frame), frame, k);
        };
        const Dense element = testing::evaluate(p, one_element, {x})[0];
        Matrix<T> y(5, d), in_place(5, d);
        pca_form<T>(r, group, k, cloud.view(), y.view());
        CHECK(testing::relative_error(reference::dense(y.view()), element) <= (sizeof(T) == 4 ? 1e-6 : 1e-14));
        for (Index i = 0; i < 5 * d; ++i) CHECK(points(k, i) == element(i / d, i % d));
        std::copy_n(cloud.data(), 5 * cloud.stride(), in_place.data());
        pca_form<T>(r, group, k, in_place.view(), in_place.view());
        CHECK(reference::dense(in_place.view()).data == reference::dense(y.view()).data);
      }
    }
}

TEST_CASE("canonical frames have the largest entry of every axis positive, and determinant 1 without reflections") {
  for (const Index d : {2, 3})
    for (const PointGroup group : kGroups) {
      Params<double> p;
      p.freeze();
      std::vector<Dense> clouds;
      for (std::uint64_t seed = 0; seed < 12; ++seed) clouds.push_back(testing::random_cloud(6, d, seed));
      const auto canonical = [&](Tensor<double> x) { return to_axes(x, canonical_frame(x, group)); };
      const auto form = testing::evaluate(p, canonical, clouds);
      for (std::size_t e = 0; e < clouds.size(); ++e) {
        Matrix<double> cloud(6, d), element(6, d);
        for (Index i = 0; i < 6; ++i)
          for (Index k = 0; k < d; ++k) cloud(i, k) = clouds[e](i, k);
        bool found = false;  // it is one of the elements of the frame
        for (Index k = 0; k < pca_elements(group, d); ++k) {
          pca_form<double>(pca<double>(cloud.view(), group), group, k, cloud.view(), element.view());
          found = found || testing::relative_error(form[e], reference::dense(element.view())) < 1e-13;
        }
        CHECK(found);
        for (Index k = 0; k < (has_reflections(group) ? d : d - 1); ++k) {
          double largest = 0;
          for (Index i = 0; i < 6; ++i)
            if (std::abs(form[e](i, k)) > std::abs(largest)) largest = form[e](i, k);
          CHECK(largest > 0);
        }
      }
    }
}

TEST_CASE("canonical frames are undefined where entries of both signs tie") {
  const auto undefined = [](std::vector<double> values, PointGroup group) {
    Params<double> p;
    p.freeze();
    Dense x(3, 2);
    x.data = std::move(values);
    const Dense v = testing::evaluate(p, [&](Tensor<double> t) { return canonical_frame(t, group).value; }, {x})[0];
    return v(3, 0) == 0;
  };
  for (const PointGroup group : {PointGroup::o, PointGroup::so}) {
    CHECK(undefined({2, 0.5, -2, 0.5, 0, 0.7}, group));
    CHECK(!undefined({2.1, 0.5, -2, 0.5, 0, 0.7}, group));
    CHECK(!undefined({1, 1, 2, 2, -1, -1}, group));  // a line: nothing shows along the second axis
  }
  // A tie along the second axis, which no rule of SO(2) asks.
  CHECK(undefined({2, 0.5, 2, -0.5, 1, 0}, PointGroup::o));
  CHECK(!undefined({2, 0.5, 2, -0.5, 1, 0}, PointGroup::so));
}

// --- symmetry ------------------------------------------------------------------------------------------

TEST_CASE_TEMPLATE("averages over PCA frames are symmetric where the frame is defined", T, float, double) {
  for (const Index d : {2, 3})
    for (const PointGroup group : kGroups)
      for (const Index n : {d, d + 4}) {
        Params<T> p;
        const Models<T> models(p, n, d);
        const auto motions = testing::motions(d, has_reflections(group), has_translations(group), 6, 5);
        std::vector<Dense> clouds, all;
        for (std::uint64_t seed = 0; clouds.size() < 12; ++seed) {
          const Dense x = testing::random_cloud(n, d, 100 + seed);
          if (pca_of(x, group).defined) clouds.push_back(x);
        }
        for (const Motion& m : motions)
          for (const Dense& x : clouds) all.push_back(testing::moved(x, m, true));
        CHECK(undefined_of<T>(clouds, group) == 0);
        const auto invariant = [&](Tensor<T> x) {
          return invariant_average(x, pca_frame(x, group), [&](auto z) { return models.head(flatten(z)); });
        };
        const auto at_once = [&](Tensor<T> x) {
          const auto frame = pca_frame(x, group);
          return mean_points(models.head(frame_points(to_axes(x, frame), frame)));
        };
        const auto vectors = [&](Tensor<T> x) {
          return equivariant_average(x, pca_frame(x, group), Equivariant::vectors, models.turn);
        };
        const auto positions = [&](Tensor<T> x) {
          return equivariant_average(x, pca_frame(x, group), Equivariant::positions, models.turn);
        };
        const auto f = testing::evaluate(p, invariant, all), f1 = testing::evaluate(p, at_once, all);
        const auto v = testing::evaluate(p, vectors, all), x1 = testing::evaluate(p, positions, all);
        double error = 0, same = 0;
        for (std::size_t i = 0; i < all.size(); ++i) {
          const std::size_t k = i % clouds.size();
          const Motion& m = motions[i / clouds.size()];
          same = reference::worse(same, testing::relative_error(f1[i], f[i]));
          error = reference::worse(error, testing::relative_error(f[i], f[k]));
          error = reference::worse(error, testing::relative_error(v[i], testing::moved(v[k], m, false)));
          error = reference::worse(error, testing::relative_error(x1[i], testing::moved(x1[k], m, true)));
        }
        INFO("d ", d, " n ", n, " group ", static_cast<int>(group));
        CHECK(error <= testing::equivariance_tolerance<T>());
        CHECK(same <= testing::equivariance_tolerance<T>());
      }
}

TEST_CASE("a frame of too small a group fails for the larger one") {
  Params<double> p;
  const Models<double> models(p, 5, 3);
  const auto violation = [&](PointGroup group, const Motion& m) {
    const Dense x = testing::random_cloud(5, 3, 11);
    const auto f = testing::evaluate(p,
                                     [&](Tensor<double> t) {
                                       return invariant_average(t, pca_frame(t, group),
                                                                [&](auto z) { return models.head(flatten(z)); });
                                     },
                                     {x, testing::moved(x, m, true)});
    return testing::relative_error(f[1], f[0]);
  };
  const auto turn = testing::random_motion(3, false, false, 1), mirror = testing::random_motion(3, true, false, 2);
  const auto shift = testing::random_motion(3, false, true, 3);
  CHECK(violation(PointGroup::so, turn) <= 1e-12);
  CHECK(violation(PointGroup::so, mirror) > 1e-3);
  CHECK(violation(PointGroup::so, shift) > 1e-3);
  CHECK(violation(PointGroup::o, mirror) <= 1e-12);
  CHECK(violation(PointGroup::o, shift) > 1e-3);
  CHECK(violation(PointGroup::se, shift) <= 1e-12);
  CHECK(violation(PointGroup::se, mirror) > 1e-3);
}

TEST_CASE_TEMPLATE("certified up to the smallest gap, counted as undefined below", T, float, double) {
  for (const double gap : {1.1e-3, 1e-2, 0.1}) {
    Params<T> p;
    const Models<T> models(p, 6, 3);
    const auto average = [&](Tensor<T> x) {
      return invariant_average(x, pca_frame(x, PointGroup::o), [&](auto z) { return models.head(flatten(z)); });
    };
    double error = 0;
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      const Dense x = planted({1, 1 - gap, 0.3}, seed);
      std::vector<Dense> all = {x};
      for (const Motion& m : testing::motions(3, true, false, 6, seed)) all.push_back(testing::moved(x, m, true));
      CHECK(undefined_of<T>(all, PointGroup::o) == 0);
      const auto f = testing::evaluate(p, average, all);
      for (const Dense& y : f) error = reference::worse(error, testing::relative_error(y, f[0]));
    }
    INFO("gap ", gap);
    CHECK(error <= testing::equivariance_tolerance<T>());
  }
  for (const auto& values : {std::vector<double>{1, 1 - 0.9e-3, 0.3}, {1, 0.3, 0.3 - 0.9e-3}, {1, 1, 1}})
    CHECK(undefined_of<T>({planted(values, 1)}, PointGroup::o) == 1);
  CHECK(undefined_of<T>({planted({1, 1 - 0.9e-3}, 1), planted({1, 0.5}, 1)}, PointGroup::e) == 1);
  CHECK(undefined_of<T>({planted({1, 0.5}, 1)}, PointGroup::e, 0.6) == 1);
}

TEST_CASE_TEMPLATE("degenerate clouds: what is undefined, and what is not", T, float, double) {
  const auto cloud = [](std::vector<double> values, Index d) {
    Dense x(static_cast<Index>(values.size()) / d, d);
    x.data = std::move(values);
    return x;
  };
  const Dense equal = cloud({0.1, 0.7, 0.1, 0.7, 0.1, 0.7}, 2), line = cloud({1, 2, 3, 2, 4, 6, -1, -2, -3}, 3);
  const Dense plane = cloud({1, 0, 0, 0, 2, 0, -3, 1, 0}, 3), square = cloud({1, 1, -1, 1, -1, -1, 1, -1}, 2);
  const Dense tetrahedron = cloud({1, 1, 1, 1, -1, -1, -1, 1, -1, -1, -1, 1}, 3), origin(4, 3);
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinite = std::numeric_limits<double>::infinity();
  CHECK(undefined_of<T>({equal}, PointGroup::e) == 1);
  CHECK(undefined_of<T>({equal}, PointGroup::o) == 0);  // one direction, seen from the origin
  CHECK(undefined_of<T>({line}, PointGroup::e) == 1);
  CHECK(undefined_of<T>({plane}, PointGroup::e) == 0);
  CHECK(undefined_of<T>({plane}, PointGroup::so) == 0);
  CHECK(undefined_of<T>({square}, PointGroup::se) == 1);
  CHECK(undefined_of<T>({tetrahedron, origin}, PointGroup::o) == 2);
  CHECK(undefined_of<T>({cloud({1, nan, 0, 1, 2, 3}, 2), cloud({1, infinite, 0, 1, 2, 3}, 2)}, PointGroup::e) == 2);
  // Far from the origin, points that agree to all digits of T differ by rounding alone.
  Dense far = cloud({1e3 + 1e-14, 1, 1e3, 1, 1e3, 1 + 1e-14, 1e3, 1}, 2);
  CHECK(undefined_of<T>({far}, PointGroup::e) == 1);
  // The reflection at its plane leaves a flat cloud as it is: equivariant vectors have no normal part.
  Params<T> p;
  const Models<T> models(p, 3, 3);
  const auto vectors = [&](Tensor<T> x) {
    return equivariant_average(x, pca_frame(x, PointGroup::e), Equivariant::vectors, models.turn);
  };
  const Dense v = testing::evaluate(p, vectors, {plane})[0];
  for (Index i = 0; i < 3; ++i) CHECK(std::abs(v(i, 2)) <= (sizeof(T) == 4 ? 1e-6 : 1e-14));
}

// --- gradients -----------------------------------------------------------------------------------------

TEST_CASE("gradients through PCA frames, eigenvectors and all, equal differences") {
  for (const Index d : {2, 3})
    for (const PointGroup group : kGroups) {
      Params<double> p;
      const Param value = p.weight("x", 3 * 5, d);
      const Models<double> models(p, 5, d);
      testing::draw_off_zero(p, 31);
      std::vector<Dense> clouds(3, Dense(5, d));
      for (Index e = 0; e < 3; ++e)
        for (Index i = 0; i < 5; ++i)
          for (Index j = 0; j < d; ++j) clouds[static_cast<std::size_t>(e)](i, j) = p.view(value)(5 * e + i, j);
      REQUIRE(undefined_of<double>(clouds, group, 0.01) == 0);
      const auto no_inputs = [](Workspace<double>&) {};
      const testing::GradcheckOptions fine{.step = 1e-4};
      INFO("d ", d, " group ", static_cast<int>(group));
      testing::check_gradient(
          p,
          [&](Program<double>& g) {
            const auto x = testing::parameter_as_input(g, value, 5);
            return invariant_average(x, pca_frame(x, group), [&](auto z) { return models.head(flatten(z)); });
          },
          no_inputs, fine, 1e-8);
      testing::check_gradient(
          p,
          [&](Program<double>& g) {
            const auto x = testing::parameter_as_input(g, value, 5);
            const auto frame = pca_frame(x, group);
            return mean_points(models.head(frame_points(to_axes(x, frame), frame)));
          },
          no_inputs, fine, 1e-8);
      testing::check_gradient(
          p,
          [&](Program<double>& g) {
            const auto x = testing::parameter_as_input(g, value, 5);
            return models.head(flatten(to_axes(x, canonical_frame(x, group))));
          },
          no_inputs, fine, 1e-8);
      testing::check_gradient(
          p,
          [&](Program<double>& g) {
            const auto x = testing::parameter_as_input(g, value, 5);
            return equivariant_average(x, pca_frame(x, group), Equivariant::positions, models.turn);
          },
          no_inputs, fine, 1e-8);
    }
}

TEST_CASE("where the frame is undefined its axes count as constant") {
  Params<double> p;
  const Param value = p.weight("x", 3 * 5, 3);
  const Models<double> models(p, 5, 3);
  testing::draw_off_zero(p, 32);
  const auto gradient = [&](bool from_input, double min_gap) {
    Program<double> g(3, Mode::train);
    const auto x = testing::parameter_as_input(g, value, 5);
    const auto source = from_input ? g.input("x", {.points = 5, .channels = 3}) : x;
    const auto frame = pca_frame(source, PointGroup::o, min_gap);
    const auto f = invariant_average(x, frame, [&](auto z) { return models.head(flatten(z)); });
    g.finish(testing::weighted_sum(f, 1));
    Workspace<double> w(g);
    w.bind({3});
    if (from_input)
      for (Index i = 0; i < 15; ++i)
        for (Index j = 0; j < 3; ++j) w.input("x")(0, i, j) = p.view(value)(i, j);
    std::fill(w.weights().begin(), w.weights().end(), 1.0);
    AlignedBuffer<double> result(p.size());
    g.forward(w, p.values().data());
    g.backward(w, result.data(), true);
    return std::vector<double>(result.begin(), result.end());
  };
  CHECK(gradient(false, 0.999) == gradient(true, 0.999));
  CHECK(gradient(false, 1e-3) != gradient(true, 1e-3));
}

// --- what is refused -----------------------------------------------------------------------------------

TEST_CASE("point clouds of a wrong shape are refused") {
  const auto refused = [](Index n, Index d, const std::string& part) {
    bool recorded = false, raw = false;
    Program<double> g(2, Mode::evaluate);
    const auto has = [&](const Error& e) { return std::string(e.what()).find(part) != std::string::npos; };
    try {
      pca_frame(g.input("x", {.points = n, .channels = d}), PointGroup::e);
    } catch (const ShapeError& e) {
      recorded = has(e);
    }
    try {
      pca_of(Dense(n, d), PointGroup::e);
    } catch (const ShapeError& e) {
      raw = has(e);
    }
    return recorded && raw;
  };
  CHECK(refused(2, 3, "2 points in 3 dimensions"));
  CHECK(refused(1, 2, "1 points in 2 dimensions"));
  CHECK(refused(5, 1, "5 points in 1 dimensions"));
  CHECK(refused(5, 4, "5 points in 4 dimensions"));
  CHECK_THROWS_AS(pca_of(Dense(4, 2), PointGroup::e, 0), ValueError);
  CHECK_THROWS_AS(pca_of(Dense(4, 2), PointGroup::e, 1), ValueError);
  CHECK_THROWS_AS(pca_of(Dense(4, 2), PointGroup::e, std::nan("")), ValueError);
  Program<double> g(2, Mode::evaluate);
  const auto x = g.input("x", {.points = 5, .channels = 3}), flat = g.input("flat", {.points = 5, .channels = 2});
  const auto frame = pca_frame(x, PointGroup::se);
  CHECK_THROWS_AS(to_axes(flat, frame), ShapeError);
  CHECK_THROWS_AS(from_axes(flat, frame, Equivariant::vectors), ShapeError);
  CHECK_THROWS_AS(frame_element(x, frame, 4), ValueError);
  CHECK_THROWS_AS(average_elements(std::vector<Tensor<double>>{x, x}, frame), ShapeError);
  CHECK_THROWS_AS(average(std::vector<Tensor<double>>{x, flat}), ShapeError);
  CHECK_THROWS_AS(average(std::vector<Tensor<double>>{}), ShapeError);
}

}  // namespace test_point_frames
