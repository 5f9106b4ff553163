#include "parameter_groups.h"

#include <algorithm>
#include <cmath>

namespace eqnn {
namespace {

constexpr std::size_t kNamesTold = 20;

std::string names_told(const std::vector<ParamInfo>& parameters) {
  std::string text;
  for (std::size_t i = 0; i < std::min(parameters.size(), kNamesTold); ++i)
    text += (i > 0 ? ", " : "") + parameters[i].name;
  if (parameters.size() > kNamesTold) text += concat(", ... (", parameters.size(), " in all)");
  return parameters.empty() ? "none" : text;
}

void check_group(const ParameterGroup& g, const std::vector<ParamInfo>& parameters) {
  const auto allowed = [](double factor) { return std::isfinite(factor) && factor >= 0; };
  require(allowed(g.rate), "the rate factor of the group '", g.pattern, "' is ", g.rate,
          "; it must be finite and not negative, and 0 freezes");
  require(allowed(g.decay), "the decay factor of the group '", g.pattern, "' is ", g.decay,
          "; it must be finite and not negative");
  const bool some = std::any_of(parameters.begin(), parameters.end(),
                                [&](const ParamInfo& p) { return matches_pattern(p.name, g.pattern); });
  require(some, "the group '", g.pattern, "' matches no parameter; there are: ", names_told(parameters));
}

}  // namespace

bool matches_pattern(std::string_view name, std::string_view pattern) {
  // On a mismatch the last star takes one character more.
  std::size_t n = 0, p = 0, star = std::string_view::npos, resumed = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resumed = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p, ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resumed;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

std::vector<UpdatePart> update_parts(const std::vector<ParamInfo>& parameters, Index size,
                                     const std::vector<ParameterGroup>& groups) {
  for (const ParameterGroup& g : groups) check_group(g, parameters);
  std::vector<bool> decides(groups.size());
  std::vector<UpdatePart> parts;
  for (const ParamInfo& p : parameters) {  // in the order of their offsets, without gaps
    UpdatePart part{p.slice.offset, p.slice.offset + p.slice.rows * p.slice.stride, 1, 1};
    for (std::size_t g = groups.size(); g-- > 0;) {
      if (!matches_pattern(p.name, groups[g].pattern)) continue;
      part.rate = groups[g].rate, part.decay = groups[g].decay;
      decides[g] = true;
      break;
    }
    if (!parts.empty() && parts.back().rate == part.rate && parts.back().decay == part.decay)
      parts.back().last = part.last;
    else
      parts.push_back(part);
  }
  if (!parts.empty()) parts.back().last = size;
  for (std::size_t g = 0; g < groups.size(); ++g)
    require(
        decides[g], "the group '", groups[g].pattern,
        "' decides nothing: later groups match all its parameters, and the last one counts; move it behind them");
  return parts;
}

}  // namespace eqnn
