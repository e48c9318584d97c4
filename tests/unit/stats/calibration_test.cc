#include "core/stats/calibration.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>

#include "core/stats/null_effects.h"
#include "tests/unit/stats/series.h"

namespace retraind::stats {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;

TEST(LevelOfCheck, DividesTheToleratedAlarmsOverTheLooks) {
  EXPECT_NEAR(level_of_check(1, days(90), days(1), Duration::zero()), 1.0 / 90, 1e-12);
  EXPECT_NEAR(level_of_check(2, days(90), days(1), Duration::zero()), 1 - std::pow(1 - 1.0 / 90, 2), 1e-12);
}

TEST(LevelOfCheck, CountsAtMostFourLooksAWindow) {
  const double four_a_day = level_of_check(1, days(90), hours(6), days(1));
  EXPECT_NEAR(four_a_day, 1.0 / 360, 1e-12);
  EXPECT_DOUBLE_EQ(level_of_check(1, days(90), minutes(5), days(1)), four_a_day);
}

TEST(LevelOfCheck, IsAtMostOneHalf) {
  EXPECT_EQ(level_of_check(1, hours(1), days(1), Duration::zero()), 0.5);
  EXPECT_EQ(level_of_check(1000, days(2), hours(1), hours(1)), 0.5);
}

TEST(LevelOfCheck, RefusesWhatIsNoBudget) {
  EXPECT_THROW(level_of_check(0, days(1), hours(1), hours(1)), std::logic_error);
  EXPECT_THROW(level_of_check(1, Duration::zero(), hours(1), hours(1)), std::logic_error);
  EXPECT_THROW(level_of_check(1, days(1), Duration::zero(), hours(1)), std::logic_error);
}

TEST(EffectAlone, IsTheEffectOfTheFullMeasure) {
  const Series series = make_series({.columns = 2, .reference_hours = 48, .later_hours = 24, .shared = 0.5}, 3);
  const auto window = sum_of(series.later, series.like);
  for (const DriftMethod method : {DriftMethod::jensen_shannon, DriftMethod::psi, DriftMethod::hellinger,
                                   DriftMethod::chi_square, DriftMethod::wasserstein, DriftMethod::null_rate}) {
    for (std::size_t i = 0; i < window.size(); ++i) {
      EXPECT_DOUBLE_EQ(effect_alone(series.like[i], window[i], method, 0.05),
                       measure_column(series.like[i], window[i], method, 0.05).effect)
          << to_text(method);
    }
  }
}

TEST(Calibrate, TakesTheThresholdFromReferenceWindowsWhereThereAreEnough) {
  const Series series = make_series({}, 1);
  const Calibrated known = series.calibrated(0, 24, rule_of(0.05), {.automatic = false, .period = 0});
  EXPECT_EQ(known.kind, Calibration::blocks);
  EXPECT_EQ(known.windows, 28u);
  EXPECT_EQ(known.sentence, "threshold from 28 reference windows of 1d");
  ASSERT_EQ(known.columns.size(), 4u);
  for (const ColumnCalibration& column : known.columns) EXPECT_GE(column.threshold, 0.05);
  EXPECT_EQ(known.reference.front().rows(), series.like.front().rows());
}

TEST(Calibrate, SaysWhenTheWindowsAreTooFewForTheLevel) {
  const Series series = make_series({.shared = 0.1}, 1);
  const SeasonRule none{.automatic = false, .period = 0};
  const Calibrated coarse = series.calibrated(0, 24, rule_of(0.05), none);
  const Calibrated strict = series.calibrated(0, 24, rule_of(0.001), none);
  EXPECT_EQ(strict.kind, Calibration::uncalibrated);
  EXPECT_NE(strict.sentence.find("times the largest difference among 28 reference windows of 1d, which are too few"),
            std::string::npos)
      << strict.sentence;
  for (std::size_t i = 0; i < 4; ++i) EXPECT_GE(strict.columns[i].threshold, coarse.columns[i].threshold);
}

TEST(Calibrate, DemandsMoreOfColumnsThatWander) {
  const SeriesShape steady{.columns = 3, .autocorrelation = 0};
  SeriesShape wandering = steady;
  wandering.autocorrelation = 0.99;
  wandering.shared = 0.3;
  const DriftRule rule = rule_of(0.01);
  const Calibrated a = make_series(steady, 2).calibrated(0, 24, rule, {});
  const Calibrated b = make_series(wandering, 2).calibrated(0, 24, rule, {});
  for (std::size_t i = 0; i < 3; ++i) EXPECT_GT(b.columns[i].threshold, 3 * a.columns[i].threshold);
}

TEST(Calibrate, FallsBackToTheDesignEffectWithFewWindows) {
  const Series series = make_series({.columns = 2, .autocorrelation = 0.95, .shared = 0.3}, 5);
  const Calibrated known = series.calibrated(0, 7 * 24, rule_of(0.01), {});
  EXPECT_EQ(known.kind, Calibration::design_effect);
  EXPECT_EQ(known.windows, 4u);
  for (const ColumnCalibration& column : known.columns) {
    EXPECT_GT(column.inflation, 3);
    EXPECT_EQ(column.threshold, 0.05);
  }
  EXPECT_EQ(known.sentence, "only 4 reference windows of 7d; the test is widened by how its 672 blocks differ");
}

TEST(Calibrate, WidensLittleWhereRowsAreIndependent) {
  const Series series = make_series({.columns = 3}, 5);
  for (const ColumnCalibration& column : series.calibrated(0, 7 * 24, rule_of(0.01), {}).columns) {
    EXPECT_LT(column.inflation, 4);
  }
}

TEST(Calibrate, KnowsNothingWithoutBlocks) {
  Series series = make_series({.reference_hours = 48}, 1);
  series.reference.clear();
  const Calibrated known = series.calibrated(0, 24, {}, {});
  EXPECT_EQ(known.kind, Calibration::uncalibrated);
  EXPECT_EQ(known.reference.front().rows(), series.like.front().rows());
  EXPECT_DOUBLE_EQ(known.columns.front().threshold, 0.05 * kUncalibratedMargin);
}

TEST(Calibrate, LeavesTheCurrentWindowOutOfTheReference) {
  const Series series = make_series({.columns = 1, .reference_hours = 10 * 24}, 1);
  const Calibrated known =
      calibrate(TimeAxis::instant, series.grid, series.reference, series.like, 24, 47, 288, rule_of(0.2), {});
  EXPECT_EQ(known.windows, 9u);
  EXPECT_EQ(known.reference.front().rows(), 9u * 288u);
}

TEST(Calibrate, LeavesOutWindowsWithFewRowsButNotWhenTheTrafficHasGrown) {
  Series series = make_series({.columns = 1, .reference_hours = 10 * 24}, 1);
  series.reference.erase(series.reference.begin(), series.reference.begin() + 20);
  EXPECT_EQ(series.calibrated(0, 24, {}, {}).windows, 9u);
  const Calibrated grown =
      calibrate(TimeAxis::instant, series.grid, series.reference, series.like, 240, 263, 5000, rule_of(0.01, 2000), {});
  EXPECT_EQ(grown.windows, 9u) << "the current window holds 17 times the rows of any in the reference";
}

TEST(Calibrate, DoesNotDependOnTheOrderOfTheBlocks) {
  Series series = make_series({.columns = 2, .shared = 0.2, .amplitude = 0.5}, 9);
  const Calibrated once = series.calibrated(5, 6, {}, {});
  std::reverse(series.reference.begin(), series.reference.end());
  const Calibrated again = series.calibrated(5, 6, {}, {});
  EXPECT_EQ(once.sentence, again.sentence);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(once.columns[i].threshold, again.columns[i].threshold);
    EXPECT_EQ(to_json(once.reference[i]), to_json(again.reference[i]));
  }
}

TEST(Calibrate, CountsValuesThatNoOtherWindowHoldsAsUnseen) {
  // Every day brings ten new names: a new day is no drift, and neither are the names it brings.
  std::vector<std::string> names;
  for (int day = 0; day < 21; ++day) {
    for (int row = 0; row < 300; ++row) {
      names.push_back(row % 10 == 0 ? "day " + std::to_string(day) : "old " + std::to_string(row % 9));
    }
  }
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::span<const std::string_view> all(views);
  const std::vector<ColumnProfile> like{profile_texts("name", all.first(20 * 300), {})};
  std::vector<ProfileBlock> blocks;
  for (std::size_t day = 0; day < 21; ++day) {
    blocks.push_back({static_cast<std::int64_t>(day), {empty_like(like[0])}});
    add_texts(blocks.back().columns[0], all.subspan(day * 300, 300), {});
  }
  const DriftRule rule = rule_of(0.05);
  const std::vector<ProfileBlock> reference(blocks.begin(), blocks.end() - 1);
  const Calibrated known = calibrate(TimeAxis::instant, {24 * 3600e6}, reference, like, 20, 20, 300, rule,
                                     {.automatic = false, .period = 0});
  EXPECT_EQ(compare_profiles(known.reference, blocks.back().columns, rule, known.columns)[0].verdict,
            ColumnVerdict::ok);
  EXPECT_EQ(compare_profiles(like, blocks.back().columns, rule)[0].verdict, ColumnVerdict::drifted);
}

TEST(Calibrate, RefusesBlocksOnOtherCells) {
  Series series = make_series({.columns = 2, .reference_hours = 48}, 1);
  std::swap(series.reference[3].columns[0], series.reference[3].columns[1]);
  EXPECT_THROW(series.calibrated(0, 24, {}, {}), std::logic_error);
  series.reference[3].columns.clear();
  EXPECT_THROW(series.calibrated(0, 24, {}, {}), std::logic_error);
  EXPECT_THROW(calibrate(TimeAxis::instant, series.grid, {}, series.like, 3, 2, 1, {}, {}), std::logic_error);
}

// Days of hours that resemble each other, so that every test for independent rows would alarm.
TEST(Calibrate, HoldsItsLevelUnderDependence) {
  int looks = 0;
  int calibrated = 0;
  int independent = 0;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    const Series series = make_series({.rows = 10, .autocorrelation = 0.9, .shared = 0.3}, 100 + seed);
    const DriftRule rule = rule_of(0.01);
    const Calibrated known = series.calibrated(0, 24, rule, {});
    for (std::size_t day = 0; day < 14; ++day) {
      const auto window = sum_of(std::span(series.later).subspan(24 * day, 24), series.like);
      const auto drifted = [&](const std::vector<ColumnDrift>& columns) {
        return std::any_of(columns.begin(), columns.end(),
                           [](const ColumnDrift& column) { return column.verdict == ColumnVerdict::drifted; });
      };
      ++looks;
      calibrated += drifted(compare_profiles(known.reference, window, rule, known.columns)) ? 1 : 0;
      independent += drifted(compare_profiles(known.reference, window, rule)) ? 1 : 0;
    }
  }
  EXPECT_LE(calibrated, looks * 3 / 100);
  EXPECT_GE(independent, looks / 2);
}

}  // namespace
}  // namespace retraind::stats
