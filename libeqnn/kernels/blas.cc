#include "blas.h"

#include <cblas.h>
#include <dlfcn.h>

#include <string>
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

// OpenBLAS, loaded when a product first asks for it: loading it starts a thread for each core, each with 128 MiB of
// address space, and most runs have no product that is large enough to gain from it. Without it our kernels do all.
struct Blas {
  decltype(&cblas_sgemm) sgemm = nullptr;
  decltype(&cblas_dgemm) dgemm = nullptr;
  std::string config = "not found", core = "none";
  bool up_to_date = false;

  Blas() {
    void* library = nullptr;
    for (const char* name : {"libopenblas.so.0", "libopenblas.so"})
      if (library == nullptr) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return;
    decltype(&openblas_set_num_threads) set_threads = nullptr;
    decltype(&openblas_get_config) config_of = nullptr;
    decltype(&openblas_get_corename) core_of = nullptr;
    const auto find = [&]<class F>(F*& function, const char* name) {
      function = reinterpret_cast<F*>(dlsym(library, name));
      return function != nullptr;
    };
    if (!find(set_threads, "openblas_set_num_threads") || !find(config_of, "openblas_get_config") ||
        !find(core_of, "openblas_get_corename") || !find(sgemm, "cblas_sgemm") || !find(dgemm, "cblas_dgemm"))
      return;
    set_threads(1);  // what is parallel here is so by examples
    config = config_of();
    core = core_of();
    const std::string_view target = kernels::target_name();
    up_to_date = target.starts_with("AVX3") ? contains(kAvx512Cores, core)
                 : target == "AVX2"         ? contains(kAvx2Cores, core)
                                            : true;
  }
};

const Blas& blas() {
  static const Blas loaded;
  return loaded;
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
  const double work = static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
  if (strict || work < kBlasWork || !blas_can(p) || !blas().up_to_date) return kernels::product(p);
  if constexpr (sizeof(T) == 4)
    blas_product(p, blas().sgemm);
  else
    blas_product(p, blas().dgemm);
}
template void matrix_product(const kernels::Product<float>&, bool);
template void matrix_product(const kernels::Product<double>&, bool);

BlasInfo blas_info() { return {blas().config.c_str(), blas().core.c_str(), blas().up_to_date}; }

}  // namespace eqnn
