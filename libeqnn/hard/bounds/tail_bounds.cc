// Bounds from the law of the correlations between members.

#include <algorithm>
#include <cmath>
#include <vector>

#include "bounds.h"

namespace eqnn::hard {
namespace {

constexpr double kMostQueries = 1e300;

void check(double tau, double prob) {
  require(tau > 0 && tau <= 1, "tau is ", tau, "; a tolerance above 0 and at most 1 is needed");
  require(prob > 0 && prob <= 1, "prob is ", prob, "; a probability above 0 and at most 1 is needed");
}

// Values gamma in (first, 1), each larger than the one before by the same factor, 1 at the end.
std::vector<double> geometric(double first, int cells) {
  std::vector<double> gamma;
  for (int i = 0; i <= cells; ++i) gamma.push_back(std::exp(std::log(first) * (cells - i) / cells));
  return gamma;
}

// prob exp(log_share) - 1 where log_share = log((tau^2 - gamma) / what a query may hit), held within its limits.
TailQueries queries_at(double log_share, double gamma, double prob) {
  return {std::max(0.0, prob * std::exp(std::min(log_share, std::log(kMostQueries))) - 1), gamma};
}

}  // namespace

TailQueries tail_queries(const std::function<double(double)>& log_tail, double tau, double prob) {
  check(tau, prob);
  const double square = tau * tau;
  const auto log_share = [&](double part) { return std::log(square * (1 - part)) - log_tail(square * part); };
  // The best of a grid, and then of ever finer ones about it: every point is a bound.
  double best = 0.5, width = 0.5;
  for (int round = 0; round < 6; ++round, width /= 12) {
    const double middle = best;
    for (int i = -24; i <= 24; ++i) {
      const double part = middle + width * i / 25;
      if (part > 0 && part < 1 && log_share(part) > log_share(best)) best = part;
    }
  }
  return queries_at(log_share(best), square * best, prob);
}

TailQueries mean_excess_queries(const std::function<double(double)>& log_tail, double tau, double prob) {
  check(tau, prob);
  const double square = tau * tau;
  const std::vector<double> gamma = geometric(square * 1e-3, 1024);
  // log of the integral from gamma[i] to 1, each cell at its left end: the tail falls, so that it is no smaller.
  double log_integral = -INFINITY, most = -INFINITY, where = square;
  for (std::size_t i = gamma.size() - 1; i-- > 0;) {
    const double cell = std::log(gamma[i + 1] - gamma[i]) + log_tail(gamma[i]);
    const double larger = std::max(cell, log_integral), smaller = std::min(cell, log_integral);
    log_integral = larger + std::log1p(std::exp(smaller - larger));
    if (gamma[i] >= square) continue;
    const double share = std::log(square - gamma[i]) - log_integral;
    if (share > most) {
      most = share;
      where = gamma[i];
    }
  }
  return queries_at(most, where, prob);
}

}  // namespace eqnn::hard
