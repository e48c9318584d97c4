#pragma once
// The time blocks that a version's rows are counted in. Blocks are cut at multiples of one length, so that whoever
// counts the same rows fills the same blocks, and the profile of a window is the sum of its blocks. Pure values.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/stats/profile.h"

namespace retraind::stats {

// Block i holds the event times in [i * length, (i + 1) * length).
struct BlockGrid {
  double length = 3600e6;  // microseconds, or the unit of a number axis; > 0

  // Throws std::logic_error for a time that is not finite or 2^53 blocks away from 0 and more.
  std::int64_t index_of(EventTime time) const;
  EventTime begin_of(std::int64_t index) const { return static_cast<double>(index) * length; }

  bool operator==(const BlockGrid&) const = default;
};

inline constexpr std::int64_t kMostReferenceBlocks = 1000;

// The grid of a version trained on rows in [from, to]: the shortest handy length that cuts them into at most
// kMostReferenceBlocks. Instants: 1 min, 10 min, 1 h, 6 h, 1 d, 7 d, 28 d and then as many days as it takes;
// numbers: 1, 2 or 5 times a power of ten. from = to gives 1 min or 1. Blocks are longer where that many of them would
// lie between 0 and the data that doubles could not count them. Throws std::logic_error when from > to or either is not
// finite.
BlockGrid grid_for(TimeAxis axis, EventTime from, EventTime to);

struct ProfileBlock {
  std::int64_t index = 0;
  std::vector<ColumnProfile> columns;  // of the reference's cells, in its order
};

// The sum of the blocks; empty profiles on the cells of `like` when there are none.
std::vector<ColumnProfile> sum_of(std::span<const ProfileBlock> blocks, std::span<const ColumnProfile> like);

// The counts of one block without its cells, for the registry: compact, and the same counts give the same bytes. Counts
// may be large, most are zero. Throws DataError for a column of more than 2^63 - 1 rows.
std::string pack_counts(std::span<const ColumnProfile> columns);
// Reads what pack_counts wrote for profiles on the cells of `like`. Throws DataError for anything else.
std::vector<ColumnProfile> unpack_counts(std::string_view bytes, std::span<const ColumnProfile> like);

}  // namespace retraind::stats
