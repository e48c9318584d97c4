#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/stats/metric_cases.h"

namespace retraind::stats {
namespace {

TEST(CalibrationError, AgreesWithCasesWorkedByHand) {
  // Two scores: 2 of 5 positive where 0.2 was said, 3 of 5 where 0.8 was: half of |0.4 - 0.2| and half of |0.6 - 0.8|.
  EXPECT_NEAR(
      *binary_case({1, 1, 0, 0, 0, 1, 1, 1, 0, 0}, {.2, .2, .2, .2, .2, .8, .8, .8, .8, .8})(Metric::calibration_error),
      0.2, 1e-15);
  // 30 different scores (i + 1/2)/30 make 15 bins of two rows; with labels 0, 1, 0, 1, … bin k is off by
  // |1 - (4k + 2)/30| / 2, the mean of which is 224/900.
  Numbers labels;
  Numbers scores;
  for (int i = 0; i < 30; ++i) {
    labels.push_back(i % 2);
    scores.push_back((i + 0.5) / 30);
  }
  EXPECT_NEAR(*binary_case(labels, scores)(Metric::calibration_error), 224.0 / 900, 1e-15);
  // With 15 rows or fewer each is a bin of its own.
  EXPECT_NEAR(*binary_case({1, 0, 1}, {.7, .2, .9})(Metric::calibration_error), (.3 + .2 + .1) / 3, 1e-15);
}

TEST(CalibrationError, NeverSplitsRowsThatTie) {
  // 270 of 900 rows at 0.3 are positive, and the 100 others are right: no bin is off, however the rows are ordered.
  Numbers labels;
  Numbers scores;
  for (int i = 0; i < 900; ++i) {
    labels.push_back(i < 270 ? 1 : 0);
    scores.push_back(.3);
  }
  labels.insert(labels.end(), 100, 1);
  scores.insert(scores.end(), 100, 1);
  EXPECT_NEAR(*binary_case(labels, scores)(Metric::calibration_error), 0, 1e-14);
  std::reverse(labels.begin(), labels.end());
  std::reverse(scores.begin(), scores.end());
  EXPECT_NEAR(*binary_case(labels, scores)(Metric::calibration_error), 0, 1e-14);
}

TEST(CalibrationError, CountsARowOfUnknownClassAsOffByOne) {
  EXPECT_DOUBLE_EQ(*binary_case({0, -1}, {0, 0})(Metric::calibration_error), 0.5);
  EXPECT_DOUBLE_EQ(*binary_case({0, -1}, {0, 1})(Metric::calibration_error), 0.5);
  EXPECT_EQ(binary_case({-1}, {.5})(Metric::calibration_error), 1.0);
}

TEST(CalibrationError, IsDefinedWithOneClassAndEqualScores) {
  EXPECT_DOUBLE_EQ(*binary_case({1, 1, 1}, {.25, .25, .25})(Metric::calibration_error), .75);
  EXPECT_DOUBLE_EQ(*binary_case({1, 0, 0, 0}, {.25, .25, .25, .25})(Metric::calibration_error), 0);
  EXPECT_DOUBLE_EQ(*binary_case({1, 0}, {.25, .25})(Metric::calibration_error, {1, 3}), 0);
}

TEST(CalibrationSlope, AgreesWithThePublishedRegressionOfHoursOfStudy) {
  // Hours of study of 20 students, and who passed: slope 1.5046, intercept -4.0777 (Wikipedia, "Logistic regression").
  const Numbers hours{.5, .75, 1, 1.25, 1.5, 1.75, 1.75, 2, 2.25, 2.5, 2.75, 3, 3.25, 3.5, 4, 4.25, 4.5, 4.75, 5, 5.5};
  const Numbers passed{0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1};
  Numbers scores;
  for (const double hour : hours) scores.push_back(logistic(hour - 3));  // an offset goes to the intercept
  EXPECT_NEAR(*binary_case(passed, scores)(Metric::calibration_slope), 1.5046, 5e-5);
}

TEST(CalibrationSlope, AgreesWithThePublishedRegressionOfTheSpaceShuttle) {
  // 23 launches: temperature in degrees Fahrenheit, and whether an O-ring was damaged: slope -0.2322 (Dalal, Fowlkes
  // and Hoadley 1989).
  const Numbers temperatures{66, 70, 69, 68, 67, 72, 73, 70, 57, 63, 70, 78,
                             67, 53, 67, 75, 70, 81, 76, 79, 75, 76, 58};
  const Numbers damaged{0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1};
  Numbers scores;
  for (const double temperature : temperatures) scores.push_back(logistic((temperature - 67) / 4));
  EXPECT_NEAR(*binary_case(damaged, scores)(Metric::calibration_slope) / 4, -0.2322, 5e-5);
}

TEST(CalibrationSlope, IsTheRiseOfTheLogOddsBetweenTwoScores) {
  // With two scores the line meets both shares: (logit 0.6 - logit 0.4) / (logit 0.8 - logit 0.2).
  const Case rows = binary_case({1, 1, 0, 0, 0, 1, 1, 1, 0, 0}, {.2, .2, .2, .2, .2, .8, .8, .8, .8, .8});
  EXPECT_NEAR(*rows(Metric::calibration_slope), std::log(1.5) / std::log(4), 1e-12);
  const Case weighted = binary_case({0, 1, 0, 1}, {.2, .2, .8, .8});
  EXPECT_NEAR(*weighted(Metric::calibration_slope, {4, 1, 1, 4}), 1, 1e-12);
  EXPECT_NEAR(*weighted(Metric::calibration_slope, {1e-3, 250, 1, 1}), std::log(1 / 250e3) / (2 * std::log(4)), 1e-9);
}

TEST(CalibrationSlope, IsUndefinedWhereTheLikelihoodHasNoMaximum) {
  EXPECT_FALSE(binary_case({1, 1, 1}, {.2, .5, .9})(Metric::calibration_slope).has_value()) << "one class";
  EXPECT_FALSE(binary_case({0, 1, 0}, {.3, .3, .3})(Metric::calibration_slope).has_value()) << "constant scores";
  EXPECT_FALSE(binary_case({0, 0, 1}, {.2, .5, .9})(Metric::calibration_slope).has_value()) << "separated";
  EXPECT_FALSE(binary_case({1, 1, 0}, {.2, .5, .9})(Metric::calibration_slope).has_value()) << "the wrong way round";
  EXPECT_FALSE(binary_case({0, 0, 1, 1}, {.2, .5, .5, .9})(Metric::calibration_slope).has_value())
      << "both classes at the one score that separates them";
  EXPECT_FALSE(binary_case({0, 1, 1, 0}, {.2, .5, .9, .6})(Metric::calibration_slope, {1, 1, 1, 0}).has_value())
      << "the row that overlaps weighs nothing";
  EXPECT_TRUE(binary_case({0, 1, 1, 0}, {.2, .5, .9, .6})(Metric::calibration_slope).has_value());
  EXPECT_FALSE(binary_case({0, 1}, {0, 1})(Metric::calibration_slope).has_value()) << "certain and right";
}

TEST(CalibrationSlope, FindsItsMaximumFarFromOne) {
  // Nearly separated, and scores that hardly differ.
  Numbers labels{1, 0};
  Numbers scores{.5, std::nextafter(.5, 1)};
  for (int i = 0; i < 200; ++i) {
    labels.push_back(i % 2);
    scores.push_back(i % 2 == 0 ? .25 : .75);
  }
  const auto steep = binary_case(labels, scores)(Metric::calibration_slope);
  ASSERT_TRUE(steep.has_value());
  EXPECT_GT(*steep, 3);
  EXPECT_NEAR(
      *binary_case({0, 0, 1, 0, 1, 1}, {.5, .5, .5, .5 + 1e-9, .5 + 1e-9, .5 + 1e-9})(Metric::calibration_slope),
      2 * std::log(2) / 4e-9, 1e3);
  // A model that is certain and sometimes wrong.
  const Case certain = binary_case({0, 0, 0, 1, 1, 1, 1, 0}, {0, 0, 0, 0, 1, 1, 1, 1});
  EXPECT_NEAR(*certain(Metric::calibration_slope), std::log(3) / (std::log1p(-1e-15) - std::log(1e-15)), 1e-6);
}

TEST(CalibrationSlope, DependsOnNoOtherWeightingThanItsOwn) {
  // Weights that turn a steep rise into a steep fall.
  Numbers labels, scores, falling;
  for (int i = 0; i < 400; ++i) {
    const bool high = i % 2 == 0;
    const bool rises = i % 100 >= 4;
    scores.push_back(high ? .999 : .001);
    labels.push_back(high == rises ? 1 : 0);
    falling.push_back(rises ? 1e-4 : 1);
  }
  const Case rows = binary_case(labels, scores);
  const WeightedMetric prepared(Metric::calibration_slope, rows.scored());
  // Shares of 384 to 16, and of 0.0384 to 16, over log-odds of ln 999 on either side.
  EXPECT_NEAR(*prepared(), std::log(384 / 16.0) / std::log(999), 1e-12);
  EXPECT_NEAR(*prepared(falling), std::log(384e-4 / 16) / std::log(999), 1e-12);
  EXPECT_NEAR(*prepared(), std::log(384 / 16.0) / std::log(999), 1e-12);
}

TEST(CalibrationSlope, CountsARowOfUnknownClassAsOneThatWasGivenNoChance) {
  const Case known = binary_case({0, 1, 0, 1, 0, 1}, {.2, .2, .5, .5, .8, .8});
  const Case lost = binary_case({0, 1, 0, 1, 0, 1, -1}, {.2, .2, .5, .5, .8, .8, .9});
  const Case spelled = binary_case({0, 1, 0, 1, 0, 1, 1}, {.2, .2, .5, .5, .8, .8, 0});
  EXPECT_EQ(lost(Metric::calibration_slope), spelled(Metric::calibration_slope));
  EXPECT_LT(*lost(Metric::calibration_slope), *known(Metric::calibration_slope));
}

TEST(Calibration, TellsOverconfidentScoresFromHonestOnes) {
  Random random(31);
  Numbers labels, honest, loud;
  for (int i = 0; i < 20000; ++i) {
    const double x = 1.2 * random.normal() - 0.5;
    honest.push_back(logistic(x));
    loud.push_back(logistic(2 * x));
    labels.push_back(random.uniform() < honest.back() ? 1 : 0);
  }
  // The standard error of the slope is 0.017. A bin of 1,333 rows is off by 0.011 by chance.
  EXPECT_NEAR(*binary_case(labels, honest)(Metric::calibration_slope), 1, 0.06);
  EXPECT_NEAR(*binary_case(labels, loud)(Metric::calibration_slope), 0.5, 0.03);
  EXPECT_LT(*binary_case(labels, honest)(Metric::calibration_error), 0.02);
  EXPECT_GT(*binary_case(labels, loud)(Metric::calibration_error), 0.08);
}

}  // namespace
}  // namespace retraind::stats
