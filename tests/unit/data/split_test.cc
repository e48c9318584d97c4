#include "core/data/split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/unit/data/rows.h"

namespace retraind::data {
namespace {

constexpr double kDay = 86400e6;

Table at_times(TimeAxis axis, std::vector<EventTime> times) {
  Table table;
  table.rows = times.size();
  table.axis = axis;
  table.event_times = std::move(times);
  return table;
}

Table numbered(std::size_t rows) {
  std::vector<EventTime> times(rows);
  for (std::size_t i = 0; i < rows; ++i) times[i] = static_cast<double>(i + 1);
  return at_times(TimeAxis::number, std::move(times));
}

std::size_t holdout_rows(const Table& table, double share) {
  const Split split = split_by_time(table, settings::HoldoutShare{share});
  return split.holdout_end - split.train_end;
}

TEST(SplitByTime, KeepsTheNewestShareAsTheHoldout) {
  const Split split = split_by_time(numbered(10), settings::HoldoutShare{0.2});
  EXPECT_EQ(split.train_begin, 0U);
  EXPECT_EQ(split.train_end, 8U);
  EXPECT_EQ(split.holdout_end, 10U);
  EXPECT_EQ(split.trained_from, 1);
  EXPECT_EQ(split.trained_to, 8);
}

TEST(SplitByTime, RoundsTheShareAndLeavesAtLeastOneRowOnEitherSide) {
  EXPECT_EQ(holdout_rows(numbered(10), 0.24), 2U);
  EXPECT_EQ(holdout_rows(numbered(10), 0.26), 3U);
  EXPECT_EQ(holdout_rows(numbered(10), 0.001), 1U);
  EXPECT_EQ(holdout_rows(numbered(10), 0.999), 9U);
  EXPECT_EQ(holdout_rows(numbered(2), 0.5), 1U);
}

TEST(SplitByTime, NeverCutsAnEventTimeInTwo) {
  const Table table = at_times(TimeAxis::number, {1, 1, 2, 2, 2, 2, 2, 3, 3, 3});
  EXPECT_EQ(holdout_rows(table, 0.2), 3U);
  EXPECT_EQ(holdout_rows(table, 0.4), 3U);
  EXPECT_EQ(holdout_rows(table, 0.7), 8U);
  EXPECT_EQ(holdout_rows(table, 0.9), 8U);
  for (double share = 0.01; share < 1; share += 0.01) {
    const Split split = split_by_time(table, settings::HoldoutShare{share});
    EXPECT_LT(table.event_times[split.train_end - 1], table.event_times[split.train_end]) << share;
  }
}

TEST(SplitByTime, TakesTheLargerHoldoutWhenTwoBoundariesAreEquallyNear) {
  EXPECT_EQ(holdout_rows(at_times(TimeAxis::number, {1, 2, 2, 3}), 0.5), 3U);
}

TEST(SplitByTime, RefusesRowsOfOneEventTimeOnly) {
  EXPECT_NE(complaint_of([] {
              split_by_time(at_times(TimeAxis::number, {4, 4, 4}), settings::HoldoutShare{0.5});
            }).find("all 3 rows are of one event time, 4"),
            std::string::npos);
  EXPECT_NE(complaint_of([] { split_by_time(numbered(1), settings::HoldoutShare{0.5}); }).find("one row only"),
            std::string::npos);
  EXPECT_NE(complaint_of([] { split_by_time(numbered(0), settings::HoldoutShare{0.5}); }).find("no row to split"),
            std::string::npos);
}

TEST(SplitByTime, TakesEverythingNewerThanTheNewestRowMinusADuration) {
  const Table table = at_times(TimeAxis::instant, {0, kDay, 2 * kDay, 3 * kDay});
  const Split split = split_by_time(table, settings::WindowDuration{std::chrono::hours(24)});
  EXPECT_EQ(split.train_end, 3U) << "the row exactly one day older belongs to the training part";
  EXPECT_EQ(split.trained_to, 2 * kDay);
  EXPECT_EQ(split_by_time(table, settings::WindowDuration{std::chrono::hours(25)}).train_end, 2U);
  EXPECT_EQ(complaint_of([&] { split_by_time(table, settings::WindowDuration{std::chrono::hours(73)}); }),
            "no row is left to train on: all 4 rows, from 1970-01-01T00:00:00Z to 1970-01-04T00:00:00Z, lie within the "
            "holdout of 3d1h (widen the training window, or shorten the holdout)");
}

TEST(SplitByTime, RefusesADurationOnTheNumberAxisAndAnEmptyOne) {
  EXPECT_THROW(split_by_time(numbered(5), settings::WindowDuration{std::chrono::hours(1)}), DataError);
  EXPECT_THROW(split_by_time(at_times(TimeAxis::instant, {0, 1}), settings::WindowDuration{Duration::zero()}),
               DataError);
}

TEST(FirstFreshRow, LeavesOutWhatProductionWasTrainedOn) {
  const Table table = at_times(TimeAxis::number, {1, 2, 3, 4, 5, 5, 6});
  const Split split = split_by_time(table, settings::HoldoutShare{0.5});
  ASSERT_EQ(split.train_end, 3U);
  EXPECT_EQ(first_fresh_row(table, split, std::nullopt), 3U);
  EXPECT_EQ(first_fresh_row(table, split, 1), 3U) << "an old model: the whole holdout is fresh";
  EXPECT_EQ(first_fresh_row(table, split, 4), 4U);
  EXPECT_EQ(first_fresh_row(table, split, 5), 6U) << "a whole event time is seen or fresh";
  EXPECT_EQ(first_fresh_row(table, split, 5.5), 6U);
  EXPECT_EQ(first_fresh_row(table, split, 6), 7U);
  EXPECT_EQ(first_fresh_row(table, split, 99), 7U);
}

TEST(ClusterRows, CutsTheInstantAxisIntoDaysOfUtcAlsoBefore1970) {
  const Table table = at_times(TimeAxis::instant, {-kDay - 1, -kDay, -1, 0, kDay / 2, kDay - 1, kDay, 5 * kDay});
  EXPECT_EQ(cluster_rows(table, 0, 8, settings::ClusterAuto{}), (std::vector<std::uint32_t>{0, 1, 1, 2, 2, 2, 3, 4}));
  EXPECT_EQ(cluster_rows(table, 4, 8, settings::ClusterAuto{}), (std::vector<std::uint32_t>{0, 0, 1, 2}))
      << "numbered from 0 in the range asked for";
  EXPECT_EQ(cluster_rows(table, 3, 7, settings::WindowDuration{std::chrono::hours(12)}),
            (std::vector<std::uint32_t>{0, 1, 1, 2}));
}

TEST(ClusterRows, TakesTheSquareRootOfTheRowsOnTheNumberAxis) {
  const auto sizes = [](std::size_t rows) {
    const auto clusters = cluster_rows(numbered(rows), 0, rows, settings::ClusterAuto{});
    std::vector<std::size_t> out;
    for (const std::uint32_t c : clusters) {
      if (c == out.size()) out.push_back(0);
      ++out.at(c);
    }
    return out;
  };
  EXPECT_EQ(sizes(9), (std::vector<std::size_t>{3, 3, 3}));
  EXPECT_EQ(sizes(10), (std::vector<std::size_t>{4, 4, 2}));
  EXPECT_EQ(sizes(1), (std::vector<std::size_t>{1}));
  EXPECT_EQ(sizes(0), (std::vector<std::size_t>{}));
}

TEST(ClusterRows, TakesRowsOneByOneOrByBlocks) {
  const Table table = numbered(5);
  EXPECT_EQ(cluster_rows(table, 1, 4, settings::ClusterNone{}), (std::vector<std::uint32_t>{0, 1, 2}));
  EXPECT_EQ(cluster_rows(table, 0, 5, settings::WindowRows{2}), (std::vector<std::uint32_t>{0, 0, 1, 1, 2}));
  EXPECT_THROW(cluster_rows(table, 0, 5, settings::WindowRows{0}), DataError);
  EXPECT_THROW(cluster_rows(table, 0, 6, settings::ClusterNone{}), std::logic_error);
}

TEST(ClusterRows, TakesAColumnsValuesNumberedByFirstAppearance) {
  Table table = numbered(5);
  table.clusters = {4, 4, 1, 4, 0};
  EXPECT_EQ(cluster_rows(table, 2, 5, settings::ClusterColumn{"who"}), (std::vector<std::uint32_t>{0, 1, 2}));
  table.clusters.clear();
  EXPECT_NE(complaint_of([&] { cluster_rows(table, 2, 5, settings::ClusterColumn{"who"}); }).find("\"who\""),
            std::string::npos);
}

TEST(ClusterRows, RefusesADurationOnTheNumberAxis) {
  EXPECT_NE(complaint_of([] {
              cluster_rows(numbered(5), 0, 5, settings::WindowDuration{std::chrono::hours(24)});
            }).find("clusters of 1d need an instant"),
            std::string::npos);
}

}  // namespace
}  // namespace retraind::data
