// A hidden plane in the node features of a fixed graph (the second graph family of Kiani et al., ICLR 2024).
//
// A in {0,1}^{n x n} is fixed, X in R^{n x d} has iid standard normal entries, B in R^{d x 2} is orthonormal, and
// with h of planar.h
//   f_B(X) = sum_v h((A X B)_v) / sqrt(norm_sq(A)),
// a message-passing layer of 2k units and a sum over nodes, invariant under permutations P of the nodes with
// P A P^T = A, and under every permutation of nodes and graph together.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "../../../nn/layers.h"
#include "planar.h"

namespace eqnn::hard {

// The largest graphs: n^2 kernel values make the norm.
inline constexpr Index kMaxFeatureNodes = 1024, kMaxFeatures = 4096;

// The graph of --graph: `cycle` (each node's two neighbours), `empty` (self loops alone: A = I), `complete` (every
// other node), `er` (undirected, each pair with probability 1/2, of n alone: drawn from seed 0, again while it has
// no edge), or the path of a file with an undirected edge "u v" a line, nodes from 0, "#" starting a comment.
// Throws ValueError for n outside 1..kMaxFeatureNodes, FileError, with the line number, for what does not parse,
// and for nodes outside 0..n-1.
Matrix<double> feature_graph(const std::string& name, Index n);

// The function f_B. Immutable; any number of threads may use it at the same time.
class GnnFeature final : public PlanarMember {
 public:
  // Throws ValueError for k or B that planar.h refuses, d (the rows of B) above kMaxFeatures, and for A that is not
  // square, has entries other than 0 and 1, or is zero.
  GnnFeature(Index k, Matrix<double> a, Matrix<double> b);
  // B by haar_plane. Throws ValueError for d < 2 too.
  static GnnFeature draw(Index k, Matrix<double> a, Index d, std::uint64_t seed);

  const Matrix<double>* graph() const override { return &a_; }
  // What the shift, the reflection and the transpositions of two nodes that leave A as it is generate: on a ring the
  // dihedral group, on the complete and the empty graph S_n. A may have more automorphisms.
  std::optional<PermutationGroup> group() const override;

  Index work() const override { return 2 * n() * d() + 2 * static_cast<Index>(neighbors_.size()) + 4 * n() * k(); }

  // {"k": 4, "A": [[0, 1, ...], ...], "B": [[...], ...]}
  std::string json() const override;
  std::vector<Fact> facts() const override;
  std::vector<std::string> warnings() const override;
  std::vector<Check> check(const CheckOptions& options) const override;

  // sum_uv sqrt(d_u d_v) value(rho_uv), d_v = (A A^T)_vv, rho_uv = (A A^T)_uv / sqrt(d_u d_v), nodes of d_v = 0
  // left out. `value` is called once for each pair (d_u d_v, (A A^T)_uv) that occurs.
  template <class Value>
  double sum_over_pairs(const Value& value) const {
    double sum = 0;
    for (const Pairs& p : pairs_) sum += p.count * p.scale * value(p.correlation);
    return sum;
  }

 private:
  struct Pairs {
    double scale, correlation, count;
  };

  double raw(MatrixView<const double> x, Signs signs) const override;
  void raw(const FoldedResponse<float>& h, const Block<const float>& x, float* y) const override;
  void raw(const FoldedResponse<double>& h, const Block<const double>& x, double* y) const override;
  template <class T>
  void all_raw(const FoldedResponse<T>& h, const Matrix<T>& b, const Block<const T>& x, T* y) const;
  void list_neighbors();
  void count_pairs();

  Matrix<double> a_;
  Matrix<float> b_single_;
  std::vector<Index> offsets_, neighbors_;  // row by row
  std::vector<Pairs> pairs_;
};

// E f_B f_B' / sqrt(norm_sq norm_sq') = sum_uv sqrt(d_u d_v) K_M(rho_uv B^T B') / norm_sq, exact. Throws ValueError
// unless both have the same k, A and d.
double correlation(const GnnFeature& f, const GnnFeature& g);

// Draws `members` members from the seeds options.seed, options.seed + 1, ... and compares their whole Gram matrix
// on options.samples inputs with the formula. Throws ValueError for members < 1 or samples < 1.
std::vector<Check> check_gnn_features(Index k, const Matrix<double>& a, Index d, Index members,
                                        const CheckOptions& options);

// The registry's entry (family.h).
Family gnn_feature_family();

// f_B, or its control, as a graph network: A X, 2k units relu(w_j^T B^T (A X)_v), a sum over nodes, a linear
// read-out. Parameters: NAME.hidden.weight, NAME.out.{weight,bias}.
template <class T>
struct GnnFeatureNetwork {
  GnnFeatureNetwork(Params<T>& p, const GnnFeature& f, const std::string& name = "realising")
      : hidden(p, name + ".hidden", f.d(), 2 * f.k(), false), out(p, name + ".out", 2 * f.k(), 1) {}

  // x [b, n, d], adjacency [b, n, n] (A for every example) -> [b, 1, 1].
  Tensor<T> operator()(Tensor<T> x, Tensor<T> adjacency) const {
    return out(sum_points(relu(hidden(neighbor_sum(x, adjacency)))));
  }
  // Writes all of the network's weights.
  void set_weights(Params<T>& p, const GnnFeature& f, Signs signs) const {
    set_plane_weights(p.view(hidden.weight), f);
    set_read_out(p.view(out.weight), p.view(out.bias), f, signs, 1.0);
  }

  Linear<T> hidden, out;
};

}  // namespace eqnn::hard
