// What a user calls a run: tags and a note in its run.json, no part of what it is.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/json_fwd.h"
#include "cli/options.h"

namespace tools {

struct Labels {
  std::vector<std::string> tags = {};    // added to those that are there
  std::vector<std::string> untag = {};   // taken away
  std::optional<std::string> note = {};  // in the place of the one that is there; "": none

  bool empty() const { return tags.empty() && untag.empty() && !note; }
  // Throws ValueError for a tag or note that is no line of text.
  void check() const;
};

// Options named tag, several of them joined by commas, and note; others do not matter. Throws ValueError as
// check().
Labels parse_labels(const RawOptions& options);
inline bool is_label(const RawOption& o) { return o.name == "tag" || o.name == "note"; }
// Of a run.json; none where it has none.
Labels labels_of(const Json& run);
// The text of a run.json with the labels: each tag once, in the order in which they came.
std::string with_labels(const std::string& run_json, const Labels& labels);

}  // namespace tools
