#include "train/initial_weights.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <eqnn/core/hash.h>
#include <eqnn/io/files.h>

#include "cli/options.h"
#include "cli/paths.h"

namespace tools {
using eqnn::FileError;
using eqnn::NamedArray;

eqnn::SafeTensors read_weights(const std::string& path) {
  const bool folder = is_folder(path);
  const std::string file = folder ? path + "/model.safetensors" : path;
  require<FileError>(is_there(file), file, ": there is no such model; --init-from needs ",
                     folder ? "a run that is finished" : "the folder of a finished run, or a safetensors file");
  return eqnn::decode_safetensors(eqnn::read_file(file), file);
}

std::string weights_hash(const eqnn::SafeTensors& weights) {
  eqnn::Hash hash;
  const auto add = [&](const std::string& text) {
    hash.add(static_cast<std::uint64_t>(text.size()));
    hash.add(text.data(), text.size());
  };
  for (const NamedArray& a : weights.arrays) {
    add(a.name);
    add(a.dtype);
    hash.add(a.shape);
    hash.add(reinterpret_cast<const unsigned char*>(a.bytes.data()), a.bytes.size());
  }
  return hash.text();
}

template <class T>
std::string take_weights(eqnn::Params<T>& params, const std::string& file) {
  const eqnn::LoadReport r = eqnn::load_matching(file, params);
  std::vector<std::string> drawn = r.other_shape;
  drawn.insert(drawn.end(), r.missing.begin(), r.missing.end());
  require(!r.loaded.empty(), "--init-from ", file,
          ": none of its arrays has the name, shape and type of one here, such as ",
          drawn.empty() ? "" : drawn.front(), "; take a run of the same network");
  if (drawn.empty() && r.unused.empty()) return "";
  return fmt::format("{} of {} arrays are from {}; drawn as without it: {}{}", r.loaded.size(),
                     r.loaded.size() + drawn.size(), file,
                     drawn.empty() ? "none" : fmt::format("{}", fmt::join(drawn, "; ")),
                     r.unused.empty() ? "" : fmt::format("; {} there have no place here", r.unused.size()));
}

template std::string take_weights(eqnn::Params<float>&, const std::string&);
template std::string take_weights(eqnn::Params<double>&, const std::string&);

}  // namespace tools
