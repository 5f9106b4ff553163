#include "runs/explanation.h"

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include <eqnn/hard/bounds/bounds.h>

#include "cli/json.h"
#include "train/phases.h"

namespace tools {
namespace {

// The bounds at tolerances, as the keys PREFIX_tau, PREFIX_queries and PREFIX_bound.
void add_bounds(const TrainConfig& c, const std::vector<std::pair<std::string, double>>& tolerances, Json& j) {
  std::vector<double> taus;
  for (const auto& [prefix, tau] : tolerances) taus.push_back(std::min(tau, 1.0));
  const std::vector<eqnn::hard::Bound> bounds = eqnn::hard::strongest_bounds(c.family, c.params, taus);
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    const std::string& prefix = tolerances[i].first;
    j[prefix + "_tau"] = tolerances[i].second;
    j[prefix + "_queries"] = bounds[i].name.empty() ? Json() : Json(bounds[i].queries);
    j[prefix + "_bound"] = bounds[i].name.empty() ? Json() : Json(bounds[i].name);
  }
}

std::string bound_text(const Json& e, const std::string& prefix) {
  const double tau = e[prefix + "_tau"].get<double>();
  if (e[prefix + "_bound"].is_null()) return fmt::format("not known at tau = {:.2g}", tau);
  const double queries = e[prefix + "_queries"].get<double>();
  return fmt::format("{:.3g}{} at tau = {:.2g}", queries, queries > 1 ? "" : " (vacuous)", tau);
}

// Empty where the family's bounds are about the run.
std::string why_no_bound(const TrainConfig& c, const Asked& asked) {
  if (c.control) return "the control is no member of the family";
  if (!c.member.empty()) return "the member was given, and not drawn";
  if (c.null_target) return "there is no target";
  if (c.answer == "exact" || c.answer == "sampled")
    return "this oracle tells more than the bound's, which answers 0";
  if (transforms_labels(c)) return "queries about transformed labels are not correlational";
  // Dandi et al. 2024: the second gradient on the same examples depends on more than correlations with the label.
  if (c.oracle == "none" && (c.reuse > 1 || asked.again))
    return "queries of examples that were trained on before are not correlational";
  if (c.loss == "abs" || c.loss == "huber") return "queries of this loss are not correlational";
  return "";
}

}  // namespace

Json explanation_json(const TrainConfig& c, const Asked& asked) {
  if (!c.data.empty() || asked.samples == 0) return nullptr;
  Json j;
  j["asked"] = asked.queries;
  if (const std::string why = why_no_bound(c, asked); !why.empty()) {
    j["no_bound"] = why;
    j["explains"] = false;
    return j;
  }
  const bool oracle = c.oracle != "none";
  if (oracle) {
    add_bounds(c, {{"oracle", c.tau}}, j);
  } else {
    add_bounds(c,
               {{"batch", 1 / std::sqrt(static_cast<double>(asked.batch))},
                {"run", 1 / std::sqrt(static_cast<double>(asked.samples))}},
               j);
  }
  const Json& queries = j[oracle ? "oracle_queries" : "run_queries"];
  j["explains"] = !queries.is_null() && queries.get<double>() > asked.queries;
  return j;
}

std::string explanation_text(const Json& e) {
  if (e.is_null()) return "";
  const double asked = e["asked"].get<double>();
  const char* answer = e["explains"].get<bool>() ? "by a bound" : "by no bound";
  if (e.contains("no_bound")) return fmt::format("{}: {}", answer, e["no_bound"].get<std::string>());
  if (e.contains("oracle_tau"))
    return fmt::format("{}: {:.3g} queries asked; the oracle's bound is {}", answer, asked,
                       bound_text(e, "oracle"));
  return fmt::format("{}: {:.3g} queries asked; the bound is {} (all samples), {} (a batch)", answer, asked,
                     bound_text(e, "run"), bound_text(e, "batch"));
}

}  // namespace tools
