// Every kernel against the naive reference, on every SIMD target of this machine.
#include <doctest/doctest.h>
#include <eqnn/core/matrix.h>
#include <eqnn/kernels/blas.h>
#include <eqnn/kernels/kernels.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/reference.h"
#include "support/simd_targets.h"

namespace test_kernels {

using namespace eqnn;
using kernels::Product;
using kernels::Unary;

namespace {

constexpr Unary kUnaries[] = {Unary::relu, Unary::tanh, Unary::gelu, Unary::square};

template <class T>
constexpr double kEpsilon = static_cast<double>(std::numeric_limits<T>::epsilon());
template <class T>
constexpr T kNaN = std::numeric_limits<T>::quiet_NaN();
// What memory holds that a kernel must leave alone.
template <class T>
constexpr T kSentinel = T(-12345.678);

template <class T>
void randomize(AlignedBuffer<T>& b, std::uint64_t seed, double scale = 1) {
  Draws d({seed, Stream::user, 0, 0});
  for (T& v : b) v = static_cast<T>(scale * (2 * d.uniform() - 1));
}

// A span of `size` random values with a line of sentinels on both sides; data() is on a line.
template <class T>
class Guarded {
 public:
  Guarded(Index size, std::uint64_t seed, double scale = 1)
      : size_(size), buffer_(2 * padded<T>(1) + padded<T>(size)) {
    randomize(buffer_, seed, scale);
    for (Index i = -padded<T>(1); i < 0; ++i) data()[i] = kSentinel<T>;
    for (Index i = size; i < padded<T>(size) + padded<T>(1); ++i) data()[i] = kSentinel<T>;
  }
  T* data() { return buffer_.data() + padded<T>(1); }
  T& operator[](Index i) { return data()[i]; }
  std::vector<double> values() {
    std::vector<double> v;
    for (Index i = 0; i < size_; ++i) v.push_back(static_cast<double>(data()[i]));
    return v;
  }
  bool intact() {
    bool ok = true;
    for (Index i = -padded<T>(1); i < 0; ++i) ok = ok && data()[i] == kSentinel<T>;
    for (Index i = size_; i < padded<T>(size_) + padded<T>(1); ++i) ok = ok && data()[i] == kSentinel<T>;
    return ok;
  }

 private:
  Index size_;
  AlignedBuffer<T> buffer_;
};

// The largest error of `got` in units of tolerance * max(1, |expected|).
template <class T>
double worst(Guarded<T>& got, const std::vector<double>& expected, double tolerance) {
  double result = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double error = std::abs(static_cast<double>(got[static_cast<Index>(i)]) - expected[i]);
    const double relative = error / (tolerance * std::max(1.0, std::abs(expected[i])));
    result = reference::worse(result, relative);
  }
  return result;
}

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

struct ProductCase {
  Index m, n, k;
  bool a_transposed = false, b_transposed = false, bias = false, accumulate = false;
  Index count = 1;
  bool share_a = false;  // one A for the whole batch
};

// Operands of a ProductCase. Whatever a product must not use is NaN: the padding of A, B and the bias.
template <class T>
struct Operands {
  explicit Operands(const ProductCase& t, std::uint64_t seed)
      : test(t),
        a(t.count * (t.a_transposed ? t.k * padded<T>(t.m) : t.m * padded<T>(t.k))),
        b(t.count * (t.b_transposed ? t.n * padded<T>(t.k) : t.k * padded<T>(t.n))),
        c(t.count * t.m * padded<T>(t.n) + padded<T>(1)),
        bias(padded<T>(t.n)) {
    fill(a, t.a_transposed ? t.m : t.k, seed);
    fill(b, t.b_transposed ? t.k : t.n, seed + 1);
    fill(bias, t.n, seed + 2);
    randomize(c, seed + 3);
    for (Index i = 0; i < c.size(); ++i)
      if (i % padded<T>(std::max<Index>(t.n, 1)) >= t.n || i >= t.count * t.m * padded<T>(t.n)) c[i] = kSentinel<T>;
    before.assign(c.begin(), c.end());
  }

  Product<T> product() {
    Product<T> p;
    p.m = test.m;
    p.n = test.n;
    p.k = test.k;
    p.a = a.data();
    p.a_row = test.a_transposed ? 1 : padded<T>(test.k);
    p.a_col = test.a_transposed ? padded<T>(test.m) : 1;
    p.b = b.data();
    p.b_row = padded<T>(test.b_transposed ? test.k : test.n);
    p.b_transposed = test.b_transposed;
    p.c = c.data();
    p.c_row = padded<T>(test.n);
    p.bias = test.bias ? bias.data() : nullptr;
    p.accumulate = test.accumulate;
    p.count = test.count;
    p.a_step = test.share_a ? 0 : a.size() / std::max<Index>(test.count, 1);
    p.b_step = b.size() / std::max<Index>(test.count, 1);
    p.c_step = test.m * p.c_row;
    return p;
  }

  // The largest error in units of the rounding bound; infinite when anything else was written.
  double worst(Index row_step = 1) {
    const Product<T> p = product();
    double result = 0;
    for (Index batch = 0; batch < p.count; ++batch)
      for (Index i = 0; i < p.m; i += row_step)
        for (Index j = 0; j < p.c_row; ++j) {
          const Index place = batch * p.c_step + i * p.c_row + j;
          if (j >= p.n) {
            if (c[place] != before[place]) return std::numeric_limits<double>::infinity();
            continue;
          }
          const auto expected = reference::product_entry(p, batch, i, j, static_cast<double>(before[place]));
          const double bound = static_cast<double>(p.k + 2) * kEpsilon<T> * expected.magnitude + 1e-300;
          const double error = std::abs(static_cast<double>(c[place]) - expected.value);
          result = reference::worse(result, error / bound);
        }
    for (Index i = p.count * p.c_step; i < c.size(); ++i)
      if (c[i] != before[i]) return std::numeric_limits<double>::infinity();
    return result;
  }

  ProductCase test;
  AlignedBuffer<T> a, b, c, bias;
  std::vector<T> before;

 private:
  static void fill(AlignedBuffer<T>& x, Index cols, std::uint64_t seed) {
    randomize(x, seed);
    for (Index i = 0; i < x.size(); ++i)
      if (i % padded<T>(std::max<Index>(cols, 1)) >= cols) x[i] = kNaN<T>;
  }
};

std::string name(const ProductCase& c) {
  return concat(c.m, " x ", c.n, " x ", c.k, c.a_transposed ? " A^T" : "", c.b_transposed ? " B^T" : "",
                c.bias ? " bias" : "", c.accumulate ? " accumulate" : "", " count ", c.count,
                c.share_a ? " shared A" : "");
}

template <class T>
void check_product(const ProductCase& c) {
  Operands<T> operands(c, 7);
  kernels::product(operands.product());
  const double error = operands.worst();
  if (!(error <= 1)) FAIL_CHECK("product ", name(c), ": error ", error, " times the rounding bound");
}

// Sizes 1 to 40 in every place, with the others drawn; and all triples of awkward ones.
std::vector<ProductCase> product_cases() {
  std::vector<ProductCase> cases;
  Draws d({8, Stream::user, 0, 0});
  const auto any = [&] { return static_cast<Index>(1 + d.below(40)); };
  const auto variant = [&](ProductCase c) {
    const std::uint32_t bits = d.below(32);
    c.a_transposed = bits & 1;
    c.b_transposed = bits & 2;
    c.bias = bits & 4;
    c.accumulate = bits & 8;
    c.count = (bits & 16) ? 1 : 1 + d.below(3);
    cases.push_back(c);
  };
  for (Index size = 1; size <= 40; ++size)
    for (int repeat = 0; repeat < 6; ++repeat) {
      variant({size, any(), any()});
      variant({any(), size, any()});
      variant({any(), any(), size});
    }
  for (Index m : {0, 1, 8, 13, 40})
    for (Index n : {0, 1, 8, 17, 40})
      for (Index k : {0, 1, 16, 40})
        for (int bits = 0; bits < 16; ++bits)
          cases.push_back({m, n, k, (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0});
  for (Index count : {0, 2, 5}) {
    cases.push_back({15, 24, 15, false, false, false, false, count});
    cases.push_back({15, 24, 15, true, false, false, true, count});
    cases.push_back({15, 24, 15, false, false, true, false, count, true});
  }
  return cases;
}

}  // namespace

TEST_CASE("choosing a SIMD target changes the kernels, and the machine's own comes back") {
  const std::string best = kernels::target_name();
  std::vector<std::string> seen;
  testing::on_every_target([&](const std::string& target) {
    CHECK(kernels::target_name() == target);
    seen.push_back(target);
  });
  CHECK(kernels::target_name() == best);
  CHECK(seen.back() != "");
  CHECK(std::find(seen.begin(), seen.end(), best) != seen.end());
#if defined(__x86_64__)
  // Every x86-64 machine since 2013 has the baseline and AVX2 at least.
  if (__builtin_cpu_supports("avx2")) CHECK(seen.size() >= 2);
#endif
}

TEST_CASE_TEMPLATE("matrix products equal the reference for all sizes and forms", T, float, double) {
  const std::vector<ProductCase> cases = product_cases();
  testing::on_every_target([&](const std::string&) {
    for (const ProductCase& c : cases) check_product<T>(c);
  });
}

TEST_CASE_TEMPLATE("products by name are x W, x^T dy and dy W^T", T, float, double) {
  const Index rows = 5, in = 3, out = 9;
  Matrix<T> x(rows, in), w(in, out), y(rows, out);
  Draws d({4, Stream::user, 0, 0});
  for (Matrix<T>* m : {&x, &w, &y})
    for (Index i = 0; i < m->rows(); ++i)
      for (Index j = 0; j < m->cols(); ++j) (*m)(i, j) = static_cast<T>(d.below(9));
  const auto check = [](const Product<T>& p, Matrix<T>& c, const auto& entry) {
    for (Index i = 0; i < c.rows(); ++i)
      for (Index j = c.cols(); j < c.stride(); ++j) c(i, j) = T(7);
    kernels::product(p);
    for (Index i = 0; i < c.rows(); ++i)
      for (Index j = 0; j < c.cols(); ++j) CHECK(c(i, j) == entry(i, j));
    return c(0, c.cols());  // of the padding
  };
  Matrix<T> xw(rows, out), dw(in, out), dx(rows, in);
  CHECK(check(Product<T>::plain(x.view(), w.view(), xw.view()), xw, [&](Index i, Index j) {
          T sum = 0;
          for (Index k = 0; k < in; ++k) sum += x(i, k) * w(k, j);
          return sum;
        }) == 0);
  CHECK(check(Product<T>::left_transposed(x.view(), y.view(), dw.view()), dw, [&](Index i, Index j) {
          T sum = 0;
          for (Index k = 0; k < rows; ++k) sum += x(k, i) * y(k, j);
          return sum;
        }) == 0);
  CHECK(check(Product<T>::right_transposed(y.view(), w.view(), dx.view()), dx, [&](Index i, Index j) {
          T sum = 0;
          for (Index k = 0; k < out; ++k) sum += y(i, k) * w(j, k);
          return sum;
        }) == 7);
}

TEST_CASE_TEMPLATE("matrix products with packed panels equal the reference", T, float, double) {
  testing::on_every_target([](const std::string&) {
    for (const bool a_transposed : {false, true})
      for (const bool b_transposed : {false, true})
        for (const bool accumulate : {false, true}) {
          check_product<T>({70, 100, 600, a_transposed, b_transposed, true, accumulate});
          check_product<T>({33, 129, 257, a_transposed, b_transposed, false, accumulate, 2});
        }
  });
}

TEST_CASE_TEMPLATE("products of whole numbers are exact", T, float, double) {
  testing::on_every_target([](const std::string&) {
    Operands<T> o({23, 37, 300, false, false, false, false}, 9);
    for (AlignedBuffer<T>* x : {&o.a, &o.b})
      for (T& v : *x) v = std::isnan(v) ? v : std::round(v * T(9));
    kernels::product(o.product());
    bool exact = true;
    for (Index i = 0; i < 23; ++i)
      for (Index j = 0; j < 37; ++j)
        exact = exact && static_cast<double>(o.c[i * padded<T>(37) + j]) ==
                             reference::product_entry(o.product(), 0, i, j, 0).value;
    CHECK(exact);
  });
}

TEST_CASE_TEMPLATE("matrix_product equals the reference on both sides of the switch to OpenBLAS", T, float,
                   double) {
  for (const bool a_transposed : {false, true})
    for (const bool b_transposed : {false, true}) {
      Operands<T> small({40, 64, 48, a_transposed, b_transposed, true, false}, 10);
      matrix_product(small.product(), false);
      CHECK(small.worst() <= 1);
      const ProductCase big{670, 674, 672, a_transposed, b_transposed, a_transposed, b_transposed};
      CHECK(static_cast<double>(big.m * big.n * big.k) > kBlasWork);
      for (const bool strict : {false, true}) {
        Operands<T> o(big, 11);
        matrix_product(o.product(), strict);
        CHECK(o.worst(97) <= 1);
      }
    }
}

TEST_CASE_TEMPLATE("transpose writes every entry and nothing else", T, float, double) {
  testing::on_every_target([](const std::string&) {
    bool right = true;
    for (Index rows = 0; rows <= 40; ++rows)
      for (Index cols = 0; cols <= 40; ++cols) {
        const Index in_row = padded<T>(cols), out_row = padded<T>(rows) + padded<T>(1);
        AlignedBuffer<T> in(rows * in_row), out(cols * out_row);
        randomize(in, 12);
        std::fill(out.begin(), out.end(), kSentinel<T>);
        kernels::transpose(rows, cols, in.data(), in_row, out.data(), out_row);
        for (Index j = 0; j < cols; ++j)
          for (Index i = 0; i < out_row; ++i)
            right = right && out[j * out_row + i] == (i < rows ? in[i * in_row + j] : kSentinel<T>);
      }
    CHECK(right);
  });
}

TEST_CASE_TEMPLATE("elementwise functions equal the reference", T, float, double) {
  testing::on_every_target([](const std::string&) {
    for (const Unary f : kUnaries)
      for (Index size = 0; size <= 40; ++size) {
        Guarded<T> x(size, 13, 3), y(size, 14);
        std::vector<double> expected;
        for (double v : x.values()) expected.push_back(reference::unary(f, v));
        kernels::unary(f, size, x.data(), y.data());
        CHECK(worst(y, expected, 8 * kEpsilon<T>) <= 1);
        CHECK(y.intact());
        kernels::unary(f, size, x.data(), x.data());  // in place
        CHECK(worst(x, expected, 8 * kEpsilon<T>) <= 1);
      }
  });
}

TEST_CASE_TEMPLATE("gradients of elementwise functions equal the reference", T, float, double) {
  testing::on_every_target([](const std::string&) {
    for (const Unary f : kUnaries)
      for (const bool accumulate : {false, true})
        for (Index size = 0; size <= 40; ++size) {
          Guarded<T> x(size, 15, 3), y(size, 16), dy(size, 17), dx(size, 18);
          kernels::unary(f, size, x.data(), y.data());
          std::vector<double> expected = dx.values();
          for (std::size_t i = 0; i < expected.size(); ++i)
            expected[i] = (accumulate ? expected[i] : 0) +
                          reference::unary_slope(f, x.values()[i]) * static_cast<double>(dy[static_cast<Index>(i)]);
          kernels::unary_gradient(f, size, kernels::gradient_reads_input(f) ? x.data() : y.data(), dy.data(),
                                  dx.data(), accumulate);
          CHECK(worst(dx, expected, 16 * kEpsilon<T>) <= 1);
          CHECK(dx.intact());
        }
  });
}

TEST_CASE_TEMPLATE("elementwise functions hold over the whole range of arguments", T, float, double) {
  testing::on_every_target([](const std::string&) {
    for (const Unary f : kUnaries)
      for (const double magnitude : {1e-30, 1e-10, 1e-3, 0.3, 1.0, 5.0, 10.0, 30.0, 300.0, 1e4, 1e9}) {
        Guarded<T> x(64, 19, magnitude), y(64, 20);
        std::vector<double> expected;
        for (double v : x.values()) expected.push_back(reference::unary(f, v));
        kernels::unary(f, 64, x.data(), y.data());
        INFO("function ", static_cast<int>(f), " magnitude ", magnitude);
        CHECK(worst(y, expected, 8 * kEpsilon<T>) <= 1);
        // Near zero the error is relative too, except where gelu cancels and its value is tiny.
        bool small = true;
        for (Index i = 0; i < 64; ++i)
          small =
              small && std::abs(static_cast<double>(y[i]) - expected[i]) <=
                           16 * kEpsilon<T> * std::max(std::abs(expected[i]), f == Unary::gelu ? magnitude : 0) +
                               static_cast<double>(std::numeric_limits<T>::min());
        CHECK(small);
      }
  });
}

TEST_CASE_TEMPLATE("every elementwise function is zero at zero, and passes NaN on", T, float, double) {
  testing::on_every_target([](const std::string&) {
    for (const Unary f : kUnaries) {
      AlignedBuffer<T> x(64), y(64);
      kernels::unary(f, 64, x.data(), y.data());
      bool zero = true;
      for (T v : y) zero = zero && v == T(0);
      CHECK(zero);
      std::fill(x.begin(), x.end(), kNaN<T>);
      kernels::unary(f, 64, x.data(), y.data());
      bool nan = true;
      for (T v : y) nan = nan && std::isnan(v);
      INFO("function ", static_cast<int>(f));
      CHECK(nan);
    }
  });
}

TEST_CASE_TEMPLATE("exp equals the reference over its whole range, and passes NaN on", T, float, double) {
  using Limits = std::numeric_limits<T>;
  const double most = std::log(static_cast<double>(Limits::max()));
  testing::on_every_target([&](const std::string&) {
    for (Index size = 0; size <= 40; ++size) {
      Guarded<T> x(size, 51, 3), y(size, 52);
      std::vector<double> expected;
      for (double v : x.values()) expected.push_back(std::exp(v));
      kernels::exp(size, x.data(), y.data());
      CHECK(worst(y, expected, 2 * kEpsilon<T>) <= 1);
      CHECK(y.intact());
      kernels::exp(size, x.data(), x.data());  // in place
      CHECK(worst(x, expected, 2 * kEpsilon<T>) <= 1);
    }
    AlignedBuffer<T> x(4096), y(4096);
    double error = 0;
    for (Index i = 0; i < 4096; ++i) x[i] = static_cast<T>(most * (0.9999 - 1.98 * static_cast<double>(i) / 4096));
    kernels::exp(4096, x.data(), y.data());
    for (Index i = 0; i < 4096; ++i) {
      const double expected = std::exp(static_cast<double>(x[i]));
      if (expected < static_cast<double>(Limits::min())) continue;
      error = reference::worse(error, std::abs(static_cast<double>(y[i]) / expected - 1));
    }
    CHECK(error <= 2 * kEpsilon<T>);
    const T special[] = {T(0),
                         T(-0.0),
                         kNaN<T>,
                         Limits::infinity(),
                         -Limits::infinity(),
                         Limits::max(),
                         Limits::lowest(),
                         static_cast<T>(most * 1.001),
                         static_cast<T>(most * -1.3)};
    std::copy(std::begin(special), std::end(special), x.begin());
    kernels::exp(16, x.data(), y.data());
    CHECK((y[0] == 1 && y[1] == 1 && std::isnan(y[2]) && std::isinf(y[3]) && y[4] == 0 && std::isinf(y[5])));
    CHECK((y[6] == 0 && std::isinf(y[7]) && y[8] == 0));
  });
}

TEST_CASE_TEMPLATE("axpy, multiply and scaled_difference equal the reference", T, float, double) {
  testing::on_every_target([](const std::string&) {
    for (const bool accumulate : {false, true})
      for (Index size = 0; size <= 40; ++size) {
        Guarded<T> x(size, 21), z(size, 22), sum(size, 23), product(size, 24), difference(size, 25);
        const T alpha = T(-0.75);
        std::vector<double> sums = sum.values(), products = product.values(), differences = difference.values();
        for (Index i = 0; i < size; ++i) {
          const double v = static_cast<double>(x[i]);
          sums[i] = (accumulate ? sums[i] : 0) + static_cast<double>(alpha) * v;
          products[i] = (accumulate ? products[i] : 0) + v * static_cast<double>(z[i]);
          differences[i] =
              (accumulate ? differences[i] : 0) + static_cast<double>(alpha) * (v - static_cast<double>(z[i]));
        }
        kernels::axpy(size, alpha, x.data(), sum.data(), accumulate);
        kernels::multiply(size, x.data(), z.data(), product.data(), accumulate);
        CHECK(worst(sum, sums, 2 * kEpsilon<T>) <= 1);
        kernels::scaled_difference(size, alpha, x.data(), z.data(), difference.data(), accumulate);
        CHECK(worst(product, products, 2 * kEpsilon<T>) <= 1);
        CHECK(worst(difference, differences, 2 * kEpsilon<T>) <= 1);
        CHECK(sum.intact());
        CHECK(product.intact());
        CHECK(difference.intact());
      }
  });
}

TEST_CASE_TEMPLATE("copy_columns copies its columns and nothing else, at any offset", T, float, double) {
  testing::on_every_target([](const std::string&) {
    bool right = true;
    const Index rows = 3, stride = 3 * padded<T>(40), margin = padded<T>(1);
    for (const bool accumulate : {false, true})
      for (Index cols = 0; cols <= 40; ++cols)
        for (const Index shift : {Index{0}, Index{1}, cols}) {
          AlignedBuffer<T> in(rows * stride + margin), out(rows * stride + margin), before(rows * stride + margin);
          randomize(in, 25);
          randomize(out, 26);
          std::copy(out.begin(), out.end(), before.begin());
          kernels::copy_columns(rows, cols, in.data(), stride, out.data() + shift, stride, accumulate);
          for (Index i = 0; i < out.size(); ++i) {
            const Index r = i / stride, j = i % stride - shift;
            const bool inside = r < rows && j >= 0 && j < cols;
            const T expected = inside ? in[r * stride + j] + (accumulate ? before[i] : T(0)) : before[i];
            right = right && out[i] == expected;
          }
        }
    CHECK(right);
  });
}

TEST_CASE_TEMPLATE("column sums equal the reference", T, float, double) {
  testing::on_every_target([](const std::string&) {
    for (const bool accumulate : {false, true})
      for (Index rows = 0; rows <= 40; ++rows)
        for (Index lines = 1; lines <= 6; ++lines) {
          const Index cols = lines * padded<T>(1), stride = cols + padded<T>(1);
          Guarded<T> in(rows * stride, 27), out(cols, 28);
          std::vector<double> expected = out.values();
          for (Index j = 0; j < cols; ++j) {
            if (!accumulate) expected[j] = 0;
            for (Index i = 0; i < rows; ++i) expected[j] += static_cast<double>(in[i * stride + j]);
          }
          kernels::column_sums(rows, cols, in.data(), stride, out.data(), accumulate);
          CHECK(worst(out, expected, 42 * kEpsilon<T>) <= 1);
          CHECK(out.intact());
        }
  });
}

TEST_CASE_TEMPLATE("pooling, of relu too, and its gradient equal the reference", T, float, double) {
  testing::on_every_target([](const std::string&) {
    const T scale = T(0.3);
    for (const bool relu : {false, true})
      for (const bool accumulate : {false, true})
        for (Index examples = 0; examples <= 3; ++examples)
          for (Index points = 1; points <= 40; points += points < 6 ? 1 : 7)
            for (Index lines = 1; lines <= 5; ++lines) {
              const Index stride = lines * padded<T>(1), size = examples * points * stride;
              Guarded<T> in(size, 29), out(examples * stride, 30), din(size, 31);
              std::vector<double> sums(at(examples * stride)), gradient = din.values();
              const auto pooled = [&](Index i) { return i / (points * stride) * stride + i % stride; };
              const auto passes = [&](Index i) { return !relu || in[i] > 0; };
              for (Index i = 0; i < size; ++i)
                if (passes(i)) sums[pooled(i)] += static_cast<double>(scale) * static_cast<double>(in[i]);
              kernels::pool(relu, examples, points, stride, scale, in.data(), out.data());
              CHECK(worst(out, sums, 42 * kEpsilon<T>) <= 1);
              CHECK(out.intact());
              for (Index i = 0; i < size; ++i)
                gradient[i] = (accumulate ? gradient[i] : 0) +
                              (passes(i) ? static_cast<double>(scale) * static_cast<double>(out[pooled(i)]) : 0);
              kernels::pool_gradient(relu, examples, points, stride, scale, relu ? in.data() : nullptr, out.data(),
                                     din.data(), accumulate);
              CHECK(worst(din, gradient, 4 * kEpsilon<T>) <= 1);
              CHECK((in.intact() && din.intact()));
            }
  });
}

TEST_CASE_TEMPLATE("dot adds in double, the same on every target", T, float, double) {
  for (Index size = 0; size <= 40; ++size) {
    Guarded<T> x(size, 31), y(size, 32);
    double expected = 0;
    for (Index i = 0; i < size; ++i) expected += static_cast<double>(x[i]) * static_cast<double>(y[i]);
    CHECK(std::abs(kernels::dot(size, x.data(), y.data()) - expected) <= 1e-15 * static_cast<double>(size + 1));
  }
}

namespace {

// Three steps of an update on whole lines: in T, and by the reference in double.
template <class T, class Kernel, class Naive>
double worst_update(Index size, const Kernel& kernel, const Naive& naive) {
  Guarded<T> param(size, 33), first(size, 34), second(size, 35);
  for (Index i = 0; i < size; ++i) second[i] = std::abs(second[i]);
  std::vector<double> p = param.values(), m = first.values(), v = second.values();
  for (std::uint64_t step = 0; step < 3; ++step) {
    Guarded<T> gradient(size, 36 + step);
    gradient[0] = 0;
    for (Index i = 0; i < size; ++i) naive(step == 0, p[i], static_cast<double>(gradient[i]), m[i], v[i]);
    kernel(step == 0, size, param.data(), gradient.data(), first.data(), second.data());
  }
  if (!param.intact() || !first.intact() || !second.intact()) return std::numeric_limits<double>::infinity();
  const double tolerance = 30 * kEpsilon<T>;
  return std::max({worst(param, p, tolerance), worst(first, m, tolerance), worst(second, v, tolerance)});
}

}  // namespace

TEST_CASE_TEMPLATE("the SGD update equals its formula", T, float, double) {
  testing::on_every_target([](const std::string&) {
    for (const double momentum : {0.0, 0.9})
      for (const bool nesterov : {false, true})
        for (const double decay : {0.0, 0.01})
          for (Index size = padded<T>(1); size <= 4 * padded<T>(1); size += padded<T>(1)) {
            const double error = worst_update<T>(
                size,
                [&](bool start, Index n, T* p, const T* g, T* b, T*) {
                  kernels::sgd<T>({T(0.1), T(momentum), T(decay), T(0.5), nesterov, start}, n, p, g, b);
                },
                [&](bool start, double& p, double g, double& b, double&) {
                  reference::sgd({0.1, momentum, decay, 0.5, nesterov, start}, p, g, b);
                });
            CHECK(error <= 1);
          }
  });
}

TEST_CASE_TEMPLATE("the Adam update equals its formula", T, float, double) {
  testing::on_every_target([](const std::string&) {
    for (const double decay : {0.0, 0.01})
      for (const double keep : {1.0, 0.99})
        for (Index size = padded<T>(1); size <= 4 * padded<T>(1); size += padded<T>(1)) {
          const double error = worst_update<T>(
              size,
              [&](bool, Index n, T* p, const T* g, T* m, T* v) {
                kernels::adam<T>({T(0.02), T(0.3), T(0.9), T(0.99), T(1e-3), T(decay), T(0.5), T(keep)}, n, p, g, m,
                                 v);
              },
              [&](bool, double& p, double g, double& m, double& v) {
                reference::adam({0.02, 0.3, 0.9, 0.99, 1e-3, decay, 0.5, keep}, p, g, m, v);
              });
          CHECK(error <= 1);
        }
  });
}

TEST_CASE_TEMPLATE("the sign-SGD update equals its formula", T, float, double) {
  testing::on_every_target([](const std::string&) {
    for (const double decay : {0.0, 0.01})
      for (Index size = padded<T>(1); size <= 4 * padded<T>(1); size += padded<T>(1)) {
        const double error = worst_update<T>(
            size,
            [&](bool, Index n, T* p, const T* g, T*, T*) {
              kernels::sign_sgd<T>(T(0.1), T(decay), T(0.5), n, p, g);
            },
            [&](bool, double& p, double g, double&, double&) { reference::sign_sgd(0.1, decay, 0.5, p, g); });
        CHECK(error <= 1);
      }
  });
}

namespace {

// Which factors and which starting value a gather has.
struct GatherCase {
  bool from = false, to = false, self = false, accumulate = false;
};

template <class T>
double gather_error(const GatherCase& test, Index stride, Index first, Index last) {
  constexpr Index rows = 9;
  const std::vector<std::int32_t> offsets = {0, 3, 3, 4, 9, 9, 10, 12, 12, 13},
                                  index = {2, 8, 2, 2, 0, 1, 7, 3, 3, 5, 6, 0, 4};
  Guarded<T> in(rows * stride, 60), out(rows * stride, 61);
  const std::vector<double> x = in.values();
  std::vector<double> expected = out.values(), from, to;
  for (Index v = 0; v < rows; ++v) {
    from.push_back(0.5 + 0.125 * static_cast<double>(v));
    to.push_back(2 - 0.25 * static_cast<double>(v));
  }
  for (Index v = first; v < last; ++v)
    for (Index j = 0; j < stride; ++j) {
      double sum = 0;
      const auto take = [&](Index row) { sum += (test.from ? from[row] : 1) * x[row * stride + j]; };
      if (test.self) take(v);
      for (std::int32_t e = offsets[v]; e < offsets[v + 1]; ++e) take(index[e]);
      double& y = expected[v * stride + j];
      y = (test.accumulate ? y : 0) + (test.to ? to[v] : 1) * sum;
    }
  kernels::gather_sum<T>({first, last, offsets.data(), index.data(), test.from ? from.data() : nullptr,
                          test.to ? to.data() : nullptr, test.self, stride, in.data(), out.data(),
                          test.accumulate});
  CHECK(out.intact());
  return worst(out, expected, 8 * kEpsilon<T>);
}

}  // namespace

TEST_CASE_TEMPLATE("gather_sum adds rows of lists, with factors, in blocks too", T, float, double) {
  testing::on_every_target([](const std::string&) {
    double error = 0;
    for (int bits = 0; bits < 16; ++bits)
      for (Index lines = 1; lines <= 20; lines = lines < 9 ? lines + 1 : lines + 11)
        for (const auto& [first, last] : {std::pair<Index, Index>{0, 9}, {2, 7}, {4, 5}, {3, 3}}) {
          const GatherCase test{(bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) != 0};
          error = reference::worse(error, gather_error<T>(test, lines * padded<T>(1), first, last));
        }
    CHECK(error <= 1);
  });
}

TEST_CASE_TEMPLATE("targets with fused multiply-add give the same bits", T, float, double) {
  std::map<std::string, std::vector<T>> results;
  testing::on_every_target([&](const std::string& target) {
    if (!testing::has_fma(target)) return;
    std::vector<T>& bits = results[target];
    const auto keep = [&](const AlignedBuffer<T>& b) { bits.insert(bits.end(), b.begin(), b.end()); };
    for (const bool b_transposed : {false, true}) {
      Operands<T> o({70, 100, 600, false, b_transposed, true, false}, 40);
      kernels::product(o.product());
      keep(o.c);
    }
    AlignedBuffer<T> x(1024), y(1024), dx(1024), sums(64);
    randomize(x, 41, 4);
    for (const Unary f : kUnaries) {
      kernels::unary(f, 1024, x.data(), y.data());
      keep(y);
      kernels::unary_gradient(f, 1024, kernels::gradient_reads_input(f) ? x.data() : y.data(), x.data(), dx.data(),
                              false);
      keep(dx);
    }
    kernels::exp(1024, x.data(), y.data());
    keep(y);
    kernels::column_sums(16, 64, x.data(), 64, sums.data(), false);
    keep(sums);
    const std::int32_t offsets[] = {0, 5}, index[] = {3, 0, 7, 7, 12};
    const double factors[] = {0.3, 0.1, 0.7, 1.9, 0.2, 0.6, 1.1, 1.3, 0.9, 0.4, 0.8, 1.7, 0.5};
    kernels::gather_sum<T>({0, 1, offsets, index, factors, factors, true, 64, x.data(), sums.data(), true});
    keep(sums);
    AlignedBuffer<T> m(1024), v(1024);
    kernels::adam<T>({T(0.02), T(0.3), T(0.9), T(0.99), T(1e-3), T(0.1), T(0.5), T(1)}, 1024, y.data(), x.data(),
                     m.data(), v.data());
    keep(y);
  });
  for (const auto& result : results) {
    INFO("SIMD target ", result.first);
    const std::vector<T>&bits = result.second, &first = results.begin()->second;
    CHECK(std::memcmp(bits.data(), first.data(), first.size() * sizeof(T)) == 0);
  }
}

}  // namespace test_kernels
