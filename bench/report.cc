#include "report.h"

#include <eqnn/kernels/blas.h>
#include <eqnn/kernels/kernels.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <thread>

#include "cli/json.h"

namespace bench {
namespace {

using tools::Json;

std::string processor() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name")) return line.substr(std::min(line.find(':') + 2, line.size()));
  return "unknown";
}

// One entry for each variant: its fastest number of threads, or why it cannot run.
Json peers_json(const std::vector<Screened>& screened) {
  std::map<std::string, const Screened*> best;
  std::vector<std::string> order;
  for (const Screened& s : screened) {
    const Screened*& b = best[s.variant];
    if (!b) order.push_back(s.variant);
    if (!b || b->seconds == 0 || (s.seconds > 0 && s.seconds < b->seconds)) b = &s;
  }
  Json all = Json::object();
  for (const std::string& name : order) {
    const Screened& s = *best[name];
    if (s.seconds == 0)
      all[name] = {{"microseconds_per_step", nullptr}, {"why", s.why}};
    else
      all[name] = {{"microseconds_per_step", s.seconds * 1e6}, {"threads", s.threads}, {"version", s.version}};
  }
  return all;
}

Json row_json(const Result& r) {
  const bool memory = r.bound_by_memory();
  return {{"id", r.row.id},
          {"threads", r.threads},
          {"microseconds_per_step", r.seconds * 1e6},
          {"gflops", r.gflops()},
          {"gigabytes_per_second", memory ? Json(r.gigabytes()) : Json()},
          {"limit", memory ? "triad" : "sgemm"},
          {"share_of_limit", r.share()},
          {"ratio_to_hand_written", tools::optional_json(r.to_hand)},
          {"ratio_to_direct", tools::optional_json(r.to_direct)},
          {"work_ratio", tools::optional_json(r.work_ratio)},
          {"speedup_over_one_thread", tools::optional_json(r.speedup())},
          {"allocations_per_step", tools::optional_json(r.allocations)},
          {"data_generation_share", tools::optional_json(r.generation_share)},
          {"pairs", r.pairs}};
}

Json match_json(const Match& m) {
  if (m.peer.empty()) return {{"id", m.id}, {"best_peer", nullptr}, {"peers", peers_json(m.screened)}};
  return {{"id", m.id},
          {"threads", m.engine_threads},
          {"microseconds_per_step", m.engine_seconds * 1e6},
          {"best_peer", m.peer},
          {"version", m.version},
          {"peer_threads", m.peer_threads},
          {"peer_microseconds_per_step", m.peer_seconds * 1e6},
          {"times_engine", m.ratio},
          {"pairs", m.pairs},
          {"peers", peers_json(m.screened)}};
}

Json sweep_json(const SweepResult& r) {
  return {{"id", "sweep"},
          {"threads", r.jobs},
          {"microseconds_per_step", r.seconds * 1e6 / (r.kRuns * r.kSteps)},
          {"speedup_over_one_thread", r.speedup},
          {"seconds", r.seconds},
          {"runs", r.kRuns},
          {"runs_per_second", r.runs_per_second()},
          {"pairs", r.pairs},
          {"peers", r.peers}};
}

std::string cell(const std::optional<double>& v, const char* format) {
  return v ? fmt::format(fmt::runtime(format), *v) : "-";
}

void print_limits(const std::vector<MachineLimit>& limits) {
  const BlasInfo blas = blas_info();
  fmt::print("{}, {} cores, {} kernels; OpenBLAS core {}\n", processor(), all_cores(), kernels::target_name(),
             blas.core);
  for (const MachineLimit& l : limits)
    fmt::print(
        "{} thread{} at once: sgemm 512 {:.0f} GFLOP/s, multiply-adds on registers {:.0f} GFLOP/s, triad {:.1f} "
        "GB/s\n",
        l.threads, l.threads == 1 ? "" : "s", l.sgemm, l.registers, l.triad);
}

void print_rows(const std::vector<Result>& rows) {
  if (rows.empty()) return;
  constexpr const char* kFormat = "{:<12} {:>7} {:>12} {:>9} {:>9} {:>13} {:>9} {:>9} {:>8} {:>8} {:>8} {:>9}\n";
  fmt::print("\n");
  fmt::print(kFormat, "id", "threads", "us per step", "GFLOP/s", "GB/s", "of limit", "to hand", "to direct",
             "by work", "speed-up", "mallocs", "sampling");
  for (const Result& r : rows) {
    const auto share = r.generation_share ? std::optional(100 * *r.generation_share) : std::nullopt;
    fmt::print(kFormat, r.row.id, r.threads, fmt::format("{:.1f}", r.seconds * 1e6),
               fmt::format("{:.1f}", r.gflops()), r.bound_by_memory() ? fmt::format("{:.1f}", r.gigabytes()) : "-",
               fmt::format("{:.2f} {}", r.share(), r.bound_by_memory() ? "triad" : "sgemm"),
               cell(r.to_hand, "{:.3f}"), cell(r.to_direct, "{:.3f}"), cell(r.work_ratio, "{:.3f}"),
               cell(r.speedup(), "{:.2f}"), cell(r.allocations, "{:.2g}"), cell(share, "{:.1f} %"));
  }
  fmt::print(
      "\nto hand, to direct: the engine's time over that of the hand-written step, or of the same network with "
      "direct\n"
      "convolutions, median of alternated pairs (below 1: faster). by work: what the multiply-adds of the "
      "convolutions\n"
      "make of 'to direct'. speed-up: over one thread, alternated too. of limit: the step's products over sgemm on "
      "as\n"
      "many threads at once, or its bytes over triad. sampling: share of an online step that draws graphs and "
      "labels of\n"
      "gnn-degree-parity.\n");
}

void print_matches(const std::vector<Match>& matches) {
  if (matches.empty()) return;
  constexpr const char* kFormat = "{:<12} {:>7} {:>12}   {:<34} {:>7} {:>12} {:>7}\n";
  fmt::print("\n");
  fmt::print(kFormat, "id", "threads", "us per step", "best peer", "threads", "us per step", "ratio");
  for (const Match& m : matches)
    if (m.peer.empty())
      fmt::print(kFormat, m.id, "-", "-", "none can run", "-", "-", "-");
    else
      fmt::print(kFormat, m.id, m.engine_threads, fmt::format("{:.1f}", m.engine_seconds * 1e6), m.peer,
                 m.peer_threads, fmt::format("{:.1f}", m.peer_seconds * 1e6), fmt::format("{:.2f}", m.ratio));
  fmt::print(
      "ratio: the best peer's time over the engine's, median of alternated pairs, each at its best number of "
      "threads.\n");
  for (const Match& m : matches) {
    fmt::print("\n{}, every peer in one short block, us per step (threads):\n", m.id);
    const Json peers = peers_json(m.screened);
    for (const auto& [name, peer] : peers.items())
      if (peer["microseconds_per_step"].is_null())
        fmt::print("  {:<36} {}\n", name, peer["why"].get<std::string>());
      else
        fmt::print("  {:<36} {:>12.1f} ({})\n", name, peer["microseconds_per_step"].get<double>(),
                   peer["threads"].get<int>());
  }
}

void print_families(const std::vector<tools::FamilyCost>& families) {
  if (families.empty()) return;
  fmt::print("\n{:<20} {:>12} {:>9} {:>18}\n", "family", "us per step", "inputs", "labels and frames");
  for (const auto& f : families)
    fmt::print("{:<20} {:>12.1f} {:>7.1f} % {:>16.1f} %\n", f.id, f.step * 1e6, 100 * f.inputs / f.step,
               100 * f.labels / f.step);
  fmt::print("one thread, default network and batch; shares of a step that draws fresh inputs.\n");
}

void print_sweep(const std::vector<SweepResult>& sweep) {
  if (sweep.empty()) return;
  fmt::print("\n{:<12} {:>7} {:>10} {:>8} {:>14} {:>9}\n", "id", "jobs", "seconds", "runs/s", "us per step",
             "speed-up");
  for (const SweepResult& r : sweep)
    fmt::print("{:<12} {:>7} {:>10.2f} {:>8.2f} {:>14.1f} {:>9.2f}\n", "sweep", r.jobs, r.seconds,
               r.runs_per_second(), r.seconds * 1e6 / (r.kRuns * r.kSteps), r.speedup);
  fmt::print("{} runs of gnn-15-32, {} online steps each; speed-up over one job at a time.\n", SweepResult::kRuns,
             SweepResult::kSteps);
  for (const SweepResult& r : sweep)
    for (const auto& [name, peer] : r.peers.items())
      if (peer.contains("times_engine"))
        fmt::print(
            "  {:<28} {:>2} workers {:>9.2f} s, {:.2f} times the engine ({:.1f} s more of compiling: {:.2f})\n",
            name, r.jobs, peer["seconds"].get<double>(), peer["times_engine"].get<double>(),
            peer["compile_seconds"].get<double>(), peer["times_engine_with_compiling"].get<double>());
      else
        fmt::print("  {:<28} {}\n", name, peer.value("why", ""));
}

}  // namespace

int all_cores() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

void print_json(const Report& report) {
  const BlasInfo blas = blas_info();
  Json document = {{"machine",
                    {{"processor", processor()},
                     {"cores", all_cores()},
                     {"simd_target", kernels::target_name()},
                     {"blas", blas.config},
                     {"blas_core", blas.core}}},
                   {"limit_gflops", report.limits.empty() ? 0 : report.limits[0].sgemm},
                   {"limits", Json::array()},
                   {"rows", Json::array()}};
  for (const MachineLimit& l : report.limits)
    document["limits"].push_back({{"threads", l.threads},
                                  {"sgemm_gflops", l.sgemm},
                                  {"registers_gflops", l.registers},
                                  {"triad_gigabytes_per_second", l.triad}});
  for (const Result& r : report.rows) document["rows"].push_back(row_json(r));
  for (const SweepResult& r : report.sweep) document["rows"].push_back(sweep_json(r));
  for (const Match& m : report.matches) document["matches"].push_back(match_json(m));
  for (const Profile& p : report.profiles) document["profiles"].push_back(profile_json(p));
  for (const auto& f : report.families)
    document["families"].push_back({{"id", f.id},
                                    {"microseconds_per_step", f.step * 1e6},
                                    {"input_share", f.inputs / f.step},
                                    {"label_and_frame_share", f.labels / f.step}});
  fmt::print("{}\n", to_text(document, 2));
}

void print_tables(const Report& report) {
  print_limits(report.limits);
  print_rows(report.rows);
  for (const Profile& p : report.profiles) print_profile(p);
  print_matches(report.matches);
  print_families(report.families);
  print_sweep(report.sweep);
}

}  // namespace bench
