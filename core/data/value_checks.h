#pragma once
// The values of one column against its rule. Private to validation. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/data/expectation.h"
#include "core/data/finding.h"
#include "core/data/sql_text.h"
#include "core/data/table.h"
#include "core/settings/settings.h"

namespace retraind::data {

// Rows that break a rule: how many, and the first event times among theirs.
class Offenders {
 public:
  explicit Offenders(const Table& table) : table_(table) {}
  void add(std::size_t row);
  std::uint64_t rows() const { return rows_; }
  std::string where() const;  // ", at 2024-03-01T00:00:00Z, … and others"; empty without a row

 private:
  const Table& table_;
  std::uint64_t rows_ = 0;
  std::vector<EventTime> times_;
  bool others_ = false;
};

std::string percent(double share);          // "12.5 %"
std::string rows_text(std::uint64_t rows);  // "1 row", "12 rows"

// What the three checks have in common. Each gives at most one finding, of a value, with nothing said of whether it
// stops.
struct ValueCheck {
  const Table& table;
  const Column& column;
  const RowQuery& sql;
};

// The share of NULLs, which a stored NaN is not: more than max_null_share; or without one, more than `learned` and
// `tolerance`, and that by 20 rows at least, so that a few rows of a small window are no alarm.
std::optional<Finding> check_nulls(const ValueCheck& what, std::optional<double> max_null_share,
                                   std::optional<double> learned, double tolerance);

// Numbers below min or above max, both held as 4-byte floats as the values are: what equals a bound never breaks it. A
// stored NaN lies outside every range; an infinity stands as the largest float.
std::optional<Finding> check_range(const ValueCheck& what, std::optional<double> min, std::optional<double> max);

// Values that are not among `allowed`: texts by their bytes, booleans as "true" and "false", numbers by their value
// ("1.0" allows 1).
std::optional<Finding> check_allowed(const ValueCheck& what, const std::vector<std::string>& allowed);

}  // namespace retraind::data
