// Times as people type them.
#include "daemon/time_option.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <string>

namespace retraind::daemon {
namespace {

class TimeOption : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TZ", "Europe/Berlin", 1);
    ::tzset();
  }
  void TearDown() override {
    ::unsetenv("TZ");
    ::tzset();
  }
  std::string read(std::string_view text, bool utc = false) {
    const auto found = parse_time_option(text, now, utc);
    return found ? format_instant(*found) : "nothing";
  }
  const TimePoint now = *parse_instant("2026-05-03T10:30:00Z");
};

TEST_F(TimeOption, CountsBackFromNow) {
  EXPECT_EQ(read("2h"), "2026-05-03T08:30:00Z");
  EXPECT_EQ(read("7d"), "2026-04-26T10:30:00Z");
  EXPECT_EQ(read("1h30min"), "2026-05-03T09:00:00Z");
}

TEST_F(TimeOption, ReadsDatesAndTimesOfTheLocalZone) {
  EXPECT_EQ(read("2026-05-03"), "2026-05-02T22:00:00Z");
  EXPECT_EQ(read("2026-01-03"), "2026-01-02T23:00:00Z");
  EXPECT_EQ(read("2026-05-03 12:00"), "2026-05-03T10:00:00Z");
  EXPECT_EQ(read("2026-05-03T12:00:30.5"), "2026-05-03T10:00:30.500000Z");
  EXPECT_EQ(read("today"), "2026-05-02T22:00:00Z");
  EXPECT_EQ(read("yesterday"), "2026-05-01T22:00:00Z");
}

TEST_F(TimeOption, ReadsThemInUtcWhereThatIsAskedFor) {
  EXPECT_EQ(read("2026-05-03", true), "2026-05-03T00:00:00Z");
  EXPECT_EQ(read("2026-05-03 12:00", true), "2026-05-03T12:00:00Z");
  EXPECT_EQ(read("today", true), "2026-05-03T00:00:00Z");
}

TEST_F(TimeOption, TakesAnOffsetAtItsWord) {
  for (const char* text : {"2026-05-03 12:00+02", "2026-05-03 12:00+0200", "2026-05-03 12:00+02:00",
                           "2026-05-03 10:00Z", "2026-05-03 12:00:00 +0200", "2026-05-03 05:00-05"}) {
    EXPECT_EQ(read(text), "2026-05-03T10:00:00Z") << text;
    EXPECT_EQ(read(text, true), "2026-05-03T10:00:00Z") << text;
  }
}

TEST_F(TimeOption, RefusesEverythingElse) {
  for (const char* text : {"", "2", "2 hours", "-2h", "2026", "2026-5-3", "2026-13-01", "2026-02-30",
                           "2026-05-03 24:00", "2026-05-03 12", "2026-05-03 12:61", "2026-05-03 12:00+99", "now",
                           "12:00", "2026-05-03 12:00 CET", "'; DROP TABLE x", "2026-05-03\n"}) {
    EXPECT_EQ(read(text), "nothing") << text;
  }
}

}  // namespace
}  // namespace retraind::daemon
