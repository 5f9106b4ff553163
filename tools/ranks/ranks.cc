#include "ranks/ranks.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "cli/machine.h"
#include "cli/modules.h"
#include "cli/options.h"
#include "ranks/mpi.h"

namespace tools {
namespace {

MpiGroup* g_group = nullptr;
bool g_ended_together = false;  // the first rank could not begin, and all know

// What mpirun of Open MPI, its kin by PMI, and srun tell the processes that they start.
constexpr const char* kSizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"};
constexpr const char* kMarks[] = {"PMIX_RANK", "PMIX_NAMESPACE"};

std::vector<Index> of_all(RankGroup& ranks, Index value) {
  std::vector<Index> values(static_cast<std::size_t>(ranks.size())), ends;
  values[ranks.rank()] = value;
  for (int r = 1; r <= ranks.size(); ++r) ends.push_back(r * static_cast<Index>(sizeof(Index)));
  ranks.gather(std::as_writable_bytes(std::span(values)), ends);
  return values;
}

}  // namespace

Index RankGroup::of_first(Index value) { return of_all(*this, value)[0]; }
std::vector<Index> RankGroup::of_first(std::vector<Index> values) {
  values.resize(static_cast<std::size_t>(of_first(static_cast<Index>(values.size()))));
  const std::vector<Index> ends(static_cast<std::size_t>(size()),
                                static_cast<Index>(values.size() * sizeof(Index)));  // the others bring nothing
  gather(std::as_writable_bytes(std::span(values)), ends);
  return values;
}
Index RankGroup::largest(Index value) {
  const std::vector<Index> values = of_all(*this, value);
  return *std::max_element(values.begin(), values.end());
}

int started_ranks() {
  if (mpi_version().empty()) return 1;
  for (const char* name : kSizes)
    if (const char* text = std::getenv(name); text != nullptr)
      if (const auto size = whole_number(text); size && *size >= 1) return static_cast<int>(*size);
  const char* tasks = std::getenv("SLURM_STEP_NUM_TASKS");
  const auto size = whole_number(tasks != nullptr ? tasks : "");
  return std::getenv("PMIX_RANK") != nullptr && size && *size >= 1 ? static_cast<int>(*size) : 1;
}

void check_shared(const std::string& subcommand) {
  const bool shared = subcommand == "train" || subcommand == "sweep" || subcommand == "reproduce" ||
                      subcommand == "doctor" || subcommand.empty() || subcommand.starts_with('-');
  require(shared || started_ranks() == 1, "eqnn ", subcommand, " runs in one process, and ", started_ranks(),
          " ranks were started; leave mpirun or srun out (train, sweep run and reproduce share their work among "
          "ranks)");
}

void leave_ranks() {
  for (const char* name : kSizes) unsetenv(name);
  for (const char* name : kMarks) unsetenv(name);
}

RankGroup* rank_group() {
  if (g_group != nullptr || started_ranks() == 1) return g_group;
  static const auto start = reinterpret_cast<decltype(&eqnn_mpi_start)>(
      load_function("eqnn_mpi", "eqnn_mpi_start", "install libeqnn again, and the MPI that mpirun is of"));
  g_group = start();
  return g_group;
}

void share_among(const RankGroup* ranks, Common& common) {
  if (ranks == nullptr) return;
  if (common.threads == 0) common.threads = ranks->threads();
  if (ranks->leads()) return;
  common.quiet = true;
  common.json = common.verbose = false;
  common.progress = "none";
}

void leader_first(RankGroup* ranks, const std::function<void()>& begin) {
  if (ranks == nullptr) return begin();
  if (!ranks->leads()) {
    if (ranks->of_first(0) == 0) throw SaidElsewhere();
    return begin();
  }
  try {
    begin();
  } catch (...) {
    g_ended_together = true;
    ranks->of_first(0);
    throw;
  }
  ranks->of_first(1);
}

void end_ranks(int code) {
  if (g_group == nullptr) return;
  if (code == kDone || code == kAnsweredNo || code == kSweepFailed || code == kInterrupted || code == kSigint ||
      g_ended_together)
    g_group->finalize();
  else
    g_group->abort(code);
}

}  // namespace tools
