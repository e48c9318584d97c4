#pragma once
// What keeps a wanted run from starting: a pause, the back-off, the cooldown, the daily budget. Pure; any thread.

#include <optional>
#include <string>

#include "core/trigger/trigger.h"

namespace retraind::trigger {

struct Bar {
  std::string cause;     // "paused", "back_off", "cooldown" or "budget"
  std::string sentence;  // with the values
};

// The first that applies, in the order above. A run may start at the very instant a back-off or a cooldown ends.
std::optional<Bar> find_bar(const settings::Trigger& trigger, const ModelContext& context, TimePoint now);

// last_unsuccessful_at + min(backoff_max, backoff * 2^(unsuccessful_in_a_row - 1)); std::nullopt when there is none.
std::optional<TimePoint> back_off_end(const settings::Trigger& trigger, const ModelContext& context);

// last_finished_at + cooldown, likewise.
std::optional<TimePoint> cooldown_end(const settings::Trigger& trigger, const ModelContext& context);

// min(most, first * 2^(steps - 1)) without overflow; zero for steps < 1.
Duration doubled(Duration first, int steps, Duration most);

}  // namespace retraind::trigger
