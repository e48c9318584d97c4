// The first line of a scenario: `trigger KIND KEY=VALUE …`.

#include <map>

#include "tests/unit/trigger/scenario.h"
#include "tests/unit/trigger/scenario_words.h"

namespace retraind::trigger {
namespace {

using namespace scenario;

std::string text(const std::string& word) {
  return word;
}

// The keys that were given; those left at the end are unknown.
class Given {
 public:
  explicit Given(const Words& words) {
    for (std::size_t i = 2; i < words.size(); ++i) {
      const std::size_t equals = words[i].find('=');
      if (equals == std::string::npos) throw std::runtime_error("\"" + words[i] + "\" is not KEY=VALUE");
      values_[words[i].substr(0, equals)] = words[i].substr(equals + 1);
    }
  }

  template <class Read, class Out>
  void take(const std::string& key, Read read, Out& out) {
    if (const auto node = values_.extract(key)) out = read(node.mapped());
  }

  void take_patience(settings::Patience& patience) {
    if (const auto node = values_.extract("for")) read_for(node.mapped(), patience);
    take("clear_for", count, patience.clear);
  }

  void take_bounds(settings::Bounds& bounds) {
    take("above", real, bounds.above);
    take("below", real, bounds.below);
    take("clear", real, bounds.clear);
    if (const auto node = values_.extract("outside")) {
      const Words parts = split_at(node.mapped(), ',');
      bounds.outside = {real(parts.at(0)), real(parts.at(1))};
    }
  }

  // What every trigger on outside numbers has.
  template <class Rule>
  settings::TriggerRule numbers(Rule rule) {
    take_bounds(rule.bounds);
    take_patience(rule.patience);
    take("every", duration, rule.every);
    take("on_no_data", one_of<NoData>, rule.on_no_data);
    return rule;
  }

  void finish(const std::string& kind) const {
    if (!values_.empty()) throw std::runtime_error("a " + kind + " trigger has no " + values_.begin()->first);
  }

 private:
  std::map<std::string, std::string> values_;
};

settings::TriggerRule schedule_rule(Given& given) {
  std::string cron;
  given.take("cron", text, cron);
  settings::ScheduleTrigger rule{.cron = schedule::Cron::parse(cron)};
  given.take("timezone", text, rule.timezone);
  given.take("catch_up", one_of<CatchUp>, rule.catch_up);
  return rule;
}

settings::TriggerRule drift_rule(Given& given) {
  settings::DriftTrigger rule;
  given.take("every", duration, rule.every);
  given.take_patience(rule.patience);
  given.take("share", real, rule.share);
  given.take("important", real, rule.important);
  given.take(
      "score", [](const std::string& word) { return word != "off"; }, rule.score);
  return rule;
}

template <class Rule>
settings::PerformanceRule as_rule(const std::string& word) {
  return Rule{real(word)};
}

settings::TriggerRule performance_rule(Given& given) {
  settings::PerformanceTrigger rule;
  given.take("metric", one_of<Metric>, rule.metric);
  given.take("every", duration, rule.every);
  given.take_patience(rule.patience);
  given.take("min_rows", number, rule.min_rows);
  given.take("below", as_rule<settings::PerformanceBelow>, rule.rule);
  given.take("above", as_rule<settings::PerformanceAbove>, rule.rule);
  given.take("drop", as_rule<settings::PerformanceDrop>, rule.rule);
  given.take(
      "detect",
      [](const std::string& word) {
        settings::PerformanceDetector detector;
        detector.detector = one_of<Detector>(word);
        return settings::PerformanceRule(detector);
      },
      rule.rule);
  return rule;
}

settings::TriggerRule rule_of(TriggerKind kind, Given& given) {
  switch (kind) {
    case TriggerKind::schedule:
      return schedule_rule(given);
    case TriggerKind::drift:
      return drift_rule(given);
    case TriggerKind::performance:
      return performance_rule(given);
    case TriggerKind::query:
      return given.numbers(settings::QueryTrigger{});
    case TriggerKind::prometheus:
      return given.numbers(settings::PrometheusTrigger{});
    case TriggerKind::signal: {
      settings::SignalTrigger rule;
      rule.signal = "errors";
      given.take("no_data_after", duration, rule.no_data_after);
      return given.numbers(std::move(rule));
    }
    case TriggerKind::new_rows: {
      settings::NewRowsTrigger rule{.rows = 1};
      given.take("rows", number, rule.rows);
      given.take("every", duration, rule.every);
      return rule;
    }
    case TriggerKind::freshness: {
      settings::FreshnessTrigger rule{.no_rows_for = std::chrono::hours(1)};
      given.take("no_rows_for", duration, rule.no_rows_for);
      given.take("every", duration, rule.every);
      return rule;
    }
    case TriggerKind::pipeline_change:
      return settings::PipelineChangeTrigger{};
    case TriggerKind::manual:
      break;
  }
  throw std::runtime_error("scenarios know no such trigger");
}

}  // namespace

void Scenario::make_trigger(const std::vector<std::string>& words) {
  Given given(words);
  const auto kind = one_of<TriggerKind>(words.at(1));
  settings::Trigger trigger{.name = words.at(1), .rule = rule_of(kind, given)};
  trigger.backoff = settings::default_backoff(kind);
  given.take("cooldown", duration, trigger.cooldown);
  given.take("backoff", duration, trigger.backoff);
  given.take("backoff_max", duration, trigger.backoff_max);
  given.take("max_runs_per_day", count, trigger.max_runs_per_day);
  if (kind == TriggerKind::freshness) {
    given.take(
        "axis", [](const std::string& word) { return word == "number" ? TimeAxis::number : TimeAxis::instant; }, axis_);
  }
  given.finish(words.at(1));
  known_.has_production = kind == TriggerKind::drift || kind == TriggerKind::performance;
  trigger_ = std::move(trigger);
}

}  // namespace retraind::trigger
