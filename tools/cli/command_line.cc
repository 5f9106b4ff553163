#include "cli/command_line.h"

#include <algorithm>
#include <string_view>

#include <tbb/global_control.h>
#include <CLI/CLI.hpp>

#include <eqnn/core/spelling.h>

#include "cli/guard.h"
#include "cli/note.h"

namespace tools {

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
      ->check(CLI::IsMember(std::move(allowed)));
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

void add_common(CLI::App& app, CommandText& command, Common& common, CommonText& text) {
  const auto add = [&](FlagText flag, CLI::Option* option) {
    flag.group = "Common";
    command.flags.push_back(std::move(flag));
    return option;
  };
  add({.name = "--threads", .help = "threads", .fallback = "all cores"}, app.add_option("--threads", text.threads));
  add({.name = "--seed", .help = "default of --member-seed, --init-seed and --data-seed", .fallback = "0"},
      app.add_option("--seed", text.seed));
  add({.name = "--json", .help = "one JSON document on stdout (train: JSON lines)", .is_switch = true},
      app.add_flag("--json", common.json));
  add({.name = "-q,--quiet", .help = "no progress, no notes", .is_switch = true},
      app.add_flag("-q,--quiet", common.quiet));
  add({.name = "-v,--verbose",
       .help = "say more on stderr (train: run directory and configuration, as TOML)",
       .is_switch = true},
      app.add_flag("-v,--verbose", common.verbose));
  const std::vector<std::string> ways{"auto", "bar", "plain", "none"};
  add({.name = "--progress", .fallback = "auto", .values = ways}, app.add_option("--progress", common.progress))
      ->check(CLI::IsMember(ways));
  add({.name = "-h,--help", .help = "this text", .is_switch = true}, nullptr);
}

std::vector<std::string> flag_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* o : app.get_options())
    for (const std::string& n : o->get_lnames()) names.push_back("--" + n);
  return names;
}

// "eqnn families show"
std::string full_name(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : concat(full_name(*app.get_parent()), " ", app.get_name());
}

// What the parser could not place: an unknown flag or subcommand, with the nearest known one.
[[noreturn]] void refuse_extras(const CLI::App& app, const std::vector<std::string>& extras) {
  const std::string& word = extras.front();
  if (word.starts_with("-")) {
    const std::string name = word.substr(0, word.find('='));
    if (app.get_parent() == nullptr && eqnn::edit_distance(name, "--version") <= 2)
      throw ValueError(concat("'", name, "' is not a flag of 'eqnn'; the nearest is '--version'"));
    if (app.get_parent() == nullptr)
      throw ValueError(
          concat("'", name, "' stands before a subcommand; write eqnn SUBCOMMAND first, and then its flags"));
    throw ValueError(concat("'", name, "' is not a flag of '", full_name(app), "'; the nearest is '",
                            eqnn::nearest(name, flag_names(app)), "'; --help lists all"));
  }
  std::vector<std::string> names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(sub->get_name());
  if (names.empty())
    throw ValueError(
        concat("'", word, "' is one argument too many for '", full_name(app), "'; --help shows its use"));
  throw ValueError(concat("'", word, "' is not a subcommand; the nearest is '", eqnn::nearest(word, names),
                          "'; --help lists all"));
}

void check_extras(const CLI::App& app) {
  for (const CLI::App* sub : app.get_subcommands()) check_extras(*sub);
  if (!app.remaining().empty()) refuse_extras(app, app.remaining());
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
  check_extras(*app_);
  CLI::App* app = app_.get();
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  CommandText* text = app == app_.get() ? &text_ : command_of(*app).text;
  if (app != app_.get())
    if (const auto& explain = command_of(*app).explain) explain(*text);
  fmt::print("{}", help_text(*text, terminal_columns()));
  return kDone;
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
    if (c.run && c.text != nullptr) add_common(*c.app, *c.text, common, text);
    c.app->allow_extras();
  }
  const std::string_view first = argc > 1 ? argv[1] : "";
  if (first == "complete") {
    for (const Candidate& c : candidates(text_, {argv + 2, argv + argc})) fmt::print("{}\t{}\n", c.word, c.help);
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
  } catch (const CLI::ParseError& e) {
    check_extras(*app_);  // an unknown flag explains more than a missing one
    throw ValueError(concat(one_line(e.what()), "; --help shows what is allowed"));
  }
  check_extras(*app_);
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
