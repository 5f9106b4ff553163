// The `eqnn` command: parses the command line, runs one subcommand, turns errors into exit codes.

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>

#include <fmt/core.h>
#include <tbb/global_control.h>

#include <eqnn/text.h>

#include "commands.h"

namespace tools {

void TextFlags::add(CLI::App& app, const std::string& name, const std::string& help, bool is_switch) {
  flags_.push_back(std::make_unique<Flag>(Flag{name, "", nullptr}));
  Flag& flag = *flags_.back();
  flag.option =
      is_switch ? app.add_flag("--" + name, flag.value, help) : app.add_option("--" + name, flag.value, help);
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

void add_family_flags(CLI::App& app, TextFlags& flags) {
  std::map<std::string, std::pair<std::string, bool>> all;
  for (const auto& family : eqnn::hard::families())
    for (const auto& p : family.parameters)
      all.try_emplace(p.name, concat(p.meaning, " (default ", p.default_value, ")"),
                      p.default_value == "true" || p.default_value == "false");
  for (const auto& [name, help] : all) flags.add(app, name, help.first, help.second);
}

constexpr const char* kNotBuiltGroup = "Not built in yet";

// In the contract, and of a later version: each says so and exits 6.
void add_not_built(CLI::App& app, Commands& commands, const char* name) {
  CLI::App* sub = app.add_subcommand(name, "not built in yet");
  sub->group(kNotBuiltGroup)->allow_extras();
  commands.push_back({sub, [name](const Common&) -> int {
                        throw NotBuiltError(
                            concat("'eqnn ", name, "' is not built in yet; eqnn --help lists what is"));
                      }});
}

namespace {

struct CommonText {
  std::string threads, seed;
};

void add_common(CLI::App& app, Common& common, CommonText& text) {
  app.add_flag("--json", common.json, "one JSON document on stdout (train: JSON lines)");
  app.add_flag("-q,--quiet", common.quiet, "no progress, no notes");
  app.add_flag("-v,--verbose", common.verbose, "say more on stderr (train: run directory and configuration, as TOML)");
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

// Flags of the contract that belong to families and measurements of a later version.
constexpr const char* kLaterFlags[] = {"--group",      "--d", "--k", "--graph",  "--c-min", "--frame",
                                       "--generators", "--r", "--m", "--degree", "--terms", "--profile"};

// What the parser could not place: an unknown flag or subcommand, with the nearest known one.
[[noreturn]] void refuse_extras(const CLI::App& app, const std::vector<std::string>& extras) {
  const std::string& word = extras.front();
  if (word.starts_with("-")) {
    const std::string name = word.substr(0, word.find('='));
    for (const char* later : kLaterFlags)
      if (name == later)
        throw NotBuiltError(concat(name, " is not built in yet; ", full_name(app), " --help lists what is"));
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

std::string one_line(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

int run(int argc, char** argv) {
  CLI::App app(
      "Equivariant networks, and function families that they represent and gradient descent does not learn.",
      "eqnn");
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.set_version_flag("--version", concat("eqnn ", version_text()));
  app.allow_extras();
  Common common;
  CommonText text;
  Commands commands;
  add_families(app, commands);
  add_train(app, commands);
  add_predict(app, commands);
  add_certify(app, commands);
  add_doctor(app, commands);
  add_bench(app, commands);
  add_sweep(app, commands);
  add_reproduce(app, commands);
  add_learn(app, commands);
  add_bound(app, commands);
  add_gradvar(app, commands);
  add_tau_threshold(app, commands);
  add_reduce(app, commands);
  add_collect(app, commands);
  add_plot(app, commands);
  add_report(app, commands);
  for (const char* name : {"export", "import"}) add_not_built(app, commands, name);
  for (const Command& c : commands) {
    add_common(*c.app, common, text);
    c.app->allow_extras();
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {  // --help, --version
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    check_extras(app);  // an unknown flag explains more than a missing one
    throw ValueError(concat(one_line(e.what()), "; --help shows what is allowed"));
  }
  check_extras(app);
  check_values(app);
  if (!text.threads.empty()) common.threads = static_cast<int>(parse_integer("threads", text.threads, 1, 1024));
  common.seed_given = !text.seed.empty();
  if (common.seed_given) common.seed = parse_seed("seed", text.seed);
  // More threads than cores are allowed, and TBB would warn of them on stderr.
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism,
                                    static_cast<std::size_t>(common.thread_count()));
  for (const Command& c : commands)
    if (c.app->parsed()) return c.run(common);
  throw ValueError("no subcommand is given; eqnn --help lists them");
}

constexpr const char* kNoOutput = "standard output cannot be written; free some space or choose another place";
constexpr const char* kNoMemory =
    "not enough memory for this; make --width, --batch, --count, --test-samples or --threads smaller";

int report(int code, const char* kind, const char* what) {
  std::fflush(stdout);
  std::fprintf(stderr, "eqnn: error: %s%s\n", kind, one_line(what).c_str());
  return code;
}

// A stream that was closed (2>&-) would lend its number to the next file, and messages would land in there.
// Opened for reading, it fails every write as a closed one does.
void open_streams() {
  for (int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0) std::abort();
}

}  // namespace

int guard(const std::function<int()>& run) {
  try {
    const int code = run();
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) return report(kFile, "", kNoOutput);
    return code;
  } catch (const NotBuiltError& e) {
    return report(kNotBuilt, "", e.what());
  } catch (const eqnn::FileError& e) {
    return report(kFile, "", e.what());
  } catch (const eqnn::Error& e) {
    return report(kUsage, "", e.what());
  } catch (const std::bad_alloc&) {
    return report(kUsage, "", kNoMemory);
  } catch (const std::length_error&) {
    return report(kUsage, "", kNoMemory);
  } catch (const std::system_error& e) {  // of fmt::print, when a full buffer could not be written
    return report(kFile, "", std::ferror(stdout) != 0 ? kNoOutput : e.what());
  } catch (const std::exception& e) {
    return report(kInternal, "internal error, please report it with the command: ", e.what());
  }
}

}  // namespace tools

int main(int argc, char** argv) {
  tools::open_streams();
  std::signal(SIGXFSZ, SIG_IGN);  // a write beyond ulimit -f then fails as one to a full disk does
  return tools::guard([&] { return tools::run(argc, argv); });
}
