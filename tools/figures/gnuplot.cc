// Runs gnuplot: the script goes in by its standard input, the image comes out of its standard output; no shell, and
// no file but unnamed ones in memory.

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>

#include <fmt/core.h>

#include "cli/process.h"
#include "cli/text.h"
#include "figures/script.h"

namespace tools {
namespace {

std::string find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string rest = path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path;
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    const std::string file = concat(rest.substr(0, colon), "/", name);
    if (access(file.c_str(), X_OK) == 0) return file;
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  return "";
}

// What it complained of: its last line that begins "line N:", or else the last that is no warning.
std::string complaint(const std::string& text) {
  std::string last, numbered;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    line.erase(0, line.find_first_not_of(" \t^\""));
    if (!line.empty() && line.find("warning") == std::string::npos)
      (line.starts_with("line ") ? numbered : last) = line;
    at = end + 1;
  }
  return numbered.empty() ? last : numbered;
}

// Whether an image has its end: gnuplot ends with 0 also when it could not write all of it.
bool is_whole(std::string_view image, const std::string& format) {
  const std::string_view end = format == "svg" ? "</svg>" : format == "pdf" ? "%%EOF" : "IEND\xae\x42\x60\x82";
  return image.substr(image.size() - std::min<std::size_t>(image.size(), 64)).find(end) != std::string_view::npos;
}

std::string run_gnuplot(const std::string& program, const std::string& script, const std::string& format) {
  // -d: the user's own settings are not read, nor what changes gnuplot's words, terminal or numbers.
  Process gnuplot{.words = {program, "-d", "-"}, .input = script, .errors = Process::Stream::captured};
  gnuplot.environment =
      environment_without({"LC_", "LANG", "GNUPLOT", "GNUTERM", "GNUFITLOG", "FIT_", "GDFONTPATH"});
  gnuplot.environment->push_back("LC_ALL=C");
  const ProcessResult r = gnuplot.run();
  require<eqnn::FileError>(r.start_error.empty(), program, ": cannot be started: ", r.start_error);
  require<eqnn::FileError>(r.succeeded() && !r.output.empty(), "gnuplot failed: ", complaint(r.errors),
                           "; check that it is gnuplot 5.4 or newer with the terminals svg, pdfcairo and pngcairo");
  require<eqnn::FileError>(is_whole(r.output, format), "gnuplot wrote a ", format, " that is cut off after ",
                           r.output.size(), " bytes; free some space, or raise the limit of file sizes");
  return r.output;
}

double inches_high(const Figure& f) {
  return f.style.inches_high > 0 ? f.style.inches_high : f.height * f.style.points_a_pixel() / 72;
}

// Of a paper's figure lines of width 1 are 0.5 points, and text of 12 pixels has the points that were asked for.
std::string terminal(const Figure& f, const std::string& format) {
  const double unit = f.style.points_a_pixel(), line = f.style.for_paper() ? 0.5 / unit : 1;
  const std::string font = plot_string(f.style.font.empty() ? "sans,12" : f.style.font + ",12");
  if (format == "svg")
    return fmt::format(
        "set terminal svg noenhanced size {},{} font 'EQNNFONT,12' background '#ffffff' linewidth {:.4g}\n",
        f.width, f.height, line);
  if (format == "pdf")  // its fonts are 4/3 times, its lines half of what they are said to be
    return fmt::format(
        "set terminal pdfcairo noenhanced size {:.4f}in,{:.4f}in font {} fontscale {:.4g} linewidth 1 "
        "pointscale {:.4g} dashlength {:.4g} butt background '#ffffff'\n",
        f.width * unit / 72, inches_high(f), font, 0.75 * unit, unit, 2 * unit);
  const double scale = f.style.for_paper() ? 300 * unit / 72 : 2;  // 300 pixels an inch
  return fmt::format(
      "set terminal pngcairo noenhanced size {:.0f},{:.0f} font {} fontscale {:.4g} linewidth {:.4g} "
      "pointscale {:.4g} dashlength {:.4g} butt background '#ffffff'\n",
      scale * f.width, scale * inches_high(f) * 72 / unit, font, 0.75 * scale, line * scale, scale, scale);
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
}

// Puts `content` between two marks, which gnuplot wrote once.
void replace_between(std::string& text, const std::string& begin, const std::string& end,
                     const std::string& content) {
  const std::size_t from = text.find(begin), to = text.find(end, from);
  if (from == std::string::npos || to == std::string::npos) return;
  text.replace(from + begin.size(), to - from - begin.size(), content);
}

// What a reader's system takes where it lacks the font.
const char* generic_family(std::string font) {
  std::ranges::transform(font, font.begin(), [](unsigned char c) { return std::tolower(c); });
  for (const char* serif :
       {"times", "serif", "roman", "garamond", "georgia", "palatino", "modern", "charter", "termes"})
    if (font.find(serif) != std::string::npos && font.find("sans") == std::string::npos) return "serif";
  for (const char* mono : {"mono", "courier", "consolas"})
    if (font.find(mono) != std::string::npos) return "monospace";
  return "sans-serif";
}

// Fonts that every system has, a title and a description for readers that do not see it, and ids of its own, so
// that several figures may stand in one page.
std::string polish_svg(std::string svg, const Figure& figure) {
  const std::string& font = figure.style.font;
  replace_all(
      svg, "font-family=\"EQNNFONT\"",
      concat("font-family=\"", font.empty() ? "system-ui" : markup_text(font), ", ", generic_family(font), "\""));
  if (figure.style.for_paper())  // in the units of a page instead of pixels
    replace_between(svg, "<svg", "viewBox",
                    fmt::format("\n width=\"{:.6g}in\" height=\"{:.6g}in\"\n ",
                                figure.width * figure.style.points_a_pixel() / 72, inches_high(figure)));
  replace_between(svg, "<title>", "</title>", markup_text(figure.title));
  replace_between(svg, "<desc>", "</desc>", markup_text(figure.caption));
  for (const char* quote : {"'", "\""})
    replace_all(svg, concat(" id=", quote), concat(" id=", quote, figure.name, "-"));
  replace_all(svg, "xlink:href='#", concat("href='#", figure.name, "-"));
  replace_all(svg, "url(#", concat("url(#", figure.name, "-"));
  replace_all(svg, " xmlns:xlink=\"http://www.w3.org/1999/xlink\"\n", "");
  return svg;
}

std::string script_of(const Figure& figure, const std::string& format) {
  const std::string title = shortened(figure.title, static_cast<std::size_t>((figure.width - 32) / 7.9));
  return concat("set encoding utf8\n", terminal(figure, format), "figure_title = ", plot_string(title),
                // The SVG terminal draws larger points than the others.
                format == "svg" ? "\npoint_scale = 0.8" : "\npoint_scale = 1", "\n", figure.script);
}

}  // namespace

std::string gnuplot_script(const Figure& figure, const std::string& format, const std::string& file) {
  std::string script = script_of(figure, format);
  const std::string font = figure.style.font.empty() ? "sans" : figure.style.font;
  replace_all(script, "'EQNNFONT,12'", plot_string(font + ",12"));
  return concat("# ", shortened(figure.name, 200), ": gnuplot draws it into ", file, "\nset output ",
                plot_string(file), "\n", script);
}

bool have_gnuplot() { return !find_program("gnuplot").empty(); }

std::string font_in_place_of(const std::string& font) {
  const std::string program = find_program("fc-match");
  if (program.empty() || font.empty()) return "";
  const ProcessResult r = Process{.words = {program, "-f", "%{family}", font}, .input = ""}.run();
  if (!r.succeeded() || r.output.empty()) return "";
  const auto plain = [](std::string text) {
    std::erase(text, ' ');
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
  };
  return plain(r.output).find(plain(font)) != std::string::npos ? "" : r.output;
}

std::string draw(const Figure& figure, const std::string& format) {
  require(format == "svg" || format == "pdf" || format == "png", "the format of a figure is '", format,
          "'; allowed are svg, pdf and png");
  const std::string program = find_program("gnuplot");
  require<NotBuiltError>(!program.empty(),
                         "figures are drawn by gnuplot, which is not installed; install the package gnuplot-nox "
                         "(without it, eqnn plot DB --figure NAME prints the data)");
  const std::string script = script_of(figure, format);
  std::string image = run_gnuplot(program, script, format);
  return format == "svg" ? polish_svg(std::move(image), figure) : image;
}

}  // namespace tools
