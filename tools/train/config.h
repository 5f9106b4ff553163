// The configuration of one training run: every field with its name, help and allowed values in one table,
// from which flags, TOML keys, run.json and the run's id are made.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <eqnn/hard/family.h>

#include "cli/options.h"

namespace tools {

struct TrainConfig {
  std::string family;
  eqnn::hard::ParameterValues params;  // all of the family's
  std::string member;                  // a member file's contents; empty: drawn from member_seed
  std::string data, format = "gin";    // a file of examples instead of a family
  std::string data_hash;               // of its examples
  std::string init_from, init_hash;    // a run whose weights are the initial ones, and their hash; empty: drawn
  std::string node_labels = "file";    // of graphs: file, degree or none
  Index folds = 0, fold = -1;          // fold >= 0: only that one
  bool control = false;
  std::string model = "gnn";
  Index depth = 3, width = 64, head_width = 64;
  std::string activation = "relu", init = "kaiming-uniform";
  double init_scale = 1;
  Index filter = 1;
  std::string adjacency = "centred", pool = "mean", norm = "none";
  std::string frame_group = "O";  // of models with a frame of the cloud
  double dropout = 0;
  std::string optimizer = "adam";
  double lr = 2e-3, momentum = 0;
  bool nesterov = false;
  double weight_decay = 0;
  std::string schedule = "cosine";
  Index warmup = 0, decay_every = 1000;
  double decay_factor = 0.1;
  Index batch = 32, steps = 12000;
  std::string label_transform = "none", phases;  // phases: empty, or what steps, lr and label_transform are from
  Index reuse = 1;                               // steps that each fresh batch is used for
  double first_lr = 0;                           // > 0: the rate of the first step
  Index samples = 0;                             // 0: online
  Index test_samples = 10000;
  Index eval_every = 0;  // 0: a twentieth of the steps
  double stop_at_loss = 0;
  Index patience = 0;
  std::string stop_hopeless;  // STEPS:LOSS; empty: never
  double clip_norm = 0, noise = 0;
  std::string oracle = "none", answer;  // "none": `answer`, `tau` and `oracle_samples` are not given
  double tau = 0;
  Index oracle_samples = -1;  // 0: all inputs
  bool null_target = false;
  std::string augment = "none", test_average = "none";  // GROUP[:COUNT]: train/elements.h
  std::string loss = "mse", dtype = "f32";
  bool strict = false;
  Index shard = 8;
  double learned_below = 0.05, fails_from = 0.9, memorised_train_below = 0.1;
  std::uint64_t member_seed = 0, init_seed = 0, data_seed = 0;

  // Of stop_hopeless, where it is given.
  struct Hopeless {
    Index steps = 0;
    double loss = 0;
  };
  Hopeless hopeless() const;

  Index eval_interval() const { return eval_every > 0 ? eval_every : std::max<Index>(1, steps / 20); }
};

// One row of the table.
struct ConfigField {
  std::string name, help;
  bool is_switch = false;
  std::function<void(TrainConfig&, const std::string&)> set;  // throws ValueError
  std::function<std::string(const TrainConfig&)> get;         // as TOML and JSON write it
  // Whether it is written at all; empty: always. What came later is written where it is used alone, so that
  // configurations without it keep their run ids.
  std::function<bool(const TrainConfig&)> written = {};
  std::vector<std::string> values = {};  // of a choice: all that are allowed
  std::string heading = {};              // the flags that it stands with in --help
};
const std::vector<ConfigField>& config_fields();
// The value of a field as its flag has it.
std::string flag_value(const ConfigField& field, const TrainConfig& c);

// Checks of what belongs together. Throws ValueError.
void check_config(const TrainConfig& c);

// The configuration as JSON text (run.json's "config") and back, and as a TOML file.
std::string config_json(const TrainConfig& c);
TrainConfig parse_config_json(std::string_view text);
std::string config_toml(const TrainConfig& c);

// All parameters and fields as options: family_config(c.family, config_options(c), 0) is c without its member.
RawOptions config_options(const TrainConfig& c);

// 16 hexadecimal digits of the configuration with its seeds and the results version. A file counts by its contents,
// not by where it is.
std::string run_id(const TrainConfig& c);

// 16 hexadecimal digits of a text and the results version: run_id is that of config_json.
std::string content_id(std::string_view text);

}  // namespace tools
