#include "families.h"

#include <algorithm>
#include <chrono>

#include "train/models.h"
#include "train/resolve.h"
#include "train/training.h"

namespace tools {
namespace {

template <class Work>
double seconds(Index times, const Work& work) {
  const auto start = std::chrono::steady_clock::now();
  for (Index i = 0; i < times; ++i) work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() /
         static_cast<double>(times);
}

FamilyCost cost(const std::string& id) {
  const TrainConfig c = family_config(id, {}, 0);
  const Examples examples = make_examples(c);
  const auto& member = *examples.member;
  const NetworkInputs in = network_inputs(member);
  const auto training = make_training(c, examples, 1);
  // Rows as in a workspace: on whole lines.
  const auto block = [&](eqnn::Matrix<float>& m, const eqnn::hard::InputLayout& l) {
    m = eqnn::Matrix<float>(c.batch * l.points, l.channels);
    return eqnn::Block<float>{m.data(), c.batch, l.points, l.channels, m.stride()};
  };
  eqnn::Matrix<float> inputs, features;
  const eqnn::Block<float> x = block(inputs, in.input);
  const eqnn::Block<const float> read{x.data, x.examples, x.points, x.channels, x.stride};
  const bool with_features = reads_features(c, in);
  const eqnn::Block<float> z = with_features ? block(features, *in.features) : eqnn::Block<float>{};
  std::vector<float> y(static_cast<std::size_t>(c.batch));
  std::uint64_t step = 0;
  const auto sample = [&] { member.sample({0, eqnn::Stream::train, ++step, 0}, x); };
  const auto label = [&] {
    member.targets(read, y.data());
    if (with_features) member.features(read, z);
  };
  const auto train = [&] { training->step(nullptr); };
  sample();
  const auto times = [](double once) {
    return std::max<Index>(1, static_cast<Index>(0.02 / std::max(once, 1e-7)));
  };
  const Index steps = times(seconds(3, train)), samples = times(seconds(3, sample)),
              labels = times(seconds(3, label));
  std::vector<double> whole, sampling, labelling;
  for (int round = 0; round < 7; ++round) {
    whole.push_back(seconds(steps, train));
    sampling.push_back(seconds(samples, sample));
    labelling.push_back(seconds(labels, label));
  }
  return {id, median(whole), median(sampling), median(labelling)};
}

}  // namespace

std::vector<FamilyCost> family_costs() {
  std::vector<FamilyCost> costs;
  for (const auto& family : eqnn::hard::families()) costs.push_back(cost(family.id));
  return costs;
}

}  // namespace tools
