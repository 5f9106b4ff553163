// Record once, replay: a Program is a list of operations with planned memory, a Workspace is the memory
// of one worker, a Tensor is a handle to a value of a Program being recorded.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "matrix.h"
#include "params.h"

namespace eqnn {

template <class T>
class Program;
template <class T>
class Workspace;

// A value is a matrix of examples * points rows and `channels` columns: [b, n, c]. Recorded sizes are
// capacities: the examples of one replay are bound in its Workspace and may be fewer.
// A parameter is not one value an example: its `examples` is kShared, its rows are `points`.
struct Shape {
  static constexpr Index kCapacity = 0, kShared = -1;
  Index examples = kCapacity, points = 1, channels = 1;

  friend bool operator==(const Shape&, const Shape&) = default;
};
std::string to_string(const Shape& shape);  // "[b, 15, 64]"

// A value of a Program being recorded. Cheap to copy; valid as long as its Program.
template <class T>
class Tensor {
 public:
  Tensor() = default;
  Tensor(Program<T>* program, int id) : program_(program), id_(id) {}

  const Shape& shape() const { return program_->shape(id_); }
  Program<T>& program() const { return *program_; }
  int id() const { return id_; }
  explicit operator bool() const { return program_ != nullptr; }

 private:
  Program<T>* program_ = nullptr;
  int id_ = -1;
};

// Integers that are bound beside the real inputs (labels, edges); see Program::index_input.
struct IndexInput {
  int id = -1;
};

// What one replay is about: `examples` examples from number `first` of a step on.
struct Span {
  Index examples = 0;
  Index first = 0;
  std::uint64_t step = 0;
  std::uint64_t seed = 0;
};

// What an operation sees while it is replayed. `in` and `out` are the values; in backward, out_gradient()
// is complete, and the operation ADDS to in_gradient(k), which it finds zeroed or partly summed, and
// which is null when nobody needs it. It touches logical columns only; it must not allocate or thread.
template <class T>
class Frame {
 public:
  Frame(const Program<T>& program, Workspace<T>& workspace, int node, bool fresh_row)
      : program_(program), workspace_(workspace), node_(node), fresh_row_(fresh_row) {}

  Index examples() const { return span().examples; }
  const Span& span() const;
  bool strict() const { return program_.strict(); }
  int operation() const { return node_; }  // id of the operation, for its own random stream

  MatrixView<const T> in(int k) const;
  MatrixView<T> out() const;
  MatrixView<const T> out_gradient() const;
  MatrixView<T> in_gradient(int k) const;
  // For operations recorded with `overwrites`: false when nothing is there to add to.
  bool accumulate(int k) const;

  std::span<T> scratch() const;
  std::span<std::int32_t> index_scratch() const;
  MatrixView<const std::int32_t> indices(IndexInput input) const;

 private:
  const Program<T>& program_;
  Workspace<T>& workspace_;
  int node_;
  bool fresh_row_;  // parameter gradients hold nothing yet
};

// One operation: everything record() needs. Only the first five fields are required.
template <class T>
struct Operation {
  std::string name;
  std::vector<Tensor<T>> inputs;
  Shape shape;
  std::function<void(const Frame<T>&)> forward;
  std::function<void(const Frame<T>&)> backward;  // may be empty: no gradient flows
  // Promises that let the planner save memory and passes; each is safe to leave as it is.
  bool backward_reads_inputs = true;
  bool backward_reads_output = true;
  bool elementwise = false;  // element i of out depends on element i of in(0) alone, and may replace it
  bool overwrites = false;   // honours Frame::accumulate(k), and leaves all padding zero itself
  // Bit k: whether a gradient flows to input k. in_gradient(k) is null where it does not.
  std::uint32_t differentiable = ~std::uint32_t{0};
  // Multiply-adds of matrix products in forward, an example; one of its gradients costs as much.
  double multiply_adds = 0;
  // Memory that lasts from forward to backward, asked for at full capacity.
  Index scratch = 0;
  Index index_scratch = 0;
};

enum class Mode : std::uint8_t { train, evaluate };

// A recorded computation. Record by calling layers and operations on its inputs, then finish(loss).
// Const once finished. Threads: replays with different Workspaces may run at the same time.
template <class T>
class Program {
 public:
  // `capacity` examples at most in one replay; Mode::evaluate plans no backward pass and no gradients.
  // A strict program runs every matrix product in our own kernels, never in OpenBLAS, so that its bits are
  // the same on every machine with fused multiply-add.
  Program(Index capacity, Mode mode, bool strict = false);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // An input that is filled before each replay. `examples` of the shape is the capacity.
  Tensor<T> input(std::string name, Shape shape);
  // int32 values [b * points, channels], each in [0, limit); checked when a replay starts.
  IndexInput index_input(std::string name, Shape shape, std::int32_t limit);
  // A slice of the parameters. Asking twice gives the same Tensor, so tied weights need nothing else.
  Tensor<T> param(Param p);
  // Adds an operation. Throws ShapeError for inputs of another Program.
  Tensor<T> record(Operation<T> operation);
  // Names a value, to be read from the Workspace after forward.
  void output(std::string name, Tensor<T> value);

  // Ends recording: `loss` is [b, 1, 1], and the root is sum_i weight_i loss_i. Plans the memory.
  void finish(Tensor<T> loss);
  // Ends recording without a loss (Mode::evaluate).
  void finish();

  bool training() const { return mode_ == Mode::train; }
  bool strict() const { return strict_; }
  Index capacity() const { return capacity_; }
  const Shape& shape(int id) const { return nodes_[static_cast<std::size_t>(id)].operation.shape; }
  // Multiply-adds of matrix products of one example, forward and (training) backward.
  double multiply_adds() const;
  int operations() const { return static_cast<int>(nodes_.size()); }
  Index memory_bytes() const;  // of one Workspace

  // Replays forward on the examples bound in `w`. `params` is the flat vector.
  // Throws ValueError when an index input is out of its range.
  void forward(Workspace<T>& w, const T* params) const;
  // Replays backward, after forward, from d root / d loss_i = w.weights()[i]. `gradient` is laid out like
  // the parameters: replaced where `fresh`, added to otherwise. Slices of parameters that the loss does not
  // reach are not touched.
  void backward(Workspace<T>& w, T* gradient, bool fresh) const;

 private:
  friend class Frame<T>;
  friend class Workspace<T>;

  enum class Kind : std::uint8_t { input, param, operation };
  struct Node {
    Operation<T> operation;
    Kind kind = Kind::operation;
    Param param;
    Index stride = 0;
    bool needs_gradient = false;  // a gradient flows through it to a parameter
    bool active = false;          // ... and from the loss to it: its backward runs
    bool keep = false;            // value is read after the replay
    std::vector<bool> flows;      // a gradient flows from here to input k
    std::vector<bool> first;      // ... and this is the first to write it
    // Offsets in the arena (inputs: in the input area), in elements; -1: none.
    Index value = -1, gradient = -1, scratch = -1;
    Index index_scratch = -1;
  };
  struct Named {
    std::string name;
    int id;
  };
  struct IndexNode {
    std::string name;
    Shape shape;
    std::int32_t limit;
    Index offset;
  };
  struct Buffer;

  Node& node(int id) { return nodes_[static_cast<std::size_t>(id)]; }
  const Node& node(int id) const { return nodes_[static_cast<std::size_t>(id)]; }
  Index rows_at(int id, Index examples) const;
  Index value_size(int id) const { return rows_at(id, capacity_) * node(id).stride; }
  void mark_active();
  void plan();
  std::vector<Buffer> lifetimes();
  void place(std::vector<Buffer>& buffers);
  void check_indices(const Workspace<T>& w) const;

  Index capacity_;
  Mode mode_;
  bool strict_;
  bool finished_ = false;
  std::vector<Node> nodes_;
  std::vector<Named> inputs_, outputs_;
  std::vector<IndexNode> index_inputs_;
  std::vector<int> param_nodes_;
  int loss_ = -1;
  Index arena_size_ = 0, input_size_ = 0, index_size_ = 0, index_scratch_size_ = 0;
};

// The memory of one worker for one Program: values, gradients, scratch, inputs. Allocated here, once.
template <class T>
class Workspace {
 public:
  explicit Workspace(const Program<T>& program);

  // Says which examples the next replay is about. Throws ValueError beyond the capacity.
  void bind(const Span& span);
  const Span& span() const { return span_; }

  // An input to fill, [examples, points, channels]. Throws ValueError for an unknown name.
  Block<T> input(std::string_view name);
  Block<std::int32_t> index_input(std::string_view name);
  // A named output, after forward.
  Block<const T> output(std::string_view name) const;
  // loss_i, after forward: element (i, 0).
  MatrixView<const T> losses() const;
  // weight_i of the root, one an example of the capacity.
  std::span<T> weights() { return {weights_.data(), static_cast<std::size_t>(weights_.size())}; }

 private:
  friend class Frame<T>;
  friend class Program<T>;

  T* value(int id) { return slots_[static_cast<std::size_t>(id)].value; }
  struct Slot {
    T* value = nullptr;
    T* gradient = nullptr;
  };

  const Program<T>* program_;
  AlignedBuffer<T> arena_, inputs_, weights_;
  AlignedBuffer<std::int32_t> indices_, index_scratch_;
  std::vector<Slot> slots_;
  Span span_;
};

extern template class Program<float>;
extern template class Program<double>;
extern template class Workspace<float>;
extern template class Workspace<double>;

// --- Frame, inline because every operation goes through it --------------------------------------------

template <class T>
const Span& Frame<T>::span() const {
  return workspace_.span_;
}
template <class T>
MatrixView<const T> Frame<T>::in(int k) const {
  const int id = program_.node(node_).operation.inputs[static_cast<std::size_t>(k)].id();
  return {workspace_.slots_[static_cast<std::size_t>(id)].value, program_.rows_at(id, examples()),
          program_.shape(id).channels, program_.node(id).stride};
}
template <class T>
MatrixView<T> Frame<T>::out() const {
  return {workspace_.slots_[static_cast<std::size_t>(node_)].value, program_.rows_at(node_, examples()),
          program_.shape(node_).channels, program_.node(node_).stride};
}
template <class T>
MatrixView<const T> Frame<T>::out_gradient() const {
  return {workspace_.slots_[static_cast<std::size_t>(node_)].gradient, program_.rows_at(node_, examples()),
          program_.shape(node_).channels, program_.node(node_).stride};
}
template <class T>
MatrixView<T> Frame<T>::in_gradient(int k) const {
  const auto& node = program_.node(node_);
  if (!node.flows[static_cast<std::size_t>(k)]) return {};
  const int id = node.operation.inputs[static_cast<std::size_t>(k)].id();
  return {workspace_.slots_[static_cast<std::size_t>(id)].gradient, program_.rows_at(id, examples()),
          program_.shape(id).channels, program_.node(id).stride};
}
template <class T>
bool Frame<T>::accumulate(int k) const {
  const auto& node = program_.node(node_);
  if (!node.first[static_cast<std::size_t>(k)]) return true;
  const int id = node.operation.inputs[static_cast<std::size_t>(k)].id();
  return program_.node(id).kind == Program<T>::Kind::param && !fresh_row_;
}
template <class T>
std::span<T> Frame<T>::scratch() const {
  const auto& node = program_.node(node_);
  return {workspace_.arena_.data() + node.scratch, static_cast<std::size_t>(node.operation.scratch)};
}
template <class T>
std::span<std::int32_t> Frame<T>::index_scratch() const {
  const auto& node = program_.node(node_);
  return {workspace_.index_scratch_.data() + node.index_scratch,
          static_cast<std::size_t>(node.operation.index_scratch)};
}
template <class T>
MatrixView<const std::int32_t> Frame<T>::indices(IndexInput input) const {
  const auto& index = program_.index_inputs_[static_cast<std::size_t>(input.id)];
  return {workspace_.indices_.data() + index.offset, examples() * index.shape.points, index.shape.channels,
          index.shape.channels};
}

}  // namespace eqnn
