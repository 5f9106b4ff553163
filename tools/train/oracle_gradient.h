// The gradient of the loss as an oracle answers it: what training sees in the place of a batch's.
#pragma once

#include <optional>

#include <eqnn/core/gradient_moments.h>
#include <eqnn/hard/learners/oracle.h>

#include "train/data_source.h"

namespace tools {

// With h the network, f the target and q_j = dh / d theta_j,
//   d/d theta_j E (h - f)^2 = 2 E[h q_j] - 2 E[f q_j].
// csq: E[h q_j] holds nothing of f, and is given; each E[f q_j] is a correlational query of norm |q_j|, answered
// within
//   tau |q_j|.
// sq: each coordinate is one query psi_j(x, y) = 2 (h(x) - y) q_j(x), answered within tau times its norm under
// labels
//   that know nothing of x, 2 (E[(h^2 + 1) q_j^2])^(1/2); its label-free part is 2 E[h q_j]. A norm and not a
//   bound: the queries are unbounded wherever inputs are Gaussian.
// Every E is a mean over the same inputs: c.oracle_samples fresh ones a step, or every input once (exact).
// `sampled` takes the mean over the step's batch instead: of f q_j (csq), of psi_j (sq).
template <class T>
class OracleGradient {
 public:
  // `output` records the network, [b, 1, 1]. Configuration, data and parameters must outlive it.
  OracleGradient(const TrainConfig& c, const DataSource<T>& data, eqnn::Params<T>& params,
                 const eqnn::TrainerOptions& options, eqnn::Model<T> output);

  // Asks the queries of a step at the parameters as they are; the gradient, laid out like them.
  std::span<const T> answer(std::uint64_t step);

  // Of the last step: E (h - f)^2, which is for people alone, and E h^2 + 1, what it is where nothing of f is
  // known.
  double loss() const { return loss_; }
  double label_free_loss() const { return label_free_loss_; }

  eqnn::hard::Oracle& oracle() { return oracle_; }
  const eqnn::hard::Oracle& oracle() const { return oracle_; }
  Index inputs() const { return inputs_; }
  Index examples_per_step() const { return inputs_ + batch_; }
  Index memory_bytes() const { return moments_.memory_bytes() + gradient_.size() * static_cast<Index>(sizeof(T)); }
  double multiply_adds() const { return moments_.multiply_adds() * static_cast<double>(examples_per_step()); }

 private:
  const TrainConfig& config_;
  const DataSource<T>& data_;
  eqnn::Params<T>& params_;
  eqnn::hard::Oracle oracle_;
  eqnn::GradientMoments<T> moments_;
  eqnn::AlignedBuffer<T> gradient_;
  Index inputs_, batch_;  // batch_: of `sampled`, else 0
  double loss_ = 0, label_free_loss_ = 0;
};

// What cannot be trusted about an oracle's sampled expectations; empty: nothing.
std::optional<std::string> oracle_warning(const TrainConfig& c);

}  // namespace tools
