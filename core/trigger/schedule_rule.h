#pragma once
// Triggers that fire at the slots of a cron expression. Pure; any thread.

#include "core/trigger/trigger.h"

namespace retraind::trigger {

// With catch_up = none, a slot this old may still fire: no evaluation is ever exactly on time.
inline constexpr Duration kSlotGrace = std::chrono::minutes(1);

// With catch_up = all, how soon to look again while a run is open.
inline constexpr Duration kOpenRunRecheck = std::chrono::seconds(10);

Outcome follow_schedule(const settings::Trigger& trigger, const settings::ScheduleTrigger& rule, const State& before,
                        const ModelContext& context, TimePoint now);

}  // namespace retraind::trigger
