// JSON, as all of the command reads and writes it.
#pragma once

#include <eqnn/io/json.h>

#include <cmath>
#include <optional>
#include <string>

namespace tools {

using eqnn::Json;
using eqnn::parse_json;
using eqnn::parse_json_if;
using eqnn::plain_message;
using eqnn::to_text;

// The number, or null where it is not finite: JSON has no other word for it.
inline Json number_json(double v) { return std::isfinite(v) ? Json(v) : Json(nullptr); }

// The value, or null where there is none.
template <class T>
Json optional_json(const std::optional<T>& v) {
  return v ? Json(*v) : Json(nullptr);
}

// What a flag's text says: a number or a boolean where it is one, else the text.
inline Json typed_json(const std::string& text) {
  const Json parsed = parse_json_if(text);
  return parsed.is_number() || parsed.is_boolean() ? parsed : Json(text);
}

}  // namespace tools
