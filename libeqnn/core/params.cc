#include "params.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "spelling.h"

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

const ParamInfo& named(const std::vector<ParamInfo>& list, std::string_view name) {
  std::vector<std::string> names;
  for (const ParamInfo& info : list) {
    if (info.name == name) return info;
    names.push_back(info.name);
  }
  throw ValueError(concat("there is no parameter '", name, "' among ", names.size(), spelling_hint(name, names)));
}

}  // namespace

std::uint32_t next_params_id() {
  static std::atomic<std::uint32_t> last{0};
  return ++last;
}

template <class T>
Param Params<T>::add(ParamInfo info) {
  Param& p = info.slice;
  require(!state_->frozen, "parameter '", info.name,
          "' is added after the parameters were allocated; construct all layers first");
  require(p.rows >= 1 && p.cols >= 1, "parameter '", info.name, "' is ", p.rows, " x ", p.cols,
          "; sizes start at 1");
  Index values = 1;
  for (Index size : info.file_shape) values *= size;
  require(values == p.rows * p.cols, "parameter '", info.name, "' has ", p.rows * p.cols,
          " values and a file shape of ", values, "; they must agree");
  for (const ParamInfo& other : state_->list)
    require(other.name != info.name, "parameter '", info.name, "' exists already; give each layer its own name");
  p.offset = state_->size;
  p.stride = padded<T>(p.cols);
  p.owner = id();
  p.name = std::make_shared<const std::string>(info.name);
  state_->size += p.rows * p.stride;
  state_->list.push_back(std::move(info));
  return state_->list.back().slice;
}

template <class T>
void Params<T>::freeze() {
  if (state_->frozen) return;
  state_->frozen = true;
  state_->values = AlignedBuffer<T>(state_->size);
}

template <class T>
const ParamInfo& Params<T>::find(std::string_view name) const {
  return named(list(), name);
}

template <class T>
Index Params<T>::count() const {
  Index total = 0;
  for (const ParamInfo& info : state_->list) total += info.slice.rows * info.slice.cols;
  return total;
}

template <class T>
void Params<T>::initialize(Initializer initializer, std::uint64_t seed) {
  require(std::isfinite(initializer.scale), "initializer scale is ", initializer.scale, "; it must be finite");
  freeze();
  state_->set = true;
  std::fill(state_->values.begin(), state_->values.end(), T(0));
  for (std::size_t i = 0; i < state_->list.size(); ++i) {
    const MatrixView<T> values = view(state_->list[i].slice);
    if (state_->list[i].is_bias)
      std::fill(values.data, values.data + values.cols, static_cast<T>(state_->list[i].initial));
    else
      fill(values, initializer, Draws({seed, Stream::init, 0, static_cast<std::uint64_t>(i)}));
  }
}

template class Params<float>;
template class Params<double>;

}  // namespace eqnn
