// The walk from slot to slot. It goes through the zone's spans of constant offset from UTC: within one, local time runs
// evenly, and what makes daylight saving hard happens only where one span meets the next.

#include <date/tz.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <exception>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/schedule/cron.h"

namespace retraind::schedule {
namespace {

using date::local_days;
using date::local_seconds;
using std::chrono::minutes;
using std::chrono::seconds;
using SysSeconds = std::chrono::sys_time<seconds>;

constexpr SysSeconds kFirst{std::chrono::sys_days(std::chrono::year(1970) / 1 / 1)};
constexpr SysSeconds kEnd{std::chrono::sys_days(std::chrono::year(2201) / 1 / 1)};

// Longer than any time a clock was ever put forward or back.
constexpr std::chrono::hours kLongestShift(72);

constexpr std::string_view kMachinesOwnZone = "localtime";

std::string quoted(std::string_view text) {
  return '"' + std::string(text) + '"';
}

const date::tzdb& database() {
  try {
    return date::get_tzdb();
  } catch (const std::exception& error) {
    throw ConfigError(std::string("the system's time zone database cannot be read: ") + error.what(),
                      "install the package tzdata");
  }
}

const date::time_zone& find_zone(std::string_view name) {
  const date::tzdb& known = database();
  if (name == kMachinesOwnZone) {
    throw ConfigError("time zone \"localtime\" means another zone on every machine",
                      "name the zone itself, such as \"Europe/Berlin\"");
  }
  // The zones are sorted by name. The library's own look-up reports every failure as an unknown name.
  const auto found =
      std::lower_bound(known.zones.begin(), known.zones.end(), name,
                       [](const date::time_zone& zone, std::string_view text) { return zone.name() < text; });
  if (found == known.zones.end() || found->name() != name) {
    std::vector<std::string> names;
    for (const date::time_zone& zone : known.zones) {
      if (zone.name() != kMachinesOwnZone) names.push_back(zone.name());
    }
    const auto meant = nearest(name, names);
    throw ConfigError("time zone " + quoted(name) + " is not in the system's database",
                      meant ? "did you mean " + quoted(*meant) + "?"
                            : "names look like \"Europe/Berlin\" or \"UTC\"; timedatectl list-timezones prints them");
  }
  try {
    found->get_info(kFirst);  // the first question reads the zone's file
  } catch (const std::exception& error) {
    throw ConfigError("time zone " + quoted(name) + " cannot be read from the system's database: " + error.what(),
                      "reinstall the package tzdata");
  }
  return *found;
}

// The first minute of the day, at `from` or later, that the cron's hours and minutes name.
std::optional<minutes> next_minute_of_day(const Cron& cron, minutes from) {
  std::size_t minute = static_cast<std::size_t>(from.count() % 60);
  for (std::size_t hour = static_cast<std::size_t>(from.count() / 60); hour < 24; ++hour, minute = 0) {
    if (!cron.hours()[hour]) continue;
    for (; minute < 60; ++minute) {
      if (cron.minutes()[minute]) return minutes(60 * hour + minute);
    }
  }
  return std::nullopt;
}

// The first local minute in [from, until) that the cron names.
std::optional<local_seconds> next_match(const Cron& cron, local_seconds from, local_seconds until) {
  local_days day = date::floor<date::days>(from);
  minutes within = date::ceil<minutes>(from - day);
  while (day < until) {
    const date::year_month_day ymd(day);
    const unsigned month = static_cast<unsigned>(ymd.month());
    if (!cron.matches_month(month)) {
      day = local_days((ymd.year() / ymd.month() + date::months(1)) / 1);
      within = minutes(0);
      continue;
    }
    if (cron.matches_day(month, static_cast<unsigned>(ymd.day()), date::weekday(day).c_encoding())) {
      if (const auto minute = next_minute_of_day(cron, within)) {
        const local_seconds match = day + *minute;
        return match < until ? std::optional(match) : std::nullopt;
      }
    }
    day += date::days(1);
    within = minutes(0);
  }
  return std::nullopt;
}

// Whether the cron names a time in the gap [from, until) of local time, on a date that is not lost as a whole.
bool names_time_in_gap(const Cron& cron, local_seconds from, local_seconds until) {
  for (auto match = next_match(cron, from, until); match;) {
    const local_days day = date::floor<date::days>(*match);
    const local_days next_day = day + date::days(1);
    if (day < from || next_day > until) return true;
    match = next_match(cron, next_day, until);
  }
  return false;
}

class SlotWalk {
 public:
  SlotWalk(const Cron& cron, const date::time_zone& zone, TimePoint after)
      : cron_(cron),
        zone_(zone),
        // The first whole second after `after`.
        earliest_(std::max(kFirst, std::chrono::floor<seconds>(std::min<TimePoint>(after, kEnd)) + seconds(1))) {
    // Early enough that what the clock showed before the last change is known.
    span_ = zone_.get_info(earliest_ - kLongestShift);
    enter_span(local(span_.begin));
  }

  // The slots after `after`, oldest first; std::nullopt at the end of time, for ever.
  std::optional<TimePoint> next() {
    for (;;) {
      if (slot_after_gap_) {
        slot_after_gap_ = false;
        // A slot of its own at the same moment is the same slot.
        from_ = std::max(from_, local(span_.begin) + seconds(1));
        return span_.begin;
      }
      if (const auto match = next_match(cron_, from_, std::min(local(span_.end), local(kEnd)))) {
        from_ = *match + seconds(1);
        return SysSeconds(match->time_since_epoch() - span_.offset);
      }
      if (span_.end >= kEnd) return std::nullopt;
      const local_seconds shown = std::max(shown_, local(span_.end));
      span_ = zone_.get_info(span_.end);
      enter_span(shown);
    }
  }

 private:
  local_seconds local(SysSeconds instant) const { return local_seconds(instant.time_since_epoch() + span_.offset); }

  // `shown`: up to where, exclusive, the clock had shown local time before this span.
  void enter_span(local_seconds shown) {
    shown_ = shown;
    const local_seconds begin = local(span_.begin);
    from_ = begin;
    if (!cron_.is_hourly_or_finer()) {
      from_ = std::max(begin, shown);
      slot_after_gap_ = begin > shown && span_.begin >= earliest_ && names_time_in_gap(cron_, shown, begin);
    }
    from_ = std::max(from_, local(earliest_));
  }

  const Cron& cron_;
  const date::time_zone& zone_;
  SysSeconds earliest_;
  date::sys_info span_;
  local_seconds shown_;
  local_seconds from_;  // the earliest local time not looked at yet
  bool slot_after_gap_ = false;
};

}  // namespace

void require_timezone(std::string_view name) {
  find_zone(name);
}

std::optional<TimePoint> next_slot(const Cron& cron, std::string_view timezone, TimePoint after) {
  return SlotWalk(cron, find_zone(timezone), after).next();
}

Slots slots_between(const Cron& cron, std::string_view timezone, TimePoint after, TimePoint until, std::size_t limit) {
  SlotWalk walk(cron, find_zone(timezone), after);
  std::deque<TimePoint> newest;
  Slots result;
  for (auto slot = walk.next(); slot && *slot <= until; slot = walk.next()) {
    newest.push_back(*slot);
    if (newest.size() > limit) {
      newest.pop_front();
      ++result.omitted;
    }
  }
  result.slots.assign(newest.begin(), newest.end());
  return result;
}

}  // namespace retraind::schedule
