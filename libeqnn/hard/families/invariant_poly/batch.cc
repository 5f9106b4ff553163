// Polynomials of invariants over whole batches.
#include <algorithm>
#include <cmath>

#include "../../../kernels/kernels.h"
#include "invariant_poly.h"

namespace eqnn::hard {
namespace {

// Examples at a time: every loop over lanes has this length, which compilers turn into vectors.
constexpr Index kLanes = 16;

// How many of the folded points (below) have a cosine: x_0, the sums x_t + x_{n-t}, and x_{n/2} for even n.
Index cosine_rows(Index n) { return n / 2 + 1; }

// [n, frequencies]: in column j cos(2 pi w t / n) of t = 0..n/2, then sin(2 pi w t / n) of t = 1..(n-1)/2; w is one
// more than the j-th generator.
template <class T>
Matrix<T> waves(Index n, const std::vector<Index>& generators) {
  Matrix<T> table(n, static_cast<Index>(generators.size()));
  for (Index j = 0; j < table.cols(); ++j)
    for (Index row = 0; row < n; ++row) {
      const bool is_sine = row >= cosine_rows(n);
      const Index t = is_sine ? row - cosine_rows(n) + 1 : row;
      const Index turn = (generators[j] + 1) * t % n;
      const double angle = 2 * 3.141592653589793 * static_cast<double>(turn) / static_cast<double>(n);
      table(row, j) = static_cast<T>(is_sine ? std::sin(angle) : std::cos(angle));
    }
  return table;
}

// The generators of up to kLanes examples, one generator at a time.
template <class T>
class Lanes {
 public:
  Lanes(const PolynomialInputs& inputs, const Matrix<T>& table)
      : inputs_(inputs), table_(table), folded_stride_(padded<T>(table.rows())) {
    const Index size = kLanes * (folded_stride_ + 2 * table.stride());
    if (size > kSmall) large_ = AlignedBuffer<T>(size);
  }

  void load(const Block<const T>& x, Index first) {
    x_ = x;
    first_ = first;
    count_ = std::min(kLanes, x.examples - first);
    if (inputs_.generators == Generators::cyclic) transform();
  }
  Index count() const { return count_; }
  // Cyclic: sum_t x_t cos(2 pi w t / n) of one example for every column of the table, and the sums with sines.
  const T* cosines(Index example) const {
    return memory() + kLanes * folded_stride_ + 2 * example * table_.stride();
  }
  const T* sines(Index example) const { return cosines(example) + table_.stride(); }

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
          const T real = cosines(e)[slot], imaginary = sines(e)[slot];
          z[e] = (real * real + imaginary * imaginary) / static_cast<T>(table_.rows());
        }
        return;
    }
  }

 private:
  static constexpr Index kSmall = 4096;
  T* memory() { return large_.size() > 0 ? large_.data() : small_; }
  const T* memory() const { return large_.size() > 0 ? large_.data() : small_; }

  // Cosines are even in t and sines odd: folding x into sums and differences halves the products.
  void transform() {
    const Index n = table_.rows(), split = cosine_rows(n);
    for (Index e = 0; e < count_; ++e) {
      const T* x = x_.row(first_ + e);
      T *sums = memory() + e * folded_stride_, *differences = sums + split - 1;
      sums[0] = x[0];
      if (n % 2 == 0) sums[n / 2] = x[n / 2];
      for (Index t = 1; t <= (n - 1) / 2; ++t) {
        sums[t] = x[t] + x[n - t];
        differences[t] = x[t] - x[n - t];
      }
    }
    kernels::Product<T> p;
    p.m = count_;
    p.n = table_.cols();
    p.k = split;
    p.a = memory();
    p.a_row = folded_stride_;
    p.b = table_.data();
    p.b_row = table_.stride();
    p.c = memory() + kLanes * folded_stride_;
    p.c_row = 2 * table_.stride();
    kernels::product(p);
    p.k = n - split;
    p.a += split;
    p.b = table_.view().row(split);
    p.c += table_.stride();
    kernels::product(p);
  }

  const PolynomialInputs& inputs_;
  const Matrix<T>& table_;
  Index folded_stride_;
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
    const RecurrenceStep& step = steps[n];
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
    for (Index e = 0; e < lanes.count(); ++e) {
      const T *real = lanes.cosines(e), *imaginary = lanes.sines(e);
      T* out = z.row(first + e);
      for (Index j = 0; j < inputs_.r; ++j)
        out[j] = slope * ((real[j] * real[j] + imaginary[j] * imaginary[j]) / static_cast<T>(table.rows())) + shift;
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
