#include "member_file.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "../core/spelling.h"
#include "../io/json.h"

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

const json& node(const std::shared_ptr<const void>& value) { return *static_cast<const json*>(value.get()); }

const json& list(const json& document, const std::string& key, const char* what) {
  const json& v = document.at(key);
  require(v.is_array(), "'", key, "' of the member holds ", v.type_name(), "; it must be ", what);
  return v;
}

}  // namespace

MemberValue::MemberValue(std::string_view text, const std::vector<std::string>& required,
                         const std::vector<std::string>& optional) {
  require_plain_json(text, "the member file");
  const auto parsed = std::make_shared<json>();
  json& document = *parsed;
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
    require(std::find(keys.begin(), keys.end(), key) != keys.end(), "unknown key '", key, "' in the member",
            spelling_hint(key, keys));
  for (const std::string& key : required)
    require(document.contains(key), "the member has no '", key, "'; it must hold ", listed(required),
            optional.empty() ? "" : ", and may hold ", listed(optional));
  value_ = parsed;
}

bool MemberValue::has(const std::string& key) const { return node(value_).contains(key); }

bool MemberValue::truth(const std::string& key) const {
  const json& v = node(value_).at(key);
  require(v.is_boolean(), "'", key, "' of the member holds ", v.type_name(), "; it must be true or false");
  return v.get<bool>();
}

Index MemberValue::whole_number(const std::string& key) const { return whole(node(value_).at(key), key); }
double MemberValue::real_number(const std::string& key) const { return real(node(value_).at(key), key); }

std::string MemberValue::text(const std::string& key) const {
  const json& v = node(value_).at(key);
  require(v.is_string(), "'", key, "' of the member holds ", v.type_name(), "; it must be text");
  return v.get<std::string>();
}

std::vector<Index> MemberValue::whole_numbers(const std::string& key) const {
  std::vector<Index> numbers;
  for (const json& entry : list(node(value_), key, "an array of whole numbers"))
    numbers.push_back(whole(entry, key));
  return numbers;
}

Matrix<double> MemberValue::number_matrix(const std::string& key) const {
  const json& rows = list(node(value_), key, "an array of rows");
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

MemberValue MemberValue::at(const std::string& key) const {
  return MemberValue(std::shared_ptr<const void>(value_, &node(value_).at(key)));
}

bool MemberValue::is_list() const { return node(value_).is_array(); }

std::vector<MemberValue> MemberValue::items() const {
  std::vector<MemberValue> all;
  for (const json& item : node(value_)) all.push_back(MemberValue(std::shared_ptr<const void>(value_, &item)));
  return all;
}

bool MemberValue::is_object_of(const std::vector<std::string>& keys) const {
  const json& v = node(value_);
  return v.is_object() && v.size() == keys.size() &&
         std::all_of(keys.begin(), keys.end(), [&](const std::string& key) { return v.contains(key); });
}

bool MemberValue::is_whole_number() const { return node(value_).is_number_integer(); }
Index MemberValue::whole_number() const { return whole(node(value_), ""); }
const char* MemberValue::type_name() const { return node(value_).type_name(); }

std::string MemberValue::as_json() const {
  return node(value_).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

// --- writing

namespace {

Json& object(const std::shared_ptr<void>& document) { return *static_cast<Json*>(document.get()); }

template <class V>
void put(const std::shared_ptr<void>& document, const char* key, V&& value) {
  object(document)[key] = std::forward<V>(value);
}

}  // namespace

MemberWriter::MemberWriter() : document_(std::make_shared<Json>(Json::object())) {}

MemberWriter& MemberWriter::add(const char* key, bool value) { return put(document_, key, value), *this; }
MemberWriter& MemberWriter::add(const char* key, Index value) { return put(document_, key, value), *this; }
MemberWriter& MemberWriter::add(const char* key, double value) { return put(document_, key, value), *this; }
MemberWriter& MemberWriter::add(const char* key, std::string_view value) {
  return put(document_, key, std::string(value)), *this;
}
MemberWriter& MemberWriter::add(const char* key, const std::vector<Index>& values) {
  return put(document_, key, values), *this;
}
MemberWriter& MemberWriter::add(const char* key, const std::vector<std::vector<Index>>& rows) {
  return put(document_, key, rows), *this;
}
MemberWriter& MemberWriter::add(const char* key, const Matrix<double>& m) {
  Json rows = Json::array();
  for (Index i = 0; i < m.rows(); ++i) {
    Json row = Json::array();
    for (Index j = 0; j < m.cols(); ++j) row.push_back(m(i, j));
    rows.push_back(std::move(row));
  }
  return put(document_, key, std::move(rows)), *this;
}
MemberWriter& MemberWriter::add(const char* key, const std::vector<MemberWriter>& objects) {
  Json list = Json::array();
  for (const MemberWriter& o : objects) list.push_back(object(o.document_));
  return put(document_, key, std::move(list)), *this;
}

std::string MemberWriter::text() const { return to_text(object(document_)); }

}  // namespace eqnn::hard
