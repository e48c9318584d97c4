#include <fmt/format.h>

#include <boost/json.hpp>

#include "core/settings/canonical_json.h"
#include "core/settings/data_json.h"
#include "core/settings/forms.h"
#include "core/settings/json_reader.h"
#include "core/settings/snapshot.h"
#include "core/settings/training_json.h"
#include "core/settings/trigger_json.h"

namespace retraind::settings {
namespace {

namespace json = boost::json;

json::object parse_object(std::string_view text) {
  json::value value = parse_json(text);
  if (!value.is_object()) throw DataError("model snapshot: not a JSON object");
  return std::move(value.get_object());
}

void read_cluster(JsonReader& reader, Cluster& out) {
  const json::value* value = reader.ask("cluster");
  if (value == nullptr) return;
  if (!value->is_object()) return reader.form("cluster", out, parse_cluster);
  JsonReader column = *reader.below("cluster");
  column.require("column");
  ClusterColumn found;
  column.read("column", found.column);
  column.finish();
  out = std::move(found);
}

void read_costs(JsonReader& reader, Costs& out) {
  const json::value* value = reader.ask("costs");
  if (value == nullptr) return;
  constexpr std::string_view kExpected = "an object of objects of numbers that are not negative";
  if (!value->is_object()) reader.reject("costs", kExpected);
  for (const auto& row : value->get_object()) {
    if (!row.value().is_object()) reader.reject("costs", kExpected);
    for (const auto& cell : row.value().get_object()) {
      if (!cell.value().is_number()) reader.reject("costs", kExpected);
      const double cost = cell.value().to_number<double>();
      if (cost < 0) reader.reject("costs", kExpected);
      out[std::string(row.key())][std::string(cell.key())] = cost;
    }
  }
}

Gate read_gate(JsonReader& reader) {
  Gate out;
  for (const std::string_view key : {"name", "metric"}) reader.require(key);
  reader.read("name", out.name);
  reader.word("metric", out.metric);
  reader.read("class", out.of_class);
  reader.read("above", out.above);
  reader.read("below", out.below);
  reader.read("max_drop", out.max_drop);
  reader.read("max_gain", out.max_gain);
  if (auto slices = reader.below("slices")) {
    out.slices.emplace();
    slices->require("column");
    slices->read("column", out.slices->column);
    slices->read("levels", out.slices->levels);
    slices->read("min_rows", out.slices->min_rows);
    slices->finish();
  }
  reader.read("confidence", out.confidence);
  reader.finish();
  if (!out.above && !out.below && !out.max_drop && !out.max_gain) {
    throw DataError(fmt::format("model snapshot: '{}' should be there, or one of below, max_drop and max_gain",
                                reader.full("above")));
  }
  return out;
}

// Each object of an array, if there is one.
template <class Read>
void each_object(JsonReader& reader, std::string_view key, Read read) {
  const json::value* value = reader.ask(key);
  if (value == nullptr) return;
  if (!value->is_array()) reader.reject(key, "an array");
  for (std::size_t i = 0; i < value->get_array().size(); ++i) {
    const json::value& element = value->get_array()[i];
    if (!element.is_object()) reader.reject(key, "an array of objects");
    JsonReader one(element.get_object(), fmt::format("{}[{}]", reader.full(key), i));
    read(one);
  }
}

void read_validation(JsonReader& reader, Validation& out) {
  reader.word("metric", out.metric);
  reader.word("rule", out.rule);
  reader.read("margin", out.margin);
  reader.read("confidence", out.confidence);
  reader.read("min_holdout_rows", out.min_holdout_rows);
  read_cluster(reader, out.cluster);
  reader.word("promotion", out.promotion);
  reader.read("threshold", out.threshold);
  reader.read("quantile", out.quantile);
  read_costs(reader, out.costs);
  reader.read("spend_alpha", out.spend_alpha);
  reader.read("anchor_margin", out.anchor_margin);
  reader.read("detect", out.detect);
  each_object(reader, "gates", [&out](JsonReader& gate) { out.gates.push_back(read_gate(gate)); });
  reader.read("max_holdout_reuse", out.max_holdout_reuse);
  reader.read("max_artifact_bytes", out.max_artifact_bytes);
  reader.read("max_scoring_time", out.max_scoring_time);
  reader.word("schema", out.schema);
  reader.word("broken_production", out.broken_production);
  reader.read("shadow", out.shadow);
  reader.read("bake", out.bake);
  reader.read("bake_tolerance", out.bake_tolerance);
  reader.read("bake_confidence", out.bake_confidence);
  reader.read("trial_every", out.trial_every);
  reader.finish();
}

void read_release(JsonReader& reader, Release& out) {
  reader.read("directory", out.directory);
  reader.read("on_promote", out.on_promote);
  reader.read("webhook", out.webhook);
  reader.read("webhook_secret_file", out.webhook_secret_file);
  reader.read("timeout", out.timeout);
  reader.finish();
}

Trigger read_trigger(JsonReader& reader) {
  Trigger out;
  reader.require("on");
  TriggerKind kind = TriggerKind::pipeline_change;
  reader.word("on", kind);
  out.rule = read_rule(reader, kind);
  out.name = to_text(kind);
  out.backoff = default_backoff(kind);
  reader.read("name", out.name);
  reader.read("enabled", out.enabled);
  reader.read("cooldown", out.cooldown);
  reader.read("max_runs_per_day", out.max_runs_per_day);
  reader.read("backoff", out.backoff);
  reader.read("backoff_max", out.backoff_max);
  reader.finish();
  return out;
}

}  // namespace

Model model_from_json(std::string_view text) {
  const json::object object = parse_object(text);
  JsonReader reader(object, "");
  Model out;
  for (const std::string_view key : {"name", "source", "query", "time_column", "label"}) reader.require(key);
  reader.read("name", out.name);
  reader.read("source", out.source);
  reader.read("query", out.query);
  reader.read("time_column", out.time_column);
  reader.read("label", out.label);
  reader.word("task", out.task);
  reader.read("positive", out.positive);
  reader.read("features", out.features);
  reader.read("weight", out.weight);
  reader.word("anchor", out.anchor);
  reader.read("label_delay", out.label_delay);
  reader.read("late_rows", out.late_rows);
  reader.read("late_labels", out.late_labels);
  out.validation.metric = default_metric(out.task);
  if (auto training = reader.below("training")) read_training(*training, out.training);
  if (auto data = reader.below("data")) read_data(*data, out.data);
  if (auto validation = reader.below("validation")) read_validation(*validation, out.validation);
  if (auto scoring = reader.below("scoring")) read_scoring(*scoring, out.scoring);
  if (auto release = reader.below("release")) read_release(*release, out.release);
  each_object(reader, "triggers", [&out](JsonReader& trigger) { out.triggers.push_back(read_trigger(trigger)); });
  reader.finish();
  return out;
}

Trigger trigger_from_json(std::string_view text) {
  const json::object object = parse_object(text);
  JsonReader reader(object, "");
  return read_trigger(reader);
}

}  // namespace retraind::settings
