#include "results/run_record.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <unordered_set>

#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/paths.h"
#include "cli/text.h"
#include "results/schema.h"
#include "train/resolve.h"

namespace tools {
namespace {

using eqnn::FileError;

constexpr std::size_t kMostKeys = 1000;  // of one run; SQLite allows 2,000 columns in a table

Json parse(const std::string& path) {
  const Json j = parse_json(eqnn::read_file(path), path);
  require<FileError>(j.is_object(), path, ": holds no JSON object");
  return j;
}

// Text that is a number or a boolean as that: family parameters stand in run.json as text.
Json typed(const Json& v) { return v.is_string() ? typed_json(v.get<std::string>()) : v; }

class RecordReader {
 public:
  explicit RecordReader(const std::string& directory) : directory_(directory) {}

  RunRecord read() {
    // result.json first: a run that ends meanwhile is unfinished, and none is done without its last line.
    const bool done = has("result.json"), failed = has("failure.json");
    const Json result = done ? parse(file("result.json")) : Json::object();
    record_.status = done ? "done" : failed ? "failed" : "unfinished";
    if (has("run.json")) read_run_json(done);
    require<FileError>(!done || has("run.json"), directory_, ": has a result.json and no run.json");
    if (!done && failed) read_failure();
    if (done) read_result(result);
    add_implicit();
    if (has("metrics.jsonl")) read_metrics();
    if (record_.run_id.empty()) record_.run_id = std::filesystem::path(directory_).filename();
    add("run_id", record_.run_id);
    add("status", record_.status);
    add("directory", directory_);
    require<FileError>(record_.cells.size() <= kMostKeys, directory_, ": has ", record_.cells.size(),
                       " keys; at most ", kMostKeys, " are taken");
    return std::move(record_);
  }

 private:
  std::string file(const char* name) const { return directory_ + "/" + name; }
  bool has(const char* name) const { return is_there(file(name)); }

  // The first value of a key stands.
  void add(const std::string& key, Cell cell) {
    if (names_.insert(key).second) record_.cells.emplace_back(key, std::move(cell));
  }

  void read_run_json(bool done) {
    const std::string path = file("run.json");
    const Json run = parse(path);
    const auto text = [&](const char* key) {
      return run.contains(key) && run[key].is_string() ? run[key].get<std::string>() : std::string();
    };
    require<FileError>(text("format") == kRunFormat, path, ": format is '", text("format"),
                       "'; this version reads '", kRunFormat, "'");
    record_.run_id = text("run_id");
    require<FileError>(!record_.run_id.empty(), path, ": has no run_id");
    require<FileError>(run.contains("config") && run["config"].is_object(), path, ": has no config");
    const Json& config = run["config"];
    const std::string subcommand = text("command").empty() ? "train" : text("command");
    if (config.contains("params") && config.contains("family") && config["family"].is_string())
      family_ = config["family"].get<std::string>();
    add("command", command_line(subcommand, config));
    add("seed", common_seed(config));
    for (const char* key : {"tags", "note"})
      if (run.contains(key)) add(key, cell_of(run[key]));
    if (!done) read_intentions(config);
    for (const auto& [key, value] : config.items()) {
      if (key == "params" && value.is_object())
        for (const auto& [name, v] : value.items()) add_checked(path, "config.params." + name, cell_of(typed(v)));
      else
        add_checked(path, "config." + key, cell_of(value));
    }
  }

  // Parameters that configurations leave out at their defaults: a table has the value that applies.
  void add_implicit() {
    for (const eqnn::hard::Family& family : eqnn::hard::families())
      for (const eqnn::hard::Parameter& p : family.parameters)
        if (family.id == family_ && p.implicit)
          for (const char* prefix : {"config.params.", "params."})
            add(prefix + p.name, cell_of(typed_json(p.default_value)));
  }

  // What result.json would say whatever comes out.
  void read_intentions(const Json& config) {
    const std::string path = file("run.json");
    for (const ResultKey& key : result_keys())
      if (key.has(kPlanned) && config.contains(key.name)) add_checked(path, key.name, cell_of(config[key.name]));
    if (config.contains("data") && config["data"] != "") {
      for (auto& [key, cell] : record_.cells)
        if (key == "family") cell = std::string("data");
    }
    if (config.contains("params") && config["params"].is_object())
      for (const auto& [name, v] : config["params"].items()) add_checked(path, "params." + name, cell_of(typed(v)));
    for (const char* name : {"member", "init", "data"})
      if (const std::string key = concat(name, "-seed"); config.contains(key))
        add_checked(path, concat("seeds.", name), cell_of(config[key]));
  }

  void read_failure() {
    const std::string path = file("failure.json");
    const Json j = parse(path);
    const auto number = [&](const char* key) {
      return j.contains(key) && j[key].is_number_integer() ? j[key].get<std::int64_t>() : 0;
    };
    std::string error = j.contains("error") && j["error"].is_string() ? j["error"].get<std::string>() : "";
    if (error.empty())
      error =
          number("signal") != 0 ? concat("signal ", number("signal")) : concat("exit code ", number("exit_code"));
    add("error", error);
  }

  void read_result(const Json& result) {
    const std::string path = file("result.json");
    require<FileError>(result.contains("run_id") && result["run_id"] == record_.run_id, path,
                       ": is not of the run in run.json, ", record_.run_id);
    for_each_key(result, [&](const std::string& key, const Json& value) {
      if (key != "run_id") add_checked(path, key, cell_of(value));
    });
  }

  void add_checked(const std::string& path, const std::string& key, Cell cell) {
    const bool plain = key.size() <= 200 && key.find_first_of(std::string_view("\0\n\r", 3)) == std::string::npos;
    require<FileError>(plain, path, ": a key is too long for a column, or has line breaks");
    const std::string_view type = column_type(key);
    require<FileError>(fits(cell, type), path, ": '", key, "' is '", text_of(cell), "'; its column is of type ",
                       type);
    add(is_run_column(key) ? "result." + key : key, std::move(cell));
  }

  void read_metrics() {
    const std::string path = file("metrics.jsonl"), text = eqnn::read_file(path);
    std::size_t at = 0, line = 0;
    // What follows the last line break is a line that is being written.
    for (std::size_t end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
      ++line;
      const Json j = parse_json_if(std::string_view(text).substr(at, end - at));
      require<FileError>(value_of(j, "step") != nullptr && j["step"].is_number(), path, ": line ", line,
                         " is no JSON object with a step");
      std::vector<Cell>& row = record_.metrics.emplace_back();
      for (const ResultKey& key : metric_keys()) {
        const std::string column = key.metric_name();
        const std::size_t dot = column.find('.');
        const Json* v = value_of(j, column.substr(0, dot));
        if (v != nullptr && dot != std::string::npos) v = value_of(*v, column.substr(dot + 1));
        row.push_back(v == nullptr ? Cell() : cell_of(*v));
        const bool counts = key.type == std::string_view("INTEGER");
        require<FileError>(fits(row.back(), key.type), path, ": line ", line, ": ", column, " is '",
                           text_of(row.back()), "'; a ", counts ? "whole number" : "number", " is needed");
      }
    }
  }

  static const Json* value_of(const Json& j, const std::string& key) {
    if (!j.is_object()) return nullptr;
    const auto found = j.find(key);
    return found == j.end() ? nullptr : &*found;
  }

  static Cell common_seed(const Json& config) {
    if (!config.contains("member-seed") || !config.contains("init-seed") || !config.contains("data-seed"))
      return {};
    const Json& seed = config["member-seed"];
    const Cell cell = cell_of(seed);
    const bool one = config["init-seed"] == seed && config["data-seed"] == seed;
    return one && std::holds_alternative<std::int64_t>(cell) ? cell : Cell();
  }

  // The flags that differ from what the family sets without them.
  static std::string command_line(const std::string& subcommand, const Json& config) {
    const Json defaults = subcommand == "train" ? default_config(config) : Json::object();
    const auto text = [](const Json& v) { return v.is_string() ? v.get<std::string>() : to_text(v); };
    std::string line = concat("eqnn ", shell_word(subcommand));
    const auto flag = [&](const std::string& name, const Json& v) {
      if (v.is_null() || v == "") return;
      line += concat(" ", shell_word("--" + name));
      if (v.is_boolean())
        line += v.get<bool>() ? "" : "=false";
      else
        line += concat(" ", shell_word(text(v)));
    };
    if (config.contains("family") && config["family"] != "")
      line += concat(" ", shell_word(text(config["family"])));
    if (config.contains("params") && config["params"].is_object())
      for (const auto& [name, v] : config["params"].items()) flag(name, typed(v));
    const bool one_seed = common_seed(config) != Cell();
    if (one_seed && config["member-seed"] != 0) flag("seed", config["member-seed"]);
    for (const auto& [key, v] : config.items()) {
      if (key == "family" || key == "params" || key == "data_hash" || key == "init_hash") continue;
      if (one_seed && (key == "member-seed" || key == "init-seed" || key == "data-seed")) continue;
      if (defaults.contains(key) && defaults[key] == v) continue;
      flag(key == "algorithm" ? "algo" : key, v);
    }
    return line;
  }

  // The configuration of the family and its parameters alone; {} for what this version does not know.
  static Json default_config(const Json& config) {
    try {
      const TrainConfig c = parse_config_json(to_text(config));
      RawOptions params;
      for (const auto& [name, value] : c.params)
        if (!value.empty()) params.push_back({name, value});
      if (c.data.empty()) return parse_json(config_json(family_config(c.family, params, 0)));
    } catch (const eqnn::Error&) {
    } catch (const Json::exception&) {
    }
    return Json::object();
  }

  const std::string directory_;
  std::string family_;  // "" where there is none
  RunRecord record_;
  std::unordered_set<std::string> names_;
};

}  // namespace

RunRecord read_run(const std::string& directory) { return RecordReader(directory).read(); }

}  // namespace tools
