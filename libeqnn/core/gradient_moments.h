// Moments of the gradients of a network's output, example by example.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "trainer.h"

namespace eqnn {

// What one example adds to the sums, h its output and g = dh / d theta.
template <class T>
struct GradientTerms {
  std::array<T, 3> factors{};       // of g in the three linear sums
  T square_factor = 0;              // of g^2, coordinate by coordinate, in the sum of squares
  std::array<double, 2> numbers{};  // added as they are
};

// Sums over examples i of a_i g_i (three kinds of factors a) and of b_i g_i^2, where factors may depend on the
// example's output and inputs: g_i is linear in the loss, so that one forward and one backward replay of a single
// example serve all of them. The squares are why examples are replayed one at a time: no sum over a shard has them.
// The same bits for any number of threads: at most 16 rows of partial sums, each of consecutive examples, are added
// by a fixed tree. Memory: up to 16 rows of four vectors like the parameters, and one for each worker.
// Threads: one thread drives it.
template <class T>
class GradientMoments {
 public:
  // Called by worker threads at the same time, after an example's forward: reads the batch's inputs, and
  // losses()(0, 0), which is the output h.
  using Terms = FunctionRef<GradientTerms<T>(Batch<T>&)>;

  // `output` records the network and returns h, [b, 1, 1]. The options batch, shard and those of the update are
  // not used. `params` must outlive it. Throws ValueError for threads < 0.
  GradientMoments(Params<T>& params, const TrainerOptions& options, Model<T> output);
  ~GradientMoments();
  GradientMoments(const GradientMoments&) = delete;
  GradientMoments& operator=(const GradientMoments&) = delete;

  // Replaces the sums by those over examples 0 .. examples - 1 of a step. Throws ValueError for examples < 1.
  void accumulate(Index examples, std::uint64_t step, Fill<T> fill, Terms terms);

  // Laid out like the parameters; padding is zero.
  std::span<const T> sum(int k) const;  // k = 0, 1, 2
  std::span<const T> squares() const;
  double number(int k) const;

  Index memory_bytes() const;
  double multiply_adds() const;  // of the matrix products of one example

 private:
  struct State;
  std::unique_ptr<State> state_;
};

extern template class GradientMoments<float>;
extern template class GradientMoments<double>;

}  // namespace eqnn
