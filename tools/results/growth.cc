#include "results/growth.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include <fmt/core.h>

namespace tools {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kHalfQuantile = 1.959963984540054;     // of the normal law, 97.5 %
constexpr double kProfileFall = 3.841458820694124 / 2;  // of the log-likelihood: chi-squared, 1 degree, 95 %

// log P(Z > z); beyond 30 by the tail's expansion, where erfc has no digits left.
double log_upper_tail(double z) {
  if (z < 30) return std::log(std::erfc(z / std::sqrt(2.0)) / 2);
  return -z * z / 2 - std::log(z * std::sqrt(2 * M_PI)) + std::log1p(-1 / (z * z));
}

double log_density(double z) { return -z * z / 2 - std::log(2 * M_PI) / 2; }

// One run, standardised: log P(low < Z <= high), its derivatives by the two ends.
struct Bin {
  double log_p = 0, by_low = 0, by_high = 0, low_low = 0, high_high = 0, low_high = 0;
};

Bin bin_of(double low, double high) {
  // Seen from the side on which both tails are small.
  if (low + high < 0) {
    Bin c = bin_of(-high, -low);
    std::swap(c.by_low, c.by_high);
    c.by_low = -c.by_low, c.by_high = -c.by_high;
    std::swap(c.low_low, c.high_high);
    return c;
  }
  Bin c;
  const double upper = low == -kInfinity ? 0 : log_upper_tail(low);
  c.log_p = high == kInfinity ? upper : upper + std::log1p(-std::exp(log_upper_tail(high) - upper));
  const double f = low == -kInfinity ? 0 : std::exp(log_density(low) - c.log_p);
  const double g = high == kInfinity ? 0 : std::exp(log_density(high) - c.log_p);
  c.by_low = -f, c.by_high = g;
  c.low_low = f == 0 ? 0 : f * (low - f);
  c.high_high = g == 0 ? 0 : -g * (high + g);
  c.low_high = f * g;
  return c;
}

// A run as the fit sees it: z = gamma (log t - offset) - alpha - beta u at both ends.
struct Observation {
  double log_after, log_by;
  double offset, u;
};

using Vector = std::array<double, 3>;  // alpha, beta, gamma

struct Slope {
  double value = 0;
  Vector gradient{};
  std::array<Vector, 3> hessian{};
};

Slope likelihood(const std::vector<Observation>& all, const Vector& at) {
  Slope s;
  for (const Observation& o : all) {
    const double x = o.log_after - o.offset, y = o.log_by - o.offset, shift = at[0] + at[1] * o.u;
    const Bin c = bin_of(at[2] * x - shift, at[2] * y - shift);
    s.value += c.log_p;
    const Vector low{-1, -o.u, std::isfinite(x) ? x : 0}, high{-1, -o.u, std::isfinite(y) ? y : 0};
    for (std::size_t i = 0; i < 3; ++i) {
      s.gradient[i] += c.by_low * low[i] + c.by_high * high[i];
      for (std::size_t j = 0; j < 3; ++j)
        s.hessian[i][j] += c.low_low * low[i] * low[j] + c.high_high * high[i] * high[j] +
                           c.low_high * (low[i] * high[j] + high[i] * low[j]);
    }
  }
  return s;
}

// The step of Newton's method up a concave function, by Cholesky's factors of -hessian with a little added to its
// diagonal, where the data leave a direction flat.
Vector newton_step(const Slope& s, bool has_slope) {
  std::array<Vector, 3> l{};
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      const bool fixed = !has_slope && (i == 1 || j == 1);
      double v = fixed ? (i == j ? 1.0 : 0.0) : -s.hessian[i][j] + (i == j ? 1e-9 - s.hessian[i][i] * 1e-9 : 0);
      for (std::size_t k = 0; k < j; ++k) v -= l[i][k] * l[j][k];
      l[i][j] = i == j ? std::sqrt(std::max(v, 1e-12)) : v / l[j][j];
    }
  Vector y = s.gradient;
  if (!has_slope) y[1] = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t k = 0; k < i; ++k) y[i] -= l[i][k] * y[k];
    y[i] /= l[i][i];
  }
  for (std::size_t i = 3; i-- > 0;) {
    for (std::size_t k = i + 1; k < 3; ++k) y[i] -= l[k][i] * y[k];
    y[i] /= l[i][i];
  }
  return y;
}

struct Fit {
  Vector at{};
  double log_likelihood = -kInfinity;
};

// At most a scatter of 1/1000: runs of one size that all learn between the same two tests allow any below.
Fit maximise(const std::vector<Observation>& all, bool has_slope, std::optional<Vector> start = {}) {
  double mean = 0;
  for (const Observation& o : all) mean += (std::isfinite(o.log_by) ? o.log_by : o.log_after) - o.offset;
  mean /= static_cast<double>(all.size());
  Fit fit{start.value_or(Vector{mean / 3, 0, 1.0 / 3}), 0};
  Slope here = likelihood(all, fit.at);
  for (int turn = 0; turn < 200; ++turn) {
    const Vector step = newton_step(here, has_slope);
    double length = 1;
    Slope next;
    Vector to{};
    for (; length > 1e-9; length /= 2) {
      for (std::size_t i = 0; i < 3; ++i) to[i] = fit.at[i] + length * step[i];
      if (to[2] <= 0 || to[2] > 1000) continue;
      next = likelihood(all, to);
      if (next.value > here.value) break;
    }
    if (!(next.value > here.value) || length <= 1e-9) break;
    const double gain = next.value - here.value;
    fit.at = to;
    here = next;
    if (gain < 1e-10) break;
  }
  fit.log_likelihood = here.value;
  return fit;
}

// What a law says of log T at a size, up to its constants: offset + b u.
struct Shape {
  std::string name;
  std::function<double(const SizeTimes&)> offset, u;  // u empty: there is no b
};

std::vector<Observation> observations(const std::vector<SizeTimes>& sizes,
                                      const std::function<double(const SizeTimes&)>& offset,
                                      const std::function<double(const SizeTimes&)>& u) {
  std::vector<Observation> all;
  for (const SizeTimes& s : sizes)
    for (const LearningTime& t : s.times)
      all.push_back({std::log(t.after), std::log(t.by), offset ? offset(s) : 0, u ? u(s) : 0});
  return all;
}

GrowthLaw fit_law(const std::vector<SizeTimes>& sizes, const Shape& shape) {
  const Fit fit = maximise(observations(sizes, shape.offset, shape.u), bool(shape.u));
  GrowthLaw law;
  law.name = shape.name;
  law.scatter = 1 / fit.at[2];
  law.a = fit.at[0] / fit.at[2];
  law.b = shape.u ? fit.at[1] / fit.at[2] : std::nan("");
  law.log_likelihood = fit.log_likelihood;
  law.parameters = shape.u ? 3 : 2;
  for (const SizeTimes& s : sizes)
    law.log_mean.push_back(law.a + (shape.offset ? shape.offset(s) : 0) + (shape.u ? law.b * shape.u(s) : 0));
  return law;
}

double log_size(const SizeTimes& s) { return std::log(s.size); }

// The exponent in a direction, +1 or -1, from that of n^b, at which the profile has fallen by what 95 % allow;
// infinite where it has not at 50.
double profile_end(const std::vector<SizeTimes>& sizes, const GrowthLaw& power_law, double direction) {
  Vector start{power_law.a / power_law.scatter, 0, 1 / power_law.scatter};
  const auto fallen = [&](double distance) {
    const double b = power_law.b + direction * distance;
    const auto offset = [b](const SizeTimes& s) { return b * log_size(s); };
    const Fit fit = maximise(observations(sizes, offset, {}), false, start);
    return fit.log_likelihood < power_law.log_likelihood - kProfileFall;
  };
  double low = 0, high = 0.25;
  while (!fallen(high)) {
    low = high;
    high *= 2;
    if (high > 50) return direction * kInfinity;
  }
  while (high - low > 1e-5 * high) {
    const double middle = (low + high) / 2;
    (fallen(middle) ? high : low) = middle;
  }
  return power_law.b + direction * high;
}

// P(X > x) for a chi-squared X of `degrees`, by the series of the incomplete gamma function.
double chi_squared_tail(double x, int degrees) {
  const double a = degrees / 2.0, y = std::max(x, 0.0) / 2;
  double term = 1 / a, sum = term;
  for (int i = 1; i < 2000 && term > sum * 1e-16; ++i) sum += term *= y / (a + i);
  return std::clamp(1 - sum * std::exp(-y + a * std::log(std::max(y, 1e-300)) - std::lgamma(a)), 0.0, 1.0);
}

// The highest likelihood of one size at a scatter, by Newton's method on alpha, in which it is concave.
double of_one_size(const std::vector<Observation>& all, double gamma) {
  double alpha = 0;
  for (const Observation& o : all) alpha += gamma * (std::isfinite(o.log_by) ? o.log_by : o.log_after);
  alpha /= static_cast<double>(all.size());
  Slope here = likelihood(all, {alpha, 0, gamma});
  for (int turn = 0; turn < 50; ++turn) {
    double step = here.gradient[0] / std::max(-here.hessian[0][0], 1e-6);
    Slope next = likelihood(all, {alpha + step, 0, gamma});
    while (!(next.value >= here.value) && std::abs(step) > 1e-9)
      next = likelihood(all, {alpha + (step /= 2), 0, gamma});
    if (!(next.value > here.value + 1e-9)) break;
    alpha += step;
    here = next;
  }
  return here.value;
}

// The likelihood where every size has a mean of its own and all one scatter: along the scatter it has one maximum,
// as concave functions that share gamma do when each has been maximised over its own mean.
double saturated(const std::vector<SizeTimes>& sizes) {
  std::vector<std::vector<Observation>> each;
  for (const SizeTimes& s : sizes) each.push_back(observations({s}, {}, {}));
  const auto at_scatter = [&](double log_gamma) {
    double sum = 0;
    for (const auto& all : each) sum += of_one_size(all, std::exp(log_gamma));
    return sum;
  };
  const double golden = (std::sqrt(5.0) - 1) / 2;
  double low = std::log(1e-2), high = std::log(1e3);  // of gamma
  double left = high - golden * (high - low), right = low + golden * (high - low);
  double at_left = at_scatter(left), at_right = at_scatter(right);
  for (int turn = 0; turn < 25; ++turn) {
    const bool down = at_left > at_right;
    (down ? high : low) = down ? right : left;
    (down ? right : left) = down ? left : right;
    (down ? at_right : at_left) = down ? at_left : at_right;
    double& fresh = down ? left : right;
    fresh = down ? high - golden * (high - low) : low + golden * (high - low);
    (down ? at_left : at_right) = at_scatter(fresh);
  }
  return std::max(at_left, at_right);
}

std::vector<Shape> shapes_of(const std::vector<SizeTimes>& sizes, const std::string& n,
                             std::optional<double> power) {
  std::vector<Shape> shapes{
      {"constant", {}, {}},
      {n + "^b", {}, log_size},
      {fmt::format("2^(c sqrt {})", n), {}, [](const SizeTimes& s) { return std::log(2) * std::sqrt(s.size); }},
      {fmt::format("2^(c {})", n), {}, [](const SizeTimes& s) { return std::log(2) * s.size; }}};
  if (std::ranges::all_of(sizes, [](const SizeTimes& s) { return std::isfinite(s.log_effective); }))
    shapes.push_back({"N_eff", [](const SizeTimes& s) { return s.log_effective; }, {}});
  if (power)
    shapes.push_back(
        {fmt::format("{}^{:g}", n, *power), [p = *power](const SizeTimes& s) { return p * log_size(s); }, {}});
  return shapes;
}

std::string why_not(const std::vector<SizeTimes>& sizes) {
  std::ptrdiff_t learned = 0;
  for (const SizeTimes& s : sizes) learned += std::ranges::count_if(s.times, &LearningTime::learned);
  if (sizes.size() < 3) return fmt::format("{} sizes, a fit needs 3", sizes.size());
  if (learned < 6) return fmt::format("{} runs learned, a fit needs 6", learned);
  return "";
}

// Whether one law is the other at some b, or the same: their difference is one of b's interval, not of likelihoods.
bool nested(const GrowthLaw& a, const GrowthLaw& b) {
  if (a.name == b.name) return true;
  const auto power = [](const GrowthLaw& law) {
    return law.name.find('^') != std::string::npos && !law.name.starts_with("2^");
  };
  const bool constant = a.name == "constant" || b.name == "constant";
  if (constant) return !std::isnan(a.name == "constant" ? b.b : a.b);
  return power(a) && power(b);
}

}  // namespace

std::vector<SurvivalStep> kaplan_meier(const std::vector<LearningTime>& times) {
  std::vector<double> learned;
  for (const LearningTime& t : times)
    if (t.learned()) learned.push_back(t.by);
  std::sort(learned.begin(), learned.end());
  std::vector<SurvivalStep> steps;
  double fraction = 1, variance = 0;  // of log S: Greenwood's sum
  for (auto at = learned.begin(); at != learned.end();) {
    const double time = *at;
    const auto next = std::upper_bound(at, learned.end(), time);
    const auto events = static_cast<double>(next - at);
    // A run that ended at the very time had not learned by it: it was still at work.
    const auto at_work = static_cast<double>(std::ranges::count_if(
        times, [&](const LearningTime& t) { return t.learned() ? t.by >= time : t.after >= time; }));
    at = next;
    fraction *= 1 - events / at_work;
    variance += events / (at_work * (at_work - events));
    SurvivalStep step{time, std::max(fraction, 0.0), {0, 1}};
    if (events < at_work) {
      const double log_log = std::log(-std::log(fraction));
      const double spread = kHalfQuantile * std::sqrt(variance) / std::abs(std::log(fraction));
      step.interval = {std::exp(-std::exp(log_log + spread)), std::exp(-std::exp(log_log - spread))};
    }
    steps.push_back(step);
  }
  return steps;
}

MedianTime median_time(const std::vector<SurvivalStep>& steps) {
  MedianTime m;
  bool low_found = false;
  for (const SurvivalStep& s : steps) {
    if (s.fraction <= 0.5 + 1e-12) m.value = std::min(m.value, s.time);
    // S = 0: no interval, and half is past.
    const double low = s.fraction <= 0 ? 0 : s.interval.low, high = s.fraction <= 0 ? 0 : s.interval.high;
    if (low <= 0.5 && !low_found) m.interval.low = s.time, low_found = true;
    if (high <= 0.5) m.interval.high = std::min(m.interval.high, s.time);
  }
  if (!low_found) m.interval.low = kInfinity;
  return m;
}

Growth fit_growth(const std::vector<SizeTimes>& sizes, const std::string& size, std::optional<double> power) {
  Growth growth;
  growth.note = why_not(sizes);
  if (!growth.note.empty()) return growth;
  for (const Shape& shape : shapes_of(sizes, size, power)) growth.laws.push_back(fit_law(sizes, shape));
  const auto aic = [](const GrowthLaw& law) { return 2 * law.parameters - 2 * law.log_likelihood; };
  std::vector<double> sorted;
  for (const GrowthLaw& law : growth.laws) sorted.push_back(aic(law));
  growth.best = static_cast<std::size_t>(std::ranges::min_element(sorted) - sorted.begin());
  std::sort(sorted.begin(), sorted.end());
  double next = kInfinity;
  for (const GrowthLaw& law : growth.laws)
    if (!nested(growth.laws[growth.best], law)) next = std::min(next, aic(law));
  growth.margin = std::exp((next - sorted[0]) / 2);
  for (GrowthLaw& law : growth.laws) law.relative = std::exp((sorted[0] - aic(law)) / 2);
  const GrowthLaw& power_law = growth.laws[1];
  growth.exponent = {profile_end(sizes, power_law, -1), profile_end(sizes, power_law, 1)};
  const GrowthLaw& best = growth.laws[growth.best];
  if (const int degrees = static_cast<int>(sizes.size()) + 1 - best.parameters; degrees > 0)
    growth.fit = chi_squared_tail(2 * (saturated(sizes) - best.log_likelihood), degrees);
  return growth;
}

std::string ends_text(const Interval& interval) {
  const auto end = [](double v) { return std::isfinite(v) ? fmt::format("{:.2g}", v) : "any"; };
  return fmt::format("[{}, {}]", end(interval.low), end(interval.high));
}

std::string margin_text(const Growth& growth) {
  if (std::isinf(growth.margin)) return "";
  const std::string odds = growth.margin > 1000   ? "over 1000"
                           : growth.margin > 99.5 ? fmt::format("{:.0f}", growth.margin)
                                                  : fmt::format("{:.2g}", growth.margin);
  return fmt::format(", {} to 1{}", odds, growth.decided() ? "" : ": undecided");
}

std::string growth_text(const Growth& growth, const std::string& size) {
  if (!growth.note.empty()) return growth.note;
  const GrowthLaw& best = growth.laws[growth.best];
  std::string text = fmt::format("{}^{:.2g} {}", size, growth.laws[1].b, ends_text(growth.exponent));
  text += growth.grows() ? ": grows" : growth.exponent.high < 0 ? ": falls" : ": no growth shown";
  std::string others;
  for (const GrowthLaw& law : growth.laws)
    if (&law != &best) others += fmt::format("{}{} {:.2g}", others.empty() ? "" : ", ", law.name, law.relative);
  text += fmt::format("; likeliest {}{} (against 1: {}); fit p = {:.2g}", best.name, margin_text(growth), others,
                      growth.fit);
  return text;
}

}  // namespace tools
