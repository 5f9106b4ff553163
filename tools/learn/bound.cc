// `eqnn bound`: numeric lower bounds on the queries that learn a family.

#include <algorithm>
#include <cmath>

#include <fmt/core.h>

#include <eqnn/hard/bounds/bounds.h>
#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/note.h"
#include "commands.h"
#include "data/members.h"
#include "results/documents.h"
#include "runs/explanation.h"
#include "train/resolve.h"
#include "train/training.h"

namespace tools {
namespace {

using eqnn::hard::Bound;
using eqnn::hard::ParameterValues;

struct BoundFlags {
  std::string id, out;
  bool force = false;
  TextFlags measures, parameters;
};

// A number of (0, 1].
double parse_share(const std::string& name, const std::string& text) {
  const double v = parse_number(name, text);
  require(v > 0 && v <= 1, "--", name, " is ", text, "; allowed are numbers above 0 and at most 1");
  return v;
}

// --tau, or 1 / sqrt(--batch), the noise of a gradient over so many examples.
double tolerance(const TextFlags& flags) {
  require(flags.has("tau") || flags.has("batch"),
          "--tau is missing; give the tolerance of the queries, such as --tau 0.1, or --batch B for 1/sqrt(B)");
  require(!flags.has("tau") || !flags.has("batch"),
          "--tau and --batch exclude each other: --batch B is --tau 1/sqrt(B)");
  if (flags.has("tau")) return parse_share("tau", flags.get("tau"));
  return 1 / std::sqrt(static_cast<double>(parse_integer("batch", flags.get("batch"), 1, 1 << 24)));
}

Index parse_members(const std::string& text) {
  if (text == "all") return eqnn::hard::BoundOptions::kAll;
  return parse_integer("members", text, 0, eqnn::hard::kMaxGramMembers);
}

Json bound_json(const Bound& b) {
  return {{"kind", b.kind},         {"name", b.name},           {"queries", b.queries}, {"error", b.error},
          {"vacuous", b.vacuous()}, {"statement", b.statement}, {"assumes", b.assumes}, {"source", b.source}};
}

// A number, or null for one that is not known.
Json lambda_json(const eqnn::hard::LambdaRange& l) {
  const auto known = [](double value) { return std::isnan(value) ? Json() : Json(value); };
  return {{"lower", known(l.lower)},
          {"lower_error", l.lower_error},
          {"upper", known(l.upper)},
          {"upper_error", l.upper_error}};
}

// What the family's default training asks: each coordinate of each gradient is one query. The bounds at what one of
// its batches, and all of its samples together, can tell apart.
Json training_json(const TrainConfig& c, const Examples& examples) {
  const std::unique_ptr<Training> training = make_training(c, examples, 1);
  const Index parameters = training->parameters();
  const std::uint64_t samples = training->examples_seen(static_cast<std::uint64_t>(c.steps));
  const double queries = static_cast<double>(parameters) * static_cast<double>(c.steps);
  return {{"model", c.model},
          {"parameters", parameters},
          {"steps", c.steps},
          {"batch", c.batch},
          {"samples", samples},
          {"queries", queries},
          {"explanation", explanation_json(c, {queries, c.batch, samples})}};
}

void print_bounds(const std::vector<Bound>& bounds) {
  std::size_t width = 5;
  for (const Bound& b : bounds) width = std::max(width, b.name.size());
  fmt::print("{:<{}}  queries\n", "bound", width);
  for (const Bound& b : bounds)
    fmt::print("{:<{}}  {:.6g}{}{}\n", b.name, width, b.queries,
               b.error > 0 ? fmt::format(" +- {:.2g}", b.error) : "", b.vacuous() ? "  (vacuous)" : "");
  for (const Bound& b : bounds)
    fmt::print("\n{}\n  says     {}\n  assumes  {}\n  source   {}\n", b.name, b.statement, b.assumes, b.source);
}

void print_lambda(const eqnn::hard::LambdaRange& l) {
  const auto number = [](double value, double error) {
    if (std::isnan(value)) return std::string("(not known)");
    return fmt::format("{:.4g}{}", value, error > 0 ? fmt::format(" +- {:.2g}", error) : "");
  };
  fmt::print("\nlambda, what one query can know of a member on average (B1): at least {}, at most {}\n",
             number(l.lower, l.lower_error), number(l.upper, l.upper_error));
}

int bound(const BoundFlags& flags, const Common& common) {
  const auto& family = eqnn::hard::family(flags.id);
  const ParameterValues values = family_parameters(family, flags.parameters.given());
  const double tau = tolerance(flags.measures), prob = parse_share("prob", flags.measures.get("prob", "1"));
  const eqnn::hard::BoundOptions options{.members = parse_members(flags.measures.get("members", "200")),
                                         .seed = common.seed};
  require(options.members != 1, "--members is 1; allowed are 2 and more, or 0 for no bounds of sampled members");
  // What is not allowed fails here.
  const std::shared_ptr<const eqnn::hard::Member> member = family.draw(values, common.seed);
  if (!common.quiet)
    for (const std::string& w : member->warnings()) note("eqnn: warning: {}\n", one_line(w));
  const eqnn::hard::InstanceBounds found = instance_bounds(family.id, values, tau, prob, options);
  const std::vector<Bound>& bounds = found.bounds;

  RawOptions given = flags.parameters.given();
  given.push_back({"family", family.id});
  const TrainConfig config = resolve_config(given, common.seed);
  Json document;
  document["family"] = family.id;
  document["params"] = parameters_json(config.params);
  document["tau"] = tau;
  document["prob"] = prob;
  document["seed"] = common.seed;
  if (flags.measures.has("batch"))
    document["batch"] = parse_integer("batch", flags.measures.get("batch"), 1, 1 << 24);
  document["bounds"] = Json::array();
  for (const Bound& b : bounds) document["bounds"].push_back(bound_json(b));
  document["lambda"] = lambda_json(found.lambda);
  document["training"] = training_json(config, {member, nullptr});
  if (!flags.out.empty())
    eqnn::write_atomically(claim_document(flags.out, "bounds", flags.force), to_text(document, 2) + "\n");
  if (common.json) {
    fmt::print("{}\n", to_text(document));
    return kDone;
  }
  if (flags.measures.has("batch"))
    fmt::print(
        "tau = 1/sqrt({}) = {:.6g}: the noise of a gradient over a batch, for comparison with training; no "
        "bound holds for sampled gradients\n\n",
        document["batch"].get<Index>(), tau);
  print_bounds(bounds);
  print_lambda(found.lambda);
  const Json& training = document["training"];
  fmt::print("\nThe family's default training asks {:.4g} queries: {} steps of {} coordinates (model {}).\n",
             training["queries"].get<double>(), training["steps"].get<Index>(), training["parameters"].get<Index>(),
             training["model"].get<std::string>());
  fmt::print("Were it not to learn, that would be explained {}.\n", explanation_text(training["explanation"]));
  return kDone;
}

}  // namespace

void add_bound(CommandLine& line) {
  Subcommand sub = line.add("bound", "lower bounds on the statistical queries that learn a family", "Theory");
  auto flags = std::make_shared<BoundFlags>();
  add_family_argument(sub, flags->id, true);
  flags->measures.add(sub, "tau", "tolerance of the queries, above 0 and at most 1");
  flags->measures.add(sub, "batch", "instead of --tau: 1/sqrt(BATCH), for comparison with training");
  flags->measures.add(sub, "prob", "success probability of the learner (default 1)");
  flags->measures.add(sub, "members",
                      "members whose Gram matrix is used: so many sampled ones, 0: none, or all (default 200)");
  sub.option("-o,--out", flags->out, "folder for bounds.json");
  sub.takes("DIR", {"/"});
  sub.toggle("--force", flags->force, "replace an existing bounds.json");
  add_family_flags(sub, flags->parameters);
  sub.example("eqnn bound gnn-degree-parity --n 64 --tau 0.1 # each with its statement and source");
  sub.uses("--seed", "seed of the member, and of what is drawn to estimate a bound");
  sub.explains([flags](CommandText& text) { explain_family(text, flags->id, " --tau 0.1"); });
  sub.runs([flags](const Common& common) { return bound(*flags, common); });
}

}  // namespace tools
