// From options to what is trained: a resolved configuration and its examples.
#pragma once

#include <string>

#include "train/training.h"

namespace tools {

// The value of an option, the last one given; empty when it is not there.
std::string last_value(const RawOptions& options, const std::string& name);

// Options as samples: --online is --samples 0. Throws ValueError where one source says both.
RawOptions without_online(const RawOptions& options);

// The configuration of a family's run. `member`: "", a member file, or its contents (which begin with "{"); it
// decides the parameters that it holds. Parameters whose default is derived from others are filled in, for which a
// member is drawn. Throws ValueError and FileError.
TrainConfig family_config(const std::string& family, const std::string& member, const RawOptions& options,
                          std::uint64_t seed);

// The same for options with "data", "family" or "member" among them; `data` gives the examples of (path, format).
using ReadData = std::function<std::shared_ptr<const Dataset>(const std::string& path, const std::string& format)>;
TrainConfig any_config(const RawOptions& options, std::uint64_t seed, const ReadData& data);

}  // namespace tools
