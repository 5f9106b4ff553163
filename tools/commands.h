// The subcommands: each adds its flags to the application, and returns what to run when it was chosen.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include <eqnn/hard/family.h>

#include "cli.h"

namespace tools {

// One subcommand while the command line is parsed. Flag values are kept as text by name and typed later,
// where a wrong one can be named with what is allowed.
struct Command {
  CLI::App* app = nullptr;
  std::function<int(const Common&)> run;
};
using Commands = std::vector<Command>;

// Text values of flags, filled by the parser; only those that were given appear in `options`.
class TextFlags {
 public:
  void add(CLI::App& app, const std::string& name, const std::string& help, bool is_switch = false);
  RawOptions given() const;
  bool has(const std::string& name) const;
  std::string get(const std::string& name, const std::string& fallback = "") const;

 private:
  struct Flag {
    std::string name, value;
    CLI::Option* option = nullptr;
  };
  std::vector<std::unique_ptr<Flag>> flags_;
};

// The parameters of all families, as flags.
void add_family_flags(CLI::App& app, TextFlags& flags);

void add_families(CLI::App& app, Commands& commands);
void add_train(CLI::App& app, Commands& commands);
void add_predict(CLI::App& app, Commands& commands);
void add_certify(CLI::App& app, Commands& commands);
void add_doctor(CLI::App& app, Commands& commands);
void add_bench(CLI::App& app, Commands& commands);
void add_sweep(CLI::App& app, Commands& commands);
void add_reproduce(CLI::App& app, Commands& commands);
void add_learn(CLI::App& app, Commands& commands);
void add_bound(CLI::App& app, Commands& commands);
void add_gradvar(CLI::App& app, Commands& commands);
void add_tau_threshold(CLI::App& app, Commands& commands);
void add_reduce(CLI::App& app, Commands& commands);
void add_collect(CLI::App& app, Commands& commands);
void add_plot(CLI::App& app, Commands& commands);
void add_report(CLI::App& app, Commands& commands);
// A subcommand of the contract that is not there yet: says so and exits 6.
void add_not_built(CLI::App& app, Commands& commands, const char* name);

// Reads a member file, .json or an .npz that `families sample` wrote. Where it may leave out d, the channels of an
// input, and does, they are `channels` (0: the family's own rule). Throws FileError and ValueError.
std::unique_ptr<eqnn::hard::Member> read_member(const eqnn::hard::Family& family, const std::string& path,
                                                Index channels = 0);

// Throws ValueError when a parameter that is given as a flag is another in the member itself.
void check_agrees(const eqnn::hard::Member& member, const RawOptions& given,
                  const eqnn::hard::ParameterValues& values, const std::string& path);

// Runs, and turns errors into one line on stderr and an exit code.
int guard(const std::function<int()>& run);

// name, version, git revision
std::string version_text();
// {"cpu", "cores", "target", "blas", "blas_core", ...} as JSON text.
std::string machine_json();

}  // namespace tools
