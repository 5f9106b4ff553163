#include "results/study_file.h"

#include <algorithm>

#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/toml_text.h"
#include "results/schema.h"

namespace tools {
namespace {

using eqnn::FileError;

// Seeds beyond 2^63 are no integers of SQLite, and null.
Cell seed_cell(const Json& v) {
  const std::uint64_t seed = v.get<std::uint64_t>();
  return seed >> 63 == 0 ? Cell(static_cast<std::int64_t>(seed)) : Cell();
}

void check_flag(const std::string& path, const std::string& flag) {
  const bool plain =
      !flag.empty() && flag.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  require<FileError>(plain && !is_run_column(flag), path, ": 'swept' names '", flag,
                     "', which is no flag that can be swept");
}

}  // namespace

StudyFile read_study(const std::string& path) {
  const Json file = parse_json(eqnn::read_file(path), path);
  StudyFile study;
  try {
    require<FileError>(file.at("format") == 1, path, ": format is ", to_text(file.at("format")),
                       "; this version reads 1");
    study.name = file.at("name").get<std::string>();
    const Json& sweeps = file.at("sweeps");
    for (const Json& sweep : sweeps) {
      const std::string id =
          sweeps.size() == 1 ? study.name : concat(study.name, "/", sweep.at("name").get<std::string>());
      std::string title = sweep.value("title", "");
      if (title.empty()) title = file.value("title", "");
      for (const Json& flag : sweep.at("swept")) check_flag(path, flag.get<std::string>());
      study.studies.push_back({id, title, file.value("claim", ""), file.value("command", ""),
                               file.value("toml", ""), to_text(sweep.at("swept")), to_text(sweep.at("seeds"))});
      for (const Json& run : sweep.at("runs")) {
        require<FileError>(run.at("values").is_object(), path, ": 'values' of a run are no object");
        study.runs.push_back(
            {id, run.at("run_id").get<std::string>(), seed_cell(run.at("seed")), to_text(run.at("values"))});
      }
    }
  } catch (const Json::exception& e) {
    throw FileError(concat(path, ": is no sweep of this version: ", plain_message(e)));
  }
  return study;
}

std::vector<std::string> swept_flags(const Database& db) {
  std::vector<std::string> flags;
  for (const auto& row : db.query("SELECT swept FROM studies ORDER BY study").rows)
    for (const std::string flag : parse_json(text_of(row[0])))
      if (std::find(flags.begin(), flags.end(), flag) == flags.end()) flags.push_back(flag);
  return flags;
}

std::string file_title(const std::string& toml) {
  try {
    return parse_toml(toml, "the study")["title"].value_or(std::string());
  } catch (const ValueError&) {
    return "";
  }
}

}  // namespace tools
