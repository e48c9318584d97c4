#include "core/data/table_builder.h"

#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/data/row_order.h"
#include "core/data/spelling.h"

namespace retraind::data {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

constexpr std::uint32_t kStoredNan = 0x7fc00001;  // a quiet NaN with a payload

Column empty_column(const SourceColumn& column) {
  Column made{column.name, column.sql_type, column.type, NumberColumn{}};
  if (column.type == ValueType::category) made.values = CategoryColumn{};
  return made;
}

void append_values(Column& column, TextDictionary& dictionary, const BatchColumn& values, std::size_t rows) {
  if (auto* numbers = std::get_if<NumberColumn>(&column.values)) {
    const std::size_t begin = numbers->values.size();
    numbers->values.resize(begin + rows);
    float* out = numbers->values.data() + begin;
    for (std::size_t i = 0; i < rows; ++i) {
      out[i] = values.nulls[i] != 0 ? std::numeric_limits<float>::quiet_NaN() : to_float(values.numbers[i]);
    }
    return;
  }
  auto& codes = std::get<CategoryColumn>(column.values).codes;
  const std::size_t begin = codes.size();
  codes.resize(begin + rows);
  std::int32_t* out = codes.data() + begin;
  for (std::size_t i = 0; i < rows; ++i) out[i] = values.nulls[i] != 0 ? -1 : dictionary.code_of(values.texts[i]);
}

// Sorts the levels of the categories.
void finish_columns(std::vector<Column>& columns, std::vector<TextDictionary>& texts) {
  std::vector<std::int32_t> place_of_code;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    auto* column = std::get_if<CategoryColumn>(&columns[i].values);
    if (column == nullptr) continue;
    column->levels = texts[i].take_sorted(place_of_code);
    for (std::int32_t& code : column->codes) {
      if (code >= 0) code = place_of_code[static_cast<std::size_t>(code)];
    }
  }
}

}  // namespace

float to_float(double value) {
  if (std::isnan(value)) return std::bit_cast<float>(kStoredNan);
  if (value > FLT_MAX) return FLT_MAX;
  if (value < -FLT_MAX) return -FLT_MAX;
  return static_cast<float>(value);
}

bool is_stored_nan(float value) {
  return std::bit_cast<std::uint32_t>(value) == kStoredNan;
}

void TableBuilder::Impl::start() {
  table = Table{};
  table.axis = time_axis(columns[0].type);
  table.label.name = columns[1].name;
  for (std::size_t i = 0; i < roles.features.size(); ++i) table.features.push_back(empty_column(columns[2 + i]));
  const std::size_t slices = roles.slices.size();
  const std::size_t first_slice = 2 + roles.features.size() + static_cast<std::size_t>(roles.cluster.has_value()) +
                                  static_cast<std::size_t>(roles.weight.has_value()) +
                                  static_cast<std::size_t>(roles.entity.has_value());
  for (std::size_t i = 0; i < slices; ++i) table.slices.push_back(empty_column(columns[first_slice + i]));
  feature_texts = std::vector<TextDictionary>(roles.features.size());
  slice_texts = std::vector<TextDictionary>(slices);
  label_texts = {};
  label_numbers = {};
  cluster_texts = {};
  cluster_numbers = {};
  ordered = true;
}

void TableBuilder::Impl::check(const Batch& batch) const {
  if (batch.columns.size() != columns.size()) {
    throw std::logic_error("a batch of " + std::to_string(batch.columns.size()) + " columns for a table of " +
                           std::to_string(columns.size()));
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const BatchColumn& column = batch.columns[i];
    const std::size_t values = columns[i].type == ValueType::category ? column.texts.size() : column.numbers.size();
    if (column.type != columns[i].type || values != batch.rows || column.nulls.size() != batch.rows) {
      throw std::logic_error("the batch does not hold " + std::to_string(batch.rows) + " values of the column " +
                             columns[i].name);
    }
  }
  const bool keyed = !batch.row_keys.empty();
  if ((keyed && batch.row_keys.size() != batch.rows) || (table.rows > 0 && keyed == table.row_keys.empty())) {
    throw std::logic_error("some rows have keys and some have none");
  }
  check_room(batch.rows);
}

void TableBuilder::Impl::check_room(std::size_t rows) const {
  if (table.rows + rows > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()) - 1) {
    throw DataError("the window holds more than 2147483646 rows", "shorten the training window");
  }
}

void TableBuilder::Impl::append_times(const Batch& batch) {
  const BatchColumn& times = batch.columns[0];
  const std::string& name = columns[0].name;
  for (std::size_t i = 0; i < batch.rows; ++i) {
    if (times.nulls[i] != 0) {
      throw DataError("the time column \"" + name + "\" is NULL in a row",
                      "leave such rows out of the query: WHERE \"" + name + "\" IS NOT NULL");
    }
    if (!std::isfinite(times.numbers[i])) {
      const char* value = std::isnan(times.numbers[i]) ? "NaN" : times.numbers[i] > 0 ? "infinity" : "-infinity";
      throw DataError("the time column \"" + name + "\" is " + value + " in a row",
                      "leave such rows out of the query, as in WHERE \"" + name + "\" <> '" + value + "'");
    }
    // One zero, so that equal times are equal bytes too.
    const EventTime time = times.numbers[i] == 0 ? 0 : times.numbers[i];
    const bool keyed = !batch.row_keys.empty();
    ordered = ordered && may_follow(time, keyed ? std::optional(batch.row_keys[i]) : std::nullopt);
    table.event_times.push_back(time);
    if (!batch.row_keys.empty()) table.row_keys.push_back(batch.row_keys[i]);
  }
}

void TableBuilder::Impl::append_label(const BatchColumn& column, std::size_t rows) {
  auto& values = table.label.values;
  for (std::size_t i = 0; i < rows; ++i) {
    if (column.nulls[i] != 0) {
      values.push_back(kNan);
    } else if (column.type == ValueType::category) {
      values.push_back(label_texts.code_of(column.texts[i]));
    } else if (task == Task::regression) {
      if (std::isinf(column.numbers[i])) {
        throw DataError("the label \"" + table.label.name + "\" is infinite at " + at(values.size()),
                        "leave such rows out of the query, or make the label NULL there");
      }
      values.push_back(column.numbers[i]);
    } else {
      if (!std::isfinite(column.numbers[i])) {
        throw DataError("the label \"" + table.label.name + "\" is " +
                            (std::isnan(column.numbers[i]) ? "NaN" : "infinite") + " at " + at(values.size()) +
                            ", which is no class",
                        "leave such rows out of the query, or make the label NULL there");
      }
      values.push_back(label_numbers.code_of(column.numbers[i]));
    }
  }
  check_classes();
}

void TableBuilder::Impl::check_classes() const {
  if (label_texts.size() + label_numbers.size() > kMaxClasses) {
    throw DataError("the label \"" + table.label.name + "\" has more than " + std::to_string(kMaxClasses) +
                        " different values, too many for the task " + std::string(to_text(task)),
                    "set task to regression, or group the values in the query");
  }
}

void TableBuilder::Impl::append_feature(std::size_t feature, const BatchColumn& values, std::size_t rows) {
  append_values(table.features[feature], feature_texts[feature], values, rows);
  check_feature(feature);
}

void TableBuilder::Impl::check_feature(std::size_t feature) const {
  if (feature_texts[feature].size() <= kMaxTableLevels) return;
  throw DataError("the feature \"" + table.features[feature].name + "\" has more than " +
                      std::to_string(kMaxTableLevels) + " different texts: it identifies rows and describes nothing",
                  "leave it out of `features`, or group its values in the query");
}

void TableBuilder::Impl::append_slice(std::size_t slice, const BatchColumn& values, std::size_t rows) {
  append_values(table.slices[slice], slice_texts[slice], values, rows);
  check_slice(slice);
}

void TableBuilder::Impl::check_slice(std::size_t slice) const {
  if (slice_texts[slice].size() <= kMaxTableLevels) return;
  throw DataError("the slice column \"" + table.slices[slice].name + "\" has more than " +
                      std::to_string(kMaxTableLevels) + " different texts: it identifies rows and groups nothing",
                  "slice by another column, or group its values in the query");
}

void TableBuilder::Impl::append_clusters(const BatchColumn& column, std::size_t rows) {
  // NULL is a value of its own here, as in SQL's GROUP BY: rows of which nothing is known may well belong together.
  for (std::size_t i = 0; i < rows; ++i) {
    std::int32_t code = -1;
    if (column.nulls[i] == 0) {
      code = column.type == ValueType::category ? cluster_texts.code_of(column.texts[i])
                                                : cluster_numbers.code_of(column.numbers[i]);
    }
    table.clusters.push_back(code);
  }
}

void TableBuilder::Impl::append_weights(const std::string& name, const BatchColumn& column, std::size_t rows) {
  for (std::size_t i = 0; i < rows; ++i) {
    const double weight = column.numbers[i];
    if (column.nulls[i] != 0 || !(weight >= 0) || std::isinf(weight)) {
      const std::string value = column.nulls[i] != 0 ? "NULL" : std::isnan(weight) ? "NaN" : format_number(weight);
      throw DataError("the weight \"" + name + "\" is " + value + " at " + at(table.weights.size()) +
                          "; a weight is a finite number from 0 up",
                      "leave such rows out of the query, or give them a weight there: 0 counts for nothing");
    }
    table.weights.push_back(weight == 0 ? 0 : weight);
  }
}

void TableBuilder::Impl::append_entities(const BatchColumn& column, std::size_t rows) {
  const auto entity_at = [&](std::size_t i) {
    if (column.nulls[i] != 0) return kNullEntity;
    if (column.type == ValueType::category) return entity_hash.of_text(column.texts[i]);
    if (column.type == ValueType::boolean) return entity_hash.of_boolean(column.numbers[i] != 0);
    return entity_hash.of_number(column.numbers[i]);
  };
  for (std::size_t i = 0; i < rows; ++i) table.entities.push_back(entity_at(i));
}

void TableBuilder::Impl::append_keys(const Batch& batch) {
  constexpr double kExact = 0x1p53;
  const auto append_integer = [this](std::uint64_t value) {
    for (int shift = 56; shift >= 0; shift -= 8) key_bytes += static_cast<char>(value >> shift & 0xff);
  };
  for (std::size_t i = 0; i < batch.rows; ++i) {
    // Each value with its kind and length before it, so that no two rows of different values give the same bytes.
    key_bytes.clear();
    for (const std::size_t place : key_places) {
      const BatchColumn& column = batch.columns[place];
      if (column.nulls[i] != 0) {
        key_bytes += 'n';
      } else if (column.type == ValueType::category) {
        key_bytes += 't';
        append_integer(column.texts[i].size());
        key_bytes += column.texts[i];
      } else {
        double value = column.numbers[i] == 0 ? 0 : column.numbers[i];
        if (std::isnan(value)) value = kNan;
        key_bytes += 'v';
        append_integer(std::bit_cast<std::uint64_t>(value));
        const std::string& sql_type = columns[place].sql_type;
        if (column.type == ValueType::number && std::fabs(value) >= kExact && sql_type != "double precision" &&
            sql_type != "real") {
          table.vague_keys = true;
        }
      }
    }
    key_hash.update(key_bytes);
    const Digest digest = key_hash.finish();
    UniqueKey key;
    for (std::size_t b = 0; b < 8; ++b) {
      key.high = key.high << 8 | std::to_integer<std::uint64_t>(digest[b]);
      key.low = key.low << 8 | std::to_integer<std::uint64_t>(digest[8 + b]);
    }
    table.keys.push_back(key);
  }
}

void TableBuilder::Impl::sort_rows() {
  if (ordered) return;
  std::vector<std::uint32_t> order(table.rows);
  std::iota(order.begin(), order.end(), 0U);
  const auto& times = table.event_times;
  const auto& keys = table.row_keys;
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    if (times[a] != times[b]) return times[a] < times[b];
    if (!keys.empty() && keys[a] != keys[b]) return keys[a] < keys[b];
    return a < b;
  });
  reorder_rows(table, order);
}

void TableBuilder::Impl::finish_label() {
  if (task == Task::regression) return;
  std::vector<std::int32_t> place_of_code;
  if (columns[1].type == ValueType::category) {
    table.label.levels = label_texts.take_sorted(place_of_code);
  } else {
    for (const double value : label_numbers.take_sorted(place_of_code)) {
      const bool truth = columns[1].type == ValueType::boolean;
      table.label.levels.push_back(!truth ? spell_number(value) : value != 0 ? "true" : "false");
    }
  }
  for (double& value : table.label.values) {
    if (!std::isnan(value)) value = place_of_code[static_cast<std::size_t>(value)];
  }
}

void TableBuilder::Impl::finish_clusters() {
  // Numbered anew in the order of the rows, which does not depend on the order of arrival.
  constexpr std::int64_t kNone = -1;
  std::vector<std::int64_t> number_of_code(cluster_texts.size() + cluster_numbers.size() + 1, kNone);
  std::int64_t next = 0;
  for (std::int64_t& cluster : table.clusters) {
    std::int64_t& known = number_of_code[static_cast<std::size_t>(cluster + 1)];
    if (known == kNone) known = next++;
    cluster = known;
  }
}

TableBuilder::TableBuilder(const std::vector<SourceColumn>& columns, const Roles& roles, Task task)
    : impl_(std::make_unique<Impl>()) {
  const std::vector<std::size_t> order = read_order(roles);
  for (const std::size_t place : order) impl_->columns.push_back(columns.at(place));
  for (const std::size_t key : roles.keys) {
    impl_->key_places.push_back(static_cast<std::size_t>(std::find(order.begin(), order.end(), key) - order.begin()));
  }
  impl_->roles = roles;
  impl_->task = task;
  if (task == Task::regression && impl_->columns[1].type != ValueType::number) {
    throw std::logic_error("a regression label that is no number");
  }
  if (impl_->columns[1].type == ValueType::instant) throw std::logic_error("a label that is an instant");
  if (roles.weight && columns[*roles.weight].type != ValueType::number) {
    throw std::logic_error("a weight that is no number");
  }
  impl_->start();
}

TableBuilder::~TableBuilder() = default;

void TableBuilder::consume(const Batch& batch) {
  impl_->check(batch);
  impl_->append_times(batch);
  impl_->append_label(batch.columns[1], batch.rows);
  Table& table = impl_->table;
  std::size_t next = 2;
  for (std::size_t i = 0; i < table.features.size(); ++i) {
    impl_->append_feature(i, batch.columns[next++], batch.rows);
  }
  if (impl_->roles.cluster) impl_->append_clusters(batch.columns[next++], batch.rows);
  if (impl_->roles.weight) {
    impl_->append_weights(impl_->columns[next].name, batch.columns[next], batch.rows);
    ++next;
  }
  if (impl_->roles.entity) impl_->append_entities(batch.columns[next++], batch.rows);
  for (std::size_t i = 0; i < table.slices.size(); ++i) {
    impl_->append_slice(i, batch.columns[next++], batch.rows);
  }
  if (!impl_->key_places.empty()) impl_->append_keys(batch);
  impl_->table.rows += batch.rows;
}

Table TableBuilder::finish() {
  impl_->sort_rows();
  impl_->finish_label();
  finish_columns(impl_->table.features, impl_->feature_texts);
  finish_columns(impl_->table.slices, impl_->slice_texts);
  impl_->finish_clusters();
  Table table = std::move(impl_->table);
  impl_->start();
  return table;
}

}  // namespace retraind::data
