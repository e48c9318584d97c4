#include "core/pipeline/column_values.h"

#include <algorithm>
#include <cfloat>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>
#include <stdexcept>

namespace retraind::pipeline {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Rounds to a float, and takes the largest floats for what a table keeps in their place. Without a branch, so that the
// loops over it work on several values at once.
inline double as_models_see(double value) {
  constexpr double kLargest = FLT_MAX;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto rounded = static_cast<double>(static_cast<float>(std::min(std::max(value, -kLargest), kLargest)));
  const double high = value >= kLargest ? kInfinity : rounded;
  return value <= -kLargest ? -kInfinity : high;
}

double number_of(const std::string& level) {
  if (level == "true") return 1;
  if (level == "false") return 0;
  double value = kNan;
  const auto [end, error] = std::from_chars(level.data(), level.data() + level.size(), value);
  if (error != std::errc() || end != level.data() + level.size()) {
    throw std::logic_error("the label \"" + level + "\" is no number");
  }
  return value;
}

template <class T>
std::span<const T> part(std::span<const T> values, std::size_t begin, std::size_t end) {
  return values.subspan(begin, end - begin);
}

}  // namespace

bool any_null(std::span<const std::uint8_t> nulls) {
  return !nulls.empty() && std::memchr(nulls.data(), 1, nulls.size()) != nullptr;
}

ColumnValues values_of(const data::Column& column, std::size_t begin, std::size_t end) {
  ColumnValues out;
  out.nulls.reserve(end - begin);
  if (const auto* numbers = std::get_if<data::NumberColumn>(&column.values)) {
    out.numbers.reserve(end - begin);
    for (std::size_t row = begin; row < end; ++row) {
      const float value = numbers->values[row];
      const bool null = std::isnan(value) && !data::is_stored_nan(value);
      out.nulls.push_back(static_cast<std::uint8_t>(null));
      out.numbers.push_back(null ? 0.0 : as_models_see(static_cast<double>(value)));
    }
    return out;
  }
  out.is_text = true;
  out.texts.reserve(end - begin);
  const auto& categories = std::get<data::CategoryColumn>(column.values);
  for (std::size_t row = begin; row < end; ++row) {
    const std::int32_t code = categories.codes[row];
    out.nulls.push_back(static_cast<std::uint8_t>(code < 0));
    out.texts.push_back(code < 0 ? std::string_view()
                                 : std::string_view(categories.levels[static_cast<std::size_t>(code)]));
  }
  return out;
}

ColumnView view_of(const data::BatchColumn& column, std::size_t begin, std::size_t end, ColumnValues& memory) {
  ColumnView out;
  out.is_text = column.type == data::ValueType::category;
  out.nulls = part(std::span(column.nulls), begin, end);
  if (!any_null(out.nulls)) out.nulls = {};
  if (out.is_text) {
    out.texts = part(std::span(column.texts), begin, end);
    return out;
  }
  memory.numbers.resize(end - begin);
  const double* const in = column.numbers.data() + begin;
  double* const rounded = memory.numbers.data();
  for (std::size_t i = 0; i < end - begin; ++i) rounded[i] = as_models_see(in[i]);
  out.numbers = memory.numbers;
  return out;
}

ColumnView view_of(const data::BatchColumn& column, std::span<const std::uint32_t> rows, ColumnValues& memory) {
  ColumnView out;
  out.is_text = column.type == data::ValueType::category;
  memory.nulls.resize(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) memory.nulls[i] = column.nulls[rows[i]];
  out.nulls = memory.nulls;
  if (!any_null(out.nulls)) out.nulls = {};
  if (out.is_text) {
    memory.texts.resize(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) memory.texts[i] = column.texts[rows[i]];
    out.texts = memory.texts;
  } else {
    memory.numbers.resize(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) memory.numbers[i] = as_models_see(column.numbers[rows[i]]);
    out.numbers = memory.numbers;
  }
  return out;
}

ColumnValues labels_of(const data::LabelColumn& label, data::ValueType type, std::size_t begin, std::size_t end) {
  ColumnValues out;
  out.is_text = type == data::ValueType::category;
  std::vector<double> level_numbers;
  if (!out.is_text) {
    for (const std::string& level : label.levels) level_numbers.push_back(as_models_see(number_of(level)));
  }
  for (std::size_t row = begin; row < end; ++row) {
    const double value = label.values[row];
    if (std::isnan(value)) continue;
    out.nulls.push_back(0);
    if (label.levels.empty()) {
      out.numbers.push_back(as_models_see(value));
    } else if (out.is_text) {
      out.texts.emplace_back(label.levels[static_cast<std::size_t>(value)]);
    } else {
      out.numbers.push_back(level_numbers[static_cast<std::size_t>(value)]);
    }
  }
  return out;
}

std::vector<stats::ColumnProfile> profiles_of(const std::string& name, const ColumnValues& values) {
  if (values.is_text) return stats::profile_text_column(name, values.texts, values.nulls);
  std::vector<stats::ColumnProfile> out;
  out.push_back(stats::profile_numbers(name, values.numbers, values.nulls));
  return out;
}

void count(const ColumnView& values, std::size_t begin, std::size_t end, stats::ColumnProfile& profile) {
  const std::span<const std::uint8_t> nulls = values.nulls.empty() ? values.nulls : part(values.nulls, begin, end);
  if (values.is_text) {
    stats::add_texts(profile, part(values.texts, begin, end), nulls);
  } else {
    stats::add_numbers(profile, part(values.numbers, begin, end), nulls);
  }
}

}  // namespace retraind::pipeline
