// `eqnn bench --mpi`: a step on 1, 2 and 4 ranks of this machine, beside a model of what it should take.
#pragma once

#include <string>
#include <vector>

#include "cli/json_fwd.h"
#include "rows.h"

namespace bench {

// A row's step on so many ranks of one thread each; what one rank measured for all, and the model's parts.
struct RankPoint {
  Index ranks = 1;
  double seconds = 0, spread = 0;  // of a step: the median of the rounds, and largest minus smallest of them
  double busiest = 1;              // the part of the shards that the rank with most of them has
  double update = 0;               // seconds of what every rank does for itself: transforms of filters, the update
  double messages = 0;             // collective calls a step
  double bytes = 0;                // that a rank receives in a step
  double latency = 0, per_byte = 0;   // seconds of a collective call, and of each byte that a rank receives
  double copied = 0, per_copied = 0;  // bytes that a rank moves to messages, from them and into sums, seconds each
  double memory = 0;                  // bytes of a rank's trainer
};

struct RankCurve {
  Row row;
  int cores = 1;
  std::vector<RankPoint> points;  // the first is one rank
  RankPoint crowded;              // one rank, with every other core at the same work: they share caches and memory

  // Seconds of a step on points[i]: shards of the busiest rank, what each rank does for itself, the messages and
  // the copies that they need; where there are more ranks than cores, the work of all over the cores.
  double predicted(std::size_t i) const;
  // Seconds of the messages of a step.
  double message_seconds(std::size_t i) const;
  // The batch from which the messages are a tenth of the shards' time on this number of ranks.
  double hiding_batch(std::size_t i) const;
};

// The curves of these rows (none: three of different kinds). Throws NotBuiltError in a build without MPI or without
// mpirun, ValueError for the row of one big graph, which is not spread over ranks.
std::vector<RankCurve> measure_over_ranks(const std::vector<Row>& rows, bool quiet);
void print_over_ranks(const std::vector<RankCurve>& curves);
tools::Json over_ranks_json(const std::vector<RankCurve>& curves);

// What such a rank does, where this process was started as one: measures, prints one line, and is done.
bool is_measuring_rank();
void measure_as_rank();

}  // namespace bench
