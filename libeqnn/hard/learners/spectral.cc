#include "spectral.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace eqnn::hard {
namespace {

constexpr Index kScanned = 8, kMostSteps = 60;

double mean_of_product(std::span<const double> x, std::span<const double> y) {
  double sum = 0;
  for (std::size_t e = 0; e < x.size(); ++e) sum += x[e] * y[e];
  return sum / static_cast<double>(x.size());
}

// --- the function of a candidate plane -----------------------------------------------------------------------

// f_B and its gradient in B, any m x 2 matrix, on a sample.
class Candidate {
 public:
  Candidate(const PlaneForm& form, const PlaneSample& sample) : form_(form), sample_(sample) {
    for (Index j = 1; j <= 2 * form.k; ++j) {
      const double angle = std::numbers::pi * static_cast<double>(j) / static_cast<double>(form.k);
      directions_.push_back({std::cos(angle), std::sin(angle)});
    }
  }
  Index parameters() const { return 2 * sample_.z.cols(); }

  std::vector<double> values(const Matrix<double>& b) const {
    std::vector<double> f(sample_.y.size());
    for (std::size_t e = 0; e < f.size(); ++e) {
      std::array<double, 2> s = {};
      for (Index r = 0; r < form_.rows; ++r) {
        const auto y = project(b, row(e, r));
        if (!form_.squares) f[e] += form_.scale * response(y, nullptr);
        s[0] += (y[0] - y[1]) * (y[0] + y[1]);
        s[1] += 2 * y[0] * y[1];
      }
      if (form_.squares) f[e] = form_.scale * response(s, nullptr);
    }
    return f;
  }

  // df/dB_ij of example e at place 2 i + j.
  void gradient(const Matrix<double>& b, std::size_t e, std::vector<double>& out) const {
    std::fill(out.begin(), out.end(), 0.0);
    std::array<double, 2> s = {}, slope = {};
    for (Index r = 0; form_.squares && r < form_.rows; ++r) {
      const auto y = project(b, row(e, r));
      s[0] += (y[0] - y[1]) * (y[0] + y[1]);
      s[1] += 2 * y[0] * y[1];
    }
    if (form_.squares) response(s, &slope);
    for (Index r = 0; r < form_.rows; ++r) {
      const double* z = row(e, r);
      const auto y = project(b, z);
      std::array<double, 2> g = slope;
      if (form_.squares)
        g = {2 * (y[0] * slope[0] + y[1] * slope[1]), 2 * (y[0] * slope[1] - y[1] * slope[0])};
      else
        response(y, &g);
      for (Index i = 0; i < b.rows(); ++i) {
        out[static_cast<std::size_t>(2 * i)] += form_.scale * z[i] * g[0];
        out[static_cast<std::size_t>(2 * i + 1)] += form_.scale * z[i] * g[1];
      }
    }
  }

 private:
  const double* row(std::size_t e, Index r) const {
    return sample_.z.view().row(static_cast<Index>(e) * form_.rows + r);
  }
  static std::array<double, 2> project(const Matrix<double>& b, const double* z) {
    std::array<double, 2> y = {};
    for (Index i = 0; i < b.rows(); ++i) {
      y[0] += b(i, 0) * z[i];
      y[1] += b(i, 1) * z[i];
    }
    return y;
  }
  // h(z), and its gradient.
  double response(const std::array<double, 2>& z, std::array<double, 2>* slope) const {
    double sum = 0, sign = -1;
    std::array<double, 2> g = {};
    for (const auto& w : directions_) {
      const double side = w[0] * z[0] + w[1] * z[1];
      if (side > 0) {
        sum += sign * side;
        g[0] += sign * w[0];
        g[1] += sign * w[1];
      }
      sign = -sign;
    }
    if (slope != nullptr) *slope = g;
    return sum;
  }

  const PlaneForm& form_;
  const PlaneSample& sample_;
  std::vector<std::array<double, 2>> directions_;
};

// --- (1) the plane -------------------------------------------------------------------------------------------

void orthonormalise(Matrix<double>& v) {
  for (Index j = 0; j < v.cols(); ++j) {
    for (int pass = 0; pass < 2; ++pass)
      for (Index l = 0; l < j; ++l) {
        double overlap = 0;
        for (Index i = 0; i < v.rows(); ++i) overlap += v(i, l) * v(i, j);
        for (Index i = 0; i < v.rows(); ++i) v(i, j) -= overlap * v(i, l);
      }
    double square = 0;
    for (Index i = 0; i < v.rows(); ++i) square += v(i, j) * v(i, j);
    for (Index i = 0; i < v.rows(); ++i) v(i, j) /= std::sqrt(square);
  }
}

// v becomes (M + shift) v.
void multiply(const Matrix<double>& m, double shift, Matrix<double>& v) {
  Matrix<double> next(v.rows(), v.cols());
  for (Index i = 0; i < m.rows(); ++i)
    for (Index j = 0; j < v.cols(); ++j) {
      double sum = shift * v(i, j);
      for (Index l = 0; l < m.rows(); ++l) sum += m(i, l) * v(l, j);
      next(i, j) = sum;
    }
  v = std::move(next);
}

// The leading eigenvectors of a symmetric matrix, by orthogonal iteration on M + shift, shift the largest row sum,
// so that the largest eigenvalue and not the largest size comes first. From fixed random vectors.
Matrix<double> leading_eigenvectors(const Matrix<double>& m, Index count, std::array<double, 3>& eigenvalues) {
  constexpr int kIterations = 1000;
  double shift = 0;
  for (Index i = 0; i < m.rows(); ++i) {
    double sum = 0;
    for (Index j = 0; j < m.rows(); ++j) sum += std::abs(m(i, j));
    shift = std::max(shift, sum);
  }
  Matrix<double> v(m.rows(), count);
  Draws draws({0, Stream::user, 0, 0});
  for (Index i = 0; i < v.rows(); ++i)
    for (Index j = 0; j < count; ++j) v(i, j) = draws.normal();
  orthonormalise(v);
  for (int iteration = 0; shift > 0 && iteration < kIterations; ++iteration) {
    multiply(m, shift, v);
    orthonormalise(v);
  }
  Matrix<double> image(v.rows(), count);
  for (Index i = 0; i < v.rows(); ++i)
    for (Index j = 0; j < count; ++j) image(i, j) = v(i, j);
  multiply(m, 0, image);
  for (Index j = 0; j < count; ++j)
    for (Index i = 0; i < v.rows(); ++i) eigenvalues[static_cast<std::size_t>(j)] += v(i, j) * image(i, j);
  return v;
}

// --- (2) its angle -------------------------------------------------------------------------------------------

Matrix<double> turned(const Matrix<double>& b, double angle, bool reflected = false) {
  const double c = std::cos(angle), s = std::sin(angle), side = reflected ? -1 : 1;
  Matrix<double> t(b.rows(), 2);
  for (Index i = 0; i < b.rows(); ++i) {
    t(i, 0) = c * b(i, 0) + s * b(i, 1);
    t(i, 1) = side * (c * b(i, 1) - s * b(i, 0));
  }
  return t;
}

double half_period(const PlaneForm& form) {
  return std::numbers::pi / static_cast<double>(form.squares ? 2 * form.k : form.k);
}

Matrix<double> scan(const PlaneForm& form, const Candidate& f, const Matrix<double>& plane, PlaneQueries& queries,
                    double& best) {
  double angle = 0;
  for (Index t = 0; t < kScanned; ++t) {
    const double tried = half_period(form) * static_cast<double>(t) / kScanned;
    const double answer = queries.correlation(f.values(turned(plane, tried)));
    if (std::abs(answer) <= best) continue;
    best = std::abs(answer);
    angle = answer < 0 ? tried + half_period(form) : tried;
  }
  return turned(plane, angle);
}

// --- (3) its exact place -------------------------------------------------------------------------------------

// Solves A x = right, A symmetric and positive definite; A is overwritten.
void solve(Matrix<double>& a, std::vector<double>& x) {
  const Index n = a.rows();
  const auto at = [&](Index i) -> double& { return x[static_cast<std::size_t>(i)]; };
  for (Index j = 0; j < n; ++j) {
    for (Index i = j; i < n; ++i) {
      double sum = a(i, j);
      for (Index l = 0; l < j; ++l) sum -= a(i, l) * a(j, l);
      a(i, j) = i == j ? std::sqrt(sum) : sum / a(j, j);
    }
  }
  for (Index i = 0; i < n; ++i) {
    for (Index l = 0; l < i; ++l) at(i) -= a(i, l) * at(l);
    at(i) /= a(i, i);
  }
  for (Index i = n - 1; i >= 0; --i) {
    for (Index l = i + 1; l < n; ++l) at(i) -= a(l, i) * at(l);
    at(i) /= a(i, i);
  }
}

class Marquardt {
 public:
  Marquardt(const Candidate& f, Index examples, PlaneQueries& queries)
      : f_(f), examples_(examples), queries_(queries) {}

  // Moves b to a minimum of E(y - f_B)^2 near it. Returns whether it has converged.
  bool minimise(Matrix<double>& b, Index& steps) {
    double loss = loss_at(b);
    while (steps < kMostSteps) {
      ++steps;
      linearise(b);
      double step = 0;
      if (!improve(b, loss, step)) return false;
      if (step < 1e-9) return true;
    }
    return false;
  }

 private:
  // Without E y^2, which no step changes.
  double loss_at(const Matrix<double>& b) {
    const std::vector<double> f = f_.values(b);
    return mean_of_product(f, f) - 2 * queries_.correlation(f);
  }

  // hessian_ = E J^T J, right_ = E[y J] - E[f J].
  void linearise(const Matrix<double>& b) {
    const Index size = f_.parameters();
    hessian_ = Matrix<double>(size, size);
    right_.assign(static_cast<std::size_t>(size), 0.0);
    const std::vector<double> f = f_.values(b);
    Matrix<double> columns(size, examples_);
    std::vector<double> j(static_cast<std::size_t>(size));
    const double weight = 1 / static_cast<double>(examples_);
    for (Index e = 0; e < examples_; ++e) {
      f_.gradient(b, static_cast<std::size_t>(e), j);
      for (Index p = 0; p < size; ++p) {
        const double v = j[static_cast<std::size_t>(p)];
        columns(p, e) = v;
        for (Index q = 0; q <= p; ++q) hessian_(p, q) += weight * v * j[static_cast<std::size_t>(q)];
      }
    }
    for (Index p = 0; p < size; ++p) {
      const std::span<const double> column(&columns(p, 0), static_cast<std::size_t>(examples_));
      right_[static_cast<std::size_t>(p)] = queries_.correlation(column) - mean_of_product(f, column);
    }
  }

  // Takes the first step that does not raise the loss, with more and more damping.
  bool improve(Matrix<double>& b, double& loss, double& step) {
    for (; damping_ < 1e8; damping_ *= 4) {
      std::vector<double> change = right_;
      Matrix<double> a(hessian_.rows(), hessian_.rows());
      double trace = 0;
      for (Index p = 0; p < a.rows(); ++p) trace += hessian_(p, p);
      for (Index p = 0; p < a.rows(); ++p) {
        for (Index q = 0; q <= p; ++q) a(p, q) = hessian_(p, q);
        a(p, p) += damping_ * hessian_(p, p) + 1e-14 * trace;
      }
      solve(a, change);
      Matrix<double> next(b.rows(), 2);
      step = 0;
      for (Index i = 0; i < b.rows(); ++i)
        for (Index j = 0; j < 2; ++j) {
          const double c = change[static_cast<std::size_t>(2 * i + j)];
          next(i, j) = b(i, j) + c;
          step = std::max(step, std::abs(c));
        }
      const double tried = loss_at(next);
      if (!(tried <= loss + 1e-13)) continue;
      loss = tried;
      b = std::move(next);
      damping_ /= 5;
      return true;
    }
    return false;
  }

  const Candidate& f_;
  Index examples_;
  PlaneQueries& queries_;
  double damping_ = 1;
  Matrix<double> hessian_;
  std::vector<double> right_;
};

// B (B^T B)^{-1/2}, the nearest orthonormal matrix; false where B has no two directions.
bool make_orthonormal(Matrix<double>& b) {
  const PlaneMap g = plane_product(b, b);
  // The square root of a positive 2 x 2 matrix G is (G + sqrt(det G)) / sqrt(tr G + 2 sqrt(det G)).
  const double root = std::sqrt(g[0] * g[3] - g[1] * g[2]), t = std::sqrt(g[0] + g[3] + 2 * root);
  if (!(root > 1e-12 && std::isfinite(t))) return false;
  const double p = (g[0] + root) / t, q = g[1] / t, s = (g[3] + root) / t, det = p * s - q * q;
  for (Index i = 0; i < b.rows(); ++i) {
    const double x = b(i, 0), y = b(i, 1);
    b(i, 0) = (s * x - q * y) / det;
    b(i, 1) = (p * y - q * x) / det;
  }
  return true;
}

}  // namespace

// --- queries -------------------------------------------------------------------------------------------------

PlaneQueries::PlaneQueries(const PlaneSample& sample, Oracle* oracle, const Matrix<double>* exact)
    : sample_(sample), oracle_(oracle), exact_(exact) {
  require(
      !sample.y.empty() && sample.rows >= 1 && sample.z.rows() == sample.rows * static_cast<Index>(sample.y.size()),
      "the sample has ", sample.z.rows(), " rows and ", sample.y.size(), " labels; it must have ", sample.rows,
      " rows a label, and a label at least");
  require(oracle == nullptr || (exact != nullptr && exact->rows() == sample.z.cols()),
          "through an oracle the exact moment of ", sample.z.cols(), " variables is needed; give it");
}

double PlaneQueries::squared_answer(double mean, double norm, double exact) {
  ++squared_;
  if (oracle_ == nullptr) return mean;
  if (oracle_->kind() == Oracle::Kind::csq) return 0;
  return oracle_->answer(oracle_->mode() == Oracle::Answer::sampled ? mean : exact, norm);
}

Matrix<double> PlaneQueries::squared_moment() {
  const Index m = sample_.z.cols(), examples = static_cast<Index>(sample_.y.size());
  const Index normed = std::min(examples, kNormExamples);
  Matrix<double> sums(m, m), squares(m, m), query(m, m), answers(m, m);
  for (Index e = 0; e < examples; ++e) {
    const double y = sample_.y[static_cast<std::size_t>(e)], weight = y * y - 1;
    for (Index a = 0; a < m; ++a) std::fill_n(&query(a, 0), a + 1, 0.0);
    for (Index r = 0; r < sample_.rows; ++r) {
      const double* z = sample_.z.view().row(e * sample_.rows + r);
      for (Index a = 0; a < m; ++a)
        for (Index b = 0; b <= a; ++b) query(a, b) += z[a] * z[b];
    }
    for (Index a = 0; a < m; ++a)
      for (Index b = 0; b <= a; ++b) {
        const double v = weight * query(a, b);
        sums(a, b) += v;
        if (e < normed) squares(a, b) += v * v;
      }
  }
  for (Index a = 0; a < m; ++a)
    for (Index b = 0; b <= a; ++b)
      answers(a, b) = answers(b, a) =
          squared_answer(sums(a, b) / static_cast<double>(examples),
                         std::sqrt(squares(a, b) / static_cast<double>(normed)), exact_ ? (*exact_)(a, b) : 0);
  return answers;
}

double PlaneQueries::correlation(std::span<const double> q) {
  ++correlational_;
  const double mean = mean_of_product(q, sample_.y);
  return oracle_ == nullptr ? mean : oracle_->answer(mean, std::sqrt(mean_of_product(q, q)));
}

// --- the learner ---------------------------------------------------------------------------------------------

const char* status_name(FoundPlane::Status status) {
  constexpr std::array kNames = {"converged", "stopped", "stuck"};
  return kNames[static_cast<std::size_t>(status)];
}

FoundPlane learn_plane(const PlaneForm& form, const PlaneSample& sample, PlaneQueries& queries) {
  const Index m = sample.z.cols();
  require(form.k > 1, "k is 1: the target is linear; low-degree learns it");
  require(m >= 2 && m <= kMaxPlaneRows, "B has ", m, " rows; 2 to ", kMaxPlaneRows, " are solved for");
  require(form.rows == sample.rows, "the sample has ", sample.rows, " rows an example and the form ", form.rows);
  FoundPlane found;
  const Matrix<double> v = leading_eigenvectors(queries.squared_moment(), std::min<Index>(3, m), found.eigenvalues);
  if (!(found.eigenvalues[1] > 0)) return found;
  Matrix<double> plane(m, 2);
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < 2; ++j) plane(i, j) = v(i, j);
  const Candidate f(form, sample);
  Matrix<double> b = scan(form, f, plane, queries, found.scanned);
  Marquardt marquardt(f, static_cast<Index>(sample.y.size()), queries);
  const bool converged = marquardt.minimise(b, found.steps);
  if (!make_orthonormal(b)) return found;
  found.status = converged ? FoundPlane::Status::converged : FoundPlane::Status::stopped;
  found.b = std::move(b);
  return found;
}

double plane_distance(const PlaneForm& form, const Matrix<double>& b, const Matrix<double>& other) {
  double least = INFINITY;
  const Index turns = form.squares ? 2 * form.k : form.k;
  for (Index t = 0; t < turns; ++t)
    for (const bool reflected : {false, true}) {
      const Matrix<double> moved = turned(other, 2 * half_period(form) * static_cast<double>(t), reflected);
      double largest = 0;
      for (Index i = 0; i < b.rows(); ++i)
        for (Index j = 0; j < 2; ++j) largest = std::max(largest, std::abs(b(i, j) - moved(i, j)));
      least = std::min(least, largest);
    }
  return least;
}

}  // namespace eqnn::hard
