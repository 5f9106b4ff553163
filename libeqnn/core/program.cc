#include "program.h"

#include <algorithm>
#include <cstring>

namespace eqnn {

std::string to_string(const Shape& s) {
  const std::string rows = s.examples == Shape::kShared     ? "shared"
                           : s.examples == Shape::kCapacity ? "b"
                                                            : concat("extent ", s.examples);
  return concat("[", rows, ", ", s.points, ", ", s.channels, "]");
}

template <class T>
Program<T>::Program(Index capacity, Mode mode, bool strict) : capacities_{capacity}, mode_(mode), strict_(strict) {
  require(capacity >= 1, "a program's capacity is ", capacity, " examples; it must be at least 1");
}

template <class T>
void Program<T>::check_shape(const char* what, const std::string& name, const Shape& s) const {
  require<ShapeError>(
      s.examples >= 0 && s.examples < static_cast<Index>(capacities_.size()) && s.points >= 1 && s.channels >= 1,
      what, " '", name, "' has shape ", to_string(s),
      "; points and channels start at 1, and an extent must be this program's");
}

template <class T>
Tensor<T> Program<T>::input(std::string name, Shape shape) {
  require(!finished_, "input '", name, "' is added to a finished program");
  check_shape("input", name, shape);
  for (const Named& other : inputs_) require(other.name != name, "input '", name, "' exists already");
  Node n;
  n.kind = Kind::input;
  n.operation.name = name;
  n.operation.shape = shape;
  n.stride = padded<T>(shape.channels);
  const int id = static_cast<int>(nodes_.size());
  n.value = input_size_;
  nodes_.push_back(std::move(n));
  input_size_ += value_size(id);
  inputs_.push_back({std::move(name), id});
  return {this, id};
}

template <class T>
IndexInput Program<T>::index_input(std::string name, Shape shape, std::int32_t limit) {
  require(!finished_, "index input '", name, "' is added to a finished program");
  check_shape("index input", name, shape);
  require(limit >= 1, "index input '", name, "' has limit ", limit, "; it must be at least 1");
  const Index size = rows(shape, capacities_) * shape.channels;
  index_inputs_.push_back({std::move(name), shape, limit, index_size_});
  index_size_ += size;
  return {static_cast<int>(index_inputs_.size()) - 1};
}

template <class T>
GraphInput Program<T>::graph(std::string name, Index nodes, Index edges) {
  require(nodes >= 1, "graph '", name, "' has room for ", nodes, " nodes; at least 1 is needed");
  capacities_.push_back(nodes);
  GraphInput g = graph_of_examples(std::move(name), edges);
  g.nodes = {static_cast<Index>(capacities_.size()) - 2};
  graphs_.back().input = g;
  return g;
}

template <class T>
GraphInput Program<T>::graph_of_examples(std::string name, Index edges) {
  require(!finished_, "graph '", name, "' is added to a finished program");
  require(edges >= 0, "graph '", name, "' has room for ", edges, " edges; at least 0 is needed");
  for (const GraphNode& other : graphs_) require(other.name != name, "graph '", name, "' exists already");
  capacities_.push_back(edges);
  const GraphInput g{static_cast<int>(graphs_.size()), {}, {static_cast<Index>(capacities_.size()) - 1}};
  graphs_.push_back({std::move(name), g});
  return g;
}

template <class T>
Tensor<T> Program<T>::param(Param p) {
  require(static_cast<bool>(p), "an empty Param is used; construct the layer with a Params first");
  require(p.owner == 0 || owner_ == 0 || p.owner == owner_, "parameter '", p.name ? *p.name : "",
          "' is of another Params than those before it; construct all layers of a model with one Params");
  if (p.owner != 0) owner_ = p.owner;
  for (int id : param_nodes_)
    if (node(id).param.offset == p.offset) return {this, id};
  require(!finished_, "a parameter is added to a finished program");
  Node n;
  n.kind = Kind::param;
  n.operation.name = p.name ? *p.name : "";
  n.operation.shape = {Shape::kShared, p.rows, p.cols};
  n.param = p;
  n.stride = p.stride;
  n.needs_gradient = true;
  const int id = static_cast<int>(nodes_.size());
  nodes_.push_back(std::move(n));
  param_nodes_.push_back(id);
  return {this, id};
}

template <class T>
Tensor<T> Program<T>::record(Operation<T> operation) {
  require(!finished_, operation.name, ": recorded into a finished program");
  require<ShapeError>(operation.shape.points >= 1 && operation.shape.channels >= 1, operation.name,
                      ": output shape ", to_string(operation.shape), "; points and channels start at 1");
  Node n;
  require(operation.inputs.size() <= 32, operation.name, ": ", operation.inputs.size(),
          " inputs; at most 32 are allowed");
  for (std::size_t k = 0; k < operation.inputs.size(); ++k) {
    const Tensor<T> in = operation.inputs[k];
    require<ShapeError>(in && &in.program() == this, operation.name, ": an input belongs to another program");
    const bool flows = operation.backward && (operation.differentiable >> k & 1u) && node(in.id()).needs_gradient;
    n.flows.push_back(flows);
    n.needs_gradient |= flows;
  }
  n.stride = padded<T>(operation.shape.channels);
  n.derived = operation.shape.examples == Shape::kShared;
  for (const Tensor<T>& in : operation.inputs)
    require<ShapeError>(!n.derived || in.shape().examples == Shape::kShared, operation.name, ": the result is ",
                        to_string(operation.shape), " and an input ", to_string(in.shape()),
                        "; what is shared depends on parameters alone");
  n.operation = std::move(operation);
  nodes_.push_back(std::move(n));
  return {this, static_cast<int>(nodes_.size()) - 1};
}

template <class T>
void Program<T>::output(std::string name, Tensor<T> value) {
  require(!finished_, "output '", name, "' is named in a finished program");
  require<ShapeError>(value && &value.program() == this, "output '", name, "' belongs to another program");
  check_examples("output", value);
  for (const Named& other : outputs_)
    require(other.name != name, "output '", name, "' exists already; give each output its own name");
  node(value.id()).keep = true;
  outputs_.push_back({std::move(name), value.id()});
}

template <class T>
void Program<T>::finish(Tensor<T> loss) {
  require(!finished_, "a program is finished twice");
  require<ShapeError>(static_cast<bool>(loss), "the loss is an empty Tensor; return what a loss operation gave");
  require<ShapeError>(&loss.program() == this,
                      "the loss is of another program; record it on the one that is finished");
  require<ShapeError>(loss.shape() == Shape{}, "the loss has shape ", to_string(loss.shape()),
                      "; it must be [b, 1, 1]: one value an example");
  loss_ = loss.id();
  node(loss_).keep = true;
  absorb_relu();
  mark_active();
  plan();
}

template <class T>
void Program<T>::finish() {
  require(!finished_ && mode_ == Mode::evaluate, "a training program needs a loss: call finish(loss)");
  absorb_relu();
  plan();
}

template <class T>
Index Program<T>::memory_bytes() const {
  return derived_memory_bytes() +
         (arena_size_ + padded<T>(1) + input_size_ + capacity()) * static_cast<Index>(sizeof(T)) +
         (index_size_ + index_scratch_size_) * static_cast<Index>(sizeof(std::int32_t));
}

template <class T>
Index Program<T>::derived_memory_bytes() const {
  return (derived_size_ + derived_scratch_ + derived_gradients_) * static_cast<Index>(sizeof(T));
}

template <class T>
double Program<T>::multiply_adds() const {
  double total = 0;
  for (const Node& n : nodes_) {
    int products = 1;  // forward, and one for each of the first two inputs that a gradient flows to
    for (std::size_t k = 0; k < std::min<std::size_t>(n.flows.size(), 2); ++k)
      if (n.active && n.flows[k]) ++products;
    total += products * n.operation.multiply_adds;
  }
  return total;
}

template <class T>
std::string_view Program<T>::operation_name(int id) const {
  const Node& n = node(id);
  return n.kind == Kind::operation ? std::string_view(n.operation.name) : std::string_view();
}

template <class T>
OperationCost Program<T>::operation_cost(int id) const {
  const Node& n = node(id);
  if (n.kind != Kind::operation) return {};
  const auto bytes = [this](int value) {
    return static_cast<double>(rows(shape(value), capacities_) * shape(value).channels) * sizeof(T);
  };
  OperationCost cost;
  cost.forward_multiply_adds = n.operation.multiply_adds * static_cast<double>(capacity());
  cost.forward_bytes = bytes(id);
  if (n.active) cost.backward_bytes = bytes(id) * (n.operation.backward_reads_output ? 2 : 1);
  for (std::size_t k = 0; k < n.operation.inputs.size(); ++k) {
    const double size = bytes(n.operation.inputs[k].id());
    cost.forward_bytes += size;
    if (!n.active) continue;
    if (n.operation.backward_reads_inputs) cost.backward_bytes += size;
    if (n.flows[k]) cost.backward_bytes += size;
    if (n.flows[k] && k < 2) cost.backward_multiply_adds += cost.forward_multiply_adds;
  }
  return cost;
}

template <class T>
std::string Program<T>::description(int id) const {
  const Node& n = node(id);
  const std::string shape = to_string(n.operation.shape);
  return n.kind == Kind::param && !n.operation.name.empty() ? concat("parameter '", n.operation.name, "' ", shape)
                                                            : shape;
}

template <class T>
void Program<T>::check_replay(const Workspace<T>& w, const T* params) const {
  require(w.program_ == this, "a replay is given the workspace of another program; make one of this program");
  require(params != nullptr || param_nodes_.empty(),
          "a replay is given null parameters; give Params::values().data(), once all layers are constructed");
  require(w.bound_, "a replay has no examples; call Workspace::bind before it");
}

template <class T>
void Program<T>::check_indices(const Workspace<T>& w) const {
  for (const GraphNode& g : graphs_)
    require(w.graphs_[g.input.id] != nullptr, "graph '", g.name, "' is not bound; call bind_graph");
  for (const IndexNode& input : index_inputs_) {
    const Index count = rows(input.shape, w.counts_) * input.shape.channels;
    const std::int32_t* values = w.indices_.data() + input.offset;
    for (Index i = 0; i < count; ++i)
      require(values[i] >= 0 && values[i] < input.limit, "index input '", input.name, "' holds ", values[i],
              " at position ", i, "; allowed are 0 to ", input.limit - 1);
  }
}

// Calls body(call) for the whole operation, or for each of its blocks of rows, or of parts.
template <class T>
template <class Body>
void Program<T>::run_operation(Workspace<T>& w, int id, const Gradients& gradients, const RowBlocks* blocks,
                               Index row_size, const Body& body) const {
  const Node& n = node(id);
  if (blocks == nullptr || (!n.operation.by_rows && !n.derived)) return body(Call<T>(*this, w, id, gradients, {}));
  const Index rows = n.derived ? n.operation.parts : rows_at(id, w);
  const Index count = n.derived ? std::min(rows, kDerivedBlocks) : blocks->count;
  blocks->run(count, [&](Index b) {
    const typename Call<T>::Rows range{b * rows / count, (b + 1) * rows / count, b};
    Gradients mine = gradients;
    if (!n.derived) {
      mine.params += b * row_size;
      mine.derived += b * row_size;
    }
    if (range.first < range.last) body(Call<T>(*this, w, id, mine, range));
  });
}

template <class T>
void Program<T>::forward_operation(Workspace<T>& w, int id, const RowBlocks* blocks) const {
  const Node& n = node(id);
  if (w.observer_) w.observer_->begins(ReplayObserver::Part::forward, id);
  run_operation(w, id, {}, blocks, 0, [&n](const Call<T>& call) {
    n.operation.forward(call);
    if (!n.operation.overwrites && !n.derived) clear_padding(call.out());
  });
  // Parts see the whole value: one clears it for all.
  if (n.derived && !n.operation.overwrites) clear_padding(Call<T>(*this, w, id, {}, {}).out());
  if (w.observer_) w.observer_->ends(ReplayObserver::Part::forward, id);
}

template <class T>
void Program<T>::derive(Workspace<T>& w, const T* params, const RowBlocks* blocks) const {
  for (int id : param_nodes_) w.slots_[id].value = const_cast<T*>(params) + node(id).param.offset;
  for (int id = 0; id < operations(); ++id)
    if (node(id).derived) forward_operation(w, id, blocks);
}

template <class T>
void Program<T>::forward(Workspace<T>& w, const T* params, const RowBlocks* blocks) const {
  check_replay(w, params);
  check_indices(w);
  for (int id : param_nodes_) w.slots_[id].value = const_cast<T*>(params) + node(id).param.offset;
  if (w.derived_offset_ < 0) derive(w, params, blocks);
  for (int id = 0; id < operations(); ++id)
    if (node(id).kind == Kind::operation && !node(id).derived) forward_operation(w, id, blocks);
}

template <class T>
void Program<T>::backward_operation(Workspace<T>& w, int id, const Gradients& gradients, const RowBlocks* blocks,
                                    Index row_size) const {
  const Node& n = node(id);
  if (w.observer_) w.observer_->begins(ReplayObserver::Part::backward, id);
  if (!n.operation.overwrites) {
    const Call<T> whole(*this, w, id, gradients, {});
    for (int k = 0; k < static_cast<int>(n.operation.inputs.size()); ++k) {
      const MatrixView<T> g = whole.in_gradient(k);
      if (g && !whole.accumulate(k)) std::fill(g.data, g.data + g.rows * g.stride, T(0));
    }
  }
  run_operation(w, id, gradients, blocks, row_size, n.operation.backward);
  if (w.observer_) w.observer_->ends(ReplayObserver::Part::backward, id);
}

template <class T>
void Program<T>::backward(Workspace<T>& w, T* gradient, bool fresh, const RowBlocks* blocks, Index row_size) const {
  require(training() && loss_ >= 0, "backward is called on a program that was not recorded for training");
  require(w.program_ == this, "backward is given the workspace of another program; give that of the forward");
  if (!node(loss_).active) return;
  T* seed = w.gradient(loss_);
  for (Index i = 0; i < w.span().examples; ++i) {
    T* row = seed + i * node(loss_).stride;
    std::fill(row, row + node(loss_).stride, T(0));
    row[0] = w.weights_[i];
  }
  const bool shared = w.derived_offset_ >= 0;
  require(shared || blocks == nullptr || derived_gradients_ == 0,
          "backward over blocks of rows needs a workspace that shares its derived values; call share_derived");
  const Gradients gradients{gradient, shared ? gradient + w.derived_offset_ : w.derived_gradients_.data(), fresh,
                            fresh || !shared};
  for (int id = operations() - 1; id >= 0; --id)
    if (node(id).kind == Kind::operation && node(id).active && !node(id).derived)
      backward_operation(w, id, gradients, blocks, row_size);
  if (!shared) backward_derived(w, gradients, nullptr);
}

template <class T>
void Program<T>::backward_derived(Workspace<T>& w, const Gradients& gradients, const RowBlocks* blocks) const {
  for (int id = operations() - 1; id >= 0; --id) {
    if (!node(id).derived || !node(id).active) continue;
    w.slots_[id].gradient = gradients.derived + node(id).value;
    backward_operation(w, id, gradients, blocks, 0);
  }
}

template <class T>
std::vector<Param> Program<T>::read_by_derived_alone() const {
  std::vector<Param> params;
  for (int param : param_nodes_) {
    bool derived = false, direct = false;
    for (const Node& n : nodes_)
      for (const Tensor<T>& in : n.operation.inputs)
        if (in.id() == param) (n.derived ? derived : direct) = true;
    if (derived && !direct) params.push_back(node(param).param);
  }
  return params;
}

template <class T>
Workspace<T>::Workspace(const Program<T>& program)
    : program_(&program),
      // One line more: kernels read whole vectors, of rows that need not start on a line (with_neighbors, flatten).
      arena_(program.arena_size_ + padded<T>(1)),
      inputs_(program.input_size_),
      weights_(program.capacity()),
      derived_(program.derived_size_ + program.derived_scratch_),
      derived_gradients_(program.derived_gradients_),
      indices_(program.index_size_),
      index_scratch_(program.index_scratch_size_),
      slots_(program.nodes_.size()),
      counts_(program.capacities_.size()),
      graphs_(program.graphs_.size()) {
  require(program.finished_, "a workspace is made for a program that is still being recorded: call finish() first");
  for (int id = 0; id < program.operations(); ++id) {
    const auto& n = program.node(id);
    Slot& slot = slots_[id];
    if (n.kind == Program<T>::Kind::input) slot.value = inputs_.data() + n.value;
    if (n.kind == Program<T>::Kind::operation) slot.value = (n.derived ? derived_ : arena_).data() + n.value;
    if (n.gradient >= 0) slot.gradient = arena_.data() + n.gradient;
  }
}

template <class T>
void Workspace<T>::share_derived(const Workspace& owner, Index offset) {
  require(owner.program_ == program_, "derived values are shared by workspaces of two programs; make both of one");
  derived_offset_ = offset;
  for (int id = 0; id < program_->operations(); ++id)
    if (program_->node(id).derived) slots_[id].value = owner.slots_[id].value;
  derived_gradients_ = {};
  if (&owner != this) derived_ = {};
}

template <class T>
void Workspace<T>::bind(const Span& span) {
  require(span.examples >= 0 && span.examples <= program_->capacity(), "a replay of ", span.examples,
          " examples is asked for; this program was recorded for at most ", program_->capacity());
  span_ = span;
  bound_ = true;
  std::fill(counts_.begin(), counts_.end(), Index{0});
  counts_[0] = span.examples;
  std::fill(graphs_.begin(), graphs_.end(), nullptr);
}

namespace {
template <class List>
const auto& find_named(const List& list, std::string_view name, const char* what) {
  for (const auto& entry : list)
    if (entry.name == name) return entry;
  std::string known;
  for (const auto& entry : list) known += concat(known.empty() ? "" : ", ", entry.name);
  throw ValueError(
      concat("there is no ", what, " '", name, "'; this program has: ", known.empty() ? "none" : known));
}
}  // namespace

template <class T>
Block<T> Workspace<T>::input(std::string_view name) {
  const auto& found = find_named(program_->inputs_, name, "input");
  const Shape& s = program_->shape(found.id);
  return {value(found.id), counts_[s.examples], s.points, s.channels, program_->node(found.id).stride};
}

template <class T>
Block<std::int32_t> Workspace<T>::index_input(std::string_view name) {
  const auto& found = find_named(program_->index_inputs_, name, "index input");
  return {indices_.data() + found.offset, counts_[found.shape.examples], found.shape.points, found.shape.channels,
          found.shape.channels};
}

template <class T>
void Workspace<T>::bind_graph(std::string_view name, const SparseGraph& graph) {
  const auto& found = find_named(program_->graphs_, name, "graph");
  const GraphInput& in = found.input;
  require(graph.nodes() <= program_->capacity(in.nodes) && graph.edges() <= program_->capacity(in.edges), "graph '",
          name, "' has ", graph.nodes(), " nodes and ", graph.edges(),
          " edges; this program was recorded for at most ", program_->capacity(in.nodes), " and ",
          program_->capacity(in.edges));
  const Index one_each = in.nodes.id == Shape::kCapacity ? graph.nodes() : graph.graphs();
  require(one_each == span_.examples, "graph '", name, "' has ", one_each,
          in.nodes.id == Shape::kCapacity ? " nodes" : " graphs", " and the replay ", span_.examples,
          " examples; they must be equal");
  counts_[in.nodes.id] = graph.nodes();
  counts_[in.edges.id] = graph.edges();
  graphs_[in.id] = &graph;
}

template <class T>
Block<const T> Workspace<T>::output(std::string_view name) const {
  const auto& found = find_named(program_->outputs_, name, "output");
  const Shape& s = program_->shape(found.id);
  return {value(found.id), counts_[s.examples], s.points, s.channels, program_->node(found.id).stride};
}

template <class T>
MatrixView<const T> Workspace<T>::losses() const {
  require(program_->loss_ >= 0, "this program was recorded without a loss");
  return {slots_[program_->loss_].value, span_.examples, 1, program_->node(program_->loss_).stride};
}

template class Program<float>;
template class Program<double>;
template class Workspace<float>;
template class Workspace<double>;

}  // namespace eqnn
