// frame-parity: golden values, a naive reference, ties, invariance, norms, and what is refused.
#include <doctest/doctest.h>
#include <eqnn/hard/families/frame_parity/frame_parity.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "support/golden.h"
#include "support/thrown.h"

namespace test_frame_parity {

using namespace eqnn;
using namespace eqnn::hard;

namespace {

using Vector = std::vector<double>;
using Set = std::vector<Index>;

// --- the definition ----------------------------------------------------------------------------------------

// The frames by their words: of all candidates the largest by (|y|, then y), both lexicographically.
Vector naive_canonical(const std::string& frame, const Vector& x) {
  const auto larger = [](const Vector& a, const Vector& b) {
    for (std::size_t i = 0; i < a.size(); ++i)
      if (std::abs(a[i]) != std::abs(b[i])) return std::abs(a[i]) > std::abs(b[i]);
    return a > b;
  };
  Vector y = x;
  if (frame == "sort") std::sort(y.begin(), y.end(), [&](double a, double b) { return larger({a}, {b}); });
  if (frame == "cyclic")
    for (std::size_t g = 1; g < x.size(); ++g) {
      Vector rotated(x.begin() + static_cast<std::ptrdiff_t>(g), x.end());
      rotated.insert(rotated.end(), x.begin(), x.begin() + static_cast<std::ptrdiff_t>(g));
      if (larger(rotated, y)) y = rotated;
    }
  return y;
}

// sum over sign vectors, by recursion.
double naive_terms(const Vector& y, std::size_t next, double product, double inner, bool alternating) {
  if (next == y.size())
    return (alternating ? product : 1.0) * std::max(0.0, inner / std::sqrt(static_cast<double>(y.size())));
  return naive_terms(y, next + 1, product, inner + y[next], alternating) +
         naive_terms(y, next + 1, -product, inner - y[next], alternating);
}
double naive_sum(const Vector& y, bool alternating = true) { return naive_terms(y, 0, 1, 0, alternating); }

Vector chosen(const Vector& y, const Set& set) {
  Vector part;
  for (const Index i : set) part.push_back(y[i]);
  return part;
}

// --- helpers -----------------------------------------------------------------------------------------------

MatrixView<const double> view(const Vector& x) { return {x.data(), static_cast<Index>(x.size()), 1, 1}; }

template <class T>
std::vector<T> canonical(ParityFrame frame, const std::vector<T>& x) {
  const Index n = static_cast<Index>(x.size());
  // A stride in and out, as the inputs of networks have it.
  Matrix<T> from(n, 1), to(n, 1);
  for (Index i = 0; i < n; ++i) from(i, 0) = x[i];
  canonical_forms(frame, Block<const T>{from.data(), 1, n, 1, from.stride()},
                  Block<T>{to.data(), 1, n, 1, to.stride()});
  std::vector<T> y;
  for (Index i = 0; i < n; ++i) {
    y.push_back(to(i, 0));
    for (Index c = 1; c < to.stride(); ++c) CHECK(to.data()[i * to.stride() + c] == 0);
  }
  return y;
}

Vector random_vector(Index n, std::uint64_t seed, bool ties = false) {
  Draws draws({seed, Stream::user, 0, 0});
  Vector x(static_cast<std::size_t>(n));
  for (double& v : x) v = static_cast<double>(static_cast<float>(draws.normal()));
  if (ties)
    for (double& v : x) v = std::round(2 * v) / 2;
  return x;
}

Set random_set(Index n, Index k, std::uint64_t seed) {
  Draws draws({seed, Stream::user, 1, 0});
  std::set<Index> s;
  while (static_cast<Index>(s.size()) < k) s.insert(draws.below(static_cast<std::uint32_t>(n)));
  return {s.begin(), s.end()};
}

double fact(const Member& f, const std::string& name) {
  for (const Fact& x : f.facts())
    if (x.name == name) return x.value;
  return std::nan("");
}

constexpr ParityFrame kFrames[] = {ParityFrame::sort, ParityFrame::cyclic, ParityFrame::none};

}  // namespace

TEST_CASE("frame parity: canonical forms, sums and values agree with the golden cases") {
  for (const auto& c : golden("F4").at("cases")) {
    const auto x = c.at("x").get<Vector>();
    const auto set = c.at("S").get<Set>();
    const FrameParityLaw law(c.at("n"), c.at("k"), parity_frame(c.at("frame").get<std::string>()));
    CHECK(canonical(law.frame, x) == c.at("canonical").get<Vector>());
    const FrameParity f(law, set, 0.25);
    CHECK(same_value(f.value(view(x)), 2 * c.at("raw").get<double>()));
    CHECK(same_value(parity_sum(chosen(canonical(law.frame, x), set)), c.at("raw")));
  }
  for (const auto& c : golden("F4").at("core")) {
    const auto y = c.at("y").get<Vector>();
    CHECK(same_value(alternating_relu_sum(y), c.at("f")));
    CHECK(same_value(naive_sum(y), c.at("f")));
    if (y.size() % 2 == 0) CHECK(same_value(parity_sum(y), c.at("f")));
    if (c.at("must_be_zero")) CHECK(std::abs(alternating_relu_sum(y)) < 1e-14);
  }
}

TEST_CASE("frame parity: ties agree with the golden cases") {
  for (const auto& c : golden("F4").at("ties")) {
    const auto x = c.at("x").get<Vector>();
    const std::vector<float> x_f(x.begin(), x.end());
    for (const char* frame : {"sort", "cyclic"}) {
      const auto y = canonical(parity_frame(frame), x);
      const auto y_f = canonical(parity_frame(frame), x_f);
      CHECK(y == c.at(frame).get<Vector>());
      CHECK(Vector(y_f.begin(), y_f.end()) == y);
    }
  }
}

TEST_CASE("frame parity: norms agree with the closed form and the golden estimates") {
  for (const auto& c : golden("F4").at("norm_sq_no_frame")) {
    const Index k = c[0];
    CHECK(near(unframed_norm_sq(k), c[1]));
    Set set(static_cast<std::size_t>(k));
    std::iota(set.begin(), set.end(), Index{2});
    CHECK(near(FrameParity({k + 2, k, ParityFrame::none}, set).norm_sq(), c[1]));
  }
  for (const auto& c : golden("F4").at("mc_norms")) {
    const FrameParityLaw law(c.at("n"), c.at("k"), parity_frame(c.at("frame").get<std::string>()));
    const auto set = c.at("S").get<Set>();
    const ParityMoments m = parity_moments(law, {&set, 1}, 1 << 15).front();
    const double error = std::hypot(m.mean_square_error, c.at("se").get<double>());
    INFO(law.n, " ", law.k, " ", m.mean_square, " ", c.at("mean_square").get<double>());
    CHECK(std::abs(m.mean_square - c.at("mean_square").get<double>()) <= 5 * error);
    CHECK(error < 0.02 * m.mean_square);
    CHECK(m.kurtosis == doctest::Approx(c.at("kurtosis").get<double>()).epsilon(0.2));
  }
  for (const auto& c : golden("F4").at("reject_examples")) {
    const FrameParityLaw law(c.at("n"), c.at("k"), parity_frame(c.at("frame").get<std::string>()));
    CHECK(contains(message<ValueError>([&] { FrameParity(law, c.at("S").get<Set>()); }),
                   "S is spiky: f_S is nonzero"));
  }
}

TEST_CASE("frame parity: values, targets and features agree with the definition on 1000 random members") {
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    const Index k = 2 + 2 * static_cast<Index>(seed % 5), n = k + static_cast<Index>(seed % 29);
    const ParityFrame frame = kFrames[seed % 3];
    const double norm_sq = 0.1 + static_cast<double>(seed % 7);
    const FrameParity f({n, k, frame}, random_set(n, k, seed), norm_sq);
    const Vector x = random_vector(n, seed, seed % 4 == 0);
    const Vector y = naive_canonical(std::string(name(frame)), x);
    const double expected = naive_sum(chosen(y, f.set())) / std::sqrt(norm_sq);
    CHECK(same_value(f.value(view(x)), expected));

    const std::vector<float> x_f(x.begin(), x.end());
    double target = 0;
    float target_f = 0;
    f.targets(Block<const double>{x.data(), 1, n, 1, 1}, &target);
    f.targets(Block<const float>{x_f.data(), 1, n, 1, 1}, &target_f);
    CHECK(target == f.value(view(x)));
    CHECK(std::abs(static_cast<double>(target_f) - target) <= 1e-6 * (1 + std::abs(target)));

    CHECK(canonical(frame, x) == y);
    const auto y_f = canonical(frame, x_f);
    CHECK(Vector(y_f.begin(), y_f.end()) == y);
    Vector z(x.size());
    f.features(Block<const double>{x.data(), 1, n, 1, 1}, Block<double>{z.data(), 1, n, 1, 1});
    CHECK(z == y);
  }
}

TEST_CASE("frame parity: canonical forms of many coordinates, sorted in either way, are the definition's") {
  for (const Index n : {1, 2, 15, 16, 17, 48, 127, 128, 129, 300, 1024})
    for (const ParityFrame frame : kFrames)
      for (const bool ties : {false, true}) {
        Vector x = random_vector(n, static_cast<std::uint64_t>(n), ties);
        if (n == 17) std::fill(x.begin(), x.end(), -1.5);
        if (n == 16) std::fill(x.begin() + 3, x.end(), -0.0);
        const Vector y = naive_canonical(std::string(name(frame)), x);
        CHECK(canonical(frame, x) == y);
        const auto y_f = canonical(frame, std::vector<float>(x.begin(), x.end()));
        CHECK(Vector(y_f.begin(), y_f.end()) == y);
      }
}

TEST_CASE("frame parity: fast sums are the alternating sums for every even k, and zero where the definition is") {
  for (Index k = 2; k <= 16; k += 2)
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      Vector y = random_vector(k, seed + 100, seed % 3 == 0);
      CHECK(same_value(parity_sum(y), alternating_relu_sum(y)));
      CHECK(same_value(plain_relu_sum(y), naive_sum(y, false)));
      for (double& v : y) v = std::abs(v) + 1;  // far from the zeros
      const double f = parity_sum(y);
      CHECK(same_value(f, alternating_relu_sum(y)));
      y[0] = -y[0];
      CHECK(parity_sum(y) == -f);
      y[0] = 0;
      CHECK(parity_sum(y) == 0);
      for (double& v : y) v = 1;
      y.back() = static_cast<double>(k);  // above the sum of the others
      if (k >= 4) CHECK(parity_sum(y) == 0);
    }
  const Vector longest = random_vector(20, 7);
  CHECK(same_value(parity_sum(longest), alternating_relu_sum(longest)));
  const double size = std::abs(parity_sum(Vector(20, 1.0)));
  CHECK(size > 1);
  CHECK(same_value(size, std::abs(alternating_relu_sum(Vector(20, 1.0)))));
}

TEST_CASE("frame parity: values do not change under the group of the frame, ties or not, to the last bit") {
  for (const ParityFrame frame : {ParityFrame::sort, ParityFrame::cyclic})
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
      const Index n = 6 + static_cast<Index>(seed % 20);
      const FrameParity f({n, 4, frame}, random_set(n, 4, seed), 1.0);
      Vector x = random_vector(n, seed, seed % 2 == 0);
      const double value = f.value(view(x));
      Draws draws({seed, Stream::user, 2, 0});
      if (frame == ParityFrame::sort)
        for (std::size_t i = x.size() - 1; i > 0; --i)
          std::swap(x[i], x[draws.below(static_cast<std::uint32_t>(i + 1))]);
      else
        std::rotate(x.begin(), x.begin() + draws.below(static_cast<std::uint32_t>(n)), x.end());
      CHECK(f.value(view(x)) == value);
      std::vector<float> x_f(x.begin(), x.end());
      float target = 0;
      f.targets(Block<const float>{x_f.data(), 1, n, 1, 1}, &target);
      CHECK(std::abs(static_cast<double>(target) - value) <= 1e-6 * (1 + std::abs(value)));
    }
}

TEST_CASE("frame parity: target and control have mean 0 and variance 1, and different sets are orthogonal") {
  for (const ParityFrame frame : kFrames) {
    const Index n = 12, k = 4, count = 10000;
    const FrameParity f({n, k, frame}, {0, 2, 3, 5}), g({n, k, frame}, {0, 2, 3, 6});
    Vector x(static_cast<std::size_t>(n * count)), y(static_cast<std::size_t>(count)), z(y), c(y);
    f.sample({77, Stream::user, 3, 0}, Block<double>{x.data(), count, n, 1, 1});
    const Block<const double> inputs{x.data(), count, n, 1, 1};
    f.targets(inputs, y.data());
    g.targets(inputs, z.data());
    f.controls(inputs, c.data());
    const auto within = [&](auto term, double expected) {
      double sum = 0, squares = 0;
      for (std::size_t i = 0; i < y.size(); ++i) {
        const double t = term(i);
        sum += t;
        squares += t * t;
      }
      const double mean = sum / static_cast<double>(count);
      // The estimated norms have an error of their own.
      const double error =
          std::sqrt((squares / static_cast<double>(count) - mean * mean) / static_cast<double>(count));
      INFO(name(frame), ": ", mean, " expected ", expected, " error ", error);
      CHECK(std::abs(mean - expected) <= 5 * error + (expected == 0 ? 0.02 : 0.03));
    };
    within([&](std::size_t i) { return y[i]; }, 0);
    within([&](std::size_t i) { return y[i] * y[i]; }, 1);
    within([&](std::size_t i) { return c[i]; }, 0);
    within([&](std::size_t i) { return c[i] * c[i]; }, 1);
    within([&](std::size_t i) { return y[i] * z[i]; }, 0);
    const double first =
        naive_sum(chosen(naive_canonical(std::string(name(frame)), {x.begin(), x.begin() + n}), f.set()), false);
    CHECK(c[0] == doctest::Approx((first - f.moments().control_mean) / std::sqrt(f.moments().control_variance)));
  }
  // Without a frame the control's moments are exact.
  const Set set = {0, 1, 2, 3};
  const ParityMoments m = parity_moments({8, 4, ParityFrame::none}, {&set, 1}).front();
  CHECK(m.control_mean == doctest::Approx(16 / std::sqrt(2 * 3.14159265358979)));
  CHECK(m.control_mean_error == 0);
}

TEST_CASE("frame parity: exactly orthogonal at every |x| on average over signs") {
  const Index n = 8;
  const FrameParity f({n, 4, ParityFrame::sort}, {0, 1, 2, 4}, 1.0),
      g({n, 4, ParityFrame::sort}, {0, 1, 3, 4}, 1.0);
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    Vector x = random_vector(n, seed);
    double sum = 0, size = 0;
    for (std::size_t signs = 0; signs < 256; ++signs) {
      Vector flipped = x;
      for (std::size_t i = 0; i < 8; ++i) flipped[i] *= (signs >> i & 1) != 0 ? -1 : 1;
      const double product = f.value(view(flipped)) * g.value(view(flipped));
      sum += product;
      size += std::abs(product);
    }
    CHECK(std::abs(sum) <= 1e-14 * (1 + size));
  }
}

TEST_CASE("frame parity: the realising network equals the definition") {
  for (const ParityFrame frame : kFrames) {
    const FrameParity f({9, 6, frame}, {0, 1, 2, 4, 5, 7}, 0.5);
    Params<double> params;
    const FrameParityNetwork<double> network(params, f);
    network.set_weights(params);
    CHECK(params.count() == 64 * 11 + 1);
    Program<double> program(50, Mode::evaluate);
    program.output("f", network(program.input("x", {Shape::kCapacity, 9, 1})));
    program.finish();
    Workspace<double> workspace(program);
    workspace.bind({50, 0, 0, 0});
    std::vector<Vector> inputs;
    for (Index e = 0; e < 50; ++e) {
      inputs.push_back(random_vector(9, static_cast<std::uint64_t>(e), e % 2 == 1));
      for (Index i = 0; i < 9; ++i) workspace.input("x")(e, i) = inputs.back()[i];
    }
    program.forward(workspace, params.values().data());
    for (Index e = 0; e < 50; ++e) CHECK(same_value(workspace.output("f")(e), f.value(view(inputs[e]))));
  }
}

TEST_CASE("frame parity: drawn members depend on law and seed alone, and obey the sampler's limits") {
  const FrameParitySampler sampler({16, 4, ParityFrame::sort});
  std::set<Set> seen;
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    const Set set = sampler.draw(seed);
    CHECK(set.size() == 4);
    CHECK(std::is_sorted(set.begin(), set.end()));
    CHECK(sampler.accepts(set));
    if (seed < 5) CHECK(set == FrameParitySampler({16, 4, ParityFrame::sort}).draw(seed));
    seen.insert(set);
  }
  CHECK(seen.size() >= 25);
  // Three of the smallest beside the largest: zero on nearly every input.
  CHECK(!sampler.accepts(Set{0, 13, 14, 15}));
  CHECK(sampler.accepts(Set{0, 1, 2, 3}));
  const double share = sampler.acceptance(60);
  CHECK((share > 0.5 && share < 1));
  CHECK(FrameParitySampler({16, 4, ParityFrame::none}).acceptance(5) == 1);
  // Every coordinate is as likely as every other: 200 sets without a frame, 4 of 16 each.
  std::vector<int> counts(16);
  const FrameParitySampler uniform({16, 4, ParityFrame::none});
  for (std::uint64_t seed = 0; seed < 200; ++seed)
    for (const Index i : uniform.draw(seed)) ++counts[i];
  for (const int c : counts) CHECK(std::abs(c - 50) <= 5 * std::sqrt(200 * 0.25 * 0.75));
}

TEST_CASE("frame parity: every certificate of a member passes, and a wrong norm is found") {
  struct Setting {
    Index n, k;
    ParityFrame frame;
    std::size_t checks;
  };
  for (const Setting s : {Setting{6, 2, ParityFrame::sort, 13},
                          {10, 4, ParityFrame::cyclic, 12},
                          {12, 6, ParityFrame::none, 11},
                          {14, 14, ParityFrame::sort, 12}}) {
    Set set = random_set(s.n, s.k, 5);
    const FrameParity f({s.n, s.k, s.frame}, set);
    const auto checks = f.check({4, 300});
    CHECK(checks.size() == s.checks);
    for (const Check& c : checks) {
      INFO(c.name, ", n = ", s.n, ": ", c.value, " expected ", c.expected, " tolerance ", c.tolerance);
      CHECK(c.pass());
      CHECK(!c.how.empty());
    }
  }
  CHECK_THROWS_AS(FrameParity({8, 2, ParityFrame::none}, {0, 1}).check({0, 0}), ValueError);
  // A wrong norm is found.
  const auto wrong = FrameParity({8, 2, ParityFrame::none}, {0, 1}, 0.8).check({0, 4000});
  CHECK(std::count_if(wrong.begin(), wrong.end(), [](const Check& c) { return !c.pass(); }) >= 1);
}

TEST_CASE("frame parity: every certificate of many members passes") {
  for (const ParityFrame frame : kFrames)
    for (const Check& c : check_frame_parities({10, 4, frame}, 6, {0, 1000})) {
      INFO(c.name, ": ", c.value, " expected ", c.expected, " tolerance ", c.tolerance);
      CHECK(c.pass());
    }
  CHECK(check_frame_parities({10, 4, ParityFrame::none}, 1, {0, 100}).size() == 3);
  CHECK_THROWS_AS(check_frame_parities({10, 4, ParityFrame::none}, 0, {}), ValueError);
}

TEST_CASE("frame parity: members that are not allowed are refused with the reason") {
  const auto law = [](Index n, Index k) {
    return message<ValueError>([&] { FrameParityLaw(n, k, ParityFrame::sort); });
  };
  const std::string even = "k must be even: for odd k the alternating ReLU sum is zero (k=1: linear)";
  CHECK(contains(law(8, 3), even));
  CHECK(contains(law(8, 1), even));
  CHECK(contains(law(8, 0), "k is 0"));
  CHECK(contains(law(8, -2), "k is -2"));
  CHECK(contains(law(8, 10), "k is 10 and n is 8"));
  CHECK(contains(law(48, 22), "2^k hidden units"));
  CHECK(contains(law(2000, 4), "at most 1024 coordinates"));
  const auto member = [](Set s, std::optional<double> norm_sq = 1.0) {
    return message<ValueError>([&] { FrameParity({8, 2, ParityFrame::none}, s, norm_sq); });
  };
  CHECK(member({0, 7}) == "no error");
  CHECK(contains(member({0, 1, 2}), "S has 3 entries and k is 2"));
  CHECK(contains(member({0, 8}), "S contains 8; its entries are coordinates, 0 to 7"));
  CHECK(contains(member({-1, 2}), "S contains -1"));
  CHECK(contains(member({3, 3}), "S contains 3 twice"));
  CHECK(contains(member({0, 1}, 1e-10), "norm_sq is 1e-10"));
  CHECK(contains(member({0, 1}, -1.0), "norm_sq is -1"));
  CHECK(message<ValueError>([] { parity_frame("sorted"); }) ==
        "unknown frame 'sorted'; allowed are sort, cyclic, none");
  const FrameParity f({3, 2, ParityFrame::sort}, {0, 1}, 1.0);
  CHECK(contains(message<ValueError>([&] { f.value(view({1, 2})); }), "2 x 1; this member takes 3 x 1"));
  CHECK(contains(message<ValueError>([&] {
                   f.value(view({1, 2, std::numeric_limits<double>::infinity()}));
                 }),
                 "x entry 2 is inf; entries must be finite"));
}

TEST_CASE("frame parity: member files are read back, with the norm they carry") {
  const Family& family = eqnn::hard::family("frame-parity");
  const auto f = family.parse(R"({"n": 48, "k": 4, "frame": "sort", "S": [3, 1, 2, 0], "norm_sq": 0.5})");
  CHECK(f->json() == R"({"n":48,"k":4,"frame":"sort","S":[0,1,2,3],"norm_sq":0.5})");
  CHECK(family.parse(f->json())->json() == f->json());
  CHECK(f->input().dims == std::vector<Index>{48});
  CHECK(f->features()->points == 48);
  CHECK(f->features()->channels == 1);
  CHECK(!f->two_valued());
  const auto free = family.parse(R"({"n": 8, "k": 4, "frame": "none", "S": [3, 1, 2, 0]})");
  CHECK(fact(*free, "norm_sq") == unframed_norm_sq(4));
  CHECK(fact(*free, "sets") == 70);
  CHECK(fact(*free, "n_eff") == 70);
  CHECK(free->target_variance() == 1);
  CHECK(contains(free->warnings().at(0), "k=4 is easy"));
  // Zero unless the three smallest add up to more than the largest: allowed, with a warning.
  const auto spiky = family.parse(R"({"n": 8, "k": 4, "frame": "sort", "S": [0, 5, 6, 7]})");
  CHECK(contains(spiky->warnings().at(0), "S is spiky: f_S is nonzero on a fraction"));
  const auto drawn = family.draw({{"n", "10"}, {"k", "4"}, {"frame", "cyclic"}}, 3);
  CHECK(family.parse(drawn->json())->json() == drawn->json());
  CHECK(family.training({}).at("model") == "frame-mlp");
  for (const char* text :
       {R"({"n": 8, "k": 4, "frame": "sort"})", R"({"n": 8, "k": 3, "frame": "none", "S": [0, 1, 2]})",
        R"({"n": 8, "k": 2, "frame": "rotate", "S": [0, 1]})",
        R"({"n": 8, "k": 2, "frame": "none", "S": [0, 1.5]})",
        R"({"n": 8, "k": 2, "frame": "none", "S": [0, 1], "norm_sq": "1"})",
        R"({"n": 8, "k": 2, "frame": "none", "S": [0, 1], "norm_sq": 0})",
        R"({"n": 8, "k": 2, "frame": "none", "S": [0, 1], "norm": 1})"}) {
    INFO(text);
    CHECK_THROWS_AS(family.parse(text), ValueError);
  }
  CHECK_THROWS_AS(family.parse("[1"), FileError);
}

}  // namespace test_frame_parity
