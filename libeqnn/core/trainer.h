// Training: minibatches cut into shards, gradients added by a fixed tree, one update a step.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "function_ref.h"
#include "gradient_noise.h"
#include "optimizers.h"
#include "parameter_groups.h"
#include "params.h"
#include "program.h"
#include "ranks.h"
#include "schedule.h"

namespace eqnn {

// What a step tells of itself.
struct StepReport {
  std::uint64_t step = 0;    // its number, from 0 on
  double loss = 0;           // that step() or apply() returns; NaN of apply_gradient()
  double gradient_norm = 0;  // of Trainer::last_gradient_norm()
  double rate = 0;           // the optimiser's times the schedule's factor
};

// How a Trainer trains.
struct TrainerOptions {
  Index batch = 32;  // examples a step
  Index shard = 8;   // examples one worker replays at a time; part of the result's bits
  // > 0: one big graph. The batch is one shard (shard is not used), and every operation runs over blocks of
  // about so many rows in parallel, at most 64 blocks; part of the result's bits.
  Index row_block = 0;
  int threads = 0;  // 0: one for each core. Never part of the result's bits
  Optimizer optimizer = Adam{};
  Schedule schedule = {};
  std::vector<ParameterGroup> groups = {};  // rates and weight decay by name; frozen parameters
  double clip_norm = 0;                     // > 0: gradient times min(1, clip_norm / (|gradient| + 1e-6))
  std::uint64_t seed = 0;                   // for operations that draw (dropout)
  bool strict = false;                      // the same bits on every machine with fused multiply-add: no OpenBLAS
  // Processes that train this model together, or null; must outlive the Trainer. Never part of the result's bits.
  // Each computes its rows of the tree that adds up shards, at most min(64, batch / shard) of them have work, and
  // all hold the same parameters after every step. One big graph (row_block > 0) is not spread: each rank trains it
  // whole.
  Ranks* ranks = nullptr;
  // Called after every update (step, apply, apply_gradient), on the thread that drives the Trainer; costs the norm.
  // It may set the rate. What it throws comes out of the call, whose update is done.
  std::function<void(const StepReport&)> on_step = {};
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
  // Example number i of an input, first <= i < last, as a block of one example. Throws ValueError for another.
  Block<T> example(std::string_view input, Index i) const {
    require(i >= first && i < last, "example ", i, " is not of this shard; it has the examples ", first, " to ",
            last - 1);
    Block<T> one = workspace_.input(input);
    one.data = one.row(i - first);
    one.examples = 1;
    return one;
  }
  // Binds the graph of an input recorded with Program::graph; it must outlive the step.
  void bind_graph(std::string_view input, const SparseGraph& graph) const { workspace_.bind_graph(input, graph); }
  Block<const T> output(std::string_view name) const { return workspace_.output(name); }
  MatrixView<const T> losses() const { return workspace_.losses(); }

  const Index first, last;
  const std::uint64_t step;

 private:
  Workspace<T>& workspace_;
};

// Called by worker threads at the same time, for different examples: must not write shared state.
template <class T>
using Fill = FunctionRef<void(Batch<T>&)>;
// Records a model and returns its loss, [b, 1, 1]; called once for training, once for evaluation.
template <class T>
using Model = std::function<Tensor<T>(Program<T>&)>;

// Trains the parameters of one model. The same seed, data and options give the same bits for any number
// of threads and ranks. With ranks, every call that computes (step, gradient, evaluate) is collective: all ranks
// make it with the same arguments. The first Trainer of a process sets OpenBLAS to one thread, for good. Threads:
// one thread drives a Trainer; Trainers on different threads do not affect each other. May be moved; calls of one
// that was moved from throw ValueError.
template <class T>
class Trainer {
 public:
  // Throws ValueError for batch < 1, shard < 1, threads < 0, a rate that is not finite, a model that is empty or
  // reads another Params, ... The parameters are to be set before the first step: ValueError where they never were.
  Trainer(Params<T>& params, const TrainerOptions& options, Model<T> model);
  ~Trainer();
  Trainer(Trainer&&) noexcept;
  Trainer& operator=(Trainer&&) noexcept;

  // One update on fresh examples; returns L = mean over the batch of loss_i, before the update. A loss
  // that is not finite is returned as it is. Allocates nothing (one thread). `noise`, where given, is that of the
  // step's gradient, unclipped; it costs one more pass over the groups' gradients (where there are derived values a
  // copy of them, allocated at the first time, and one more way back for each) and changes no bit of the update.
  double step(Fill<T> fill, GradientNoise* noise = nullptr);
  // L and its gradient, without an update.
  double gradient(Fill<T> fill, GradientNoise* noise = nullptr);
  // Gradient accumulation: L and gradient of one batch more, without an update, and one update with the mean of the
  // gradients since the last, which returns the mean of their losses. After k of the one the other is a step on one
  // batch k times as large, but for rounding: batch number i = 0, 1, .. of the step has the examples i batch ..
  // (i + 1) batch - 1, for `fill` and for what draws. The same bits for any number of threads and ranks; memory for
  // one gradient more, allocated at the first time. Until apply() or discard(), which forgets them, calls that
  // update or count steps throw ValueError, and so does apply() where none waits.
  double accumulate(Fill<T> fill);
  double apply();
  void discard();
  Index accumulated() const;  // gradients that wait
  // The update of step() for a gradient that comes from elsewhere, laid out like the parameters; it is
  // last_gradient() then. Throws ValueError for another size.
  void apply_gradient(std::span<const T> gradient);
  // Mean loss over examples 0 .. examples-1, forward only, parameters unchanged; `inspect` sees every
  // shard after its forward. Partial sums are double, added in a fixed order. Over ranks each evaluates its own
  // examples, and `inspect` sees those alone; the mean is over all.
  double evaluate(Index examples, Fill<T> fill, Fill<T> inspect = {});

  // Of so many examples, rank r evaluates those from the end of rank r - 1 (0 for rank 0) to its own; one end a
  // rank.
  std::vector<Index> evaluated_ends(Index examples) const;

  // From the next step on another optimiser and schedule, as if training began there at the parameters as they are:
  // moments are zero, and both count their steps from 0. What draws and `fill` know as the step goes on.
  // Throws ValueError as the constructor does for settings that are out of range.
  void restart(const Optimizer& optimizer, const Schedule& schedule);
  std::uint64_t restarted_at() const;  // steps_done() of then, or 0

  // The optimiser's rate, from the next step on; moments and count of steps stay. The rate of a step is this times
  // the factors of the schedule and of the parameter's group. Throws ValueError where it is negative or not finite.
  double rate() const;
  void set_rate(double rate);

  std::uint64_t steps_done() const;
  void set_steps_done(std::uint64_t steps);
  // The last gradient, laid out like the parameters (after clipping it is still the unclipped one).
  std::span<const T> last_gradient() const;
  double last_gradient_norm() const;  // of the parameters that are not frozen
  // That of one parameter, [in, out] or [1, out] as in memory; zeros before the first. It is the Trainer's and
  // changes with the next gradient. Throws ValueError for a name that is not there and a Param of another Params.
  MatrixView<const T> gradient_of(const Param& p) const;
  MatrixView<const T> gradient_of(std::string_view name) const;
  // The optimiser's moments by name (optimizers.h): vectors laid out like the parameters.
  struct Moment {
    std::string name;
    std::span<T> values;
  };
  std::vector<Moment> moments();
  const Params<T>& params() const;        // that it trains
  const TrainerOptions& options() const;  // with the optimiser and schedule of now
  Index memory_bytes() const;             // parameters, gradients, moments and all workers' arenas
  double multiply_adds() const;           // of the matrix products of one step

  // For profiles. The recorded program; the workers that replay it, and who is told of the operations of each, from
  // the next step on, or null. Worker 0's observer is told of step()'s updates too. It must outlive the steps.
  const Program<T>& program() const;
  int workers() const;
  void observe(int worker, ReplayObserver* observer);

 private:
  struct State;
  State& state() const;
  std::unique_ptr<State> state_;
};

extern template class Trainer<float>;
extern template class Trainer<double>;

}  // namespace eqnn
