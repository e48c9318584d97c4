#pragma once
// How much each row counts, where a model has a weight column. Pure.

#include <cstddef>
#include <vector>

#include "core/data/table.h"

namespace retraind::data {

// The weights of rows [begin, end), as they came; empty when the table has no weights: all rows count the same.
std::vector<double> row_weights(const Table& table, std::size_t begin, std::size_t end);

// Likewise as the 4-byte floats that a trainer takes. Throws DataError for a weight beyond their range, naming the
// row's event time.
std::vector<float> training_weights(const Table& table, std::size_t begin, std::size_t end);

}  // namespace retraind::data
