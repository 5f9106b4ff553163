// invariant-poly: orthonormal polynomials, golden values, a naive reference, batches, the sampler, what is refused.
#include <doctest/doctest.h>
#include <eqnn/hard/families/invariant_poly/invariant_poly.h>
#include <eqnn/hard/families/invariant_poly/network.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <map>
#include <set>

#include "support/golden.h"
#include "support/thrown.h"

namespace test_invariant_poly {

using namespace eqnn;
using namespace eqnn::hard;

namespace {

Law law_of(const std::string& measure) {
  return measure == "gauss" ? Law::gauss : measure == "chi2" ? Law::chi2 : Law::exponential;
}
Generators generators_of(Law law) {
  return law == Law::gauss ? Generators::rowsum : law == Law::chi2 ? Generators::sign : Generators::cyclic;
}
constexpr Law kLaws[] = {Law::gauss, Law::chi2, Law::exponential};

std::vector<PolynomialTerm> terms_of(const nlohmann::json& list) {
  std::vector<PolynomialTerm> terms;
  for (const auto& t : list) {
    PolynomialTerm term{t.at("coef"), {}};
    for (const auto& pair : t.at("monomial")) term.monomial.push_back({pair.at(0), pair.at(1)});
    terms.push_back(term);
  }
  return terms;
}

Matrix<double> matrix_of(const nlohmann::json& rows) {
  const bool vector = !rows.at(0).is_array();
  Matrix<double> m(vector ? 1 : static_cast<Index>(rows.size()),
                   static_cast<Index>(vector ? rows.size() : rows.at(0).size()));
  for (Index i = 0; i < m.rows(); ++i)
    for (Index j = 0; j < m.cols(); ++j)
      m(i, j) = vector ? rows.at(static_cast<std::size_t>(j)).get<double>()
                       : rows.at(static_cast<std::size_t>(i)).at(static_cast<std::size_t>(j)).get<double>();
  return m;
}

// --- a naive reference, from closed forms --------------------------------------------------------------------

double factorial(Index n) { return n == 0 ? 1 : static_cast<double>(n) * factorial(n - 1); }
double choose(Index n, Index k) { return factorial(n) / (factorial(k) * factorial(n - k)); }

// He_s(x) / sqrt(s!), He_s(x) = sum_k (-1)^k s! / (k! (s-2k)!) x^(s-2k) / 2^k.
double naive_hermite(Index s, double x) {
  double sum = 0;
  for (Index k = 0; 2 * k <= s; ++k)
    sum += (k % 2 == 0 ? 1 : -1) * factorial(s) / (factorial(k) * factorial(s - 2 * k)) *
           std::pow(x, static_cast<double>(s - 2 * k)) / std::pow(2.0, static_cast<double>(k));
  return sum / std::sqrt(factorial(s));
}

double naive_polynomial(Law law, Index s, double z) {
  if (law == Law::gauss) return naive_hermite(s, z);
  if (law == Law::chi2) return naive_hermite(2 * s, std::sqrt(z));
  double sum = 0;
  for (Index k = 0; k <= s; ++k)
    sum += (k % 2 == 0 ? 1 : -1) * choose(s, k) / factorial(k) * std::pow(z, static_cast<double>(k));
  return s % 2 == 0 ? sum : -sum;
}

std::vector<double> naive_generators(Generators kind, Index r, const Matrix<double>& x) {
  std::vector<double> z;
  for (Index i = 0; i < r; ++i) {
    std::complex<double> sum = 0;
    switch (kind) {
      case Generators::rowsum:
        for (Index row = 0; row < x.rows(); ++row) sum += x(row, i);
        z.push_back(sum.real() / std::sqrt(static_cast<double>(x.rows())));
        break;
      case Generators::sign:
        z.push_back(x(0, i) * x(0, i));
        break;
      case Generators::cyclic:
        for (Index t = 0; t < x.cols(); ++t)
          sum += x(0, t) * std::polar(1.0, -2 * 3.141592653589793 * static_cast<double>((i + 1) * t) /
                                               static_cast<double>(x.cols()));
        z.push_back(std::norm(sum) / static_cast<double>(x.cols()));
    }
  }
  return z;
}

double naive_value(const PolynomialInputs& inputs, const std::vector<PolynomialTerm>& terms,
                   const Matrix<double>& x) {
  const auto z = naive_generators(inputs.generators, inputs.r, x);
  double sum = 0;
  for (const PolynomialTerm& t : terms) {
    double product = t.coefficient;
    for (const Factor& f : t.monomial)
      product *= naive_polynomial(generators_law(inputs.generators), f.degree, z[f.generator]);
    sum += product;
  }
  return sum;
}

// Inputs of a member, each a matrix of its own.
template <class T>
struct Batch {
  Batch(const InvariantPoly& f, Index examples, std::uint64_t seed)
      : memory(examples * f.input().points, f.input().channels),
        block{memory.data(), examples, f.input().points, f.input().channels, memory.stride()} {
    f.sample({seed, Stream::test, 0, 0}, block);
  }
  Block<const T> inputs() const { return {block.data, block.examples, block.points, block.channels, block.stride}; }
  Matrix<double> example(Index e) const {
    Matrix<double> x(block.points, block.channels);
    for (Index i = 0; i < x.rows(); ++i)
      for (Index j = 0; j < x.cols(); ++j) x(i, j) = static_cast<double>(block(e, i, j));
    return x;
  }
  Matrix<T> memory;
  Block<T> block;
};

// Any kind of generators, sizes, degrees and coefficients; repeated degrees too.
InvariantPoly random_member(std::uint64_t seed) {
  Draws draws({seed, Stream::user, 3, 0});
  PolynomialInputs inputs;
  inputs.generators = generators_of(kLaws[draws.below(3)]);
  inputs.r = 1 + draws.below(12);
  if (inputs.generators == Generators::rowsum) inputs.m = 1 + draws.below(4);
  if (inputs.generators == Generators::cyclic) inputs.n = 2 * inputs.r + 1 + draws.below(2);
  std::map<Monomial, double> terms;
  const Index count = 1 + draws.below(6);
  for (Index t = 0; t < count; ++t) {
    std::map<Index, Index> degrees;
    const Index degree = 1 + draws.below(5);
    for (Index k = 0; k < degree; ++k) ++degrees[draws.below(static_cast<std::uint32_t>(inputs.r))];
    Monomial monomial;
    for (const auto& [generator, s] : degrees) monomial.push_back({generator, s});
    terms[monomial] = 0.1 + draws.uniform() * (draws.below(2) == 0 ? 1 : -2);
  }
  std::vector<PolynomialTerm> list;
  for (const auto& [monomial, coefficient] : terms) list.push_back({coefficient, monomial});
  return InvariantPoly(inputs, list);
}

InvariantPoly drawn(Generators kind, Index r, Index degree, Index terms, std::uint64_t seed) {
  PolynomialInputs inputs;
  inputs.generators = kind;
  inputs.r = r;
  return InvariantPoly::draw({inputs, degree, terms}, seed);
}

}  // namespace

// --- orthonormal polynomials ---------------------------------------------------------------------------------

TEST_CASE("invariant poly: orthonormal polynomials agree with the golden values and with closed forms") {
  for (const auto& c : golden("F5").at("opoly")) {
    const Law law = law_of(c.at("measure"));
    for (std::size_t i = 0; i < c.at("z").size(); ++i) {
      const double z = c.at("z").at(i);
      const auto all = orthonormal_polynomials(law, 8, z);
      REQUIRE(all.size() == 9);
      for (Index s = 0; s <= 8; ++s) {
        CHECK(same_value(orthonormal_polynomial(law, s, z), c.at("P").at(i).at(static_cast<std::size_t>(s))));
        CHECK(all[static_cast<std::size_t>(s)] == orthonormal_polynomial(law, s, z));
      }
    }
  }
  for (const Law law : kLaws)
    for (Index s = 0; s <= 7; ++s)
      for (const double z : {0.02, 0.7, 1.9, 4.4}) {
        CHECK(std::abs(orthonormal_polynomial(law, s, z) - naive_polynomial(law, s, z)) < 1e-11);
        CHECK(orthonormal_polynomial(law, s, 1e4) > 0);
      }
}

TEST_CASE("invariant poly: detectors and their scales agree with the golden values") {
  for (const auto& c : golden("F5").at("c")) {
    const Law law = law_of(c.at("measure"));
    for (std::size_t t = 0; t < c.at("c").size(); ++t)
      CHECK(near(detector_scale(law, static_cast<Index>(t), 0), c.at("c").at(t)));
    for (const auto& [damping, scales] : c.at("test_c_damped").items())
      for (std::size_t t = 0; t < scales.size(); ++t)
        CHECK(near(detector_scale(law, static_cast<Index>(t) + 1, std::stod(damping)), scales.at(t)));
    for (const auto& [damping, values] : c.at("psi").items())
      for (std::size_t t = 0; t < values.size(); ++t)
        CHECK(same_value(detector(law, static_cast<Index>(t) + 1, std::stod(damping), 1.3), values.at(t)));
  }
  CHECK(default_damping(Law::gauss) == 1);
  CHECK(default_damping(Law::chi2) == 1);
  CHECK(default_damping(Law::exponential) == 0.75);
  for (const Law law : kLaws) {
    const Damping few = default_damping(law, 4), many = default_damping(law, 100);
    CHECK(many.tested == default_damping(law));
    CHECK(many.chosen > many.tested);
    CHECK(few.rest > many.rest);
    CHECK(many.rest > 0);
  }
}

TEST_CASE("invariant poly: quadrature has the moments of its law and makes the polynomials orthonormal") {
  for (const Law law : kLaws)
    for (const Index nodes : {1, 2, 5, 13, 25}) {
      const Quadrature q = gauss_quadrature(law, nodes);
      REQUIRE(static_cast<Index>(q.nodes.size()) == nodes);
      CHECK(std::is_sorted(q.nodes.begin(), q.nodes.end()));
      double moment = 1;  // E z^k: (k-1)!! for even k, (2k-1)!!, k!
      for (Index k = 0; k < std::min<Index>(2 * nodes, 20); ++k) {
        const double power = static_cast<double>(k);
        double sum = 0, size = 0;
        for (std::size_t i = 0; i < q.nodes.size(); ++i) {
          sum += q.weights[i] * std::pow(q.nodes[i], power);
          size += q.weights[i] * std::pow(std::abs(q.nodes[i]), power);
        }
        const double expected = law == Law::gauss && k % 2 == 1 ? 0 : moment;
        CHECK(std::abs(sum - expected) <= 1e-11 * (1 + size));
        if (law == Law::gauss && k % 2 == 1) moment *= power;
        if (law == Law::chi2) moment *= 2 * power + 1;
        if (law == Law::exponential) moment *= power + 1;
      }
      for (Index s = 0; s < nodes; ++s)
        for (Index t = 0; t <= s; ++t) {
          double sum = 0;
          for (std::size_t i = 0; i < q.nodes.size(); ++i)
            sum += q.weights[i] * orthonormal_polynomial(law, s, q.nodes[i]) *
                   orthonormal_polynomial(law, t, q.nodes[i]);
          CHECK(std::abs(sum - (s == t ? 1 : 0)) < 1e-10);
        }
    }
}

TEST_CASE("invariant poly: detectors see squares of their degree and nothing of a lower one") {
  for (const Law law : kLaws)
    for (const double damping : {0.0, 0.75, 1.0}) {
      const Quadrature q = gauss_quadrature(law, 40);
      for (Index t = 1; t <= 4; ++t) {
        CHECK(near(detector_moment(law, t, t, t, damping), detector_scale(law, t, damping)));
        for (Index a = 0; a <= 4; ++a)
          for (Index b = 0; b <= 4; ++b) {
            const double moment = detector_moment(law, a, b, t, damping);
            if (a + b < 2 * t) CHECK(moment == 0);
            if (damping == 0) CHECK(moment > -1e-12);
            CHECK(std::abs(moment - detector_moment(law, b, a, t, damping)) < 1e-12);
            if (damping == 0 || t > 2) continue;
            // The same by a rule that the damped detector is no polynomial for: it converges.
            double sum = 0;
            for (std::size_t i = 0; i < q.nodes.size(); ++i)
              sum += q.weights[i] * orthonormal_polynomial(law, a, q.nodes[i]) *
                     orthonormal_polynomial(law, b, q.nodes[i]) * detector(law, t, damping, q.nodes[i]);
            CHECK(std::abs(sum - moment) < 1e-5);
          }
      }
    }
  for (const Law law : kLaws) {
    CHECK(rest_moment(law, 2, 2, 0) == 1);
    CHECK(rest_moment(law, 2, 1, 0) == 0);
    CHECK(near(rest_moment(law, 0, 0, 0.3), 1));
    // By the plain rule, for which w is no polynomial.
    const Quadrature q = gauss_quadrature(law, 40);
    double mean = 0, moment = 0;
    for (std::size_t i = 0; i < q.nodes.size(); ++i) {
      const double w = q.weights[i] * std::exp(-detector_decay(law, 0.3, q.nodes[i]));
      mean += w;
      moment += w * orthonormal_polynomial(law, 2, q.nodes[i]) * orthonormal_polynomial(law, 1, q.nodes[i]);
    }
    CHECK(rest_mean(law, 0.3) == doctest::Approx(mean).epsilon(1e-6));
    CHECK(std::abs(rest_moment(law, 2, 1, 0.3) - moment / mean) < 1e-6);
    // What is left of the squares of monomials of a degree is least for those without squares.
    for (const double rest : {0.1, 0.3, 0.5})
      for (Index s = 2; s <= 6; ++s)
        CHECK(rest_moment(law, s, s, rest) >= std::pow(rest_moment(law, 1, 1, rest), static_cast<double>(s)));
  }
  CHECK(near(detector_moment(Law::chi2, 3, 3, 0, 0), 1));
  CHECK(near(detector_moment(Law::chi2, 3, 2, 0, 0), 0));
}

TEST_CASE("invariant poly: orthonormal polynomials refuse degrees and dampings that are not allowed") {
  CHECK(contains(message<ValueError>([] { orthonormal_polynomial(Law::gauss, -1, 0); }), "allowed are 0 to 48"));
  CHECK_THROWS_AS(orthonormal_polynomials(Law::gauss, 49, 0), ValueError);
  CHECK_THROWS_AS(gauss_quadrature(Law::chi2, 0), ValueError);
  CHECK_THROWS_AS(gauss_quadrature(Law::chi2, 49), ValueError);
  CHECK(contains(message<ValueError>([] { detector(Law::gauss, 1, -0.5, 0); }), "the damping is -0.5"));
  CHECK_THROWS_AS(detector_scale(Law::gauss, 25, 0), ValueError);
  CHECK_THROWS_AS(detector_moment(Law::gauss, 1, 1, 1, std::nan("")), ValueError);
}

// --- members ---------------------------------------------------------------------------------------------------

TEST_CASE("invariant poly: generators and values agree with the golden cases") {
  for (const auto& c : golden("F5").at("generators")) {
    const std::string kind = c.at("kind");
    const Matrix<double> x = matrix_of(c.at("X"));
    const Generators generators = kind == "rowsum" ? Generators::rowsum
                                  : kind == "sign" ? Generators::sign
                                                   : Generators::cyclic;
    const auto z = generator_values(generators, static_cast<Index>(c.at("z").size()), x.view());
    for (std::size_t i = 0; i < z.size(); ++i) CHECK(same_value(z[i], c.at("z").at(i)));
  }
  const auto& sample = golden("F5").at("sample");
  for (std::size_t i = 0; i < sample.at("y").size(); ++i)
    CHECK(same_value(
        polynomial_value(Law::gauss, terms_of(sample.at("terms")), sample.at("Z").at(i).get<std::vector<double>>()),
        sample.at("y").at(i)));
  for (const auto& c : golden("F5").at("evals")) {
    const Law law = law_of(c.at("measure"));
    const auto terms = terms_of(c.at("terms"));
    for (std::size_t i = 0; i < c.at("Z").size(); ++i) {
      const auto z = c.at("Z").at(i).get<std::vector<double>>();
      CHECK(same_value(polynomial_value(law, terms, z), c.at("f").at(i)));
      if (law == Law::exponential) continue;  // and as members, on inputs with these generators
      Matrix<double> x(1, 5);
      for (Index j = 0; j < 5; ++j) {
        const double v = z[j];
        x(0, j) = law == Law::gauss ? v : -std::sqrt(v);
      }
      PolynomialInputs inputs;
      inputs.generators = generators_of(law);
      inputs.r = 5;
      const InvariantPoly f(inputs, terms);
      CHECK(same_value(f.value(x.view()), c.at("f").at(i)));
    }
  }
}

TEST_CASE("invariant poly: values, targets, controls and features agree with a naive reference on 1000 members") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const InvariantPoly f = random_member(seed);
    const Index count = 3, r = f.inputs().r;
    const Batch<double> x(f, count, seed);
    const Batch<float> x_f(f, count, seed);
    double y[count], control[count];
    float y_f[count];
    Matrix<double> z(count, r);
    Matrix<float> z_f(count, r);
    f.targets(x.inputs(), y);
    f.controls(x.inputs(), control);
    f.features(x.inputs(), Block<double>{z.data(), count, 1, r, z.stride()});
    f.targets(x_f.inputs(), y_f);
    f.features(x_f.inputs(), Block<float>{z_f.data(), count, 1, r, z_f.stride()});
    for (Index e = 0; e < count; ++e) {
      const Matrix<double> one = x.example(e);
      const double expected = naive_value(f.inputs(), f.terms(), one);
      CHECK(same_value(f.value(one.view()), expected));
      CHECK(same_value(y[e], expected));
      CHECK(same_value(control[e], naive_value(f.inputs(), f.control(), one)));
      double size = 0;  // what single precision loses digits of
      for (const PolynomialTerm& t : f.terms()) size += std::abs(naive_value(f.inputs(), {t}, one));
      CHECK(std::abs(static_cast<double>(y_f[e]) - expected) <= 2e-4 * (1 + size));
      const auto generators = naive_generators(f.inputs().generators, r, one);
      for (Index i = 0; i < r; ++i) {
        const double feature = naive_polynomial(f.law(), 1, generators[static_cast<std::size_t>(i)]);
        CHECK(same_value(z(e, i), feature));
        CHECK(std::abs(static_cast<double>(z_f(e, i)) - feature) <= 1e-5 * (1 + std::abs(feature)));
      }
    }
  }
}

TEST_CASE("invariant poly: a batch does not depend on how it is cut, on padding, or on the number of examples") {
  for (const Generators kind : {Generators::rowsum, Generators::sign, Generators::cyclic}) {
    const InvariantPoly f = drawn(kind, 30, 4, 8, 3);
    const Batch<float> x(f, 37, 1);
    std::vector<float> whole(37), parts(37), tight(37);
    f.targets(x.inputs(), whole.data());
    for (Index first : {0, 1, 5, 21}) {
      const Index count = (first == 0 ? 1 : first == 1 ? 5 : first == 5 ? 21 : 37) - first;
      f.targets({x.block.row(first), count, x.block.points, x.block.channels, x.block.stride},
                parts.data() + first);
    }
    const Index channels = x.block.channels;
    std::vector<float> memory(37 * channels);
    const Block<float> packed{memory.data(), 37, 1, channels, channels};
    f.sample({1, Stream::test, 0, 0}, packed);
    f.targets({memory.data(), 37, 1, channels, channels}, tight.data());
    CHECK(whole == parts);
    CHECK(whole == tight);
    Matrix<float> z(37, 30);
    f.features(x.inputs(), Block<float>{z.data(), 37, 1, 30, z.stride()});
    bool zeros = true;
    for (Index e = 0; e < 37; ++e)
      for (Index j = 30; j < z.stride(); ++j) zeros = zeros && z.view().row(e)[j] == 0;
    CHECK(zeros);
  }
}

TEST_CASE("invariant poly: many generators, terms and points are beyond the small buffers") {
  const InvariantPoly f = drawn(Generators::cyclic, 200, 2, 150, 5);
  const Batch<double> x(f, 18, 2);
  std::vector<double> y(18);
  f.targets(x.inputs(), y.data());
  for (const Index e : {0, 17}) CHECK(same_value(y[static_cast<std::size_t>(e)], f.value(x.example(e).view())));
  CHECK(f.facts().size() > 10);
  CHECK(fourth_moment(f.law(), f.terms()) > 1);
}

TEST_CASE("invariant poly: values are invariant under the group of every kind of generators") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const InvariantPoly f = random_member(seed);
    Matrix<double> x = Batch<double>(f, 1, seed).example(0);
    const double before = f.value(x.view());
    switch (f.inputs().generators) {
      case Generators::rowsum:
        for (Index j = 0; j < x.cols(); ++j) std::swap(x(0, j), x(x.rows() - 1, j));
        break;
      case Generators::sign:
        for (Index j = 0; j < x.cols(); j += 2) x(0, j) = -x(0, j);
        break;
      case Generators::cyclic:
        std::rotate(x.data(), x.data() + 1, x.data() + x.cols());
        break;
    }
    CHECK(same_value(f.value(x.view()), before));
    if (f.inputs().generators == Generators::cyclic) {
      std::reverse(x.data(), x.data() + x.cols());
      CHECK(same_value(f.value(x.view()), before));
    }
    // And no constant: another input has another value.
    x(0, 0) += 1;
    x(0, x.cols() - 1) -= 0.3;
    if (f.degree() == 1) CHECK(std::isfinite(f.value(x.view())));
  }
}

TEST_CASE("invariant poly: targets and controls have mean 0 and variance 1") {
  const Index count = 20000;
  for (const Generators kind : {Generators::rowsum, Generators::sign, Generators::cyclic}) {
    const InvariantPoly f = drawn(kind, 20, 3, 5, 1);
    const Batch<float> x(f, count, 9);
    std::vector<float> y(count), control(y.size());
    f.targets(x.inputs(), y.data());
    f.controls(x.inputs(), control.data());
    const auto check = [&](const std::vector<float>& v, double fourth) {
      double sum = 0, squares = 0;
      for (const float a : v) {
        sum += static_cast<double>(a);
        squares += static_cast<double>(a) * static_cast<double>(a);
      }
      const double total = static_cast<double>(count);
      CHECK(std::abs(sum / total) <= 5 / std::sqrt(total));
      CHECK(std::abs(squares / total - 1) <= 5 * std::sqrt((fourth - 1) / total));
    };
    check(y, fourth_moment(f.law(), f.terms()));
    check(control, fourth_moment(f.law(), f.control()));
    double together = 0;  // different degrees: orthogonal
    for (std::size_t e = 0; e < y.size(); ++e)
      together += static_cast<double>(y[e]) * static_cast<double>(control[e]);
    CHECK(std::abs(together / static_cast<double>(count)) < 0.3);
  }
}

TEST_CASE("invariant poly: fourth moments are those of sums of independent products") {
  // E P_1^4 = 3, 15, 9.
  CHECK(near(fourth_moment(Law::gauss, {{1, {{0, 1}}}}), 3));
  CHECK(near(fourth_moment(Law::chi2, {{1, {{0, 1}}}}), 15));
  CHECK(near(fourth_moment(Law::exponential, {{1, {{0, 1}}}}), 9));
  CHECK(near(fourth_moment(Law::gauss, {{1, {{0, 1}, {3, 1}}}}), 9));
  // (z_0 + z_1) / sqrt(2) is standard normal again.
  const double half = std::sqrt(0.5);
  CHECK(near(fourth_moment(Law::gauss, {{half, {{0, 1}}}, {-half, {{1, 1}}}}), 3));
  // a z_0 z_1 + b z_0 z_2: E z_0^4 E (a z_1 + b z_2)^4 = 9.
  CHECK(near(fourth_moment(Law::gauss, {{0.6, {{0, 1}, {1, 1}}}, {0.8, {{0, 1}, {2, 1}}}}), 9));
  // The bound of many terms is one: equal coefficients 1/sqrt(17), 3 * 17^2 / ... of the triangle inequality.
  std::vector<PolynomialTerm> many;
  for (Index i = 0; i < 17; ++i) many.push_back({1 / std::sqrt(17.0), {{i, 1}}});
  CHECK(near(fourth_moment(Law::gauss, many), 3 * 17 * 17));
}

TEST_CASE("invariant poly: drawn members are what the sampler says, and depend on the seed alone") {
  std::set<Monomial> seen;
  Index negative = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const InvariantPoly f = drawn(Generators::sign, 6, 3, 4, seed);
    REQUIRE(f.terms().size() == 4);
    std::set<Monomial> own;
    for (const PolynomialTerm& t : f.terms()) {
      CHECK(std::abs(t.coefficient) == 0.5);
      negative += t.coefficient < 0;
      CHECK(t.monomial.size() == 3);
      CHECK(total_degree(t.monomial) == 3);
      own.insert(t.monomial);
    }
    CHECK(own.size() == 4);
    seen.insert(own.begin(), own.end());
    CHECK(f.json() == drawn(Generators::sign, 6, 3, 4, seed).json());
  }
  CHECK(seen.size() == 20);
  CHECK(std::abs(static_cast<double>(negative) - 600) <= 5 * std::sqrt(300.0));
  CHECK(drawn(Generators::rowsum, 100, 4, 5, 0).json() != drawn(Generators::rowsum, 100, 4, 5, 1).json());
  CHECK(drawn(Generators::rowsum, 5, 4, 5, 0).terms().size() == 5);  // all that there are
}

TEST_CASE("invariant poly: controls are of degree 2 and belong to the monomials, not to the coefficients") {
  const InvariantPoly f = drawn(Generators::rowsum, 50, 4, 5, 7);
  REQUIRE(f.control().size() == 5);
  std::set<Monomial> own;
  for (const PolynomialTerm& t : f.control()) {
    CHECK(t.monomial.size() == 2);
    CHECK(total_degree(t.monomial) == 2);
    CHECK(std::abs(t.coefficient) == doctest::Approx(1 / std::sqrt(5.0)));
    own.insert(t.monomial);
  }
  CHECK(own.size() == 5);
  const auto monomials = [](const InvariantPoly& p) {
    std::vector<Monomial> list;
    for (const PolynomialTerm& t : p.control()) list.push_back(t.monomial);
    return list;
  };
  std::vector<PolynomialTerm> other = f.terms();
  std::reverse(other.begin(), other.end());
  for (PolynomialTerm& t : other) t.coefficient *= -3;
  CHECK(monomials(InvariantPoly(f.inputs(), other)) == monomials(f));
  CHECK(monomials(drawn(Generators::rowsum, 50, 4, 5, 8)) != monomials(f));
  // Fewer pairs than terms, and no pair at all.
  CHECK(drawn(Generators::rowsum, 6, 3, 20, 0).control().size() == 15);
  PolynomialInputs single;
  single.r = 1;
  const InvariantPoly g(single, {{1, {{0, 3}}}});
  REQUIRE(g.control().size() == 1);
  CHECK(g.control()[0].monomial == Monomial{{0, 2}});
}

TEST_CASE("invariant poly: the network of products realises every member of degree up to 4") {
  int members = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const InvariantPoly f = random_member(seed);
    if (f.degree() > 4) {
      CHECK_THROWS_AS(realising_units(f.terms()), ValueError);
      continue;
    }
    ++members;
    Params<double> params;
    const InvariantPolyNetwork<double> network(params, f);
    network.set_weights(params);
    const Index r = f.inputs().r;
    Program<double> program(4, Mode::evaluate);
    program.output("f", network(program.input("z", {Shape::kCapacity, 1, r})));
    program.finish();
    Workspace<double> workspace(program);
    workspace.bind({4, 0, 0, 0});
    const Batch<double> x(f, 4, seed);
    f.features(x.inputs(), workspace.input("z"));
    program.forward(workspace, params.values().data());
    for (Index e = 0; e < 4; ++e)
      CHECK(same_value(workspace.output("f")(e), naive_value(f.inputs(), f.terms(), x.example(e))));
    for (const Fact& fact : f.facts())
      if (fact.name == "network_parameters") CHECK(fact.value == static_cast<double>(params.count()));
  }
  CHECK(members > 50);
}

TEST_CASE("invariant poly: every certificate passes") {
  for (const Generators kind : {Generators::rowsum, Generators::sign, Generators::cyclic}) {
    PolynomialInputs inputs;
    inputs.generators = kind;
    inputs.r = 12;
    if (kind == Generators::rowsum) inputs.m = 3;
    if (kind == Generators::cyclic) inputs.n = 26;
    const PolynomialSampler sampler{inputs, 4, 5};
    auto checks = InvariantPoly::draw(sampler, 2).check({4, 1000});
    CHECK(checks.size() == 14);
    const auto members = check_invariant_polys(sampler, 12, {0, 1000});
    CHECK(members.size() == 3);
    checks.insert(checks.end(), members.begin(), members.end());
    for (const Check& c : checks) {
      INFO(generators_name(kind), ": ", c.name, ": ", c.value, " expected ", c.expected, " tolerance ",
           c.tolerance);
      CHECK(c.pass());
      CHECK(!c.how.empty());
    }
  }
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    for (const Check& c : random_member(seed).check({seed, 200})) {
      INFO(seed, ": ", c.name, ": ", c.value, " expected ", c.expected, " tolerance ", c.tolerance);
      CHECK(c.pass());
    }
  CHECK_THROWS_AS(random_member(0).check({0, 0}), ValueError);
  CHECK_THROWS_AS(check_invariant_polys({}, 0, {}), ValueError);
}

TEST_CASE("invariant poly: correlations are those of common monomials") {
  PolynomialInputs inputs;
  inputs.r = 3;
  const InvariantPoly f(inputs, {{0.6, {{0, 1}, {1, 1}}}, {0.8, {{2, 2}}}});
  const InvariantPoly g(inputs, {{-0.6, {{2, 2}}}, {0.8, {{2, 1}}}});
  CHECK(correlation(f, g) == doctest::Approx(-0.48));
  CHECK(correlation(f, f) == doctest::Approx(1));
  inputs.r = 4;
  CHECK(contains(message<ValueError>([&] { correlation(f, InvariantPoly(inputs, g.terms())); }), "rowsum, r 4"));
}

TEST_CASE("invariant poly: facts and warnings carry the specification's numbers") {
  const InvariantPoly f = drawn(Generators::rowsum, 50, 4, 5, 0);
  const auto facts = f.facts();
  const auto fact = [&](const std::string& name) {
    const auto found = std::find_if(facts.begin(), facts.end(), [&](const Fact& x) { return x.name == name; });
    REQUIRE(found != facts.end());
    return found->value;
  };
  CHECK(fact("norm_sq") == doctest::Approx(1));
  CHECK(fact("family_size") == 230300);
  CHECK(fact("lambda") == doctest::Approx(1 / 230300.0));
  CHECK(fact("monomials") == 316250);
  CHECK(fact("a_min") == doctest::Approx(1 / std::sqrt(5.0)));
  CHECK(fact("growing_basis_queries") == 5 * 202 + 1);
  CHECK(fact("network_width") == 10);
  CHECK(f.target_variance() == 1);
  CHECK(!f.two_valued());
  CHECK(f.warnings().empty());
  CHECK(contains(drawn(Generators::rowsum, 50, 1, 5, 0).warnings().at(0), "linear in the generators"));
  CHECK(contains(drawn(Generators::rowsum, 50, 2, 5, 0).warnings().at(0), "degree 2"));
  CHECK(contains(drawn(Generators::rowsum, 5, 4, 5, 0).warnings().at(0), "only C(5, 4) = 5"));
}

TEST_CASE("invariant poly: coefficients are normalised, and kept as they are when they already were") {
  PolynomialInputs inputs;
  inputs.r = 2;
  const InvariantPoly f(inputs, {{3, {{0, 1}}}, {-4, {{1, 1}}}});
  CHECK(f.terms()[0].coefficient == doctest::Approx(0.6));
  CHECK(f.terms()[1].coefficient == doctest::Approx(-0.8));
  CHECK(InvariantPoly(inputs, {{1e200, {{0, 1}}}, {1e200, {{1, 1}}}}).smallest() ==
        doctest::Approx(std::sqrt(0.5)));
  const InvariantPoly g = drawn(Generators::rowsum, 9, 2, 3, 0);
  CHECK(InvariantPoly(g.inputs(), g.terms()).terms()[0].coefficient == g.terms()[0].coefficient);
}

TEST_CASE("invariant poly: members that are not allowed are refused with the reason") {
  const auto refused = [](std::vector<PolynomialTerm> terms, Index r = 5) {
    PolynomialInputs inputs;
    inputs.r = r;
    return message<ValueError>([&] { InvariantPoly(inputs, terms); });
  };
  CHECK(refused({{1, {{4, 12}}}}) == "no error");
  CHECK(contains(refused({}), "no terms"));
  CHECK(contains(refused({{0, {{0, 1}}}}), "coefficient of term 0 is 0"));
  CHECK(contains(refused({{1, {{0, 1}}}, {std::nan(""), {{1, 1}}}}), "coefficient of term 1 is nan"));
  CHECK(contains(refused({{1, {}}}), "monomial of term 0 is empty"));
  CHECK(contains(refused({{1, {{5, 1}}}}), "names generator 5; generators are 0 to 4"));
  CHECK(contains(refused({{1, {{-1, 1}}}}), "names generator -1"));
  CHECK(contains(refused({{1, {{1, 1}, {1, 2}}}}), "names generator 1 twice"));
  CHECK(contains(refused({{1, {{1, 0}}}}), "degree 0 in generator 1"));
  CHECK(contains(refused({{1, {{1, 13}}}}), "double-precision cancellation not checked"));
  CHECK(contains(refused({{1, {{1, 7}, {2, 6}}}}), "total degree 13"));
  CHECK(contains(refused({{1, {{1, 1}, {2, 1}}}, {2, {{2, 1}, {1, 1}}}}), "repeats the monomial"));
  CHECK(contains(refused({{1, {{0, 1}}}}, 0), "r is 0"));
  CHECK(contains(refused({{1, {{0, 1}}}}, 100000), "at most 65536"));

  const InvariantPoly f = drawn(Generators::cyclic, 3, 2, 2, 0);
  Matrix<double> wide(1, 9), tall(2, 7), even(1, 8);
  CHECK(contains(message<ValueError>([&] { f.value(wide.view()); }),
                 "the input is 1 x 9; cyclic generators with r = 3"));
  CHECK_THROWS_AS(f.value(tall.view()), ValueError);
  CHECK(std::isfinite(f.value(even.view())));  // n = 2r + 2 has r generators too
  CHECK_THROWS_AS(drawn(Generators::sign, 7, 2, 2, 0).value(tall.view()), ValueError);
  CHECK(std::isfinite(drawn(Generators::rowsum, 7, 2, 2, 0).value(tall.view())));
}

TEST_CASE("invariant poly: member files are read back, and refused when malformed") {
  const Family& family = eqnn::hard::family("invariant-poly");
  const std::string text =
      R"({"generators":"rowsum","r":5,"terms":[{"coef":0.6,"monomial":[[0,1],[2,2]]},{"coef":-0.8,"monomial":[[1,1]]}]})";
  const auto f = family.parse(text);
  CHECK(f->json() == text);
  CHECK(f->input().name == "x");
  CHECK(f->input().points == 1);
  CHECK(f->input().channels == 5);
  CHECK(f->input().dims.empty());
  CHECK(f->features()->channels == 5);
  const std::string rows = R"({"generators":"rowsum","r":5,"m":3,"terms":[{"coef":1.0,"monomial":[[0,1]]}]})";
  CHECK(family.parse(rows)->json() == rows);
  CHECK(family.parse(rows)->input().points == 3);
  const std::string even = R"({"generators":"cyclic","r":5,"n":12,"terms":[{"coef":1.0,"monomial":[[0,1]]}]})";
  CHECK(family.parse(even)->json() == even);
  CHECK(family.parse(even)->input().dims == std::vector<Index>{12});
  const auto odd = family.parse(R"({"generators":"cyclic","r":5,"n":11,"terms":[{"coef":2,"monomial":[[0,1]]}]})");
  CHECK(odd->json() == R"({"generators":"cyclic","r":5,"terms":[{"coef":1.0,"monomial":[[0,1]]}]})");
  const auto sign = family.parse(R"({"generators":"sign","r":5,"terms":[{"coef":2,"monomial":[[0,1]]}]})");
  CHECK(sign->input().dims == std::vector<Index>{5});

  CHECK_THROWS_AS(family.parse(R"({"generators":"rowsum")"), FileError);
  const std::string terms = R"("terms":[{"coef":1,"monomial":[[0,1]]}])";
  for (const std::string& bad : {
           std::string("[]"),
           R"({"r":5,)" + terms + "}",
           R"({"generators":"rowsum",)" + terms + "}",
           R"({"generators":"row","r":5,)" + terms + "}",
           R"({"generators":"rowsum","r":"5",)" + terms + "}",
           R"({"generators":"rowsum","r":5,"n":11,)" + terms + "}",
           R"({"generators":"sign","r":5,"m":2,)" + terms + "}",
           R"({"generators":"cyclic","r":5,"n":0,)" + terms + "}",
           R"({"generators":"cyclic","r":5,"n":14,)" + terms + "}",
           std::string(R"({"generators":"rowsum","r":5})"),
           std::string(R"({"generators":"rowsum","r":5,"terms":1})"),
           std::string(R"({"generators":"rowsum","r":5,"terms":[]})"),
           std::string(R"({"generators":"rowsum","r":5,"terms":[{"coef":1}]})"),
           std::string(R"({"generators":"rowsum","r":5,"terms":[{"coef":"1","monomial":[[0,1]]}]})"),
           std::string(R"({"generators":"rowsum","r":5,"terms":[{"coef":1,"monomial":[[0]]}]})"),
           std::string(R"({"generators":"rowsum","r":5,"terms":[{"coef":1,"monomial":[[0,1.5]]}]})"),
           std::string(R"({"generators":"rowsum","r":5,"terms":[{"coef":1,"monomial":{"0":1}}]})"),
           std::string(
               R"({"generators":"rowsum","r":5,"terms":[{"coef":1,"monomial":[[0,18446744073709551615]]}]})"),
           std::string(R"({"generators":"rowsum","r":5,"terms":[{"coef":1,"monomial":[[0,1]],"x":1}]})"),
       }) {
    INFO(bad);
    CHECK_THROWS_AS(family.parse(bad), ValueError);
  }
}

TEST_CASE("invariant poly: parameters take their defaults from each other, and must agree") {
  const Family& family = eqnn::hard::family("invariant-poly");
  const auto r_of = [&](const ParameterValues& values) { return family.draw(values, 0)->features()->channels; };
  CHECK(r_of({}) == 100);
  CHECK(r_of({{"generators", "sign"}}) == 50);
  CHECK(r_of({{"generators", "cyclic"}}) == 50);
  CHECK(family.draw({{"generators", "cyclic"}}, 0)->input().channels == 101);
  CHECK(r_of({{"generators", "cyclic"}, {"n", "64"}}) == 31);
  CHECK(r_of({{"generators", "cyclic"}, {"n", "64"}, {"r", "31"}}) == 31);
  CHECK(family.draw({{"m", "3"}, {"r", "7"}}, 0)->input().points == 3);
  CHECK(family.draw({}, 3)->json() == drawn(Generators::rowsum, 100, 4, 5, 3).json());
  CHECK(family.check_members({{"r", "8"}}, 3, {0, 300}).size() == 3);
  CHECK(family.training({}).at("model") == "poly");
  const auto refused = [&](const ParameterValues& values) {
    return message<ValueError>([&] { family.draw(values, 0); });
  };
  CHECK(contains(refused({{"generators", "cyclic"}, {"n", "64"}, {"r", "32"}}), "floor((n - 1) / 2) = 31"));
  CHECK(contains(refused({{"generators", "cyclic"}, {"n", "2"}}), "cyclic generators need n >= 3"));
  CHECK(contains(refused({{"generators", "cyclic"}, {"n", "4096"}}), "at most 2048"));
  CHECK(contains(refused({{"n", "11"}}), "only cyclic ones have n points"));
  CHECK(contains(refused({{"generators", "sign"}, {"m", "2"}}), "only rowsum ones have rows"));
  CHECK(contains(refused({{"generators", "signs"}}), "allowed are rowsum, sign and cyclic"));
  CHECK(contains(refused({{"r", "0"}}), "r is 0"));
  CHECK(contains(refused({{"m", "0"}}), "m is 0"));
  CHECK(contains(refused({{"degree", "0"}}), "degree is 0"));
  CHECK(contains(refused({{"degree", "13"}}), "double-precision cancellation not checked"));
  CHECK(contains(refused({{"r", "3"}}), "need degree <= r"));
  CHECK(contains(refused({{"terms", "0"}}), "terms is 0"));
  CHECK(contains(refused({{"r", "5"}, {"terms", "6"}}), "C(5, 4) = 5"));
}

}  // namespace test_invariant_poly
