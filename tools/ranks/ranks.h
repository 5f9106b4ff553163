// The processes of one mpirun or srun, where the command was started by either; only in builds with MPI.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <eqnn/core/ranks.h>

#include "cli/options.h"

namespace tools {

class RankGroup : public eqnn::Ranks {
 public:
  bool leads() const { return rank() == 0; }
  // Threads for each rank of this machine, so that none shares a core with another where that can be avoided.
  virtual int threads() const = 0;

  // Opens so many counters of all ranks, at 0. Collective, once.
  virtual void open_counters(int count) = 0;
  // Adds to a counter, and says what it was. One-sided: it waits for no other rank.
  virtual Index add(int counter, Index amount) = 0;
  // Waits for all ranks, asleep.
  virtual void meet() = 0;
  // Collective: what rank 0 gives, and the largest of what all give.
  Index of_first(Index value);
  std::vector<Index> of_first(std::vector<Index> values);
  Index largest(Index value);
};

// Null where the process is alone: started by hand, as a single rank, or in a build without MPI. The first call
// starts MPI. Throws FileError where MPI cannot be loaded.
RankGroup* rank_group();
// So many processes were started together by mpirun or srun; 1 for one alone, and in builds without MPI.
int started_ranks();
// Throws ValueError where ranks were started for a subcommand that does not share its work among them: all would
// write the same files.
void check_shared(const std::string& subcommand);
// For a process that runs a program of its own in the place of a rank.
void leave_ranks();

// What a command is told, for its ranks: rank 0 speaks for all, and each takes its part of the machine. Null: as it
// is.
void share_among(const RankGroup* ranks, Common& common);

// Calls `begin` on rank 0, and on the others once that has ended well, which so find what it made. Throws what it
// threw, and SaidElsewhere on the others. Alone (null) it calls it.
void leader_first(RankGroup* ranks, const std::function<void()>& begin);

// Ends what rank_group() started, with the exit code of the process: all ranks together, or when this one alone
// has failed every other with it.
void end_ranks(int code);

}  // namespace tools
