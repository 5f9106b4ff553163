// The parameters of a model: one flat, aligned vector, and named slices of it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "matrix.h"
#include "rng.h"

namespace eqnn {

// A slice of Params: an offset, so nothing dangles when the vector grows.
struct Param {
  Index offset = -1;  // elements from the start; -1: no parameter
  Index rows = 0, cols = 0, stride = 0;
  std::uint32_t owner = 0;  // which Params; 0: not said
  std::shared_ptr<const std::string> name = {};
  explicit operator bool() const { return offset >= 0; }
};

// How weights start. Biases start at zero. With fan_in rows and fan_out columns:
//   kaiming_uniform  U(-a, a), a = sqrt(6 / fan_in)          kaiming_normal  N(0, 2 / fan_in)
//   xavier_uniform   U(-a, a), a = sqrt(6 / (in + out))      xavier_normal   N(0, 2 / (in + out))
//   orthogonal       the Q of a Gaussian matrix (orthonormal rows or columns, whichever are fewer)
// (He et al. 2015; Glorot and Bengio 2010; Saxe et al. 2014), each times `scale`.
struct Initializer {
  enum class Kind : std::uint8_t { kaiming_uniform, kaiming_normal, xavier_uniform, xavier_normal, orthogonal };
  Kind kind = Kind::kaiming_uniform;
  double scale = 1;

  constexpr Initializer scaled(double factor) const { return {kind, scale * factor}; }
};
inline constexpr Initializer kaiming_uniform{Initializer::Kind::kaiming_uniform};
inline constexpr Initializer kaiming_normal{Initializer::Kind::kaiming_normal};
inline constexpr Initializer xavier_uniform{Initializer::Kind::xavier_uniform};
inline constexpr Initializer xavier_normal{Initializer::Kind::xavier_normal};
inline constexpr Initializer orthogonal{Initializer::Kind::orthogonal};

// A number for each Params of the process, from 1 on.
std::uint32_t next_params_id();

// What files and messages say of a parameter. A weight is [in, out] in memory, where a product wants it,
// and [out, in] in files, where PyTorch has it; a bias is [1, out] in memory and [out] in files.
struct ParamInfo {
  std::string name;
  Param slice;
  bool is_bias = false;  // a vector: initialize() sets it to `initial`
  double initial = 0;
  std::vector<Index> file_shape;  // [out, in], [out], or what the layer says: [out, in, L]
};

// Named parameters in one vector. Layers add to it while they are constructed; the first call of
// freeze(), initialize() or values() allocates, and after that adding throws ValueError. A Trainer shares the
// vector: it may outlive the Params, and the Params may be moved. Threads: any number may read; whoever writes does
// so alone.
template <class T>
class Params {
 public:
  Params() = default;
  // The other one is empty then, as if it had just been made.
  Params(Params&& other) : Params() { std::swap(state_, other.state_); }
  Params& operator=(Params&& other) {
    state_ = std::exchange(other.state_, std::make_shared<State>());
    return *this;
  }

  // A weight of a linear map, in x out. `file_shape` is [out, in] unless given, and then of as many values, in
  // the order of [out, in]. Throws ValueError for a repeated name or a size below 1.
  Param weight(std::string name, Index in, Index out, std::vector<Index> file_shape = {}) {
    if (file_shape.empty()) file_shape = {out, in};
    return add({std::move(name), {.rows = in, .cols = out}, false, 0, std::move(file_shape)});
  }
  // A bias of `out` values; or any vector of `size` values that starts at `initial`.
  Param bias(std::string name, Index out) { return vector(std::move(name), out, 0); }
  Param vector(std::string name, Index size, double initial) {
    return add({std::move(name), {.rows = 1, .cols = size}, true, initial, {size}});
  }

  // Draws every parameter anew: parameter number i from (seed, Stream::init, example i).
  void initialize(Initializer initializer, std::uint64_t seed);
  void freeze();

  // To write; who has asked for them is taken to have set them.
  std::span<T> values() {
    freeze();
    state_->set = true;
    return {state_->values.data(), static_cast<std::size_t>(size())};
  }
  std::span<const T> values() const {
    return {state_->values.data(), static_cast<std::size_t>(state_->values.size())};
  }
  // Throw ValueError for a slice of another Params.
  MatrixView<T> view(Param p) {
    check_owner(p);
    return {values().data() + p.offset, p.rows, p.cols, p.stride};
  }
  MatrixView<const T> view(Param p) const {
    check_owner(p);
    return {state_->values.data() + p.offset, p.rows, p.cols, p.stride};
  }

  const std::vector<ParamInfo>& list() const { return state_->list; }
  // The parameter of that name. Throws ValueError, with the nearest name, where there is none.
  const ParamInfo& find(std::string_view name) const;
  Index count() const;                         // logical parameters, padding left out
  Index size() const { return state_->size; }  // elements of the flat vector, padding included
  // Whether initialize() or values() was called: else all are zero.
  bool is_set() const { return state_->set || list().empty(); }
  // What the slices of this Params have as their owner.
  std::uint32_t id() const { return state_->id; }
  // The same parameters once more: neither goes before the other.
  Params share() const {
    Params same;
    same.state_ = state_;
    return same;
  }

 private:
  struct State {
    std::vector<ParamInfo> list;
    AlignedBuffer<T> values;
    Index size = 0;
    bool frozen = false, set = false;
    std::uint32_t id = next_params_id();
  };
  Param add(ParamInfo info);
  void check_owner(const Param& p) const {
    require(p.owner == 0 || p.owner == id(), "parameter '", p.name ? *p.name : "",
            "' is of another Params; construct the layer with this one");
  }

  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace eqnn
