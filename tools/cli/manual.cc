// Manual pages and completions, from the same description of the command as --help.

#include <algorithm>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/help.h"
#include "cli/options.h"

namespace tools {
namespace {

// Text as roff reads it: no escapes, no requests, and hyphens that can be searched for.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (out.empty() && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else if (c == '"')
      out += "\\(dq";
    else
      out += c;
  }
  return out;
}

// What all commands read of the environment.
constexpr std::pair<const char*, const char*> kEnvironment[] = {
    {"COLUMNS", "the width of lines, where it is not the terminal's"},
    {"NO_COLOR, TERM", "no colours where the first is set, or the second is dumb"},
    {"SLURM_ARRAY_TASK_ID, SLURM_ARRAY_TASK_COUNT",
     "sweep: which of the runs this task has, where --shard is not given"},
    {"PATH", "plot, report and reproduce: where gnuplot is looked for"}};

std::string dashed(std::string name) {
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string entry(const std::string& name, const std::string& help) {
  return fmt::format(".TP\n.B {}\n{}\n", roff(name), roff(help));
}

std::string manual_flags(const CommandText& command) {
  std::string out, group;
  for (const FlagText& flag : command.flags) {
    const std::string heading = flag.is_argument() ? "Arguments" : flag.group.empty() ? "Options" : flag.group;
    if (heading != group) out += fmt::format(".SS {}\n", roff(heading));
    group = heading;
    out += entry(name_with_value(flag), full_help(flag));
  }
  return out;
}

std::string roff_lines(const std::string& text) {
  std::istringstream lines(text);
  std::string out;
  for (std::string line; std::getline(lines, line);) out += roff(line) + '\n';
  return out;
}

std::string synopsis(const CommandText& command) {
  const std::string more = usage(command).substr(command.name.size() + 1);
  return fmt::format(".B {}\n{}\n", roff(command.name), roff(more));
}

// The flag that `name` names, or null.
const FlagText* flag_of(const CommandText& command, const std::string& name) {
  for (const FlagText& flag : command.flags)
    if (const auto names = all_names(flag); std::find(names.begin(), names.end(), name) != names.end())
      return &flag;
  return nullptr;
}

}  // namespace

std::string manual_page(const CommandText& command) {
  std::string out = fmt::format(".TH {} 1 \"\" libeqnn \"User Commands\"\n.SH NAME\n{} \\- {}\n",
                                dashed(command.name), roff(dashed(command.name)), roff(command.help));
  const bool is_root = command.name.find(' ') == std::string::npos;
  out += ".SH SYNOPSIS\n" + synopsis(command);
  for (const auto& c : command.commands)
    if (!is_root) out += ".br\n" + synopsis(*c);
  if (!command.notes.empty()) out += ".SH DESCRIPTION\n";
  for (const std::string& note : command.notes) out += roff(note) + "\n.PP\n";
  if (!command.commands.empty()) out += ".SH COMMANDS\n";
  for (const auto& c : command.commands) out += entry(c->last_name(), c->help);
  if (!command.flags.empty()) out += ".SH OPTIONS\n" + manual_flags(command);
  for (const auto& c : command.commands)
    if (!is_root) out += fmt::format(".SH {}\n{}\n{}", roff(c->name), roff(c->help), manual_flags(*c));
  for (const PageSection& section : command.sections) {
    out += fmt::format(".SH {}\n", roff(section.heading));
    for (const auto& [name, help] : section.rows) out += entry(name, help);
    if (!section.text.empty()) out += ".nf\n" + roff_lines(section.text) + ".fi\n";
  }
  if (!command.examples.empty()) out += ".SH EXAMPLES\n";
  for (const std::string& example : command.examples) {
    const auto hash = example.find(" # ");
    out += entry(example.substr(0, hash), hash == std::string::npos ? "" : example.substr(hash + 3));
  }
  if (!command.files.empty()) out += ".SH FILES\n";
  for (const auto& [name, meaning] : command.files) out += entry(name, meaning);
  out += ".SH ENVIRONMENT\n";
  for (const auto& [name, meaning] : kEnvironment) out += entry(name, meaning);
  out += ".SH EXIT STATUS\n";
  for (const auto& [code, meaning] : kExitMeanings) out += entry(std::to_string(code), meaning);
  out += ".SH SEE ALSO\n";
  if (!is_root) return out + ".BR eqnn (1)\n";
  for (std::size_t i = 0; i < command.commands.size(); ++i)
    out += fmt::format(".BR {} (1){}\n", roff(dashed(command.commands[i]->name)),
                       i + 1 < command.commands.size() ? "," : "");
  return out;
}

std::pair<CommandText*, std::size_t> command_of_words(CommandText& root, const std::vector<std::string>& words) {
  CommandText* command = &root;
  std::size_t at = 0;
  for (; at + 1 < words.size(); ++at) {
    const auto next = std::find_if(command->commands.begin(), command->commands.end(),
                                   [&](const auto& c) { return c->last_name() == words[at]; });
    if (next == command->commands.end()) break;
    command = next->get();
  }
  return {command, at};
}

namespace {

// The words that may be a flag's or an argument's value, each behind `before`.
void add_values(const FlagText& flag, const std::string& before, std::vector<Candidate>& all) {
  if (!flag.files.empty()) all.push_back({fmt::format(":files {}", fmt::join(flag.files, " ")), ""});
  for (const std::string& value : flag.values.empty() ? flag.known : flag.values)
    all.push_back({before + value, ""});
}

// The argument whose turn it is, behind `words`, which begin behind the command and end before the last; null:
// none.
const FlagText* next_argument(const CommandText& command, const std::vector<std::string>& words) {
  std::size_t given = 0;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const FlagText* flag = flag_of(command, words[i]);
    if (flag != nullptr && !flag->is_argument())
      i += flag->is_switch ? 0 : 1;
    else
      given += words[i].starts_with("-") ? 0 : 1;
  }
  for (const FlagText& flag : command.flags) {
    if (!flag.is_argument()) continue;
    if (given == 0 || flag.many) return &flag;
    --given;
  }
  return nullptr;
}

}  // namespace

std::vector<Candidate> candidates(const CommandText& command, std::size_t at,
                                  const std::vector<std::string>& words) {
  const std::string word = words.empty() ? "" : words.back();
  std::vector<Candidate> all;
  const FlagText* before = at + 1 < words.size() ? flag_of(command, words[words.size() - 2]) : nullptr;
  const std::size_t equals = word.starts_with("--") ? word.find('=') : std::string::npos;
  if (before != nullptr && !before->is_argument() && !before->is_switch) {
    add_values(*before, "", all);
  } else if (equals != std::string::npos) {
    if (const FlagText* flag = flag_of(command, word.substr(0, equals)); flag != nullptr && !flag->is_switch)
      add_values(*flag, word.substr(0, equals + 1), all);
  } else if (word.starts_with("-")) {
    for (const FlagText& flag : command.flags)
      for (const std::string& name : flag.is_argument() ? std::vector<std::string>() : long_names(flag))
        all.push_back({name, flag.help});
  } else {
    for (const auto& c : command.commands) all.push_back({c->last_name(), c->help});
    const std::vector<std::string> behind(words.begin() + static_cast<std::ptrdiff_t>(std::min(at, words.size())),
                                          words.end() - (words.empty() ? 0 : 1));
    if (const FlagText* argument = next_argument(command, behind)) add_values(*argument, "", all);
  }
  std::erase_if(all, [&](const Candidate& c) { return !c.word.starts_with(word) && !c.word.starts_with(":"); });
  return all;
}

}  // namespace tools
