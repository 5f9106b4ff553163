#include "results/documents.h"

#include <filesystem>

#include "cli/json.h"
#include "cli/paths.h"

namespace tools {

const DocumentKind* find_document(const char* DocumentKind::*member, std::string_view text) {
  for (const DocumentKind& kind : kDocumentKinds)
    if (kind.*member == text) return &kind;
  return nullptr;
}

std::string claim_document(const std::string& directory, const char* kind, bool force) {
  const DocumentKind* row = find_document(&DocumentKind::name, kind);
  require<eqnn::Error>(row != nullptr, "document kind '", kind, "' has no row in results/documents.h");
  const std::string path = concat(directory, "/", row->file);
  claim_output(path, force);
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  require<eqnn::FileError>(!error && is_folder(directory), directory, ": no folder, and none can be made there",
                           error ? ": " + error.message() : "", "; choose another --out");
  return path;
}

std::vector<StoredDocument> read_documents(const Database& db, const char* kind) {
  std::vector<StoredDocument> list;
  for (const auto& row : db.query("SELECT key, json FROM documents WHERE kind = ? ORDER BY key", {kind}).rows)
    if (Json json = parse_json_if(text_of(row[1])); json.is_object())
      list.push_back({text_of(row[0]), std::move(json)});
  return list;
}

std::set<std::string> document_keys(const Database& db) {
  std::set<std::string> keys;
  for (const auto& row : db.query("SELECT key FROM documents", {}).rows) keys.insert(text_of(row[0]));
  return keys;
}

Json parameters_json(const eqnn::hard::ParameterValues& values) {
  Json all = Json::object();
  for (const auto& [name, value] : values) {
    const auto typed = parse_json_if(value);
    all[name] = typed.is_number() || typed.is_boolean() ? typed : Json(value);
  }
  return all;
}

}  // namespace tools
