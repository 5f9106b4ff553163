// Elements of groups that move the inputs of a run: of its training examples (--augment), or those over which
// outputs are averaged (--test-average).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <eqnn/hard/family.h>
#include <eqnn/hard/input_action.h>

namespace tools {

using eqnn::Index;

// GROUP[:COUNT] as flags have it: "none"; "family", the group of the run's family; or InputAction's names. With a
// count so many elements, the identity and others drawn from the seed, no two alike; without, the whole group.
struct ElementChoice {
  std::string group = "none";
  Index count = 0;
};
// Throws ValueError, naming the flag. The group is looked at when it has inputs to act on.
ElementChoice parse_elements(const std::string& flag, const std::string& text);
std::string text_of(const ElementChoice& choice);

// Immutable.
class InputElements {
 public:
  // No element but the identity.
  InputElements() = default;
  // `own` is the family's; a group by name moves the points, or what the family's group moves, or the channels of a
  // single point. Throws ValueError, naming the flag, for a group that does not act on such inputs.
  InputElements(const std::string& flag, const std::string& choice, const eqnn::hard::InputLayout& input,
                const std::optional<eqnn::hard::InputAction>& own, std::uint64_t seed);

  // Moves each example by a random one of the elements, a function of the counter as InputAction has it.
  template <class T>
  void move_randomly(std::uint64_t step, Index example, eqnn::Block<T> x) const;

  // Those of an average: 1, the identity, for "none". Throws ValueError for a group that is too large to be gone
  // through, or infinite.
  Index count() const;
  // Moves all examples by one element, number 0 the identity.
  template <class T>
  void move(Index element, eqnn::Block<T> x) const;

 private:
  void draw_numbers();

  std::string flag_;
  ElementChoice choice_;
  std::optional<eqnn::hard::InputAction> action_;
  std::uint64_t seed_ = 0;
  Index entries_ = 0;
  std::vector<Index> numbers_;  // of the elements that were drawn, where the group can be gone through
};

}  // namespace tools
