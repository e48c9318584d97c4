#pragma once
// The short texts that stand for a window, a holdout or a cluster, both in TOML and in a snapshot. Thread-safe: pure
// functions.

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

}  // namespace retraind::settings
