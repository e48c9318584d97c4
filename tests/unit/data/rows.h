#pragma once
// Rows written down in a test, handed over as core/source would: in batches, by column.

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/error.h"
#include "core/data/batch.h"
#include "core/data/schema.h"
#include "core/data/table.h"
#include "core/settings/settings.h"

namespace retraind::data {

struct Null {};
using Value = std::variant<Null, double, std::string>;
using Row = std::vector<Value>;

inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

inline SourceColumn instant(const std::string& name) {
  return {name, "timestamp with time zone", ValueType::instant};
}
inline SourceColumn number(const std::string& name) {
  return {name, "double precision", ValueType::number};
}
inline SourceColumn boolean(const std::string& name) {
  return {name, "boolean", ValueType::boolean};
}
inline SourceColumn category(const std::string& name) {
  return {name, "text", ValueType::category};
}

// A batch and the memory its texts point into.
class OwnedBatch {
 public:
  OwnedBatch(const std::vector<ValueType>& types, const std::vector<Row>& rows,
             const std::vector<std::uint64_t>& keys = {}) {
    batch_.rows = rows.size();
    batch_.row_keys = keys;
    for (std::size_t c = 0; c < types.size(); ++c) {
      BatchColumn column;
      column.type = types[c];
      for (const Row& row : rows) {
        const Value& value = row.at(c);
        column.nulls.push_back(std::holds_alternative<Null>(value) ? 1 : 0);
        if (types[c] == ValueType::category) {
          const auto* text = std::get_if<std::string>(&value);
          texts_.push_back(text != nullptr ? *text : "");
          column.texts.push_back(texts_.back());
        } else {
          const auto* given = std::get_if<double>(&value);
          column.numbers.push_back(given != nullptr ? *given : 0);
        }
      }
      batch_.columns.push_back(std::move(column));
    }
  }
  OwnedBatch(const OwnedBatch&) = delete;
  OwnedBatch& operator=(const OwnedBatch&) = delete;

  const Batch& batch() const { return batch_; }

 private:
  std::deque<std::string> texts_;
  Batch batch_;
};

// Columns that stand in reading order already: time, label, features, and the cluster column last when there is one.
inline Roles roles_in_order(std::size_t columns, bool clustered = false) {
  Roles roles;
  roles.label = 1;
  const std::size_t end = clustered ? columns - 1 : columns;
  for (std::size_t i = 2; i < end; ++i) roles.features.push_back(i);
  if (clustered) roles.cluster = end;
  return roles;
}

struct Build {
  Task task = Task::binary;
  bool clustered = false;
  std::vector<std::uint64_t> keys = {};
  std::size_t batch_rows = 2;
  std::optional<Roles> roles = {};  // instead of roles_in_order; they must be in reading order as well
  std::size_t builders = 1;         // so many collect a part of the rows each, and are appended to one another
};

inline Table build_table(const std::vector<SourceColumn>& columns, const std::vector<Row>& rows,
                         const Build& how = {}) {
  std::vector<ValueType> types;
  for (const SourceColumn& column : columns) types.push_back(column.type);
  const Roles roles = how.roles ? *how.roles : roles_in_order(columns.size(), how.clustered);
  std::deque<TableBuilder> builders;
  for (std::size_t i = 0; i < how.builders; ++i) builders.emplace_back(columns, roles, how.task);
  for (std::size_t begin = 0; begin < rows.size(); begin += how.batch_rows) {
    const std::size_t end = std::min(rows.size(), begin + how.batch_rows);
    const auto part = [&](const auto& all) {
      using List = std::decay_t<decltype(all)>;
      return all.empty() ? List{}
                         : List(all.begin() + static_cast<std::ptrdiff_t>(begin),
                                all.begin() + static_cast<std::ptrdiff_t>(end));
    };
    const OwnedBatch batch(types, part(rows), part(how.keys));
    builders[begin * how.builders / rows.size()].consume(batch.batch());
  }
  for (std::size_t i = 1; i < how.builders; ++i) builders.front().append(std::move(builders[i]));
  return builders.front().finish();
}

// The message of the DataError that `step` throws; fails the test when it throws none.
template <class Step>
std::string complaint_of(Step step) {
  try {
    step();
  } catch (const DataError& error) {
    return error.message_with_hint();
  }
  ADD_FAILURE() << "no DataError was thrown";
  return {};
}

}  // namespace retraind::data
