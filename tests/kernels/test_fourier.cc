// Fourier transforms and complex products against their definitions, on every SIMD target of this machine.
#include <doctest/doctest.h>
#include <eqnn/core/rng.h>
#include <eqnn/kernels/fourier.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numbers>
#include <string>
#include <vector>

#include "support/reference.h"
#include "support/sanitized.h"
#include "support/simd_targets.h"

namespace test_fourier {

using namespace eqnn;
using namespace eqnn::kernels;

namespace {

template <class T>
constexpr double kEpsilon = static_cast<double>(std::numeric_limits<T>::epsilon());

template <class T>
AlignedBuffer<T> random(Index size, std::uint64_t seed) {
  AlignedBuffer<T> b(size);
  Draws d({seed, Stream::user});
  for (T& v : b) v = static_cast<T>(d.normal());
  return b;
}

// The matrix of the definition: cos and sin of 2 pi w t / n, in more digits than what is tested.
struct Matrix {
  explicit Matrix(Index size) : n(size) {
    for (Index i = 0; i < n; ++i) {
      const long double angle =
          2 * std::numbers::pi_v<long double> * static_cast<long double>(i) / static_cast<long double>(n);
      cosines.push_back(std::cos(angle));
      sines.push_back(std::sin(angle));
    }
  }
  long double c(Index w, Index t) const { return cosines[w * t % n]; }
  long double s(Index w, Index t) const { return sines[w * t % n]; }
  Index n;
  std::vector<long double> cosines, sines;
};

// Errors of all transforms of n points, two lines of columns of which two are compared, in units of sqrt(n)
// epsilon: the size of a spectrum of n normals times the rounding of one operation.
template <class T>
double worst_error(Index n) {
  const Index line = padded<T>(1), cols = 2 * line, row = cols + line;  // what a row has beyond its columns stays
  const FourierPlan<T> plan(n);
  const Matrix m(n);
  const Index frequencies = plan.frequencies();
  AlignedBuffer<T> x = random<T>(n * row, 1), re(frequencies * row), im(frequencies * row), back(n * row),
                   work(plan.work()), zr = random<T>(n * row, 2), zi = random<T>(n * row, 3);
  const AlignedBuffer<T> bias = random<T>(cols, 4), old_re = random<T>(n * row, 2), old_im = random<T>(n * row, 3);
  const double unit = std::sqrt(static_cast<double>(n)) * kEpsilon<T>;
  double worst = 0;
  const auto compare = [&](T got, long double expected) {
    worst = reference::worse(worst, std::abs(static_cast<double>(static_cast<long double>(got) - expected)) / unit);
  };
  fourier_forward<T>({&plan, cols, x.data(), row, re.data(), im.data(), row, work.data()});
  fourier_complex<T>({&plan, cols, zr.data(), zi.data(), row, work.data()});
  const auto at = [](const AlignedBuffer<T>& b, Index i) { return static_cast<long double>(b[i]); };
  for (const Index col : {Index{0}, cols - 1})
    for (Index w = 0; w < n; ++w) {
      long double a = 0, b = 0, c = 0, d = 0;
      for (Index t = 0; t < n; ++t) {
        const Index i = t * row + col;
        a += at(x, i) * m.c(w, t);
        b -= at(x, i) * m.s(w, t);
        c += at(old_re, i) * m.c(w, t) + at(old_im, i) * m.s(w, t);
        d += at(old_im, i) * m.c(w, t) - at(old_re, i) * m.s(w, t);
      }
      compare(zr[w * row + col], c);
      compare(zi[w * row + col], d);
      if (w >= frequencies) continue;
      compare(re[w * row + col], a);
      compare(im[w * row + col], b);
      if (w == 0 || 2 * w == n) CHECK(im[w * row + col] == 0);
    }
  // The way back, on a bias and on top of itself.
  const T scale = 1 / static_cast<T>(n);
  for (const bool accumulate : {false, true})
    fourier_backward<T>(
        {&plan, cols, re.data(), im.data(), row, back.data(), row, scale, bias.data(), accumulate, work.data()});
  for (Index t = 0; t < n; ++t)
    for (Index col = 0; col < cols; ++col) compare(back[t * row + col], 2 * at(x, t * row + col) + at(bias, col));
  for (Index t = 0; t < n; ++t) CHECK(back[t * row + cols] == 0);
  for (Index w = 0; w < frequencies; ++w) CHECK(re[w * row + cols] == 0);
  return worst;
}

// Sums of a prime's length round as often as they have terms, and by chance as its root.
double allowed(Index n) {
  Index largest = 1;
  for (Index p = 2; n > 1; ++p)
    for (; n % p == 0; n /= p) largest = p;
  return 10 + std::sqrt(static_cast<double>(largest));
}

}  // namespace

TEST_CASE_TEMPLATE("Fourier transforms of 1 to 512 points equal their definition", T, float, double) {
  testing::on_every_target([](const std::string&) {
    // Under sanitizers every radix, a product of each two, and primes.
    for (Index n = 1; n <= (kSanitized ? 40 : 512); n += n < 130 ? 1 : 7) {
      CAPTURE(n);
      CHECK(worst_error<T>(n) <= allowed(n));
    }
    for (const Index n : {256, 343, 512, 625, 1009}) {
      CAPTURE(n);
      CHECK(worst_error<T>(n) <= allowed(n));
    }
  });
}

TEST_CASE("Fourier transforms: a plan needs a point, and factors its number") {
  CHECK_THROWS_WITH_AS(FourierPlan<float>(0),
                       "a Fourier transform of 0 points is asked for; it must have at least 1", ValueError);
  for (Index n = 1; n < 300; ++n) {
    const FourierPlan<float> plan(n);
    Index product = 1;
    for (const auto& pass : plan.passes()) {
      CHECK(pass.size == product);
      product *= pass.radix;
    }
    CHECK(product == n);
  }
  CHECK(fourier_multiply_adds(1) < fourier_multiply_adds(53));
  CHECK(fourier_multiply_adds(64) < fourier_multiply_adds(53));
}

TEST_CASE_TEMPLATE("complex products equal the reference for all sizes and forms", T, float, double) {
  const Index line = padded<T>(1);
  testing::on_every_target([&](const std::string&) {
    for (Index m = 0; m <= 19; ++m)
      for (const Index lines : {1, 2, 3})
        for (const Index k : {0, 1, 2, 9})
          for (int form = 0; form < 8; ++form) {
            const bool conjugate = (form & 1) != 0, accumulate = (form & 2) != 0, transposed = (form & 4) != 0;
            const Index n = lines * line;
            // Of empty matrices too there is memory.
            const AlignedBuffer<T> a = random<T>(2 * m * k + line, 5), b = random<T>(2 * k * n + 2 * n, 6);
            AlignedBuffer<T> c = random<T>(2 * m * n + 2 * n, 7);
            std::vector<double> expected(c.begin(), c.end());
            ComplexProduct<T> p{.m = m, .n = n, .k = k, .conjugate_b = conjugate, .accumulate = accumulate};
            p.a_re = a.data();
            p.a_im = a.data() + m * k;
            p.a_row = transposed ? 1 : k;
            p.a_col = transposed ? m : 1;
            p.b_re = b.data();
            p.b_im = b.data() + n;
            p.b_row = 2 * n;
            p.c_re = c.data();
            p.c_im = c.data() + n;
            p.c_row = 2 * n;
            complex_product(p);
            double worst = 0;
            for (Index i = 0; i < m; ++i)
              for (Index j = 0; j < n; ++j) {
                double re = accumulate ? expected[i * 2 * n + j] : 0,
                       im = accumulate ? expected[i * 2 * n + n + j] : 0;
                for (Index q = 0; q < k; ++q) {
                  const double x = a[i * p.a_row + q * p.a_col], y = a[m * k + i * p.a_row + q * p.a_col],
                               u = b[q * 2 * n + j],
                               v = (conjugate ? -1 : 1) * static_cast<double>(b[q * 2 * n + n + j]);
                  re += x * u - y * v;
                  im += x * v + y * u;
                }
                worst = reference::worse(worst, std::abs(static_cast<double>(c[i * 2 * n + j]) - re));
                worst = reference::worse(worst, std::abs(static_cast<double>(c[i * 2 * n + n + j]) - im));
              }
            CHECK(worst <= 100 * kEpsilon<T>);
          }
  });
}

TEST_CASE_TEMPLATE("Fourier transforms and complex products: targets with fused multiply-add give the same bits", T,
                   float, double) {
  const Index line = padded<T>(1), cols = 3 * line;
  std::map<std::string, std::vector<T>> results;
  testing::on_every_target([&](const std::string& target) {
    if (!testing::has_fma(target)) return;
    std::vector<T>& bits = results[target];
    const auto keep = [&](const AlignedBuffer<T>& b) { bits.insert(bits.end(), b.begin(), b.end()); };
    for (const Index n : {2, 3, 8, 15, 22, 50, 64, 98, 121, 128}) {
      const FourierPlan<T> plan(n);
      AlignedBuffer<T> x = random<T>(n * cols, 8), re(plan.frequencies() * cols), im(plan.frequencies() * cols),
                       work(plan.work());
      fourier_forward<T>({&plan, cols, x.data(), cols, re.data(), im.data(), cols, work.data()});
      keep(re);
      keep(im);
      fourier_backward<T>(
          {&plan, cols, re.data(), im.data(), cols, x.data(), cols, T(0.3), nullptr, true, work.data()});
      keep(x);
      AlignedBuffer<T> y = random<T>(n * cols, 9);
      fourier_complex<T>({&plan, cols, x.data(), y.data(), cols, work.data()});
      keep(x);
      keep(y);
    }
    const AlignedBuffer<T> a = random<T>(2 * 17 * 9, 10), b = random<T>(2 * 9 * cols, 11);
    AlignedBuffer<T> c(2 * 17 * cols);
    complex_product<T>({17, cols, 9, a.data(), a.data() + 17 * 9, 9, 1, b.data(), b.data() + cols, 2 * cols,
                        c.data(), c.data() + cols, 2 * cols, true, false});
    keep(c);
  });
  for (const auto& result : results) {
    INFO("SIMD target ", result.first);
    const std::vector<T>&bits = result.second, &first = results.begin()->second;
    CHECK(std::memcmp(bits.data(), first.data(), first.size() * sizeof(T)) == 0);
  }
}

}  // namespace test_fourier
