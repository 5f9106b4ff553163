// `eqnn tau-threshold`: the largest tolerance of an oracle through which training still learns.

#include <algorithm>
#include <cmath>

#include <fmt/core.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <eqnn/core/fork_join.h>
#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/note.h"
#include "commands.h"
#include "data/members.h"
#include "results/statistics.h"
#include "train/oracle_gradient.h"
#include "train/resolve.h"
#include "train/training.h"

namespace tools {
namespace {

// One run at one tau: how good it became, and what was asked.
struct Trial {
  bool learned = false;
  double loss = INFINITY;  // the least normalised test loss of its evaluations
  std::uint64_t steps = 0;
  eqnn::hard::Oracle::Log log;
};

struct TauPoint {
  double tau = 0;
  std::vector<Trial> trials;  // one a seed

  Index learned() const {
    return std::count_if(trials.begin(), trials.end(), [](const auto& t) { return t.learned; });
  }
  Index seeds() const { return static_cast<Index>(trials.size()); }
  bool majority() const { return 2 * learned() > seeds(); }
};

// What is asked for: runs of one configuration but for tau and seed.
struct Search {
  std::string family;
  RawOptions options;
  std::vector<std::uint64_t> seeds;
  double low = 0, high = 0;
  Index rounds = 0;

  TrainConfig config(double tau, std::uint64_t seed) const {
    RawOptions all = options;
    all.push_back({"tau", fmt::format("{}", tau)});
    return family_config(family, all, seed);
  }
};

// A run has learned once an evaluation says so, on all test samples; it ends there.
Trial run_trial(const TrainConfig& c) {
  const Examples examples = make_examples(c);
  const auto training = make_training(c, examples, 1);
  const auto steps = static_cast<std::uint64_t>(c.steps), every = static_cast<std::uint64_t>(c.eval_interval());
  Trial t;
  double first = 0;
  while (!t.learned && t.steps < steps) {
    training->step(nullptr);
    const double watched = training->watched_loss();
    ++t.steps;
    if (has_diverged(watched, first)) break;
    if (t.steps % every != 0 && t.steps != steps) continue;
    t.loss = std::min(t.loss, training->test(c.test_samples).normalized());
    t.learned = t.loss <= c.learned_below;
  }
  t.log = training->oracle()->log();
  return t;
}

// Each run has one thread of its own, so that nothing depends on how many there are.
TauPoint run_point(const Search& s, double tau, const Common& common) {
  TauPoint p{tau, std::vector<Trial>(s.seeds.size())};
  tbb::task_arena arena(common.thread_count());
  {
    eqnn::ForkJoin loop;
    const auto task = [&](std::size_t i) EQNN_BEFORE_FORK {
      loop.task(
          [&] { tbb::this_task_arena::isolate([&] { p.trials[i] = run_trial(s.config(tau, s.seeds[i])); }); });
    };
    arena.execute([&] { tbb::parallel_for(std::size_t{0}, s.seeds.size(), task); });
  }
  if (!common.quiet) note("eqnn: tau {:.4g}: {} of {} seeds learned\n", tau, p.learned(), p.seeds());
  return p;
}

// The ends first, then the middle of the bracket on a logarithmic scale.
std::vector<TauPoint> bisect(const Search& s, const Common& common) {
  std::vector<TauPoint> points{run_point(s, s.low, common)};
  if (!points[0].majority()) return points;
  points.push_back(run_point(s, s.high, common));
  if (points[1].majority()) return points;
  double low = s.low, high = s.high;
  for (Index round = 0; round < s.rounds; ++round) {
    points.push_back(run_point(s, std::sqrt(low * high), common));
    (points.back().majority() ? low : high) = points.back().tau;
  }
  return points;
}

Json point_json(const TauPoint& p, const Search& s) {
  Json j, runs = Json::array();
  const auto [low, high] = clopper_pearson(static_cast<int>(p.learned()), static_cast<int>(p.seeds()));
  j["tau"] = p.tau;
  j["learned"] = p.learned();
  j["seeds"] = p.seeds();
  j["learned_low"] = low;
  j["learned_high"] = high;
  for (std::size_t i = 0; i < p.trials.size(); ++i) {
    const Trial& t = p.trials[i];
    runs.push_back({{"seed", s.seeds[i]},
                    {"learned", t.learned},
                    {"normalized_test_loss", number_json(t.loss)},
                    {"steps", t.steps},
                    {"queries", t.log.queries},
                    {"queries_above_tau", t.log.above_tau},
                    {"largest_query", number_json(t.log.largest)}});
  }
  j["runs"] = runs;
  return j;
}

// The bracket that the points leave: the largest tau that learned, the smallest that did not.
Json result_json(const Search& s, const std::vector<TauPoint>& points) {
  const TauPoint *low = nullptr, *high = nullptr;
  for (const TauPoint& p : points) {
    if (p.majority() && (low == nullptr || p.tau > low->tau)) low = &p;
    if (!p.majority() && (high == nullptr || p.tau < high->tau)) high = &p;
  }
  const TrainConfig c = s.config(s.low, s.seeds[0]);
  Json j;
  j["family"] = c.family;
  j["params"] = c.params;
  j["control"] = c.control;
  j["oracle"] = c.oracle;
  j["answer"] = c.answer;
  j["samples"] = c.oracle_samples;
  j["learned_below"] = c.learned_below;
  j["status"] = low == nullptr ? "below-low" : high == nullptr ? "above-high" : "bracketed";
  j["tau_threshold"] = low != nullptr && high != nullptr ? Json(std::sqrt(low->tau * high->tau)) : Json(nullptr);
  j["low"] = low != nullptr ? point_json(*low, s) : Json(nullptr);
  j["high"] = high != nullptr ? point_json(*high, s) : Json(nullptr);
  j["points"] = Json::array();
  for (const TauPoint& p : points) j["points"].push_back(point_json(p, s));
  j["config"] = parse_json(config_json(c));
  return j;
}

void print_result(const Json& r) {
  fmt::print("{:>10} {:>9} {:>16} {:>14} {:>14}\n", "tau", "learned", "95 %", "queries", "above tau");
  for (const Json& p : r["points"]) {
    Index queries = 0, above = 0;
    for (const Json& run : p["runs"]) {
      queries += run["queries"].get<Index>();
      above += run["queries_above_tau"].get<Index>();
    }
    fmt::print("{:>10.4g} {:>9} {:>16} {:>14} {:>14}\n", p["tau"].get<double>(),
               fmt::format("{} / {}", p["learned"].get<Index>(), p["seeds"].get<Index>()),
               fmt::format("{:.2f} to {:.2f}", p["learned_low"].get<double>(), p["learned_high"].get<double>()),
               queries, above);
  }
  const std::string status = r["status"].get<std::string>();
  if (status == "bracketed")
    fmt::print("threshold  tau = {:.4g}, between {:.4g} (learned) and {:.4g} (not)\n",
               r["tau_threshold"].get<double>(), r["low"]["tau"].get<double>(), r["high"]["tau"].get<double>());
  else
    fmt::print("threshold  {}\n", status == "below-low" ? "below --low: most seeds fail there already"
                                                        : "above --high: most seeds still learn there");
}

// "0:5" is 0 1 2 3 4; otherwise a list, "0,3,7".
std::vector<std::uint64_t> parse_seeds(const std::string& text) {
  std::vector<std::uint64_t> seeds;
  if (const auto colon = text.find(':'); colon != std::string::npos) {
    const std::uint64_t first = parse_seed("seeds", text.substr(0, colon)),
                        end = parse_seed("seeds", text.substr(colon + 1));
    require(first < end && end - first <= 1000, "--seeds is '", text,
            "'; allowed are ranges of 1 to 1000 seeds, as 0:5");
    for (std::uint64_t s = first; s < end; ++s) seeds.push_back(s);
    return seeds;
  }
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    seeds.push_back(parse_seed("seeds", text.substr(at, comma - at)));
    at = comma + 1;
  }
  return seeds;
}

struct Flags {
  std::string id, seeds = "0:5", low = "0.01", high = "1", rounds = "5", out;
  bool force = false;
};

Search make_search(const Flags& flags, const RawOptions& given) {
  Search s{flags.id,
           {{"oracle", "csq"}},
           parse_seeds(flags.seeds),
           parse_number("low", flags.low),
           parse_number("high", flags.high),
           parse_integer("rounds", flags.rounds, 0, 60)};
  s.options.insert(s.options.end(), given.begin(), given.end());
  require(s.low > 0 && s.low < s.high, "--low is ", flags.low, " and --high ", flags.high,
          "; 0 < low < high is needed");
  const TrainConfig c = s.config(s.low, s.seeds[0]);
  require(c.oracle != "none", "--oracle is none; tau-threshold needs csq or sq");
  require(c.answer == "zero" || c.answer == "shrink", "--answer is ", c.answer,
          ", which does not depend on tau; allowed are zero and shrink");
  return s;
}

int tau_threshold(const Flags& flags, const RawOptions& given, const Common& common) {
  const Search s = make_search(flags, given);
  if (!flags.out.empty()) claim_output(flags.out, flags.force);
  if (const auto warning = oracle_warning(s.config(s.low, s.seeds[0])); warning && !common.quiet)
    note("eqnn: warning: {}\n", one_line(*warning));
  const Json r = result_json(s, bisect(s, common));
  if (!flags.out.empty()) eqnn::write_atomically(flags.out, to_text(r, 2) + "\n");
  if (common.json)
    fmt::print("{}\n", to_text(r));
  else
    print_result(r);
  return kDone;
}

}  // namespace

void add_tau_threshold(CommandLine& line) {
  Subcommand sub =
      line.add("tau-threshold", "the largest tolerance at which training through an oracle still learns", "Theory");
  sub.note(
      "By bisection on log tau: at each tau every seed is run, and the tau has learned when more than half of the "
      "seeds reach --learned-below.");
  auto flags = std::make_shared<Flags>();
  auto options = std::make_shared<TextFlags>();
  add_family_argument(sub, flags->id, true);
  sub.option("--seeds", flags->seeds, "seeds of the runs, as 0:5 (0 1 2 3 4) or 0,3,7 (default: 0:5)");
  sub.option("--low", flags->low, "smallest tau (default: 0.01)");
  sub.option("--high", flags->high, "largest tau (default: 1)");
  sub.option("--rounds", flags->rounds, "halvings of the bracket after its two ends (default: 5)");
  sub.option("-o,--out", flags->out, "JSON file of the result");
  sub.takes("FILE", {".json"});
  sub.toggle("--force", flags->force, "replace an existing file");
  add_family_flags(sub, *options);
  for (const ConfigField& f : config_fields())
    if (f.name != "tau" && f.name != "data") {
      sub.heading(f.heading);
      options->add(sub, f.name, f.help, f.is_switch, f.values);
    }
  sub.example("eqnn tau-threshold gnn-degree-parity --n 4 --oracle csq --steps 500 # about a minute");
  sub.uses("--threads");
  sub.explains([flags, options](CommandText& text) {
    explain_family(text, flags->id, " --oracle csq --steps 500");
    RawOptions given = options->given();  // an oracle without a tolerance is no configuration
    std::erase_if(given, [](const RawOption& o) { return o.name == "oracle" || o.name == "answer"; });
    if (!flags->id.empty()) explain_config(text, family_config(flags->id, given, 0));
  });
  sub.runs([flags, options](const Common& common) { return tau_threshold(*flags, options->given(), common); });
}

}  // namespace tools
