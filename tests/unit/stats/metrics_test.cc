#include "core/stats/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "core/base/error.h"
#include "core/base/random.h"

namespace retraind::stats {
namespace {

using Numbers = std::vector<double>;

std::optional<double> binary(Metric metric, const Numbers& labels, const Numbers& predictions,
                             const Numbers& weights = {}) {
  return evaluate(metric, {Task::binary, 0, labels, predictions}, weights);
}

std::optional<double> multiclass(Metric metric, std::size_t classes, const Numbers& labels, const Numbers& predictions,
                                 const Numbers& weights = {}) {
  return evaluate(metric, {Task::multiclass, classes, labels, predictions}, weights);
}

std::optional<double> regression(Metric metric, const Numbers& labels, const Numbers& predictions,
                                 const Numbers& weights = {}) {
  return evaluate(metric, {Task::regression, 0, labels, predictions}, weights);
}

// One row of certainty for each predicted class.
Numbers one_hot(const std::vector<std::size_t>& predicted, std::size_t classes) {
  Numbers rows(predicted.size() * classes);
  for (std::size_t i = 0; i < predicted.size(); ++i) rows[i * classes + predicted[i]] = 1;
  return rows;
}

TEST(Auc, AgreesWithHanleyAndMcNeil) {
  // Hanley and McNeil (1982), table I: 109 images rated from 1 to 5, 51 of them abnormal; the area is 0.893.
  const int normal[] = {33, 6, 6, 11, 2};
  const int abnormal[] = {3, 2, 2, 11, 33};
  Numbers labels;
  Numbers scores;
  for (int rating = 0; rating < 5; ++rating) {
    labels.insert(labels.end(), static_cast<std::size_t>(normal[rating]), 0);
    labels.insert(labels.end(), static_cast<std::size_t>(abnormal[rating]), 1);
    scores.insert(scores.end(), static_cast<std::size_t>(normal[rating] + abnormal[rating]), rating / 4.0);
  }
  EXPECT_NEAR(*binary(Metric::auc, labels, scores), 0.893, 0.0005);

  // The same by groups of rows with weights.
  Numbers group_labels;
  Numbers group_scores;
  Numbers weights;
  for (int rating = 4; rating >= 0; --rating) {
    group_labels.insert(group_labels.end(), {0, 1});
    group_scores.insert(group_scores.end(), {rating / 4.0, rating / 4.0});
    weights.insert(weights.end(), {normal[rating] * 1.0, abnormal[rating] * 1.0});
  }
  EXPECT_NEAR(*binary(Metric::auc, group_labels, group_scores, weights), *binary(Metric::auc, labels, scores), 1e-15);
}

TEST(Auc, AgreesWithTheExampleOfSklearn) {
  EXPECT_DOUBLE_EQ(*binary(Metric::auc, {0, 0, 1, 1}, {.1, .4, .35, .8}), 0.75);
}

TEST(Auc, CountsATieAsHalfAPair) {
  EXPECT_DOUBLE_EQ(*binary(Metric::auc, {0, 1}, {.5, .5}), 0.5);
  EXPECT_DOUBLE_EQ(*binary(Metric::auc, {0, 1, 0, 1}, {.5, .5, .2, .9}), 0.875);
}

TEST(Auc, AgreesWithTheCountOfAllPairs) {
  Random random(5);
  Numbers labels;
  Numbers scores;
  Numbers weights;
  for (int i = 0; i < 200; ++i) {
    labels.push_back(random.below(3) == 0 ? 1 : 0);
    scores.push_back(static_cast<double>(random.below(12)) / 12);
    weights.push_back(static_cast<double>(random.below(4)));
  }
  double won = 0;
  double pairs = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    for (std::size_t j = 0; j < labels.size(); ++j) {
      if (labels[i] != 1 || labels[j] != 0) continue;
      pairs += weights[i] * weights[j];
      won += weights[i] * weights[j] * (scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0);
    }
  }
  EXPECT_NEAR(*binary(Metric::auc, labels, scores, weights), won / pairs, 1e-13);
}

TEST(Auc, IsUndefinedWithOneClassOnly) {
  EXPECT_FALSE(binary(Metric::auc, {1, 1}, {.1, .4}).has_value());
  EXPECT_FALSE(binary(Metric::auc, {0, 0}, {.1, .4}).has_value());
  EXPECT_FALSE(binary(Metric::auc, {0, 1}, {.1, .4}, {1, 0}).has_value()) << "the positive row weighs nothing";
}

TEST(LogLoss, AgreesWithTheExampleOfSklearn) {
  EXPECT_NEAR(*binary(Metric::log_loss, {1, 0, 0, 1}, {.9, .1, .2, .65}), 0.21616187468057912, 1e-15);
  EXPECT_NEAR(*multiclass(Metric::log_loss, 2, {1, 0, 0, 1}, {.1, .9, .9, .1, .8, .2, .35, .65}), 0.21616187468057912,
              1e-15);
}

TEST(LogLoss, IsBoundedWhereAModelIsCertainAndWrong) {
  EXPECT_NEAR(*binary(Metric::log_loss, {1}, {0}), -std::log(1e-15), 1e-12);
  EXPECT_NEAR(*binary(Metric::log_loss, {1}, {1}), 0, 1e-14);
  EXPECT_GT(*binary(Metric::log_loss, {1}, {1}), 0) << "certainty is clipped, too";
}

TEST(Brier, AgreesWithTheExampleOfSklearn) {
  EXPECT_NEAR(*binary(Metric::brier, {0, 1, 1, 0}, {.1, .9, .8, .3}), 0.0375, 1e-15);
}

TEST(Accuracy, TakesClassOneAboveOneHalfAndTheFirstOfTies) {
  EXPECT_DOUBLE_EQ(*binary(Metric::accuracy, {0, 1, 1, 0}, {.5, .51, .5, .9}), 0.5);
  EXPECT_DOUBLE_EQ(*multiclass(Metric::accuracy, 3, {0, 1, 1, 2}, {.4, .4, .2, .4, .4, .2, .2, .4, .4, .1, .2, .7}),
                   0.75);
}

TEST(F1, IsTheOneOfThePositiveClass) {
  // Two true positives, one false positive, two false negatives.
  EXPECT_DOUBLE_EQ(*binary(Metric::f1, {1, 1, 0, 1, 1, 0}, {.9, .8, .7, .1, .2, .3}), 4.0 / 7);
  EXPECT_DOUBLE_EQ(*binary(Metric::f1, {0, 0}, {.1, .2}), 0) << "no true positive";
  EXPECT_DOUBLE_EQ(*binary(Metric::f1, {1, 0}, {.1, .9}), 0);
  EXPECT_DOUBLE_EQ(*binary(Metric::f1, {1, 1, 0}, {.9, .1, .9}, {3, 1, 2}), 2.0 / 3);
}

TEST(MacroF1, AgreesWithTheExampleOfSklearn) {
  EXPECT_NEAR(*multiclass(Metric::macro_f1, 3, {0, 1, 2, 0, 1, 2}, one_hot({0, 2, 1, 0, 0, 1}, 3)), 4.0 / 15, 1e-15);
}

TEST(MacroF1, LeavesOutClassesThatDoNotOccur) {
  EXPECT_DOUBLE_EQ(*multiclass(Metric::macro_f1, 5, {0, 1, 0, 1}, one_hot({0, 1, 0, 1}, 5)), 1);
}

TEST(RegressionMetrics, AgreeWithTheExamplesOfSklearn) {
  const Numbers labels{3, -0.5, 2, 7};
  const Numbers predictions{2.5, 0, 2, 8};
  EXPECT_NEAR(*regression(Metric::r2, labels, predictions), 0.9486081370449679, 1e-15);
  EXPECT_DOUBLE_EQ(*regression(Metric::mae, labels, predictions), 0.5);
  EXPECT_DOUBLE_EQ(*regression(Metric::rmse, labels, predictions), std::sqrt(0.375));
}

TEST(RegressionMetrics, HaveNoR2ForAConstantLabel) {
  EXPECT_FALSE(regression(Metric::r2, {.1, .1, .1}, {.1, .2, .3}).has_value());
  EXPECT_FALSE(regression(Metric::r2, {.1, .1, 4}, {.1, .2, .3}, {1, 1, 0}).has_value());
  EXPECT_LT(*regression(Metric::r2, {1, 2}, {5, 5}), 0) << "worse than the mean is negative";
}

TEST(Metrics, CountARowOfUnknownClassAsWrong) {
  const Numbers labels{1, 0, -1};
  const Numbers good{.9, .1, .9};
  EXPECT_NEAR(*binary(Metric::accuracy, labels, good), 2.0 / 3, 1e-15);
  EXPECT_NEAR(*binary(Metric::brier, labels, good), (.01 + .01 + 1) / 3, 1e-15);
  EXPECT_NEAR(*binary(Metric::log_loss, labels, good), (-2 * std::log(.9) - std::log(1e-15)) / 3, 1e-12);
  EXPECT_DOUBLE_EQ(*binary(Metric::auc, labels, good), 0.5);
  EXPECT_DOUBLE_EQ(*binary(Metric::f1, labels, good), 2.0 / 3);
  EXPECT_DOUBLE_EQ(*binary(Metric::f1, labels, {.9, .1, .1}), 2.0 / 3);
  EXPECT_DOUBLE_EQ(*multiclass(Metric::accuracy, 3, {0, -1}, one_hot({0, 1}, 3)), 0.5);
  EXPECT_DOUBLE_EQ(*multiclass(Metric::macro_f1, 3, {0, -1}, one_hot({0, 1}, 3)), 1.0 / 3);
}

TEST(Metrics, TreatWeightsAsRepetitions) {
  Random random(9);
  Numbers labels, scores, weights, repeated_labels, repeated_scores;
  for (int i = 0; i < 60; ++i) {
    labels.push_back(static_cast<double>(random.below(2)));
    scores.push_back(random.uniform());
    weights.push_back(static_cast<double>(random.below(4)));
    for (int k = 0; k < weights.back(); ++k) {
      repeated_labels.push_back(labels.back());
      repeated_scores.push_back(scores.back());
    }
  }
  for (const Metric metric : {Metric::accuracy, Metric::log_loss, Metric::auc, Metric::f1, Metric::brier}) {
    EXPECT_NEAR(*binary(metric, labels, scores, weights), *binary(metric, repeated_labels, repeated_scores), 1e-14)
        << to_text(metric);
  }
  for (const Metric metric : {Metric::rmse, Metric::mae, Metric::r2}) {
    EXPECT_NEAR(*regression(metric, labels, scores, weights), *regression(metric, repeated_labels, repeated_scores),
                1e-14)
        << to_text(metric);
  }
}

TEST(Metrics, AreUndefinedWithoutRowsOrWeight) {
  for (const Metric metric : {Metric::accuracy, Metric::log_loss, Metric::auc, Metric::f1, Metric::brier}) {
    EXPECT_FALSE(binary(metric, {}, {}).has_value()) << to_text(metric);
    EXPECT_FALSE(binary(metric, {0, 1}, {.1, .4}, {0, 0}).has_value()) << to_text(metric);
  }
  EXPECT_FALSE(multiclass(Metric::macro_f1, 3, {}, {}).has_value());
  for (const Metric metric : {Metric::rmse, Metric::mae, Metric::r2}) {
    EXPECT_FALSE(regression(metric, {}, {}).has_value()) << to_text(metric);
  }
  EXPECT_TRUE(evaluate_all({Task::binary, 0, {}, {}}).empty());
}

TEST(Metrics, HardlyDependOnTheOrderOfTheRows) {
  // A plain sum of these loses every small term that comes after the large one.
  Numbers labels(10001, 0.0);
  Numbers predictions(10001, 1.0);
  predictions[0] = 1e16;
  const double large_first = *regression(Metric::mae, labels, predictions);
  std::swap(predictions.front(), predictions.back());
  EXPECT_EQ(*regression(Metric::mae, labels, predictions), large_first);
  EXPECT_EQ(large_first, (1e16 + 10000) / 10001);
}

TEST(Metrics, RefuseWhatDoesNotFit) {
  EXPECT_THROW(binary(Metric::rmse, {0}, {.1}), std::logic_error);
  EXPECT_THROW(regression(Metric::auc, {0}, {.1}), std::logic_error);
  EXPECT_THROW(binary(Metric::accuracy, {0, 1}, {.1}), std::logic_error);
  EXPECT_THROW(binary(Metric::accuracy, {2}, {.1}), std::logic_error);
  EXPECT_THROW(binary(Metric::accuracy, {.5}, {.1}), std::logic_error);
  EXPECT_THROW(multiclass(Metric::accuracy, 0, {}, {}), std::logic_error);
  EXPECT_THROW(multiclass(Metric::accuracy, 3, {3}, {.1, .2, .7}), std::logic_error);
  EXPECT_THROW(binary(Metric::accuracy, {1}, {.1}, {1, 1}), std::logic_error);
  EXPECT_THROW(binary(Metric::accuracy, {1}, {.1}, {-1}), std::logic_error);
  EXPECT_THROW(row_losses(Metric::auc, Scored{}), std::logic_error);
}

TEST(Metrics, BlameThePredictionsForWhatIsNoProbability) {
  EXPECT_THROW(binary(Metric::auc, {1, 0}, {.1, std::nan("")}), DataError);
  EXPECT_THROW(binary(Metric::auc, {1, 0}, {.1, 1.01}), DataError);
  EXPECT_THROW(multiclass(Metric::accuracy, 2, {1}, {-.1, 1}), DataError);
  EXPECT_THROW(regression(Metric::mae, {1}, {std::numeric_limits<double>::infinity()}), DataError);
}

TEST(RowLosses, HaveTheMetricAsTheirMean) {
  const Numbers labels{1, 0, 1, -1};
  const Numbers scores{.9, .6, .3, .2};
  for (const Metric metric : {Metric::log_loss, Metric::brier, Metric::accuracy}) {
    const Numbers losses = row_losses(metric, {Task::binary, 0, labels, scores});
    ASSERT_EQ(losses.size(), 4u);
    const double mean = (losses[0] + losses[1] + losses[2] + losses[3]) / 4;
    EXPECT_NEAR(metric == Metric::accuracy ? 1 - mean : mean, *binary(metric, labels, scores), 1e-14)
        << to_text(metric);
  }
  EXPECT_EQ(row_losses(Metric::mae, {Task::regression, 0, labels, scores})[3], 1.2);
}

TEST(WeightedMetric, GivesTheSameAsEvaluateForEveryWeighting) {
  const Numbers labels{1, 0, 1, 0, 0};
  const Numbers scores{.9, .6, .6, .2, .95};
  const Scored scored{Task::binary, 0, labels, scores};
  for (const Metric metric : {Metric::accuracy, Metric::log_loss, Metric::auc, Metric::f1, Metric::brier}) {
    const WeightedMetric prepared(metric, scored);
    for (const Numbers& weights : {Numbers{}, Numbers{1, 2, 0, 1, 3}, Numbers{0, 1, 1, 1, 0}}) {
      EXPECT_EQ(prepared(weights), evaluate(metric, scored, weights)) << to_text(metric);
    }
  }
}

}  // namespace
}  // namespace retraind::stats
