#pragma once
// Cuts a table in time: an older part to train on, the newest part to judge on. Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/data/table.h"
#include "core/settings/settings.h"

namespace retraind::data {

// Half-open row ranges of a canonical table. Rows of one event time never stand on both sides.
struct Split {
  std::size_t train_begin = 0;
  std::size_t train_end = 0;  // == holdout_begin
  std::size_t holdout_end = 0;
  EventTime trained_from = 0;  // event times of the first and the last training row
  EventTime trained_to = 0;
};

// `holdout` is the newest share of the rows (rounded to whole event times, at least one row) or, on the instant axis,
// everything newer than the newest row minus a duration. Throws DataError when the table is empty, when either side
// would be empty, or when a duration is used on the number axis.
Split split_by_time(const Table& table, const settings::Holdout& holdout);

// Holds entities out as a whole: those whose hash falls into the share (the holdout's; the same entities in every run,
// whatever else is in the table) are the holdout, all others are trained on. Reorders the table: the training rows
// first, each part in canonical order. Throws DataError when the table has no entity column, the holdout is a duration,
// or either side would be empty.
Split split_by_entity(Table& table, const settings::Holdout& holdout);

// The first holdout row that a model trained up to and including `trained_to` has not seen: max(split.train_end, first
// row with event time > trained_to), at most split.holdout_end. nullopt trained_to (no production model) gives
// split.train_end.
std::size_t first_fresh_row(const Table& table, const Split& split, std::optional<EventTime> trained_to);

// A table's rows to slice by: texts of the column's values, the most frequent `levels` of [begin, end) (ties bytewise);
// rows of other levels and missing values are -1. std::nullopt when the table has no such column.
struct Slicing {
  std::vector<std::string> levels;
  std::vector<std::int32_t> values;  // one for each row of [begin, end)
};
std::optional<Slicing> slice_rows(const Table& table, std::size_t begin, std::size_t end, const std::string& column,
                                  std::size_t levels);

// One cluster number for each row of [begin, end), numbered from 0 in order of first appearance. Days and other
// durations cut the instant axis at multiples since 1970 UTC. Throws DataError for a duration on the number axis and
// for a column that the table does not carry.
std::vector<std::uint32_t> cluster_rows(const Table& table, std::size_t begin, std::size_t end,
                                        const settings::Cluster& cluster);

}  // namespace retraind::data
