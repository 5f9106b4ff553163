// What `eqnn certify` is asked, and a trained run as a subject of it.
#pragma once

#include <memory>
#include <string>

#include "runs/certify_layers.h"
#include "runs/trained_network.h"
#include "train/config.h"

namespace tools {

struct CertifyFlags {
  std::string run, model, dtype, inputs = "20", rotations, out;
  bool continuity = false, force = false;

  Tries tries(std::uint64_t seed) const {
    return {seed, rotations.empty() ? Tries{}.random : parse_integer("rotations", rotations, 0, 1000000)};
  }
};

// Whether a layer or model is one that is asked for: of that name, or all of those that claim a symmetry.
bool chosen(const Layer& layer, const CertifyFlags& flags);
// Whether a subject is turned in space. Throws ValueError for --rotations where nothing is.
bool turns(const Subject& s);
void require_turns(const CertifyFlags& flags, bool found);
// What rounding may amount to in the arithmetic of a run.
double tolerance(const TrainConfig& c);

// The network of a run on a family, as a function of samples. Owns what it needs.
class RunFunction {
 public:
  RunFunction(const RunDirectory& run, const TrainConfig& c);
  const eqnn::hard::Member& member() const { return *member_; }

  eqnn::Array value(const eqnn::Sample& x);
  // Empty where its frame is undefined.
  std::optional<eqnn::Array> defined_value(const eqnn::Sample& x);

 private:
  std::unique_ptr<const eqnn::hard::Member> member_;
  std::unique_ptr<TrainedNetwork> network_;
};

// Under the group that the network claims, where that turns clouds, and under that of the family elsewhere; without
// inputs. Throws NotBuiltError where neither is known, ValueError for --rotations without effect.
Subject run_subject(const std::shared_ptr<RunFunction>& f, const TrainConfig& c, const CertifyFlags& flags,
                    std::uint64_t seed);

}  // namespace tools
