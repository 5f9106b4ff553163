// Reading member files: JSON objects whose keys and types are checked, with errors that name key and value.
// Internal: nlohmann/json is too heavy for a public header.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "../core/check.h"
#include "../core/matrix.h"

namespace eqnn::hard {

// The object in `text`, with all of `required` and nothing beyond `optional`. Throws FileError for what is no
// JSON, ValueError for a missing key, and for an unknown one, naming the nearest.
nlohmann::json parse_member_document(std::string_view text, const std::vector<std::string>& required,
                                     const std::vector<std::string>& optional = {});

// The value of a key of `document`, by type. All throw ValueError, naming the key, for another type.
Index whole_number(const nlohmann::json& document, const std::string& key);
double real_number(const nlohmann::json& document, const std::string& key);  // finite
std::string text_value(const nlohmann::json& document, const std::string& key);
std::vector<Index> whole_numbers(const nlohmann::json& document, const std::string& key);
// A list of rows of equal length, none of them empty; entries finite.
Matrix<double> number_matrix(const nlohmann::json& document, const std::string& key);
nlohmann::json matrix_json(const Matrix<double>& m);

}  // namespace eqnn::hard
