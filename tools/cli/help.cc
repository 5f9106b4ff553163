#include "cli/help.h"

#include <algorithm>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/columns.h"
#include "cli/paths.h"

namespace tools {
namespace {

constexpr std::size_t kNameColumns = 26;  // of flags; a longer one has a line of its own

// "  name      help", the help in a column of its own.
std::string row(const std::string& name, const std::string& help, std::size_t columns) {
  std::string line = "  " + name;
  if (line.size() + 2 > kNameColumns) {
    if (help.empty()) return line + '\n';
    line += '\n' + std::string(kNameColumns, ' ');
  } else {
    line += std::string(kNameColumns - line.size(), ' ');
  }
  return line + wrapped(help, kNameColumns, kNameColumns, columns);
}

// The values of `group_of` in the order in which they first appear.
template <class List, class GroupOf>
std::vector<std::string> groups(const List& list, const GroupOf& group_of) {
  std::vector<std::string> names;
  for (const auto& entry : list)
    if (std::find(names.begin(), names.end(), group_of(entry)) == names.end()) names.push_back(group_of(entry));
  return names;
}

std::string commands_text(const CommandText& command, std::size_t columns) {
  std::string out;
  const auto group_of = [](const auto& c) { return c->group; };
  for (const std::string& group : groups(command.commands, group_of)) {
    out += fmt::format("\n{}:\n", group.empty() ? "Commands" : group);
    for (const auto& c : command.commands)
      if (c->group == group) out += row(c->last_name(), c->help, columns);
  }
  return out;
}

std::string flags_text(const CommandText& command, std::size_t columns) {
  std::string out;
  const auto heading = [](const FlagText& f) {
    return f.is_argument() ? std::string("Arguments") : f.group.empty() ? std::string("Options") : f.group;
  };
  for (const std::string& group : groups(command.flags, heading)) {
    out += fmt::format("\n{}:\n", group);
    for (const FlagText& f : command.flags)
      if (heading(f) == group) out += row(name_with_value(f), full_help(f), columns);
  }
  return out;
}

}  // namespace

std::vector<std::string> all_names(const FlagText& flag) {
  std::vector<std::string> all;
  std::istringstream names(flag.name);
  for (std::string name; std::getline(names, name, ',');) all.push_back(name);
  return all;
}

std::vector<std::string> long_names(const FlagText& flag) {
  std::vector<std::string> all = all_names(flag);
  if (all.back().starts_with("--")) std::erase_if(all, [](const std::string& n) { return !n.starts_with("--"); });
  return all;
}

std::string full_help(const FlagText& flag) {
  std::string help = flag.help;
  if (!flag.values.empty()) help += fmt::format("{}{}", help.empty() ? "" : ": ", fmt::join(flag.values, ", "));
  if (!flag.fallback.empty()) help += fmt::format(" [{}]", flag.fallback);
  return help;
}

bool FlagText::may_be(const std::string& word) const {
  for (const auto& list : {values, known})
    if (std::find(list.begin(), list.end(), word) != list.end()) return true;
  return std::any_of(files.begin(), files.end(), [&](const std::string& end) {
    return end == "/" ? word.size() < 256 && is_folder(word) : word.size() > end.size() && word.ends_with(end);
  });
}

std::string name_with_value(const FlagText& flag) {
  if (flag.is_argument()) return flag.many ? flag.name + "..." : flag.name;
  std::string names = flag.name;
  if (const auto comma = names.find(','); comma != std::string::npos) names.replace(comma, 1, ", ");
  if (flag.is_switch) return names;
  if (!flag.value.empty()) return names + ' ' + flag.value;
  std::string value = long_names(flag).back();
  value = value.substr(value.rfind('-') + 1);
  std::transform(value.begin(), value.end(), value.begin(),
                 [](char c) { return static_cast<char>(std::toupper(c)); });
  return names + ' ' + value;
}

std::string usage(const CommandText& command) {
  std::string line = command.name;
  for (const FlagText& flag : command.flags) {
    const std::string name = name_with_value(flag);
    if (flag.required) line += fmt::format(" {}", flag.is_argument() ? name : name.substr(name.find("--")));
    if (!flag.required && flag.is_argument()) line += fmt::format(" [{}]", name);
  }
  return line + (command.commands.empty() ? " [FLAGS]" : " COMMAND [FLAGS]");
}

std::string help_text(const CommandText& command, std::size_t columns) {
  std::string out = wrapped(fmt::format("{}: {}", command.name, command.help), 0, 0, columns);
  out += '\n' + wrapped("Usage: " + usage(command), 0, 8, columns);
  for (const std::string& note : command.notes) out += '\n' + wrapped(note, 0, 0, columns);
  out += commands_text(command, columns) + flags_text(command, columns);
  for (const PageSection& section : command.sections) {
    out += fmt::format("\n{}:\n", section.heading);
    for (const auto& [name, help] : section.rows) out += row(name, help, columns);
    std::istringstream lines(section.text);
    for (std::string line; std::getline(lines, line);) out += "  " + line + '\n';
  }
  if (!command.examples.empty()) out += "\nExamples:\n";
  for (const std::string& example : command.examples) {
    const auto hash = example.find(" # ");
    out += "  " + example.substr(0, hash) + '\n';
    if (hash != std::string::npos) out += std::string(6, ' ') + wrapped(example.substr(hash + 3), 6, 6, columns);
  }
  if (!command.commands.empty())
    out += '\n' + wrapped(fmt::format("{} COMMAND --help says more of one.", command.name), 0, 0, columns);
  return out;
}

}  // namespace tools
