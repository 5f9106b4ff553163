// What a run trains on, as its configuration says.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "train/config.h"

namespace tools {

// What a run trains on: a family's member, or the examples of a file.
struct Examples {
  std::shared_ptr<const eqnn::hard::Member> member;
  std::shared_ptr<const LabelledExamples> data;

  // Whether predictions are right or wrong: two-valued targets and classes.
  bool has_classes(const TrainConfig& c) const;
  // What a user should know of a file as it was read: a line each.
  std::vector<std::string> notes(const TrainConfig& c) const;
};

// The member of a configuration: drawn, or read from the member file it holds.
std::unique_ptr<eqnn::hard::Member> make_member(const TrainConfig& c);
// Draws the member, or reads the file. Throws FileError for a file whose contents are not those of `c`.
Examples make_examples(const TrainConfig& c);

}  // namespace tools
