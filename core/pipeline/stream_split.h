#pragma once
// Where the rows of a look are cut into parts that are read side by side. Pure, but for asking `estimate`.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/time.h"
#include "core/source/source.h"
#include "core/stats/block.h"

namespace retraind::pipeline {

// Fewer rows than this a part are read before another connection stands.
inline constexpr std::uint64_t kRowsWorthAStream = 10000;

// The last event time before a block begins that a filter can name: bounds are exclusive below, blocks inclusive.
EventTime just_before_block(const stats::BlockGrid& grid, TimeAxis axis, std::int64_t block);

// Cuts a filter with both bounds into at most `streams` parts that exclude each other and are together the whole,
// ascending, at beginnings of blocks, so that each block belongs to one part. Of about equal numbers of rows as far as
// `estimate` knows, which is asked some ten times for each cut; of equal spans of time where it says the same of all
// times. Fewer parts where there are few rows or blocks. `first` is the first block that is read.
std::vector<source::RowFilter> split_at_blocks(const source::RowFilter& filter, const stats::BlockGrid& grid,
                                               TimeAxis axis, std::int64_t first, std::size_t streams,
                                               const std::function<std::uint64_t(const source::RowFilter&)>& estimate);

}  // namespace retraind::pipeline
