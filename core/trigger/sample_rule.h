#pragma once
// Triggers on outside numbers: signals of the registry, queries at a source, Prometheus. Pure; any thread.

#include "core/trigger/trigger.h"

namespace retraind::trigger {

// What the three kinds have in common.
struct SampleRule {
  const settings::Bounds& bounds;
  const settings::Patience& patience;
  Duration every;
  NoData on_no_data;
  Duration no_data_after;  // zero: the latest value counts for ever
  bool keeps_values;       // signal: values are recorded with their time, and the latest stays in force
};

// Every new sample is a check at its own time, one after the other. The first firing ends the evaluation: the samples
// after it wait for the next one, which is due at once. A sample of a signal dated in the future waits for its time.
// Values that are not finite are passed over. Of the decisions that checks led to, only those that still say something
// about the end are kept: no pending that was overtaken, and one suppression.
Outcome follow_samples(const settings::Trigger& trigger, const SampleRule& rule, const SampleObservation& seen,
                       const State& before, const ModelContext& context, TimePoint now);

}  // namespace retraind::trigger
