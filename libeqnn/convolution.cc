#include "convolution.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

#include "gemm.h"
#include "kernels.h"

namespace eqnn {
namespace {

// Sizes of one convolution, and its two ways of computing as functions of a Frame.
struct Sizes {
  Torus torus;
  Index in, out;
  bool has_bias;

  Index points() const { return torus.points(); }
  Index filter() const { return torus.filter_points(); }
};

// A's rows (columns, when it is transposed) may overlap in memory, which OpenBLAS refuses.
template <class T>
void run(const Frame<T>& g, const kernels::Product<T>& p) {
  const bool overlap = p.a_col == 1 ? p.a_row < p.k : p.a_col < p.m;
  if (p.count == 1 && !overlap)
    matrix_product(p, g.strict());
  else
    kernels::product(p);
}

template <class T>
void clear_padding(MatrixView<T> m) {
  if (m.cols == m.stride) return;
  for (Index i = 0; i < m.rows; ++i) std::fill(m.row(i) + m.cols, m.row(i) + m.stride, T(0));
}

template <class T>
void bias_gradient(const Frame<T>& g) {
  const MatrixView<const T> dy = g.out_gradient();
  if (const MatrixView<T> db = g.in_gradient(2))
    kernels::column_sums(dy.rows, dy.stride, dy.data, dy.stride, db.data, g.accumulate(2));
}

// --- direct ----------------------------------------------------------------------------------------------
//
// An example is written out once more, densely and continued circularly, so that the inputs of one output
// position are runs of contiguous memory: for filter row r, position (y, x) reads width_f * c values from row
// y + r, column x on. Rows of that "matrix" overlap in memory; the product kernel does not mind.
template <class T>
class Direct {
 public:
  explicit Direct(const Sizes& s) : s_(s) {}

  static Index scratch(const Sizes& s, Index capacity) {
    return capacity * extended(s) * (s.in + s.out) + s.filter() * (2 * s.in * padded<T>(s.out) + s.out * padded<T>(s.in)) +
           padded<T>(1) * 4;
  }

  void forward(const Frame<T>& g) const {
    const MatrixView<const T> x = g.in(0);
    const MatrixView<T> y = g.out();
    const Parts parts = split(g);
    extend(g.examples(), x, s_.in, 0, 0, parts.x);
    reorder_weight(g.in(1), parts.weight);
    correlate(g, parts.x, s_.in, parts.weight, y.stride, y.stride, y.data, y.stride,
              s_.has_bias ? g.in(2).data : nullptr, false);
  }

  void backward(const Frame<T>& g) const {
    const MatrixView<const T> dy = g.out_gradient();
    const Parts parts = split(g);
    if (s_.has_bias) bias_gradient(g);
    if (const MatrixView<T> dw = g.in_gradient(1)) weight_gradient(g, parts, dy, dw, g.accumulate(1));
    if (const MatrixView<T> dx = g.in_gradient(0)) {
      // dx_u = sum_s dy_{u-s} W_s^T: the same correlation, with the filter turned round.
      extend(g.examples(), dy, s_.out, s_.torus.filter_height - 1, s_.torus.filter_width - 1, parts.dy);
      turn_weight(g.in(1), parts.turned);
      correlate(g, parts.dy, s_.out, parts.turned, padded<T>(s_.in), dx.cols, dx.data, dx.stride, nullptr,
                g.accumulate(0));
      clear_padding(dx);
    }
  }

 private:
  struct Parts {
    T *x, *dy, *weight, *dweight, *turned;
  };

  static Index extended_width(const Sizes& s) { return s.torus.width + s.torus.filter_width - 1; }
  static Index extended(const Sizes& s) { return (s.torus.height + s.torus.filter_height - 1) * extended_width(s); }

  Parts split(const Frame<T>& g) const {
    Parts p{};
    const Index rows = s_.filter() * s_.in;
    p.weight = g.scratch().data();  // first: its rows start on lines
    p.dweight = p.weight + rows * padded<T>(s_.out);
    p.turned = p.dweight + rows * padded<T>(s_.out);
    p.x = p.turned + s_.filter() * s_.out * padded<T>(s_.in);
    p.dy = p.x + g.examples() * extended(s_) * s_.in;
    return p;
  }

  // Dense circular continuation of every example: position (y, x) holds (y - back_y, x - back_x).
  void extend(Index examples, MatrixView<const T> from, Index channels, Index back_y, Index back_x, T* to) const {
    const Torus& t = s_.torus;
    const Index height = t.height + t.filter_height - 1, width = extended_width(s_);
    for (Index e = 0; e < examples; ++e)
      for (Index y = 0; y < height; ++y)
        for (Index x = 0; x < width; ++x, to += channels) {
          const Index row = (y - back_y + t.height) % t.height, column = (x - back_x + t.width) % t.width;
          const T* in = from.row(e * s_.points() + row * t.width + column);
          std::copy(in, in + channels, to);
        }
  }

  // Parameter rows are (channel, position); contiguous inputs want (position, channel).
  void reorder_weight(MatrixView<const T> w, T* to) const {
    for (Index f = 0; f < s_.filter(); ++f)
      for (Index i = 0; i < s_.in; ++i, to += w.stride) std::copy(w.row(i * s_.filter() + f), w.row(i * s_.filter() + f) + w.stride, to);
  }

  void turn_weight(MatrixView<const T> w, T* to) const {
    const Index stride = padded<T>(s_.in), filter = s_.filter();
    for (Index f = 0; f < filter; ++f)
      for (Index i = 0; i < s_.in; ++i)
        for (Index o = 0; o < s_.out; ++o) to[((filter - 1 - f) * s_.out + o) * stride + i] = w(i * filter + f, o);
  }

  // out_(y,x) (+)= sum over filter rows r of [inputs of row y + r, columns x ..] times the filter's rows.
  void correlate(const Frame<T>& g, const T* extended_in, Index channels, const T* filter, Index filter_stride, Index cols,
                 T* out, Index out_stride, const T* bias, bool accumulate) const {
    const Torus& t = s_.torus;
    kernels::Product<T> p;
    p.m = t.width;
    p.n = cols;
    p.k = t.filter_width * channels;
    p.a_row = channels;
    p.b_row = filter_stride;
    p.c_row = out_stride;
    p.count = t.height;
    p.a_step = extended_width(s_) * channels;
    p.c_step = t.width * out_stride;
    for (Index e = 0; e < g.examples(); ++e)
      for (Index r = 0; r < t.filter_height; ++r) {
        p.a = extended_in + (e * extended(s_) + r * extended_width(s_)) * channels;
        p.b = filter + r * p.k * filter_stride;
        p.c = out + e * s_.points() * out_stride;
        p.bias = r == 0 ? bias : nullptr;
        p.accumulate = accumulate || r > 0;
        run(g, p);
      }
  }

  void weight_gradient(const Frame<T>& g, const Parts& parts, MatrixView<const T> dy, MatrixView<T> dw, bool accumulate) const {
    const Torus& t = s_.torus;
    kernels::Product<T> p;
    p.m = t.filter_width * s_.in;
    p.n = dy.stride;
    p.k = t.width;
    p.a_row = 1;
    p.a_col = s_.in;
    p.b_row = dy.stride;
    p.c_row = dy.stride;
    for (Index r = 0; r < t.filter_height; ++r) {
      p.c = parts.dweight + r * p.m * dy.stride;
      p.accumulate = false;
      for (Index e = 0; e < g.examples(); ++e)
        for (Index y = 0; y < t.height; ++y, p.accumulate = true) {
          p.a = parts.x + (e * extended(s_) + (y + r) * extended_width(s_)) * s_.in;
          p.b = dy.row(e * s_.points() + y * t.width);
          run(g, p);
        }
    }
    for (Index f = 0; f < s_.filter(); ++f)
      for (Index i = 0; i < s_.in; ++i)
        kernels::axpy(dw.stride, T(1), parts.dweight + (f * s_.in + i) * dw.stride, dw.row(i * s_.filter() + f), accumulate);
  }

  Sizes s_;
};

// --- spectral --------------------------------------------------------------------------------------------
//
// Frequencies come in conjugate pairs; one of each is kept. With a_w = sum_t x_t cos(w t), b_w = -sum_t x_t sin(w t)
// and P_w = sum_s W_s cos(w s), R_w = sum_s W_s sin(w s), the output has real part a P - b R and imaginary part
// a R + b P: [a; b] times [P | R] is one real product a frequency. Memory, with E examples:
//   signal  [w][a, b][E][in]      filter  [w][in][P | R]      work  [w][2 E][2 out]
template <class T>
class Spectral {
 public:
  explicit Spectral(const Sizes& s) : s_(s), tables_(std::make_shared<Tables>(s.torus)) {}

  static Index scratch(const Sizes& s, Index capacity) {
    const Index f = Tables::count(s.torus), in = padded<T>(s.in), out = padded<T>(s.out);
    return f * (2 * (2 * capacity * in) + 2 * (s.in * 2 * out) + 2 * capacity * 2 * out);
  }

  void forward(const Frame<T>& g) const {
    const Parts q = split(g);
    const Index out = q.out, e2 = 2 * g.examples();
    transform_input(g, q);
    transform_filter(g, q);
    kernels::Product<T> p;  // [a; b] [P | R]
    p.m = e2;
    p.n = 2 * out;
    p.k = s_.in;
    p.a = q.signal;
    p.a_row = q.in;
    p.b = q.filter;
    p.b_row = 2 * out;
    p.c = q.work;
    p.c_row = 2 * out;
    p.count = frequencies();
    p.a_step = e2 * q.in;
    p.b_step = s_.in * 2 * out;
    p.c_step = e2 * 2 * out;
    kernels::product(p);
    combine(g.examples(), q);
    for (Index e = 0; e < g.examples(); ++e) {
      T* y = g.out().row(e * s_.points());
      synthesize(tables_->inverse_cos, q.work + e * 2 * out, e2 * 2 * out, out, y, g.out().stride,
                 s_.has_bias ? g.in(2).data : nullptr, false);
      synthesize(tables_->inverse_sin, q.work + e * 2 * out + out, e2 * 2 * out, out, y, g.out().stride, nullptr, true);
    }
  }

  void backward(const Frame<T>& g) const {
    const Parts q = split(g);
    if (s_.has_bias) bias_gradient(g);
    transform_gradient(g, q);
    if (const MatrixView<T> dw = g.in_gradient(1)) weight_gradient(g, q, dw);
    if (const MatrixView<T> dx = g.in_gradient(0)) input_gradient(g, q, dx);
  }

 private:
  // Cosines and sines of every kept frequency at every point and filter position, row-major.
  struct Tables {
    explicit Tables(const Torus& t) {
      const double n = static_cast<double>(t.points());
      for (Index u = 0; u < t.height; ++u)
        for (Index v = 0; v < t.width; ++v) {
          const Index mirror = (t.height - u) % t.height * t.width + (t.width - v) % t.width, self = u * t.width + v;
          if (mirror < self) continue;
          ++frequencies;
          const double weight = (mirror == self ? 1 : 2) / n;
          const auto angle = [&](Index y, Index x) {
            const double turns = static_cast<double>(u * y % t.height) / static_cast<double>(t.height) +
                                 static_cast<double>(v * x % t.width) / static_cast<double>(t.width);
            return 2 * std::numbers::pi * turns;
          };
          for (Index y = 0; y < t.height; ++y)
            for (Index x = 0; x < t.width; ++x) {
              const double c = std::cos(angle(y, x)), s = std::sin(angle(y, x));
              cos.push_back(static_cast<T>(c));
              minus_sin.push_back(static_cast<T>(-s));
              inverse_cos.push_back(static_cast<T>(weight * c));
              inverse_sin.push_back(static_cast<T>(-weight * s));
            }
          for (Index y = 0; y < t.filter_height; ++y)
            for (Index x = 0; x < t.filter_width; ++x) {
              filter_cos.push_back(static_cast<T>(std::cos(angle(y, x))));
              filter_sin.push_back(static_cast<T>(std::sin(angle(y, x))));
            }
        }
    }
    static Index count(const Torus& t) {
      const Index self = (t.height % 2 == 0 ? 2 : 1) * (t.width % 2 == 0 ? 2 : 1);  // equal to their mirror
      return (t.points() + self) / 2;
    }
    Index frequencies = 0;
    std::vector<T> cos, minus_sin, inverse_cos, inverse_sin;  // [w][point]
    std::vector<T> filter_cos, filter_sin;                    // [w][position]
  };

  struct Parts {
    Index in, out;  // padded channels
    T *signal, *dsignal, *filter, *dfilter, *work;
  };

  Index frequencies() const { return tables_->frequencies; }

  Parts split(const Frame<T>& g) const {
    Parts q{padded<T>(s_.in), padded<T>(s_.out), nullptr, nullptr, nullptr, nullptr, nullptr};
    const Index signal = frequencies() * 2 * g.examples() * q.in, filter = frequencies() * s_.in * 2 * q.out;
    q.signal = g.scratch().data();
    q.dsignal = q.signal + signal;
    q.filter = q.dsignal + signal;
    q.dfilter = q.filter + filter;
    q.work = q.dfilter + filter;
    return q;
  }

  // to[w] = sum_t table[w][t] from[t], rows of `to` `to_row` apart.
  void analyze(const std::vector<T>& table, const T* from, Index from_row, Index cols, T* to, Index to_row) const {
    kernels::Product<T> p;
    p.m = frequencies();
    p.n = cols;
    p.k = s_.points();
    p.a = table.data();
    p.a_row = s_.points();
    p.b = from;
    p.b_row = from_row;
    p.c = to;
    p.c_row = to_row;
    kernels::product(p);
  }

  // to[t] (+)= sum_w table[w][t] from[w].
  void synthesize(const std::vector<T>& table, const T* from, Index from_row, Index cols, T* to, Index to_row, const T* bias,
                  bool accumulate) const {
    kernels::Product<T> p;
    p.m = s_.points();
    p.n = cols;
    p.k = frequencies();
    p.a = table.data();
    p.a_row = 1;
    p.a_col = s_.points();
    p.b = from;
    p.b_row = from_row;
    p.c = to;
    p.c_row = to_row;
    p.bias = bias;
    p.accumulate = accumulate;
    kernels::product(p);
  }

  void transform_input(const Frame<T>& g, const Parts& q) const {
    const MatrixView<const T> x = g.in(0);
    const Index row = 2 * g.examples() * q.in;
    for (Index e = 0; e < g.examples(); ++e) {
      analyze(tables_->cos, x.row(e * s_.points()), x.stride, q.in, q.signal + e * q.in, row);
      analyze(tables_->minus_sin, x.row(e * s_.points()), x.stride, q.in, q.signal + (g.examples() + e) * q.in, row);
    }
  }

  // [P | R]: for each input channel, filter positions to frequencies.
  void transform_filter(const Frame<T>& g, const Parts& q) const {
    kernels::Product<T> p;
    p.m = frequencies();
    p.n = q.out;
    p.k = s_.filter();
    p.a_row = s_.filter();
    p.b = g.in(1).data;
    p.b_row = q.out;
    p.c_row = s_.in * 2 * q.out;
    p.count = s_.in;
    p.b_step = s_.filter() * q.out;
    p.c_step = 2 * q.out;
    p.a = tables_->filter_cos.data();
    p.c = q.filter;
    kernels::product(p);
    p.a = tables_->filter_sin.data();
    p.c = q.filter + q.out;
    kernels::product(p);
  }

  // work rows e and E + e hold [a P | a R] and [b P | b R]; row e becomes [real | imaginary].
  void combine(Index examples, const Parts& q) const {
    for (Index w = 0; w < frequencies(); ++w)
      for (Index e = 0; e < examples; ++e) {
        T* first = q.work + (w * 2 * examples + e) * 2 * q.out;
        const T* second = first + examples * 2 * q.out;
        kernels::axpy(q.out, T(-1), second + q.out, first, true);
        kernels::axpy(q.out, T(1), second, first + q.out, true);
      }
  }

  // work rows e: [re | im] of the output's gradient; rows E + e: [im | -re].
  void transform_gradient(const Frame<T>& g, const Parts& q) const {
    const MatrixView<const T> dy = g.out_gradient();
    const Index examples = g.examples(), row = 2 * q.out;
    for (Index e = 0; e < examples; ++e) {
      T* to = q.work + e * row;
      analyze(tables_->inverse_cos, dy.row(e * s_.points()), dy.stride, q.out, to, 2 * examples * row);
      analyze(tables_->inverse_sin, dy.row(e * s_.points()), dy.stride, q.out, to + q.out, 2 * examples * row);
    }
    for (Index w = 0; w < frequencies(); ++w)
      for (Index e = 0; e < examples; ++e) {
        const T* first = q.work + (w * 2 * examples + e) * row;
        T* second = q.work + (w * 2 * examples + examples + e) * row;
        kernels::axpy(q.out, T(1), first + q.out, second, false);
        kernels::axpy(q.out, T(-1), first, second + q.out, false);
      }
  }

  void weight_gradient(const Frame<T>& g, const Parts& q, MatrixView<T> dw) const {
    const Index e2 = 2 * g.examples(), row = 2 * q.out;
    kernels::Product<T> p;  // d[P | R] = [a; b]^T work
    p.m = s_.in;
    p.n = row;
    p.k = e2;
    p.a = q.signal;
    p.a_row = 1;
    p.a_col = q.in;
    p.b = q.work;
    p.b_row = row;
    p.c = q.dfilter;
    p.c_row = row;
    p.count = frequencies();
    p.a_step = e2 * q.in;
    p.b_step = e2 * row;
    p.c_step = s_.in * row;
    kernels::product(p);
    kernels::Product<T> back;  // frequencies to filter positions, one input channel at a time
    back.m = s_.filter();
    back.n = q.out;
    back.k = frequencies();
    back.a_row = 1;
    back.a_col = s_.filter();
    back.b_row = s_.in * row;
    back.c = dw.data;
    back.c_row = dw.stride;
    back.count = s_.in;
    back.b_step = row;
    back.c_step = s_.filter() * dw.stride;
    back.a = tables_->filter_cos.data();
    back.b = q.dfilter;
    back.accumulate = g.accumulate(1);
    kernels::product(back);
    back.a = tables_->filter_sin.data();
    back.b = q.dfilter + q.out;
    back.accumulate = true;
    kernels::product(back);
  }

  void input_gradient(const Frame<T>& g, const Parts& q, MatrixView<T> dx) const {
    const Index e2 = 2 * g.examples(), row = 2 * q.out;
    kernels::Product<T> p;  // [da; db] = work [P | R]^T
    p.m = e2;
    p.n = s_.in;
    p.k = row;
    p.a = q.work;
    p.a_row = row;
    p.b = q.filter;
    p.b_row = row;
    p.b_transposed = true;
    p.c = q.dsignal;
    p.c_row = q.in;
    p.count = frequencies();
    p.a_step = e2 * row;
    p.b_step = s_.in * row;
    p.c_step = e2 * q.in;
    kernels::product(p);
    for (Index e = 0; e < g.examples(); ++e) {
      T* to = dx.row(e * s_.points());
      synthesize(tables_->cos, q.dsignal + e * q.in, e2 * q.in, dx.cols, to, dx.stride, nullptr, g.accumulate(0));
      synthesize(tables_->minus_sin, q.dsignal + (g.examples() + e) * q.in, e2 * q.in, dx.cols, to, dx.stride, nullptr, true);
    }
    clear_padding(dx);
  }

  Sizes s_;
  std::shared_ptr<const Tables> tables_;
};

void check_torus(const Torus& t) {
  require(t.height >= 1 && t.width >= 1, "cyclic_convolution: the torus is ", t.height, " x ", t.width, "; sizes start at 1");
  require<ShapeError>(t.filter_height >= 1 && t.filter_width >= 1 && t.filter_height <= t.height && t.filter_width <= t.width,
                      "cyclic_convolution: the filter is ", t.filter_height, " x ", t.filter_width, " on a torus of ", t.height,
                      " x ", t.width, "; it must have at least one position and fit the torus");
}

template <class T, class Way>
Tensor<T> record_way(Tensor<T> x, Tensor<T> weight, Tensor<T> bias, const Sizes& s, const char* name) {
  std::vector<Tensor<T>> inputs = {x, weight};
  if (bias) inputs.push_back(bias);
  const Way way(s);
  const bool input_gradient = x.program().needs_gradient(x);
  const auto method = std::is_same_v<Way, Direct<T>> ? ConvolutionMethod::direct : ConvolutionMethod::spectral;
  const double examples = static_cast<double>(x.program().capacity());
  return x.program().record({
      .name = name,
      .inputs = std::move(inputs),
      .shape = {x.shape().examples, s.points(), s.out},
      .forward = [way](const Frame<T>& g) { way.forward(g); },
      .backward = [way](const Frame<T>& g) { way.backward(g); },
      .backward_reads_output = false,
      .overwrites = true,
      .multiply_adds = convolution_work(s.torus, x.program().capacity(), s.in, s.out, method, input_gradient) /
                       ((input_gradient ? 3 : 2) * examples),
      .scratch = Way::scratch(s, x.program().capacity()),
  });
}

}  // namespace

std::vector<Index> Torus::file_shape(Index in, Index out) const {
  if (height == 1) return {out, in, filter_width};
  return {out, in, filter_height, filter_width};
}

double convolution_work(const Torus& t, Index examples, Index in, Index out, ConvolutionMethod method,
                        bool input_gradient) {
  const double e = static_cast<double>(examples), n = static_cast<double>(t.points()), l = static_cast<double>(t.filter_points());
  const double i = static_cast<double>(in), o = static_cast<double>(out);
  const double passes = input_gradient ? 3 : 2, direct = passes * e * n * l * i * o;
  // Products at about n/2 frequencies, of 2E rows by 2 out columns; transforms of signals and of the filter,
  // forward and backward.
  const double f = n / 2 + 1, signals = 2 * f * n * ((passes - 1) * i + 2 * o);
  const double spectral = passes * f * 2 * e * i * 2 * o + e * signals + 2 * 2 * f * l * i * o;
  if (method == ConvolutionMethod::automatic) return std::min(direct, spectral);
  return method == ConvolutionMethod::direct ? direct : spectral;
}

template <class T>
Tensor<T> cyclic_convolution(Tensor<T> x, Tensor<T> weight, Tensor<T> bias, const Torus& torus, ConvolutionMethod method) {
  check_torus(torus);
  const Shape &s = x.shape(), &w = weight.shape();
  require<ShapeError>(s.examples != Shape::kShared && s.points == torus.points(), "cyclic_convolution: x is ", to_string(s),
                      " and the torus has ", torus.points(), " points; they must agree");
  require<ShapeError>(w.examples == Shape::kShared && w.points == s.channels * torus.filter_points(), "cyclic_convolution: x is ",
                      to_string(s), " and the weight is ", to_string(w), "; the weight must have channels * filter positions = ",
                      s.channels * torus.filter_points(), " rows");
  if (bias)
    require<ShapeError>(bias.shape() == Shape{Shape::kShared, 1, w.channels}, "cyclic_convolution: the weight is ", to_string(w),
                        " and the bias is ", to_string(bias.shape()), "; the bias must have one entry an output channel");
  const Sizes sizes{torus, s.channels, w.channels, static_cast<bool>(bias)};
  const Index examples = x.program().capacity();
  const auto work = [&](ConvolutionMethod way) {
    return convolution_work(torus, examples, sizes.in, sizes.out, way, x.program().needs_gradient(x));
  };
  const bool spectral =
      method == ConvolutionMethod::spectral ||
      (method == ConvolutionMethod::automatic && work(ConvolutionMethod::spectral) < work(ConvolutionMethod::direct));
  if (spectral) return record_way<T, Spectral<T>>(x, weight, bias, sizes, "cyclic_convolution (spectral)");
  return record_way<T, Direct<T>>(x, weight, bias, sizes, "cyclic_convolution (direct)");
}

template Tensor<float> cyclic_convolution(Tensor<float>, Tensor<float>, Tensor<float>, const Torus&, ConvolutionMethod);
template Tensor<double> cyclic_convolution(Tensor<double>, Tensor<double>, Tensor<double>, const Torus&, ConvolutionMethod);

}  // namespace eqnn
