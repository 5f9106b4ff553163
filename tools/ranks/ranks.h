// The processes of one mpirun or srun, where the command was started by either; only in builds with MPI.
#pragma once

#include <functional>

#include <eqnn/core/ranks.h>

namespace tools {

using eqnn::Index;

class RankGroup : public eqnn::Ranks {
 public:
  bool leads() const { return rank() == 0; }
  // Threads for each rank of this machine, so that none shares a core with another where that can be avoided.
  virtual int threads() const = 0;

  // Opens a counter of all ranks, at 0. Collective.
  virtual void open_counter() = 0;
  // The next number of the counter, which no other rank has. One-sided: it waits for nobody.
  virtual Index next() = 0;
  // Waits for all ranks, asleep.
  virtual void meet() = 0;
  // Collective: what rank 0 gives, and the largest of what all give.
  Index of_first(Index value);
  Index largest(Index value);
};

// Null where the process is alone: started by hand, as a single rank, or in a build without MPI. The first call
// starts MPI. Throws FileError where MPI cannot be loaded.
RankGroup* rank_group();
// So many processes were started together by mpirun or srun; 1 for one alone, and in builds without MPI.
int started_ranks();
// For a process that runs a program of its own in the place of a rank.
void leave_ranks();

// Calls `begin` on rank 0, and on the others once that has ended well, which so find what it made. Throws what it
// threw, and SaidElsewhere on the others. Alone (null) it calls it.
void leader_first(RankGroup* ranks, const std::function<void()>& begin);

// Ends what rank_group() started, with the exit code of the process: all ranks together, or when this one alone
// has failed every other with it.
void end_ranks(int code);

}  // namespace tools
