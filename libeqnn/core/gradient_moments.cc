#include "gradient_moments.h"

#include <algorithm>

#include "../kernels/kernels.h"
#include "workers.h"

namespace eqnn {
namespace {

constexpr Index kRows = 16;
constexpr std::size_t kSums = 3, kSquares = 3;  // the sum of squares is vector 3 of a row

template <class T>
void add_squares(Index size, T factor, const T* g, T* sum) {
  for (Index j = 0; j < size; ++j) sum[j] += factor * g[j] * g[j];
}

}  // namespace

template <class T>
struct GradientMoments<T>::State {
  State(Params<T>& p, const TrainerOptions& o, const Model<T>& model)
      : params(p), options(o), pool(o.threads, kRows), program(1, Mode::train, o.strict) {
    params.freeze();
    program.finish(model(program));
    for (int i = 0; i < pool.threads(); ++i) {
      spaces.emplace_back(program);
      spaces.back().weights()[0] = 1;  // of h itself
      gradients.emplace_back(params.size());
    }
    for (auto& vectors : sums) vectors = AlignedBuffer<T>(kRows * params.size());
  }

  T* row(std::size_t vector, Index r) { return sums[vector].data() + r * params.size(); }

  void run(std::size_t worker, Index example, std::uint64_t step, Index r, Fill<T> fill, Terms terms) {
    Workspace<T>& w = spaces[worker];
    w.bind({1, example, step, options.seed});
    Batch<T> batch(w);
    fill(batch);
    program.forward(w, params.values().data());
    const GradientTerms<T> t = terms(batch);
    T* g = gradients[worker].data();
    program.backward(w, g, true);
    for (std::size_t k = 0; k < kSums; ++k)
      if (t.factors[k] != T(0)) kernels::axpy(params.size(), t.factors[k], g, row(k, r), true);
    if (t.square_factor != T(0)) add_squares(params.size(), t.square_factor, g, row(kSquares, r));
    for (std::size_t k = 0; k < t.numbers.size(); ++k) numbers[k][r] += t.numbers[k];
  }

  void accumulate(Index examples, std::uint64_t step, Fill<T> fill, Terms terms) {
    const Index rows = std::min(kRows, examples);
    for (auto& n : numbers) n.fill(0);
    pool.for_each(rows, [&](Index r, std::size_t worker) {
      for (std::size_t k = 0; k < sums.size(); ++k) std::fill_n(row(k, r), params.size(), T(0));
      for (Index i = r * examples / rows; i < (r + 1) * examples / rows; ++i) run(worker, i, step, r, fill, terms);
    });
    for (std::size_t k = 0; k < sums.size(); ++k)
      add_tree(rows,
               [&](Index from, Index to) { kernels::axpy(params.size(), T(1), row(k, from), row(k, to), true); });
    for (auto& n : numbers) add_tree(std::span(n).first(static_cast<std::size_t>(rows)));
  }

  Params<T>& params;
  TrainerOptions options;
  Workers pool;
  Program<T> program;
  std::vector<Workspace<T>> spaces;
  std::vector<AlignedBuffer<T>> gradients;  // of one example, one a worker; slices that h does not reach stay zero
  std::array<AlignedBuffer<T>, kSums + 1> sums;
  std::array<std::array<double, kRows>, 2> numbers{};
};

template <class T>
GradientMoments<T>::GradientMoments(Params<T>& params, const TrainerOptions& options, Model<T> output) {
  require(options.threads >= 0, "threads is ", options.threads, "; allowed are 1 to 1024, or 0 for one a core");
  state_ = std::make_unique<State>(params, options, output);
}
template <class T>
GradientMoments<T>::~GradientMoments() = default;

template <class T>
void GradientMoments<T>::accumulate(Index examples, std::uint64_t step, Fill<T> fill, Terms terms) {
  require(examples >= 1, "moments over ", examples, " examples are asked for; at least 1 is needed");
  state_->accumulate(examples, step, fill, terms);
}

template <class T>
std::span<const T> GradientMoments<T>::sum(int k) const {
  return {state_->row(static_cast<std::size_t>(k), 0), static_cast<std::size_t>(state_->params.size())};
}
template <class T>
std::span<const T> GradientMoments<T>::squares() const {
  return sum(static_cast<int>(kSquares));
}
template <class T>
double GradientMoments<T>::number(int k) const {
  return state_->numbers[k][0];
}
template <class T>
Index GradientMoments<T>::memory_bytes() const {
  const State& s = *state_;
  const Index vectors = kRows * static_cast<Index>(s.sums.size()) + s.pool.threads();
  return vectors * s.params.size() * static_cast<Index>(sizeof(T)) + s.pool.threads() * s.program.memory_bytes();
}
template <class T>
double GradientMoments<T>::multiply_adds() const {
  return state_->program.multiply_adds();
}

template class GradientMoments<float>;
template class GradientMoments<double>;

}  // namespace eqnn
