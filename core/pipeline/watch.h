#pragma once
// The registry's half of a look: what has to be read for a trigger, and what the blocks say once they have been. Each
// function works inside the caller's transaction; between the two stands look() (look.h), with no transaction open.

#include <optional>
#include <string>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/pipeline/look.h"
#include "core/registry/versions.h"
#include "core/runs/monitors.h"
#include "core/settings/settings.h"
#include "core/trigger/trigger.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::pipeline {

struct LookPlan {
  ModelId model{};
  LookJob job;
  registry::ProductionVersion production;
  std::string artifact;  // to be put beside the job as job.artifact_file; empty where no model is needed
};

// std::nullopt when the model has no production version. Throws DataError when its artifact is damaged.
std::optional<LookPlan> plan_drift_look(store::Transaction& transaction, ModelId model, const settings::Model& settings,
                                        const settings::DriftTrigger& rule, TimePoint now);
std::optional<LookPlan> plan_performance_look(store::Transaction& transaction, ModelId model,
                                              const settings::Model& settings, const settings::PerformanceTrigger& rule,
                                              const trigger::State& state, TimePoint now);

struct DriftFinding {
  bool outdated = false;  // another check has read more recently and less far back: look again
  trigger::DriftObservation observation;
  runs::DriftCheck check;
  std::string sentence;  // for people, in one line
};
// Stores the blocks that were read, and compares the window with the reference. `trigger` names who asked.
DriftFinding conclude_drift_look(store::Transaction& transaction, const LookPlan& plan, const LookResult& result,
                                 const settings::DriftTrigger& rule, const std::string& trigger);

struct PerformanceFinding {
  bool outdated = false;  // likewise
  trigger::PerformanceObservation observation;
  std::optional<runs::PerformanceCheck> check;  // absent where nothing could be measured
  std::string sentence;
};
PerformanceFinding conclude_performance_look(store::Transaction& transaction, const LookPlan& plan,
                                             const LookResult& result, const settings::PerformanceTrigger& rule,
                                             const std::string& trigger);

// What of a trigger that looks at production is known without a look, because there is no production model.
trigger::DriftObservation no_drift_without_production();
trigger::PerformanceObservation no_performance_without_production();

}  // namespace retraind::pipeline
