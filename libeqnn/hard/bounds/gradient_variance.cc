#include "gradient_variance.h"

#include <cmath>
#include <vector>

namespace eqnn::hard {
namespace {

// Eight interleaved partial sums, so that rounding stays small and the compiler may use vectors.
template <class A, class B>
double dot(const A* a, const B* b, std::size_t size) {
  double sums[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= size; i += 8)
    for (std::size_t j = 0; j < 8; ++j) sums[j] += static_cast<double>(a[i + j]) * static_cast<double>(b[i + j]);
  for (; i < size; ++i) sums[i % 8] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

// The two sums over members that everything is made of.
struct Sums {
  double own = 0;  // sum_f C_ff
  double all = 0;  // sum_fg C_fg

  double variance(double members) const { return (own - all / members) / (members - 1); }
  double signal(double members) const { return own / members; }
};

// (n - 1) / n times the sum of squares of the values left out one at a time, about their mean.
double jackknife(const std::vector<double>& left_out) {
  const auto n = static_cast<double>(left_out.size());
  double mean = 0, sum = 0;
  for (const double v : left_out) mean += v / n;
  for (const double v : left_out) sum += (v - mean) * (v - mean);
  return sum * (n - 1) / n;
}

template <class T>
GradientVariance estimate(Index splits, Index members, Index parameters, std::span<const T> gradients) {
  require(splits >= 3, "splits is ", splits, "; at least 3 are needed");
  require(members >= 3, "members is ", members, "; at least 3 are needed");
  require(parameters >= 1 && static_cast<Index>(gradients.size()) == splits * members * parameters, "there are ",
          gradients.size(), " gradient coordinates; splits x members x parameters are needed, ", splits, " x ",
          members, " x ", parameters);
  const auto k = static_cast<std::size_t>(splits), m = static_cast<std::size_t>(members),
             p = static_cast<std::size_t>(parameters);
  const auto at = [&](std::size_t split, std::size_t member) {
    return gradients.data() + (split * m + member) * p;
  };

  std::vector<std::vector<double>> total(k, std::vector<double>(p));  // over members, of a split
  for (std::size_t s = 0; s < k; ++s)
    for (std::size_t f = 0; f < m; ++f)
      for (std::size_t i = 0; i < p; ++i) total[s][i] += static_cast<double>(at(s, f)[i]);

  // Products of splits s != t: in all, and those that a split or a member takes part in.
  Sums sums;
  std::vector<Sums> of_split(k), of_member(m);  // of_member: C_ff and sum_g (C_fg + C_gf) / 2
  for (std::size_t s = 0; s < k; ++s)
    for (std::size_t t = 0; t < k; ++t) {
      if (s == t) continue;
      for (std::size_t f = 0; f < m; ++f) {
        const double cross = dot(at(s, f), total[t].data(), p);
        const double own = t < s ? 2 * dot(at(s, f), at(t, f), p) : 0;  // both orders at once
        sums.own += own;
        sums.all += cross;
        of_member[f].own += own;
        of_member[f].all += cross;
        for (const std::size_t split : {s, t}) {
          of_split[split].own += own;
          of_split[split].all += cross;
        }
      }
    }

  const auto count = static_cast<double>(splits), size = static_cast<double>(members);
  const double pairs = count * (count - 1), fewer_pairs = (count - 1) * (count - 2);
  std::vector<double> variance_splits, variance_members, signal_splits, signal_members;
  for (const Sums& s : of_split) {
    const Sums left{(sums.own - s.own) / fewer_pairs, (sums.all - s.all) / fewer_pairs};
    variance_splits.push_back(left.variance(size));
    signal_splits.push_back(left.signal(size));
  }
  for (const Sums& f : of_member) {
    const Sums left{(sums.own - f.own) / pairs, (sums.all - 2 * f.all + f.own) / pairs};
    variance_members.push_back(left.variance(size - 1));
    signal_members.push_back(left.signal(size - 1));
  }
  const Sums mean{sums.own / pairs, sums.all / pairs};
  return {{mean.variance(size), std::sqrt(jackknife(variance_splits) + jackknife(variance_members))},
          {mean.signal(size), std::sqrt(jackknife(signal_splits) + jackknife(signal_members))}};
}

}  // namespace

GradientVariance gradient_variance(Index splits, Index members, Index parameters,
                                   std::span<const float> gradients) {
  return estimate(splits, members, parameters, gradients);
}
GradientVariance gradient_variance(Index splits, Index members, Index parameters,
                                   std::span<const double> gradients) {
  return estimate(splits, members, parameters, gradients);
}

}  // namespace eqnn::hard
