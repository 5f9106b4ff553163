#include "train/examples.h"

#include "train/choices.h"
#include "train/data_source.h"
#include "train/models.h"

namespace tools {

bool Examples::has_classes(const TrainConfig& c) const {
  return data ? predicts_classes(c) : member->two_valued() && !c.control;
}

Examples make_examples(const TrainConfig& c) {
  if (c.data.empty()) return {make_member(c), nullptr};
  auto data =
      std::make_shared<const LabelledExamples>(read_dataset(c.data, c.format, data_choices(c.loss, c.node_labels)));
  require<eqnn::FileError>(fingerprint(*data) == c.data_hash, c.data,
                           ": its examples are not those that the run was started with (hash ", fingerprint(*data),
                           ", not ", c.data_hash, "); put them back, or start again with --force");
  return {nullptr, data};
}

std::vector<std::string> Examples::notes(const TrainConfig& c) const {
  std::vector<std::string> notes;
  if (!data) {
    const auto& family = eqnn::hard::family(c.family);
    const auto own = family.training(c.params);
    const auto model = own.find("model");
    if (model != own.end() && model->second != c.model && lacks_symmetry(c, *member))
      notes.push_back(concat("--model ", c.model, " does not have the symmetry of ", family.id, " (", family.group,
                             "); the family's own model, ", model->second, ", does"));
    return notes;
  }
  for (const std::string& text : data->notes) notes.push_back(concat(c.data, ": ", text));
  if (data->nodes_look_alike())
    notes.push_back(concat(c.data, ": in every graph all nodes look alike; ",
                           c.norm == "graph"
                               ? "--norm graph leaves nothing of them, and nothing will be learned: take "
                                 "layer or none"
                               : "--norm graph would leave nothing of them"));
  return notes;
}

std::unique_ptr<eqnn::hard::Member> make_member(const TrainConfig& c) {
  const auto& family = eqnn::hard::family(c.family);
  auto member = c.member.empty() ? family.draw(c.params, c.member_seed) : family.parse(c.member);
  require(c.noise <= 1 || c.control || !member->two_valued(), "--noise is ", c.noise,
          ", here the probability that a label is flipped; allowed are numbers from 0 to 1");
  return member;
}

}  // namespace tools
