// `eqnn plot`.

#include <charconv>
#include <cmath>
#include <filesystem>

#include <fmt/core.h>

#include <eqnn/core/spelling.h>
#include <eqnn/io/files.h>

#include "cli/json.h"
#include "cli/name_table.h"
#include "cli/note.h"
#include "cli/paths.h"
#include "cli/text.h"
#include "commands.h"
#include "figures/figures.h"
#include "results/collect.h"

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
  std::vector<std::string> results;
  std::string figure, out, title, size, font, script;
  std::vector<std::string> axes;
  FigureOptions options;
  bool data = false, list = false, force = false;
};

// As it was given, for messages.
std::string source_text(const PlotFlags& flags) { return shell_text(flags.results); }

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
  const std::vector<Figure> figures = make_all_figures(open_results(flags.results, common), flags.options);
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
    note("eqnn: {} holds no finished run: nothing to draw\n", one_line(source_text(flags)));
  return kDone;
}

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const FigureKind& kind : figure_kinds()) names.emplace_back(kind.name);
  return names;
}

bool is_kind(const std::string& name) {
  for (const FigureKind& kind : figure_kinds())
    if (kind.name == name) return true;
  return false;
}

// Those of a kind, or the one of that name. Throws ValueError, naming what is nearest or why there is none.
std::vector<Figure> find_figures(const PlotFlags& flags, const Common& common) {
  const Database db = open_results(flags.results, common);
  const std::string source = source_text(flags);
  std::vector<std::string> known = kind_names();
  std::vector<Figure> found;
  if (is_kind(flags.figure)) {
    found = make_figures(db, flags.figure, flags.options);
    const bool folder = is_folder(flags.results.front());
    require(!found.empty() || !make_figures(db, "verdicts").empty(), source,
            " holds no finished run: there is nothing to draw",
            folder ? "" : concat("; eqnn collect DIR --db ", source, " adds runs"));
    require(!found.empty(), source, " has nothing for figure '", flags.figure, "'",
            flags.options.study.empty() && flags.options.family.empty() ? "" : " in this study and family",
            "; eqnn plot ", source, " --list names what it has");
    return found;
  }
  for (Figure& f : make_all_figures(db, flags.options)) {
    known.push_back(f.name);
    if (f.name == flags.figure) found.push_back(std::move(f));
  }
  require(!found.empty(), "figure '", flags.figure, "' is not known", eqnn::spelling_hint(flags.figure, known),
          "; eqnn plot ", source, " --list names what ", source, " has");
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

// --- for papers --------------------------------------------------------------------------------------------

// Inches of "85x60mm" or "3.3x2.4in".
std::pair<double, double> read_size(const std::string& text) {
  const double unit = text.ends_with("mm") ? 25.4 : 1;
  const std::size_t x = text.find('x');
  const bool form = x != std::string::npos && (text.ends_with("mm") || text.ends_with("in"));
  const std::string both = form ? text.substr(0, text.size() - 2) : "";
  double sides[2] = {0, 0};
  for (const int i : {0, 1}) {
    const std::string side = form ? (i == 0 ? both.substr(0, x) : both.substr(x + 1)) : "";
    const auto r = std::from_chars(side.data(), side.data() + side.size(), sides[i]);
    require(r.ec == std::errc() && r.ptr == side.data() + side.size() && sides[i] / unit >= 20 / 25.4 - 1e-9 &&
                sides[i] / unit <= 40,
            "--size is '", text, "'; allowed are width and height, 20 to 1000 mm, such as 85x60mm or 3.3x2.4in");
  }
  return {sides[0] / unit, sides[1] / unit};
}

// "Times,9": a family and points, either may be left out.
std::pair<std::string, double> read_font(const std::string& text, double points) {
  const std::size_t comma = text.rfind(',');
  if (comma == std::string::npos) return {text, points};
  const std::string size = text.substr(comma + 1);
  const auto r = std::from_chars(size.data(), size.data() + size.size(), points);
  require(r.ec == std::errc() && r.ptr == size.data() + size.size() && points >= 4 && points <= 40, "--font is '",
          text, "'; allowed are a family, and 4 to 40 points behind a comma, such as Times,9");
  return {text.substr(0, comma), points};
}

// A size gives what papers want: text of 8 points, lines of half a point, no title, unless flags say another.
FigureStyle read_style(const PlotFlags& flags) {
  FigureStyle style;
  const auto [font, points] = read_font(flags.font, flags.size.empty() ? 9 : 8);
  style.font = font;
  style.titled = flags.title != "none" && (!flags.title.empty() || flags.size.empty());
  if (!flags.size.empty()) {
    const auto [wide, high] = read_size(flags.size);
    style.inches_wide = wide;
    style.inches_high = high;
    style.millimetres = flags.size.ends_with("mm");
    style.width = static_cast<int>(std::lround(wide * 72 * 12 / points));
    style.height = static_cast<int>(std::lround(high * 72 * 12 / points));
  } else if (points != 9) {
    style.inches_wide = style.width * points / 12 / 72;
  }
  for (const std::string& text : flags.axes) {
    const std::size_t equals = text.find('=');
    require(equals != std::string::npos && equals > 0, "--axes is '", text,
            "'; allowed is LABEL=TEXT, such as n='number of nodes'");
    const std::size_t first = text.find_first_not_of(' ');
    style.axes.emplace_back(text.substr(first, equals - first), text.substr(equals + 1));
  }
  return style;
}

void check_axes(const std::vector<Figure>& figures, const FigureStyle& style) {
  std::vector<std::string> known;
  for (const Figure& f : figures) known.insert(known.end(), f.axes.begin(), f.axes.end());
  for (const auto& [label, text] : style.axes)
    require(std::ranges::find(known, label) != known.end(), "--axes names '", label,
            "', which no axis of these figures has", eqnn::spelling_hint(label, known));
}

// For each figure what gnuplot draws it from, and its data: NAME.gp and NAME.csv in a folder, or beside a file.
void write_scripts(const std::vector<Figure>& figures, const std::string& format, const PlotFlags& flags,
                   const Common& common) {
  namespace fs = std::filesystem;
  const bool file = fs::path(flags.script).extension() == ".gp";
  std::vector<fs::path> names;
  for (const Figure& f : figures)
    names.push_back(file ? fs::path(output_name(flags.script, f, names.empty()))
                         : fs::path(flags.script) / (f.name + ".gp"));
  for (const fs::path& name : names)
    for (const char* end : {".gp", ".csv"}) {
      const std::string path = fs::path(name).replace_extension(end).string();
      require(flags.force || !is_taken(path), path, " exists; give --force to replace it, or another --script");
    }
  std::error_code error;
  if (!file) fs::create_directories(flags.script, error);
  require<eqnn::FileError>(!error, flags.script, ": cannot be made: ", error.message());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string image = fs::path(names[i]).filename().replace_extension(format).string();
    const std::string data = fs::path(names[i]).replace_extension(".csv").string();
    claim_output(names[i].string(), flags.force);
    eqnn::write_atomically(names[i].string(), gnuplot_script(figures[i], format, image));
    claim_output(data, flags.force);
    eqnn::write_atomically(data, csv(figures[i].data));
    if (!common.quiet && !common.json)
      note("eqnn: {}: {}\n", one_line(names[i].string()), one_line(figures[i].name));
  }
}

int run_plot(const PlotFlags& flags, const Common& common) {
  if (flags.list || flags.figure == "list") return list_figures(flags, common);
  if (flags.figure.empty()) {
    open_results(flags.results, common);  // what is not there has no figures either
    throw ValueError(concat("--figure is missing; it is a kind, ", comma_list(kind_names()),
                            ", or one of the figures that eqnn plot ", source_text(flags), " --list names"));
  }
  std::string format = std::filesystem::path(flags.out).extension().string();
  if (!format.empty()) format = format.substr(1);
  require(flags.out.empty() || format == "csv" || format == "svg" || format == "pdf" || format == "png",
          "--out is '", flags.out, "'; allowed are names that end in .svg, .pdf or .png, and .csv for the data");
  require(!flags.data || flags.out.empty() || format == "csv", "--data writes CSV, and --out is '", flags.out,
          "'; name a file that ends in .csv, or leave out --data for the image");
  PlotFlags styled = flags;
  styled.options.style = read_style(flags);
  std::vector<Figure> figures = find_figures(styled, common);
  check_axes(figures, styled.options.style);
  for (Figure& f : figures)
    if (!flags.title.empty() || !flags.size.empty()) f.title = flags.title == "none" ? "" : flags.title;
  for (const Figure& f : figures)
    if (!f.warning.empty() && !common.quiet) note("eqnn: {}: {}\n", one_line(f.name), one_line(f.warning));
  const bool drawn = !flags.out.empty() && format != "csv";
  if (const std::string other = drawn ? font_in_place_of(styled.options.style.font) : "";
      !other.empty() && !common.quiet)
    note(
        "eqnn: the font '{}' is not installed here; {} stands in its place (an svg names {}, and its reader's "
        "system decides)\n",
        one_line(styled.options.style.font), one_line(other), one_line(styled.options.style.font));
  if (!flags.script.empty()) write_scripts(figures, drawn ? format : "pdf", flags, common);
  if (flags.out.empty() && !flags.script.empty()) return kDone;
  return drawn ? draw_files(figures, format, flags, common) : print_data(figures, flags, common);
}

}  // namespace

void add_plot(CommandLine& line) {
  auto flags = std::make_shared<PlotFlags>();
  Subcommand plot = line.add("plot", "draws figures of runs, or prints their data", "Look at results");
  plot.example("eqnn plot results.db --list # the figures that it has");
  plot.example("eqnn plot runs/grid --figure frontier -o frontier.svg # of a folder of runs as it is");
  plot.example("eqnn plot results.db --figure frontier --size 85x70mm --font Times,8 -o f.pdf # for a paper");
  plot.example("eqnn plot results.db --kind anything --x lr --y test_loss --by model -o lr.svg");
  for (const FigureKind& kind : figure_kinds()) plot.explained("Kinds of figures", kind.name, kind.help);
  plot.required_list("RESULTS", flags->results,
                     "a database that collect made, or run directories and folders of such");
  plot.takes("RESULTS", {"/", ".db"});
  plot.option("--figure,--kind", flags->figure,
              "a kind of those below, or the name of one figure; list: what RESULTS has");
  std::vector<std::string> kinds = kind_names();
  kinds.emplace_back("list");
  plot.knows(std::move(kinds));
  plot.toggle("--list", flags->list, "names the figures that RESULTS has");
  plot.option("-o,--out", flags->out,
              "F.svg, F.pdf or F.png; F.csv for the data; without it, the data as CSV to stdout. Further "
              "figures of the kind: F-STUDY-FAMILY.svg");
  plot.takes("FILE", {".svg", ".pdf", ".png", ".csv"});
  plot.toggle("--data", flags->data, "the data as CSV instead of the image");
  plot.toggle("--force", flags->force, "replace an output that exists");
  plot.heading("What is drawn");
  plot.option("--study", flags->options.study, "of this study alone");
  plot.option("--family", flags->options.family, "of this family alone");
  plot.option("--x", flags->options.x, "swept column across (frontier, scaling, phase); anything: any column");
  plot.takes("COLUMN");
  plot.option("--y", flags->options.y, "swept column upwards (phase); anything: any column of numbers");
  plot.takes("COLUMN");
  plot.option("--by", flags->options.by, "anything: the columns that tell the lines apart, with , between");
  plot.takes("COLUMNS");
  plot.list("--where", flags->options.where, "anything: of these runs alone; several with ; between", ';');
  plot.takes("KEY=VALUE");
  plot.toggle("--best", flags->options.best, "anything: each mark at the best of the settings that it would pool");
  plot.heading("For papers");
  plot.option("--size", flags->size,
              "width and height, 85x60mm or 3.3x2.4in: text of 8 points, lines of half a point, no title");
  plot.takes("WxH");
  plot.option("--font", flags->font, "family and points: Times, or Times,9");
  plot.takes("FAMILY,POINTS");
  plot.option("--title", flags->title, "another title; none: without one");
  plot.list("--axes", flags->axes, "another label of an axis; several with ; between", ';');
  plot.takes("LABEL=TEXT");
  plot.option("--script", flags->script,
              "the gnuplot script and the data of each figure: into this folder, or FILE.gp and FILE.csv");
  plot.takes("DIR", {"/", ".gp"});
  plot.runs([flags](const Common& common) { return run_plot(*flags, common); });
}

}  // namespace tools
