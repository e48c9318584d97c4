#include "core/data/spelling.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <system_error>

#include "core/base/text.h"

namespace retraind::data {
namespace {

// Below 2^63, so that the conversion is defined.
template <class Number>
bool is_bigint(Number value) {
  return value == std::trunc(value) && std::fabs(value) < static_cast<Number>(9.2e18);
}

}  // namespace

std::string spell_number(double value) {
  if (std::isnan(value)) return "nan";  // whatever its sign
  return is_bigint(value) ? std::to_string(static_cast<std::int64_t>(value)) : format_number(value);
}

std::string spell_number(float value) {
  if (is_bigint(value)) return std::to_string(static_cast<std::int64_t>(value));
  if (!std::isfinite(value)) return spell_number(static_cast<double>(value));
  // A float's own digits: as a double, .1 would be 0.10000000149011612.
  std::array<char, 64> text{};
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) throw std::logic_error("a number that does not fit into 64 characters");
  return {text.data(), end};
}

}  // namespace retraind::data
