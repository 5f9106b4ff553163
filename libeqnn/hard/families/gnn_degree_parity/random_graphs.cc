#include "random_graphs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "../../../kernels/kernels.h"

namespace eqnn::hard {
namespace {

// The bits of one example in order, refilled by whole Philox blocks.
class BitStream {
 public:
  BitStream(const Counter& at, Index bits) : at_(at), blocks_left_((bits + 127) / 128) {}

  // The next `count` <= 32 bits, the first of them lowest.
  std::uint32_t take(Index count) {
    if (held_ < count) {
      if (next_ == end_) refill();
      bits_ |= std::uint64_t{words_[next_++]} << held_;
      held_ += 32;
    }
    const auto taken = static_cast<std::uint32_t>(bits_ & ((std::uint64_t{1} << count) - 1));
    bits_ >>= count;
    held_ -= count;
    return taken;
  }

  std::uint64_t take64() {
    const std::uint64_t low = take(32);
    return low | std::uint64_t{take(32)} << 32;
  }

 private:
  static constexpr Index kBlocks = 16;

  void refill() {
    const Index blocks = std::min(kBlocks, blocks_left_);
    kernels::philox_words(at_, first_, blocks, words_.data());
    first_ += static_cast<std::uint32_t>(blocks);
    blocks_left_ -= blocks;
    next_ = 0;
    end_ = 4 * blocks;
  }

  Counter at_;
  Index blocks_left_;
  std::uint64_t bits_ = 0;
  Index held_ = 0, next_ = 0, end_ = 0;
  std::uint32_t first_ = 0;
  std::array<std::uint32_t, 4 * kBlocks> words_;
};

template <class T>
constexpr auto kNibbles = [] {
  std::array<std::array<T, 4>, 16> table{};
  for (std::size_t bits = 0; bits < 16; ++bits)
    for (std::size_t j = 0; j < 4; ++j) table[bits][j] = static_cast<T>(bits >> j & 1);
  return table;
}();

// Writes `count` <= 32 bits as 0 or 1, four at a time. With `room` the last group may reach past `count`,
// where it writes the zeros that padding holds anyway.
template <class T>
void expand(std::uint32_t bits, Index count, bool room, T* out) {
  Index j = 0;
  for (const Index whole = room ? count : count - 3; j < whole; j += 4, bits >>= 4)
    std::memcpy(out + j, kNibbles<T>[bits & 15].data(), 4 * sizeof(T));
  for (; j < count; ++j, bits >>= 1) out[j] = static_cast<T>(bits & 1);
}

}  // namespace

template <class T>
void sample_graphs(Index n, bool self_loops, Counter at, const Block<T>& x) {
  const Index bits = n * (self_loops ? n : n - 1);
  const bool room = x.stride >= (n + 3) / 4 * 4;
  for (Index e = 0; e < x.examples; ++e, ++at.example) {
    BitStream stream(at, bits);
    for (Index i = 0; i < n; ++i)
      for (Index start = 0; start < n; start += 32) {
        const Index count = std::min<Index>(32, n - start), diagonal = i - start;
        const bool gap = !self_loops && diagonal >= 0 && diagonal < count;
        std::uint64_t row = stream.take(count - (gap ? 1 : 0));
        if (gap) {
          const std::uint64_t below = row & ((std::uint64_t{1} << diagonal) - 1);
          row = below | (row ^ below) << 1;
        }
        expand(static_cast<std::uint32_t>(row), count, room, x.row(e, i) + start);
      }
  }
}

template <class T>
void sample_sparse_graphs(Index n, bool self_loops, double q, Counter at, const Block<T>& x) {
  const auto threshold = static_cast<std::uint64_t>(std::ldexp(q, 64));
  for (Index e = 0; e < x.examples; ++e, ++at.example) {
    BitStream stream(at, 64 * n * (self_loops ? n : n - 1));
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j) {
        const bool fixed = i == j && !self_loops;
        x(e, i, j) = !fixed && stream.take64() < threshold ? T(1) : T(0);
      }
  }
}

template <class T>
void list_graphs(Index n, bool self_loops, Index first, const Block<T>& x) {
  for (Index e = 0; e < x.examples; ++e) {
    auto graph = static_cast<std::uint64_t>(first + e);
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j) {
        const bool fixed = i == j && !self_loops;
        x(e, i, j) = fixed ? T(0) : static_cast<T>(graph & 1);
        graph >>= fixed ? 0 : 1;
      }
  }
}

template void sample_sparse_graphs(Index, bool, double, Counter, const Block<float>&);
template void sample_sparse_graphs(Index, bool, double, Counter, const Block<double>&);
template void sample_graphs(Index, bool, Counter, const Block<float>&);
template void sample_graphs(Index, bool, Counter, const Block<double>&);
template void list_graphs(Index, bool, Index, const Block<float>&);
template void list_graphs(Index, bool, Index, const Block<double>&);

}  // namespace eqnn::hard
