// gnn-feature, cnn-cyclic and rotation-invariant on inputs of a random subspace (--input-dim).
#include <doctest/doctest.h>
#include <eqnn/hard/families/planar/cnn_cyclic.h>
#include <eqnn/hard/families/planar/gnn_feature.h>
#include <eqnn/hard/families/planar/rotation_invariant.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "support/thrown.h"

namespace test_input_dim {

using namespace eqnn;
using namespace eqnn::hard;

namespace {

constexpr const char* kIds[] = {"gnn-feature", "cnn-cyclic", "rotation-invariant"};
const ParameterValues kValues{{"n", "6"}, {"d", "6"}, {"k", "4"}, {"input-dim", "3"}};

std::unique_ptr<Member> drawn(const std::string& id, std::uint64_t seed = 2) {
  return family(id).draw(kValues, seed);
}
const PlanarMember& planar(const Member& m) { return dynamic_cast<const PlanarMember&>(m); }

struct Sampled {
  Sampled(const Member& f, Index count) : memory(count * f.input().points, f.input().channels) {
    f.sample({1, Stream::test, 0, 0},
             {memory.data(), count, f.input().points, f.input().channels, memory.stride()});
    x = {memory.data(), count, f.input().points, f.input().channels, memory.stride()};
  }
  Matrix<double> memory;
  Block<const double> x{};
};

}  // namespace

TEST_CASE("input-dim: inputs have the covariance of a scaled projection, and the normals behind them come back") {
  constexpr Index kCount = 4000, kSize = 6, kDim = 3;
  for (const std::string id : kIds) {
    CAPTURE(id);
    const auto member = drawn(id);
    const Matrix<double>& u = *planar(*member).law().basis();
    const Sampled inputs(*member, kCount);
    const Block<const double>& x = inputs.x;
    const bool channels = id == "gnn-feature";
    Matrix<double> covariance(kSize, kSize), z(kCount, 18), products(18, 18);
    for (Index e = 0; e < kCount; ++e)
      for (Index v = 0; v < kSize; ++v)
        for (Index i = 0; i < kSize; ++i)
          for (Index j = 0; j < kSize; ++j)
            covariance(i, j) += (channels ? x(e, v, i) * x(e, v, j) : x(e, i, v) * x(e, j, v)) / (kCount * kSize);
    double trace = 0;
    for (Index i = 0; i < kSize; ++i)
      for (Index j = 0; j < kSize; ++j) {
        double projection = 0;
        for (Index s = 0; s < kDim; ++s) projection += u(i, s) * u(j, s);
        CHECK(std::abs(covariance(i, j) - 2 * projection) < 0.1);
        if (i == j) trace += covariance(i, j);
      }
    CHECK(std::abs(trace - kSize) < 0.15);
    REQUIRE(member->variables().count == 18);
    member->variables(x, z.view());
    double off = 0;  // the input made again of z
    for (Index e = 0; e < kCount; ++e)
      for (Index v = 0; v < kSize; ++v)
        for (Index i = 0; i < kSize; ++i) {
          double made = 0;
          for (Index s = 0; s < kDim; ++s)
            made += std::sqrt(2.0) * u(i, s) * (channels ? z(e, v * kDim + s) : z(e, s * kSize + v));
          off = std::max(off, std::abs(made - (channels ? x(e, v, i) : x(e, i, v))));
        }
    CHECK(off < 1e-12);
    for (Index e = 0; e < kCount; ++e)
      for (Index a = 0; a < 18; ++a)
        for (Index b = 0; b <= a; ++b) products(a, b) += z(e, a) * z(e, b) / kCount;
    for (Index a = 0; a < 18; ++a)
      for (Index b = 0; b <= a; ++b) CHECK(std::abs(products(a, b) - (a == b ? 1 : 0)) < 0.12);
  }
}

TEST_CASE("input-dim: certificates pass, files are read back, and what needs independent inputs is withdrawn") {
  for (const std::string id : kIds) {
    CAPTURE(id);
    const Family& family = hard::family(id);
    const auto member = drawn(id), other = drawn(id, 3);
    const PlanarMember& f = planar(*member);
    for (const Check& c : member->check({1, 3000})) {
      INFO(c.name, ": ", c.value, " expected ", c.expected, " tolerance ", c.tolerance);
      CHECK(c.pass());
    }
    CHECK(f.law().dim() == 3);
    CHECK_FALSE(f.law() == planar(*other).law());
    CHECK(std::abs(f.target_mean()) > 1e-6);
    CHECK(family.parse(member->json())->json() == member->json());
    for (const Fact& fact : member->facts())
      CHECK((fact.name != "n_eff" && fact.name != "second_moment" && fact.name != "dim_harmonic"));
    CHECK(member->planted(false).basis.rows() == 0);
    CHECK(family.second_moments(kValues).empty());
    CHECK(!family.correlation_tail(kValues).log_tail);
    CHECK(family.correlations(kValues, 4, 0).values.rows() == 0);
    CHECK_THROWS_AS(f.squared_moment(), ValueError);
    CHECK_THROWS_AS(family.check_members(kValues, 4, {0, 100}), ValueError);
  }
}

TEST_CASE("input-dim: correlations of members of one subspace are those of their values") {
  constexpr Index kCount = 40000;
  const auto measured = [](const PlanarMember& f, const PlanarMember& g) {
    const Sampled inputs(f, kCount);
    std::vector<double> a(kCount), b(kCount);
    f.targets(inputs.x, a.data());
    g.targets(inputs.x, b.data());
    double sum = 0;
    for (Index e = 0; e < kCount; ++e)
      sum += a[static_cast<std::size_t>(e)] * b[static_cast<std::size_t>(e)] / kCount;
    return sum;
  };
  const auto feature = drawn("gnn-feature"), cyclic = drawn("cnn-cyclic");
  const auto& f = dynamic_cast<const GnnFeature&>(*feature);
  const auto& c = dynamic_cast<const CnnCyclic&>(*cyclic);
  const auto g = f.with_plane(haar_plane(6, 9)), h = c.with_plane(haar_plane(6, 9));
  CHECK(std::abs(correlation(f, dynamic_cast<const GnnFeature&>(*g)) - measured(f, *g)) < 0.04);
  CHECK(std::abs(correlation(c, dynamic_cast<const CnnCyclic&>(*h)) - measured(c, *h)) < 0.04);
  CHECK(correlation(c, c) == doctest::Approx(1).epsilon(1e-12));
  CHECK(correlation(f, f) == doctest::Approx(1).epsilon(1e-12));
  CHECK_THROWS_AS(correlation(c, dynamic_cast<const CnnCyclic&>(*drawn("cnn-cyclic", 3))), ValueError);
}

TEST_CASE("input-dim: values and files that are not allowed") {
  for (const std::string id : kIds) {
    CAPTURE(id);
    const auto refusal = [&](ParameterValues more) {
      ParameterValues values = kValues;
      for (const auto& [name, value] : more) values[name] = value;
      return message([&] { family(id).draw(values, 0); });
    };
    for (const char* bad : {"1", "6", "7", "-1"})
      CHECK(contains(refusal({{"input-dim", bad}}), "it must be 2 to 5, or 0"));
    CHECK(contains(refusal({{"input-correlation", "0.2"}}), "leave out one of both"));
    CHECK(refusal({{"input-dim", "0"}}) == "no error");
    const auto read = [&](const std::string& key, const nlohmann::json& value) {
      auto document = nlohmann::json::parse(drawn(id)->json());
      if (value.is_null())
        document.erase(key);
      else
        document[key] = value;
      return message([&] { family(id).parse(document.dump()); });
    };
    CHECK(contains(read("input_basis", {}), "give both, or none"));
    CHECK(contains(read("input_dim", {}), "give both, or none"));
    CHECK(contains(read("input_dim", 4), "has 3 columns"));
    CHECK(contains(read("input_correlation", 0.5), "leave one of both out"));
    CHECK(contains(read("input_basis", {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {0, 0, 0}}), "must agree"));
    CHECK(contains(read("input_basis", {{1, 0, 0}, {0, 1, 0}, {0, 0, 2}, {0, 0, 0}, {0, 0, 0}, {0, 0, 0}}),
                   "not orthonormal"));
  }
  CHECK(contains(message([] { family("cnn-cyclic").draw({{"n", "257"}, {"input-dim", "3"}}, 0); }), "at most 256"));
}

}  // namespace test_input_dim
