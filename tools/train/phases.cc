#include "train/phases.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "train/choices.h"

namespace tools {
namespace {

using Kind = LabelTransform::Kind;

// With the c that a transform has where none is given; 0 for those without one.
struct TransformRow {
  Kind kind;
  bool has_c = false;
  double c = 0;
};
const NameTable<TransformRow>& transforms() {
  static const NameTable<TransformRow> table("--label-transform", {{"none", {Kind::none}},
                                                                   {"square", {Kind::square}},
                                                                   {"abs", {Kind::abs}},
                                                                   {"clip-square", {Kind::clip_square, true, 4}},
                                                                   {"sign", {Kind::sign, true, 0}}});
  return table;
}

std::pair<std::string, TransformRow> row_of(Kind kind) {
  const auto& t = transforms();
  for (std::size_t i = 0; i < t.names().size(); ++i)
    if (t.values()[i].kind == kind) return {t.names()[i], t.values()[i]};
  throw eqnn::Error("a label transform has no name");
}

Phase parse_phase(const std::string& text) {
  const std::string needed =
      concat("--phases: '", text, "' is no phase; TRANSFORM:STEPS:LR is needed, such as clip-square:8000:1e-3");
  const auto last = text.rfind(':');
  require(last != std::string::npos && last > 0, needed);
  const auto middle = text.rfind(':', last - 1);
  require(middle != std::string::npos, needed);
  Phase p;
  p.transform = parse_label_transform("phases", text.substr(0, middle));
  p.steps = parse_integer("phases", text.substr(middle + 1, last - middle - 1), 1, std::int64_t{1} << 40);
  p.lr = parse_number("phases", text.substr(last + 1));
  require(p.lr >= 0, "--phases: the rate of '", text, "' is below 0; allowed are numbers from 0 on");
  return p;
}

}  // namespace

double LabelTransform::operator()(double y) const {
  switch (kind) {
    case Kind::none:
      return y;
    case Kind::square:
      return y * y;
    case Kind::abs:
      return std::abs(y);
    case Kind::clip_square:
      return std::min(y * y, c);
    case Kind::sign:
      return y > c ? 1 : -1;
  }
  return y;
}

std::string LabelTransform::text() const {
  const auto [name, row] = row_of(kind);
  return row.has_c ? concat(name, ":", number_text(c)) : name;
}

LabelTransform parse_label_transform(const std::string& flag, const std::string& text) {
  const auto colon = text.find(':');
  const std::string name = text.substr(0, colon);
  const TransformRow& row = transforms().values()[place_of(name, transforms().names(), concat("--", flag))];
  LabelTransform t{row.kind, row.c};
  if (colon == std::string::npos) return t;
  require(row.has_c, "--", flag, ": '", text, "' has a number; clip-square and sign alone take one, after a colon");
  t.c = parse_number(flag, text.substr(colon + 1));
  require(t.kind != Kind::clip_square || t.c > 0, "--", flag, ": '", text, "' clips at ", number_text(t.c),
          "; numbers above 0 are allowed");
  return t;
}

std::vector<Phase> parse_phases(const std::string& text) {
  std::vector<Phase> phases;
  std::istringstream parts(text);
  std::uint64_t first = 0;
  for (std::string part; std::getline(parts, part, ',');) {
    phases.push_back(parse_phase(part));
    phases.back().first = first;
    first += static_cast<std::uint64_t>(phases.back().steps);
  }
  require(!phases.empty() && text.back() != ',',
          "--phases has an empty phase; TRANSFORM:STEPS:LR is needed for each, such as "
          "clip-square:8000:1e-3,none:20000:1e-3");
  require(first <= std::uint64_t{1} << 40, "--phases has ", first, " steps; at most 2^40 are allowed");
  return phases;
}

std::string phases_text(const std::vector<Phase>& phases) {
  std::string text;
  for (const Phase& p : phases)
    text += concat(text.empty() ? "" : ",", p.transform.text(), ":", p.steps, ":", number_text(p.lr));
  return text;
}

std::vector<Phase> phases_of(const TrainConfig& c) {
  if (!c.phases.empty()) return parse_phases(c.phases);
  return {{parse_label_transform("label-transform", c.label_transform), c.steps, c.lr}};
}

TrainConfig phase_config(const TrainConfig& c, const Phase& phase) {
  TrainConfig of_phase = c;
  of_phase.steps = phase.steps;
  of_phase.lr = phase.lr;
  if (phase.first > 0) of_phase.first_lr = 0;
  return of_phase;
}

std::size_t phase_at(const std::vector<Phase>& phases, std::uint64_t step) {
  std::size_t at = phases.size() - 1;
  while (at > 0 && phases[at].first > step) --at;
  return at;
}

bool transforms_labels(const TrainConfig& c) {
  return std::ranges::any_of(phases_of(c), [](const Phase& p) { return p.transform.kind != Kind::none; });
}

bool batch_loss_is_test_loss(const TrainConfig& c) {
  const Loss loss = losses()[c.loss];
  return c.reuse == 1 && (loss == Loss::mse || loss == Loss::cross_entropy) &&
         phases_of(c).back().transform.kind == Kind::none;
}

namespace {

bool two_valued(const std::vector<double>& labels) {
  const auto ends = std::ranges::minmax(labels);
  return std::ranges::all_of(labels, [&](double y) { return y == ends.min || y == ends.max; });
}

}  // namespace

PhaseLabels::PhaseLabels(const TrainConfig& c, eqnn::FunctionRef<std::vector<double>()> sample)
    : phases_(phases_of(c)) {
  const std::vector<double> labels = transforms_labels(c) ? sample() : std::vector<double>{};
  const double n = static_cast<double>(labels.size());
  require(labels.empty() || !two_valued(labels),
          "the labels have at most two values, of which a transform makes one, or two on another scale; transforms "
          "are for real labels: leave it out");
  for (const Phase& p : phases_) {
    Scale s{p.transform};
    if (p.transform.kind != Kind::none) {
      double variance = 0;
      for (const double y : labels) s.mean += p.transform(y) / n;
      for (const double y : labels) variance += (p.transform(y) - s.mean) * (p.transform(y) - s.mean) / n;
      s.sd = std::sqrt(variance);
      require(s.sd > 1e-6, "the labels are all the same after the transform ", p.transform.text(),
              ", and nothing is left to learn; take another transform");
    }
    scales_.push_back(s);
  }
}

}  // namespace tools
