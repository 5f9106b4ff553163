// What was learned: findings in words, and a row a subject.

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include <fmt/core.h>

#include "report/html.h"
#include "report/sections.h"
#include "report/words.h"

namespace tools {

namespace {

std::string loss_text(double v) {
  if (!std::isfinite(v)) return "not finite";
  return std::abs(v) < 1000 ? fmt::format("{:.4f}", v) : fmt::format("{:.3g}", v);
}

std::string count_text(double v) { return std::isfinite(v) ? fmt::format("{:.0f}", v) : "–"; }

std::string percent(double fraction) { return fmt::format("{:.0f} %", 100 * fraction); }

// Subjects of one family and one network, which a finding speaks of together.
struct SubjectGroup {
  std::string family, network;
  std::vector<const ReportSubject*> subjects;
};

std::vector<SubjectGroup> groups_of(const ReportStudy& study) {
  std::vector<SubjectGroup> groups;
  for (const ReportSubject& s : study.subjects) {
    if (groups.empty() || groups.back().family != s.family || groups.back().network != s.network)
      groups.push_back({s.family, s.network, {}});
    groups.back().subjects.push_back(&s);
  }
  return groups;
}

// What tells a subject from the others of its group: "n = 12, width = 64".
std::string label(const ReportSubject& s, const SubjectGroup& group) {
  Settings all = s.size, own;
  all.insert(all.end(), s.more.begin(), s.more.end());
  for (const auto& setting : all) {
    const auto has_it = [&](const ReportSubject* other) {
      return std::find(other->size.begin(), other->size.end(), setting) != other->size.end() ||
             std::find(other->more.begin(), other->more.end(), setting) != other->more.end();
    };
    if (!std::all_of(group.subjects.begin(), group.subjects.end(), has_it)) own.push_back(setting);
  }
  return settings_text(own.empty() ? all : own, "its only size");
}

// "n = 4; n = 6": those of the group for which `chosen` holds, "" for none.
std::string labels(const SubjectGroup& group, const std::function<bool(const ReportSubject&)>& chosen) {
  std::vector<std::string> names;
  std::size_t left_out = 0;
  for (const ReportSubject* s : group.subjects) {
    if (!chosen(*s)) continue;
    if (names.size() < 24)
      names.push_back(label(*s, group));
    else
      ++left_out;
  }
  // "n = 4, 6, 8" where all have one name.
  const std::size_t equals = names.empty() ? 0 : names[0].find(kEquals);
  const std::string prefix = equals == 0 || equals == std::string::npos
                                 ? ""
                                 : names[0].substr(0, equals + std::string_view(kEquals).size());
  const bool one_name = !prefix.empty() && std::all_of(names.begin(), names.end(), [&](const std::string& n) {
    return n.starts_with(prefix) && n.find(", ") == n.npos;
  });
  for (std::size_t i = 1; one_name && i < names.size(); ++i) names[i].erase(0, prefix.size());
  return join(names, one_name ? ", " : "; ") + (left_out > 0 ? fmt::format(" and {} more", left_out) : "");
}

// `side`: of a subject, the one that is spoken of.
template <class Side>
std::string outcomes(const SubjectGroup& group, const Side& side, const std::string& name) {
  std::string out;
  const auto add = [&](const char* what, const char* style, const std::function<bool(const ReportSide&)>& holds) {
    const std::string at = labels(group, [&](const ReportSubject& s) { return holds(side(s)); });
    if (!at.empty())
      out += fmt::format("{}<span class=\"{}\">{}</span> at {}", out.empty() ? "" : "; ", style, what, escaped(at));
  };
  add("learned by every seed", "good", [](const ReportSide& s) { return s.always_learned(); });
  add("learned by some seeds", "", [](const ReportSide& s) { return s.learned() && !s.always_learned(); });
  add("not learned within this budget", "bad", [](const ReportSide& s) { return s.done > 0 && !s.learned(); });
  add("without a finished run", "quiet", [](const ReportSide& s) { return s.run() && s.done == 0; });
  return out.empty() ? "" : fmt::format("<li>{}: {}.</li>\n", name, out);
}

// A failure says something beside a control that was learned. Where that is missing, the page says so.
std::string control_notes(const SubjectGroup& group) {
  const auto failed = [](const ReportSubject& s) { return s.target.done > 0 && !s.target.learned(); };
  std::string out;
  const std::string none =
      labels(group, [&](const ReportSubject& s) { return failed(s) && s.any_control().done == 0; });
  if (!none.empty())
    out +=
        note(fmt::format("No control was run for {} at {}. The target was not learned there, and nothing beside it "
                         "shows that this network, with this budget, learns anything on these inputs.",
                         group.family, none));
  const std::string both = labels(group, [&](const ReportSubject& s) {
    return failed(s) && s.any_control().done > 0 && !s.any_control().learned();
  });
  if (!both.empty())
    out +=
        note(fmt::format("The control of {} was not learned at {} either. The failure there may be one of the "
                         "network or the budget, and says nothing of the target.",
                         group.family, both));
  return out;
}

std::string findings(const ReportStudy& study) {
  std::string out;
  for (const SubjectGroup& g : groups_of(study)) {
    out += fmt::format("<p><strong>{}</strong>{}</p>\n<ul>\n", escaped(g.family),
                       g.network.empty() ? "" : escaped(", " + g.network));
    out += outcomes(
               g, [](const ReportSubject& s) -> const ReportSide& { return s.target; }, "Target") +
           outcomes(
               g, [](const ReportSubject& s) -> const ReportSide& { return s.control; }, "Control");
    std::set<std::string> sweeps;
    for (const ReportSubject* s : g.subjects)
      if (s->other_control.run()) sweeps.insert(s->other_sweep);
    for (const std::string& sweep : sweeps) {
      const auto of_sweep = [&](const ReportSubject& s) -> const ReportSide& {
        static const ReportSide none;
        return s.other_sweep == sweep ? s.other_control : none;
      };
      out += outcomes(g, of_sweep, escaped(concat("Control, of sweep ", sweep)));
    }
    out += "</ul>\n";
    out += control_notes(g);
  }
  return out;
}

// A number with a second, smaller line.
HtmlCell two_lines(const std::string& html, const std::string& below) {
  return {fmt::format("{}<small>{}</small>", html, escaped(below)), true};
}

HtmlRow side_row(const ReportSide& side, const std::string& name, const std::string& sweep = "") {
  const std::string runs = fmt::format("{} in {}", plural(side.runs.size(), "run"), plural(side.points, "point"));
  HtmlRow row{words(name)};
  if (!sweep.empty()) row[0].html += fmt::format("<small>of {}</small>", escaped(sweep));
  if (side.done == 0) {
    row.push_back({fmt::format("<span class=\"quiet\">{}</span>", side.run() ? "no finished run" : "not run")});
    for (int i = 0; i < 3; ++i) row.push_back(number_cell("–"));
    row.push_back(number_cell(side.run() ? runs : "–"));
    return row;
  }
  const FrontierPoint& best = side.best;
  const char* style = side.always_learned() ? "good" : side.learned() ? "mixed" : "bad";
  row.push_back(words(best.best.empty() ? "the only one" : best.best));
  row.push_back(two_lines(
      fmt::format("<span class=\"{}\">{} of {}</span>", style, best.learned, best.seeds),
      fmt::format("{} to {}", percent(best.fraction_interval.low), percent(best.fraction_interval.high))));
  row.push_back(two_lines(
      loss_text(best.loss_median),
      best.seeds == 1 ? "one seed" : loss_text(best.loss_range.low) + " to " + loss_text(best.loss_range.high)));
  if (best.steps.budget == 0) {  // a learner that takes no steps
    row.push_back(number_cell("–"));
    row.push_back(number_cell(runs));
    return row;
  }
  const std::string budget = count_text(best.steps.budget);
  const std::string given = std::isfinite(best.steps_given) ? count_text(best.steps_given) : budget;
  row.push_back(two_lines(std::isfinite(best.steps.value) ? count_text(best.steps.value) : "&gt; " + budget,
                          given + " given"));
  row.push_back(number_cell(runs));
  return row;
}

std::string summary_table(const ReportStudy& study) {
  std::vector<std::vector<HtmlRow>> bodies;
  for (const ReportSubject& s : study.subjects) {
    if (bodies.size() == kMaxReportRows) break;
    const bool both = s.any_control().run() || !s.target.always_learned();
    std::vector<HtmlRow> rows;
    if (s.target.run() || !s.control.run()) rows.push_back(side_row(s.target, "target"));
    if (s.control.run() || (both && s.target.run()))
      rows.push_back(side_row(s.any_control(), "control", s.other_sweep));
    name_rows(rows, s);
    bodies.push_back(std::move(rows));
  }
  std::string out = html_table(
      "Each family at each size, at the best point of its grid. Below the seeds learned stands their 95 % "
      "interval, below the median of the normalised test loss its range over the seeds.",
      {"Family", "Size", "Trained on", "Best grid point", "Seeds learned", "Test loss, median",
       "Steps to learn, median", "Whole grid"},
      bodies);
  if (study.subjects.size() > kMaxReportRows)
    out += paragraph(fmt::format("{} further rows are in the database.", study.subjects.size() - kMaxReportRows));
  return out;
}

}  // namespace

std::string summary_section(const ReportData& data) {
  if (!data.has_runs()) return "";
  std::string out = "<section id=\"summary\">\n<h2>Summary</h2>\n";
  for (const ReportStudy& s : data.studies) {
    if (!s.has_runs()) continue;
    out += study_heading(s);
    if (s.subjects.empty())
      out += paragraph("No run of this study has begun.");
    else
      out += findings(s) + summary_table(s);
  }
  return out + "</section>\n";
}

}  // namespace tools
