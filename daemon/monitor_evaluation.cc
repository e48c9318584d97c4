#include "daemon/monitor_evaluation.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/pipeline/observe.h"
#include "core/registry/versions.h"
#include "core/settings/snapshot.h"
#include "core/trigger/trigger.h"

namespace retraind::daemon {
namespace {

// What was seen, and what is kept of it beside the decision.
struct Observed {
  trigger::Observation observation;
  std::string sentence;
  std::optional<runs::DriftCheck> check;
  // What it was seen against. A run that ends while the source is being read changes that, and then nothing was seen.
  std::optional<EventTime> judged_window_end;  // new_rows
};

bool is_outdated(store::Transaction& transaction, const runs::ClaimedMonitor& monitor, const Observed& observed) {
  if (std::holds_alternative<trigger::NewRowsObservation>(observed.observation)) {
    return runs::find_judged_window_end(transaction, monitor.model) != observed.judged_window_end;
  }
  if (observed.check) {
    const auto production = registry::find_production(transaction, monitor.model);
    return !production || production->version != observed.check->version;
  }
  if (const auto* pipeline = std::get_if<trigger::PipelineObservation>(&observed.observation)) {
    return runs::find_judged_pipeline(transaction, monitor.model) != pipeline->judged_sha256;
  }
  return false;
}

Observed observe_new_rows(store::Database& registry, const runs::ClaimedMonitor& monitor, const settings::Model& model,
                          const settings::Source& source) {
  std::optional<EventTime> after;
  TimePoint now;
  registry.transact("find judged window", [&](store::Transaction& transaction) {
    now = runs::registry_now(transaction);
    after = runs::find_judged_window_end(transaction, monitor.model);
  });
  const std::uint64_t rows = pipeline::count_new_rows(source, model, after, now);
  return {trigger::NewRowsObservation{rows}, fmt::format("{} new labelled rows", rows), std::nullopt, after};
}

Observed observe_drift(store::Database& registry, const runs::ClaimedMonitor& monitor, const settings::Model& model,
                       const settings::DriftTrigger& rule, const settings::Source& source) {
  std::optional<registry::ProductionVersion> production;
  std::vector<stats::ColumnProfile> reference;
  TimePoint now;
  registry.transact("load reference profiles", [&](store::Transaction& transaction) {
    now = runs::registry_now(transaction);
    production = registry::find_production(transaction, monitor.model);
    if (production) {
      for (auto& column : registry::list_columns(transaction, monitor.model, production->version))
        reference.push_back(column.profile);
    }
  });
  if (!production)
    return {trigger::DriftObservation{.rows = 0, .columns = {}, .calibration = ""},
            "no production model to compare with", std::nullopt, std::nullopt};
  const pipeline::DriftMeasured measured = pipeline::measure_drift(source, model, rule, reference, now);
  const auto drifted = std::count_if(measured.columns.begin(), measured.columns.end(), [](const auto& column) {
    return column.verdict == stats::ColumnVerdict::drifted;
  });
  Observed out{trigger::DriftObservation{measured.rows, measured.columns, ""},
               fmt::format("{} of {} columns drifted in {} rows", drifted, measured.columns.size(), measured.rows),
               runs::DriftCheck{.model = monitor.model,
                                .version = production->version,
                                .trigger = monitor.trigger.name,
                                .axis = measured.axis,
                                .window_from = measured.window_from,
                                .window_to = measured.window_to,
                                .rows = measured.rows,
                                .calibration = "",
                                .columns = measured.columns},
               std::nullopt};
  return out;
}

Observed observe(store::Database& registry, const runs::ClaimedMonitor& monitor, const settings::Source* source) {
  switch (monitor.trigger.kind()) {
    case TriggerKind::schedule:
      return {trigger::ScheduleObservation{}, "", std::nullopt, std::nullopt};
    case TriggerKind::pipeline_change: {
      std::optional<std::string> judged;
      registry.transact("find judged pipeline", [&](store::Transaction& transaction) {
        judged = runs::find_judged_pipeline(transaction, monitor.model);
      });
      const bool same = judged == monitor.pipeline_sha256;
      return {trigger::PipelineObservation{monitor.pipeline_sha256, judged},
              same ? "the pipeline in force has been judged" : "the pipeline in force has not been judged yet",
              std::nullopt, std::nullopt};
    }
    default:
      break;
  }
  if (source == nullptr)
    throw DataError(fmt::format("this daemon's configuration has no source \"{}\"", monitor.source));
  const settings::Model model = settings::model_from_json(monitor.configuration);
  if (const auto* rule = std::get_if<settings::DriftTrigger>(&monitor.trigger.rule)) {
    return observe_drift(registry, monitor, model, *rule, *source);
  }
  return observe_new_rows(registry, monitor, model, *source);
}

}  // namespace

runs::MonitorRecord evaluate_monitor(store::Database& registry, const runs::Executor& executor,
                                     const runs::ClaimedMonitor& monitor, const settings::Source* source) {
  Observed observed;
  try {
    observed = observe(registry, monitor, source);
  } catch (const Error& error) {
    // The source's trouble, or the registry's: either way nothing was observed, and that is what gets recorded.
    observed = {trigger::ObservationError{error.message_with_hint()}, error.message_with_hint(), std::nullopt,
                std::nullopt};
  }
  return registry.transact("record trigger outcome", [&](store::Transaction& transaction) {
    const TimePoint now = runs::registry_now(transaction);
    const trigger::ModelContext context = runs::lock_context(transaction, monitor.model, monitor.trigger.name, now);
    // An outdated look is taken again at once, with the trigger's memory as it was.
    const trigger::Outcome outcome =
        is_outdated(transaction, monitor, observed)
            ? trigger::Outcome{.decisions = {}, .state = monitor.state, .next_due = now}
            : trigger::evaluate(monitor.trigger, observed.observation, monitor.state, context, now);
    const runs::MonitorRecord record =
        runs::record_outcome(transaction, executor, monitor, outcome, observed.sentence, now);
    if (record.held && observed.check) runs::record_drift_check(transaction, *observed.check, now);
    return record;
  });
}

}  // namespace retraind::daemon
