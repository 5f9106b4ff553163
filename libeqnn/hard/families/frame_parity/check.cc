// Checks of frame-parity: the definition against its realising network and its closed forms, symmetry,
// and statistics.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "frame_parity.h"

namespace eqnn::hard {
namespace {

using Vector = std::vector<double>;

constexpr double kErrors = 5;
constexpr double kValueTolerance = 1e-10, kFloatTolerance = 1e-6;

double relative(double value, double expected) { return std::abs(value - expected) / (1 + std::abs(expected)); }

// Random inputs; each check has a step of its own, so that no two share randomness.
struct Inputs {
  const FrameParity& f;
  CheckOptions options;
  std::uint64_t step = 0;

  Index n() const { return f.law().n; }
  std::string how(Index count) const { return fmt::format("{} random inputs, seed {}", count, options.seed); }
  Vector operator()(Index number) const {
    Vector x(static_cast<std::size_t>(n()));
    f.sample({options.seed, Stream::check, step, static_cast<std::uint64_t>(number)},
             Block<double>{x.data(), 1, n(), 1, 1});
    return x;
  }
  // Every second one rounded to halves, so that many coordinates tie.
  Vector with_ties(Index number) const {
    Vector x = (*this)(number);
    if (number % 2 == 1)
      for (double& v : x) v = std::round(2 * v) / 2;
    return x;
  }
  double value(const Vector& x) const { return f.value({x.data(), n(), 1, 1}); }
  Vector canonical(const Vector& x) const {
    Vector y(x.size());
    canonical_forms(f.law().frame, Block<const double>{x.data(), 1, n(), 1, 1},
                    Block<double>{y.data(), 1, n(), 1, 1});
    return y;
  }
  Vector chosen(const Vector& y) const {
    Vector part;
    for (const Index i : f.set()) part.push_back(y[static_cast<std::size_t>(i)]);
    return part;
  }
};

// --- values ----------------------------------------------------------------------------------------------

// Inputs that a check of `work` operations each can afford.
Index affordable(const CheckOptions& options, double work) {
  return std::clamp<Index>(static_cast<Index>(0x1p28 / work), 1, options.samples);
}

Check check_network(const Inputs& inputs) {
  const Index n = inputs.n();
  Params<double> params;
  const FrameParityNetwork<double> network(params, inputs.f);
  network.set_weights(params);
  Program<double> program(64, Mode::evaluate);
  program.output("f", network(program.input("x", {Shape::kCapacity, n, 1})));
  program.finish();
  Workspace<double> workspace(program);
  const Index count =
      affordable(inputs.options, std::ldexp(static_cast<double>(n), static_cast<int>(inputs.f.law().k)));
  double largest = 0;
  for (Index first = 0; first < count; first += program.capacity()) {
    const Index examples = std::min(program.capacity(), count - first);
    workspace.bind({examples, first, 0, 0});
    const auto x = workspace.input("x");
    for (Index e = 0; e < examples; ++e) {
      const Vector input = inputs.with_ties(first + e);
      for (Index i = 0; i < n; ++i) x(e, i) = input[static_cast<std::size_t>(i)];
    }
    program.forward(workspace, params.values().data());
    for (Index e = 0; e < examples; ++e)
      largest = std::max(largest, relative(workspace.output("f")(e), inputs.value(inputs.with_ties(first + e))));
  }
  return {"realising network = definition", largest, 0, kValueTolerance,
          inputs.how(count) + ", half of them with ties, largest |difference| / (1 + |value|)"};
}

Check check_sum(const Inputs& inputs) {
  const Index k = inputs.f.law().k;
  const Index count = affordable(inputs.options, std::ldexp(static_cast<double>(4 * k), static_cast<int>(k)));
  double largest = 0;
  for (Index i = 0; i < count; ++i) {
    const Vector x = inputs(i);
    const double expected =
        alternating_relu_sum(inputs.chosen(inputs.canonical(x))) / std::sqrt(inputs.f.norm_sq());
    largest = std::max(largest, relative(inputs.value(x), expected));
  }
  return {k <= 4 ? "closed form = alternating sum of 2^k terms" : "sum by halves = alternating sum of 2^k terms",
          largest, 0, kValueTolerance, inputs.how(count) + ", largest |difference| / (1 + |value|)"};
}

// y_S with one sign flipped: minus the value. y_S reversed: the same value. Twice x: twice the value.
void check_structure(const Inputs& inputs, std::vector<Check>& checks) {
  const double scale = std::sqrt(inputs.f.norm_sq());
  double odd = 0, symmetric = 0, homogeneous = 0;
  for (Index i = 0; i < inputs.options.samples; ++i) {
    const Vector x = inputs(i);
    Vector y = inputs.chosen(inputs.canonical(x)), doubled = x;
    const double value = inputs.value(x);
    for (double& v : doubled) v *= 2;
    homogeneous = std::max(homogeneous, relative(inputs.value(doubled), 2 * value));
    for (double& v : y) {
      v = -v;
      odd = std::max(odd, relative(parity_sum(y) / scale, -value));
      v = -v;
    }
    std::reverse(y.begin(), y.end());
    symmetric = std::max(symmetric, relative(parity_sum(y) / scale, value));
  }
  const std::string how = inputs.how(inputs.options.samples) + ", largest |difference| / (1 + |value|)";
  checks.push_back({"odd in each coordinate of S", odd, 0, kValueTolerance, how});
  checks.push_back({"symmetric in the coordinates of S", symmetric, 0, kValueTolerance, how});
  checks.push_back({"1-homogeneous", homogeneous, 0, kValueTolerance, how});
}

// --- invariance --------------------------------------------------------------------------------------------

// Largest |f(p x) - f(x)|, where coordinate i of x goes to permutation(number of the input)[i].
template <class Permutation>
Check check_invariance(const Inputs& inputs, const std::string& title, const Permutation& permutation) {
  double largest = 0;
  for (Index k = 0; k < inputs.options.samples; ++k) {
    const Vector x = inputs.with_ties(k);
    const std::vector<Index> p = permutation(k);
    Vector moved(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) moved[static_cast<std::size_t>(p[i])] = x[i];
    largest = std::max(largest, std::abs(inputs.value(moved) - inputs.value(x)));
  }
  return {"invariance under " + title, largest, 0, 0,
          inputs.how(inputs.options.samples) + ", half of them with ties, largest difference"};
}

void check_invariances(Inputs inputs, std::vector<Check>& checks) {
  if (inputs.f.law().frame == ParityFrame::none) return;
  std::vector<Index> identity(static_cast<std::size_t>(inputs.n()));
  std::iota(identity.begin(), identity.end(), Index{0});
  const auto shift = [&](Index by) {
    auto p = identity;
    std::rotate(p.begin(), p.begin() + by, p.end());
    return p;
  };
  const auto draws = [&](Index number) {
    return Draws({inputs.options.seed, Stream::check, inputs.step + 1, static_cast<std::uint64_t>(number)});
  };
  checks.push_back(check_invariance(inputs, "the shift by one", [&](Index) { return shift(1); }));
  inputs.step += 2;
  if (inputs.f.law().frame == ParityFrame::cyclic) {
    checks.push_back(check_invariance(inputs, "a random shift an input", [&](Index number) {
      return shift(draws(number).below(static_cast<std::uint32_t>(inputs.n())));
    }));
    return;
  }
  auto swap = identity;
  std::swap(swap[0], swap[1]);
  checks.push_back(check_invariance(inputs, "the transposition (0 1)", [&](Index) { return swap; }));
  inputs.step += 2;
  checks.push_back(check_invariance(inputs, "a random permutation an input", [&](Index number) {
    auto p = identity;
    Draws d = draws(number);
    for (std::size_t i = p.size() - 1; i > 0; --i) std::swap(p[i], p[d.below(static_cast<std::uint32_t>(i + 1))]);
    return p;
  }));
}

// --- statistics ----------------------------------------------------------------------------------------------

// Half width of an interval for a mean of values z that are as often z as -z given |z|: sums of signs, whose
// tails are those of a normal law of variance sum z^2 (Hoeffding), however heavy those of z are.
double signed_width(double squares, double samples, double errors) { return errors * std::sqrt(squares) / samples; }

void check_statistics(const Inputs& inputs, std::vector<Check>& checks) {
  const Index count = inputs.options.samples, n = inputs.n();
  const ParityMoments& m = inputs.f.moments();
  double mean = 0, squares = 0, control = 0, control_squares = 0, control_fourth = 0, worst = 0;
  for (Index i = 0; i < count; ++i) {
    const Vector x = inputs(i);
    const std::vector<float> single(x.begin(), x.end());
    const double value = inputs.value(x);
    float target = 0;
    double c = 0;
    inputs.f.targets(Block<const float>{single.data(), 1, n, 1, 1}, &target);
    inputs.f.controls(Block<const double>{x.data(), 1, n, 1, 1}, &c);
    worst = std::max(worst, relative(static_cast<double>(target), value));
    mean += value;
    squares += value * value;
    control += c;
    control_squares += c * c;
    control_fourth += c * c * c * c;
  }
  const double total = static_cast<double>(count), fourth = control_fourth / total;
  const std::string how = inputs.how(count);
  checks.push_back(
      {"training target = definition", worst, 0, kFloatTolerance, how + ", largest |difference| / (1 + |value|)"});
  checks.push_back(
      {"mean of the target", mean / total, 0, signed_width(squares, total, kErrors), how + "; tolerance 5 s.e."});
  const double norm_error = m.mean_square_error / m.mean_square;
  checks.push_back({"norm of the target", squares / total, 1,
                    kErrors * std::sqrt(std::max(0.0, m.kurtosis - 1) / total + norm_error * norm_error),
                    how + "; tolerance 5 s.e. of both estimates"});
  const double mean_error = m.control_mean_error / std::sqrt(m.control_variance);
  checks.push_back({"mean of the control", control / total, 0,
                    kErrors * std::sqrt(1 / total + mean_error * mean_error),
                    how + "; tolerance 5 s.e. of both estimates"});
  const double variance_error = m.control_variance_error / m.control_variance;
  checks.push_back({"variance of the control", control_squares / total, 1,
                    kErrors * std::sqrt(std::max(1.0, fourth - 1) / total + variance_error * variance_error) +
                        mean_error * mean_error,
                    how + "; tolerance 5 s.e. of both estimates"});
}

void require_samples(const CheckOptions& options) {
  require(options.samples >= 1, "samples is ", options.samples, "; at least 1 random input is needed");
}

// --- many members ------------------------------------------------------------------------------------------

// Values of all members on shared inputs, one row a member.
Matrix<double> values_of(const FrameParityLaw& law, const std::vector<std::vector<Index>>& sets,
                         const std::vector<double>& norms, const CheckOptions& options, Index count) {
  const FrameParity any(law, sets.front(), 1.0);
  const Inputs inputs{any, options, 20};
  Matrix<double> values(static_cast<Index>(sets.size()), count);
  std::array<double, kMaxSetSize> chosen;
  for (Index i = 0; i < count; ++i) {
    const Vector y = inputs.canonical(inputs(i));
    for (std::size_t s = 0; s < sets.size(); ++s) {
      for (std::size_t t = 0; t < sets[s].size(); ++t) chosen[t] = y[static_cast<std::size_t>(sets[s][t])];
      values(static_cast<Index>(s), i) = parity_sum({chosen.data(), sets[s].size()}) / std::sqrt(norms[s]);
    }
  }
  return values;
}

// Of many comparisons, the one furthest beyond its tolerance.
struct Worst {
  Check check{"", 0, 0, 0, ""};
  double ratio = -1;

  void compare(double value, double expected, double tolerance) {
    const double off = std::abs(value - expected);
    const double r = off == 0 ? 0 : off / tolerance;
    if (r <= ratio) return;
    ratio = r;
    check.value = value;
    check.expected = expected;
    check.tolerance = tolerance;
  }
  Check named(const std::string& title, const std::string& how) const {
    return {title, check.value, check.expected, check.tolerance, how};
  }
};

}  // namespace

std::vector<Check> FrameParity::check(const CheckOptions& options) const {
  require_samples(options);
  std::vector<Check> checks;
  if (law_.k <= kMaxNetworkSetSize) checks.push_back(check_network({*this, options, 0}));
  checks.push_back(check_sum({*this, options, 1}));
  check_structure({*this, options, 2}, checks);
  check_invariances({*this, options, 3}, checks);
  check_statistics({*this, options, 10}, checks);
  if (law_.frame == ParityFrame::none)
    checks.push_back({"norm_sq = 2^k sum_j (-1)^j C(k, j) kappa1((k - 2j) / k)", norm_sq_, unframed_norm_sq(law_.k),
                      1e-12 + 1e-9 * norm_sq_, "closed form"});
  return checks;
}

std::vector<Check> check_frame_parities(const FrameParityLaw& law, Index members, const CheckOptions& options) {
  require(members >= 1, "members is ", members, "; at least 1 member is needed");
  require_samples(options);
  const FrameParitySampler sampler(law);
  std::vector<std::vector<Index>> sets;
  for (Index m = 0; m < members; ++m) sets.push_back(sampler.draw(options.seed + static_cast<std::uint64_t>(m)));
  const auto moments = parity_moments(law, sets);
  std::vector<double> norms;
  for (const ParityMoments& m : moments) norms.push_back(m.mean_square);

  const Index pairs = members * (members + 1) / 2;
  const Index count = std::clamp<Index>((Index{1} << 31) / pairs, 1, options.samples);
  const Matrix<double> values = values_of(law, sets, norms, options, count);
  const double total = static_cast<double>(count);
  const double errors = kErrors + std::sqrt(2 * std::log(static_cast<double>(pairs)));
  Worst means, norm, gram;
  for (Index i = 0; i < members; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const double *f = values.view().row(i), *last = f + count;
    const double squares = std::inner_product(f, last, f, 0.0);
    means.compare(std::accumulate(f, last, 0.0) / total, 0, signed_width(squares, total, errors));
    const double error = moments[at].mean_square_error / norms[at];
    norm.compare(squares / total, 1,
                 errors * std::sqrt(std::max(0.0, moments[at].kurtosis - 1) / total + error * error));
    for (Index j = 0; j < i; ++j) {
      const double* g = values.view().row(j);
      double product = 0, product_squares = 0;
      for (Index e = 0; e < count; ++e) {
        product += f[e] * g[e];
        product_squares += f[e] * g[e] * f[e] * g[e];
      }
      const bool same = sets[at] == sets[static_cast<std::size_t>(j)];
      if (!same) gram.compare(product / total, 0, signed_width(product_squares, total, errors));
    }
  }
  const std::string how = fmt::format("{} members, {} random inputs, seed {}; tolerance {:.2f} s.e.", members,
                                      count, options.seed, errors);
  return {means.named("means of the members", "worst of " + how),
          norm.named("norms of the members", "worst of " + how),
          gram.named("Gram matrix of the members: 0 for S != T", "worst entry of " + how)};
}

}  // namespace eqnn::hard
