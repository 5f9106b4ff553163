// The labelled examples that a learner reads.
#pragma once

#include <eqnn/core/function_ref.h>

#include <memory>
#include <span>

#include "train/config.h"

namespace tools {

// The labelled examples of a configuration: those of `eqnn train --samples N` with the same seeds, and its test
// examples. The configuration and the member must outlive it.
class ExampleStream {
 public:
  ExampleStream(const TrainConfig& c, const eqnn::hard::Member& member);
  ~ExampleStream();
  ExampleStream(const ExampleStream&) = delete;
  ExampleStream& operator=(const ExampleStream&) = delete;

  // Calls visit for all examples in order, some at a time: inputs [b, points, channels] and b targets.
  using Visit = eqnn::FunctionRef<void(eqnn::Block<const double>, std::span<const double>)>;
  void training(Visit visit) const;
  void test(Visit visit) const;
  Index samples() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tools
