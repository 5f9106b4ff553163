// `eqnn certify`: is a layer, a model or a trained run symmetric? Or, with --continuity, continuous? Exit code 4
// when one is not.

#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/core.h>

#include <eqnn/core/spelling.h>

#include "cli/json.h"
#include "commands.h"
#include "runs/certified_run.h"
#include "runs/continuity_command.h"
#include "runs/trained_network.h"
#include "train/choices.h"
#include "train/models.h"

namespace tools {
namespace {

// What the certificate says of a degenerate cloud.
struct CloudLine {
  std::string name;
  bool undefined = false;
  double error = 0;
};

struct Line {
  std::string name, group, dtype;
  eqnn::Certificate certificate;
  eqnn::Sample witness;
  std::vector<CloudLine> clouds;

  // A value that is defined nowhere proves nothing.
  bool undefined() const { return certificate.undefined == certificate.compared; }
  bool pass() const {
    const auto fails = [&](const CloudLine& c) { return !c.undefined && !(c.error <= certificate.tolerance); };
    return certificate.pass() && !undefined() && std::none_of(clouds.begin(), clouds.end(), fails);
  }
  const char* verdict() const { return undefined() ? "undefined" : pass() ? "pass" : "FAIL"; }
};

// Where f is undefined its value is measured all the same: what it does there belongs in the open.
CloudLine certify_cloud(const Subject& s, const DegenerateCloud& cloud) {
  const eqnn::Certificate c = certify(s.f, {&cloud.sample, 1}, s.elements, s.tolerance);
  if (c.undefined == 0) return {cloud.name, false, c.error};
  return {cloud.name, true, certify(s.anyway, {&cloud.sample, 1}, s.elements, s.tolerance).error};
}

Line certify_subject(std::string name, std::string group, std::string dtype, const Subject& s) {
  Line line{
      std::move(name), std::move(group), std::move(dtype), certify(s.f, s.inputs, s.elements, s.tolerance), {}, {}};
  if (line.certificate.witness_input >= 0) line.witness = s.inputs[line.certificate.witness_input];
  for (const DegenerateCloud& cloud : s.degenerate) line.clouds.push_back(certify_cloud(s, cloud));
  return line;
}

// Layers and models of that name; all that claim a symmetry when it is empty or "all".
std::vector<Line> certify_layers(const CertifyFlags& flags, std::uint64_t seed) {
  std::vector<Line> lines;
  std::vector<std::string> names;
  bool found = false;
  for (const Layer& layer : certified_layers()) {
    names.push_back(layer.name);
    if (!chosen(layer, flags)) continue;
    const Subject s = layer.make(flags.tries(seed));
    found = found || turns(s);
    lines.push_back(certify_subject(layer.name, layer.group, layer.dtype, s));
  }
  require_turns(flags, found);
  names.push_back("all");
  require(!lines.empty(), "--model is '", flags.model, "', which is no layer or model",
          eqnn::spelling_hint(flags.model, names), " (eqnn certify --model all has every one)");
  return lines;
}

// Relabellings of the nodes of a graph, or of the points of an array, of whatever size they are.
eqnn::GroupElement relabelling(const std::string& name, std::function<eqnn::Permutation(Index)> permutation) {
  return {name, [permutation](const eqnn::Sample& s) {
            eqnn::Sample moved;
            const eqnn::Permutation p = permutation(s.begin()->second.rows);
            for (const auto& [part, a] : s)
              moved[part] = part == "adjacency" ? permute_pairs(a, p) : permute_rows(a, p);
            return moved;
          }};
}

// Shifts of the points, or relabellings drawn from all of them.
std::vector<eqnn::GroupElement> relabellings(bool shifts, std::uint64_t seed) {
  const auto shift = [](Index by) {
    return [by](Index n) {
      std::vector<std::int32_t> images;
      for (Index i = 0; i < n; ++i) images.push_back(static_cast<std::int32_t>((i + by) % n));
      return eqnn::Permutation(images);
    };
  };
  std::vector<eqnn::GroupElement> elements;
  for (Index by = 1; by <= (shifts ? 20 : 1); ++by)
    elements.push_back(relabelling(concat("shift by ", by), shift(by)));
  for (std::uint64_t k = 0; k < (shifts ? 0u : 20u); ++k)
    elements.push_back(relabelling(concat("random relabelling ", k), [seed, k](Index n) {
      std::vector<std::int32_t> images(n);
      std::iota(images.begin(), images.end(), 0);
      eqnn::Draws draws({seed, eqnn::Stream::check, 8, k});
      for (std::size_t i = images.size(); i > 1; --i)
        std::swap(images[i - 1], images[draws.below(static_cast<std::uint32_t>(i))]);
      return eqnn::Permutation(images);
    }));
  return elements;
}

// A run on a file, on its first examples.
Line certify_file_run(const RunDirectory& run, const TrainConfig& c, const CertifyFlags& flags,
                      std::uint64_t seed) {
  const Examples examples = make_examples(c);
  const Invariance invariance = models()[c.model].invariance;
  const bool shifts = invariance == Invariance::shifts;
  const auto group = point_group(c);
  Subject s;
  s.f = load_network(run, c, *examples.data);
  if (!group || invariance == Invariance::motions || invariance == Invariance::turns)
    s.elements = relabellings(shifts, seed);
  if (group)
    for (auto& g : point_motions(*group, examples.data->channels, flags.tries(seed), {}))
      s.elements.push_back(std::move(g));
  require_turns(flags, turns(s));
  s.tolerance = tolerance(c);
  const Index count = std::min(parse_integer("inputs", flags.inputs, 1, 100000), examples.data->examples);
  for (Index e = 0; e < count; ++e) s.inputs.push_back(dataset_sample(*examples.data, e));
  const std::string name = group ? group_name(*group, examples.data->channels) : shifts ? "C_n" : "S_n";
  return certify_subject(flags.run, name, c.dtype, s);
}

// A trained run, on inputs of the family's law.
Line certify_run(const CertifyFlags& flags, std::uint64_t seed) {
  const RunDirectory run(flags.run);
  const TrainConfig c = run.config();
  if (!c.data.empty()) return certify_file_run(run, c, flags, seed);
  const auto f = std::make_shared<RunFunction>(run, c);
  const auto& layout = f->member().input();
  Subject s = run_subject(f, c, flags, seed);
  const Index count = parse_integer("inputs", flags.inputs, 1, 100000);
  std::vector<float> values(count * layout.points * layout.channels);
  f->member().sample({seed, eqnn::Stream::check, 5, 0},
                     eqnn::Block<float>{values.data(), count, layout.points, layout.channels, layout.channels});
  for (Index e = 0; e < count; ++e) {
    const auto* first = values.data() + e * layout.points * layout.channels;
    s.inputs.push_back(
        {{layout.name, {layout.points, layout.channels, {first, first + layout.points * layout.channels}}}});
  }
  const std::string group =
      point_group(c) ? group_name(*point_group(c), layout.channels) : eqnn::hard::family(c.family).group;
  return certify_subject(flags.run, group, c.dtype, s);
}

Json line_json(const Line& l) {
  const eqnn::Certificate& c = l.certificate;
  Json j{{"name", l.name},           {"group", l.group},
         {"dtype", l.dtype},         {"elements", c.elements},
         {"inputs", c.inputs},       {"compared", c.compared},
         {"undefined", c.undefined}, {"error", std::isfinite(c.error) ? Json(c.error) : Json(nullptr)},
         {"tolerance", c.tolerance}, {"verdict", l.verdict()}};
  for (const CloudLine& cloud : l.clouds)
    j["degenerate"].push_back({{"cloud", cloud.name},
                               {"defined", !cloud.undefined},
                               {"error", std::isfinite(cloud.error) ? Json(cloud.error) : Json(nullptr)}});
  if (l.pass() || l.undefined()) return j;
  Json input = Json::object();
  for (const auto& [name, a] : l.witness) input[name] = {{"shape", {a.rows, a.cols}}, {"values", a.values}};
  j["witness"] = {{"element", c.witness_element}, {"value", c.value}, {"expected", c.expected}, {"input", input}};
  return j;
}

// `clouds`: say what happens at each degenerate one, or at none.
void print_line(const Line& l, bool clouds) {
  const eqnn::Certificate& c = l.certificate;
  fmt::print("{:<9} {:<32} {:<20} {} {:>6} {:>9} {:>9.1e} {:>8.0e}\n", l.verdict(), l.name, l.group, l.dtype,
             c.elements, c.compared - c.undefined, c.error, c.tolerance);
  if (c.undefined > 0)
    fmt::print("          frame undefined for {} of {} pairs of input and element: neither pass nor fail\n",
               c.undefined, c.compared);
  for (const CloudLine& cloud : clouds ? l.clouds : std::vector<CloudLine>{}) {
    const bool fails = !cloud.undefined && !(cloud.error <= c.tolerance);
    fmt::print("          {}: {} by {:.1e} as the cloud turns{}\n", cloud.name,
               cloud.undefined ? "the frame is undefined, and the value changes" : "defined, and the value changes",
               cloud.error,
               cloud.undefined ? ": neither pass nor fail"
               : fails         ? ": FAIL"
                               : "");
  }
  if (l.pass() || l.undefined()) return;
  fmt::print("          witness: element {}, f(g x) = {:.9g}, expected {:.9g}, input number {}:\n",
             c.witness_element, c.value, c.expected, c.witness_input);
  for (const auto& [name, a] : l.witness)
    for (Index i = 0; i < std::min<Index>(a.rows, 16); ++i) {
      std::string row;
      for (Index j = 0; j < std::min<Index>(a.cols, 16); ++j) row += fmt::format(" {:.6g}", a(i, j));
      fmt::print("            {}[{}]{}{}\n", name, i, row, a.cols > 16 ? " ..." : "");
    }
}

int certify_command(const CertifyFlags& flags, const Common& common) {
  const std::vector<Line> lines =
      flags.run.empty() ? certify_layers(flags, common.seed) : std::vector<Line>{certify_run(flags, common.seed)};
  const bool pass = std::all_of(lines.begin(), lines.end(), [](const Line& l) { return l.pass(); });
  if (common.json) {
    Json all = Json::array();
    for (const Line& l : lines) all.push_back(line_json(l));
    fmt::print("{}\n", to_text(Json({{"pass", pass}, {"certificates", all}})));
  } else {
    fmt::print("{:<9} {:<32} {:<20} {} {:>6} {:>9} {:>9} {:>8}\n", "", "layer", "group", "   ", "tried", "compared",
               "error", "allowed");
    const bool named = !flags.run.empty() || (!flags.model.empty() && flags.model != "all");
    for (const Line& l : lines) print_line(l, named);
  }
  return pass ? kDone : kAnsweredNo;
}

int run_command(const CertifyFlags& flags, const Common& common) {
  require(flags.run.empty() || flags.model.empty(),
          "RUN and --model exclude each other: certify a run, or a model");
  require(flags.continuity || (flags.out.empty() && !flags.force),
          "--out draws what --continuity measures; give --continuity, or leave it out");
  require(!flags.force || !flags.out.empty(), "--force replaces --out, which is not given; leave it out");
  return flags.continuity ? continuity_command(flags, common) : certify_command(flags, common);
}

}  // namespace

void add_certify(CommandLine& line) {
  Subcommand sub = line.add(
      "certify", "symmetry of a trained run, or of layers and models with random parameters; exit 4 when one fails",
      "Functions");
  auto flags = std::make_shared<CertifyFlags>();
  sub.example("eqnn certify # every layer, with a witness where one is not symmetric");
  sub.example("eqnn certify runs/parity # a trained network, under the symmetries of its target");
  sub.uses("--seed", "seed of the inputs and elements that are tried");
  sub.option("RUN", flags->run, "run directory; without it and --model every layer is certified");
  sub.takes("RUN", {"/"});
  sub.option("--model", flags->model, "a model of eqnn train, a layer, or all");
  sub.choice("--dtype", flags->dtype, "f32 or f64 (default: both)", {"f32", "f64"});
  sub.option("--inputs", flags->inputs, "inputs to try on a run (default 20)");
  sub.option("--rotations", flags->rotations, "random rotations to try on networks of points (default 20)");
  sub.toggle("--continuity", flags->continuity,
             "whether networks of points jump on paths through degenerate clouds; exit 4 when one does");
  sub.option("-o,--out", flags->out, "F.svg, F.pdf or F.png of --continuity; F.csv for the data");
  sub.takes("FILE", {".svg", ".pdf", ".png", ".csv"});
  sub.toggle("--force", flags->force, "replace an output that exists");
  sub.runs([flags](const Common& common) { return run_command(*flags, common); });
}

}  // namespace tools
