// An operation of one's own, softplus(x) = log(1 + e^x): recorded, checked against finite differences, and
// used to train a small network. docs/add-an-operation.md explains it.

#include <eqnn/eqnn.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

using namespace eqnn;

// log(1 + e^x), any shape. Its slope is 1 / (1 + e^-x) = 1 - e^-y.
template <class T>
Tensor<T> softplus(Tensor<T> x) {
  return x.program().record({
      .name = "softplus",
      .inputs = {x},
      .shape = x.shape(),
      .forward =
          [](const Call<T>& call) {
            const MatrixView<const T> in = call.in(0);
            for (Index i = 0; i < in.rows; ++i)
              for (Index j = 0; j < in.cols; ++j)
                call.out()(i, j) = std::max(in(i, j), T(0)) + std::log1p(std::exp(-std::abs(in(i, j))));
          },
      .backward =
          [](const Call<T>& call) {
            const MatrixView<T> dx = call.in_gradient(0);
            for (Index i = 0; i < dx.rows; ++i)
              for (Index j = 0; j < dx.cols; ++j)
                dx(i, j) -= call.out_gradient()(i, j) * std::expm1(-call.out()(i, j));
          },
      .backward_reads_inputs = false,  // the slope comes from the output, so ...
      .elementwise = true,             // ... the output may take the memory of the input
  });
}

template <class T>
struct Net {
  Linear<T> hidden, out;
  explicit Net(Params<T>& p) : hidden(p, "hidden", 1, 16), out(p, "out", 16, 1) {}
  Tensor<T> operator()(Tensor<T> x) const { return out(softplus(hidden(x))); }
};

// y = |x|, x uniform on [-1, 1]. Example i of a step is a pure function of (stream, step, i).
template <class T>
void fill(Batch<T>& b, Stream stream) {
  for (Index i = b.first; i < b.last; ++i) {
    Draws draws({.seed = 1, .stream = stream, .step = b.step, .example = static_cast<std::uint64_t>(i)});
    const double x = 2 * draws.uniform() - 1;
    b["x"](i - b.first) = static_cast<T>(x);
    b["y"](i - b.first) = static_cast<T>(std::abs(x));
  }
}

template <class T>
Tensor<T> squared_error_of(const Net<T>& net, Program<T>& g) {
  return squared_error(net(g.input("x", {})), g.input("y", {}));
}

// The largest difference between the gradient and (L(p + h) - L(p - h)) / 2h, over all parameters.
double gradient_error() {
  Params<double> params;
  const Net<double> net(params);
  params.initialize(kaiming_uniform, 2);
  Trainer<double> trainer(params, {.batch = 16}, [&](Program<double>& g) { return squared_error_of(net, g); });
  const auto loss = [&] { return trainer.gradient([](Batch<double>& b) { fill(b, Stream::train); }); };
  loss();
  const std::vector<double> gradient(trainer.last_gradient().begin(), trainer.last_gradient().end());
  double worst = 0;
  for (const ParamInfo& info : params.list())
    for (Index i = 0; i < info.slice.rows; ++i)
      for (Index j = 0; j < info.slice.cols; ++j) {
        constexpr double h = 1e-5;
        double& p = params.view(info.slice)(i, j);
        const double value = p;
        p = value + h;
        const double above = loss();
        p = value - h;
        const double below = loss();
        p = value;
        const auto at = static_cast<std::size_t>(info.slice.offset + i * info.slice.stride + j);
        worst = std::max(worst, std::abs((above - below) / (2 * h) - gradient[at]));
      }
  return worst;
}

int main() {
  const double error = gradient_error();
  std::printf("gradient: largest difference %.1e\n", error);

  Params<float> params;
  const Net<float> net(params);
  params.initialize(kaiming_uniform, 2);
  Trainer<float> trainer(params, {.batch = 32, .optimizer = Adam{.rate = 2e-2}},
                         [&](Program<float>& g) { return squared_error_of(net, g); });
  for (int step = 0; step < 4000; ++step) trainer.step([](Batch<float>& b) { fill(b, Stream::train); });
  const double loss = trainer.evaluate(1000, [](Batch<float>& b) { fill(b, Stream::test); });
  std::printf("test loss after 4000 steps: %.1e (variance of y: 8.3e-02)\n", loss);

  return error < 1e-8 && loss < 2e-3 ? 0 : 1;
}
