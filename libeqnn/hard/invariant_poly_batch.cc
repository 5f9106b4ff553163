// Polynomials of invariants over whole batches.
#include <algorithm>
#include <cmath>

#include "../kernels.h"
#include "invariant_poly.h"

namespace eqnn::hard {
namespace {

// Examples at a time: every loop over lanes has this length, which compilers turn into vectors.
constexpr Index kLanes = 16;

// [n, 2 f]: column j is cos(2 pi w_j t / n), column f + j the sine; w_j = frequencies_j + 1.
template <class T>
Matrix<T> waves(Index n, const std::vector<Index>& generators) {
  const Index count = static_cast<Index>(generators.size());
  Matrix<T> table(n, 2 * count);
  for (Index j = 0; j < count; ++j)
    for (Index t = 0; t < n; ++t) {
      const Index turn = (generators[static_cast<std::size_t>(j)] + 1) * t % n;
      const double angle = 2 * 3.141592653589793 * static_cast<double>(turn) / static_cast<double>(n);
      table(t, j) = static_cast<T>(std::cos(angle));
      table(t, count + j) = static_cast<T>(std::sin(angle));
    }
  return table;
}

// The generators of up to kLanes examples, one generator at a time.
template <class T>
class Lanes {
 public:
  Lanes(const PolynomialInputs& inputs, const Matrix<T>& table)
      : inputs_(inputs), table_(table), large_(kLanes * table.stride() > kSmall ? kLanes * table.stride() : 0) {}

  void load(const Block<const T>& x, Index first) {
    x_ = x;
    first_ = first;
    count_ = std::min(kLanes, x.examples - first);
    if (inputs_.generators != Generators::cyclic) return;
    kernels::Product<T> p;
    p.m = count_;
    p.n = table_.cols();
    p.k = table_.rows();
    p.a = x.row(first);
    p.a_row = x.points * x.stride;
    p.b = table_.data();
    p.b_row = table_.stride();
    p.c = spectrum();
    p.c_row = table_.stride();
    kernels::product(p);
  }
  Index count() const { return count_; }

  // z of `generator`, which stands at column `slot` of the table; 0 in lanes that no example has.
  void generator(Index generator, Index slot, T* z) {
    std::fill_n(z, kLanes, T(0));
    switch (inputs_.generators) {
      case Generators::rowsum: {
        const T scale = static_cast<T>(1 / std::sqrt(static_cast<double>(x_.points)));
        for (Index e = 0; e < count_; ++e) {
          for (Index i = 0; i < x_.points; ++i) z[e] += x_(first_ + e, i, generator);
          z[e] *= scale;
        }
        return;
      }
      case Generators::sign:
        for (Index e = 0; e < count_; ++e) z[e] = x_(first_ + e, 0, generator) * x_(first_ + e, 0, generator);
        return;
      case Generators::cyclic:
        for (Index e = 0; e < count_; ++e) {
          const T* row = spectrum() + e * table_.stride();
          const T real = row[slot], imaginary = row[table_.cols() / 2 + slot];
          z[e] = (real * real + imaginary * imaginary) / static_cast<T>(table_.rows());
        }
        return;
    }
  }

 private:
  static constexpr Index kSmall = 2048;
  T* spectrum() { return large_.size() > 0 ? large_.data() : small_; }

  const PolynomialInputs& inputs_;
  const Matrix<T>& table_;
  Block<const T> x_;
  Index first_ = 0, count_ = 0;
  AlignedBuffer<T> large_;
  alignas(kLine) T small_[kSmall];
};

// product *= P_s(z) in every lane.
template <class T>
void multiply_by_polynomial(const std::vector<RecurrenceStep>& steps, Index s, const T* z, T* product) {
  T p[kLanes], before[kLanes];
  std::fill_n(p, kLanes, T(1));
  std::fill_n(before, kLanes, T(0));
  for (Index n = 0; n < s; ++n) {
    const RecurrenceStep& step = steps[static_cast<std::size_t>(n)];
    const T slope = static_cast<T>(step.slope), shift = static_cast<T>(step.shift);
    const T previous = static_cast<T>(step.previous);
    for (Index e = 0; e < kLanes; ++e) {
      const T after = (slope * z[e] + shift) * p[e] - previous * before[e];
      before[e] = p[e];
      p[e] = after;
    }
  }
  for (Index e = 0; e < kLanes; ++e) product[e] *= p[e];
}

std::vector<Index> all_generators(Index r) {
  std::vector<Index> all;
  for (Index i = 0; i < r; ++i) all.push_back(i);
  return all;
}

}  // namespace

// --- targets -----------------------------------------------------------------------------------------------------

PolynomialBatch::PolynomialBatch(const PolynomialInputs& inputs, std::vector<PolynomialTerm> terms)
    : inputs_(inputs), terms_(std::move(terms)) {
  Index degree = 0;
  for (const PolynomialTerm& t : terms_)
    for (const Factor& f : t.monomial) {
      used_.push_back(f.generator);
      degree = std::max(degree, f.degree);
    }
  std::sort(used_.begin(), used_.end());
  used_.erase(std::unique(used_.begin(), used_.end()), used_.end());
  for (const PolynomialTerm& t : terms_)
    for (const Factor& f : t.monomial)
      slots_.push_back(std::lower_bound(used_.begin(), used_.end(), f.generator) - used_.begin());
  recurrence_ = recurrence(generators_law(inputs.generators), degree);
  if (inputs.generators != Generators::cyclic) return;
  single_table_ = waves<float>(inputs.points(), used_);
  double_table_ = waves<double>(inputs.points(), used_);
}

template <class T>
void PolynomialBatch::compute(const Matrix<T>& table, const Block<const T>& x, T* y) const {
  Lanes<T> lanes(inputs_, table);
  for (Index first = 0; first < x.examples; first += kLanes) {
    lanes.load(x, first);
    T sum[kLanes] = {};
    auto slot = slots_.begin();
    for (const PolynomialTerm& term : terms_) {
      T z[kLanes], product[kLanes];
      std::fill_n(product, kLanes, static_cast<T>(term.coefficient));
      for (const Factor& f : term.monomial) {
        lanes.generator(f.generator, *slot++, z);
        multiply_by_polynomial(recurrence_, f.degree, z, product);
      }
      for (Index e = 0; e < kLanes; ++e) sum[e] += product[e];
    }
    std::copy_n(sum, lanes.count(), y + first);
  }
}

void PolynomialBatch::evaluate(const Block<const float>& x, float* y) const { compute(single_table_, x, y); }
void PolynomialBatch::evaluate(const Block<const double>& x, double* y) const { compute(double_table_, x, y); }

// --- features ----------------------------------------------------------------------------------------------------

FeatureBatch::FeatureBatch(const PolynomialInputs& inputs)
    : inputs_(inputs), first_(recurrence_step(generators_law(inputs.generators), 0)) {
  if (inputs.generators != Generators::cyclic) return;
  single_table_ = waves<float>(inputs.points(), all_generators(inputs.r));
  double_table_ = waves<double>(inputs.points(), all_generators(inputs.r));
}

template <class T>
void FeatureBatch::compute(const Matrix<T>& table, const Block<const T>& x, const Block<T>& z) const {
  const T slope = static_cast<T>(first_.slope), shift = static_cast<T>(first_.shift);
  if (inputs_.generators != Generators::cyclic) {
    const T scale = static_cast<T>(1 / std::sqrt(static_cast<double>(x.points)));
    for (Index e = 0; e < x.examples; ++e) {
      T* out = z.row(e);
      if (inputs_.generators == Generators::sign) {
        const T* row = x.row(e);
        for (Index j = 0; j < inputs_.r; ++j) out[j] = slope * (row[j] * row[j]) + shift;
        continue;
      }
      std::fill_n(out, inputs_.r, T(0));
      for (Index i = 0; i < x.points; ++i) {
        const T* row = x.row(e, i);
        for (Index j = 0; j < inputs_.r; ++j) out[j] += row[j];
      }
      for (Index j = 0; j < inputs_.r; ++j) out[j] = slope * (scale * out[j]) + shift;
    }
    return;
  }
  Lanes<T> lanes(inputs_, table);
  for (Index first = 0; first < x.examples; first += kLanes) {
    lanes.load(x, first);
    for (Index j = 0; j < inputs_.r; ++j) {
      T values[kLanes];
      lanes.generator(j, j, values);
      for (Index e = 0; e < lanes.count(); ++e) z(first + e, 0, j) = slope * values[e] + shift;
    }
  }
}

void FeatureBatch::evaluate(const Block<const float>& x, const Block<float>& z) const {
  compute(single_table_, x, z);
}
void FeatureBatch::evaluate(const Block<const double>& x, const Block<double>& z) const {
  compute(double_table_, x, z);
}

}  // namespace eqnn::hard
