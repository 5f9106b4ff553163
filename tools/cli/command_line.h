// The command line: subcommands with their flags, parsed by CLI11, which appears in command_line.cc alone (it costs
// twelve seconds a file that includes it).
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/help.h"
#include "cli/options.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace tools {

class CommandLine;
class TextFlags;

// One subcommand while its flags are declared: a handle, cheap to copy, valid as long as its CommandLine. Names are
// as CLI11 has them: "-o,--out", "--force", or "DB" for an argument. What a flag fills must live until the command
// has run; it keeps its value where the flag is not given.
class Subcommand {
 public:
  void option(const std::string& name, std::string& value, const std::string& help);
  void required(const std::string& name, std::string& value, const std::string& help);
  void choice(const std::string& name, std::string& value, const std::string& help,
              std::vector<std::string> allowed);
  void number(const std::string& name, double& value, const std::string& help);
  void toggle(const std::string& name, bool& value, const std::string& help);
  // Several values: a flag given again, or (with a delimiter) "a,b".
  void list(const std::string& name, std::vector<std::string>& values, const std::string& help, char delimiter);
  void required_list(const std::string& name, std::vector<std::string>& values, const std::string& help);

  // For --help: the flags declared from now on stand below this heading; a paragraph behind the first line; a
  // command, with what it does behind " # "; words that may stand for the flag declared last.
  void heading(const std::string& text);
  void note(const std::string& text);
  void example(const std::string& text);
  void knows(std::vector<std::string> words);
  // Of the flag declared last: what stands for its value ("WxH"), and where that is a path, the ends of names that
  // it may have, "/" for folders and "*" for all.
  void takes(const std::string& value, std::vector<std::string> files = {});
  // Below a heading of their own: a word and what it means; a text that keeps its lines.
  void explained(const std::string& heading, const std::string& word, const std::string& help);
  void block(const std::string& heading, const std::string& text);
  // A file that the command reads or writes, for its manual page.
  void file(const std::string& name, const std::string& help);
  // What --seed, --threads, --progress or --verbose do here, "" in their common words: the command takes all of
  // them, and shows those that have an effect.
  void uses(const std::string& flag, const std::string& help = "");
  // Called when --help is asked for, after flags and arguments are read: what it says may depend on them.
  void explains(std::function<void(CommandText&)> explain);

  // What the command does; it returns the exit code.
  void runs(std::function<int(const Common&)> run);
  // A subcommand of this one, which then does nothing by itself.
  Subcommand add(const std::string& name, const std::string& help);

 private:
  friend class CommandLine;
  friend class TextFlags;
  Subcommand(CommandLine& line, CLI::App& app, CommandText& text) : line_(&line), app_(&app), text_(&text) {}
  CLI::Option* declare(FlagText flag, CLI::Option* option);

  CommandLine* line_;
  CLI::App* app_;
  CommandText* text_;
  std::string heading_;
};

// Flags whose values stay text, by name, and are typed later, where a wrong one can be named with what is allowed.
class TextFlags {
 public:
  // `name` without its dashes; `values` are for --help and completion.
  void add(Subcommand sub, const std::string& name, const std::string& help, bool is_switch = false,
           std::vector<std::string> values = {});
  RawOptions given() const;  // those that were given, in the order of their declaration
  bool has(const std::string& name) const;
  std::string get(const std::string& name, const std::string& fallback = "") const;

 private:
  struct Flag {
    std::string name, value;
    CLI::Option* option = nullptr;
  };
  std::vector<std::unique_ptr<Flag>> flags_;
};

class CommandLine {
 public:
  CommandLine(const std::string& name, const std::string& description, const std::string& version);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  // `group`: where it stands on the map of commands.
  Subcommand add(const std::string& name, const std::string& help, const std::string& group);

  // Parses, and runs the subcommand that was chosen; its exit code. Throws ValueError for what cannot be placed,
  // with the nearest flag or subcommand. "help X" is "X --help"; "manual X" and "complete WORD..." are for the
  // build and for shells.
  int run(int argc, char** argv);

 private:
  friend class Subcommand;
  struct Command {
    CLI::App* app;
    CommandText* text;
    std::function<int(const Common&)> run = {};
    std::function<void(CommandText&)> explain = {};
    std::vector<std::pair<std::string, std::string>> used = {};
  };
  Command& command_of(const CLI::App& app);
  int parse_and_run(int argc, const char* const* argv);
  int show_help();
  std::vector<Candidate> complete(std::vector<std::string> words);

  CommandText text_;
  std::unique_ptr<CLI::App> app_;
  std::deque<Command> commands_;  // all of them, groups of commands too
};

}  // namespace tools
