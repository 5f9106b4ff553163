#include "match.h"

#include <algorithm>
#include <functional>
#include <map>

#include "cli/text.h"
#include "measure.h"

namespace bench {
namespace {

constexpr double kScreenSeconds = 0.25;

using Finalists = std::map<int, std::unique_ptr<Peer>>;  // the fastest of each number of threads

// Starts every variant, one after the other, and keeps the fastest of each number of threads.
Finalists screen(const Peers& peers, const PeerTask& task, const std::vector<int>& threads,
                 std::vector<Screened>& screened) {
  Finalists best;
  std::map<int, double> seconds;
  for (const std::string& variant : peers.variants(task.row()))
    for (const int t : threads) {
      std::unique_ptr<Peer> peer = peers.make(task, variant, t);
      Screened s{variant, t, 0, {}, {}};
      if (peer->start(task)) {
        peer->block(kScreenSeconds / 5);
        s.seconds = peer->block(kScreenSeconds);
      }
      s.version = peer->version;
      s.why = peer->why;
      screened.push_back(s);
      if (s.seconds == 0 || (best[t] && seconds[t] <= s.seconds)) continue;
      best[t] = std::move(peer);
      seconds[t] = s.seconds;
    }
  std::erase_if(best, [](const auto& entry) { return !entry.second; });
  return best;
}

// A contestant: `block` runs for about a block's time and returns the seconds a step.
struct Side {
  int threads;
  Peer* peer;  // null: the engine
  std::function<double()> block;
  std::vector<double> seconds = {};
};

Side* fastest(std::vector<Side>& sides, bool engine) {
  Side* best = nullptr;
  for (Side& s : sides)
    if ((s.peer == nullptr) == engine && (!best || tools::median(s.seconds) < tools::median(best->seconds)))
      best = &s;
  return best;
}

// Rounds of one block of every side, every other round in the opposite order.
void alternate(std::vector<Side>& sides, double budget) {
  const auto start = Clock::now();
  for (std::size_t round = 0; round < kMostPairs; ++round) {
    if (round >= kFewestPairs && seconds_since(start) > budget) break;
    for (std::size_t i = 0; i < sides.size(); ++i) {
      Side& s = sides[round % 2 == 0 ? i : sides.size() - 1 - i];
      s.seconds.push_back(s.block());
    }
  }
}

}  // namespace

Match match_row(const Peers& peers, const Row& row, const std::vector<int>& threads, double budget) {
  const double block = block_seconds(budget);
  const RowData data(row);
  Match m;
  m.id = row.id;
  std::vector<std::unique_ptr<RowEngine>> engines;
  for (const int t : threads) engines.push_back(std::make_unique<RowEngine>(data, t));
  const PeerTask task(*engines[0], data);
  Finalists finalists = screen(peers, task, threads, m.screened);
  if (finalists.empty()) return m;
  std::vector<Side> sides;
  for (std::size_t i = 0; i < threads.size(); ++i) {
    const Step step = [engine = engines[i].get()] { engine->step(); };
    const Index steps = steps_of_a_block(step, block);
    sides.push_back({threads[i], nullptr, [steps, step] { return time_block(steps, step); }});
  }
  for (auto& [t, peer] : finalists)
    sides.push_back({t, peer.get(), [peer = peer.get(), block] { return peer->block(block); }});
  alternate(sides, budget);
  const Side &engine = *fastest(sides, true), &peer = *fastest(sides, false);
  std::vector<double> ratios;
  for (std::size_t i = 0; i < engine.seconds.size(); ++i) ratios.push_back(peer.seconds[i] / engine.seconds[i]);
  m.engine_threads = engine.threads;
  m.engine_seconds = tools::median(engine.seconds);
  m.peer_threads = peer.threads;
  m.peer_seconds = tools::median(peer.seconds);
  m.peer = peer.peer->variant;
  m.version = peer.peer->version;
  m.ratio = tools::median(ratios);
  m.pairs = ratios.size();
  return m;
}

}  // namespace bench
