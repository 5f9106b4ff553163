// Standard normals: the formula, the law, and independence.
#include <doctest/doctest.h>
#include <eqnn/hard/sampling.h>
#include <eqnn/kernels/kernels.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "support/simd_targets.h"

namespace test_normals {

using namespace eqnn;

namespace {

// Number i, in double, from the words of the scalar generator.
double normal_of(const Counter& at, Index i) {
  const Index group = i / 32 * 32, lane = i % 16;
  const auto word = [&](Index w) {
    return static_cast<double>(philox(at, static_cast<std::uint32_t>(w / 4))[w % 4]);
  };
  const double u = (std::floor(word(group + lane) / 2) + 0.5) * 0x1p-31;
  const double t = 6.283185307179586476925 * (word(group + 16 + lane) + 0.5) * 0x1p-32;
  return std::sqrt(-2 * std::log(u)) * (i % 32 < 16 ? std::cos(t) : std::sin(t));
}

std::vector<float> normals_at(const Counter& at, Index count, Index first = 0) {
  std::vector<float> x(static_cast<std::size_t>(count));
  kernels::normals(at, count, x.data(), first);
  return x;
}

const std::vector<Counter> kPlaces = {
    {0, Stream::train, 0, 0},
    {0x0123456789abcdef, Stream::test, 1234567, 99},
    {~std::uint64_t{0}, Stream::user, (std::uint64_t{1} << 48) - 1, 0xffffffff},
};

// Largest distance between the empirical distribution function and Phi, on a fine grid.
class Distribution {
 public:
  void add(float x) {
    const double cell = (static_cast<double>(x) + kEnd) * (kCells / (2 * kEnd));
    ++cells_[static_cast<std::size_t>(std::clamp(cell, 0.0, kCells - 1.0))];
    ++count_;
  }
  double distance() const {
    double below = 0, largest = 0;
    for (std::size_t i = 0; i + 1 < cells_.size(); ++i) {
      below += cells_[i];
      const double edge = static_cast<double>(i + 1) * (2 * kEnd / kCells) - kEnd;
      largest = std::max(largest, std::abs(below / count_ - 0.5 * std::erfc(-edge / std::sqrt(2.0))));
    }
    return largest;
  }

 private:
  static constexpr double kEnd = 8, kCells = 8192;
  std::array<double, static_cast<std::size_t>(kCells)> cells_{};
  double count_ = 0;
};

}  // namespace

TEST_CASE("normals: every number is the formula's, on every target, whatever is asked for with it") {
  testing::on_every_target([&](const std::string&) {
    for (const Counter& at : kPlaces) {
      const auto all = normals_at(at, 2000);
      double largest = 0;
      for (Index i = 0; i < 2000; ++i)
        largest = std::max(largest, std::abs(static_cast<double>(all[i]) - normal_of(at, i)));
      CHECK(largest < 1e-6);
      for (Index count : {0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 511, 512, 513, 1999}) {
        std::vector<float> some(static_cast<std::size_t>(count) + 1, -7.0f);
        kernels::normals(at, count, some.data());
        CHECK(std::equal(some.begin(), some.end() - 1, all.begin()));
        CHECK(some.back() == -7.0f);
      }
      for (Index first : {32, 64, 512, 544}) {
        const auto some = normals_at(at, 700, first);
        CHECK(std::equal(some.begin(), some.end(), all.begin() + first));
      }
    }
  });
}

TEST_CASE("normals: targets with fused multiply-add give the same bits, others the same numbers to 2e-6") {
  for (const Counter& at : kPlaces) {
    const auto best = normals_at(at, 4001);
    const bool best_has_fma = testing::has_fma(kernels::target_name());
    testing::on_every_target([&](const std::string& target) {
      const auto here = normals_at(at, 4001);
      if (testing::has_fma(target) == best_has_fma) CHECK(here == best);
      float largest = 0;
      for (std::size_t i = 0; i < best.size(); ++i) largest = std::max(largest, std::abs(best[i] - here[i]));
      CHECK(largest < 2e-6f);
    });
  }
}

TEST_CASE("normals: ten million have the moments and the distribution function of the standard normal") {
  constexpr Index kRow = 10000, kRows = 1000;
  std::vector<float> x(kRow);
  double m[5] = {};
  Distribution law;
  float largest = 0;
  for (Index e = 0; e < kRows; ++e) {
    kernels::normals({1, Stream::train, 3, static_cast<std::uint64_t>(e)}, kRow, x.data());
    double row[5] = {};
    for (const float v : x) {
      const double a = static_cast<double>(v), a2 = a * a;
      row[1] += a;
      row[2] += a2;
      row[3] += a * a2;
      row[4] += a2 * a2;
      largest = std::max(largest, std::abs(v));
      law.add(v);
    }
    for (int k = 1; k <= 4; ++k) m[k] += row[k];
  }
  const double count = static_cast<double>(kRow * kRows), unit = 1 / std::sqrt(count);
  CHECK(std::abs(m[1] / count) < 5 * unit);
  CHECK(std::abs(m[2] / count - 1) < 5 * std::sqrt(2.0) * unit);
  CHECK(std::abs(m[3] / count) < 5 * std::sqrt(15.0) * unit);
  CHECK(std::abs(m[4] / count - 3) < 5 * std::sqrt(96.0) * unit);
  CHECK(law.distance() < 1.95 * unit);  // Kolmogorov: exceeded with probability 1e-3
  CHECK(largest > 4.7f);                // exceeded by 10^7 normals except with probability e^-26
  CHECK(largest < 6.7f);
}

TEST_CASE(
    "normals: neighbours, pairs, examples, steps, streams and seeds are uncorrelated, and so are their squares") {
  constexpr Index kRow = 2000, kRows = 500;
  constexpr std::size_t kKinds = 7;
  double sums[kKinds] = {}, squares[kKinds] = {};
  const auto add = [&](std::size_t kind, const float* a, const float* b, Index count) {
    double s = 0, q = 0;
    for (Index i = 0; i < count; ++i) {
      const double u = static_cast<double>(a[i]), v = static_cast<double>(b[i]);
      s += u * v;
      q += (u * u - 1) * (v * v - 1);
    }
    sums[kind] += s;
    squares[kind] += q;
  };
  std::vector<float> x(kRow), other(kRow);
  for (std::uint64_t e = 0; e < kRows; ++e) {
    const Counter at{9, Stream::train, 4, e};
    kernels::normals(at, kRow, x.data());
    add(0, x.data(), x.data() + 1, kRow - 1);
    add(1, x.data(), x.data() + 16, kRow - 16);
    add(2, x.data(), x.data() + 32, kRow - 32);
    const Counter others[] = {
        {9, Stream::train, 4, e + 1}, {9, Stream::train, 5, e}, {9, Stream::test, 4, e}, {10, Stream::train, 4, e}};
    for (std::size_t k = 0; k < 4; ++k) {
      kernels::normals(others[k], kRow, other.data());
      add(3 + k, x.data(), other.data(), kRow);
    }
  }
  const double count = static_cast<double>(kRow * kRows);
  for (std::size_t k = 0; k < kKinds; ++k) {
    INFO("kind ", k);
    CHECK(std::abs(sums[k]) < 5 * std::sqrt(count));
    CHECK(std::abs(squares[k]) < 5 * 2 * std::sqrt(count));
  }
}

TEST_CASE("normals: blocks of any layout hold the numbers of their examples in order, and nothing else") {
  const Counter at{5, Stream::check, 6, 7};
  struct Layout {
    Index points, channels, stride;
  };
  for (const Layout l :
       {Layout{48, 1, 16}, {8, 32, 32}, {16, 3, 16}, {1, 100, 112}, {7, 5, 5}, {3, 700, 704}, {2, 3, 4}}) {
    constexpr Index kExamples = 3;
    const auto size = static_cast<std::size_t>(kExamples * l.points * l.stride);
    std::vector<float> memory(size, -9.0f);
    std::vector<double> wide(size, -9.0);
    hard::sample_normals(at, Block<float>{memory.data(), kExamples, l.points, l.channels, l.stride});
    hard::sample_normals(at, Block<double>{wide.data(), kExamples, l.points, l.channels, l.stride});
    bool same = true;
    for (Index e = 0; e < kExamples; ++e) {
      const auto expected =
          normals_at({5, Stream::check, 6, 7 + static_cast<std::uint64_t>(e)}, l.points * l.channels);
      for (Index p = 0; p < l.points; ++p)
        for (Index c = 0; c < l.stride; ++c) {
          const auto i = static_cast<std::size_t>((e * l.points + p) * l.stride + c);
          const float number = c < l.channels ? expected[p * l.channels + c] : -9.0f;
          same = same && memory[i] == number && wide[i] == static_cast<double>(number);
        }
    }
    INFO(l.points, " x ", l.channels);
    CHECK(same);
  }
}

}  // namespace test_normals
