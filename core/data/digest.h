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
  std::string name;  // the label and the event time too
  std::string sum;   // 16 hexadecimal digits: the sum over rows of a hash of the value
  std::uint64_t nulls = 0;
};

// Rows of [from, to), to the last one's inclusive end.
struct BlockDigest {
  EventTime from = 0;
  EventTime to = 0;
  std::uint64_t rows = 0;
  std::string sum;  // of the row keys
};

struct TableDigest {
  std::vector<ColumnDigest> columns;
  std::vector<BlockDigest>
      blocks;  // days, or longer stretches so that there are at most 128; equal parts of the number axis
};

// Needs row keys. Empty for an empty table.
TableDigest digest_of(const Table& table);

// What is different, one sentence each, the most telling first: rows that came or went and when, columns whose values
// changed. Empty when nothing is.
std::vector<std::string> differences(const TableDigest& then, const TableDigest& now, TimeAxis axis);

std::string to_json(const TableDigest& digest);
TableDigest table_digest_from_json(std::string_view json);  // throws DataError

}  // namespace retraind::data
