#include "core/settings/snapshot.h"

#include <boost/json.hpp>

#include "core/base/sha256.h"
#include "core/settings/canonical_json.h"
#include "core/settings/data_json.h"
#include "core/settings/forms.h"
#include "core/settings/json_values.h"
#include "core/settings/training_json.h"
#include "core/settings/trigger_json.h"

namespace retraind::settings {
namespace {

namespace json = boost::json;

// A column stands in an object, so that no name of a column can be taken for another form.
json::value cluster(const Cluster& value) {
  if (const auto* column = std::get_if<ClusterColumn>(&value)) return json::object{{"column", text(column->column)}};
  return text(format_cluster(value));
}

json::object costs(const Costs& values) {
  json::object out;
  for (const auto& [actual, row] : values) {
    json::object& cells = out[actual].emplace_object();
    for (const auto& [predicted, cost] : row) cells[predicted] = cost;
  }
  return out;
}

json::object gate(const Gate& value) {
  json::object out{{"name", text(value.name)},
                   {"metric", text(to_text(value.metric))},
                   {"class", text(value.of_class)},
                   {"above", optional_value(value.above)},
                   {"below", optional_value(value.below)},
                   {"max_drop", optional_value(value.max_drop)},
                   {"max_gain", optional_value(value.max_gain)},
                   {"slices", nullptr},
                   {"confidence", value.confidence}};
  if (const auto& slices = value.slices) {
    out["slices"] =
        json::object{{"column", text(slices->column)}, {"levels", slices->levels}, {"min_rows", slices->min_rows}};
  }
  return out;
}

json::object validation(const Validation& value) {
  json::array gates;
  for (const Gate& one : value.gates) gates.push_back(gate(one));
  return {{"metric", text(to_text(value.metric))},
          {"rule", text(to_text(value.rule))},
          {"margin", value.margin},
          {"confidence", value.confidence},
          {"min_holdout_rows", value.min_holdout_rows},
          {"cluster", cluster(value.cluster)},
          {"promotion", text(to_text(value.promotion))},
          {"threshold", value.threshold},
          {"quantile", value.quantile},
          {"costs", costs(value.costs)},
          {"spend_alpha", value.spend_alpha},
          {"anchor_margin", optional_value(value.anchor_margin)},
          {"detect", optional_value(value.detect)},
          {"gates", std::move(gates)},
          {"max_holdout_reuse", optional_value(value.max_holdout_reuse)},
          {"max_artifact_bytes", optional_value(value.max_artifact_bytes)},
          {"max_scoring_time", duration(value.max_scoring_time)},
          {"schema", text(to_text(value.schema))},
          {"broken_production", text(to_text(value.broken_production))},
          {"shadow", duration(value.shadow)},
          {"bake", duration(value.bake)},
          {"bake_tolerance", value.bake_tolerance},
          {"bake_confidence", value.bake_confidence},
          {"trial_every", duration(value.trial_every)}};
}

json::object release(const Release& value) {
  return {{"directory", text(value.directory.string())},
          {"on_promote", texts(value.on_promote)},
          {"webhook", text(value.webhook)},
          {"webhook_secret_file", text(value.webhook_secret_file.string())},
          {"timeout", duration(value.timeout)}};
}

json::object trigger(const Trigger& value) {
  json::object out{{"name", text(value.name)},
                   {"on", text(to_text(value.kind()))},
                   {"enabled", value.enabled},
                   {"cooldown", duration(value.cooldown)},
                   {"max_runs_per_day", value.max_runs_per_day},
                   {"backoff", duration(value.backoff)},
                   {"backoff_max", duration(value.backoff_max)}};
  write_rule(value.rule, out);
  return out;
}

json::object whole(const Model& value) {
  json::object out{{"name", text(value.name)},
                   {"source", text(value.source)},
                   {"query", text(value.query)},
                   {"time_column", text(value.time_column)},
                   {"label", text(value.label)},
                   {"task", text(to_text(value.task))},
                   {"positive", optional_text(value.positive)},
                   {"features", texts(value.features)},
                   {"weight", optional_text(value.weight)},
                   {"anchor", text(to_text(value.anchor))},
                   {"label_delay", duration(value.label_delay)},
                   {"late_rows", duration(value.late_rows)},
                   {"late_labels", duration(value.late_labels)},
                   {"training", training_json(value.training)},
                   {"data", data_json(value.data)},
                   {"validation", validation(value.validation)},
                   {"scoring", scoring_json(value.scoring)},
                   {"release", release(value.release)},
                   {"triggers", json::array()}};
  for (const Trigger& one : value.triggers) out["triggers"].as_array().push_back(trigger(one));
  return out;
}

// Keys that came after the first version leave the hash of a pipeline alone where nothing is said about them, so that
// an upgraded daemon does not train everything anew.
void erase_defaults(json::object& of, const json::object& defaults, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (of.at(key) == defaults.at(key)) of.erase(key);
  }
}

}  // namespace

std::string to_json(const Model& model) {
  return canonical_text(whole(model));
}

std::string to_json(const Trigger& value) {
  return canonical_text(trigger(value));
}

std::string configuration_sha256(const Model& model) {
  return to_hex(sha256(to_json(model)));
}

std::map<std::string, std::string> configuration_digests(const Settings& settings) {
  std::map<std::string, std::string> out;
  for (const auto& [name, model] : settings.models) out.emplace_hint(out.end(), name, configuration_sha256(model));
  return out;
}

std::string configuration_sha256(const std::map<std::string, std::string>& digests) {
  Sha256 hash;
  for (const auto& [name, digest] : digests) hash.update(name + " " + digest + "\n");
  return to_hex(hash.finish());
}

std::string pipeline_sha256(const Model& model) {
  json::object pipeline = whole(model);
  for (const char* key : {"name", "triggers", "late_rows", "late_labels", "data", "scoring", "release"}) {
    pipeline.erase(key);
  }
  json::object& train = pipeline["training"].as_object();
  for (const char* key : {"timeout", "memory_limit_bytes", "threads", "max_attempts", "keep_data"}) train.erase(key);
  json::object& command = train["command"].as_object();
  for (const char* key : {"log_limit_bytes", "disk_limit_bytes", "max_processes"}) command.erase(key);
  json::object& judge = pipeline["validation"].as_object();
  for (const char* key : {"promotion", "detect", "broken_production", "shadow", "bake", "bake_tolerance",
                          "bake_confidence", "trial_every"}) {
    judge.erase(key);
  }
  const Model nothing_said;
  erase_defaults(pipeline, whole(nothing_said), {"weight"});
  json::object no_training = training_json(nothing_said.training);
  json::object& no_command = no_training["command"].as_object();
  erase_defaults(command, no_command, {"train", "predict", "environment", "pass_environment", "files"});
  if (command.empty()) train.erase("command");
  erase_defaults(
      train, no_training,
      {"entity", "refit", "since", "sample_rows", "embargo", "class_weights", "keep_majority", "warm_start", "search"});
  erase_defaults(judge, validation(nothing_said.validation),
                 {"threshold", "quantile", "costs", "spend_alpha", "anchor_margin", "gates", "max_holdout_reuse",
                  "max_artifact_bytes", "max_scoring_time", "schema"});
  return to_hex(sha256(canonical_text(pipeline)));
}

}  // namespace retraind::settings
