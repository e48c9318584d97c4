#include "core/data/entity.h"

#include <stdexcept>

#include "core/data/spelling.h"

namespace retraind::data {

std::uint64_t EntityHash::of_text(std::string_view text) {
  hash_.update(text);
  const Digest digest = hash_.finish();
  std::uint64_t out = 0;
  for (std::size_t i = 0; i < 8; ++i) out = out << 8 | std::to_integer<std::uint64_t>(digest[i]);
  return out;
}

std::uint64_t EntityHash::of_number(double value) {
  return of_text(spell_number(value));
}

std::uint64_t EntityHash::of_boolean(bool value) {
  return of_text(value ? "true" : "false");
}

bool is_held_out(std::uint64_t entity, double share) {
  if (!(share > 0 && share < 1)) throw std::logic_error("a holdout share outside (0, 1)");
  // 53 bits of it, which a double holds exactly.
  return static_cast<double>(entity >> 11) * 0x1p-53 < share;
}

}  // namespace retraind::data
