#include "convolution.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>
#include <utility>

#include "../kernels/blas.h"
#include "../kernels/kernels.h"
#include "dense.h"

namespace eqnn {
namespace {

// Sizes of one convolution, and its two ways of computing as functions of a Call.
struct Sizes {
  Torus torus;
  Index in, out;
  bool has_bias;

  Index points() const { return torus.points(); }
  Index filter() const { return torus.filter_points(); }
};

// A's rows (columns, when it is transposed) may overlap in memory, which OpenBLAS refuses.
template <class T>
void run(const Call<T>& call, const kernels::Product<T>& p) {
  const bool overlap = p.a_col == 1 ? p.a_row < p.k : p.a_col < p.m;
  if (p.count == 1 && !overlap)
    matrix_product(p, call.strict());
  else
    kernels::product(p);
}

// sum = x + y, difference = x - y.
template <class T>
void butterfly(Index size, const T* x, const T* y, T* sum, T* difference) {
  for (Index i = 0; i < size; ++i) {
    const T a = x[i], b = y[i];
    sum[i] = a + b;
    difference[i] = a - b;
  }
}

// The direct way.
//
// An example is written out once more, densely and continued circularly, so that the inputs of one output
// position are runs of contiguous memory: for filter row r, position (y, x) reads width_f * c values from row
// y + r, column x on. Rows of that "matrix" overlap in memory; the product kernel does not mind.
template <class T>
class Direct {
 public:
  explicit Direct(const Sizes& s) : s_(s) {}

  static Index scratch(const Sizes& s, Index capacity) {
    return capacity * extended(s) * (s.in + s.out) +
           s.filter() * (2 * s.in * padded<T>(s.out) + s.out * padded<T>(s.in)) + padded<T>(1) * 4;
  }

  void forward(const Call<T>& call) const {
    const MatrixView<const T> x = call.in(0);
    const MatrixView<T> y = call.out();
    const Parts parts = split(call);
    extend(call.examples(), x, s_.in, 0, 0, parts.x);
    reorder_weight(call.in(1), parts.weight);
    correlate(call, parts.x, s_.in, parts.weight, y.stride, y.stride, y.data, y.stride,
              s_.has_bias ? call.in(2).data : nullptr, false);
  }

  void backward(const Call<T>& call) const {
    const MatrixView<const T> dy = call.out_gradient();
    const Parts parts = split(call);
    if (s_.has_bias) detail::bias_gradient(call, 2);
    if (const MatrixView<T> dw = call.in_gradient(1)) weight_gradient(call, parts, dy, dw, call.accumulate(1));
    if (const MatrixView<T> dx = call.in_gradient(0)) {
      // dx_u = sum_s dy_{u-s} W_s^T: the same correlation, with the filter turned round.
      extend(call.examples(), dy, s_.out, s_.torus.filter_height - 1, s_.torus.filter_width - 1, parts.dy);
      turn_weight(call.in(1), parts.turned);
      correlate(call, parts.dy, s_.out, parts.turned, padded<T>(s_.in), dx.cols, dx.data, dx.stride, nullptr,
                call.accumulate(0));
      clear_padding(dx);
    }
  }

 private:
  struct Parts {
    T *x, *dy, *weight, *dweight, *turned;
  };

  static Index extended_width(const Sizes& s) { return s.torus.width + s.torus.filter_width - 1; }
  static Index extended(const Sizes& s) { return (s.torus.height + s.torus.filter_height - 1) * extended_width(s); }

  Parts split(const Call<T>& call) const {
    Parts p{};
    const Index rows = s_.filter() * s_.in;
    p.weight = call.scratch().data();  // first: its rows start on lines
    p.dweight = p.weight + rows * padded<T>(s_.out);
    p.turned = p.dweight + rows * padded<T>(s_.out);
    p.x = p.turned + s_.filter() * s_.out * padded<T>(s_.in);
    p.dy = p.x + call.examples() * extended(s_) * s_.in;
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
      for (Index i = 0; i < s_.in; ++i, to += w.stride)
        std::copy(w.row(i * s_.filter() + f), w.row(i * s_.filter() + f) + w.stride, to);
  }

  void turn_weight(MatrixView<const T> w, T* to) const {
    const Index stride = padded<T>(s_.in), filter = s_.filter();
    for (Index f = 0; f < filter; ++f)
      for (Index i = 0; i < s_.in; ++i)
        for (Index o = 0; o < s_.out; ++o) to[((filter - 1 - f) * s_.out + o) * stride + i] = w(i * filter + f, o);
  }

  // out_(y,x) (+)= sum over filter rows r of [inputs of row y + r, columns x ..] times the filter's rows.
  void correlate(const Call<T>& call, const T* extended_in, Index channels, const T* filter, Index filter_stride,
                 Index cols, T* out, Index out_stride, const T* bias, bool accumulate) const {
    const Torus& t = s_.torus;
    kernels::Product<T> p{.m = t.width,
                          .n = cols,
                          .k = t.filter_width * channels,
                          .a_row = channels,
                          .b_row = filter_stride,
                          .c_row = out_stride,
                          .count = t.height,
                          .a_step = extended_width(s_) * channels,
                          .c_step = t.width * out_stride};
    for (Index e = 0; e < call.examples(); ++e)
      for (Index r = 0; r < t.filter_height; ++r) {
        p.a = extended_in + (e * extended(s_) + r * extended_width(s_)) * channels;
        p.b = filter + r * p.k * filter_stride;
        p.c = out + e * s_.points() * out_stride;
        p.bias = r == 0 ? bias : nullptr;
        p.accumulate = accumulate || r > 0;
        run(call, p);
      }
  }

  void weight_gradient(const Call<T>& call, const Parts& parts, MatrixView<const T> dy, MatrixView<T> dw,
                       bool accumulate) const {
    const Torus& t = s_.torus;
    kernels::Product<T> p{.m = t.filter_width * s_.in,
                          .n = dy.stride,
                          .k = t.width,
                          .a_row = 1,
                          .a_col = s_.in,
                          .b_row = dy.stride,
                          .c_row = dy.stride};
    for (Index r = 0; r < t.filter_height; ++r) {
      p.c = parts.dweight + r * p.m * dy.stride;
      p.accumulate = false;
      for (Index e = 0; e < call.examples(); ++e)
        for (Index y = 0; y < t.height; ++y, p.accumulate = true) {
          p.a = parts.x + (e * extended(s_) + (y + r) * extended_width(s_)) * s_.in;
          p.b = dy.row(e * s_.points() + y * t.width);
          run(call, p);
        }
    }
    for (Index f = 0; f < s_.filter(); ++f)
      for (Index i = 0; i < s_.in; ++i)
        kernels::axpy(dw.stride, T(1), parts.dweight + (f * s_.in + i) * dw.stride, dw.row(i * s_.filter() + f),
                      accumulate);
  }

  Sizes s_;
};

// The spectral way.
//
// Frequencies come in conjugate pairs; one of each is kept. With a_w = sum_t x_t cos(w t), b_w = -sum_t x_t
// sin(w t) and P_w = sum_s W_s cos(w s), R_w = sum_s W_s sin(w s), the output has real part a P - b R and imaginary
// part a R + b P: [a; b] times [P | R] is one real product a frequency. Points come in pairs too, t and -t, on
// which cosines agree and sines are opposite: transforms take sums and differences of a pair, half the terms.
// Memory, with E examples:
//   signal  [w][a, b][E][in]   filter  [w][in][P | R]   spectrum  [w][E][re | im]   work  [2 E][2 out]
// From one frequency to the next there is a line more than that: whole powers of two would put the same entry of
// all frequencies, which the transforms take together, into the same few places of a cache.
template <class T>
class Spectral {
 public:
  explicit Spectral(const Sizes& s) : s_(s), tables_(std::make_shared<Tables>(s.torus)) {}

  static Index scratch(const Sizes& s, Index capacity) {
    const Parts q = parts(s, capacity, Tables::count(s.torus));
    return q.frequencies * (2 * (q.signal_step + q.filter_step) + q.spectrum_step) + 4 * capacity * q.out +
           2 * std::max(q.frequencies, s.filter()) * std::max(q.in, q.out);
  }

  void forward(const Call<T>& call) const {
    const Parts q = split(call);
    transform(tables_->signal, call.in(0), q, call.examples(), q.signal, q.in, call.examples() * q.in,
              q.signal_step);
    transform_filter(call, q);
    for (Index w = 0; w < q.frequencies; ++w) {
      // [a; b] [P | R]
      kernels::product<T>({.m = 2 * call.examples(),
                           .n = 2 * q.out,
                           .k = s_.in,
                           .a = q.signal + w * q.signal_step,
                           .a_row = q.in,
                           .b = q.filter + w * q.filter_step,
                           .b_row = 2 * q.out,
                           .c = q.work,
                           .c_row = 2 * q.out});
      combine(call.examples(), q, q.spectrum + w * q.spectrum_step);
    }
    const T* bias = s_.has_bias ? call.in(2).data : nullptr;
    for (Index e = 0; e < call.examples(); ++e) {
      const T* from = q.spectrum + e * 2 * q.out;
      synthesize(tables_->inverse, from, from + q.out, q.spectrum_step, q.out, q.out, q.fold, bias);
      unfold(q.fold, q.out, q.out, call.out().row(e * s_.points()), call.out().stride, false);
    }
  }

  void backward(const Call<T>& call) const {
    const Parts q = split(call);
    if (s_.has_bias) detail::bias_gradient(call, 2);
    transform(tables_->inverse, call.out_gradient(), q, call.examples(), q.spectrum, 2 * q.out, q.out,
              q.spectrum_step);
    const MatrixView<T> dw = call.in_gradient(1), dx = call.in_gradient(0);
    for (Index w = 0; w < q.frequencies; ++w) {
      turn(call.examples(), q, q.spectrum + w * q.spectrum_step);
      if (dw) filter_product(call.examples(), q, w);
      if (dx) signal_product(call.examples(), q, w);
    }
    if (dw) weight_gradient(q, dw, call.accumulate(1));
    if (dx) input_gradient(call, q, dx);
  }

 private:
  // Cosines and sines, [w][point], row-major; of points one of each pair {t, -t}.
  struct Table {
    Index terms = 0;  // points
    std::vector<T> cos, sin;

    void add(double c, double s) {
      cos.push_back(static_cast<T>(c));
      sin.push_back(static_cast<T>(s));
    }
  };
  struct Tables {
    explicit Tables(const Torus& t) : full(t.filter_points() == t.points()) {
      const auto mirror = [&t](Index i) {
        return (t.height - i / t.width) % t.height * t.width + (t.width - i % t.width) % t.width;
      };
      for (Index i = 0; i < t.points(); ++i)
        if (mirror(i) >= i) pairs.emplace_back(i, mirror(i));
      const auto angle = [&t](Index w, Index y, Index x) {
        const double turns = static_cast<double>(w / t.width * y % t.height) / static_cast<double>(t.height) +
                             static_cast<double>(w % t.width * x % t.width) / static_cast<double>(t.width);
        return 2 * std::numbers::pi * turns;
      };
      for (const auto& [w, opposite] : pairs) {
        const double weight = (w == opposite ? 1 : 2) / static_cast<double>(t.points());
        for (const auto& pair : pairs) {
          const double phase = angle(w, pair.first / t.width, pair.first % t.width);
          signal.add(std::cos(phase), -std::sin(phase));
          inverse.add(weight * std::cos(phase), -weight * std::sin(phase));
          if (full) filter.add(std::cos(phase), std::sin(phase));
        }
        for (Index i = 0; !full && i < t.filter_points(); ++i) {
          const double phase = angle(w, i / t.filter_width, i % t.filter_width);
          filter.add(std::cos(phase), std::sin(phase));
        }
      }
      signal.terms = inverse.terms = static_cast<Index>(pairs.size());
      filter.terms = full ? signal.terms : t.filter_points();
    }
    static Index count(const Torus& t) {
      const Index self = (t.height % 2 == 0 ? 2 : 1) * (t.width % 2 == 0 ? 2 : 1);  // equal to their mirror
      return (t.points() + self) / 2;
    }
    bool full;                                   // the filter has all points, and its transform works on pairs too
    std::vector<std::pair<Index, Index>> pairs;  // t and -t; also the kept frequencies and their conjugates
    Table signal, inverse, filter;
  };

  struct Parts {
    Index frequencies, in, out;  // padded channels
    Index signal_step, filter_step, spectrum_step;
    T *signal, *dsignal, *filter, *dfilter, *spectrum, *work, *fold;
  };

  static Parts parts(const Sizes& s, Index examples, Index frequencies) {
    Parts q{};
    q.frequencies = frequencies;
    q.in = padded<T>(s.in);
    q.out = padded<T>(s.out);
    q.signal_step = 2 * examples * q.in + padded<T>(1);
    q.filter_step = s.in * 2 * q.out + padded<T>(1);
    q.spectrum_step = examples * 2 * q.out + padded<T>(1);
    return q;
  }

  Parts split(const Call<T>& call) const {
    Parts q = parts(s_, call.examples(), static_cast<Index>(tables_->pairs.size()));
    q.signal = call.scratch().data();
    q.dsignal = q.signal + q.frequencies * q.signal_step;
    q.filter = q.dsignal + q.frequencies * q.signal_step;
    q.dfilter = q.filter + q.frequencies * q.filter_step;
    q.spectrum = q.dfilter + q.frequencies * q.filter_step;
    q.work = q.spectrum + q.frequencies * q.spectrum_step;
    q.fold = q.work + call.examples() * 4 * q.out;
    return q;
  }

  // Rows x_t to x_t + x_{-t}, and after all of those x_t - x_{-t}; of a point that is its own opposite x_t and 0.
  void fold(const T* x, Index row, Index cols, T* to) const {
    T* difference = to + static_cast<Index>(tables_->pairs.size()) * cols;
    for (const auto& [t, opposite] : tables_->pairs) {
      if (t == opposite) {
        std::copy_n(x + t * row, cols, to);
        std::fill_n(difference, cols, T(0));
      } else {
        butterfly(cols, x + t * row, x + opposite * row, to, difference);
      }
      to += cols;
      difference += cols;
    }
  }

  // The way back: y_t (+)= even + odd, y_{-t} (+)= even - odd.
  void unfold(const T* even, Index even_row, Index cols, T* y, Index row, bool accumulate) const {
    const T* odd = even + static_cast<Index>(tables_->pairs.size()) * even_row;
    for (const auto& [t, opposite] : tables_->pairs) {
      T *first = y + t * row, *second = y + opposite * row;
      if (t == opposite) {
        kernels::axpy(cols, T(1), even, first, accumulate);
      } else if (accumulate) {
        kernels::axpy(cols, T(1), even, first, true);
        kernels::axpy(cols, T(1), odd, first, true);
        kernels::axpy(cols, T(1), even, second, true);
        kernels::axpy(cols, T(-1), odd, second, true);
      } else {
        butterfly(cols, even, odd, first, second);
      }
      even += even_row;
      odd += even_row;
    }
  }

  // to_cos[w] = sum_i cos[w][i] even[i], to_sin[w] = sum_i sin[w][i] odd[i]; rows of both `to_row` apart.
  void analyze(const Table& table, const T* even, const T* odd, Index from_row, Index cols, T* to_cos, T* to_sin,
               Index to_row) const {
    kernels::Product<T> p{.m = static_cast<Index>(tables_->pairs.size()),
                          .n = cols,
                          .k = table.terms,
                          .a = table.cos.data(),
                          .a_row = table.terms,
                          .b = even,
                          .b_row = from_row,
                          .c = to_cos,
                          .c_row = to_row};
    kernels::product(p);
    p.a = table.sin.data();
    p.b = odd;
    p.c = to_sin;
    kernels::product(p);
  }

  // even[i] = bias + sum_w cos[w][i] from_cos[w], and after those odd[i] = sum_w sin[w][i] from_sin[w].
  void synthesize(const Table& table, const T* from_cos, const T* from_sin, Index from_row, Index cols,
                  Index to_row, T* even, const T* bias) const {
    kernels::Product<T> p{.m = table.terms,
                          .n = cols,
                          .k = static_cast<Index>(tables_->pairs.size()),
                          .a = table.cos.data(),
                          .a_row = 1,
                          .a_col = table.terms,
                          .b = from_cos,
                          .b_row = from_row,
                          .c = even,
                          .c_row = to_row,
                          .bias = bias};
    kernels::product(p);
    p.a = table.sin.data();
    p.b = from_sin;
    p.c = even + table.terms * to_row;
    p.bias = nullptr;
    kernels::product(p);
  }

  // Of every example, `example` apart; its sines `sine` after its cosines.
  void transform(const Table& table, MatrixView<const T> x, const Parts& q, Index examples, T* to, Index example,
                 Index sine, Index step) const {
    for (Index e = 0; e < examples; ++e, to += example) {
      fold(x.row(e * s_.points()), x.stride, x.stride, q.fold);
      analyze(table, q.fold, q.fold + q.frequencies * x.stride, x.stride, x.stride, to, to + sine, step);
    }
  }

  // [P | R] of each input channel.
  void transform_filter(const Call<T>& call, const Parts& q) const {
    for (Index i = 0; i < s_.in; ++i) {
      const T *even = call.in(1).row(i * s_.filter()), *odd = even;
      if (tables_->full) {
        fold(even, q.out, q.out, q.fold);
        even = q.fold;
        odd = q.fold + q.frequencies * q.out;
      }
      T* to = q.filter + i * 2 * q.out;
      analyze(tables_->filter, even, odd, q.out, q.out, to, to + q.out, q.filter_step);
    }
  }

  // work rows e and E + e hold [a P | a R] and [b P | b R]: [real | imaginary] of the output.
  void combine(Index examples, const Parts& q, T* to) const {
    for (Index e = 0; e < examples; ++e, to += 2 * q.out) {
      const T *first = q.work + e * 2 * q.out, *second = first + examples * 2 * q.out;
      for (Index i = 0; i < q.out; ++i) {
        to[i] = first[i] - second[q.out + i];
        to[q.out + i] = first[q.out + i] + second[i];
      }
    }
  }

  // work rows e: [re | im] of the output's gradient; rows E + e: [im | -re].
  void turn(Index examples, const Parts& q, const T* from) const {
    T* to = std::copy_n(from, examples * 2 * q.out, q.work);
    for (Index e = 0; e < examples; ++e, from += 2 * q.out, to += 2 * q.out) {
      std::copy_n(from + q.out, q.out, to);
      for (Index i = 0; i < q.out; ++i) to[q.out + i] = -from[i];
    }
  }

  // d[P | R] = [a; b]^T work.
  void filter_product(Index examples, const Parts& q, Index w) const {
    kernels::product<T>({.m = s_.in,
                         .n = 2 * q.out,
                         .k = 2 * examples,
                         .a = q.signal + w * q.signal_step,
                         .a_row = 1,
                         .a_col = q.in,
                         .b = q.work,
                         .b_row = 2 * q.out,
                         .c = q.dfilter + w * q.filter_step,
                         .c_row = 2 * q.out});
  }

  // [da; db] = work [P | R]^T.
  void signal_product(Index examples, const Parts& q, Index w) const {
    kernels::product<T>({.m = 2 * examples,
                         .n = s_.in,
                         .k = 2 * q.out,
                         .a = q.work,
                         .a_row = 2 * q.out,
                         .b = q.filter + w * q.filter_step,
                         .b_row = 2 * q.out,
                         .b_transposed = true,
                         .c = q.dsignal + w * q.signal_step,
                         .c_row = q.in});
  }

  // Frequencies to filter positions, one input channel at a time.
  void weight_gradient(const Parts& q, MatrixView<T> dw, bool accumulate) const {
    const Index terms = tables_->filter.terms;
    for (Index i = 0; i < s_.in; ++i) {
      const T* from = q.dfilter + i * 2 * q.out;
      T* to = dw.row(i * s_.filter());
      synthesize(tables_->filter, from, from + q.out, q.filter_step, q.out, q.out, q.fold, nullptr);
      if (tables_->full) {
        unfold(q.fold, q.out, q.out, to, dw.stride, accumulate);
      } else {
        kernels::axpy(terms * q.out, T(1), q.fold, to, accumulate);
        kernels::axpy(terms * q.out, T(1), q.fold + terms * q.out, to, true);
      }
    }
  }

  void input_gradient(const Call<T>& call, const Parts& q, MatrixView<T> dx) const {
    for (Index e = 0; e < call.examples(); ++e) {
      const T* from = q.dsignal + e * q.in;
      synthesize(tables_->signal, from, from + call.examples() * q.in, q.signal_step, s_.in, q.in, q.fold, nullptr);
      unfold(q.fold, q.in, s_.in, dx.row(e * s_.points()), dx.stride, call.accumulate(0));
    }
    clear_padding(dx);
  }

  Sizes s_;
  std::shared_ptr<const Tables> tables_;
};

void check_torus(const Torus& t) {
  require(t.height >= 1 && t.width >= 1, "cyclic_convolution: the torus is ", t.height, " x ", t.width,
          "; sizes start at 1");
  require<ShapeError>(
      t.filter_height >= 1 && t.filter_width >= 1 && t.filter_height <= t.height && t.filter_width <= t.width,
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
      .forward = [way](const Call<T>& call) { way.forward(call); },
      .backward = [way](const Call<T>& call) { way.backward(call); },
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

// The spectral way writes every entry of a signal several times, between products that are small: measured, that
// takes the time of so many multiply-adds. It decides where few input channels leave the transforms alone to pay.
constexpr double kPerMoved = 40;

double convolution_work(const Torus& t, Index examples, Index in, Index out, ConvolutionMethod method,
                        bool input_gradient) {
  const double e = static_cast<double>(examples), n = static_cast<double>(t.points()),
               l = static_cast<double>(t.filter_points());
  const double i = static_cast<double>(in), o = static_cast<double>(out);
  const double passes = input_gradient ? 3 : 2, direct = passes * e * n * l * i * o;
  // Products at about n/2 frequencies, of 2E rows by 2 out columns; transforms of signals and of the filter,
  // forward and backward, of as many pairs of points.
  const double f = n / 2 + 1, signals = 2 * f * f * ((passes - 1) * i + 2 * o);
  const double filter = 2 * 2 * f * (l < n ? l : f) * i * o;
  const double spectral = passes * f * 2 * e * i * 2 * o + e * signals + filter;
  if (method != ConvolutionMethod::automatic) return method == ConvolutionMethod::direct ? direct : spectral;
  const double moved = e * n * ((passes - 1) * i + 2 * o);
  return spectral + kPerMoved * moved < direct ? spectral : direct;
}

template <class T>
Tensor<T> cyclic_convolution(Tensor<T> x, Tensor<T> weight, Tensor<T> bias, const Torus& torus,
                             ConvolutionMethod method) {
  check_torus(torus);
  const Shape &s = x.shape(), &w = weight.shape();
  require<ShapeError>(s.examples != Shape::kShared && s.points == torus.points(), "cyclic_convolution: x is ",
                      to_string(s), " and the torus has ", torus.points(), " points; they must agree");
  require<ShapeError>(w.examples == Shape::kShared && w.points == s.channels * torus.filter_points(),
                      "cyclic_convolution: x is ", to_string(s), " and the weight is ", to_string(w),
                      "; the weight must have channels * filter positions = ", s.channels * torus.filter_points(),
                      " rows");
  if (bias)
    require<ShapeError>(bias.shape() == Shape{Shape::kShared, 1, w.channels}, "cyclic_convolution: the weight is ",
                        to_string(w), " and the bias is ", to_string(bias.shape()),
                        "; the bias must have one entry an output channel");
  const Sizes sizes{torus, s.channels, w.channels, static_cast<bool>(bias)};
  const Index examples = x.program().capacity();
  const auto work = [&](ConvolutionMethod way) {
    return convolution_work(torus, examples, sizes.in, sizes.out, way, x.program().needs_gradient(x));
  };
  const bool spectral = method == ConvolutionMethod::spectral ||
                        (method == ConvolutionMethod::automatic && work(method) != work(ConvolutionMethod::direct));
  if (spectral) return record_way<T, Spectral<T>>(x, weight, bias, sizes, "cyclic_convolution (spectral)");
  return record_way<T, Direct<T>>(x, weight, bias, sizes, "cyclic_convolution (direct)");
}

template Tensor<float> cyclic_convolution(Tensor<float>, Tensor<float>, Tensor<float>, const Torus&,
                                          ConvolutionMethod);
template Tensor<double> cyclic_convolution(Tensor<double>, Tensor<double>, Tensor<double>, const Torus&,
                                           ConvolutionMethod);

}  // namespace eqnn
