#include "runs/continuity_command.h"

#include <algorithm>
#include <filesystem>

#include <fmt/core.h>

#include <eqnn/io/files.h>

#include "cli/json.h"
#include "commands.h"
#include "figures/figures.h"
#include "runs/certified_inputs.h"
#include "runs/continuity.h"
#include "train/models.h"

namespace tools {
namespace {

std::vector<Continuity> follow_all(const eqnn::SampleFunction& f, const std::vector<CloudPath>& paths,
                                   const Continuity& named) {
  std::vector<Continuity> lines;
  for (const CloudPath& path : paths) {
    lines.push_back(follow(f, path, named.tolerance));
    lines.back().name = named.name;
    lines.back().group = named.group;
    lines.back().dtype = named.dtype;
  }
  return lines;
}

std::vector<Continuity> follow_models(const CertifyFlags& flags, std::uint64_t seed) {
  std::vector<Continuity> lines;
  CertifyFlags in_double = flags;
  if (flags.dtype.empty()) in_double.dtype = "f64";
  for (const Layer& layer : certified_layers()) {
    if (!chosen(layer, in_double)) continue;
    const Subject s = layer.make({seed, 0});
    if (s.degenerate.empty()) continue;
    const auto& [part, x] = *s.degenerate[0].sample.begin();
    for (Continuity& c : follow_all(s.anyway, cloud_paths(part, x.rows, x.cols, seed),
                                    {layer.name, layer.group, layer.dtype, "", {}, {}, {}, {}, s.tolerance}))
      lines.push_back(std::move(c));
  }
  require(!lines.empty(), "--continuity follows networks of clouds, and --model is '", flags.model,
          "'; take pca-mlp, canonical-mlp, weighted-mlp, labelled-egnn, egnn, tfn or all");
  return lines;
}

std::vector<Continuity> follow_run(const CertifyFlags& flags, std::uint64_t seed) {
  const RunDirectory run(flags.run);
  const TrainConfig c = run.config();
  require(c.data.empty(), "--continuity follows runs on rotation-invariant; ", flags.run, " is on a file");
  const auto f = std::make_shared<RunFunction>(run, c);
  const Subject s = run_subject(f, c, flags, seed);
  require(!s.degenerate.empty(), "--continuity follows clouds of points in 2 or 3 dimensions; ", flags.run,
          " is on inputs of another kind");
  const auto& layout = f->member().input();
  Continuity named;
  named.name = c.model;
  named.group = group_name(point_group(c).value_or(eqnn::PointGroup::o), layout.channels);
  named.dtype = c.dtype;
  named.tolerance = s.tolerance;
  return follow_all(s.anyway, cloud_paths(layout.name, layout.points, layout.channels, seed), named);
}

// The first path of each model: through equal singular values, in two dimensions, under O(2) where it has a choice.
std::string drawn(const std::vector<Continuity>& lines, const std::string& out) {
  std::string format = std::filesystem::path(out).extension().string();
  if (!format.empty()) format = format.substr(1);
  require(format == "csv" || format == "svg" || format == "pdf" || format == "png", "--out is '", out,
          "'; allowed are names that end in .svg, .pdf or .png, and .csv for the data");
  std::vector<Continuity> kept;
  for (const Continuity& c : lines)
    if (std::none_of(kept.begin(), kept.end(), [&](const Continuity& k) { return k.name == c.name; }))
      kept.push_back(c);
  const Figure figure = continuity_figure(kept);
  return format == "csv" ? csv(figure.data) : draw(figure, format);
}

}  // namespace

int continuity_command(const CertifyFlags& flags, const Common& common) {
  require(flags.rotations.empty(), "--rotations would have no effect with --continuity; leave it out");
  const std::vector<Continuity> lines =
      flags.run.empty() ? follow_models(flags, common.seed) : follow_run(flags, common.seed);
  if (!flags.out.empty()) {
    const std::string image = drawn(lines, flags.out);
    claim_output(flags.out, flags.force);
    eqnn::write_atomically(flags.out, image);
  }
  const bool all = std::none_of(lines.begin(), lines.end(), [](const Continuity& c) { return c.jumps_here(); });
  if (common.json) {
    Json list = Json::array();
    for (const Continuity& c : lines)
      list.push_back({{"name", c.name},
                      {"group", c.group},
                      {"dtype", c.dtype},
                      {"path", c.path},
                      {"steps", c.steps},
                      {"jumps", c.jumps},
                      {"verdict", c.jumps_here() ? "jumps" : "continuous"}});
    fmt::print("{}\n", to_text(Json({{"continuous", all}, {"paths", list}})));
    return all ? kDone : kAnsweredNo;
  }
  fmt::print("{:<11} {:<16} {:<8} {} {:<22} difference at a step of {:.0e}, .., {:.0e}\n", "", "model", "group",
             "   ", "path through", lines[0].steps.front(), lines[0].steps.back());
  for (const Continuity& c : lines) {
    fmt::print("{:<11} {:<16} {:<8} {} {:<22}", c.jumps_here() ? "jumps" : "continuous", c.name, c.group, c.dtype,
               c.path);
    for (const double v : c.jumps) fmt::print(" {:.1e}", v);
    fmt::print("\n");
  }
  return all ? kDone : kAnsweredNo;
}

}  // namespace tools
