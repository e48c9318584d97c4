#include "core/train/utf8.h"

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

}  // namespace

bool is_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const Sequence sequence = sequence_of(static_cast<std::uint8_t>(text[at]));
    if (sequence.more < 0 || text.size() - at <= static_cast<std::size_t>(sequence.more)) return false;
    for (int i = 1; i <= sequence.more; ++i) {
      const auto byte = static_cast<std::uint8_t>(text[at + static_cast<std::size_t>(i)]);
      if (byte < (i == 1 ? sequence.low : 0x80) || byte > (i == 1 ? sequence.high : 0xBF)) return false;
    }
    at += 1 + static_cast<std::size_t>(sequence.more);
  }
  return true;
}

}  // namespace retraind::train
