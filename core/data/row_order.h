#pragma once
// Puts the rows of a table into another order. Pure.

#include <cstdint>
#include <vector>

#include "core/data/table.h"

namespace retraind::data {

// Row order[i] goes to place i; `order` is a permutation of all rows. One column after the other, so that memory for
// one more column is all it takes.
void reorder_rows(Table& table, const std::vector<std::uint32_t>& order);

}  // namespace retraind::data
