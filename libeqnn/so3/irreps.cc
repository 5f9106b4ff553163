#include "irreps.h"

#include <algorithm>
#include <cstdlib>

#include "rotations.h"

namespace eqnn {

Index dimension(const Irreps& irreps) {
  Index sum = 0;
  for (std::size_t l = 0; l < irreps.size(); ++l) sum += irreps[l] * static_cast<Index>(2 * l + 1);
  return sum;
}

std::string to_string(const Irreps& irreps) {
  std::string s;
  for (std::size_t l = 0; l < irreps.size(); ++l)
    if (irreps[l] > 0) s += concat(s.empty() ? "" : " + ", irreps[l], "x", l);
  return s;
}

std::vector<TensorPath> paths_to(const Irreps& in, Index filter, Index out) {
  std::vector<TensorPath> list;
  for (Index l = 0; l < static_cast<Index>(in.size()); ++l)
    for (Index f = std::abs(l - out); in[static_cast<std::size_t>(l)] > 0 && f <= std::min(filter, l + out); ++f)
      list.push_back({l, f, out});
  return list;
}

Irreps product_channels(const std::string& name, const Irreps& in, Index filter, const Irreps& out) {
  check_irreps(name, in);
  check_irreps(name, out);
  require(filter >= 0 && filter <= kMaxDegree, name, ": the highest degree of the harmonics is ", filter,
          "; it must be between 0 and ", kMaxDegree);
  Irreps sums(out.size());
  for (std::size_t l = 0; l < out.size(); ++l) {
    for (const TensorPath& path : paths_to(in, filter, static_cast<Index>(l))) sums[l] += channels_of(in, path.in);
    require(sums[l] > 0 || out[l] == 0, name, ": no product of ", to_string(in), " with harmonics up to degree ",
            filter, " has degree ", l, "; leave it out, or take a higher degree of harmonics");
  }
  return sums;
}

void check_irreps(const std::string& name, const Irreps& irreps) {
  require(static_cast<Index>(irreps.size()) <= kMaxDegree + 1, name, ": channels of ", irreps.size(),
          " degrees; there are ", kMaxDegree + 1, " at most");
  bool some = false, negative = false;
  for (const Index channels : irreps) {
    some = some || channels > 0;
    negative = negative || channels < 0;
  }
  require(some && !negative, name, ": the numbers of channels must be at least 0, and one of them at least 1");
}

Irreps gated(const std::string& name, const Irreps& out) {
  check_irreps(name, out);
  require(out[0] > 0, name, ": there are no scalars in ", to_string(out),
          ", and they gate the other degrees; out[0] must be at least 1");
  Irreps all = out;
  for (std::size_t l = 1; l < out.size(); ++l) all[0] += out[l];
  return all;
}

}  // namespace eqnn
