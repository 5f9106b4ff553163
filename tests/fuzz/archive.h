// Mutated zip archives whose checksums are right: no chance finds one, and behind it stands the reader of arrays.
#pragma once

#include <eqnn/io/npz.h>
#include <zlib.h>

#include <array>
#include <cstring>

#include "harness.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace fuzz {

// The checksum of what an entry unpacks to, as far as that is not damaged.
inline std::uint32_t unpacked_checksum(const std::uint8_t* packed, std::size_t size, bool deflated) {
  if (!deflated) return static_cast<std::uint32_t>(crc32_z(0, packed, size));
  z_stream z{};
  if (inflateInit2(&z, -MAX_WBITS) != Z_OK) return 0;
  z.next_in = const_cast<Bytef*>(packed);
  z.avail_in = static_cast<uInt>(size);
  std::array<Bytef, 4096> part;
  uLong crc = 0;
  for (int status = Z_OK; status == Z_OK;) {
    z.next_out = part.data();
    z.avail_out = part.size();
    status = inflate(&z, Z_NO_FLUSH);
    crc = crc32(crc, part.data(), static_cast<uInt>(part.size() - z.avail_out));
  }
  inflateEnd(&z);
  return static_cast<std::uint32_t>(crc);
}

// Corrects the checksums in the directory of an archive, which may be anything.
inline void correct_checksums(std::uint8_t* data, std::size_t size) {
  const auto number = [&](std::size_t at, std::size_t bytes) {
    std::uint64_t value = 0;
    if (at <= size && bytes <= size - at) std::memcpy(&value, data + at, bytes);
    return value;
  };
  for (std::size_t at = 0; at + 46 <= size; ++at) {
    if (number(at, 4) != 0x02014b50) continue;
    std::uint64_t packed = number(at + 20, 4), offset = number(at + 42, 4);
    const std::size_t extra = at + 46 + number(at + 28, 2);
    // As numpy and this program write 64-bit sizes: the unpacked one, the packed one, the place.
    if (packed == 0xffffffff) packed = number(extra + 12, 8);
    if (offset == 0xffffffff) offset = number(extra + 20, 8);
    if (offset >= size) continue;
    const std::uint64_t begin = offset + 30 + number(offset + 26, 2) + number(offset + 28, 2);
    if (begin > size || packed > size - begin) continue;
    const std::uint32_t crc = unpacked_checksum(data + begin, packed, number(at + 10, 2) == 8);
    std::memcpy(data + at + 16, &crc, sizeof crc);
  }
}

}  // namespace fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most,
                                               unsigned seed) {
  size = LLVMFuzzerMutate(data, size, most);
  if (seed % 8 != 0) fuzz::correct_checksums(data, size);
  return size;
}
