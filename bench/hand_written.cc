// What a careful programmer would write for this one network: every pass that can be fused is, every
// buffer has its place, products go to OpenBLAS, and nothing is general.

#include "hand_written.h"

#include <cblas.h>
#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace {

using Index = std::int64_t;

#if defined(__AVX512F__)
constexpr Index kLanes = 16;
constexpr Index kMostRows = 6, kMostVectors = 4;  // 24 of 32 registers hold sums
#else
constexpr Index kLanes = 8;
constexpr Index kMostRows = 6, kMostVectors = 2;  // 12 of 16
#endif
typedef float Vector __attribute__((vector_size(kLanes * sizeof(float)), aligned(4), may_alias));

constexpr Index kShard = 8;
constexpr Index kLayers = 3;
// Updates of fewer elements than this are not worth waking another thread.
constexpr Index kParallelUpdate = 65536;

Vector load(const float* p) { return *reinterpret_cast<const Vector*>(p); }
void store(Vector v, float* p) { *reinterpret_cast<Vector*>(p) = v; }
Vector positive(Vector v) { return v > 0 ? v : Vector{}; }
Index whole_vectors(Index n) { return (n + kLanes - 1) / kLanes * kLanes; }

struct Free {
  void operator()(float* p) const { std::free(p); }
};
using Buffer = std::unique_ptr<float[], Free>;
Buffer allocate(Index size) {
  const std::size_t bytes = static_cast<std::size_t>((size + 15) / 16 * 64);
  Buffer buffer(static_cast<float*>(std::aligned_alloc(64, bytes)));
  std::memset(buffer.get(), 0, bytes);
  return buffer;
}

// C (m x n) = op(A) op(B) + beta C, row-major.
void multiply(bool ta, bool tb, Index m, Index n, Index k, const float* a, Index lda, const float* b, Index ldb,
              float beta, float* c, Index ldc) {
  cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans,
              static_cast<blasint>(m), static_cast<blasint>(n), static_cast<blasint>(k), 1.0f, a,
              static_cast<blasint>(lda), b, static_cast<blasint>(ldb), beta, c, static_cast<blasint>(ldc));
}

// R rows of V vectors of out = A x (+ start), element (i, j) of A at a[i * ai + j * aj]. `finish(i, v, sum)`
// says what is stored.
template <int R, int V, class Finish>
__attribute__((always_inline)) inline void adjacency_tile(Index n, const float* a, Index ai, Index aj,
                                                          const float* x, Index x_row, const Finish& finish) {
  Vector sum[R][V] = {};
  for (Index j = 0; j < n; ++j) {
    Vector row[V];
    for (int v = 0; v < V; ++v) row[v] = load(x + j * x_row + v * kLanes);
    for (int i = 0; i < R; ++i)
      for (int v = 0; v < V; ++v) sum[i][v] += a[i * ai + j * aj] * row[v];
  }
  for (int i = 0; i < R; ++i)
    for (int v = 0; v < V; ++v) finish(i, v, sum[i][v]);
}

template <int V, class Finish>
void adjacency_rows(Index rows, Index n, const float* a, Index ai, Index aj, const float* x, Index x_row,
                    const Finish& finish) {
  switch (rows) {
    case 1:
      return adjacency_tile<1, V>(n, a, ai, aj, x, x_row, finish);
    case 2:
      return adjacency_tile<2, V>(n, a, ai, aj, x, x_row, finish);
    case 3:
      return adjacency_tile<3, V>(n, a, ai, aj, x, x_row, finish);
    case 4:
      return adjacency_tile<4, V>(n, a, ai, aj, x, x_row, finish);
    case 5:
      return adjacency_tile<5, V>(n, a, ai, aj, x, x_row, finish);
    default:
      return adjacency_tile<6, V>(n, a, ai, aj, x, x_row, finish);
  }
}

// finish(i, j, sum) for all rows i and vectors of columns from j on of A x, one example.
template <int V, class Finish>
void adjacency_product(Index n, Index cols, const float* a, Index ai, Index aj, const float* x, Index x_row,
                       const Finish& finish) {
  const Index blocks = (n + kMostRows - 1) / kMostRows;
  for (Index j = 0; j < cols; j += V * kLanes)
    for (Index block = 0, i = 0; block < blocks; ++block) {
      const Index rows = n / blocks + (block < n % blocks ? 1 : 0);
      adjacency_rows<V>(rows, n, a + i * ai, ai, aj, x + j, x_row,
                        [&](int r, int v, Vector sum) { finish(i + r, j + v * kLanes, sum); });
      i += rows;
    }
}

template <class Finish>
void for_adjacency(Index n, Index cols, const float* a, Index ai, Index aj, const float* x, Index x_row,
                   const Finish& finish) {
  if (cols % (kMostVectors * kLanes) == 0)
    adjacency_product<kMostVectors>(n, cols, a, ai, aj, x, x_row, finish);
  else if (cols % (2 * kLanes) == 0)
    adjacency_product<2>(n, cols, a, ai, aj, x, x_row, finish);
  else
    adjacency_product<1>(n, cols, a, ai, aj, x, x_row, finish);
}

// Where each weight and bias stands in the flat vector. Widths are whole vectors, so all but the last two
// start on a vector.
struct Layout {
  explicit Layout(Index w) {
    Index at = 0;
    const auto take = [&at](Index count) { return std::exchange(at, at + count); };
    for (Index l = 0; l < kLayers; ++l) {
      weight[l] = take(l == 0 ? 2 * w : 2 * w * w);
      bias[l] = take(w);
    }
    head_weight = take(w * w);
    head_bias = take(w);
    out_weight = take(w);
    out_bias = take(1);
    size = at;
  }
  Index weight[kLayers], bias[kLayers], head_weight, head_bias, out_weight, out_bias, size;
};

// What one worker needs for one shard. in[l] = [x | A x] is the input of layer l = 1, 2.
struct Space {
  Space(Index n, Index w)
      : a(allocate(kShard * n * whole_vectors(n))),
        first(allocate(kShard * n * 2)),
        top(allocate(kShard * n * w)),
        dy(allocate(kShard * n * w)),
        din(allocate(kShard * n * 2 * w)),
        pooled(allocate(kShard * w)),
        hidden(allocate(kShard * w)),
        dhidden(allocate(kShard * w)),
        dpooled(allocate(kShard * w)) {
    for (Buffer& b : in) b = allocate(kShard * n * 2 * w);
  }
  Buffer a, first, in[kLayers], top, dy, din, pooled, hidden, dhidden, dpooled;
};

}  // namespace

struct EqnnHandStep {
  EqnnHandStep(Index n_, Index width, Index batch_, int threads_)
      : n(n_), w(width), batch(batch_), threads(threads_), at(width), a_row(whole_vectors(n_)) {
    openblas_set_num_threads(1);
    if (threads > 1) arena.initialize(threads);
    for (int i = 0; i < threads; ++i) {
      spaces.emplace_back(n, w);
      gradients.push_back(allocate(at.size));
    }
    used.assign(static_cast<std::size_t>(threads), 0);
    losses.assign(static_cast<std::size_t>(threads), 0);
    values = allocate(at.size);
    sum = allocate(at.size);
  }

  void copy_inputs(Space& s, Index first, Index count, const float* x, const float* adjacency) const {
    for (Index i = 0; i < count * n; ++i) {
      const float* row = adjacency + (first * n + i) * n;
      std::memcpy(s.a.get() + i * a_row, row, static_cast<std::size_t>(n) * sizeof(float));
      s.first[2 * i] = x[first * n + i];
    }
    for (Index i = 0; i < count * n; ++i) {
      const float* row = s.a.get() + i * a_row;
      const float* nodes = x + first * n + i / n * n;
      float degree = 0;
      for (Index j = 0; j < n; ++j) degree += row[j] * nodes[j];
      s.first[2 * i + 1] = degree;
    }
  }

  // The first layer, two products a channel, bias and relu in one pass.
  void first_layer(Space& s, Index rows) const {
    const float* weight = values.get() + at.weight[0];
    const float* bias = values.get() + at.bias[0];
    for (Index j = 0; j < w; j += kLanes) {
      const Vector self = load(weight + j), neighbor = load(weight + w + j), start = load(bias + j);
      for (Index i = 0; i < rows; ++i)
        store(positive(start + s.first[2 * i] * self + s.first[2 * i + 1] * neighbor),
              s.in[1].get() + i * 2 * w + j);
    }
  }

  // The right half of in[l]: A times its left half.
  void add_neighbors(Space& s, Index l, Index count) const {
    for (Index e = 0; e < count; ++e) {
      float* rows = s.in[l].get() + e * n * 2 * w;
      for_adjacency(n, w, s.a.get() + e * n * a_row, a_row, 1, rows, 2 * w,
                    [=, this](Index i, Index j, Vector v) { store(v, rows + i * 2 * w + w + j); });
    }
  }

  // out = relu(in[l] W + b).
  void layer(Space& s, Index l, Index rows, float* out, Index out_row) const {
    multiply(false, false, rows, w, 2 * w, s.in[l].get(), 2 * w, values.get() + at.weight[l], w, 0, out, out_row);
    const float* bias = values.get() + at.bias[l];
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < w; j += kLanes) {
        float* p = out + i * out_row + j;
        store(positive(load(p) + load(bias + j)), p);
      }
  }

  void pool(Space& s, Index count) const {
    for (Index e = 0; e < count; ++e)
      for (Index j = 0; j < w; j += kLanes) {
        Vector total{};
        for (Index i = 0; i < n; ++i) total += load(s.top.get() + (e * n + i) * w + j);
        store(total, s.pooled.get() + e * w + j);
      }
  }

  // Forward and backward of the head: its gradients, and d loss / d pooled. Returns the shard's loss sum.
  double head(Space& s, Index count, const float* y, float* g, float beta) const {
    multiply(false, false, count, w, w, s.pooled.get(), w, values.get() + at.head_weight, w, 0, s.hidden.get(), w);
    const float *bias = values.get() + at.head_bias, *out = values.get() + at.out_weight;
    float *out_gradient = g + at.out_weight, *bias_gradient = g + at.head_bias;
    if (beta == 0) {
      std::fill(bias_gradient, bias_gradient + w, 0.0f);
      std::fill(out_gradient, out_gradient + w + 1, 0.0f);
    }
    double loss = 0;
    for (Index e = 0; e < count; ++e) {
      float *h = s.hidden.get() + e * w, *dh = s.dhidden.get() + e * w;
      float f = values[at.out_bias];
      for (Index j = 0; j < w; ++j) {
        h[j] = std::max(h[j] + bias[j], 0.0f);
        f += h[j] * out[j];
      }
      const float difference = f - y[e], df = 2 * difference / static_cast<float>(batch);
      loss += static_cast<double>(difference) * difference;
      for (Index j = 0; j < w; ++j) {
        const float d = h[j] > 0 ? df * out[j] : 0.0f;
        dh[j] = d;
        out_gradient[j] += df * h[j];
        bias_gradient[j] += d;
      }
      g[at.out_bias] += df;
    }
    multiply(true, false, w, w, count, s.pooled.get(), w, s.dhidden.get(), w, beta, g + at.head_weight, w);
    multiply(false, true, count, w, w, s.dhidden.get(), w, values.get() + at.head_weight, w, 0, s.dpooled.get(), w);
    return loss;
  }

  // Through the pool and the last relu; the bias's gradient on the way.
  void top_gradient(Space& s, Index count, float* bias_gradient, float beta) const {
    for (Index j = 0; j < w; j += kLanes) {
      Vector total = beta * load(bias_gradient + j);
      for (Index e = 0; e < count; ++e) {
        const Vector d = load(s.dpooled.get() + e * w + j);
        for (Index i = e * n; i < (e + 1) * n; ++i) {
          const Vector v = load(s.top.get() + i * w + j) > 0 ? d : Vector{};
          store(v, s.dy.get() + i * w + j);
          total += v;
        }
      }
      store(total, bias_gradient + j);
    }
  }

  // Layer l's weight gradient, and from dy = d loss / d output of layer l to that of layer l - 1:
  // [dx | d Ax] = dy W^T, dx += A^T (d Ax), masked where the relu was shut.
  void layer_gradient(Space& s, Index l, Index count, float* g, float beta) const {
    const Index rows = count * n;
    multiply(true, false, 2 * w, w, rows, s.in[l].get(), 2 * w, s.dy.get(), w, beta, g + at.weight[l], w);
    multiply(false, true, rows, 2 * w, w, s.dy.get(), w, values.get() + at.weight[l], w, 0, s.din.get(), 2 * w);
    float* bias_gradient = g + at.bias[l - 1];
    for (Index e = 0; e < count; ++e) {
      const float* d = s.din.get() + e * n * 2 * w;
      const float* x = s.in[l].get() + e * n * 2 * w;
      float* out = s.dy.get() + e * n * w;
      for_adjacency(n, w, s.a.get() + e * n * a_row, 1, a_row, d + w, 2 * w, [=, this](Index i, Index j, Vector v) {
        const Index p = i * 2 * w + j;
        store(load(x + p) > 0 ? v + load(d + p) : Vector{}, out + i * w + j);
      });
    }
    for (Index j = 0; j < w; j += kLanes) {
      Vector total = beta * load(bias_gradient + j);
      for (Index i = 0; i < rows; ++i) total += load(s.dy.get() + i * w + j);
      store(total, bias_gradient + j);
    }
  }

  void first_gradient(Space& s, Index rows, float* g, float beta) const {
    float* weight = g + at.weight[0];
    for (Index j = 0; j < w; j += kLanes) {
      Vector self = beta * load(weight + j), neighbor = beta * load(weight + w + j);
      for (Index i = 0; i < rows; ++i) {
        const Vector d = load(s.dy.get() + i * w + j);
        self += s.first[2 * i] * d;
        neighbor += s.first[2 * i + 1] * d;
      }
      store(self, weight + j);
      store(neighbor, weight + w + j);
    }
  }

  double shard(Space& s, Index first, Index count, const float* x, const float* adjacency, const float* y, float* g,
               bool fresh) const {
    const Index rows = count * n;
    const float beta = fresh ? 0.0f : 1.0f;
    copy_inputs(s, first, count, x, adjacency);
    first_layer(s, rows);
    add_neighbors(s, 1, count);
    layer(s, 1, rows, s.in[2].get(), 2 * w);
    add_neighbors(s, 2, count);
    layer(s, 2, rows, s.top.get(), w);
    pool(s, count);
    const double loss = head(s, count, y + first, g, beta);
    top_gradient(s, count, g + at.bias[2], beta);
    layer_gradient(s, 2, count, g, beta);
    layer_gradient(s, 1, count, g, beta);
    first_gradient(s, rows, g, beta);
    return loss;
  }

  // p -= rate * (sum of the workers' gradients), elements [first, last).
  void update(float rate, Index first, Index last) {
    float* p = values.get();
    int rows = 0;
    const float* g[2] = {};
    for (std::size_t i = 0; i < used.size(); ++i)
      if (used[i] && rows++ < 2) g[rows - 1] = gradients[i].get();
    if (rows == 1) {
      for (Index k = first; k < last; ++k) p[k] -= rate * g[0][k];
    } else if (rows == 2) {
      for (Index k = first; k < last; ++k) p[k] -= rate * (g[0][k] + g[1][k]);
    } else {
      for (std::size_t i = 0; i < used.size(); ++i) {
        const float* row = gradients[i].get();
        for (Index k = first; used[i] && k < last; ++k) p[k] -= rate * row[k];
      }
    }
  }

  double step(float rate, const float* x, const float* adjacency, const float* y) {
    const Index shards = (batch + kShard - 1) / kShard;
    std::fill(used.begin(), used.end(), 0);
    std::fill(losses.begin(), losses.end(), 0.0);
    const auto one = [&](Index i, std::size_t worker) {
      const Index first = i * kShard;
      losses[worker] += shard(spaces[worker], first, std::min(kShard, batch - first), x, adjacency, y,
                              gradients[worker].get(), !std::exchange(used[worker], 1));
    };
    if (threads == 1) {
      for (Index i = 0; i < shards; ++i) one(i, 0);
      update(rate, 0, at.size);
    } else {
      arena.execute([&] {
        tbb::parallel_for(
            Index{0}, shards,
            [&](Index i) { one(i, static_cast<std::size_t>(tbb::this_task_arena::current_thread_index())); },
            tbb::static_partitioner{});
        if (at.size < kParallelUpdate) return update(rate, 0, at.size);
        tbb::parallel_for(
            tbb::blocked_range<Index>(0, at.size, 4096), [&](const auto& r) { update(rate, r.begin(), r.end()); },
            tbb::static_partitioner{});
      });
    }
    double loss = 0;
    for (double part : losses) loss += part;
    return loss / static_cast<double>(batch);
  }

  const float* gradient() {
    std::fill(sum.get(), sum.get() + at.size, 0.0f);
    for (std::size_t i = 0; i < used.size(); ++i)
      for (Index k = 0; used[i] && k < at.size; ++k) sum[k] += gradients[i][k];
    return sum.get();
  }

  Index n, w, batch;
  int threads;
  Layout at;
  Index a_row;
  tbb::task_arena arena;
  std::vector<Space> spaces;
  std::vector<Buffer> gradients;  // one a worker, summed in the update
  std::vector<char> used;         // workers that took a shard of this step
  std::vector<double> losses;
  Buffer values, sum;
};

EqnnHandStep* eqnn_hand_create(int64_t n, int64_t width, int64_t batch, int threads) {
  if (n < 1 || width < 1 || width % 16 != 0 || batch < 1 || threads < 1) return nullptr;
  return new EqnnHandStep(n, width, batch, threads);
}
void eqnn_hand_destroy(EqnnHandStep* step) { delete step; }
int64_t eqnn_hand_size(const EqnnHandStep* step) { return step->at.size; }
float* eqnn_hand_values(EqnnHandStep* step) { return step->values.get(); }
const float* eqnn_hand_gradient(EqnnHandStep* step) { return step->gradient(); }
double eqnn_hand_step(EqnnHandStep* step, float rate, const float* x, const float* adjacency, const float* y) {
  return step->step(rate, x, adjacency, y);
}
