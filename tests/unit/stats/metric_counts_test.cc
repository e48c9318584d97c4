#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/unit/stats/metric_cases.h"

namespace retraind::stats {
namespace {

MetricOptions at(double threshold) {
  return {.threshold = threshold, .quantile = 0.5, .costs = {}, .of_class = {}};
}

MetricOptions of_class(int c) {
  return {.threshold = 0.5, .quantile = 0.5, .costs = {}, .of_class = c};
}

TEST(PrecisionAndRecall, AgreeWithTheExampleOfSklearnAtEachThreshold) {
  // precision_recall_curve of scikit-learn 1.2: precision 1/2, 2/3, 1/2, 1 and recall 1, 1, 1/2, 1/2 where the scores
  // 0.1, 0.35, 0.4 and 0.8 are still taken for class 1.
  const Numbers labels{0, 0, 1, 1};
  const Numbers scores{0.1, 0.4, 0.35, 0.8};
  const double precision[] = {1.0 / 2, 2.0 / 3, 1.0 / 2, 1};
  const double recall[] = {1, 1, 1.0 / 2, 1.0 / 2};
  const double thresholds[] = {0, 0.1, 0.35, 0.4};
  for (std::size_t i = 0; i < 4; ++i) {
    const Case rows = binary_case(labels, scores, at(thresholds[i]));
    EXPECT_DOUBLE_EQ(*rows(Metric::precision), precision[i]) << thresholds[i];
    EXPECT_DOUBLE_EQ(*rows(Metric::recall), recall[i]) << thresholds[i];
    EXPECT_NEAR(*rows(Metric::f1), 2 * precision[i] * recall[i] / (precision[i] + recall[i]), 1e-15);
  }
}

TEST(PrecisionAndRecall, AreUndefinedWhereThereIsNothingToTakeAShareOf) {
  EXPECT_FALSE(binary_case({0, 1, 1}, {.1, .2, .3})(Metric::precision).has_value()) << "no row taken for class 1";
  EXPECT_FALSE(binary_case({0, 0}, {.9, .2})(Metric::recall).has_value()) << "no row of class 1";
  EXPECT_EQ(binary_case({0, 0}, {.9, .2})(Metric::precision), 0.0);
  EXPECT_EQ(binary_case({1, 1}, {.3, .2})(Metric::recall), 0.0);
  EXPECT_FALSE(binary_case({0, 1}, {.1, .9})(Metric::recall, {1, 0}).has_value()) << "the positive row weighs nothing";
}

TEST(PrecisionAndRecall, CountRowsOfUnknownClassAgainstTheModel) {
  const Case rows = binary_case({1, 0, -1, -1}, {.9, .1, .8, .2});
  EXPECT_DOUBLE_EQ(*rows(Metric::precision), 1.0 / 2);
  EXPECT_DOUBLE_EQ(*rows(Metric::recall), 1.0 / 3);
  EXPECT_EQ(binary_case({-1}, {.9})(Metric::recall), 0.0);
}

TEST(Recall, OfANamedClassAgreesWithTheReportOfSklearn) {
  // The example of classification_report of scikit-learn 1.2: recall 1.00, 0.00 and 0.67 of the classes 0, 1 and 2.
  const Numbers labels{0, 1, 2, 2, 2};
  const Numbers predictions = one_hot({0, 0, 2, 2, 1}, 3);
  EXPECT_DOUBLE_EQ(*multiclass_case(3, labels, predictions, of_class(0))(Metric::recall), 1);
  EXPECT_DOUBLE_EQ(*multiclass_case(3, labels, predictions, of_class(1))(Metric::recall), 0);
  EXPECT_DOUBLE_EQ(*multiclass_case(3, labels, predictions, of_class(2))(Metric::recall), 2.0 / 3);
}

TEST(Recall, OfAMulticlassTaskNeedsAClassThatExists) {
  const Numbers predictions = one_hot({0, 1}, 3);
  EXPECT_FALSE(multiclass_case(3, {0, 1}, predictions)(Metric::recall).has_value()) << "no class was named";
  EXPECT_FALSE(multiclass_case(3, {0, 1}, predictions, of_class(2))(Metric::recall).has_value()) << "no such row";
  EXPECT_THROW(multiclass_case(3, {0, 1}, predictions, of_class(3))(Metric::recall), std::logic_error);
  EXPECT_THROW(multiclass_case(3, {0, 1}, predictions, of_class(-1))(Metric::recall), std::logic_error);
  // Other metrics do not look at it.
  EXPECT_EQ(multiclass_case(3, {0, 1}, predictions, of_class(3))(Metric::accuracy), 1.0);
  EXPECT_EQ(multiclass_case(3, {0, -1}, predictions, of_class(0))(Metric::recall), 1.0)
      << "a row of unknown class is not of a named one";
}

TEST(WeightedF1, AgreesWithTheExamplesOfSklearn) {
  EXPECT_NEAR(*multiclass_case(3, {0, 1, 2, 0, 1, 2}, one_hot({0, 2, 1, 0, 0, 1}, 3))(Metric::weighted_f1),
              0.26666666666666666, 1e-15);
  // classification_report: macro 0.49, weighted 0.61, from f1 of 0.67, 0 and 0.80 with 1, 1 and 3 rows.
  const Case report = multiclass_case(3, {0, 1, 2, 2, 2}, one_hot({0, 0, 2, 2, 1}, 3));
  EXPECT_NEAR(*report(Metric::weighted_f1), (2.0 / 3 + 3 * 0.8) / 5, 1e-15);
  EXPECT_NEAR(*report(Metric::macro_f1), (2.0 / 3 + 0.8) / 3, 1e-15);
}

TEST(WeightedF1, CountsRowsOfUnknownClassAsOneMoreClassThatIsNeverHit) {
  EXPECT_DOUBLE_EQ(*multiclass_case(3, {0, 0, -1, -1}, one_hot({0, 0, 1, 2}, 3))(Metric::weighted_f1), 0.5);
  EXPECT_EQ(multiclass_case(3, {-1, -1}, one_hot({1, 2}, 3))(Metric::weighted_f1), 0.0);
}

TEST(Threshold, DecidesWhichRowsAreTakenForClassOne) {
  const Numbers labels{1, 1, 0, 0};
  const Numbers scores{.30, .25, .25, .1};
  EXPECT_DOUBLE_EQ(*binary_case(labels, scores)(Metric::accuracy), 0.5);
  EXPECT_DOUBLE_EQ(*binary_case(labels, scores, at(.25))(Metric::accuracy), 0.75) << "above, not at it";
  EXPECT_DOUBLE_EQ(*binary_case(labels, scores, at(.2))(Metric::accuracy), 0.75);
  EXPECT_DOUBLE_EQ(*binary_case(labels, scores, at(.2))(Metric::f1), 0.8);
  EXPECT_DOUBLE_EQ(*binary_case(labels, scores, at(.2))(Metric::recall), 1);
  EXPECT_DOUBLE_EQ(*binary_case(labels, scores, at(.25))(Metric::cost), 0.25);
  EXPECT_EQ(row_losses(Metric::accuracy, binary_case(labels, scores, at(.2)).scored()), (Numbers{0, 0, 1, 0}));
  for (const double threshold : {-.1, 1.1, std::nan("")}) {
    EXPECT_THROW(binary_case(labels, scores, at(threshold))(Metric::f1), std::logic_error) << threshold;
  }
}

}  // namespace
}  // namespace retraind::stats
