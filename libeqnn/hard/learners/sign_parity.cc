#include "sign_parity.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "gf2.h"

namespace eqnn::hard {
namespace {

constexpr Index kWindow = 4;             // equations to an unknown
constexpr double kSignsConfirmed = 0.5;  // between 0 and 1

// An equation of every example, its largest |y| first.
struct Equations {
  std::vector<std::vector<std::uint64_t>> rows;
  std::vector<bool> rights;
};

Equations equations_of(const FrameSample& sample) {
  const Index n = sample.forms.cols();
  std::vector<std::size_t> order(sample.y.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t e) { return sample.y[e] == 0; });
  require(!order.empty(), "all ", sample.y.size(), " labels are 0: they have no sign; take more samples");
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return std::abs(sample.y[a]) > std::abs(sample.y[b]); });
  Equations all;
  for (const std::size_t e : order) {
    std::vector<std::uint64_t> row(static_cast<std::size_t>((n + 1 + 63) / 64));
    const auto set = [&](Index i) { row[static_cast<std::size_t>(i / 64)] |= std::uint64_t{1} << (i % 64); };
    for (Index i = 0; i < n; ++i)
      if (sample.forms(static_cast<Index>(e), i) < 0) set(i);
    set(n);  // b
    all.rows.push_back(std::move(row));
    all.rights.push_back(sample.y[e] < 0);
  }
  return all;
}

// The equations in this order, up to the first `most` of them or full rank.
Gf2System solved(const Equations& all, std::span<const std::size_t> order, Index unknowns) {
  Gf2System system(unknowns);
  for (const std::size_t e : order) {
    system.add(all.rows[e], all.rights[e]);
    if (system.rank() == unknowns) break;
  }
  return system;
}

std::vector<Index> set_of(const Gf2System& system, Index n) {
  const std::vector<std::uint64_t> x = system.solution();
  std::vector<Index> set;
  for (Index i = 0; i < n; ++i)
    if ((x[static_cast<std::size_t>(i / 64)] >> (i % 64) & 1) != 0) set.push_back(i);
  return set;
}

}  // namespace

SignParity learn_sign_parity(const FrameParityLaw& law, const FrameSample& sample, Index most_attempts) {
  FrameQueries queries(sample);
  require(sample.forms.cols() == law.n, "the forms have ", sample.forms.cols(), " coordinates; the law has ",
          law.n);
  const Equations all = equations_of(sample);
  const Index unknowns = law.n + 1;
  SignParity found;
  std::vector<std::size_t> order;
  // A window of full rank, if there is one.
  for (Index size = kWindow * unknowns; found.rank < unknowns && order.size() < all.rows.size(); size *= 2) {
    order.resize(std::min(static_cast<std::size_t>(size), all.rows.size()));
    std::iota(order.begin(), order.end(), std::size_t{0});
    found.rank = solved(all, order, unknowns).rank();
  }
  found.window = static_cast<Index>(order.size());
  Draws draws({0, Stream::user, 0, 0});
  while (found.attempts < most_attempts) {
    ++found.attempts;
    const std::vector<Index> set = set_of(solved(all, order, unknowns), law.n);
    if (static_cast<Index>(set.size()) == law.k) {
      const double correlation = queries.correlation(set);
      if (found.set.empty() || std::abs(correlation) > std::abs(found.correlation)) {
        found.set = set;
        found.correlation = correlation;
      }
      if (correlation > kSignsConfirmed) {
        found.confirmed = true;
        found.norm_sq = queries.norm_sq(set, correlation);
        break;
      }
    }
    for (std::size_t i = 0; i + 1 < order.size(); ++i)
      std::swap(order[i], order[i + draws.below(static_cast<std::uint32_t>(order.size() - i))]);
  }
  return found;
}

}  // namespace eqnn::hard
