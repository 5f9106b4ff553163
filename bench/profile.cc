#include "profile.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/json.h"
#include "measure.h"

namespace bench {
namespace {

using Part = ReplayObserver::Part;

// One worker's clock. Its own cache lines: workers write at the same time.
class alignas(2 * kLine) Stopwatch final : public ReplayObserver {
 public:
  explicit Stopwatch(int operations) : forward_(static_cast<std::size_t>(operations)), backward_(forward_) {}

  void begins(Part, int) noexcept override { start_ = Clock::now(); }
  void ends(Part part, int operation) noexcept override {
    const double seconds = seconds_since(start_);
    if (part == Part::update)
      update_ += seconds;
    else
      add((part == Part::forward ? forward_ : backward_)[static_cast<std::size_t>(operation)], seconds);
  }

  struct Spent {
    double seconds = 0;
    long calls = 0;
  };
  const Spent& forward(int id) const { return forward_[static_cast<std::size_t>(id)]; }
  const Spent& backward(int id) const { return backward_[static_cast<std::size_t>(id)]; }
  double update() const { return update_; }

 private:
  static void add(Spent& s, double seconds) {
    s.seconds += seconds;
    ++s.calls;
  }
  std::vector<Spent> forward_, backward_;
  double update_ = 0;
  Clock::time_point start_;
};

// What a number of steps took: by the clock, in copying inputs, and in operations.
struct Record {
  double steps = 0, seconds = 0, copying = 0;
  std::vector<Stopwatch> watches;
};

Record record_steps(RowEngine& engine, const RowData& data, double budget) {
  auto& trainer = *engine.trainer;
  Record r;
  const Step plain = [&] { engine.step(); };
  const Index steps = steps_of_a_block(plain, std::clamp(budget, 0.05, 2.0));
  r.watches.assign(static_cast<std::size_t>(trainer.workers()), Stopwatch(trainer.program().operations()));
  for (int w = 0; w < trainer.workers(); ++w) trainer.observe(w, &r.watches[static_cast<std::size_t>(w)]);
  const Index shard = trainer.options().shard;
  struct alignas(kLine) Spent {
    double seconds = 0;
  };
  std::vector<Spent> copying(static_cast<std::size_t>((data.row.batch + shard - 1) / shard));
  const auto fill = [&](Batch<float>& b) {
    const auto start = Clock::now();
    data.fill(b);
    copying[static_cast<std::size_t>(b.first / shard)].seconds += seconds_since(start);
  };
  const Step step = [&] { trainer.step(fill); };
  r.steps = static_cast<double>(steps);
  r.seconds = time_block(steps, step) * r.steps;
  for (int w = 0; w < trainer.workers(); ++w) trainer.observe(w, nullptr);
  for (const Spent& s : copying) r.copying += s.seconds;
  return r;
}

ProfileLine operation_line(const RowEngine& engine, const Record& r, int id) {
  const auto& program = engine.trainer->program();
  ProfileLine line;
  line.name = fmt::format("{} #{} {}", program.operation_name(id), id, to_string(program.shape(id)));
  double backward_calls = 0;
  for (const Stopwatch& w : r.watches) {
    line.forward += w.forward(id).seconds / r.steps;
    line.backward += w.backward(id).seconds / r.steps;
    line.calls += static_cast<double>(w.forward(id).calls) / r.steps;
    backward_calls += static_cast<double>(w.backward(id).calls) / r.steps;
  }
  const OperationCost cost = engine.cost(id);
  line.multiply_adds = line.calls * cost.forward_multiply_adds + backward_calls * cost.backward_multiply_adds;
  line.bytes = line.calls * cost.forward_bytes + backward_calls * cost.backward_bytes;
  return line;
}

ProfileLine other_line(const char* name, double seconds) {
  ProfileLine line;
  line.name = name;
  line.calls = 1;
  line.forward = seconds;
  return line;
}

void set_shares(Profile& p, int workers, Limits& limits) {
  // Of what one worker can reach while all are at work.
  const double products = limits.sgemm(p.threads) / workers, memory = limits.triad(p.threads) / workers;
  for (ProfileLine& line : p.lines) {
    line.share = line.seconds() / (p.seconds * workers);
    if (line.seconds() <= 0) continue;
    line.share_of_limit = line.multiply_adds > 0 ? 2e-9 * line.multiply_adds / line.seconds() / products
                                                 : 1e-9 * line.bytes / line.seconds() / memory;
  }
  std::sort(p.lines.begin(), p.lines.end(),
            [](const ProfileLine& a, const ProfileLine& b) { return a.seconds() > b.seconds(); });
}

}  // namespace

Profile profile_row(const Row& row, int threads, Limits& limits, double budget) {
  const RowData data(row);
  RowEngine engine(data, threads);
  const Record r = record_steps(engine, data, budget);
  const int workers = engine.trainer->workers();
  const auto& program = engine.trainer->program();
  Profile p;
  p.id = row.id;
  p.threads = threads;
  p.seconds = r.seconds / r.steps;
  double known = r.copying / r.steps;
  for (int id = 0; id < program.operations(); ++id) {
    if (program.operation_name(id).empty()) continue;
    p.lines.push_back(operation_line(engine, r, id));
    known += p.lines.back().seconds();
  }
  double update = 0;
  for (const Stopwatch& w : r.watches) update += w.update() / r.steps;
  p.lines.push_back(other_line("copy inputs", r.copying / r.steps));
  // All workers have the update's time: where it runs on one of them, the others wait for it.
  p.lines.push_back(other_line("update (add up and apply gradients)", update * workers));
  p.lines.push_back(
      other_line("waiting and handing over", std::max(0.0, p.seconds * workers - known - update * workers)));
  set_shares(p, workers, limits);
  return p;
}

void print_profile(const Profile& p) {
  fmt::print("\n{}, {} thread{}: {:.1f} us a step\n", p.id, p.threads, p.threads == 1 ? "" : "s", p.seconds * 1e6);
  constexpr const char* kFormat = "{:<52} {:>6} {:>11} {:>11} {:>10} {:>9} {:>7} {:>9}\n";
  fmt::print(kFormat, "operation", "calls", "forward us", "backward us", "mega madds", "MB", "time", "of limit");
  for (const ProfileLine& line : p.lines)
    fmt::print(kFormat, line.name, fmt::format("{:.0f}", line.calls), fmt::format("{:.1f}", line.forward * 1e6),
               line.backward > 0 ? fmt::format("{:.1f}", line.backward * 1e6) : "-",
               line.multiply_adds > 0 ? fmt::format("{:.3f}", line.multiply_adds * 1e-6) : "-",
               line.bytes > 0 ? fmt::format("{:.3f}", line.bytes * 1e-6) : "-",
               fmt::format("{:.1f} %", 100 * line.share),
               line.share_of_limit > 0 ? fmt::format("{:.2f}", line.share_of_limit) : "-");
}

tools::Json profile_json(const Profile& p) {
  tools::Json lines = tools::Json::array();
  for (const ProfileLine& line : p.lines)
    lines.push_back(
        {{"operation", line.name},
         {"calls", line.calls},
         {"forward_microseconds", line.forward * 1e6},
         {"backward_microseconds", line.backward * 1e6},
         {"multiply_adds", line.multiply_adds},
         {"bytes", line.bytes},
         {"share", line.share},
         {"share_of_limit", line.share_of_limit > 0 ? tools::Json(line.share_of_limit) : tools::Json()}});
  return {{"id", p.id}, {"threads", p.threads}, {"microseconds_per_step", p.seconds * 1e6}, {"operations", lines}};
}

}  // namespace bench
