#pragma once
// Some rows of a query on their way from the wire into a table, a profile, or both: columns of decoded values, at most
// kBatchRows at a time, so that memory is bounded by columns and not by rows. Filled by core/source and read by sinks
// in the same thread; valid only during the call that hands it over.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/data/schema.h"

namespace retraind::data {

inline constexpr std::size_t kBatchRows = 4096;

// One column's values. `nulls[i]` is 1 where the value is NULL; the value beside it is then 0 or empty. Numbers,
// booleans (0, 1) and instants (microseconds since 1970 UTC; +-infinity for PostgreSQL's own infinities) stand in
// `numbers`, where a NaN is a NaN the user stored; categories in `texts`, UTF-8, pointing into memory the batch owns.
struct BatchColumn {
  ValueType type = ValueType::number;
  std::vector<std::uint8_t> nulls;
  std::vector<double> numbers;
  std::vector<std::string_view> texts;
};

struct Batch {
  std::size_t rows = 0;
  std::vector<BatchColumn> columns;     // parallel to the columns read
  std::vector<std::uint64_t> row_keys;  // from RowSetHash::add; empty when the rows are not hashed
};

class BatchSink {
 public:
  virtual ~BatchSink() = default;
  // May throw DataError to stop the extraction.
  virtual void consume(const Batch& batch) = 0;
};

}  // namespace retraind::data
