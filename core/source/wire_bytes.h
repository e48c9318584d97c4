#pragma once
// Big-endian numbers out of bytes. The caller has checked that there are enough. Pure.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace retraind::source {

inline std::uint16_t read_u16(const std::byte* at) {
  std::uint16_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return __builtin_bswap16(value);
}

inline std::uint32_t read_u32(const std::byte* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return __builtin_bswap32(value);
}

inline std::uint64_t read_u64(const std::byte* at) {
  std::uint64_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return __builtin_bswap64(value);
}

static_assert(std::endian::native == std::endian::little, "the byte swaps above are for little-endian machines");

}  // namespace retraind::source
