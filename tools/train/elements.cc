#include "train/elements.h"

#include <algorithm>
#include <set>

#include "cli/options.h"

namespace tools {
namespace {

// Elements that are drawn once stand at a step that no training reaches.
constexpr std::uint64_t kDrawnOnce = (std::uint64_t{1} << 48) - 1;
constexpr Index kMostElements = 10000;

eqnn::hard::InputAction::Moves moves_of(const eqnn::hard::InputLayout& input,
                                        const std::optional<eqnn::hard::InputAction>& own) {
  using Moves = eqnn::hard::InputAction::Moves;
  if (input.points == 1) return Moves::channels;
  return own ? own->moves() : Moves::points;
}

// A group on more points than the inputs have is not made before it is refused: it may take all memory that there
// is.
void require_points(const std::string& group, Index most) {
  for (std::size_t i = 0; i < group.size();) {
    const std::size_t end = std::min(group.find_first_not_of("0123456789", i), group.size());
    require(end == i || whole_number(group.substr(i, end - i)).value_or(most + 1) <= most, "the inputs have ", most,
            " points and channels at most");
    i = end + 1;
  }
}

}  // namespace

ElementChoice parse_elements(const std::string& flag, const std::string& text) {
  ElementChoice choice;
  const std::size_t colon = text.find(':');
  choice.group = text.substr(0, colon);
  require(!choice.group.empty(), "--", flag, " is '", text,
          "'; it must be none, family, or a group such as C16, S5, D8, C16^4, Q8, signs, O3, and may have a number "
          "of elements: "
          "family:8");
  if (colon == std::string::npos) return choice;
  require(choice.group != "none", "--", flag, " is ", text, "; none has no number of elements");
  choice.count = parse_integer(flag, text.substr(colon + 1), 1, kMostElements);
  return choice;
}

std::string text_of(const ElementChoice& choice) {
  return choice.count > 0 ? concat(choice.group, ":", choice.count) : choice.group;
}

InputElements::InputElements(const std::string& flag, const std::string& choice,
                             const eqnn::hard::InputLayout& input,
                             const std::optional<eqnn::hard::InputAction>& own, std::uint64_t seed)
    : flag_(flag), choice_(parse_elements(flag, choice)), seed_(seed), entries_(input.points * input.channels) {
  if (choice_.group == "none") return;
  require(choice_.group != "family" || own, "--", flag, " is ", choice,
          ", and no group is known here; name one, such as S", input.points > 1 ? input.points : input.channels);
  try {
    require_points(choice_.group, std::max(input.points, input.channels));
    action_ = choice_.group == "family" ? own : eqnn::hard::InputAction::named(choice_.group, moves_of(input, own));
    action_->require_fits(input.points, input.channels);
    require(!input.bits || action_->permutes(), "the inputs are bits, which a permutation alone leaves so");
    if (choice_.count > 0) draw_numbers();
  } catch (const eqnn::ValueError& e) {
    throw eqnn::ValueError(concat("--", flag, " is ", choice, ": ", e.what()));
  }
}

// Of small groups; of others two draws are the same so seldom that it makes no difference.
void InputElements::draw_numbers() {
  constexpr Index kSmall = 1'000'000;
  const Index order = action_->order(entries_).value_or(kSmall + 1);
  require(choice_.count <= order, "the group has ", order, " elements");
  if (order > kSmall) return;
  eqnn::Draws draws({seed_, eqnn::Stream::augment, kDrawnOnce, 0});
  std::set<Index> seen{0};
  numbers_ = {0};
  while (static_cast<Index>(numbers_.size()) < choice_.count)
    if (const Index number = draws.below(static_cast<std::uint32_t>(order)); seen.insert(number).second)
      numbers_.push_back(number);
}

template <class T>
void InputElements::move_randomly(std::uint64_t step, Index example, eqnn::Block<T> x) const {
  if (!action_) return;
  eqnn::Counter at{seed_, eqnn::Stream::augment, step, static_cast<std::uint64_t>(example)};
  if (choice_.count == 0) return action_->apply(at, x);
  for (Index e = 0; e < x.examples; ++e, ++at.example)
    move(eqnn::Draws(at).below(static_cast<std::uint32_t>(choice_.count)),
         eqnn::Block<T>{x.row(e), 1, x.points, x.channels, x.stride});
}

Index InputElements::count() const {
  if (!action_) return 1;
  if (choice_.count > 0) return choice_.count;
  const std::optional<Index> order = action_->order(entries_);
  require(order && *order <= kMostElements, "--", flag_, " is ", choice_.group, ", a group ",
          order ? concat("of ", *order, " elements; at most ", kMostElements, " are averaged over")
                : "of too many elements to average over",
          ": say how many, such as ", choice_.group, ":32");
  return *order;
}

template <class T>
void InputElements::move(Index element, eqnn::Block<T> x) const {
  if (!action_ || element == 0) return;
  if (choice_.count == 0) return action_->apply_element(element, x);
  if (!numbers_.empty()) return action_->apply_element(numbers_[static_cast<std::size_t>(element)], x);
  for (Index e = 0; e < x.examples; ++e)
    action_->apply({seed_, eqnn::Stream::augment, kDrawnOnce, static_cast<std::uint64_t>(element)},
                   eqnn::Block<T>{x.row(e), 1, x.points, x.channels, x.stride});
}

template void InputElements::move_randomly(std::uint64_t, Index, eqnn::Block<float>) const;
template void InputElements::move_randomly(std::uint64_t, Index, eqnn::Block<double>) const;
template void InputElements::move(Index, eqnn::Block<float>) const;
template void InputElements::move(Index, eqnn::Block<double>) const;

}  // namespace tools
