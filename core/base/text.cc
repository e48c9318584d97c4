#include "core/base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

namespace retraind {
namespace {

char fold(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

template <class Same>
std::size_t edit_distance(std::string_view a, std::string_view b, Same same) {
  std::vector<std::size_t> before(b.size() + 1);  // two rows up: needed for swaps
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1])) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

constexpr std::array<std::string_view, 7> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
constexpr std::size_t kLargestParsedUnit = 4;

}  // namespace

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> known) {
  if (word.empty()) return std::nullopt;
  const std::size_t limit = std::max<std::size_t>(1, word.size() / 3);
  std::optional<std::string> found;
  std::pair<std::size_t, std::size_t> best{limit, std::numeric_limits<std::size_t>::max()};
  for (const std::string& candidate : known) {
    const std::size_t apart = std::max(word.size(), candidate.size()) - std::min(word.size(), candidate.size());
    if (apart > best.first) continue;  // the distance is at least the difference of the lengths
    const std::size_t folded = edit_distance(word, candidate, [](char a, char b) { return fold(a) == fold(b); });
    if (folded > best.first) continue;
    const std::pair distance{folded, edit_distance(word, candidate, [](char a, char b) { return a == b; })};
    if (distance < best) {
      best = distance;
      found = candidate;
    }
  }
  return found;
}

std::string format_bytes(std::uint64_t bytes) {
  std::size_t unit = 0;
  while (unit + 1 < kUnits.size() && (bytes >> (10 * (unit + 1))) > 0) ++unit;
  // In tenths, and in integers, so that no size is rounded twice.
  const unsigned shift = static_cast<unsigned>(10 * unit);
  const std::uint64_t whole = bytes >> shift;
  const std::uint64_t rest = bytes - (whole << shift);
  std::uint64_t tenths = whole * 10;
  // `rest` is below 2^60, so that ten times it, plus a half, does not overflow.
  if (unit > 0) tenths += (rest * 10 + (std::uint64_t{1} << (shift - 1))) >> shift;
  if (tenths >= 10240 && unit > 0 && unit + 1 < kUnits.size()) {
    tenths = 10;
    ++unit;
  }
  std::string out = std::to_string(tenths / 10);
  if (tenths % 10 != 0) out += "." + std::to_string(tenths % 10);
  out += " ";
  out += kUnits[unit];
  return out;
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{}) return std::nullopt;
  std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  if (unit.empty()) return value;
  if (unit.front() == ' ') unit.remove_prefix(1);
  for (std::size_t i = 0; i <= kLargestParsedUnit; ++i) {
    if (unit != kUnits[i]) continue;
    const unsigned shift = static_cast<unsigned>(10 * i);
    if (value > (std::numeric_limits<std::uint64_t>::max() >> shift)) return std::nullopt;
    return value << shift;
  }
  return std::nullopt;
}

std::string format_number(double value) {
  const double magnitude = std::fabs(value);
  const bool in_full = value == 0 || (magnitude >= 1e-5 && magnitude < 1e16);
  std::array<char, 64> buffer;
  char* const end = buffer.data() + buffer.size();
  const auto result = in_full ? std::to_chars(buffer.data(), end, value, std::chars_format::fixed)
                              : std::to_chars(buffer.data(), end, value);
  return std::string(buffer.data(), result.ptr);
}

}  // namespace retraind
