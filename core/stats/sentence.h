#pragma once
// What is said to people about a column that was compared. Private to core/stats. Pure.

#include <cstdint>
#include <string>

#include "core/stats/drift.h"

namespace retraind::stats {

// Of a column that was judged.
std::string sentence_of(const ColumnDrift& drift, const ColumnCalibration& calibration, const ColumnProfile& reference,
                        const ColumnProfile& current);
// Of a column with fewer than `needed` rows of use to the method on one side.
std::string sentence_of_too_few(const ColumnDrift& drift, const ColumnProfile& reference, const ColumnProfile& current,
                                std::uint64_t needed);
// Of a column that the method says nothing of.
std::string sentence_of_no_use(const ColumnDrift& drift);
// Of a column whose values all fall into one cell on both sides.
std::string sentence_of_one_cell(const ColumnDrift& drift);

}  // namespace retraind::stats
