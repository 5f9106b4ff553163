// Parities of degree counts of random directed graphs (H_ER,n of Kiani et al., ICLR 2024): a family that a
// small graph network can represent and that statistical queries cannot learn.
//
// A graph is a 0/1 matrix A [n, n], off-diagonal entries iid and 1 with probability q (1/2 unless told), diagonal 0
// (ignored when set) or, with self loops, as the others: G(n, q), directed. Node v has out-degree sum_j A_vj; class
// i = 1..L holds the nodes of out-degree i - 1, c_i of them; L = n, or n + 1 with self loops. For a set S of
// classes and a bit b,
//   g_{S,b}(A) = b + sum_{i in S} c_i mod 2.
// Degrees are iid Bin(L - 1, q), so c is Multinomial(n, p) with p_i = C(L - 1, i - 1) q^(i - 1) (1 - q)^(L - i).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "../../../nn/dense_graphs.h"
#include "../../../nn/points.h"
#include "../../family.h"

namespace eqnn::hard {

// The largest graphs of the family: n^2 bits an example, and n^3 operations for collision_probability.
inline constexpr Index kMaxNodes = 1024;

// The probability of an edge lies between this and one minus this.
inline constexpr double kLeastEdgeProbability = 0x1p-32;

// --- Exact facts of the law. All throw ValueError unless 2 <= n <= kMaxNodes, for an edge probability outside
// --- kLeastEdgeProbability..1 - kLeastEdgeProbability, and for entries of a set S outside 1..L or repeated; S may
// --- be empty or full here.

// L, the number of degree classes.
Index degree_classes(Index n, bool self_loops);
// p_1, ..., p_L.
std::vector<double> class_probabilities(Index n, bool self_loops, double edge_probability = 0.5);
// p_S = sum_{i in S} p_i.
double set_probability(Index n, bool self_loops, std::span<const Index> classes, double edge_probability = 0.5);
// E (-1)^g = (-1)^b (1 - 2 p_S)^n.
double mean_sign(Index n, bool self_loops, std::span<const Index> classes, int b, double edge_probability = 0.5);
// E (-1)^(g_{S,b} + g_{T,b'}) = (-1)^(b+b') (1 - 2 p_{S xor T})^n.
double sign_correlation(Index n, bool self_loops, std::span<const Index> s, int b, std::span<const Index> t,
                        int b_t, double edge_probability = 0.5);
// P(c = c' mod 2) of two independent graphs, 2^-L sum_U (1 - 2 p_U)^2n = (2n)! [t^2n] prod_i cosh(p_i t).
// For uniform S, E_S <(-1)^g_S, h>^2 is at most this for every |h| <= 1. Sums of positive terms only:
// relative error below 1e-11.
double collision_probability(Index n, bool self_loops, double edge_probability = 0.5);
// max_v P(c = v mod 2), the same bound for E h^2 <= 1; empty above 20 classes (it takes 2^L terms).
std::optional<double> largest_cell(Index n, bool self_loops, double edge_probability = 0.5);
// R_gamma = #{i : |1 - 2 p_i|^n <= gamma}, the classes that are not nearly always even.
Index spread_classes(Index n, bool self_loops, double gamma, double edge_probability = 0.5);

// c_1, ..., c_L of a 0/1 matrix [n, n]. Throws ValueError for other shapes or entries.
std::vector<Index> degree_counts(MatrixView<const double> adjacency, bool self_loops);

// A mean and its standard error (0: exact).
struct Estimate {
  double value = 0, error = 0;
};

// How members are drawn: each class is in S with probability 1/2, again until |1 - 2 p_S|^n <= bias_max
// and n min(p_S, 1 - p_S) >= min(min_count, n / 3), at most 10000 times; b is a fair bit. Attempt t reads
// the words of Counter{seed, Stream::member, t}. The minimum count keeps out parities of few expected
// nodes, which gradient descent does learn.
struct DegreeParitySampler {
  Index n = 15;
  bool self_loops = false;
  double bias_max = 0.01;  // in [0, 1]
  double min_count = 5;    // finite, >= 0
  double edge_probability = 0.5;

  // Throws ValueError for values that are not allowed.
  void validate() const;
  // The condition above, as the least min(p_S, 1 - p_S) that is accepted.
  double least_share() const;
  // False for every S that DegreeParity refuses as constant, whatever the limits.
  bool accepts(std::span<const Index> classes) const;
  // The probability that one attempt is accepted: over all 2^L sets up to L = 24, else from 10000
  // attempts of seed 0.
  Estimate acceptance() const;
};

// The function g_{S,b}. Immutable; any number of threads may use it at the same time.
class DegreeParity final : public MemberOf<DegreeParity> {
 public:
  // `classes` is S, 1-based, in any order. Throws ValueError for n outside 2..kMaxNodes, an entry outside
  // 1..L or repeated, b other than 0 and 1, and for S of constant label: empty, full, or |1 - 2 p_S|^n = 1
  // up to rounding. `sampler` says the probability of an edge, and whose acceptance facts() report.
  DegreeParity(Index n, bool self_loops, std::vector<Index> classes, int b, DegreeParitySampler sampler = {});
  // Draws a member. Throws ValueError for a sampler that is not valid, or that accepts no S.
  static DegreeParity draw(const DegreeParitySampler& sampler, std::uint64_t seed);

  Index n() const { return n_; }
  bool self_loops() const { return self_loops_; }
  const std::vector<Index>& classes() const { return classes_; }  // S, ascending
  int b() const { return b_; }
  double edge_probability() const { return sampler_.edge_probability; }

  double set_probability() const { return p_; }
  double mean_sign() const { return mean_sign_; }
  double bias() const { return std::abs(mean_sign_); }
  double least_expected_count() const;  // n min(p_S, 1 - p_S)

  const InputLayout& input() const override { return layout_; }
  bool two_valued() const override { return true; }
  // 0 unless edges are fair. Bit i of graph number e is the i-th entry that is not fixed, row by row.
  Index input_count() const override;
  void list_inputs(Index first, Block<float> x) const override;
  void list_inputs(Index first, Block<double> x) const override;
  double value(MatrixView<const double> adjacency) const override;
  // The entries that are not fixed, row by row, standardised: (q - A_ij) / sqrt(q (1 - q)), 1 - 2 A_ij for q = 1/2.
  IndependentVariables variables() const override;
  void variables(Block<const double> x, MatrixView<double> z) const override;
  // S_n on the nodes.
  std::optional<InputAction> action() const override;
  std::vector<GroupElement> symmetries(Index random, std::uint64_t seed) const override;
  double target_variance() const override { return 1 - mean_sign_ * mean_sign_; }

  // {"n": 4, "self_loops": false, "S": [1, 3], "b": 0}, with "edge_probability" where it is not 0.5
  std::string json() const override;
  std::vector<Fact> facts() const override;
  std::vector<std::string> warnings() const override;
  std::vector<Check> check(const CheckOptions& options) const override;

 private:
  template <class T>
  Index nodes_in_set(const Block<const T>& x, Index example) const;
  friend class MemberOf<DegreeParity>;
  // Bit number i m + j of an example, of its words from the lowest bit on, is the j-th entry of row i;
  // m = n - 1 (the diagonal is left out) or, with self loops, n. Where edges are not fair, an entry has 64 bits in
  // the place of one (sample_sparse_graphs).
  template <class T>
  void inputs_of(const Counter& at, const Block<T>& x) const;
  // REQUIRES: entries 0 or 1.
  template <class T>
  void targets_of(const Block<const T>& x, T* y) const;
  // (s - n p_S) / sqrt(n p_S (1 - p_S)) with s = sum_{i in S} c_i: the count instead of its parity.
  template <class T>
  void controls_of(const Block<const T>& x, T* y) const;

  Index n_;
  bool self_loops_;
  std::vector<Index> classes_;
  int b_;
  DegreeParitySampler sampler_;
  double p_ = 0, mean_sign_ = 0;
  std::vector<std::uint8_t> in_set_;  // by out-degree; one more entry, 0, for what is no degree
  InputLayout layout_;
};

extern template class MemberOf<DegreeParity>;

// E (-1)^(f + g). Throws ValueError unless both have the same n, self_loops and edge probability.
double correlation(const DegreeParity& f, const DegreeParity& g);

// Draws `members` members from the seeds options.seed, options.seed + 1, ... and compares their means and
// their whole Gram matrix on options.samples random graphs with the formulas above. Throws ValueError for
// members < 1 or samples < 1.
std::vector<Check> check_degree_parities(const DegreeParitySampler& sampler, Index members,
                                         const CheckOptions& options);

// The registry's entry (family.h).
Family gnn_degree_parity_family();

// g_{S,b} as a graph network: on raw adjacency and a constant node input 1, one message-passing layer of
// 3 L units relu(d - m + 1), relu(d - m), relu(d - m - 1), m = 0..L-1, d the out-degree, whose second
// difference is 1[d = m]; a sum over nodes; n units relu(s - j), j = 0..n-1, of s = sum_{i in S} c_i; and
// b +- (relu(s) + 2 sum_{j>=1} (-1)^j relu(s - j)), which is s mod 2 for s <= n. No unit at j = n is needed.
// Weights and values are whole numbers, so the output equals g exactly: in double for every n, in float
// for n <= 128 at least. Without self loops the diagonal must be 0.
// Parameters: NAME.degrees.{weight,bias}, NAME.head.0.{weight,bias}, NAME.head.1.{weight,bias}.
template <class T>
struct DegreeParityNetwork {
  DegreeParityNetwork(Params<T>& p, const DegreeParity& f, const std::string& name = "realising")
      : n(f.n()),
        levels(degree_classes(f.n(), f.self_loops())),
        classes(f.classes()),
        b(f.b()),
        degrees(p, name + ".degrees", 1, 3 * levels),
        head(p, name + ".head", {3 * levels, n, 1}) {}

  // Writes all of the network's weights.
  void set_weights(Params<T>& p) const;
  // ones [b, n, 1], adjacency [b, n, n] -> [b, 1, 1].
  Tensor<T> operator()(Tensor<T> ones, Tensor<T> adjacency) const {
    return head(sum_points(relu(degrees(ones, adjacency))));
  }

  Index n, levels;
  std::vector<Index> classes;
  int b;
  MessagePassing<T> degrees;
  Mlp<T> head;
};

template <class T>
void DegreeParityNetwork<T>::set_weights(Params<T>& p) const {
  const auto clear = [](MatrixView<T> m) {
    for (Index i = 0; i < m.rows; ++i)
      for (Index j = 0; j < m.cols; ++j) m(i, j) = T(0);
    return m;
  };
  const auto degree_weight = clear(p.view(degrees.weight())), degree_bias = clear(p.view(degrees.bias()));
  for (Index unit = 0; unit < 3 * levels; ++unit) {
    degree_weight(1, unit) = T(1);  // row 0 is the node's own input, row 1 the sum over its neighbours
    degree_bias(0, unit) = static_cast<T>(1 - unit / 3 - unit % 3);
  }
  const auto count_weight = clear(p.view(head.layers[0].weight)), count_bias = clear(p.view(head.layers[0].bias));
  const auto out_weight = clear(p.view(head.layers[1].weight)), out_bias = clear(p.view(head.layers[1].bias));
  for (Index j = 0; j < n; ++j) {
    for (const Index i : classes) {
      count_weight(3 * (i - 1), j) = T(1);
      count_weight(3 * (i - 1) + 1, j) = T(-2);
      count_weight(3 * (i - 1) + 2, j) = T(1);
    }
    count_bias(0, j) = static_cast<T>(-j);
    const Index size = j == 0 ? 1 : 2, sign = (j + b) % 2 == 0 ? 1 : -1;
    out_weight(j, 0) = static_cast<T>(sign * size);
  }
  out_bias(0, 0) = static_cast<T>(b);
}

}  // namespace eqnn::hard
