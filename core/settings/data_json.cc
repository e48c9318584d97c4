#include "core/settings/data_json.h"

#include <boost/json.hpp>

#include "core/settings/json_values.h"

namespace retraind::settings {
namespace {

namespace json = boost::json;

json::object rule(const ColumnRule& value) {
  return {{"type", optional_text(value.type)},
          {"max_null_share", optional_value(value.max_null_share)},
          {"min", optional_value(value.min)},
          {"max", optional_value(value.max)},
          {"allowed", value.allowed ? json::value(texts(*value.allowed)) : json::value(nullptr)}};
}

void read_columns(JsonReader& reader, std::map<std::string, ColumnRule>& out) {
  auto columns = reader.below("columns");
  if (!columns) return;
  for (const auto& pair : reader.ask("columns")->get_object()) {
    auto rule = columns->below(pair.key());
    if (!rule) columns->reject(pair.key(), "an object");
    ColumnRule& slot = out[std::string(pair.key())];
    rule->read("type", slot.type);
    rule->read("max_null_share", slot.max_null_share);
    rule->read("min", slot.min);
    rule->read("max", slot.max);
    if (rule->ask("allowed") != nullptr) rule->read("allowed", slot.allowed.emplace());
    rule->finish();
  }
}

// false and not null, which would be the default.
void read_leakage(JsonReader& reader, std::optional<double>& out) {
  const json::value* value = reader.ask("leakage");
  if (value == nullptr) return;
  if (value->is_bool() && !value->get_bool()) {
    out.reset();
  } else {
    reader.read("leakage", out);
  }
}

}  // namespace

json::object data_json(const DataRules& value) {
  json::object columns;
  for (const auto& [name, one] : value.columns) columns[name] = rule(one);
  return {{"schema", text(to_text(value.schema))},
          {"on_break", text(to_text(value.on_break))},
          {"columns", std::move(columns)},
          {"min_rows", optional_value(value.min_rows)},
          {"max_age", duration(value.max_age)},
          {"max_row_change", optional_value(value.max_row_change)},
          {"null_tolerance", value.null_tolerance},
          {"unique", texts(value.unique)},
          {"max_duplicates", optional_value(value.max_duplicates)},
          {"leakage", value.leakage ? json::value(*value.leakage) : json::value(false)}};
}

json::object scoring_json(const Scoring& value) {
  return {{"into", text(value.into)},
          {"key", texts(value.key)},
          {"source", text(value.source)},
          {"query", text(value.query)},
          {"every", duration(value.every)},
          {"batch_rows", value.batch_rows},
          {"late_rows", duration(value.late_rows)}};
}

void read_data(JsonReader& reader, DataRules& out) {
  reader.word("schema", out.schema);
  reader.word("on_break", out.on_break);
  read_columns(reader, out.columns);
  reader.read("min_rows", out.min_rows);
  reader.read("max_age", out.max_age);
  reader.read("max_row_change", out.max_row_change);
  reader.read("null_tolerance", out.null_tolerance);
  reader.read("unique", out.unique);
  reader.read("max_duplicates", out.max_duplicates);
  read_leakage(reader, out.leakage);
  reader.finish();
}

void read_scoring(JsonReader& reader, Scoring& out) {
  reader.read("into", out.into);
  reader.read("key", out.key);
  reader.read("source", out.source);
  reader.read("query", out.query);
  reader.read("every", out.every);
  reader.read("batch_rows", out.batch_rows);
  reader.read("late_rows", out.late_rows);
  reader.finish();
}

}  // namespace retraind::settings
