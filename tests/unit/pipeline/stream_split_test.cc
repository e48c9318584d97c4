#include "core/pipeline/stream_split.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace retraind::pipeline {
namespace {

constexpr double kHour = 3600e6;

// Rows as they lie in time, and a planner that knows them.
struct Rows {
  std::vector<double> times;  // ascending
  int asked = 0;

  std::uint64_t between(const source::RowFilter& filter) const {
    const auto begin = std::upper_bound(times.begin(), times.end(), *filter.after);
    return static_cast<std::uint64_t>(std::upper_bound(begin, times.end(), *filter.until) - begin);
  }
  std::vector<source::RowFilter> split(std::size_t streams, double after, double until,
                                       TimeAxis axis = TimeAxis::instant, double length = kHour) {
    source::RowFilter filter;
    filter.after = after;
    filter.until = until;
    filter.labelled_only = true;
    const stats::BlockGrid grid{length};
    return split_at_blocks(filter, grid, axis, grid.index_of(after), streams, [&](const source::RowFilter& part) {
      ++asked;
      return between(part);
    });
  }
};

// A row every second of `hours` hours from the fifth on.
Rows seconds(int hours) {
  Rows out;
  for (int i = 0; i < hours * 3600; ++i) out.times.push_back(5 * kHour + i * 1e6);
  return out;
}

void expect_a_partition(const std::vector<source::RowFilter>& parts, double after, double until, double length) {
  ASSERT_FALSE(parts.empty());
  EXPECT_EQ(*parts.front().after, after);
  EXPECT_EQ(*parts.back().until, until);
  const stats::BlockGrid grid{length};
  for (std::size_t i = 1; i < parts.size(); ++i) {
    EXPECT_EQ(*parts[i].after, *parts[i - 1].until);
    EXPECT_GT(*parts[i].until, *parts[i].after);
    EXPECT_LT(grid.index_of(*parts[i].after), grid.index_of(*parts[i].after + length / 1e6)) << "a block is cut";
    EXPECT_TRUE(parts[i].labelled_only);
  }
}

TEST(StreamSplit, GivesPartsOfAboutAsManyRowsThatBeginWithABlock) {
  Rows rows = seconds(100);
  // Twice as dense in the last ten hours.
  for (double time = 95 * kHour; time < 105 * kHour; time += 5e5) rows.times.push_back(time);
  std::sort(rows.times.begin(), rows.times.end());
  for (const std::size_t streams : {2u, 3u, 8u}) {
    const auto parts = rows.split(streams, 5 * kHour - 1, 105 * kHour);
    ASSERT_EQ(parts.size(), streams);
    expect_a_partition(parts, 5 * kHour - 1, 105 * kHour, kHour);
    for (const source::RowFilter& part : parts) {
      EXPECT_NEAR(static_cast<double>(rows.between(part)),
                  static_cast<double>(rows.times.size()) / static_cast<double>(streams), 11000);
    }
  }
}

TEST(StreamSplit, AsksAboutTenTimesForACut) {
  Rows rows = seconds(1000);
  (void)rows.split(2, 5 * kHour - 1, 1005 * kHour);
  EXPECT_LE(rows.asked, 14);
}

TEST(StreamSplit, CutsEqualSpansWhereThePlannerKnowsNothing) {
  source::RowFilter filter;
  filter.after = 0;
  filter.until = 100 * kHour - 1;
  filter.labelled_only = true;
  const auto parts = split_at_blocks(filter, {kHour}, TimeAxis::instant, 0, 4, [](const auto&) { return 1000000u; });
  ASSERT_EQ(parts.size(), 4u);
  expect_a_partition(parts, 0, 100 * kHour - 1, kHour);
  EXPECT_EQ(*parts[1].after, 25 * kHour - 1);
  EXPECT_EQ(*parts[3].after, 75 * kHour - 1);
}

TEST(StreamSplit, LeavesFewRowsAndSingleBlocksWhole) {
  EXPECT_EQ(seconds(4).split(8, 5 * kHour - 1, 9 * kHour).size(), 1u);  // 14,400 rows
  EXPECT_EQ(seconds(6).split(8, 5 * kHour - 1, 11 * kHour).size(), 2u);
  EXPECT_EQ(seconds(100).split(8, 5 * kHour - 1, 105 * kHour, TimeAxis::instant, 1000 * kHour).size(), 1u);
  EXPECT_EQ(seconds(100).split(1, 5 * kHour - 1, 105 * kHour).size(), 1u);
  // Two blocks, however many streams.
  EXPECT_EQ(seconds(100).split(8, 5 * kHour - 1, 105 * kHour, TimeAxis::instant, 100 * kHour).size(), 2u);
}

TEST(StreamSplit, CutsANumberAxisBetweenNeighbouringNumbers) {
  Rows rows;
  for (int i = 1; i <= 50000; ++i) rows.times.push_back(i);
  const auto parts = rows.split(2, 0, 50000, TimeAxis::number, 1000);
  ASSERT_EQ(parts.size(), 2u);
  expect_a_partition(parts, 0, 50000, 1000);
  EXPECT_EQ(rows.between(parts[0]) + rows.between(parts[1]), 50000u);
  EXPECT_NEAR(*parts[0].until, 25000, 1000);
}

}  // namespace
}  // namespace retraind::pipeline
