#include "rotation_invariant.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "../../../kernels/kernels.h"
#include "plane_overlap.h"

namespace eqnn::hard {
namespace {

void require_sizes(Index n, Index d) {
  require(n >= 2 && n <= kMaxPoints, "n is ", n, "; it must be 2 to ", kMaxPoints, " points");
  require(d >= 1 && d <= kMaxDimension, "d is ", d, "; it must be 1 to ", kMaxDimension);
}

}  // namespace

SquaresMoments squares_moments(Index k, Signs signs, Index d, const PlaneMap& covariance, Index steps) {
  // In the axes of the covariance, l1 >= l2 its eigenvalues; back from there s turns by twice the angle of y, and a
  // plane that is turned has the same midpoints.
  const double difference = std::hypot(covariance[0] - covariance[3], 2 * covariance[1]);
  const double l1 = (covariance[0] + covariance[3] + difference) / 2, l2 = l1 - difference;
  const double turn_angle = std::atan2(2 * covariance[1], covariance[0] - covariance[3]);
  const double cosine = std::cos(turn_angle), sine = std::sin(turn_angle), product = 2 * std::sqrt(l1 * l2);
  const FoldedResponse<double> h(k, signs);
  const double dimension = static_cast<double>(d), step = std::numbers::pi / static_cast<double>(steps);
  const Index angles = d == 1 ? 2 : steps;  // on a line two vectors point the same way, or opposite ways
  std::vector<double> cosines(angles), weights(angles), s1(angles), s2(angles), values(angles);
  for (Index j = 0; j < angles; ++j) {
    const double phi = (static_cast<double>(j) + 0.5) * step;
    cosines[j] = d == 1 ? (j == 0 ? 1 : -1) : std::cos(phi);
    weights[j] = d == 1 ? 1 : std::pow(std::sin(phi), dimension - 2);
  }
  double total = 0, mean = 0, square = 0;
  for (Index i = 0; i < steps; ++i) {
    const double theta = (static_cast<double>(i) + 0.5) * step, split = std::pow(std::sin(theta), dimension - 1);
    // |g1|^2, |g2|^2 and g1 . g2 over R^2.
    const double a = (1 + std::cos(theta)) / 2, b = (1 - std::cos(theta)) / 2, root = std::sqrt(a * b);
    for (Index j = 0; j < angles; ++j) {
      const double straight = l1 * a - l2 * b, across = product * root * cosines[j];
      s1[j] = cosine * straight - sine * across;
      s2[j] = sine * straight + cosine * across;
    }
    h(angles, s1.data(), s2.data(), values.data());
    for (Index j = 0; j < angles; ++j) {
      const double weight = split * weights[j];
      total += weight;
      mean += weight * values[j];
      square += weight * values[j] * values[j];
    }
  }
  // E R^2 = 2d, E R^4 = 2d (2d + 2).
  return {2 * dimension * mean / total, 2 * dimension * (2 * dimension + 2) * square / total};
}

RotationInvariant::RotationInvariant(Index k, Matrix<double> b, Index d, InputLaw inputs)
    : PlanarMember(k, std::move(b), b.rows(), d, PlaneAxis::points, std::move(inputs)),
      b_single_(plane().rows(), 2),
      features_{"z", 1, n() * (n() + 1) / 2} {
  require_sizes(n(), d);
  for (Index i = 0; i < n(); ++i)
    for (Index j = 0; j < 2; ++j) b_single_(i, j) = static_cast<float>(plane()(i, j));
  if (!law().isotropic()) {
    const auto moments = [&](Signs signs) { return squares_moments(k, signs, d, plane_covariance()); };
    const SquaresMoments target = moments(Signs::alternating), control = moments(Signs::equal);
    set_moments(target.square - target.mean * target.mean, control.mean,
                control.square - control.mean * control.mean, target.mean);
    return;
  }
  const double dimension = static_cast<double>(d), pi = std::numbers::pi;
  const double length =
      2 * dimension *
      std::exp(std::lgamma(1.5) + std::lgamma((dimension + 1) / 2) - std::lgamma(dimension / 2 + 1));
  const double mean = 2 * static_cast<double>(k) * length / pi;
  set_moments(4 * dimension * planar_norm_sq(k), mean,
              4 * dimension * isotropic_kernel(k, Signs::equal, 1) - mean * mean);
}

RotationInvariant RotationInvariant::draw(Index n, Index d, Index k, std::uint64_t seed,
                                          const InputLawSettings& law) {
  require_sizes(n, d);
  return RotationInvariant(k, haar_plane(n, seed), d, law.draw(n, seed));
}

double RotationInvariant::raw(MatrixView<const double> x, Signs signs) const {
  double s1 = 0, s2 = 0;
  for (Index c = 0; c < d(); ++c) {
    double y1 = 0, y2 = 0;
    for (Index i = 0; i < n(); ++i) {
      y1 += plane()(i, 0) * x(i, c);
      y2 += plane()(i, 1) * x(i, c);
    }
    s1 += y1 * y1 - y2 * y2;
    s2 += 2 * y1 * y2;
  }
  return response(signs, s1, s2);
}

template <class T>
void RotationInvariant::all_raw(const FoldedResponse<T>& h, const Matrix<T>& b, const Block<const T>& x,
                                T* y) const {
  constexpr Index kTile = 4 * kMaxDimension;  // of examples times d
  alignas(kLine) T rotated[2 * kTile + kLine / sizeof(T)];
  alignas(kLine) T s1[kTile], s2[kTile];
  const Index most = kTile / d();
  for (Index first = 0; first < x.examples; first += most) {
    const Index examples = std::min(most, x.examples - first);
    kernels::Product<T> p;  // X^T B, example by example
    p.m = d();
    p.n = 2;
    p.k = n();
    p.a = x.row(first);
    p.a_row = 1;
    p.a_col = x.stride;
    p.b = b.data();
    p.b_row = b.stride();
    p.c = rotated;
    p.c_row = 2;
    p.count = examples;
    p.a_step = n() * x.stride;
    p.c_step = 2 * d();
    kernels::product(p);
    for (Index e = 0; e < examples; ++e) {
      T sum1 = 0, sum2 = 0;
      for (Index c = e * d(); c < (e + 1) * d(); ++c) {
        const T y1 = rotated[2 * c], y2 = rotated[2 * c + 1];
        sum1 += (y1 - y2) * (y1 + y2);
        sum2 += 2 * y1 * y2;
      }
      s1[e] = sum1;
      s2[e] = sum2;
    }
    h(examples, s1, s2, y + first);
  }
}

void RotationInvariant::raw(const FoldedResponse<float>& h, const Block<const float>& x, float* y) const {
  all_raw(h, b_single_, x, y);
}
void RotationInvariant::raw(const FoldedResponse<double>& h, const Block<const double>& x, double* y) const {
  all_raw(h, plane(), x, y);
}

// Rows of the triangle in blocks of four columns, a few coordinates at a time. The coordinates stand in columns
// that end in zeros, so that what the last block of a row adds to the next one is zero.
template <class T>
void RotationInvariant::all_features(const Block<const T>& x, const Block<T>& z) const {
  constexpr Index kWidth = 4, kDeep = 8;
  const Index points = n(), size = features_.channels;
  const T off = static_cast<T>(1 / std::sqrt(static_cast<double>(d())));
  alignas(kLine) T columns[kDeep][kMaxPoints + kWidth];
  for (Index e = 0; e < x.examples; ++e) {
    T* out = z.row(e);
    std::fill(out, out + size, T(0));
    for (Index c0 = 0; c0 < d(); c0 += kDeep) {
      const Index deep = std::min(kDeep, d() - c0);
      for (Index c = 0; c < deep; ++c) {
        for (Index i = 0; i < points; ++i) columns[c][i] = x(e, i, c0 + c);
        std::fill(columns[c] + points, columns[c] + points + kWidth, T(0));
      }
      for (Index i = 0, row = 0; i < points; row += points - i, ++i)
        for (Index j = i; j < points; j += kWidth) {
          T sums[kWidth] = {};
          for (Index c = 0; c < deep; ++c)
            for (Index l = 0; l < kWidth; ++l) sums[l] += columns[c][i] * columns[c][j + l];
          T* at = out + row + (j - i);
          const Index room = std::min(kWidth, size - row - (j - i));
          if (room == kWidth)
            for (Index l = 0; l < kWidth; ++l) at[l] += off * sums[l];
          else
            for (Index l = 0; l < room; ++l) at[l] += off * sums[l];
        }
    }
    // (|x_i|^2 - d) / sqrt(2 d) on the diagonal.
    for (Index i = 0, row = 0; i < points; row += points - i, ++i)
      out[row] = (out[row] - static_cast<T>(d()) * off) * static_cast<T>(0.70710678118654752);
  }
}

void RotationInvariant::features(Block<const float> x, Block<float> z) const { all_features(x, z); }
void RotationInvariant::features(Block<const double> x, Block<double> z) const { all_features(x, z); }

void RotationInvariant::rows(const Block<const double>& x, const Block<double>& z) const {
  for (Index e = 0; e < x.examples; ++e)
    for (Index c = 0; c < d(); ++c)
      for (Index i = 0; i < n(); ++i) z(e, c, i) = x(e, i, c);
}

// s_1 = sum_ij (b1_i b1_j - b2_i b2_j) x_i . x_j and s_2 = sum_ij 2 b1_i b2_j x_i . x_j are forms of the Gram
// matrix that are orthogonal, and so are their coefficients of the standardised entries, whose squares sum to 4 d.
PlantedDirections RotationInvariant::planted(bool of_features) const {
  if (law().basis() != nullptr) return {};
  const Matrix<double>& b = plane();
  if (!of_features) return plane_directions(b, d());
  PlantedDirections planted{Matrix<double>(2, features_.channels)};
  for (Index i = 0, at = 0; i < n(); ++i)
    for (Index j = i; j < n(); ++j, ++at) {
      const double weight = i == j ? std::sqrt(0.5) : 1;
      planted.basis(0, at) = weight * (b(i, 0) * b(j, 0) - b(i, 1) * b(j, 1));
      planted.basis(1, at) = weight * (b(i, 0) * b(j, 1) + b(i, 1) * b(j, 0));
    }
  return planted;
}

std::unique_ptr<PlanarMember> RotationInvariant::with_plane(Matrix<double> b) const {
  return std::make_unique<RotationInvariant>(k(), std::move(b), d(), law());
}

double correlation_bound(const RotationInvariant& f, const RotationInvariant& g) {
  require(f.k() == g.k() && f.n() == g.n() && f.d() == g.d(), "the members differ (k ", f.k(), " and ", g.k(),
          ", n ", f.n(), " and ", g.n(), ", d ", f.d(), " and ", g.d(), "); compare members of one k, n and d");
  require(f.law().isotropic() && g.law().isotropic(),
          "correlations of members are bounded for independent inputs; leave out input-correlation and input-dim");
  const double contraction = largest_singular_value(plane_product(f.plane(), g.plane()));
  return std::min(1.0, std::pow(contraction, 2 * static_cast<double>(f.k())));
}

namespace {

// Turns the axes a and b of every row by `angle`.
void turn(Array& x, Index a, Index b, double angle) {
  const double c = std::cos(angle), s = std::sin(angle);
  for (Index i = 0; i < x.rows; ++i) {
    const double u = x(i, a), v = x(i, b);
    x(i, a) = c * u - s * v;
    x(i, b) = s * u + c * v;
  }
}

// Every row x becomes x Q.
void multiply(Array& x, const std::vector<double>& q) {
  for (Index i = 0; i < x.rows; ++i) {
    std::vector<double> moved(static_cast<std::size_t>(x.cols));
    for (Index j = 0; j < x.cols; ++j)
      for (Index k = 0; k < x.cols; ++k)
        moved[static_cast<std::size_t>(j)] += x(i, k) * q[static_cast<std::size_t>(k * x.cols + j)];
    for (Index j = 0; j < x.cols; ++j) x(i, j) = moved[static_cast<std::size_t>(j)];
  }
}

GroupElement element(std::string name, std::function<void(Array&)> moves) {
  return {std::move(name), [moves = std::move(moves)](const Sample& x) {
            Sample moved = x;
            moves(moved.at("x"));
            return moved;
          }};
}

}  // namespace

std::optional<InputAction> RotationInvariant::action() const { return InputAction::orthogonal(input().channels); }

std::vector<GroupElement> RotationInvariant::symmetries(Index random, std::uint64_t seed) const {
  constexpr double quarter = 1.5707963267948966;
  const Index d = input().channels;
  const auto mirror = [](Array& x) {
    for (Index i = 0; i < x.rows; ++i) x(i, 0) = -x(i, 0);
  };
  std::vector<GroupElement> elements{element("mirror of axis 0", mirror)};
  for (Index a = 0; a < d; ++a)
    for (Index b = a + 1; b < d; ++b)
      elements.push_back(
          element(concat("quarter turn of axes ", a, ", ", b), [=](Array& x) { turn(x, a, b, quarter); }));
  for (Index k = 0; k < (d > 1 ? random : 0); ++k) {
    Draws draws({seed, Stream::check, 6, static_cast<std::uint64_t>(k)});
    elements.push_back(element(concat("random rotation ", k),
                               [q = random_orthogonal(d, k % 2 == 0, draws)](Array& x) { multiply(x, q); }));
  }
  return elements;
}

std::vector<Fact> RotationInvariant::facts() const {
  const double dimension = harmonic_dimension(2 * k(), n()), units = 2 * static_cast<double>(k());
  std::vector<Fact> facts = planar_facts();
  if (!law().isotropic())
    for (Fact& fact : facts)  // how far half as many midpoints are off, which are four times as far
      if (fact.name == "norm_sq") {
        const SquaresMoments half = squares_moments(k(), Signs::alternating, d(), plane_covariance(), 200);
        fact.error = std::abs(half.square - half.mean * half.mean - norm_sq());
      }
  if (law().isotropic())
    facts.insert(facts.end(),
                 {{"dim_harmonic", dimension, 0, "dim H_2k(R^n) = C(n+2k-1, 2k) - C(n+2k-3, 2k-2)"},
                  {"second_moment", 1 / dimension, 0,
                   "1 / dim H_2k >= E_B <f_B, u>^2 for every E u^2 = 1, B uniform (proved for n >= 3)"},
                  {"n_eff", dimension, 0, "1 / second_moment, the effective number of functions"}});
  facts.insert(facts.end(),
               {
                   {"network_units", units, 0, "realising network: hidden layer on three inner products"},
                   {"network_parameters", 3 * static_cast<double>(n()) + 5 * units + 1, 0,
                    "realising network: weights and biases"},
               });
  return facts;
}

std::vector<std::string> RotationInvariant::warnings() const {
  std::vector<std::string> lines = law_warnings();
  if (k() == 1) lines.push_back("k is 1: h is linear and the target a polynomial of degree 2, easy; use k >= 4");
  if (k() == 2) lines.push_back("k is 2: the target has information of degree 4 in X, an easy target; use k >= 4");
  return lines;
}

// --- the registry's entry --------------------------------------------------------------------------------

namespace {

const std::vector<Parameter>& rotation_invariant_parameters() {
  static const std::vector<Parameter> all = {
      {"n", "16", "points, 2 to 1024"},
      {"d", "3", "coordinates of a point, 1 to 256"},
      {"k", "6", "half the number of directions; even, or 1"},
      input_correlation_parameter(),
      input_dim_parameter(),
  };
  return all;
}

struct RotationSettings {
  Index n, d, k;
  InputLawSettings law;
};
RotationSettings rotation_settings(const ParameterValues& values) {
  const ParameterReader read(rotation_invariant_parameters(), values);
  const RotationSettings s{read.integer("n"), read.integer("d"), read.integer("k"), read_input_law(read)};
  require_sizes(s.n, s.d);
  require_directions(s.k);
  s.law.validate(s.n);
  return s;
}

constexpr const char* kHaarPlane = "B Haar, a uniformly random plane, as it is drawn";

std::vector<SecondMoment> rotation_invariant_second_moments(const ParameterValues& values) {
  const RotationSettings s = rotation_settings(values);
  if (s.n < 3 || !s.law.isotropic()) return {};  // else the law is not invariant under O(n)
  const double dimension = harmonic_dimension(2 * s.k, s.n);
  SecondMoment m;
  m.bounded = m.unit = 1 / dimension;
  m.prior = kHaarPlane;
  m.formula = fmt::format("lambda = 1 / dim H_{}(R^{}) = 1 / {:.10g}", 2 * s.k, s.n, dimension);
  m.source =
      "E_B f_B (x) f_B commutes with O(n) and has trace 1; f_B turns with weights +-2k, +-6k, .. in its plane, so ";
  if (s.n == 3)
    m.source += "its types have l >= 2k, of dimension 4k + 1 = dim H_2k(R^3) at least";
  else if (s.n == 4)
    m.source += "its types (l1, l2) have l1 - l2 >= 2k, of dimension (2k + 1)^2 = dim H_2k(R^4) at least";
  else
    m.source += "its types (l1, l2) have l1 >= 2k; for n >= 5 the smallest is (2k, 0), of dimension dim H_2k(R^n)";
  return {m};
}

CorrelationTail rotation_invariant_tail(const ParameterValues& values) {
  const RotationSettings s = rotation_settings(values);
  CorrelationTail t;
  if (!s.law.isotropic()) return t;
  t.log_tail = [s](double gamma) { return log_overlap_tail(s.n, std::pow(gamma, 0.5 / static_cast<double>(s.k))); };
  t.prior = kHaarPlane;
  t.formula = fmt::format("eps(gamma) = P(||B^T B'|| > gamma^(1/{})), planes of R^{}", 2 * s.k, s.n);
  t.source =
      "|E f_B f_B'| <= ||B^T B'||^(2k), as f_B has no part of a degree below 2k; the singular values are those of "
      "a 2 x 2 "
      "Jacobi ensemble (Muirhead 1982)";
  return t;
}

PairCorrelations rotation_invariant_correlations(const ParameterValues& values, Index members, std::uint64_t seed) {
  const RotationSettings s = rotation_settings(values);
  if (!s.law.isotropic()) return {};
  const auto all =
      draw_members(members, seed, [&](std::uint64_t own) { return RotationInvariant::draw(s.n, s.d, s.k, own); });
  return {
      symmetric_matrix(members, [&](Index i, Index j) { return std::min(1.0, correlation_bound(all[i], all[j])); }),
      false, "|E f_B f_B'| <= ||B^T B'||^(2k), for every pair"};
}

}  // namespace

Family rotation_invariant_family() {
  Family f;
  f.id = "rotation-invariant";
  f.title = "A hidden plane in the Gram matrix of a point cloud";
  f.theorem =
      "for independent inputs (no --input-correlation, no --input-dim): "
      "at least tau^2 dim H_2k(R^n) - 1 correlational queries of tolerance tau, whatever d (second moment; n >= 3)";
  f.group = "O(d), rotating and reflecting the cloud";
  f.definition =
      "f(X) = h(s) / sqrt(norm_sq), less its mean where inputs are not (independent: norm_sq = 4 d E h^2), "
      "s = (|y1|^2 - |y2|^2, 2 y1 . y2), (y1, y2) the rows of B^T X, h(z) = sum "
      "over j = 1..2k of (-1)^j relu(w_j . z), w_j = (cos(pi j/k), sin(pi j/k)), B^T B = I";
  f.input_law =
      "X in R^(n x d), standard normal, independent or (--input-correlation) every two points, coordinate by "
      "coordinate alike, or (--input-dim) points that move together on a random subspace: n labelled points";
  f.control = "the same sum with (-1)^j replaced by 1, centred and scaled";
  f.parameters = rotation_invariant_parameters();
  f.training = [](const ParameterValues&) -> ParameterValues {
    return {{"model", "frame-mlp"}, {"depth", "1"},   {"width", "128"},
            {"lr", "2e-3"},         {"batch", "128"}, {"steps", "10000"}};
  };
  f.draw = [](const ParameterValues& values, std::uint64_t seed) -> std::unique_ptr<Member> {
    const RotationSettings s = rotation_settings(values);
    return std::make_unique<RotationInvariant>(RotationInvariant::draw(s.n, s.d, s.k, seed, s.law));
  };
  f.parse = parse_planar_member<RotationInvariant>;
  f.second_moments = rotation_invariant_second_moments;
  f.decay = MomentDecay{"n", "k", 2};
  f.correlation_tail = rotation_invariant_tail;
  f.correlations = rotation_invariant_correlations;
  f.check_members = [](const ParameterValues& values, Index members, const CheckOptions& options) {
    const RotationSettings s = rotation_settings(values);
    require(s.law.isotropic(),
            "--members compares correlations, of which nothing is known for inputs that are not independent; leave "
            "out one of both");
    return check_rotation_invariants(s.n, s.d, s.k, members, options);
  };
  return f;
}

}  // namespace eqnn::hard
