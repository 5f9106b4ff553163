#include "stratify.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "../core/function_ref.h"
#include "../core/rng.h"

namespace eqnn {
namespace {

// Where the order within the classes is drawn: no epoch of training has this number.
constexpr std::uint64_t kFoldStep = (std::uint64_t{1} << 48) - 1, kPartStep = kFoldStep - 1,
                        kSplitStep = kFoldStep - 2;

using ClassMembers = std::map<std::int32_t, std::vector<std::size_t>>;

ClassMembers class_members(const std::vector<std::int32_t>& classes) {
  ClassMembers members;
  for (std::size_t e = 0; e < classes.size(); ++e) {
    require(classes[e] >= 0, "example ", e, " has class ", classes[e], "; classes are counted from 0");
    members[classes[e]].push_back(e);
  }
  return members;
}

// Each class shuffled, and its examples given to part_of(number of examples that were dealt before).
std::vector<int> deal(ClassMembers members, std::size_t examples, std::uint64_t seed, std::uint64_t step,
                      FunctionRef<int(std::size_t)> part_of) {
  std::vector<int> part(examples);
  std::size_t dealt = 0;
  for (auto& [c, list] : members) {
    Draws draws({seed, Stream::order, step, static_cast<std::uint64_t>(c)});
    for (std::size_t i = list.size(); i > 1; --i)
      std::swap(list[i - 1], list[draws.below(static_cast<std::uint32_t>(i))]);
    for (const std::size_t e : list) part[e] = part_of(dealt++);
  }
  return part;
}

std::vector<int> deal_in_turn(ClassMembers members, std::size_t examples, int parts, std::uint64_t seed,
                              std::uint64_t step) {
  return deal(std::move(members), examples, seed, step,
              [parts](std::size_t dealt) { return static_cast<int>(dealt % static_cast<std::size_t>(parts)); });
}

}  // namespace

std::vector<int> stratified_folds(const std::vector<std::int32_t>& classes, int folds, std::uint64_t seed) {
  require(folds >= 2, "the number of folds is ", folds, "; 2 at least are needed");
  const ClassMembers members = class_members(classes);
  for (const auto& [c, list] : members)
    require(list.size() >= static_cast<std::size_t>(folds), "class ", c, " (counted from 0) has ", list.size(),
            " examples, fewer than the ", folds, " folds; take fewer folds, or leave the class out");
  return deal_in_turn(members, classes.size(), folds, seed, kFoldStep);
}

std::vector<int> stratified_parts(const std::vector<std::int32_t>& classes, int parts, std::uint64_t seed) {
  return deal_in_turn(class_members(classes), classes.size(), parts, seed, kPartStep);
}

std::vector<int> stratified_split(const std::vector<std::int32_t>& classes, const Fractions& fractions,
                                  std::uint64_t seed) {
  const std::array<double, 3> share = {fractions.train, fractions.validation, fractions.test};
  const bool allowed = std::all_of(share.begin(), share.end(), [](double f) { return f >= 0 && f <= 1; });
  require(allowed && std::abs(share[0] + share[1] + share[2] - 1) <= 1e-9, "the fractions of a split are ",
          share[0], ", ", share[1], " and ", share[2], "; numbers from 0 to 1 are needed, 1 together");
  std::array<double, 3> given{};
  return deal(class_members(classes), classes.size(), seed, kSplitStep, [&](std::size_t dealt) {
    int most = 0;
    const auto lacks = [&](int k) { return share[k] * static_cast<double>(dealt + 1) - given[k]; };
    for (const int k : {1, 2})
      if (lacks(k) > lacks(most)) most = k;
    ++given[most];
    return most;
  });
}

}  // namespace eqnn
