// Figures of what gradvar and bound measured, from the documents that collect keeps.

#include <algorithm>
#include <cmath>
#include <set>
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

// One bound of a default training: its mark, and its cells of the data.
void add_bound(const Json& e, const std::string& prefix, double y, Marks& marks, std::vector<Cell>& row) {
  const double queries = number(e, (prefix + "_queries").c_str());
  const bool vacuous = !(queries > 1);
  if (!vacuous) marks.rows.push_back({queries, y});
  const Json name = e.value(prefix + "_bound", Json());
  row.insert(row.end(), {number_cell(number(e, (prefix + "_tau").c_str())),
                         name.is_string() ? Cell(name.get<std::string>()) : Cell(), number_cell(queries),
                         std::int64_t{vacuous ? 1 : 0}});
}

Figures query_figures(const Database& db) {
  Figure f;
  f.data.columns = {"family",    "training_queries", "steps",         "parameters",    "explains",
                    "batch_tau", "batch_bound",      "batch_queries", "batch_vacuous", "run_tau",
                    "run_bound", "run_queries",      "run_vacuous"};
  const auto style = [](const char* color, int point) {
    return fmt::format("lc rgb '{}' dt 1 lw 2 pt {} ps 0.9*point_scale", color, point);
  };
  const std::string used_style = style(kTargetColor, 7), batch_style = style(kControlColor, 11),
                    run_style = style(kControlColor, 5);
  Marks used{used_style, {}, false}, batch{batch_style, {}, false}, run{run_style, {}, false};
  std::vector<std::string> labels;
  std::set<std::string> seen;  // documents of one instance differ in what else they were asked
  for (const Json& document : documents(db, "bounds")) {
    const Json training = document.value("training", Json::object()), e = training.value("explanation", Json());
    if (!e.is_object() || !e.contains("run_queries")) continue;
    std::string label = parameters_text(document, e.at("explains") == true ? "(explained)" : "(not explained)");
    if (!seen.insert(label).second) continue;
    const double y = static_cast<double>(labels.size());
    labels.push_back(std::move(label));
    used.rows.push_back({number(training, "queries"), y - 0.15});
    std::vector<Cell> row{document.at("family").get<std::string>(), number_cell(number(training, "queries")),
                          number_cell(number(training, "steps")), number_cell(number(training, "parameters")),
                          std::int64_t{e.at("explains") == true ? 1 : 0}};
    add_bound(e, "batch", y, batch, row);
    add_bound(e, "run", y + 0.15, run, row);
    f.data.rows.push_back(std::move(row));
  }
  if (used.rows.empty()) return {};
  f.kind = f.name = "queries";
  f.title = "Queries that training asks, beside the lower bounds";
  f.caption =
      "A comparison, not a theorem: a bound is for an adversary that answers within tau, and a gradient over a "
      "batch is noise. "
      "Queries asked are steps times parameters of the family's default training. The bounds are the largest that "
      "hold for "
      "members as they are drawn, at tau = 1/sqrt(batch), and at 1/sqrt(all samples of the run), which the run as "
      "a whole can "
      "tell apart; a mark is missing where a bound is vacuous, at one query or less. A failure is explained where "
      "the bound "
      "of the whole run exceeds what was asked.";
  draw_rows(f,
            {{LegendEntry::kPoint, used_style, "asked by the default training"},
             {LegendEntry::kPoint, batch_style, "bound at tau = 1/sqrt(batch)"},
             {LegendEntry::kPoint, run_style, "bound at tau = 1/sqrt(all samples)"}},
            labels, "queries", {used, batch, run});
  return {f};
}

}  // namespace

const FigureKind kQueriesKind{"queries", "lower bounds on the number of queries", nullptr, query_figures};

}  // namespace tools
