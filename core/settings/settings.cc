#include "core/settings/settings.h"

namespace retraind::settings {

TriggerKind Trigger::kind() const {
  struct Kind {
    TriggerKind operator()(const ScheduleTrigger&) const { return TriggerKind::schedule; }
    TriggerKind operator()(const NewRowsTrigger&) const { return TriggerKind::new_rows; }
    TriggerKind operator()(const DriftTrigger&) const { return TriggerKind::drift; }
    TriggerKind operator()(const PerformanceTrigger&) const { return TriggerKind::performance; }
    TriggerKind operator()(const SignalTrigger&) const { return TriggerKind::signal; }
    TriggerKind operator()(const QueryTrigger&) const { return TriggerKind::query; }
    TriggerKind operator()(const PrometheusTrigger&) const { return TriggerKind::prometheus; }
    TriggerKind operator()(const FreshnessTrigger&) const { return TriggerKind::freshness; }
    TriggerKind operator()(const PipelineChangeTrigger&) const { return TriggerKind::pipeline_change; }
  };
  return std::visit(Kind{}, rule);
}

// A schedule says itself when to run; a condition that lasts would otherwise start run after run.
Duration default_backoff(TriggerKind kind) {
  return kind == TriggerKind::schedule ? Duration::zero() : Trigger{}.backoff;
}

Metric default_metric(Task task) {
  return task == Task::regression ? Metric::rmse : Metric::log_loss;
}

}  // namespace retraind::settings
