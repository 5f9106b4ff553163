// Harmonics, coefficients, Wigner matrices and tensor products are e3nn's, as tools/record_e3nn.py recorded them.
#include <doctest/doctest.h>
#include <eqnn/so3/tensor_field.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/golden.h"
#include "support/gradcheck.h"
#include "support/weigh.h"

namespace test_golden_so3 {

using namespace eqnn;
using Values = std::vector<double>;

namespace {

constexpr Index kDegree = 6;
const char* const kFile = "golden_so3.json";

void check_equal(const Values& found, const Values& expected) {
  REQUIRE(found.size() == expected.size());
  double worst = 0;
  for (std::size_t i = 0; i < found.size(); ++i)
    worst = reference::worse(worst, std::abs(found[i] - expected[i]) / (1 + std::abs(expected[i])));
  CHECK(worst < 1e-10);
}

// Number k of the script's numbers(.., a, b).
double number(Index k, Index a, Index b) { return static_cast<double>((a * k + b) % 97 - 48) / 64; }

void set(Params<double>& p, Param to, Index a, Index b) {
  const MatrixView<double> v = p.view(to);
  for (Index i = 0; i < v.rows; ++i)
    for (Index j = 0; j < v.cols; ++j) v(i, j) = number(i * v.cols + j, a, b);
}

// The types of the script's product; features there are channels, ordered by degree, channel and component.
const Irreps kIn = {3, 2, 2}, kOut = {2, 3, 2};
constexpr Index kFilter = 2, kRows = 4;

Steerable<double> apart(Tensor<double> x, const Irreps& irreps) {
  Steerable<double> parts;
  Index first = 0;
  for (Index l = 0; l < static_cast<Index>(irreps.size()); ++l) {
    const Index size = channels_of(irreps, l) * (2 * l + 1);
    parts.push_back(to_components(slice_channels(x, first, size), l));
    first += size;
  }
  return parts;
}
Tensor<double> together(const Steerable<double>& parts) {
  std::vector<Tensor<double>> list;
  for (std::size_t l = 0; l < parts.size(); ++l) list.push_back(from_components(parts[l], static_cast<Index>(l)));
  return join_channels(list);
}

// visit(element of the script's weights, offset of mine, what mine are multiplied by) for all weights of all paths.
template <class Visit>
void each_weight(const TensorProduct<double>& product, const Visit& visit) {
  const Irreps fan_in = product_channels("", kIn, kFilter, kOut);
  Index element = 0;
  for (const auto& path : golden("product", kFile).at("paths")) {
    const Index in = path[0], filter = path[1], out = path[2];
    Index row = 0;
    for (const TensorPath& t : paths_to(kIn, kFilter, out)) {
      if (t.in == in && t.filter == filter) break;
      row += channels_of(kIn, t.in);
    }
    const Param weight = product.mix.maps[static_cast<std::size_t>(out)].second.weight;
    const double factor = 1 / std::sqrt(static_cast<double>(channels_of(fan_in, out)));
    for (Index u = 0; u < channels_of(kIn, in); ++u)
      for (Index v = 0; v < channels_of(kOut, out); ++v)
        visit(element++, weight.offset + (row + u) * weight.stride + v, factor);
  }
}

}  // namespace

TEST_CASE("harmonics to degree 6 are e3nn's, in three scales") {
  const auto& g = golden("harmonics", kFile);
  const auto vectors = g.at("vectors").get<std::vector<Values>>();
  for (const auto& [name, scale] : {std::pair{"component", HarmonicScale::component},
                                    {"norm", HarmonicScale::norm},
                                    {"integral", HarmonicScale::integral}}) {
    Params<double> p;
    p.freeze();
    Program<double> program(static_cast<Index>(vectors.size()), Mode::evaluate);
    program.output("y", spherical_harmonics(program.input("v", {.points = 1, .channels = 3}), kDegree, scale));
    program.finish();
    Workspace<double> w(program);
    w.bind({static_cast<Index>(vectors.size())});
    for (std::size_t i = 0; i < vectors.size(); ++i)
      for (Index k = 0; k < 3; ++k)
        w.input("v")(static_cast<Index>(i), 0, k) = vectors[i][static_cast<std::size_t>(k)];
    program.forward(w, p.values().data());
    Values found;
    for (Index i = 0; i < static_cast<Index>(vectors.size()); ++i)
      for (Index k = 0; k < (kDegree + 1) * (kDegree + 1); ++k) found.push_back(w.output("y")(i, 0, k));
    check_equal(found, g.at(name).get<Values>());
  }
}

TEST_CASE("Clebsch-Gordan coefficients are e3nn's 3j symbols times sqrt(2 l3 + 1), signs and all") {
  for (const auto& c : golden("wigner_3j", kFile)) {
    const Index l1 = c.at("l")[0], l2 = c.at("l")[1], l3 = c.at("l")[2];
    Values found = clebsch_gordan(l1, l2, l3);
    for (double& v : found) v /= std::sqrt(static_cast<double>(2 * l3 + 1));
    INFO(l1, " ", l2, " ", l3);
    check_equal(found, c.at("values").get<Values>());
  }
}

TEST_CASE("Wigner matrices to degree 6 are e3nn's") {
  const auto& g = golden("wigner_d", kFile);
  const auto rotation = g.at("rotation").get<Values>();
  for (Index l = 0; l <= kDegree; ++l)
    check_equal(wigner_d(l, rotation), g.at("values")[static_cast<std::size_t>(l)].get<Values>());
}

TEST_CASE("a fully connected tensor product, and its gradients, are e3nn's") {
  const auto& g = golden("product", kFile);
  Params<double> p;
  const Param x = p.weight("x", kRows, dimension(kIn)), v = p.weight("v", kRows, 3);
  const TensorProduct<double> product(p, "product", kIn, kFilter, kOut);
  set(p, x, 29, 3);
  set(p, v, 37, 11);
  each_weight(product, [&](Index k, Index at, double factor) {
    p.values()[static_cast<std::size_t>(at)] = factor * number(k, 31, 5);
  });
  Program<double> program(1, Mode::train);
  const auto y = spherical_harmonics(testing::parameter_as_input(program, v, kRows), kFilter);
  const auto z = together(product(apart(testing::parameter_as_input(program, x, kRows), kIn), y));
  program.output("z", z);
  program.finish(testing::weigh(z, [](Index i, Index j) { return number(i * dimension(kOut) + j, 43, 7); }));
  Workspace<double> w(program);
  w.bind({1});
  w.weights()[0] = 1;
  AlignedBuffer<double> gradient(p.size());
  program.forward(w, p.values().data());
  program.backward(w, gradient.data(), true);
  Values found, weights;
  for (Index i = 0; i < kRows; ++i)
    for (Index j = 0; j < dimension(kOut); ++j) found.push_back(w.output("z")(0, i, j));
  check_equal(found, g.at("z").get<Values>());
  const auto gradient_of = [&](Param q) {
    Values all;
    for (Index i = 0; i < q.rows; ++i)
      for (Index j = 0; j < q.cols; ++j) all.push_back(gradient[q.offset + i * q.stride + j]);
    return all;
  };
  check_equal(gradient_of(x), g.at("dx").get<Values>());
  check_equal(gradient_of(v), g.at("dv").get<Values>());
  each_weight(product, [&](Index, Index at, double factor) { weights.push_back(factor * gradient[at]); });
  check_equal(weights, g.at("dw").get<Values>());
}

}  // namespace test_golden_so3
