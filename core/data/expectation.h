#pragma once
// What a model's rows looked like when it was first promoted under its present query, and what later ones are held
// against. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/schema.h"
#include "core/data/table.h"

namespace retraind::data {

struct ExpectedColumn {
  std::string name;
  std::string sql_type;
  ValueType type = ValueType::number;
  std::optional<double> null_share;  // of features
};

struct Expectation {
  std::vector<ExpectedColumn> columns;  // those with a duty, in the order of read_order
  // Of the window of the run that was judged last; 0: there was none.
  std::uint64_t last_rows = 0;
};

// What the rows in `table` teach.
Expectation learn_expectation(const std::vector<SourceColumn>& columns, const Roles& roles, const Table& table);

// last_rows is not written: it changes with each run.
std::string to_json(const Expectation& expectation);
Expectation expectation_from_json(std::string_view json);  // throws DataError

// What an expectation depends on beside the source: when this text changes, it is learned anew. SHA-256 in hexadecimal
// of the query, the names of time, label, features, weight and entity columns, and the task.
std::string expectation_key(const settings::Model& model);

}  // namespace retraind::data
