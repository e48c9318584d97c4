#pragma once
// The values of one profiled column for some rows, taken alike from a training table and from a batch on its way: as
// models see them (numbers rounded to floats), but with stored NaN, infinities and NULL kept apart. Pure.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/data/batch.h"
#include "core/data/table.h"
#include "core/stats/profile.h"

namespace retraind::pipeline {

struct ColumnValues {
  bool is_text = false;
  std::vector<double> numbers;
  std::vector<std::string_view> texts;
  std::vector<std::uint8_t> nulls;  // parallel

  std::size_t rows() const { return nulls.size(); }
};

// The same where they lie, of whoever owns them. `nulls` may be empty where nothing is NULL.
struct ColumnView {
  bool is_text = false;
  std::span<const double> numbers;
  std::span<const std::string_view> texts;
  std::span<const std::uint8_t> nulls;

  ColumnView() = default;
  // Implicit, as from a vector to a span.
  ColumnView(const ColumnValues& values)
      : is_text(values.is_text), numbers(values.numbers), texts(values.texts), nulls(values.nulls) {}
};

// Whether any of the marks is set.
bool any_null(std::span<const std::uint8_t> nulls);

// Of a training table's feature, rows [begin, end).
ColumnValues values_of(const data::Column& column, std::size_t begin, std::size_t end);
// Rows [begin, end) of a batch's column. What cannot be shown where it lies (numbers, which are rounded) is written
// into `memory`; the view is valid as long as both are.
ColumnView view_of(const data::BatchColumn& column, std::size_t begin, std::size_t end, ColumnValues& memory);
// The rows of the batch's column that are listed, in that order.
ColumnView view_of(const data::BatchColumn& column, std::span<const std::uint32_t> rows, ColumnValues& memory);
// The label of a training table as a batch would show it: `type` is the label column's own. Unknown labels are left
// out.
ColumnValues labels_of(const data::LabelColumn& label, data::ValueType type, std::size_t begin, std::size_t end);

// Reference profiles of a column: one, or two for a text with too many values.
std::vector<stats::ColumnProfile> profiles_of(const std::string& name, const ColumnValues& values);
// Adds rows [begin, end) to the profile.
void count(const ColumnView& values, std::size_t begin, std::size_t end, stats::ColumnProfile& profile);

}  // namespace retraind::pipeline
