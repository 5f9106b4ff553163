#include "orbit_table.h"

namespace eqnn::hard {

std::size_t OrbitTable::Hash::operator()(const Words& words) const {
  std::uint64_t h = 0;
  for (const std::uint64_t w : words) h = absorb(h, w);
  return h;
}

OrbitTable::Words OrbitTable::representative(const Block<const double>& x, Index e) const {
  Words words((law_.n + 63) / 64);
  require(x.points * x.channels == law_.n, "an input has ", x.points * x.channels, " bits; it must have ", law_.n);
  for (Index p = 0, i = 0; p < x.points; ++p)
    for (Index c = 0; c < x.channels; ++c, ++i) {
      const double v = x(e, p, c);
      require(v == 0 || v == 1, "an input has an entry ", v, "; it must be 0 or 1");
      if (v == 1) words[i / 64] |= std::uint64_t{1} << (i % 64);
    }
  canonicalise(law_, words);
  return words;
}

void OrbitTable::add(Block<const double> x, std::span<const double> y) {
  for (Index e = 0; e < x.examples; ++e) {
    Cell& cell = orbits_[representative(x, e)];
    cell.sum += y[e];
    ++cell.count;
    sum_ += y[e];
    ++samples_;
  }
}

void OrbitTable::values(Block<const double> x, double* y) const {
  const double mean = samples_ > 0 ? sum_ / static_cast<double>(samples_) : 0;
  for (Index e = 0; e < x.examples; ++e) {
    const auto found = orbits_.find(representative(x, e));
    y[e] = mean;
    if (found == orbits_.end()) continue;
    const Cell& cell = found->second;
    if (!majority_)
      y[e] = cell.sum / static_cast<double>(cell.count);
    else if (cell.sum != 0)
      y[e] = cell.sum > 0 ? 1 : -1;
  }
}

double OrbitTable::unseen_mass() const {
  Index once = 0;
  for (const auto& orbit : orbits_) once += orbit.second.count == 1;
  return samples_ > 0 ? static_cast<double>(once) / static_cast<double>(samples_) : 1;
}

}  // namespace eqnn::hard
