// boolean-orbit: member files, parameters, what bounds are made of, and the registry's entry.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <map>

#include "../../member_file.h"
#include "boolean_orbit.h"

namespace eqnn::hard {

std::string BooleanOrbit::json() const {
  return MemberWriter().add("group", name(law_.group)).add("n", law_.n).add("seed", std::to_string(seed_)).text();
}

namespace {

std::uint64_t decimal_seed(const std::string& text) {
  std::uint64_t seed = 0;
  const char* end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, seed);
  require(error == std::errc() && last == end, "'seed' of the member is '", text,
          "'; it must be a whole number from 0 to 18446744073709551615, in decimal");
  return seed;
}

std::unique_ptr<Member> parse_boolean_orbit(std::string_view text) {
  const MemberValue file(text, {"group", "n", "seed"});
  return std::make_unique<BooleanOrbit>(orbit_group(file.text("group")), file.whole_number("n"),
                                        decimal_seed(file.text("seed")));
}

const std::vector<Parameter>& boolean_orbit_parameters() {
  static const std::vector<Parameter> all = {
      {"group", "cyclic", "cyclic, symmetric, adjacency (graphs up to isomorphism), or trivial"},
      {"n", "20", "bits, 1 to 1024; adjacency: m^2 with m <= 8"},
  };
  return all;
}

OrbitLaw boolean_orbit_law(const ParameterValues& values) {
  const ParameterReader read(boolean_orbit_parameters(), values);
  return {orbit_group(read.text("group")), read.integer("n")};
}

std::vector<SecondMoment> boolean_orbit_second_moments(const ParameterValues& values) {
  const OrbitLaw law = boolean_orbit_law(values);
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
  if (orbits < 40)
    all.push_back(accepted_share(m, 1 - std::exp2(1 - orbits), 0, "functions that are not constant"));
  return all;
}

// Orbits of one mass p share a table of bits, members x orbits: they add p (orbits - 2 differing bits).
PairCorrelations correlations(const ParameterValues& values, Index members, std::uint64_t seed) {
  const OrbitLaw law = boolean_orbit_law(values);
  if (!enumerable(law)) return {};
  struct Table {
    std::uint64_t orbits = 0;
    std::vector<std::vector<std::uint64_t>> bits;  // of each member
  };
  std::map<double, Table> tables;
  for_each_orbit(law, [&](std::span<const std::uint64_t> words, double mass) {
    Table& t = tables[mass];
    t.bits.resize(members);
    for (std::size_t i = 0; i < t.bits.size(); ++i) {
      if (t.orbits % 64 == 0) t.bits[i].push_back(0);
      t.bits[i].back() |= static_cast<std::uint64_t>(orbit_bit(law, seed + i, words)) << t.orbits % 64;
    }
    ++t.orbits;
  });
  return {symmetric_matrix(members, [&](Index i, Index j) {
    double sum = 0;
    for (const auto& [mass, t] : tables) {
      const auto &a = t.bits[i], &b = t.bits[j];
      std::uint64_t different = 0;
      for (std::size_t w = 0; w < a.size(); ++w)
        different += static_cast<std::uint64_t>(std::popcount(a[w] ^ b[w]));
      sum += mass * (static_cast<double>(t.orbits) - 2 * static_cast<double>(different));
    }
    return std::clamp(sum, -1.0, 1.0);
  })};
}

ParameterValues training_flags(const ParameterValues& values) {
  const OrbitGroup group = orbit_group(ParameterReader(boolean_orbit_parameters(), values).text("group"));
  // Not centred: the centred adjacency has no diagonal, and would not show the loops that target and control depend
  // on.
  if (group == OrbitGroup::adjacency)
    return {{"model", "gnn"}, {"depth", "3"}, {"width", "64"}, {"head-width", "64"}, {"adjacency", "sqrt"},
            {"pool", "mean"}, {"lr", "2e-3"}, {"batch", "32"}, {"steps", "12000"}};
  if (group == OrbitGroup::trivial)
    return {{"model", "mlp"}, {"depth", "2"}, {"width", "128"}, {"lr", "3e-3"}, {"batch", "64"}, {"steps", "5000"}};
  return {{"model", group == OrbitGroup::cyclic ? "cnn" : "deepsets"},
          {"depth", "2"},
          {"width", "64"},
          {"head-width", "64"},
          {"pool", "mean"},
          {"lr", "3e-3"},
          {"batch", "64"},
          {"steps", "5000"}};
}

}  // namespace

Family boolean_orbit_family() {
  Family f;
  f.id = "boolean-orbit";
  f.title = "Random Boolean functions of orbits";
  f.theorem =
      "statistical queries of tolerance tau need tau^2 N_eff of them, N_eff = 1 / sum p_O^2, about 2^n / n for "
      "rotations (Kiani et al., ICLR 2024); no computational gap: a random bit an orbit can only be memorised, by "
      "any learner";
  f.group =
      "C_n rotating the bits, S_n permuting them, S_m relabelling the nodes of a graph of n = m^2 bits, or none";
  f.definition =
      "g(x) = the fair bit of the orbit of x, hashed from its lexicographically least string; trained as 1 - 2g";
  f.input_law = "x in {0,1}^n, iid fair bits";
  f.control = "1[weight > n/2], standardised";
  f.parameters = boolean_orbit_parameters();
  f.training = training_flags;
  f.draw = [](const ParameterValues& values, std::uint64_t seed) -> std::unique_ptr<Member> {
    const OrbitLaw law = boolean_orbit_law(values);
    return std::make_unique<BooleanOrbit>(law.group, law.n, seed);
  };
  f.parse = parse_boolean_orbit;
  f.second_moments = boolean_orbit_second_moments;
  f.correlations = correlations;
  f.check_members = [](const ParameterValues& values, Index members, const CheckOptions& options) {
    return check_boolean_orbits(boolean_orbit_law(values), members, options);
  };
  return f;
}

}  // namespace eqnn::hard
