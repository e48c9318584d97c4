#include "core/source/numeric.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <system_error>

#include "core/source/wire_bytes.h"

namespace retraind::source {
namespace {

constexpr std::uint16_t kPositive = 0x0000;
constexpr std::uint16_t kNegative = 0x4000;
constexpr std::uint16_t kNaN = 0xC000;
constexpr std::uint16_t kPlusInfinity = 0xD000;
constexpr std::uint16_t kMinusInfinity = 0xF000;

constexpr std::array<double, 23> kPowersOfTen = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                                 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

constexpr std::uint64_t kLargestExact = std::uint64_t{1} << 53;

}  // namespace

// numeric_send writes, as 16-bit words: number of digits, weight of the first, sign, display scale, then the digits in
// base 10,000, most significant first.
std::optional<double> decode_numeric(std::span<const std::byte> field, std::string& scratch) {
  if (field.size() < 8) return std::nullopt;
  const std::size_t digits = read_u16(field.data());
  const auto weight = static_cast<std::int16_t>(read_u16(field.data() + 2));
  const std::uint16_t sign = read_u16(field.data() + 4);
  if (field.size() != 8 + 2 * digits) return std::nullopt;
  if (sign == kNaN) return std::numeric_limits<double>::quiet_NaN();
  if (sign == kPlusInfinity) return std::numeric_limits<double>::infinity();
  if (sign == kMinusInfinity) return -std::numeric_limits<double>::infinity();
  if (sign != kPositive && sign != kNegative) return std::nullopt;
  const double one = sign == kNegative ? -1.0 : 1.0;

  std::uint64_t whole = 0;
  bool exact = digits <= 4;
  for (std::size_t i = 0; i < digits; ++i) {
    const std::uint16_t digit = read_u16(field.data() + 8 + 2 * i);
    if (digit >= 10000) return std::nullopt;
    if (exact) whole = whole * 10000 + digit;
  }
  if (digits == 0) return 0.0;

  // value = whole * 10^exponent. When both are exact as doubles, one multiplication or division rounds once, correctly
  // (Clinger 1990).
  const int exponent = 4 * (weight - static_cast<int>(digits) + 1);
  exact = exact && whole <= kLargestExact;
  if (exact && exponent >= 0 && exponent <= 22) {
    return one * (static_cast<double>(whole) * kPowersOfTen[static_cast<std::size_t>(exponent)]);
  }
  if (exact && exponent < 0 && exponent >= -22) {
    return one * (static_cast<double>(whole) / kPowersOfTen[static_cast<std::size_t>(-exponent)]);
  }

  scratch.clear();
  for (std::size_t i = 0; i < digits; ++i) {
    const unsigned digit = read_u16(field.data() + 8 + 2 * i);
    scratch += static_cast<char>('0' + digit / 1000);
    scratch += static_cast<char>('0' + digit / 100 % 10);
    scratch += static_cast<char>('0' + digit / 10 % 10);
    scratch += static_cast<char>('0' + digit % 10);
  }
  scratch += 'e';
  scratch += std::to_string(exponent);
  double value = 0;
  const auto [end, error] = std::from_chars(scratch.data(), scratch.data() + scratch.size(), value);
  if (error == std::errc::result_out_of_range) {
    value = weight >= 0 ? std::numeric_limits<double>::infinity() : 0.0;
  } else if (error != std::errc()) {
    return std::nullopt;
  }
  return one * value;
}

}  // namespace retraind::source
