#include "trainer.h"

#include <algorithm>
#include <cmath>

#include "trainer_state.h"

namespace eqnn {
namespace {

void check(const TrainerOptions& o) {
  require(o.batch >= 1, "batch is ", o.batch, "; it must be at least 1");
  require(o.row_block >= 0, "row_block is ", o.row_block, "; 0 is none, at least 1 is a number of rows");
  require(o.shard >= 1, "shard is ", o.shard, "; it must be at least 1");
  require(o.threads >= 0 && o.threads <= 1024, "threads is ", o.threads,
          "; allowed are 1 to 1024, or 0 for one a core");
  require(o.clip_norm >= 0 && std::isfinite(o.clip_norm), "clip_norm is ", o.clip_norm,
          "; it must be finite and not negative");
  check_optimizer(o.optimizer);
  o.schedule.check();
}

[[noreturn, gnu::noinline, gnu::cold]] void moved_from() {
  throw ValueError("this Trainer was moved from; use the one that it was moved to");
}

}  // namespace

template <class T>
Trainer<T>::Trainer(Params<T>& params, const TrainerOptions& options, Model<T> model) {
  check(options);
  state_ = std::make_unique<State>(params, options, model);
}
template <class T>
Trainer<T>::~Trainer() = default;
template <class T>
Trainer<T>::Trainer(Trainer&&) noexcept = default;
template <class T>
Trainer<T>& Trainer<T>::operator=(Trainer&&) noexcept = default;

template <class T>
auto Trainer<T>::state() const -> State& {
  if (!state_) [[unlikely]]
    moved_from();
  return *state_;
}

template <class T>
double Trainer<T>::step(Fill<T> fill, GradientNoise* noise) {
  State& s = state();
  s.check_callbacks(fill);
  s.require_none_waits("step");
  const double loss = s.accumulate(fill, noise != nullptr);
  if (noise) *noise = s.noise_of_rows();
  ReplayObserver* const observer = s.train_space[0].observer();
  if (observer) observer->begins(ReplayObserver::Part::update, -1);
  s.finish_derived();
  s.update();
  if (observer) observer->ends(ReplayObserver::Part::update, -1);
  s.report(loss);
  return loss;
}

template <class T>
double Trainer<T>::gradient(Fill<T> fill, GradientNoise* noise) {
  State& s = state();
  s.check_callbacks(fill);
  const double loss = s.accumulate(fill, noise != nullptr);
  if (noise) *noise = s.noise_of_rows();
  s.finish_derived();
  s.for_blocks([&s](Index first, Index size) { s.reduce(first, size); });
  return loss;
}

template <class T>
void Trainer<T>::apply_gradient(std::span<const T> gradient) {
  State& s = state();
  require(static_cast<Index>(gradient.size()) == s.params.size(), "apply_gradient: the gradient has ",
          gradient.size(), " elements; the flat vector of the parameters has ", s.params.size());
  s.require_none_waits("apply_gradient");
  std::copy(gradient.begin(), gradient.end(), s.gradients.data());
  s.foreign = s.summed = true;
  s.update();
  s.report(std::nan(""));
}

template <class T>
double Trainer<T>::accumulate(Fill<T> fill) {
  state().check_callbacks(fill);
  return state().accumulate_part(fill);
}
template <class T>
double Trainer<T>::apply() {
  State& s = state();
  require(s.waiting > 0, "apply: no accumulated gradient waits; call accumulate() before, or step() for one batch");
  const double loss = s.mean_of_waiting();
  s.update();
  s.waiting = 0;
  s.report(loss);
  return loss;
}
template <class T>
void Trainer<T>::discard() {
  state().waiting = 0;
}
template <class T>
Index Trainer<T>::accumulated() const {
  return state().waiting;
}

template <class T>
double Trainer<T>::evaluate(Index examples, Fill<T> fill, Fill<T> inspect) {
  require(examples >= 1, "evaluate: ", examples, " examples; at least 1 is allowed");
  state().check_callbacks(fill);
  return state().evaluate(examples, fill, inspect);
}

template <class T>
std::vector<Index> Trainer<T>::evaluated_ends(Index examples) const {
  const State& s = state();
  const Index shard = s.options.shard, count = (examples + shard - 1) / shard, parts = std::min(count, kMaxParts);
  std::vector<Index> ends;
  for (int r = 1; r <= s.ranks(); ++r)
    ends.push_back(std::min(s.first_part(parts, r) * count / parts * shard, examples));
  return ends;
}

template <class T>
void Trainer<T>::restart(const Optimizer& optimizer, const Schedule& schedule) {
  State& s = state();
  check_optimizer(optimizer);
  schedule.check();
  s.require_none_waits("restart");
  s.options.optimizer = optimizer;
  s.options.schedule = schedule;
  s.origin = s.step;
  s.clear_moments();
}
template <class T>
std::uint64_t Trainer<T>::restarted_at() const {
  return state().origin;
}

template <class T>
double Trainer<T>::rate() const {
  return optimizer_rate(state().options.optimizer);
}
template <class T>
void Trainer<T>::set_rate(double rate) {
  Optimizer changed = state().options.optimizer;
  std::visit([rate](auto& o) { o.rate = rate; }, changed);
  check_optimizer(changed);
  state().options.optimizer = changed;
}

template <class T>
std::uint64_t Trainer<T>::steps_done() const {
  return state().step;
}
template <class T>
void Trainer<T>::set_steps_done(std::uint64_t steps) {
  state().require_none_waits("set_steps_done");
  state().step = steps;
}
template <class T>
std::span<const T> Trainer<T>::last_gradient() const {
  return {state().gradients.data(), static_cast<std::size_t>(state().params.size())};
}
template <class T>
MatrixView<const T> Trainer<T>::gradient_of(const Param& p) const {
  require(static_cast<bool>(p), "gradient_of: an empty Param; give one that a layer was constructed with");
  MatrixView<const T> view = state().read.view(p);  // throws for one of another Params
  view.data = state().gradients.data() + p.offset;
  return view;
}
template <class T>
MatrixView<const T> Trainer<T>::gradient_of(std::string_view name) const {
  return gradient_of(state().read.find(name).slice);
}
template <class T>
double Trainer<T>::last_gradient_norm() const {
  return state().gradient_norm();
}
template <class T>
auto Trainer<T>::moments() -> std::vector<Moment> {
  std::vector<Moment> result;
  for (std::size_t i = 0; i < state().moments.size(); ++i)
    result.push_back({state().moment_names[i],
                      {state().moments[i].data(), static_cast<std::size_t>(state().moments[i].size())}});
  return result;
}
template <class T>
const Params<T>& Trainer<T>::params() const {
  return state().params;
}
template <class T>
const TrainerOptions& Trainer<T>::options() const {
  return state().options;
}
template <class T>
double Trainer<T>::multiply_adds() const {
  return state().train.multiply_adds() * static_cast<double>(state().options.batch);
}
template <class T>
const Program<T>& Trainer<T>::program() const {
  return state().train;
}
template <class T>
int Trainer<T>::workers() const {
  return state().workers;
}
template <class T>
void Trainer<T>::observe(int worker, ReplayObserver* observer) {
  require(worker >= 0 && worker < state().workers, "observe: there is no worker ", worker, "; this trainer has ",
          state().workers);
  state().train_space[worker].observe(observer);
}
template <class T>
Index Trainer<T>::memory_bytes() const {
  const State& s = state();
  const Index vectors = 1 + static_cast<Index>(s.moments.size()), others = s.workers - 1;
  return (s.over_ranks ? s.over_ranks->memory_bytes() : 0) +
         (vectors * s.params.size() + s.rows * s.row_size + s.whole_rows.size() + s.waiting_sum.size()) *
             static_cast<Index>(sizeof(T)) +
         s.workers * (s.train.memory_bytes() + s.eval.memory_bytes()) -
         others * (s.train.derived_memory_bytes() + s.eval.derived_memory_bytes());
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace eqnn
