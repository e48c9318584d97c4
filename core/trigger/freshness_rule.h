#pragma once
// The alert that no new rows come. Tells once and resolves once; wants no run, so nothing can hold it back. Pure; any
// thread.

#include "core/trigger/trigger.h"

namespace retraind::trigger {

// On the number axis an event says nothing about when it came: what counts is since when the newest one has not grown.
// A newest event below the one before (rows were deleted, or a sequence began anew) is no growth, but what comes after
// it is. Leaves Outcome::next_due alone.
Outcome follow_freshness(const settings::FreshnessTrigger& rule, const FreshnessObservation& seen, const State& before,
                         TimePoint now);

}  // namespace retraind::trigger
