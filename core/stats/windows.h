#pragma once
// The windows that a reference can be cut into beside a current window, and which of them lie at its place in a season.
// Private to core/stats. Pure.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/time.h"
#include "core/stats/block.h"
#include "core/stats/calibration.h"

namespace retraind::stats {

inline constexpr double kDayLength = 24 * 3600e6;
inline constexpr double kWeekLength = 7 * kDayLength;
inline constexpr double kYearLength = 365.25 * kDayLength;

struct Window {
  std::int64_t tile = 0;  // windows from the current one, negative before it
  std::uint64_t rows = 0;
  std::vector<const ProfileBlock*> blocks;
};

// Disjoint windows of `length` blocks that begin a multiple of `length` from `first`, ascending. Without the current
// one itself, and without those that hold too few rows for `rows` current ones (calibrate).
std::vector<Window> cut_windows(std::span<const ProfileBlock> blocks, std::int64_t first, std::int64_t length,
                                std::uint64_t rows, std::uint64_t min_rows);

// The places of the windows whose distance from the current one is a multiple of `period`, or nearly so: an hour off
// (periods up to 7 d) or a fifteenth of the period; where that leaves fewer than kFewestWindows, as far as it takes to
// have as many, but at most an eighth of the period.
std::vector<std::size_t> in_season(const std::vector<Window>& windows, double window_length, double period);

}  // namespace retraind::stats
