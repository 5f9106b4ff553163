// The golden values of tests/golden, and what it means to agree with them.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

// A section of a golden file, such as "F1"; it is kept for as long as the tests run.
const nlohmann::json& golden(const std::string& section, const std::string& file = "golden.json");

// Closed forms: norms, inner products, bounds.
inline bool near(double value, double expected) {
  return std::abs(value - expected) <= 1e-12 + 1e-9 * std::abs(expected);
}
// Values of functions.
inline bool same_value(double value, double expected) {
  return std::abs(value - expected) <= 1e-10 * (1 + std::abs(expected));
}
