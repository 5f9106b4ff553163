// frame-parity: member files, parameters, what bounds are made of, and the registry's entry.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "../../member_file.h"
#include "frame_parity.h"

namespace eqnn::hard {

std::string FrameParity::json() const {
  MemberWriter file;
  file.add("n", law_.n).add("k", law_.k).add("frame", name(law_.frame)).add("S", set_).add("norm_sq", norm_sq_);
  return file.text();
}

namespace {

std::unique_ptr<Member> parse_frame_parity(std::string_view text) {
  const MemberValue file(text, {"n", "k", "frame", "S"}, {"norm_sq"});
  std::optional<double> norm_sq;
  if (file.has("norm_sq")) norm_sq = file.real_number("norm_sq");
  const FrameParityLaw law(file.whole_number("n"), file.whole_number("k"), parity_frame(file.text("frame")));
  return std::make_unique<FrameParity>(law, file.whole_numbers("S"), norm_sq);
}

const std::vector<Parameter>& frame_parity_parameters() {
  static const std::vector<Parameter> all = {
      {"n", "48", "coordinates, k to 1024"},
      {"k", "6", "size of S, even, 2 to 20"},
      {"frame", "sort", "sort, cyclic, or none"},
  };
  return all;
}

FrameParityLaw frame_parity_law(const ParameterValues& values) {
  const ParameterReader read(frame_parity_parameters(), values);
  return {read.integer("n"), read.integer("k"), parity_frame(read.text("frame"))};
}

std::vector<SecondMoment> frame_parity_second_moments(const ParameterValues& values) {
  const FrameParityLaw law = frame_parity_law(values);
  SecondMoment m;
  m.orthonormal = set_count(law);
  m.bounded = m.unit = 1 / m.orthonormal;
  m.prior = fmt::format("uniform over all C({}, {}) sets S", law.n, law.k);
  m.formula = fmt::format("lambda = 1 / C({}, {}) = 1 / {:.10g}", law.n, law.k, m.orthonormal);
  m.source =
      "f_S is odd in each coordinate of y_S and the signs of y are iid given |x|, so the f_S / ||f_S|| are "
      "orthonormal: Bessel's inequality";
  if (law.frame == ParityFrame::none) return {m};
  const Index sets = acceptance_sets(law.k);
  const double tries = static_cast<double>(sets), alpha = FrameParitySampler(law).acceptance(sets);
  m.rejects = alpha <= 0;
  if (m.rejects) return {m};
  const double spread = std::clamp(alpha, 0.5 / tries, 1 - 0.5 / tries);  // above 0 where no set was refused
  return {m, accepted_share(m, alpha, std::sqrt(spread * (1 - spread) / tries),
                            "S uniform, again until its kurtosis is at most 30 and f_S is nonzero often enough")};
}

}  // namespace

Family frame_parity_family() {
  Family f;
  f.id = "frame-parity";
  f.title = "Parities of canonical forms under a frame";
  f.theorem =
      "correlational statistical queries of tolerance tau need tau^2 N of them, N = C(n, k) orthogonal functions "
      "times the sampler's acceptance (Kiani et al., ICLR 2024, frame averaging)";
  f.group = "S_n permuting the coordinates (sort), C_n rotating them (cyclic), or none";
  f.definition =
      "f(x) = sum over w in {-1,1}^k of (prod w) relu(<w, y_S> / sqrt k), divided by its root mean square; y the "
      "canonical form of x: sorted by |x| descending, or rotated to the largest |x| first, signs kept";
  f.input_law = "x in R^n, iid standard normal";
  f.control = "the same sum without the signs prod w, standardised";
  f.parameters = frame_parity_parameters();
  f.training = [](const ParameterValues&) -> ParameterValues {
    return {{"model", "frame-mlp"}, {"depth", "1"},   {"width", "256"},
            {"lr", "3e-3"},         {"batch", "128"}, {"steps", "8000"}};
  };
  f.draw = [](const ParameterValues& values, std::uint64_t seed) -> std::unique_ptr<Member> {
    const FrameParityLaw law = frame_parity_law(values);
    return std::make_unique<FrameParity>(law, FrameParitySampler(law).draw(seed));
  };
  f.parse = parse_frame_parity;
  f.second_moments = frame_parity_second_moments;  // orthonormal members: no Gram matrix says more
  f.decay = MomentDecay{"n", "k"};
  f.check_members = [](const ParameterValues& values, Index members, const CheckOptions& options) {
    return check_frame_parities(frame_parity_law(values), members, options);
  };
  return f;
}

}  // namespace eqnn::hard
