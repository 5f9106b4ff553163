// The network of products: values, gradients, parameters.
#include <doctest/doctest.h>
#include <eqnn/nn/poly_network.h>

#include <string>
#include <vector>

#include "support/evaluate.h"
#include "support/gradcheck.h"

namespace test_poly_network {

using namespace eqnn;
using reference::Dense;

namespace {

// (U x + b) * (V x + c) of one row, and W x + b.
template <class T>
std::vector<double> affine(const Params<T>& p, const Linear<T>& layer, const std::vector<double>& x) {
  const Dense weight = reference::dense(p.view(layer.weight)), bias = reference::dense(p.view(layer.bias));
  std::vector<double> y;
  for (Index j = 0; j < weight.cols; ++j) {
    double sum = bias(0, j);
    for (Index i = 0; i < weight.rows; ++i) sum += x[static_cast<std::size_t>(i)] * weight(i, j);
    y.push_back(sum);
  }
  return y;
}
template <class T>
std::vector<double> products(const Params<T>& p, const ProductLayer<T>& layer, const std::vector<double>& x) {
  auto y = affine(p, layer.u, x);
  const auto v = affine(p, layer.v, x);
  for (std::size_t j = 0; j < y.size(); ++j) y[j] *= v[j];
  return y;
}

// Largest difference between the network and its formula, relative to the largest value.
template <class T>
double network_error(Index points, Index in, Index width) {
  Params<T> p;
  const PolyNetwork<T> net(p, "net", in, width);
  testing::draw_off_zero(p, 5, 0.1, 0.6);
  std::vector<Dense> inputs, expected;
  Draws d({3, Stream::user, 0, 0});
  for (int e = 0; e < 4; ++e) {
    Dense z(points, in), y(points, 1);
    for (double& v : z.data) v = static_cast<double>(static_cast<float>(2 * d.uniform() - 1));
    for (Index i = 0; i < points; ++i) {
      std::vector<double> row(z.data.begin() + i * in, z.data.begin() + (i + 1) * in);
      auto hz = products(p, net.first, row);
      hz.insert(hz.end(), row.begin(), row.end());
      auto qhz = products(p, net.second, hz);
      qhz.insert(qhz.end(), hz.begin(), hz.end());
      y(i, 0) = affine(p, net.out, qhz)[0];
    }
    inputs.push_back(z);
    expected.push_back(y);
  }
  const auto results = testing::evaluate(p, net, inputs);
  double largest = 0;
  for (std::size_t e = 0; e < results.size(); ++e)
    largest = reference::worse(largest, testing::relative_error(results[e], expected[e]));
  return largest;
}

}  // namespace

TEST_CASE("poly network: values are those of the formula") {
  for (const Index points : {1, 3})
    for (const Index in : {1, 5, 17})
      for (const Index width : {1, 4, 19}) {
        INFO(points, " ", in, " ", width);
        CHECK(network_error<double>(points, in, width) < 1e-13);
        CHECK(network_error<float>(points, in, width) < 2e-5);
      }
}

TEST_CASE("poly network: gradients agree with differences") {
  for (const Index in : {1, 6}) {
    Params<double> p;
    const PolyNetwork<double> net(p, "net", in, 4);
    const Param z = p.weight("z", 6, in);
    testing::draw_off_zero(p, 7, 0.1, 0.6);
    // The input is a parameter too, so that its gradient is checked.
    testing::check_gradient(p, [&](Program<double>& g) { return net(testing::parameter_as_input(g, z, 2)); });
  }
}

TEST_CASE("poly network: parameters have the sizes and names of the formula") {
  Params<float> p;
  const PolyNetwork<float> net(p, "net", 100, 64);
  CHECK(p.count() == 2 * (100 * 64 + 64) + 2 * (164 * 64 + 64) + 228 + 1);
  std::vector<std::string> names;
  for (const ParamInfo& info : p.list()) names.push_back(info.name);
  CHECK(names == std::vector<std::string>{"net.first.u.weight", "net.first.u.bias", "net.first.v.weight",
                                          "net.first.v.bias", "net.second.u.weight", "net.second.u.bias",
                                          "net.second.v.weight", "net.second.v.bias", "net.out.weight",
                                          "net.out.bias"});
}

}  // namespace test_poly_network
