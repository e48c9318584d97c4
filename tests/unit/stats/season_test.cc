// Seasons that repeat must not fire, and what does not repeat must, through calibrate and compare_profiles.

#include <gtest/gtest.h>

#include "tests/unit/stats/series.h"

namespace retraind::stats {
namespace {

constexpr double kDay = 24 * 3600e6;
constexpr std::size_t kHoursADay = 24;

const SeasonRule kAutomatic{};
const SeasonRule kNone{.automatic = false, .period = 0};

TEST(Season, OfADayIsFoundWhereWindowsAreShorter) {
  const Series series = make_series({.columns = 2, .amplitude = 1}, 1);
  const Calibrated known = series.calibrated(4, 6, rule_of(0.04), kAutomatic);
  EXPECT_EQ(known.period, kDay);
  EXPECT_EQ(known.windows, 28u);
  EXPECT_EQ(known.sentence, "threshold from 28 reference windows of 6h at the same hour");
}

TEST(Season, IsNotMadeUpWhereThereIsNone) {
  const Series series = make_series({.columns = 2, .shared = 0.1}, 1);
  EXPECT_EQ(series.calibrated(9, 6, rule_of(0.04), kAutomatic).period, 0);
}

TEST(Season, IsNeverMatchedOnANumberAxis) {
  const Series series = make_series({.columns = 1, .amplitude = 1}, 1);
  const Calibrated known = calibrate(TimeAxis::number, series.grid, series.reference, series.like, 700, 705, 72,
                                     rule_of(0.04), {.automatic = false, .period = kDay});
  EXPECT_EQ(known.period, 0);
}

TEST(Season, MatchedMakesSmallChangesVisible) {
  // Half a standard deviation at noon is less than the day itself does.
  const Series series =
      make_series({.columns = 2, .rows = 40, .amplitude = 1.5, .shift = [](std::int64_t) { return 0.8; }}, 1);
  const DriftRule rule = rule_of(0.04);
  EXPECT_TRUE(series.look(9, 6, rule, kAutomatic).first);
  EXPECT_FALSE(series.look(9, 6, rule, kNone).first);
}

TEST(Season, GivenButNeverSeenIsLeftOutAndSaid) {
  const Series series = make_series({.columns = 1, .reference_hours = 6 * 24}, 1);
  const Calibrated known = series.calibrated(13 * kHoursADay, 24, {}, {.automatic = false, .period = 30 * kDay});
  EXPECT_EQ(known.period, 0);
  EXPECT_NE(known.sentence.find("; no reference window lies at the same place in a season of 30d"), std::string::npos)
      << known.sentence;
}

// Checks over a day, every other day of a fortnight, on a season of a fortnight that goes on as it was.
TEST(Season, OfTwoWeeksDoesNotFireWhetherItIsKnownOrNot) {
  const DriftRule rule = rule_of(0.003);
  const Series series = make_series({.columns = 3,
                                     .reference_hours = 56 * 24,
                                     .rows = 10,
                                     .autocorrelation = 0.9,
                                     .shared = 0.05,
                                     .amplitude = 1,
                                     .period_hours = 14 * 24},
                                    40);
  for (const SeasonRule& season : {kAutomatic, kNone, SeasonRule{.automatic = false, .period = 14 * kDay}}) {
    for (std::size_t day = 0; day < 14; day += 2) {
      const Series::Found found = series.look(day * kHoursADay, 24, rule, season);
      EXPECT_FALSE(found.first || found.other) << "day " << day << ", season " << season.period;
    }
  }
}

TEST(Drift, OfOneStandardDeviationFiresAtOnce) {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const Series series =
        make_series({.autocorrelation = 0.9, .shared = 0.05, .shift = [](std::int64_t) { return 1.0; }}, 60 + seed);
    const Series::Found found = series.look(0, 24, rule_of(0.003));
    EXPECT_TRUE(found.first);
    EXPECT_FALSE(found.other);
  }
}

TEST(Drift, OfAFewHundredthsADayFiresWithinAMonth) {
  const Series series = make_series({.columns = 3,
                                     .later_hours = 30 * 24,
                                     .autocorrelation = 0.9,
                                     .shared = 0.03,
                                     .shift = [](std::int64_t hour) { return 0.03 * static_cast<double>(hour) / 24; }},
                                    70);
  EXPECT_FALSE(series.look(0, 24, rule_of(0.003)).first);
  std::size_t day = 0;
  while (day < 30 && !series.look(day * kHoursADay, 24, rule_of(0.003)).first) ++day;
  EXPECT_LT(day, 30u);
}

}  // namespace
}  // namespace retraind::stats
