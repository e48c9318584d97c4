#pragma once
// The rows of a window in memory, by column, in canonical order: by event time, then by row key, so that the same rows
// give the same table whatever order the source returned them in. Owned by one run in one thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/base/time.h"
#include "core/data/batch.h"
#include "core/data/schema.h"

namespace retraind::data {

// Numbers and booleans as 4-byte floats (what gradient boosting trains on). NULL and NaN are NaN; infinities and values
// beyond a float's range stand as +-FLT_MAX, which keeps their order.
struct NumberColumn {
  std::vector<float> values;
};

// Texts as codes into `levels` (sorted bytewise once the table is finished); -1 is NULL.
struct CategoryColumn {
  std::vector<std::int32_t> codes;
  std::vector<std::string> levels;
};

struct Column {
  std::string name;
  std::string sql_type;
  ValueType type = ValueType::number;
  std::variant<NumberColumn, CategoryColumn> values;
};

// The label as it came. For regression: the value. For binary and multiclass: a code into `levels`, the distinct labels
// as text, in ascending order (as numbers when all are numbers, false before true, else bytewise). NaN is "not known
// yet".
struct LabelColumn {
  std::string name;
  std::vector<double> values;
  std::vector<std::string> levels;
};

struct Table {
  std::size_t rows = 0;
  TimeAxis axis = TimeAxis::instant;
  std::vector<EventTime> event_times;
  std::vector<std::uint64_t> row_keys;
  LabelColumn label;
  std::vector<Column> features;
  std::vector<std::int64_t> clusters;  // by the cluster column's value, numbered from 0; empty when there is none
};

// Collects batches of the columns named by `roles` (in the order time, label, features…, cluster) into a table.
class TableBuilder : public BatchSink {
 public:
  TableBuilder(const std::vector<SourceColumn>& columns, const Roles& roles, Task task);
  ~TableBuilder() override;
  // Throws DataError for an infinite or NULL event time, an infinite regression label, or more than 2^31-2 rows.
  void consume(const Batch& batch) override;
  // Sorts into canonical order and hands the table over; the builder is then empty. Throws DataError for a
  // classification label with more than 1,000 levels.
  Table finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace retraind::data
