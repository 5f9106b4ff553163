// The tables of choices: what is in them is known to the configuration, and says which fields a run reads.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>

#include "train/choices.h"
#include "train/models.h"
#include "train/resolve.h"

namespace test_choices {

namespace {

using namespace tools;

std::set<std::string> read_by(const RawOptions& options) {
  RawOptions all{{"family", "gnn-degree-parity"}};
  all.insert(all.end(), options.begin(), options.end());
  return fields_read(resolve_config(all, 0));
}

bool reads(const RawOptions& options, const std::string& field) { return read_by(options).contains(field); }

template <class V>
void check_fields(const NameTable<V>& table) {
  for (std::size_t i = 0; i < table.names().size(); ++i)
    for (const std::string& field : table.values()[i].fields) {
      CAPTURE(table.names()[i]);
      CAPTURE(field);
      CHECK(std::any_of(config_fields().begin(), config_fields().end(),
                        [&](const ConfigField& f) { return f.name == field; }));
    }
}

TEST_CASE("choices: every field that a value reads is a field of the configuration") {
  check_fields(models());
  check_fields(optimizers());
  check_fields(schedules());
  check_fields(oracles());
}

TEST_CASE("choices: a run reads what its model reads") {
  CHECK(reads({{"model", "gnn"}}, "adjacency"));
  CHECK(reads({{"model", "gin"}}, "norm"));
  CHECK(!reads({{"model", "gnn"}}, "filter"));
  CHECK(reads({{"model", "cnn"}}, "filter"));
  CHECK(!reads({{"model", "cnn"}}, "adjacency"));
  for (const char* model : {"mlp", "frame-mlp", "group-mlp"}) {
    CHECK(reads({{"model", model}}, "depth"));
    for (const char* field : {"head-width", "pool", "norm", "dropout", "adjacency", "filter"})
      CHECK(!reads({{"model", model}}, field));
  }
  CHECK(reads({{"model", "poly"}}, "width"));
  CHECK(!reads({{"model", "poly"}}, "depth"));
  CHECK(!reads({{"model", "poly"}}, "activation"));
  CHECK(reads({{"model", "egnn"}}, "head-width"));
  CHECK(!reads({{"model", "egnn"}}, "pool"));
  CHECK(reads({{"model", "weighted-mlp"}}, "frame-group"));
  CHECK(!reads({{"model", "labelled-egnn"}}, "frame-group"));
  CHECK(reads({{"model", "deepsets"}}, "pool"));
}

TEST_CASE("choices: a run reads what its optimiser, schedule and oracle read") {
  CHECK(reads({{"optimizer", "sgd"}}, "momentum"));
  for (const char* optimizer : {"adam", "adamw", "sign-sgd"}) {
    CHECK(reads({{"optimizer", optimizer}}, "lr"));
    CHECK(!reads({{"optimizer", optimizer}}, "momentum"));
    CHECK(!reads({{"optimizer", optimizer}}, "nesterov"));
  }
  CHECK(reads({{"schedule", "step"}}, "decay-every"));
  CHECK(!reads({{"schedule", "cosine"}}, "decay-every"));
  CHECK(reads({{"schedule", "constant"}}, "warmup"));
  CHECK(!reads({}, "tau"));
  CHECK(reads({}, "oracle"));
  CHECK(reads({{"oracle", "csq"}, {"tau", "0.1"}}, "tau"));
}

TEST_CASE("choices: families and files read what is theirs") {
  for (const char* field : {"samples", "noise", "control", "member-seed", "test-samples"}) CHECK(reads({}, field));
  for (const char* field : {"data", "format", "folds", "fold"}) CHECK(!reads({}, field));
  TrainConfig c;
  c.data = "examples.csv";
  c.model = "gin";
  const auto read = fields_read(c);
  for (const char* field : {"samples", "noise", "control", "member-seed", "test-samples", "adjacency", "oracle"})
    CHECK(!read.contains(field));
  for (const char* field : {"data", "format", "folds", "fold", "pool", "lr", "data-seed"})
    CHECK(read.contains(field));
}

TEST_CASE("choices: a name that is in no table is refused with the nearest") {
  CHECK_THROWS_WITH_AS(activations()["rel"],
                       "--activation is 'rel'; allowed are relu, tanh, gelu, square; the nearest is 'relu'",
                       eqnn::ValueError);
  TrainConfig c;
  c.model = "mpl";
  CHECK_THROWS_AS(fields_read(c), eqnn::ValueError);
  c = {};
  c.schedule = "cosin";
  CHECK_THROWS_AS(schedule(c), eqnn::ValueError);
}

}  // namespace

}  // namespace test_choices
