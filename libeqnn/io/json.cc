#include "json.h"

#include <algorithm>

#include "../core/check.h"

namespace eqnn {
namespace {

// How deep the brackets of a text are nested at most, those within strings left out.
int depth_of(std::string_view text) {
  int depth = 0, deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      in_string = !in_string;
    else if (!in_string && (text[i] == '{' || text[i] == '['))
      deepest = std::max(deepest, ++depth);
    else if (!in_string && (text[i] == '}' || text[i] == ']'))
      --depth;
  }
  return deepest;
}

}  // namespace

void require_shallow_json(std::string_view text, std::string_view origin) {
  require<FileError>(depth_of(text) <= kDeepestJson, origin, ": is nested more than ", kDeepestJson,
                     " levels deep; no document of this program is");
}

Json parse_json(std::string_view text, std::string_view origin) {
  require_shallow_json(text, origin);
  try {
    return Json::parse(text);
  } catch (const Json::exception& e) {
    throw FileError(concat(origin, ": ", text.empty() ? "is empty" : e.what()));
  }
}

Json parse_json(std::string_view text) { return parse_json(text, "JSON text"); }

Json parse_json_if(std::string_view text) {
  return depth_of(text) <= kDeepestJson ? Json::parse(text, nullptr, false) : Json(Json::value_t::discarded);
}

std::string to_text(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace eqnn
