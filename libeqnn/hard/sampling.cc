#include "sampling.h"

#include <algorithm>
#include <type_traits>

#include "../kernels/kernels.h"

namespace eqnn::hard {
namespace {

// Numbers that a row cannot take as they come: they go through a buffer on the stack.
constexpr Index kChunk = 16 * kernels::kNormalGroup;

// The `points` x `channels` entries of one example, rows `stride` elements apart; for narrow rows, not worth a copy
// each, column by column.
template <class T>
void scatter_narrow(const Counter& at, Index points, Index channels, T* x, Index stride) {
  alignas(64) float numbers[kChunk];
  kernels::normals(at, points * channels, numbers);
  for (Index c = 0; c < channels; ++c)
    for (Index p = 0; p < points; ++p) x[p * stride + c] = numbers[p * channels + c];
}

template <class T>
void scatter(const Counter& at, Index points, Index channels, T* x, Index stride) {
  alignas(64) float numbers[kChunk];
  const Index size = points * channels;
  Index point = 0, channel = 0;
  for (Index first = 0; first < size; first += kChunk) {
    const Index count = std::min(kChunk, size - first);
    kernels::normals(at, count, numbers, first);
    for (Index i = 0; i < count;) {
      const Index run = std::min(channels - channel, count - i);
      std::copy(numbers + i, numbers + i + run, x + point * stride + channel);
      i += run;
      channel += run;
      if (channel < channels) continue;
      channel = 0;
      ++point;
    }
  }
}

template <class T>
void fill(Counter at, const Block<T>& x) {
  for (Index e = 0; e < x.examples; ++e, ++at.example) {
    if constexpr (std::is_same_v<T, float>) {
      if (x.points == 1 || x.stride == x.channels) {
        kernels::normals(at, x.points * x.channels, x.row(e));
        continue;
      }
    }
    if (x.channels < 16 && x.points * x.channels <= kChunk)
      scatter_narrow(at, x.points, x.channels, x.row(e), x.stride);
    else
      scatter(at, x.points, x.channels, x.row(e), x.stride);
  }
}

}  // namespace

void sample_normals(const Counter& at, Block<float> x) { fill(at, x); }
void sample_normals(const Counter& at, Block<double> x) { fill(at, x); }

}  // namespace eqnn::hard
