#include "core/trigger/wording.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "core/base/text.h"

namespace retraind::trigger {
namespace {

std::string window_words(const settings::WindowAll&) {
  return "";
}
std::string window_words(const settings::WindowRows& window) {
  return " in the newest " + counted(window.rows, "row");
}
std::string window_words(const settings::WindowDuration& window) {
  return " over " + format_duration(window.length);
}

// Rounded to so many digits after the point, at most 12: beyond that nobody reads on.
std::string rounded(double value, int digits) {
  const double scale = std::pow(10.0, std::clamp(digits, 0, 12));
  const double scaled = std::round(value * scale) / scale;
  return format_number(std::isfinite(scaled) ? scaled : value);
}

}  // namespace

std::string grouped(std::uint64_t count) {
  std::string out = std::to_string(count);
  for (std::size_t at = out.size(); at > 3; at -= 3) out.insert(at - 3, ",");
  return out;
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return grouped(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

std::string brief(double value) {
  if (!std::isfinite(value) || value == 0) return format_number(value);
  constexpr int kDigits = 4;
  return rounded(value, kDigits - 1 - static_cast<int>(std::floor(std::log10(std::abs(value)))));
}

std::string percent(double share) {
  return rounded(100 * share, std::abs(share) < 0.0995 ? 1 : 0) + " %";
}

std::string with_bounds(const stats::Interval& interval) {
  if (interval.low == interval.high) return brief(interval.estimate);
  return brief(interval.estimate) + " (" + brief(interval.low) + " to " + brief(interval.high) + ")";
}

std::string over(const settings::Window& window) {
  return std::visit([](const auto& one) { return window_words(one); }, window);
}

boost::json::value number_or_null(double value) {
  return std::isfinite(value) ? boost::json::value(value) : boost::json::value(nullptr);
}

boost::json::value interval_json(const stats::Interval& interval) {
  return boost::json::object{{"estimate", number_or_null(interval.estimate)},
                             {"low", number_or_null(interval.low)},
                             {"high", number_or_null(interval.high)},
                             {"standard_error", number_or_null(interval.standard_error)},
                             {"clusters", interval.clusters},
                             {"method", interval.method}};
}

}  // namespace retraind::trigger
