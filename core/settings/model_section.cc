#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

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

// A column with a duty of its own, which neither the label nor the time can have. False after a complaint.
bool check_duty(TableReader& reader, std::string_view key, const std::string& column, const Model& model) {
  const bool is_label = column == model.label;
  if (!is_label && column != model.time_column) return true;
  reader.complain(key, fmt::format("\"{}\" is the {} already", printable(column), is_label ? "label" : "time_column"));
  return false;
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

void read_entity(TableReader& reader, const Model& model, bool holdout_is_sure, Training& out) {
  std::string column;
  if (!reader.text("entity", column, "the name of a column")) return;
  check_duty(reader, "entity", column, model);
  if (const auto* length = std::get_if<WindowDuration>(&out.holdout); length != nullptr && holdout_is_sure) {
    reader.complain("holdout",
                    fmt::format("with an entity the holdout is a share of the entities, such as \"20%\", and "
                                "not the newest {}",
                                format_duration(length->length)));
  }
  out.entity = std::move(column);
}

struct OwnParameter {
  std::string_view name;
  std::string_view instead;
};
// Parameters of XGBoost, with their aliases, that retraind sets by itself.
constexpr std::array<OwnParameter, 7> kOwnParameters = {{
    {"seed", "set `seed` in [training] instead"},
    {"random_state", "set `seed` in [training] instead"},
    {"nthread", "set `threads` in [training] instead"},
    {"n_jobs", "set `threads` in [training] instead"},
    {"objective", "it follows from the model's `task`"},
    {"num_class", "it follows from the labels"},
    {"verbosity", "leave it out"},
}};

void read_params(TableReader& reader, Training& out) {
  const Entry* entry = reader.ask("params", "a table of strings, numbers and booleans", "{}");
  if (entry == nullptr) return;
  const auto* table = std::get_if<Node::Table>(&entry->node.value);
  if (table == nullptr) {
    reader.complain("params",
                    fmt::format("expected a table such as {{ max_depth = 6 }}, found {}", describe(entry->node)));
    return;
  }
  for (const Entry& param : *table) {
    const std::string path = fmt::format("{}.params.{}", reader.path(), printable(param.key));
    const auto own = std::find_if(kOwnParameters.begin(), kOwnParameters.end(),
                                  [&param](const OwnParameter& parameter) { return parameter.name == param.key; });
    if (own != kOwnParameters.end()) {
      reader.complain_at(param.place, fmt::format("{}: retraind sets this parameter itself; {}", path, own->instead));
      continue;
    }
    const auto& value = param.node.value;
    if (const auto* boolean = std::get_if<bool>(&value)) {
      out.params[param.key] = *boolean;
    } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      out.params[param.key] = *integer;
    } else if (const auto* real = std::get_if<double>(&value); real != nullptr && std::isfinite(*real)) {
      out.params[param.key] = *real;
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      out.params[param.key] = *text;
    } else {
      reader.complain_at(param.node.place, fmt::format("{}: expected a string, a finite number, or true or false, "
                                                       "found {}",
                                                       path, describe(param.node)));
    }
  }
}

// Combinations that could never produce a verdict. What event times that stand on many rows could still make possible
// is not refused: a split keeps them whole, so a share of a window in rows is no exact number of rows.
void check_window(TableReader& training, const Model& model) {
  const Training& t = model.training;
  const auto* window_length = std::get_if<WindowDuration>(&t.window);
  const auto* holdout_length = std::get_if<WindowDuration>(&t.holdout);
  if (window_length != nullptr && holdout_length != nullptr && holdout_length->length >= window_length->length &&
      !t.entity) {
    training.complain("holdout",
                      fmt::format("a holdout of {} leaves nothing to train on in a window of {}",
                                  format_duration(holdout_length->length), format_duration(window_length->length)));
  }
  const auto* window = std::get_if<WindowRows>(&t.window);
  if (window != nullptr && window->rows < t.min_rows + model.validation.min_holdout_rows) {
    training.complain("window", fmt::format("{} rows never hold the {} training rows of min_rows and the {} holdout "
                                            "rows of [validation] min_holdout_rows",
                                            window->rows, t.min_rows, model.validation.min_holdout_rows));
  }
}

}  // namespace

// Labels are compared as text, so `1` means what `"1"` means. No label in PostgreSQL has a zero character.
bool read_label(TableReader& reader, std::string_view key, std::string& out) {
  constexpr std::string_view kExpected = "a label's value: a string, a number, or true or false";
  const Entry* entry = reader.ask(key, std::string(kExpected), "");
  if (entry == nullptr) return false;
  const auto& value = entry->node.value;
  if (const auto* text = std::get_if<std::string>(&value); text != nullptr && text->find('\0') == std::string::npos) {
    out = *text;
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    out = std::to_string(*integer);
  } else if (const auto* real = std::get_if<double>(&value); real != nullptr && std::isfinite(*real)) {
    out = format_number(*real);
  } else if (const auto* boolean = std::get_if<bool>(&value)) {
    out = *boolean ? "true" : "false";
  } else {
    reader.complain(key, fmt::format("expected {}, found {}", kExpected, describe(entry->node)));
    return false;
  }
  return true;
}

bool read_training(TableReader& reader, const Model& model, Training& out) {
  const Entry* trainer = reader.ask("trainer", "\"xgboost\"", TableReader::quoted(out.trainer));
  if (trainer != nullptr) {
    const auto* text = std::get_if<std::string>(&trainer->node.value);
    if (text != nullptr && *text == "command") {
      reader.complain("trainer", "the command trainer is not in this version of retraind; \"xgboost\" is");
    } else if (text == nullptr || *text != out.trainer) {
      reader.complain("trainer", fmt::format("expected \"xgboost\", found {}", describe(trainer->node)));
    }
  }
  for (const std::string_view key : {"train", "predict"}) {
    reader.refuse(key, "belongs to the command trainer, which is not in this version of retraind");
  }
  const bool window_is_sure = reader.is_sure("window", reader.window("window", out.window));
  const bool holdout_is_sure = reader.is_sure("holdout", reader.holdout("holdout", out.holdout));
  read_entity(reader, model, holdout_is_sure, out);
  const bool rows_are_sure =
      reader.is_sure("min_rows", reader.integer("min_rows", out.min_rows, {1, static_cast<std::int64_t>(kMostRows)}));
  reader.integer("rounds", out.rounds, {1, 100000});
  read_params(reader, out);
  reader.integer("seed", out.seed, {0, INT32_MAX});
  reader.duration("timeout", out.timeout, {std::chrono::seconds(1), kLongest});
  reader.bytes("memory_limit", out.memory_limit_bytes, std::uint64_t{16} << 20);
  reader.integer("threads", out.threads, {1, 256});
  reader.integer("max_attempts", out.max_attempts, {1, 100});
  reader.boolean("refit", out.refit);
  reader.finish();
  return window_is_sure && holdout_is_sure && rows_are_sure;
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
  const bool training_is_sure = !training || read_training(*training, out, out.training);
  out.validation.metric = default_metric(out.task);
  ValidationReading reading{.metric_is_sure = task_is_sure, .rows_are_sure = true};
  if (validation) reading = read_validation(*validation, out, task_is_sure);
  check_label(reader, validation ? &*validation : nullptr, out);
  if (training && training_is_sure && reading.rows_are_sure) check_window(*training, out);
  if (auto release = reader.table("release")) read_release(*release, out.release);
  read_triggers(reader, {{out, task_is_sure, reading.metric_is_sure}, source_uses}, out.triggers);
  reader.finish();
}

}  // namespace retraind::settings
