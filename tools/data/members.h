// Families at the command line: their parameters as flags, their members as files.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <eqnn/hard/family.h>
#include <eqnn/io/npz.h>

#include "cli/command_line.h"
#include "cli/json.h"

namespace tools {

// The argument ID, and the parameters of all families, as flags.
void add_family_argument(Subcommand sub, std::string& id, bool required);
void add_family_flags(Subcommand sub, TextFlags& flags);
// What --help says of them for one family: its own parameters and their defaults, and an example, the command with
// the family and `more` flags; nothing new where `id` is empty. Throws ValueError where it is no family.
void explain_family(CommandText& text, const std::string& id, const std::string& more = "");

// Every parameter of `family` in its shortest form, the defaults where `options` has none; implicit ones only where
// they are not their defaults.
// Throws ValueError for an option that `family` does not have, naming what it has.
eqnn::hard::ParameterValues family_parameters(const eqnn::hard::Family& family, const RawOptions& options);

// Reads a member file, .json or an .npz that `families sample` wrote. Where it may leave out d, the channels of an
// input, and does, they are `channels` (0: the family's own rule). Throws FileError and ValueError.
std::unique_ptr<eqnn::hard::Member> read_member(const eqnn::hard::Family& family, const std::string& path,
                                                Index channels = 0);

// The arrays member.KEY of an npz file, one for each key of a member's JSON document; read_member reads them back.
eqnn::NpzArrays member_arrays(const std::string& json);

// Takes implicit parameters that have their defaults out of `values`.
void leave_out_implicit(const eqnn::hard::Family& family, eqnn::hard::ParameterValues& values);

// A parameter as the document of a member has it: implicit ones that it leaves out are their defaults, and there is
// none of others.
std::optional<std::string> held_parameter(const Json& member, const eqnn::hard::Parameter& parameter);
// Throws ValueError when a parameter that is given as a flag is another in the member itself.
void check_agrees(const eqnn::hard::Member& member, const eqnn::hard::Family& family, const RawOptions& given,
                  const std::string& path);

}  // namespace tools
