#pragma once
// The rows of a window in memory, by column, in canonical order: by event time, then by row key, so that the same rows
// give the same table whatever order the source returned them in. Owned by one run in one thread.

#include <compare>
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

// Numbers and booleans as 4-byte floats (what gradient boosting trains on). NULL and NaN are NaN, told apart by their
// payloads, which no model looks at: NULL is the default quiet NaN. Infinities and values beyond a float's range stand
// as +-FLT_MAX, which keeps their order.
struct NumberColumn {
  std::vector<float> values;
};

// A number that is stored, as a NumberColumn holds it; never NULL.
float to_float(double value);

// Whether a NaN in a NumberColumn is one that the user stored, and not a NULL. False for other values.
bool is_stored_nan(float value);

// Texts as codes into `levels` (distinct, each in some row, sorted bytewise once the table is finished); -1 is NULL.
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
// as text, in ascending order: a column of numbers by value, spelled as integers ("0", "1") or in the fewest digits
// that read back ("0.5"); booleans "false" before "true"; texts bytewise. NaN is "not known yet": NULL, or for
// regression a NaN that was stored.
struct LabelColumn {
  std::string name;
  std::vector<double> values;
  std::vector<std::string> levels;
};

// What a row holds in the columns of the key together: the first 16 bytes of a SHA-256 of their values, so that no two
// rows have the same one by accident. NULL is a value here, as in SQL's GROUP BY; -0 is 0, and every NaN is one value.
struct UniqueKey {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  auto operator<=>(const UniqueKey&) const = default;
};

struct Table {
  std::size_t rows = 0;
  TimeAxis axis = TimeAxis::instant;
  std::vector<EventTime> event_times;
  std::vector<std::uint64_t> row_keys;  // empty when the rows were not hashed
  LabelColumn label;
  std::vector<Column> features;
  // By the cluster column's value, numbered from 0 in the order of the rows, NULL counting as one value; empty when
  // there is no such column.
  std::vector<std::int64_t> clusters;
  std::vector<double> weights;          // >= 0 and finite; empty: no weight column
  std::vector<std::uint64_t> entities;  // of the entity column's values (data/entity.h); empty: no such column
  std::vector<Column> slices;           // columns that gates slice by and that are no features
  std::vector<UniqueKey> keys;          // empty: no column of the key is read
  // Some whole number or numeric of a key column is 2^53 or beyond, where a double stands for several of them: rows may
  // then seem to have the same key that have not.
  bool vague_keys = false;
};

// A classification label with more levels than this is a DataError, and so is a feature or slice column with more
// distinct texts than that: it would fill the memory before anybody can say that it identifies rows instead of
// describing them.
inline constexpr std::size_t kMaxClasses = 1000;
inline constexpr std::size_t kMaxTableLevels = 1000000;

// Collects batches of the columns named by `roles` (in the order of read_order) into a table.
class TableBuilder : public BatchSink {
 public:
  TableBuilder(const std::vector<SourceColumn>& columns, const Roles& roles, Task task);
  ~TableBuilder() override;
  // Throws DataError for an event time that is NULL, NaN or infinite, an infinite regression label, a classification
  // label that is NaN or infinite, a weight that is NULL, negative or not finite, more than kMaxClasses or
  // kMaxTableLevels levels, or more than 2^31-2 rows. After a throw only the destructor may be called. Either every
  // batch carries row keys or none does; without them rows of one event time stay in the order they came in.
  void consume(const Batch& batch) override;
  // Takes over what another builder of the same columns has collected, as if it had come here after all so far. Throws
  // as consume does; the other is then empty.
  void append(TableBuilder&& later);
  // Sorts into canonical order and hands the table over; the builder is then empty and may collect another. Sorting
  // permutes one column after the other, so that it needs memory for one more column only, and none for rows that came
  // in order.
  Table finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace retraind::data
