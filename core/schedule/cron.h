#pragma once
// Cron expressions and the instants they name in a time zone. Pure: takes `after`, reads no clock; the tz database of
// the system is read once. Thread-safe.
//
// Daylight saving follows Debian's cron: a job at a fixed local time that falls into the hour skipped in spring fires
// once, right after the gap; a job in the hour repeated in autumn fires once, at the first occurrence. A job with a
// wildcard hour or minute-step (one that runs at least hourly) follows elapsed time instead: it neither fires for
// skipped minutes nor omits the repeated hour.

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
// @weekly, @monthly, @yearly, @annually. When day of month and day of week are both restricted, either suffices.
class Cron {
 public:
  // Throws ConfigError saying which field is wrong, what it holds and what it may hold. An expression that can never
  // fire (30 February) is an error too.
  static Cron parse(std::string_view expression);

  const std::string& expression() const { return expression_; }
  bool is_hourly_or_finer() const { return hourly_or_finer_; }
  bool matches_day(unsigned month, unsigned day, unsigned weekday) const;  // weekday 0 = Sunday
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
  bool hourly_or_finer_ = false;
};

// Throws ConfigError when the system's tz database has no such zone, with the nearest name.
void require_timezone(std::string_view name);

// The first slot strictly after `after`. Slots are whole minutes in UTC. Throws ConfigError for an unknown zone;
// std::nullopt only past the year 2200.
std::optional<TimePoint> next_slot(const Cron& cron, std::string_view timezone, TimePoint after);

// Every slot in (after, until], oldest first, at most `limit` of them: the newest ones are kept, and `omitted` counts
// the older ones that were left out.
struct Slots {
  std::vector<TimePoint> slots;
  std::size_t omitted = 0;
};
Slots slots_between(const Cron& cron, std::string_view timezone, TimePoint after, TimePoint until, std::size_t limit);

}  // namespace retraind::schedule
