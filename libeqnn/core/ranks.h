// Processes that train one model together: what a Trainer needs of them. The library brings none of its own; the
// command has one over MPI.
#pragma once

#include <cstddef>
#include <span>

#include "check.h"

namespace eqnn {

// `size()` processes, numbered from 0. Every call is collective: all ranks make the same calls in the same order,
// with sizes that agree, and none returns before it has what it needs of the others. A rank that is lost, or cannot
// go on, is the implementation's to report: it ends the process or throws. Threads: called by the thread that
// drives the Trainer alone.
class Ranks {
 public:
  virtual ~Ranks() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;
  // Rank r brings the bytes [ends[r - 1], ends[r]) of `all` (from 0 on for rank 0), and has all of them afterwards.
  virtual void gather(std::span<std::byte> all, std::span<const Index> ends) = 0;
  // Rank r sends the bytes [send_ends[d - 1], send_ends[d]) of `sent` to rank d, and finds those of rank s at
  // [receive_ends[s - 1], receive_ends[s]) of `received`.
  virtual void exchange(std::span<const std::byte> sent, std::span<const Index> send_ends,
                        std::span<std::byte> received, std::span<const Index> receive_ends) = 0;
};

}  // namespace eqnn
