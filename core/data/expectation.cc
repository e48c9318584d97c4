#include "core/data/expectation.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/base/text.h"

namespace retraind::data {
namespace {

namespace json = boost::json;

constexpr ValueType kValueTypes[] = {ValueType::number, ValueType::boolean, ValueType::category, ValueType::instant};

[[noreturn]] void refuse(const std::string& why) {
  throw DataError("the expectation of a model's columns cannot be read: " + why);
}

const json::string& text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(json::string_view(key.data(), key.size()));
  if (value == nullptr || !value->is_string()) refuse("a column has no text as its " + std::string(key));
  return value->get_string();
}

ExpectedColumn column_from(const json::value& value) {
  if (!value.is_object()) refuse("a column is no object");
  const json::object& object = value.get_object();
  ExpectedColumn out;
  out.name = std::string(text_at(object, "name"));
  out.sql_type = std::string(text_at(object, "sql_type"));
  const std::string type(text_at(object, "type"));
  const auto* known = std::find_if(std::begin(kValueTypes), std::end(kValueTypes),
                                   [&](ValueType candidate) { return to_text(candidate) == type; });
  if (known == std::end(kValueTypes)) refuse("there is no type \"" + type + "\"");
  out.type = *known;
  if (object.contains("null_share")) {
    const json::string& text = text_at(object, "null_share");
    double share = -1;
    const char* end = text.data() + text.size();
    const auto [stop, fault] = std::from_chars(text.data(), end, share);
    if (fault != std::errc{} || stop != end || !(share >= 0 && share <= 1)) {
      refuse("\"" + std::string(text) + "\" is no share of NULLs");
    }
    out.null_share = share;
  }
  return out;
}

double null_share(const Column& column) {
  std::size_t rows = 0;
  std::size_t nulls = 0;
  if (const auto* numbers = std::get_if<NumberColumn>(&column.values)) {
    rows = numbers->values.size();
    for (const float value : numbers->values) nulls += std::isnan(value) && !is_stored_nan(value) ? 1 : 0;
  } else {
    const auto& codes = std::get<CategoryColumn>(column.values).codes;
    rows = codes.size();
    nulls = static_cast<std::size_t>(std::count(codes.begin(), codes.end(), -1));
  }
  return rows == 0 ? 0 : static_cast<double>(nulls) / static_cast<double>(rows);
}

}  // namespace

Expectation learn_expectation(const std::vector<SourceColumn>& columns, const Roles& roles, const Table& table) {
  Expectation out;
  std::vector<std::size_t> order = read_order(roles);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto before = order.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(order.begin(), before, order[i]) != before) continue;
    const SourceColumn& column = columns.at(order[i]);
    ExpectedColumn& expected = out.columns.emplace_back();
    expected.name = column.name;
    expected.sql_type = column.sql_type;
    expected.type = column.type;
    const auto feature = std::find_if(table.features.begin(), table.features.end(),
                                      [&](const Column& candidate) { return candidate.name == column.name; });
    if (feature != table.features.end()) expected.null_share = null_share(*feature);
  }
  out.last_rows = table.rows;
  return out;
}

std::string to_json(const Expectation& expectation) {
  json::array columns;
  for (const ExpectedColumn& column : expectation.columns) {
    const std::string_view type = to_text(column.type);
    json::object object{{"name", column.name}, {"sql_type", column.sql_type}, {"type", json::string(type)}};
    if (column.null_share) object["null_share"] = format_number(*column.null_share);
    columns.push_back(std::move(object));
  }
  return json::serialize(json::object{{"columns", std::move(columns)}});
}

Expectation expectation_from_json(std::string_view text) {
  json::error_code error;
  const json::value root = json::parse(json::string_view(text.data(), text.size()), error);
  if (error) refuse("it is no JSON");
  if (!root.is_object()) refuse("it is no object");
  const json::value* columns = root.get_object().if_contains("columns");
  if (columns == nullptr || !columns->is_array()) refuse("it has no list of columns");
  Expectation out;
  for (const json::value& column : columns->get_array()) out.columns.push_back(column_from(column));
  return out;
}

std::string expectation_key(const settings::Model& model) {
  // Each part with its length, so that no two models give the same text. The order of features does not matter.
  std::string text;
  const auto add = [&text](std::string_view part) {
    text += std::to_string(part.size());
    text += ':';
    text += part;
  };
  add(model.query);
  add(model.time_column);
  add(model.label);
  std::vector<std::string> features = model.features;
  std::sort(features.begin(), features.end());
  add(std::to_string(features.size()));
  for (const std::string& feature : features) add(feature);
  // No column and a column without a name are not the same.
  for (const std::optional<std::string>& column : {model.weight, model.training.entity}) {
    add(column ? "1" : "0");
    add(column.value_or(""));
  }
  add(to_text(model.task));
  return to_hex(sha256(text));
}

}  // namespace retraind::data
