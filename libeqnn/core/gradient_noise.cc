#include "gradient_noise.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace eqnn {
namespace {

// Summed over pieces of this many elements, in doubles on the stack.
constexpr Index kPiece = 512;

}  // namespace

template <class T>
GradientNoise gradient_noise(MatrixView<const T> sums, std::span<const Index> examples) {
  GradientNoise result;
  if (sums.rows == 1) return result;
  const double batch = static_cast<double>(std::accumulate(examples.begin(), examples.end(), Index{0}));
  double squares = 0, scatter = 0;
  std::array<double, kPiece> mean;
  for (Index first = 0; first < sums.cols; first += kPiece) {
    const Index size = std::min(kPiece, sums.cols - first);
    mean.fill(0);
    for (Index r = 0; r < sums.rows; ++r)
      for (Index i = 0; i < size; ++i) mean[i] += static_cast<double>(sums(r, first + i));
    for (Index i = 0; i < size; ++i) squares += mean[i] * mean[i];
    for (Index r = 0; r < sums.rows; ++r) {
      const double scale = batch / static_cast<double>(examples[r]);
      double sum = 0;
      for (Index i = 0; i < size; ++i) {
        const double d = scale * static_cast<double>(sums(r, first + i)) - mean[i];
        sum += d * d;
      }
      scatter += static_cast<double>(examples[r]) * sum;
    }
  }
  result.noise = scatter / static_cast<double>(sums.rows - 1);
  result.signal = squares - result.noise / batch;
  return result;
}
template GradientNoise gradient_noise(MatrixView<const float>, std::span<const Index>);
template GradientNoise gradient_noise(MatrixView<const double>, std::span<const Index>);

}  // namespace eqnn
