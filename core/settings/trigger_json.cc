#include "core/settings/trigger_json.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "core/settings/forms.h"
#include "core/settings/json_values.h"
#include "core/settings/trigger_defaults.h"

namespace retraind::settings {
namespace {

namespace json = boost::json;

struct WriteRule {
  json::object& out;

  void patience(const Patience& value) const {
    out["checks"] = value.checks;
    out["of"] = value.of;
    out["hold"] = duration(value.hold);
    out["clear_for"] = value.clear;
  }
  void bounds(const Bounds& value) const {
    out["above"] = optional_value(value.above);
    out["below"] = optional_value(value.below);
    out["outside"] = nullptr;
    if (value.outside) out["outside"] = json::array{value.outside->first, value.outside->second};
    out["clear"] = optional_value(value.clear);
  }
  template <class Rule>
  void sampled(const Rule& rule) const {
    bounds(rule.bounds);
    patience(rule.patience);
    out["every"] = duration(rule.every);
    out["on_no_data"] = text(to_text(rule.on_no_data));
  }

  void operator()(const ScheduleTrigger& rule) const {
    out["cron"] = text(rule.cron.expression());
    out["timezone"] = text(rule.timezone);
    out["catch_up"] = text(to_text(rule.catch_up));
  }
  void operator()(const NewRowsTrigger& rule) const {
    out["rows"] = rule.rows;
    out["every"] = duration(rule.every);
  }
  void operator()(const DriftTrigger& rule) const {
    out["every"] = duration(rule.every);
    out["window"] = text(format_window(rule.window));
    patience(rule.patience);
    out["method"] = text(to_text(rule.method));
    out["min_effect"] = rule.min_effect;
    out["alpha"] = rule.alpha;
    out["false_alarms"] = nullptr;
    if (rule.false_alarms) out["false_alarms"] = text(format_alarm_budget(*rule.false_alarms));
    out["min_rows"] = rule.min_rows;
    out["season"] = text(format_season(rule.season));
    out["share"] = rule.share;
    out["important"] = rule.important;
    out["score"] = rule.score;
  }
  void operator()(const PerformanceBelow& rule) const { out["below"] = rule.value; }
  void operator()(const PerformanceAbove& rule) const { out["above"] = rule.value; }
  void operator()(const PerformanceDrop& rule) const { out["drop"] = rule.value; }
  void operator()(const PerformanceDetector& rule) const {
    out["detect"] = text(to_text(rule.detector));
    out["delta"] = rule.delta;
    out["tolerance"] = rule.tolerance;
    out["false_alarm_rows"] = rule.false_alarm_rows;
  }
  void operator()(const PerformanceTrigger& rule) const {
    out["metric"] = text(to_text(rule.metric));
    out["every"] = duration(rule.every);
    out["window"] = text(format_window(rule.window));
    std::visit(*this, rule.rule);
    out["confidence"] = rule.confidence;
    out["min_rows"] = rule.min_rows;
    patience(rule.patience);
  }
  void operator()(const SignalTrigger& rule) const {
    out["signal"] = text(rule.signal);
    sampled(rule);
    out["no_data_after"] = duration(rule.no_data_after);
  }
  void operator()(const QueryTrigger& rule) const {
    out["query"] = text(rule.query);
    out["source"] = text(rule.source);
    sampled(rule);
  }
  void operator()(const PrometheusTrigger& rule) const {
    out["url"] = text(rule.url);
    out["query"] = text(rule.query);
    out["timeout"] = duration(rule.timeout);
    sampled(rule);
  }
  void operator()(const FreshnessTrigger& rule) const {
    out["no_rows_for"] = duration(rule.no_rows_for);
    out["every"] = duration(rule.every);
  }
  void operator()(const PipelineChangeTrigger&) const {}
};

// Before `of` was written, so many checks meant so many in a row.
void read_patience(JsonReader& reader, Patience& out) {
  reader.read("checks", out.checks);
  out.of = out.checks;
  reader.read("of", out.of);
  reader.read("hold", out.hold);
  reader.read("clear_for", out.clear);
  if (out.checks < 1 || out.of < out.checks || out.of > kMostChecks) {
    reader.reject("checks", fmt::format("from 1 to the value of 'of', which is at most {}", kMostChecks));
  }
}

void read_outside(JsonReader& reader, std::optional<std::pair<double, double>>& out) {
  const json::value* value = reader.ask("outside");
  if (value == nullptr) return;
  const json::array* array = value->if_array();
  if (array == nullptr || array->size() != 2 || !array->front().is_number() || !array->back().is_number()) {
    reader.reject("outside", "an array of two numbers");
  }
  out = {array->front().to_number<double>(), array->back().to_number<double>()};
}

void read_bounds(JsonReader& reader, Bounds& out) {
  reader.read("above", out.above);
  reader.read("below", out.below);
  read_outside(reader, out.outside);
  reader.read("clear", out.clear);
}

template <class Rule>
void read_sampled(JsonReader& reader, Rule& out) {
  read_bounds(reader, out.bounds);
  read_patience(reader, out.patience);
  reader.read("every", out.every);
  reader.word("on_no_data", out.on_no_data);
}

ScheduleTrigger read_schedule(JsonReader& reader) {
  ScheduleTrigger out;
  reader.require("cron");
  std::string expression;
  reader.read("cron", expression);
  try {
    out.cron = schedule::Cron::parse(expression);
  } catch (const ConfigError& error) {
    throw DataError(fmt::format("model snapshot: '{}': {}", reader.full("cron"), error.what()));
  }
  reader.read("timezone", out.timezone);
  reader.word("catch_up", out.catch_up);
  return out;
}

NewRowsTrigger read_new_rows(JsonReader& reader) {
  NewRowsTrigger out{};
  reader.require("rows");
  reader.read("rows", out.rows);
  reader.read("every", out.every);
  return out;
}

DriftTrigger read_drift(JsonReader& reader) {
  DriftTrigger out;
  reader.read("every", out.every);
  reader.form("window", out.window, parse_window);
  read_patience(reader, out.patience);
  reader.word("method", out.method);
  out.min_effect = default_min_effect(out.method);
  reader.read("min_effect", out.min_effect);
  reader.read("alpha", out.alpha);
  if (reader.ask("false_alarms") != nullptr) {
    AlarmBudget budget{};
    reader.form("false_alarms", budget, parse_alarm_budget);
    out.false_alarms = budget;
  }
  reader.read("min_rows", out.min_rows);
  reader.form("season", out.season, parse_season);
  reader.read("share", out.share);
  reader.read("important", out.important);
  reader.read("score", out.score);
  return out;
}

PerformanceRule read_performance_rule(JsonReader& reader) {
  std::optional<double> below;
  std::optional<double> above;
  std::optional<double> drop;
  reader.read("below", below);
  reader.read("above", above);
  reader.read("drop", drop);
  PerformanceDetector detection;
  const bool detects = reader.ask("detect") != nullptr;
  reader.word("detect", detection.detector);
  reader.read("delta", detection.delta);
  reader.read("tolerance", detection.tolerance);
  reader.read("false_alarm_rows", detection.false_alarm_rows);
  if (below.has_value() + above.has_value() + drop.has_value() + detects != 1) {
    throw DataError(fmt::format("model snapshot: '{}' should be there, or one of above, drop and detect, and only one",
                                reader.full("below")));
  }
  if (below) return PerformanceBelow{*below};
  if (above) return PerformanceAbove{*above};
  if (drop) return PerformanceDrop{*drop};
  return detection;
}

PerformanceTrigger read_performance(JsonReader& reader) {
  PerformanceTrigger out;
  reader.require("metric");
  reader.word("metric", out.metric);
  reader.read("every", out.every);
  reader.form("window", out.window, parse_window);
  out.rule = read_performance_rule(reader);
  reader.read("confidence", out.confidence);
  reader.read("min_rows", out.min_rows);
  read_patience(reader, out.patience);
  return out;
}

SignalTrigger read_signal(JsonReader& reader) {
  SignalTrigger out;
  reader.require("signal");
  reader.read("signal", out.signal);
  read_sampled(reader, out);
  reader.read("no_data_after", out.no_data_after);
  return out;
}

QueryTrigger read_query(JsonReader& reader) {
  QueryTrigger out;
  reader.require("query");
  reader.read("query", out.query);
  reader.read("source", out.source);
  read_sampled(reader, out);
  return out;
}

PrometheusTrigger read_prometheus(JsonReader& reader) {
  PrometheusTrigger out;
  for (const std::string_view key : {"url", "query"}) reader.require(key);
  reader.read("url", out.url);
  reader.read("query", out.query);
  reader.read("timeout", out.timeout);
  read_sampled(reader, out);
  return out;
}

FreshnessTrigger read_freshness(JsonReader& reader) {
  FreshnessTrigger out{};
  reader.require("no_rows_for");
  reader.read("no_rows_for", out.no_rows_for);
  reader.read("every", out.every);
  return out;
}

}  // namespace

void write_rule(const TriggerRule& rule, json::object& out) {
  std::visit(WriteRule{out}, rule);
}

TriggerRule read_rule(JsonReader& reader, TriggerKind kind) {
  switch (kind) {
    case TriggerKind::schedule:
      return read_schedule(reader);
    case TriggerKind::new_rows:
      return read_new_rows(reader);
    case TriggerKind::drift:
      return read_drift(reader);
    case TriggerKind::performance:
      return read_performance(reader);
    case TriggerKind::signal:
      return read_signal(reader);
    case TriggerKind::query:
      return read_query(reader);
    case TriggerKind::prometheus:
      return read_prometheus(reader);
    case TriggerKind::freshness:
      return read_freshness(reader);
    case TriggerKind::pipeline_change:
      return PipelineChangeTrigger{};
    case TriggerKind::manual:
      break;
  }
  reader.reject("on", "a kind of trigger that this version knows");
}

}  // namespace retraind::settings
