#include "cli/command_line.h"

#include <algorithm>
#include <string_view>

#include <tbb/global_control.h>
#include <CLI/CLI.hpp>

#include <eqnn/core/spelling.h>

#include "cli/columns.h"
#include "cli/guard.h"
#include "cli/name_table.h"
#include "cli/note.h"
#include "cli/other_words.h"

namespace tools {
namespace {

// A check of CLI11, in our words.
std::function<std::string(const std::string&)> one_of(std::vector<std::string> allowed) {
  return [allowed](const std::string& value) {
    if (std::find(allowed.begin(), allowed.end(), value) != allowed.end()) return std::string();
    return concat("is '", value, "'; allowed are ", comma_list(allowed), nearest_of(value, allowed));
  };
}

}  // namespace

CLI::Option* Subcommand::declare(FlagText flag, CLI::Option* option) {
  flag.group = heading_;
  text_->flags.push_back(std::move(flag));
  return option;
}
void Subcommand::option(const std::string& name, std::string& value, const std::string& help) {
  declare({.name = name, .help = help}, app_->add_option(name, value, help));
}
void Subcommand::required(const std::string& name, std::string& value, const std::string& help) {
  declare({.name = name, .help = help, .required = true}, app_->add_option(name, value, help))->required();
}
void Subcommand::choice(const std::string& name, std::string& value, const std::string& help,
                        std::vector<std::string> allowed) {
  declare({.name = name, .help = help, .values = allowed}, app_->add_option(name, value, help))
      ->check(one_of(std::move(allowed)));
}
void Subcommand::number(const std::string& name, double& value, const std::string& help) {
  declare({.name = name, .help = help}, app_->add_option(name, value, help));
}
void Subcommand::toggle(const std::string& name, bool& value, const std::string& help) {
  declare({.name = name, .help = help, .is_switch = true}, app_->add_flag(name, value, help));
}
void Subcommand::list(const std::string& name, std::vector<std::string>& values, const std::string& help,
                      char delimiter) {
  declare({.name = name, .help = help, .many = true}, app_->add_option(name, values, help))
      ->delimiter(delimiter)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}
void Subcommand::required_list(const std::string& name, std::vector<std::string>& values, const std::string& help) {
  declare({.name = name, .help = help, .required = true, .many = true}, app_->add_option(name, values, help))
      ->required()
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}
void Subcommand::heading(const std::string& text) { heading_ = text; }
void Subcommand::note(const std::string& text) { text_->notes.push_back(text); }
void Subcommand::example(const std::string& text) { text_->examples.push_back(text); }
void Subcommand::knows(std::vector<std::string> words) { text_->flags.back().known = std::move(words); }
void Subcommand::takes(const std::string& value, std::vector<std::string> files) {
  text_->flags.back().value = value;
  text_->flags.back().files = std::move(files);
}
void Subcommand::explained(const std::string& heading, const std::string& word, const std::string& help) {
  if (text_->sections.empty() || text_->sections.back().heading != heading)
    text_->sections.push_back({.heading = heading});
  text_->sections.back().rows.emplace_back(word, help);
}
void Subcommand::block(const std::string& heading, const std::string& text) {
  text_->sections.push_back({.heading = heading, .text = text});
}
void Subcommand::file(const std::string& name, const std::string& help) { text_->files.emplace_back(name, help); }
void Subcommand::uses(const std::string& flag, const std::string& help) {
  line_->command_of(*app_).used.emplace_back(flag, help);
}
void Subcommand::explains(std::function<void(CommandText&)> explain) {
  line_->command_of(*app_).explain = std::move(explain);
}
void Subcommand::runs(std::function<int(const Common&)> run) { line_->command_of(*app_).run = std::move(run); }
Subcommand Subcommand::add(const std::string& name, const std::string& help) {
  app_->require_subcommand(1);
  text_->commands.push_back(std::make_unique<CommandText>());
  CommandText& text = *text_->commands.back();
  text.name = text_->name + ' ' + name;
  text.help = help;
  CLI::App& app = *app_->add_subcommand(name, help);
  line_->commands_.push_back({&app, &text});
  return {*line_, app, text};
}

void TextFlags::add(Subcommand sub, const std::string& name, const std::string& help, bool is_switch,
                    std::vector<std::string> values) {
  flags_.push_back(std::make_unique<Flag>(Flag{name, "", nullptr}));
  Flag& flag = *flags_.back();
  const std::string dashed = "--" + name;
  flag.option =
      is_switch ? sub.app_->add_flag(dashed, flag.value, help) : sub.app_->add_option(dashed, flag.value, help);
  sub.declare({.name = dashed, .help = help, .values = std::move(values), .is_switch = is_switch}, flag.option);
}

RawOptions TextFlags::given() const {
  RawOptions options;
  for (const auto& flag : flags_)
    if (flag->option->count() > 0) options.push_back({flag->name, flag->value});
  return options;
}

bool TextFlags::has(const std::string& name) const {
  for (const auto& flag : flags_)
    if (flag->name == name) return flag->option->count() > 0;
  return false;
}

std::string TextFlags::get(const std::string& name, const std::string& fallback) const {
  for (const auto& flag : flags_)
    if (flag->name == name && flag->option->count() > 0) return flag->value;
  return fallback;
}

namespace {

struct CommonText {
  std::string threads, seed;
};

// Flags and what a command says of them; those of no command's `used` are taken and not shown.
using UsedFlags = std::vector<std::pair<std::string, std::string>>;

void add_common(CLI::App& app, CommandText& command, const UsedFlags& used, Common& common, CommonText& text) {
  const auto add = [&](FlagText flag, CLI::Option* option) {
    flag.group = "Common";
    command.flags.push_back(std::move(flag));
    return option;
  };
  const auto add_used = [&](FlagText flag, CLI::Option* option) {
    const std::string name = long_names(flag).back();
    const auto found = std::find_if(used.begin(), used.end(), [&](const auto& u) { return u.first == name; });
    if (found == used.end()) return option;
    if (!found->second.empty()) flag.help = found->second;
    return add(std::move(flag), option);
  };
  add_used({.name = "--threads", .help = "threads", .fallback = "all cores"},
           app.add_option("--threads", text.threads));
  add_used({.name = "--seed", .help = "default of --member-seed, --init-seed and --data-seed", .fallback = "0"},
           app.add_option("--seed", text.seed));
  add({.name = "--json", .help = "one JSON document on stdout", .is_switch = true},
      app.add_flag("--json", common.json));
  add({.name = "-q,--quiet", .help = "no progress, no notes", .is_switch = true},
      app.add_flag("-q,--quiet", common.quiet));
  add_used({.name = "-v,--verbose", .help = "say more on stderr", .is_switch = true},
           app.add_flag("-v,--verbose", common.verbose));
  const std::vector<std::string> ways{"auto", "bar", "plain", "none"};
  add_used({.name = "--progress", .fallback = "auto", .values = ways},
           app.add_option("--progress", common.progress))
      ->check(one_of(ways));
  add({.name = "-h,--help", .help = "this text", .is_switch = true}, nullptr);
}

std::vector<std::string> flag_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* o : app.get_options())
    for (const std::string& n : o->get_lnames()) names.push_back("--" + n);
  return names;
}

// The command below `text` that takes `word` for its argument: of the first that does, its name.
std::string taker_of(const CommandText& text, const std::string& word) {
  for (const auto& c : text.commands) {
    if (const std::string inner = taker_of(*c, word); !inner.empty()) return inner;
    for (const FlagText& flag : c->flags)
      if (flag.is_argument() && flag.may_be(word)) return c->name;
  }
  return "";
}

std::string names_of(const CommandText& text) {
  std::vector<std::string> names;
  for (const auto& c : text.commands) names.push_back(c->last_name());
  return comma_list(names);
}

// What the parser could not place: an unknown flag or subcommand, with the nearest known one.
[[noreturn]] void refuse_extras(const CLI::App& app, const CommandText& text, const std::string& word) {
  const bool is_root = app.get_parent() == nullptr;
  if (word.starts_with("-")) {
    const std::string name = word.substr(0, word.find('='));
    if (is_root && eqnn::edit_distance(name, "--version") <= 2)
      throw ValueError(concat("'", name, "' is not a flag of 'eqnn'; the nearest is '--version'"));
    if (is_root)
      throw ValueError(
          concat("'", name, "' stands before a subcommand; write eqnn SUBCOMMAND first, and then its flags"));
    throw ValueError(concat("'", name, "' is not a flag of '", text.name, "'", flag_hint(name, flag_names(app)),
                            "; --help lists all"));
  }
  if (text.commands.empty())
    throw ValueError(concat("'", word, "' is one argument too many for '", text.name, "'; --help shows its use"));
  if (const std::string taker = taker_of(text, word); !taker.empty())
    throw ValueError(concat("'", word, "' is not a subcommand; write ", taker, " ", word));
  std::vector<std::string> names;
  for (const auto& c : text.commands) names.push_back(c->last_name());
  throw ValueError(
      concat("'", word, "' is not a subcommand", eqnn::spelling_hint(word, names), "; --help says what each is"));
}

const CommandText& text_of(const CommandText& group, const std::string& name) {
  return **std::find_if(group.commands.begin(), group.commands.end(),
                        [&](const auto& c) { return c->last_name() == name; });
}

void check_extras(const CLI::App& app, const CommandText& text) {
  for (const CLI::App* sub : app.get_subcommands()) check_extras(*sub, text_of(text, sub->get_name()));
  if (!app.remaining().empty()) refuse_extras(app, text, app.remaining().front());
}

// What a command that was named lacks: a subcommand, or an argument or flag that it needs.
void check_needed(const CLI::App& app, const CommandText& text) {
  for (const CLI::App* sub : app.get_subcommands()) check_needed(*sub, text_of(text, sub->get_name()));
  if (app.get_parent() == nullptr) return;
  require(text.commands.empty() || !app.get_subcommands().empty(), "'", text.name,
          "' needs a subcommand; there are ", names_of(text), "; --help says what each is");
  for (const FlagText& flag : text.flags) {
    const std::string name = long_names(flag).back();
    const CLI::Option* option = app.get_option_no_throw(name);
    require(!flag.required || option == nullptr || option->count() > 0, "'", text.name, "' needs ", name, ", ",
            flag.help, ": ", usage(text));
  }
}

// A flag without its value takes the next flag for it, and an unset shell variable leaves an empty one.
void check_values(const CLI::App& app) {
  for (const CLI::App* sub : app.get_subcommands()) check_values(*sub);
  for (const CLI::Option* o : app.get_options()) {
    if (o->get_items_expected_max() == 0) continue;
    for (const std::string& value : o->results()) {
      require(!value.empty(), o->get_name(), " is empty; give it a value, or leave it out");
      const bool flag = value.starts_with("--") || (value.size() == 2 && app.get_option_no_throw(value) != nullptr);
      require(!flag, o->get_name(), " is '", value, "', a flag; give it a value first (a file of that name: ./",
              value, ")");
    }
  }
}

}  // namespace

CommandLine::CommandLine(const std::string& name, const std::string& description, const std::string& version)
    : app_(std::make_unique<CLI::App>(description, name)) {
  text_.name = name;
  text_.help = description;
  text_.flags = {{.name = "--version", .help = "the version, and stop", .group = "Flags", .is_switch = true},
                 {.name = "-h,--help", .help = "this text", .group = "Flags", .is_switch = true}};
  app_->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app_->set_version_flag("--version", version);
  app_->allow_extras();
}

CommandLine::~CommandLine() = default;

Subcommand CommandLine::add(const std::string& name, const std::string& help, const std::string& group) {
  Subcommand sub = Subcommand(*this, *app_, text_).add(name, help);
  sub.text_->group = group;
  app_->require_subcommand(0);
  return sub;
}

CommandLine::Command& CommandLine::command_of(const CLI::App& app) {
  return *std::find_if(commands_.begin(), commands_.end(), [&](const Command& c) { return c.app == &app; });
}

// The text of the subcommand whose --help is asked for, or of all.
int CommandLine::show_help() {
  check_extras(*app_, text_);
  CLI::App* app = app_.get();
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  CommandText* text = app == app_.get() ? &text_ : command_of(*app).text;
  if (app != app_.get())
    if (const auto& explain = command_of(*app).explain) explain(*text);
  fmt::print("{}", help_text(*text, terminal_columns()));
  return kDone;
}

// A family or another argument decides which flags there are: the words before the last are parsed for that, as far
// as they can be.
std::vector<Candidate> CommandLine::complete(std::vector<std::string> words) {
  const auto [text, at] = command_of_words(text_, words);
  const auto command =
      std::find_if(commands_.begin(), commands_.end(), [&, t = text](const Command& c) { return c.text == t; });
  if (command != commands_.end() && command->explain && !words.empty()) {
    std::vector<std::string> parsed(words.rbegin() + 1, words.rend());  // CLI11 takes them from the end
    if (!parsed.empty() && parsed.front().starts_with("-")) parsed.erase(parsed.begin());
    try {
      app_->parse(parsed);
    } catch (const CLI::ParseError&) {
    }
    try {
      command->explain(*text);
    } catch (const eqnn::Error&) {
    }
  }
  return candidates(*text, at, words);
}

int CommandLine::run(int argc, char** argv) {
  const std::string_view first = argc > 1 ? argv[1] : "";
  std::vector<const char*> words(argv, argv + argc);
  if (first == "help") {
    words.erase(words.begin() + 1);
    words.push_back("--help");
  }
  return parse_and_run(static_cast<int>(words.size()), words.data());
}

int CommandLine::parse_and_run(int argc, const char* const* argv) {
  Common common;
  CommonText text;
  for (const Command& c : commands_) {
    if (c.run && c.text != nullptr) add_common(*c.app, *c.text, c.used, common, text);
    c.app->allow_extras();
  }
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "complete") {
    for (const Candidate& c : complete({argv + 2, argv + argc})) fmt::print("{}\t{}\n", c.word, c.help);
    return kDone;
  }
  if (first == "manual") {
    const std::string name = argc > 2 ? one_line(argv[2]) : "";
    const CommandText* page = name.empty() ? &text_ : nullptr;
    for (const auto& c : text_.commands)
      if (c->last_name() == name) page = c.get();
    require(page != nullptr, "'", name, "' is not a subcommand; eqnn --help lists them");
    fmt::print("{}", manual_page(*page));
    return kDone;
  }
  // CLI11 takes the nothing of "--switch=" for true.
  for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i) {
    const std::string_view word = argv[i];
    require(!word.starts_with("--") || word.find('=') != word.size() - 1, one_line(std::string(word)),
            " has no value; write it behind the =, or leave the = out");
  }
  try {
    app_->parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return show_help();
  } catch (const CLI::Success& e) {  // --version
    return app_->exit(e);
  } catch (const CLI::ArgumentMismatch& e) {
    const std::string said = one_line(e.what());  // "--n: 1 required TEXT missing"
    throw ValueError(concat(said.substr(0, said.find(':')), " needs a value; --help shows what is allowed"));
  } catch (const CLI::ValidationError& e) {
    std::string said = one_line(e.what());  // "--expect: is 'luck'; allowed are ..."
    if (const auto colon = said.find(": is '"); colon != std::string::npos) said.erase(colon, 1);
    throw ValueError(said);
  } catch (const CLI::ParseError& e) {
    check_extras(*app_, text_);  // an unknown flag explains more than a missing one
    check_needed(*app_, text_);
    throw ValueError(concat(one_line(e.what()), "; --help shows what is allowed"));
  }
  check_extras(*app_, text_);
  check_values(*app_);
  if (!text.threads.empty()) common.threads = static_cast<int>(parse_integer("threads", text.threads, 1, 1024));
  common.seed_given = !text.seed.empty();
  if (common.seed_given) common.seed = parse_seed("seed", text.seed);
  // More threads than cores are allowed, and TBB would warn of them on stderr.
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism,
                                    static_cast<std::size_t>(common.thread_count()));
  for (const Command& c : commands_)
    if (c.run && c.app->parsed()) return c.run(common);
  fmt::print("{}", help_text(text_, terminal_columns()));
  throw ValueError("no subcommand is given; eqnn --help lists them");
}

}  // namespace tools
