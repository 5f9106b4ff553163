#include "params.h"

#include <algorithm>
#include <cmath>

namespace eqnn {
namespace {

// Modified Gram-Schmidt, twice, on the rows of `q`: the Q of the matrix whose rows they were, with the
// signs of a positive triangular factor, so that a Gaussian matrix gives a Haar-distributed result.
void orthonormalize_rows(Matrix<double>& q) {
  const Index n = q.cols();
  for (Index i = 0; i < q.rows(); ++i) {
    for (int pass = 0; pass < 2; ++pass)
      for (Index k = 0; k < i; ++k) {
        double inner = 0;
        for (Index j = 0; j < n; ++j) inner += q(i, j) * q(k, j);
        for (Index j = 0; j < n; ++j) q(i, j) -= inner * q(k, j);
      }
    double norm = 0;
    for (Index j = 0; j < n; ++j) norm += q(i, j) * q(i, j);
    norm = std::sqrt(norm);
    for (Index j = 0; j < n; ++j) q(i, j) /= norm;
  }
}

template <class T>
void fill_orthogonal(MatrixView<T> w, double scale, Draws draws) {
  const bool wide = w.cols >= w.rows;
  Matrix<double> q(std::min(w.rows, w.cols), std::max(w.rows, w.cols));
  for (Index i = 0; i < q.rows(); ++i)
    for (Index j = 0; j < q.cols(); ++j) q(i, j) = draws.normal();
  orthonormalize_rows(q);
  for (Index i = 0; i < w.rows; ++i)
    for (Index j = 0; j < w.cols; ++j) w(i, j) = static_cast<T>(scale * (wide ? q(i, j) : q(j, i)));
}

template <class T>
void fill(MatrixView<T> w, Initializer init, Draws draws) {
  using Kind = Initializer::Kind;
  const double in = static_cast<double>(w.rows), out = static_cast<double>(w.cols);
  const bool kaiming = init.kind == Kind::kaiming_uniform || init.kind == Kind::kaiming_normal;
  const double deviation = init.scale * std::sqrt(2 / (kaiming ? in : in + out));
  const bool uniform = init.kind == Kind::kaiming_uniform || init.kind == Kind::xavier_uniform;
  if (init.kind == Kind::orthogonal) return fill_orthogonal(w, init.scale, draws);
  for (Index i = 0; i < w.rows; ++i)
    for (Index j = 0; j < w.cols; ++j) {
      const double unit = uniform ? std::sqrt(3.0) * (2 * draws.uniform() - 1) : draws.normal();
      w(i, j) = static_cast<T>(deviation * unit);
    }
}

}  // namespace

template <class T>
Param Params<T>::add(ParamInfo info) {
  Param& p = info.slice;
  require(!frozen_, "parameter '", info.name,
          "' is added after the parameters were allocated; construct all layers first");
  require(p.rows >= 1 && p.cols >= 1, "parameter '", info.name, "' is ", p.rows, " x ", p.cols,
          "; sizes start at 1");
  Index values = 1;
  for (Index size : info.file_shape) values *= size;
  require(values == p.rows * p.cols, "parameter '", info.name, "' has ", p.rows * p.cols,
          " values and a file shape of ", values, "; they must agree");
  for (const ParamInfo& other : list_)
    require(other.name != info.name, "parameter '", info.name, "' exists already; give each layer its own name");
  p.offset = size_;
  p.stride = padded<T>(p.cols);
  size_ += p.rows * p.stride;
  list_.push_back(std::move(info));
  return list_.back().slice;
}

template <class T>
void Params<T>::freeze() {
  if (frozen_) return;
  frozen_ = true;
  values_ = AlignedBuffer<T>(size_);
}

template <class T>
Index Params<T>::count() const {
  Index total = 0;
  for (const ParamInfo& info : list_) total += info.slice.rows * info.slice.cols;
  return total;
}

template <class T>
void Params<T>::initialize(Initializer initializer, std::uint64_t seed) {
  require(std::isfinite(initializer.scale), "initializer scale is ", initializer.scale, "; it must be finite");
  freeze();
  std::fill(values_.begin(), values_.end(), T(0));
  for (std::size_t i = 0; i < list_.size(); ++i) {
    const MatrixView<T> values = view(list_[i].slice);
    if (list_[i].is_bias)
      std::fill(values.data, values.data + values.cols, static_cast<T>(list_[i].initial));
    else
      fill(values, initializer, Draws({seed, Stream::init, 0, static_cast<std::uint64_t>(i)}));
  }
}

template class Params<float>;
template class Params<double>;

}  // namespace eqnn
