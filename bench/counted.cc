// eqnn_counted ROW: some steps of a small row on one thread, for bench/instructions, which counts what they
// execute.

#include <eqnn/kernels/kernels.h>

#include <array>
#include <cstdio>
#include <cstring>

#include "rows.h"

namespace {

using bench::Row;

// As the rows of `eqnn bench`, with a batch of two shards: enough for every operation and the sum of gradients.
constexpr std::array<Row, 5> kCounted = {
    Row{.id = "gnn-15-32", .model = Row::Model::gnn, .n = 15, .width = 32, .batch = 16},
    {.id = "gnn-15-128", .model = Row::Model::gnn, .n = 15, .width = 128, .batch = 16},
    {.id = "cnn-50-64x2", .model = Row::Model::cnn, .n = 50, .width = 64, .batch = 16, .layers = 2},
    {.id = "frame-64-256", .model = Row::Model::frame, .n = 64, .width = 256, .batch = 16, .layers = 1},
    {.id = "sparse-gnn",
     .model = Row::Model::sparse,
     .n = 2000,
     .width = 64,
     .batch = 2000,
     .layers = 2,
     .edges = 20'000},
};

constexpr int kSteps = 2;

// The counts are those of one compiler's code.
#define EQNN_TEXT_OF(x) #x
#define EQNN_TEXT(x) EQNN_TEXT_OF(x)
#if defined(__clang__)
constexpr const char* kCompiler = "clang-" EQNN_TEXT(__clang_major__);
#else
constexpr const char* kCompiler = "gcc-" EQNN_TEXT(__GNUC__);
#endif

}  // namespace

// What the counter counts: by its name, so it must be neither inlined nor renamed.
extern "C" __attribute__((noinline)) void eqnn_counted_steps(bench::RowEngine& engine) {
  for (int i = 0; i < kSteps; ++i) engine.step();
}

int main(int argc, char** argv) {
  if (argc != 2) {
    std::puts(kCompiler);
    std::puts(eqnn::kernels::target_name());
    for (const Row& row : kCounted) std::puts(row.id);
    return 0;
  }
  for (const Row& row : kCounted) {
    if (std::strcmp(row.id, argv[1]) != 0) continue;
    const bench::RowData data(row);
    bench::RowEngine engine(data, 1);
    engine.step();  // what is chosen or loaded at the first one
    eqnn_counted_steps(engine);
    return 0;
  }
  std::fprintf(stderr, "there is no row '%s' to count\n", argv[1]);
  return 2;
}
