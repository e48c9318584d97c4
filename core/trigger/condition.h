#pragma once
// The state diagram of trigger.h for everything but schedules, alerts and errors: what a check found, together with
// what is remembered, becomes a phase and perhaps a decision. Pure; any thread.

#include <cstddef>
#include <string>

#include "core/trigger/finding.h"
#include "core/trigger/trigger.h"

namespace retraind::trigger {

// How many checks State::recent holds at most; Patience::of is never larger.
inline constexpr std::size_t kMostRecent = 64;

// What outlives a firing and the end of a condition: where the trigger got to in its stream, and its open alert.
State keep_position(const State& before);

struct Step {
  State state;
  bool wants = false;  // the condition holds now and has held for long enough
  bool began = false;  // it changed into pending
};

// One check at `at`. The phase firing means "about to fire": only State's `clear` clean checks end it, and it fires at
// the first check that holds. Where no miss is allowed (checks == of), a miss starts State::holds_since anew; otherwise
// it is when the pending phase began. A check that could not be made (cannot_tell) continues neither a row of checks
// that held nor one of clean ones.
Step step(const State& before, Holds holds, const settings::Patience& patience, TimePoint at);

// Leaves Outcome::next_due alone. The check was made `at`, at most `now`; a run is wanted now.
Outcome follow_condition(const settings::Trigger& trigger, const Finding& finding, const settings::Patience& patience,
                         const State& before, const ModelContext& context, TimePoint now, TimePoint at);

}  // namespace retraind::trigger
