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

// To the parser a NUL is the end of the text, and whatever follows it none of its business.
bool holds_nul(std::string_view text) { return text.find('\0') != text.npos; }

}  // namespace

void require_plain_json(std::string_view text, std::string_view origin) {
  require<FileError>(!holds_nul(text), origin, ": holds a NUL byte, and so is no JSON; the file is damaged");
  require<FileError>(depth_of(text) <= kDeepestJson, origin, ": is nested more than ", kDeepestJson,
                     " levels deep; no document of this program is");
}

std::string plain_message(const Json::exception& e) {
  const std::string text = e.what();
  const std::size_t end = text.find("] ");
  return text.starts_with("[json.exception.") && end != text.npos ? text.substr(end + 2) : text;
}

Json parse_json(std::string_view text, std::string_view origin) {
  require_plain_json(text, origin);
  try {
    return Json::parse(text);
  } catch (const Json::exception& e) {
    throw FileError(concat(origin, ": ", text.empty() ? "is empty" : "is no JSON: " + plain_message(e)));
  }
}

Json parse_json(std::string_view text) { return parse_json(text, "JSON text"); }

Json parse_json_if(std::string_view text) {
  const bool plain = !holds_nul(text) && depth_of(text) <= kDeepestJson;
  return plain ? Json::parse(text, nullptr, false) : Json(Json::value_t::discarded);
}

std::string to_text(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace eqnn
