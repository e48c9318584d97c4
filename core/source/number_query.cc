#include "core/source/number_query.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "core/base/error.h"
#include "core/source/query_text.h"
#include "core/source/source.h"

namespace retraind::source {
namespace {

class FirstNumber : public data::BatchSink {
 public:
  void consume(const data::Batch& batch) override {
    const data::BatchColumn& column = batch.columns.at(0);
    if (rows == 0 && batch.rows > 0 && column.nulls.at(0) == 0) value = column.numbers.at(0);
    rows += batch.rows;
  }

  std::uint64_t rows = 0;
  std::optional<double> value;
};

}  // namespace

std::optional<double> read_number(const settings::Source& source, const std::string& query,
                                  const std::string& application_name) {
  SourceReader reader(source, application_name);
  // The user's own text first, so that complaints point into it.
  const std::vector<data::SourceColumn> columns = reader.describe(query);
  if (columns.size() != 1) {
    throw DataError(fmt::format("the query of a trigger returns {} columns, and one is expected", columns.size()),
                    "select the one number to look at");
  }
  const data::SourceColumn& column = columns[0];
  if (column.type != data::ValueType::number && column.type != data::ValueType::boolean) {
    throw DataError(fmt::format("column \"{}\" of a trigger's query has type {}, which is no number or boolean",
                                column.name, column.sql_type),
                    "for a point in time, extract(epoch FROM …) is a number");
  }
  settings::Model model;
  // Two rows are enough to know that there are too many.
  model.query = fmt::format("SELECT * FROM (\n{}\n) AS q LIMIT 2", one_statement(query));
  FirstNumber first;
  reader.extract(model, columns, {0}, column, {}, nullptr, {&first});
  if (first.rows > 1) {
    throw DataError("the query of a trigger returns more than one row, and one is expected",
                    "aggregate its rows, or put LIMIT 1 behind an ORDER BY");
  }
  if (!first.value || std::isnan(*first.value)) return std::nullopt;
  if (std::isinf(*first.value)) {
    throw DataError(fmt::format("the query of a trigger returned {}infinity, which no threshold is compared with",
                                *first.value < 0 ? "-" : ""),
                    "leave infinite values out in the query");
  }
  return first.value;
}

}  // namespace retraind::source
