#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

#include "core/base/error.h"
#include "tests/unit/stats/metric_cases.h"

namespace retraind::stats {
namespace {

MetricOptions costs(Numbers matrix) {
  return {.threshold = 0.5, .quantile = 0.5, .costs = std::move(matrix), .of_class = {}};
}

MetricOptions quantile(double at) {
  return {.threshold = 0.5, .quantile = at, .costs = {}, .of_class = {}};
}

MetricOptions guard(double smallest) {
  return {.threshold = 0.5, .quantile = 0.5, .costs = {}, .of_class = {}, .guard = smallest};
}

TEST(Cost, ReadsItsMatrixByRowsOfTheActualClass) {
  // The costs of the Statlog German credit data: to trust a bad customer (class 1) costs 5, to turn away a good one 1.
  const Case rows = binary_case({0, 0, 1, 1, 1}, {.1, .9, .8, .2, .3}, costs({0, 1, 5, 0}));
  EXPECT_DOUBLE_EQ(*rows(Metric::cost), (1 + 5 + 5) / 5.0);
  EXPECT_EQ(row_losses(Metric::cost, rows.scored()), (Numbers{0, 1, 0, 5, 5}));
  const Case three = multiclass_case(3, {0, 1, 2, 2}, one_hot({1, 1, 0, 1}, 3), costs({0, 1, 2, 3, .5, 4, 5, 6, 0}));
  EXPECT_EQ(row_losses(Metric::cost, three.scored()), (Numbers{1, .5, 5, 6}));
}

TEST(Cost, IsTheShareOfErrorsWithoutAMatrix) {
  for (const Case& rows : cases(80, 41)) {
    if (rows.task == Task::regression) continue;
    Case plain = rows;
    plain.options.costs.clear();
    EXPECT_NEAR(*plain(Metric::cost), 1 - *plain(Metric::accuracy), 1e-15);
  }
}

TEST(Cost, OfARowOfUnknownClassIsTheLargestOfAll) {
  EXPECT_EQ(row_losses(Metric::cost, binary_case({-1, -1}, {.1, .9}, costs({0, 1, 5, 0})).scored()), (Numbers{5, 5}));
  EXPECT_EQ(row_losses(Metric::cost, binary_case({-1}, {.1}).scored()), Numbers{1});
}

TEST(Cost, RefusesAMatrixThatDoesNotFit) {
  EXPECT_THROW(binary_case({0}, {.1}, costs({0, 1, 5}))(Metric::cost), std::logic_error);
  EXPECT_THROW(binary_case({0}, {.1}, costs({0, 1, -5, 0}))(Metric::cost), std::logic_error);
  EXPECT_THROW(binary_case({0}, {.1}, costs({0, 1, std::nan(""), 0}))(Metric::cost), std::logic_error);
  EXPECT_THROW(multiclass_case(3, {0}, {1, 0, 0}, costs({0, 1, 5, 0}))(Metric::cost), std::logic_error);
  EXPECT_EQ(binary_case({0}, {.1}, costs({0, 1, 5}))(Metric::accuracy), 1.0) << "others do not look at it";
}

TEST(Mape, AgreesWithTheExampleOfSklearn) {
  EXPECT_NEAR(*regression_case({3, -.5, 2, 7}, {2.5, 0, 2, 8})(Metric::mape), 0.3273809523809524, 1e-15);
}

TEST(Mape, CountsALabelNearZeroAsOneHundredthOfTheMean) {
  // The labels' mean size is 10: what is below 0.1 counts as 0.1.
  const Case rows = regression_case({0, 0.05, -20, 19.95}, {0.2, 0.05, -21, 19.95});
  EXPECT_EQ(rows.scored().rows(), 4u);
  const Numbers losses = row_losses(Metric::mape, rows.scored());
  EXPECT_NEAR(losses[0], 2, 1e-14);
  EXPECT_EQ(losses[1], 0);
  EXPECT_NEAR(losses[2], .05, 1e-15);
  EXPECT_NEAR(*rows(Metric::mape), 2.05 / 4, 1e-14);
  const Numbers guarded = row_losses(Metric::mape, regression_case({0, 20}, {1, 21}, guard(4)).scored());
  EXPECT_DOUBLE_EQ(guarded[0], .25);
  EXPECT_DOUBLE_EQ(guarded[1], .05);
}

TEST(Mape, IsUndefinedWhereAllLabelsAreZero) {
  const Case zeros = regression_case({0, 0}, {1, 2});
  EXPECT_FALSE(zeros(Metric::mape).has_value());
  EXPECT_THROW(row_losses(Metric::mape, zeros.scored()), DataError);
  Case weighted = regression_case({0, 0, 5}, {1, 2, 5});
  weighted.weights = {1, 1, 0};
  EXPECT_FALSE(weighted(Metric::mape).has_value()) << "the row that is not 0 weighs nothing";
  EXPECT_DOUBLE_EQ(*regression_case({0, 0}, {1, 2}, guard(2))(Metric::mape), .75);
  for (const double bad : {0.0, -1.0, std::numeric_limits<double>::infinity()}) {
    EXPECT_THROW(regression_case({0, 0}, {1, 2}, guard(bad))(Metric::mape), std::logic_error) << bad;
  }
}

TEST(Mape, ScalesWithNothing) {
  const Case rows = regression_case({1, -2, .001, 4}, {1.5, -1, .1, 4});
  Case small = rows;
  Case large = rows;
  for (std::size_t i = 0; i < 4; ++i) {
    small.labels[i] *= 0x1p-900;
    small.predictions[i] *= 0x1p-900;
    large.labels[i] *= 0x1p1021;
    large.predictions[i] *= 0x1p1021;
  }
  EXPECT_DOUBLE_EQ(*small(Metric::mape), *rows(Metric::mape));
  EXPECT_DOUBLE_EQ(*large(Metric::mape), *rows(Metric::mape)) << "the sum of the labels is no double";
}

TEST(Pinball, AgreesWithTheExamplesOfSklearn) {
  EXPECT_NEAR(*regression_case({1, 2, 3}, {0, 2, 3}, quantile(.1))(Metric::pinball), 0.03333333333333333, 1e-15);
  EXPECT_NEAR(*regression_case({1, 2, 3}, {1, 2, 4}, quantile(.1))(Metric::pinball), 0.3, 1e-15);
  EXPECT_NEAR(*regression_case({1, 2, 3}, {0, 2, 3}, quantile(.9))(Metric::pinball), 0.3, 1e-15);
  EXPECT_NEAR(*regression_case({1, 2, 3}, {1, 2, 4}, quantile(.9))(Metric::pinball), 0.03333333333333333, 1e-15);
}

TEST(Pinball, IsHalfTheAbsoluteErrorAtTheMedian) {
  const Case rows = cases(50, 42)[2];
  Case median = rows;
  median.options.quantile = .5;
  EXPECT_NEAR(*median(Metric::pinball), *rows(Metric::mae) / 2, 1e-14);
  for (const double bad : {0.0, 1.0, std::nan("")}) {
    EXPECT_THROW(regression_case({1}, {1}, quantile(bad))(Metric::pinball), std::logic_error) << bad;
  }
}

TEST(Bias, IsPositiveWhereAModelSaysTooMuch) {
  EXPECT_DOUBLE_EQ(*regression_case({3, -.5, 2, 7}, {2.5, 0, 2, 8})(Metric::bias), .25);
  EXPECT_EQ(row_losses(Metric::bias, regression_case({3, -.5}, {2.5, 0}).scored()), (Numbers{-.5, .5}));
}

TEST(RowLosses, HaveEveryMetricThatIsSoDefinedAsTheirMean) {
  for (const Case& rows : cases(120, 43)) {
    for (const Metric metric : metrics_of(rows.task)) {
      if (!is_mean_of_row_losses(metric)) {
        EXPECT_THROW(row_losses(metric, rows.scored()), std::logic_error) << to_text(metric);
        continue;
      }
      const Numbers losses = row_losses(metric, rows.scored());
      ASSERT_EQ(losses.size(), 120u);
      double mean = 0;
      for (const double loss : losses) mean += loss / 120;
      EXPECT_NEAR(metric == Metric::accuracy ? 1 - mean : mean, *rows(metric), 1e-13) << to_text(metric);
      Case weighted = rows;
      weighted.weights.assign(120, 3);
      EXPECT_EQ(row_losses(metric, weighted.scored()), losses) << "weights do not change a loss";
    }
  }
}

TEST(Metrics, AreUndefinedWhereTheyAreTooLargeForADouble) {
  EXPECT_FALSE(regression_case({-1e300}, {1e300})(Metric::rmse).has_value());
  EXPECT_FALSE(regression_case({-1e308}, {1.7e308})(Metric::bias).has_value());
  EXPECT_EQ(regression_case({-1e300}, {1e300})(Metric::mae), 2e300);
}

}  // namespace
}  // namespace retraind::stats
