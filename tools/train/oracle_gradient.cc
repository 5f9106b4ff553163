#include "train/oracle_gradient.h"

#include <cmath>

#include <fmt/core.h>

#include "train/choices.h"

namespace tools {

using eqnn::Batch;
using eqnn::hard::Oracle;

template <class T>
OracleGradient<T>::OracleGradient(const TrainConfig& c, const DataSource<T>& data, eqnn::Params<T>& params,
                                  const eqnn::TrainerOptions& options, eqnn::Model<T> output)
    : config_(c),
      data_(data),
      params_(params),
      oracle_(oracles()[c.oracle].kind.value(), c.tau, oracle_answers()[c.answer]),
      moments_(params, options, std::move(output)),
      gradient_(params.size()),
      inputs_(data.oracle_inputs()),
      batch_(oracle_.mode() == Oracle::Answer::sampled ? c.batch : 0) {}

template <class T>
std::span<const T> OracleGradient<T>::answer(std::uint64_t step) {
  const bool sq = oracle_.kind() == Oracle::Kind::sq, sampled = batch_ > 0;
  moments_.accumulate(
      inputs_ + batch_, step, [&](Batch<T>& b) { data_.oracle(b); },
      [&](Batch<T>& b) -> eqnn::GradientTerms<T> {
        const T h = b.losses()(0, 0), f = b["y"](0);
        if (b.first >= inputs_) return {.factors = {0, 0, sq ? f - h : f}};
        const double error = static_cast<double>(h) - static_cast<double>(f), output = static_cast<double>(h);
        return {.factors = {h, f, 0},
                .square_factor = sq ? h * h + 1 : T(1),
                .numbers = {error * error, output * output}};
      });
  const double n = static_cast<double>(inputs_), batch = static_cast<double>(batch_);
  loss_ = moments_.number(0) / n;
  label_free_loss_ = moments_.number(1) / n + 1;
  const auto hq = moments_.sum(0), fq = moments_.sum(1), of_batch = moments_.sum(2), squares = moments_.squares();
  // Only where parameters are: padding is no query.
  for (const eqnn::ParamInfo& info : params_.list())
    for (Index row = 0; row < info.slice.rows; ++row)
      for (Index col = 0; col < info.slice.cols; ++col) {
        const auto j = static_cast<std::size_t>(info.slice.offset + row * info.slice.stride + col);
        const double free = static_cast<double>(hq[j]) / n, value = static_cast<double>(fq[j]) / n;
        // The sq query is -2 times a query of value E[f q_j] beside its label-free part, and so is its answer.
        const double told = oracle_.answer(value, std::sqrt(static_cast<double>(squares[j]) / n));
        double g = free - told;
        if (sampled) g = (sq ? 0 : free) - static_cast<double>(of_batch[j]) / batch;
        gradient_[static_cast<Index>(j)] = static_cast<T>(2 * g);
      }
  return {gradient_.data(), static_cast<std::size_t>(gradient_.size())};
}

// With S inputs a value that is 0 comes out as 1 / sqrt(S) of the norm or so: an adversary that hides less than
// five times that hides no more than chance does.
std::optional<std::string> oracle_warning(const TrainConfig& c) {
  if ((c.answer != "zero" && c.answer != "shrink") || c.oracle_samples <= 0) return {};
  const double error = 1 / std::sqrt(static_cast<double>(c.oracle_samples));
  if (c.tau >= 5 * error) return {};
  return fmt::format(
      "--tau {:g} is less than five standard errors of an expectation over {} inputs ({:.3g} of the norm each): "
      "queries above it are chance too; give more --oracle-samples",
      c.tau, c.oracle_samples, error);
}

template class OracleGradient<float>;
template class OracleGradient<double>;

}  // namespace tools
