// Checks of frame-parity: the definition against its realising network and its closed forms, symmetry,
// and statistics.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "../../checks.h"
#include "frame_parity.h"

namespace eqnn::hard {
namespace {

using Vector = std::vector<double>;

constexpr double kValueTolerance = 1e-10, kFloatTolerance = 1e-6;
constexpr const char* kDifference = ", largest |difference| / (1 + |value|)";

// One coordinate a point.
Vector vector_of(MatrixView<const double> x) { return {x.data, x.data + x.rows}; }
double value_of(const FrameParity& f, const Vector& x) { return f.value({x.data(), f.law().n, 1, 1}); }

// Every second input rounded to halves, so that many coordinates tie.
CheckInputs with_ties(CheckInputs inputs) {
  inputs.change = [](Index number, MatrixView<double> x) {
    if (number % 2 == 1)
      for (Index i = 0; i < x.rows; ++i) x(i, 0) = std::round(2 * x(i, 0)) / 2;
  };
  return inputs;
}

// As many inputs as a check of `work` operations each can afford.
CheckInputs affordable(CheckInputs inputs, double work) {
  inputs.count = std::clamp<Index>(static_cast<Index>(0x1p28 / work), 1, inputs.options.samples);
  return inputs;
}

// y_S of an input.
Vector chosen(const FrameParity& f, MatrixView<const double> x) {
  Vector y(x.rows), part;
  canonical_forms(f.law().frame, Block<const double>{x.data, 1, x.rows, 1, x.stride},
                  Block<double>{y.data(), 1, x.rows, 1, 1});
  for (const Index i : f.set()) part.push_back(y[i]);
  return part;
}

// --- values ----------------------------------------------------------------------------------------------

Check check_network(const FrameParity& f, const CheckOptions& options) {
  const Index n = f.law().n;
  Params<double> params;
  const FrameParityNetwork<double> network(params, f);
  network.set_weights(params);
  CheckInputs inputs =
      affordable(with_ties({f, options, 0}), std::ldexp(static_cast<double>(n), static_cast<int>(f.law().k)));
  inputs.at_once = 64;
  const auto record = [&](Program<double>& program) {
    return network(program.input("x", {Shape::kCapacity, n, 1}));
  };
  const auto fill = [](Workspace<double>& workspace, const Block<double>& x) { fill_input(workspace, "x", x); };
  const auto definition = [&](MatrixView<const double> x) { return f.value(x); };
  return {"realising network = definition", network_error(inputs, {params, record, fill}, definition), 0,
          kValueTolerance, inputs.how() + ", half of them with ties" + kDifference};
}

Check check_sum(const FrameParity& f, const CheckOptions& options) {
  const Index k = f.law().k;
  const CheckInputs inputs =
      affordable({f, options, 1}, std::ldexp(static_cast<double>(4 * k), static_cast<int>(k)));
  const double largest = largest_error(inputs, [&](Index, MatrixView<const double> x) {
    return relative_error(f.value(x), alternating_relu_sum(chosen(f, x)) / std::sqrt(f.norm_sq()));
  });
  return {k <= 4 ? "closed form = alternating sum of 2^k terms" : "sum by halves = alternating sum of 2^k terms",
          largest, 0, kValueTolerance, inputs.how() + kDifference};
}

// y_S with one sign flipped: minus the value. y_S reversed: the same value. Twice x: twice the value.
void check_structure(const FrameParity& f, const CheckInputs& inputs, std::vector<Check>& checks) {
  const double scale = std::sqrt(f.norm_sq());
  double odd = 0, symmetric = 0, homogeneous = 0;
  for_each_input(inputs, [&](Index, MatrixView<const double> x) {
    Vector y = chosen(f, x), doubled = vector_of(x);
    const double value = f.value(x);
    for (double& v : doubled) v *= 2;
    homogeneous = std::max(homogeneous, relative_error(value_of(f, doubled), 2 * value));
    for (double& v : y) {
      v = -v;
      odd = std::max(odd, relative_error(parity_sum(y) / scale, -value));
      v = -v;
    }
    std::reverse(y.begin(), y.end());
    symmetric = std::max(symmetric, relative_error(parity_sum(y) / scale, value));
  });
  const std::string how = inputs.how() + kDifference;
  checks.push_back({"odd in each coordinate of S", odd, 0, kValueTolerance, how});
  checks.push_back({"symmetric in the coordinates of S", symmetric, 0, kValueTolerance, how});
  checks.push_back({"1-homogeneous", homogeneous, 0, kValueTolerance, how});
}

// --- invariance --------------------------------------------------------------------------------------------

// Largest |f(p x) - f(x)|, where coordinate i of x goes to permutation(number of the input)[i].
template <class Permutation>
Check check_invariance(const FrameParity& f, const CheckInputs& inputs, const std::string& title,
                       const Permutation& permutation) {
  Vector moved(f.law().n);
  const double largest = largest_error(with_ties(inputs), [&](Index number, MatrixView<const double> x) {
    const Images p = permutation(number);
    for (Index i = 0; i < x.rows; ++i) moved[p[i]] = x(i, 0);
    return std::abs(value_of(f, moved) - f.value(x));
  });
  return {"invariance under " + title, largest, 0, 0,
          inputs.how() + ", half of them with ties, largest difference"};
}

void check_invariances(const FrameParity& f, const CheckOptions& options, std::vector<Check>& checks) {
  const Images one = identity_images(f.law().n);
  const CheckInputs first(f, options, 3), second(f, options, 5), third(f, options, 7);
  if (f.law().frame == ParityFrame::none) return;
  checks.push_back(check_invariance(f, first, "the shift by one", [&](Index) { return rotated(one, 1); }));
  if (f.law().frame == ParityFrame::cyclic) {
    checks.push_back(check_invariance(f, second, "a random shift an input", [&](Index number) {
      return rotated(one, draws_of(second, 6, number).below(static_cast<std::uint32_t>(f.law().n)));
    }));
    return;
  }
  checks.push_back(
      check_invariance(f, second, "the transposition (0 1)", [&](Index) { return transposition(f.law().n); }));
  checks.push_back(check_invariance(f, third, "a random permutation an input",
                                    [&](Index number) { return shuffled(one, draws_of(third, 8, number)); }));
}

// --- statistics ----------------------------------------------------------------------------------------------

// Half width of an interval for a mean of values z that are as often z as -z given |z|: sums of signs, whose
// tails are those of a normal law of variance sum z^2 (Hoeffding), however heavy those of z are.
double signed_width(double squares, double samples, double errors) { return errors * std::sqrt(squares) / samples; }

void check_statistics(const FrameParity& f, const CheckInputs& inputs, std::vector<Check>& checks) {
  const ParityMoments& m = f.moments();
  double control_fourth = 0, worst = 0;
  const auto add = [&](Index, MatrixView<const double> x, double, double c) {
    worst = std::max(worst, relative_error(target_in_float(f, x), f.value(x)));
    control_fourth += c * c * c * c;
  };
  const Statistics s = statistics_of(inputs, add);
  const double total = s.target.count, fourth = control_fourth / total;
  const std::string how = inputs.how(), both = how + "; tolerance 5 s.e. of both estimates";
  checks.push_back({"training target = definition", worst, 0, kFloatTolerance, how + kDifference});
  checks.push_back({"mean of the target", s.target.mean(), 0, signed_width(s.target.squares, total, kErrors),
                    how + "; tolerance 5 s.e."});
  const double norm_error = m.mean_square_error / m.mean_square;
  checks.push_back({"norm of the target", s.target_squared.mean(), 1,
                    kErrors * std::sqrt(std::max(0.0, m.kurtosis - 1) / total + norm_error * norm_error), both});
  const double mean_error = m.control_mean_error / std::sqrt(m.control_variance);
  checks.push_back(
      {"mean of the control", s.control.mean(), 0, kErrors * std::sqrt(1 / total + mean_error * mean_error), both});
  const double variance_error = m.control_variance_error / m.control_variance;
  checks.push_back({"variance of the control", s.control_squared.mean(), 1,
                    kErrors * std::sqrt(std::max(1.0, fourth - 1) / total + variance_error * variance_error) +
                        mean_error * mean_error,
                    both});
}

// --- many members ------------------------------------------------------------------------------------------

// Members of one law: their sets, and E f_S^2 with what is known of it.
struct DrawnParities {
  FrameParityLaw law;
  std::vector<std::vector<Index>> sets;
  std::vector<ParityMoments> moments;
};

// Values of all members on shared inputs, one row a member.
Matrix<double> values_of(const DrawnParities& drawn, const CheckOptions& options, Index count) {
  const FrameParity any(drawn.law, drawn.sets.front(), 1.0);
  CheckInputs inputs(any, options, 20);
  inputs.count = count;
  Matrix<double> values(static_cast<Index>(drawn.sets.size()), count);
  Vector y(drawn.law.n);
  std::array<double, kMaxSetSize> part;
  for_each_input(inputs, [&](Index number, MatrixView<const double> x) {
    canonical_forms(drawn.law.frame, Block<const double>{x.data, 1, x.rows, 1, x.stride},
                    Block<double>{y.data(), 1, x.rows, 1, 1});
    for (std::size_t s = 0; s < drawn.sets.size(); ++s) {
      const std::vector<Index>& set = drawn.sets[s];
      for (std::size_t t = 0; t < set.size(); ++t) part[t] = y[set[t]];
      values(static_cast<Index>(s), number) =
          parity_sum({part.data(), set.size()}) / std::sqrt(drawn.moments[s].mean_square);
    }
  });
  return values;
}

std::vector<Check> check_gram(const DrawnParities& drawn, const CheckOptions& options) {
  const Index members = static_cast<Index>(drawn.sets.size()), pairs = members * (members + 1) / 2;
  const Index count = std::clamp<Index>((Index{1} << 31) / pairs, 1, options.samples);
  const Matrix<double> values = values_of(drawn, options, count);
  const double total = static_cast<double>(count), errors = errors_of_largest(static_cast<double>(pairs));
  Worst means, norm, gram;
  for (Index i = 0; i < members; ++i) {
    const double *f = values.view().row(i), *last = f + count;
    const double squares = std::inner_product(f, last, f, 0.0);
    means.compare(std::accumulate(f, last, 0.0) / total, 0, signed_width(squares, total, errors));
    const ParityMoments& m = drawn.moments[i];
    const double error = m.mean_square_error / m.mean_square;
    norm.compare(squares / total, 1, errors * std::sqrt(std::max(0.0, m.kurtosis - 1) / total + error * error));
    for (Index j = 0; j < i; ++j) {
      const double* g = values.view().row(j);
      double product = 0, product_squares = 0;
      for (Index e = 0; e < count; ++e) {
        product += f[e] * g[e];
        product_squares += f[e] * g[e] * f[e] * g[e];
      }
      if (drawn.sets[i] != drawn.sets[j])
        gram.compare(product / total, 0, signed_width(product_squares, total, errors));
    }
  }
  const std::string how = fmt::format("{} members, {} random inputs, seed {}; tolerance {:.2f} s.e.", members,
                                      count, options.seed, errors);
  return {means.check("means of the members", "worst of " + how),
          norm.check("norms of the members", "worst of " + how),
          gram.check("Gram matrix of the members: 0 for S != T", "worst entry of " + how)};
}

}  // namespace

std::vector<Check> FrameParity::check(const CheckOptions& options) const {
  require_samples(options);
  std::vector<Check> checks;
  if (law_.k <= kMaxNetworkSetSize) checks.push_back(check_network(*this, options));
  checks.push_back(check_sum(*this, options));
  check_structure(*this, {*this, options, 2}, checks);
  check_invariances(*this, options, checks);
  check_statistics(*this, {*this, options, 10}, checks);
  if (law_.frame == ParityFrame::none)
    checks.push_back({"norm_sq = 2^k sum_j (-1)^j C(k, j) kappa1((k - 2j) / k)", norm_sq_, unframed_norm_sq(law_.k),
                      1e-12 + 1e-9 * norm_sq_, "closed form"});
  return checks;
}

std::vector<Check> check_frame_parities(const FrameParityLaw& law, Index members, const CheckOptions& options) {
  require_members(members);
  require_samples(options);
  const FrameParitySampler sampler(law);
  DrawnParities drawn{
      law, draw_members(members, options.seed, [&](std::uint64_t seed) { return sampler.draw(seed); }), {}};
  drawn.moments = parity_moments(law, drawn.sets);
  return check_gram(drawn, options);
}

}  // namespace eqnn::hard
