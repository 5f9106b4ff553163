// Each operation and its gradient stand side by side, in one function.

#include "dropout.h"

#include <algorithm>
#include <array>

#include "../core/rng.h"
#include "../kernels/kernels.h"

namespace eqnn {
namespace {

// Writes the factor of every element of the call's rows: 0, or 1 / (1 - rate). Padding gets 0.
template <class T>
void draw_mask(const Call<T>& call, double rate, MatrixView<T> mask) {
  const Counter at{call.span().seed ^ (0x9E3779B97F4A7C15u * static_cast<std::uint64_t>(call.operation() + 1)),
                   Stream::dropout, call.span().step, static_cast<std::uint64_t>(call.span().first)};
  const auto threshold = static_cast<std::uint64_t>(rate * 4294967296.0);
  const T keep = static_cast<T>(1 / (1 - rate));
  const Index row_blocks = mask.stride / 4 + (mask.stride % 4 != 0);
  std::array<std::uint32_t, 256> words{};
  for (Index i = 0; i < mask.rows; ++i)
    for (Index b = 0; b < row_blocks; b += 64) {
      const Index blocks = std::min<Index>(64, row_blocks - b);
      kernels::philox_words(at, static_cast<std::uint32_t>((call.first_row() + i) * row_blocks + b), blocks,
                            words.data());
      for (Index j = 4 * b; j < std::min(4 * (b + blocks), mask.stride); ++j)
        mask.row(i)[j] = j < mask.cols && words[j - 4 * b] >= threshold ? keep : T(0);
    }
}

}  // namespace

template <class T>
Tensor<T> dropout(Tensor<T> x, double rate) {
  require(rate >= 0 && rate < 1, "dropout: the rate is ", rate, "; allowed are 0 up to, but not, 1");
  const Shape& s = x.shape();
  check_examples("dropout", x);
  if (!x.program().training() || rate == 0) return x;
  const auto mask = [](const Call<T>& call) {
    return MatrixView<T>{call.scratch().data() + call.first_row() * call.out().stride, call.out().rows,
                         call.out().cols, call.out().stride};
  };
  return x.program().record({
      .name = "dropout",
      .inputs = {x},
      .shape = s,
      .forward =
          [=](const Call<T>& call) {
            draw_mask(call, rate, mask(call));
            kernels::multiply(call.out().rows * call.out().stride, call.in(0).data, mask(call).data,
                              call.out().data, false);
          },
      .backward =
          [=](const Call<T>& call) {
            kernels::multiply(call.out().rows * call.out().stride, call.out_gradient().data, mask(call).data,
                              call.in_gradient(0).data, call.accumulate(0));
          },
      .backward_reads_inputs = false,
      .backward_reads_output = false,
      .elementwise = true,
      .overwrites = true,
      .by_rows = true,
      .scratch = x.program().capacity(Extent{s.examples}) * s.points * padded<T>(s.channels),
  });
}

#define EQNN_INSTANTIATE(T) template Tensor<T> dropout(Tensor<T>, double);

EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
