#pragma once
// A point in time as people type it at a command line: "2h" ago, a date, a date with a time. Thread-safe, but for the
// time zone of the process.

#include <optional>
#include <string_view>

#include "core/base/time.h"

namespace retraind::daemon {

inline constexpr std::string_view kTimeForm =
    "a duration before now (2h, 7d), a date (2026-05-03), or a date with a time (\"2026-05-03 12:00\", "
    "\"2026-05-03 12:00+02\")";

// "90min": so long before `now`. "2026-05-03": its first instant. "2026-05-03 12:00", "2026-05-03T12:00:30.5",
// "2026-05-03 12:00+02:00", "2026-05-03 12:00Z". Without an offset the clock is that of the local zone, or UTC with
// `utc`; a local time that a change of the clock skips or repeats is the one mktime() takes. "today" and "yesterday"
// are dates. std::nullopt for anything else.
std::optional<TimePoint> parse_time_option(std::string_view text, TimePoint now, bool utc);

}  // namespace retraind::daemon
