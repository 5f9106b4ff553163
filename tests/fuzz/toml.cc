// A configuration file: TOML, as flags.
#include "cli/options.h"
#include "cli/toml_text.h"
#include "harness.h"
#include "train/resolve.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  fuzz::reads([&] { fuzz::sink = static_cast<double>(tools::parse_toml(std::string(text), "input").size()); });
  const fuzz::InputFile file(text);
  fuzz::reads([&] {
    const tools::RawOptions options = tools::read_toml(file.path());
    std::string family;
    tools::RawOptions others;
    for (const tools::RawOption& o : options)
      if (o.name == "family")
        family = o.value;
      else
        others.push_back(o);
    const tools::TrainConfig c = tools::family_config(family, others, 0);
    fuzz::expect(!tools::config_toml(c).empty(), "a configuration is written");
    // As `eqnn train --print-config` promises.
    fuzz::expect(tools::config_json(tools::parse_config_json(tools::config_json(c))) == tools::config_json(c),
                 "a configuration is read back");
  });
  return 0;
}
