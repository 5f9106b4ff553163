// gnn-feature, cnn-cyclic, rotation-invariant: certificates, samplers, graphs, member files, and what is refused.
#include <doctest/doctest.h>
#include <eqnn/hard/families/planar/cnn_cyclic.h>
#include <eqnn/hard/families/planar/gnn_feature.h>
#include <eqnn/hard/families/planar/rotation_invariant.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/thrown.h"

namespace test_planar_families_limits {

using namespace eqnn;
using namespace eqnn::hard;

namespace {

void check_passes(const std::vector<Check>& checks) {
  CHECK(!checks.empty());
  for (const Check& c : checks) {
    INFO(c.name, ": ", c.value, ", expected ", c.expected, ", tolerance ", c.tolerance, "; ", c.how);
    CHECK(c.pass());
  }
}

Matrix<double> coordinate_plane(Index m) {
  Matrix<double> b(m, 2);
  b(0, 0) = b(m - 1, 1) = 1;
  return b;
}

// A file that goes when the test does.
struct TemporaryFile {
  explicit TemporaryFile(const std::string& text) {
    static int number = 0;
    path = (std::filesystem::temp_directory_path() / ("eqnn_graph_" + std::to_string(++number) + ".txt")).string();
    std::ofstream(path) << text;
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
  std::string path;
};

}  // namespace

TEST_CASE("planar families: certificates pass at the defaults and at other settings") {
  const CheckOptions options{1, 1500};
  const std::pair<const char*, ParameterValues> settings[] = {
      {"gnn-feature", {}},
      {"gnn-feature", {{"k", "1"}, {"d", "2"}, {"n", "1"}, {"graph", "empty"}}},
      {"gnn-feature", {{"k", "2"}, {"d", "5"}, {"n", "6"}, {"graph", "er"}}},
      {"cnn-cyclic", {{"n", "16"}}},
      {"cnn-cyclic", {{"n", "7"}, {"d", "3"}, {"k", "2"}}},
      {"cnn-cyclic", {{"n", "6"}, {"k", "1"}, {"c-min", "0.1"}}},
      {"rotation-invariant", {}},
      {"rotation-invariant", {{"n", "4"}, {"d", "1"}, {"k", "2"}}},
      {"rotation-invariant", {{"n", "2"}, {"d", "5"}, {"k", "1"}}},
  };
  for (const auto& [id, values] : settings) {
    const std::string& name = id;  // INFO captures, and clang 14 cannot capture a structured binding
    INFO(name);
    check_passes(family(id).draw(values, 3)->check(options));
    check_passes(family(id).check_members(values, 4, options));
  }
}

TEST_CASE("planar families: planted weights reproduce the target in float as well") {
  const CnnCyclic f = CnnCyclic::draw({12, 2, 4, 0.5}, 1);
  Params<float> params;
  const CnnCyclicNetwork<float> network(params, f);
  network.set_weights(params, f, Signs::alternating);
  Program<float> program(20, Mode::evaluate);
  program.output("f", network(program.input("x", {Shape::kCapacity, 12, 2})));
  program.finish();
  Workspace<float> workspace(program);
  workspace.bind({20, 0, 0, 0});
  const auto x = workspace.input("x");
  f.sample({4, Stream::test, 0, 0}, x);
  program.forward(workspace, params.values().data());
  std::vector<float> y(20);
  f.targets({x.data, 20, 12, 2, x.stride}, y.data());
  for (Index e = 0; e < 20; ++e) CHECK(std::abs(workspace.output("f")(e) - y[e]) < 2e-5f);
}

TEST_CASE("cnn cyclic: the sampler keeps to c_min, and depends on the seed alone") {
  double lowest = 10;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const CnnCyclic f = CnnCyclic::draw({8, 1, 4, 0.9}, seed);
    CHECK(f.norm_ratio() >= 0.9);
    CHECK(f.plane()(3, 1) == CnnCyclic::draw({8, 1, 4, 0.9}, seed).plane()(3, 1));
    lowest = std::min(lowest, CnnCyclic::draw({8, 1, 4, 0}, seed).norm_ratio());
  }
  CHECK(lowest < 0.9);  // so that the limit did something
  const Fact some = CnnCyclicSampler{8, 1, 4, 0.9}.acceptance(), all = CnnCyclicSampler{8, 1, 4, 0}.acceptance();
  CHECK(some.value < 1);
  CHECK(some.value > 0.3);
  CHECK(all.value == 1);
  CHECK(contains(message<ValueError>([] {
                   CnnCyclic::draw({8, 1, 4, 50}, 0);
                 }),
                 "no plane accepted after 10000 draws"));
}

TEST_CASE("planar families: degenerate members are refused with the reason") {
  for (const Index k : {3, 5, 7}) {
    const auto odd = "k is " + std::to_string(k) + "; k must be even: for odd k>=3 the target is identically zero";
    CHECK(message<ValueError>([&] { GnnFeature::draw(k, feature_graph("cycle", 4), 4, 0); }) == odd);
    CHECK(message<ValueError>([&] { CnnCyclic::draw({8, 1, k, 0.5}, 0); }) == odd);
    CHECK(message<ValueError>([&] { RotationInvariant::draw(4, 3, k, 0); }) == odd);
  }
  CHECK(
      contains(message<ValueError>([] { RotationInvariant::draw(4, 3, 0, 0); }), "k is 0; it must be at least 1"));
  CHECK(contains(message<ValueError>([] { RotationInvariant::draw(4, 3, 130, 0); }), "at most 128"));
  CHECK(contains(message<ValueError>([] { GnnFeature::draw(4, feature_graph("cycle", 4), 1, 0); }),
                 "d is 1; need d >= 2"));
  CHECK(contains(message<ValueError>([] { GnnFeature::draw(4, Matrix<double>(3, 3), 4, 0); }),
                 "every vertex has empty neighbourhood: target is zero"));
  CHECK(contains(message<ValueError>([] { GnnFeature::draw(4, Matrix<double>(3, 2), 4, 0); }), "A is 3 x 2"));
  Matrix<double> half(2, 2);
  half(0, 1) = 0.5;
  CHECK(message<ValueError>([&] { GnnFeature::draw(4, std::move(half), 4, 0); }) ==
        "A entry (0, 1) is 0.5; entries must be 0 or 1");
  Matrix<double> skew = coordinate_plane(5);
  skew(1, 0) = 0.01;
  CHECK(contains(message<ValueError>([&] { RotationInvariant(4, std::move(skew), 2); }), "B is not orthonormal"));
  CHECK(contains(message<ValueError>([] { RotationInvariant(4, Matrix<double>(5, 3), 2); }), "B is 5 x 3"));
  CHECK(contains(message<ValueError>([] { CnnCyclic(4, coordinate_plane(2), 1); }), "n is 2; need n >= 3"));
  CHECK(contains(message<ValueError>([] { CnnCyclic(4, coordinate_plane(4), 0); }), "d is 0"));
  CHECK(contains(message<ValueError>([] { RotationInvariant(4, coordinate_plane(4), 0); }), "d is 0"));
  CHECK(contains(message<ValueError>([] { RotationInvariant::draw(1, 3, 4, 0); }), "n is 1"));

  const RotationInvariant f(4, coordinate_plane(4), 2);
  Matrix<double> wide(4, 3), broken(4, 2);
  CHECK(contains(message<ValueError>([&] { f.value(wide.view()); }), "4 x 3; this member takes 4 x 2"));
  broken(2, 1) = NAN;
  CHECK(
      contains(message<ValueError>([&] { f.value(broken.view()); }), "input entry (2, 1) is not a finite number"));
  CHECK_THROWS_AS(correlation_bound(f, RotationInvariant(4, coordinate_plane(4), 3)), ValueError);
  CHECK_THROWS_AS(correlation(CnnCyclic::draw({8, 1, 4, 0.5}, 0), CnnCyclic::draw({8, 2, 4, 0.5}, 0)), ValueError);
  CHECK_THROWS_AS(correlation(GnnFeature::draw(4, feature_graph("cycle", 4), 4, 0),
                              GnnFeature::draw(4, feature_graph("complete", 4), 4, 0)),
                  ValueError);
}

TEST_CASE("planar families: easy settings are allowed with a warning") {
  const auto warned = [](const char* id, const ParameterValues& values) {
    std::string all;
    for (const auto& line : family(id).draw(values, 0)->warnings()) all += line + "\n";
    return all;
  };
  for (const char* id : {"gnn-feature", "cnn-cyclic", "rotation-invariant"}) {
    CHECK(contains(warned(id, {{"k", "1"}}), "linear"));
    CHECK(contains(warned(id, {{"k", "2"}}), "easy"));
    CHECK(warned(id, {}).empty());
  }
  CHECK(contains(warned("gnn-feature", {{"d", "2"}}), "equal up to a rotation"));
}

TEST_CASE("gnn feature: graphs by name, and from files of edges") {
  const auto ones = [](const Matrix<double>& a) {
    double sum = 0;
    for (Index i = 0; i < a.rows(); ++i)
      for (Index j = 0; j < a.cols(); ++j) sum += a(i, j);
    return sum;
  };
  CHECK(ones(feature_graph("cycle", 8)) == 16);
  CHECK(feature_graph("cycle", 8)(7, 0) == 1);
  CHECK(ones(feature_graph("cycle", 2)) == 2);
  CHECK(ones(feature_graph("empty", 5)) == 5);
  CHECK(ones(feature_graph("complete", 5)) == 20);
  const auto er = feature_graph("er", 40);
  CHECK(std::abs(ones(er) / 2 - 390) < 5 * 14);
  CHECK(er(3, 4) == er(4, 3));
  CHECK(er(3, 3) == 0);
  CHECK(contains(message<ValueError>([] { feature_graph("cycle", 0); }), "n is 0"));
  CHECK(contains(message<ValueError>([] { feature_graph("er", 1); }), "take n >= 2"));
  CHECK_THROWS_AS(feature_graph("no_such_graph", 4), FileError);

  const TemporaryFile good("# a path and a loop\n0 1\n\n 1\t2 # an edge\r\n3 3");
  const auto a = feature_graph(good.path, 4);
  CHECK(ones(a) == 5);
  CHECK(a(1, 0) == 1);
  CHECK(a(2, 1) == 1);
  CHECK(a(3, 3) == 1);
  const auto refused = [](const std::string& text) {
    const TemporaryFile file(text);
    return message<FileError>([&] { feature_graph(file.path, 4); });
  };
  CHECK(contains(refused("0 1\n2 x\n"), ":2: '2 x' is no edge"));
  CHECK(contains(refused("0 1\n\n1 2 3\n"), ":3: '1 2 3' is no edge"));
  CHECK(contains(refused("0\n"), ":1: '0' is no edge"));
  CHECK(contains(refused("0 4\n"), ":1: node 4 does not exist; nodes are 0 to 3"));
  CHECK(contains(refused("-1 0\n"), "node -1"));
  const TemporaryFile empty("# nothing\n");
  CHECK(contains(message<ValueError>([&] {
                   family("gnn-feature").draw({{"graph", empty.path}}, 0);
                 }),
                 "empty neighbourhood"));
}

TEST_CASE("planar families: member files are read back, and refused when malformed") {
  const std::pair<const char*, ParameterValues> settings[] = {
      {"gnn-feature", {{"graph", "er"}}},       {"cnn-cyclic", {}},
      {"cnn-cyclic", {{"n", "5"}, {"d", "2"}}}, {"rotation-invariant", {{"n", "5"}}},
      {"rotation-invariant", {{"d", "1"}}},
  };
  for (const auto& [id, values] : settings) {
    const auto f = family(id).draw(values, 2);
    const auto again = family(id).parse(f->json());
    CHECK(again->json() == f->json());
    CHECK(again->input().channels == f->input().channels);
    CHECK(again->input().name == "x");
    CHECK(!f->two_valued());
    Matrix<double> x(f->input().points, f->input().channels);
    f->sample({1, Stream::user, 0, 0}, Block<double>{x.data(), 1, x.rows(), x.cols(), x.stride()});
    CHECK(again->value(x.view()) == f->value(x.view()));
  }
  const auto refused = [](const char* id, const std::string& text) {
    return message<ValueError>([&] { family(id).parse(text); });
  };
  const std::string plane = R"("B": [[1, 0], [0, 1], [0, 0]])";
  CHECK(refused("cnn-cyclic", R"({"k": 1, )" + plane + "}") == "no error");
  CHECK(contains(refused("cnn-cyclic", R"({"k": 4})"), "has no 'B'"));
  CHECK(contains(refused("cnn-cyclic", R"({"k": 3, )" + plane + "}"), "k must be even"));
  CHECK(contains(refused("cnn-cyclic", R"({"k": 4, "d": 0, )" + plane + "}"), "d is 0"));
  CHECK(contains(refused("rotation-invariant", R"({"k": 4, "B": [[1, 0], [0]]})"), "row 1 of 'B'"));
  CHECK(contains(refused("rotation-invariant", R"({"k": 4, "B": [[1, 0], [1, 1]]})"), "not orthonormal"));
  CHECK(contains(refused("gnn-feature", R"({"k": 4, "A": [[0, 1]], )" + plane + "}"), "A is 1 x 2"));
  CHECK(
      contains(refused("gnn-feature", R"({"k": 4, "A": [[0, 2], [0, 0]], )" + plane + "}"), "A entry (0, 1) is 2"));
  CHECK(contains(refused("gnn-feature", R"({"k": 4, "A": [[1]], "d": 5, )" + plane + "}"), "they must agree"));
  CHECK_THROWS_AS(family("cnn-cyclic").parse("{"), FileError);
}

}  // namespace test_planar_families_limits
