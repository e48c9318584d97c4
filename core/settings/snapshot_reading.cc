#include <fmt/format.h>

#include <boost/json.hpp>

#include "core/settings/canonical_json.h"
#include "core/settings/forms.h"
#include "core/settings/json_reader.h"
#include "core/settings/snapshot.h"
#include "core/settings/trigger_json.h"

namespace retraind::settings {
namespace {

namespace json = boost::json;

json::object parse_object(std::string_view text) {
  json::value value = parse_json(text);
  if (!value.is_object()) throw DataError("model snapshot: not a JSON object");
  return std::move(value.get_object());
}

std::optional<JsonReader> object_below(JsonReader& reader, std::string_view key) {
  const json::value* value = reader.ask(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_object()) reader.reject(key, "an object");
  return JsonReader(value->get_object(), reader.full(key));
}

void read_holdout(JsonReader& reader, Holdout& out) {
  const json::value* value = reader.ask("holdout");
  if (value == nullptr) return;
  if (value->is_number()) {
    out = HoldoutShare{value->to_number<double>()};
  } else {
    reader.form("holdout", out, parse_holdout);
  }
}

void read_cluster(JsonReader& reader, Cluster& out) {
  const json::value* value = reader.ask("cluster");
  if (value == nullptr) return;
  if (!value->is_object()) return reader.form("cluster", out, parse_cluster);
  JsonReader column = *object_below(reader, "cluster");
  column.require("column");
  ClusterColumn found;
  column.read("column", found.column);
  column.finish();
  out = std::move(found);
}

void read_params(JsonReader& reader, std::map<std::string, Parameter>& out) {
  const json::value* value = reader.ask("params");
  if (value == nullptr) return;
  if (!value->is_object()) reader.reject("params", "an object");
  for (const auto& pair : value->get_object()) {
    const json::value& param = pair.value();
    Parameter& slot = out[std::string(pair.key())];
    if (param.is_bool()) {
      slot = param.get_bool();
    } else if (param.is_int64()) {
      slot = param.get_int64();
    } else if (param.is_double()) {
      slot = param.get_double();
    } else if (param.is_string()) {
      slot = std::string(param.get_string());
    } else {
      reader.reject("params", "an object of strings, numbers and booleans");
    }
  }
}

void read_training(JsonReader& reader, Training& out) {
  reader.read("trainer", out.trainer);
  reader.form("window", out.window, parse_window);
  read_holdout(reader, out.holdout);
  reader.read("min_rows", out.min_rows);
  reader.read("rounds", out.rounds);
  read_params(reader, out.params);
  reader.read("seed", out.seed);
  reader.read("timeout", out.timeout);
  reader.read("memory_limit_bytes", out.memory_limit_bytes);
  reader.read("threads", out.threads);
  reader.read("max_attempts", out.max_attempts);
  reader.finish();
}

void read_validation(JsonReader& reader, Validation& out) {
  reader.word("metric", out.metric);
  reader.word("rule", out.rule);
  reader.read("margin", out.margin);
  reader.read("confidence", out.confidence);
  reader.read("min_holdout_rows", out.min_holdout_rows);
  read_cluster(reader, out.cluster);
  reader.word("promotion", out.promotion);
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

void read_triggers(JsonReader& reader, std::vector<Trigger>& out) {
  const json::value* value = reader.ask("triggers");
  if (value == nullptr) return;
  if (!value->is_array()) reader.reject("triggers", "an array");
  for (std::size_t i = 0; i < value->get_array().size(); ++i) {
    const json::value& element = value->get_array()[i];
    if (!element.is_object()) reader.reject("triggers", "an array of objects");
    JsonReader trigger(element.get_object(), fmt::format("triggers[{}]", i));
    out.push_back(read_trigger(trigger));
  }
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
  if (reader.ask("positive") != nullptr) reader.read("positive", out.positive.emplace());
  reader.read("features", out.features);
  reader.word("anchor", out.anchor);
  reader.read("label_delay", out.label_delay);
  reader.read("late_rows", out.late_rows);
  reader.read("late_labels", out.late_labels);
  out.validation.metric = default_metric(out.task);
  if (auto training = object_below(reader, "training")) read_training(*training, out.training);
  if (auto validation = object_below(reader, "validation")) read_validation(*validation, out.validation);
  read_triggers(reader, out.triggers);
  reader.finish();
  return out;
}

Trigger trigger_from_json(std::string_view text) {
  const json::object object = parse_object(text);
  JsonReader reader(object, "");
  return read_trigger(reader);
}

}  // namespace retraind::settings
