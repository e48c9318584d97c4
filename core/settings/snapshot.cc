#include "core/settings/snapshot.h"

#include <boost/json.hpp>

#include "core/base/sha256.h"
#include "core/settings/canonical_json.h"
#include "core/settings/forms.h"
#include "core/settings/trigger_json.h"

namespace retraind::settings {
namespace {

namespace json = boost::json;

json::string text(std::string_view value) {
  return json::string(value);
}

json::string duration(Duration value) {
  return json::string(format_duration(value));
}

// A share is a number, exactly; a duration is its text.
json::value holdout(const Holdout& value) {
  if (const auto* share = std::get_if<HoldoutShare>(&value)) return share->share;
  return text(format_holdout(value));
}

// A column stands in an object, so that no name of a column can be taken for another form.
json::value cluster(const Cluster& value) {
  if (const auto* column = std::get_if<ClusterColumn>(&value)) return json::object{{"column", text(column->column)}};
  return text(format_cluster(value));
}

json::object params(const std::map<std::string, Parameter>& values) {
  json::object out;
  for (const auto& [name, value] : values) {
    std::visit(
        [&out, &name = name](const auto& concrete) {
          if constexpr (std::is_same_v<std::decay_t<decltype(concrete)>, std::string>) {
            out[name] = text(concrete);
          } else {
            out[name] = concrete;
          }
        },
        value);
  }
  return out;
}

json::object training(const Training& value) {
  return {{"trainer", text(value.trainer)},
          {"window", text(format_window(value.window))},
          {"holdout", holdout(value.holdout)},
          {"min_rows", value.min_rows},
          {"rounds", value.rounds},
          {"params", params(value.params)},
          {"seed", value.seed},
          {"timeout", duration(value.timeout)},
          {"memory_limit_bytes", value.memory_limit_bytes},
          {"threads", value.threads},
          {"max_attempts", value.max_attempts}};
}

json::object validation(const Validation& value) {
  return {{"metric", text(to_text(value.metric))},
          {"rule", text(to_text(value.rule))},
          {"margin", value.margin},
          {"confidence", value.confidence},
          {"min_holdout_rows", value.min_holdout_rows},
          {"cluster", cluster(value.cluster)},
          {"promotion", text(to_text(value.promotion))}};
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
                   {"positive", nullptr},
                   {"features", json::array()},
                   {"anchor", text(to_text(value.anchor))},
                   {"label_delay", duration(value.label_delay)},
                   {"late_rows", duration(value.late_rows)},
                   {"late_labels", duration(value.late_labels)},
                   {"training", training(value.training)},
                   {"validation", validation(value.validation)},
                   {"triggers", json::array()}};
  if (value.positive) out["positive"] = text(*value.positive);
  for (const std::string& feature : value.features) out["features"].as_array().push_back(text(feature));
  for (const Trigger& one : value.triggers) out["triggers"].as_array().push_back(trigger(one));
  return out;
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

std::string pipeline_sha256(const Model& model) {
  json::object pipeline = whole(model);
  for (const char* key : {"name", "triggers", "late_rows", "late_labels"}) pipeline.erase(key);
  for (const char* key : {"timeout", "memory_limit_bytes", "threads", "max_attempts"}) {
    pipeline["training"].as_object().erase(key);
  }
  pipeline["validation"].as_object().erase("promotion");
  return to_hex(sha256(canonical_text(pipeline)));
}

}  // namespace retraind::settings
