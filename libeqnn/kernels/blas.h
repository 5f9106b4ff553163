// Which matrix product runs where: our own kernel, or OpenBLAS for the big ones. Internal.
#pragma once

#include "kernels.h"

namespace eqnn {

// C (+)= A B, as in kernels.h. From kBlasWork multiply-adds on it goes to OpenBLAS, whose blocking for
// large caches is worth more there, unless OpenBLAS runs kernels of an older instruction set than this
// machine has (it does not know every processor; `eqnn doctor` tells). Strict: never to OpenBLAS.
// docs/adr/0001-products.md has the measurement.
inline constexpr double kBlasWork = 3e8;
template <class T>
void matrix_product(const kernels::Product<T>& p, bool strict);

// Loads OpenBLAS, as the first product that it may take does, with one thread: with several its sums depend on
// their number. Where it is not installed, our kernels do all.
struct BlasInfo {
  const char* config;  // as OpenBLAS describes itself
  const char* core;    // the processor it chose kernels for
  bool up_to_date;     // its kernels use the widest vectors that ours do
};
BlasInfo blas_info();

}  // namespace eqnn
