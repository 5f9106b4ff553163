#include "blas.h"

#include <cblas.h>

#include <mutex>
#include <string_view>

namespace eqnn {
namespace {

// OpenBLAS's names of x86-64 cores whose kernels know AVX2, and AVX-512.
constexpr std::string_view kAvx512Cores[] = {"SkylakeX", "Cooperlake", "SapphireRapids"};
constexpr std::string_view kAvx2Cores[] = {"Haswell",  "Zen",        "Excavator",
                                           "SkylakeX", "Cooperlake", "SapphireRapids"};

template <class List>
bool contains(const List& list, std::string_view name) {
  for (std::string_view entry : list)
    if (entry == name) return true;
  return false;
}

bool blas_is_up_to_date() {
  const std::string_view target = kernels::target_name(), core = openblas_get_corename();
  if (target.starts_with("AVX3")) return contains(kAvx512Cores, core);
  if (target == "AVX2") return contains(kAvx2Cores, core);
  return true;
}

// OpenBLAS wants one of the strides of A to be one; ours always have it so.
template <class T>
bool blas_can(const kernels::Product<T>& p) {
  return p.count == 1 && p.k > 0 && (p.a_col == 1 || p.a_row == 1);
}

template <class T, class Gemm>
void blas_product(const kernels::Product<T>& p, Gemm gemm) {
  if (p.bias && !p.accumulate)
    for (Index i = 0; i < p.m; ++i) std::copy(p.bias, p.bias + p.n, p.c + i * p.c_row);
  const T beta = p.accumulate || p.bias ? T(1) : T(0);
  const bool a_transposed = p.a_col != 1;
  gemm(CblasRowMajor, a_transposed ? CblasTrans : CblasNoTrans, p.b_transposed ? CblasTrans : CblasNoTrans,
       static_cast<blasint>(p.m), static_cast<blasint>(p.n), static_cast<blasint>(p.k), T(1), p.a,
       static_cast<blasint>(a_transposed ? p.a_col : p.a_row), p.b, static_cast<blasint>(p.b_row), beta, p.c,
       static_cast<blasint>(p.c_row));
}

}  // namespace

template <class T>
void matrix_product(const kernels::Product<T>& p, bool strict) {
  static const bool up_to_date = blas_is_up_to_date();
  const double work = static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
  if (strict || work < kBlasWork || !up_to_date || !blas_can(p)) return kernels::product(p);
  use_one_blas_thread();  // a forward pass without a Trainer gets here too
  if constexpr (sizeof(T) == 4)
    blas_product(p, cblas_sgemm);
  else
    blas_product(p, cblas_dgemm);
}
template void matrix_product(const kernels::Product<float>&, bool);
template void matrix_product(const kernels::Product<double>&, bool);

void use_one_blas_thread() {
  static std::once_flag once;
  std::call_once(once, [] { openblas_set_num_threads(1); });
}

BlasInfo blas_info() { return {openblas_get_config(), openblas_get_corename(), blas_is_up_to_date()}; }

}  // namespace eqnn
