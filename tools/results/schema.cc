#include "results/schema.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "cli/json.h"

namespace tools {
namespace {

constexpr ResultKey kResultKeys[] = {
    {"family", "TEXT", kPlanned},
    {"algorithm", "TEXT", kPlanned},
    {"params", "ANY"},
    {"member", "ANY"},
    {"data", "ANY"},
    {"control", "INTEGER", kPlanned},
    {"model", "TEXT", kPlanned},
    {"parameters", "INTEGER"},
    {"optimizer", "TEXT", kPlanned},
    {"lr", "REAL", kPlanned},
    {"batch", "INTEGER", kPlanned},
    {"samples", "INTEGER", kPlanned},
    {"seeds", "ANY"},
    {"oracle", "ANY"},
    {"steps", "INTEGER", kMean | kMetric, "step"},
    {"samples_seen", "INTEGER", kMean | kMetric},
    {"training_phases", "TEXT"},
    {"queries", "ANY"},
    {"queries_above_tau", "ANY"},
    {"batch_loss", "REAL", kMetric},
    {"train_loss", "REAL", kMean | kMetric},
    {"normalized_train_loss", "REAL", kMean | kOnLine},
    {"test_samples", "INTEGER", kMetric},
    {"test_loss", "REAL", kMean | kMetric},
    {"test_variance", "REAL", kMean | kOnLine},
    {"test_entropy", "REAL", kMean | kOnLine},
    {"normalized_test_loss", "REAL", kMean | kMetric},
    {"noise_floor", "REAL", kMean},
    {"test_accuracy", "REAL", kMetric},
    {"test_accuracy_sd", "REAL"},
    {"best_step", "INTEGER"},
    {"fold_accuracies", "TEXT"},
    {"last_epoch_accuracy", "REAL"},
    {"last_epoch_accuracy_sd", "REAL"},
    {"correlation", "REAL", kMean | kMetric},
    {"correlation_low", "REAL", kMean | kMetric},
    {"correlation_high", "REAL", kMean | kMetric},
    {"gradient_norm", "REAL", kMean | kMetric},
    {"gradient_snr", "REAL", kMean | kMetric},
    {"distance", "REAL", kMean | kMetric},
    {"overlap", "REAL", kMean | kMetric},
    {"imported", "TEXT"},
    {"steps_to_learn", "REAL", kMean},
    {"samples_to_learn", "REAL", kMean},
    {"verdict", "TEXT"},
    {"explanation", "ANY"},
    {"recovered", "ANY"},
    {"exact", "ANY"},
    {"thresholds", "REAL"},
    {"largest_query", "ANY"},
    {"learner", "ANY"},
    {"noise", "ANY"},
    {"time", "ANY"},  // what may differ between equal runs comes last
    {"time.wall_seconds", "REAL", kMetric},
    {"time.steps_per_second", "REAL"},
    {"machine", "ANY"},
};

const ResultKey* row_of(std::string_view name) {
  const auto* row = std::ranges::find_if(kResultKeys, [&](const ResultKey& k) { return name == k.name; });
  return row == std::end(kResultKeys) ? nullptr : row;
}

std::string_view first_part(std::string_view key) { return key.substr(0, key.find('.')); }

}  // namespace

const char* ResultKey::column_type() const {
  return has(kMean) && std::string_view(type) == "INTEGER" ? "ANY" : type;
}

std::span<const ResultKey> result_keys() { return kResultKeys; }

const std::vector<ResultKey>& metric_keys() {
  static const std::vector<ResultKey> keys = [] {
    std::vector<ResultKey> list;
    std::ranges::copy_if(kResultKeys, std::back_inserter(list), [](const ResultKey& k) { return k.has(kMetric); });
    return list;
  }();
  return keys;
}

bool is_run_column(std::string_view name) {
  return std::ranges::any_of(kRunColumns, [&](const RunColumn& c) { return name == c.name; });
}

const char* column_type(const std::string& key) {
  const ResultKey* row = row_of(key);
  if (row == nullptr) row = row_of(first_part(key));
  return row == nullptr ? "ANY" : row->column_type();
}

int column_place(const std::string& key) {
  static const ResultKey* const last = row_of("time");
  const ResultKey* row = row_of(first_part(key));
  // An odd number for what has no row: just before `time`.
  return static_cast<int>(2 * ((row == nullptr ? last : row) - kResultKeys)) - (row == nullptr ? 1 : 0);
}

Cell cell_of(const Json& v) {
  if (v.is_null()) return {};
  if (v.is_boolean()) return std::int64_t{v.get<bool>()};
  if (v.is_string()) return v.get<std::string>();
  if (v.is_number_unsigned() && v.get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()})
    return to_text(v);
  if (v.is_number_integer()) return v.get<std::int64_t>();
  if (v.is_number()) return v.get<double>();
  return to_text(v);
}

bool fits(const Cell& cell, std::string_view type) {
  if (type == "ANY" || std::holds_alternative<std::monostate>(cell)) return true;
  if (type == "TEXT") return std::holds_alternative<std::string>(cell);
  return std::holds_alternative<std::int64_t>(cell) || (type == "REAL" && std::holds_alternative<double>(cell));
}

namespace {

void visit_value(const std::string& key, const Json& value,
                 const std::function<void(const std::string&, const Json&)>& visit) {
  if (!value.is_object()) return visit(key, value);
  for (const auto& [name, inner] : value.items()) visit_value(concat(key, ".", name), inner, visit);
}

}  // namespace

void for_each_key(const Json& object, const std::function<void(const std::string&, const Json&)>& visit) {
  for (const auto& [key, value] : object.items()) visit_value(key, value, visit);
}

void check_result(const Json& result) {
  for_each_key(result, [](const std::string& key, const Json& value) {
    const bool known = key == "run_id" || row_of(first_part(key)) != nullptr;
    require<eqnn::Error>(known, "the result has '", key, "', which has no row in results/schema.cc");
    require<eqnn::Error>(fits(cell_of(value), column_type(key)), "the result's '", key, "' is ", to_text(value),
                         "; results/schema.cc says ", column_type(key));
  });
}

}  // namespace tools
