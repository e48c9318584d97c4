#pragma once
// What is counted of texts without levels and of event times: lengths, words, hours, weekdays. Private to core/stats.
// Pure; the levels are shared and fixed for ever, because stored profiles refer to them.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/stats/profile.h"

namespace retraind::stats {

// The levels of words, hour, weekday and gaps; nullptr for value and length, which have none that are fixed.
std::shared_ptr<const CategoryLevels> fixed_levels(Counted counted);

// Positions in the levels of gaps.
inline constexpr std::size_t kEmptySlot = 0;
inline constexpr std::size_t kOccupiedSlot = 1;

// Characters of UTF-8: bytes that continue no other.
std::size_t length_of(std::string_view text);
// Adds each word of `text` to its level.
void count_words(std::string_view text, std::vector<std::uint64_t>& counts);
// The level of hour or weekday that a finite instant belongs to.
std::size_t level_of_instant(double microseconds, Counted counted);

}  // namespace retraind::stats
