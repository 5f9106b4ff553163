// Figures of what gradvar and bound measured, from the documents that collect keeps.

#include <algorithm>
#include <cmath>
#include <tuple>

#include <fmt/core.h>

#include "cli/json.h"
#include "figures/kinds.h"
#include "results/documents.h"

namespace tools {
namespace {

constexpr double kRow = 30;

double number(const Json& j, const char* key) {
  return j.contains(key) && j.at(key).is_number() ? j.at(key).get<double>() : std::nan("");
}

std::string parameters_text(const Json& document, const std::string& only) {
  std::string text = document.at("family").get<std::string>();
  if (!document.contains("params")) return text;
  for (const char* key : {"n", "r", "d", "k", "degree"}) {
    if (!document.at("params").contains(key)) continue;
    const Json& value = document.at("params").at(key);
    if (value.is_number()) text += fmt::format(" {} {}", key, to_text(value));
  }
  return only.empty() ? text : text + " " + only;
}

// Documents of a kind by family and parameters.
std::vector<Json> documents(const Database& db, const char* kind) {
  std::vector<Json> list;
  for (StoredDocument& d : read_documents(db, kind))
    if (d.json.contains("family")) list.push_back(std::move(d.json));
  const auto place = [](const Json& j) {
    const Json params = j.value("params", Json::object());
    const auto number_of_key = [&](const char* key) {
      const double v = number(params, key);
      return std::isfinite(v) ? v : -1;  // what is not a parameter of the family
    };
    return std::tuple(j.at("family").get<std::string>(), number_of_key("degree"), number_of_key("r"),
                      number_of_key("n"), number_of_key("d"));
  };
  std::stable_sort(list.begin(), list.end(), [&](const Json& a, const Json& b) { return place(a) < place(b); });
  return list;
}

// The tics of rows, the first at the top.
std::string row_axis(const std::vector<std::string>& labels) {
  std::string tics;
  for (std::size_t i = 0; i < labels.size(); ++i)
    tics += fmt::format("{}{} {}", i == 0 ? "" : ", ", quoted_tic(shortened(labels[i], 56)), i);
  return fmt::format("set yrange [{}:-0.5]\nset ytics ({}) scale 0\n", static_cast<double>(labels.size()) - 0.5,
                     tics);
}

// A page with one logarithmic panel, a row a label, drawn from `parts`.
struct Marks {
  std::string style;  // gnuplot's
  std::vector<std::vector<double>> rows;
  bool bars = false;  // x, y, low, high
};

void draw_rows(Figure& f, const std::vector<LegendEntry>& legend, const std::vector<std::string>& labels,
               const std::string& axis, std::vector<Marks> marks) {
  double low = 1e300, high = 0;
  for (const Marks& m : marks)
    for (const auto& row : m.rows)
      if (row[0] > 0) {
        low = std::min(low, row[0]);
        high = std::max(high, row[0]);
      }
  low = std::pow(10, std::floor(std::log10(std::max(low, 1e-8 * high)) - 0.2));
  high = std::pow(10, std::ceil(std::log10(high) + 0.2));
  Page page(kPageWidth, legend);
  const double top = page.top(), bottom = top + std::max(80.0, kRow * static_cast<double>(labels.size()));
  std::size_t longest = 4;
  for (const std::string& l : labels) longest = std::max(longest, std::min<std::size_t>(characters(l), 56));
  page.set_height(static_cast<int>(bottom + 56));
  page.panel(26 + 6.8 * static_cast<double>(longest), top, kPageWidth - 24, bottom);
  page.add(number_axis('x', low, high, true));
  page.add(row_axis(labels));
  page.axis_labels(axis, "");
  std::vector<std::string> parts;
  for (Marks& m : marks) {
    for (auto& row : m.rows)
      if (m.bars) {
        row[2] = std::max(row[2], low);
        row[3] = std::min(row[3], high);
      }
    if (!m.rows.empty())
      parts.push_back(fmt::format("{} with {} {}", page.data(m.rows), m.bars ? "xerrorbars" : "points", m.style));
  }
  page.plot(parts);
  page.finish(f);
}

Figures gradvar_figures(const Database& db) {
  const std::vector<Json> all = documents(db, "gradvar");
  Figure f;
  f.data.columns = {"family", "step", "variance", "error", "bound", "control_variance", "control_error"};
  std::vector<std::string> labels;
  const std::string target_style = fmt::format("lc rgb '{}' dt 1 lw 2 pt 7 ps 0.9*point_scale", kTargetColor),
                    control_style = fmt::format("lc rgb '{}' dt 1 lw 2 pt 9 ps 0.9*point_scale", kControlColor),
                    bound_style = fmt::format("lc rgb '{}' dt 1 lw 2 pt 2 ps 0.9*point_scale", kGuideColor);
  Marks target{target_style, {}, true}, control{control_style, {}, true}, bound{bound_style, {}, false};
  std::int64_t members = 0;
  for (const Json& document : all)
    for (const Json& point : document.value("points", Json::array())) {
      members = std::max(members, document.value("members", std::int64_t{0}));
      const double y = static_cast<double>(labels.size()), v = number(point, "variance"),
                   e = number(point, "error"), c = number(point, "control_variance"),
                   ce = number(point, "control_error"), b = number(point, "bound");
      labels.push_back(parameters_text(document, fmt::format("step {}", point.value("step", std::int64_t{0}))));
      // Below its error an estimate is no more than "at most about this".
      const double shown = std::max(v, e);
      if (shown > 0) target.rows.push_back({shown, y - 0.14, std::max(v - 2 * e, 0.0), v + 2 * e});
      if (std::max(c, ce) > 1e-9 * shown)
        control.rows.push_back({std::max(c, ce), y + 0.14, std::max(c - 2 * ce, 0.0), c + 2 * ce});
      if (b > 0) bound.rows.push_back({b, y});
      f.data.rows.push_back({document.at("family").get<std::string>(), point.value("step", std::int64_t{0}),
                             number_cell(v), number_cell(e), number_cell(b), number_cell(c), number_cell(ce)});
    }
  if (target.rows.empty()) return {};
  f.kind = f.name = "gradvar";
  f.title = "Variance of the loss gradient over members of a family";
  f.caption = fmt::format(
      "E |g_f - mean g|^2, summed over the coordinates of the gradient, over up to {} members; bars are two "
      "standard errors. An estimate below its error is drawn at the error; a control that is the same for all "
      "members has none. The bound is lambda times E |dh|^2, lambda of the second-moment bound. The control's "
      "variance says how large the signal is that gradient descent does find.",
      members);
  draw_rows(f,
            {{LegendEntry::kPoint, target_style, "target"},
             {LegendEntry::kPoint, control_style, "control"},
             {LegendEntry::kPoint, bound_style, "second-moment bound of the target"}},
            labels, "variance of the gradient", {target, control, bound});
  return {f};
}

}  // namespace

const FigureKind kGradvarKind{"gradvar", "variance of the gradient over the members of a family, against the bound",
                              nullptr, gradvar_figures};

namespace {

Figures query_figures(const Database& db) {
  const std::vector<Json> all = documents(db, "bounds");
  Figure f;
  f.data.columns = {"family",           "tau",   "bound",     "bound_queries", "vacuous",
                    "training_queries", "steps", "parameters"};
  std::vector<std::string> labels;
  const std::string used_style = fmt::format("lc rgb '{}' dt 1 lw 2 pt 7 ps 0.9*point_scale", kTargetColor),
                    bound_style = fmt::format("lc rgb '{}' dt 1 lw 2 pt 11 ps 0.9*point_scale", kControlColor);
  Marks used{used_style, {}, false}, bound{bound_style, {}, false};
  for (const Json& document : all) {
    if (!document.contains("training") || document.value("bounds", Json::array()).empty()) continue;
    const Json *first = &document.at("bounds").front(), &training = document.at("training");
    const double queries = number(*first, "queries"), asked = number(training, "queries");
    const bool vacuous = !(queries > 1);
    const double y = static_cast<double>(labels.size());
    labels.push_back(parameters_text(document, vacuous ? "(bound vacuous)" : ""));
    used.rows.push_back({asked, y - 0.1});
    if (!vacuous) bound.rows.push_back({queries, y + 0.1});
    f.data.rows.push_back({document.at("family").get<std::string>(), number_cell(number(document, "tau")),
                           first->at("name").get<std::string>(), number_cell(queries),
                           std::int64_t{vacuous ? 1 : 0}, number_cell(asked),
                           number_cell(number(training, "steps")), number_cell(number(training, "parameters"))});
  }
  if (used.rows.empty()) return {};
  f.kind = f.name = "queries";
  f.title = "Queries that training asks, beside the lower bound";
  f.caption =
      "A comparison, not a theorem: the bound is for an adversary that answers within tau, and a gradient over a "
      "batch is noise of about tau = 1/sqrt(batch), not an adversary. Queries used are steps times parameters of "
      "the family's default training; the bound is the first that eqnn bound lists for this very instance, and "
      "vacuous at one query or less.";
  draw_rows(f,
            {{LegendEntry::kPoint, used_style, "asked by the default training"},
             {LegendEntry::kPoint, bound_style, "lower bound at tau = 1/sqrt(batch)"}},
            labels, "queries", {used, bound});
  return {f};
}

}  // namespace

const FigureKind kQueriesKind{"queries", "lower bounds on the number of queries", nullptr, query_figures};

}  // namespace tools
