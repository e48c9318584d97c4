#include "core/data/split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/base/random.h"
#include "core/data/entity.h"
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
  return split.holdout_end - split.holdout_begin;
}

TEST(SplitByTime, KeepsTheNewestShareAsTheHoldout) {
  const Split split = split_by_time(numbered(10), settings::HoldoutShare{0.2});
  EXPECT_EQ(split.train_begin, 0U);
  EXPECT_EQ(split.train_end, 8U);
  EXPECT_EQ(split.holdout_begin, 8U);
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

// What stands on either side of a split, by event time.
std::vector<EventTime> trained_times(const Table& table, const Split& split) {
  const auto begin = table.event_times.begin();
  return {begin + static_cast<std::ptrdiff_t>(split.train_begin), begin + static_cast<std::ptrdiff_t>(split.train_end)};
}

TEST(Embargo, LeavesOutTheRowsLessThanItBeforeTheHoldout) {
  const Table table = at_times(TimeAxis::instant, {0, kDay, 2 * kDay, 3 * kDay, 4 * kDay, 4 * kDay, 5 * kDay});
  const settings::WindowDuration holdout{std::chrono::hours(36)};
  const Split without = split_by_time(table, holdout);
  ASSERT_EQ(without.holdout_begin, 4U);
  EXPECT_EQ(without.train_end, 4U);

  const Split two_days = split_by_time(table, holdout, std::chrono::hours(48));
  EXPECT_EQ(trained_times(table, two_days), (std::vector<EventTime>{0, kDay, 2 * kDay}))
      << "the row exactly two days older belongs to the training part";
  EXPECT_EQ(two_days.holdout_begin, 4U) << "an embargo takes rows from the training part alone";
  EXPECT_EQ(two_days.holdout_end, 7U);
  EXPECT_EQ(two_days.trained_from, 0);
  EXPECT_EQ(two_days.trained_to, 2 * kDay);

  const Split a_little_more = split_by_time(table, holdout, std::chrono::hours(48) + Duration(1));
  EXPECT_EQ(trained_times(table, a_little_more), (std::vector<EventTime>{0, kDay}));
  EXPECT_EQ(split_by_time(table, holdout, Duration(1)).train_end, 4U);
}

TEST(Embargo, CountsFromTheFirstHoldoutRowOfAShareToo) {
  const Table table = at_times(TimeAxis::instant, {0, kDay, 2 * kDay, 9 * kDay, 9 * kDay});
  const Split split = split_by_time(table, settings::HoldoutShare{0.4}, std::chrono::hours(24 * 6));
  EXPECT_EQ(split.holdout_begin, 3U);
  EXPECT_EQ(split.train_end, 3U) << "a gap in the data is as good as an embargo";
  EXPECT_EQ(split_by_time(table, settings::HoldoutShare{0.4}, std::chrono::hours(24 * 8)).train_end, 2U);
}

TEST(Embargo, ThatLeavesNoRowToTrainOnIsRefused) {
  const Table table = at_times(TimeAxis::instant, {0, kDay, 2 * kDay, 3 * kDay});
  EXPECT_EQ(complaint_of([&] { split_by_time(table, settings::HoldoutShare{0.25}, std::chrono::hours(73)); }),
            "no row is left to train on: all 3 rows before the holdout, from 1970-01-01T00:00:00Z to "
            "1970-01-03T00:00:00Z, lie within the embargo of 3d1h before its first row at 1970-01-04T00:00:00Z (widen "
            "the training window, or shorten the embargo or the holdout)");
  EXPECT_EQ(split_by_time(table, settings::HoldoutShare{0.25}, std::chrono::hours(72)).train_end, 1U);
}

TEST(Embargo, NeedsInstants) {
  EXPECT_NE(complaint_of([] {
              split_by_time(numbered(9), settings::HoldoutShare{0.3}, std::chrono::hours(1));
            }).find("an embargo of 1h needs an instant, and the time column is a number"),
            std::string::npos);
  EXPECT_NO_THROW(split_by_time(numbered(9), settings::HoldoutShare{0.3}, Duration::zero()));
  EXPECT_THROW(split_by_time(at_times(TimeAxis::instant, {0, 1}), settings::HoldoutShare{0.5}, Duration(-1)),
               std::logic_error);
}

TEST(FirstFreshRow, LeavesNoRowOfTheEmbargoAsFresh) {
  const Table table = at_times(TimeAxis::instant, {0, kDay, 2 * kDay, 3 * kDay, 4 * kDay});
  const Split split = split_by_time(table, settings::HoldoutShare{0.4}, std::chrono::hours(48));
  ASSERT_EQ(split.train_end, 2U);
  ASSERT_EQ(split.holdout_begin, 3U);
  EXPECT_EQ(first_fresh_row(table, split, std::nullopt), 3U);
  EXPECT_EQ(first_fresh_row(table, split, kDay), 3U) << "not the row that nobody may be judged on";
  EXPECT_EQ(first_fresh_row(table, split, 3 * kDay), 4U);
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

TEST(FirstFreshRow, LooksAtTheHoldoutAloneWhenEntitiesWereHeldOut) {
  // The holdout is not newer than the training part, so that the times fall between the two.
  const Table table = at_times(TimeAxis::number, {1, 2, 7, 8, 3, 4, 5, 5, 6});
  const Split split{
      .train_begin = 0, .train_end = 4, .holdout_begin = 4, .holdout_end = 9, .trained_from = 1, .trained_to = 8};
  EXPECT_EQ(first_fresh_row(table, split, std::nullopt), 4U);
  EXPECT_EQ(first_fresh_row(table, split, 0), 4U);
  EXPECT_EQ(first_fresh_row(table, split, 4), 6U);
  EXPECT_EQ(first_fresh_row(table, split, 5), 8U);
  EXPECT_EQ(first_fresh_row(table, split, 8), 9U);
}

// `rows` rows of random entities of `entities`, a row an event time; every column of a row can be told from its time.
Table of_customers(std::size_t rows, std::uint64_t entities, std::uint64_t seed = 3) {
  Table table = numbered(rows);
  table.label.name = "y";
  Random random(seed);
  EntityHash hash;
  NumberColumn x;
  CategoryColumn region;
  region.levels = {"a", "b"};
  for (std::size_t i = 0; i < rows; ++i) {
    const double time = table.event_times[i];
    table.row_keys.push_back(i + 1);
    table.label.values.push_back(2 * time);
    x.values.push_back(static_cast<float>(3 * time));
    table.weights.push_back(4 * time);
    table.clusters.push_back(static_cast<std::int64_t>(5 * (i + 1)));
    region.codes.push_back(static_cast<std::int32_t>(i % 2));
    table.entities.push_back(hash.of_number(static_cast<double>(random.below(entities))));
  }
  table.features.push_back({"x", "real", ValueType::number, std::move(x)});
  table.slices.push_back({"region", "text", ValueType::category, std::move(region)});
  return table;
}

std::set<std::uint64_t> entities_of(const Table& table, std::size_t begin, std::size_t end) {
  return {table.entities.begin() + static_cast<std::ptrdiff_t>(begin),
          table.entities.begin() + static_cast<std::ptrdiff_t>(end)};
}

TEST(SplitByEntity, KeepsEveryEntityOnOneSide) {
  Table table = of_customers(2000, 100);
  const std::set<std::uint64_t> all = entities_of(table, 0, 2000);
  const Split split = split_by_entity(table, settings::HoldoutShare{0.3});
  const auto train = entities_of(table, 0, split.train_end);
  const auto holdout = entities_of(table, split.train_end, split.holdout_end);
  EXPECT_EQ(split.train_begin, 0U);
  EXPECT_EQ(split.holdout_end, 2000U);
  EXPECT_EQ(train.size() + holdout.size(), all.size());
  for (const std::uint64_t entity : train) EXPECT_FALSE(holdout.contains(entity));
  for (const std::uint64_t entity : holdout) EXPECT_TRUE(is_held_out(entity, 0.3));
}

TEST(SplitByEntity, PutsTheTrainingRowsFirstEachPartInOrderAndMovesWholeRows) {
  Table table = of_customers(500, 20);
  const Split split = split_by_entity(table, settings::HoldoutShare{0.5});
  const auto middle = table.event_times.begin() + static_cast<std::ptrdiff_t>(split.train_end);
  EXPECT_TRUE(std::is_sorted(table.event_times.begin(), middle));
  EXPECT_TRUE(std::is_sorted(middle, table.event_times.end()));
  EXPECT_LT(*middle, *(middle - 1)) << "the holdout is not newer, which is the point of it";
  EXPECT_EQ(split.trained_from, table.event_times.front());
  EXPECT_EQ(split.trained_to, *(middle - 1));
  EXPECT_EQ(std::set<double>(table.event_times.begin(), table.event_times.end()).size(), 500U);
  for (std::size_t i = 0; i < table.rows; ++i) {
    const double time = table.event_times[i];
    const auto place = static_cast<std::size_t>(time);
    EXPECT_EQ(table.row_keys[i], place);
    EXPECT_EQ(table.label.values[i], 2 * time);
    EXPECT_EQ(std::get<NumberColumn>(table.features[0].values).values[i], static_cast<float>(3 * time));
    EXPECT_EQ(table.weights[i], 4 * time);
    EXPECT_EQ(table.clusters[i], static_cast<std::int64_t>(5 * place));
    EXPECT_EQ(std::get<CategoryColumn>(table.slices[0].values).codes[i], static_cast<std::int32_t>((place - 1) % 2));
  }
}

TEST(SplitByEntity, HoldsOutTheSameEntitiesWhateverOtherRowsThereAre) {
  Table few = of_customers(300, 50, 1);
  Table many = of_customers(5000, 400, 2);
  const Split of_few = split_by_entity(few, settings::HoldoutShare{0.2});
  const Split of_many = split_by_entity(many, settings::HoldoutShare{0.2});
  const auto held_out_of_many = entities_of(many, of_many.train_end, many.rows);
  const auto trained_of_many = entities_of(many, 0, of_many.train_end);
  for (const std::uint64_t entity : entities_of(few, of_few.train_end, few.rows)) {
    EXPECT_TRUE(held_out_of_many.contains(entity));
  }
  for (const std::uint64_t entity : entities_of(few, 0, of_few.train_end)) {
    EXPECT_TRUE(trained_of_many.contains(entity));
  }
}

TEST(SplitByEntity, HoldsOutNearlyTheShareOfTenThousandEntities) {
  // Four standard deviations of a share of 10,000 independent entities are at most .02.
  for (const double share : {0.05, 0.2, 0.5, 0.9}) {
    Table table = numbered(10000);
    EntityHash hash;
    for (std::size_t i = 0; i < table.rows; ++i)
      table.entities.push_back(hash.of_text("customer " + std::to_string(i)));
    const Split split = split_by_entity(table, settings::HoldoutShare{share});
    EXPECT_NEAR(static_cast<double>(table.rows - split.train_end) / 10000.0, share, 0.02);
  }
}

TEST(SplitByEntity, RefusesWhatCannotBeSplit) {
  const settings::Holdout fifth = settings::HoldoutShare{0.2};
  Table none = numbered(0);
  EXPECT_NE(complaint_of([&] { split_by_entity(none, fifth); }).find("there is no row to split"), std::string::npos);
  Table plain = numbered(5);
  EXPECT_NE(complaint_of([&] { split_by_entity(plain, fifth); }).find("do not carry an entity column"),
            std::string::npos);
  Table customers = of_customers(100, 20);
  EXPECT_NE(complaint_of([&] {
              split_by_entity(customers, settings::WindowDuration{std::chrono::hours(24)});
            }).find("a holdout of 1d cannot be made of entities"),
            std::string::npos);
  const Table before = customers;
  EXPECT_EQ(complaint_of([&] { split_by_entity(customers, settings::HoldoutShare{1e-9}); }).find("no row is left to"),
            0U);
  EXPECT_EQ(customers.event_times, before.event_times) << "a table that was refused is as it was";

  Table one = numbered(3);
  one.entities = {0, 0, 0};
  EXPECT_EQ(complaint_of([&] { split_by_entity(one, fifth); }),
            "no row is left to train on: the only entity (3 rows) fell into the holdout of 20% (lower "
            "training.holdout, or widen the training window for more entities)");
  one.entities = {~std::uint64_t{0}, ~std::uint64_t{0}, ~std::uint64_t{0} - 1};
  EXPECT_EQ(complaint_of([&] { split_by_entity(one, fifth); }),
            "no row is left to judge on: all 2 entities (3 rows) fell outside the holdout of 20% (raise "
            "training.holdout, or widen the training window for more entities)");
  EXPECT_THROW(split_by_entity(one, settings::HoldoutShare{1.0}), std::logic_error);
}

TEST(SliceRows, TakesTheMostFrequentLevelsOfTheRowsAskedFor) {
  Table table = numbered(8);
  CategoryColumn region;
  region.levels = {"east", "north", "south", "west"};
  region.codes = {3, 3, 3, 1, 0, 1, -1, 2};
  table.features.push_back({"region", "text", ValueType::category, region});
  const auto all = slice_rows(table, 0, 8, "region", 10);
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(all->levels, (std::vector<std::string>{"west", "north", "east", "south"})) << "ties go by their bytes";
  EXPECT_EQ(all->values, (std::vector<std::int32_t>{0, 0, 0, 1, 2, 1, -1, 3}));
  const auto some = slice_rows(table, 3, 8, "region", 2);
  ASSERT_TRUE(some.has_value());
  EXPECT_EQ(some->levels, (std::vector<std::string>{"north", "east"}));
  EXPECT_EQ(some->values, (std::vector<std::int32_t>{0, 1, 0, -1, -1}));
}

TEST(SliceRows, SpellsNumbersAndBooleansAsTexts) {
  Table table = numbered(7);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  table.features.push_back({"n", "real", ValueType::number, NumberColumn{{0.1F, -0.0F, 0, 1e30F, 12, nan, 0.1F}}});
  table.slices.push_back({"b", "boolean", ValueType::boolean, NumberColumn{{1, 0, 1, nan, 1, 0, 1}}});
  const auto numbers = slice_rows(table, 0, 7, "n", 10);
  ASSERT_TRUE(numbers.has_value());
  EXPECT_EQ(numbers->levels, (std::vector<std::string>{"0", "0.1", "12", "1e+30"})) << "one zero";
  EXPECT_EQ(numbers->values, (std::vector<std::int32_t>{1, 0, 0, 3, 2, -1, 1}));
  const auto booleans = slice_rows(table, 0, 7, "b", 10);
  ASSERT_TRUE(booleans.has_value());
  EXPECT_EQ(booleans->levels, (std::vector<std::string>{"true", "false"}));
  EXPECT_EQ(booleans->values, (std::vector<std::int32_t>{0, 1, 0, -1, 0, 1, 0}));
}

TEST(SliceRows, HasNothingForAColumnThatIsNoFeatureAndNoSlice) {
  Table table = numbered(2);
  table.label.name = "up";
  table.label.values = {0, 1};
  table.label.levels = {"false", "true"};
  EXPECT_FALSE(slice_rows(table, 0, 2, "up", 5).has_value());
  EXPECT_FALSE(slice_rows(table, 0, 2, "gone", 5).has_value());
}

TEST(SliceRows, CopesWithNoRowsNoLevelsAndOnlyMissingValues) {
  Table table = numbered(2);
  table.slices.push_back({"region", "text", ValueType::category, CategoryColumn{{-1, -1}, {}}});
  table.features.push_back({"n", "real", ValueType::number, NumberColumn{{1, 2}}});
  EXPECT_EQ(slice_rows(table, 0, 2, "region", 5)->values, (std::vector<std::int32_t>{-1, -1}));
  EXPECT_TRUE(slice_rows(table, 0, 2, "region", 5)->levels.empty());
  EXPECT_TRUE(slice_rows(table, 1, 1, "n", 5)->values.empty());
  EXPECT_EQ(slice_rows(table, 0, 2, "n", 0)->values, (std::vector<std::int32_t>{-1, -1}));
  EXPECT_THROW(slice_rows(table, 0, 3, "n", 5), std::logic_error);
}

TEST(ClusterRows, TakesEntitiesByItselfWhereTheTableHasThem) {
  Table table = at_times(TimeAxis::instant, {0, 1, kDay, kDay + 1, 2 * kDay});
  table.entities = {9, 4, 4, 9, 7};
  EXPECT_EQ(cluster_rows(table, 0, 5, settings::ClusterAuto{}), (std::vector<std::uint32_t>{0, 1, 1, 0, 2}));
  EXPECT_EQ(cluster_rows(table, 1, 4, settings::ClusterAuto{}), (std::vector<std::uint32_t>{0, 0, 1}));
  EXPECT_EQ(cluster_rows(table, 0, 5, settings::WindowDuration{std::chrono::hours(24)}),
            (std::vector<std::uint32_t>{0, 0, 1, 1, 2}))
      << "what was asked for in so many words";
  EXPECT_EQ(cluster_rows(table, 0, 5, settings::ClusterNone{}), (std::vector<std::uint32_t>{0, 1, 2, 3, 4}));
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
