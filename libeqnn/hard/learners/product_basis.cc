#include "product_basis.h"

#include <algorithm>
#include <cmath>

#include "../../kernels/kernels.h"

namespace eqnn::hard {
namespace {

constexpr Index kMaxProductDegree = 12;
// Examples at a time: the columns of a few hundred variables stay in the second-level cache.
constexpr Index kBlock = 256;

}  // namespace

double product_count(bool bits, Index variables, Index degree) {
  // C(N, k) one after the other; C(N + D, D) likewise.
  double sum = 0, term = 1;
  const double n = static_cast<double>(variables);
  if (!bits) {
    for (Index k = 1; k <= degree; ++k) term = term * (n + static_cast<double>(k)) / static_cast<double>(k);
    return std::round(term);
  }
  for (Index k = 0; k <= std::min(variables, degree); ++k) {
    sum += term;
    term = std::round(term * (n - static_cast<double>(k)) / static_cast<double>(k + 1));
  }
  return sum;
}

// P_1, ..., P_powers of every variable on a block, examples side by side; and a column for each level of the
// descent.
struct ProductBasis::Tables {
  Tables(const ProductBasis& basis, MatrixView<const double> x, Index first)
      : count(std::min(kBlock, x.rows - first)),
        values(basis.powers_ * basis.variables_, kBlock),
        levels(basis.degree_ + 1, kBlock),
        variables(basis.variables_) {
    for (Index e = 0; e < count; ++e)
      for (Index j = 0; j < variables; ++j) {
        const double z = x(first + e, j);
        if (!basis.law_) {
          values(j, e) = z;
          continue;
        }
        double before = 0, now = 1;
        for (Index t = 0; t < basis.powers_; ++t) {
          const RecurrenceStep& s = basis.steps_[t];
          const double after = (s.slope * z + s.shift) * now - s.previous * before;
          before = now;
          now = after;
          values(t * variables + j, e) = now;
        }
      }
  }
  const double* power(Index j, Index t) const { return values.view().row((t - 1) * variables + j); }
  double* level(Index left) const { return levels.view().row(left); }

  Index count;
  Matrix<double> values;
  mutable Matrix<double> levels;
  Index variables;
};

ProductBasis::ProductBasis(std::optional<Law> law, Index variables, Index degree)
    : law_(law), variables_(variables), degree_(degree), powers_(law ? degree : 1) {
  require(variables >= 1, "a basis of products of ", variables, " variables; at least 1 is needed");
  require(degree >= 1 && degree <= kMaxProductDegree, "the degree of a basis is ", degree, "; allowed are 1 to ",
          kMaxProductDegree);
  const double all = product_count(!law, variables, degree);
  require(all <= static_cast<double>(kMaxProducts), "a basis of ", variables, " variables and degree ", degree,
          " has ", static_cast<std::int64_t>(std::min(all, 9e18)), " products; at most ", kMaxProducts,
          " are allowed: take a smaller degree");
  if (law) steps_ = recurrence(*law, degree);
  for (Index n = 0; n <= variables; ++n)
    for (Index d = 0; d <= degree; ++d) counts_.push_back(static_cast<Index>(product_count(!law, n, d)));
  size_ = count(variables, degree);
}

Monomial ProductBasis::monomial(Index k) const {
  Monomial factors;
  Index j = 0, left = degree_;
  while (k > 0) {
    --k;  // past the product so far, which comes before its multiples
    for (;; ++j) {
      Index t = 1;
      for (; t <= std::min(left, powers_) && k >= count(variables_ - j - 1, left - t); ++t)
        k -= count(variables_ - j - 1, left - t);
      if (t > std::min(left, powers_)) continue;
      factors.push_back({j++, t});
      left -= t;
      break;
    }
  }
  return factors;
}

// Visits the multiples of a product by variables from `first` on, of degree `left` at most: visit(number, product,
// factor, column), where column is null for those without multiples of their own, and else takes the new product.
template <class Visit>
void ProductBasis::descend(const Tables& t, const double* product, Index first, Index left, Index& next,
                           const Visit& visit) const {
  for (Index j = first; j < variables_; ++j)
    for (Index s = 1; s <= std::min(left, powers_); ++s) {
      const double* factor = t.power(j, s);
      double* column = left > s && j + 1 < variables_ ? t.level(left - s) : nullptr;
      visit(next++, product, factor, column);
      if (column) descend(t, column, j + 1, left - s, next, visit);
    }
}

void ProductBasis::correlate(MatrixView<const double> x, const double* weight, double* sums) const {
  for (Index first = 0; first < x.rows; first += kBlock) {
    const Tables t(*this, x, first);
    double* start = t.level(degree_);
    std::copy_n(weight + first, t.count, start);
    for (Index e = 0; e < t.count; ++e) sums[0] += start[e];
    Index next = 1;
    descend(t, start, 0, degree_, next, [&](Index k, const double* product, const double* factor, double* column) {
      sums[k] += kernels::dot(t.count, product, factor);
      if (column)
        for (Index e = 0; e < t.count; ++e) column[e] = product[e] * factor[e];
    });
  }
}

void ProductBasis::expand(MatrixView<const double> x, Index at, MatrixView<double> columns) const {
  for (Index first = 0; first < x.rows; first += kBlock) {
    const Tables t(*this, x, first);
    double* start = t.level(degree_);
    std::fill_n(start, t.count, 1.0);
    std::fill_n(columns.row(0) + at + first, t.count, 1.0);
    Index next = 1;
    descend(t, start, 0, degree_, next, [&](Index k, const double* product, const double* factor, double* column) {
      double* out = columns.row(k) + at + first;
      for (Index e = 0; e < t.count; ++e) out[e] = product[e] * factor[e];
      if (column) std::copy_n(out, t.count, column);
    });
  }
}

// y = sum of c_k times the multiples of 1 by variables from `first` on, of degree `left` at most: a factor is taken
// out of all of its multiples at once.
void ProductBasis::horner(const Tables& t, Index first, Index left, Index& next, const double* c, double* y) const {
  std::fill_n(y, t.count, 0.0);
  for (Index j = first; j < variables_; ++j)
    for (Index s = 1; s <= std::min(left, powers_); ++s) {
      const double coefficient = c[next++];
      const double* factor = t.power(j, s);
      if (left == s || j + 1 == variables_) {
        for (Index e = 0; e < t.count; ++e) y[e] += coefficient * factor[e];
        continue;
      }
      double* inner = t.level(left - s);
      horner(t, j + 1, left - s, next, c, inner);
      for (Index e = 0; e < t.count; ++e) y[e] += factor[e] * (coefficient + inner[e]);
    }
}

void ProductBasis::evaluate(MatrixView<const double> x, const double* c, double* y) const {
  for (Index first = 0; first < x.rows; first += kBlock) {
    const Tables t(*this, x, first);
    double* sum = t.level(degree_);
    Index next = 1;
    horner(t, 0, degree_, next, c, sum);
    for (Index e = 0; e < t.count; ++e) y[first + e] = c[0] + sum[e];
  }
}

}  // namespace eqnn::hard
