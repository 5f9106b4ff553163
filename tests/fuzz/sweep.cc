// The grid of a sweep.
#include "cli/toml_text.h"
#include "harness.h"
#include "sweep/plan.h"

namespace {

// Runs that a file asks for, at most: a plan may have a million, which is no fault, and takes minutes.
double runs_of(const toml::table& table) {
  double runs = 1;
  if (const auto* text = table["seeds"].as_string()) {
    const auto colon = text->get().find(':');
    const auto last = tools::whole_number(text->get().substr(colon == std::string::npos ? 0 : colon + 1));
    // More than a million are refused.
    if (colon != std::string::npos && last && *last > 0 && *last <= 2'000'000) runs *= static_cast<double>(*last);
  }
  if (const auto* seeds = table["seeds"].as_array()) runs *= static_cast<double>(1 + seeds->size());
  if (const auto* grid = table["grid"].as_table())
    for (const auto& [key, node] : *grid)
      if (const auto* values = node.as_array()) runs *= static_cast<double>(1 + values->size());
  return runs;
}

bool is_small(const std::string& text) {
  try {
    const toml::table document = tools::parse_toml(text, "input");
    double runs = 0;
    if (const auto* sweeps = document["sweeps"].as_array())
      for (const toml::node& sweep : *sweeps)
        if (sweep.is_table()) runs += runs_of(*sweep.as_table());
    return std::max(1.0, runs) * runs_of(document) <= 500;
  } catch (const eqnn::Error&) {
    return true;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(fuzz::text_of(data, size));
  if (!is_small(text)) return -1;  // not for the corpus
  fuzz::reads([&] {
    const tools::SweepPlan plan = tools::plan_sweep(text, "input");
    for (const tools::Sweep& s : plan.sweeps)
      for (const std::size_t run : s.runs) fuzz::sink = static_cast<double>(plan.runs.at(run).run_id.size());
    fuzz::sink = static_cast<double>(plan.record("eqnn sweep run").size());
    if (!plan.runs.empty()) fuzz::sink = static_cast<double>(tools::run_command(plan.runs.back(), "runs").size());
  });
  return 0;
}
