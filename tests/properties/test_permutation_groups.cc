// Permutation groups of random generators: beside their closure by brute force where they are small, and by what
// holds in every group where they are not.
#include <doctest/doctest.h>
#include <eqnn/groups/permutation_group.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>
#include <vector>

#include "properties/property.h"

namespace test_permutation_groups {

using namespace eqnn;
using testing::between;
using testing::check_property;
using testing::list_of;
using testing::permutation_of;

namespace {

using Images = std::vector<std::int32_t>;
Images images(const Permutation& p) { return {p.images().begin(), p.images().end()}; }

// All products of generators, breadth first.
std::map<Images, Permutation> closure(Index points, const std::vector<Permutation>& generators) {
  std::vector<Permutation> queue = {Permutation::identity(points)};
  std::map<Images, Permutation> seen = {{images(queue[0]), queue[0]}};
  for (std::size_t i = 0; i < queue.size(); ++i)
    for (const Permutation& g : generators) {
      const Permutation p = g * queue[i];
      if (seen.emplace(images(p), p).second) queue.push_back(p);
    }
  return seen;
}

std::vector<Permutation> drawn_generators(Index points) { return *list_of(permutation_of(points), 3); }

}  // namespace

TEST_CASE("properties of groups: order, elements and members are those of the closure of the generators") {
  check_property("the closure", 2000, [] {
    const Index n = *between<Index>(1, 7);
    const std::vector<Permutation> generators = drawn_generators(n);
    const PermutationGroup group(n, generators);
    const auto all = closure(n, generators);
    RC_ASSERT(group.order() == static_cast<Index>(all.size()));
    RC_ASSERT(group.order_text() == std::to_string(all.size()));
    std::set<Images> listed;
    for (const Permutation& p : group.elements()) listed.insert(images(p));
    RC_ASSERT(listed.size() == all.size());
    for (const Images& p : listed) RC_ASSERT(all.contains(p));
    const Permutation any = *permutation_of(n);
    RC_ASSERT(group.contains(any) == all.contains(images(any)));
  });
}

TEST_CASE("properties of groups: elements have numbers, and random elements are members") {
  check_property("numbers", 2000, [] {
    const Index n = *between<Index>(1, 6);
    const std::vector<Permutation> generators = drawn_generators(n);
    const PermutationGroup group(n, generators);
    const auto all = closure(n, generators);
    const std::vector<Permutation> elements = group.elements();
    RC_ASSERT(elements[0].is_identity());
    for (std::size_t i = 0; i < elements.size(); ++i) {
      RC_ASSERT(group.rank(elements[i]) == static_cast<Index>(i));
      RC_ASSERT(group.element(static_cast<Index>(i)) == elements[i]);
    }
    const auto seed = *between<std::uint64_t>(0, 1000);
    const Permutation p = group.random({seed, Stream::user, 3, 4});
    RC_ASSERT(all.contains(images(p)));
    RC_ASSERT(p == group.random({seed, Stream::user, 3, 4}));
    const Permutation left = group.left_multiplication(p);
    for (std::size_t i = 0; i < elements.size(); ++i)
      RC_ASSERT(elements[static_cast<std::size_t>(left(static_cast<Index>(i)))] == p * elements[i]);
  });
}

TEST_CASE("properties of groups: orbits, and the order of stabilisers") {
  check_property("orbits and stabilisers", 2000, [] {
    const Index n = *between<Index>(1, 6);
    const std::vector<Permutation> generators = drawn_generators(n);
    const PermutationGroup group(n, generators);
    const auto all = closure(n, generators);
    const Orbits orbits = group.orbits(), pairs = group.pair_orbits();
    const Index point = *between<Index>(0, n - 1);
    std::set<Index> reached;
    std::set<std::pair<Index, Index>> reached_pairs;
    std::vector<Permutation> fixing;
    const Index other = (point + 1) % n;
    for (const auto& element : all) {
      const Permutation& p = element.second;
      reached.insert(p(point));
      reached_pairs.insert({p(point), p(other)});
      if (p(point) == point) fixing.push_back(p);
    }
    for (Index i = 0; i < n; ++i) {
      RC_ASSERT((orbits.label[i] == orbits.label[point]) == reached.contains(i));
      for (Index j = 0; j < n; ++j)
        RC_ASSERT((pairs.label[i * n + j] == pairs.label[point * n + other]) == reached_pairs.contains({i, j}));
    }
    // |G| = |orbit| |stabiliser|.
    const PermutationGroup stabiliser(n, fixing);
    RC_ASSERT(*stabiliser.order() == static_cast<Index>(fixing.size()));
    RC_ASSERT(*group.order() == static_cast<Index>(reached.size()) * *stabiliser.order());
  });
}

TEST_CASE("properties of groups: large ones have the orders that conjugates, members and subgroups say") {
  check_property("large groups", 1000, [] {
    const Index n = *between<Index>(2, 20);
    const std::vector<Permutation> generators = drawn_generators(n);
    const PermutationGroup group(n, generators);
    const Index order = *group.order();
    const auto seed = *between<std::uint64_t>(0, 1000);
    const std::vector<Permutation> members = group.sample(4, seed);
    std::vector<Permutation> more = generators;
    for (const Permutation& p : members) {
      RC_ASSERT(group.contains(p));
      RC_ASSERT(group.element(group.rank(p)) == p);
      more.push_back(p);
      Index power = 1;  // of the subgroup that p generates
      for (Permutation q = p; !q.is_identity(); q = q * p) ++power;
      RC_ASSERT(PermutationGroup(n, {p}).order() == power);
      RC_ASSERT(order % power == 0);
    }
    RC_ASSERT(PermutationGroup(n, more).order() == order);
    const Permutation c = *permutation_of(n);
    std::vector<Permutation> conjugates;
    for (const Permutation& p : generators) conjugates.push_back(c * p * c.inverse());
    const PermutationGroup conjugate(n, conjugates);
    RC_ASSERT(conjugate.order() == order);
    for (const Permutation& p : members) RC_ASSERT(conjugate.contains(c * p * c.inverse()));
    // What is no member makes a larger group, in which the order of this one divides.
    const PermutationGroup with_c(n, [&] {
      std::vector<Permutation> list = generators;
      list.push_back(c);
      return list;
    }());
    RC_ASSERT(*with_c.order() % order == 0);
    RC_ASSERT((*with_c.order() == order) == group.contains(c));
  });
}

}  // namespace test_permutation_groups
