// Parities behind a frame (Kiani et al., ICLR 2024): for a set S of k coordinates, k even,
//   f_S(x) = sum_{w in {-1,1}^k} (prod w) relu(<w, y_S> / sqrt k),   x ~ N(0, I_n),
// where y is the canonical form of x under a frame, whose signs it keeps:
//   sort    y is x in the order of |x|, descending; ties by x, descending         invariant under S_n
//   cyclic  y is the rotation of x whose |y| is lexicographically largest, ties by y: invariant under C_n
//   none    y = x
// f_S is odd in each coordinate of y_S, symmetric in them, and 1-homogeneous; f_S and f_T are orthogonal for
// S != T. For odd k the sum is zero (k = 1: linear). Members are divided by sqrt(E f_S^2).
#pragma once

#include <cmath>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../../../nn/dense.h"
#include "../../../nn/frames.h"
#include "../../../nn/points.h"
#include "../../family.h"

namespace eqnn::hard {

// The canonical form y that the parity is taken of: x sorted, the rotation of x above, or x itself.
enum class ParityFrame : std::uint8_t { sort, cyclic, none };
std::string_view name(ParityFrame frame);
// Throws ValueError for an unknown name.
ParityFrame parity_frame(std::string_view name);

// The largest n and k.
inline constexpr Index kMaxCoordinates = 1024;
inline constexpr Index kMaxSetSize = 20;  // 2^k hidden units

// n, k and the frame. Throws ValueError for k odd, k < 2, k > kMaxSetSize, k > n, and n > kMaxCoordinates.
struct FrameParityLaw {
  FrameParityLaw(Index n, Index k, ParityFrame frame);
  Index n, k;
  ParityFrame frame;
};

// C(n, k), the number of sets S.
double set_count(const FrameParityLaw& law);

// sum_w (prod w) relu(<w, y> / sqrt k), term by term: 2^k of them, k = y.size() >= 1, odd or even.
double alternating_relu_sum(std::span<const double> y);
// The same for even k <= kMaxSetSize in fewer steps: closed forms for k = 2 and 4, and the two halves of y apart
// (Horowitz and Sahni 1974) beyond. Exact zeros where the largest |y_i| is at least the sum of the others, k >= 4.
double parity_sum(std::span<const double> y);
// sum_w relu(<w, y> / sqrt k), all signs +: the control before it is standardised. The same k.
double plain_relu_sum(std::span<const double> y);

// The canonical form of every example, [b, n, 1] -> [b, n, 1]. x and y must not overlap; finite entries.
void canonical_forms(ParityFrame frame, Block<const float> x, Block<float> y);
void canonical_forms(ParityFrame frame, Block<const double> x, Block<double> y);

// E f_S^2 without a frame: 2^k sum_j (-1)^j C(k, j) kappa1((k - 2j) / k).
double unframed_norm_sq(Index k);

// What is known of f_S and of its control c, before they are standardised. Without a frame the norm and the
// control's moments are exact (error 0), else estimates from `samples` inputs with one standard error.
struct ParityMoments {
  double mean_square = 0, mean_square_error = 0;  // E f^2
  double kurtosis = 0;                            // E f^4 / (E f^2)^2; 0 where f was always 0
  double nonzero = 0;                             // P(|f| > 1e-12)
  double control_mean = 0, control_mean_error = 0;
  double control_variance = 0, control_variance_error = 0;
  Index samples = 0;
};
// For each of `sets`, all from the same inputs (those of a fixed seed): `most` of them, fewer for large n, k and
// many sets, so that it takes a fraction of a second.
std::vector<ParityMoments> parity_moments(const FrameParityLaw& law, std::span<const std::vector<Index>> sets,
                                          Index most = 1 << 17);

// How members are drawn: S uniform, again until its estimated kurtosis is at most 30 and f_S is nonzero with
// probability 0.1 at least (always, without a frame), at most 300 times. Attempt t reads Counter{seed,
// Stream::member, t}. The estimates are from fixed inputs, whose canonical forms are held here.
class FrameParitySampler {
 public:
  explicit FrameParitySampler(const FrameParityLaw& law);

  bool accepts(std::span<const Index> set) const;
  // S, ascending. Throws ValueError when no S was accepted.
  std::vector<Index> draw(std::uint64_t seed) const;
  // The share of `sets` random S that are accepted. `sets` is acceptance_sets(k) wherever it is reported.
  double acceptance(Index sets) const;

 private:
  FrameParityLaw law_;
  Matrix<float> forms_;  // one canonical form a row
};

// Random S of an acceptance that is reported: fewer where each takes longer, 25 to 400.
Index acceptance_sets(Index k);

// The function f_S / sqrt(E f_S^2). Immutable; any number of threads may use it at the same time.
class FrameParity final : public MemberOf<FrameParity> {
 public:
  // `set` is S, 0-based, in any order. `norm_sq` is E f_S^2: exact without a frame, estimated where it is not
  // given. Throws ValueError for a law that is not allowed, for a set of another size than k, an entry outside
  // 0..n-1 or repeated, and for a norm_sq of 1e-10 or less.
  FrameParity(const FrameParityLaw& law, std::vector<Index> set, std::optional<double> norm_sq = {});

  const FrameParityLaw& law() const { return law_; }
  const std::vector<Index>& set() const { return set_; }  // ascending
  double norm_sq() const { return norm_sq_; }
  // Estimated once, when first needed.
  const ParityMoments& moments() const;

  const InputLayout& input() const override { return input_; }
  bool two_valued() const override { return false; }
  // The canonical form y, [b, n, 1].
  const InputLayout* features() const override { return &features_; }
  void features(Block<const float> x, Block<float> y) const override { canonical_forms(law_.frame, x, y); }
  void features(Block<const double> x, Block<double> y) const override { canonical_forms(law_.frame, x, y); }
  // The coordinates of S, in the canonical form.
  PlantedDirections planted(bool of_features) const override;
  // S_n, C_n, or the trivial group.
  std::optional<PermutationGroup> group() const override;
  // Throws ValueError for entries that are not finite.
  double value(MatrixView<const double> x) const override;
  double target_variance() const override { return 1; }

  // {"n": 48, "k": 6, "frame": "sort", "S": [0, 4, 9, 17, 20, 31], "norm_sq": 0.73}
  std::string json() const override;
  std::vector<Fact> facts() const override;
  std::vector<std::string> warnings() const override;
  std::vector<Check> check(const CheckOptions& options) const override;

 private:
  friend class MemberOf<FrameParity>;
  template <class T>
  void inputs_of(const Counter& at, const Block<T>& x) const;
  // REQUIRES: finite entries. Computed in double from the canonical form.
  template <class T>
  void targets_of(const Block<const T>& x, T* y) const;
  // plain_relu_sum(y_S), centred and scaled by its moments.
  template <class T>
  void controls_of(const Block<const T>& x, T* y) const;

  FrameParityLaw law_;
  std::vector<Index> set_;
  double norm_sq_ = 0;
  bool norm_given_ = false;
  InputLayout input_, features_;
  mutable std::once_flag once_;
  mutable ParityMoments moments_;
};

extern template class MemberOf<FrameParity>;

// Family::check_members of this family: means and the whole Gram matrix of members drawn from the seeds
// options.seed, options.seed + 1, ... Throws ValueError for members < 1 or samples < 1.
std::vector<Check> check_frame_parities(const FrameParityLaw& law, Index members, const CheckOptions& options);

// The family frame-parity, for the list of all.
Family frame_parity_family();

// The largest k for which the network below is checked: 2^k hidden units of n weights.
inline constexpr Index kMaxNetworkSetSize = 12;

// f_S as a network: the canonical form of frames.h, 2^k units relu(<w, y_S> / sqrt k), one for each w in
// {-1,1}^k, and their sum with the signs prod w / sqrt(norm_sq).
// Parameters: NAME.0.weight, NAME.0.bias, NAME.1.weight, NAME.1.bias.
template <class T>
struct FrameParityNetwork {
  FrameParityNetwork(Params<T>& p, const FrameParity& f, const std::string& name = "realising")
      : frame(f.law().frame),
        n(f.law().n),
        set(f.set()),
        norm_sq(f.norm_sq()),
        mlp(p, name, {n, Index{1} << f.law().k, 1}) {}

  // Writes all of the network's weights.
  void set_weights(Params<T>& p) const;
  // [b, n, 1] -> [b, 1, 1].
  Tensor<T> operator()(Tensor<T> x) const {
    if (frame == ParityFrame::sort) x = canonical_form(x, PermutationFrame::sort_absolute);
    if (frame == ParityFrame::cyclic) x = canonical_form(x, PermutationFrame::rotate_to_maximum);
    return mlp(flatten(x));
  }

  ParityFrame frame;
  Index n;
  std::vector<Index> set;
  double norm_sq;
  Mlp<T> mlp;
};

template <class T>
void FrameParityNetwork<T>::set_weights(Params<T>& p) const {
  const auto hidden = p.view(mlp.layers[0].weight), hidden_bias = p.view(mlp.layers[0].bias);
  const auto out = p.view(mlp.layers[1].weight);
  p.view(mlp.layers[1].bias)(0, 0) = T(0);
  const double size = 1 / std::sqrt(static_cast<double>(set.size()));
  for (Index unit = 0; unit < hidden.cols; ++unit) {
    for (Index i = 0; i < n; ++i) hidden(i, unit) = T(0);
    hidden_bias(0, unit) = T(0);
    double sign = 1;
    for (std::size_t t = 0; t < set.size(); ++t) {
      const double w = (unit >> t & 1) != 0 ? -1 : 1;
      hidden(set[t], unit) = static_cast<T>(w * size);
      sign *= w;
    }
    out(unit, 0) = static_cast<T>(sign / std::sqrt(norm_sq));
  }
}

}  // namespace eqnn::hard
