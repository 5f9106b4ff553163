#include "figures/settings.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/core.h>

#include "figures/script.h"

namespace tools {

std::vector<Cell> values_of(const std::vector<FigureRun>& runs, const std::string& column) {
  std::vector<Cell> values;
  for (const FigureRun& run : runs)
    if (const auto found = run.values.find(column); found != run.values.end()) values.push_back(found->second);
  std::sort(values.begin(), values.end(), cell_less);
  values.erase(std::unique(values.begin(), values.end(),
                           [](const Cell& a, const Cell& b) { return text_of(a) == text_of(b); }),
               values.end());
  return values;
}

bool is_numeric(const Group& group, const std::string& column) {
  const std::vector<Cell> values = values_of(group.runs, column);
  return values.size() > 1 &&
         std::ranges::all_of(values, [](const Cell& c) { return std::isfinite(number_of(c)); });
}

std::string size_column(const Group& group, const std::string& wanted) {
  const auto swept = [&](const std::string& key) {
    return std::ranges::find(group.swept, key) != group.swept.end() && is_numeric(group, key);
  };
  if (!wanted.empty()) return swept(wanted) ? wanted : "";
  for (const char* key : kFamilyParameters)
    if (swept(key)) return key;
  for (const char* key : {"samples", "width"})
    if (swept(key)) return key;
  return "";
}

std::string label_of(const Cell& value) {
  std::string text = text_of(value);
  if (!std::holds_alternative<double>(value)) return text;
  const double number = number_of(value);
  if (std::abs(number) >= 1e-4 && std::abs(number) < 1e6) return fmt::format("{}", number);
  if (const auto e = text.find("e-0"); e != std::string::npos) text.erase(e + 2, 1);
  if (const auto e = text.find("e+"); e != std::string::npos) text.erase(e + 1, text[e + 2] == '0' ? 2 : 1);
  return text;
}

std::string values_text(const FigureRun& run, const std::vector<std::string>& columns) {
  std::string text;
  for (const std::string& key : columns)
    if (const auto found = run.values.find(key); found != run.values.end())
      text += concat(text.empty() ? "" : ", ", key, " ", label_of(found->second));
  return text;
}

namespace {

// Words say themselves what they are: "sgd, lr 0.1".
std::string short_text(const FigureRun& run, const std::vector<std::string>& columns) {
  std::string text;
  for (const std::string& key : columns) {
    const auto found = run.values.find(key);
    if (found == run.values.end()) continue;
    const std::string value = label_of(found->second);
    const bool word = !std::isfinite(number_of(found->second)) && value != "true" && value != "false";
    text += concat(text.empty() ? "" : ", ", word ? "" : key + " ", shortened(value, 18));
  }
  return text;
}

}  // namespace

std::vector<Setting> settings_of(const Group& group, const std::vector<FigureRun>& runs,
                                 const std::set<std::string>& left_out) {
  std::vector<std::string> columns;
  for (const std::string& key : group.swept)
    if (!left_out.contains(key)) columns.push_back(key);
  std::vector<Setting> settings;
  std::map<std::string, std::size_t> place;
  for (const FigureRun& run : runs) {
    std::string name = values_text(run, columns), label = short_text(run, columns);
    if (run.learner) {
      name = concat(run.method, name.empty() ? "" : ", ", name);
      label = concat(run.method, label.empty() ? "" : ", ", label);
    }
    if (name.empty()) name = label = run.method.empty() ? "all runs" : run.method;
    const auto [entry, added] = place.try_emplace(name, settings.size());
    if (added) settings.push_back({name, label, {}});
    settings[entry->second].runs.push_back(run);
  }
  return settings;
}

}  // namespace tools
