#include "core/stats/level_search.h"

namespace retraind::stats {

LevelSearch::LevelSearch(std::span<const std::string> names)
    : names_(names), places_(std::bit_ceil(2 * names.size() + 1)), mask_(places_.size() - 1) {
  for (std::size_t level = 0; level < names.size(); ++level) {
    const Ends ends = ends_of(names[level]);
    std::size_t at = hash_of(ends, names[level]) & mask_;
    while (places_[at].level != kNone) at = (at + 1) & mask_;
    places_[at] = {ends, static_cast<std::uint32_t>(level), names[level].size()};
  }
}

}  // namespace retraind::stats
