// Ranks that are threads of one process, for tests.
#pragma once

#include <eqnn/core/ranks.h>

#include <barrier>
#include <cstring>
#include <thread>
#include <vector>

namespace eqnn::testing {

// What the ranks of one test share.
class RankThreads {
 public:
  explicit RankThreads(int size) : size_(size), at_(static_cast<std::size_t>(size)), barrier_(size) {}

  // Calls body(ranks) on `size` threads at once, each with its own rank.
  template <class Body>
  void run(const Body& body) {
    std::vector<std::jthread> threads;
    for (int r = 0; r < size_; ++r)
      threads.emplace_back([this, r, &body] {
        One one(*this, r);
        body(one);
      });
  }

  Index bytes_sent = 0;     // by rank 0 to one other
  Index messages_sent = 0;  // by rank 0

 private:
  struct Sent {
    const std::byte* data;
    std::vector<Index> ends;
  };

  class One final : public Ranks {
   public:
    One(RankThreads& all, int rank) : all_(all), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return all_.size_; }
    void gather(std::span<std::byte> all, std::span<const Index> ends) override {
      count(ends[rank_] - begin(ends, rank_));
      meet({all.data(), {}}, [&](int r, const Sent& theirs) {
        const Index from = begin(ends, r);
        if (r != rank_)
          std::memcpy(all.data() + from, theirs.data + from, static_cast<std::size_t>(ends[r] - from));
      });
    }
    void exchange(std::span<const std::byte> sent, std::span<const Index> send_ends, std::span<std::byte> received,
                  std::span<const Index> receive_ends) override {
      count(send_ends.back() / size());
      meet({sent.data(), {send_ends.begin(), send_ends.end()}}, [&](int r, const Sent& theirs) {
        const Index from = begin(theirs.ends, rank_), bytes = theirs.ends[rank_] - from;
        CHECK(bytes == receive_ends[r] - begin(receive_ends, r));
        std::memcpy(received.data() + begin(receive_ends, r), theirs.data + from, static_cast<std::size_t>(bytes));
      });
    }

   private:
    static Index begin(std::span<const Index> ends, int r) { return r == 0 ? 0 : ends[r - 1]; }
    void count(Index bytes) {
      if (rank_ != 0) return;
      all_.bytes_sent += bytes;
      ++all_.messages_sent;
    }
    // Every rank reads what the others show, while none goes on.
    template <class Read>
    void meet(Sent mine, const Read& read) {
      all_.at_[rank_] = std::move(mine);
      all_.barrier_.arrive_and_wait();
      for (int r = 0; r < size(); ++r) read(r, all_.at_[r]);
      all_.barrier_.arrive_and_wait();
    }
    RankThreads& all_;
    int rank_;
  };

  int size_;
  std::vector<Sent> at_;
  std::barrier<> barrier_;
};

}  // namespace eqnn::testing
