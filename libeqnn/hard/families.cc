#include <algorithm>
#include <charconv>

#include "../core/spelling.h"
#include "families/boolean_orbit/boolean_orbit.h"
#include "families/frame_parity/frame_parity.h"
#include "families/gnn_degree_parity/gnn_degree_parity.h"
#include "families/invariant_poly/invariant_poly.h"
#include "families/invariant_poly/staircase.h"
#include "families/planar/cnn_cyclic.h"
#include "families/planar/gnn_feature.h"
#include "families/planar/rotation_invariant.h"
#include "family.h"

namespace eqnn::hard {
namespace {

// Reads all of `text` as a number; false when it is none, or when something is left over.
template <class T>
bool read_number(const std::string& text, T& value) {
  const char* end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && last == end;
}

}  // namespace

ParameterReader::ParameterReader(const std::vector<Parameter>& known, const ParameterValues& values) {
  std::vector<std::string> names;
  for (const Parameter& p : known) {
    names.push_back(p.name);
    values_[p.name] = p.default_value;
  }
  for (const auto& [name, value] : values) {
    require(values_.count(name) == 1, "unknown parameter '", name, "'", spelling_hint(name, names));
    values_[name] = value;
  }
}

const std::string& ParameterReader::text(const std::string& name) const {
  const auto found = values_.find(name);
  require(found != values_.end(), "this family has no parameter '", name, "'");
  return found->second;
}

Index ParameterReader::integer(const std::string& name) const {
  Index value = 0;
  require(read_number(text(name), value), name, " is '", text(name), "'; it must be a whole number");
  return value;
}

double ParameterReader::number(const std::string& name) const {
  double value = 0;
  require(read_number(text(name), value) && std::isfinite(value), name, " is '", text(name),
          "'; it must be a finite number");
  return value;
}

bool ParameterReader::flag(const std::string& name) const {
  const std::string& value = text(name);
  const bool yes = value.empty() || value == "true" || value == "1";
  require(yes || value == "false" || value == "0", name, " is '", value, "'; it must be true or false");
  return yes;
}

bool Family::has_parameter(std::string_view name) const {
  return std::any_of(parameters.begin(), parameters.end(), [&](const Parameter& p) { return p.name == name; });
}

void Member::features(Block<const float>, Block<float>) const { throw ValueError("this family has no features"); }
void Member::features(Block<const double>, Block<double>) const { throw ValueError("this family has no features"); }

IndependentVariables Member::variables() const {
  const InputLayout& layout = input();
  return {layout.bits ? std::nullopt : std::optional(Law::gauss), layout.points * layout.channels};
}
PlantedDirections Member::planted(bool) const { return {}; }

double planted_overlap(const PlantedDirections& planted, MatrixView<const double> weights) {
  const MatrixView<const double> basis = planted.basis.view();
  const Index entries = basis.cols;
  if (weights.cols != entries || entries == 0) return std::nan("");
  double found = 0, all = 0;
  for (Index j = 0; j < weights.rows; ++j) {
    double best = 0;
    for (Index shift = 0; shift < planted.shifts; ++shift) {
      double sum = 0;
      for (Index r = 0; r < basis.rows; ++r) {
        double dot = 0;
        for (Index i = 0; i < entries; ++i) dot += basis(r, i) * weights(j, (i + shift) % entries);
        sum += dot * dot;
      }
      best = std::max(best, sum);
    }
    found += best;
    for (Index i = 0; i < entries; ++i) all += weights(j, i) * weights(j, i);
  }
  return all > 0 ? found / all : std::nan("");
}

void Member::variables(Block<const double> x, MatrixView<double> z) const {
  const bool bits = input().bits;
  for (Index e = 0; e < x.examples; ++e)
    for (Index p = 0, i = 0; p < x.points; ++p)
      for (Index c = 0; c < x.channels; ++c, ++i) z(e, i) = bits ? 1 - 2 * x(e, p, c) : x(e, p, c);
}

void Member::list_inputs(Index, Block<float>) const { throw ValueError("this family's inputs cannot be listed"); }
void Member::list_inputs(Index, Block<double>) const { throw ValueError("this family's inputs cannot be listed"); }

std::optional<InputAction> Member::action() const {
  const auto g = group();
  return g ? std::optional(InputAction::permutations(*g, InputAction::Moves::points)) : std::nullopt;
}

std::vector<GroupElement> Member::symmetries(Index random, std::uint64_t seed) const {
  std::vector<GroupElement> elements;
  if (const auto g = group())
    for (const Permutation& p : telling_elements(*g, 100, random, seed))
      elements.push_back({to_string(p), [p, name = input().name](const Sample& x) {
                            return Sample{{name, permute_rows(x.at(name), p)}};
                          }});
  return elements;
}

const std::vector<Family>& families() {
  static const std::vector<Family> all = {
      boolean_orbit_family(), gnn_degree_parity_family(), gnn_feature_family(),        cnn_cyclic_family(),
      frame_parity_family(),  invariant_poly_family(),    rotation_invariant_family(), staircase_family()};
  return all;
}

const Family& family(std::string_view id) {
  std::vector<std::string> ids;
  for (const Family& f : families()) {
    if (f.id == id) return f;
    ids.push_back(f.id);
  }
  throw ValueError(concat("unknown family '", id, "'", spelling_hint(id, ids)));
}

}  // namespace eqnn::hard
