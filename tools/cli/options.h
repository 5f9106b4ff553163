// What every subcommand shares: exit codes, streams, common flags, spelling suggestions.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <eqnn/core/check.h>

#include "cli/text.h"

namespace tools {

using eqnn::concat;
using eqnn::Index;
using eqnn::require;
using eqnn::ValueError;

// Exit codes of the command; docs and scripts rely on them.
enum Exit : int {
  kDone = 0,
  kInternal = 1,
  kUsage = 2,
  kFile = 3,
  kAnsweredNo = 4,
  kSweepFailed = 5,
  kNotBuilt = 6,
  kInterrupted = 75,
  kSigint = 130,
};

// What each of them means, for manual pages.
inline constexpr std::pair<Exit, const char*> kExitMeanings[] = {
    {kDone, "done"},
    {kInternal, "an internal fault"},
    {kUsage, "a wrong command line or configuration"},
    {kFile, "a file that cannot be read or written"},
    {kAnsweredNo, "the answer is no: a check, or --expect"},
    {kSweepFailed, "runs of a sweep failed"},
    {kNotBuilt, "not built in"},
    {kInterrupted, "interrupted; --resume goes on"},
    {kSigint, "interrupted by SIGINT; --resume goes on"}};

// Something this build cannot do: exit 6.
class NotBuiltError : public eqnn::Error {
 public:
  using Error::Error;
};

// Another process, which works with this one, has failed and said why: nothing more is to be said.
class SaidElsewhere : public std::exception {};

// The flags that every subcommand takes.
struct Common {
  bool json = false, quiet = false, verbose = false;
  int threads = 0;  // 0: all cores
  std::uint64_t seed = 0;
  bool seed_given = false;
  std::string progress = "auto";  // auto, bar, plain, none

  int thread_count() const;
};

// Raw values of flags by name, spelt as the flag without the dashes, in the order given.
struct RawOption {
  std::string name, value;
};
using RawOptions = std::vector<RawOption>;

// A whole number, also one written as 1e4 or 15.0; nothing for other text.
std::optional<std::int64_t> whole_number(const std::string& text);
// The values of flags; throw ValueError with what is allowed.
std::int64_t parse_integer(const std::string& name, const std::string& text, std::int64_t low, std::int64_t high);
double parse_number(const std::string& name, const std::string& text);
bool parse_switch(const std::string& name, const std::string& text);
std::uint64_t parse_seed(const std::string& name, const std::string& text);

// The keys of a TOML file as flag values; tables [run] and [params] are opened, others refused.
// Throws ValueError for what does not parse, with the line.
RawOptions read_toml(const std::string& path);

// Throws ValueError unless `path` is free, or removes the file that is there when `force`; a folder stays.
void claim_output(const std::string& path, bool force);

}  // namespace tools
