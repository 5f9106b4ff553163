// What a Trainer holds, and how a step is computed from it. Not installed.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "../kernels/kernels.h"
#include "rank_sum.h"
#include "trainer.h"
#include "workers.h"

namespace eqnn {

template <class T>
struct Trainer<T>::State {
  // The update works on pieces of this many elements, which stay in the first-level cache.
  static constexpr Index kUpdateBlock = 2048;
  // Updates of fewer elements than this are not worth waking another thread.
  static constexpr Index kParallelUpdate = 4096;

  State(Params<T>& p, const TrainerOptions& o, const Model<T>& model)
      : params(p.share()),
        options(o),
        pool(o.threads),
        train(shard_size(o), Mode::train, o.strict),
        eval(shard_size(o), Mode::evaluate, o.strict) {
    params.freeze();
    groups = update_parts(params.list(), params.size(), o.groups);
    require(static_cast<bool>(model), "the model of a Trainer is empty; give a function that records it");
    train.finish(model(train));
    eval.finish(model(eval));
    require(
        train.owner() == 0 || train.owner() == params.id(),
        "the model reads another Params than this Trainer's; give the one that its layers were constructed with");
    options.shard = shard_size(o);
    shards = (o.batch + options.shard - 1) / options.shard;
    rows = std::min(o.row_block > 0 ? (o.batch + o.row_block - 1) / o.row_block : shards, kMaxParts);
    workers = o.row_block > 0 ? 1 : pool.threads();
    for (int i = 0; i < workers; ++i) {
      train_space.emplace_back(train);
      eval_space.emplace_back(eval);
      std::fill(train_space.back().weights().begin(), train_space.back().weights().end(),
                T(1) / static_cast<T>(o.batch));
      train_space.back().share_derived(train_space[0], params.size());
      eval_space.back().share_derived(eval_space[0], params.size());
    }
    row_size = params.size() + train.derived_size();
    gradients = AlignedBuffer<T>(rows * row_size);
    last_row = rows;
    if (o.ranks != nullptr && o.row_block == 0) {
      over_ranks.emplace(*o.ranks, rows, row_size);
      first_row = over_ranks->first_row(), last_row = over_ranks->last_row();
    }
    list_summed();
    clear_moments();
  }

  ~State();

  void clear_moments() {
    moment_names = optimizer_moments(options.optimizer);
    moments.clear();
    for (std::size_t i = 0; i < moment_names.size(); ++i) moments.emplace_back(params.size());
  }

  // The ranges of a row that backward() writes: all but the parameters that only derived values read.
  void list_summed() {
    Index from = 0;
    std::vector<Param> apart = train.read_by_derived_alone();
    std::sort(apart.begin(), apart.end(), [](const Param& a, const Param& b) { return a.offset < b.offset; });
    for (const Param& p : apart) {
      if (from < p.offset) summed_ranges.push_back({from, p.offset});
      from = p.offset + p.rows * p.stride;
    }
    if (from < row_size) summed_ranges.push_back({from, row_size});
  }

  static Index shard_size(const TrainerOptions& o) {
    return o.row_block > 0 ? o.batch : std::min(o.shard, o.batch);
  }

  double run_shard(Workspace<T>& w, Index shard, Fill<T> fill, T* gradient, bool fresh) {
    const Index first = shard * options.shard;
    w.bind({std::min(options.shard, options.batch - first), before + first, step, options.seed});
    Batch<T> batch(w);
    fill(batch);
    train.forward(w, read.values().data());
    train.backward(w, gradient, fresh);
    return sum_losses(w);
  }

  static double sum_losses(const Workspace<T>& w) {
    const MatrixView<const T> losses = w.losses();
    double sum = 0;
    for (Index i = 0; i < losses.rows; ++i) sum += static_cast<double>(losses(i, 0));
    return sum;
  }

  // Forward and backward of the whole batch: gradient row r holds the sum over its shards. Of ranks each does its
  // own rows, and then row 0 holds the sum over all rows, or with `each_row` every rank has all rows. The batch's
  // examples are those from number `examples_before` on. Returns L.
  double accumulate(Fill<T> fill, bool each_row, Index examples_before = 0) {
    before = examples_before;
    // What apply_gradient() left where the loss reads no parameter, and backward() writes nothing.
    if (std::exchange(foreign, false)) std::fill_n(row_of(0), row_size, T(0));
    summed = over_ranks && !each_row;
    in_blocks([this](const RowBlocks& blocks) { train.derive(train_space[0], read.values().data(), &blocks); });
    if (options.row_block > 0) return accumulate_blocks(fill);
    std::array<double, kMaxParts> losses{};
    pool.for_each(last_row - first_row, [&](Index i, std::size_t worker) {
      const Index row = first_row + i, begin = row * shards / rows, end = (row + 1) * shards / rows;
      T* gradient = row_of(row);
      for (Index shard = begin; shard < end; ++shard)
        losses[row] += run_shard(train_space[worker], shard, fill, gradient, shard == begin);
    });
    if (summed) {
      over_ranks->add(gradients.data(), losses, pool);
      return losses[0] / static_cast<double>(options.batch);
    }
    if (over_ranks) over_ranks->gather_rows(gradients.data(), losses);
    return add_tree({losses.data(), static_cast<std::size_t>(rows)}) / static_cast<double>(options.batch);
  }

  // The same for one big graph: one operation at a time over blocks of rows, each with its own gradient row.
  double accumulate_blocks(Fill<T> fill) {
    Workspace<T>& w = train_space[0];
    w.bind({options.batch, before, step, options.seed});
    Batch<T> batch(w);
    fill(batch);
    pool.for_each(rows, [this](Index row, std::size_t) { std::fill_n(row_of(row), row_size, T(0)); });
    in_blocks([&](const RowBlocks& blocks) {
      train.forward(w, read.values().data(), &blocks);
      train.backward(w, gradients.data(), row_size, blocks);
    });
    return sum_losses(w) / static_cast<double>(options.batch);
  }

  T* row_of(Index row) { return gradients.data() + row * row_size; }
  const T* row_of(Index row) const { return gradients.data() + row * row_size; }

  // Calls body with blocks that the workers run.
  void in_blocks(FunctionRef<void(const RowBlocks&)> body) {
    const auto run = [this](Index count, FunctionRef<void(Index)> task) {
      pool.for_each(count, [&](Index i, std::size_t) { task(i); });
    };
    body(RowBlocks{rows, run});
  }

  // Calls body(first, size) for pieces of the flat vector.
  void for_blocks(FunctionRef<void(Index, Index)> body) { for_blocks(0, params.size(), body); }
  void for_blocks(Index from, Index size, FunctionRef<void(Index, Index)> body) {
    const Index blocks = (size + kUpdateBlock - 1) / kUpdateBlock;
    const auto one = [&](Index i, std::size_t) {
      body(from + i * kUpdateBlock, std::min(kUpdateBlock, size - i * kUpdateBlock));
    };
    if (size < kParallelUpdate)
      for (Index i = 0; i < blocks; ++i) one(i, 0);
    else
      pool.for_each(blocks, one);
  }

  Index examples_of_row(Index row) const {
    const Index begin = row * shards / rows * options.shard, end = (row + 1) * shards / rows * options.shard;
    return std::min(end, options.batch) - begin;
  }

  // Of the rows before they are added: row r holds B_r m_r / B, up to what backward_derived() makes of it.
  GradientNoise noise_of_rows() {
    if (options.row_block > 0) return {};
    std::array<Index, kMaxParts> examples;
    for (Index r = 0; r < rows; ++r) examples[r] = examples_of_row(r);
    MatrixView<const T> sums{gradients.data(), rows, params.size(), row_size};
    if (train.derived_size() > 0) {
      if (whole_rows.size() == 0) whole_rows = AlignedBuffer<T>(rows * row_size);
      std::copy_n(gradients.data(), rows * row_size, whole_rows.data());
      in_blocks([this](const RowBlocks& blocks) {
        for (T* row = whole_rows.begin(); row < whole_rows.end(); row += row_size)
          train.backward_derived(train_space[0], row + params.size(), row, &blocks);
      });
      sums.data = whole_rows.data();
    }
    return gradient_noise<T>(sums, std::span(examples).first(rows));
  }

  // Adds rows of partial gradients; the sum ends in row 0.
  void reduce(Index first, Index size) {
    if (summed) return;
    for (const auto& [from, to] : summed_ranges) {
      const Index begin = std::max(first, from), end = std::min(first + size, to);
      if (begin >= end) continue;
      add_tree(rows, [&](Index source, Index target) {
        kernels::axpy(end - begin, T(1), row_of(source) + begin, row_of(target) + begin, true);
      });
    }
  }

  // Gradients of derived values, summed, taken on to the parameters in row 0.
  void finish_derived() {
    if (train.derived_size() == 0) return;
    for_blocks(params.size(), train.derived_size(), [&](Index first, Index size) { reduce(first, size); });
    in_blocks([this](const RowBlocks& blocks) {
      train.backward_derived(train_space[0], row_of(0) + params.size(), row_of(0), &blocks);
    });
  }

  // Of the parameters that are not frozen.
  double gradient_norm() const {
    double squares = 0;
    for (const UpdatePart& p : groups)
      if (p.rate != 0) squares += kernels::dot(p.last - p.first, row_of(0) + p.first, row_of(0) + p.first);
    return std::sqrt(squares);
  }

  // Adds the gradient of one batch to those that wait for apply().
  double accumulate_part(Fill<T> fill) {
    const double loss = accumulate(fill, false, waiting * options.batch);
    finish_derived();
    if (waiting_sum.size() == 0) waiting_sum = AlignedBuffer<T>(params.size());
    for_blocks([this](Index first, Index size) {
      reduce(first, size);
      kernels::axpy(size, T(1), row_of(0) + first, waiting_sum.data() + first, waiting > 0);
    });
    waiting_loss = (waiting > 0 ? waiting_loss : 0) + loss;
    ++waiting;
    return loss;
  }
  // Their mean becomes the gradient; they still wait. Returns the mean loss.
  double mean_of_waiting() {
    const auto count = static_cast<double>(waiting);
    for_blocks([&](Index first, Index size) {
      kernels::axpy(size, static_cast<T>(1 / count), waiting_sum.data() + first, row_of(0) + first, false);
    });
    summed = true;
    return waiting_loss / count;
  }
  [[gnu::noinline]] void require_none_waits(const char* call) const {
    require(waiting == 0, call, ": ", waiting, " accumulated gradients wait; call apply() or discard() first");
  }

  [[gnu::noinline]] void require_restarted() const {
    require(step >= origin, "steps_done is ", step, ", before the restart at step ", origin,
            "; restart again, or set it to a later step");
  }

  // One pass: rows are added and the parameters updated piece by piece. Clipping needs the norm of the whole
  // gradient first, and so a second pass.
  void update() {
    require_restarted();
    const double factor = options.schedule(step - origin);
    last_rate = optimizer_rate(options.optimizer) * factor;
    double scale = 1;
    if (options.clip_norm > 0) {
      for_blocks([&](Index first, Index size) { reduce(first, size); });
      summed = true;
      scale = std::min(1.0, options.clip_norm / (gradient_norm() + 1e-6));
    }
    const UpdateStep now{step - origin, factor, scale};
    const UpdateRange<T> all{0, params.size(), params.values().data(), gradients.data(), moments};
    for_blocks([&](Index first, Index size) {
      reduce(first, size);
      update_piece(now, all, first, first + size);
    });
    ++step;
  }

  // Elements [first, last) of all, those of each group with its factors; what is frozen is left alone.
  void update_piece(const UpdateStep& now, const UpdateRange<T>& all, Index first, Index last) const {
    auto group =
        std::partition_point(groups.begin(), groups.end(), [&](const UpdatePart& p) { return p.last <= first; });
    for (; group != groups.end() && group->first < last; ++group) {
      if (group->rate == 0) continue;
      UpdateStep step_of_group = now;
      step_of_group.rate_factor *= group->rate;
      step_of_group.decay_factor = group->decay;
      UpdateRange<T> range = all;
      range.first = std::max(first, group->first);
      range.size = std::min(last, group->last) - range.first;
      optimizer_update<T>(options.optimizer, step_of_group, range);
    }
  }

  [[gnu::noinline]] void report(double loss) const {
    if (options.on_step) options.on_step({step - 1, loss, gradient_norm(), last_rate});
  }

  double evaluate(Index examples, Fill<T> fill, Fill<T> inspect) {
    in_blocks([this](const RowBlocks& blocks) { eval.derive(eval_space[0], read.values().data(), &blocks); });
    if (options.row_block > 0) return evaluate_blocks(examples, fill, inspect);
    const Index count = (examples + options.shard - 1) / options.shard, parts = std::min(count, kMaxParts);
    std::array<double, kMaxParts> losses{};
    const Index mine = first_part(parts, rank());
    pool.for_each(first_part(parts, rank() + 1) - mine, [&](Index i, std::size_t worker) {
      const Index part = mine + i;
      Workspace<T>& w = eval_space[worker];
      for (Index shard = part * count / parts; shard < (part + 1) * count / parts; ++shard) {
        const Index first = shard * options.shard;
        w.bind({std::min(options.shard, examples - first), first, 0, options.seed});
        Batch<T> batch(w);
        fill(batch);
        eval.forward(w, read.values().data());
        losses[part] += sum_losses(w);
        if (inspect) inspect(batch);
      }
    });
    if (over_ranks) {
      std::vector<Index> ends;
      for (int r = 1; r <= ranks(); ++r) ends.push_back(first_part(parts, r) * static_cast<Index>(sizeof(double)));
      options.ranks->gather(std::as_writable_bytes(std::span(losses).first(parts)), ends);
    }
    return add_tree({losses.data(), static_cast<std::size_t>(parts)}) / static_cast<double>(examples);
  }

  int rank() const { return over_ranks ? options.ranks->rank() : 0; }
  int ranks() const { return over_ranks ? options.ranks->size() : 1; }
  // Of `parts` of an evaluation, those of a rank end where those of the next begin.
  Index first_part(Index parts, int of_rank) const { return of_rank * parts / ranks(); }

  double evaluate_blocks(Index examples, Fill<T> fill, Fill<T> inspect) {
    Workspace<T>& w = eval_space[0];
    w.bind({examples, 0, 0, options.seed});
    Batch<T> batch(w);
    fill(batch);
    in_blocks([&](const RowBlocks& blocks) { eval.forward(w, read.values().data(), &blocks); });
    if (inspect) inspect(batch);
    return sum_losses(w) / static_cast<double>(examples);
  }

  // Before the first step: later nothing changes it.
  void check_callbacks(const Fill<T>& fill) {
    require(static_cast<bool>(fill),
            "the data callback is empty; give a function that fills the inputs of a batch");
    if (ready) return;
    require(params.is_set(),
            "the parameters were never set, and all are zero: call Params::initialize, or load a model, before");
    ready = true;
  }

  Params<T> params;  // shared with the caller's
  const Params<T>& read = params;
  bool ready = false;
  TrainerOptions options;
  Workers pool;
  Program<T> train, eval;
  Index shards = 0, rows = 0, row_size = 0;
  std::vector<std::pair<Index, Index>> summed_ranges;
  int workers = 1;
  std::vector<Workspace<T>> train_space, eval_space;
  std::optional<RankSum<T>> over_ranks;
  Index first_row = 0, last_row = 0;  // of this process
  AlignedBuffer<T> gradients;
  Index before = 0;             // examples of the step before those of this batch
  bool foreign = false;         // row 0 is not of backward()
  bool summed = false;          // row 0 of gradients is the sum already
  AlignedBuffer<T> whole_rows;  // of noise_of_rows, once it was asked for
  std::vector<UpdatePart> groups;
  // Gradients that wait for apply(): how many, their sum, the sum of their losses.
  Index waiting = 0;
  AlignedBuffer<T> waiting_sum;
  double waiting_loss = 0;
  double last_rate = 0;
  std::vector<std::string> moment_names;
  std::vector<AlignedBuffer<T>> moments;
  std::uint64_t step = 0;
  std::uint64_t origin = 0;  // the step from which optimiser and schedule count
};

// Out of line: what ends a Trainer and what is assigned to one share it.
template <class T>
[[gnu::noinline]] Trainer<T>::State::~State() = default;

}  // namespace eqnn
