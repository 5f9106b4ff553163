// Record once, replay: a Program is a list of operations with planned memory, a Workspace is the memory
// of one worker, a Tensor is a handle to a value of a Program being recorded.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "function_ref.h"
#include "matrix.h"
#include "params.h"
#include "sparse_graph.h"

namespace eqnn {

template <class T>
class Program;
template <class T>
class Workspace;

// A value is a matrix of examples * points rows and `channels` columns: [b, n, c]. Recorded sizes are
// capacities: the examples of one replay are bound in its Workspace and may be fewer.
// Values that are not one for each example say of which extent they are in `examples`: kCapacity the examples,
// Extent::id the nodes or edges of a batch of graphs, kShared a parameter, or what is derived from parameters,
// whose rows are `points`.
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

  // Throw ValueError for an empty Tensor.
  const Shape& shape() const { return program().shape(id_); }
  Program<T>& program() const {
    require(program_ != nullptr, "an empty Tensor is used: it is of no program; take what an operation returned");
    return *program_;
  }
  int id() const { return id_; }
  explicit operator bool() const { return program_ != nullptr; }

 private:
  Program<T>* program_ = nullptr;
  int id_ = -1;
};

// As messages have it: of a parameter with its name.
template <class T>
std::string to_string(Tensor<T> x) {
  return x.program().description(x.id());
}

// For operations that need examples. Throws ShapeError with the operation's name where x is a parameter.
template <class T>
void check_examples(const char* name, Tensor<T> x) {
  require<ShapeError>(x.shape().examples != Shape::kShared, name, ": ", to_string(x.shape()),
                      " is a parameter's shape; an input with examples, [b, n, c], is needed");
}

// For operations of two values with the same examples and points.
template <class T>
void check_same_points(const char* name, Tensor<T> x, Tensor<T> y) {
  check_examples(name, x);
  require<ShapeError>(x.shape().points == y.shape().points && x.shape().examples == y.shape().examples, name,
                      ": shapes ", to_string(x.shape()), " and ", to_string(y.shape()),
                      " differ in their points; they must have the same");
}

// For operations of two values of the same shape.
template <class T>
void check_same_shape(const char* name, Tensor<T> x, Tensor<T> y) {
  require<ShapeError>(x.shape() == y.shape(), name, ": shapes ", to_string(x.shape()), " and ",
                      to_string(y.shape()), " differ; they must be equal");
}

// A number of rows that is bound anew for every replay: extent 0 is the examples, others are the nodes and
// edges of graphs of different sizes.
struct Extent {
  Index id = Shape::kCapacity;
};

// A SparseGraph that is bound for every replay; see Program::graph.
struct GraphInput {
  int id = -1;
  Extent nodes, edges;
};

// Integers that are bound beside the real inputs (labels, edges); see Program::index_input.
struct IndexInput {
  int id = -1;
};

// The examples of one replay: `examples` of them, from number `first` of a step on.
struct Span {
  Index examples = 0;
  Index first = 0;
  std::uint64_t step = 0;
  std::uint64_t seed = 0;
};

// How a replay of one big graph runs: every operation over `count` blocks of rows, by run(count, task), which
// calls task(0) .. task(count - 1) in any order, at the same time if it likes, and returns when all are done.
struct RowBlocks {
  Index count = 1;
  FunctionRef<void(Index, FunctionRef<void(Index)>)> run;
};

// What an operation sees while it is replayed. `in` and `out` are the values; in backward, out_gradient()
// is complete, and the operation ADDS to in_gradient(k), which it finds zeroed or partly summed, and
// which is null when nobody needs it. It touches logical columns only; it must not allocate or thread.
// For an operation recorded with `by_rows` the views may hold only a block of the rows, the same for
// everything that is not a parameter; whole_*() have all.
template <class T>
class Call {
 public:
  // The rows, or the parts of a derived operation, that a call computes, and the number of their block.
  struct Rows {
    Index first = 0, last = -1;  // last < 0: all
    Index block = 0;
  };
  // Where the gradients of parameters go, and those of what is derived from them; `fresh`: nothing is there yet.
  struct Gradients {
    T *params = nullptr, *derived = nullptr;
    bool fresh_params = false, fresh_derived = false;
  };
  Call(const Program<T>& program, Workspace<T>& workspace, int node, const Gradients& gradients, Rows rows)
      : program_(program), workspace_(workspace), node_(node), gradients_(gradients), rows_(rows) {}

  Index examples() const { return span().examples; }
  Index first_row() const { return rows_.first; }
  // Of a derived operation: the parts that this call computes, first_part() <= i < last_part().
  Index first_part() const { return rows_.first; }
  Index last_part() const { return rows_.last < 0 ? program_.node(node_).operation.parts : rows_.last; }
  const Span& span() const;
  bool strict() const { return program_.strict(); }
  int operation() const { return node_; }  // id of the operation, for its own random stream

  MatrixView<const T> in(int k) const;
  MatrixView<T> out() const;
  MatrixView<const T> out_gradient() const;
  MatrixView<T> in_gradient(int k) const;
  MatrixView<const T> whole_in(int k) const;
  MatrixView<const T> whole_out() const;
  MatrixView<const T> whole_out_gradient() const;
  const SparseGraph& graph(GraphInput input) const;
  // For operations recorded with `overwrites`: false when nothing is there to add to.
  bool accumulate(int k) const;

  std::span<T> scratch() const;
  std::span<std::int32_t> index_scratch() const;
  MatrixView<const std::int32_t> indices(IndexInput input) const;

 private:
  int input_id(int k) const;
  MatrixView<T> view(T* data, int id, bool whole) const;

  const Program<T>& program_;
  Workspace<T>& workspace_;
  int node_;
  Gradients gradients_;
  Rows rows_;
};

// One operation: everything record() needs. Only the first five fields are required.
// Derived operations have a Shape with kShared, and inputs that are parameters or derived themselves (the spectrum
// of a filter). What they compute depends on parameters alone, not on Call::span(): a Trainer runs them once a
// step, not once a shard, and their backward once a step too, on the sum of the gradients of all shards.
template <class T>
struct Operation {
  std::string name;
  std::vector<Tensor<T>> inputs;
  Shape shape;
  std::function<void(const Call<T>&)> forward;
  std::function<void(const Call<T>&)> backward;  // may be empty: no gradient flows
  // Promises that let the planner save memory and passes; each is safe to leave as it is.
  bool backward_reads_inputs = true;
  bool backward_reads_output = true;
  bool elementwise = false;  // element i of out depends on element i of in(0) alone, and may replace it
  bool overwrites = false;   // honours Call::accumulate(k), and leaves all padding zero itself
  bool by_rows = false;      // rows [first, last) of the results depend on those rows of the views alone
  bool relu = false;         // this is relu of input 0
  // Of an operation that can apply relu itself while it reads input 0: what it is then, of an x of which it took
  // the relu. finish() puts that in the place of both where nothing else reads the value between them.
  std::function<Operation(Tensor<T> x)> of_relu = {};
  // Bit k: whether a gradient flows to input k. in_gradient(k) is null where it does not.
  std::uint32_t differentiable = ~std::uint32_t{0};
  // Multiply-adds of matrix products in forward, an example; one of its gradients costs as much.
  double multiply_adds = 0;
  // Memory that lasts from forward to backward, asked for at full capacity.
  Index scratch = 0;
  Index index_scratch = 0;
  // Derived: how many independent parts forward and backward have; Call::first_part() says which to compute. Parts
  // run at the same time, in at most kDerivedBlocks blocks, each with `scratch` of its own.
  Index parts = 1;
  // For who writes a program down in another language: what the call was given beside values, and inputs and shape
  // do not tell. Numbers in the order of its arguments, an enumerator by its place; a table of points.
  std::vector<double> numbers = {};
  std::shared_ptr<const std::vector<std::int32_t>> table = {};
};
// The most blocks in which the parts of a derived operation run.
inline constexpr Index kDerivedBlocks = 8;

// What a Program is recorded for; evaluate: no backward pass, and dropout does nothing.
enum class Mode : std::uint8_t { train, evaluate };

// Is told of every operation of a replay before and after it runs, on the thread that replays; for profiles.
// `update` is the trainer's: gradients added up and applied, operation -1.
class ReplayObserver {
 public:
  enum class Part : std::uint8_t { forward, backward, update };
  virtual void begins(Part part, int operation) noexcept = 0;
  virtual void ends(Part part, int operation) noexcept = 0;

 protected:
  ~ReplayObserver() = default;
};

// What one replay of an operation costs on the full capacity: multiply-adds of matrix products, and bytes of what
// is read and written, each once.
struct OperationCost {
  double forward_multiply_adds = 0, backward_multiply_adds = 0;
  double forward_bytes = 0, backward_bytes = 0;
};

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

  // An input to fill before each replay; a Workspace keeps the values that are not filled again. `examples` of the
  // shape is the capacity.
  Tensor<T> input(std::string name, Shape shape);
  // int32 values [b * points, channels], each in [0, limit); checked when a replay starts.
  IndexInput index_input(std::string name, Shape shape, std::int32_t limit);
  // A graph for every replay: `nodes` and `edges` are the most that one replay may bind. With node_per_example
  // the nodes are the examples (one big graph); otherwise the graphs of a batch are, and the nodes are an extent of
  // their own. In Mode::evaluate the same.
  GraphInput graph(std::string name, Index nodes, Index edges);
  GraphInput graph_of_examples(std::string name, Index edges);
  // An input with one row for each node or edge of a graph.
  Tensor<T> input(std::string name, Extent extent, Index channels) {
    return input(std::move(name), {extent.id, 1, channels});
  }
  // A slice of the parameters. Asking twice gives the same Tensor, so tied weights need nothing else. Throws
  // ValueError for slices of two Params in one program.
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
  Index capacity() const { return capacities_[0]; }
  Index capacity(Extent e) const { return capacities_[e.id]; }
  const Shape& shape(int id) const { return nodes_[id].operation.shape; }
  const Shape& shape(IndexInput input) const { return index_inputs_[input.id].shape; }
  std::int32_t limit(IndexInput input) const { return index_inputs_[input.id].limit; }
  // Multiply-adds of matrix products of one example, forward and (training) backward.
  double multiply_adds() const;
  // Whether x depends on a parameter, so that training needs its gradient; the same in both modes. For operations
  // that choose how they compute by what they will be asked for.
  bool needs_gradient(Tensor<T> x) const { return node(x.id()).needs_gradient; }
  int operations() const { return static_cast<int>(nodes_.size()); }
  // Name and cost of operation `id`; empty and none for inputs and parameters, which are not replayed.
  std::string_view operation_name(int id) const;
  // What was recorded as value `id`; of an input or a parameter its name and shape, and no forward. Before finish()
  // every operation is the one that was asked for.
  const Operation<T>& operation(int id) const { return node(id).operation; }
  // The slice that value `id` is; empty where it is no parameter.
  const Param& parameter(int id) const { return node(id).param; }
  OperationCost operation_cost(int id) const;
  Index memory_bytes() const;          // of one Workspace
  Index derived_memory_bytes() const;  // of that, what workspaces that share derived values have once

  // Replays forward on the examples bound in `w`. `params` is the flat vector.
  // Throws ValueError when nothing is bound, an index input is out of its range, or a graph is not bound; for null
  // parameters, and the workspace of another program.
  void forward(Workspace<T>& w, const T* params, const RowBlocks* blocks = nullptr) const;
  // Replays backward, once after each forward, from d root / d loss_i = w.weights()[i]. `gradient` is laid out like
  // the parameters: replaced where `fresh`, added to otherwise. Slices of parameters that the loss does not
  // reach are not touched.
  void backward(Workspace<T>& w, T* gradient, bool fresh) const { backward(w, gradient, fresh, nullptr, 0); }
  // The same over blocks of rows: block i adds to row i of `gradients`, rows `row_size` elements apart. Throws
  // ValueError where there are derived values that the workspace does not share.
  void backward(Workspace<T>& w, T* gradients, Index row_size, const RowBlocks& blocks) const {
    backward(w, gradients, false, &blocks, row_size);
  }

  // For many replays with the same parameters, by workspaces that share derived values (Workspace::share_derived).
  // derive() computes these, before forward(), in the workspace that owns them. backward() leaves their gradients
  // in the gradient row, derived_size() elements (those that have any); backward_derived() takes these on to the
  // gradients of the parameters, replacing what nothing but derived values read, and adding to the rest.
  Index derived_size() const { return derived_gradients_; }
  void derive(Workspace<T>& w, const T* params, const RowBlocks* blocks = nullptr) const;
  void backward_derived(Workspace<T>& w, T* derived, T* gradient, const RowBlocks* blocks = nullptr) const {
    backward_derived(w, {gradient, derived, true, false}, blocks);
  }
  // The parameters that derived values alone read: backward() does not touch their gradients.
  std::vector<Param> read_by_derived_alone() const;
  // The Params that the slices are of; 0: none was asked for, or they do not say.
  std::uint32_t owner() const { return owner_; }
  // Name and shape of a value, for messages: "parameter 'head.weight' [shared, 4, 1]", or the shape alone.
  std::string description(int id) const;

 private:
  friend class Call<T>;
  friend class Workspace<T>;

  enum class Kind : std::uint8_t { input, param, operation, absorbed };  // absorbed: by the operation that reads it
  struct Node {
    Operation<T> operation;
    Kind kind = Kind::operation;
    Param param;
    Index stride = 0;
    bool derived = false;         // depends on parameters alone
    bool needs_gradient = false;  // a gradient flows (Mode::train) through it to a parameter
    bool active = false;          // ... and from the loss to it: its backward runs
    bool keep = false;            // value is read after the replay
    std::vector<bool> flows;      // a gradient flows from here to input k
    std::vector<bool> first;      // ... and this is the first to write it
    // Offsets in the arena (inputs: in the input area; derived: in theirs), in elements; -1: none.
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
  struct GraphNode {
    std::string name;
    GraphInput input;
  };
  struct Buffer;

  Node& node(int id) { return nodes_[id]; }
  const Node& node(int id) const { return nodes_[id]; }
  static Index rows(const Shape& s, const std::vector<Index>& counts) {
    return s.examples == Shape::kShared ? s.points : counts[static_cast<std::size_t>(s.examples)] * s.points;
  }
  Index rows_at(int id, const Workspace<T>& w) const;
  Index value_size(int id) const { return rows(shape(id), capacities_) * node(id).stride; }
  void check_shape(const char* what, const std::string& name, const Shape& s) const;
  void backward(Workspace<T>& w, T* gradient, bool fresh, const RowBlocks* blocks, Index row_size) const;
  using Gradients = typename Call<T>::Gradients;
  void backward_derived(Workspace<T>& w, const Gradients& gradients, const RowBlocks* blocks) const;
  void forward_operation(Workspace<T>& w, int id, const RowBlocks* blocks) const;
  void backward_operation(Workspace<T>& w, int id, const Gradients& gradients, const RowBlocks* blocks,
                          Index row_size) const;
  template <class Body>
  void run_operation(Workspace<T>& w, int id, const Gradients& gradients, const RowBlocks* blocks, Index row_size,
                     const Body& body) const;
  void absorb_relu();
  void mark_active();
  void plan();
  void place_derived();
  std::vector<Buffer> lifetimes();
  void place(std::vector<Buffer>& buffers);
  void check_replay(const Workspace<T>& w, const T* params) const;
  void check_indices(const Workspace<T>& w) const;

  std::vector<Index> capacities_;  // by extent; the first is the examples'
  Mode mode_;
  bool strict_;
  bool finished_ = false;
  std::vector<Node> nodes_;
  std::vector<Named> inputs_, outputs_;
  std::vector<IndexNode> index_inputs_;
  std::vector<GraphNode> graphs_;
  std::vector<int> param_nodes_;
  int loss_ = -1;
  std::uint32_t owner_ = 0;
  Index arena_size_ = 0, input_size_ = 0, index_size_ = 0, index_scratch_size_ = 0;
  Index derived_size_ = 0, derived_scratch_ = 0;  // of all derived values; of their scratch
  Index derived_gradients_ = 0;                   // of those that a gradient flows through, which come first
};

// The memory of one worker for one Program: values, gradients, scratch, inputs. Allocated here, once.
template <class T>
class Workspace {
 public:
  explicit Workspace(const Program<T>& program);

  // Sets the examples of the next replay. Throws ValueError beyond the capacity.
  void bind(const Span& span);
  const Span& span() const { return span_; }

  // An input to fill, [examples, points, channels]. Throws ValueError for an unknown name.
  Block<T> input(std::string_view name);
  Block<std::int32_t> index_input(std::string_view name);
  // Binds a graph, and with it the number of its nodes and edges. The graph must outlive the replay. Throws
  // ValueError beyond the capacities, and when its nodes (or, for a batch, its graphs) are not the examples.
  void bind_graph(std::string_view name, const SparseGraph& graph);
  // A named output, after forward.
  Block<const T> output(std::string_view name) const;
  // loss_i, after forward: element (i, 0).
  MatrixView<const T> losses() const;
  // weight_i of the root, one an example of the capacity.
  std::span<T> weights() { return {weights_.data(), static_cast<std::size_t>(weights_.size())}; }
  // Who is told of the operations, or null; must outlive the replays.
  void observe(ReplayObserver* observer) { observer_ = observer; }
  ReplayObserver* observer() const { return observer_; }

  // From now on derived values are those of `owner` (another workspace of the program, or this one), which must
  // outlive this one, and forward() and backward() leave them to Program::derive and backward_derived. Their
  // gradients go to a gradient row from element `offset` on.
  void share_derived(const Workspace& owner, Index offset);

 private:
  friend class Call<T>;
  friend class Program<T>;

  T* value(int id) const { return slots_[id].value; }
  T* gradient(int id) const { return slots_[id].gradient; }
  struct Slot {
    T* value = nullptr;
    T* gradient = nullptr;
  };

  const Program<T>* program_;
  AlignedBuffer<T> arena_, inputs_, weights_;
  AlignedBuffer<T> derived_, derived_gradients_;  // values and scratch; gradients, unless they are shared
  Index derived_offset_ = -1;                     // < 0: not shared
  AlignedBuffer<std::int32_t> indices_, index_scratch_;
  std::vector<Slot> slots_;
  std::vector<Index> counts_;  // rows bound, by extent
  std::vector<const SparseGraph*> graphs_;
  Span span_;
  bool bound_ = false;
  ReplayObserver* observer_ = nullptr;
};

extern template class Program<float>;
extern template class Program<double>;
extern template class Workspace<float>;
extern template class Workspace<double>;

// Call is inline because every operation goes through it.

template <class T>
const Span& Call<T>::span() const {
  return workspace_.span_;
}
template <class T>
Index Program<T>::rows_at(int id, const Workspace<T>& w) const {
  return rows(shape(id), w.counts_);
}
template <class T>
int Call<T>::input_id(int k) const {
  return program_.node(node_).operation.inputs[k].id();
}
template <class T>
MatrixView<T> Call<T>::view(T* data, int id, bool whole) const {
  const auto& node = program_.node(id);
  const Shape& s = node.operation.shape;
  if (whole || rows_.last < 0 || s.examples == Shape::kShared)
    return {data, program_.rows_at(id, workspace_), s.channels, node.stride};
  return {data + rows_.first * node.stride, rows_.last - rows_.first, s.channels, node.stride};
}
template <class T>
MatrixView<const T> Call<T>::in(int k) const {
  return view(workspace_.value(input_id(k)), input_id(k), false);
}
template <class T>
MatrixView<T> Call<T>::out() const {
  return view(workspace_.value(node_), node_, false);
}
template <class T>
MatrixView<const T> Call<T>::out_gradient() const {
  return view(workspace_.gradient(node_), node_, false);
}
template <class T>
MatrixView<T> Call<T>::in_gradient(int k) const {
  if (!program_.node(node_).flows[k]) return {};
  const int id = input_id(k);
  const auto& node = program_.node(id);
  if (node.kind == Program<T>::Kind::param) return view(gradients_.params + node.param.offset, id, false);
  if (node.derived) return view(gradients_.derived + node.value, id, false);
  return view(workspace_.gradient(id), id, false);
}
template <class T>
MatrixView<const T> Call<T>::whole_in(int k) const {
  return view(workspace_.value(input_id(k)), input_id(k), true);
}
template <class T>
MatrixView<const T> Call<T>::whole_out() const {
  return view(workspace_.value(node_), node_, true);
}
template <class T>
MatrixView<const T> Call<T>::whole_out_gradient() const {
  return view(workspace_.gradient(node_), node_, true);
}
template <class T>
const SparseGraph& Call<T>::graph(GraphInput input) const {
  return *workspace_.graphs_[input.id];
}
template <class T>
bool Call<T>::accumulate(int k) const {
  const auto& node = program_.node(node_);
  if (!node.first[k]) return true;
  const auto& in = program_.node(input_id(k));
  if (in.kind == Program<T>::Kind::param) return !gradients_.fresh_params;
  // Examples add to what other shards left; of derived operations the first finds nothing.
  return in.derived && !program_.node(node_).derived && !gradients_.fresh_derived;
}
template <class T>
std::span<T> Call<T>::scratch() const {
  const auto& node = program_.node(node_);
  T* memory = node.derived ? workspace_.derived_.data() + rows_.block * padded<T>(node.operation.scratch)
                           : workspace_.arena_.data();
  return {memory + node.scratch, static_cast<std::size_t>(node.operation.scratch)};
}
template <class T>
std::span<std::int32_t> Call<T>::index_scratch() const {
  const auto& node = program_.node(node_);
  return {workspace_.index_scratch_.data() + node.index_scratch,
          static_cast<std::size_t>(node.operation.index_scratch)};
}
template <class T>
MatrixView<const std::int32_t> Call<T>::indices(IndexInput input) const {
  const auto& index = program_.index_inputs_[input.id];
  const Index rows = Program<T>::rows(index.shape, workspace_.counts_);
  return {workspace_.indices_.data() + index.offset, rows, index.shape.channels, index.shape.channels};
}

}  // namespace eqnn
