// Counter-based randomness: every draw is a pure function of (seed, stream, step, example, index).
//
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011). There is no generator state anywhere, so resuming a
// run, cutting a batch into shards and running a sweep in any order are exact by construction.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "check.h"

namespace eqnn {

// What a draw is for. Streams never share words; a library user takes values from `user` up.
enum class Stream : std::uint16_t {
  init = 1,      // initial parameters; example = index of the parameter
  member = 2,    // the member of a function family; step = attempt of the sampler
  train = 3,     // training inputs
  test = 4,      // test inputs
  check = 5,     // certificates
  noise = 6,     // label noise
  dropout = 7,   // dropout masks
  order = 8,     // order of a fixed training set
  oracle = 9,    // inputs over which an oracle takes its expectations
  group = 10,    // random elements of groups
  augment = 11,  // those that move the examples of training
  user = 256,
};
// All of them, for the test that no two are equal.
inline constexpr std::array kStreams = {Stream::init,   Stream::member, Stream::train,   Stream::test,
                                        Stream::check,  Stream::noise,  Stream::dropout, Stream::order,
                                        Stream::oracle, Stream::group,  Stream::augment, Stream::user};

// Where a draw stands. REQUIRES: step < 2^48, example < 2^32.
struct Counter {
  std::uint64_t seed = 0;
  Stream stream = Stream::user;
  std::uint64_t step = 0;
  std::uint64_t example = 0;
};

// Four words: a counter, or what is drawn from it.
using PhiloxBlock = std::array<std::uint32_t, 4>;

// One block of Philox4x32-10: four words from a 128-bit counter and a 64-bit key.
constexpr PhiloxBlock philox4x32(PhiloxBlock c, std::uint32_t k0, std::uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

// The Philox counter of block `block` at `at`: (block, example, step mod 2^32, step / 2^32 and stream).
constexpr PhiloxBlock philox_counter(const Counter& at, std::uint32_t block) {
  return {block, static_cast<std::uint32_t>(at.example), static_cast<std::uint32_t>(at.step),
          static_cast<std::uint32_t>((at.step >> 32) << 16) | static_cast<std::uint32_t>(at.stream)};
}

// Words of block `block` at `at`.
constexpr PhiloxBlock philox(const Counter& at, std::uint32_t block) {
  return philox4x32(philox_counter(at, block), static_cast<std::uint32_t>(at.seed),
                    static_cast<std::uint32_t>(at.seed >> 32));
}

// A reader of the words at one Counter in order: a convenience for code that is not hot. It caches one
// block; copies are independent.
class Draws {
 public:
  explicit constexpr Draws(const Counter& at) : at_(at) {}

  constexpr std::uint32_t word() {
    if (used_ == 4) {
      block_ = philox(at_, next_++);
      used_ = 0;
    }
    return block_[static_cast<std::size_t>(used_++)];
  }
  constexpr std::uint64_t word64() {
    const std::uint64_t low = word();
    return low | std::uint64_t{word()} << 32;
  }
  // Uniform on [0, 1), 53 bits.
  constexpr double uniform() { return static_cast<double>(word64() >> 11) * 0x1p-53; }
  // Uniform on 0..n-1, without bias (Lemire's rejection). REQUIRES: n >= 1.
  constexpr std::uint32_t below(std::uint32_t n) {
    std::uint64_t m = std::uint64_t{word()} * n;
    const std::uint32_t threshold = (0u - n) % n;
    while (static_cast<std::uint32_t>(m) < threshold) m = std::uint64_t{word()} * n;
    return static_cast<std::uint32_t>(m >> 32);
  }
  // Standard normal (Box-Muller, cosine branch; two uniforms a draw).
  double normal() {
    const double u = 1.0 - uniform(), v = uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v);
  }

 private:
  Counter at_;
  PhiloxBlock block_{};
  std::uint32_t next_ = 0;
  int used_ = 4;
};

}  // namespace eqnn
