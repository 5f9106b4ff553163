// Training: minibatches cut into shards, gradients added by a fixed tree, one update a step.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "function_ref.h"
#include "params.h"
#include "program.h"

namespace eqnn {

// --- optimisers: p a parameter, g its gradient, r the rate of the step, t = 1, 2, .. the step ----------

// g += weight_decay p; without momentum p -= r g, with it b = momentum b + g (b = g at the first step) and
// p -= r b, or p -= r (g + momentum b) with nesterov. The formulas of torch.optim.SGD.
struct Sgd {
  double rate = 1e-2, momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;
};
// g += weight_decay p; m = beta1 m + (1-beta1) g; v = beta2 v + (1-beta2) g^2;
// p -= r / (1-beta1^t) m / (sqrt(v) / sqrt(1-beta2^t) + epsilon).  Kingma and Ba 2015; torch.optim.Adam.
struct Adam {
  double rate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
};
// p *= 1 - r weight_decay, then Adam without decay. Loshchilov and Hutter 2019; torch.optim.AdamW.
struct AdamW {
  double rate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 1e-2;
};
// p -= r sign(g + weight_decay p), sign(0) = 0.  Bernstein et al. 2018.
struct SignSgd {
  double rate = 1e-3, weight_decay = 0;
};
using Optimizer = std::variant<Sgd, Adam, AdamW, SignSgd>;

// The rate of step s = 0, 1, .. is the optimiser's rate times
//   min(1, (s + 1) / warmup) (1 without warm-up), times
//   constant  1
//   cosine    floor + (1 - floor) (1 + cos(pi s' / S')) / 2, s' = s - warmup, S' = steps - warmup; floor after the
//   end step      factor^(s / every), the quotient rounded down
struct Schedule {
  enum class Kind : std::uint8_t { constant, cosine, step };
  Kind kind = Kind::constant;
  std::uint64_t steps = 0;   // cosine: length of the run
  std::uint64_t warmup = 0;  // steps of linear warm-up
  double floor = 0;          // cosine: last factor
  std::uint64_t every = 1000;
  double factor = 0.1;

  double operator()(std::uint64_t step) const;
};

struct TrainerOptions {
  Index batch = 32;  // examples a step
  Index shard = 8;   // examples one worker replays at a time; part of the result's bits
  // > 0: one big graph. The batch is one shard (shard is not used), and every operation runs over blocks of
  // about so many rows in parallel, at most 64 blocks; part of the result's bits.
  Index row_block = 0;
  int threads = 0;  // 0: one for each core. Never part of the result's bits
  Optimizer optimizer = Adam{};
  Schedule schedule = {};
  double clip_norm = 0;    // > 0: gradient times min(1, clip_norm / (|gradient| + 1e-6))
  std::uint64_t seed = 0;  // for operations that draw (dropout)
  bool strict = false;     // the same bits on every machine with fused multiply-add: no OpenBLAS
};

// The examples [first, last) of a step, whose inputs a data callback fills, and whose outputs an
// inspection callback reads. Row i of an input belongs to example first + i.
template <class T>
class Batch {
 public:
  Batch(Workspace<T>& w)
      : first(w.span().first), last(first + w.span().examples), step(w.span().step), workspace_(w) {}
  Block<T> operator[](std::string_view input) const { return workspace_.input(input); }
  Block<std::int32_t> indices(std::string_view input) const { return workspace_.index_input(input); }
  // Binds the graph of an input recorded with Program::graph; it must outlive the step.
  void bind_graph(std::string_view input, const SparseGraph& graph) const { workspace_.bind_graph(input, graph); }
  Block<const T> output(std::string_view name) const { return workspace_.output(name); }
  MatrixView<const T> losses() const { return workspace_.losses(); }

  const Index first, last;
  const std::uint64_t step;

 private:
  Workspace<T>& workspace_;
};

// Signal and noise of one step's gradient, estimated from the sums that the shards leave behind.
// With g_i the gradient of loss_i of an example drawn at random, mu = E g_i and Sigma = Cov g_i,
//   signal  estimates |mu|^2      noise  estimates tr Sigma      ratio()  estimates |mu|^2 / tr Sigma,
// the inverse of the simple noise scale of McCandlish et al. 2018 (arXiv:1812.06162, section 2.2 and appendix A.1).
// The batch of B examples is cut into R groups (the shards; above 64 of them, 64 groups of shards), group r with
// B_r examples and the mean gradient m_r; m is the mean gradient of the batch, in which groups weigh as their
// examples:
//   noise = sum_r B_r |m_r - m|^2 / (R - 1),  signal = |m|^2 - noise / B.
// Both are unbiased for independent examples and any group sizes, so `signal` may be negative; their ratio is
// consistent, not unbiased. All three are NaN where there is one group alone, as with row_block: one big graph
// is one example. Sums are double, in a fixed order.
struct GradientNoise {
  double signal = std::numeric_limits<double>::quiet_NaN();
  double noise = std::numeric_limits<double>::quiet_NaN();

  double ratio() const { return signal / noise; }
};

// Called by worker threads at the same time, for different examples: must not write shared state.
template <class T>
using Fill = FunctionRef<void(Batch<T>&)>;
// Records a model and returns its loss, [b, 1, 1]; called once for training, once for evaluation.
template <class T>
using Model = std::function<Tensor<T>(Program<T>&)>;

// Trains the parameters of one model. The same seed, data and options give the same bits for any number
// of threads. The first Trainer of a process sets OpenBLAS to one thread, for good.
// Threads: one thread drives a Trainer; two Trainers on two threads never meet.
template <class T>
class Trainer {
 public:
  // Throws ValueError for batch < 1, shard < 1, threads < 0, a rate that is not finite, ...
  Trainer(Params<T>& params, const TrainerOptions& options, Model<T> model);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  // One update on fresh examples; returns L = mean over the batch of loss_i, before the update. A loss
  // that is not finite is returned as it is. Allocates nothing (one thread). `noise`, where given, is that of the
  // step's gradient, unclipped; it costs one more pass over the groups' gradients and changes no bit of the update.
  double step(Fill<T> fill, GradientNoise* noise = nullptr);
  // L and its gradient, without an update.
  double gradient(Fill<T> fill, GradientNoise* noise = nullptr);
  // The update of step() for a gradient that comes from elsewhere, laid out like the parameters; it is
  // last_gradient() then. Throws ValueError for another size.
  void apply_gradient(std::span<const T> gradient);
  // Mean loss over examples 0 .. examples-1, forward only, parameters unchanged; `inspect` sees every
  // shard after its forward. Partial sums are double, added in a fixed order.
  double evaluate(Index examples, Fill<T> fill, Fill<T> inspect = {});

  std::uint64_t steps_done() const;
  void set_steps_done(std::uint64_t steps);
  // The last gradient, laid out like the parameters (after clipping it is still the unclipped one).
  std::span<const T> last_gradient() const;
  double last_gradient_norm() const;
  // The optimiser's state: its names ("momentum", "m", "v") and vectors laid out like the parameters.
  struct Moment {
    std::string name;
    std::span<T> values;
  };
  std::vector<Moment> moments();
  const TrainerOptions& options() const;
  Index memory_bytes() const;    // parameters, gradients, moments and all workers' arenas
  double multiply_adds() const;  // of the matrix products of one step

 private:
  struct State;
  std::unique_ptr<State> state_;
};

extern template class Trainer<float>;
extern template class Trainer<double>;

}  // namespace eqnn
