#pragma once
// How decisions spell values, for the person who reads them at three in the morning. Pure; any thread.

#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/settings/settings.h"
#include "core/stats/interval.h"

namespace retraind::trigger {

// "1 row", "2,310 rows".
std::string counted(std::uint64_t count, std::string_view noun);

// "2,310".
std::string grouped(std::uint64_t count);

// Four significant digits, whole numbers in full: "0.6812", "12.35", "1234567".
std::string brief(double value);

// "62 %", "0.4 %".
std::string percent(double share);

// "0.681 (0.664 to 0.698)"; the estimate alone where the interval has no width.
std::string with_bounds(const stats::Interval& interval);

// " over 7d", " in the newest 5,000 rows", "" for the whole past.
std::string over(const settings::Window& window);

// JSON has no spelling for what is not finite: null.
boost::json::value number_or_null(double value);
boost::json::value interval_json(const stats::Interval& interval);

}  // namespace retraind::trigger
