#pragma once
// Triggers that look at the production model's quality once labels are there. Pure; any thread.

#include "core/trigger/trigger.h"

namespace retraind::trigger {

// Thresholds follow condition.h. An alarm of a detector stays wanted (phase firing) until a run answers it or another
// version is in production: a detector that has said it says it only once. Another version than the one remembered
// begins with an empty memory. Leaves Outcome::next_due alone.
Outcome follow_performance(const settings::Trigger& trigger, const settings::PerformanceTrigger& rule,
                           const PerformanceObservation& seen, const State& before, const ModelContext& context,
                           TimePoint now);

}  // namespace retraind::trigger
