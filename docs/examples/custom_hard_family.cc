// A hard family of one's own, invariant under shifts: the parity of N_S(x) = sum over s in S and t of x_t x_{t+s},
// x uniform in {0, 1}^32, S three odd lags. A member is checked; a network learns N_S, the control, not its parity.

#include <eqnn/eqnn.h>
#include <eqnn/hard/member_of.h>

#include <cmath>
#include <cstdio>

using namespace eqnn;
constexpr Index kBits = 32;
const hard::InputLayout kLayout{.name = "x", .points = kBits, .channels = 1, .bits = true};
struct LagParity final : hard::MemberOf<LagParity> {
  explicit LagParity(Index of_18) : id(of_18), lags{1 + of_18 % 3 * 2, 7 + of_18 / 3 % 2 * 2, 11 + of_18 / 6 * 2} {}
  int number(const auto* x, Index stride) const {
    int n = 0;
    for (Index k = 0; k < 3 * kBits; ++k) n += x[k / 3 * stride] * x[(k / 3 + lags[k % 3]) % kBits * stride] > 0;
    return n;
  }
  void inputs_of(Counter at, const auto& x) const {
    for (Index e = 0; e < x.examples; ++e, ++at.example)
      for (Index t = 0; t < kBits; ++t) x(e, t) = (philox(at, 0)[0] >> t & 1) == 1;
  }
  void targets_of(const auto& x, auto* y) const {
    for (Index e = 0; e < x.examples; ++e) y[e] = number(x.row(e), x.stride) % 2 == 0 ? 1.f : -1.f;
  }
  template <class T>
  void controls_of(const Block<const T>& x, T* y) const {  // N_S has mean 24 and variance 78
    for (Index e = 0; e < x.examples; ++e) y[e] = T(number(x.row(e), x.stride) - 24) / std::sqrt(T(78));
  }
  const hard::InputLayout& input() const override { return kLayout; }
  std::optional<PermutationGroup> group() const override { return PermutationGroup::cyclic(kBits); }
  bool two_valued() const override { return true; }
  double value(MatrixView<const double> x) const override { return number(x.data, x.stride) % 2; }
  double target_variance() const override { return 1; }  // but for 2^-30: N_S mod 2 is a form of rank 30
  std::string json() const override { return "{\"id\": " + std::to_string(id) + "}"; }
  std::vector<hard::Fact> facts() const override { return {{"mean of N_S", 24, 0, "before the parity"}}; }
  std::vector<hard::Check> check(const hard::CheckOptions& o) const override {
    double moved = 0, squares = 0, y = 0;
    for (Index i = 0; i < o.samples; ++i) {
      Sample s{{"x", Array::zeros(kBits, 1)}};
      double* x = s["x"].values.data();
      sample({.seed = o.seed, .stream = Stream::check, .step = static_cast<std::uint64_t>(i)}, {x, 1, kBits, 1, 1});
      controls({x, 1, kBits, 1, 1}, &y);
      squares += y * y / double(o.samples);
      for (const auto& g : symmetries(0, 0)) moved += number(g.on_input(s)["x"].values.data(), 1) != number(x, 1);
    }
    return {{"shifts that change N_S", moved, 0, 0, "all shifts of random inputs"},
            {"mean square of the control", squares, 1, 10 / std::sqrt(double(o.samples)), "random inputs"}};
  }
  const Index id, lags[3];
};
int main() {
  const LagParity member(4);
  bool passed = true;
  for (const hard::Check& c : member.check({.samples = 1000})) passed = passed && c.pass();
  double loss[2];
  for (const bool control : {false, true}) {
    Params<float> params;
    const CyclicConvolution<float> forms(params, "forms", 1, 16, Torus::cycle(kBits));
    const Mlp<float> head(params, "head", {16, 64, 64, 1});
    params.initialize(kaiming_uniform, 1);
    Trainer<float> trainer(params, {.threads = 1}, [&](Program<float>& g) {
      return squared_error(head(mean_points(square(forms(g.input("x", {.points = kBits}))))), g.input("y", {}));
    });
    const auto fill = [&](Batch<float>& b, Stream stream) {
      for (Index i = b.first; i < b.last; ++i) {
        const Block<float> x = b.example("x", i), y = b.example("y", i);
        member.sample({.stream = stream, .step = b.step, .example = static_cast<std::uint64_t>(i)}, x);
        const Block<const float> read{x.data, 1, kBits, 1, x.stride};
        control ? member.controls(read, y.data) : member.targets(read, y.data);
      }
    };
    for (int step = 0; step < 1000; ++step) trainer.step([&](auto& b) { fill(b, Stream::train); });
    loss[control] = trainer.evaluate(2000, [&](auto& b) { fill(b, Stream::test); });
  }
  std::printf("checks %s; test loss %.3f, of the control %.4f\n", passed ? "pass" : "FAIL", loss[0], loss[1]);
  return passed && loss[0] > 0.9 && loss[1] < 0.05 ? 0 : 1;
}
