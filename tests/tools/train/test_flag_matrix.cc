// Every flag of a run, with every model, on every kind of source: it changes what is trained or measured, or it is
// refused. What is accepted and without effect would stand in a run's record, and a study over it would show
// nothing.
#include <doctest/doctest.h>
#include <eqnn/hard/family.h>

#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "support/sanitized.h"
#include "train/choices.h"
#include "train/examples.h"
#include "train/models.h"
#include "train/resolve.h"
#include "train/training.h"

namespace test_flag_matrix {

using namespace tools;

namespace {

// What a few steps of a run leave: parameters, moments, and an evaluation.
std::string signature(const TrainConfig& c, const Examples& examples) {
  const auto training = make_training(c, examples, 1);
  std::string bytes = concat(training->parameters(), " ", training->fixed_examples(), " ");
  for (Index step = 0; step < 4; ++step) training->step(nullptr);
  for (const eqnn::NamedArray& a : training->state())
    bytes += a.name + a.dtype + std::string(reinterpret_cast<const char*>(a.bytes.data()), a.bytes.size());
  const Evaluation e = training->test(50);
  bytes += concat(e.examples, " ", e.loss, " ", e.variance);
  return bytes;
}

// Graphs whose classes differ in the number of edges, with labels.
LabelledExamples graph_data() {
  LabelledExamples d;
  d.path = "graphs";
  d.format = "gin";
  d.node_starts = {0};
  for (std::int32_t g = 0; g < 40; ++g) {
    const std::int32_t n = 4 + g % 3;
    std::vector<std::int32_t> offsets{0}, neighbors;
    for (std::int32_t v = 0; v < n; ++v) {
      for (std::int32_t u = 0; u < n; ++u)
        if (u != v && (g % 2 == 1 || (u + v) % 3 == 0)) neighbors.push_back(u);
      offsets.push_back(static_cast<std::int32_t>(neighbors.size()));
      d.node_labels.push_back((v + g) % 2);
    }
    d.graphs.emplace_back(offsets, neighbors);
    d.node_starts.push_back(d.node_starts.back() + n);
    d.classes.push_back(g % 2);
  }
  d.examples = 40;
  d.label_values = {0, 1};
  d.channels = 2;
  d.class_names = {"0", "1"};
  return d;
}

LabelledExamples table_data() {
  LabelledExamples d;
  d.path = "table";
  d.format = "csv";
  d.examples = 40;
  d.points = 4;
  d.channels = 1;
  for (int e = 0; e < 40; ++e) {
    for (int p = 0; p < 4; ++p) d.x.push_back((e * 7 + p * 5) % 11 / 5.0 - 1);
    d.classes.push_back(e % 2);
  }
  d.class_names = {"0", "1"};
  return d;
}

struct Source {
  std::string name;
  RawOptions options;
  std::shared_ptr<const LabelledExamples> data;
};

std::vector<Source> sources() {
  std::vector<Source> list;
  for (const auto& [family, flag, size] : {std::tuple{"gnn-degree-parity", "n", "4"},
                                           {"gnn-feature", "n", "5"},
                                           {"cnn-cyclic", "n", "6"},
                                           {"frame-parity", "n", "6"},
                                           {"invariant-poly", "r", "6"},
                                           {"rotation-invariant", "n", "5"},
                                           {"boolean-orbit", "n", "8"},
                                           {"staircase", "r", "6"}})
    list.push_back({family, {{"family", family}, {flag, size}}, nullptr});
  list[3].options.push_back({"k", "2"});  // of frame-parity: at most n / 2
  list.push_back({"graphs", {{"data", "graphs"}}, std::make_shared<const LabelledExamples>(graph_data())});
  list.push_back(
      {"table", {{"data", "table"}, {"format", "csv"}}, std::make_shared<const LabelledExamples>(table_data())});
  return list;
}

// Values that are no defaults; several where one of them may be the default somewhere. With them, what they need.
struct FlagValue {
  std::string name, value;
  RawOptions needs = {};
};
std::vector<FlagValue> flag_values() {
  const RawOptions sgd{{"optimizer", "sgd"}}, momentum{{"optimizer", "sgd"}, {"momentum", "0.9"}},
      falling{{"schedule", "step"}, {"decay-every", "2"}}, csq{{"oracle", "csq"}, {"tau", "0.2"}};
  std::vector<FlagValue> list = {{"depth", "3"},
                                 {"width", "5"},
                                 {"head-width", "3"},
                                 {"filter", "2"},
                                 {"filter", "2", {{"depth", "1"}}},
                                 {"activation", "tanh"},
                                 {"init", "xavier-normal"},
                                 {"init-scale", "0.7"},
                                 {"adjacency", "raw"},
                                 {"frame-group", "SO"},
                                 {"frame-group", "E"},
                                 {"augment", "family"},
                                 {"augment", "signs"},
                                 {"augment", "family:2"},
                                 {"test-average", "family:3"},
                                 {"test-average", "signs:2"},
                                 {"pool", "sqrt"},
                                 {"norm", "layer"},
                                 {"dropout", "0.5"},
                                 {"optimizer", "sgd"},
                                 {"lr", "0.0123"},
                                 {"momentum", "0.5", sgd},
                                 {"momentum", "0.5"},
                                 {"nesterov", "true", momentum},
                                 {"nesterov", "true"},
                                 {"weight-decay", "0.3"},
                                 {"schedule", "constant"},
                                 {"warmup", "3"},
                                 {"decay-every", "1", falling},
                                 {"decay-every", "1"},
                                 {"decay-factor", "0.3", falling},
                                 {"decay-factor", "0.3"},
                                 {"batch", "5"},
                                 {"samples", "30"},
                                 {"noise", "0.4"},
                                 {"clip-norm", "1e-3"},
                                 {"loss", "cross-entropy"},
                                 {"loss", "mse"},
                                 {"loss", "abs"},
                                 {"loss", "huber"},
                                 {"label-transform", "clip-square:0.5"},
                                 {"label-transform", "sign"},
                                 {"label-transform", "abs", {{"loss", "mse"}}},
                                 {"phases", "square:2:1e-3,none:6:2e-3"},
                                 {"phases", "none:8:1e-3", {{"loss", "mse"}}},
                                 {"reuse", "3"},
                                 {"first-lr", "0.3"},
                                 {"dtype", "f64"},
                                 {"control", "true"},
                                 {"folds", "5"},
                                 {"fold", "1"},
                                 {"node-labels", "degree"},
                                 {"node-labels", "none"},
                                 {"member-seed", "9"},
                                 {"init-seed", "9"},
                                 {"data-seed", "9"},
                                 {"tau", "1e-6", csq},
                                 {"tau", "0.1"},
                                 {"answer", "sampled", csq},
                                 {"answer", "exact"},
                                 {"oracle-samples", "64", csq},
                                 {"oracle-samples", "64"},
                                 {"null-target", "true"},
                                 {"patience", "2", {{"samples", "30"}}},
                                 {"patience", "2"}};
  return list;
}

// Read when a run is evaluated or ends, not by its steps: tested where they are (test_train.cc, test_measures.cc);
// the weights of another run need one (test_beginnings.cc).
// `strict` and `shard` change no bits here, by promise; `data`, `format`, `model` and `oracle` are the matrix.
const std::set<std::string> kElsewhere{
    "steps",        "test-samples", "eval-every", "stop-at-loss",          "strict", "shard",  "learned-below",
    "fails-from",   "data",         "format",     "memorised-train-below", "model",  "oracle", "init-from",
    "stop-hopeless"};

std::optional<TrainConfig> resolved(const Source& s, const RawOptions& more) {
  RawOptions options = s.options;
  options.insert(options.end(), {{"steps", "8"}, {"batch", "4"}, {"width", "4"}});
  if (!s.data) options.push_back({"test-samples", "50"});
  options.insert(options.end(), more.begin(), more.end());
  try {
    // What a file gives for these choices, as reading it would.
    return resolve_config(options, 1, [&](const auto&, const auto&, const DataChoices& choices) {
      auto d = std::make_shared<LabelledExamples>(*s.data);
      if (choices.targets == DataChoices::Targets::real) {
        d->y.assign(d->classes.begin(), d->classes.end());
        d->classes.clear();
        d->class_names.clear();
      }
      if (choices.node_labels != DataChoices::NodeLabels::guessed) d->labels_from = choices.node_labels;
      return d;
    });
  } catch (const eqnn::Error&) {
    return std::nullopt;
  }
}

Examples examples_of(const Source& s, const TrainConfig& c) {
  if (!s.data) return {make_member(c), nullptr};
  auto d = std::make_shared<LabelledExamples>(*s.data);
  if (!predicts_classes(c)) {
    d->y.assign(d->classes.begin(), d->classes.end());
    d->classes.clear();
    d->class_names.clear();
  }
  return {nullptr, d};
}

}  // namespace

TEST_CASE("flags: every one that is accepted changes what is trained, with every model and source") {
  std::set<std::string> covered = kElsewhere;
  std::map<std::string, int> accepted;  // of each source
  int refused = 0;
  for (const Source& source : sources()) {
    if (kSanitized && source.name != "gnn-feature" && source.name != "graphs") continue;
    for (const std::string& model : models().names()) {
      const auto with_model = [&](RawOptions more) {
        more.insert(more.begin(), {"model", model});
        return resolved(source, more);
      };
      const auto base = with_model({});
      if (!base) continue;
      std::string without;
      try {
        without = signature(*base, examples_of(source, *base));
      } catch (const eqnn::Error&) {
        continue;  // the model does not take such inputs
      }
      for (const FlagValue& flag : flag_values()) {
        covered.insert(flag.name);
        CAPTURE(source.name);
        CAPTURE(model);
        CAPTURE(flag.name);
        RawOptions given = flag.needs;
        given.push_back({flag.name, flag.value});
        const auto needed = with_model(flag.needs), config = with_model(given);
        if (!needed || !config || flag.name == "node-labels") {
          ++refused;
          continue;
        }
        if (run_id(*config) == run_id(*needed)) continue;  // the value that it has anyway
        ++accepted[source.name];
        try {
          const std::string before =
                                flag.needs.empty() ? without : signature(*needed, examples_of(source, *needed)),
                            after = signature(*config, examples_of(source, *config));
          CHECK((before != after));
        } catch (const eqnn::Error&) {
          ++refused;
        }
      }
    }
  }
  for (const ConfigField& f : config_fields()) {
    CAPTURE(f.name);
    CHECK(covered.contains(f.name));  // a new flag gets its row above
  }
  for (const Source& source : sources()) {
    CAPTURE(source.name);
    CHECK((kSanitized || accepted[source.name] > 20));
  }
  CHECK(refused > 20);
}

}  // namespace test_flag_matrix
