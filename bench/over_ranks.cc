#include "over_ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "cli/json.h"
#include "cli/machine.h"
#include "cli/note.h"
#include "cli/process.h"
#include "cli/programs.h"
#include "cli/text.h"
#include "measure.h"
#include "ranks/ranks.h"
#include "report.h"

namespace bench {
namespace {

constexpr const char *kVariable = "EQNN_BENCH_RANK_ROW", *kApart = "EQNN_BENCH_RANKS_APART";
constexpr int kRounds = 3, kBlocks = 7;

const Row& row_of(const std::string& id) {
  for (const Row& row : bench_rows())
    if (id == row.id) return row;
  throw ValueError(concat("bench: there is no row '", id, "'"));
}

// Passes on what a group does, and counts it.
class Counting final : public Ranks {
 public:
  explicit Counting(Ranks& ranks) : ranks_(ranks) {}
  int rank() const override { return ranks_.rank(); }
  int size() const override { return ranks_.size(); }
  void gather(std::span<std::byte> all, std::span<const Index> ends) override {
    count(ends);
    ranks_.gather(all, ends);
  }
  void exchange(std::span<const std::byte> sent, std::span<const Index> send_ends, std::span<std::byte> received,
                std::span<const Index> receive_ends) override {
    count(receive_ends);
    ranks_.exchange(sent, send_ends, received, receive_ends);
  }

  double messages = 0, bytes = 0;

 private:
  void count(std::span<const Index> ends) {
    const Index own = ends[rank()] - (rank() == 0 ? 0 : ends[rank() - 1]);
    bytes += static_cast<double>(ends.back() - own);
    ++messages;
  }
  Ranks& ranks_;
};

double median_block(Index steps, const Step& step) {
  std::vector<double> seconds;
  for (int i = 0; i < kBlocks; ++i) seconds.push_back(time_block(steps, step));
  return tools::median(seconds);
}

// Seconds of one gathering in which each rank brings so many bytes.
double gathering_seconds(tools::RankGroup& group, Index each) {
  std::vector<std::byte> all(static_cast<std::size_t>(each * group.size()));
  std::vector<Index> ends;
  for (int r = 1; r <= group.size(); ++r) ends.push_back(r * each);
  const Step step = [&] { group.gather(all, ends); };
  for (int i = 0; i < 20; ++i) step();
  return median_block(each > 1000 ? 50 : 500, step);
}

// What a step costs without its shards: transforms of filters, the update. From a batch of one shard beside the
// whole.
double own_seconds(Row row, double seconds) {
  const double shards = static_cast<double>((row.batch + row.shard - 1) / row.shard);
  row.batch = row.shard;
  const RowData data(row);
  RowEngine engine(data, 1);
  const Step step = [&] { engine.step(); };
  const double one = median_block(std::max<Index>(3, static_cast<Index>(0.15 / time_block(3, step))), step);
  return std::max(0.0, one - (seconds - one) / (shards - 1));
}

double copying_seconds(std::size_t bytes) {
  std::vector<std::byte> from(bytes, std::byte{1}), to(bytes);
  const Step step = [&] {
    std::memcpy(to.data(), from.data(), bytes);
    asm volatile("" : : "r"(to.data()) : "memory");
  };
  return median_block(100, step);
}

tools::Json point_json(const RankPoint& p) {
  return {{"ranks", p.ranks},       {"seconds", p.seconds},   {"spread", p.spread},         {"busiest", p.busiest},
          {"update", p.update},     {"messages", p.messages}, {"bytes", p.bytes},           {"latency", p.latency},
          {"per_byte", p.per_byte}, {"copied", p.copied},     {"per_copied", p.per_copied}, {"memory", p.memory}};
}

// So many processes of mpirun, together or each for itself; what the first says.
RankPoint run_ranks(const Row& row, Index ranks, bool apart = false) {
  std::vector<std::string> words = {"mpirun", "-q", "-n", std::to_string(ranks)};
  const bool own_cores = ranks <= all_cores();
  for (const char* word : {"--bind-to", own_cores ? "core" : "none"}) words.emplace_back(word);
  if (!own_cores) words.emplace_back("--oversubscribe");
  words.push_back(tools::program_path("eqnn-bench"));
  auto environment = tools::environment_without({kVariable, kApart});
  environment.push_back(concat(kVariable, "=", row.id));
  if (apart) environment.push_back(concat(kApart, "=1"));
  for (const char* allowed : {"OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"})
    environment.emplace_back(allowed);  // the tests of a container are root's
  const tools::ProcessResult r = tools::Process{.words = words, .environment = environment}.run();
  require<tools::NotBuiltError>(r.start_error.empty(), "bench: mpirun cannot be started: ", r.start_error,
                                "; install openmpi-bin");
  const tools::Json j = tools::parse_json_if(r.output.substr(0, r.output.find('\n')));
  require<FileError>(r.succeeded() && j.is_object(), "bench: mpirun -n ", ranks, " ended with ", r.code,
                     "; try it by hand: mpirun -n ", ranks, " true");
  const auto number = [&](const char* name) { return j[name].get<double>(); };
  return {.ranks = ranks,
          .seconds = number("seconds"),
          .busiest = number("busiest"),
          .update = number("update"),
          .messages = number("messages"),
          .bytes = number("bytes"),
          .latency = number("latency"),
          .per_byte = number("per_byte"),
          .copied = number("copied"),
          .per_copied = number("per_copied"),
          .memory = number("memory")};
}

RankCurve measure_row(const Row& row) {
  RankCurve curve{.row = row, .cores = all_cores(), .points = {}, .crowded = run_ranks(row, all_cores(), true)};
  std::vector<std::vector<double>> seconds(3);
  for (int round = 0; round < kRounds; ++round)
    for (std::size_t i = 0; i < seconds.size(); ++i) {
      const RankPoint p = run_ranks(row, Index{1} << i);
      if (round == 0) curve.points.push_back(p);
      seconds[i].push_back(p.seconds);
    }
  for (std::size_t i = 0; i < seconds.size(); ++i) {
    curve.points[i].seconds = tools::median(seconds[i]);
    const auto [low, high] = std::minmax_element(seconds[i].begin(), seconds[i].end());
    curve.points[i].spread = *high - *low;
  }
  return curve;
}

}  // namespace

double RankCurve::message_seconds(std::size_t i) const {
  return points[i].messages * points[i].latency + points[i].bytes * points[i].per_byte;
}

double RankCurve::predicted(std::size_t i) const {
  const RankPoint& one = points[i].ranks == 1 ? points[0] : crowded;
  const double update = one.update, shards = one.seconds - update;
  const auto ranks = static_cast<double>(points[i].ranks), over = std::max(1.0, ranks / cores);
  const double part = over > 1 ? 1.0 / cores : points[i].busiest;
  return shards * part + (update + points[i].copied * points[i].per_copied) * over + message_seconds(i);
}

double RankCurve::hiding_batch(std::size_t i) const {
  const double an_example = (points[0].seconds - points[0].update) / static_cast<double>(row.batch);
  return 10 * message_seconds(i) * static_cast<double>(points[i].ranks) / an_example;
}

std::vector<RankCurve> measure_over_ranks(const std::vector<Row>& rows, bool quiet) {
  require<tools::NotBuiltError>(!tools::mpi_version().empty(),
                                "bench --mpi: this build has no MPI; install libopenmpi-dev and set up a new build "
                                "with -Dmpi=enabled");
  std::vector<Row> chosen = rows;
  if (chosen.empty()) chosen = {row_of("gnn-15-128"), row_of("gnn-64-256"), row_of("cnn-128-64x2")};
  std::vector<RankCurve> curves;
  for (const Row& row : chosen) {
    require(row.model != Row::Model::sparse, "bench --mpi: the row '", row.id,
            "' is one big graph, which each rank trains whole; take another row");
    if (!quiet) tools::note("eqnn: {} on 1, 2 and 4 ranks\n", row.id);
    curves.push_back(measure_row(row));
  }
  return curves;
}

void print_over_ranks(const std::vector<RankCurve>& curves) {
  fmt::print("{:<14} {:>5} {:>11} {:>11} {:>7} {:>9} {:>10} {:>8} {:>9}\n", "row", "ranks", "us a step",
             "predicted", "off", "messages", "KB recvd", "MB", "batch");
  for (const RankCurve& c : curves)
    for (std::size_t i = 0; i < c.points.size(); ++i) {
      const RankPoint& p = c.points[i];
      fmt::print("{:<14} {:>5} {:>11.1f} {:>11.1f} {:>+6.0f}% {:>9.0f} {:>10.1f} {:>8.1f} {:>9}\n", c.row.id,
                 p.ranks, p.seconds * 1e6, c.predicted(i) * 1e6, 100 * (p.seconds / c.predicted(i) - 1), p.messages,
                 p.bytes / 1024, p.memory / 1e6, i == 0 ? "-" : fmt::format("{:.0f}", c.hiding_batch(i)));
    }
  const int cores = curves.empty() ? 1 : curves.front().cores;
  fmt::print(
      "\nOne thread a rank, {} core{}; where ranks are more than cores they take turns, and wait for each "
      "other's.\n"
      "predicted: shards of the busiest rank and what each does for itself (filters, the update), at one rank's "
      "speed\n"
      "while the other cores are at the same work, messages at the latency and bandwidth that were measured, and "
      "the\n"
      "copies they need. batch: from which messages are a tenth of the shards.\n",
      cores, cores == 1 ? "" : "s");
}

tools::Json over_ranks_json(const std::vector<RankCurve>& curves) {
  tools::Json list = tools::Json::array();
  for (const RankCurve& c : curves) {
    tools::Json points = tools::Json::array();
    for (std::size_t i = 0; i < c.points.size(); ++i) {
      tools::Json p = point_json(c.points[i]);
      p["predicted"] = c.predicted(i);
      p["hiding_batch"] = c.hiding_batch(i);
      points.push_back(std::move(p));
    }
    list.push_back({{"row", c.row.id}, {"cores", c.cores}, {"points", std::move(points)}});
  }
  return list;
}

bool is_measuring_rank() { return std::getenv(kVariable) != nullptr; }

void measure_as_rank() {
  const Row& row = row_of(std::getenv(kVariable));
  tools::RankGroup* const group = std::getenv(kApart) != nullptr ? nullptr : tools::rank_group();
  const RowData data(row);
  std::optional<Counting> counting;
  if (group != nullptr) counting.emplace(*group);
  RowEngine engine(data, 1, ConvolutionMethod::automatic, counting ? &*counting : nullptr);
  std::atomic<Index> filled{0};
  engine.trainer->step([&](Batch<float>& b) {
    ++filled;
    data.fill(b);
  });
  const Step step = [&] { engine.step(); };
  Index steps = std::max<Index>(3, static_cast<Index>(0.15 / time_block(3, step)));
  RankPoint p{.memory = static_cast<double>(engine.trainer->memory_bytes())};
  if (group != nullptr) {
    steps = group->of_first(steps);
    counting->messages = counting->bytes = 0;
    p.ranks = group->size();
    filled = group->largest(filled);
  }
  p.seconds = median_block(steps, step);
  p.busiest = static_cast<double>(filled) / static_cast<double>((row.batch + row.shard - 1) / row.shard);
  if (group != nullptr) {
    const double taken = static_cast<double>(steps * kBlocks);
    p.messages = counting->messages / taken, p.bytes = counting->bytes / taken;
    // Of messages as large as the row's, which caches hold or do not.
    const Index others = group->size() - 1;
    const Index each = group->of_first(static_cast<Index>(p.bytes / p.messages) / others);
    p.latency = gathering_seconds(*group, 64);
    p.per_byte = std::max(0.0, gathering_seconds(*group, each) - p.latency) / static_cast<double>(each * others);
    // Each byte received is written into a row and added to another; what is sent was moved before.
    p.copied = p.bytes * (1 + 1 + 1.0 / static_cast<double>(others));
    p.per_copied = copying_seconds(static_cast<std::size_t>(each)) / static_cast<double>(each);
  } else {
    p.update = own_seconds(row, p.seconds);
  }
  if (group == nullptr || group->leads()) fmt::print("{}\n", tools::to_text(point_json(p)));
}

}  // namespace bench
