// JSON documents that a command leaves in a folder, and collect puts into the database.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <eqnn/hard/family.h>

#include "cli/json.h"
#include "cli/options.h"
#include "results/database.h"

namespace tools {

// One row a kind: its name in table `documents`, its file, and the subcommand that writes it.
struct DocumentKind {
  const char *name, *file, *command;
};
inline constexpr DocumentKind kDocumentKinds[] = {{"gradvar", "gradvar.json", "gradvar"},
                                                  {"bounds", "bounds.json", "bound"}};
// The row for which `member` is `text`: &DocumentKind::file, for example. Null for none.
const DocumentKind* find_document(const char* DocumentKind::*member, std::string_view text);

// Claims the kind's file in a directory as claim_output does, and makes the folder; its path. Throws ValueError for
// a file that is there (unless `force`), FileError for a folder that cannot be made.
std::string claim_document(const std::string& directory, const char* kind, bool force);

struct StoredDocument {
  std::string key;  // the directory's name
  Json json;        // an object
};
// The documents of a kind in a database, by key; without those that are no objects.
std::vector<StoredDocument> read_documents(const Database& db, const char* kind);
// The keys of all kinds.
std::set<std::string> document_keys(const Database& db);

// Family parameters as numbers, booleans and texts.
Json parameters_json(const eqnn::hard::ParameterValues& values);

}  // namespace tools
