// Rows counted into time blocks, by the sink that does it for looks.
#include "core/pipeline/block_counter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "core/base/random.h"
#include "core/pipeline/feature_sink.h"
#include "core/pipeline/scorer.h"

namespace retraind::pipeline {
namespace {

constexpr double kHour = 3600e6;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
const std::vector<std::string> kColours = {"red", "blue", "a colour of which one did not think before"};

struct Row {
  double time;
  double x;  // NaN: NULL
  std::size_t colour;
  double y;  // likewise
};

class BlockCounterTest : public ::testing::Test {
 protected:
  BlockCounterTest() {
    columns = {{"ts", "timestamp with time zone", data::ValueType::instant},
               {"y", "integer", data::ValueType::number},
               {"x", "double precision", data::ValueType::number},
               {"colour", "text", data::ValueType::category}};
    roles.time = 0;
    roles.label = 1;
    roles.features = {2, 3};
    ColumnValues numbers{.is_text = false, .numbers = {1, 2, 3, 4}, .texts = {}, .nulls = {0, 0, 0, 0}};
    ColumnValues texts{.is_text = true, .numbers = {}, .texts = {"red", "blue", "red"}, .nulls = {0, 0, 0}};
    ColumnValues labels{.is_text = false, .numbers = {0, 1}, .texts = {}, .nulls = {0, 0}};
    job.grid.length = kHour;
    job.trained_to = 2 * kHour;
    job.columns = {{profiles_of("x", numbers)[0], ColumnRole::feature, 0.5},
                   {profiles_of("colour", texts)[0], ColumnRole::feature, 0.5},
                   {profiles_of(kLabelColumn, labels)[0], ColumnRole::label, std::nullopt}};
    for (stats::ColumnProfile& profile : stats::profile_instants("ts", {}, {})) {
      job.columns.push_back({std::move(profile), ColumnRole::time, std::nullopt});
    }
    job.columns.push_back(
        {stats::empty_like(stats::BlockGaps(0, 1).profile("ts", 0, 0)), ColumnRole::time, std::nullopt});
    for (const registry::ReferenceColumn& column : job.columns) cells.push_back(column.profile);
  }

  // Rows of a hundred hours in the order of time, one in twenty much later than it should be.
  std::vector<Row> rows_nearly_in_order(std::size_t count) {
    std::vector<Row> rows;
    for (std::size_t i = 0; i < count; ++i) {
      double time = static_cast<double>(i) / static_cast<double>(count) * 100 * kHour;
      if (random.below(20) == 0) time = random.uniform() * time;
      rows.push_back({time, random.below(9) == 0 ? kNan : random.uniform() * 6, random.below(3),
                      random.below(4) == 0 ? kNan : static_cast<double>(random.below(2))});
    }
    return rows;
  }

  FeatureSink sink(std::size_t open_bytes) { return {job, columns, roles, cells, 100 * kHour, open_bytes}; }

  static void feed(FeatureSink& to, const std::vector<Row>& rows) {
    for (std::size_t begin = 0; begin < rows.size(); begin += 512) {
      data::Batch batch;
      batch.rows = std::min<std::size_t>(512, rows.size() - begin);
      batch.columns.resize(4);
      batch.columns[3].type = data::ValueType::category;
      const auto add = [](data::BatchColumn& column, double value) {
        column.nulls.push_back(static_cast<std::uint8_t>(std::isnan(value)));
        column.numbers.push_back(std::isnan(value) ? 0 : value);
      };
      for (std::size_t i = begin; i < begin + batch.rows; ++i) {
        add(batch.columns[0], rows[i].time);
        add(batch.columns[1], rows[i].y);
        add(batch.columns[2], rows[i].x);
        batch.columns[3].nulls.push_back(0);
        batch.columns[3].texts.push_back(kColours[rows[i].colour]);
      }
      to.consume(batch);
    }
  }

  std::vector<registry::Block> count(const std::vector<Row>& rows, std::size_t open_bytes) {
    FeatureSink to = sink(open_bytes);
    feed(to, rows);
    return to.finish();
  }

  // Row by row, by what stats offers for one block.
  std::vector<registry::Block> count_plainly(const std::vector<Row>& rows) const {
    struct Plain {
      std::uint64_t rows = 0;
      std::vector<stats::ColumnProfile> columns;
      std::vector<double> times;
    };
    std::map<std::int64_t, Plain> blocks;
    for (const Row& row : rows) {
      if (row.time <= job.trained_to) continue;
      Plain& block = blocks[job.grid.index_of(row.time)];
      if (block.columns.empty()) {
        for (const auto& column : cells) block.columns.push_back(stats::empty_like(column));
      }
      ++block.rows;
      block.times.push_back(row.time);
      const auto add = [&](std::size_t column, double value) {
        const double stored = std::isnan(value) ? 0 : static_cast<double>(static_cast<float>(value));
        const std::uint8_t null = std::isnan(value) ? 1 : 0;
        stats::add_numbers(block.columns[column], {&stored, 1}, {&null, 1});
      };
      add(0, row.x);
      const std::string_view colour = kColours[row.colour];
      stats::add_texts(block.columns[1], {&colour, 1}, {});
      if (!std::isnan(row.y)) add(2, row.y);
      stats::add_numbers(block.columns[3], {&row.time, 1}, {});
      stats::add_numbers(block.columns[4], {&row.time, 1}, {});
    }
    std::vector<registry::Block> out;
    for (auto& [index, block] : blocks) {
      stats::BlockGaps gaps(job.grid.begin_of(index), job.grid.length);
      gaps.add(block.times);
      block.columns[5] = gaps.profile("ts", job.trained_to, 100 * kHour);
      out.push_back({index, block.rows, stats::pack_counts(block.columns)});
    }
    return out;
  }

  static void expect_same(const std::vector<registry::Block>& found, const std::vector<registry::Block>& expected) {
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].index, expected[i].index);
      EXPECT_EQ(found[i].rows, expected[i].rows) << expected[i].index;
      EXPECT_EQ(found[i].packed, expected[i].packed) << expected[i].index;
    }
  }

  Random random{5};
  LookJob job;
  std::vector<data::SourceColumn> columns;
  data::Roles roles;
  std::vector<stats::ColumnProfile> cells;
};

TEST_F(BlockCounterTest, CountsAsOneWouldRowByRow) {
  const std::vector<Row> rows = rows_nearly_in_order(5000);
  expect_same(count(rows, BlockCounter::kNoLimit), count_plainly(rows));
}

TEST_F(BlockCounterTest, GivesTheSameBlocksWhereIdleOnesArePackedAndOpenedAgain) {
  const std::vector<Row> rows = rows_nearly_in_order(5000);
  const auto expected = count(rows, BlockCounter::kNoLimit);
  ASSERT_EQ(expected.size(), 98u);
  for (const std::size_t open_bytes : {std::size_t{1}, std::size_t{20000}, std::size_t{100000}}) {
    expect_same(count(rows, open_bytes), expected);
  }
}

TEST_F(BlockCounterTest, CountsRowsInNoOrderWithinTheSameMemory) {
  std::vector<Row> rows = rows_nearly_in_order(3000);
  for (std::size_t i = rows.size() - 1; i > 0; --i) std::swap(rows[i], rows[random.below(i + 1)]);
  expect_same(count(rows, 1), count_plainly(rows));
}

TEST_F(BlockCounterTest, AddsWhatAnotherCounterHasCountedAlsoOfTheSameBlock) {
  const std::vector<Row> rows = rows_nearly_in_order(4000);
  for (const std::size_t open_bytes : {BlockCounter::kNoLimit, std::size_t{1}}) {
    // The halves share blocks, because some rows are late.
    FeatureSink first = sink(open_bytes);
    FeatureSink second = sink(open_bytes);
    feed(first, {rows.begin(), rows.begin() + 2000});
    feed(second, {rows.begin() + 2000, rows.end()});
    first.merge(std::move(second));
    expect_same(first.finish(), count_plainly(rows));
  }
}

TEST_F(BlockCounterTest, LeavesOutRowsUpToTheBound) {
  EXPECT_TRUE(count({{2 * kHour, 1, 0, 1}, {kHour, 1, 0, 1}}, 1).empty());
}

TEST(BlockRunsTest, PutsTheRowsOfEachBlockTogetherInTheOrderTheyCame) {
  const stats::BlockGrid grid{10};
  Random random(3);
  BlockRuns runs;
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<double> times;
    for (std::uint64_t i = random.below(60); i > 0; --i) {
      times.push_back(random.below(12) == 0 ? kNan : std::floor(random.uniform() * 80) - 20);
    }
    if (trial % 2 == 0) {
      std::erase_if(times, [](double time) { return std::isnan(time); });
      std::sort(times.begin(), times.end());
    }
    find_block_runs(grid, times, -5, runs);
    std::vector<std::uint32_t> expected;
    for (std::uint32_t row = 0; row < times.size(); ++row) {
      if (times[row] > -5) expected.push_back(row);
    }
    std::stable_sort(expected.begin(), expected.end(),
                     [&](auto a, auto b) { return grid.index_of(times[a]) < grid.index_of(times[b]); });
    EXPECT_EQ(runs.order, expected);
    std::size_t next = 0;
    for (const BlockRun& run : runs.runs) {
      EXPECT_EQ(run.begin, next);
      for (; next < run.end; ++next) EXPECT_EQ(grid.index_of(times[runs.order[next]]), run.block);
    }
    EXPECT_EQ(next, expected.size());
    std::vector<std::uint32_t> all(times.size());
    std::iota(all.begin(), all.end(), 0U);
    EXPECT_EQ(runs.as_they_stand, expected == all);
  }
}

}  // namespace
}  // namespace retraind::pipeline
