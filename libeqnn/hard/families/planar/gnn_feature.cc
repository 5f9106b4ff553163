#include "gnn_feature.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numbers>
#include <utility>

#include "../../../io/files.h"
#include "../../../kernels/kernels.h"
#include "../../member_file.h"
#include "plane_overlap.h"

namespace eqnn::hard {
namespace {

void require_feature_nodes(Index n) {
  require(n >= 1 && n <= kMaxFeatureNodes, "n is ", n, "; it must be 1 to ", kMaxFeatureNodes);
}

Matrix<double> random_graph(Index n) {
  for (std::uint64_t attempt = 0;; ++attempt) {
    require(attempt < 10000, "no random graph on ", n, " nodes has an edge; take n >= 2");
    Matrix<double> a(n, n);
    Draws draws({0, Stream::member, attempt, 1});
    bool any = false;
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < i; ++j) {
        a(i, j) = a(j, i) = static_cast<double>(draws.word() >> 31);
        any = any || a(i, j) == 1;
      }
    if (any) return a;
  }
}

// Reads the whole numbers of a line, up to a comment; false when something else stands there.
bool read_line(std::string_view line, std::vector<Index>& numbers) {
  numbers.clear();
  line = line.substr(0, line.find('#'));
  const char *at = line.data(), *end = at + line.size();
  while (true) {
    while (at != end && (*at == ' ' || *at == '\t' || *at == '\r')) ++at;
    if (at == end) return true;
    Index value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc() || (next != end && *next != ' ' && *next != '\t' && *next != '\r')) return false;
    numbers.push_back(value);
    at = next;
  }
}

Matrix<double> graph_of_file(const std::string& path, Index n) {
  const std::string text = read_file(path);
  Matrix<double> a(n, n);
  std::vector<Index> edge;
  Index number = 1;
  for (std::size_t start = 0; start < text.size(); ++number) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view line = std::string_view(text).substr(start, end - start);
    start = end + 1;
    const bool numbers = read_line(line, edge);
    if (numbers && edge.empty()) continue;
    require<FileError>(numbers && edge.size() == 2, path, ":", number, ": '", line.substr(0, 40),
                       "' is no edge; write two nodes, as in 0 1");
    for (const Index v : edge)
      require<FileError>(v >= 0 && v < n, path, ":", number, ": node ", v, " does not exist; nodes are 0 to ",
                         n - 1, ", set --n for more");
    a(edge[0], edge[1]) = a(edge[1], edge[0]) = 1;
  }
  return a;
}

}  // namespace

Matrix<double> feature_graph(const std::string& name, Index n) {
  require_feature_nodes(n);
  if (name == "er") return random_graph(n);
  Matrix<double> a(n, n);
  for (Index i = 0; i < n; ++i) {
    if (name == "cycle" && n > 1) a(i, (i + 1) % n) = a((i + 1) % n, i) = 1;
    if (name == "empty") a(i, i) = 1;
    if (name == "complete")
      for (Index j = 0; j < n; ++j) a(i, j) = i != j;
  }
  if (name == "cycle" || name == "empty" || name == "complete") return a;
  return graph_of_file(name, n);
}

// --- the member ------------------------------------------------------------------------------------------

GnnFeature::GnnFeature(Index k, Matrix<double> a, Matrix<double> b, InputLaw inputs)
    : PlanarMember(k, std::move(b), a.rows(), b.rows(), PlaneAxis::channels, std::move(inputs)),
      a_(std::move(a)),
      b_single_(plane().rows(), 2) {
  require(a_.rows() == a_.cols(), "A is ", a_.rows(), " x ", a_.cols(), "; it must be square");
  require_feature_nodes(a_.rows());
  require(d() <= kMaxFeatures, "d is ", d(), "; at most ", kMaxFeatures, " features are supported");
  for (Index i = 0; i < d(); ++i)
    for (Index j = 0; j < 2; ++j) b_single_(i, j) = static_cast<float>(plane()(i, j));
  list_neighbors();
  count_pairs();
  double roots = 0;
  for (Index v = 0; v < n(); ++v) roots += std::sqrt(static_cast<double>(offsets_[v + 1] - offsets_[v]));
  if (!law().isotropic()) {
    const double target = planar_mean(k, Signs::alternating, plane_covariance()),
                 control = planar_mean(k, Signs::equal, plane_covariance());
    set_moments(inner_product(*this, Signs::alternating), roots * control, inner_product(*this, Signs::equal),
                roots * target);
    return;
  }
  const double directions = 2 * static_cast<double>(k), pi = std::numbers::pi;
  const double norm = sum_over_pairs([&](double r) { return isotropic_kernel(k, Signs::alternating, r); });
  const double uncorrelated = isotropic_kernel(k, Signs::equal, 0);
  const double variance =
      sum_over_pairs([&](double r) { return isotropic_kernel(k, Signs::equal, r) - uncorrelated; });
  set_moments(norm, directions * roots / std::sqrt(2 * pi), variance);
}

GnnFeature GnnFeature::draw(Index k, Matrix<double> a, Index d, std::uint64_t seed, const InputLawSettings& law) {
  require(d >= 2, "d is ", d, "; need d >= 2 features for a plane");
  return GnnFeature(k, std::move(a), haar_plane(d, seed), law.draw(d, seed));
}

// E of the product of two raw functions, less the product of their means.
double GnnFeature::inner_product(const GnnFeature& g, Signs signs) const {
  const PlaneMap s = plane_covariance(), t = g.plane_covariance();
  const PlaneMap m = law().product(plane(), g.plane());
  const double means = planar_mean(k(), signs, s) * planar_mean(k(), signs, t);
  return sum_over_pairs([&](double r) {
    return planar_kernel(k(), signs, {r * m[0], r * m[1], r * m[2], r * m[3]}, s, t) - means;
  });
}

void GnnFeature::list_neighbors() {
  offsets_ = {0};
  for (Index i = 0; i < n(); ++i) {
    for (Index j = 0; j < n(); ++j) {
      if (a_(i, j) != 0 && a_(i, j) != 1)
        throw ValueError(fmt::format("A entry ({}, {}) is {}; entries must be 0 or 1", i, j, a_(i, j)));
      if (a_(i, j) == 1) neighbors_.push_back(j);
    }
    offsets_.push_back(static_cast<Index>(neighbors_.size()));
  }
  require(!neighbors_.empty(),
          "A is all zero: every vertex has empty neighbourhood: target is zero; give A an edge");
}

void GnnFeature::count_pairs() {
  // (d_u d_v, common neighbours): the sums depend on a pair of nodes through these alone.
  std::map<std::pair<Index, Index>, Index> counts;
  const auto degree = [&](Index v) { return offsets_[v + 1] - offsets_[v]; };
  std::vector<Index> common(n());
  std::vector<std::vector<Index>> owners(n());  // rows of A that hold a node
  for (Index v = 0; v < n(); ++v)
    for (Index e = offsets_[v]; e < offsets_[v + 1]; ++e) owners[neighbors_[e]].push_back(v);
  for (Index u = 0; u < n(); ++u) {
    std::fill(common.begin(), common.end(), Index{0});
    for (Index e = offsets_[u]; e < offsets_[u + 1]; ++e)
      for (const Index v : owners[neighbors_[e]]) ++common[v];
    for (Index v = 0; v < n(); ++v)
      if (degree(u) > 0 && degree(v) > 0) ++counts[{degree(u) * degree(v), common[v]}];
  }
  for (const auto& [key, count] : counts) {
    const double scale = std::sqrt(static_cast<double>(key.first));
    pairs_.push_back({scale, static_cast<double>(key.second) / scale, static_cast<double>(count)});
  }
}

double GnnFeature::raw(MatrixView<const double> x, Signs signs) const {
  std::vector<double> z(2 * n());  // X B
  for (Index v = 0; v < n(); ++v)
    for (Index i = 0; i < d(); ++i)
      for (Index j = 0; j < 2; ++j) z[2 * v + j] += x(v, i) * plane()(i, j);
  double sum = 0;
  for (std::size_t v = 0; v + 1 < offsets_.size(); ++v) {
    double z1 = 0, z2 = 0;
    for (Index e = offsets_[v]; e < offsets_[v + 1]; ++e) {
      const auto u = static_cast<std::size_t>(neighbors_[e]);
      z1 += z[2 * u];
      z2 += z[2 * u + 1];
    }
    sum += response(signs, z1, z2);
  }
  return sum;
}

template <class T>
void GnnFeature::all_raw(const FoldedResponse<T>& h, const Matrix<T>& b, const Block<const T>& x, T* y) const {
  constexpr Index kTile = kMaxFeatureNodes;  // at least one example
  alignas(kLine) T projected[2 * kTile + kLine / sizeof(T)];
  alignas(kLine) T z1[kTile], z2[kTile], values[kTile];
  const Index nodes = n(), most = kTile / nodes;
  for (Index first = 0; first < x.examples; first += most) {
    const Index examples = std::min(most, x.examples - first);
    kernels::Product<T> p;
    p.m = examples * nodes;
    p.n = 2;
    p.k = d();
    p.a = x.row(first);
    p.a_row = x.stride;
    p.b = b.data();
    p.b_row = b.stride();
    p.c = projected;
    p.c_row = 2;
    kernels::product(p);
    for (Index e = 0; e < examples; ++e) {
      const T* node = projected + 2 * e * nodes;
      for (Index v = 0; v < nodes; ++v) {
        T sum1 = 0, sum2 = 0;
        for (Index i = offsets_[v]; i < offsets_[v + 1]; ++i) {
          const T* neighbor = node + 2 * neighbors_[i];
          sum1 += neighbor[0];
          sum2 += neighbor[1];
        }
        z1[e * nodes + v] = sum1;
        z2[e * nodes + v] = sum2;
      }
    }
    h(p.m, z1, z2, values);
    sum_groups(examples, nodes, values, y + first);
  }
}

void GnnFeature::raw(const FoldedResponse<float>& h, const Block<const float>& x, float* y) const {
  all_raw(h, b_single_, x, y);
}
void GnnFeature::raw(const FoldedResponse<double>& h, const Block<const double>& x, double* y) const {
  all_raw(h, plane(), x, y);
}

void GnnFeature::rows(const Block<const double>& x, const Block<double>& z) const {
  for (Index e = 0; e < x.examples; ++e)
    for (Index v = 0; v < n(); ++v) {
      double* sum = z.row(e, v);
      std::fill_n(sum, d(), 0.0);
      for (Index i = offsets_[v]; i < offsets_[v + 1]; ++i) {
        const double* row = x.row(e, neighbors_[i]);
        for (Index j = 0; j < d(); ++j) sum[j] += row[j];
      }
    }
}

// The covariance of the rows, C = A A^T, changes by C^2; a pair of nodes by d/de sqrt(c_u c_v) K(c_uv / sqrt(c_u
// c_v)). Both directions of the plane have half of the sum.
Matrix<double> GnnFeature::squared_moment() const {
  require_isotropic("the second moment under f^2");
  Matrix<double> c(n(), n()), change(n(), n());
  for (Index u = 0; u < n(); ++u)
    for (Index v = 0; v < n(); ++v)
      for (Index i = offsets_[u]; i < offsets_[u + 1]; ++i) c(u, v) += a_(v, neighbors_[i]);
  for (Index u = 0; u < n(); ++u)
    for (Index i = 0; i < n(); ++i)
      for (Index v = 0; c(u, i) != 0 && v < n(); ++v) change(u, v) += c(u, i) * c(i, v);
  double sum = 0;
  for (Index u = 0; u < n(); ++u)
    for (Index v = 0; v < n(); ++v) {
      const double scale = std::sqrt(c(u, u) * c(v, v));
      if (scale == 0) continue;
      const double rho = c(u, v) / scale, slope = isotropic_kernel_slope(k(), Signs::alternating, rho);
      const double kernel = isotropic_kernel(k(), Signs::alternating, rho);
      const double growth = (change(u, u) / c(u, u) + change(v, v) / c(v, v)) / 2;
      sum += growth * scale * (kernel - rho * slope) + slope * change(u, v);
    }
  return plane_moment(sum / norm_sq());
}

PlantedDirections GnnFeature::planted(bool) const {
  return law().basis() == nullptr ? plane_directions(plane()) : PlantedDirections{};
}

std::unique_ptr<PlanarMember> GnnFeature::with_plane(Matrix<double> b) const {
  Matrix<double> a(n(), n());
  for (Index i = 0; i < n(); ++i) std::copy_n(&a_(i, 0), n(), &a(i, 0));
  return std::make_unique<GnnFeature>(k(), std::move(a), std::move(b), law());
}

double correlation(const GnnFeature& f, const GnnFeature& g) {
  bool same = f.k() == g.k() && f.n() == g.n() && f.d() == g.d() && f.law() == g.law();
  for (Index i = 0; same && i < f.n(); ++i)
    for (Index j = 0; j < f.n(); ++j) same = same && (*f.graph())(i, j) == (*g.graph())(i, j);
  require(same, "the members differ in k, A, d or law of the inputs (k ", f.k(), " and ", g.k(), ", n ", f.n(),
          " and ", g.n(), ", d ", f.d(), " and ", g.d(), "); compare members of one k, A, d and law");
  if (!f.law().isotropic()) return f.inner_product(g, Signs::alternating) / std::sqrt(f.norm_sq() * g.norm_sq());
  const PlaneMap m = plane_product(f.plane(), g.plane());
  const double inner = f.sum_over_pairs([&](double rho) {
    return planar_kernel(f.k(), Signs::alternating, {rho * m[0], rho * m[1], rho * m[2], rho * m[3]});
  });
  return inner / std::sqrt(f.norm_sq() * g.norm_sq());
}

std::optional<PermutationGroup> GnnFeature::group() const {
  const Index n = a_.rows();
  std::vector<std::int32_t> shift, reflection;
  for (Index i = 0; i < n; ++i) {
    shift.push_back(static_cast<std::int32_t>((i + 1) % n));
    reflection.push_back(static_cast<std::int32_t>((n - i) % n));
  }
  std::vector<Permutation> candidates{Permutation(shift), Permutation(reflection)};
  for (std::int32_t i = 0; i < n; ++i)
    for (std::int32_t j = 0; j < i; ++j) candidates.push_back(Permutation::from_cycles(n, {{j, i}}));
  std::erase_if(candidates, [&](const Permutation& p) {
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j)
        if (a_(p(i), p(j)) != a_(i, j)) return true;
    return p.is_identity();
  });
  return PermutationGroup(n, candidates);
}

std::vector<Fact> GnnFeature::facts() const {
  const double dimension = harmonic_dimension(k(), d()), units = 2 * static_cast<double>(k());
  std::vector<Fact> facts = planar_facts();
  facts.push_back({"edges", static_cast<double>(neighbors_.size()), 0, "ones of A"});
  if (law().isotropic())
    facts.insert(facts.end(), {{"dim_harmonic", dimension, 0, "dim H_k(R^d) = C(d+k-1, k) - C(d+k-3, k-2)"},
                               {"second_moment", 1 / dimension, 0,
                                "1 / dim H_k >= E_B <f_B, u>^2 for every E u^2 = 1, B uniform"},
                               {"n_eff", dimension, 0, "1 / second_moment, the effective number of functions"}});
  facts.insert(facts.end(), {
                                {"network_units", units, 0, "realising network: message-passing layer"},
                                {"network_parameters", units * static_cast<double>(d()) + units + 1, 0,
                                 "realising network: weights and biases"},
                            });
  return facts;
}

std::vector<std::string> GnnFeature::warnings() const {
  auto lines = PlanarMember::warnings();
  if (d() <= 2) lines.push_back("d is 2: all members are equal up to a rotation in the plane; use d > 2");
  return lines;
}

// --- the registry's entry --------------------------------------------------------------------------------

std::string GnnFeature::json() const {
  std::vector<std::vector<Index>> graph(n());
  for (Index i = 0; i < n(); ++i)
    for (Index j = 0; j < n(); ++j) graph[i].push_back(static_cast<Index>(a_(i, j)));
  MemberWriter file;
  file.add("k", k()).add("A", graph).add("B", plane());
  write_input_law(law(), file);
  return file.text();
}

namespace {

std::unique_ptr<Member> parse_gnn_feature(std::string_view text) {
  const MemberValue file(text, {"k", "A", "B"}, {"d", "input_correlation", "input_dim", "input_basis"});
  auto b = file.number_matrix("B");
  if (file.has("d"))
    require(file.whole_number("d") == b.rows(), "d is ", file.whole_number("d"), " and B has ", b.rows(),
            " rows; they must agree");
  return std::make_unique<GnnFeature>(file.whole_number("k"), file.number_matrix("A"), std::move(b),
                                      parse_input_law(file));
}

const std::vector<Parameter>& gnn_feature_parameters() {
  static const std::vector<Parameter> all = {
      {"n", "8", "nodes, 1 to 1024"},
      {"d", "32", "features of a node, at least 2"},
      {"k", "6", "half the number of directions; even, or 1"},
      {"graph", "cycle",
       "cycle, empty (self loops alone), complete, er (the same for every seed), or a file of edges"},
      input_correlation_parameter(),
      input_dim_parameter(),
  };
  return all;
}

struct FeatureSettings {
  Index k, d;
  Matrix<double> graph;
  InputLawSettings law;
};
FeatureSettings feature_settings(const ParameterValues& values) {
  const ParameterReader read(gnn_feature_parameters(), values);
  require_directions(read.integer("k"));
  return {read.integer("k"), read.integer("d"), feature_graph(read.text("graph"), read.integer("n")),
          read_input_law(read)};
}

GnnFeature draw(FeatureSettings s, std::uint64_t seed) {
  return GnnFeature::draw(s.k, std::move(s.graph), s.d, seed, s.law);
}

std::vector<SecondMoment> gnn_feature_second_moments(const ParameterValues& values) {
  const GnnFeature f = draw(feature_settings(values), 0);  // refuses what no member has
  if (!f.law().isotropic()) return {};                     // the law is not invariant under O(d)
  const double dimension = harmonic_dimension(f.k(), f.d());
  SecondMoment m;
  m.bounded = m.unit = 1 / dimension;
  m.prior = "B Haar, a uniformly random plane, as it is drawn; the graph A is fixed and may be known";
  m.formula = fmt::format("lambda = 1 / dim H_{}(R^{}) = 1 / {:.10g}", f.k(), f.d(), dimension);
  m.source =
      "E_B f_B (x) f_B commutes with O(d) and has trace 1, f_B has only types of harmonic degree k and more, and "
      "each type comes with multiplicity at least dim H_k(R^d)";
  return {m};
}

CorrelationTail gnn_feature_tail(const ParameterValues& values) {
  const GnnFeature f = draw(feature_settings(values), 0);
  const Index d = f.d(), k = f.k();
  CorrelationTail t;
  if (!f.law().isotropic()) return t;
  t.log_tail = [d, k](double gamma) { return log_overlap_tail(d, std::pow(gamma, 1 / static_cast<double>(k))); };
  t.prior = "B Haar, a uniformly random plane, as it is drawn; the graph A is fixed and may be known";
  t.formula = fmt::format("eps(gamma) = P(||B^T B'|| > gamma^(1/{})), planes of R^{}", k, d);
  t.source =
      "|E f_B f_B'| <= ||B^T B'||^k, as Hermite components of degree q >= k are contracted by ||B^T B'||^q; "
      "the singular values are those of a 2 x 2 Jacobi ensemble (Muirhead 1982)";
  return t;
}

}  // namespace

Family gnn_feature_family() {
  Family f;
  f.id = "gnn-feature";
  f.title = "A hidden plane in the node features of a fixed graph";
  f.theorem =
      "for independent inputs (no --input-correlation, no --input-dim): "
      "at least tau^2 dim H_k(R^d) - 1 correlational queries of tolerance tau (second moment; the family is that "
      "of Kiani et al., ICLR 2024)";
  f.group = "permutations of the nodes, with the graph";
  f.definition =
      "f(X) = sum over v of h((A X B)_v) / sqrt(norm_sq), less its mean where inputs are not independent, h(z) = "
      "sum "
      "over j = 1..2k of (-1)^j relu(w_j . z), "
      "w_j = (cos(pi j/k), sin(pi j/k)), B^T B = I";
  f.input_law =
      "X in R^(n x d), standard normal, independent or (--input-correlation) every two features of a node alike, "
      "or "
      "(--input-dim) on a random subspace of the features; A fixed";
  f.control = "the same sum with (-1)^j replaced by 1, centred and scaled";
  f.parameters = gnn_feature_parameters();
  f.training = [](const ParameterValues&) -> ParameterValues {
    return {{"model", "gnn"}, {"depth", "1"}, {"width", "128"}, {"head-width", "0"}, {"adjacency", "sqrt"},
            {"pool", "sqrt"}, {"lr", "2e-3"}, {"batch", "128"}, {"steps", "10000"}};
  };
  f.draw = [](const ParameterValues& values, std::uint64_t seed) -> std::unique_ptr<Member> {
    return std::make_unique<GnnFeature>(draw(feature_settings(values), seed));
  };
  f.parse = parse_gnn_feature;
  f.second_moments = gnn_feature_second_moments;
  f.decay = MomentDecay{"d", "k"};
  f.correlation_tail = gnn_feature_tail;
  f.correlations = [](const ParameterValues& values, Index members, std::uint64_t seed) {
    if (feature_settings(values).law.dim != 0) return PairCorrelations{};  // each has a law of its own
    return exact_correlations(members, seed, [&](std::uint64_t s) { return draw(feature_settings(values), s); });
  };
  f.check_members = [](const ParameterValues& values, Index members, const CheckOptions& options) {
    const FeatureSettings s = feature_settings(values);
    s.law.require_one_law();
    return check_gnn_features(s.k, s.graph, s.d, members, options, s.law);
  };
  return f;
}

}  // namespace eqnn::hard
