// JSON text to values and back. All documents from outside are read here, so that one place limits how deep they
// nest. Not installed: nlohmann/json costs seconds in each source that calls its parser.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace eqnn {

using Json = nlohmann::ordered_json;

// Deeper nesting is refused: the parser and the destructor of a value call themselves once a level.
inline constexpr int kDeepestJson = 64;

// Throws FileError for text that nests deeper than kDeepestJson, or holds a NUL, which would end it for the parser:
// what is checked before any other parse.
void require_plain_json(std::string_view text, std::string_view origin);
// Throws FileError, "ORIGIN: WHAT", for text that is no JSON, or that nests deeper than kDeepestJson.
Json parse_json(std::string_view text, std::string_view origin);
// The same of text that this program wrote itself.
Json parse_json(std::string_view text);
// What went wrong, without the name that nlohmann/json begins its messages with: "key 'data' not found".
std::string plain_message(const Json::exception& e);
// A discarded value (is_discarded()) for text that is none.
Json parse_json_if(std::string_view text);
// On one line; with `indent` >= 0 on many. Bytes that are no UTF-8 become U+FFFD.
std::string to_text(const Json& value, int indent = -1);

}  // namespace eqnn
