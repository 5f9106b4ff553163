// Counter-based randomness, against Random123 and against what its distributions promise.
#include <doctest/doctest.h>
#include <eqnn/core/rng.h>
#include <eqnn/kernels/kernels.h>
// clang-format off: Random123 has a macro by the name of our function, and comes after it
#include <Random123/philox.h>
#undef philox4x32
// clang-format on

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "support/simd_targets.h"

namespace test_rng {

using namespace eqnn;

namespace {

PhiloxBlock random123(PhiloxBlock counter, std::uint32_t k0, std::uint32_t k1) {
  using Generator = r123::Philox4x32_R<10>;
  const Generator::ctr_type c = {{counter[0], counter[1], counter[2], counter[3]}};
  const Generator::key_type k = {{k0, k1}};
  const auto words = Generator()(c, k);
  return {words[0], words[1], words[2], words[3]};
}

}  // namespace

TEST_CASE("Philox gives the known answers of its authors") {
  CHECK(philox4x32({0, 0, 0, 0}, 0, 0) == PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr std::uint32_t ones = 0xffffffff;
  CHECK(philox4x32({ones, ones, ones, ones}, ones, ones) ==
        PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0) ==
        PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("Philox equals Random123 for many counters and keys") {
  PhiloxBlock c = {1, 2, 3, 4};
  std::uint32_t k0 = 5, k1 = 6;
  for (int i = 0; i < 10000; ++i) {
    const PhiloxBlock ours = philox4x32(c, k0, k1);
    REQUIRE(ours == random123(c, k0, k1));
    k0 = c[1] ^ ours[3];
    k1 = c[2] + ours[0];
    c = ours;
  }
}

TEST_CASE("SIMD Philox words equal Random123 word for word on every target") {
  const std::vector<Counter> places = {
      {0, Stream::init, 0, 0},
      {0x0123456789abcdef, Stream::train, 1234567, 99},
      {~std::uint64_t{0}, Stream::user, (std::uint64_t{1} << 48) - 1, 0xffffffff},
      {42, static_cast<Stream>(0xffff), std::uint64_t{1} << 32, 7},
  };
  testing::on_every_target([&](const std::string&) {
    for (const Counter& at : places)
      for (std::uint32_t first : {0u, 1u, 1000u, 0xfffffff0u})  // the last one wraps around
        for (Index blocks = 0; blocks <= 40; ++blocks) {
          const std::uint32_t untouched = 0xdeadbeef;
          std::vector<std::uint32_t> words(static_cast<std::size_t>(4 * blocks + 8), untouched);
          kernels::philox_words(at, first, blocks, words.data() + 4);
          for (int i = 0; i < 4; ++i) {
            REQUIRE(words[i] == untouched);
            REQUIRE(words[words.size() - 1 - static_cast<std::size_t>(i)] == untouched);
          }
          bool same = true;
          for (Index b = 0; b < blocks; ++b) {
            const PhiloxBlock counter = philox_counter(at, first + static_cast<std::uint32_t>(b));
            const PhiloxBlock expected =
                random123(counter, static_cast<std::uint32_t>(at.seed), static_cast<std::uint32_t>(at.seed >> 32));
            for (std::size_t i = 0; i < 4; ++i)
              same = same && words[static_cast<std::size_t>(4 + 4 * b) + i] == expected[i];
          }
          REQUIRE(same);
        }
  });
}

TEST_CASE("every part of a Counter has bits of its own") {
  const Counter base{3, Stream::train, 5, 7};
  std::set<PhiloxBlock> counters = {philox_counter(base, 0)};
  const auto fresh = [&](const Counter& at, std::uint32_t block) {
    return counters.insert(philox_counter(at, block)).second;
  };
  CHECK(fresh(base, 1));
  CHECK(fresh({3, Stream::test, 5, 7}, 0));
  CHECK(fresh({3, Stream::train, 6, 7}, 0));
  CHECK(fresh({3, Stream::train, 5, 8}, 0));
  CHECK(fresh({3, Stream::train, 5, 0xffffffff}, 0));
  // The high bits of the step share a word with the stream, and must not run into it.
  for (int bit = 32; bit < 48; ++bit) CHECK(fresh({3, Stream::train, 5 + (std::uint64_t{1} << bit), 7}, 0));
  for (int bit = 3; bit < 16; ++bit) CHECK(fresh({3, static_cast<Stream>(3 + (1 << bit)), 5, 7}, 0));
  CHECK(philox(base, 0) != philox({4, Stream::train, 5, 7}, 0));
  CHECK(philox(base, 0) != philox({3 + (std::uint64_t{1} << 32), Stream::train, 5, 7}, 0));
}

TEST_CASE("no two streams share words") {
  const std::set<Stream> all(kStreams.begin(), kStreams.end());
  CHECK(all.size() == kStreams.size());
  CHECK(*all.rbegin() == Stream::user);  // a library user takes values from here up
  std::set<PhiloxBlock> words;
  for (const Stream stream : kStreams) words.insert(philox({3, stream, 5, 7}, 0));
  CHECK(words.size() == kStreams.size());
}

TEST_CASE("a draw depends on its Counter and nothing else") {
  const Counter at{11, Stream::noise, 13, 17};
  static_assert(philox(Counter{1, Stream::init, 2, 3}, 4) == philox(Counter{1, Stream::init, 2, 3}, 4));
  Draws first(at);
  std::vector<std::uint32_t> words;
  for (int i = 0; i < 50; ++i) words.push_back(first.word());
  for (std::uint32_t block = 12; block-- > 0;) {  // out of order, and after others were drawn
    const PhiloxBlock b = philox(at, block);
    for (std::size_t i = 0; i < 4; ++i) CHECK(b[i] == words[4 * block + i]);
  }
  Draws second(at);
  for (int i = 0; i < 5; ++i) CHECK(second.word() == words[i]);
  Draws copy = second;  // copies are independent
  for (int i = 5; i < 20; ++i) CHECK(second.word() == words[i]);
  for (int i = 5; i < 20; ++i) CHECK(copy.word() == words[i]);
  Draws wide(at);
  CHECK(wide.word64() == (words[0] | std::uint64_t{words[1]} << 32));
}

TEST_CASE("below is unbiased") {
  for (const std::uint32_t n : {1u, 2u, 3u, 7u, 10u, 40u}) {
    const int draws = 200000;
    Draws d({n, Stream::user, 0, 0});
    std::vector<int> counts(n);
    for (int i = 0; i < draws; ++i) {
      const std::uint32_t value = d.below(n);
      REQUIRE(value < n);
      ++counts[value];
    }
    double chi2 = 0;
    const double expected = static_cast<double>(draws) / n;
    for (int c : counts) chi2 += (c - expected) * (c - expected) / expected;
    INFO("n = ", n);
    CHECK(chi2 < n - 1 + 5 * std::sqrt(2.0 * n));
  }
  // Without rejection, the high half of word * n takes residue 0 mod 3 half of the time for this n.
  const std::uint32_t n = 0xC0000000;
  Draws d({1, Stream::user, 0, 1});
  int residues[3] = {};
  for (int i = 0; i < 90000; ++i) ++residues[d.below(n) % 3];
  for (int r : residues) CHECK(std::abs(r - 30000) < 800);
}

TEST_CASE("uniform draws lie in [0, 1) with the right moments") {
  Draws d({5, Stream::user, 0, 0});
  const int draws = 400000;
  double sum = 0, squares = 0, low = 1, high = 0;
  for (int i = 0; i < draws; ++i) {
    const double u = d.uniform();
    low = std::min(low, u);
    high = std::max(high, u);
    sum += u;
    squares += u * u;
  }
  CHECK(low >= 0);
  CHECK(high < 1);
  CHECK(low < 1e-4);
  CHECK(high > 1 - 1e-4);
  CHECK(std::abs(sum / draws - 0.5) < 5 * std::sqrt(1.0 / 12 / draws));
  CHECK(std::abs(squares / draws - 1.0 / 3) < 5 * std::sqrt(4.0 / 45 / draws));
}

TEST_CASE("normal draws have the moments of a standard normal") {
  Draws d({6, Stream::user, 0, 0});
  const int draws = 400000;
  double m[5] = {};
  int beyond_two = 0;
  for (int i = 0; i < draws; ++i) {
    const double x = d.normal();
    REQUIRE(std::isfinite(x));
    double power = x;
    for (int k = 1; k <= 4; ++k, power *= x) m[k] += power / draws;
    beyond_two += std::abs(x) > 2;
  }
  const double unit = 1 / std::sqrt(static_cast<double>(draws));
  CHECK(std::abs(m[1]) < 5 * unit);
  CHECK(std::abs(m[2] - 1) < 5 * std::sqrt(2.0) * unit);
  CHECK(std::abs(m[3]) < 5 * std::sqrt(15.0) * unit);
  CHECK(std::abs(m[4] - 3) < 5 * std::sqrt(96.0) * unit);
  CHECK(std::abs(static_cast<double>(beyond_two) / draws - 0.0455003) < 5 * 0.21 * unit);
}

}  // namespace test_rng
