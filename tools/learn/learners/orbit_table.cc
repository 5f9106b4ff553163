// The table of orbits seen: the best that there is for random functions of orbits.

#include <eqnn/hard/learners/orbit_table.h>

#include "learn/learner.h"

namespace tools {
namespace {

using eqnn::Block;
using eqnn::hard::Member;
namespace hard = eqnn::hard;

class OrbitTableLearner final : public Learner {
 public:
  OrbitTableLearner(const LearnConfig& c, const hard::BooleanOrbit& target)
      : target_(target), noise_(c.base.noise), control_(c.base.control), table_(target.law(), !c.base.control) {}
  void learn(const ExampleStream& examples) override {
    examples.training([this](Block<const double> x, std::span<const double> y) { table_.add(x, y); });
  }
  void predict(Block<const double> x, double* y) const override { table_.values(x, y); }
  // Without noise, a table of all orbits.
  bool exact() const override {
    const auto orbits = hard::exact_orbit_count(target_.law());
    return !control_ && noise_ == 0 && orbits && static_cast<std::uint64_t>(table_.seen()) == *orbits;
  }
  Json details() const override {
    return {{"orbits_seen", table_.seen()},
            {"orbits", hard::orbit_count(target_.law())},
            {"unseen_mass_estimate", table_.unseen_mass()}};
  }

 private:
  const hard::BooleanOrbit& target_;
  double noise_;
  bool control_;
  hard::OrbitTable table_;
};

}  // namespace

LearnerKind table_learner() {
  LearnerKind kind;
  kind.name = "table";
  kind.families = {"boolean-orbit"};
  kind.make = [](const LearnConfig& c, const Member& member) -> std::unique_ptr<Learner> {
    return std::make_unique<OrbitTableLearner>(c, target_of<hard::BooleanOrbit>(c, member));
  };
  return kind;
}

}  // namespace tools
