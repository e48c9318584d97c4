#include "core/train/utf8.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace retraind::train {
namespace {

// How many bytes follow `lead`, and the bounds of the first of them; -1: no sequence begins so.
struct Sequence {
  int more;
  std::uint8_t low;
  std::uint8_t high;
};

Sequence sequence_of(std::uint8_t lead) {
  if (lead < 0x80) return {0, 0, 0};
  if (lead >= 0xC2 && lead <= 0xDF) return {1, 0x80, 0xBF};
  if (lead == 0xE0) return {2, 0xA0, 0xBF};
  if (lead == 0xED) return {2, 0x80, 0x9F};
  if (lead >= 0xE1 && lead <= 0xEF) return {2, 0x80, 0xBF};
  if (lead == 0xF0) return {3, 0x90, 0xBF};
  if (lead >= 0xF1 && lead <= 0xF3) return {3, 0x80, 0xBF};
  if (lead == 0xF4) return {3, 0x80, 0x8F};
  return {-1, 0, 0};
}

// The length of the well-formed sequence that `text`, which is not empty, begins with; 0: it begins with none.
std::size_t leading_sequence(std::string_view text) {
  const Sequence sequence = sequence_of(static_cast<std::uint8_t>(text[0]));
  if (sequence.more < 0 || text.size() <= static_cast<std::size_t>(sequence.more)) return 0;
  for (int i = 1; i <= sequence.more; ++i) {
    const auto byte = static_cast<std::uint8_t>(text[static_cast<std::size_t>(i)]);
    if (byte < (i == 1 ? sequence.low : 0x80) || byte > (i == 1 ? sequence.high : 0xBF)) return 0;
  }
  return 1 + static_cast<std::size_t>(sequence.more);
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = leading_sequence(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string well_formed(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = text[0] == '\0' ? 0 : leading_sequence(text);
    if (length == 0) {
      const auto byte = static_cast<std::uint8_t>(text[0]);
      out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

}  // namespace retraind::train
