// `eqnn tag`, and what it changes.

#include "results/labels.h"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/paths.h"
#include "commands.h"
#include "results/run_directory.h"

namespace tools {
namespace {

bool is_line(const std::string& text) {
  return text.size() <= 900 &&
         std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; });
}

struct TagFlags {
  std::vector<std::string> runs, tags, untag, note;
  bool no_note = false;
};

std::string labels_text(const std::string& path, const Labels& l) {
  return fmt::format("{}: {}{}\n", path, l.tags.empty() ? "no tags" : fmt::format("{}", fmt::join(l.tags, ", ")),
                     l.note ? concat("; ", *l.note) : "");
}

// What the run has now.
Labels tag_run(const std::string& path, const Labels& change) {
  RunDirectory run(path);
  const std::string file = run.file("run.json");
  require<eqnn::FileError>(is_there(file), path, ": has no run.json; name the folder of a run");
  if (!change.empty()) {
    run.lock();
    const std::string before = eqnn::read_file(file), after = with_labels(before, change);
    if (before != after) eqnn::write_atomically(file, after);
  }
  return labels_of(parse_json(eqnn::read_file(file), file));
}

int tag(const TagFlags& flags, const Common& common) {
  Labels change{.tags = flags.tags, .untag = flags.untag};
  if (!flags.note.empty()) change.note = flags.note.back();
  require(!flags.no_note || !change.note, "--note and --no-note exclude each other; leave one of them out");
  if (flags.no_note) change.note = "";
  change.check();
  Json list = Json::array();
  for (const std::string& path : flags.runs) {
    const Labels now = tag_run(path, change);
    list.push_back({{"run", path}, {"tags", now.tags}, {"note", now.note.value_or("")}});
    if (!common.json) fmt::print("{}", labels_text(path, now));
  }
  if (common.json) fmt::print("{}\n", to_text(list));
  return kDone;
}

}  // namespace

void Labels::check() const {
  for (const auto* list : {&tags, &untag})
    for (const std::string& t : *list)
      require(!t.empty() && is_line(t) && t.find(',') == std::string::npos, "--tag is '", t,
              "'; a tag is some text without commas and line breaks, of at most 900 bytes");
  require(!note || is_line(*note), "--note is no line of at most 900 bytes; leave line breaks out");
}

Labels parse_labels(const RawOptions& options) {
  Labels l;
  for (const RawOption& o : options) {
    if (o.name == "note") l.note = o.value;
    for (std::size_t at = 0; o.name == "tag" && at <= o.value.size();) {
      const std::size_t end = std::min(o.value.find(',', at), o.value.size());
      l.tags.push_back(o.value.substr(at, end - at));
      at = end + 1;
    }
  }
  l.check();
  return l;
}

Labels labels_of(const Json& run) {
  Labels l;
  if (run.is_object() && run.contains("tags") && run["tags"].is_array())
    for (const Json& t : run["tags"])
      if (t.is_string()) l.tags.push_back(t.get<std::string>());
  if (run.is_object() && run.contains("note") && run["note"].is_string()) l.note = run["note"].get<std::string>();
  return l;
}

std::string with_labels(const std::string& run_json, const Labels& labels) {
  if (labels.empty()) return run_json;
  Json run = parse_json(run_json, "run.json");
  std::vector<std::string> tags = labels_of(run).tags;
  for (const std::string& t : labels.tags)
    if (std::find(tags.begin(), tags.end(), t) == tags.end()) tags.push_back(t);
  std::erase_if(tags, [&](const std::string& t) {
    return std::find(labels.untag.begin(), labels.untag.end(), t) != labels.untag.end();
  });
  run.erase("tags");
  if (!tags.empty()) run["tags"] = tags;
  if (labels.note) run.erase("note");
  if (labels.note && !labels.note->empty()) run["note"] = *labels.note;
  return to_text(run, 2) + "\n";
}

void add_tag(CommandLine& line) {
  Subcommand sub = line.add("tag", "tags and a note of runs, which change nothing else", "Look at results");
  auto flags = std::make_shared<TagFlags>();
  sub.note(
      "Without flags: what there is. Tags and note stand in run.json, and in the database after the next collect.");
  sub.example("eqnn tag runs/parity --tag keep --note \"the one of the talk\"");
  sub.required_list("RUN", flags->runs, "run directories");
  sub.takes("RUN", {"/"});
  sub.list("--tag", flags->tags, "add a tag; may be given again", ',');
  sub.takes("WORD");
  sub.list("--untag", flags->untag, "take a tag away", ',');
  sub.takes("WORD");
  sub.list("--note", flags->note, "a line of text, in the place of the one that is there", '\0');
  sub.takes("TEXT");
  sub.toggle("--no-note", flags->no_note, "take the note away");
  sub.runs([flags](const Common& common) { return tag(*flags, common); });
}

}  // namespace tools
