// How the members of a family correlate with one another and with any function: what a family says of itself, and
// what lower bounds on queries are made of (bounds/bounds.h).
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "../core/matrix.h"

namespace eqnn::hard {

// sup E_f <f, h>^2 over h, for a prior over the members of a family.
struct SecondMoment {
  double bounded = 0;       // over |h| <= 1
  double unit = 0;          // over E h^2 <= 1; >= bounded
  double error = 0;         // relative standard error of both, from an estimated acceptance; 0: exact
  double orthonormal = 0;   // the prior is uniform over so many orthonormal functions; 0: it is not
  bool two_valued = false;  // members are +-1
  bool rejects = false;     // the sampler accepts a share of this prior that is not known
  std::string prior;        // "uniform over all ...", "as the sampler draws: ..."
  std::string formula;      // "lambda = 1 / dim H_4(R^50), 291550"
  std::string source;       // who proves it, or the proof in a line
};

// The prior of a sampler that draws from the prior of `m` again until it accepts, which it does with probability
// `acceptance`, of standard error `error` (0: exact): E_f <f, h>^2 grows by 1 / acceptance at most. `rule` says
// what is accepted. REQUIRES: acceptance > 0.
SecondMoment accepted_share(SecondMoment m, double acceptance, double error, const std::string& rule);

// So many functions of a family with |E f g| <= gamma for every two of them, by proof.
struct Packing {
  double members = 0, gamma = 0;
  std::string name;    // of the construction: "spread classes"
  std::string prior;   // the uniform law over these functions, in words
  std::string source;  // the proof, in a line
};

// How seldom two members correlate: for f' drawn by the family and any fixed member f
//   P(|E f f'| > gamma) <= exp(log_tail(gamma)),  0 < gamma < 1.
struct CorrelationTail {
  std::function<double(double gamma)> log_tail;  // falls, from at most 0; null: nothing is known
  double error = 0;   // relative standard error of the tail, from an estimated acceptance; 0: exact
  std::string prior;  // of f'
  std::string formula, source;
};

// E f_i f_j of members drawn from consecutive seeds, or limits |E f_i f_j| <= values(i, j); 1 on the diagonal.
struct PairCorrelations {
  Matrix<double> values;  // symmetric; empty: no formula is known at these parameters
  bool exact = true;      // false: limits
  std::string formula = "the whole Gram matrix, by the family's exact formula";
};

// A symmetric matrix of ones on the diagonal and value(i, j), j < i, off it.
template <class Value>
Matrix<double> symmetric_matrix(Index size, const Value& value) {
  Matrix<double> m(size, size);
  for (Index i = 0; i < size; ++i) {
    m(i, i) = 1;
    for (Index j = 0; j < i; ++j) m(i, j) = m(j, i) = value(i, j);
  }
  return m;
}

// draw(seed), draw(seed + 1), ...
template <class Draw>
auto draw_members(Index members, std::uint64_t seed, const Draw& draw) {
  std::vector<decltype(draw(seed))> all;
  for (Index i = 0; i < members; ++i) all.push_back(draw(seed + static_cast<std::uint64_t>(i)));
  return all;
}

// E f g of the members draw(seed), draw(seed + 1), ..., by their correlation(f, g).
template <class Draw>
PairCorrelations exact_correlations(Index members, std::uint64_t seed, const Draw& draw) {
  const auto all = draw_members(members, seed, draw);
  return {symmetric_matrix(members,
                           [&](Index i, Index j) { return std::clamp(correlation(all[i], all[j]), -1.0, 1.0); })};
}

}  // namespace eqnn::hard
