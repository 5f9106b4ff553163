// `eqnn plot`.

#include <filesystem>

#include <fmt/core.h>

#include <eqnn/core/spelling.h>
#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/note.h"
#include "cli/paths.h"
#include "cli/text.h"
#include "commands.h"
#include "figures/figures.h"

namespace tools {

std::string csv(const Table& table) {
  std::string text;
  for (std::size_t i = 0; i < table.columns.size(); ++i) text += (i == 0 ? "" : ",") + csv_field(table.columns[i]);
  text += "\n";
  for (const auto& row : table.rows) {
    for (std::size_t i = 0; i < row.size(); ++i) text += (i == 0 ? "" : ",") + csv_field(text_of(row[i]));
    text += "\n";
  }
  return text;
}

namespace {

struct PlotFlags {
  std::string db, figure, out;
  FigureOptions options;
  bool data = false, list = false, force = false;
};

Json json_cell(const Cell& cell) {
  if (const auto* whole = std::get_if<std::int64_t>(&cell)) return *whole;
  if (const auto* real = std::get_if<double>(&cell)) return *real;
  if (const auto* text = std::get_if<std::string>(&cell)) return *text;
  return nullptr;
}

Json json_figure(const Figure& f, bool with_data) {
  Json j{{"name", f.name}, {"kind", f.kind}, {"title", f.title}, {"caption", f.caption}};
  if (!with_data) return j;
  j["columns"] = f.data.columns;
  j["rows"] = Json::array();
  for (const auto& row : f.data.rows) {
    Json cells = Json::array();
    for (const Cell& cell : row) cells.push_back(json_cell(cell));
    j["rows"].push_back(std::move(cells));
  }
  return j;
}

int list_figures(const PlotFlags& flags, const Common& common) {
  const std::vector<Figure> figures = make_all_figures(Database::open(flags.db), flags.options);
  if (common.json) {
    Json all = Json::array();
    for (const Figure& f : figures) all.push_back(json_figure(f, false));
    fmt::print("{}\n", to_text(Json{{"figures", all}}));
    return kDone;
  }
  std::size_t widest = 0;
  for (const Figure& f : figures) widest = std::max(widest, f.name.size());
  for (const Figure& f : figures) fmt::print("{:<{}}  {}\n", f.name, widest, f.title);
  if (figures.empty() && !common.quiet)
    note("eqnn: {} holds no finished run: nothing to draw\n", one_line(flags.db));
  return kDone;
}

bool is_kind(const std::string& name) {
  for (const FigureKind& kind : figure_kinds())
    if (kind.name == name) return true;
  return false;
}

// Those of a kind, or the one of that name. Throws ValueError, naming what is nearest or why there is none.
std::vector<Figure> find_figures(const PlotFlags& flags) {
  const Database db = Database::open(flags.db);
  std::vector<std::string> known;
  for (const FigureKind& kind : figure_kinds()) known.push_back(kind.name);
  std::vector<Figure> found;
  if (is_kind(flags.figure)) {
    found = make_figures(db, flags.figure, flags.options);
    require(!found.empty() || !make_figures(db, "verdicts").empty(), flags.db,
            " holds no finished run: there is nothing to draw; eqnn collect DIR --db ", flags.db, " adds runs");
    require(!found.empty(), flags.db, " has nothing for figure '", flags.figure, "'",
            flags.options.study.empty() && flags.options.family.empty() ? "" : " in this study and family",
            "; eqnn plot ", flags.db, " --list names what it has");
    return found;
  }
  for (Figure& f : make_all_figures(db, flags.options)) {
    known.push_back(f.name);
    if (f.name == flags.figure) found.push_back(std::move(f));
  }
  require(!found.empty(), "figure '", flags.figure, "' is not known; the nearest is '",
          eqnn::nearest(flags.figure, known), "'; eqnn plot ", flags.db, " --list names what ", flags.db, " has");
  return found;
}

// "curves.svg" for the first; "curves-f1-cnn-cyclic.svg" for the next, by what its name has more than the kind.
std::string output_name(const std::string& out, const Figure& figure, bool first) {
  if (first) return out;
  const std::filesystem::path path(out);
  std::string more = figure.name;
  if (more.starts_with(figure.kind)) more = more.substr(figure.kind.size());
  return (path.parent_path() /
          concat(path.stem().string(), more.starts_with("-") ? "" : "-", more, path.extension().string()))
      .string();
}

int print_data(const std::vector<Figure>& figures, const PlotFlags& flags, const Common& common) {
  std::string text;
  if (common.json) {
    Json all = Json::array();
    for (const Figure& f : figures) all.push_back(json_figure(f, true));
    text = to_text(Json{{"figures", all}}) + "\n";
  } else {
    std::string names;
    for (const Figure& f : figures) names += concat(names.empty() ? "" : ", ", f.name);
    require(figures.size() == 1, figures.size(), " figures match, and one table is printed; name one of ", names,
            ", or choose with --study and --family");
    text = csv(figures[0].data);
  }
  if (flags.out.empty()) {
    fmt::print("{}", text);
  } else {
    claim_output(flags.out, flags.force);
    eqnn::write_atomically(flags.out, text);
  }
  return kDone;
}

int draw_files(const std::vector<Figure>& figures, const std::string& format, const PlotFlags& flags,
               const Common& common) {
  // All are drawn before the first is written: an error leaves nothing behind.
  std::vector<std::string> names, images;
  for (const Figure& f : figures) {
    names.push_back(output_name(flags.out, f, names.empty()));
    images.push_back(draw(f, format));
  }
  for (const std::string& name : names)
    require(flags.force || !is_taken(name), name, " exists; give --force to replace it, or another --out");
  Json written = Json::array();
  for (std::size_t i = 0; i < names.size(); ++i) {
    claim_output(names[i], flags.force);
    eqnn::write_atomically(names[i], images[i]);
    written.push_back(json_figure(figures[i], false));
    written.back()["file"] = names[i];
    if (!common.quiet && !common.json) note("eqnn: {}: {}\n", one_line(names[i]), one_line(figures[i].name));
  }
  if (common.json) fmt::print("{}\n", to_text(Json{{"figures", written}}));
  return kDone;
}

int run_plot(const PlotFlags& flags, const Common& common) {
  if (flags.list || flags.figure == "list") return list_figures(flags, common);
  require(!flags.figure.empty(), "--figure is missing; eqnn plot ", flags.db,
          " --list names the figures that it has");
  std::string format = std::filesystem::path(flags.out).extension().string();
  if (!format.empty()) format = format.substr(1);
  require(flags.out.empty() || format == "csv" || format == "svg" || format == "pdf" || format == "png",
          "--out is '", flags.out, "'; allowed are names that end in .svg, .pdf or .png, and .csv for the data");
  require(!flags.data || flags.out.empty() || format == "csv", "--data writes CSV, and --out is '", flags.out,
          "'; name a file that ends in .csv, or leave out --data for the image");
  const std::vector<Figure> figures = find_figures(flags);
  if (flags.out.empty() || format == "csv") return print_data(figures, flags, common);
  return draw_files(figures, format, flags, common);
}

}  // namespace

void add_plot(CommandLine& line) {
  auto flags = std::make_shared<PlotFlags>();
  Subcommand plot =
      line.add("plot", "draws figures from a results database, or prints their data", "Look at results");
  plot.example("eqnn plot results.db --list # the figures that it has");
  plot.example("eqnn plot results.db --figure frontier -o frontier.svg");
  plot.required("DB", flags->db, "the database that collect made");
  plot.option("--figure", flags->figure,
              "a kind (frontier, phase, ...) or the name of one figure; list: what DB has");
  plot.toggle("--list", flags->list, "names the figures that DB has");
  plot.option("-o,--out", flags->out,
              "F.svg, F.pdf or F.png; F.csv for the data; without it, the data as CSV to stdout. Further "
              "figures of the kind: F-STUDY-FAMILY.svg");
  plot.option("--study", flags->options.study, "of this study alone");
  plot.option("--family", flags->options.family, "of this family alone");
  plot.option("--x", flags->options.x, "swept column across (frontier, scaling, phase)");
  plot.option("--y", flags->options.y, "swept column upwards (phase)");
  plot.toggle("--data", flags->data, "the data as CSV instead of the image");
  plot.toggle("--force", flags->force, "replace an output that exists");
  plot.runs([flags](const Common& common) { return run_plot(*flags, common); });
}

}  // namespace tools
