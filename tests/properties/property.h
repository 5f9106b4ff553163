// Properties over random cases, by rapidcheck. A property is a callable that draws its case, `*generator`, and
// checks it with RC_ASSERT or RC_FAIL.
//
// Every run tries the same cases. RC_PARAMS, which rapidcheck reads, gives others: RC_PARAMS="seed=7
// max_success=2000". A case that fails is shrunk, and shown with the RC_PARAMS that repeats it.
#pragma once

#include <doctest/doctest.h>
#include <eqnn/groups/permutation_group.h>
#include <rapidcheck.h>

#include <cstdlib>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "support/sanitized.h"

namespace eqnn {

inline void showValue(const Permutation& p, std::ostream& out) { out << to_string(p); }

namespace testing {

// Checks `cases` random cases, a tenth of them where sanitizers are at work. Whether all were tried and hold: then
// what the cases have met in sum can be checked too.
template <class Property>
bool check_property(const std::string& name, int cases, const Property& property) {
  setenv("RC_PARAMS", "seed=1", 0);  // unless it is set
  rc::detail::TestParams params = rc::detail::configuration().testParams;
  if (std::string(std::getenv("RC_PARAMS")).find("max_success") == std::string::npos)
    params.maxSuccess = kSanitized ? 1 + cases / 10 : cases;
  rc::detail::TestMetadata metadata;
  metadata.id = metadata.description = name;
  const rc::detail::TestResult result = rc::detail::checkTestable(property, metadata, params);
  std::ostringstream text;
  rc::detail::printResultMessage(result, text);
  INFO(name, ": ", text.str());
  const bool holds = result.template is<rc::detail::SuccessResult>();
  CHECK(holds);
  return holds && result.template get<rc::detail::SuccessResult>().numSuccess >= cases;
}

// low, ..., high, each as likely as another; smaller is simpler.
template <class V>
rc::Gen<V> between(V low, V high) {
  return rc::gen::resize(rc::kNominalSize, rc::gen::inRange<V>(low, high + 1));
}

// Up to `longest` values of a generator; fewer is simpler.
template <class V>
rc::Gen<std::vector<V>> list_of(rc::Gen<V> values, int longest) {
  return rc::gen::resize(longest, rc::gen::container<std::vector<V>>(std::move(values)));
}

// Permutations of n points by Fisher and Yates: all as likely, or those of few transpositions; the identity is
// simplest.
inline rc::Gen<Permutation> permutation_of(Index n) {
  const auto swaps = [n](rc::Gen<Index> distance) {
    return rc::gen::map(rc::gen::container<std::vector<Index>>(static_cast<std::size_t>(n), std::move(distance)),
                        [n](const std::vector<Index>& distances) {
                          std::vector<std::int32_t> images;
                          for (Index i = 0; i < n; ++i) images.push_back(static_cast<std::int32_t>(i));
                          for (Index i = 0; i < n; ++i) std::swap(images[i], images[i + distances[i] % (n - i)]);
                          return Permutation(images);
                        });
  };
  const rc::Gen<Index> uniform = between<Index>(0, 5039 * n);  // nearly so
  return rc::gen::oneOf(swaps(uniform),
                        swaps(rc::gen::weightedOneOf<Index>({{3, rc::gen::just(Index{0})}, {1, uniform}})));
}

}  // namespace testing
}  // namespace eqnn
