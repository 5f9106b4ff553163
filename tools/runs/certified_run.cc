#include "runs/certified_run.h"

#include <algorithm>

#include "train/choices.h"
#include "train/examples.h"
#include "train/models.h"

namespace tools {

bool chosen(const Layer& layer, const CertifyFlags& flags) {
  if (!flags.dtype.empty() && flags.dtype != layer.dtype) return false;
  return flags.model.empty() || flags.model == "all" ? layer.claims : layer.name == flags.model;
}

bool turns(const Subject& s) {
  return std::any_of(s.elements.begin(), s.elements.end(),
                     [](const eqnn::GroupElement& g) { return g.name.find("turn of axes") != std::string::npos; });
}

void require_turns(const CertifyFlags& flags, bool found) {
  require(flags.rotations.empty() || found, "--rotations is ", flags.rotations,
          " and would have no effect: nothing that is certified here turns a cloud of points; leave it out");
}

double tolerance(const TrainConfig& c) {
  return dispatch(c.dtype, []<class T>() { return eqnn::symmetry_tolerance<T>(); });
}

RunFunction::RunFunction(const RunDirectory& run, const TrainConfig& c)
    : member_(make_member(c)), network_(load_network(run, c, *member_)) {}

eqnn::Array RunFunction::value(const eqnn::Sample& x) {
  const eqnn::Array& a = x.at(member_->input().name);
  return eqnn::Array{1, 1, (*network_)({1, a.rows, a.cols, a.values})};
}

std::optional<eqnn::Array> RunFunction::defined_value(const eqnn::Sample& x) {
  eqnn::Array y = value(x);
  if (network_->undefined() > 0) return {};
  return y;
}

Subject run_subject(const std::shared_ptr<RunFunction>& f, const TrainConfig& c, const CertifyFlags& flags,
                    std::uint64_t seed) {
  const eqnn::hard::Member& member = f->member();
  const auto& layout = member.input();
  const Tries tries = flags.tries(seed);
  Subject s;
  s.elements = point_group(c) ? point_motions(*point_group(c), layout.channels, tries, {}, layout.name)
                              : member.symmetries(tries.random, seed);
  if (s.elements.empty())
    throw NotBuiltError(concat("the symmetries of ", c.family, " are not known here; eqnn certify --model ",
                               c.model, " certifies the model"));
  require_turns(flags, turns(s));
  s.tolerance = tolerance(c);
  s.f = [f](const eqnn::Sample& x) { return f->defined_value(x); };
  s.anyway = [f](const eqnn::Sample& x) { return f->value(x); };
  if (turns(s) && layout.channels <= 3 && layout.points >= layout.channels)
    s.degenerate = degenerate_clouds(layout.name, layout.points, layout.channels, seed);
  return s;
}

}  // namespace tools
