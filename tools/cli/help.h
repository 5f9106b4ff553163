// What the command says of itself: from one description of each subcommand, the text of --help, manual pages, and
// completions of shells.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tools {

// A flag or an argument, as the parser has it: "-o,--out", "--force", or "DB".
struct FlagText {
  std::string name = {}, help = {};
  std::string group = {};                // the heading that it stands below; empty: Options
  std::string fallback = {};             // its value where it is not given; empty: none, or `help` says it
  std::vector<std::string> values = {};  // all that are allowed; empty: others
  std::vector<std::string> known = {};   // some that are allowed, for completion
  std::string value = {};                // what stands for its value: "WxH"; empty: its name in capitals
  std::vector<std::string> files = {};   // where it is a path: the ends of names, "/" for folders, "*" for all
  bool is_switch = false, required = false, many = false;

  bool is_argument() const { return name.front() != '-'; }
  // Whether `word` may be its value, as far as names tell.
  bool may_be(const std::string& word) const;
};

// Lines of a page below a heading: words and what they mean, or a text that keeps its lines.
struct PageSection {
  std::string heading;
  std::vector<std::pair<std::string, std::string>> rows = {};
  std::string text = {};
};

struct CommandText {
  std::string name, help;                  // "eqnn sweep run"
  std::string group = {};                  // where it stands on the map of commands
  std::vector<std::string> notes = {};     // paragraphs behind the first line
  std::vector<std::string> examples = {};  // commands, each with what it does behind " # "
  std::vector<FlagText> flags = {};
  std::vector<PageSection> sections = {};
  std::vector<std::pair<std::string, std::string>> files = {};  // that it reads and writes, and what they are
  std::vector<std::unique_ptr<CommandText>> commands = {};      // its subcommands

  std::string last_name() const { return name.substr(name.rfind(' ') + 1); }
};

// The names of a flag, or those that begin with two dashes, where there are such.
std::vector<std::string> all_names(const FlagText& flag);
std::vector<std::string> long_names(const FlagText& flag);
// Its help with the values that are allowed, and the one that it has where it is not given.
std::string full_help(const FlagText& flag);
// "-o, --out FILE", "DIR..."; and all arguments and required flags behind the command: "eqnn plot DB [FLAGS]".
std::string name_with_value(const FlagText& flag);
std::string usage(const CommandText& command);

// The text of --help in lines of at most `columns` characters, where words let it.
std::string help_text(const CommandText& command, std::size_t columns);

// The command's manual page, as roff; of a group of commands (but not of all) with their flags.
std::string manual_page(const CommandText& command);

// The command whose words begin `words`, those behind "eqnn", and how many these are.
std::pair<CommandText*, std::size_t> command_of_words(CommandText& root, const std::vector<std::string>& words);

// What may stand in the place of the last word, which may be empty or begun, behind the words of `command`, the
// first `at`. Where a path may stand, the first is ":files" with the ends of names, "/" for folders and "*" for
// all.
struct Candidate {
  std::string word, help;
};
std::vector<Candidate> candidates(const CommandText& command, std::size_t at,
                                  const std::vector<std::string>& words);

}  // namespace tools
