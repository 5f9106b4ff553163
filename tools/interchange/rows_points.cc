// Sets and clouds of points, pairs of points, frames of permutations.

#include <eqnn/nn/frames.h>

#include "interchange/translation.h"

namespace tools {
namespace {

using eqnn::PermutationFrame;

std::string with_mean_row(Translation& t, const RecordedValue& v) {
  const std::string& x = t.in(v, 0);
  const std::string mean = t.g.node("ReduceMean", {x, t.g.whole({1})}, kept());
  return t.g.node("Concat", {x, t.g.node("Expand", {mean, t.g.node("Shape", {x})})}, along(2));
}

// The first, or the second, point of each of the n n pairs.
std::string of_pairs(Translation& t, const std::string& x, Index n, bool second) {
  std::vector<Index> points;
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) points.push_back(second ? j : i);
  return t.g.node("Gather", {x, t.g.whole(points)}, along(1));
}
std::string steps_between(Translation& t, const std::string& x, Index n) {
  return t.g.node("Sub", {of_pairs(t, x, n, false), of_pairs(t, x, n, true)});
}
std::string square_sum(Translation& t, const std::string& x) {
  return t.g.node("ReduceSum", {t.g.node("Mul", {x, x}), t.g.whole({2})}, kept());
}

std::string pair_features_row(Translation& t, const RecordedValue& v) {
  const Index n = t.shape(v, 0).points;
  const std::string distance = square_sum(t, steps_between(t, t.in(v, 1), n));
  return t.g.node("Concat", {of_pairs(t, t.in(v, 0), n, false), of_pairs(t, t.in(v, 0), n, true), distance},
                  along(2));
}

// Sum over j of [b, n n, c], pair (i, j): [b, n, c].
std::string sum_over_second(Translation& t, const std::string& pairs, const eqnn::Shape& result) {
  const std::string square =
      t.g.node("Reshape", {pairs, t.g.whole({0, result.points, result.points, result.channels})});
  return t.g.node("ReduceSum", {square, t.g.whole({2})}, kept(false));
}

std::string sum_pairs_row(Translation& t, const RecordedValue& v) {
  const Index n = v.shape.points;
  std::vector<double> others(static_cast<std::size_t>(n * n), 1);
  for (Index i = 0; i < n; ++i) others[static_cast<std::size_t>(i * (n + 1))] = 0;
  return sum_over_second(t, t.g.node("Mul", {t.in(v, 0), t.g.reals(others, {1, n * n, 1})}), v.shape);
}

std::string move_points_row(Translation& t, const RecordedValue& v) {
  const Index n = v.shape.points;
  const std::string moved = t.g.node("Mul", {steps_between(t, t.in(v, 0), n), t.in(v, 1)});
  const std::string unit = t.g.number(1 / static_cast<double>(n > 1 ? n - 1 : 1));
  return t.g.node("Add", {t.in(v, 0), t.g.node("Mul", {sum_over_second(t, moved, v.shape), unit})});
}

std::string label_points_row(Translation& t, const RecordedValue& v) {
  const Index n = v.shape.points;
  std::vector<double> one(static_cast<std::size_t>(n * n), 0);
  for (Index i = 0; i < n; ++i) one[static_cast<std::size_t>(i * (n + 1))] = 1;
  const std::string labels =
      t.g.node("Expand", {t.g.reals(one, {1, n, n}), t.sizes({eqnn::Shape::kCapacity, n, n})});
  const double d = static_cast<double>(t.shape(v, 0).channels);
  const std::string square = t.g.node("Mul", {square_sum(t, t.in(v, 0)), t.g.number(1 / d)});
  return t.g.node("Concat", {labels, square}, along(2));
}

// Rows in the order of channel j of `key`, descending; equal ones stay in theirs.
std::string sorted_by(Translation& t, const std::string& x, const std::string& key, Index j, const eqnn::Shape& s) {
  GraphBuilder& g = t.g;
  const std::string column =
      s.channels == 1 ? key : g.node("Slice", {key, g.whole({j}), g.whole({j + 1}), g.whole({2})});
  std::string order = g.nodes(
      "TopK", {column, g.whole({s.points})},
      {integer_attribute("axis", 1), integer_attribute("largest", 1), integer_attribute("sorted", 1)}, 2)[1];
  if (s.channels > 1) order = g.node("Expand", {order, g.node("Shape", {x})});
  return g.node("GatherElements", {x, order}, along(1));
}

// Of the n rotations of the rows the one whose entries, after their absolute values, are lexicographically the
// largest: it loses to none. A comparison is the sign of the first entry in which two of them differ.
std::string rotated_to_maximum(Translation& t, const std::string& x, const eqnn::Shape& s) {
  GraphBuilder& g = t.g;
  const Index n = s.points, entries = n * s.channels;
  std::vector<Index> table;
  for (Index r = 0; r < n; ++r)
    for (Index i = 0; i < n; ++i) table.push_back((r + i) % n);
  const std::string rows = g.node("Gather", {x, g.whole(table)}, along(1));
  const std::string rotations = g.node("Reshape", {rows, g.whole({0, n, entries})});
  const std::string keys = g.node("Concat", {g.node("Abs", {rotations}), rotations}, along(2));
  const std::string mine = g.node("Unsqueeze", {keys, g.whole({2})}),
                    others = g.node("Unsqueeze", {keys, g.whole({1})});
  const std::string signs = g.node("Sign", {g.node("Sub", {mine, others})});
  const std::string first =
      g.node("ArgMax", {g.node("Abs", {signs})}, {integer_attribute("axis", 3), integer_attribute("keepdims", 1)});
  const std::string won = g.node("GatherElements", {signs, first}, along(3));
  const std::string worst = g.node("ReduceMin", {won, g.whole({2, 3})}, kept(false));
  const std::string best =
      g.node("ArgMax", {worst}, {integer_attribute("axis", 1), integer_attribute("keepdims", 1)});
  const std::string wide = g.node("Expand", {g.node("Unsqueeze", {best, g.whole({2})}), g.whole({1, 1, entries})});
  return g.node("Reshape", {g.node("GatherElements", {rotations, wide}, along(1)), g.whole({0, n, s.channels})});
}

std::string canonical_form_row(Translation& t, const RecordedValue& v) {
  const auto frame = static_cast<PermutationFrame>(static_cast<int>(v.numbers.at(0)));
  std::string x = t.in(v, 0);
  if (frame == PermutationFrame::rotate_to_maximum) return rotated_to_maximum(t, x, v.shape);
  // The last key first, each sort stable: what comes after it decides, and what came before among equals.
  for (Index j = v.shape.channels - 1; j >= 0; --j) x = sorted_by(t, x, x, j, v.shape);
  if (frame == PermutationFrame::sort_absolute)
    for (Index j = v.shape.channels - 1; j >= 0; --j) x = sorted_by(t, x, t.g.node("Abs", {x}), j, v.shape);
  return x;
}

}  // namespace

void add_point_rows(TranslationRows& rows) {
  rows.insert({{"with_mean", with_mean_row},
               {"pair_features", pair_features_row},
               {"sum_pairs", sum_pairs_row},
               {"move_points", move_points_row},
               {"label_points", label_points_row},
               {"canonical_form", canonical_form_row}});
}

}  // namespace tools
