#include <fmt/format.h>

#include <algorithm>

#include "core/base/text.h"
#include "core/settings/sections.h"
#include "core/settings/trigger_rules.h"

namespace retraind::settings {
namespace {

void read_positive(TableReader& reader, Model& out, bool task_is_sure) {
  std::string label;
  if (!read_label(reader, "positive", label)) return;
  out.positive = std::move(label);
  if (task_is_sure && out.task != Task::binary) {
    reader.complain("positive",
                    fmt::format("only a binary task has a positive label, and this one is {}", to_text(out.task)));
  }
}

// What core/data would refuse at the first run, as far as names alone can tell.
void check_label(TableReader& reader, TableReader* validation, const Model& model) {
  if (model.label.empty()) return;
  const std::string label = TableReader::quoted(printable(model.label));
  if (model.label == model.time_column) reader.complain("label", label + " is the time_column already");
  if (std::find(model.features.begin(), model.features.end(), model.label) != model.features.end()) {
    reader.complain("features", label + " is the label; it cannot be a feature too");
  }
  const auto* cluster = std::get_if<ClusterColumn>(&model.validation.cluster);
  if (validation != nullptr && cluster != nullptr && cluster->column == model.label) {
    validation->complain("cluster", label + " is the label; rows cannot be clustered by it too");
  }
}

void read_weight(TableReader& reader, Model& out) {
  std::string column;
  if (!reader.text("weight", column, "the name of a column")) return;
  if (check_duty(reader, "weight", column, out) &&
      std::find(out.features.begin(), out.features.end(), column) != out.features.end()) {
    reader.complain("weight", fmt::format("\"{}\" is one of the features; a weight says how much a row counts, and is "
                                          "not known when it is predicted",
                                          printable(column)));
  }
  out.weight = std::move(column);
}

}  // namespace

bool check_duty(TableReader& reader, std::string_view key, const std::string& column, const Model& model) {
  const bool is_label = column == model.label;
  if (!is_label && column != model.time_column) return true;
  reader.complain(key, fmt::format("\"{}\" is the {} already", printable(column), is_label ? "label" : "time_column"));
  return false;
}

// No label in PostgreSQL has a zero character.
std::optional<std::string> value_text(const Node& node) {
  if (const auto* text = std::get_if<std::string>(&node.value)) {
    return text->find('\0') == std::string::npos ? std::optional(*text) : std::nullopt;
  }
  if (const auto* integer = std::get_if<std::int64_t>(&node.value)) return std::to_string(*integer);
  if (const auto* boolean = std::get_if<bool>(&node.value)) return *boolean ? "true" : "false";
  const auto real = finite_number(node);
  return real ? std::optional(format_number(*real)) : std::nullopt;
}

bool read_label(TableReader& reader, std::string_view key, std::string& out) {
  constexpr std::string_view kExpected = "a label's value: a string, a number, or true or false";
  const Entry* entry = reader.ask(key, std::string(kExpected), "");
  if (entry == nullptr) return false;
  auto text = value_text(entry->node);
  if (!text) {
    reader.complain(key, fmt::format("expected {}, found {}", kExpected, describe(entry->node)));
    return false;
  }
  out = std::move(*text);
  return true;
}

void read_model(TableReader& reader, Model& out, std::vector<SourceUse>& source_uses) {
  for (const std::string_view key : {"source", "query", "time_column", "label"}) reader.require(key);
  if (reader.text("source", out.source, "the name of a [source.NAME]")) {
    source_uses.push_back({reader.path(), out.source, reader.file(), reader.place_of("source")});
  }
  reader.text("query", out.query, "a SELECT statement");
  reader.text("time_column", out.time_column, "the name of a column");
  reader.text("label", out.label, "the name of a column");
  // After a complaint about the task, what depends on it is not judged by its default.
  const bool task_is_sure = reader.word("task", out.task) || !reader.has("task");
  read_positive(reader, out, task_is_sure);
  reader.texts("features", out.features, "an array of columns' names");
  read_weight(reader, out);
  reader.word("anchor", out.anchor);
  reader.duration("label_delay", out.label_delay);
  reader.duration("late_rows", out.late_rows);
  reader.duration("late_labels", out.late_labels);

  std::optional<TableReader> training = reader.table("training");
  std::optional<TableReader> validation = reader.table("validation");
  // A value that was refused has its default here, which need not fit the others.
  const bool training_is_sure = !training || read_training(*training, {out, task_is_sure}, out.training);
  out.validation.metric = default_metric(out.task);
  ValidationReading reading{.metric_is_sure = task_is_sure, .rows_are_sure = true};
  if (validation) reading = read_validation(*validation, out, task_is_sure);
  check_label(reader, validation ? &*validation : nullptr, out);
  if (training && training_is_sure && reading.rows_are_sure) check_window(*training, out);
  if (auto data = reader.table("data")) read_data(*data, out, training_is_sure, out.data);
  if (auto scoring = reader.table("scoring")) read_scoring(*scoring, out, source_uses, out.scoring);
  if (auto release = reader.table("release")) read_release(*release, out.release);
  read_triggers(reader, {{out, task_is_sure, reading.metric_is_sure}, source_uses}, out.triggers);
  reader.finish();
}

}  // namespace retraind::settings
