// Learners of frame-parity: what the sign of a label says, elimination on signs, and screening by y^2.
#include <doctest/doctest.h>
#include <eqnn/hard/learners/frame_screen.h>
#include <eqnn/hard/learners/sign_parity.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "support/thrown.h"

namespace test_frame_learners {

using namespace eqnn;
using namespace eqnn::hard;

namespace {

constexpr ParityFrame kFrames[] = {ParityFrame::none, ParityFrame::cyclic, ParityFrame::sort};

FrameSample sample(const FrameParity& f, Index examples, std::uint64_t seed, double noise = 0) {
  const Index n = f.law().n;
  std::vector<double> x(static_cast<std::size_t>(examples * n)), z(x.size());
  f.sample({seed, Stream::user, 0, 0}, Block<double>{x.data(), examples, n, 1, 1});
  const Block<const double> inputs{x.data(), examples, n, 1, 1};
  f.features(inputs, Block<double>{z.data(), examples, n, 1, 1});
  FrameSample s;
  s.forms = Matrix<double>(examples, n);
  for (Index e = 0; e < examples; ++e) std::copy_n(z.data() + e * n, n, &s.forms(e, 0));
  s.y.resize(static_cast<std::size_t>(examples));
  f.targets(inputs, s.y.data());
  Draws draws({seed, Stream::noise, 0, 0});
  for (double& y : s.y) y += noise * draws.normal();
  return s;
}

}  // namespace

TEST_CASE("frame parity: the sign of f is that of the product for k = 2, against it for 4, and both from 6 on") {
  Draws draws({3, Stream::user, 0, 0});
  for (const Index k : {2, 4, 6, 8}) {
    // f over the product of the signs, for sizes at random.
    std::vector<double> f(20000), y(static_cast<std::size_t>(k));
    for (double& v : f) {
      for (double& u : y) u = std::abs(draws.normal());
      v = parity_sum(y);
      y[0] = -y[0];
      CHECK(parity_sum(y) == doctest::Approx(-v));
    }
    const double expected = (k / 2) % 2 == 0 ? -1 : 1;
    const auto against = std::count_if(f.begin(), f.end(), [&](double v) { return v * expected < 0; });
    CAPTURE(k);
    CHECK((against == 0) == (k <= 4));
    // The largest have the sign of equal sizes.
    std::sort(f.begin(), f.end(), [](double a, double b) { return std::abs(a) > std::abs(b); });
    CHECK(std::count_if(f.begin(), f.begin() + 200, [&](double v) { return v * expected < 0; }) <= 10);
    std::fill(y.begin(), y.end(), 1.0);
    CHECK(parity_sum(y) * expected > 0);
  }
}

TEST_CASE("sign parity: the set itself, in every frame, from one subset where the sign is a linear equation") {
  for (const ParityFrame frame : kFrames)
    for (const Index k : {2, 4, 6}) {
      const FrameParityLaw law(16, k, frame);
      const FrameParity f(law, FrameParitySampler(law).draw(2));
      CAPTURE(name(frame));
      CAPTURE(k);
      for (const double noise : {0.0, 0.05}) {
        const SignParity found = learn_sign_parity(law, sample(f, 1500, 4, noise));
        CHECK(found.confirmed);
        CHECK(found.set == f.set());
        CHECK(found.rank == 17);
        if (k <= 4 && noise == 0) CHECK(found.attempts == 1);
        if (noise == 0) CHECK(found.norm_sq == doctest::Approx(f.norm_sq()).epsilon(1e-12));
      }
    }
}

TEST_CASE("sign parity: labels that know nothing of the input confirm nothing, and labels of 0 are refused") {
  const FrameParityLaw law(12, 4, ParityFrame::none);
  const FrameParity f(law, {1, 2, 5, 9});
  FrameSample s = sample(f, 800, 5);
  Draws draws({6, Stream::user, 0, 0});
  for (double& y : s.y) y = draws.normal();
  const SignParity found = learn_sign_parity(law, s, 300);
  CHECK(!found.confirmed);
  CHECK(found.attempts == 300);
  CHECK(std::abs(found.correlation) < 0.3);
  // Too few examples leave the set open.
  CHECK(learn_sign_parity(law, sample(f, 5, 5), 20).rank <= 5);
  std::fill(s.y.begin(), s.y.end(), 0.0);
  CHECK(contains(message([&] { learn_sign_parity(law, s); }), "all 800 labels are 0"));
  CHECK(contains(message([&] {
                   learn_sign_parity({11, 4, ParityFrame::none}, sample(f, 9, 5));
                 }),
                 "12 coordinates"));
  s.y.pop_back();
  CHECK(contains(message([&] { FrameQueries{s}; }), "800 forms and 799 labels"));
}

TEST_CASE("frame queries: sets are orthogonal, so that one correlation confirms the right one") {
  for (const ParityFrame frame : kFrames) {
    const FrameParityLaw law(10, 4, frame);
    const FrameParity f(law, {0, 2, 3, 5});
    const FrameSample s = sample(f, 4000, 7);
    FrameQueries queries(s);
    const std::vector<Index> near = {0, 2, 3, 6}, far = {1, 4, 6, 7};
    CHECK(queries.correlation(f.set()) == doctest::Approx(1).epsilon(0.1));
    CHECK(std::abs(queries.correlation(near)) < 0.15);
    CHECK(std::abs(queries.correlation(far)) < 0.15);
    CHECK(queries.correlational_queries() == 3);
    CHECK(queries.norm_sq(f.set(), queries.correlation(f.set())) == doctest::Approx(f.norm_sq()).epsilon(1e-12));
  }
}

TEST_CASE("frame screen: the set from n queries about y^2, sorted from a climb; how many are certain") {
  for (const ParityFrame frame : kFrames) {
    const FrameParityLaw law(12, 4, frame);
    for (const std::uint64_t seed : {1, 2}) {
      const FrameParity f(law, FrameParitySampler(law).draw(seed));
      const FrameSample s = sample(f, 4000, 8);
      FrameQueries queries(s);
      const FrameScreen found = screen_frame(law, queries);
      CAPTURE(name(frame));
      CHECK(found.status == FrameScreen::Status::confirmed);
      CHECK(found.set == f.set());
      CHECK(found.certain == 4);
      CHECK(found.norm_sq == doctest::Approx(f.norm_sq()).epsilon(1e-12));
      if (frame == ParityFrame::sort) CHECK(found.starts >= 1);
      if (frame != ParityFrame::sort) CHECK(queries.squared_queries() == 12);
      if (frame != ParityFrame::sort) CHECK(queries.correlational_queries() == 1);
    }
  }
  // Too few examples: it says of no index that it is certain.
  const FrameParityLaw law(40, 6, ParityFrame::none);
  const FrameParity f(law, {1, 2, 3, 4, 5, 6});
  const FrameSample few = sample(f, 60, 9);
  FrameQueries queries(few);
  const FrameScreen found = screen_frame(law, queries);
  CHECK(found.status == FrameScreen::Status::unconfirmed);
  CHECK(found.certain <= 1);
  CHECK(found.set.size() == 6);
  CHECK(contains(message([&] { screen_frame({40, 12, ParityFrame::sort}, queries); }), "at most 10"));
  CHECK(contains(message([&] { screen_frame({30, 6, ParityFrame::none}, queries); }), "40 coordinates"));
}

TEST_CASE("frame screen: through an SQ oracle it finds the set, through a CSQ oracle it is stuck") {
  for (const ParityFrame frame : kFrames) {
    const FrameParityLaw law(10, 4, frame);
    const FrameParity f(law, FrameParitySampler(law).draw(3));
    const FrameSample s = sample(f, 4000, 10);
    const auto screened = [&](Oracle& oracle, Index& asked) {
      FrameQueries queries(s, &oracle);
      const FrameScreen found = screen_frame(law, queries, 20);
      asked = queries.squared_queries() + queries.correlational_queries();
      return found;
    };
    Index asked = 0;
    Oracle sq(Oracle::Kind::sq, 0.02, Oracle::Answer::shrink), csq(Oracle::Kind::csq, 0.02, Oracle::Answer::shrink);
    CAPTURE(name(frame));
    CHECK(screened(sq, asked).set == f.set());
    CHECK(sq.log().queries == asked);
    const FrameScreen found = screened(csq, asked);
    CHECK(found.status == FrameScreen::Status::stuck);
    CHECK(found.set.empty());
    CHECK(csq.log().above_tau == 0);
  }
}

}  // namespace test_frame_learners
