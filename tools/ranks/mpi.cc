// Ranks over MPI: the module eqnn_mpi.so.
#include "ranks/mpi.h"

#include <mpi.h>
#include <sched.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <limits>
#include <thread>
#include <vector>

namespace tools {
namespace {

// Errors of MPI end the job with its own message (MPI_ERRORS_ARE_FATAL): results of calls are not looked at.
class Mpi final : public MpiGroup {
 public:
  Mpi() {
    int given = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &given);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    for (auto* list : {&counts_, &places_, &other_counts_, &other_places_})
      list->resize(static_cast<std::size_t>(size_));
    threads_ = threads_a_rank();
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int threads() const override { return threads_; }

  void gather(std::span<std::byte> all, std::span<const Index> ends) override {
    set(ends, counts_, places_);
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_BYTE, all.data(), counts_.data(), places_.data(), MPI_BYTE, MPI_COMM_WORLD);
  }
  void exchange(std::span<const std::byte> sent, std::span<const Index> send_ends, std::span<std::byte> received,
                std::span<const Index> receive_ends) override {
    set(send_ends, counts_, places_);
    set(receive_ends, other_counts_, other_places_);
    MPI_Alltoallv(sent.data(), counts_.data(), places_.data(), MPI_BYTE, received.data(), other_counts_.data(),
                  other_places_.data(), MPI_BYTE, MPI_COMM_WORLD);
  }

  void open_counters(int count) override {
    std::int64_t* counters = nullptr;
    MPI_Win_allocate(rank_ == 0 ? count * static_cast<MPI_Aint>(sizeof *counters) : 0, sizeof *counters,
                     MPI_INFO_NULL, MPI_COMM_WORLD, &counters, &window_);
    if (rank_ == 0) std::fill_n(counters, count, 0);
    MPI_Win_lock_all(MPI_MODE_NOCHECK, window_);
    MPI_Win_sync(window_);
    MPI_Barrier(MPI_COMM_WORLD);
  }
  Index add(int counter, Index amount) override {
    const std::int64_t added = amount;
    std::int64_t before = 0;
    MPI_Fetch_and_op(&added, &before, MPI_INT64_T, 0, counter, MPI_SUM, window_);
    MPI_Win_flush(0, window_);
    return static_cast<Index>(before);
  }
  void meet() override {
    MPI_Request all;
    MPI_Ibarrier(MPI_COMM_WORLD, &all);
    for (;;) {
      int done = 0;
      MPI_Test(&all, &done, MPI_STATUS_IGNORE);
      if (done != 0) return;
      const timespec pause{0, 5'000'000};
      nanosleep(&pause, nullptr);
    }
  }

  void finalize() override {
    if (window_ != MPI_WIN_NULL) {
      MPI_Win_unlock_all(window_);
      MPI_Win_free(&window_);
    }
    MPI_Finalize();
  }
  void abort(int code) override { MPI_Abort(MPI_COMM_WORLD, code); }

 private:
  // Counts and places of MPI are of type int.
  void set(std::span<const Index> ends, std::vector<int>& counts, std::vector<int>& places) const {
    Index begin = 0;
    for (std::size_t r = 0; r < ends.size(); ++r) {
      counts[r] = static_cast<int>(ends[r] - begin);
      places[r] = static_cast<int>(begin);
      begin = ends[r];
    }
    eqnn::require(begin <= std::numeric_limits<int>::max(), "ranks: a message has ", begin,
                  " bytes; MPI takes at most 2147483647: give fewer ranks, or a smaller network");
  }

  // Ranks of one machine that may run on the same processors share them evenly.
  static int threads_a_rank() {
    cpu_set_t mine;
    CPU_ZERO(&mine);
    if (sched_getaffinity(0, sizeof mine, &mine) != 0)
      return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    MPI_Comm machine;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);
    int ranks = 0;
    MPI_Comm_size(machine, &ranks);
    std::vector<cpu_set_t> all(static_cast<std::size_t>(ranks));
    MPI_Allgather(&mine, sizeof mine, MPI_BYTE, all.data(), sizeof mine, MPI_BYTE, machine);
    MPI_Comm_free(&machine);
    const auto sharing = std::count_if(all.begin(), all.end(), [&](const cpu_set_t& theirs) {
      cpu_set_t both;
      CPU_AND(&both, &mine, &theirs);
      return CPU_COUNT(&both) > 0;
    });
    return std::max(1, CPU_COUNT(&mine) / static_cast<int>(sharing));
  }

  int rank_ = 0, size_ = 1, threads_ = 1;
  std::vector<int> counts_, places_, other_counts_, other_places_;
  MPI_Win window_ = MPI_WIN_NULL;
};

}  // namespace
}  // namespace tools

tools::MpiGroup* eqnn_mpi_start() {
  static tools::MpiGroup* const group = new tools::Mpi;
  return group;
}
