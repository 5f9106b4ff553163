#include "cli/command_line.h"

#include <string_view>

#include <tbb/global_control.h>
#include <CLI/CLI.hpp>

#include <eqnn/core/spelling.h>

#include "cli/guard.h"
#include "cli/note.h"

namespace tools {

void Subcommand::option(const std::string& name, std::string& value, const std::string& help) {
  app_->add_option(name, value, help);
}
void Subcommand::required(const std::string& name, std::string& value, const std::string& help) {
  app_->add_option(name, value, help)->required();
}
void Subcommand::choice(const std::string& name, std::string& value, const std::string& help,
                        std::vector<std::string> allowed) {
  app_->add_option(name, value, help)->check(CLI::IsMember(std::move(allowed)));
}
void Subcommand::number(const std::string& name, double& value, const std::string& help) {
  app_->add_option(name, value, help);
}
void Subcommand::toggle(const std::string& name, bool& value, const std::string& help) {
  app_->add_flag(name, value, help);
}
void Subcommand::list(const std::string& name, std::vector<std::string>& values, const std::string& help,
                      char delimiter) {
  app_->add_option(name, values, help)->delimiter(delimiter)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}
void Subcommand::required_list(const std::string& name, std::vector<std::string>& values, const std::string& help) {
  app_->add_option(name, values, help)->required()->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}
void Subcommand::runs(std::function<int(const Common&)> run) { line_->commands_.push_back({app_, std::move(run)}); }
Subcommand Subcommand::add(const std::string& name, const std::string& help) {
  app_->require_subcommand(1);
  return {*line_, *app_->add_subcommand(name, help)};
}

void TextFlags::add(Subcommand sub, const std::string& name, const std::string& help, bool is_switch) {
  flags_.push_back(std::make_unique<Flag>(Flag{name, "", nullptr}));
  Flag& flag = *flags_.back();
  flag.option = is_switch ? sub.app_->add_flag("--" + name, flag.value, help)
                          : sub.app_->add_option("--" + name, flag.value, help);
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

constexpr const char* kNotBuiltGroup = "Not built in yet";

struct CommonText {
  std::string threads, seed;
};

void add_common(CLI::App& app, Common& common, CommonText& text) {
  app.add_flag("--json", common.json, "one JSON document on stdout (train: JSON lines)");
  app.add_flag("-q,--quiet", common.quiet, "no progress, no notes");
  app.add_flag("-v,--verbose", common.verbose,
               "say more on stderr (train: run directory and configuration, as TOML)");
  app.add_option("--threads", text.threads, "threads (default: all cores)");
  app.add_option("--seed", text.seed,
                 "seed; the default of --member-seed, --init-seed and --data-seed (default 0)");
  app.add_option("--progress", common.progress, "auto, bar, plain or none")
      ->check(CLI::IsMember({"auto", "bar", "plain", "none"}));
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
  if (app.get_group() != kNotBuiltGroup && !app.remaining().empty()) refuse_extras(app, app.remaining());
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
  app_->option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app_->set_version_flag("--version", version);
  app_->allow_extras();
}

CommandLine::~CommandLine() = default;

Subcommand CommandLine::add(const std::string& name, const std::string& help) {
  return {*this, *app_->add_subcommand(name, help)};
}

void CommandLine::add_not_built(const std::string& name) {
  CLI::App* sub = app_->add_subcommand(name, "not built in yet");
  sub->group(kNotBuiltGroup)->allow_extras();
  commands_.push_back({sub, [name](const Common&) -> int {
                         throw NotBuiltError(
                             concat("'eqnn ", name, "' is not built in yet; eqnn --help lists what is"));
                       }});
}

int CommandLine::run(int argc, char** argv) {
  Common common;
  CommonText text;
  for (const Command& c : commands_) {
    add_common(*c.app, common, text);
    c.app->allow_extras();
  }
  // CLI11 takes the nothing of "--switch=" for true.
  for (int i = 1; i < argc && std::string_view(argv[i]) != "--"; ++i) {
    const std::string_view word = argv[i];
    require(!word.starts_with("--") || word.find('=') != word.size() - 1, one_line(std::string(word)),
            " has no value; write it behind the =, or leave the = out");
  }
  try {
    app_->parse(argc, argv);
  } catch (const CLI::Success& e) {  // --help, --version
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
    if (c.app->parsed()) return c.run(common);
  throw ValueError("no subcommand is given; eqnn --help lists them");
}

}  // namespace tools
