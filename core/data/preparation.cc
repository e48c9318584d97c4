#include "core/data/preparation.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"

namespace retraind::data {
namespace {

namespace json = boost::json;

// Raised when the meaning of the JSON changes; a version this code does not know is refused.
constexpr std::int64_t kFormat = 1;

// Rows written at a time, so that a block of the row-major matrix stays in the cache while the columns pass over it.
constexpr std::size_t kBlockRows = 256;

void check_range(const Table& table, std::size_t begin, std::size_t end) {
  if (begin > end || end > table.rows) throw std::logic_error("rows that the table does not have");
}

bool is_category(ValueType type) {
  return type == ValueType::category;
}

// The JSON the artifact carries must be readable again, and JSON is UTF-8.
bool is_utf8(const std::string& text) {
  boost::system::error_code error;
  json::parse(json::serialize(json::string(text)), error);
  return !error;
}

std::string listed(const std::vector<std::string>& labels) {
  constexpr std::size_t kShown = 10;
  std::string out;
  for (std::size_t i = 0; i < std::min(labels.size(), kShown); ++i) out += (i > 0 ? ", \"" : "\"") + labels[i] + "\"";
  if (labels.size() > kShown) out += " and " + std::to_string(labels.size() - kShown) + " more";
  return out;
}

// For each of the table's levels its index among `known`, -1 where it is not among them.
std::vector<std::int32_t> map_levels(const std::vector<std::string>& levels, const std::vector<std::string>& known) {
  std::unordered_map<std::string_view, std::int32_t> places;
  for (std::size_t i = 0; i < known.size(); ++i) places.emplace(known[i], static_cast<std::int32_t>(i));
  std::vector<std::int32_t> out;
  out.reserve(levels.size());
  for (const std::string& level : levels) {
    const auto found = places.find(level);
    out.push_back(found == places.end() ? -1 : found->second);
  }
  return out;
}

// Which levels occur in rows [begin, end).
std::vector<std::string> levels_seen(const CategoryColumn& column, std::size_t begin, std::size_t end) {
  std::vector<bool> seen(column.levels.size(), false);
  for (std::size_t i = begin; i < end; ++i) {
    if (column.codes[i] >= 0) seen[static_cast<std::size_t>(column.codes[i])] = true;
  }
  std::vector<std::string> out;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (seen[i]) out.push_back(column.levels[i]);
  }
  return out;
}

bool all_missing(const Column& column, std::size_t begin, std::size_t end) {
  if (const auto* numbers = std::get_if<NumberColumn>(&column.values)) {
    return std::all_of(numbers->values.begin() + static_cast<std::ptrdiff_t>(begin),
                       numbers->values.begin() + static_cast<std::ptrdiff_t>(end),
                       [](float v) { return std::isnan(v); });
  }
  const auto& codes = std::get<CategoryColumn>(column.values).codes;
  return std::all_of(codes.begin() + static_cast<std::ptrdiff_t>(begin),
                     codes.begin() + static_cast<std::ptrdiff_t>(end), [](std::int32_t code) { return code < 0; });
}

PreparedFeature fit_feature(const Column& column, std::size_t begin, std::size_t end) {
  PreparedFeature feature{column.name, column.type, column.sql_type, {}};
  if (const auto* categories = std::get_if<CategoryColumn>(&column.values)) {
    feature.levels = levels_seen(*categories, begin, end);
    if (feature.levels.size() > kMaxLevels) {
      throw DataError("the feature \"" + column.name + "\" has " + std::to_string(feature.levels.size()) +
                          " different texts in " + std::to_string(end - begin) + " training rows, more than " +
                          std::to_string(kMaxLevels) + ": it identifies rows and describes nothing",
                      "leave it out of `features`, or group its values in the query");
    }
    for (const std::string& level : feature.levels) {
      if (!is_utf8(level)) throw DataError("a text of the feature \"" + column.name + "\" is not valid UTF-8");
    }
  }
  return feature;
}

void check_regression_label(const LabelColumn& label, std::size_t begin, std::size_t end) {
  std::optional<double> first;
  for (std::size_t i = begin; i < end; ++i) {
    const double value = label.values[i];
    if (std::isnan(value)) continue;
    if (first && value != *first) return;
    first = value;
  }
  const std::string rows = std::to_string(end - begin) + " training rows";
  if (!first) throw DataError("the label \"" + label.name + "\" is NULL in all " + rows);
  throw DataError("the label \"" + label.name + "\" is " + format_number(*first) + " in all " + rows +
                      ": there is nothing to learn",
                  "widen the training window");
}

std::vector<std::string> fit_classes(const LabelColumn& label, std::size_t begin, std::size_t end,
                                     const settings::Model& model) {
  std::vector<bool> seen(label.levels.size(), false);
  for (std::size_t i = begin; i < end; ++i) {
    if (!std::isnan(label.values[i])) seen.at(static_cast<std::size_t>(label.values[i])) = true;
  }
  std::vector<std::string> classes;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (seen[i]) classes.push_back(label.levels[i]);
  }
  const std::string rows = std::to_string(end - begin) + " training rows";
  if (classes.empty()) throw DataError("the label \"" + label.name + "\" is NULL in all " + rows);
  if (classes.size() == 1) {
    throw DataError(
        "the label \"" + label.name + "\" is \"" + classes[0] + "\" in all " + rows + ": there is nothing to learn",
        "widen the training window");
  }
  for (const std::string& name : classes) {
    if (!is_utf8(name)) throw DataError("a value of the label \"" + label.name + "\" is not valid UTF-8");
  }
  if (model.task != Task::binary) return classes;

  if (classes.size() > 2) {
    throw DataError("the label \"" + label.name + "\" has " + std::to_string(classes.size()) + " values in " + rows +
                        ", and the task binary needs exactly 2: " + listed(classes),
                    "set task to multiclass or regression, or compute a yes or no in the query");
  }
  if (model.positive) {
    const auto place = std::find(classes.begin(), classes.end(), *model.positive);
    if (place == classes.end()) {
      throw DataError("positive is \"" + *model.positive + "\", but the label \"" + label.name + "\" is " +
                          listed({classes[0]}) + " or " + listed({classes[1]}),
                      "set positive to one of the two");
    }
    if (place == classes.begin()) std::swap(classes[0], classes[1]);
  }
  return classes;
}

[[noreturn]] void refuse(const std::string& why) {
  throw DataError("the preparation inside the artifact cannot be read: " + why,
                  "the artifact is damaged, or was written by another version of retraind");
}

std::string text_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) refuse("no text \"" + std::string(key) + "\"");
  return std::string(value->get_string());
}

std::vector<std::string> texts_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr || !value->is_array()) refuse("no list \"" + std::string(key) + "\"");
  std::vector<std::string> out;
  for (const auto& element : value->get_array()) {
    if (!element.is_string()) refuse("\"" + std::string(key) + "\" holds something that is no text");
    out.emplace_back(element.get_string());
  }
  return out;
}

ValueType feature_type(const std::string& text) {
  for (const ValueType type : {ValueType::number, ValueType::boolean, ValueType::category}) {
    if (text == to_text(type)) return type;
  }
  refuse("no feature is of the type \"" + text + "\"");
}

PreparedFeature feature_from(const json::value& value) {
  if (!value.is_object()) refuse("a feature that is no object");
  const json::object& object = value.get_object();
  PreparedFeature feature{text_at(object, "name"), feature_type(text_at(object, "type")), text_at(object, "sql_type"),
                          texts_at(object, "levels")};
  if (!is_category(feature.type) && !feature.levels.empty()) refuse("levels of a feature that is no category");
  for (std::size_t i = 1; i < feature.levels.size(); ++i) {
    if (!(feature.levels[i - 1] < feature.levels[i])) refuse("levels out of order");
  }
  return feature;
}

json::array texts(const std::vector<std::string>& values) {
  json::array out;
  out.reserve(values.size());
  for (const std::string& value : values) out.emplace_back(value);
  return out;
}

}  // namespace

Preparation Preparation::fit(const Table& table, std::size_t begin, std::size_t end, const settings::Model& model,
                             std::vector<std::string>& warnings) {
  check_range(table, begin, end);
  if (begin == end) throw DataError("there is no training row", "wait for labelled rows, or widen the training window");

  Preparation made;
  made.task_ = model.task;
  if (model.task == Task::regression) {
    if (!table.label.levels.empty()) throw std::logic_error("a regression on a label that is made of levels");
    check_regression_label(table.label, begin, end);
  } else {
    made.classes_ = fit_classes(table.label, begin, end, model);
  }

  // The table may carry further columns that only another model needs, to be judged on the same rows.
  const std::set<std::string_view> chosen(model.features.begin(), model.features.end());
  std::vector<std::string> missing;
  for (const Column& column : table.features) {
    if (!chosen.empty() && !chosen.contains(column.name)) continue;
    made.features_.push_back(fit_feature(column, begin, end));
    if (all_missing(column, begin, end)) missing.push_back(column.name);
  }
  if (missing.size() == made.features_.size()) {
    throw DataError("every feature is NULL in all " + std::to_string(end - begin) + " training rows",
                    "check the joins of the query");
  }
  for (const std::string& name : missing) {
    warnings.push_back("the feature \"" + name + "\" is NULL in all " + std::to_string(end - begin) + " training rows");
  }
  return made;
}

Matrix Preparation::apply(const Table& table, std::size_t begin, std::size_t end) const {
  check_range(table, begin, end);

  struct Source {
    const float* numbers = nullptr;
    const std::int32_t* codes = nullptr;
    std::vector<float> value_of_code;
  };
  constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();
  std::unordered_map<std::string_view, const Column*> by_name;
  for (const Column& column : table.features) by_name.emplace(column.name, &column);

  std::vector<Source> sources;
  for (const PreparedFeature& feature : features_) {
    const auto found = by_name.find(feature.name);
    if (found == by_name.end()) {
      throw DataError("the model was trained with the feature \"" + feature.name + "\", a " +
                      std::string(to_text(feature.type)) + " (" + feature.sql_type + "), which the rows do not have");
    }
    const Column& column = *found->second;
    if (is_category(column.type) != is_category(feature.type)) {
      throw DataError("the feature \"" + feature.name + "\" was a " + std::string(to_text(feature.type)) + " (" +
                          feature.sql_type + ") in training and is a " + std::string(to_text(column.type)) + " (" +
                          column.sql_type + ") now",
                      "cast it back in the query");
    }
    Source source;
    if (const auto* numbers = std::get_if<NumberColumn>(&column.values)) {
      source.numbers = numbers->values.data();
    } else {
      const auto& categories = std::get<CategoryColumn>(column.values);
      source.codes = categories.codes.data();
      for (const std::int32_t place : map_levels(categories.levels, feature.levels)) {
        source.value_of_code.push_back(place < 0 ? kMissing : static_cast<float>(place));
      }
    }
    sources.push_back(std::move(source));
  }

  Matrix matrix{end - begin, features_.size(), {}};
  matrix.values.resize(matrix.rows * matrix.columns);
  for (std::size_t block = begin; block < end; block += kBlockRows) {
    const std::size_t block_end = std::min(end, block + kBlockRows);
    for (std::size_t column = 0; column < sources.size(); ++column) {
      const Source& source = sources[column];
      float* out = matrix.values.data() + (block - begin) * matrix.columns + column;
      for (std::size_t row = block; row < block_end; ++row, out += matrix.columns) {
        if (source.numbers != nullptr) {
          *out = source.numbers[row];
        } else {
          const std::int32_t code = source.codes[row];
          *out = code < 0 ? kMissing : source.value_of_code[static_cast<std::size_t>(code)];
        }
      }
    }
  }
  return matrix;
}

std::vector<double> Preparation::labels(const Table& table, std::size_t begin, std::size_t end) const {
  check_range(table, begin, end);
  const auto& values = table.label.values;
  std::vector<double> out(values.begin() + static_cast<std::ptrdiff_t>(begin),
                          values.begin() + static_cast<std::ptrdiff_t>(end));
  if (task_ == Task::regression) {
    if (!table.label.levels.empty()) throw std::logic_error("a regression on a label that is made of levels");
    return out;
  }
  const std::vector<std::int32_t> class_of_code = map_levels(table.label.levels, classes_);
  for (double& value : out) {
    if (!std::isnan(value)) value = class_of_code.at(static_cast<std::size_t>(value));
  }
  return out;
}

std::string Preparation::to_json() const {
  json::array features;
  for (const PreparedFeature& feature : features_) {
    features.push_back(json::object{{"levels", texts(feature.levels)},
                                    {"name", feature.name},
                                    {"sql_type", feature.sql_type},
                                    {"type", to_text(feature.type)}});
  }
  return json::serialize(json::object{
      {"classes", texts(classes_)}, {"features", std::move(features)}, {"format", kFormat}, {"task", to_text(task_)}});
}

Preparation Preparation::from_json(std::string_view text) {
  boost::system::error_code error;
  const json::value root = json::parse(json::string_view(text.data(), text.size()), error);
  if (error) refuse(error.message());
  if (!root.is_object()) refuse("it is no JSON object");
  const json::object& object = root.get_object();
  const auto* format = object.if_contains("format");
  if (format == nullptr || !format->is_int64()) refuse("no format number");
  if (format->get_int64() != kFormat) refuse("its format is " + std::to_string(format->get_int64()) + ", not 1");

  Preparation made;
  const auto task = parse<Task>(text_at(object, "task"));
  if (!task) refuse("no task is called \"" + text_at(object, "task") + "\"");
  made.task_ = *task;
  made.classes_ = texts_at(object, "classes");
  const std::size_t classes = made.classes_.size();
  const bool fits = *task == Task::regression ? classes == 0 : *task == Task::binary ? classes == 2 : classes >= 2;
  if (!fits) refuse(std::to_string(classes) + " classes do not fit the task " + std::string(to_text(*task)));
  if (std::set<std::string>(made.classes_.begin(), made.classes_.end()).size() != classes) refuse("a class twice");

  const auto* features = object.if_contains("features");
  if (features == nullptr || !features->is_array() || features->get_array().empty()) refuse("no features");
  std::set<std::string> names;
  for (const json::value& value : features->get_array()) {
    made.features_.push_back(feature_from(value));
    if (!names.insert(made.features_.back().name).second) refuse("a feature twice");
  }
  // One spelling only, so that equal preparations have equal bytes, and nothing beside what is known goes unnoticed.
  if (made.to_json() != text) refuse("it is not in canonical form");
  return made;
}

}  // namespace retraind::data
