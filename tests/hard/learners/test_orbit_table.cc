// Tables of orbits: what is remembered under every group, and the mean elsewhere.
#include <doctest/doctest.h>
#include <eqnn/hard/learners/orbit_table.h>

#include <cmath>

#include "polynomial_samples.h"
#include "support/thrown.h"

namespace test_orbit_table {

using namespace eqnn;
using namespace eqnn::hard;
using namespace samples;

TEST_CASE("orbit tables: what was seen is remembered under every group, what was not is the mean") {
  for (const auto& [group, n] : {std::pair{OrbitGroup::cyclic, Index{10}},
                                 {OrbitGroup::symmetric, Index{12}},
                                 {OrbitGroup::adjacency, Index{9}}}) {
    const BooleanOrbit f(group, n, 3);
    const InputLayout& layout = f.input();
    Matrix<double> memory(3000 * layout.points, layout.channels);
    const Block<double> x{memory.data(), 3000, layout.points, layout.channels, memory.stride()};
    f.sample({1, Stream::train, 0, 0}, x);
    std::vector<double> y(3000), h(3000);
    f.targets({x.data, 3000, x.points, x.channels, x.stride}, y.data());
    const Block<const double> seen{x.data, 2000, x.points, x.channels, x.stride},
        all{x.data, 3000, x.points, x.channels, x.stride};
    OrbitTable table(f.law(), true);
    CHECK(table.unseen_mass() == 1);
    table.add(seen, {y.data(), 2000});
    table.values(all, h.data());
    CHECK(table.seen() <= static_cast<Index>(orbit_count(f.law())));
    Index wrong = 0, unseen = 0;
    for (std::size_t e = 0; e < 3000; ++e) {
      unseen += std::abs(h[e]) != 1;
      wrong += std::abs(h[e]) == 1 && h[e] != y[e];
    }
    CHECK(wrong == 0);
    CHECK(static_cast<double>(unseen) / 1000 <= table.unseen_mass() + 0.05);
    // Noise: the majority.
    for (std::size_t e = 0; e < 2000; ++e) y[e] = e % 10 == 0 ? -y[e] : y[e];
    if (group != OrbitGroup::symmetric) continue;
    OrbitTable noisy(f.law(), true);
    noisy.add(seen, {y.data(), 2000});
    noisy.values({x.row(2000), 1000, x.points, x.channels, x.stride}, h.data());
    Index agree = 0;
    for (std::size_t e = 0; e < 1000; ++e) agree += h[e] == y[2000 + e];
    CHECK(agree >= 970);
  }
  OrbitTable means({OrbitGroup::symmetric, 2}, false);
  const std::vector<double> bits = {0, 1, 1, 0, 1, 1}, labels = {1, 4, -2};
  const Block<const double> x{bits.data(), 3, 2, 1, 1};
  means.add(x, labels);
  double h[3];
  means.values(x, h);
  CHECK(h[0] == 2.5);
  CHECK(h[2] == -2);
  const double zero[] = {0, 0}, wrong[] = {0, 0.5};
  means.values({zero, 1, 2, 1, 1}, h);
  CHECK(h[0] == 1);
  CHECK(means.unseen_mass() == doctest::Approx(1.0 / 3));
  CHECK(contains(message([&] { means.values({wrong, 1, 2, 1, 1}, h); }), "0 or 1"));
  CHECK(contains(message([&] { means.values({wrong, 1, 1, 1, 1}, h); }), "must have 2"));
}

}  // namespace test_orbit_table
