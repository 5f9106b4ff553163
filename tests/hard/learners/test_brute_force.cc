// Exhaustive search over products and over parities, against one after the other.
#include <doctest/doctest.h>
#include <eqnn/hard/families/gnn_degree_parity/gnn_degree_parity.h>
#include <eqnn/hard/learners/brute_force.h>
#include <eqnn/hard/learners/product_basis.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "polynomial_samples.h"
#include "support/thrown.h"

namespace test_brute_force {

using namespace eqnn;
using namespace eqnn::hard;
using namespace samples;

namespace {

struct Graphs {
  Graphs(const DegreeParity& f, Index count, std::uint64_t seed)
      : memory(count * f.n(), f.n()), block{memory.data(), count, f.n(), f.n(), memory.stride()} {
    f.sample({seed, Stream::train, 0, 0}, block);
  }
  MatrixView<const double> operator[](Index e) const {
    return {block.row(e), block.points, block.points, block.stride};
  }
  Matrix<double> memory;
  Block<double> block;
};

}  // namespace

TEST_CASE("all correlations: the largest are the target's, in as many queries as there are products") {
  for (const Law law : {Law::gauss, Law::exponential}) {
    const Index degree = law == Law::gauss ? 3 : 2;  // the tails of the products grow with the degree
    const Labelled s(law, 6000, 10, degree, 3, 5);
    const ExhaustiveResult r = learn_exhaustively(law, s.z.view(), s.y, degree, 3);
    CHECK(r.queries == (degree == 3 ? 285 : 65));
    CHECK(r.fit.verified);
    CHECK(same(r.fit.terms, s.target, 1e-9));
  }
  const Labelled s(Law::gauss, 50, 3, 1, 1, 5);
  CHECK(learn_exhaustively(Law::gauss, s.z.view(), s.y, 1, 9).fit.terms.size() == 3);
  CHECK(contains(message([&] { learn_exhaustively(Law::gauss, s.z.view(), s.y, 1, 0); }), "terms is 0"));
  const Matrix<double> wide = inputs(Law::gauss, 100, 500, 1);
  CHECK(contains(message([&] { learn_exhaustively(Law::gauss, wide.view(), std::vector<double>(100), 4, 1); }),
                 "at most 30000000000"));
}

TEST_CASE("all parities: the largest correlation, noise or not, against one parity after the other") {
  for (const bool self_loops : {false, true})
    for (std::uint64_t seed = 0; seed < 6; ++seed) {
      const Index n = 4 + static_cast<Index>(seed);
      const auto f = DegreeParity::draw({n, self_loops, 0.5, 0}, seed);
      const Graphs graphs(f, 900, seed);
      CAPTURE(n);
      ParityCorrelations all(n, self_loops);
      std::vector<double> y;
      for (Index e = 0; e < 900; ++e) {
        const double sign = 1 - 2 * f.value(graphs[e]);
        y.push_back(e % 5 == 0 ? -sign : sign);  // a fifth of the labels is wrong
        all.add(graphs[e], y.back());
      }
      const Index classes = degree_classes(n, self_loops);
      CHECK(all.queries() == Index{1} << classes);
      double correlation = 0;
      const LearnedParity found = all.best(&correlation);
      // No parity does better.
      double most = 0, of_found = 0;
      for (Index e = 0; e < 900; ++e) of_found += y[e] * (1 - 2 * parity_value(found, graphs[e])) / 900;
      for (Index s = 0; s < Index{1} << classes; ++s) {
        double sum = 0;
        LearnedParity g{.n = n, .self_loops = self_loops};
        for (Index i = 0; i < classes; ++i)
          if ((s >> i & 1) != 0) g.classes.push_back(i + 1);
        if (seed > 1 && s % 37 != 0) continue;
        for (Index e = 0; e < 900; ++e) sum += y[e] * (1 - 2 * parity_value(g, graphs[e])) / 900;
        most = std::max(most, std::abs(sum));
      }
      CHECK(of_found == doctest::Approx(std::abs(correlation)));
      CHECK(of_found >= most - 1e-12);
      CHECK(of_found >= 0.6 - 1e-12);
      CHECK(parity_error(found, f.classes(), f.b()) < 0.05);
    }
  CHECK(contains(message([] { ParityCorrelations(40, false); }), "2^40"));
  CHECK(contains(message([] { ParityCorrelations(5, false).best(); }), "no samples"));
}

}  // namespace test_brute_force
