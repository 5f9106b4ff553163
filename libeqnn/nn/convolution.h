// Cyclic convolution over C_n, and over tori C_h x C_w: equivariant under every cyclic shift of the points.
#pragma once

#include <string>
#include <vector>

#include "../core/params.h"
#include "../core/program.h"

namespace eqnn {

// Points on a torus, row after row: point (r, c) is number r * width + c. One row: the cycle C_width.
// The filter covers filter_height x filter_width positions, at most the torus itself.
struct Torus {
  Index height = 1, width = 1;
  Index filter_height = 1, filter_width = 1;

  Index points() const { return height * width; }
  Index filter_points() const { return filter_height * filter_width; }
  // Of a weight in files: [out, in, filter_width], on more than one row [out, in, filter_height, filter_width].
  std::vector<Index> file_shape(Index in, Index out) const;

  // C_n with a filter of `length` positions; 0: full length.
  static Torus cycle(Index n, Index length = 0) { return {1, n, 1, length > 0 ? length : n}; }
};

// direct: n L c_in c_out multiply-adds an example. spectral: one complex c_in x c_out product a frequency, and fast
// Fourier transforms of the signals; those of the filters once a step. automatic: the one of fewer multiply-adds
// for a shard of this program (convolution_work), 20 added to the spectral ones for each entry that goes through
// its transforms; docs/convolution.md has the measured crossover.
enum class ConvolutionMethod : std::uint8_t { automatic, direct, spectral };

// y_{t,o} = b_o + sum_{s,i} W_{o,i,s} x_{t+s,i}, positions modulo the torus: [b, n, c_in] -> [b, n, c_out].
// The weight is a parameter [c_in L, c_out], row i L + s; without a bias pass an empty Tensor. Both ways give
// the same function up to rounding, and so do their gradients. Throws ShapeError for points that are not the
// torus's, a filter larger than the torus, or a weight of another shape.
template <class T>
Tensor<T> cyclic_convolution(Tensor<T> x, Tensor<T> weight, Tensor<T> bias, const Torus& torus,
                             ConvolutionMethod method = ConvolutionMethod::automatic);

// Multiply-adds of forward and backward of one shard: gradients to weight and, unless the input is data, to input.
// For `automatic` those of the way that it takes.
double convolution_work(const Torus& torus, Index examples, Index in, Index out, ConvolutionMethod method,
                        bool input_gradient = true);

// A cyclic convolution with its parameters: NAME.weight, in files [out, in, L] (or [out, in, filter_height,
// filter_width]), what torch.nn.functional.conv1d takes for the input followed by its own first L - 1
// positions; NAME.bias [out].
template <class T>
class CyclicConvolution {
 public:
  CyclicConvolution(Params<T>& p, const std::string& name, Index in, Index out, const Torus& torus,
                    ConvolutionMethod method = ConvolutionMethod::automatic)
      : weight(p.weight(name + ".weight", in * torus.filter_points(), out, torus.file_shape(in, out))),
        bias(p.bias(name + ".bias", out)),
        torus_(torus),
        method_(method) {}

  Tensor<T> operator()(Tensor<T> x) const {
    auto& g = x.program();
    return cyclic_convolution(x, g.param(weight), g.param(bias), torus_, method_);
  }

  Param weight, bias;

 private:
  Torus torus_;
  ConvolutionMethod method_;
};

}  // namespace eqnn
