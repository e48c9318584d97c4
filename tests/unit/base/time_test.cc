#include "core/base/time.h"

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

#include "core/base/random.h"

namespace retraind {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TimePoint at(std::int64_t count) {
  return TimePoint(Duration(count));
}

TEST(ParseDuration, ReadsEveryUnit) {
  EXPECT_EQ(parse_duration("7us"), microseconds(7));
  EXPECT_EQ(parse_duration("250ms"), milliseconds(250));
  EXPECT_EQ(parse_duration("30s"), seconds(30));
  EXPECT_EQ(parse_duration("15min"), minutes(15));
  EXPECT_EQ(parse_duration("15m"), minutes(15));
  EXPECT_EQ(parse_duration("2h"), hours(2));
  EXPECT_EQ(parse_duration("28d"), hours(28 * 24));
  EXPECT_EQ(parse_duration("4w"), hours(28 * 24));
  EXPECT_EQ(parse_duration("0s"), Duration::zero());
}

TEST(ParseDuration, AddsUnitsFromLargestToSmallest) {
  EXPECT_EQ(parse_duration("1h30m"), minutes(90));
  EXPECT_EQ(parse_duration("1w2d3h4min5s6ms7us"),
            hours(9 * 24 + 3) + minutes(4) + seconds(5) + milliseconds(6) + microseconds(7));
  EXPECT_EQ(parse_duration("1h90min"), minutes(150));
}

TEST(ParseDuration, RefusesWhatIsNotADuration) {
  for (const char* text : {"",   "5",    "s",      "-5s",   "+5s",    "1.5h",  "5 s", " 5s",  "5s ", "5S",  "5sec",
                           "5y", "1h1h", "1m1min", "30m1h", "1s1min", "1h-5s", "1h5", "1e3s", "h1",  "5s\n"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << '"' << text << '"';
  }
  EXPECT_EQ(parse_duration(std::string_view("5\0s", 3)), std::nullopt);
}

TEST(ParseDuration, RefusesAnOverflowAndTakesTheLargestValue) {
  EXPECT_EQ(parse_duration("9223372036854775807us"), Duration::max());
  EXPECT_EQ(parse_duration("9223372036854775808us"), std::nullopt);
  EXPECT_EQ(parse_duration("99999999999999999999999us"), std::nullopt);
  EXPECT_EQ(parse_duration("15250285w"), std::nullopt);  // one week too many
  EXPECT_EQ(parse_duration("106751991d4h54s775ms807us"), Duration::max());
  EXPECT_EQ(parse_duration("106751991d4h54s775ms808us"), std::nullopt);
}

TEST(FormatDuration, WritesUnitsFromLargestToSmallest) {
  EXPECT_EQ(format_duration(Duration::zero()), "0s");
  EXPECT_EQ(format_duration(hours(28 * 24)), "28d");
  EXPECT_EQ(format_duration(minutes(90)), "1h30min");
  EXPECT_EQ(format_duration(milliseconds(60'250)), "1min250ms");
  EXPECT_EQ(format_duration(-seconds(5)), "-5s");
  EXPECT_EQ(format_duration(Duration::max()), "106751991d4h54s775ms807us");
  EXPECT_EQ(format_duration(Duration::min()), "-106751991d4h54s775ms808us");
}

TEST(FormatDuration, IsReadBackToTheSameValue) {
  Random random(1);
  for (int i = 0; i < 5'000; ++i) {
    const Duration duration(static_cast<std::int64_t>(random.next() >> (1 + random.below(63))));
    EXPECT_EQ(parse_duration(format_duration(duration)), duration) << format_duration(duration);
  }
}

TEST(FormatInstant, WritesIso8601) {
  EXPECT_EQ(format_instant(at(0)), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_instant(at(1'000'000'000'000'000)), "2001-09-09T01:46:40Z");  // the billennium
  EXPECT_EQ(format_instant(at(1'000'000'000'000'000 + 120)), "2001-09-09T01:46:40.000120Z");
  EXPECT_EQ(format_instant(at(-1)), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(format_instant(at(951'782'400'000'000)), "2000-02-29T00:00:00Z");
}

TEST(FormatInstant, GoesBeyondTheYearsOfTheStandardCalendar) {
  EXPECT_EQ(format_instant(at(253'402'300'800'000'000)), "10000-01-01T00:00:00Z");
  EXPECT_EQ(format_instant(at(-62'167'219'200'000'000)), "0000-01-01T00:00:00Z");
  EXPECT_EQ(format_instant(at(-62'167'219'200'000'001)), "-0001-12-31T23:59:59.999999Z");
  // 64 bits of microseconds, the well-known range of PostgreSQL-like clocks counted from 1970.
  EXPECT_EQ(format_instant(TimePoint::max()), "294247-01-10T04:00:54.775807Z");
  EXPECT_EQ(format_instant(TimePoint::min()), "-290308-12-21T19:59:05.224192Z");
}

TEST(ParseInstant, ReadsWhatFormatInstantWrites) {
  Random random(2);
  for (int i = 0; i < 5'000; ++i) {
    const std::int64_t any = static_cast<std::int64_t>(random.next());
    const TimePoint instant = at(i % 2 == 0 ? any : any >> 12);
    EXPECT_EQ(parse_instant(format_instant(instant)), instant) << format_instant(instant);
  }
  EXPECT_EQ(parse_instant(format_instant(TimePoint::max())), TimePoint::max());
  EXPECT_EQ(parse_instant(format_instant(TimePoint::min())), TimePoint::min());
}

TEST(ParseInstant, ReadsTheIsoOutputOfPostgresql) {
  const TimePoint instant = at(1'795'449'900'500'000);
  EXPECT_EQ(format_instant(instant), "2026-11-23T16:05:00.500000Z");
  EXPECT_EQ(parse_instant("2026-11-23 16:05:00.5+00"), instant);
  EXPECT_EQ(parse_instant("2026-11-23 17:05:00.5+01"), instant);
  EXPECT_EQ(parse_instant("2026-11-23 21:35:00.5+05:30"), instant);
  EXPECT_EQ(parse_instant("2026-11-23 12:35:00.5-03:30"), instant);
  EXPECT_EQ(parse_instant("2026-11-23 16:05:00.5"), instant);
  EXPECT_EQ(parse_instant("2026-11-23T16:05:00.500000+00"), instant);
  // select timestamptz '1890-01-01 00:00:00+00' in Europe/Berlin, whose local mean time was 53:28 ahead.
  EXPECT_EQ(parse_instant("1890-01-01 00:53:28+00:53:28"), parse_instant("1890-01-01"));
  EXPECT_EQ(parse_instant("2026-11-23"), parse_instant("2026-11-23T00:00:00Z"));
}

TEST(ParseInstant, ReadsYearsBeforeChrist) {
  EXPECT_EQ(parse_instant("0044-03-15 12:00:00+00 BC"), parse_instant("-0043-03-15T12:00:00Z"));
  EXPECT_EQ(parse_instant("0001-12-31 BC"), parse_instant("0000-12-31"));
  EXPECT_EQ(parse_instant("0000-12-31 BC"), std::nullopt);
  EXPECT_EQ(parse_instant("-0044-03-15 BC"), std::nullopt);
}

TEST(ParseInstant, RefusesWhatIsNotAnInstant) {
  for (const char* text : {"",
                           "infinity",
                           "-infinity",
                           "now",
                           "2026",
                           "2026-11",
                           "26-11-23",
                           "2026-13-01",
                           "2026-00-01",
                           "2026-02-29",
                           "2026-11-31",
                           "2026-11-00",
                           "2026-11-23T",
                           "2026-11-23 ",
                           "2026-11-23T24:00:00",
                           "2026-11-23T16:60:00",
                           "2026-11-23T16:05:60Z",
                           "2026-11-23T16:05",
                           "2026-11-23T16:05:00.",
                           "2026-11-23T16:05:00.1234567",
                           "2026-11-23T16:05:00 Z",
                           "2026-11-23T16:05:00ZZ",
                           "2026-11-23T16:05:00+1",
                           "2026-11-23T16:05:00+16",
                           "2026-11-23T16:05:00+01:60",
                           "2026-11-23T16:05:00+01:",
                           "2026-11-23Z",
                           "2026/11/23",
                           "23.11.2026",
                           "+2026-11-23",
                           "2026-11-23T16:05:00Z BCE",
                           "2026-11-23  16:05:00"}) {
    EXPECT_EQ(parse_instant(text), std::nullopt) << '"' << text << '"';
  }
}

TEST(ParseInstant, RefusesWhatDoesNotFit) {
  EXPECT_EQ(parse_instant("294247-01-10T04:00:54.775808Z"), std::nullopt);
  EXPECT_EQ(parse_instant("-290308-12-21T19:59:05.224191Z"), std::nullopt);
  EXPECT_EQ(parse_instant("999999-12-31T23:59:59Z"), std::nullopt);
}

TEST(EventTime, HoldsInstantsExactlyUntilTheYear2255) {
  const TimePoint last = *parse_instant("2255-06-05T23:47:34.740992Z");  // 2^53 microseconds
  EXPECT_EQ(to_event_time(last), 0x1p53);
  Random random(4);
  for (int i = 0; i < 1'000; ++i) {
    const TimePoint instant = at(static_cast<std::int64_t>(random.below(std::uint64_t{1} << 53)));
    EXPECT_EQ(to_instant(to_event_time(instant)), instant);
  }
}

TEST(EventTime, RoundsToTheNearestMicrosecondAndStaysInRange) {
  EXPECT_EQ(to_instant(1.4), at(1));
  EXPECT_EQ(to_instant(1.5), at(2));
  EXPECT_EQ(to_instant(-1.5), at(-2));
  EXPECT_EQ(to_instant(1e300), TimePoint::max());
  EXPECT_EQ(to_instant(0x1p63), TimePoint::max());
  EXPECT_EQ(to_instant(-0x1p63), TimePoint::min());
  EXPECT_EQ(to_instant(-std::numeric_limits<double>::infinity()), TimePoint::min());
  EXPECT_THROW(to_instant(std::numeric_limits<double>::quiet_NaN()), std::logic_error);
}

TEST(EventTime, IsWrittenByItsAxis) {
  EXPECT_EQ(format_event_time(TimeAxis::instant, 1e15), "2001-09-09T01:46:40Z");
  EXPECT_EQ(format_event_time(TimeAxis::number, 1e15), "1000000000000000");
  EXPECT_EQ(format_event_time(TimeAxis::number, 17.25), "17.25");
  EXPECT_EQ(format_event_time(TimeAxis::instant, std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(format_event_time(TimeAxis::instant, std::numeric_limits<double>::quiet_NaN()), "nan");
}

}  // namespace
}  // namespace retraind
