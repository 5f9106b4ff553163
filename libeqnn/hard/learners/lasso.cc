#include "lasso.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "../../kernels/kernels.h"
#include "product_basis.h"

namespace eqnn::hard {
namespace {

double mean_square(std::span<const double> y) {
  return kernels::dot(static_cast<Index>(y.size()), y.data(), y.data()) / static_cast<double>(y.size());
}

// Coordinate descent on the first `samples` entries of the columns; column 0, the constant, is left out.
class CoordinateDescent {
 public:
  CoordinateDescent(MatrixView<const double> columns, std::span<const double> y, Index samples)
      : columns_(columns), samples_(samples), left_(y.begin(), y.begin() + samples), b_(columns.rows) {
    for (Index k = 0; k < columns.rows; ++k) squares_.push_back(mean(columns.row(k), columns.row(k)));
  }

  const std::vector<double>& coefficients() const { return b_; }
  Index sweeps() const { return sweeps_; }
  std::vector<Index> support() const {
    std::vector<Index> list;
    for (Index k = 1; k < columns_.rows; ++k)
      if (b_[k] != 0) list.push_back(k);
    return list;
  }
  // The smallest lambda at which all coefficients are 0, from the start.
  double largest_lambda() const {
    double most = 0;
    for (Index k = 1; k < columns_.rows; ++k) most = std::max(most, std::abs(mean(left_.data(), columns_.row(k))));
    return most;
  }
  // To the minimum at this lambda: the active columns until they rest, then a sweep over all that adds those whose
  // gradient is above lambda, until there are none.
  void descend(double lambda) {
    constexpr int kMostRounds = 50, kMostPasses = 1000;
    for (int round = 0; round < kMostRounds; ++round) {
      const std::vector<Index> active = support();
      for (int pass = 0; pass < kMostPasses && !active.empty(); ++pass) {
        double moved = 0;
        for (const Index k : active) moved = std::max(moved, update(k, lambda));
        if (moved <= 1e-7 * lambda) break;
      }
      ++sweeps_;
      double moved = 0;
      for (Index k = 1; k < columns_.rows; ++k) moved = std::max(moved, update(k, lambda));
      if (moved <= 1e-5 * lambda) return;
    }
  }
  // Mean square of y - sum b_k phi_k over examples [samples, samples + count).
  double loss(std::span<const double> y, Index count) const {
    std::vector<double> rest(y.begin() + samples_, y.begin() + samples_ + count);
    for (const Index k : support()) add(count, -b_[k], columns_.row(k) + samples_, rest.data());
    return mean_square(rest);
  }

 private:
  // y += a x. Not kernels::axpy, which reads whole vectors and so needs padded memory.
  static void add(Index count, double a, const double* x, double* y) {
    for (Index i = 0; i < count; ++i) y[i] += a * x[i];
  }
  double mean(const double* x, const double* z) const {
    return kernels::dot(samples_, x, z) / static_cast<double>(samples_);
  }
  // The best value of one coefficient; how far it moved.
  double update(Index k, double lambda) {
    const double square = squares_[k];
    if (square == 0) return 0;
    double& b = b_[k];
    const double gradient = mean(left_.data(), columns_.row(k)) + square * b;
    const double after = std::copysign(std::max(std::abs(gradient) - lambda, 0.0), gradient) / square;
    const double step = after - b;
    if (step == 0) return 0;
    add(samples_, -step, columns_.row(k), left_.data());
    b = after;
    return std::abs(step);
  }

  MatrixView<const double> columns_;
  Index samples_, sweeps_ = 0;
  std::vector<double> left_, b_, squares_;
};

// The best lambda of a path down from the largest useful one, by the loss on the examples after the first
// `samples`. The path ends where the loss has risen for five values, or the coefficients are as many as the
// samples.
double validated_lambda(MatrixView<const double> columns, std::span<const double> y, Index samples, Index& sweeps) {
  constexpr int kPath = 30, kPatience = 5;
  CoordinateDescent descent(columns, y, samples);
  const double most = descent.largest_lambda();
  double best = most, best_loss = std::numeric_limits<double>::infinity();
  int worse = 0;
  for (int i = 0; i < kPath && worse < kPatience && most > 0; ++i) {
    const double lambda = most * std::pow(0.01, static_cast<double>(i) / (kPath - 1));
    descent.descend(lambda);
    const double loss = descent.loss(y, static_cast<Index>(y.size()) - samples);
    worse = loss < best_loss ? 0 : worse + 1;
    if (loss < best_loss) {
      best_loss = loss;
      best = lambda;
    }
    if (2 * static_cast<Index>(descent.support().size()) > samples) break;
  }
  sweeps += descent.sweeps();
  return best;
}

// Terms that least squares shows to be 0 are no part of a polynomial that fits without error.
LearnedPolynomial fit_support(Law law, MatrixView<const double> z, std::span<const double> y,
                              std::vector<PolynomialTerm> terms) {
  LearnedPolynomial fit = fit_terms(law, z, y, terms);
  if (!fit.verified) return fit;
  std::vector<PolynomialTerm> kept;
  for (const PolynomialTerm& t : fit.terms)
    if (std::abs(t.coefficient) > 1e-9) kept.push_back(t);
  return kept.size() < fit.terms.size() ? fit_terms(law, z, y, kept) : fit;
}

}  // namespace

LassoResult learn_lasso(Law law, MatrixView<const double> z, std::span<const double> y,
                        const LassoOptions& options) {
  check_labels(z, y);
  require(z.rows >= 5, "the lasso has ", z.rows, " samples; at least 5 are needed");
  const double products = product_count(false, z.cols, options.degree);
  require(products * static_cast<double>(z.rows) <= static_cast<double>(kMaxLassoEntries), "the lasso needs all ",
          static_cast<std::int64_t>(std::min(products, 9e18)), " products of ", z.cols, " generators up to degree ",
          options.degree, ", times ", z.rows, " samples; at most ", kMaxLassoEntries,
          " numbers are allowed: take fewer generators, samples, or a smaller degree, or growing-basis");
  if (options.choice == LassoOptions::Choice::given)
    require(options.lambda > 0 && std::isfinite(options.lambda), "lambda is ", options.lambda,
            "; it must be finite and above 0");
  const ProductBasis basis(law, z.cols, options.degree);
  Matrix<double> columns(basis.size(), z.rows);
  basis.expand(z, 0, columns.view());

  LassoResult result;
  result.products = basis.size() - 1;
  const double p = static_cast<double>(result.products), m = static_cast<double>(z.rows);
  const double mean = std::accumulate(y.begin(), y.end(), 0.0) / m;
  result.lambda = options.choice == LassoOptions::Choice::given ? options.lambda
                  : options.choice == LassoOptions::Choice::theory
                      ? std::sqrt(std::max(0.0, mean_square(y) - mean * mean) * 2 * std::log(std::max(p, 2.0)) / m)
                      : validated_lambda(columns.view(), y, z.rows - z.rows / 5, result.sweeps);
  CoordinateDescent descent(columns.view(), y, z.rows);
  if (result.lambda > 0) descent.descend(result.lambda);
  result.sweeps += descent.sweeps();
  std::vector<Index> support = descent.support();
  result.nonzero = static_cast<Index>(support.size());
  // Least squares on more than a third of the samples fits noise, and on hundreds of columns takes its time.
  const auto most = static_cast<std::size_t>(std::clamp<Index>(z.rows / 3, 1, 400));
  if (support.size() > most) {
    const auto size = [&](Index k) { return std::abs(descent.coefficients()[k]); };
    std::stable_sort(support.begin(), support.end(), [&](Index a, Index b) { return size(a) > size(b); });
    support.resize(most);
  }
  std::vector<PolynomialTerm> terms;
  for (const Index k : support) terms.push_back({descent.coefficients()[k], basis.monomial(k)});
  result.fit = fit_support(law, z, y, terms);
  return result;
}

}  // namespace eqnn::hard
