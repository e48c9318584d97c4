#include "core/trigger/bar.h"

#include <algorithm>

namespace retraind::trigger {

Duration doubled(Duration first, int steps, Duration most) {
  if (steps < 1) return Duration::zero();
  Duration length = std::min(first, most);
  for (int step = 1; step < steps && length > Duration::zero() && length < most; ++step) {
    length = length > most / 2 ? most : 2 * length;
  }
  return length;
}

std::optional<TimePoint> back_off_end(const settings::Trigger& trigger, const ModelContext& context) {
  const Duration length = doubled(trigger.backoff, context.unsuccessful_in_a_row, trigger.backoff_max);
  if (!context.last_unsuccessful_at || length == Duration::zero()) return std::nullopt;
  return *context.last_unsuccessful_at + length;
}

std::optional<TimePoint> cooldown_end(const settings::Trigger& trigger, const ModelContext& context) {
  if (!context.last_finished_at || trigger.cooldown == Duration::zero()) return std::nullopt;
  return *context.last_finished_at + trigger.cooldown;
}

std::optional<Bar> find_bar(const settings::Trigger& trigger, const ModelContext& context, TimePoint now) {
  if (context.paused) {
    return Bar{"paused",
               "the model is paused" + (context.pause_reason.empty() ? "" : " (" + context.pause_reason + ")")};
  }
  if (const auto end = back_off_end(trigger, context); end && now < *end) {
    const int runs = context.unsuccessful_in_a_row;
    return Bar{"back_off", "backing off until " + format_instant(*end) + " after " + std::to_string(runs) +
                               (runs == 1 ? " unsuccessful run" : " unsuccessful runs in a row")};
  }
  if (const auto end = cooldown_end(trigger, context); end && now < *end) {
    return Bar{"cooldown", "cooling down until " + format_instant(*end) + ": the model's last run ended at " +
                               format_instant(*context.last_finished_at) + ", and cooldown is " +
                               format_duration(trigger.cooldown)};
  }
  if (trigger.max_runs_per_day > 0 && context.runs_in_last_day >= trigger.max_runs_per_day) {
    return Bar{"budget", std::to_string(context.runs_in_last_day) + (context.runs_in_last_day == 1 ? " run" : " runs") +
                             " in the last 24 hours, and max_runs_per_day is " +
                             std::to_string(trigger.max_runs_per_day)};
  }
  return std::nullopt;
}

}  // namespace retraind::trigger
