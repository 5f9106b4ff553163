// The order of examples over the steps of training, without a state: any step can be asked for.
#pragma once

#include <cstdint>

#include "../core/rng.h"

namespace eqnn {

// A permutation of 0 .. size-1 as a pure function of (seed, epoch): a four-round Feistel network on the
// next even number of bits, walked until it lands below size. Resuming needs no stored order. Draws of
// (seed, Stream::order). REQUIRES: 1 <= size <= 2^63, 0 <= position < size. Threads: any.
class Shuffle {
 public:
  Shuffle(std::uint64_t seed, Index size) : seed_(seed), size_(static_cast<std::uint64_t>(size)) {
    while ((std::uint64_t{1} << (2 * half_)) < size_) ++half_;
  }
  Index operator()(std::uint64_t epoch, Index position) const {
    auto x = static_cast<std::uint64_t>(position);
    do x = encrypt(epoch, x);
    while (x >= size_);
    return static_cast<Index>(x);
  }

 private:
  std::uint64_t encrypt(std::uint64_t epoch, std::uint64_t x) const {
    const std::uint64_t mask = (std::uint64_t{1} << half_) - 1;
    std::uint64_t left = x >> half_, right = x & mask;
    for (std::uint32_t round = 0; round < 4; ++round) {
      const std::uint64_t mixed = left ^ (philox({seed_, Stream::order, epoch, right}, round)[0] & mask);
      left = right;
      right = mixed;
    }
    return left << half_ | right;
  }
  std::uint64_t seed_, size_;
  int half_ = 1;
};

// Epochs of `size` examples in batches of `batch`, each in an order of its own: steps() = floor(size / batch) steps
// an epoch, in which no example occurs twice. What does not fill a batch is left out of that epoch, other examples
// each time. Threads: any.
class Epochs {
 public:
  // Throws ValueError for batch < 1 and for a batch larger than size.
  Epochs(std::uint64_t seed, Index size, Index batch) : shuffle_(seed, size), batch_(batch) {
    require(batch >= 1 && batch <= size, "a batch is ", batch, " of ", size,
            " examples; 1 to all of them are allowed: take a smaller batch, or a larger part");
    steps_ = static_cast<std::uint64_t>(size / batch);
  }
  std::uint64_t steps() const { return steps_; }
  // The example at place i, 0 <= i < batch, of the batch of a step, counted from 0 over all epochs. Throws
  // ValueError for another i, as k accumulated batches have: the batch is then k times as large.
  Index operator()(std::uint64_t step, Index i) const {
    require(i >= 0 && i < batch_, "example ", i, " of a step is outside its batch of ", batch_,
            "; where k batches are accumulated, give options whose batch is k times as large");
    return shuffle_(step / steps_, static_cast<Index>(step % steps_) * batch_ + i);
  }

 private:
  Shuffle shuffle_;
  Index batch_;
  std::uint64_t steps_ = 1;
};

}  // namespace eqnn
