#pragma once
// Small digests of the rows a version was made from, kept with it, so that `reproduce` can say what has changed since:
// which columns, and which stretch of time. They do not depend on the order of the rows. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/data/table.h"

namespace retraind::data {

struct ColumnDigest {
  std::string name;         // features, slice columns and the label by name; "(event time)", "(weight)", "(entity)"
  std::string sum;          // 16 hexadecimal digits: the sum over rows, modulo 2^64, of a hash of the value
  std::uint64_t nulls = 0;  // a NaN that was stored is no NULL
};

// Rows with event times in [from, to).
struct BlockDigest {
  EventTime from = 0;
  EventTime to = 0;
  std::uint64_t rows = 0;
  std::string sum;  // of the row keys
};

struct TableDigest {
  std::vector<ColumnDigest> columns;
  // Those with rows in them, in the order of time. All are equally long: 1, 2, 4, 8, … days, a power of two on the
  // number axis, and cut at multiples of that, the shortest that spans all rows in at most 128; so that the blocks of
  // two digests are the same or fit into one another.
  std::vector<BlockDigest> blocks;
};

// Throws std::logic_error for a table without row keys. Empty for an empty table. The numbers of clusters are left out:
// they depend on the order of the rows.
TableDigest digest_of(const Table& table);

// What is different, one sentence each, the most telling first: rows that came or went and when, columns that came or
// went, columns whose values changed, and when the rows are whose values did. Rows that came or went change all sums of
// columns, so that columns are compared only where as many rows stand in every block. The longest lists are cut, and
// say by how much. Empty when nothing is different.
std::vector<std::string> differences(const TableDigest& then, const TableDigest& now, TimeAxis axis);

std::string to_json(const TableDigest& digest);
TableDigest table_digest_from_json(std::string_view json);  // throws DataError

}  // namespace retraind::data
