#pragma once
// Cron expressions and the instants they name in a time zone. Pure: takes `after`, reads no clock; the tz database of
// the system is read once. Thread-safe.
//
// Daylight saving follows Debian's cron (its manual page, "Daylight Saving Time and other time changes"). A job that
// names hours fires for a local time skipped in spring once, right after the gap (several skipped minutes make one
// slot), and for a local time repeated in autumn once, at its first occurrence. So a daily job at a fixed time has
// exactly one slot for each local date that exists; for a date that a zone left out as a whole (Apia, 30 December 2011)
// it has none. A job that fires in every hour of the day follows elapsed time instead: it neither fires for skipped
// minutes nor omits the repeated ones.
//
// The system's tz database lists changes of the clock until 2037; later slots keep the zone's last offset.

#include <bitset>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"

namespace retraind::schedule {

// Five fields: minute 0-59, hour 0-23, day of month 1-31, month 1-12 or jan-dec, day of week 0-7 (0 and 7 are Sunday)
// or sun-sat; each "*", a value, a range a-b, a list a,b, and steps */n and a-b/n. Also @hourly, @daily, @midnight,
// @weekly, @monthly, @yearly, @annually. Words in any case. When day of month and day of week are both restricted,
// either suffices; a field that begins with "*" is not restricted, so that "*/2" and a weekday must both hold.
class Cron {
 public:
  // Throws ConfigError saying which field is wrong, what it holds and what it may hold. An expression that can never
  // fire (30 February) is an error too, and so is a step larger than its field has values.
  static Cron parse(std::string_view expression);

  const std::string& expression() const { return expression_; }
  // True when it fires in every hour of the day, however that is written.
  bool is_hourly_or_finer() const { return hours_.all(); }
  bool matches_month(unsigned month) const { return months_[month]; }  // month 1-12
  // month 1-12, day 1-31, weekday 0 = Sunday; looks at the month too.
  bool matches_day(unsigned month, unsigned day, unsigned weekday) const;
  const std::bitset<60>& minutes() const { return minutes_; }
  const std::bitset<24>& hours() const { return hours_; }

 private:
  std::string expression_;
  std::bitset<60> minutes_;
  std::bitset<24> hours_;
  std::bitset<32> days_;
  std::bitset<13> months_;
  std::bitset<7> weekdays_;
  bool any_day_ = true;
  bool any_weekday_ = true;
};

// Throws ConfigError when the system's tz database has no such zone, with the nearest name. "localtime" is refused: it
// names another zone on every machine.
void require_timezone(std::string_view name);

// The first slot strictly after `after`, and not before 1970. Slots are whole minutes in UTC. Throws ConfigError for an
// unknown zone; std::nullopt only past the year 2200.
std::optional<TimePoint> next_slot(const Cron& cron, std::string_view timezone, TimePoint after);

// Every slot in (after, until], oldest first, at most `limit` of them: the newest ones are kept, and `omitted` counts
// the older ones that were left out. Empty when `until` is not after `after`. Throws ConfigError for an unknown zone.
struct Slots {
  std::vector<TimePoint> slots;
  std::size_t omitted = 0;
};
Slots slots_between(const Cron& cron, std::string_view timezone, TimePoint after, TimePoint until, std::size_t limit);

}  // namespace retraind::schedule
