// A hidden plane under cyclic shifts (the family of convolutional networks of Kiani et al., ICLR 2024).
//
// X in R^{n x d} has iid standard normal entries, (S_g x)_t = x_{t-g mod n}, B in R^{n x 2} is orthonormal, and
// with h of planar.h
//   f_B(X) = (1/n) sum_g sum_{c<d} h(B^T S_g^{-1} X_{:,c}) / sqrt(norm_sq),
// one full-length cyclic convolution of 2k units a channel and a mean over positions. f_B(S_g X) = f_B(X) and
// f_{S_g B} = f_B: members must differ modulo shifts.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "../../../nn/convolution.h"
#include "../../../nn/dense.h"
#include "../../../nn/points.h"
#include "planar.h"

namespace eqnn::hard {

// The largest n.
inline constexpr Index kMaxPositions = 4096;
inline constexpr Index kMaxSubspacePositions = 256;  // n^2 kernel values make the norm, where shifts change the law

// How members are drawn: B by haar_plane, again while n norm_sq / (d E h^2) < c_min, at most 10000 times. Attempt t
// reads the words of Counter{seed, Stream::member, t}.
struct CnnCyclicSampler {
  Index n = 48, d = 1, k = 6;
  double c_min = 0.5;         // finite, >= 0; of independent inputs, whatever the law
  InputLawSettings law = {};  // of the positions of a channel

  // Throws ValueError for values that are not allowed.
  void validate() const;
  // The share of planes that is accepted, from 200 attempts of seed 0, and its standard error.
  Fact acceptance() const;
};

// The function f_B. Immutable; any number of threads may use it at the same time.
class CnnCyclic final : public PlanarMember {
 public:
  // Throws ValueError for k or B that planar.h refuses, n (the rows of B) outside 3..kMaxPositions, d < 1, and
  // where norm_sq <= 1e-10 d E h^2: the average over shifts vanishes. `c_min` says whose acceptance facts() report;
  // nothing else depends on it.
  CnnCyclic(Index k, Matrix<double> b, Index d, double c_min = 0.5, InputLaw law = {});
  static std::unique_ptr<CnnCyclic> of_file(PlanarFile file) {
    return std::make_unique<CnnCyclic>(file.k, std::move(file.b), file.d, 0.5, std::move(file.law));
  }
  // Throws ValueError for a sampler that is not valid, or that accepts no plane.
  static CnnCyclic draw(const CnnCyclicSampler& sampler, std::uint64_t seed);

  // n norm_sq / (d E h^2) under independent inputs: 1 if the shifts of B were orthogonal.
  double norm_ratio() const;
  // The largest ||B^T S_g B||, g != 0.
  double largest_overlap() const;

  std::optional<PermutationGroup> group() const override { return PermutationGroup::cyclic(input().points); }
  // The columns of B and their shifts, in a filter as long as the input; d = 1 alone.
  PlantedDirections planted(bool of_features) const override;
  // All shifts of all channels, S_g^{-1} X_{:,c}, g first.
  PlaneForm form() const override {
    return {k(), n() * d(), false, 1 / (static_cast<double>(n()) * std::sqrt(norm_sq()))};
  }
  void rows(const Block<const double>& x, const Block<double>& z) const override;
  // A circulant: it knows power spectra of B alone.
  Matrix<double> squared_moment() const override;
  std::unique_ptr<PlanarMember> with_plane(Matrix<double> b) const override;
  Index work() const override { return 2 * n() * (n() + 2 * k()) * d(); }

  std::vector<Fact> facts() const override;
  std::vector<Check> check(const CheckOptions& options) const override;

 private:
  double raw(MatrixView<const double> x, Signs signs) const override;
  void raw(const FoldedResponse<float>& h, const Block<const float>& x, float* y) const override;
  void raw(const FoldedResponse<double>& h, const Block<const double>& x, double* y) const override;
  template <class T>
  struct Shifts {
    AlignedBuffer<T> columns[2];
  };
  template <class T>
  Shifts<T> shifts() const;
  template <class T>
  void all_raw(const FoldedResponse<T>& h, const Shifts<T>& shifts, const Block<const T>& x, T* y) const;

  double c_min_;
  Shifts<float> single_shifts_;
  Shifts<double> double_shifts_;
};

// B^T S_g B', g = 0..n-1. REQUIRES: equal rows.
std::vector<PlaneMap> shifted_products(const Matrix<double>& b, const Matrix<double>& other);
// E of the product of two raw targets, (d/n) sum_g K_M(B^T S_g B'), exact; norm_sq for B = B'.
double cyclic_inner_product(Index k, Index d, const Matrix<double>& b, const Matrix<double>& other);

// The same for inputs that are not isotropic, less the product of the means: (d/n) sum_g (K(M_g) - E h E h'), and
// where shifts change the law (d/n^2) sum_gg' over all pairs; and E of a raw function.
double cyclic_covariance(Index k, Index d, Signs signs, const InputLaw& law, const Matrix<double>& b,
                         const Matrix<double>& other);
double cyclic_mean(Index k, Index d, Signs signs, const InputLaw& law, const Matrix<double>& b);

// E f_B f_B', exact. Throws ValueError unless both have the same n, d, k and law.
double correlation(const CnnCyclic& f, const CnnCyclic& g);

// Draws `members` members from the seeds options.seed, options.seed + 1, ... and compares their whole Gram matrix
// on options.samples inputs with the formula. Throws ValueError for members < 1 or samples < 1.
std::vector<Check> check_cnn_cyclics(const CnnCyclicSampler& sampler, Index members, const CheckOptions& options);

// The registry's entry (family.h).
Family cnn_cyclic_family();

// f_B, or its control, as a convolutional network: 2k units a channel, z_{g,(c,j)} = w_j^T B^T S_g^{-1} X_{:,c},
// ReLU, mean over positions, linear read-out. Parameters: NAME.hidden.{weight,bias}, NAME.out.{weight,bias}.
template <class T>
struct CnnCyclicNetwork {
  CnnCyclicNetwork(Params<T>& p, const CnnCyclic& f, const std::string& name = "realising",
                   ConvolutionMethod method = ConvolutionMethod::automatic)
      : hidden(p, name + ".hidden", f.d(), 2 * f.k() * f.d(), Torus::cycle(f.n()), method),
        out(p, name + ".out", 2 * f.k() * f.d(), 1) {}

  // x [b, n, d] -> [b, 1, 1].
  Tensor<T> operator()(Tensor<T> x) const { return out(mean_points(relu(hidden(x)))); }
  // Writes all of the network's weights.
  void set_weights(Params<T>& p, const CnnCyclic& f, Signs signs) const {
    const MatrixView<T> weight = p.view(hidden.weight), bias = p.view(hidden.bias);
    const Index units = 2 * f.k();
    for (Index j = 0; j < weight.cols; ++j) {
      bias(0, j) = T(0);
      for (Index i = 0; i < weight.rows; ++i) weight(i, j) = T(0);
    }
    for (Index c = 0; c < f.d(); ++c)
      set_plane_weights(MatrixView<T>{weight.row(c * f.n()) + c * units, f.n(), units, weight.stride}, f);
    set_read_out(p.view(out.weight), p.view(out.bias), f, signs, 1.0);
  }

  CyclicConvolution<T> hidden;
  Linear<T> out;
};

}  // namespace eqnn::hard
