#include "reduction.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace eqnn::hard {
namespace {

constexpr double kMostWeight = 0x1p900;
constexpr Index kMostBytes = Index{1} << 32;

void check_weight(double weight) {
  if (!std::isfinite(weight) || std::abs(weight) > kMostWeight)
    throw ValueError(fmt::format("a weight or threshold is {}; finite numbers up to 2^900 are allowed", weight));
}

void check_labels(const std::vector<int>& labels, Index count) {
  require(static_cast<Index>(labels.size()) == count, "there are ", labels.size(), " labels for ", count,
          " examples; one each is needed");
  for (const int label : labels) require(label == 1 || label == -1, "a label is ", label, "; it must be -1 or 1");
}

void check_shape(const LabelledVectors& v) {
  require(v.count >= 0 && v.width >= 1 && static_cast<Index>(v.features.size()) == v.count * v.width, "there are ",
          v.features.size(), " features for ", v.count, " vectors of length ", v.width, "; all of them are needed");
  check_labels(v.labels, v.count);
}

// Appends a * b as two terms whose sum is exactly that.
void append_product(double a, double b, std::vector<double>& terms) {
  const double product = a * b;
  terms.push_back(product);
  terms.push_back(std::fma(a, b, -product));
}

// |a + b - fl(a + b)|, exactly (Knuth).
double rounding_of_sum(double a, double b) {
  const double sum = a + b, part = sum - a;
  return std::abs((a - (sum - part)) + (b - part));
}

}  // namespace

LabelledGraphs to_graphs(const LabelledVectors& vectors, Index n) {
  check_shape(vectors);
  const Index m = vectors.width;
  if (n == 0) n = m + 1;
  require(n >= m + 1, "n is ", n, "; vectors of ", m, " bits need at least ", m + 1, " nodes");
  require(n <= 1 << 16 && vectors.count <= kMostBytes / (n * n), vectors.count, " graphs on ", n,
          " nodes do not fit into 2^32 bytes; take fewer nodes or vectors");
  LabelledGraphs graphs{vectors.count, n, {}, vectors.labels};
  graphs.adjacency.resize(vectors.count * n * n);
  for (Index e = 0; e < vectors.count; ++e)
    for (Index i = 1; i <= m; ++i) {
      const std::int32_t bit = vectors.row(e)[i - 1];
      require(bit == 0 || bit == 1, "entry ", i, " of vector ", e + 1, " is ", bit, "; it must be 0 or 1");
      if (bit == 0) continue;
      std::uint8_t* row = graphs.adjacency.data() + (e * n + i - 1) * n;
      for (Index step = 1; step <= i; ++step) row[(i - 1 + step) % n] = 1;
    }
  return graphs;
}

LabelledVectors to_vectors(const LabelledGraphs& graphs, Index m) {
  require(m >= 1 && m < graphs.n, "m is ", m, " for graphs on ", graphs.n, " nodes; it must be from 1 to ",
          graphs.n - 1);
  const LabelledVectors counts = degree_counts(graphs);
  LabelledVectors vectors{graphs.count, m, {}, graphs.labels};
  for (Index e = 0; e < counts.count; ++e)
    for (Index d = 1; d < counts.width; ++d) {
      const std::int32_t nodes = counts.row(e)[d];
      require(nodes <= (d <= m ? 1 : 0), "graph ", e + 1, " has ", nodes, " nodes of out-degree ", d,
              "; the graph of a vector of ", m, " bits has one at most, and none above degree ", m);
      if (d <= m) vectors.features.push_back(nodes);
    }
  return vectors;
}

LabelledVectors degree_counts(const LabelledGraphs& graphs) {
  const Index n = graphs.n;
  require(n >= 1 && n <= 1 << 16 && graphs.count >= 0 &&
              static_cast<Index>(graphs.adjacency.size()) == graphs.count * n * n,
          "there are ", graphs.adjacency.size(), " entries for the adjacencies of ", graphs.count, " graphs on ", n,
          " nodes; all of them are needed");
  check_labels(graphs.labels, graphs.count);
  LabelledVectors counts{graphs.count, n, {}, graphs.labels};
  counts.features.resize(graphs.count * n);
  const std::uint8_t* row = graphs.adjacency.data();
  for (Index e = 0; e < graphs.count; ++e)
    for (Index v = 0; v < n; ++v, row += n) {
      require(row[v] == 0, "node ", v + 1, " of graph ", e + 1, " has a self loop; remove it");
      require(std::all_of(row, row + n, [](std::uint8_t a) { return a <= 1; }), "graph ", e + 1,
              " has an adjacency entry other than 0 and 1; write 1 for an edge");
      const Index degree = std::accumulate(row, row + n, Index{0});
      ++counts.features[e * n + degree];
    }
  return counts;
}

DegreeNetwork to_network(const Halfspace& halfspace, Index n) {
  const auto m = static_cast<Index>(halfspace.w.size());
  require(n >= m + 1, "n is ", n, "; a halfspace of ", m, " weights needs at least ", m + 1, " nodes");
  DegreeNetwork network{std::vector<double>(n), halfspace.theta};
  std::copy(halfspace.w.begin(), halfspace.w.end(), network.phi.begin() + 1);
  return network;
}

RoundedHalfspace to_halfspace(const DegreeNetwork& network, Index n, Index m) {
  require(static_cast<Index>(network.phi.size()) == n, "phi has ", network.phi.size(), " values for graphs on ", n,
          " nodes; one for each degree from 0 to ", n - 1, " is needed");
  require(m >= 1 && m < n, "m is ", m, " for graphs on ", n, " nodes; it must be from 1 to ", n - 1);
  for (const double value : network.phi) check_weight(value);
  check_weight(network.theta);
  RoundedHalfspace result;
  const double zero = network.phi[0], nodes = static_cast<double>(n), all_zero = nodes * zero;
  double rounding = std::abs(std::fma(nodes, zero, -all_zero)) + rounding_of_sum(network.theta, -all_zero);
  for (Index i = 1; i <= m; ++i) {
    const double value = network.phi[i];
    result.halfspace.w.push_back(value - zero);
    rounding += rounding_of_sum(value, -zero);
  }
  result.halfspace.theta = network.theta - all_zero;
  result.rounding = rounding * (1 + 0x1p-20);  // upwards, whatever adding them up lost
  return result;
}

// Shewchuk 1997: the sum so far as doubles that do not overlap, the largest last.
int sign_of_sum(std::span<const double> terms) {
  std::vector<double> parts;
  for (double x : terms) {
    std::size_t kept = 0;
    for (const double y : parts) {
      const double sum = x + y, part = sum - x, error = (x - (sum - part)) + (y - part);
      if (error != 0) parts[kept++] = error;
      x = sum;
    }
    parts.resize(kept);
    if (x != 0) parts.push_back(x);
  }
  return parts.empty() || parts.back() > 0 ? 1 : -1;
}

int classify(const Halfspace& halfspace, std::span<const std::int32_t> features) {
  require(features.size() == halfspace.w.size(), "there are ", halfspace.w.size(), " weights for ", features.size(),
          " features; one each is needed");
  check_weight(halfspace.theta);
  std::vector<double> terms{-halfspace.theta};
  for (std::size_t i = 0; i < features.size(); ++i) {
    check_weight(halfspace.w[i]);
    append_product(halfspace.w[i], features[i], terms);
  }
  return sign_of_sum(terms);
}

Index agreements(const Halfspace& halfspace, const LabelledVectors& vectors) {
  check_shape(vectors);
  Index count = 0;
  for (Index e = 0; e < vectors.count; ++e)
    count += classify(halfspace, vectors.row(e)) == vectors.labels[e] ? 1 : 0;
  return count;
}

Index agreements(const DegreeNetwork& network, const LabelledGraphs& graphs) {
  return agreements(Halfspace{network.phi, network.theta}, degree_counts(graphs));
}

// Fraction-free Gauss-Jordan elimination (Bareiss 1968) of the columns y_e (f_e, 1): all entries are minors of the
// matrix, every division is exact, and in the end every pivot has the same value.
bool is_minimal_conflict(const LabelledVectors& vectors, std::span<const Index> subset) {
  __extension__ typedef __int128 Wide;
  const auto columns = subset.size(), rows = static_cast<std::size_t>(vectors.width) + 1;
  if (columns < 2) return false;
  std::vector<std::vector<std::int64_t>> a(rows, std::vector<std::int64_t>(columns));
  for (std::size_t j = 0; j < columns; ++j) {
    const int y = vectors.labels[subset[j]];
    for (std::size_t i = 0; i + 1 < rows; ++i) a[i][j] = std::int64_t{y} * vectors.row(subset[j])[i];
    a[rows - 1][j] = y;
  }
  std::size_t rank = 0, free = columns;
  std::int64_t pivot = 1;
  for (std::size_t c = 0; c < columns; ++c) {
    std::size_t p = rank;
    while (p < rows && a[p][c] == 0) ++p;
    if (p == rows) {
      if (free != columns) return false;  // two solutions that no factor joins
      free = c;
      continue;
    }
    std::swap(a[p], a[rank]);
    const std::int64_t next = a[rank][c];
    for (std::size_t i = 0; i < rows; ++i) {
      if (i == rank) continue;
      const std::int64_t factor = a[i][c];
      for (std::size_t j = 0; j < columns; ++j) {
        const Wide minor = (Wide{next} * a[i][j] - Wide{factor} * a[rank][j]) / pivot;
        a[i][j] = static_cast<std::int64_t>(minor);
        if (a[i][j] != minor) return false;
      }
    }
    pivot = next;
    ++rank;
  }
  if (free == columns) return false;
  // The solution has `pivot` at the free column and minus its entries at the others.
  for (std::size_t i = 0; i < rank; ++i)
    if (a[i][free] == 0 || (a[i][free] > 0) == (pivot > 0)) return false;
  return true;
}

}  // namespace eqnn::hard
