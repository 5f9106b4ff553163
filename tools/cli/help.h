// What the command says of itself: from one description of each subcommand, the text of --help, manual pages, and
// completions of shells.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace tools {

// A flag or an argument, as the parser has it: "-o,--out", "--force", or "DB".
struct FlagText {
  std::string name = {}, help = {};
  std::string group = {};                // the heading that it stands below; empty: Options
  std::string fallback = {};             // its value where it is not given; empty: none, or `help` says it
  std::vector<std::string> values = {};  // all that are allowed; empty: others
  std::vector<std::string> known = {};   // some that are allowed, for completion
  bool is_switch = false, required = false, many = false;

  bool is_argument() const { return name.front() != '-'; }
};

struct CommandText {
  std::string name, help;                  // "eqnn sweep run"
  std::string group = {};                  // where it stands on the map of commands
  std::vector<std::string> notes = {};     // paragraphs behind the first line
  std::vector<std::string> examples = {};  // commands, each with what it does behind " # "
  std::vector<FlagText> flags = {};
  std::vector<std::unique_ptr<CommandText>> commands = {};  // its subcommands

  std::string last_name() const { return name.substr(name.rfind(' ') + 1); }
};

// The characters of a line of stdout: of the terminal, or COLUMNS, from 60 to 120; 80 where neither says.
std::size_t terminal_columns();

// The names of a flag, or those that begin with two dashes, where there are such.
std::vector<std::string> all_names(const FlagText& flag);
std::vector<std::string> long_names(const FlagText& flag);
// Its help with the values that are allowed, and the one that it has where it is not given.
std::string full_help(const FlagText& flag);

// The text of --help in lines of at most `columns` characters, where words let it.
std::string help_text(const CommandText& command, std::size_t columns);

// The command's manual page, as roff; of a group of commands (but not of all) with their flags.
std::string manual_page(const CommandText& command);

// What may stand in the place of the last word, which may be empty or begun; `words` are those behind "eqnn".
struct Candidate {
  std::string word, help;
};
std::vector<Candidate> candidates(const CommandText& root, const std::vector<std::string>& words);

}  // namespace tools
