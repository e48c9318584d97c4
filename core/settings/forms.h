#pragma once
// The short texts that stand for a window, a holdout, a cluster, a season or a budget, both in TOML and in a snapshot.
// Thread-safe: pure functions.

#include <optional>
#include <string>
#include <string_view>

#include "core/settings/settings.h"

namespace retraind::settings {

// The longest duration any key takes: a hundred years, so that no sum of an instant and a duration overflows.
inline constexpr Duration kLongest = std::chrono::hours(24 * 36500);
// The largest number of rows any key takes.
inline constexpr std::uint64_t kMostRows = 1'000'000'000'000;

// "28d", "5000 rows" or "all". Durations from 1us to kLongest, rows from 1 to kMostRows.
std::optional<Window> parse_window(std::string_view text);
std::string format_window(const Window& window);

// "20%" (above 0 and below 100, with decimals if need be) or a duration.
std::optional<Holdout> parse_holdout(std::string_view text);
std::string format_holdout(const Holdout& holdout);

// "auto", "row", a duration, "200 rows", or the name of a column, which must not begin with a digit.
std::optional<Cluster> parse_cluster(std::string_view text);
std::string format_cluster(const Cluster& cluster);

// "auto", "none", "day", "week", "year" (365.2425 days), or a duration from 1us to kLongest.
std::optional<Season> parse_season(std::string_view text);
std::string format_season(const Season& season);

// "3 per 90d": from 1 to 1000 alarms in a duration from 1us to kLongest.
std::optional<AlarmBudget> parse_alarm_budget(std::string_view text);
std::string format_alarm_budget(const AlarmBudget& budget);

// The most checks that a trigger's patience looks back over.
inline constexpr int kMostChecks = 64;
// "2 of 3": the first from 1 to the second, the second to kMostChecks.
struct ChecksOf {
  int checks;
  int of;
};
std::optional<ChecksOf> parse_checks_of(std::string_view text);

}  // namespace retraind::settings
