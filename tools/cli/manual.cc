// Manual pages and completions, from the same description of the command as --help.

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/help.h"

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

// As docs/formats.md and scripts know them.
constexpr std::pair<const char*, const char*> kExitCodes[] = {{"0", "done"},
                                                              {"1", "an internal fault"},
                                                              {"2", "a wrong command line or configuration"},
                                                              {"3", "a file that cannot be read or written"},
                                                              {"4", "the answer is no: a check, or --expect"},
                                                              {"5", "runs of a sweep failed"},
                                                              {"6", "not built in"},
                                                              {"75", "interrupted; --resume goes on"},
                                                              {"130", "interrupted by SIGINT; --resume goes on"}};

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
    out += entry(flag.name, full_help(flag));
  }
  return out;
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
  out += fmt::format(".SH SYNOPSIS\n.B {}\n{}\n", roff(command.name),
                     command.commands.empty() ? "[FLAGS]" : "COMMAND [FLAGS]");
  if (!command.notes.empty()) out += ".SH DESCRIPTION\n";
  for (const std::string& note : command.notes) out += roff(note) + "\n.PP\n";
  if (!command.commands.empty()) out += ".SH COMMANDS\n";
  for (const auto& c : command.commands) out += entry(c->last_name(), c->help);
  if (!command.flags.empty()) out += ".SH OPTIONS\n" + manual_flags(command);
  const bool is_root = command.name.find(' ') == std::string::npos;
  for (const auto& c : command.commands)
    if (!is_root) out += fmt::format(".SH {}\n{}\n{}", roff(c->name), roff(c->help), manual_flags(*c));
  if (!command.examples.empty()) out += ".SH EXAMPLES\n";
  for (const std::string& example : command.examples) {
    const auto hash = example.find(" # ");
    out += entry(example.substr(0, hash), hash == std::string::npos ? "" : example.substr(hash + 3));
  }
  out += ".SH EXIT STATUS\n";
  for (const auto& [code, meaning] : kExitCodes) out += entry(code, meaning);
  out += ".SH SEE ALSO\n";
  if (!is_root) return out + ".BR eqnn (1)\n";
  for (std::size_t i = 0; i < command.commands.size(); ++i)
    out += fmt::format(".BR {} (1){}\n", roff(dashed(command.commands[i]->name)),
                       i + 1 < command.commands.size() ? "," : "");
  return out;
}

std::vector<Candidate> candidates(const CommandText& root, const std::vector<std::string>& words) {
  const std::string word = words.empty() ? "" : words.back();
  const CommandText* command = &root;
  std::size_t at = 0;
  for (; at + 1 < words.size(); ++at) {
    const auto next = std::find_if(command->commands.begin(), command->commands.end(),
                                   [&](const auto& c) { return c->last_name() == words[at]; });
    if (next == command->commands.end()) break;
    command = next->get();
  }
  std::vector<Candidate> all;
  const auto add_values = [&](const FlagText& flag) {
    for (const std::string& value : flag.values.empty() ? flag.known : flag.values) all.push_back({value, ""});
  };
  const FlagText* before = at + 1 < words.size() ? flag_of(*command, words[words.size() - 2]) : nullptr;
  if (before != nullptr && !before->is_switch) {
    add_values(*before);
  } else if (word.starts_with("-")) {
    for (const FlagText& flag : command->flags)
      if (!flag.is_argument()) all.push_back({long_names(flag).back(), flag.help});
  } else {
    for (const auto& c : command->commands) all.push_back({c->last_name(), c->help});
    for (const FlagText& flag : command->flags)
      if (flag.is_argument()) add_values(flag);
  }
  std::erase_if(all, [&](const Candidate& c) { return !c.word.starts_with(word); });
  return all;
}

}  // namespace tools
