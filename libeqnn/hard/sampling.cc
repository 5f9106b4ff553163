#include "sampling.h"

namespace eqnn::hard {
namespace {

template <class T>
void fill(Counter at, Block<T> x) {
  for (Index e = 0; e < x.examples; ++e, ++at.example) {
    Draws draws(at);
    for (Index p = 0; p < x.points; ++p)
      for (Index c = 0; c < x.channels; ++c) x(e, p, c) = static_cast<T>(static_cast<float>(draws.normal()));
  }
}

}  // namespace

void sample_normals(const Counter& at, Block<float> x) { fill(at, x); }
void sample_normals(const Counter& at, Block<double> x) { fill(at, x); }

}  // namespace eqnn::hard
