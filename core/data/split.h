#pragma once
// Cuts a table in two: a part to train on, and a part to judge on that the trainer never sees. The second is the newest
// rows, or all rows of some entities. Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/data/table.h"
#include "core/settings/settings.h"

namespace retraind::data {

// Half-open row ranges of a table: of a canonical one, cut in time, where rows of one event time never stand on both
// sides; or of one that split_by_entity has put in order, where rows of one entity never do.
struct Split {
  std::size_t train_begin = 0;
  std::size_t train_end = 0;
  std::size_t holdout_begin = 0;  // >= train_end: the rows between them are on neither side (embargo)
  std::size_t holdout_end = 0;
  EventTime trained_from = 0;  // event times of the first and the last training row
  EventTime trained_to = 0;
};

// `holdout` is the newest share of the rows (rounded to whole event times, at least one row) or, on the instant axis,
// everything newer than the newest row minus a duration. Rows less than `embargo` (>= 0) older than the first holdout
// row are on neither side; one exactly so much older is trained on. The holdout is the same with any embargo. Throws
// DataError when the table is empty, when either side would be empty, or when a duration is used on the number axis.
Split split_by_time(const Table& table, const settings::Holdout& holdout, Duration embargo = Duration::zero());

// Holds entities out as a whole: those whose hash falls into the share (the holdout's; the same entities in every run,
// whatever else is in the table: is_held_out in data/entity.h) are the holdout, all others are trained on. The share is
// one of entities, so that a few large ones can make it another share of the rows. `table` comes in canonical order and
// is reordered: the training rows first, each part in canonical order. Throws DataError when there is no row, when the
// table has no entity column, when the holdout is a duration, and when either side would be empty; the table is then as
// it was.
Split split_by_entity(Table& table, const settings::Holdout& holdout);

// The first holdout row that a model trained on rows up to and including `trained_to` has not seen, whatever its
// entities: the first row of the holdout with an event time > trained_to, at most split.holdout_end. nullopt trained_to
// (no production model) gives split.holdout_begin.
std::size_t first_fresh_row(const Table& table, const Split& split, std::optional<EventTime> trained_to);

// A table's rows to slice by: texts of the column's values, the most frequent `levels` of [begin, end), most frequent
// first (ties bytewise); rows of other levels and missing values (NULL, NaN) are -1. Booleans are "false" and "true",
// numbers as spell_number writes them; they are a model's 4-byte floats, so that integers beyond 2^24 may fall together
// (a cast to text in the query keeps them apart). std::nullopt when `column` is neither a feature of the table nor one
// of its slice columns; its label and its event time are neither.
struct Slicing {
  std::vector<std::string> levels;
  std::vector<std::int32_t> values;  // one for each row of [begin, end)
};
std::optional<Slicing> slice_rows(const Table& table, std::size_t begin, std::size_t end, const std::string& column,
                                  std::size_t levels);

// One cluster number for each row of [begin, end), numbered from 0 in order of first appearance. ClusterAuto takes the
// entities where the table has them, since what one customer does is alike on all days; else days, or on the number
// axis ceil(sqrt(n)) neighbouring rows. Days and other durations cut the instant axis at multiples since 1970 UTC.
// Throws DataError for a duration on the number axis and for a column that the table does not carry.
std::vector<std::uint32_t> cluster_rows(const Table& table, std::size_t begin, std::size_t end,
                                        const settings::Cluster& cluster);

}  // namespace retraind::data
