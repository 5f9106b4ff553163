// What `eqnn bench` prints: tables, or one JSON document.
#pragma once

#include <vector>

#include "families.h"
#include "match.h"
#include "measure.h"
#include "profile.h"
#include "sweep.h"

namespace bench {

// What the machine can do with so many threads.
struct MachineLimit {
  int threads = 1;
  double sgemm = 0, registers = 0;  // GFLOP/s
  double triad = 0;                 // GB/s
};

struct Report {
  std::vector<MachineLimit> limits;
  std::vector<Result> rows;
  std::vector<Match> matches;
  std::vector<Profile> profiles;
  std::vector<tools::FamilyCost> families;
  std::vector<SweepResult> sweep;
};

int all_cores();
void print_tables(const Report& report);
void print_json(const Report& report);

}  // namespace bench
