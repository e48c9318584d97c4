// Slots around every change of the clock. The expected ones come from two places: instants worked out by hand for known
// changes, and a slow walk that looks at every minute's local time and follows the rule of Debian's cron literally.

#include <date/tz.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "core/base/random.h"
#include "core/schedule/cron.h"

namespace retraind::schedule {
namespace {

using date::local_days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using SysMinutes = std::chrono::sys_time<minutes>;
using LocalMinutes = date::local_time<minutes>;
using Texts = std::vector<std::string>;

TimePoint at(std::string_view text) {
  return parse_instant(text).value();
}

Texts slots(std::string_view expression, std::string_view timezone, std::string_view after, std::string_view until) {
  Texts out;
  for (const TimePoint slot : slots_between(Cron::parse(expression), timezone, at(after), at(until), 1'000'000).slots) {
    out.push_back(format_instant(slot));
  }
  return out;
}

// Germany goes from 02:00 to 03:00 on 31 March 2024 (01:00Z), and from 03:00 to 02:00 on 27 October 2024 (01:00Z).

TEST(DaylightSaving, FiresOnceRightAfterTheGapWhenTheTimeIsSkippedInSpring) {
  EXPECT_EQ(slots("30 2 * * *", "Europe/Berlin", "2024-03-30", "2024-04-02"),
            (Texts{"2024-03-30T01:30:00Z", "2024-03-31T01:00:00Z", "2024-04-01T00:30:00Z"}));
  EXPECT_EQ(slots("0 2 * * *", "Europe/Berlin", "2024-03-31", "2024-04-01T00:00:00Z"),
            (Texts{"2024-03-31T01:00:00Z", "2024-04-01T00:00:00Z"}));
}

TEST(DaylightSaving, MakesOneSlotOfSeveralSkippedTimes) {
  EXPECT_EQ(slots("0,20,40 2 * * *", "Europe/Berlin", "2024-03-31", "2024-03-31T12:00:00Z"),
            (Texts{"2024-03-31T01:00:00Z"}));
  EXPECT_EQ(slots("0 2,3,4 * * *", "Europe/Berlin", "2024-03-31", "2024-04-01"),
            (Texts{"2024-03-31T01:00:00Z", "2024-03-31T02:00:00Z", "2024-04-01T00:00:00Z"}));
}

TEST(DaylightSaving, FiresOnceAtTheFirstOccurrenceWhenTheTimeIsRepeatedInAutumn) {
  EXPECT_EQ(slots("30 2 * * *", "Europe/Berlin", "2024-10-26", "2024-10-28T12:00:00Z"),
            (Texts{"2024-10-26T00:30:00Z", "2024-10-27T00:30:00Z", "2024-10-28T01:30:00Z"}));
  EXPECT_EQ(slots("*/30 2 * * *", "Europe/Berlin", "2024-10-26T12:00:00Z", "2024-10-27T12:00:00Z"),
            (Texts{"2024-10-27T00:00:00Z", "2024-10-27T00:30:00Z"}));
  EXPECT_EQ(slots("0 3 * * *", "Europe/Berlin", "2024-10-26T12:00:00Z", "2024-10-28"), (Texts{"2024-10-27T02:00:00Z"}));
}

TEST(DaylightSaving, DoesNotRepeatTheSlotWhenAskedWithinTheRepeatedHour) {
  const Cron cron = Cron::parse("30 2 * * *");
  EXPECT_EQ(next_slot(cron, "Europe/Berlin", at("2024-10-27T00:29:00Z")), at("2024-10-27T00:30:00Z"));
  EXPECT_EQ(next_slot(cron, "Europe/Berlin", at("2024-10-27T00:30:00Z")), at("2024-10-28T01:30:00Z"));
  EXPECT_EQ(next_slot(cron, "Europe/Berlin", at("2024-10-27T01:15:00Z")), at("2024-10-28T01:30:00Z"));
}

TEST(DaylightSaving, LetsHourlyJobsFollowElapsedTime) {
  EXPECT_EQ(slots("30 * * * *", "Europe/Berlin", "2024-03-31", "2024-03-31T03:00:00Z"),
            (Texts{"2024-03-31T00:30:00Z", "2024-03-31T01:30:00Z", "2024-03-31T02:30:00Z"}));
  EXPECT_EQ(slots("30 * * * *", "Europe/Berlin", "2024-10-27", "2024-10-27T03:00:00Z"),
            (Texts{"2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z", "2024-10-27T02:30:00Z"}));
}

TEST(DaylightSaving, KnowsTheHalfHourOfLordHoweIsland) {
  // 7 April 2024: 02:00 becomes 01:30 (+11 to +10:30) at 15:00Z. 6 October 2024: 02:00 becomes 02:30 at 15:30Z.
  EXPECT_EQ(slots("45 1 * * *", "Australia/Lord_Howe", "2024-04-06T12:00:00Z", "2024-04-07T16:00:00Z"),
            (Texts{"2024-04-06T14:45:00Z", "2024-04-07T15:15:00Z"}));
  EXPECT_EQ(slots("15 2 * * *", "Australia/Lord_Howe", "2024-10-05T12:00:00Z", "2024-10-06T16:00:00Z"),
            (Texts{"2024-10-05T15:30:00Z", "2024-10-06T15:15:00Z"}));
  EXPECT_EQ(slots("45 * * * *", "Australia/Lord_Howe", "2024-04-06T14:00:00Z", "2024-04-06T16:30:00Z"),
            (Texts{"2024-04-06T14:45:00Z", "2024-04-06T15:15:00Z", "2024-04-06T16:15:00Z"}));
}

TEST(DaylightSaving, FiresAtOneWhereMidnightIsSkipped) {
  // Brazil, 4 November 2018: 00:00 becomes 01:00 at 03:00Z.
  EXPECT_EQ(slots("0 0 * * *", "America/Sao_Paulo", "2018-11-03", "2018-11-05T12:00:00Z"),
            (Texts{"2018-11-03T03:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"}));
}

TEST(DaylightSaving, FiresOnceWhereTheHourBeforeMidnightIsRepeated) {
  // Brazil, 18 February 2018: 00:00 becomes 23:00 of 17 February at 02:00Z.
  EXPECT_EQ(slots("30 23 * * *", "America/Sao_Paulo", "2018-02-17", "2018-02-19T12:00:00Z"),
            (Texts{"2018-02-17T01:30:00Z", "2018-02-18T01:30:00Z", "2018-02-19T02:30:00Z"}));
  EXPECT_EQ(slots("0 0 * * *", "America/Sao_Paulo", "2018-02-17T12:00:00Z", "2018-02-18T12:00:00Z"),
            (Texts{"2018-02-18T03:00:00Z"}));
}

TEST(DaylightSaving, HasNoSlotForTheDayThatSamoaLeftOut) {
  // At the end of 29 December 2011 (10:00Z on the 30th) Apia went on with 31 December.
  EXPECT_EQ(slots("0 3 * * *", "Pacific/Apia", "2011-12-29", "2012-01-01"),
            (Texts{"2011-12-29T13:00:00Z", "2011-12-30T13:00:00Z", "2011-12-31T13:00:00Z"}));
  EXPECT_EQ(slots("0 12 30 12 *", "Pacific/Apia", "2011-01-01", "2013-01-01"), (Texts{"2012-12-29T22:00:00Z"}));
  EXPECT_EQ(slots("0 0 * * *", "Pacific/Apia", "2011-12-29", "2011-12-31"),
            (Texts{"2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"}));
}

class EveryChange : public testing::TestWithParam<const char*> {
 protected:
  const date::time_zone& zone() const { return *date::locate_zone(GetParam()); }

  static date::sys_seconds begin() { return date::sys_days(date::year(2000) / 1 / 1); }
  static date::sys_seconds end() { return date::sys_days(date::year(2038) / 1 / 1); }

  // The instants at which the offset changes.
  std::vector<date::sys_seconds> changes() const {
    std::vector<date::sys_seconds> out;
    for (date::sys_info info = zone().get_info(begin()); info.end < end(); info = zone().get_info(info.end)) {
      if (zone().get_info(info.end).offset != info.offset) out.push_back(info.end);
    }
    return out;
  }
};

INSTANTIATE_TEST_SUITE_P(Zones, EveryChange,
                         testing::Values("Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
                                         "America/Sao_Paulo", "Asia/Tehran", "Pacific/Apia"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           for (char& c : name) c = c == '/' ? '_' : c;
                           return name;
                         });

TEST_P(EveryChange, LetsADailyJobFireExactlyOnceOnEachLocalDateThatExists) {
  std::set<local_days> dates;
  for (date::sys_seconds now = begin(); now < end();) {
    const date::sys_info info = zone().get_info(now);
    const auto from = std::max(info.begin, begin()).time_since_epoch() + info.offset;
    const auto until = std::min(info.end, end()).time_since_epoch() + info.offset;
    const auto first = date::floor<date::days>(date::local_seconds(from));
    for (local_days date = first; date < date::local_seconds(until); date += date::days(1)) dates.insert(date);
    now = info.end;
  }
  // The period may cut off the first and the last local date.
  dates.erase(dates.begin());
  dates.erase(std::prev(dates.end()));
  ASSERT_GT(dates.size(), 13'870u);  // 38 years of 365 days

  for (const char* time : {"0 0", "30 0", "45 1", "0 2", "15 2", "59 2", "0 3", "30 23"}) {
    const Slots found = slots_between(Cron::parse(std::string(time) + " * * *"), GetParam(), TimePoint(begin()),
                                      TimePoint(end()), 100'000);
    std::vector<local_days> fired;
    for (const TimePoint slot : found.slots) {
      const auto date = date::floor<date::days>(zone().to_local(std::chrono::time_point_cast<seconds>(slot)));
      if (date >= *dates.begin() && date <= *dates.rbegin()) fired.push_back(date);
    }
    EXPECT_TRUE(std::is_sorted(fired.begin(), fired.end()));
    for (const local_days date : fired) {
      EXPECT_TRUE(dates.contains(date)) << time << " on " << date::format("%F", date);
    }
    EXPECT_EQ(std::adjacent_find(fired.begin(), fired.end()), fired.end()) << time << " fired twice on a date";
    EXPECT_EQ(fired.size(), dates.size()) << time << " missed a date";
  }
}

// What Debian's cron would do, minute by minute, in [from, until).
std::vector<TimePoint> walk_minutes(const Cron& cron, const date::time_zone& zone, SysMinutes from, SysMinutes until) {
  const auto names = [&cron](LocalMinutes local) {
    const auto day = date::floor<date::days>(local);
    const date::year_month_day ymd(day);
    const auto minute = static_cast<std::size_t>((local - day).count());
    return cron.hours()[minute / 60] && cron.minutes()[minute % 60] &&
           cron.matches_day(static_cast<unsigned>(ymd.month()), static_cast<unsigned>(ymd.day()),
                            date::weekday(day).c_encoding());
  };
  date::sys_info info = zone.get_info(from - hours(27));
  const auto local_at = [&zone, &info](SysMinutes minute) {
    if (minute >= info.end) info = zone.get_info(minute);
    return date::floor<minutes>(date::local_seconds(minute.time_since_epoch() + info.offset));
  };
  std::vector<TimePoint> out;
  LocalMinutes shown = local_at(from - hours(27));  // up to where, inclusive, the clock has been
  for (SysMinutes minute = from - hours(27); minute < until; minute += minutes(1)) {
    const LocalMinutes local = local_at(minute);
    bool fires = names(local);
    if (!cron.is_hourly_or_finer()) {
      if (local <= shown) fires = false;
      // Skipped minutes, but not those of a date that does not exist.
      for (LocalMinutes skipped = shown + minutes(1); skipped < local; skipped += minutes(1)) {
        const auto day = date::floor<date::days>(skipped);
        const bool lost_day = shown < LocalMinutes(day) && local >= LocalMinutes(day + date::days(1));
        if (names(skipped) && !lost_day) fires = true;
      }
    }
    shown = std::max(shown, local);
    if (fires && minute >= from) out.emplace_back(minute);
  }
  return out;
}

std::string random_expression(Random& random) {
  const auto pick = [&random](std::initializer_list<const char*> choices) {
    return std::string(*(choices.begin() + random.below(choices.size())));
  };
  return pick({"0", "30", "59", "*/10", "*/7", "5,35", "*"}) + " " +
         pick({"0", "1", "2", "3", "23", "0-2", "*/2", "1,2,3", "22-23", "*", "*"}) + " " +
         pick({"*", "*", "*/2", "1-15", "28-31", "30"}) + " " + pick({"*", "*", "1-6", "3,10,12"}) + " " +
         pick({"*", "*", "sun", "mon-sat", "*/3"});
}

TEST_P(EveryChange, AgreesWithAWalkThatLooksAtEveryMinute) {
  const std::vector<date::sys_seconds> all = changes();
  ASSERT_FALSE(all.empty());
  Random random(2037);
  for (const date::sys_seconds change : all) {
    const SysMinutes middle = std::chrono::floor<minutes>(change);
    ASSERT_EQ(SysMinutes(middle), change);
    for (int i = 0; i < 4; ++i) {
      const std::string expression = random_expression(random);
      const Cron cron = Cron::parse(expression);
      const SysMinutes from = middle - minutes(random.below(26 * 60));
      const SysMinutes until = middle + minutes(random.below(26 * 60));
      const auto expected = walk_minutes(cron, zone(), from, until);
      const Slots found =
          slots_between(cron, GetParam(), TimePoint(from) - Duration(1), TimePoint(until) - Duration(1), 100'000);
      ASSERT_EQ(found.slots, expected) << expression << " in " << GetParam() << " from "
                                       << format_instant(TimePoint(from));
    }
  }
}

TEST_P(EveryChange, GivesTheSameSlotsOneByOneAsTogether) {
  for (const char* expression : {"30 2 * * *", "0 0 * * *", "*/20 1-3 * * *"}) {
    const Cron cron = Cron::parse(expression);
    for (const date::sys_seconds change : changes()) {
      const TimePoint from = TimePoint(change) - hours(49);
      const TimePoint until = TimePoint(change) + hours(49);
      std::vector<TimePoint> one_by_one;
      for (auto slot = next_slot(cron, GetParam(), from); *slot <= until; slot = next_slot(cron, GetParam(), *slot)) {
        one_by_one.push_back(*slot);
      }
      ASSERT_EQ(slots_between(cron, GetParam(), from, until, 1'000).slots, one_by_one)
          << expression << " at " << format_instant(TimePoint(change));
    }
  }
}

}  // namespace
}  // namespace retraind::schedule
