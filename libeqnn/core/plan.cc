// Which nodes of a finished Program take part in backward, and where in the arena of a Workspace their values,
// gradients and scratch are.
#include <algorithm>

#include "program.h"

namespace eqnn {

// A relu that one operation reads, and that this one can compute as it goes (Operation::of_relu), is never written.
template <class T>
void Program<T>::absorb_relu() {
  std::vector<int> readers(nodes_.size(), 0);
  for (const Node& n : nodes_)
    for (const Tensor<T>& in : n.operation.inputs) ++readers[in.id()];
  for (Node& n : nodes_) {
    if (!n.operation.of_relu) continue;
    const int read = n.operation.inputs[0].id();
    Node& f = node(read);
    if (!f.operation.relu || f.keep || readers[read] != 1) continue;
    n.operation = Operation<T>(n.operation.of_relu(f.operation.inputs[0]));
    f.kind = Kind::absorbed;
    f.operation.inputs.clear();
    f.flows.clear();
  }
}

// A gradient flows through a node when it leads from a parameter (needs_gradient) to the loss. The first
// writer of a gradient is the last of its consumers: backward runs from the end.
template <class T>
void Program<T>::mark_active() {
  if (!training()) return;
  node(loss_).active = node(loss_).needs_gradient;
  std::vector<bool> written(nodes_.size(), false);
  // Derived operations last: their backward runs when that of all others has.
  for (const bool derived : {false, true})
    for (int id = operations() - 1; id >= 0; --id) {
      Node& n = node(id);
      if (n.derived != derived) continue;
      n.first.assign(n.operation.inputs.size(), false);
      if (!n.active || n.kind != Kind::operation) continue;
      for (std::size_t k = 0; k < n.operation.inputs.size(); ++k) {
        const int in = n.operation.inputs[k].id();
        if (!n.flows[k]) continue;
        node(in).active = true;
        n.first[k] = !written[in];
        written[in] = true;
      }
    }
}

// A piece of the arena and the moments at which it is in use. Forward of node i happens at moment i, its
// backward at 2N - 1 - i.
template <class T>
struct Program<T>::Buffer {
  int from, to;
  Index size;
  std::vector<Index*> offsets;  // whoever lives in it
};

// The lifetimes of all values, gradients and scratch. An elementwise operation takes over the buffer of
// its input where nobody reads the input afterwards; so does its gradient, the other way.
template <class T>
std::vector<typename Program<T>::Buffer> Program<T>::lifetimes() {
  const int count = operations(), end = 2 * count;
  const auto backward = [&](int id) { return end - 1 - id; };
  std::vector<int> value_end(nodes_.size()), first_writer(nodes_.size(), -1);
  for (int id = 0; id < count; ++id) {
    const Node& n = node(id);
    value_end[id] = n.keep ? end : id;
    if (n.active && n.operation.backward_reads_output) value_end[id] = std::max(value_end[id], backward(id));
    for (std::size_t k = 0; k < n.operation.inputs.size(); ++k) {
      const int in = n.operation.inputs[k].id();
      value_end[in] = std::max(value_end[in], n.active && n.operation.backward_reads_inputs ? backward(id) : id);
      if (n.active && n.first[k]) first_writer[in] = id;
    }
  }
  std::vector<Buffer> buffers;
  std::vector<int> value_buffer(nodes_.size(), -1), gradient_buffer(nodes_.size(), -1);
  const auto add = [&](int from, int to, Index size, Index* offset) {
    buffers.push_back({from, to, size, {offset}});
    return static_cast<int>(buffers.size()) - 1;
  };
  for (int id = 0; id < count; ++id) {
    Node& n = node(id);
    if (n.kind != Kind::operation || n.derived) continue;
    if (n.operation.scratch > 0) add(id, n.active ? backward(id) : id, padded<T>(n.operation.scratch), &n.scratch);
    const int in = n.operation.elementwise ? n.operation.inputs[0].id() : -1;
    const int shared = in >= 0 ? value_buffer[in] : -1;
    if (shared >= 0 && value_end[in] == id) {
      Buffer& b = buffers[shared];
      b.to = std::max(b.to, value_end[id]);
      b.offsets.push_back(&n.value);
      value_buffer[id] = shared;
    } else {
      value_buffer[id] = add(id, value_end[id], value_size(id), &n.value);
    }
  }
  for (int id = count - 1; id >= 0; --id) {  // backward order
    Node& n = node(id);
    if (n.kind != Kind::operation || !n.active || n.derived) continue;
    const int writer = first_writer[id];
    const bool shares = writer >= 0 && node(writer).operation.elementwise && node(writer).operation.overwrites &&
                        node(writer).operation.inputs[0].id() == id;
    if (shares) {
      gradient_buffer[id] = gradient_buffer[writer];
      Buffer& b = buffers[gradient_buffer[id]];
      b.to = std::max(b.to, backward(id));
      b.offsets.push_back(&n.gradient);
    } else {
      gradient_buffer[id] = add(writer >= 0 ? backward(writer) : count, backward(id), value_size(id), &n.gradient);
    }
  }
  return buffers;
}

// First fit, longest-lived first among those that start together: each buffer takes the lowest place that
// no buffer alive at the same moment has.
template <class T>
void Program<T>::place(std::vector<Buffer>& buffers) {
  std::sort(buffers.begin(), buffers.end(),
            [](const Buffer& a, const Buffer& b) { return a.from != b.from ? a.from < b.from : a.to > b.to; });
  std::vector<std::pair<const Buffer*, Index>> placed;
  for (const Buffer& b : buffers) {
    Index offset = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (const auto& [other, at] : placed) {
        const bool together = other->from <= b.to && b.from <= other->to;
        if (together && at < offset + b.size && offset < at + other->size) {
          offset = at + other->size;
          moved = true;
        }
      }
    }
    placed.emplace_back(&b, offset);
    for (Index* target : b.offsets) *target = offset;
    arena_size_ = std::max(arena_size_, offset + b.size);
  }
}

// Derived values stay from step to step: each has a place of its own. Those that a gradient flows through come
// first, and it has the same place in a gradient row. Behind the values the scratch, kDerivedBlocks times.
template <class T>
void Program<T>::place_derived() {
  for (const bool active : {true, false}) {
    for (int id = 0; id < operations(); ++id) {
      if (!node(id).derived || node(id).active != active) continue;
      node(id).value = derived_size_;
      derived_size_ += value_size(id);
    }
    if (active) derived_gradients_ = derived_size_;
  }
  for (Node& n : nodes_) {
    if (!n.derived) continue;
    n.scratch = derived_size_ + derived_scratch_;
    derived_scratch_ += padded<T>(n.operation.scratch) * std::min(n.operation.parts, kDerivedBlocks);
  }
}

template <class T>
void Program<T>::plan() {
  finished_ = true;
  place_derived();
  for (Node& n : nodes_) {
    n.first.resize(n.operation.inputs.size(), false);
    if (n.operation.index_scratch > 0) {
      n.index_scratch = index_scratch_size_;
      index_scratch_size_ += n.operation.index_scratch;
    }
  }
  std::vector<Buffer> buffers = lifetimes();
  place(buffers);
}

#define EQNN_INSTANTIATE(T)                                                  \
  template void Program<T>::absorb_relu();                                   \
  template void Program<T>::mark_active();                                   \
  template std::vector<typename Program<T>::Buffer> Program<T>::lifetimes(); \
  template void Program<T>::place(std::vector<Buffer>&);                     \
  template void Program<T>::place_derived();                                 \
  template void Program<T>::plan();
EQNN_INSTANTIATE(float)
EQNN_INSTANTIATE(double)
#undef EQNN_INSTANTIATE

}  // namespace eqnn
