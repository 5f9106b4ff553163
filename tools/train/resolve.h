// From options, of flags or a TOML file, to a configuration.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "cli/help.h"
#include "data/dataset.h"
#include "train/config.h"

namespace tools {

// The examples of a file.
using ReadData = std::function<std::shared_ptr<const LabelledExamples>(
    const std::string& path, const std::string& format, const DataChoices& choices)>;
std::shared_ptr<const LabelledExamples> read_data(const std::string& path, const std::string& format,
                                                  const DataChoices& choices);

// The configuration of options among which are "family" (and "member"), or "data". In this order, later ones win:
// the defaults of the family or of the kind of file, the options, what the member holds; then checks of what
// belongs together. A member is a file, or its contents (which begin with "{"); it decides the parameters that it
// holds. Parameters whose default is derived from others are filled in, for which a member is drawn. `seed` is the
// default of the three seeds. Throws ValueError, which for an unknown name tells the nearest known one, and
// FileError.
TrainConfig resolve_config(const RawOptions& options, std::uint64_t seed, const ReadData& read = read_data);

// Of the flags of fields, below the headings of these, among those of a page the values that they have in `c`, as
// what is in brackets; of fields that it does not read who does.
void explain_config(CommandText& text, const TrainConfig& c);

// The same of a family alone: without a member, and derived parameters stay empty.
TrainConfig family_config(const std::string& family, const RawOptions& options, std::uint64_t seed);

// The value of an option, the last one given; empty when it is not there.
std::string last_value(const RawOptions& options, const std::string& name);

// Options as samples: --online is --samples 0. Throws ValueError where one source says both.
RawOptions without_online(const RawOptions& options);

}  // namespace tools
