// The spectral learner: how planes enter, what y^2 knows of them, the plane from a sample, and through oracles.
#include <doctest/doctest.h>
#include <eqnn/hard/families/planar/cnn_cyclic.h>
#include <eqnn/hard/families/planar/gnn_feature.h>
#include <eqnn/hard/families/planar/rotation_invariant.h>
#include <eqnn/hard/learners/power_spectrum.h>
#include <eqnn/hard/learners/spectral.h>

#include <cmath>
#include <memory>
#include <numbers>
#include <numeric>
#include <vector>

#include "support/thrown.h"

namespace test_spectral {

using namespace eqnn;
using namespace eqnn::hard;

namespace {

using Members = std::vector<std::unique_ptr<PlanarMember>>;

// One of each family, small; a graph in which nodes differ.
Members members() {
  Members all;
  Matrix<double> a(4, 4);
  a(0, 1) = a(1, 0) = a(1, 2) = a(2, 1) = a(1, 3) = a(3, 1) = a(2, 3) = a(3, 2) = a(0, 0) = 1;
  all.push_back(std::make_unique<GnnFeature>(4, std::move(a), haar_plane(3, 1)));
  all.push_back(std::make_unique<RotationInvariant>(2, haar_plane(4, 2), 3));
  all.push_back(std::make_unique<CnnCyclic>(4, haar_plane(7, 3), 2));
  return all;
}

Matrix<double> copy_of(const Matrix<double>& m) {
  Matrix<double> c(m.rows(), m.cols());
  for (Index i = 0; i < m.rows(); ++i)
    for (Index j = 0; j < m.cols(); ++j) c(i, j) = m(i, j);
  return c;
}

struct Sampled {
  PlaneSample rows;
  std::vector<double> x;
  Block<const double> inputs;
};

Sampled sample(const PlanarMember& f, Index examples, std::uint64_t seed, double noise = 0) {
  Sampled s;
  s.x.resize(static_cast<std::size_t>(examples * f.n() * f.d()));
  const Block<double> x{s.x.data(), examples, f.n(), f.d(), f.d()};
  f.sample({seed, Stream::user, 0, 0}, x);
  s.inputs = {s.x.data(), examples, f.n(), f.d(), f.d()};
  const Index rows = f.form().rows, m = f.plane().rows();
  s.rows.rows = rows;
  s.rows.z = Matrix<double>(examples * rows, m);
  f.rows(s.inputs, {s.rows.z.data(), examples, rows, m, s.rows.z.stride()});
  s.rows.y.resize(static_cast<std::size_t>(examples));
  f.targets(s.inputs, s.rows.y.data());
  Draws draws({seed, Stream::noise, 0, 0});
  for (double& y : s.rows.y) y += noise * draws.normal();
  return s;
}

}  // namespace

TEST_CASE("planes: a member is the sum of h over its rows, or h of the sum of their squares") {
  for (const auto& f : members()) {
    const PlaneForm form = f->form();
    const Sampled s = sample(*f, 20, 5);
    for (Index e = 0; e < 20; ++e) {
      double sum = 0, s1 = 0, s2 = 0;
      for (Index r = 0; r < form.rows; ++r) {
        double y1 = 0, y2 = 0;
        for (Index i = 0; i < f->plane().rows(); ++i) {
          y1 += f->plane()(i, 0) * s.rows.z(e * form.rows + r, i);
          y2 += f->plane()(i, 1) * s.rows.z(e * form.rows + r, i);
        }
        sum += planar_response(form.k, Signs::alternating, y1, y2);
        s1 += y1 * y1 - y2 * y2;
        s2 += 2 * y1 * y2;
      }
      if (form.squares) sum = planar_response(form.k, Signs::alternating, s1, s2);
      const MatrixView<const double> x{s.inputs.row(e), f->n(), f->d(), f->d()};
      CHECK(form.scale * sum == doctest::Approx(f->value(x)).epsilon(1e-10));
    }
  }
}

TEST_CASE("planes: the exact second moment under f^2 is that of a sample, and has the plane alone in it") {
  for (const auto& f : members()) {
    constexpr Index kExamples = 40000;
    const Sampled s = sample(*f, kExamples, 6);
    const Matrix<double> exact = f->squared_moment();
    PlaneQueries queries(s.rows);
    const Matrix<double> found = queries.squared_moment();
    const Index m = exact.rows();
    CHECK(queries.squared_queries() == m * (m + 1) / 2);
    CAPTURE(m);
    for (Index a = 0; a < m; ++a)
      for (Index b = 0; b < m; ++b) {
        double square = 0;
        for (Index e = 0; e < kExamples; ++e) {
          const double y = s.rows.y[static_cast<std::size_t>(e)];
          double sum = 0;
          for (Index r = 0; r < s.rows.rows; ++r)
            sum += s.rows.z(e * s.rows.rows + r, a) * s.rows.z(e * s.rows.rows + r, b);
          square += (y * y - 1) * sum * (y * y - 1) * sum / kExamples;
        }
        CAPTURE(a);
        CAPTURE(b);
        CHECK(std::abs(exact(a, b) - found(a, b)) < 5 * std::sqrt(square / kExamples));
      }
    // The slope of the kernel, of which all of this is made.
    const double h = 1e-6;
    for (const double rho : {-0.7, 0.1, 0.6})
      CHECK(isotropic_kernel_slope(4, Signs::alternating, rho) ==
            doctest::Approx((isotropic_kernel(4, Signs::alternating, rho + h) -
                             isotropic_kernel(4, Signs::alternating, rho - h)) /
                            (2 * h))
                .epsilon(1e-5));
  }
  // No self loops, two neighbours: C = A A^T has rows (2, 1, 1), C^2 a diagonal of 6.
  const GnnFeature ring = GnnFeature::draw(6, feature_graph("cycle", 8), 5, 0);
  const Matrix<double> m = ring.squared_moment();
  double trace = 0;
  for (Index i = 0; i < 5; ++i) trace += m(i, i);
  CHECK(trace == doctest::Approx(2 * 3).epsilon(0.1));
  CHECK(contains(message([] { RotationInvariant(1, haar_plane(3, 0), 2).squared_moment(); }), "k is 1"));
}

TEST_CASE("spectral: the plane itself from a sample, up to what leaves the function as it is") {
  Members all;
  all.push_back(std::make_unique<GnnFeature>(GnnFeature::draw(4, feature_graph("cycle", 4), 6, 1)));
  all.push_back(std::make_unique<GnnFeature>(GnnFeature::draw(2, feature_graph("empty", 2), 4, 2)));
  all.push_back(std::make_unique<RotationInvariant>(RotationInvariant::draw(5, 2, 4, 3)));
  for (const auto& f : all) {
    CAPTURE(f->k());
    const Sampled s = sample(*f, 4000, 7), noisy = sample(*f, 4000, 7, 0.1);
    PlaneQueries queries(s.rows), with_noise(noisy.rows);
    const FoundPlane found = learn_plane(f->form(), s.rows, queries);
    REQUIRE(found.status == FoundPlane::Status::converged);
    CHECK(plane_distance(f->form(), found.b, f->plane()) < 1e-9);
    CHECK(found.eigenvalues[1] > found.eigenvalues[2]);
    CHECK(found.scanned > 0.3);
    CHECK(queries.correlational_queries() >= 8 + found.steps * (2 * f->plane().rows() + 1));
    const auto same = f->with_plane(copy_of(found.b));
    std::vector<double> y(4000);
    same->targets(s.inputs, y.data());
    double loss = 0;
    for (std::size_t e = 0; e < y.size(); ++e) loss = std::max(loss, std::abs(y[e] - s.rows.y[e]));
    CHECK(loss < 1e-9);
    const FoundPlane near = learn_plane(f->form(), noisy.rows, with_noise);
    REQUIRE(near.status != FoundPlane::Status::stuck);
    const double distance = plane_distance(f->form(), near.b, f->plane());
    CHECK(distance > 1e-9);
    CHECK(distance < 0.05);
  }
}

TEST_CASE("spectral: turns by a period and reflections are the same function, other turns are not") {
  for (const bool squares : {false, true}) {
    const PlaneForm form{4, 1, squares, 1};
    const Matrix<double> b = haar_plane(5, 4);
    const auto moved = [&](double angle, double side) {
      Matrix<double> t(5, 2);
      for (Index i = 0; i < 5; ++i) {
        t(i, 0) = std::cos(angle) * b(i, 0) + std::sin(angle) * b(i, 1);
        t(i, 1) = side * (std::cos(angle) * b(i, 1) - std::sin(angle) * b(i, 0));
      }
      return t;
    };
    const double period = std::numbers::pi / (squares ? 4 : 2);
    CHECK(plane_distance(form, moved(3 * period, 1), b) < 1e-12);
    CHECK(plane_distance(form, moved(period, -1), b) < 1e-12);
    CHECK(plane_distance(form, moved(period / 2, 1), b) > 0.01);
    CHECK(plane_distance(form, haar_plane(5, 5), b) > 0.01);
  }
}

TEST_CASE("spectral: an SQ oracle tells the plane, a CSQ oracle leaves it stuck before it asks for a correlation") {
  const GnnFeature f = GnnFeature::draw(4, feature_graph("cycle", 4), 6, 1);
  const Sampled s = sample(f, 3000, 7);
  const Matrix<double> exact = f.squared_moment();
  const auto learned = [&](Oracle& oracle, Index& asked) {
    PlaneQueries queries(s.rows, &oracle, &exact);
    FoundPlane found = learn_plane(f.form(), s.rows, queries);
    asked = queries.correlational_queries();
    return found;
  };
  Index asked = 0;
  Oracle sq(Oracle::Kind::sq, 0.002, Oracle::Answer::shrink);
  const FoundPlane found = learned(sq, asked);
  REQUIRE(found.status != FoundPlane::Status::stuck);
  CHECK(plane_distance(f.form(), found.b, f.plane()) < 0.02);
  CHECK(sq.log().queries == 21 + asked);
  CHECK(sq.log().above_tau > 0);
  Oracle csq(Oracle::Kind::csq, 0.002, Oracle::Answer::shrink);
  CHECK(learned(csq, asked).status == FoundPlane::Status::stuck);
  CHECK(asked == 0);
  CHECK(csq.log().above_tau == 0);
  Oracle deaf(Oracle::Kind::sq, 1.01, Oracle::Answer::zero);
  CHECK(learned(deaf, asked).status == FoundPlane::Status::stuck);
  Oracle sampled(Oracle::Kind::sq, 0.002, Oracle::Answer::sampled);
  CHECK(plane_distance(f.form(), learned(sampled, asked).b, f.plane()) < 1e-9);
}

TEST_CASE("spectral: what it does not take") {
  const GnnFeature f = GnnFeature::draw(4, feature_graph("cycle", 4), 6, 1);
  Sampled s = sample(f, 10, 7);
  PlaneQueries queries(s.rows);
  CHECK(contains(message([&] { learn_plane({1, 4, false, 1}, s.rows, queries); }), "k is 1"));
  CHECK(contains(message([&] { learn_plane({4, 5, false, 1}, s.rows, queries); }), "4 rows an example"));
  Oracle oracle(Oracle::Kind::sq, 0.1, Oracle::Answer::zero);
  CHECK(contains(message([&] { PlaneQueries(s.rows, &oracle); }), "exact moment"));
  s.rows.y.pop_back();
  CHECK(contains(message([&] { PlaneQueries{s.rows}; }), "40 rows and 9 labels"));
}

TEST_CASE("power spectrum: it does not change under shifts, and y^2 has it") {
  const CnnCyclic f(6, haar_plane(24, 5), 1);
  const std::vector<double> truth = power_spectrum(f.plane());
  CHECK(std::accumulate(truth.begin(), truth.end(), 0.0) == doctest::Approx(2));
  Matrix<double> shifted(24, 2);
  for (Index t = 0; t < 24; ++t)
    for (Index j = 0; j < 2; ++j) shifted((t + 5) % 24, j) = f.plane()(t, j);
  CHECK(spectrum_distance(power_spectrum(shifted), truth) < 1e-12);
  CHECK(spectrum_distance(power_spectrum(haar_plane(24, 6)), truth) > 0.1);
  // The exact circulant, and that of a sample.
  const Matrix<double> exact = f.squared_moment();
  std::vector<double> lags;
  for (Index l = 0; l <= 12; ++l) lags.push_back(exact(0, l));
  CHECK(spectrum_distance(power_spectrum(lags, 24), truth) < 0.05);
  const Sampled s = sample(f, 30000, 8);
  SquaredAutocovariance moments(24);
  moments.add({s.x.data(), 1000, 24, 1, 1}, {s.rows.y.data(), 1000});
  moments.add({s.x.data() + 24000, 29000, 24, 1, 1}, {s.rows.y.data() + 1000, 29000});
  const std::vector<double> means = moments.means(), norms = moments.norms();
  for (std::size_t l = 0; l < lags.size(); ++l) {
    CHECK(std::abs(means[l] - lags[l]) < 6 * norms[l] / std::sqrt(30000.0));
    CHECK(norms[l] > std::abs(lags[l]));
  }
  CHECK(spectrum_distance(power_spectrum(means, 24), truth) < 0.2);
  CHECK(power_spectrum(std::vector<double>(13), 24) == std::vector<double>(13));
  CHECK(contains(message([] { SquaredAutocovariance{0}; }), "n is 0"));
  CHECK(contains(message([&] { moments.add({s.x.data(), 2, 12, 2, 2}, {s.rows.y.data(), 2}); }), "12 positions"));
}

}  // namespace test_spectral
