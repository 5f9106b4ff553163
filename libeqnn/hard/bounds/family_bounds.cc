// The constants of bounds.h for every family.

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include <fmt/core.h>

#include "../families/boolean_orbit/boolean_orbit.h"
#include "bounds.h"
#include "../families/planar/cnn_cyclic.h"
#include "../families/frame_parity/frame_parity.h"
#include "../families/gnn_degree_parity/gnn_degree_parity.h"
#include "../families/planar/gnn_feature.h"
#include "../families/invariant_poly/invariant_poly.h"
#include "../families/planar/rotation_invariant.h"

namespace eqnn::hard {
namespace {

double binomial(Index n, Index k) {
  double b = 1;
  for (Index i = 1; i <= k; ++i) b = b * static_cast<double>(n - k + i) / static_cast<double>(i);
  return std::round(b);
}

// The prior that a rejecting sampler leaves: of the share alpha that it accepts, E_f <f, h>^2 grows to 1 / alpha at
// most.
SecondMoment conditioned(SecondMoment m, double alpha, double alpha_error, const std::string& rule) {
  m.bounded = std::min(1.0, m.bounded / alpha);
  m.unit = std::min(1.0, m.unit / alpha);
  m.error = alpha_error / alpha;
  m.orthonormal *= alpha;
  m.prior = fmt::format("as the sampler draws: {}, of which it accepts a share alpha = {:.6g}{}", rule, alpha,
                        alpha_error > 0 ? fmt::format(" +- {:.2g} (estimated)", alpha_error) : " (exact)");
  m.formula += ", divided by alpha";
  return m;
}

// --- the families, in the order of the registry ------------------------------------------------------------

OrbitLaw orbit_law(const ParameterValues& values) {
  const ParameterReader read(family("boolean-orbit").parameters, values);
  return {orbit_group(read.text("group")), read.integer("n")};
}

std::vector<SecondMoment> boolean_orbit_moments(const ParameterValues& values) {
  const OrbitLaw law = orbit_law(values);
  SecondMoment m;
  m.two_valued = true;
  m.bounded = squared_mass_bound(law);
  m.unit = largest_mass(law);
  m.prior = "uniform over all functions of the orbits, one fair bit an orbit (which a seed's hash stands for)";
  m.formula = squared_mass(law)
                  ? fmt::format("lambda = sum of p_O^2 over the orbits = 1 / {:.8g}", 1 / m.bounded)
                  : fmt::format("lambda = m! / 2^(m^2) = 1 / {:.8g}, at least the sum of p_O^2", 1 / m.bounded);
  m.source =
      "E_f <f, h>^2 = sum over orbits of (E h 1_O)^2, as their bits are independent and fair: at most the sum "
      "of p_O^2 for |h| <= 1, at most max p_O for E h^2 <= 1";
  std::vector<SecondMoment> all{m};
  const double orbits = orbit_count(law);
  if (orbits < 40) all.push_back(conditioned(m, 1 - std::exp2(1 - orbits), 0, "functions that are not constant"));
  return all;
}

DegreeParitySampler parity_sampler(const ParameterValues& values) {
  const ParameterReader read(family("gnn-degree-parity").parameters, values);
  const DegreeParitySampler sampler{read.integer("n"), read.flag("self-loops"), read.number("bias-max"),
                                    read.number("min-count")};
  sampler.validate();
  return sampler;
}

std::vector<SecondMoment> degree_parity_moments(const ParameterValues& values) {
  const DegreeParitySampler sampler = parity_sampler(values);
  SecondMoment m;
  m.two_valued = true;
  m.bounded = collision_probability(sampler.n, sampler.self_loops);
  const auto cell = largest_cell(sampler.n, sampler.self_loops);
  m.unit = cell ? *cell : std::min(1.0, std::sqrt(m.bounded));
  m.prior = "uniform over all sets S of degree classes, b a fair bit";
  m.formula = fmt::format("lambda = P(c(A) = c(A') mod 2) = 1 / {:.8g}", 1 / m.bounded);
  m.source = fmt::format(
      "E_S <f_S, h>^2 = sum over v of (E h 1[c = v mod 2])^2, as uniform S makes (-1)^(S.(c+c')) average to 1[c = "
      "c' "
      "mod 2]: at most P(c = c' mod 2) for |h| <= 1, at most max_v P(c = v mod 2) for E h^2 <= 1{}",
      cell ? "" : " (here by its bound, the root of P(c = c' mod 2))");
  const Estimate alpha = sampler.acceptance();
  if (alpha.value <= 0) return {m};
  return {m, conditioned(m, alpha.value, alpha.error,
                         fmt::format("S uniform, again until the bias is at most {:g} and the scarcer kind of node "
                                     "is expected {:g} times, or n/3",
                                     sampler.bias_max, sampler.min_count))};
}

std::vector<SecondMoment> gnn_feature_moments(const ParameterValues& values) {
  const auto member = family("gnn-feature").draw(values, 0);
  const auto& f = dynamic_cast<const GnnFeature&>(*member);
  const double dimension = harmonic_dimension(f.k(), f.d());
  SecondMoment m;
  m.bounded = m.unit = 1 / dimension;
  m.prior = "B Haar, a uniformly random plane, as it is drawn; the graph A is fixed and may be known";
  m.formula = fmt::format("lambda = 1 / dim H_{}(R^{}) = 1 / {:.10g}", f.k(), f.d(), dimension);
  m.source =
      "E_B f_B (x) f_B commutes with O(d) and has trace 1, f_B has only types of harmonic degree k and more, and "
      "each type comes with multiplicity at least dim H_k(R^d)";
  return {m};
}

CnnCyclicSampler cyclic_sampler(const ParameterValues& values) {
  const ParameterReader read(family("cnn-cyclic").parameters, values);
  const CnnCyclicSampler sampler{read.integer("n"), read.integer("d"), read.integer("k"), read.number("c-min")};
  sampler.validate();
  return sampler;
}

std::vector<SecondMoment> cnn_cyclic_moments(const ParameterValues& values) {
  const CnnCyclicSampler sampler = cyclic_sampler(values);
  const Fact alpha = sampler.acceptance();
  if (sampler.c_min <= 0 || alpha.value <= 0) return {};
  const double dimension = harmonic_dimension(sampler.k, sampler.n);
  SecondMoment m;
  m.bounded = m.unit = static_cast<double>(sampler.n) / (sampler.c_min * dimension);
  m.formula = fmt::format("lambda = n / (c dim H_{}(R^{})) = {} / ({:g} x {:.10g})", sampler.k, sampler.n,
                          sampler.n, sampler.c_min, dimension);
  m.source =
      "by convexity over the n shifts E_B <raw f_B, h>^2 <= d E h^2 / dim H_k(R^n) with h of the plane, and "
      "accepted planes have n E (raw f_B)^2 >= c d E h^2";
  return {conditioned(m, alpha.value, alpha.error,
                      fmt::format("B Haar, again until n norm_sq / (d E h^2) >= c = {:g}", sampler.c_min))};
}

std::vector<SecondMoment> frame_parity_moments(const ParameterValues& values) {
  const ParameterReader read(family("frame-parity").parameters, values);
  const FrameParityLaw law(read.integer("n"), read.integer("k"), parity_frame(read.text("frame")));
  SecondMoment m;
  m.orthonormal = binomial(law.n, law.k);
  m.bounded = m.unit = 1 / m.orthonormal;
  m.prior = fmt::format("uniform over all C({}, {}) sets S", law.n, law.k);
  m.formula = fmt::format("lambda = 1 / C({}, {}) = 1 / {:.10g}", law.n, law.k, m.orthonormal);
  m.source =
      "f_S is odd in each coordinate of y_S and the signs of y are iid given |x|, so the f_S / ||f_S|| are "
      "orthonormal: Bessel's inequality";
  if (law.frame == ParityFrame::none) return {m};
  const Index sets = std::clamp<Index>(3200 >> law.k / 2, 25, 400);
  const double tries = static_cast<double>(sets), alpha = FrameParitySampler(law).acceptance(sets);
  if (alpha <= 0) return {m};
  const double spread = std::clamp(alpha, 0.5 / tries, 1 - 0.5 / tries);  // above 0 where no set was refused
  return {m, conditioned(m, alpha, std::sqrt(spread * (1 - spread) / tries),
                         "S uniform, again until its kurtosis is at most 30 and f_S is nonzero often enough")};
}

std::vector<SecondMoment> invariant_poly_moments(const ParameterValues& values) {
  const auto member = family("invariant-poly").draw(values, 0);
  const auto& f = dynamic_cast<const InvariantPoly&>(*member);
  const Index r = f.inputs().r, degree = f.degree(), terms = static_cast<Index>(f.terms().size());
  const double monomials = squarefree_monomials(r, degree);
  SecondMoment m;
  m.bounded = m.unit = 1 / monomials;
  m.orthonormal = terms == 1 ? monomials : 0;
  m.prior = fmt::format("as it is drawn: {} of the C({}, {}) squarefree monomials, uniform, fair signs", terms, r,
                        degree);
  m.formula = fmt::format("lambda = 1 / C({}, {}) = 1 / {:.10g}", r, degree, monomials);
  m.source =
      "the monomials are orthonormal and the signs independent and fair, so E_f <f, h>^2 is the mean of "
      "<monomial, h>^2: Bessel's inequality";
  return {m};
}

std::vector<SecondMoment> rotation_invariant_moments(const ParameterValues& values) {
  const auto member = family("rotation-invariant").draw(values, 0);
  const auto& f = dynamic_cast<const RotationInvariant&>(*member);
  if (f.n() < 5) return {};  // checked at n = 4, and proved from n = 5 on
  const double dimension = harmonic_dimension(2 * f.k(), f.n());
  SecondMoment m;
  m.bounded = m.unit = 1 / dimension;
  m.prior = "B Haar, a uniformly random plane, as it is drawn";
  m.formula = fmt::format("lambda = 1 / dim H_{}(R^{}) = 1 / {:.10g}", 2 * f.k(), f.n(), dimension);
  m.source =
      "E_B f_B (x) f_B commutes with O(n) and has trace 1, f_B has only types (l1, l2) with l1 >= 2k, and for n "
      ">= 5 the smallest of them is (2k, 0), of dimension dim H_2k(R^n)";
  return {m};
}

// --- Gram matrices ---------------------------------------------------------------------------------------------

using Members = std::vector<std::unique_ptr<Member>>;

Members draw_members(const Family& f, const ParameterValues& values, Index members, std::uint64_t seed) {
  Members all;
  for (Index i = 0; i < members; ++i) all.push_back(f.draw(values, seed + static_cast<std::uint64_t>(i)));
  return all;
}

// A symmetric matrix of ones on the diagonal and value(i, j) off it.
template <class Value>
Matrix<double> symmetric(Index size, const Value& value) {
  Matrix<double> m(size, size);
  for (Index i = 0; i < size; ++i) {
    m(i, i) = 1;
    for (Index j = 0; j < i; ++j) m(i, j) = m(j, i) = value(i, j);
  }
  return m;
}

template <class M>
Matrix<double> exact_gram(const Members& members) {
  const auto at = [&](Index i) -> const M& {
    return dynamic_cast<const M&>(*members[static_cast<std::size_t>(i)]);
  };
  return symmetric(static_cast<Index>(members.size()),
                   [&](Index i, Index j) { return std::clamp(correlation(at(i), at(j)), -1.0, 1.0); });
}

// Orbits of one mass p share a table of bits, members x orbits: they add p (orbits - 2 differing bits).
Matrix<double> boolean_orbit_gram(const OrbitLaw& law, Index members, std::uint64_t seed) {
  struct Table {
    std::uint64_t orbits = 0;
    std::vector<std::vector<std::uint64_t>> bits;  // of each member
  };
  std::map<double, Table> tables;
  for_each_orbit(law, [&](std::span<const std::uint64_t> words, double mass) {
    Table& t = tables[mass];
    t.bits.resize(static_cast<std::size_t>(members));
    for (std::size_t i = 0; i < t.bits.size(); ++i) {
      if (t.orbits % 64 == 0) t.bits[i].push_back(0);
      t.bits[i].back() |= static_cast<std::uint64_t>(orbit_bit(law, seed + i, words)) << t.orbits % 64;
    }
    ++t.orbits;
  });
  return symmetric(members, [&](Index i, Index j) {
    double sum = 0;
    for (const auto& [mass, t] : tables) {
      const auto& a = t.bits[static_cast<std::size_t>(i)];
      const auto& b = t.bits[static_cast<std::size_t>(j)];
      std::uint64_t different = 0;
      for (std::size_t w = 0; w < a.size(); ++w)
        different += static_cast<std::uint64_t>(std::popcount(a[w] ^ b[w]));
      sum += mass * (static_cast<double>(t.orbits) - 2 * static_cast<double>(different));
    }
    return std::clamp(sum, -1.0, 1.0);
  });
}

// A unit vector near the top eigenvector.
std::vector<double> top_direction(const Matrix<double>& m) {
  const auto n = static_cast<std::size_t>(m.rows());
  std::vector<double> v(n), next(n);
  for (std::size_t i = 0; i < n; ++i) v[i] = 1 + 1e-3 * static_cast<double>(i % 7);
  for (int round = 0; round < 100; ++round) {
    double norm_sq = 0;
    for (std::size_t i = 0; i < n; ++i) {
      next[i] = 0;
      for (std::size_t j = 0; j < n; ++j) next[i] += m(static_cast<Index>(i), static_cast<Index>(j)) * v[j];
      norm_sq += next[i] * next[i];
    }
    for (std::size_t i = 0; i < n; ++i) v[i] = next[i] / std::sqrt(norm_sq);
  }
  return v;
}

// The Gram matrix on `inputs` random inputs, in ten parts whose scatter along the top eigenvector is the error.
void estimate_gram(const Members& members, Index inputs, std::uint64_t seed, SampledGram& out) {
  constexpr Index kParts = 10, kChunk = 512;
  const auto size = static_cast<Index>(members.size());
  const InputLayout& layout = members[0]->input();
  Matrix<double> x(kChunk * layout.points, layout.channels), y(kChunk, size);
  std::vector<double> column(kChunk);
  std::vector<Matrix<double>> parts;
  out.gram = Matrix<double>(size, size);
  const Index each = inputs / kParts;
  for (Index part = 0; part < kParts; ++part) {
    Matrix<double>& g = parts.emplace_back(size, size);
    for (Index first = 0; first < each; first += kChunk) {
      const Index count = std::min(kChunk, each - first);
      const Block<double> block{x.data(), count, layout.points, layout.channels, x.stride()};
      members[0]->sample({seed, Stream::check, static_cast<std::uint64_t>(part), static_cast<std::uint64_t>(first)},
                         block);
      for (Index i = 0; i < size; ++i) {
        members[static_cast<std::size_t>(i)]->targets(
            Block<const double>{x.data(), count, layout.points, layout.channels, x.stride()}, column.data());
        for (Index e = 0; e < count; ++e) y(e, i) = column[static_cast<std::size_t>(e)];
      }
      for (Index e = 0; e < count; ++e)
        for (Index i = 0; i < size; ++i)
          for (Index j = 0; j <= i; ++j) g(i, j) += y(e, i) * y(e, j);
    }
    for (Index i = 0; i < size; ++i)
      for (Index j = 0; j <= i; ++j) {
        g(i, j) = g(j, i) = g(i, j) / static_cast<double>(each);
        out.gram(i, j) += g(i, j) / kParts;
        if (j < i) out.gram(j, i) += g(i, j) / kParts;
      }
  }
  out.inputs = each * kParts;
  out.largest = largest_eigenvalue(out.gram.view());
  const std::vector<double> v = top_direction(out.gram);
  const auto quadratic = [&](const Matrix<double>& g) {
    double sum = 0;
    for (Index i = 0; i < size; ++i)
      for (Index j = 0; j < size; ++j)
        sum += v[static_cast<std::size_t>(i)] * g(i, j) * v[static_cast<std::size_t>(j)];
    return sum;
  };
  const double mean = quadratic(out.gram);
  double scatter = 0;
  for (const Matrix<double>& g : parts) scatter += (quadratic(g) - mean) * (quadratic(g) - mean);
  out.error = std::sqrt(scatter / (kParts * (kParts - 1)));
}

SampledGram exact(Matrix<double> gram) {
  SampledGram out;
  const Index size = gram.rows();
  out.limits = symmetric(size, [&](Index i, Index j) { return std::abs(gram(i, j)); });
  out.largest = largest_eigenvalue(gram.view());
  out.gram = std::move(gram);
  return out;
}

}  // namespace

std::vector<SecondMoment> second_moments(std::string_view id, const ParameterValues& values) {
  const std::string& known = family(id).id;
  if (known == "boolean-orbit") return boolean_orbit_moments(values);
  if (known == "gnn-degree-parity") return degree_parity_moments(values);
  if (known == "gnn-feature") return gnn_feature_moments(values);
  if (known == "cnn-cyclic") return cnn_cyclic_moments(values);
  if (known == "frame-parity") return frame_parity_moments(values);
  if (known == "invariant-poly") return invariant_poly_moments(values);
  if (known == "rotation-invariant") return rotation_invariant_moments(values);
  return {};
}

SampledGram sampled_gram(std::string_view id, const ParameterValues& values, Index members, std::uint64_t seed,
                         Index inputs) {
  require(members >= 2 && members <= kMaxGramMembers, "members is ", members, "; allowed are 2 to ",
          kMaxGramMembers);
  require(inputs >= members && inputs >= 10, "inputs is ", inputs,
          "; at least as many as members, and 10, are needed");
  const Family& f = family(id);
  if (f.id == "frame-parity") return {};
  if (f.id == "boolean-orbit") {
    const OrbitLaw law = orbit_law(values);
    return enumerable(law) ? exact(boolean_orbit_gram(law, members, seed)) : SampledGram{};
  }
  const Members all = draw_members(f, values, members, seed);
  if (f.id == "gnn-degree-parity") return exact(exact_gram<DegreeParity>(all));
  if (f.id == "gnn-feature") return exact(exact_gram<GnnFeature>(all));
  if (f.id == "cnn-cyclic") return exact(exact_gram<CnnCyclic>(all));
  if (f.id == "invariant-poly") return exact(exact_gram<InvariantPoly>(all));
  SampledGram out;
  if (f.id != "rotation-invariant") return out;
  out.limits = symmetric(members, [&](Index i, Index j) {
    const auto at = [&](Index m) -> const RotationInvariant& {
      return dynamic_cast<const RotationInvariant&>(*all[static_cast<std::size_t>(m)]);
    };
    return std::min(1.0, correlation_bound(at(i), at(j)));
  });
  estimate_gram(all, inputs, seed, out);
  return out;
}

}  // namespace eqnn::hard
