#include "convolution.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "../kernels/blas.h"
#include "../kernels/fourier.h"
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
// With hats for transforms over the points, y^_w = x^_w conj(W^_w) for each pair of channels: a complex c_in x
// c_out product a frequency. Those of real numbers come in conjugate pairs, of which one is kept: along the width
// of the torus, w = 0, .., width / 2.
//
// Transforms of the channels of one example, or of one input channel of the filter: [point][channel] to [w][re,
// im].
template <class T>
class TorusTransform {
 public:
  explicit TorusTransform(const Torus& t) : torus_(t), row_(t.width), column_(t.height) {}

  Index frequencies() const { return torus_.height * row_.frequencies(); }
  Index work() const { return std::max(row_.work(), column_.work()) + (plain() ? 0 : 2 * frequencies() * kWidth); }
  // re_w + i im_w = sum_t e^{-i w t} x_t
  void forward(Index cols, const T* x, Index x_row, T* re, T* im, Index w_row, T* work) const {
    const Index width = row_.frequencies();
    for (Index y = 0; y < torus_.height; ++y)
      kernels::fourier_forward<T>({&row_, cols, x + y * torus_.width * x_row, x_row, re + y * width * w_row,
                                   im + y * width * w_row, w_row, work});
    columns(cols, re, im, w_row, work);
  }
  // x_t = (1 / n) sum_w e^{i w t} (re_w + i im_w) over all n frequencies, the conjugates too, on top of bias or of
  // what is there.
  void backward(Index cols, const T* re, const T* im, Index w_row, T* x, Index x_row, const T* bias,
                bool accumulate, T* work) const {
    const T scale = 1 / static_cast<T>(torus_.points());
    if (plain())
      return kernels::fourier_backward<T>({&row_, cols, re, im, w_row, x, x_row, scale, bias, accumulate, work});
    T *copy_re = work, *copy_im = copy_re + frequencies() * kWidth, *rest = copy_im + frequencies() * kWidth;
    for (Index c = 0; c < cols; c += kWidth) {
      kernels::copy_columns(frequencies(), kWidth, re + c, w_row, copy_re, kWidth, false);
      kernels::copy_columns(frequencies(), kWidth, im + c, w_row, copy_im, kWidth, false);
      columns(kWidth, copy_im, copy_re, kWidth, rest);
      const Index width = row_.frequencies() * kWidth;
      for (Index y = 0; y < torus_.height; ++y)
        kernels::fourier_backward<T>({&row_, kWidth, copy_re + y * width, copy_im + y * width, kWidth,
                                      x + y * torus_.width * x_row + c, x_row, scale, bias ? bias + c : nullptr,
                                      accumulate, rest});
    }
  }

 private:
  static constexpr Index kWidth = kLine / sizeof(T);
  bool plain() const { return torus_.height == 1; }
  void columns(Index cols, T* re, T* im, Index w_row, T* work) const {
    if (plain()) return;
    const Index width = row_.frequencies();
    for (Index w = 0; w < width; ++w)
      kernels::fourier_complex<T>({&column_, cols, re + w * w_row, im + w * w_row, width * w_row, work});
  }

  Torus torus_;
  kernels::FourierPlan<T> row_, column_;
};

// W^ of a filter, [w][in][re | im] with one more row a frequency: at whole powers of two the same entry of all
// frequencies, which a transform takes together, would fall into the same few places of a cache.
template <class T>
class FilterSpectrum {
 public:
  FilterSpectrum(const Sizes& s, std::shared_ptr<const TorusTransform<T>> transform)
      : s_(s), transform_(std::move(transform)), out_(padded<T>(s.out)) {}

  Index row() const { return 2 * out_; }              // of one input channel
  Index step() const { return (s_.in + 1) * row(); }  // from frequency to frequency
  Shape shape() const { return {Shape::kShared, transform_->frequencies() * (s_.in + 1), row()}; }
  Index scratch() const { return transform_->work() + (full() ? 0 : s_.points() * out_); }

  void forward(const Call<T>& call) const {
    T *work = call.scratch().data(), *points = work + transform_->work();
    if (!full()) std::fill_n(points, s_.points() * out_, T(0));
    for (Index i = call.first_part(); i < call.last_part(); ++i) {
      const T* weight = call.in(0).row(i * s_.filter());
      for (Index f = 0; !full() && f < s_.filter(); ++f) std::copy_n(weight + f * out_, out_, points + point(f));
      T* to = call.out().data + i * row();
      transform_->forward(out_, full() ? weight : points, out_, to, to + out_, step(), work);
    }
  }

  // The gradient that comes is X^ conj(D^), D the gradient to y: what it is of W when the convolution's 1 / n, and
  // the frequencies that stand for two, are left to backward() of the transform.
  void backward(const Call<T>& call) const {
    T *work = call.scratch().data(), *points = work + transform_->work();
    const bool accumulate = call.accumulate(0);
    for (Index i = call.first_part(); i < call.last_part(); ++i) {
      const T* from = call.out_gradient().data + i * row();
      T* dw = call.in_gradient(0).row(i * s_.filter());
      transform_->backward(out_, from, from + out_, step(), full() ? dw : points, out_, nullptr,
                           full() && accumulate, work);
      for (Index f = 0; !full() && f < s_.filter(); ++f)
        kernels::axpy(out_, T(1), points + point(f), dw + f * out_, accumulate);
    }
  }

 private:
  bool full() const { return s_.filter() == s_.points(); }
  // Where the filter's position f is among the points.
  Index point(Index f) const {
    return (f / s_.torus.filter_width * s_.torus.width + f % s_.torus.filter_width) * out_;
  }

  Sizes s_;
  std::shared_ptr<const TorusTransform<T>> transform_;
  Index out_;
};

// Of W^ its transpose, [w][out][re | im] with one more row a frequency: what the gradient to x multiplies.
template <class T>
class TransposedSpectrum {
 public:
  explicit TransposedSpectrum(const Sizes& s) : s_(s), in_(padded<T>(s.in)), out_(padded<T>(s.out)) {}

  Index row() const { return 2 * in_; }
  Index step() const { return (s_.out + 1) * row(); }
  Shape shape(Index frequencies) const { return {Shape::kShared, frequencies * (s_.out + 1), row()}; }

  void forward(const Call<T>& call, Index from_step) const {
    for (Index w = call.first_part(); w < call.last_part(); ++w)
      for (int part = 0; part < 2; ++part)
        kernels::transpose(s_.in, s_.out, call.in(0).data + w * from_step + part * out_, 2 * out_,
                           call.out().data + w * step() + part * in_, row());
  }

 private:
  Sizes s_;
  Index in_, out_;
};

// The convolution between spectra. Memory, with E examples: signal [w][E][re | im], c_in each, and spectrum, a
// strip of the c_out channels each, with a line more from one frequency to the next, for the same reason. Where the
// input is data nothing adds over c_out, and strips are worked on one after the other, so that their spectra stay
// in a cache.
template <class T>
class Spectral {
 public:
  Spectral(const Sizes& s, Index capacity, bool input_gradient)
      : s_(s),
        transform_(std::make_shared<TorusTransform<T>>(s.torus)),
        filter_(s, transform_),
        transposed_(s),
        in_(padded<T>(s.in)),
        out_(padded<T>(s.out)),
        strip_(input_gradient ? out_ : std::min(out_, strip_of(transform_->frequencies() * 2 * capacity))) {}

  // Inputs of the operation: x, the filter's spectrum, the same transposed (where the gradient to x is needed),
  // bias.
  std::vector<Tensor<T>> inputs(Tensor<T> x, Tensor<T> weight, Tensor<T> bias) const {
    Program<T>& program = x.program();
    const Tensor<T> spectrum = program.record({
        .name = "filter_spectrum",
        .inputs = {weight},
        .shape = filter_.shape(),
        .forward = [f = filter_](const Call<T>& call) { f.forward(call); },
        .backward = [f = filter_](const Call<T>& call) { f.backward(call); },
        .backward_reads_inputs = false,
        .backward_reads_output = false,
        .overwrites = true,
        .scratch = filter_.scratch(),
        .parts = s_.in,
    });
    std::vector<Tensor<T>> inputs = {x, spectrum};
    if (program.training() && program.needs_gradient(x))
      inputs.push_back(program.record({
          .name = "transposed_spectrum",
          .inputs = {spectrum},
          .shape = transposed_.shape(transform_->frequencies()),
          .forward = [t = transposed_, step = filter_.step()](const Call<T>& call) { t.forward(call, step); },
          .backward = {},
          .overwrites = true,
          .parts = transform_->frequencies(),
      }));
    if (bias) inputs.push_back(bias);
    return inputs;
  }

  Index scratch(Index capacity) const {
    return transform_->frequencies() * (step(capacity, in_) + step(capacity, strip_)) + transform_->work();
  }

  void forward(const Call<T>& call, int bias) const {
    const Memory m(*this, call);
    const Index examples = call.examples();
    to_spectrum(call.in(0).data, in_, in_, examples, m.signal, m.transform);
    for (Index c = 0; c < out_; c += strip_) {
      const Index cols = std::min(strip_, out_ - c);
      for (Index w = 0; w < transform_->frequencies(); ++w)  // y^ = x^ conj(W^)
        multiply({.m = examples, .n = cols, .k = s_.in, .conjugate_b = true}, m.signals(w),
                 m.filter(call.in(1), w, c), m.spectra(w, cols));
      from_spectrum(m.spectrum, cols, out_, examples, call.out().data + c,
                    s_.has_bias ? call.in(bias).data + c : nullptr, false, m.transform);
    }
  }

  void backward(const Call<T>& call, int bias) const {
    const Memory m(*this, call);
    const Index examples = call.examples();
    if (s_.has_bias) detail::bias_gradient(call, bias);
    const MatrixView<T> dw = call.in_gradient(1), dx = call.in_gradient(0);
    for (Index c = 0; c < out_; c += strip_) {
      const Index cols = std::min(strip_, out_ - c);
      to_spectrum(call.out_gradient().data + c, cols, out_, examples, m.spectrum, m.transform);
      for (Index w = 0; w < transform_->frequencies(); ++w) {
        if (dw)  // dW^ (+)= x^ conj(dy^), over the examples
          multiply({.m = s_.in, .n = cols, .k = examples, .conjugate_b = true, .accumulate = call.accumulate(1)},
                   m.signals(w).transposed(), m.spectra(w, cols), m.filter(dw, w, c));
        if (dx)  // dx^ = dy^ W^T, in the place of x^
          multiply({.m = examples, .n = in_, .k = s_.out}, m.spectra(w, cols), m.transposed(call.in(2), w),
                   m.signals(w));
      }
    }
    if (dx) from_spectrum(m.signal, in_, in_, examples, dx.data, nullptr, call.accumulate(0), m.transform);
  }

 private:
  // The complex matrix of one frequency: U is T, or const T.
  template <class U>
  struct Part {
    U *re, *im;
    Index row, col = 1;
    Part transposed() const { return {re, im, col, row}; }
  };
  struct Memory {
    Memory(const Spectral& s, const Call<T>& call)
        : self(s),
          examples(call.examples()),
          signal(call.scratch().data()),
          spectrum(signal + s.transform_->frequencies() * step(examples, s.in_)),
          transform(spectrum + s.transform_->frequencies() * step(examples, s.strip_)) {}
    Part<T> signals(Index w) const { return part(signal + w * step(examples, self.in_), self.in_); }
    Part<T> spectra(Index w, Index cols) const { return part(spectrum + w * step(examples, cols), cols); }
    template <class U>
    Part<U> filter(MatrixView<U> spectrum_of, Index w, Index first) const {
      return part(spectrum_of.data + w * self.filter_.step() + first, self.out_);
    }
    template <class U>
    Part<U> transposed(MatrixView<U> spectrum_of, Index w) const {
      return part(spectrum_of.data + w * self.transposed_.step(), self.in_);
    }
    // Rows [re | im] of so many channels each.
    template <class U>
    static Part<U> part(U* data, Index channels) {
      return {data, data + channels, 2 * channels};
    }
    const Spectral& self;
    Index examples;
    T *signal, *spectrum, *transform;
  };
  // C (+)= A B or A conj(B), for the sizes in p.
  template <class A, class B>
  static void multiply(kernels::ComplexProduct<T> p, const Part<A>& a, const Part<B>& b, const Part<T>& c) {
    p.a_re = a.re;
    p.a_im = a.im;
    p.a_row = a.row;
    p.a_col = a.col;
    p.b_re = b.re;
    p.b_im = b.im;
    p.b_row = b.row;
    p.c_re = c.re;
    p.c_im = c.im;
    p.c_row = c.row;
    kernels::complex_product(p);
  }
  // Whole lines of channels whose spectra, `column` numbers each, take so many bytes: some of a second-level cache.
  static Index strip_of(Index column) {
    constexpr Index bytes = 256 * 1024;
    return std::max(bytes / static_cast<Index>(sizeof(T)) / column / padded<T>(1), Index{1}) * padded<T>(1);
  }
  static Index step(Index examples, Index channels) { return 2 * examples * channels + padded<T>(1); }

  // `cols` columns of x, whose rows are `row` apart.
  void to_spectrum(const T* x, Index cols, Index row, Index examples, T* to, T* work) const {
    for (Index e = 0; e < examples; ++e, x += s_.points() * row, to += 2 * cols)
      transform_->forward(cols, x, row, to, to + cols, step(examples, cols), work);
  }
  void from_spectrum(const T* from, Index cols, Index row, Index examples, T* x, const T* bias, bool accumulate,
                     T* work) const {
    for (Index e = 0; e < examples; ++e, x += s_.points() * row, from += 2 * cols)
      transform_->backward(cols, from, from + cols, step(examples, cols), x, row, bias, accumulate, work);
  }

  Sizes s_;
  std::shared_ptr<const TorusTransform<T>> transform_;
  FilterSpectrum<T> filter_;
  TransposedSpectrum<T> transposed_;
  Index in_, out_, strip_;
};

void check_torus(const Torus& t) {
  require(t.height >= 1 && t.width >= 1, "cyclic_convolution: the torus is ", t.height, " x ", t.width,
          "; sizes start at 1");
  require<ShapeError>(
      t.filter_height >= 1 && t.filter_width >= 1 && t.filter_height <= t.height && t.filter_width <= t.width,
      "cyclic_convolution: the filter is ", t.filter_height, " x ", t.filter_width, " on a torus of ", t.height,
      " x ", t.width, "; it must have at least one position and fit the torus");
}

std::vector<double> sizes_of(const Torus& t) {
  return {static_cast<double>(t.height), static_cast<double>(t.width), static_cast<double>(t.filter_height),
          static_cast<double>(t.filter_width)};
}

// Of one of an example's passes: forward, and one for each gradient.
template <class T>
double work_of_a_pass(Tensor<T> x, const Sizes& s, ConvolutionMethod method) {
  const bool input_gradient = x.program().needs_gradient(x);
  const Index capacity = x.program().capacity();
  return convolution_work(s.torus, capacity, s.in, s.out, method, input_gradient) /
         ((input_gradient ? 3 : 2) * static_cast<double>(capacity));
}

template <class T>
Tensor<T> record_direct(Tensor<T> x, Tensor<T> weight, Tensor<T> bias, const Sizes& s) {
  std::vector<Tensor<T>> inputs = {x, weight};
  if (bias) inputs.push_back(bias);
  return x.program().record({
      .name = "cyclic_convolution (direct)",
      .inputs = std::move(inputs),
      .shape = {x.shape().examples, s.points(), s.out},
      .forward = [way = Direct<T>(s)](const Call<T>& call) { way.forward(call); },
      .backward = [way = Direct<T>(s)](const Call<T>& call) { way.backward(call); },
      .backward_reads_output = false,
      .overwrites = true,
      .multiply_adds = work_of_a_pass(x, s, ConvolutionMethod::direct),
      .scratch = Direct<T>::scratch(s, x.program().capacity()),
      .numbers = sizes_of(s.torus),
  });
}

template <class T>
Tensor<T> record_spectral(Tensor<T> x, Tensor<T> weight, Tensor<T> bias, const Sizes& s) {
  const Spectral<T> way(s, x.program().capacity(), x.program().needs_gradient(x));
  std::vector<Tensor<T>> inputs = way.inputs(x, weight, bias);
  const int last = static_cast<int>(inputs.size()) - 1;
  return x.program().record({
      .name = "cyclic_convolution (spectral)",
      .inputs = std::move(inputs),
      .shape = {x.shape().examples, s.points(), s.out},
      .forward = [way, last](const Call<T>& call) { way.forward(call, last); },
      .backward = [way, last](const Call<T>& call) { way.backward(call, last); },
      .backward_reads_output = false,
      .overwrites = true,
      .multiply_adds = work_of_a_pass(x, s, ConvolutionMethod::spectral),
      .scratch = way.scratch(x.program().capacity()),
      .numbers = sizes_of(s.torus),
  });
}

}  // namespace

std::vector<Index> Torus::file_shape(Index in, Index out) const {
  if (height == 1) return {out, in, filter_width};
  return {out, in, filter_height, filter_width};
}

// The spectral way writes every entry of a signal several times, between products that are small: measured, that
// takes the time of so many multiply-adds. It decides where few input channels leave the transforms alone to pay.
constexpr double kPerMoved = 20;

double convolution_work(const Torus& t, Index examples, Index in, Index out, ConvolutionMethod method,
                        bool input_gradient) {
  const double e = static_cast<double>(examples), n = static_cast<double>(t.points()),
               l = static_cast<double>(t.filter_points());
  const double i = static_cast<double>(in), o = static_cast<double>(out);
  const double passes = input_gradient ? 3 : 2, direct = passes * e * n * l * i * o;
  if (method == ConvolutionMethod::direct) return direct;
  // Complex products at about n/2 frequencies; transforms of signals, forward and backward.
  const double width = static_cast<double>(t.width / 2 + 1), height = static_cast<double>(t.height);
  const double transform = height * kernels::fourier_multiply_adds(t.width) +
                           (t.height > 1 ? 2 * width * kernels::fourier_multiply_adds(t.height) : 0);
  const double signals = e * ((passes - 1) * i + 2 * o);
  const double spectral = passes * height * width * 2 * e * i * 2 * o + signals * transform;
  if (method == ConvolutionMethod::spectral) return spectral;
  return spectral + kPerMoved * n * signals < direct ? spectral : direct;
}

template <class T>
Tensor<T> cyclic_convolution(Tensor<T> x, Tensor<T> weight, Tensor<T> bias, const Torus& torus,
                             ConvolutionMethod method) {
  check_torus(torus);
  const Shape &s = x.shape(), &w = weight.shape();
  require<ShapeError>(s.examples != Shape::kShared && s.points == torus.points(), "cyclic_convolution: x is ",
                      to_string(s), " and the torus has ", torus.points(), " points; they must agree");
  require<ShapeError>(w.examples == Shape::kShared && w.points == s.channels * torus.filter_points(),
                      "cyclic_convolution: x is ", to_string(s), " and the weight is ", to_string(weight),
                      "; the weight must have channels * filter positions = ", s.channels * torus.filter_points(),
                      " rows");
  if (bias)
    require<ShapeError>(bias.shape() == Shape{Shape::kShared, 1, w.channels}, "cyclic_convolution: the weight is ",
                        to_string(weight), " and the bias is ", to_string(bias),
                        "; the bias must have one entry an output channel");
  const Sizes sizes{torus, s.channels, w.channels, static_cast<bool>(bias)};
  const Index examples = x.program().capacity();
  const auto work = [&](ConvolutionMethod way) {
    return convolution_work(torus, examples, sizes.in, sizes.out, way, x.program().needs_gradient(x));
  };
  const bool spectral = method == ConvolutionMethod::spectral ||
                        (method == ConvolutionMethod::automatic && work(method) != work(ConvolutionMethod::direct));
  return spectral ? record_spectral(x, weight, bias, sizes) : record_direct(x, weight, bias, sizes);
}

template Tensor<float> cyclic_convolution(Tensor<float>, Tensor<float>, Tensor<float>, const Torus&,
                                          ConvolutionMethod);
template Tensor<double> cyclic_convolution(Tensor<double>, Tensor<double>, Tensor<double>, const Torus&,
                                           ConvolutionMethod);

}  // namespace eqnn
