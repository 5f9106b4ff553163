// What the families say of their correlations, for bounds.h: second moments, and Gram matrices of sampled members.

#include <algorithm>
#include <cmath>

#include "bounds.h"

namespace eqnn::hard {
namespace {

using Members = std::vector<std::unique_ptr<Member>>;

Members members_of(const Family& f, const ParameterValues& values, Index members, std::uint64_t seed) {
  Members all;
  for (Index i = 0; i < members; ++i) all.push_back(f.draw(values, seed + static_cast<std::uint64_t>(i)));
  return all;
}

// A unit vector near the top eigenvector.
std::vector<double> top_direction(const Matrix<double>& m) {
  const Index n = m.rows();
  std::vector<double> v(n), next(n);
  for (Index i = 0; i < n; ++i) v[i] = 1 + 1e-3 * static_cast<double>(i % 7);
  for (int round = 0; round < 100; ++round) {
    double norm_sq = 0;
    for (Index i = 0; i < n; ++i) {
      next[i] = 0;
      for (Index j = 0; j < n; ++j) next[i] += m(i, j) * v[j];
      norm_sq += next[i] * next[i];
    }
    for (Index i = 0; i < n; ++i) v[i] = next[i] / std::sqrt(norm_sq);
  }
  return v;
}

// The mean of squares(i, j) over i > j, and its standard error by the jackknife over members.
void set_mean_square(const Matrix<double>& squares, SampledGram& out) {
  const auto n = static_cast<double>(squares.rows());
  std::vector<double> of_member(squares.rows());
  double sum = 0, scatter = 0;
  for (Index i = 0; i < squares.rows(); ++i)
    for (Index j = 0; j < squares.rows(); ++j)
      if (i != j) of_member[i] += squares(i, j);
  for (const double s : of_member) sum += s;
  out.mean_square = sum / (n * (n - 1));
  if (n < 3) return;
  for (const double s : of_member) {
    const double left_out = (sum - 2 * s) / ((n - 1) * (n - 2)) - out.mean_square;
    scatter += left_out * left_out;
  }
  out.mean_square_error = std::sqrt(scatter * (n - 1) / n);
}

// The Gram matrix on `inputs` random inputs, in ten parts whose scatter along the top eigenvector is the error.
void estimate_gram(const Members& members, Index inputs, std::uint64_t seed, SampledGram& out) {
  constexpr Index kParts = 10, kInputsAtOnce = 512;
  const auto size = static_cast<Index>(members.size());
  const InputLayout& layout = members[0]->input();
  Matrix<double> x(kInputsAtOnce * layout.points, layout.channels), y(kInputsAtOnce, size);
  std::vector<double> column(kInputsAtOnce);
  std::vector<Matrix<double>> parts;
  out.gram = Matrix<double>(size, size);
  const Index each = inputs / kParts;
  for (Index part = 0; part < kParts; ++part) {
    Matrix<double>& g = parts.emplace_back(size, size);
    for (Index first = 0; first < each; first += kInputsAtOnce) {
      const Index count = std::min(kInputsAtOnce, each - first);
      const Block<double> block{x.data(), count, layout.points, layout.channels, x.stride()};
      members[0]->sample({seed, Stream::check, static_cast<std::uint64_t>(part), static_cast<std::uint64_t>(first)},
                         block);
      for (Index i = 0; i < size; ++i) {
        members[i]->targets(Block<const double>{x.data(), count, layout.points, layout.channels, x.stride()},
                            column.data());
        for (Index e = 0; e < count; ++e) y(e, i) = column[e];
      }
      for (Index e = 0; e < count; ++e)
        for (Index i = 0; i < size; ++i)
          for (Index j = 0; j <= i; ++j) g(i, j) += y(e, i) * y(e, j);
    }
    for (Index i = 0; i < size; ++i)
      for (Index j = 0; j <= i; ++j) {
        g(i, j) = g(j, i) = g(i, j) / static_cast<double>(each);
        out.gram(i, j) += g(i, j) / kParts;
        if (j < i) out.gram(j, i) += g(i, j) / kParts;
      }
  }
  // Products of two parts are unbiased squares: their noise is independent.
  set_mean_square(symmetric_matrix(size,
                                   [&](Index i, Index j) {
                                     double squares = 0;
                                     for (const Matrix<double>& g : parts) squares += g(i, j) * g(i, j);
                                     const double total = out.gram(i, j) * kParts;
                                     return (total * total - squares) / (kParts * (kParts - 1));
                                   }),
                  out);
  out.inputs = each * kParts;
  out.largest = largest_eigenvalue(out.gram.view());
  const std::vector<double> v = top_direction(out.gram);
  const auto quadratic = [&](const Matrix<double>& g) {
    double sum = 0;
    for (Index i = 0; i < size; ++i)
      for (Index j = 0; j < size; ++j) sum += v[i] * g(i, j) * v[j];
    return sum;
  };
  const double mean = quadratic(out.gram);
  double scatter = 0;
  for (const Matrix<double>& g : parts) scatter += (quadratic(g) - mean) * (quadratic(g) - mean);
  out.error = std::sqrt(scatter / (kParts * (kParts - 1)));
}

void set_exact(Matrix<double> gram, SampledGram& out) {
  const Index members = gram.rows();
  out.limits = symmetric_matrix(members, [&](Index i, Index j) { return std::abs(gram(i, j)); });
  out.largest = largest_eigenvalue(gram.view());
  set_mean_square(symmetric_matrix(members, [&](Index i, Index j) { return gram(i, j) * gram(i, j); }), out);
  out.gram = std::move(gram);
}

}  // namespace

std::vector<SecondMoment> second_moments(std::string_view id, const ParameterValues& values) {
  const Family& f = family(id);
  return f.second_moments == nullptr ? std::vector<SecondMoment>{} : f.second_moments(values);
}

SampledGram sampled_gram(std::string_view id, const ParameterValues& values, Index members, std::uint64_t seed,
                         Index inputs) {
  require(members >= 2 && members <= kMaxGramMembers, "members is ", members, "; allowed are 2 to ",
          kMaxGramMembers);
  require(inputs >= members && inputs >= 10, "inputs is ", inputs,
          "; at least as many as members, and 10, are needed");
  const Family& f = family(id);
  SampledGram out;
  if (f.correlations == nullptr) return out;
  PairCorrelations pairs = f.correlations(values, members, seed);
  out.formula = pairs.formula;
  if (pairs.values.rows() == 0) return out;
  if (!pairs.exact) {
    out.limits = std::move(pairs.values);
    estimate_gram(members_of(f, values, members, seed), inputs, seed, out);
    return out;
  }
  set_exact(std::move(pairs.values), out);
  return out;
}

SampledGram whole_gram(std::string_view id, const ParameterValues& values) {
  const Family& f = family(id);
  SampledGram out;
  if (f.all_correlations == nullptr) return out;
  PairCorrelations pairs = f.all_correlations(values);
  if (pairs.values.rows() < 2) return out;
  out.formula = pairs.formula;
  out.all = true;
  set_exact(std::move(pairs.values), out);
  return out;
}

}  // namespace eqnn::hard
