// Exact facts of the law of gnn-degree-parity.
#include "law.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "gnn_degree_parity.h"
#include "random_graphs.h"

namespace eqnn::hard {

// --- sets of classes -----------------------------------------------------------------------------------

void require_nodes(Index n) {
  require(n >= 2, "n is ", n, "; need n >= 2 nodes");
  require(n <= kMaxNodes, "n is ", n, "; at most ", kMaxNodes, " nodes are supported");
}

void require_edge_probability(double q) {
  if (!(q >= kLeastEdgeProbability && q <= 1 - kLeastEdgeProbability))
    throw ValueError(fmt::format("edge-probability is {}; it must lie between 0 and 1, 2^-32 away from both", q));
}

std::vector<std::uint8_t> class_flags(std::span<const Index> classes, Index levels) {
  std::vector<std::uint8_t> flags(levels);
  for (const Index i : classes) {
    require(i >= 1 && i <= levels, "S contains ", i, "; its entries are degree classes, 1 to ", levels);
    auto& flag = flags[i - 1];
    require(flag == 0, "S contains ", i, " twice; name each degree class once");
    flag = 1;
  }
  return flags;
}

namespace {

// From the most likely degree on in both directions, so that nothing large comes of what underflowed.
std::vector<long double> binomial_probabilities(Index top, long double q) {
  std::vector<long double> p(top + 1);
  const auto mode = std::min(top, static_cast<Index>(static_cast<long double>(top + 1) * q));
  const long double odds = q / (1 - q);
  const auto ratio = [&](Index k) {  // p_k / p_{k-1}
    return static_cast<long double>(top - k + 1) / static_cast<long double>(k) * odds;
  };
  p[mode] = 1;
  for (Index k = mode + 1; k <= top; ++k) p[k] = p[k - 1] * ratio(k);
  for (Index k = mode; k > 0; --k) p[k - 1] = p[k] / ratio(k);
  const long double sum = std::accumulate(p.begin(), p.end(), 0.0L);
  for (long double& v : p) v /= sum;
  return p;
}

}  // namespace

// p_i by p_{i+1} = p_i (N - i + 1) / i: exact up to N = 63, and long double holds 2^-1024.
std::vector<long double> long_probabilities(Index n, bool self_loops, double edge_probability) {
  require_edge_probability(edge_probability);
  const Index levels = degree_classes(n, self_loops), top = levels - 1;
  if (edge_probability != 0.5) return binomial_probabilities(top, edge_probability);
  std::vector<long double> p(levels);
  p[0] = std::ldexp(1.0L, -static_cast<int>(top));
  for (Index i = 1; i < levels; ++i)
    p[i] = p[i - 1] * static_cast<long double>(top - i + 1) / static_cast<long double>(i);
  return p;
}

ClassSplit class_split(const std::vector<long double>& p, const std::vector<std::uint8_t>& flags) {
  ClassSplit s;
  for (std::size_t i = 0; i < p.size(); ++i) (flags[i] != 0 ? s.inside : s.outside) += p[i];
  return s;
}

long double signed_power(const ClassSplit& s, Index n) {
  return std::pow(s.outside - s.inside, static_cast<long double>(n));
}

// --- the law -------------------------------------------------------------------------------------------

Index degree_classes(Index n, bool self_loops) {
  require_nodes(n);
  return self_loops ? n + 1 : n;
}

std::vector<double> class_probabilities(Index n, bool self_loops, double edge_probability) {
  const auto p = long_probabilities(n, self_loops, edge_probability);
  std::vector<double> rounded;
  for (const long double v : p) rounded.push_back(static_cast<double>(v));
  return rounded;
}

double set_probability(Index n, bool self_loops, std::span<const Index> classes, double edge_probability) {
  const auto p = long_probabilities(n, self_loops, edge_probability);
  return static_cast<double>(class_split(p, class_flags(classes, degree_classes(n, self_loops))).inside);
}

double mean_sign(Index n, bool self_loops, std::span<const Index> classes, int b, double edge_probability) {
  const auto p = long_probabilities(n, self_loops, edge_probability);
  const auto mean = signed_power(class_split(p, class_flags(classes, degree_classes(n, self_loops))), n);
  return static_cast<double>(b % 2 == 0 ? mean : -mean);
}

double sign_correlation(Index n, bool self_loops, std::span<const Index> s, int b, std::span<const Index> t,
                        int b_t, double edge_probability) {
  const Index levels = degree_classes(n, self_loops);
  auto flags = class_flags(s, levels);
  const auto others = class_flags(t, levels);
  for (std::size_t i = 0; i < flags.size(); ++i) flags[i] ^= others[i];
  const auto mean = signed_power(class_split(long_probabilities(n, self_loops, edge_probability), flags), n);
  return static_cast<double>((b + b_t) % 2 == 0 ? mean : -mean);
}

double collision_probability(Index n, bool self_loops, double edge_probability) {
  // Put t = 2n u and divide by e^{2n}: the factor of class i becomes the even part of a Poisson law of
  // mean 2n p_i, and the coefficient is divided by P(Poisson(2n) = 2n). So nothing over- or underflows.
  const auto p = long_probabilities(n, self_loops, edge_probability);
  const double total = 2 * static_cast<double>(n);
  const std::size_t size = static_cast<std::size_t>(n) + 1;
  std::vector<double> product(size), next(size);
  product[0] = 1;
  for (const long double p_i : p) {
    const double mean = total * static_cast<double>(p_i);
    // e^-mean mean^2j / (2j)!, from one to the next; by logarithms where the first ones underflow.
    const bool steps = mean < 600;
    double even = std::exp(-mean);
    std::fill(next.begin(), next.end(), 0.0);
    for (std::size_t j = 0; j < size && (even > 0 || !steps); ++j) {
      const double two_j = 2 * static_cast<double>(j);
      if (!steps) even = std::exp(two_j * std::log(mean) - std::lgamma(two_j + 1) - mean);
      for (std::size_t k = 0; k + j < size; ++k) next[k + j] += even * product[k];
      if (steps) even *= mean * mean / ((two_j + 1) * (two_j + 2));
    }
    product.swap(next);
  }
  long double at_total = 1;
  for (Index k = 1; k <= 2 * n; ++k)
    at_total *= static_cast<long double>(total) / static_cast<long double>(k) * std::exp(-1.0L);
  return static_cast<double>(static_cast<long double>(product.back()) / at_total);
}

std::optional<double> largest_cell(Index n, bool self_loops, double edge_probability) {
  const auto p = long_probabilities(n, self_loops, edge_probability);
  if (p.size() > 20) return std::nullopt;
  const std::size_t sets = std::size_t{1} << p.size();
  // P(c = v) = 2^-L sum_U (-1)^{|U and v|} (1 - 2 p_U)^n: subset sums, powers, Walsh-Hadamard transform.
  std::vector<double> cell(sets);
  for (std::size_t i = 0; i < p.size(); ++i)
    for (std::size_t u = std::size_t{1} << i, end = 2 * u, v = 0; u < end; ++u, ++v)
      cell[u] = cell[v] + static_cast<double>(p[i]);
  for (double& v : cell) v = std::pow(1 - 2 * v, static_cast<double>(n));
  for (std::size_t half = 1; half < sets; half *= 2)
    for (std::size_t u = 0; u < sets; ++u)
      if ((u & half) == 0) {
        const double a = cell[u], b = cell[u + half];
        cell[u] = a + b;
        cell[u + half] = a - b;
      }
  return *std::max_element(cell.begin(), cell.end()) / static_cast<double>(sets);
}

Index spread_classes(Index n, bool self_loops, double gamma, double edge_probability) {
  const auto p = class_probabilities(n, self_loops, edge_probability);
  return std::count_if(p.begin(), p.end(), [&](double p_i) {
    return std::pow(std::abs(1 - 2 * p_i), static_cast<double>(n)) <= gamma;
  });
}

std::vector<Index> degree_counts(MatrixView<const double> adjacency, bool self_loops) {
  const Index n = adjacency.rows;
  require(adjacency.cols == n, "the adjacency matrix is ", n, " x ", adjacency.cols, "; it must be square");
  std::vector<Index> counts(degree_classes(n, self_loops));
  for (Index i = 0; i < n; ++i) {
    const double* row = adjacency.row(i);
    // Without branches on random bits, which no machine predicts.
    bool allowed = true;
    for (Index j = 0; j < n; ++j) allowed &= (row[j] == 0) | (row[j] == 1);
    if (!allowed) {
      const double* bad = std::find_if(row, row + n, [](double a) { return a != 0 && a != 1; });
      throw ValueError(fmt::format("adjacency entry ({}, {}) is {}; entries must be 0 or 1", i, bad - row, *bad));
    }
    ++counts[static_cast<Index>(row_sum(row, n) - (self_loops ? 0 : row[i]))];
  }
  return counts;
}

}  // namespace eqnn::hard
