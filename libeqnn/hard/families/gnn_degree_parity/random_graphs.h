// Directed graphs as 0/1 matrices: uniform ones, a list of all, and sums of rows. Internal.
#pragma once

#include "../../../core/matrix.h"
#include "../../../core/rng.h"

namespace eqnn::hard {

// Example e of x [b, n, n] gets the bits of Counter at + e in order, row by row, the diagonal left out (0) or, with
// self loops, not.
template <class T>
void sample_graphs(Index n, bool self_loops, Counter at, const Block<T>& x);
// The same with entries that are 1 with probability q: each has 64 bits in the place of one, and is 1 where they
// are below 2^64 q, which is exact for every double from 2^-11 on and within 2^-64 below.
template <class T>
void sample_sparse_graphs(Index n, bool self_loops, double q, Counter at, const Block<T>& x);
// Number first + e of all graphs: its bit i is the i-th entry that is not fixed, row by row.
template <class T>
void list_graphs(Index n, bool self_loops, Index first, const Block<T>& x);

// Four partial sums: 0/1 entries add up exactly in any order.
template <class T>
T row_sum(const T* row, Index n) {
  T sums[4] = {};
  Index j = 0;
  for (; j + 4 <= n; j += 4)
    for (Index k = 0; k < 4; ++k) sums[k] += row[j + k];
  for (; j < n; ++j) sums[0] += row[j];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace eqnn::hard
