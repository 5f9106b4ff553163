#include "member_file.h"

#include <algorithm>
#include <cmath>

#include "../core/spelling.h"

namespace eqnn::hard {
namespace {

using nlohmann::json;

std::string listed(const std::vector<std::string>& names) {
  std::string all;
  for (const std::string& name : names) all += concat(all.empty() ? "" : ", ", name);
  return all;
}

Index whole(const json& v, const std::string& key) {
  require(v.is_number_integer(), "'", key, "' of the member holds ", v.type_name(), "; it must be a whole number");
  const bool huge = v.is_number_unsigned() && v.get<std::uint64_t>() > std::uint64_t{INT64_MAX};
  return huge ? INT64_MAX : v.get<Index>();
}

double real(const json& v, const std::string& key) {
  require(v.is_number(), "'", key, "' of the member holds ", v.type_name(), "; it must be a number");
  return v.get<double>();  // JSON has no infinities
}

const json& list(const json& document, const std::string& key, const char* what) {
  const json& v = document.at(key);
  require(v.is_array(), "'", key, "' of the member holds ", v.type_name(), "; it must be ", what);
  return v;
}

}  // namespace

json parse_member_document(std::string_view text, const std::vector<std::string>& required,
                           const std::vector<std::string>& optional) {
  json document;
  try {
    document = json::parse(text);
  } catch (const json::parse_error& e) {
    throw FileError(
        concat("the member file is not valid JSON: it stops making sense at byte ", e.byte, " of ", text.size()));
  } catch (const json::out_of_range&) {
    throw FileError("the member file holds a number that no double can hold; write smaller numbers");
  }
  require(document.is_object(), "the member is a JSON ", document.type_name(), "; it must be an object with ",
          listed(required));
  std::vector<std::string> keys = required;
  keys.insert(keys.end(), optional.begin(), optional.end());
  for (const auto& [key, value] : document.items())
    require(std::find(keys.begin(), keys.end(), key) != keys.end(), "unknown key '", key,
            "' in the member; the nearest one is '", nearest(key, keys), "'");
  for (const std::string& key : required)
    require(document.contains(key), "the member has no '", key, "'; it must hold ", listed(required),
            optional.empty() ? "" : ", and may hold ", listed(optional));
  return document;
}

Index whole_number(const json& document, const std::string& key) { return whole(document.at(key), key); }
double real_number(const json& document, const std::string& key) { return real(document.at(key), key); }

std::string text_value(const json& document, const std::string& key) {
  const json& v = document.at(key);
  require(v.is_string(), "'", key, "' of the member holds ", v.type_name(), "; it must be text");
  return v.get<std::string>();
}

std::vector<Index> whole_numbers(const json& document, const std::string& key) {
  std::vector<Index> numbers;
  for (const json& entry : list(document, key, "an array of whole numbers")) numbers.push_back(whole(entry, key));
  return numbers;
}

Matrix<double> number_matrix(const json& document, const std::string& key) {
  const json& rows = list(document, key, "an array of rows");
  require(!rows.empty() && rows[0].is_array() && !rows[0].empty(), "'", key,
          "' of the member has no rows of numbers; it must be an array of rows");
  const std::size_t columns = rows[0].size();
  Matrix<double> m(static_cast<Index>(rows.size()), static_cast<Index>(columns));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    require(rows[i].is_array() && rows[i].size() == columns, "row ", i, " of '", key,
            "' of the member is no list of ", columns, " numbers, as row 0 is; give every row the same length");
    for (std::size_t j = 0; j < columns; ++j)
      m(static_cast<Index>(i), static_cast<Index>(j)) = real(rows[i][j], key);
  }
  return m;
}

json matrix_json(const Matrix<double>& m) {
  json rows = json::array();
  for (Index i = 0; i < m.rows(); ++i) {
    json row = json::array();
    for (Index j = 0; j < m.cols(); ++j) row.push_back(m(i, j));
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace eqnn::hard
