#pragma once
// Instants, durations and event times, and their spelling. Nothing here reads a clock: `now` is always an argument.
// Thread-safe: pure functions and values.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace retraind {

// Microseconds since 1970-01-01 UTC, PostgreSQL's own resolution.
using TimePoint = std::chrono::sys_time<std::chrono::microseconds>;
using Duration = std::chrono::microseconds;

// "28d", "1h30m", "250ms", "0s". Units: us, ms, s, min (also m), h, d (24 hours exactly), w. Whole numbers only, each
// unit at most once, largest first. std::nullopt for anything else, including an empty text and an overflow.
std::optional<Duration> parse_duration(std::string_view text);

// The spelling that parse_duration reads back to the same value, without weeks: "28d", "1h30min", "0s". Negative values
// get a leading '-', which parse_duration does not read.
std::string format_duration(Duration duration);

// "2026-11-23T16:05:00Z", with ".123456" only where the microseconds are not zero. Years have at least four digits, and
// a '-' before the year 0 (which is 1 BC).
std::string format_instant(TimePoint instant);

// Reads what format_instant writes, and PostgreSQL's ISO output: "2026-11-23 16:05:00.5+00", "1890-01-01
// 00:53:28+00:53:28", "0044-03-15 00:00:00+00 BC", and a date alone, which means its midnight. A missing offset means
// UTC. std::nullopt for anything else, for "infinity", and for what does not fit.
std::optional<TimePoint> parse_instant(std::string_view text);

// What a model's time column counts in. An instant is a timestamp, timestamptz or date (a timestamp without time zone
// is read as UTC); a number is any numeric column that grows, such as a sequence.
enum class TimeAxis { instant, number };

// One event time. On the instant axis: microseconds since 1970 UTC (a double holds them exactly until the year 2255);
// on the number axis: the number itself (integers are exact to 2^53).
using EventTime = double;

// For people and reports: an instant as format_instant writes it, a number as format_number does; values that are not
// finite as "nan", "inf", "-inf" on both axes.
std::string format_event_time(TimeAxis axis, EventTime value);

EventTime to_event_time(TimePoint instant);
// Only meaningful on the instant axis. Rounds to the nearest microsecond; what lies beyond the first or last instant,
// infinities included, becomes it. Throws std::logic_error for nan.
TimePoint to_instant(EventTime value);

}  // namespace retraind
