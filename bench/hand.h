// The hand-written step of bench/hand_written.h, as `eqnn bench` uses it.
#pragma once

#include <string>

#include "hand_written.h"
#include "rows.h"

namespace bench {

// The module of bench/hand_written.h; `missing` says why where it is not to be found.
struct HandModule {
  HandModule();
  bool found = false;
  std::string missing;
  decltype(&eqnn_hand_create) create = nullptr;
  decltype(&eqnn_hand_destroy) destroy = nullptr;
  decltype(&eqnn_hand_size) size = nullptr;
  decltype(&eqnn_hand_values) values = nullptr;
  decltype(&eqnn_hand_gradient) gradient = nullptr;
  decltype(&eqnn_hand_step) step = nullptr;
};

// One hand-written step of a gnn row.
class HandStep {
 public:
  HandStep(const HandModule& module, const Row& r, int threads)
      : module_(module), handle_(module.create(r.n, r.width, r.batch, threads)) {}
  ~HandStep() { module_.destroy(handle_); }
  HandStep(const HandStep&) = delete;
  HandStep& operator=(const HandStep&) = delete;

  double step(const RowData& d, double rate) {
    return module_.step(handle_, static_cast<float>(rate), d.x.data(), d.adjacency.data(), d.y.data());
  }
  // Copies the engine's parameters; one line of what differs, or nothing, after one gradient on both sides.
  std::string compare(RowEngine& engine, const RowData& data);

 private:
  const HandModule& module_;
  EqnnHandStep* handle_;
};

}  // namespace bench
