#include "frame_parity.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "../../binomial.h"
#include "../../member_of.h"
#include "../../sampling.h"

namespace eqnn::hard {
namespace {

constexpr double kLeastNorm = 1e-10;

// S, ascending.
std::vector<Index> checked_set(const FrameParityLaw& law, std::vector<Index> set) {
  require(static_cast<Index>(set.size()) == law.k, "S has ", set.size(), " entries and k is ", law.k,
          "; S must have exactly k");
  std::sort(set.begin(), set.end());
  for (std::size_t t = 0; t < set.size(); ++t) {
    require(set[t] >= 0 && set[t] < law.n, "S contains ", set[t], "; its entries are coordinates, 0 to ",
            law.n - 1);
    require(t == 0 || set[t] != set[t - 1], "S contains ", set[t], " twice; name each coordinate once");
  }
  return set;
}

// Calls visit(e, y_S) for every example.
template <class T, class Visit>
void for_each_chosen(const FrameParityLaw& law, const std::vector<Index>& set, const Block<const T>& x,
                     const Visit& visit) {
  std::array<T, kMaxCoordinates> form;
  std::array<double, kMaxSetSize> y;
  for (Index e = 0; e < x.examples; ++e) {
    canonical_forms(law.frame, Block<const T>{x.row(e), 1, x.points, 1, x.stride},
                    Block<T>{form.data(), 1, x.points, 1, 1});
    for (std::size_t t = 0; t < set.size(); ++t) y[t] = static_cast<double>(form[set[t]]);
    visit(e, std::span<const double>(y.data(), set.size()));
  }
}

}  // namespace

std::string_view name(ParityFrame frame) {
  return frame == ParityFrame::sort ? "sort" : frame == ParityFrame::cyclic ? "cyclic" : "none";
}

ParityFrame parity_frame(std::string_view text) {
  for (const ParityFrame f : {ParityFrame::sort, ParityFrame::cyclic, ParityFrame::none})
    if (name(f) == text) return f;
  throw ValueError(concat("unknown frame '", text, "'; allowed are sort, cyclic, none"));
}

FrameParityLaw::FrameParityLaw(Index coordinates, Index size, ParityFrame f) : n(coordinates), k(size), frame(f) {
  require(k >= 1, "k is ", k, "; it must be even, and 2 at least");
  require(k % 2 == 0, "k is ", k, "; k must be even: for odd k the alternating ReLU sum is zero (k=1: linear)");
  require(k <= kMaxSetSize, "k is ", k, "; it must be at most ", kMaxSetSize, ": 2^k hidden units");
  require(n <= kMaxCoordinates, "n is ", n, "; at most ", kMaxCoordinates, " coordinates are supported");
  require(k <= n, "k is ", k, " and n is ", n, "; S has k of the n coordinates, so k must be at most n");
}

double set_count(const FrameParityLaw& law) { return std::round(binomial(law.n, law.k)); }

Index acceptance_sets(Index k) { return std::clamp<Index>(3200 >> k / 2, 25, 400); }

// --- the member ------------------------------------------------------------------------------------------

FrameParity::FrameParity(const FrameParityLaw& law, std::vector<Index> set, std::optional<double> norm_sq)
    : law_(law), set_(checked_set(law, std::move(set))), norm_given_(norm_sq.has_value()) {
  input_ = {"x", law_.n, 1, false, {law_.n}};
  features_ = {"canonical", law_.n, 1, false, {law_.n}};
  norm_sq_ = norm_sq                           ? *norm_sq
             : law_.frame == ParityFrame::none ? unframed_norm_sq(law_.k)
                                               : moments().mean_square;
  if (!(norm_sq_ > kLeastNorm && std::isfinite(norm_sq_)))
    throw ValueError(norm_given_
                         ? fmt::format("norm_sq is {}; it must be finite and above {}", norm_sq_, kLeastNorm)
                         : fmt::format("the estimate of E f_S^2 is {:.3g}, not above {}: S is spiky: f_S is "
                                       "nonzero on a fraction {:.3g} of inputs; take coordinates of one size",
                                       norm_sq_, kLeastNorm, moments().nonzero));
}

const ParityMoments& FrameParity::moments() const {
  std::call_once(once_, [this] { moments_ = parity_moments(law_, {&set_, 1}).front(); });
  return moments_;
}

PlantedDirections FrameParity::planted(bool of_features) const {
  if (!of_features && law_.frame != ParityFrame::none) return {};
  PlantedDirections planted{Matrix<double>(law_.k, law_.n)};
  for (Index i = 0; i < law_.k; ++i) planted.basis(i, set_[i]) = 1;
  return planted;
}

std::optional<PermutationGroup> FrameParity::group() const {
  switch (law_.frame) {
    case ParityFrame::sort:
      return PermutationGroup::symmetric(law_.n);
    case ParityFrame::cyclic:
      return PermutationGroup::cyclic(law_.n);
    case ParityFrame::none:
      return PermutationGroup::trivial(law_.n);
  }
  return {};
}

template <class T>
void FrameParity::inputs_of(const Counter& at, const Block<T>& x) const {
  sample_normals(at, x);
}

double FrameParity::value(MatrixView<const double> x) const {
  require(x.rows == law_.n && x.cols == 1, "the input is ", x.rows, " x ", x.cols, "; this member takes ", law_.n,
          " x 1");
  for (Index i = 0; i < law_.n; ++i)
    if (!std::isfinite(x(i, 0)))
      throw ValueError(fmt::format("x entry {} is {}; entries must be finite", i, x(i, 0)));
  double y = 0;
  targets(Block<const double>{x.data, 1, x.rows, 1, x.stride}, &y);
  return y;
}

template <class T>
void FrameParity::targets_of(const Block<const T>& x, T* y) const {
  const double scale = 1 / std::sqrt(norm_sq_);
  for_each_chosen(law_, set_, x, [&](Index e, std::span<const double> chosen) {
    y[e] = static_cast<T>(scale * parity_sum(chosen));
  });
}

template <class T>
void FrameParity::controls_of(const Block<const T>& x, T* y) const {
  const ParityMoments& m = moments();
  const double scale = 1 / std::sqrt(m.control_variance);
  for_each_chosen(law_, set_, x, [&](Index e, std::span<const double> chosen) {
    y[e] = static_cast<T>(scale * (plain_relu_sum(chosen) - m.control_mean));
  });
}

template class MemberOf<FrameParity>;

std::vector<Fact> FrameParity::facts() const {
  const ParityMoments& m = moments();
  const bool framed = law_.frame != ParityFrame::none;
  const Index tried = acceptance_sets(law_.k);
  const double sets = set_count(law_), acceptance = FrameParitySampler(law_).acceptance(tried);
  const double acceptance_error =
      framed ? std::sqrt(acceptance * (1 - acceptance) / static_cast<double>(tried)) : 0;
  const double units = std::ldexp(1.0, static_cast<int>(law_.k)), n = static_cast<double>(law_.n);
  return {
      {"n", n, 0, "coordinates"},
      {"k", static_cast<double>(law_.k), 0, "|S|"},
      {"norm_sq", norm_sq_, norm_given_ ? 0 : m.mean_square_error, "E f_S^2 before it is divided by its root"},
      {"target_variance", 1, 0, "of the normalised target; its mean is 0"},
      {"bias", 0, 0, "E f_S: f_S is odd in every coordinate of S"},
      {"kurtosis", m.kurtosis, 0, fmt::format("E f^4 / (E f^2)^2 of {} inputs", m.samples)},
      {"nonzero", m.nonzero, std::sqrt(m.nonzero * (1 - m.nonzero) / static_cast<double>(m.samples)),
       "P(|f_S| > 1e-12)"},
      {"control_mean", m.control_mean, m.control_mean_error, "of the sum without signs, subtracted by the control"},
      {"control_variance", m.control_variance, m.control_variance_error, "of the sum, divided out by the control"},
      {"sets", sets, 0, "C(n, k), orthogonal functions: E f_S f_T = 0 for S != T"},
      {"acceptance", acceptance, acceptance_error, "share of the C(n, k) sets that the sampler accepts"},
      {"n_eff", acceptance * sets, sets * acceptance_error, "acceptance C(n, k), the functions that are drawn"},
      {"network_hidden_units", units, 0, "realising network: on the canonical form"},
      {"network_parameters", (n + 2) * units + 1, 0, "realising network: weights and biases"},
  };
}

std::vector<std::string> FrameParity::warnings() const {
  std::vector<std::string> lines;
  if (law_.frame != ParityFrame::none && (moments().kurtosis > 30 || moments().nonzero < 0.1))
    lines.push_back(fmt::format("S is spiky: f_S is nonzero on a fraction {:.3g} of inputs, kurtosis {:.3g}",
                                moments().nonzero, moments().kurtosis));
  if (law_.k <= 4)
    lines.push_back(
        fmt::format("k={} is easy: gradient descent has learned it wherever it was tried; k=6 is not", law_.k));
  return lines;
}

}  // namespace eqnn::hard
