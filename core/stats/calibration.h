#pragma once
// How much do windows of the reference differ from one another? Rows of a time series depend on one another and follow
// seasons, so that tests which take rows for independent always find a difference. The threshold for a window comes
// from what reference windows of its length, at its place in the season, do among themselves. Pure. docs/statistics.md.
//
// Every reference window is compared with the sum of the others, column by column, its neighbours left out: a window to
// come has none in the reference. A column's effects are scaled by their own upper quartile, and the largest of them
// over all columns is kept for each window: what is exceeded by a new window is exceeded for all columns together (the
// max-T argument of Westfall and Young, 1993), so no further correction for the number of columns is needed, however
// much the columns depend on each other.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/stats/block.h"
#include "core/stats/drift.h"

namespace retraind::stats {

// With fewer reference windows than this, blocks say nothing about windows; the design effect is used.
inline constexpr std::size_t kFewestWindows = 5;
// The least that is demanded of the largest difference among too few windows.
inline constexpr double kUncalibratedMargin = 1.25;

struct SeasonRule {
  bool automatic = true;
  double period = 0;  // microseconds; 0: none. Only where automatic is false
};

// What the current window is compared with, and how strictly.
struct Calibrated {
  std::vector<ColumnProfile> reference;    // the sum of the reference windows in season
  std::vector<ColumnCalibration> columns;  // parallel
  Calibration kind = Calibration::uncalibrated;
  double period = 0;        // of the season that was matched; 0: none
  std::size_t windows = 0;  // reference windows in season
  std::string sentence;     // for people: "threshold from 41 reference windows of 1d at the same hour of the week"
};

// `blocks` are those of the reference, in any order; `like` are its pooled profiles, which are the reference when no
// block is there. `first` and `last` are the indices of the oldest and the newest block of the current window (last >=
// first), `rows` its number of rows. Reference windows are disjoint, as many blocks long as the current one and begin
// at the same phase; the current one itself is none of them. Windows are left out that hold fewer rows than half of the
// current window or of the median reference window, whichever is less, or than rule.min_rows (where the current and the
// median window have as many).
// Seasons need the instant axis; on the number axis none is matched. A period is matched where the middles of two
// windows are at most an hour (periods up to 7 d) or a fifteenth of the period apart in it, and where fewer than
// kFewestWindows are, up to an eighth; where no window is, none is matched and the sentence says so. `automatic` takes
// of none, day, week and year, among those that leave at least 19 windows and are longer than the window, the one that
// makes the mean difference among its windows smallest, if by a tenth; none otherwise.
// rule.alpha is the level of this check. With N windows, of which a column's dependence leaves N' independent ones, and
// alpha (N' + 1) >= 1, the threshold is the k-th largest of the maxima, k = floor(alpha (N + 1)), and the column is
// calibrated by blocks; otherwise it is uncalibrated, and the threshold is the column's own largest difference times
// what a normal variable would need to get from the largest of N' to the level alpha / columns, kUncalibratedMargin to
// 2.5. With fewer than kFewestWindows windows, but at least as many blocks, the design effect: the mean of T / df over
// groups of blocks against the others, groups as long as the window or else as long as leaves kFewestWindows of them.
// With fewer blocks than that, kUncalibratedMargin times the least effect. `kind` is blocks only where all columns are.
// Throws std::logic_error when a block does not count on the cells of `like`, for last < first, and for a rule outside
// its ranges.
Calibrated calibrate(TimeAxis axis, const BlockGrid& grid, std::span<const ProfileBlock> blocks,
                     std::span<const ColumnProfile> like, std::int64_t first, std::int64_t last, std::uint64_t rows,
                     const DriftRule& rule, const SeasonRule& season);

// The level of one check when `alarms` false alarms are tolerated in `per`, with a check each `every` over windows of
// `window` (zero: unknown). Checks whose windows overlap are not independent: more than four checks a window count as
// four. Throws std::logic_error for fewer than one alarm, or where `per` or `every` is not positive. 1 - (1 -
// 1/L)^alarms for L looks in `per`; at most 0.5.
double level_of_check(int alarms, Duration per, Duration every, Duration window);

}  // namespace retraind::stats
