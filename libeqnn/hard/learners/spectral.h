// The spectral learner of hidden planes (gnn-feature, rotation-invariant): the plane from queries about y^2, where
// correlational queries and gradient descent fail, then its angle and its exact place from correlational ones.
//
//   f_B = scale sum_r h(B^T z_r), or scale h(sum_r (B^T z_r)^2): PlaneForm, planar.h
//   (1) M_ab = E[(y^2 - 1) sum_r z_ra z_rb], a <= b. y^2 is the same after a turn of the plane by pi/k (with
//   squares
//       pi/2k) and knows nothing of the rest, so M = gap B B^T: the two leading eigenvectors span the plane.
//   (2) E[y f_{QR}] for eight turns R of the plane found, Q, over half a period; a turn by half a period is -f, and
//   a
//       reflection of B gives the same f.
//   (3) Levenberg and Marquardt on all 2m entries of B: E[y df/dB_ij] and E[y f_B] are queries, what has no y in it
//   is
//       known.
// Queries: m (m + 1) / 2 about y^2; 8, and 2m + 1 or more a step of (3), correlational.
// Told: h (k), the scale, and the z_r (the graph A of gnn-feature). Sources: principal directions of second moments
// (Li 1992, principal Hessian directions); Levenberg 1944, Marquardt 1963. On the calling thread.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "../families/planar/planar.h"
#include "oracle.h"

namespace eqnn::hard {

inline constexpr Index kMaxPlaneRows = 512;  // of B: its 2m entries are solved for

// The z_r of every example, [examples * rows, m], and its label.
struct PlaneSample {
  Index rows = 1;
  Matrix<double> z;
  std::vector<double> y;
};

// Who answers the queries: the means over a sample, or through an oracle. There the values of the queries about y^2
// are `exact` (with Answer::sampled the means), those of correlational queries the means over the sample, off by 1
// / sqrt(examples) of their norm; all norms are root mean squares over the sample, of queries about y^2 over its
// first 4,096 examples. A csq oracle has no queries about y^2: their answer is the label-free part, 0.
class PlaneQueries {
 public:
  // The sample, the oracle and `exact`, Member::squared_moment of the target, must outlive it.
  explicit PlaneQueries(const PlaneSample& sample, Oracle* oracle = nullptr, const Matrix<double>* exact = nullptr);

  // M, every entry on and below the diagonal asked for once.
  Matrix<double> squared_moment();
  // E[y q], q by its values on the sample.
  double correlation(std::span<const double> q);

  Index squared_queries() const { return squared_; }
  Index correlational_queries() const { return correlational_; }

 private:
  double squared_answer(double mean, double norm, double exact);

  const PlaneSample& sample_;
  Oracle* oracle_;
  const Matrix<double>* exact_;
  Index squared_ = 0, correlational_ = 0;
};

// The plane that was found.
struct FoundPlane {
  enum class Status : std::uint8_t { converged, stopped, stuck };
  // stuck: the second eigenvalue is not above 0, there is no plane. converged: the last step was below 1e-9.
  Status status = Status::stuck;
  Matrix<double> b;                        // [m, 2], orthonormal; empty where stuck
  std::array<double, 3> eigenvalues = {};  // of M, the largest; 0 for m = 2
  double scanned = 0;                      // the best answer of (2)
  Index steps = 0;                         // of (3)
};
const char* status_name(FoundPlane::Status status);  // "converged", "stopped", "stuck"

// Throws ValueError for k = 1 (linear), m above kMaxPlaneRows, and a sample without examples or of another shape.
FoundPlane learn_plane(const PlaneForm& form, const PlaneSample& sample, PlaneQueries& queries);

// The largest entry of |B - B' S| over the 4k symmetries S of the plane that leave f_B as it is: turns by 2 pi / k
// (with squares pi / k) and a reflection. REQUIRES: equal rows.
double plane_distance(const PlaneForm& form, const Matrix<double>& b, const Matrix<double>& other);

}  // namespace eqnn::hard
