#include "core/trigger/performance_rule.h"

#include <boost/json.hpp>
#include <cmath>
#include <string>

#include "core/base/text.h"
#include "core/trigger/condition.h"
#include "core/trigger/finding.h"
#include "core/trigger/wording.h"

namespace retraind::trigger {
namespace {

namespace json = boost::json;

std::string name_of(Metric metric) {
  return std::string(to_text(metric));
}

// Why nothing can be said, whatever the rule; empty where something can.
void find_obstacle(const settings::PerformanceTrigger& rule, const PerformanceObservation& seen,
                   const ModelContext& context, Finding& finding) {
  if (!context.has_production) {
    finding.cause = "no_production";
    finding.sentence = "there is no production model whose " + name_of(rule.metric) + " could be measured";
  } else if (!seen.why_not.empty()) {
    finding.cause = "not_measured";
    finding.sentence = seen.why_not;
  } else if (seen.rows < rule.min_rows) {
    finding.cause = "rows";
    finding.sentence = name_of(rule.metric) + " rests on " + counted(seen.rows, "labelled row") + ", and " +
                       grouped(rule.min_rows) + " are needed";
  }
  if (!finding.cause.empty()) finding.holds = Holds::cannot_tell;
}

json::object common_evidence(const settings::PerformanceTrigger& rule, const PerformanceObservation& seen) {
  json::object out{
      {"metric", to_text(rule.metric)}, {"version", seen.version}, {"rows", seen.rows}, {"min_rows", rule.min_rows}};
  if (seen.value) out["value"] = interval_json(*seen.value);
  if (seen.level) out["level"] = number_or_null(*seen.level);
  if (seen.level_interval) out["level_interval"] = interval_json(*seen.level_interval);
  return out;
}

// The whole interval beyond the bound: the condition holds; the whole interval on the other side of it, or on it: gone.
Holds held_against(const stats::Interval& value, double bound, bool worse_is_below) {
  if (worse_is_below) return value.high < bound ? Holds::yes : value.low >= bound ? Holds::no : Holds::between;
  return value.low > bound ? Holds::yes : value.high <= bound ? Holds::no : Holds::between;
}

struct Threshold {
  double bound = 0;
  bool worse_is_below = false;
  std::string words;  // "0.7", "0.75, which is 0.05 under its level of 0.8 at promotion"
};

Threshold threshold_of(const settings::PerformanceBelow& rule, const settings::PerformanceTrigger&,
                       const PerformanceObservation&) {
  return {rule.value, true, format_number(rule.value)};
}

Threshold threshold_of(const settings::PerformanceAbove& rule, const settings::PerformanceTrigger&,
                       const PerformanceObservation&) {
  return {rule.value, false, format_number(rule.value)};
}

// Where the level has bounds, the nearer one counts: the level itself is only an estimate.
Threshold threshold_of(const settings::PerformanceDrop& rule, const settings::PerformanceTrigger& trigger,
                       const PerformanceObservation& seen) {
  const bool below = higher_is_better(trigger.metric);
  const double nearer = !seen.level_interval ? *seen.level
                        : below              ? seen.level_interval->low
                                             : seen.level_interval->high;
  const double bound = below ? nearer - rule.value : nearer + rule.value;
  std::string words = brief(bound) + ": " + format_number(rule.value) + (below ? " under" : " over");
  words += seen.level_interval ? " the nearer bound of its level at promotion, " + with_bounds(*seen.level_interval)
                               : " its level at promotion, " + brief(*seen.level);
  return {bound, below, std::move(words)};
}

Threshold threshold_of(const settings::PerformanceDetector&, const settings::PerformanceTrigger&,
                       const PerformanceObservation&) {
  throw std::logic_error("a detector has no threshold");
}

Finding find_alarm(const settings::PerformanceTrigger& rule, const settings::PerformanceDetector& detector,
                   const PerformanceObservation& seen, const State& before, const ModelContext& context) {
  Finding finding;
  finding.evidence = common_evidence(rule, seen);
  json::array alarms;
  for (const stats::ChangeAlarm& alarm : seen.alarms) {
    alarms.push_back(json::object{{"row", alarm.row}, {"sentence", alarm.sentence}});
  }
  finding.evidence["alarms"] = std::move(alarms);
  finding.evidence["detector"] = to_text(detector.detector);
  find_obstacle(rule, seen, context, finding);
  if (finding.holds == Holds::cannot_tell) return finding;
  if (!seen.alarms.empty()) {
    finding.holds = Holds::yes;
    finding.sentence = name_of(rule.metric) + " of version " + std::to_string(seen.version) +
                       " has changed for the worse: " + seen.alarms.back().sentence;
    if (const std::size_t earlier = seen.alarms.size() - 1; earlier > 0) {
      finding.sentence += ", after " + counted(earlier, "alarm") + " before it";
    }
  } else if (before.phase == TriggerPhase::firing) {
    finding.holds = Holds::yes;
    finding.evidence["earlier_alarm"] = true;
    finding.sentence = "an earlier alarm of " + std::string(to_text(detector.detector)) + " about the " +
                       name_of(rule.metric) + " of version " + std::to_string(seen.version) +
                       " has not been answered by a promotion yet";
  }
  return finding;
}

}  // namespace

Finding find(const settings::PerformanceTrigger& rule, const PerformanceObservation& seen,
             const ModelContext& context) {
  Finding finding;
  finding.evidence = common_evidence(rule, seen);
  finding.evidence["confidence"] = rule.confidence;
  find_obstacle(rule, seen, context, finding);
  if (finding.holds == Holds::cannot_tell) return finding;

  const auto cannot_tell = [&](std::string cause, std::string sentence) {
    finding.holds = Holds::cannot_tell;
    finding.cause = std::move(cause);
    finding.sentence = std::move(sentence);
  };
  const bool drop = std::holds_alternative<settings::PerformanceDrop>(rule.rule);
  if (!seen.value || std::isnan(seen.value->low) || std::isnan(seen.value->high)) {
    cannot_tell("undefined", name_of(rule.metric) + " is not defined on these " + counted(seen.rows, "labelled row"));
  } else if (drop && !seen.level) {
    cannot_tell("level", "nothing is known of the " + name_of(rule.metric) + " of version " +
                             std::to_string(seen.version) + " at its promotion, so no drop can be told");
  } else {
    const Threshold threshold = std::visit([&](const auto& one) { return threshold_of(one, rule, seen); }, rule.rule);
    finding.evidence["threshold"] = number_or_null(threshold.bound);
    finding.holds = held_against(*seen.value, threshold.bound, threshold.worse_is_below);
    if (finding.holds == Holds::yes) {
      std::string rows = counted(seen.rows, "labelled row") + over(rule.window);
      const stats::Interval& value = *seen.value;
      finding.sentence = name_of(rule.metric) + " " + brief(value.estimate) + " (" +
                         (value.low == value.high ? "" : brief(value.low) + " to " + brief(value.high) + ", ") + rows +
                         ") is surely " + (threshold.worse_is_below ? "below " : "above ") + threshold.words;
    }
  }
  return finding;
}

Outcome follow_performance(const settings::Trigger& trigger, const settings::PerformanceTrigger& rule,
                           const PerformanceObservation& seen, const State& before, const ModelContext& context,
                           TimePoint now) {
  // What was found out about another version says nothing about this one.
  const bool other = seen.version != 0 && before.version != 0 && seen.version != before.version;
  State past = before;
  if (other) {
    past = State{};
    past.alerting = before.alerting;
  }
  if (seen.version != 0) past.version = seen.version;

  const auto* detector = std::get_if<settings::PerformanceDetector>(&rule.rule);
  if (detector == nullptr) {
    return follow_condition(trigger, find(rule, seen, context), rule.patience, past, context, now, now);
  }
  if (seen.why_not.empty()) past.detector = seen.detector;
  Outcome outcome = follow_condition(trigger, find_alarm(rule, *detector, seen, past, context), settings::Patience{},
                                     past, context, now, now);
  // An alarm on too few rows waits for the others. One that fired stays wanted too: a detector says it only once, and
  // the first candidate after a change has seen so little of it that its run often decides nothing.
  const bool fired = !outcome.decisions.empty() && outcome.decisions.back().decision == FiringDecision::fired;
  if (fired || !seen.alarms.empty()) outcome.state.phase = TriggerPhase::firing;
  return outcome;
}

}  // namespace retraind::trigger
