// Figures of what gradvar and bound measured, from the documents that collect keeps.

#include <algorithm>
#include <cmath>
#include <map>
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

std::string parameters_text(const Json& document) {
  std::string text = document.at("family").get<std::string>();
  if (!document.contains("params")) return text;
  for (const char* key : {"n", "r", "d", "k", "degree"}) {
    if (!document.at("params").contains(key)) continue;
    const Json& value = document.at("params").at(key);
    if (value.is_number()) text += fmt::format(" {} {}", key, to_text(value));
  }
  return text;
}

// What else a document was made from, by name: parameters of the family, the network, the learner's task.
std::map<std::string, std::string> details_of(const Json& document) {
  std::map<std::string, std::string> details;
  const auto add = [&](const Json& from, const std::string& key) {
    if (from.contains(key) && from.at(key).is_primitive())
      details[key] = from.at(key).is_string() ? from.at(key).get<std::string>() : to_text(from.at(key));
  };
  const Json params = document.value("params", Json::object());
  for (const auto& [key, value] : params.items()) add(params, key);
  const Json training = document.value("training", Json::object());
  for (const char* key : {"model", "steps", "batch", "parameters"}) add(training, key);
  for (const char* key : {"model", "parameters", "samples", "members", "tau", "prob", "seed"}) add(document, key);
  return details;
}

// One label a document: its family and size, and of those with the same also what differs, or else a number.
std::vector<std::string> labels_of(const std::vector<Json>& documents) {
  std::vector<std::string> labels;
  for (const Json& d : documents) labels.push_back(parameters_text(d));
  const std::vector<std::string> plain = labels;
  std::map<std::string, int> seen;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto mine = details_of(documents[i]);
    for (const auto& [key, value] : mine) {
      bool differs = false;
      for (std::size_t j = 0; j < labels.size() && !differs; ++j) {
        const auto other = details_of(documents[j]);
        differs = plain[j] == plain[i] && (!other.contains(key) || other.at(key) != value);
      }
      if (differs) labels[i] += concat(", ", key, " ", value);
    }
    if (const int n = ++seen[labels[i]]; n > 1) labels[i] += fmt::format(" ({})", n);
  }
  return labels;
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
std::string row_axis(const std::vector<std::string>& labels, std::size_t most) {
  std::string tics;
  for (std::size_t i = 0; i < labels.size(); ++i)
    tics += fmt::format("{}{} {}", i == 0 ? "" : ", ", quoted_tic(shortened(labels[i], most)), i);
  return fmt::format("set yrange [{}:-0.5]\nset ytics ({}) scale 0\n", static_cast<double>(labels.size()) - 0.5,
                     tics);
}

// Marks of one kind on a page with one logarithmic panel, a row a label.
struct Marks {
  const char* color;
  int point;                        // gnuplot's
  std::vector<BarMark> marks = {};  // low = high: a point; arrow: an upper limit
};

std::string style_of(const Marks& m) {
  return fmt::format("lc rgb '{}' dt 1 lw 2 pt {} ps 0.9*point_scale", m.color, m.point);
}

// Upper limits begin at an open point, and their arrows go to the left.
constexpr double kArrow = 1.2;

std::pair<double, double> range_of(const std::vector<Marks>& marks) {
  double low = 1e300, high = 0;
  for (const Marks& m : marks)
    for (const BarMark& b : m.marks) {
      low = std::min(low, b.arrow != BarMark::kNone ? b.value / (1 + kArrow) : b.value);
      high = std::max(high, b.value);
    }
  return {std::pow(10, std::floor(std::log10(std::max(low, 1e-8 * high)) - 0.2)),
          std::pow(10, std::ceil(std::log10(high) + 0.2))};
}

void draw_rows(Figure& f, const std::vector<LegendEntry>& legend, const std::vector<std::string>& labels,
               const std::string& axis, const std::vector<Marks>& marks, const FigureStyle& style) {
  const auto [least, most] = range_of(marks);
  const double low = least, high = most;
  Page page(style, legend);
  const double top = page.top(), bottom = top + std::max(80.0, kRow * static_cast<double>(labels.size()));
  std::size_t longest = 4;
  for (const std::string& l : labels) longest = std::max(longest, std::min<std::size_t>(characters(l), 56));
  const double left = label_space(26 + 6.8 * static_cast<double>(longest), page.width(), 0.62);
  page.set_height(static_cast<int>(bottom + 56));
  page.panel(left, top, page.width() - 24, bottom, labels.size());
  page.add(number_axis('x', low, high, true, page.width() - 24 - left));
  page.add(row_axis(labels, std::min<std::size_t>(56, fitting(left - 16))));
  page.axis_labels(axis, "");
  std::vector<std::string> parts;
  for (const Marks& m : marks) {
    std::vector<BarMark> bars;
    std::vector<std::vector<double>> points;
    for (const BarMark& b : m.marks) {
      if (b.arrow == BarMark::kNone && b.low == b.high)
        points.push_back({b.value, b.place});
      else
        bars.push_back({b.place, b.value, std::max(b.low, low), std::min(b.high, high), b.arrow});
    }
    if (!bars.empty())
      for (std::string& part : bar_parts(page, 'x', bars, kArrow, m.point - 1, m.color, high))
        parts.push_back(part);
    if (!points.empty()) parts.push_back(fmt::format("{} with points {}", page.data(points), style_of(m)));
  }
  page.plot(parts);
  page.finish(f);
}

// An estimate with a standard error: a bar of two of them, or, where that reaches 0, its upper end as a limit.
// Nothing where all members have the same.
void add_estimate(Marks& marks, double place, double value, double error) {
  const double limit = std::max(value, 0.0) + 2 * error;
  if (!(limit > 0)) return;
  if (value - 2 * error > 0)
    marks.marks.push_back({place, value, value - 2 * error, limit});
  else
    marks.marks.push_back({place, limit, limit, limit, BarMark::kDown});
}

Cell limit_cell(double value, double error) {
  return value - 2 * error > 0 ? Cell() : number_cell(std::max(value, 0.0) + 2 * error);
}

Figures gradvar_figures(const FigureSource& source) {
  const std::vector<Json> all = documents(source.db, "gradvar");
  const std::vector<std::string> names = labels_of(all);
  Figure f;
  f.data.columns = {"family",           "step",          "variance",    "error",        "bound",
                    "control_variance", "control_error", "upper_limit", "control_limit"};
  std::vector<std::string> labels;
  std::set<std::int64_t> steps;
  for (const Json& document : all)
    for (const Json& point : document.value("points", Json::array()))
      steps.insert(point.value("step", std::int64_t{0}));
  Marks target{kTargetColor, 7}, control{kControlColor, 9}, bound{kGuideColor, 2};
  std::int64_t members = 0;
  for (std::size_t i = 0; i < all.size(); ++i)
    for (const Json& point : all[i].value("points", Json::array())) {
      members = std::max(members, all[i].value("members", std::int64_t{0}));
      const auto step = point.value("step", std::int64_t{0});
      const double y = static_cast<double>(labels.size()), v = number(point, "variance"),
                   e = number(point, "error"), c = number(point, "control_variance"),
                   ce = number(point, "control_error"), b = number(point, "bound");
      labels.push_back(steps.size() > 1 ? fmt::format("{} step {}", names[i], step) : names[i]);
      add_estimate(target, y - 0.14, v, e);
      const bool differs = std::max(c, ce) > 1e-9 * std::max(v, e);
      if (differs) add_estimate(control, y + 0.14, c, ce);
      if (b > 0) bound.marks.push_back({y, b, b, b});
      f.data.rows.push_back({all[i].at("family").get<std::string>(), step, number_cell(v), number_cell(e),
                             number_cell(b), number_cell(c), number_cell(ce), limit_cell(v, e),
                             differs ? limit_cell(c, ce) : Cell()});
    }
  if (target.marks.empty()) return {};
  f.kind = f.name = "gradvar";
  f.title = "Variance of the loss gradient over members of a family";
  f.caption = fmt::format(
      "E |g_f - mean g|^2, summed over the coordinates of the gradient, over up to {} members; bars are two "
      "standard errors. An arrow begins at an upper limit, the estimate (at least 0) and two standard errors, "
      "where "
      "those reach 0; a control that is the same for all "
      "members has none. The bound is lambda times E |dh|^2, lambda of the second-moment bound. The control's "
      "variance says how large the signal is that gradient descent does find.{}",
      members, steps.size() == 1 ? fmt::format(" At step {}.", *steps.begin()) : "");
  std::vector<LegendEntry> legend{{LegendEntry::kPoint, style_of(target), "target"},
                                  {LegendEntry::kPoint, style_of(control), "control"},
                                  {LegendEntry::kPoint, style_of(bound), "second-moment bound of the target"}};
  const auto is_limit = [](const BarMark& m) { return m.arrow != BarMark::kNone; };
  if (std::ranges::any_of(target.marks, is_limit) || std::ranges::any_of(control.marks, is_limit))
    legend.push_back({LegendEntry::kPoint, "lc rgb '#333333' dt 1 lw 2 pt 6 ps 0.9*point_scale", "← upper limit"});
  draw_rows(f, legend, labels, "variance of the gradient", {target, control, bound}, source.options.style);
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
  if (!vacuous) marks.marks.push_back({y, queries, queries, queries});
  const Json name = e.value(prefix + "_bound", Json());
  row.insert(row.end(), {number_cell(number(e, (prefix + "_tau").c_str())),
                         name.is_string() ? Cell(name.get<std::string>()) : Cell(), number_cell(queries),
                         std::int64_t{vacuous ? 1 : 0}});
}

// One document an instance: those of one differ in what else they were asked.
std::vector<Json> trainings(const Database& db) {
  std::vector<Json> list;
  std::set<std::string> seen;
  for (Json& document : documents(db, "bounds")) {
    const Json training = document.value("training", Json::object()), e = training.value("explanation", Json());
    if (!e.is_object() || !e.contains("run_queries")) continue;
    for (const char* asked : {"tau", "prob", "seed"}) document.erase(asked);
    if (seen.insert(to_text(Json{document.at("family"), document.value("params", Json()), training})).second)
      list.push_back(std::move(document));
  }
  return list;
}

Figures query_figures(const FigureSource& source) {
  Figure f;
  f.data.columns = {"family",    "training_queries", "steps",         "parameters",    "explains",
                    "batch_tau", "batch_bound",      "batch_queries", "batch_vacuous", "run_tau",
                    "run_bound", "run_queries",      "run_vacuous"};
  Marks used{kTargetColor, 7}, batch{kControlColor, 11}, run{kControlColor, 5};
  const std::vector<Json> all = trainings(source.db);
  std::vector<std::string> labels = labels_of(all);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Json &training = all[i].at("training"), &e = training.at("explanation");
    if (e.at("explains") == true) labels[i] += " (explained)";
    const double y = static_cast<double>(i), asked = number(training, "queries");
    used.marks.push_back({y - 0.15, asked, asked, asked});
    std::vector<Cell> row{all[i].at("family").get<std::string>(), number_cell(asked),
                          number_cell(number(training, "steps")), number_cell(number(training, "parameters")),
                          std::int64_t{e.at("explains") == true ? 1 : 0}};
    add_bound(e, "batch", y, batch, row);
    add_bound(e, "run", y + 0.15, run, row);
    f.data.rows.push_back(std::move(row));
  }
  if (used.marks.empty()) return {};
  f.kind = f.name = "queries";
  f.title = "Queries that training asks, beside the lower bounds";
  f.caption =
      "A comparison, not a theorem: a bound is for an adversary that answers within tau, and a gradient over a "
      "batch is noise. "
      "Queries asked are steps times parameters of the family's default training. The bounds are the largest that "
      "hold for "
      "members as they are drawn, at tau = 1/sqrt(batch), and at 1/sqrt(all samples of the run), which the run as "
      "a whole can "
      "tell apart; a mark is missing where a bound is vacuous, at one query or less. A failure is explained, and "
      "its row says so, "
      "where the bound of the whole run exceeds what was asked.";
  draw_rows(f,
            {{LegendEntry::kPoint, style_of(used), "asked by the default training"},
             {LegendEntry::kPoint, style_of(batch), "bound at tau = 1/sqrt(batch)"},
             {LegendEntry::kPoint, style_of(run), "bound at tau = 1/sqrt(all samples)"}},
            labels, "queries", {used, batch, run}, source.options.style);
  return {f};
}

}  // namespace

const FigureKind kQueriesKind{"queries", "lower bounds on the number of queries", nullptr, query_figures};

}  // namespace tools
