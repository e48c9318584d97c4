#include "daemon/monitor_evaluation.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/pipeline/observe.h"
#include "core/registry/versions.h"
#include "core/runs/signals.h"
#include "core/settings/snapshot.h"
#include "core/source/number_query.h"
#include "core/source/prometheus.h"

namespace retraind::daemon {

MonitorEvaluation::MonitorEvaluation(store::Database& registry, const runs::Executor& executor,
                                     runs::ClaimedMonitor monitor, std::shared_ptr<const settings::Settings> settings)
    : registry_(registry), executor_(executor), monitor_(std::move(monitor)), settings_(std::move(settings)) {
  const auto found = settings_->sources.find(monitor_.source);
  if (found != settings_->sources.end()) source_ = &found->second;
}

TimePoint MonitorEvaluation::registry_now() {
  return registry_.transact("read the clock",
                            [](store::Transaction& transaction) { return runs::registry_now(transaction); });
}

void MonitorEvaluation::begin() {
  try {
    observe();
  } catch (const Error& error) {
    // The source's trouble, or the registry's: either way nothing was observed, and that is what gets recorded.
    look_failed(error.message_with_hint());
  }
}

void MonitorEvaluation::look_succeeded(pipeline::LookResult result) {
  result_ = std::move(result);
  pending_ = false;
}

void MonitorEvaluation::look_failed(const std::string& message) {
  observation_ = trigger::ObservationError{message};
  sentence_ = message;
  plan_.reset();
  pending_ = false;
}

void MonitorEvaluation::observe() {
  if (const auto* rule = std::get_if<settings::SignalTrigger>(&monitor_.trigger.rule)) return observe_signal(*rule);
  if (const auto* rule = std::get_if<settings::PrometheusTrigger>(&monitor_.trigger.rule)) {
    return observe_prometheus(*rule);
  }
  if (monitor_.trigger.kind() == TriggerKind::schedule) return;
  if (monitor_.trigger.kind() == TriggerKind::pipeline_change) return observe_pipeline();
  if (source_ == nullptr) {
    throw DataError(fmt::format("this daemon's configuration has no source \"{}\"", monitor_.source));
  }
  if (const auto* rule = std::get_if<settings::QueryTrigger>(&monitor_.trigger.rule)) return observe_query(*rule);
  const settings::Model model = settings::model_from_json(monitor_.configuration);
  switch (monitor_.trigger.kind()) {
    case TriggerKind::new_rows:
      return observe_new_rows(model);
    case TriggerKind::freshness:
      return observe_freshness(model);
    default:
      return plan_look(model);
  }
}

void MonitorEvaluation::observe_pipeline() {
  std::optional<std::string> judged;
  registry_.transact("find judged pipeline", [&](store::Transaction& transaction) {
    judged = runs::find_judged_pipeline(transaction, monitor_.model);
  });
  sentence_ = judged == monitor_.pipeline_sha256 ? "the pipeline in force has been judged"
                                                 : "the pipeline in force has not been judged yet";
  observation_ = trigger::PipelineObservation{monitor_.pipeline_sha256, judged};
}

void MonitorEvaluation::observe_new_rows(const settings::Model& model) {
  TimePoint now;
  registry_.transact("find judged window", [&](store::Transaction& transaction) {
    now = runs::registry_now(transaction);
    judged_window_end_ = runs::find_judged_window_end(transaction, monitor_.model);
  });
  const std::uint64_t rows =
      ask_source([&] { return pipeline::count_new_rows(*source_, model, judged_window_end_, now); });
  sentence_ = fmt::format("{} new labelled rows", rows);
  observation_ = trigger::NewRowsObservation{rows};
}

void MonitorEvaluation::observe_freshness(const settings::Model& model) {
  const TimePoint now = registry_now();
  const pipeline::NewestEvent newest = ask_source([&] { return pipeline::find_newest(*source_, model, now); });
  sentence_ = newest.time ? "the newest row is of " + format_event_time(newest.axis, *newest.time) : "there is no row";
  observation_ = trigger::FreshnessObservation{.axis = newest.axis, .newest = newest.time};
}

void MonitorEvaluation::observe_signal(const settings::SignalTrigger& rule) {
  runs::SignalValues values;
  registry_.transact("read signal", [&](store::Transaction& transaction) {
    values = runs::read_signal(transaction, rule.signal, monitor_.state.last_sample_at, trigger::kMaxSamples,
                               runs::registry_now(transaction));
  });
  trigger::SampleObservation seen;
  seen.what = "signal " + rule.signal;
  seen.samples = std::move(values.fresh);
  seen.latest = values.latest;
  if (!seen.latest) seen.why_none = "no value was ever recorded";
  sentence_ = seen.latest ? fmt::format("{} is {} since {}", seen.what, format_number(seen.latest->value),
                                        format_instant(seen.latest->at))
                          : seen.what + ": " + seen.why_none;
  observation_ = std::move(seen);
}

void MonitorEvaluation::set_single_sample(const std::string& what, std::optional<double> value,
                                          const std::string& why_none) {
  trigger::SampleObservation seen;
  seen.what = what;
  if (value) {
    seen.latest = trigger::SampleObservation::Sample{.at = registry_now(), .value = *value};
    seen.samples.push_back(*seen.latest);
    sentence_ = fmt::format("{} is {}", what, format_number(*value));
  } else {
    seen.why_none = why_none;
    sentence_ = what + ": " + why_none;
  }
  observation_ = std::move(seen);
}

void MonitorEvaluation::observe_query(const settings::QueryTrigger& rule) {
  const auto value =
      ask_source([&] { return source::read_number(*source_, rule.query, "retraind monitor " + monitor_.model_name); });
  set_single_sample("the query", value, "the query returned no row, NULL or NaN");
}

void MonitorEvaluation::observe_prometheus(const settings::PrometheusTrigger& rule) {
  const auto sample = source::query_prometheus(rule.url, rule.query, rule.timeout);
  const std::optional<double> value = sample ? sample->value : std::nullopt;
  set_single_sample("prometheus", value,
                    sample ? "the sample is NaN" : "the query has no sample; the series may have ended");
}

void MonitorEvaluation::plan_look(const settings::Model& model) {
  const auto* drift = std::get_if<settings::DriftTrigger>(&monitor_.trigger.rule);
  const auto* performance = std::get_if<settings::PerformanceTrigger>(&monitor_.trigger.rule);
  registry_.transact("plan a look", [&](store::Transaction& transaction) {
    const TimePoint now = runs::registry_now(transaction);
    plan_ = drift != nullptr ? pipeline::plan_drift_look(transaction, monitor_.model, model, *drift, now)
                             : pipeline::plan_performance_look(transaction, monitor_.model, model, *performance,
                                                               monitor_.state, now);
  });
  if (!plan_) {
    sentence_ = "no production model to look at";
    if (drift != nullptr) {
      observation_ = pipeline::no_drift_without_production();
    } else {
      observation_ = pipeline::no_performance_without_production();
    }
    return;
  }
  pending_ = true;
}

void MonitorEvaluation::conclude_look(store::Transaction& transaction) {
  if (const auto* drift = std::get_if<settings::DriftTrigger>(&monitor_.trigger.rule)) {
    pipeline::DriftFinding found =
        pipeline::conclude_drift_look(transaction, *plan_, *result_, *drift, monitor_.trigger.name);
    if (found.outdated) {
      abandon();
      return;
    }
    observation_ = std::move(found.observation);
    sentence_ = std::move(found.sentence);
    drift_check_ = std::move(found.check);
    return;
  }
  const auto& performance = std::get<settings::PerformanceTrigger>(monitor_.trigger.rule);
  pipeline::PerformanceFinding found =
      pipeline::conclude_performance_look(transaction, *plan_, *result_, performance, monitor_.trigger.name);
  if (found.outdated) {
    abandon();
    return;
  }
  observation_ = std::move(found.observation);
  sentence_ = std::move(found.sentence);
  performance_check_ = std::move(found.check);
}

// What was seen says nothing any more when what it was seen against has changed while the source was read.
bool MonitorEvaluation::is_outdated(store::Transaction& transaction) const {
  if (plan_) {
    const auto production = registry::find_production(transaction, monitor_.model);
    return !production || production->version != plan_->job.version;
  }
  if (std::holds_alternative<trigger::NewRowsObservation>(observation_)) {
    return runs::find_judged_window_end(transaction, monitor_.model) != judged_window_end_;
  }
  if (const auto* pipeline = std::get_if<trigger::PipelineObservation>(&observation_)) {
    return runs::find_judged_pipeline(transaction, monitor_.model) != pipeline->judged_sha256;
  }
  return false;
}

void MonitorEvaluation::record_checks(store::Transaction& transaction, TimePoint now) const {
  if (drift_check_) (void)runs::record_drift_check(transaction, *drift_check_, now);
  if (performance_check_) runs::record_performance_check(transaction, *performance_check_, now);
}

runs::MonitorRecord MonitorEvaluation::record() {
  return registry_.transact("record trigger outcome", [&](store::Transaction& transaction) {
    const TimePoint now = runs::registry_now(transaction);
    if (plan_ && result_ && !abandoned_) {
      try {
        conclude_look(transaction);
      } catch (const DataError& error) {
        look_failed(error.message_with_hint());
      }
    }
    const trigger::ModelContext context = runs::lock_context(transaction, monitor_.model, monitor_.trigger.name, now);
    if (!runs::hold_monitor(transaction, monitor_)) return runs::MonitorRecord{};
    // An outdated look is taken again at once, with the trigger's memory as it was.
    const bool again = abandoned_ || is_outdated(transaction);
    const trigger::Outcome outcome =
        again ? trigger::Outcome{.decisions = {}, .state = monitor_.state, .next_due = now}
              : trigger::evaluate(monitor_.trigger, observation_, monitor_.state, context, now);
    const runs::MonitorRecord record = runs::record_outcome(transaction, executor_, monitor_, outcome, sentence_, now);
    if (record.held && !again) record_checks(transaction, now);
    return record;
  });
}

}  // namespace retraind::daemon
