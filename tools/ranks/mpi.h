// What the module eqnn_mpi.so exports; it is built with the command, and of use to this very build alone.
#pragma once

#include <string>

#include "ranks/ranks.h"

namespace tools {

class MpiGroup : public RankGroup {
 public:
  // Collective.
  virtual void finalize() = 0;
  virtual void abort(int code) = 0;
};

}  // namespace tools

// Starts MPI, once in a process; never deleted.
extern "C" tools::MpiGroup* eqnn_mpi_start();
