// The choices of a configuration, each with a table of its values: the name, what it stands for, and which fields
// of the configuration it reads. The flags' allowed values come from the same tables. --model has its own, in
// models.h.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>

#include <eqnn/core/params.h>
#include <eqnn/core/trainer.h>
#include <eqnn/hard/learners/oracle.h>
#include <eqnn/nn/dense.h>
#include <eqnn/nn/dense_graphs.h>
#include <eqnn/nn/elementwise.h>
#include <eqnn/nn/point_frames.h>

#include "cli/name_table.h"
#include "data/dataset.h"
#include "train/config.h"

namespace tools {

enum class Pool : std::uint8_t { mean, sum, sqrt };
enum class Norm : std::uint8_t { none, layer, graph };
enum class Loss : std::uint8_t { mse, abs, huber, cross_entropy };
enum class Dtype : std::uint8_t { f32, f64 };

const NameTable<eqnn::Activation>& activations();
const NameTable<eqnn::Initializer>& initializers();
const NameTable<eqnn::Adjacency>& adjacency_forms();
const NameTable<Pool>& pools();
const NameTable<eqnn::PointGroup>& point_groups();
const NameTable<Norm>& norms();
const NameTable<Loss>& losses();
const NameTable<DataChoices::NodeLabels>& node_labels();
// What the values of --loss and --node-labels say of a file; empty: not given.
DataChoices data_choices(const std::string& loss, const std::string& labels);
const NameTable<Dtype>& dtypes();
const NameTable<eqnn::hard::Oracle::Answer>& oracle_answers();

// What follows names the fields that it reads among those of config_fields(): where no value of a choice names a
// field, the choice has no say in it.
struct OptimizerChoice {
  std::vector<std::string> fields;
  std::function<eqnn::Optimizer(const TrainConfig&)> make;
};
const NameTable<OptimizerChoice>& optimizers();

struct ScheduleChoice {
  std::vector<std::string> fields;
  eqnn::Schedule::Kind kind;
};
const NameTable<ScheduleChoice>& schedules();

struct OracleChoice {
  std::vector<std::string> fields;
  std::optional<eqnn::hard::Oracle::Kind> kind;  // none: the gradient of the batch
};
const NameTable<OracleChoice>& oracles();

// The names of the fields that a run of `c` reads: all but those that its model, optimiser, schedule, oracle or
// source of examples (a family or a file) leaves alone.
std::set<std::string> fields_read(const TrainConfig& c);
// Who reads a field that not every run does: "--model cnn, gnn; --schedule step".
std::string readers_of(const std::string& field);

// As `c` has them; the schedule and the optimiser of a phase are those of its phase_config().
eqnn::Initializer initializer(const TrainConfig& c);
eqnn::Schedule schedule(const TrainConfig& c);
// Whether the network gives a logit a class, for a label, in the place of one value.
inline bool predicts_classes(const TrainConfig& c) { return losses()[c.loss] == Loss::cross_entropy; }

// f.operator()<T>() with T the type of a --dtype; both give the same type.
template <class F>
auto dispatch(const std::string& dtype, const F& f) {
  return dtypes()[dtype] == Dtype::f64 ? f.template operator()<double>() : f.template operator()<float>();
}

}  // namespace tools
