#include "checks.h"

#include <fmt/format.h>

#include <algorithm>

namespace eqnn::hard {

void require_samples(const CheckOptions& options) {
  require(options.samples >= 1, "samples is ", options.samples, "; at least 1 random input is needed");
}
void require_members(Index members) {
  require(members >= 1, "members is ", members, "; at least 1 member is needed");
}

// --- tolerances

double errors_of_largest(double count) { return kErrors + std::sqrt(2 * std::log(count)); }

double bernstein_width(double variance, double range, double samples, double errors) {
  return errors * std::sqrt(variance / samples) + range * errors * errors / (3 * samples);
}

void Worst::compare(double measured, double expected, double tolerance) {
  const double off = std::abs(measured - expected), ratio = off == 0 ? 0 : off / tolerance;
  if (ratio <= ratio_ || std::isnan(ratio_)) return;
  ratio_ = ratio;
  value_ = measured;
  expected_ = expected;
  tolerance_ = tolerance;
}

Check Worst::check(std::string name, std::string how) const {
  return {std::move(name), value_, expected_, tolerance_, std::move(how)};
}

// --- inputs

CheckInputs::CheckInputs(const Member& f, const CheckOptions& check_options, std::uint64_t check_step)
    : member(f),
      options(check_options),
      step(check_step),
      count(check_options.samples),
      at_once(std::clamp<Index>((Index{1} << 20) / (f.input().points * f.input().channels), 1, 256)) {}

std::string CheckInputs::how() const {
  return all ? fmt::format("exhaustive, {} {}", count, plural)
             : fmt::format("{} random {}, seed {}", count, plural, options.seed);
}

void CheckInputs::visit(FunctionRef<void(Index, const Block<double>&)> visit_block) const {
  const Index points = member.input().points, channels = member.input().channels;
  AlignedBuffer<double> memory(std::min(at_once, count) * points * channels);
  for (Index first = 0; first < count; first += at_once) {
    const Block<double> x{memory.data(), std::min(at_once, count - first), points, channels, channels};
    if (all)
      member.list_inputs(first, x);
    else
      member.sample({options.seed, Stream::check, step, static_cast<std::uint64_t>(first)}, x);
    for (Index e = 0; change && e < x.examples; ++e) change(first + e, input_of(x, e));
    visit_block(first, x);
  }
}

// --- permutations

Images identity_images(Index n) {
  Images p(n);
  std::iota(p.begin(), p.end(), Index{0});
  return p;
}

Images rotated(Images p, Index by) {
  std::rotate(p.begin(), p.begin() + by, p.end());
  return p;
}

Images transposition(Index n) {
  Images p = identity_images(n);
  std::swap(p[0], p[1]);
  return p;
}

Images shuffled(Images p, Draws draws) {
  for (std::size_t i = p.size() - 1; i > 0; --i) std::swap(p[i], p[draws.below(static_cast<std::uint32_t>(i + 1))]);
  return p;
}

Draws draws_of(const CheckInputs& inputs, std::uint64_t step, Index number) {
  return Draws({inputs.options.seed, Stream::check, step, static_cast<std::uint64_t>(number)});
}

// --- networks

void fill_input(Workspace<double>& workspace, const std::string& name, const Block<double>& x) {
  const auto in = workspace.input(name);
  for (Index e = 0; e < x.examples; ++e)
    for (Index i = 0; i < x.points; ++i)
      for (Index c = 0; c < x.channels; ++c) in(e, i, c) = x(e, i, c);
}

double network_error(const CheckInputs& inputs, const PlantedNetwork& network,
                     FunctionRef<double(MatrixView<const double>)> definition) {
  Program<double> program(inputs.at_once, Mode::evaluate);
  program.output("f", network.record(program));
  program.finish();
  Workspace<double> workspace(program);
  double largest = 0;
  inputs.visit([&](Index first, const Block<double>& x) {
    workspace.bind({x.examples, first, 0, 0});
    network.fill(workspace, x);
    program.forward(workspace, network.params.values().data());
    const auto output = workspace.output("f");
    for (Index e = 0; e < x.examples; ++e) {
      const double error = relative_error(output(e), definition(input_of(x, e)));
      if (!(error <= largest)) largest = error;
    }
  });
  return largest;
}

// --- statistics

Statistics statistics_of(const CheckInputs& inputs,
                         FunctionRef<void(Index, MatrixView<const double>, double, double)> visit) {
  Statistics s;
  std::vector<double> targets(inputs.at_once), controls(inputs.at_once);
  inputs.visit([&](Index first, const Block<double>& x) {
    inputs.member.targets(read_only(x), targets.data());
    inputs.member.controls(read_only(x), controls.data());
    for (Index e = 0; e < x.examples; ++e) {
      const double y = targets[e], c = controls[e];
      s.target.add(y);
      s.target_squared.add(y * y);
      s.control.add(c);
      s.control_squared.add(c * c);
      visit(first + e, input_of(x, e), y, c);
    }
  });
  return s;
}

double target_in_float(const Member& member, MatrixView<const double> x) {
  std::vector<float> single;
  for (Index i = 0; i < x.rows; ++i)
    for (Index j = 0; j < x.cols; ++j) single.push_back(static_cast<float>(x(i, j)));
  float y = 0;
  member.targets(Block<const float>{single.data(), 1, x.rows, x.cols, x.cols}, &y);
  return static_cast<double>(y);
}

}  // namespace eqnn::hard
