#include "daemon/time_option.h"

#include <chrono>
#include <ctime>
#include <regex>
#include <string>

namespace retraind::daemon {
namespace {

using std::chrono::days;
using std::chrono::seconds;

// Numbers of a calendar and a clock, in whatever zone.
struct Local {
  int year = 0;
  int month = 0;
  int day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
};

std::optional<TimePoint> instant_of(const Local& local, bool utc) {
  const std::chrono::year_month_day date{std::chrono::year(local.year),
                                         std::chrono::month(static_cast<unsigned>(local.month)),
                                         std::chrono::day(static_cast<unsigned>(local.day))};
  if (!date.ok() || local.hour > 23 || local.minute > 59 || local.second > 59) return std::nullopt;
  if (utc) {
    return TimePoint(std::chrono::sys_days(date)) + std::chrono::hours(local.hour) +
           std::chrono::minutes(local.minute) + seconds(local.second);
  }
  std::tm broken{};
  broken.tm_year = local.year - 1900;
  broken.tm_mon = local.month - 1;
  broken.tm_mday = local.day;
  broken.tm_hour = local.hour;
  broken.tm_min = local.minute;
  broken.tm_sec = local.second;
  broken.tm_isdst = -1;
  return TimePoint(seconds(std::mktime(&broken)));
}

std::optional<TimePoint> first_instant(TimePoint now, days before, bool utc) {
  const std::time_t at = std::chrono::floor<seconds>(now - before).time_since_epoch().count();
  std::tm broken{};
  if (utc) {
    gmtime_r(&at, &broken);
  } else {
    localtime_r(&at, &broken);
  }
  return instant_of({broken.tm_year + 1900, broken.tm_mon + 1, broken.tm_mday}, utc);
}

}  // namespace

std::optional<TimePoint> parse_time_option(std::string_view text, TimePoint now, bool utc) {
  if (const auto before = parse_duration(text)) return now - *before;
  if (text == "today") return first_instant(now, days(0), utc);
  if (text == "yesterday") return first_instant(now, days(1), utc);
  static const std::regex kForm(
      R"((\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?)?)");
  std::match_results<std::string_view::const_iterator> found;
  if (!std::regex_match(text.begin(), text.end(), found, kForm)) return std::nullopt;
  const auto number = [&](std::size_t group) { return found[group].matched ? std::stoi(found[group].str()) : 0; };
  const Local local{number(1), number(2), number(3), number(4), number(5), number(6)};
  const std::string offset = found[8].str();
  auto out = instant_of(local, utc || !offset.empty());
  if (!out) return std::nullopt;
  if (found[7].matched) {
    std::string digits = found[7].str();
    digits.resize(6, '0');
    *out += std::chrono::microseconds(std::stoi(digits));
  }
  if (offset.size() > 1) {
    const int hours = std::stoi(offset.substr(1, 2));
    const int minutes = offset.size() > 3 ? std::stoi(offset.substr(offset.size() - 2)) : 0;
    if (hours > 15 || minutes > 59) return std::nullopt;
    const auto east = std::chrono::hours(hours) + std::chrono::minutes(minutes);
    *out += offset.front() == '-' ? east : -east;
  }
  return out;
}

}  // namespace retraind::daemon
