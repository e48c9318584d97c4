#pragma once
// What the tests of the source reader share: a database, a model over it, and a sink that keeps every row.

#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/error.h"
#include "core/source/source.h"
#include "tests/support/test_database.h"

namespace retraind::source {

// NULL, a number (also booleans and instants), or a text.
using Value = std::variant<std::monostate, double, std::string>;

class KeepingSink : public data::BatchSink {
 public:
  void consume(const data::Batch& batch) override {
    batch_sizes.push_back(batch.rows);
    for (std::size_t row = 0; row < batch.rows; ++row) {
      std::vector<Value>& out = rows.emplace_back();
      for (const data::BatchColumn& column : batch.columns) {
        if (column.nulls.at(row) != 0) {
          out.emplace_back();
        } else if (column.type == data::ValueType::category) {
          out.emplace_back(std::string(column.texts.at(row)));
        } else {
          out.emplace_back(column.numbers.at(row));
        }
      }
    }
    keys.insert(keys.end(), batch.row_keys.begin(), batch.row_keys.end());
  }

  std::vector<std::vector<Value>> rows;
  std::vector<std::size_t> batch_sizes;
  std::vector<std::uint64_t> keys;
};

struct Reading {
  std::vector<data::SourceColumn> columns;
  std::vector<std::vector<Value>> rows;
  std::vector<std::size_t> batch_sizes;
  std::vector<std::uint64_t> keys;
  ExtractStats stats;
  std::string data_sha256;  // empty when it was not hashed
};

class SourceTest : public ::testing::Test {
 protected:
  SourceReader reader(Duration timeout = std::chrono::minutes(1)) {
    return SourceReader({.name = "market", .conninfo = database.conninfo(), .statement_timeout = timeout}, "retraind");
  }

  static settings::Model model(std::string query, std::string time_column = "t", std::string label = "y") {
    settings::Model out;
    out.name = "power";
    out.source = "market";
    out.query = std::move(query);
    out.time_column = std::move(time_column);
    out.label = std::move(label);
    return out;
  }

  static data::SourceColumn find(const std::vector<data::SourceColumn>& columns, const std::string& name) {
    for (const data::SourceColumn& column : columns) {
      if (column.name == name) return column;
    }
    throw std::runtime_error("no column " + name);
  }

  // Every column of the query.
  Reading read(const settings::Model& model, const RowFilter& filter = {}, bool hash = false) {
    SourceReader source = reader();
    Reading out;
    out.columns = source.describe(model.query);
    std::vector<std::size_t> all;
    for (std::size_t i = 0; i < out.columns.size(); ++i) all.push_back(i);
    KeepingSink sink;
    RowSetHash row_set;
    out.stats = source.extract(model, out.columns, all, find(out.columns, model.time_column), filter,
                               hash ? &row_set : nullptr, {&sink});
    if (hash) out.data_sha256 = to_hex(row_set.finish("schema"));
    out.rows = std::move(sink.rows);
    out.batch_sizes = std::move(sink.batch_sizes);
    out.keys = std::move(sink.keys);
    return out;
  }

  // One row of one value, next to a time column.
  Value read_value(const std::string& expression) {
    const Reading reading = read(model("SELECT 1 AS t, " + expression + " AS v"));
    return reading.rows.at(0).at(1);
  }

  double read_number(const std::string& expression) { return std::get<double>(read_value(expression)); }

  testing::TestDatabase database;
};

// The message and hint of the error of class E that `action` throws.
template <class E, class Action>
std::string complaint(const Action& action) {
  try {
    action();
  } catch (const E& error) {
    return error.message_with_hint();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another exception: " << error.what();
    return "";
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

}  // namespace retraind::source
