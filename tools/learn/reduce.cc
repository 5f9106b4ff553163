// `eqnn reduce`: halfspaces on Boolean vectors as degree networks on graphs, back again, and the best of both.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <stdexcept>

#include <fmt/core.h>
#include <fmt/format.h>

#include <eqnn/data/lines.h>
#include <eqnn/hard/proper/reduction.h>
#include <eqnn/io/files.h>
#include <eqnn/io/npz.h>

#include "cli/json.h"
#include "cli/note.h"
#include "commands.h"
#include "learn/agreement.h"

namespace tools {
namespace {

using eqnn::FileError;
using eqnn::in_quotes;
using eqnn::Lines;
using eqnn::hard::DegreeNetwork;
using eqnn::hard::Halfspace;
using eqnn::hard::LabelledGraphs;
using eqnn::hard::LabelledVectors;

struct ReduceFlags {
  std::string in, out, n, time_limit = "60";
  bool back = false, solve = false, force = false;
};

// The vectors of a table, and whether its labels are 0 and 1 (else -1 and 1).
struct LabelledTable {
  LabelledVectors vectors;
  bool zero_one = false;
};

LabelledTable read_table(const std::string& path) {
  Lines in(path, Lines::Separator::commas);
  LabelledTable table;
  LabelledVectors& v = table.vectors;
  bool minus_one = false;
  while (in.next()) {
    const auto& fields = in.fields();
    if (in.number() == 1) {
      v.width = static_cast<Index>(fields.size()) - 1;
      in.check(v.width >= 1, "there are ", fields.size(),
               " fields; two at least are needed, a bit and the label, with commas between them");
      if (in.is_header()) continue;
    }
    in.check(static_cast<Index>(fields.size()) == v.width + 1, "there are ", fields.size(), " fields and ",
             v.width + 1, " in the first line; all lines need equally many");
    for (std::size_t i = 0; i + 1 < fields.size(); ++i) {
      const double bit = in.real(i, concat("field ", i + 1));
      in.check(bit == 0 || bit == 1, "field ", i + 1, " is ", in_quotes(fields[i]), "; 0 and 1 are allowed");
      v.features.push_back(static_cast<std::int32_t>(bit));
    }
    const double label = in.real(fields.size() - 1, "the label");
    in.check(label == 1 || label == 0 || label == -1, "the label is ", in_quotes(fields.back()),
             "; 0 and 1 are allowed, or -1 and 1");
    table.zero_one |= label == 0;
    minus_one |= label == -1;
    in.check(!table.zero_one || !minus_one, "the label is ", in_quotes(fields.back()),
             ", and lines before have the other of -1 and 0; write all labels as 0 and 1, or all as -1 and 1");
    v.labels.push_back(label == 1 ? 1 : -1);
    ++v.count;
  }
  require<FileError>(v.count > 0, path, ": the file holds no vector; one a line is needed");
  return table;
}

Index nodes(const ReduceFlags& flags, Index m) {
  return flags.n.empty() ? m + 1 : parse_integer("n", flags.n, m + 1, 1 << 16);
}

void print_line(const Json& j) { fmt::print("{}\n", to_text(j)); }

int to_graphs(const ReduceFlags& flags, const Common& common) {
  require(!flags.out.empty(), "--out is missing; name the npz file for the graphs");
  const LabelledTable table = read_table(flags.in);
  const LabelledGraphs graphs = eqnn::hard::to_graphs(table.vectors, nodes(flags, table.vectors.width));
  std::vector<std::int64_t> y(graphs.labels.begin(), graphs.labels.end());
  if (table.zero_one) std::replace(y.begin(), y.end(), std::int64_t{-1}, std::int64_t{0});
  claim_output(flags.out, flags.force);
  eqnn::write_npz(flags.out, {{"adjacency",
                               eqnn::npy_array<std::uint8_t>({graphs.count, graphs.n, graphs.n}, graphs.adjacency)},
                              {"y", eqnn::npy_array<std::int64_t>({graphs.count}, y)}});
  if (common.json)
    print_line({{"count", graphs.count}, {"m", table.vectors.width}, {"n", graphs.n}, {"out", flags.out}});
  else if (!common.quiet)
    fmt::print("{} graphs on {} nodes in {}\n", graphs.count, graphs.n, flags.out);
  return kDone;
}

// --- back

double number_of(const Json& j, const std::string& path, const std::string& key) {
  require(j.is_number(), path, ": ", key, " is ", to_text(j), "; a number is needed");
  return j.get<double>();
}

Index whole_of(const Json& j, const std::string& path, const std::string& key, Index fallback) {
  if (!j.contains(key)) return fallback;
  require(j.at(key).is_number_integer() && std::abs(j.at(key).get<double>()) < 1e9, path, ": ", key, " is ",
          to_text(j.at(key)), "; a whole number is needed");
  return j.at(key).get<Index>();
}

int to_halfspace(const ReduceFlags& flags, const Common& common) {
  require(!flags.out.empty(), "--out is missing; name the csv file for the halfspace");
  const Json document = parse_json_if(eqnn::read_file(flags.in));
  require<FileError>(!document.is_discarded(), flags.in,
                     ": is not JSON; {\"phi\": [...], \"threshold\": X} is needed");
  const Json& j = document.contains("graphs") ? document.at("graphs") : document;
  require(j.is_object() && j.contains("phi") && j.at("phi").is_array() && j.contains("threshold"), flags.in,
          ": there is no list 'phi', or no 'threshold'; {\"phi\": [...], \"threshold\": X} is needed");
  DegreeNetwork network;
  for (const Json& value : j.at("phi")) network.phi.push_back(number_of(value, flags.in, "an entry of phi"));
  network.theta = number_of(j.at("threshold"), flags.in, "threshold");
  const Index n = whole_of(document, flags.in, "n", static_cast<Index>(network.phi.size()));
  const Index m = whole_of(document, flags.in, "m", n - 1);
  const auto [halfspace, rounding] = eqnn::hard::to_halfspace(network, n, m);
  std::string header, row;
  for (Index i = 1; i <= m; ++i) {
    header += fmt::format("w{},", i);
    row += fmt::format("{},", halfspace.w[i - 1]);
  }
  claim_output(flags.out, flags.force);
  eqnn::write_atomically(flags.out, fmt::format("{}theta\n{}{}\n", header, row, halfspace.theta));
  if (common.json)
    print_line({{"m", m},
                {"n", n},
                {"w", halfspace.w},
                {"theta", halfspace.theta},
                {"exact", rounding == 0},
                {"rounding", rounding},
                {"out", flags.out}});
  else if (!common.quiet)
    fmt::print("a halfspace of {} weights in {}\n", m, flags.out);
  if (rounding != 0 && !common.quiet)
    note("eqnn: note: w and theta are rounded; vectors whose value is within {:.3g} of 0 may change sides\n",
         rounding);
  return kDone;
}

// --- solve

Json result_json(const AgreementResult& r) {
  Json j = {
      {"agreement", r.agreement}, {"bound", r.bound}, {"gap", r.bound - r.agreement}, {"optimal", r.optimal()}};
  j["stopped"] = r.stopped.empty() ? Json(nullptr) : Json(r.stopped);
  j["conflicts"] = r.conflicts;
  j["rounds"] = r.rounds;
  return j;
}

// The solutions carried over by the reduction, and both optima: what the theorem says of them.
void check_theorem(const LabelledVectors& vectors, const LabelledGraphs& graphs, const AgreementResult& halfspace,
                   const AgreementResult& network) {
  const Index there = agreements(to_network(halfspace.halfspace, graphs.n), graphs);
  const auto back =
      eqnn::hard::to_halfspace({network.halfspace.w, network.halfspace.theta}, graphs.n, vectors.width);
  const Index here = back.rounding == 0 ? agreements(back.halfspace, vectors) : network.agreement;
  if (there != halfspace.agreement || here != network.agreement || halfspace.agreement > network.bound ||
      network.agreement > halfspace.bound)
    throw std::logic_error(concat("halfspaces agree with ", halfspace.agreement, " to ", halfspace.bound,
                                  " vectors, and the graphs say ", there, "; degree networks agree with ",
                                  network.agreement, " to ", network.bound, " graphs, and the vectors say ", here));
}

std::string numbers_text(const std::vector<double>& values) { return fmt::format("({})", fmt::join(values, ", ")); }

void print_result(const char* what, const AgreementResult& r, const std::string& classifier) {
  const std::string found = r.optimal()
                                ? fmt::format("{} at best", r.agreement)
                                : fmt::format("{} at least, {} at most ({})", r.agreement, r.bound, r.stopped);
  fmt::print("{:<16} agree with {}: {}\n", what, found, classifier);
}

int solve(const ReduceFlags& flags, const Common& common) {
  const double seconds = parse_number("time-limit", flags.time_limit);
  require(seconds >= 0 && seconds <= 1e7, "--time-limit is '", flags.time_limit,
          "'; seconds from 0 to 1e7 are allowed");
  const LabelledVectors vectors = read_table(flags.in).vectors;
  const LabelledGraphs graphs = eqnn::hard::to_graphs(vectors, nodes(flags, vectors.width));
  if (!flags.out.empty()) claim_output(flags.out, flags.force);
  const auto began = std::chrono::steady_clock::now();
  const AgreementResult halfspace = maximum_agreement(vectors, seconds);
  const AgreementResult network = maximum_agreement(degree_counts(graphs), seconds);
  check_theorem(vectors, graphs, halfspace, network);
  const bool decided = halfspace.optimal() && network.optimal();

  Json j = {{"count", vectors.count}, {"m", vectors.width}, {"n", graphs.n}};
  j["vectors"] = result_json(halfspace);
  j["vectors"]["w"] = halfspace.halfspace.w;
  j["vectors"]["theta"] = halfspace.halfspace.theta;
  j["graphs"] = result_json(network);
  j["graphs"]["phi"] = network.halfspace.w;
  j["graphs"]["threshold"] = network.halfspace.theta;
  j["optima_agree"] = decided ? Json(halfspace.agreement == network.agreement) : Json(nullptr);
  j["time"] = {{"seconds", std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count()}};
  if (!flags.out.empty()) eqnn::write_atomically(flags.out, to_text(j, 2) + "\n");
  if (common.json) {
    print_line(j);
    return kDone;
  }
  fmt::print("{} vectors of {} bits, graphs on {} nodes\n", vectors.count, vectors.width, graphs.n);
  print_result("halfspaces", halfspace,
               fmt::format("w = {}, theta = {}", numbers_text(halfspace.halfspace.w), halfspace.halfspace.theta));
  print_result("degree networks", network,
               fmt::format("phi = {}, threshold = {}", numbers_text(network.halfspace.w), network.halfspace.theta));
  fmt::print("{}\n", decided ? "both optima agree" : "undecided whether both optima agree: give more --time-limit");
  return kDone;
}

int reduce(const ReduceFlags& flags, const Common& common) {
  require(!(flags.back && flags.solve), "--back and --solve exclude each other; give one of them");
  require(flags.n.empty() || !flags.back, "--n is for graphs; with --back it stands in the solution");
  if (flags.back) return to_halfspace(flags, common);
  if (flags.solve) return solve(flags, common);
  return to_graphs(flags, common);
}

}  // namespace

void add_reduce(CommandLine& line) {
  Subcommand sub = line.add(
      "reduce", "halfspaces on Boolean vectors as degree networks on graphs, back again, and the best of both",
      "Learn by other means");
  auto flags = std::make_shared<ReduceFlags>();
  sub.example("eqnn reduce --in vectors.csv --out reduced.npz # Boolean vectors to graphs");
  sub.example("eqnn reduce --in vectors.csv --solve # the exact optimum of both");
  sub.required("--in", flags->in, "csv of bits, the label last (0/1 or -1/1); --back: the solution, JSON");
  sub.takes("FILE", {".csv", ".json"});
  sub.option("-o,--out", flags->out,
             "npz for the graphs; --back: csv for the halfspace; --solve: JSON for the solution, if wanted");
  sub.takes("FILE", {"*"});
  sub.option("--n", flags->n, "nodes of a graph (default: bits + 1, the fewest)");
  sub.toggle("--back", flags->back, "a degree network {\"phi\": [...], \"threshold\": X} back to a halfspace");
  sub.toggle("--solve", flags->solve,
             "the most vectors that a halfspace agrees with, and the most graphs that a degree network does");
  sub.option("--time-limit", flags->time_limit, "seconds for each of both searches of --solve (default 60)");
  sub.takes("SECONDS");
  sub.toggle("--force", flags->force, "replace an existing output");
  sub.runs([flags](const Common& common) { return reduce(*flags, common); });
}

}  // namespace tools
