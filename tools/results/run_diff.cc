// `eqnn diff`: two runs side by side.

#include <algorithm>
#include <filesystem>
#include <map>

#include <fmt/core.h>

#include "cli/json.h"
#include "cli/paths.h"
#include "commands.h"
#include "results/run_record.h"

namespace tools {
namespace {

struct DiffFlags {
  std::string first, second;
};

// A run's cells by key.
std::map<std::string, Cell> cells_of(const std::string& path) {
  require<eqnn::FileError>(is_folder(path), path, ": there is no such run directory");
  std::error_code error;
  const std::string canonical = std::filesystem::canonical(path, error);
  require<eqnn::FileError>(!error && is_there(canonical + "/run.json"), path,
                           ": has no run.json; name the folder of a run");
  RunRecord record = read_run(canonical);
  return {record.cells.begin(), record.cells.end()};
}

struct Side {
  std::string name;
  Cell first, second;
};

const Cell& cell(const std::map<std::string, Cell>& run, const std::string& key) {
  static const Cell none;
  const auto at = run.find(key);
  return at == run.end() ? none : at->second;
}

// What was set, and how it ended.
std::vector<Side> settings(const std::map<std::string, Cell>& a, const std::map<std::string, Cell>& b) {
  std::map<std::string, Side> all;
  for (const auto* run : {&a, &b})
    for (const auto& [key, value] : *run) {
      const bool label = key == "tags" || key == "note";
      if ((!key.starts_with("config.") && !label) || cell(a, key) == cell(b, key)) continue;
      std::string name = label ? key : key.substr(7);
      if (name.starts_with("params.")) name = name.substr(7);
      all[key] = {name, cell(a, key), cell(b, key)};
    }
  std::vector<Side> sides;
  for (auto& [key, side] : all) sides.push_back(std::move(side));
  return sides;
}

std::vector<Side> outcomes(const std::map<std::string, Cell>& a, const std::map<std::string, Cell>& b) {
  std::vector<Side> sides;
  for (const char* key :
       {"status", "error", "verdict", "normalized_test_loss", "noise_floor", "normalized_train_loss",
        "test_accuracy", "correlation", "parameters", "steps", "samples_seen", "steps_to_learn", "samples_to_learn",
        "queries", "time.wall_seconds", "time.steps_per_second"}) {
    const Side side{key, cell(a, key), cell(b, key)};
    if (side.first != Cell() || side.second != Cell()) sides.push_back(side);
  }
  return sides;
}

std::string short_text(const Cell& cell) {
  const auto* number = std::get_if<double>(&cell);
  std::string text = number != nullptr ? fmt::format("{:.6g}", *number) : text_of(cell);
  if (text.size() > 60) {
    std::size_t end = 57;  // not within a character of UTF-8
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    text = text.substr(0, end) + "...";
  }
  return text.empty() ? "-" : text;
}

void print_sides(const std::vector<Side>& sides) {
  std::size_t name = 0, first = 0;
  for (const Side& s : sides) {
    name = std::max(name, s.name.size());
    first = std::max(first, short_text(s.first).size());
  }
  for (const Side& s : sides)
    fmt::print("{:<{}}  {:<{}}  {}\n", s.name, name, short_text(s.first), first, short_text(s.second));
}

Json sides_json(const std::vector<Side>& sides) {
  const auto value = [](const Cell& c) {
    return std::visit(
        [](const auto& v) {
          if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::monostate>)
            return Json();
          else
            return Json(v);
        },
        c);
  };
  Json j = Json::object();
  for (const Side& s : sides) j[s.name] = {value(s.first), value(s.second)};
  return j;
}

int diff(const DiffFlags& flags, const Common& common) {
  const auto a = cells_of(flags.first), b = cells_of(flags.second);
  const std::vector<Side> set = settings(a, b);
  std::vector<Side> ended = outcomes(a, b);
  if (common.json) {
    fmt::print("{}\n", to_text(Json{{"runs", {flags.first, flags.second}},
                                    {"settings", sides_json(set)},
                                    {"result", sides_json(ended)}}));
    return kDone;
  }
  ended.insert(ended.begin(), {"run", flags.first, flags.second});
  fmt::print("{}\n", set.empty() ? "The settings are the same." : "Settings that differ:");
  print_sides(set);
  fmt::print("\n");
  print_sides(ended);
  return kDone;
}

}  // namespace

void add_diff(CommandLine& line) {
  Subcommand sub =
      line.add("diff", "two runs side by side: settings that differ, and how they ended", "Look at results");
  auto flags = std::make_shared<DiffFlags>();
  sub.example("eqnn diff runs/parity runs/control");
  sub.required("RUN", flags->first, "a run directory");
  sub.takes("RUN", {"/"});
  sub.required("OTHER", flags->second, "another");
  sub.takes("RUN", {"/"});
  sub.runs([flags](const Common& common) { return diff(*flags, common); });
}

}  // namespace tools
