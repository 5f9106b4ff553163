// What queries about y^2 tell of a plane under cyclic shifts (cnn-cyclic): its power spectrum.
//
//   A_l = E[(y^2 - 1) sum_{c,t} x_{t,c} x_{t+l,c}], l = 0, ..., n/2; n/2 + 1 queries.
// y^2 does not change when x is shifted, so E[(y^2 - 1) x x^T] summed over shifts is a circulant: all that it has
// of B are the A_l. They are near the autocorrelations of the columns of B, sum_{j,t} B_tj B_{t+l,j} (equal where
// the shifts of B do not correlate, B^T S_g B = 0), and their Fourier transform is near |B_1(w)|^2 + |B_2(w)|^2.
// The phases of B, and which of the two columns has what, are not in it: no hypothesis follows.
#pragma once

#include <span>
#include <vector>

#include "../../core/matrix.h"

namespace eqnn::hard {

// Sums over examples, taken in some at a time.
class SquaredAutocovariance {
 public:
  // Throws ValueError for n < 1.
  explicit SquaredAutocovariance(Index n);
  // x [b, n, channels], b labels. Throws ValueError for another n.
  void add(const Block<const double>& x, std::span<const double> y);
  // A_l, and the root mean square of its query over the first 4,096 examples. REQUIRES: an example.
  std::vector<double> means() const;
  std::vector<double> norms() const;

 private:
  Index n_, examples_ = 0, normed_ = 0;
  std::vector<double> sums_, squares_;
};

// Of frequencies w = 0, ..., n/2, those of w and n - w together, scaled to the sum 2; negative values, which noise
// makes, count as 0. All 0 where nothing is above 0.
std::vector<double> power_spectrum(std::span<const double> lags, Index n);
// That of a plane, from its autocorrelations.
std::vector<double> power_spectrum(const Matrix<double>& plane);
// Half of the sum of |p - q|, over the sum of q: 0 is right, 1 has nothing in common (a spectrum of 0 has 1/2).
double spectrum_distance(std::span<const double> p, std::span<const double> q);

}  // namespace eqnn::hard
