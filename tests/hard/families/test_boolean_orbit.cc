// boolean-orbit: golden values, a naive reference, exact counts, the hash, and what is refused.
#include <doctest/doctest.h>
#include <eqnn/hard/families/boolean_orbit/boolean_orbit.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "support/golden.h"
#include "support/thrown.h"

namespace test_boolean_orbit {

using namespace eqnn;
using namespace eqnn::hard;

namespace {

std::uint64_t hex(const nlohmann::json& v) { return std::stoull(v.get<std::string>(), nullptr, 16); }

// --- the definition, on strings of '0' and '1' -----------------------------------------------------------

std::string naive_canonical(const std::string& group, const std::string& s) {
  std::string least = s;
  if (group == "trivial") return s;
  if (group == "symmetric") {
    std::sort(least.begin(), least.end());
  } else if (group == "cyclic") {
    for (std::size_t g = 0; g < s.size(); ++g) least = std::min(least, s.substr(g) + s.substr(0, g));
  } else {
    std::size_t m = 1;
    while (m * m < s.size()) ++m;
    std::vector<std::size_t> p(m);
    std::iota(p.begin(), p.end(), std::size_t{0});
    do {
      std::string relabelled;
      for (std::size_t i = 0; i < m; ++i)
        for (std::size_t j = 0; j < m; ++j) relabelled += s[p[i] * m + p[j]];
      least = std::min(least, relabelled);
    } while (std::next_permutation(p.begin(), p.end()));
  }
  return least;
}

std::uint64_t naive_mix(std::uint64_t z) {
  z ^= z >> 30;
  z *= 0xbf58476d1ce4e5b9ull;
  z ^= z >> 27;
  z *= 0x94d049bb133111ebull;
  z ^= z >> 31;
  return z;
}

int naive_label(const std::string& group, std::uint64_t seed, const std::string& s) {
  const std::uint64_t golden_ratio = 0x9E3779B97F4A7C15ull;
  std::uint64_t h = naive_mix(seed + golden_ratio);
  std::vector<std::uint64_t> values = {group == "cyclic"      ? 1u
                                       : group == "symmetric" ? 2u
                                       : group == "adjacency" ? 3u
                                                              : 4u,
                                       s.size()};
  const std::string least = naive_canonical(group, s);
  for (std::size_t i = 0; i < s.size(); ++i) {
    if (i % 64 == 0) values.push_back(0);
    if (least[i] == '1') values.back() += 1ull << (i % 64);
  }
  for (const std::uint64_t v : values) h = naive_mix((h ^ v) + golden_ratio);
  return h >= 1ull << 63 ? 1 : 0;
}

// --- helpers -----------------------------------------------------------------------------------------------

std::string canonical(const std::string& group, const std::string& s) {
  std::vector<std::uint64_t> words((s.size() + 63) / 64);
  for (std::size_t i = 0; i < s.size(); ++i) words[i / 64] |= std::uint64_t{s[i] == '1'} << i % 64;
  canonicalise(OrbitLaw(orbit_group(group), static_cast<Index>(s.size())), words);
  std::string out;
  for (std::size_t i = 0; i < s.size(); ++i) out += (words[i / 64] >> i % 64 & 1) != 0 ? '1' : '0';
  return out;
}

// Inputs of a member, rows padded or not.
template <class T>
struct Inputs {
  Inputs(const Member& f, Index examples)
      : points(f.input().points),
        channels(f.input().channels),
        memory(examples * points, channels),
        block{memory.data(), examples, points, channels, memory.stride()} {}
  Block<const T> read() const { return {block.data, block.examples, points, channels, block.stride}; }
  MatrixView<const T> example(Index e) const { return {block.row(e), points, channels, block.stride}; }
  void set(Index e, const std::string& s) {
    for (Index i = 0; i < points * channels; ++i)
      block(e, i / channels, i % channels) = static_cast<T>(s[i] == '1');
  }
  std::string text(Index e) const {
    std::string s;
    for (Index i = 0; i < points * channels; ++i) s += block(e, i / channels, i % channels) == T(1) ? '1' : '0';
    return s;
  }
  Index points, channels;
  Matrix<T> memory;
  Block<T> block;
};

struct Setting {
  const char* group;
  Index n;
};

}  // namespace

TEST_CASE("boolean orbit: hash, representatives and labels agree with the golden values") {
  for (const auto& c : golden("F0").at("mix64")) CHECK(mix64(hex(c[0])) == hex(c[1]));
  for (const auto& c : golden("F0").at("absorb")) CHECK(absorb(hex(c[0]), hex(c[1])) == hex(c[2]));
  std::vector<std::uint64_t> seeds;
  for (const auto& s : golden("F0").at("seeds_decimal")) seeds.push_back(std::stoull(s.get<std::string>()));
  for (const auto& c : golden("F0").at("cases")) {
    const auto group = c.at("group").get<std::string>(), bits = c.at("bits").get<std::string>();
    CHECK(canonical(group, bits) == c.at("canonical").get<std::string>());
    for (std::size_t i = 0; i < seeds.size(); ++i) {
      const BooleanOrbit f(orbit_group(group), static_cast<Index>(bits.size()), seeds[i]);
      Inputs<double> x(f, 1);
      x.set(0, bits);
      CHECK(f.value(x.example(0)) == c.at("labels")[i].get<double>());
    }
  }
}

TEST_CASE("boolean orbit: counts and probabilities of orbits agree with the golden values") {
  for (const auto& c : golden("F0").at("stats")) {
    if (c.contains("n_nodes")) {
      const Index m = c.at("n_nodes");
      CHECK(std::to_string(adjacency_orbit_count(m, true)) == c.at("orbits").get<std::string>());
      CHECK(std::to_string(adjacency_orbit_count(m, false)) == c.at("orbits_without_loops").get<std::string>());
      CHECK(exact_orbit_count({OrbitGroup::adjacency, m * m}) == adjacency_orbit_count(m, true));
      continue;
    }
    const OrbitLaw law(orbit_group(c.at("group").get<std::string>()), c.at("n"));
    CHECK(std::to_string(exact_orbit_count(law).value()) == c.at("orbits").get<std::string>());
    CHECK(near(squared_mass(law).value(), c.at("sum_p2")));
    CHECK(near(1 / squared_mass(law).value(), c.at("n_eff")));
    CHECK(near(largest_mass(law), c.at("max_p")));
  }
  for (const auto& [m, n_eff] : golden("F0").at("n_eff_adjacency_enumerated").items()) {
    const OrbitLaw law(OrbitGroup::adjacency, std::stoll(m) * std::stoll(m));
    CHECK(near(1 / squared_mass(law).value(), n_eff));
    CHECK(1 / largest_mass(law) <= n_eff.get<double>() * (1 + 1e-12));  // the bound used above m = 4
  }
}

TEST_CASE("boolean orbit: numbers printed in the specification") {
  const auto effective = [](OrbitGroup g, Index n) { return 1 / squared_mass_bound({g, n}); };
  CHECK(effective(OrbitGroup::cyclic, 24) == doctest::Approx(699144).epsilon(1e-5));
  CHECK(effective(OrbitGroup::cyclic, 32) == doctest::Approx(1.34e8).epsilon(5e-3));
  CHECK(effective(OrbitGroup::symmetric, 32) == doctest::Approx(10.07).epsilon(1e-3));
  CHECK(effective(OrbitGroup::adjacency, 25) == doctest::Approx(std::ldexp(1.0, 25) / 120));
  CHECK(!squared_mass({OrbitGroup::adjacency, 25}));
  CHECK(exact_orbit_count({OrbitGroup::cyclic, 20}) == 52488);
  // Beyond whole numbers of 64 bits.
  CHECK(!exact_orbit_count({OrbitGroup::cyclic, 1000}));
  CHECK(std::log2(orbit_count({OrbitGroup::cyclic, 1000})) == doctest::Approx(1000 - std::log2(1000.0)));
  CHECK(std::log2(squared_mass_bound({OrbitGroup::cyclic, 1024})) == doctest::Approx(10.0 - 1024));
  CHECK(orbit_count({OrbitGroup::symmetric, 1024}) == 1025);
  CHECK(effective(OrbitGroup::trivial, 10) == 1024);
  CHECK(exact_orbit_count({OrbitGroup::trivial, 63}) == std::uint64_t{1} << 63);
  CHECK(!exact_orbit_count({OrbitGroup::trivial, 64}));
  CHECK(orbit_count({OrbitGroup::trivial, 64}) == 0x1p64);
}

TEST_CASE("boolean orbit: listed orbits are all of them, each once, by its least string") {
  for (const Setting s : {Setting{"cyclic", 1},
                          {"cyclic", 2},
                          {"cyclic", 6},
                          {"cyclic", 11},
                          {"cyclic", 12},
                          {"symmetric", 9},
                          {"trivial", 1},
                          {"trivial", 10},
                          {"adjacency", 1},
                          {"adjacency", 4},
                          {"adjacency", 9}}) {
    std::map<std::string, double> expected, listed;
    for (std::uint64_t v = 0; v < std::uint64_t{1} << s.n; ++v) {
      std::string text;
      for (Index i = 0; i < s.n; ++i) text += (v >> i & 1) != 0 ? '1' : '0';
      expected[naive_canonical(s.group, text)] += std::ldexp(1.0, static_cast<int>(-s.n));
    }
    Index visits = 0;
    for_each_orbit({orbit_group(s.group), s.n}, [&](std::span<const std::uint64_t> words, double mass) {
      std::string text;
      for (Index i = 0; i < s.n; ++i) text += (words[0] >> i & 1) != 0 ? '1' : '0';
      listed[text] = mass;
      ++visits;
    });
    INFO(s.group, " ", s.n);
    CHECK(visits == static_cast<Index>(expected.size()));
    CHECK(exact_orbit_count({orbit_group(s.group), s.n}) == expected.size());
    for (const auto& [text, mass] : expected) CHECK(near(listed[text], mass));
  }
  CHECK_THROWS_AS(for_each_orbit({OrbitGroup::cyclic, 21}, [](auto, double) {}), ValueError);
}

TEST_CASE("boolean orbit: values, targets and controls agree with the definition on 1000 random members") {
  const Setting settings[] = {{"cyclic", 13},    {"cyclic", 21},     {"cyclic", 63},    {"cyclic", 64},
                              {"cyclic", 65},    {"cyclic", 150},    {"symmetric", 10}, {"symmetric", 64},
                              {"symmetric", 97}, {"symmetric", 128}, {"adjacency", 4},  {"adjacency", 9},
                              {"adjacency", 25}, {"adjacency", 36},  {"trivial", 11},   {"trivial", 70}};
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const Setting s = settings[seed % std::size(settings)];
    const BooleanOrbit f(orbit_group(s.group), s.n, mix64(seed));
    Inputs<double> x(f, 3);
    Inputs<float> single(f, 3);
    f.sample({seed, Stream::user, 0, 0}, x.block);
    x.set(1, std::string(static_cast<std::size_t>(s.n), seed % 2 == 0 ? '0' : '1'));
    for (Index e = 0; e < 3; ++e) single.set(e, x.text(e));
    double target[3], control[3];
    float target_f[3], control_f[3];
    f.targets(x.read(), target);
    f.controls(x.read(), control);
    f.targets(single.read(), target_f);
    f.controls(single.read(), control_f);
    // P(weight > n/2) by the binomial sum.
    double share = 0;
    const double bits = static_cast<double>(s.n);
    for (double w = std::floor(bits / 2) + 1; w <= bits; ++w)
      share +=
          std::exp(std::lgamma(bits + 1) - std::lgamma(w + 1) - std::lgamma(bits - w + 1) - bits * std::log(2.0));
    for (Index e = 0; e < 3; ++e) {
      const std::string text = x.text(e);
      const int g = naive_label(s.group, mix64(seed), text);
      INFO(s.group, " ", text);
      CHECK(f.value(x.example(e)) == g);
      CHECK(target[e] == 1 - 2 * g);
      CHECK(target_f[e] == static_cast<float>(1 - 2 * g));
      const double heavy = 2 * std::count(text.begin(), text.end(), '1') > s.n ? 1 : 0;
      CHECK(control[e] == doctest::Approx((heavy - share) / std::sqrt(share * (1 - share))).epsilon(1e-9));
      CHECK(static_cast<double>(control_f[e]) == doctest::Approx(control[e]).epsilon(1e-6));
    }
  }
}

TEST_CASE("boolean orbit: representatives of symmetric graphs and periodic strings are the least strings too") {
  Draws draws({3, Stream::user, 0, 0});
  for (int round = 0; round < 60; ++round) {
    // Few distinct rows and loops, so that many relabellings agree.
    std::string graph(25, '0');
    for (char& c : graph) c = draws.below(8) == 0 ? '1' : '0';
    CHECK(canonical("adjacency", graph) == naive_canonical("adjacency", graph));
    for (char& c : graph) c = c == '1' ? '0' : '1';
    CHECK(canonical("adjacency", graph) == naive_canonical("adjacency", graph));
    for (const std::size_t n : {12u, 60u, 64u, 96u, 200u}) {
      const std::size_t period = n / (1 + draws.below(4));
      std::string s(n, '0');
      for (std::size_t i = 0; i < n; ++i) s[i] = i < period ? "01"[draws.below(2)] : s[i - period];
      CHECK(canonical("cyclic", s) == naive_canonical("cyclic", s));
    }
  }
  for (const char* fill : {"0", "1"}) {  // 8! relabellings agree
    const std::string s(64, *fill);
    CHECK(canonical("adjacency", s) == s);
  }
}

TEST_CASE("boolean orbit: the label is the same on an orbit, at the largest sizes too") {
  for (const Setting s : {Setting{"cyclic", 20}, {"cyclic", 1024}, {"symmetric", 1024}, {"adjacency", 64}}) {
    const BooleanOrbit f(orbit_group(s.group), s.n, 5);
    Inputs<double> x(f, 40), moved(f, 40);
    f.sample({1, Stream::user, 0, 0}, x.block);
    const Index points = f.input().points;
    for (Index e = 0; e < 40; ++e) {
      Draws draws({2, Stream::user, 0, static_cast<std::uint64_t>(e)});
      std::vector<Index> p(points);
      std::iota(p.begin(), p.end(), Index{0});
      if (std::string(s.group) == "cyclic")
        std::rotate(p.begin(), p.begin() + draws.below(static_cast<std::uint32_t>(s.n)), p.end());
      else
        for (std::size_t i = p.size() - 1; i > 0; --i)
          std::swap(p[i], p[draws.below(static_cast<std::uint32_t>(i + 1))]);
      for (Index i = 0; i < points; ++i)
        for (Index j = 0; j < f.input().channels; ++j)
          moved.block(e, p[i], f.input().channels == 1 ? 0 : p[j]) = x.block(e, i, j);
      CHECK(f.value(x.example(e)) == f.value(moved.example(e)));
    }
  }
}

TEST_CASE("boolean orbit: an example's bits depend on its counter alone, and are those of Philox in order") {
  for (const Setting s : {Setting{"cyclic", 5}, {"cyclic", 33}, {"cyclic", 300}, {"adjacency", 49}}) {
    const BooleanOrbit f(orbit_group(s.group), s.n, 0);
    const Counter at{123456789012345u, Stream::train, 77, 40};
    Inputs<double> whole(f, 9);
    Inputs<float> tail(f, 4);
    f.sample(at, whole.block);
    f.sample({at.seed, at.stream, at.step, at.example + 5}, tail.block);
    for (Index e = 0; e < 9; ++e) {
      Draws words({at.seed, at.stream, at.step, at.example + static_cast<std::uint64_t>(e)});
      std::string expected;
      std::uint32_t word = 0;
      for (Index i = 0; i < s.n; ++i) {
        if (i % 32 == 0) word = words.word();
        expected += (word >> i % 32 & 1) != 0 ? '1' : '0';
      }
      CHECK(whole.text(e) == expected);
      if (e >= 5) CHECK(tail.text(e - 5) == expected);
      for (Index i = 0; i < whole.points; ++i)
        for (Index j = whole.channels; j < whole.block.stride; ++j) CHECK(whole.block.row(e, i)[j] == 0);
    }
  }
}

TEST_CASE("boolean orbit: exact means are those of all inputs, and unknown ones are small") {
  for (const Setting s : {Setting{"cyclic", 10}, {"symmetric", 10}, {"adjacency", 9}}) {
    const BooleanOrbit f(orbit_group(s.group), s.n, 9);
    Inputs<double> x(f, Index{1} << s.n);
    for (Index e = 0; e < x.block.examples; ++e)
      for (Index i = 0; i < s.n; ++i) x.block(e, i / x.channels, i % x.channels) = static_cast<double>(e >> i & 1);
    std::vector<double> y(x.block.examples);
    f.targets(x.read(), y.data());
    const double total = static_cast<double>(y.size());
    CHECK(near(f.mean_sign().value(), std::accumulate(y.begin(), y.end(), 0.0) / total));
    CHECK(near(f.target_variance(), 1 - *f.mean_sign() * *f.mean_sign()));
    f.controls(x.read(), y.data());
    CHECK(std::accumulate(y.begin(), y.end(), 0.0) / total == doctest::Approx(0));
    CHECK(std::inner_product(y.begin(), y.end(), y.begin(), 0.0) / total == doctest::Approx(1));
  }
  CHECK(!BooleanOrbit(OrbitGroup::cyclic, 21, 0).mean_sign());
  CHECK(BooleanOrbit(OrbitGroup::cyclic, 21, 0).target_variance() == doctest::Approx(1).epsilon(2e-5));
}

TEST_CASE("boolean orbit: every certificate passes, for the member and for many members") {
  for (const Setting s : {Setting{"cyclic", 1},
                          {"cyclic", 2},
                          {"cyclic", 8},
                          {"cyclic", 20},
                          {"cyclic", 70},
                          {"symmetric", 1},
                          {"symmetric", 16},
                          {"trivial", 9},
                          {"trivial", 70},
                          {"adjacency", 1},
                          {"adjacency", 9},
                          {"adjacency", 25}}) {
    // Tiny laws have constant members: the first that is not.
    std::unique_ptr<Member> f;
    for (std::uint64_t seed = 0; !f; ++seed) try {
        f = std::make_unique<BooleanOrbit>(orbit_group(s.group), s.n, seed);
      } catch (const ValueError&) {
      }
    auto checks = f->check({4, 400});
    const auto gram = check_boolean_orbits({orbit_group(s.group), s.n}, 30, {0, 1000});
    CHECK(checks.size() >= (s.group == std::string("trivial") ? 8 : 10));
    CHECK(gram.size() >= 3);
    checks.insert(checks.end(), gram.begin(), gram.end());
    for (const Check& c : checks) {
      INFO(s.group, " ", s.n, ", ", c.name, ": ", c.value, " expected ", c.expected, " tolerance ", c.tolerance);
      CHECK(c.pass());
      CHECK(!c.how.empty());
    }
  }
  CHECK(check_boolean_orbits({OrbitGroup::cyclic, 12}, 1, {0, 50}).size() == 2);
  CHECK_THROWS_AS(check_boolean_orbits({OrbitGroup::cyclic, 12}, 0, {}), ValueError);
  CHECK_THROWS_AS(BooleanOrbit(OrbitGroup::cyclic, 12, 0).check({0, 0}), ValueError);
}

TEST_CASE("boolean orbit: members that are not allowed are refused with the reason") {
  const auto refused = [](const char* group, Index n) {
    return message<ValueError>([&] { OrbitLaw(orbit_group(group), n); });
  };
  CHECK(refused("cyclic", 0) == "n is 0; need n >= 1 bits");
  CHECK(refused("cyclic", 1025) == "n is 1025; at most 1024 bits are supported");
  CHECK(refused("dihedral", 8) == "unknown group 'dihedral'; allowed are cyclic, symmetric, adjacency, trivial");
  CHECK(contains(refused("adjacency", 20), "adjacency length not a square: n is 20"));
  CHECK(contains(refused("adjacency", 81), "m! canonicalisation: m must be <= 8"));
  CHECK(refused("adjacency", 64) == "no error");
  std::set<std::string> seen;  // two orbits, two bits: half of the members are constant
  for (std::uint64_t seed = 0; seed < 20; ++seed)
    seen.insert(message<ValueError>([&] { BooleanOrbit(OrbitGroup::cyclic, 1, seed); }).substr(0, 20));
  CHECK(seen == std::set<std::string>{"every orbit of cycli", "no error"});

  const BooleanOrbit f(OrbitGroup::cyclic, 3, 1);
  Matrix<double> x(3, 1), wide(1, 3);
  CHECK(contains(message<ValueError>([&] { f.value(wide.view()); }), "1 x 3; this member takes 3 x 1"));
  x(2, 0) = 0.5;
  CHECK(message<ValueError>([&] { f.value(x.view()); }) == "x entry (2, 0) is 0.5; entries must be 0 or 1");
}

TEST_CASE("boolean orbit: facts, warnings and training flags follow the group") {
  const auto fact = [](const Member& f, const std::string& name) {
    for (const Fact& x : f.facts())
      if (x.name == name) return x.value;
    return std::nan("");
  };
  const BooleanOrbit f(OrbitGroup::cyclic, 12, 3);
  CHECK(fact(f, "orbits") == 352);
  CHECK(fact(f, "n_eff") == doctest::Approx(344.9546837733366));
  CHECK(fact(f, "bias") == std::abs(f.mean_sign().value()));
  CHECK(fact(f, "norm_sq") == 1);
  CHECK(fact(f, "control_mean") == doctest::Approx((1 - 924.0 / 4096) / 2));
  CHECK(f.warnings().empty());
  CHECK(contains(BooleanOrbit(OrbitGroup::symmetric, 32, 0).warnings().at(0),
                 "only n+1 orbits, effective number sqrt(pi n)=10.1: not a hard family"));
  const Family& family = eqnn::hard::family("boolean-orbit");
  CHECK(family.training({}).at("model") == "cnn");
  CHECK(family.training({{"group", "symmetric"}}).at("model") == "deepsets");
  CHECK(family.training({{"group", "adjacency"}}).at("model") == "gnn");
}

TEST_CASE("boolean orbit: member files are read back, and refused when malformed") {
  const Family& family = eqnn::hard::family("boolean-orbit");
  const auto f = family.parse(R"({"group": "adjacency", "n": 16, "seed": "18446744073709551615"})");
  CHECK(f->json() == R"({"group":"adjacency","n":16,"seed":"18446744073709551615"})");
  CHECK(f->input().points == 4);
  CHECK(f->input().channels == 4);
  CHECK(f->input().dims == std::vector<Index>{16});
  CHECK(f->input().bits);
  CHECK(f->two_valued());
  CHECK(family.draw({}, 7)->json() == R"({"group":"cyclic","n":20,"seed":"7"})");
  CHECK(family.draw({}, 7)->input().dims == std::vector<Index>{20});
  CHECK_THROWS_AS(family.parse("{"), FileError);
  for (const char* text :
       {R"({"group": "cyclic", "n": 20})", R"({"group": "cyclic", "n": 20, "seed": 7})",
        R"({"group": "cyclic", "n": 20, "seed": "-1"})", R"({"group": "cyclic", "n": 20, "seed": "0x10"})",
        R"({"group": "cyclic", "n": 20, "seed": ""})",
        R"({"group": "cyclic", "n": 20, "seed": "18446744073709551616"})",
        R"({"group": "C20", "n": 20, "seed": "1"})", R"({"group": "adjacency", "n": 20, "seed": "1"})",
        R"({"group": "cyclic", "n": 0, "seed": "1"})", R"({"group": "cyclic", "n": 20, "seed": "1", "b": 0})"}) {
    INFO(text);
    CHECK_THROWS_AS(family.parse(text), ValueError);
  }
  CHECK(contains(message<ValueError>([&] {
                   family.draw({{"n", "x"}}, 0);
                 }),
                 "n is 'x'; it must be a whole number"));
  CHECK(contains(message<ValueError>([&] { family.draw({{"grup", "x"}}, 0); }), "nearest is 'group'"));
}

}  // namespace test_boolean_orbit
