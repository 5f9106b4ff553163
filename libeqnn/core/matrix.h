// Row-major matrices whose rows start on 64-byte lines and end in zeros.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <utility>

#include "check.h"

namespace eqnn {

inline constexpr std::size_t kLine = 64;  // bytes; one cache line, one AVX-512 register

// Elements from one row to the next: `cols` rounded up to whole 64-byte lines, on every target.
template <class T>
constexpr Index padded(Index cols) {
  constexpr Index lanes = kLine / sizeof(T);
  return (cols + lanes - 1) / lanes * lanes;
}

// Zero-initialised memory on a 64-byte line. Movable, not copyable.
template <class T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(Index size) : size_(size) {
    if (size == 0) return;
    data_ = static_cast<T*>(::operator new (bytes(), std::align_val_t{kLine}));
    std::memset(static_cast<void*>(data_), 0, bytes());
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept { swap(other); }
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~AlignedBuffer() { ::operator delete (data_, std::align_val_t{kLine}); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  Index size() const { return size_; }
  T& operator[](Index i) { return data_[i]; }
  const T& operator[](Index i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

 private:
  std::size_t bytes() const { return static_cast<std::size_t>(size_) * sizeof(T); }
  void swap(AlignedBuffer& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }
  T* data_ = nullptr;
  Index size_ = 0;
};

// A borrowed matrix: `rows` rows of `cols` elements, `stride` elements apart. T may be const.
template <class T>
struct MatrixView {
  T* data = nullptr;
  Index rows = 0, cols = 0, stride = 0;

  T* row(Index i) const { return data + i * stride; }
  T& operator()(Index i, Index j) const { return data[i * stride + j]; }
  Index size() const { return rows * stride; }  // with the padding
  explicit operator bool() const { return data != nullptr; }
  operator MatrixView<const T>() const { return {data, rows, cols, stride}; }
};

// Sets the elements between cols and stride to zero.
template <class T>
void clear_padding(MatrixView<T> m) {
  if (m.cols == m.stride) return;
  for (Index i = 0; i < m.rows; ++i) std::fill(m.row(i) + m.cols, m.row(i) + m.stride, T(0));
}

// The rows of example e of a value of n points.
template <class T>
MatrixView<T> example_rows(MatrixView<T> m, Index e, Index n) {
  return {m.row(e * n), n, m.cols, m.stride};
}

// Whether elements of a Block are checked against its sizes: in builds without optimisation and without NDEBUG, or
// where EQNN_CHECKED is defined.
#if defined(EQNN_CHECKED) || (!defined(NDEBUG) && !defined(__OPTIMIZE__))
#define EQNN_CHECK_BLOCKS 1
#endif

// A borrowed stack of matrices, [examples, points, channels]: what a data callback fills and reads. An element that
// is none is undefined; with checks (above) it throws ValueError.
template <class T>
struct Block {
  T* data = nullptr;
  Index examples = 0, points = 0, channels = 0, stride = 0;

  T* row(Index example, Index point = 0) const { return data + (example * points + point) * stride; }
  T& operator()(Index example, Index point = 0, Index channel = 0) const {
#ifdef EQNN_CHECK_BLOCKS
    const Index at = example * points + point;  // (0, at) is a way to count all rows through
    require(at >= 0 && at < examples * points && channel >= 0 && channel < channels, "element (", example, ", ",
            point, ", ", channel, ") of a block of [", examples, ", ", points, ", ", channels,
            "]; the first counts the examples of this shard from 0: i - batch.first for example i");
#endif
    return row(example, point)[channel];
  }
};

// An owned matrix. INVARIANT: elements between cols and stride are zero; whoever writes keeps them so.
template <class T>
class Matrix {
 public:
  Matrix() = default;
  Matrix(Index rows, Index cols) : rows_(rows), cols_(cols), buffer_(rows * padded<T>(cols)) {}

  Index rows() const { return rows_; }
  Index cols() const { return cols_; }
  Index stride() const { return padded<T>(cols_); }
  T* data() { return buffer_.data(); }
  const T* data() const { return buffer_.data(); }
  T& operator()(Index i, Index j) { return buffer_[i * stride() + j]; }
  const T& operator()(Index i, Index j) const { return buffer_[i * stride() + j]; }
  MatrixView<T> view() { return {data(), rows_, cols_, stride()}; }
  MatrixView<const T> view() const { return {data(), rows_, cols_, stride()}; }

 private:
  Index rows_ = 0, cols_ = 0;
  AlignedBuffer<T> buffer_;
};

}  // namespace eqnn
