// `eqnn bench --profile`: where the time of a row's step goes, operation by operation.
#pragma once

#include <string>
#include <vector>

#include "cli/json_fwd.h"
#include "machine_limits.h"
#include "rows.h"

namespace bench {

// Of one step. Seconds are those of all workers together; of the row of one graph, whose operations run on all
// threads one after the other, they are the clock's.
struct ProfileLine {
  std::string name;
  double calls = 0;
  double forward = 0, backward = 0;  // seconds
  double multiply_adds = 0, bytes = 0;
  double share = 0;           // of the step's time
  double share_of_limit = 0;  // of sgemm for what has products, of triad for the others; 0: not known

  double seconds() const { return forward + backward; }
};

struct Profile {
  std::string id;
  int threads = 1;
  double seconds = 0;              // of a step, by the clock
  std::vector<ProfileLine> lines;  // the longest first; beside the operations "copy inputs", "update" and "waiting"
};

Profile profile_row(const Row& row, int threads, Limits& limits, double budget);
void print_profile(const Profile& profile);
tools::Json profile_json(const Profile& profile);

}  // namespace bench
