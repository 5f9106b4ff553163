// NumPy's .npz: a zip archive with one .npy array an entry.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "../core/check.h"

namespace eqnn {

// An array in C order, little-endian.
struct NpyArray {
  std::string dtype;  // "<f8", "<f4", "<i8", "<i4" or "|u1"
  std::vector<Index> shape;
  std::vector<std::byte> bytes;
};

// Arrays by name, without the ".npy" their entries end in.
using NpzArrays = std::map<std::string, NpyArray>;

// An array of double, float, int64, int32 or uint8 values, product(shape) of them in C order, with their dtype:
// npy_array<double>({2, 3}, values). Throws ValueError when the number of values is another.
template <class T>
NpyArray npy_array(std::vector<Index> shape, std::span<const T> values);

// The items in C order as doubles; integers beyond 2^53 are rounded. Throws ValueError for an array that is not
// valid.
std::vector<double> as_doubles(const NpyArray& array);

// How the entries of an archive are written.
enum class Compression { none, deflate };

// Writes what numpy.savez (none) or numpy.savez_compressed (deflate) would, atomically, of any size. The entries
// are sorted and their time is 1980-01-01, so equal arrays give equal bytes (deflate: for one version of zlib).
// Throws ValueError for an unknown dtype, bytes that do not fit a shape, or an empty name; FileError.
void write_npz(const std::string& path, const NpzArrays& arrays, Compression compression = Compression::deflate);

// Reads what numpy wrote: stored or deflated, zip64 or not, C or Fortran order (transposed to C), .npy versions 1
// to 3; bool ("|b1") becomes "|u1". Strict: FileError with path and entry for a truncated or foreign archive, a
// wrong checksum, another dtype, and for sizes the file cannot hold, before they are allocated.
NpzArrays read_npz(const std::string& path);
// Only those of the arrays `names` that are there: the others may hold what cannot be read.
NpzArrays read_npz(const std::string& path, const std::vector<std::string>& names);

}  // namespace eqnn
