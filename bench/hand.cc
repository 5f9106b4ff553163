#include "hand.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <type_traits>

#include "peers.h"

namespace bench {

HandModule::HandModule() {
  const char* named = std::getenv("EQNN_BENCH_HAND");
  const std::filesystem::path path = named ? std::filesystem::path(named) : bench_folder() / "eqnn_hand.so";
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = dlerror();
    missing = why ? why : path.string();
    return;
  }
  const auto find = [library](const char* name, auto& function) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    return function != nullptr;
  };
  found = find("eqnn_hand_create", create) && find("eqnn_hand_destroy", destroy) && find("eqnn_hand_size", size) &&
          find("eqnn_hand_values", values) && find("eqnn_hand_gradient", gradient) && find("eqnn_hand_step", step);
  if (!found) missing = path.string() + " lacks a function";
}

std::string HandStep::compare(RowEngine& engine, const RowData& data) {
  constexpr double kTolerance = 1e-4;
  if (module_.size(handle_) != engine.params.count())
    return fmt::format("{} parameters, the engine has {}", module_.size(handle_), engine.params.count());
  float* value = module_.values(handle_);
  for (const ParamInfo& p : engine.params.list()) {
    const MatrixView<float> from = engine.params.view(p.slice);
    for (Index i = 0; i < from.rows; ++i) value = std::copy(from.row(i), from.row(i) + from.cols, value);
  }
  const double loss = engine.trainer->gradient([&](Batch<float>& b) { data.fill(b); });
  const double other = step(data, 0);
  if (!(std::abs(loss - other) <= kTolerance * std::abs(loss)))
    return fmt::format("its loss is {}, the engine's {}", other, loss);
  const float* g = module_.gradient(handle_);
  for (const ParamInfo& p : engine.params.list()) {
    double difference = 0, norm = 0;
    for (Index i = 0; i < p.slice.rows; ++i)
      for (Index j = 0; j < p.slice.cols; ++j, ++g) {
        const auto at = static_cast<std::size_t>(p.slice.offset + i * p.slice.stride + j);
        const double mine = static_cast<double>(engine.trainer->last_gradient()[at]);
        difference += (mine - static_cast<double>(*g)) * (mine - static_cast<double>(*g));
        norm += mine * mine;
      }
    if (!(std::sqrt(difference) <= kTolerance * std::sqrt(norm)) || norm == 0)
      return fmt::format("its gradient of {} is {:.2g} away from the engine's, whose norm is {:.2g}", p.name,
                         std::sqrt(difference), std::sqrt(norm));
  }
  return {};
}

}  // namespace bench
