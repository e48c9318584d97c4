#include <algorithm>
#include <boost/json.hpp>
#include <limits>
#include <stdexcept>
#include <string>

#include "core/settings/canonical_json.h"
#include "core/trigger/bar.h"
#include "core/trigger/condition.h"
#include "core/trigger/finding.h"
#include "core/trigger/freshness_rule.h"
#include "core/trigger/performance_rule.h"
#include "core/trigger/sample_rule.h"
#include "core/trigger/schedule_rule.h"
#include "core/trigger/trigger.h"

namespace retraind::trigger {
namespace {

// How soon a pipeline_change trigger that wants a run looks again. retraind.resume makes that of a paused model due.
constexpr Duration kPipelineRecheck = std::chrono::minutes(1);
constexpr Duration kPausedPipelineRecheck = std::chrono::hours(24);

// The phase and the streak stay as they are: an evaluation that failed says nothing about the condition.
Outcome follow_error(const ObservationError& error, const State& before, TimePoint now) {
  Outcome outcome;
  outcome.state = before;
  outcome.state.errors = std::min(before.errors, std::numeric_limits<int>::max() - 1) + 1;
  outcome.state.last_recorded = "error:observation";
  outcome.next_due = now + doubled(kErrorBackoff, outcome.state.errors, kErrorBackoffMax);
  if (before.errors == 0) {
    outcome.decisions.push_back({FiringDecision::error, error.message,
                                 settings::canonical_text(boost::json::object{{"error", error.message}}),
                                 std::nullopt});
  }
  return outcome;
}

template <class Expected>
const Expected& expect(const Observation& observation, const settings::Trigger& trigger) {
  const auto* found = std::get_if<Expected>(&observation);
  if (found == nullptr) {
    throw std::logic_error("trigger \"" + trigger.name + "\" of kind " + std::string(to_text(trigger.kind())) +
                           " was given an observation of another kind");
  }
  return *found;
}

struct Evaluation {
  const settings::Trigger& trigger;
  const Observation& observation;
  const State& state;
  const ModelContext& context;
  TimePoint now;

  Outcome operator()(const settings::ScheduleTrigger& rule) const {
    expect<ScheduleObservation>(observation, trigger);
    return follow_schedule(trigger, rule, state, context, now);
  }

  Outcome operator()(const settings::NewRowsTrigger& rule) const {
    const Finding finding = find(rule, expect<NewRowsObservation>(observation, trigger));
    return again_after(rule.every, follow_condition(trigger, finding, settings::Patience{}, state, context, now, now));
  }

  Outcome operator()(const settings::DriftTrigger& rule) const {
    const auto& seen = expect<DriftObservation>(observation, trigger);
    // What was found out about another version, with another reference, says nothing about this one.
    const bool other = seen.version != 0 && state.version != 0 && seen.version != state.version;
    State past = other ? keep_position(state) : state;
    if (seen.version != 0) past.version = seen.version;
    const Finding finding = find(rule, seen, context);
    return again_after(rule.every, follow_condition(trigger, finding, rule.patience, past, context, now, now));
  }

  Outcome operator()(const settings::PerformanceTrigger& rule) const {
    const auto& seen = expect<PerformanceObservation>(observation, trigger);
    return again_after(rule.every, follow_performance(trigger, rule, seen, state, context, now));
  }

  Outcome operator()(const settings::SignalTrigger& rule) const {
    return follow_numbers({.bounds = rule.bounds,
                           .patience = rule.patience,
                           .every = rule.every,
                           .on_no_data = rule.on_no_data,
                           .no_data_after = rule.no_data_after,
                           .keeps_values = true});
  }

  Outcome operator()(const settings::QueryTrigger& rule) const { return follow_numbers(asked_each_time(rule)); }

  Outcome operator()(const settings::PrometheusTrigger& rule) const { return follow_numbers(asked_each_time(rule)); }

  Outcome operator()(const settings::FreshnessTrigger& rule) const {
    const auto& seen = expect<FreshnessObservation>(observation, trigger);
    return again_after(rule.every, follow_freshness(rule, seen, state, now));
  }

  Outcome operator()(const settings::PipelineChangeTrigger&) const {
    const Finding finding = find(expect<PipelineObservation>(observation, trigger));
    Outcome outcome = follow_condition(trigger, finding, settings::Patience{}, state, context, now, now);
    if (finding.holds == Holds::yes) {
      const TimePoint soon = now + (context.paused ? kPausedPipelineRecheck : kPipelineRecheck);
      outcome.next_due = std::max(
          {soon, back_off_end(trigger, context).value_or(soon), cooldown_end(trigger, context).value_or(soon)});
    }
    return outcome;
  }

  // An answer is one value, and counts when it is given.
  template <class Rule>
  static SampleRule asked_each_time(const Rule& rule) {
    return {.bounds = rule.bounds,
            .patience = rule.patience,
            .every = rule.every,
            .on_no_data = rule.on_no_data,
            .no_data_after = Duration::zero(),
            .keeps_values = false};
  }

  Outcome follow_numbers(const SampleRule& rule) const {
    return follow_samples(trigger, rule, expect<SampleObservation>(observation, trigger), state, context, now);
  }

  Outcome again_after(Duration every, Outcome outcome) const {
    outcome.next_due = now + every;
    return outcome;
  }
};

}  // namespace

Outcome evaluate(const settings::Trigger& trigger, const Observation& observation, const State& state,
                 const ModelContext& context, TimePoint now) {
  if (!trigger.enabled) return {{}, state, std::nullopt};
  if (const auto* error = std::get_if<ObservationError>(&observation)) return follow_error(*error, state, now);
  return std::visit(Evaluation{trigger, observation, state, context, now}, trigger.rule);
}

std::optional<TimePoint> first_due(const settings::Trigger& trigger, TimePoint now) {
  if (!trigger.enabled) return std::nullopt;
  if (const auto* rule = std::get_if<settings::ScheduleTrigger>(&trigger.rule)) {
    return schedule::next_slot(rule->cron, rule->timezone, now);
  }
  return now;
}

}  // namespace retraind::trigger
