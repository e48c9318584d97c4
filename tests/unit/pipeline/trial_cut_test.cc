// Which rows make a cluster of a trial, and when a cluster counts.
#include "core/pipeline/trial_cut.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace retraind::pipeline {
namespace {

constexpr double kDay = 86400e6;
constexpr Duration kOneDay = std::chrono::hours(24);

// Regression rows, the version on trial off by one and the other by two.
class TrialCutTest : public ::testing::Test {
 protected:
  TrialCutTest() {
    rows.task = Task::regression;
    cut.metric = Metric::mae;
    cut.size = kOneDay;
    cut.after = -1;
    cut.complete_before = 1e18;
  }
  void add(EventTime time, double label = 0, double version = 1, double against = 2) {
    rows.times.push_back(time);
    rows.labels.push_back(label);
    rows.version.push_back(version);
    rows.against.push_back(against);
  }
  std::vector<runs::TrialCluster> clusters() const { return cut_clusters(cut, rows); }
  // "index:rows" of each.
  std::string shape() const {
    std::string out;
    for (const runs::TrialCluster& cluster : clusters()) {
      out += (out.empty() ? "" : " ") + std::to_string(cluster.index) + ":" + std::to_string(cluster.rows);
    }
    return out;
  }

  TrialRows rows;
  TrialCut cut;
};

TEST_F(TrialCutTest, SumsHowMuchBetterTheVersionOnTrialIsOverTheDaysOfTheAxis) {
  add(0.25 * kDay);
  add(0.75 * kDay, 0, 1, 4);
  add(1.5 * kDay, 0, 3, 2);
  const auto found = clusters();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].index, 0);
  EXPECT_EQ(found[0].from, 0.25 * kDay);
  EXPECT_EQ(found[0].to, 0.75 * kDay);
  EXPECT_EQ(found[0].rows, 2u);
  EXPECT_EQ(found[0].weight, 2);
  EXPECT_EQ(found[0].difference_sum, 1 + 3);
  EXPECT_EQ(found[0].version_value, 1);
  EXPECT_EQ(found[0].against_value, 3);
  EXPECT_EQ(found[1].index, 1);
  EXPECT_EQ(found[1].difference_sum, -1);
}

TEST_F(TrialCutTest, TakesRowsInTheOrderOfTimeWhateverOrderTheyComeIn) {
  for (const double day : {2.5, 0.1, 1.5, 0.2, 2.6}) add(day * kDay);
  EXPECT_EQ(shape(), "0:2 1:1 2:2");
}

TEST_F(TrialCutTest, CountsADayOnlyOnceAllOfItsLabelsMustBeThere) {
  for (int hour = 0; hour < 60; ++hour) add(hour * kDay / 24);
  cut.complete_before = 2 * kDay - 1;
  EXPECT_EQ(shape(), "0:24");
  // At midnight no row of the day before can come any more, and one of midnight itself may.
  cut.complete_before = 2 * kDay;
  EXPECT_EQ(shape(), "0:24 1:24");
  cut.complete_before = 2.5 * kDay;
  EXPECT_EQ(shape(), "0:24 1:24");
}

TEST_F(TrialCutTest, LeavesOutRowsUpToWhereTheModelsWereTrained) {
  for (int hour = 0; hour < 48; ++hour) add(hour * kDay / 24);
  cut.after = 12 * kDay / 24;
  EXPECT_EQ(shape(), "0:11 1:24");
}

TEST_F(TrialCutTest, EndsTheWindowAtItsLastRowAndCutsTheDayThere) {
  for (int hour = 0; hour < 96; ++hour) add(hour * kDay / 24);
  cut.until = 1.5 * kDay;
  cut.complete_before = 1.5 * kDay;
  EXPECT_EQ(shape(), "0:24");  // a second row of that very time may still come
  cut.complete_before = 1.5 * kDay + 1;
  EXPECT_EQ(shape(), "0:24 1:13");
}

TEST_F(TrialCutTest, NumbersDaysBefore1970Downwards) {
  cut.after = -10 * kDay;
  cut.next_index = -100;
  add(-1);
  add(-kDay);
  add(-kDay - 1);
  EXPECT_EQ(shape(), "-2:1 -1:2");
}

TEST_F(TrialCutTest, KeepsGrowingIndicesWhereTheConfiguredSizeGrew) {
  cut.next_index = 500;  // days were hours before
  add(20.5 * kDay);
  add(21.5 * kDay);
  EXPECT_EQ(shape(), "500:1 501:1");
}

TEST_F(TrialCutTest, GoesOnBehindTheWholeDayThatWasCounted) {
  add(0.5 * kDay);
  add(1.5 * kDay);
  const ClusterSize days = kOneDay;
  cut.after = after_counted(0.5 * kDay, days);
  cut.next_index = 1;
  rows.times.push_back(0.75 * kDay);  // comes late into a day that has been counted
  rows.labels.push_back(0);
  rows.version.push_back(100);
  rows.against.push_back(0);
  EXPECT_EQ(shape(), "1:1");
  add(kDay);
  EXPECT_EQ(shape(), "1:2");
  EXPECT_EQ(after_counted(7, ClusterSize(std::uint64_t{50})), 7);
}

TEST_F(TrialCutTest, CountsSoManyRowsAndLeavesTheRestForLater) {
  cut.size = std::uint64_t{3};
  cut.next_index = 7;
  for (int i = 0; i < 8; ++i) add(i);
  EXPECT_EQ(shape(), "7:3 8:3");
  add(8);
  EXPECT_EQ(shape(), "7:3 8:3 9:3");
}

TEST_F(TrialCutTest, NeverPartsRowsOfOneEventTime) {
  cut.size = std::uint64_t{3};
  for (const double time : {1, 2, 3, 3, 3, 4, 5}) add(time);
  // A look that goes on behind the time 3 would not see its other two rows again.
  EXPECT_EQ(shape(), "0:5");
  cut.after = 3;
  cut.next_index = 1;
  EXPECT_EQ(shape(), "");
  add(6);
  EXPECT_EQ(shape(), "1:3");
}

TEST_F(TrialCutTest, WaitsForCompanyOfTheNewestEventTime) {
  cut.size = std::uint64_t{2};
  for (const double time : {1, 2, 3, 4}) add(time);
  cut.complete_before = 4;
  EXPECT_EQ(shape(), "0:2");
  cut.complete_before = 5;
  EXPECT_EQ(shape(), "0:2 1:2");
}

TEST_F(TrialCutTest, LeavesOutRowsWhoseLabelIsNotKnown) {
  cut.size = std::uint64_t{2};
  add(1);
  add(2, std::nan(""));
  add(3);
  const auto found = clusters();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].rows, 2u);
  EXPECT_EQ(found[0].to, 3);
}

TEST_F(TrialCutTest, LetsEachRowCountByItsWeight) {
  add(1, 0, 1, 2);
  add(2, 0, 5, 2);
  add(kDay + 1);
  rows.weights = {3, 0.5, 0};
  const auto found = clusters();
  ASSERT_EQ(found.size(), 1u);  // a day without any weight says nothing
  EXPECT_EQ(found[0].weight, 3.5);
  EXPECT_EQ(found[0].difference_sum, 3 * 1 + 0.5 * -3);
  EXPECT_DOUBLE_EQ(found[0].version_value, (3 * 1 + 0.5 * 5) / 3.5);
}

TEST_F(TrialCutTest, WorksOutMetricsThatAreNoMeanWithinEachCluster) {
  cut.metric = Metric::rmse;
  add(1, 0, 3, 0);
  add(2, 0, 4, 0);
  const auto found = clusters();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_DOUBLE_EQ(found[0].version_value, std::sqrt(12.5));
  EXPECT_DOUBLE_EQ(found[0].difference_sum, -2 * std::sqrt(12.5));
  EXPECT_EQ(found[0].weight, 2);
}

TEST_F(TrialCutTest, LeavesOutClustersWhereTheMetricIsUndefined) {
  rows.task = Task::binary;
  cut.metric = Metric::auc;
  add(1, 1, 0.9, 0.2);
  add(2, 0, 0.1, 0.3);
  add(kDay + 1, 1, 0.9, 0.2);  // one class only
  add(2 * kDay + 1, 1, 0.4, 0.4);
  add(2 * kDay + 2, 0, 0.3, 0.5);
  const auto found = clusters();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].difference_sum, 2 * (1.0 - 0.0));
  EXPECT_EQ(found[1].index, 2);
}

TEST_F(TrialCutTest, HoldsMulticlassPredictionsRowByRow) {
  rows.task = Task::multiclass;
  rows.classes = 3;
  cut.metric = Metric::accuracy;
  const auto add_row = [&](double time, double label, std::vector<double> version, std::vector<double> against) {
    rows.times.push_back(time);
    rows.labels.push_back(label);
    rows.version.insert(rows.version.end(), version.begin(), version.end());
    rows.against.insert(rows.against.end(), against.begin(), against.end());
  };
  add_row(kDay + 1, 2, {0, 0, 1}, {1, 0, 0});
  add_row(1, 1, {0, 1, 0}, {0, 1, 0});
  add_row(2, -1, {0, 1, 0}, {0, 0, 1});  // a class that neither model knows
  const auto found = clusters();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].difference_sum, 0);
  EXPECT_EQ(found[0].version_value, 0.5);
  EXPECT_EQ(found[1].difference_sum, 1);
  EXPECT_EQ(found[1].against_value, 0);
}

TEST_F(TrialCutTest, RefusesColumnsOfDifferentLengths) {
  add(1);
  rows.version.push_back(1);
  EXPECT_THROW((void)clusters(), std::logic_error);
}

TEST(TrialClusterSize, FollowsTheConfiguredClusters) {
  settings::Model model;
  const auto size = [&](TimeAxis axis) { return trial_cluster_size(model, axis); };
  EXPECT_EQ(size(TimeAxis::instant), ClusterSize(kOneDay));
  EXPECT_EQ(size(TimeAxis::number), ClusterSize(std::uint64_t{100}));
  model.training.entity = "customer";
  EXPECT_EQ(size(TimeAxis::instant), ClusterSize(std::uint64_t{100}));
  model.validation.cluster = settings::ClusterNone{};
  EXPECT_EQ(size(TimeAxis::instant), ClusterSize(std::uint64_t{50}));
  model.validation.cluster = settings::ClusterColumn{"customer"};
  EXPECT_EQ(size(TimeAxis::instant), ClusterSize(std::uint64_t{100}));
  model.validation.cluster = settings::WindowRows{7};
  EXPECT_EQ(size(TimeAxis::number), ClusterSize(std::uint64_t{7}));
  model.validation.cluster = settings::WindowDuration{std::chrono::hours(1)};
  EXPECT_EQ(size(TimeAxis::instant), ClusterSize(Duration(std::chrono::hours(1))));
  EXPECT_THROW((void)size(TimeAxis::number), DataError);
  model.validation.cluster = settings::WindowRows{0};
  EXPECT_THROW((void)size(TimeAxis::instant), DataError);
}

}  // namespace
}  // namespace retraind::pipeline
