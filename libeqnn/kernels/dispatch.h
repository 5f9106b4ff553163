// From one list of the kernels of a file: the table of each SIMD target, and the public functions of kernels.h,
// which look up the table of the best target that this machine has. Macros only; Highway reads a kernel file once a
// target.
//
// A file defines its list, KERNEL(name, (parameters), (arguments)) for each kernel of element type T, and writes
// EQNN_TABLE_TYPE(list) once before, a template of each name and EQNN_TARGET_TABLE(list) in the namespace of the
// target, and EQNN_PUBLIC_KERNELS(list) once after.
#pragma once

#define EQNN_KERNEL_FIELD(name, parameters, arguments) void(*name) parameters;
#define EQNN_KERNEL_ENTRY(name, parameters, arguments) .name = name<T>,
#define EQNN_KERNEL_PUBLIC(name, parameters, arguments) \
  template <class T>                                    \
  void name parameters {                                \
    table<T>().name arguments;                          \
  }
#define EQNN_KERNEL_INSTANCE(name, parameters, arguments) template void name parameters;

#define EQNN_TABLE_TYPE(KERNELS)  \
  namespace eqnn::kernels {       \
  namespace {                     \
  template <class T>              \
  struct Table {                  \
    KERNELS(EQNN_KERNEL_FIELD, T) \
  };                              \
  }                               \
  }

// Highway dispatches plain functions, not templates: these return the tables of the target.
#define EQNN_TARGET_TABLE(KERNELS)                             \
  template <class T>                                           \
  constexpr Table<T> kTable = {KERNELS(EQNN_KERNEL_ENTRY, T)}; \
  const Table<float>& table_f32() { return kTable<float>; }    \
  const Table<double>& table_f64() { return kTable<double>; }

#define EQNN_PUBLIC_KERNELS(KERNELS)            \
  namespace {                                   \
  HWY_EXPORT(table_f32);                        \
  HWY_EXPORT(table_f64);                        \
  template <class T>                            \
  const Table<T>& table() {                     \
    if constexpr (sizeof(T) == 4)               \
      return HWY_DYNAMIC_DISPATCH(table_f32)(); \
    else                                        \
      return HWY_DYNAMIC_DISPATCH(table_f64)(); \
  }                                             \
  }                                             \
  KERNELS(EQNN_KERNEL_PUBLIC, T)                \
  KERNELS(EQNN_KERNEL_INSTANCE, float)          \
  KERNELS(EQNN_KERNEL_INSTANCE, double)
