#include "train/initial_weights.h"

#include <algorithm>

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <eqnn/core/hash.h>
#include <eqnn/io/files.h>

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

std::string TakenWeights::text() const {
  return concat(arrays, " of ", all_arrays, " arrays, ", parameters, " of ", all_parameters, " parameters");
}

template <class T>
TakenWeights take_weights(eqnn::Params<T>& params, const std::string& file) {
  const eqnn::LoadReport r = eqnn::load_matching(file, params);
  std::vector<std::string> drawn = r.other_shape;
  drawn.insert(drawn.end(), r.missing.begin(), r.missing.end());
  require(!r.loaded.empty(), "--init-from ", file,
          ": none of its arrays has the name, shape and type of one here, such as ",
          drawn.empty() ? "" : drawn.front(), "; take a run of the same network");
  TakenWeights taken;
  taken.arrays = static_cast<Index>(r.loaded.size());
  taken.all_arrays = taken.arrays + static_cast<Index>(drawn.size());
  taken.all_parameters = params.count();
  for (const NamedArray& a : eqnn::parameter_arrays<T>(params, params.values(), ""))
    if (std::ranges::find(r.loaded, a.name) != r.loaded.end())
      taken.parameters += static_cast<Index>(a.bytes.size() / sizeof(T));
  if (drawn.empty() && r.unused.empty()) return taken;
  taken.rest = fmt::format("{} are from {}; drawn as without it: {}{}", taken.text(), file,
                           drawn.empty() ? "none" : fmt::format("{}", fmt::join(drawn, "; ")),
                           r.unused.empty() ? "" : fmt::format("; {} there have no place here", r.unused.size()));
  return taken;
}

template TakenWeights take_weights(eqnn::Params<float>&, const std::string&);
template TakenWeights take_weights(eqnn::Params<double>&, const std::string&);

}  // namespace tools
