#include "core/evaluate/compare.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "tests/unit/evaluate/holdouts.h"

namespace retraind::evaluate {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Holdout swapped(Holdout holdout) {
  std::swap(holdout.candidate, holdout.opponent);
  return holdout;
}

class CompareByTask : public testing::TestWithParam<Task> {};

TEST_P(CompareByTask, IsPositiveWhenTheCandidateIsBetterWhateverTheMetric) {
  const Holdout holdout = noisy_holdout(GetParam(), 100, 3);
  for (const Metric metric : metrics_of(GetParam())) {
    // A model that is surer where it is right is not better calibrated for that.
    if (metric == Metric::calibration_error) continue;
    const Comparison better = compared(holdout, metric, 0.95, 1);
    const Comparison worse = compared(swapped(holdout), metric, 0.95, 1);
    ASSERT_TRUE(better.difference && worse.difference) << to_text(metric);
    EXPECT_GT(better.difference->low, 0) << to_text(metric);
    EXPECT_LT(worse.difference->high, 0) << to_text(metric);
    EXPECT_NEAR(better.difference->estimate, -worse.difference->estimate, 1e-12) << to_text(metric);
  }
}

TEST_P(CompareByTask, EstimatesTheDifferenceOfTheTwoValuesItReports) {
  const Holdout holdout = noisy_holdout(GetParam(), 123, 4);
  for (const Metric metric : metrics_of(GetParam())) {
    const Comparison comparison = compared(holdout, metric, 0.9, 1);
    ASSERT_TRUE(comparison.difference && comparison.candidate_value && comparison.opponent_value) << to_text(metric);
    const double apart = *comparison.candidate_value - *comparison.opponent_value;
    EXPECT_NEAR(comparison.difference->estimate, higher_is_better(metric) ? apart : -apart, 1e-12) << to_text(metric);
    EXPECT_LT(comparison.difference->low, comparison.difference->estimate) << to_text(metric);
    EXPECT_GT(comparison.difference->high, comparison.difference->estimate) << to_text(metric);
    EXPECT_EQ(comparison.difference->clusters, 13U) << to_text(metric);
    EXPECT_EQ(comparison.rows, 123U);
    EXPECT_EQ(comparison.confidence, 0.9);
  }
}

TEST_P(CompareByTask, ReportsEveryMetricOfBoth) {
  Holdout holdout = noisy_holdout(GetParam(), 60, 5);
  if (GetParam() != Task::regression) holdout.class_names = {"red", "green", "blue"};
  if (GetParam() == Task::binary) holdout.class_names.pop_back();
  const Comparison comparison = compared(holdout, metrics_of(GetParam()).front());
  std::vector<std::string> ours;
  std::vector<std::string> theirs;
  for (const auto& value : comparison.candidate_metrics) ours.push_back(name_of(value));
  for (const auto& value : comparison.opponent_metrics) theirs.push_back(name_of(value));
  std::vector<std::string> all;
  for (std::size_t i = 0; i < words_of<Metric>().size(); ++i) {
    const auto metric = static_cast<Metric>(i);
    if (!applies_to(metric, GetParam()) || (metric == Metric::recall && GetParam() == Task::multiclass)) continue;
    all.emplace_back(to_text(metric));
  }
  if (GetParam() == Task::multiclass) all.insert(all.end(), {"recall[red]", "recall[green]", "recall[blue]"});
  EXPECT_EQ(ours, all);
  EXPECT_EQ(theirs, all);
}

TEST_P(CompareByTask, GivesNoWidthForEqualPredictionsButWhatSoManyRowsLeavePossible) {
  Holdout holdout = noisy_holdout(GetParam(), 100, 6);
  holdout.opponent = holdout.candidate;
  for (const Metric metric : metrics_of(GetParam())) {
    const Comparison comparison = compared(holdout, metric, 0.95, 1);
    ASSERT_TRUE(comparison.difference) << to_text(metric);
    EXPECT_EQ(comparison.difference->estimate, 0) << to_text(metric);
    // A hundred rows without a difference do not rule out one in every thirtieth.
    const double unseen = metric == Metric::accuracy ? -std::log(0.05) / 100 : 0;
    EXPECT_NEAR(comparison.difference->low, -unseen, 1e-15) << to_text(metric);
    EXPECT_NEAR(comparison.difference->high, unseen, 1e-15) << to_text(metric);
  }
}

TEST_P(CompareByTask, GivesTheSameBytesForTheSameHoldoutAndSeed) {
  const Holdout holdout = noisy_holdout(GetParam(), 50, 7);
  for (const Metric metric : metrics_of(GetParam())) {
    const Comparison first = compared(holdout, metric, 0.95, 42);
    const Comparison again = compared(holdout, metric, 0.95, 42);
    const Comparison other = compared(holdout, metric, 0.95, 43);
    EXPECT_EQ(first.difference->low, again.difference->low) << to_text(metric);
    EXPECT_EQ(first.difference->high, again.difference->high) << to_text(metric);
    EXPECT_EQ(first.difference->estimate, other.difference->estimate) << to_text(metric);
    EXPECT_EQ(first.difference->method, is_mean_of_row_losses(metric) ? "cluster_t" : "cluster_bootstrap");
    EXPECT_EQ(first.difference->standard_error == other.difference->standard_error, is_mean_of_row_losses(metric))
        << to_text(metric) << ": only resampling depends on the seed";
  }
}

INSTANTIATE_TEST_SUITE_P(Tasks, CompareByTask, testing::Values(Task::binary, Task::multiclass, Task::regression),
                         [](const auto& tested) { return std::string(to_text(tested.param)); });

TEST(Compare, IsThePairedTTestWhenEveryRowIsAClusterOfItsOwn) {
  Holdout holdout;
  holdout.task = Task::regression;
  for (int i = 1; i <= 20; ++i) {
    holdout.labels.push_back(0);
    holdout.candidate.push_back(-1);
    holdout.opponent.push_back(1 + i);
  }
  holdout.clusters = each_row_by_itself(20);
  const Comparison comparison = compared(holdout, Metric::mae, 0.975, 1);
  ASSERT_TRUE(comparison.difference);
  // Differences 1..20: mean 10.5, variance 35. t(0.975, 19) = 2.0930240544 (any table of Student's t).
  const double reach = 2.093024054408263 * std::sqrt(35.0 / 20);
  EXPECT_NEAR(comparison.difference->estimate, 10.5, 1e-12);
  EXPECT_NEAR(comparison.difference->low, 10.5 - reach, 1e-9);
  EXPECT_NEAR(comparison.difference->high, 10.5 + reach, 1e-9);
}

TEST(Compare, WidensTheIntervalWhenRowsOfAClusterGoTogether) {
  // Whole blocks of ten rows are won or lost together.
  Holdout holdout = binary_holdout({.both_right = 200, .only_candidate = 60, .only_opponent = 40, .both_wrong = 100});
  const Comparison rows = compared(holdout, Metric::accuracy, 0.95, 1);
  holdout.clusters = blocks_of(holdout.labels.size(), 10);
  const Comparison blocks = compared(holdout, Metric::accuracy, 0.95, 1);
  ASSERT_TRUE(rows.difference && blocks.difference);
  EXPECT_EQ(rows.difference->estimate, blocks.difference->estimate);
  EXPECT_GT(blocks.difference->standard_error, 2.5 * rows.difference->standard_error);
  EXPECT_GT(blocks.difference->inflation, 2.5);
  EXPECT_LT(blocks.difference->low, rows.difference->low);
}

TEST(Compare, KeepsResampledBoundsWideAtALevelBeyondAllReplicates) {
  const Holdout holdout = noisy_holdout(Task::binary, 150, 8);
  const double far = 1 - 1e-7;
  const Comparison usual = compared(holdout, Metric::auc, 0.95, 1);
  const Comparison spent = compared(holdout, Metric::auc, far, 1);
  ASSERT_TRUE(usual.difference && spent.difference);
  // Student's t with 14 degrees of freedom is above 6 there; 2,000 percentiles end at some 3.5 standard errors.
  EXPECT_LT(spent.difference->low, spent.difference->estimate - 6 * spent.difference->standard_error);
  EXPECT_LT(usual.difference->estimate - usual.difference->low, 2 * usual.difference->standard_error);
}

TEST(Compare, KeepsResampledBoundsWideWithTwoClusters) {
  Holdout holdout = noisy_holdout(Task::binary, 100, 9);
  holdout.clusters = blocks_of(100, 50);
  const Comparison comparison = compared(holdout, Metric::auc, 0.95, 1);
  ASSERT_TRUE(comparison.difference);
  // Student's t with one degree of freedom is 6.314 at 0.95.
  EXPECT_LE(comparison.difference->low, comparison.difference->estimate - 6.3 * comparison.difference->standard_error);
}

TEST(Compare, HasNoIntervalForAnAucOfOneClassButKeepsTheOtherMetrics) {
  Holdout holdout = noisy_holdout(Task::binary, 50, 10);
  std::fill(holdout.labels.begin(), holdout.labels.end(), 1.0);
  const Comparison comparison = compared(holdout, Metric::auc, 0.95, 1);
  EXPECT_FALSE(comparison.difference);
  EXPECT_FALSE(comparison.candidate_value);
  EXPECT_EQ(comparison.why_no_interval, "auc is not defined on these 50 rows: all labels are of one class");
  const auto reports = [&](Metric metric) {
    return std::any_of(comparison.candidate_metrics.begin(), comparison.candidate_metrics.end(),
                       [&](const NamedMetric& value) { return value.metric == metric; });
  };
  EXPECT_TRUE(reports(Metric::accuracy) && reports(Metric::log_loss) && reports(Metric::brier));
  EXPECT_FALSE(reports(Metric::auc));
  EXPECT_TRUE(compared(holdout, Metric::log_loss, 0.95, 1).difference);
}

TEST(Compare, HasNoIntervalForAnR2OfAConstantLabel) {
  Holdout holdout = noisy_holdout(Task::regression, 50, 11);
  std::fill(holdout.labels.begin(), holdout.labels.end(), 0.1);
  EXPECT_EQ(compared(holdout, Metric::r2, 0.95, 1).why_no_interval,
            "r2 is not defined on these 50 rows: all labels are the same");
}

TEST(Compare, HasNoIntervalWhereMostResamplesLackAClass) {
  // Each of two clusters has one class only, so that every other resample has one class only: it is up to the seed
  // whether a little more or a little less than half of them are of no use.
  Holdout holdout = noisy_holdout(Task::binary, 40, 12);
  holdout.clusters = blocks_of(40, 20);
  for (std::size_t i = 0; i < 40; ++i) holdout.labels[i] = i < 20 ? 1 : 0;
  int without = 0;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Comparison comparison = compared(holdout, Metric::auc, 0.95, seed);
    EXPECT_EQ(comparison.difference.has_value(), comparison.why_no_interval.empty());
    if (comparison.difference) continue;
    ++without;
    EXPECT_EQ(comparison.why_no_interval, "auc is not defined on more than half of the resampled rows");
  }
  EXPECT_GT(without, 0);
}

TEST(Compare, HasNoIntervalForRowsOfOneCluster) {
  Holdout holdout = noisy_holdout(Task::regression, 30, 13);
  std::fill(holdout.clusters.begin(), holdout.clusters.end(), 7U);
  for (const Metric metric : {Metric::mae, Metric::rmse}) {
    const Comparison comparison = compared(holdout, metric, 0.95, 1);
    EXPECT_FALSE(comparison.difference);
    EXPECT_TRUE(comparison.candidate_value);
    EXPECT_EQ(comparison.why_no_interval,
              "all 30 rows stand in one cluster, and an interval needs at least 2 clusters");
  }
}

TEST(Compare, HasNoIntervalWithoutRows) {
  Holdout holdout;
  holdout.task = Task::regression;
  const Comparison comparison = compare(holdout, Opponent::baseline, by(Metric::rmse), 0.95, 1);
  EXPECT_EQ(comparison.rows, 0U);
  EXPECT_FALSE(comparison.difference);
  EXPECT_EQ(comparison.why_no_interval, "there is no fresh labelled row");
}

TEST(Compare, DoesNotMeasureAModelWhosePredictionsAreNoPredictions) {
  for (const double bad : {kNan, std::numeric_limits<double>::infinity(), 1.5, -0.01}) {
    for (const bool by_candidate : {true, false}) {
      Holdout holdout = noisy_holdout(Task::binary, 30, 14);
      (by_candidate ? holdout.candidate : holdout.opponent)[4] = bad;
      const Comparison comparison = compared(holdout, Metric::auc, 0.95, 1);
      EXPECT_FALSE(comparison.difference);
      EXPECT_EQ(comparison.candidate_value.has_value(), !by_candidate);
      EXPECT_EQ(comparison.opponent_value.has_value(), by_candidate);
      EXPECT_NE(comparison.why_no_interval.find(by_candidate ? "row 5 of the predictions of the candidate"
                                                             : "row 5 of the predictions of production"),
                std::string::npos)
          << comparison.why_no_interval;
    }
  }
}

TEST(Compare, TreatsPartsThatDoNotFitTogetherAsABug) {
  const Holdout good = noisy_holdout(Task::binary, 30, 15);
  Holdout bad = good;
  bad.opponent.pop_back();
  EXPECT_THROW(compared(bad, Metric::auc), std::logic_error);
  bad = good;
  bad.clusters.push_back(3);
  EXPECT_THROW(compared(bad, Metric::auc), std::logic_error);
  bad = good;
  bad.labels[3] = kNan;
  EXPECT_THROW(compared(bad, Metric::accuracy), std::logic_error);
  bad = good;
  bad.weights = {1, 2, 3};
  EXPECT_THROW(compared(bad, Metric::auc), std::logic_error);
  for (const double weight : {-1.0, kNan, std::numeric_limits<double>::infinity()}) {
    bad.weights.assign(30, 1);
    bad.weights[3] = weight;
    EXPECT_THROW(compared(bad, Metric::auc), std::logic_error) << weight;
  }
  bad = good;
  bad.anchor = {0.5};
  EXPECT_THROW(compared(bad, Metric::auc), std::logic_error);
  bad = good;
  bad.slices = {{"region", {"north"}, std::vector<std::int32_t>(30, 1)}};
  EXPECT_THROW(compared(bad, Metric::auc), std::logic_error);
  EXPECT_THROW(compared(good, Metric::rmse), std::logic_error);
  EXPECT_THROW(compared(good, Metric::auc, 1), std::logic_error);
}

TEST(Compare, CountsAClassThatNoModelKnowsAgainstBoth) {
  Holdout holdout = binary_holdout({.both_right = 80, .only_candidate = 20});
  const double before = *compared(holdout, Metric::accuracy, 0.95, 1).candidate_value;
  for (std::size_t i = 0; i < 10; ++i) holdout.labels[i] = -1;
  for (const Metric metric : metrics_of(Task::binary)) {
    if (metric == Metric::calibration_error) continue;
    const Comparison comparison = compared(holdout, metric, 0.95, 1);
    ASSERT_TRUE(comparison.difference) << to_text(metric);
    EXPECT_GT(comparison.difference->low, 0) << to_text(metric);
  }
  const Comparison comparison = compared(holdout, Metric::accuracy, 0.95, 1);
  EXPECT_DOUBLE_EQ(*comparison.candidate_value, before - 0.1);
  EXPECT_NEAR(comparison.difference->estimate, 0.2, 1e-12);
}

TEST(Compare, MeasuresTenRows) {
  const Comparison comparison =
      compared(binary_holdout({.both_right = 6, .only_candidate = 3, .only_opponent = 1}), Metric::accuracy);
  ASSERT_TRUE(comparison.difference);
  EXPECT_NEAR(comparison.difference->estimate, 0.2, 1e-12);
  EXPECT_LT(comparison.difference->low, 0);
}

TEST(OpponentWords, ReadBackAsTheyAreWritten) {
  EXPECT_EQ(parse_opponent(to_text(Opponent::production)), Opponent::production);
  EXPECT_EQ(parse_opponent(to_text(Opponent::baseline)), Opponent::baseline);
  EXPECT_EQ(parse_opponent("champion"), std::nullopt);
}

TEST(Baseline, PredictsTheShareOfThePositiveClass) {
  const std::vector<float> labels{1, 0, 0, 1, 0};
  EXPECT_EQ(baseline_predictions(Task::binary, 2, Metric::log_loss, labels, 3), (std::vector<double>{0.4, 0.4, 0.4}));
}

TEST(Baseline, PredictsTheClassSharesRowByRow) {
  const std::vector<float> labels{2, 0, 2, 2};
  EXPECT_EQ(baseline_predictions(Task::multiclass, 3, Metric::accuracy, labels, 2),
            (std::vector<double>{0.25, 0, 0.75, 0.25, 0, 0.75}));
}

TEST(Baseline, PredictsTheMeanOrTheMedianThatMinimisesTheAbsoluteError) {
  const std::vector<float> odd{1, 100, 4};
  EXPECT_EQ(baseline_predictions(Task::regression, 0, Metric::rmse, odd, 2), (std::vector<double>{35, 35}));
  EXPECT_EQ(baseline_predictions(Task::regression, 0, Metric::r2, odd, 1), (std::vector<double>{35}));
  EXPECT_EQ(baseline_predictions(Task::regression, 0, Metric::mae, odd, 2), (std::vector<double>{4, 4}));
  const std::vector<float> even{8, 1, 100, 4};
  EXPECT_EQ(baseline_predictions(Task::regression, 0, Metric::mae, even, 1), (std::vector<double>{6}));
}

TEST(Baseline, RefusesLabelsThatAreNone) {
  const std::vector<float> none;
  EXPECT_THROW(baseline_predictions(Task::binary, 2, Metric::auc, none, 1), std::logic_error);
  for (const float label : {-1.0F, 2.0F, 0.5F, std::numeric_limits<float>::quiet_NaN()}) {
    const std::vector<float> labels{0, 1, label};
    EXPECT_THROW(baseline_predictions(Task::binary, 2, Metric::auc, labels, 1), std::logic_error) << label;
  }
  const std::vector<float> unknown{1, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_THROW(baseline_predictions(Task::regression, 0, Metric::mae, unknown, 1), std::logic_error);
}

}  // namespace
}  // namespace retraind::evaluate
