#include "core/stats/power.h"

#include <gtest/gtest.h>

#include <boost/math/distributions/non_central_t.hpp>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "core/stats/interval.h"

namespace retraind::stats {
namespace {

TEST(Power, HasThePublishedNumbersOfRows) {
  // Two-sided 5 %, which is one-sided 97.5 %: 786.8 pairs for an effect of a tenth of a standard deviation, and 1959.86
  // for 6 % against 4 % of rows that only one model gets right.
  EXPECT_EQ(rows_needed(.1, 1, 1, .975, .8), 787u);
  EXPECT_EQ(mcnemar_rows_needed(.02, .1, .975, .8), 1960u);
  // Cohen (1988), table 2.4.1, one sample: d = 0.5 at two-sided 5 % and power 0.8 takes 34 pairs.
  EXPECT_EQ(rows_needed(.5, 1, 1, .975, .8), 34u);
}

TEST(Power, IsWhatTheTestHas) {
  for (const double effect : {.05, .2, .4}) {
    for (const double confidence : {.95, .99}) {
      for (const double power : {.8, .95}) {
        const auto rows = static_cast<double>(rows_needed(2 * effect, 2, 1, confidence, power));
        const boost::math::non_central_t_distribution<double> t(rows - 1, effect * std::sqrt(rows));
        const double had = boost::math::cdf(boost::math::complement(t, student_t_quantile(confidence, rows - 1)));
        EXPECT_GT(had, power - .003) << effect << " " << confidence;
        EXPECT_LT(had, power + .015) << effect << " " << confidence;
      }
    }
  }
}

TEST(Power, CountsDependentRowsForLess) {
  const auto alone = rows_needed(.01, .3, 1, .95, .8);
  EXPECT_NEAR(static_cast<double>(rows_needed(.01, .3, 3, .95, .8)), 3 * static_cast<double>(alone), 3);
  // Clusters that differ less than chance would have it are chance.
  EXPECT_EQ(rows_needed(.01, .3, .2, .95, .8), alone);
  EXPECT_GT(detectable_difference(1000, .3, 3, .95, .8), 1.7 * detectable_difference(1000, .3, 1, .95, .8));
}

TEST(Power, IsTurnedRoundByTheDetectableDifference) {
  for (const double difference : {.003, .02, .3}) {
    const auto rows = rows_needed(difference, .3, 2.5, .975, .8);
    EXPECT_LE(detectable_difference(rows, .3, 2.5, .975, .8), difference);
    EXPECT_GT(detectable_difference(rows - 1, .3, 2.5, .975, .8), difference);
  }
}

TEST(Power, OfTooFewRowsIsNone) {
  EXPECT_EQ(detectable_difference(0, 1, 1, .95, .8), std::numeric_limits<double>::infinity());
  EXPECT_EQ(detectable_difference(1, 1, 1, .95, .8), std::numeric_limits<double>::infinity());
  EXPECT_EQ(detectable_difference(100, 1, 80, .95, .8), std::numeric_limits<double>::infinity());
}

TEST(Power, TakesModelsToDisagreeAtLeastAsOftenAsTheyDiffer) {
  EXPECT_EQ(mcnemar_rows_needed(.02, .005, .95, .8), mcnemar_rows_needed(.02, .02, .95, .8));
  EXPECT_LT(mcnemar_rows_needed(.02, .02, .95, .8), mcnemar_rows_needed(.02, .2, .95, .8));
  EXPECT_GE(mcnemar_rows_needed(1, 1, .95, .8), 1u);
}

TEST(Power, NeverOverflows) {
  EXPECT_EQ(rows_needed(1e-200, 1, 1, .95, .8), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(mcnemar_rows_needed(1e-12, 1, .95, .8), std::numeric_limits<std::uint64_t>::max());
  // A power that the level alone has takes no rows to speak of.
  EXPECT_LE(rows_needed(.1, 1, 1, .6, .1), 1u);
}

TEST(Power, RefusesWhatHasNone) {
  EXPECT_THROW(rows_needed(0, 1, 1, .95, .8), std::logic_error);
  EXPECT_THROW(rows_needed(-.1, 1, 1, .95, .8), std::logic_error);
  EXPECT_THROW(rows_needed(.1, -1, 1, .95, .8), std::logic_error);
  EXPECT_THROW(rows_needed(.1, 1, std::nan(""), .95, .8), std::logic_error);
  EXPECT_THROW(rows_needed(.1, 1, 1, 1, .8), std::logic_error);
  EXPECT_THROW(rows_needed(.1, 1, 1, .95, 0), std::logic_error);
  EXPECT_THROW(mcnemar_rows_needed(.1, 1.1, .95, .8), std::logic_error);
  EXPECT_THROW(mcnemar_rows_needed(1.5, .1, .95, .8), std::logic_error);
  EXPECT_THROW(detectable_difference(10, 1, 1, .95, 1), std::logic_error);
}

}  // namespace
}  // namespace retraind::stats
