#include "core/data/table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "core/base/random.h"
#include "core/data/entity.h"
#include "core/data/row_weights.h"
#include "tests/unit/data/rows.h"

namespace retraind::data {
namespace {

const std::vector<float>& numbers_of(const Table& table, std::size_t feature) {
  return std::get<NumberColumn>(table.features.at(feature).values).values;
}

const CategoryColumn& categories_of(const Table& table, std::size_t feature) {
  return std::get<CategoryColumn>(table.features.at(feature).values);
}

void expect_same(const Table& a, const Table& b) {
  ASSERT_EQ(a.rows, b.rows);
  EXPECT_EQ(a.event_times, b.event_times);
  EXPECT_EQ(a.row_keys, b.row_keys);
  EXPECT_EQ(a.label.levels, b.label.levels);
  EXPECT_EQ(a.label.values, b.label.values);
  EXPECT_EQ(a.clusters, b.clusters);
  EXPECT_EQ(a.weights, b.weights);
  EXPECT_EQ(a.entities, b.entities);
  ASSERT_EQ(a.slices.size(), b.slices.size());
  for (std::size_t i = 0; i < a.slices.size(); ++i) {
    EXPECT_EQ(std::get<CategoryColumn>(a.slices[i].values).levels, std::get<CategoryColumn>(b.slices[i].values).levels);
    EXPECT_EQ(std::get<CategoryColumn>(a.slices[i].values).codes, std::get<CategoryColumn>(b.slices[i].values).codes);
  }
  ASSERT_EQ(a.features.size(), b.features.size());
  for (std::size_t i = 0; i < a.features.size(); ++i) {
    if (a.features[i].type == ValueType::category) {
      EXPECT_EQ(categories_of(a, i).levels, categories_of(b, i).levels);
      EXPECT_EQ(categories_of(a, i).codes, categories_of(b, i).codes);
    } else {
      EXPECT_EQ(numbers_of(a, i), numbers_of(b, i));
    }
  }
}

TEST(TableBuilder, CollectsBatchesByColumn) {
  const Table table =
      build_table({instant("ts"), boolean("up"), number("x"), category("c"), boolean("b")},
                  {{1.0, 1.0, 0.5, "u", 1.0}, {2.0, 0.0, Null{}, Null{}, 0.0}, {3.0, Null{}, kNan, "a", Null{}}});
  EXPECT_EQ(table.rows, 3U);
  EXPECT_EQ(table.axis, TimeAxis::instant);
  EXPECT_EQ(table.event_times, (std::vector<EventTime>{1, 2, 3}));
  EXPECT_TRUE(table.row_keys.empty());
  EXPECT_TRUE(table.clusters.empty());
  EXPECT_EQ(table.label.name, "up");
  EXPECT_EQ(table.label.levels, (std::vector<std::string>{"false", "true"}));
  EXPECT_EQ(table.label.values[0], 1);
  EXPECT_EQ(table.label.values[1], 0);
  EXPECT_TRUE(std::isnan(table.label.values[2]));
  EXPECT_EQ(table.features[0].name, "x");
  EXPECT_EQ(table.features[0].sql_type, "double precision");
  EXPECT_EQ(numbers_of(table, 0)[0], 0.5F);
  EXPECT_TRUE(std::isnan(numbers_of(table, 0)[1]));
  EXPECT_TRUE(std::isnan(numbers_of(table, 0)[2]));
  EXPECT_EQ(categories_of(table, 1).levels, (std::vector<std::string>{"a", "u"}));
  EXPECT_EQ(categories_of(table, 1).codes, (std::vector<std::int32_t>{1, -1, 0}));
  EXPECT_EQ(numbers_of(table, 2)[0], 1.0F);
  EXPECT_EQ(numbers_of(table, 2)[1], 0.0F);
  EXPECT_TRUE(std::isnan(numbers_of(table, 2)[2]));
}

TEST(TableBuilder, KeepsStoredNanAndNullApartThroughSorting) {
  const Table table = build_table({number("t"), number("y"), number("x")},
                                  {{3.0, 1.0, kNan}, {1.0, 1.0, Null{}}, {2.0, 1.0, -kNan}, {4.0, 1.0, 0.5}},
                                  {.task = Task::regression});
  const std::vector<float>& values = numbers_of(table, 0);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(std::isnan(values[i])) << i;
  EXPECT_FALSE(is_stored_nan(values[0])) << "a NULL";
  EXPECT_TRUE(is_stored_nan(values[1])) << "whatever its sign";
  EXPECT_TRUE(is_stored_nan(values[2]));
  EXPECT_FALSE(is_stored_nan(values[3]));
}

TEST(TableBuilder, KeepsTheOrderOfNumbersBeyondAFloatsRange) {
  const Table table = build_table({number("t"), number("y"), number("x")},
                                  {{1.0, 1.0, 1e300},
                                   {2.0, 1.0, -1e300},
                                   {3.0, 1.0, kInfinity},
                                   {4.0, 1.0, -kInfinity},
                                   {5.0, 1.0, 1e-300},
                                   {6.0, 1.0, static_cast<double>(FLT_MAX)}},
                                  {.task = Task::regression});
  EXPECT_EQ(numbers_of(table, 0), (std::vector<float>{FLT_MAX, -FLT_MAX, FLT_MAX, -FLT_MAX, 0, FLT_MAX}));
}

TEST(TableBuilder, DoesNotDependOnTheOrderOfArrival) {
  const std::vector<SourceColumn> columns{number("t"), category("y"), number("x"), category("c"), category("who")};
  std::vector<Row> rows;
  std::vector<std::uint64_t> keys;
  Random random(7);
  for (int i = 0; i < 200; ++i) {
    const auto text = [&](std::uint64_t bound) {
      return Value(std::string(1, static_cast<char>('a' + random.below(bound))));
    };
    rows.push_back({static_cast<double>(random.below(40)), text(3), random.uniform(), text(20), text(9)});
    keys.push_back(random.next());
  }
  rows[3][3] = Null{};
  rows[4][4] = Null{};
  const Table once = build_table(columns, rows, {.task = Task::multiclass, .clustered = true, .keys = keys});
  EXPECT_TRUE(std::is_sorted(once.event_times.begin(), once.event_times.end()));
  for (int round = 0; round < 5; ++round) {
    for (std::size_t i = rows.size() - 1; i > 0; --i) {
      const auto j = static_cast<std::size_t>(random.below(i + 1));
      std::swap(rows[i], rows[j]);
      std::swap(keys[i], keys[j]);
    }
    expect_same(once, build_table(columns, rows,
                                  {.task = Task::multiclass, .clustered = true, .keys = keys, .batch_rows = 17}));
    expect_same(
        once,
        build_table(columns, rows,
                    {.task = Task::multiclass, .clustered = true, .keys = keys, .batch_rows = 17, .builders = 3}));
  }
}

// time, label, x, and then the three new duties.
const Roles kWeighted{
    .time = 0, .label = 1, .features = {2}, .cluster = {}, .weight = 3, .entity = 4, .slices = {5}, .keys = {}};
const std::vector<SourceColumn> kWeightedColumns{number("t"), number("y"),     number("x"),
                                                 number("w"), category("who"), category("region")};

TEST(TableBuilder, SortsWeightsEntitiesAndSlicesWithTheirRows) {
  std::vector<Row> rows;
  std::vector<std::uint64_t> keys;
  Random random(11);
  for (int i = 0; i < 100; ++i) {
    const auto time = static_cast<double>(random.below(1000));
    const std::string name(1, static_cast<char>('a' + static_cast<int>(time) % 7));
    rows.push_back({time, 0.0, time, time / 8, name, name + "land"});
    keys.push_back(random.next());
  }
  const Build how{.task = Task::regression, .keys = keys, .roles = kWeighted};
  const Table table = build_table(kWeightedColumns, rows, how);
  EntityHash hash;
  for (std::size_t i = 0; i < table.rows; ++i) {
    const double time = table.event_times[i];
    const std::string name(1, static_cast<char>('a' + static_cast<int>(time) % 7));
    EXPECT_EQ(table.weights[i], time / 8);
    EXPECT_EQ(table.entities[i], hash.of_text(name));
    const auto& slice = std::get<CategoryColumn>(table.slices.at(0).values);
    EXPECT_EQ(slice.levels.at(static_cast<std::size_t>(slice.codes[i])), name + "land");
  }
  EXPECT_EQ(table.slices[0].name, "region");
  std::vector<Row> reversed(rows.rbegin(), rows.rend());
  const Build other{
      .task = Task::regression, .keys = {keys.rbegin(), keys.rend()}, .batch_rows = 7, .roles = kWeighted};
  expect_same(table, build_table(kWeightedColumns, reversed, other));
  Build parts = how;
  parts.builders = 4;
  expect_same(table, build_table(kWeightedColumns, rows, parts));
}

TEST(TableBuilder, AppendsWhatAnotherCollectedAsIfItHadComeItself) {
  // Numbers as classes and as clusters, in either part some that the other lacks, NULL, and ties across the parts.
  const std::vector<SourceColumn> columns{number("t"), number("y"), category("c"), number("who")};
  const std::vector<Row> rows{{1.0, 5.0, "b", 7.0},    {2.0, 10.0, Null{}, Null{}}, {2.0, 5.0, "a", 7.0},
                              {2.0, Null{}, "z", 3.0}, {3.0, 1.0, "b", 7.0},        {4.0, 10.0, "a", Null{}}};
  Build how{.task = Task::multiclass, .clustered = true, .keys = {1, 2, 3, 4, 5, 6}, .batch_rows = 1};
  const Table once = build_table(columns, rows, how);
  EXPECT_EQ(once.label.levels, (std::vector<std::string>{"1", "5", "10"}));
  for (const std::size_t builders : {2U, 3U, 6U}) {
    how.builders = builders;
    const Table joined = build_table(columns, rows, how);
    ASSERT_EQ(joined.rows, once.rows);
    for (std::size_t i = 0; i < once.rows; ++i) {
      if (std::isnan(once.label.values[i])) {
        EXPECT_TRUE(std::isnan(joined.label.values[i]));
      } else {
        EXPECT_EQ(joined.label.values[i], once.label.values[i]);
      }
    }
    EXPECT_EQ(joined.label.levels, once.label.levels);
    EXPECT_EQ(joined.clusters, once.clusters);
    EXPECT_EQ(categories_of(joined, 0).levels, categories_of(once, 0).levels);
    EXPECT_EQ(categories_of(joined, 0).codes, categories_of(once, 0).codes);
  }
}

TEST(TableBuilder, SortsWhatItAppendsWhereThePartsOverlap) {
  Build how{.task = Task::regression, .keys = {9, 4, 2, 7}, .batch_rows = 2, .builders = 2};
  const Table table = build_table({number("t"), number("y"), number("x")},
                                  {{1.0, 0.0, 1.0}, {3.0, 0.0, 3.0}, {3.0, 0.0, 2.5}, {5.0, 0.0, 5.0}}, how);
  EXPECT_EQ(numbers_of(table, 0), (std::vector<float>{1, 2.5F, 3, 5}));
  EXPECT_EQ(table.row_keys, (std::vector<std::uint64_t>{9, 2, 4, 7}));
}

TEST(TableBuilder, RefusesToAppendRowsOfAnotherKind) {
  const std::vector<SourceColumn> columns{number("t"), number("y"), number("x")};
  const Roles roles = roles_in_order(columns.size());
  TableBuilder builder(columns, roles, Task::binary);
  TableBuilder regression(columns, roles, Task::regression);
  EXPECT_THROW(builder.append(std::move(regression)), std::logic_error);
  TableBuilder renamed({number("t"), number("y"), number("z")}, roles, Task::binary);
  EXPECT_THROW(builder.append(std::move(renamed)), std::logic_error);
  const std::vector<ValueType> types(3, ValueType::number);
  TableBuilder keyed(columns, roles, Task::binary);
  keyed.consume(OwnedBatch(types, {{1.0, 1.0, 1.0}}, {1}).batch());
  builder.consume(OwnedBatch(types, {{1.0, 1.0, 1.0}}).batch());
  EXPECT_THROW(builder.append(std::move(keyed)), std::logic_error);
}

TEST(TableBuilder, HoldsNothingForDutiesThatNoColumnHas) {
  const Table table = build_table({number("t"), number("y"), number("x")}, {{2.0, 1.0, 1.0}, {1.0, 1.0, 1.0}},
                                  {.task = Task::regression});
  EXPECT_EQ(table.weights.capacity(), 0U);
  EXPECT_EQ(table.entities.capacity(), 0U);
  EXPECT_EQ(table.slices.capacity(), 0U);
  EXPECT_TRUE(row_weights(table, 0, 2).empty());
  EXPECT_TRUE(training_weights(table, 0, 2).empty());
}

TEST(TableBuilder, RefusesAWeightThatIsNoneAndSaysWhere) {
  const auto build = [](Value weight) {
    const std::vector<SourceColumn> columns{instant("ts"), number("y"), number("x"), number("w")};
    const Roles roles{
        .time = 0, .label = 1, .features = {2}, .cluster = {}, .weight = 3, .entity = {}, .slices = {}, .keys = {}};
    return build_table(columns, {{0.0, 1.0, 1.0, 1.0}, {1e6, 1.0, 1.0, 0.0}, {2e6, 1.0, 1.0, weight}},
                       {.task = Task::regression, .roles = roles});
  };
  EXPECT_EQ(complaint_of([&] { build(Null{}); }),
            "the weight \"w\" is NULL at 1970-01-01T00:00:02Z; a weight is a finite number from 0 up (leave such rows "
            "out of the query, or give them a weight there: 0 counts for nothing)");
  for (const auto& [weight, word] : std::vector<std::pair<double, std::string>>{
           {-0.5, "-0.5"}, {kNan, "NaN"}, {kInfinity, "inf"}, {-kInfinity, "-inf"}}) {
    const std::string complaint = complaint_of([&] { build(weight); });
    EXPECT_NE(complaint.find("the weight \"w\" is " + word + " at 1970-01-01T00:00:02Z"), std::string::npos)
        << complaint;
  }
  EXPECT_FALSE(std::signbit(build(-0.0).weights.at(2)));
  EXPECT_EQ(row_weights(build(0.5), 1, 3), (std::vector<double>{0, 0.5}));
}

TEST(TableBuilder, TreatsAWeightThatIsATextAsABug) {
  const std::vector<SourceColumn> columns{number("t"), number("y"), number("x"), category("w")};
  const Roles roles{
      .time = 0, .label = 1, .features = {2}, .cluster = {}, .weight = 3, .entity = {}, .slices = {}, .keys = {}};
  EXPECT_THROW(TableBuilder(columns, roles, Task::regression), std::logic_error);
}

TEST(RowWeights, AreFloatsForATrainerWhereTheyFit) {
  Table table;
  table.rows = 3;
  table.event_times = {0, 1e6, 2e6};
  table.weights = {0.25, 3, 1e39};
  EXPECT_EQ(training_weights(table, 0, 2), (std::vector<float>{0.25F, 3.0F}));
  EXPECT_EQ(row_weights(table, 1, 3), (std::vector<double>{3, 1e39}));
  EXPECT_EQ(complaint_of([&] { training_weights(table, 1, 3); }),
            "the weight at 1970-01-01T00:00:02Z is 1e+39, more than a 4-byte float holds (divide the weights in the "
            "query, for example by their mean)");
  EXPECT_THROW(row_weights(table, 1, 4), std::logic_error);
}

TEST(TableBuilder, TakesEntitiesOfAnyTypeByTheirText) {
  const auto entity = [](const SourceColumn& column, Value value) {
    const Roles roles{
        .time = 0, .label = 1, .features = {2}, .cluster = {}, .weight = {}, .entity = 3, .slices = {}, .keys = {}};
    const Table table = build_table({number("t"), number("y"), number("x"), column}, {{1.0, 1.0, 1.0, value}},
                                    {.task = Task::regression, .roles = roles});
    return table.entities.at(0);
  };
  EXPECT_EQ(entity(number("who"), 42.0), entity(category("who"), "42")) << "a cast in the query moves no entity";
  EXPECT_EQ(entity(number("who"), -0.0), entity(category("who"), "0"));
  EXPECT_EQ(entity(boolean("who"), 1.0), entity(category("who"), "true"));
  EXPECT_EQ(entity(category("who"), Null{}), entity(number("who"), Null{}));
  EXPECT_NE(entity(category("who"), Null{}), entity(category("who"), ""));
  EXPECT_NE(entity(number("who"), Null{}), entity(number("who"), 0.0));
}

TEST(TableBuilder, RefusesASliceColumnThatIdentifiesRows) {
  const std::vector<SourceColumn> columns{number("t"), number("y"), number("x"), category("c")};
  const Roles roles{
      .time = 0, .label = 1, .features = {2}, .cluster = {}, .weight = {}, .entity = {}, .slices = {3}, .keys = {}};
  TableBuilder builder(columns, roles, Task::regression);
  Batch batch;
  batch.rows = kMaxTableLevels + 1;
  for (int i = 0; i < 3; ++i) {
    batch.columns.push_back(
        {ValueType::number, std::vector<std::uint8_t>(batch.rows), std::vector<double>(batch.rows), {}});
  }
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < batch.rows; ++i) texts.push_back(std::to_string(i));
  batch.columns.push_back(
      {ValueType::category, std::vector<std::uint8_t>(batch.rows), {}, {texts.begin(), texts.end()}});
  EXPECT_NE(complaint_of([&] { builder.consume(batch); }).find("the slice column \"c\" has more than 1000000"),
            std::string::npos);
}

TEST(TableBuilder, BreaksTiesInTimeByRowKeyAndWithoutKeysByArrival) {
  const std::vector<SourceColumn> columns{number("t"), number("y"), number("x")};
  const std::vector<Row> rows{{2.0, 0.0, 1.0}, {1.0, 0.0, 2.0}, {1.0, 0.0, 3.0}};
  const Table keyed = build_table(columns, rows, {.task = Task::regression, .keys = {5, 9, 4}});
  EXPECT_EQ(numbers_of(keyed, 0), (std::vector<float>{3, 2, 1}));
  EXPECT_EQ(keyed.row_keys, (std::vector<std::uint64_t>{4, 9, 5}));
  const Table plain = build_table(columns, rows, {.task = Task::regression});
  EXPECT_EQ(numbers_of(plain, 0), (std::vector<float>{2, 3, 1}));
}

TEST(TableBuilder, NoticesAKeyThatFallsBetweenTwoBatches) {
  const Table table = build_table({number("t"), number("y"), number("x")}, {{1.0, 0.0, 1.0}, {1.0, 0.0, 2.0}},
                                  {.task = Task::regression, .keys = {8, 7}, .batch_rows = 1});
  EXPECT_EQ(numbers_of(table, 0), (std::vector<float>{2, 1}));
}

TEST(TableBuilder, SpellsLabelsOfNumbersShortestAndSortsThemByValue) {
  const Table table = build_table({number("t"), number("y"), number("x")},
                                  {{1.0, 10.0, 0.0},
                                   {2.0, 9.0, 0.0},
                                   {3.0, -0.0, 0.0},
                                   {4.0, 0.5, 0.0},
                                   {5.0, 0.0, 0.0},
                                   {6.0, -3.0, 0.0},
                                   {7.0, 100000.0, 0.0},
                                   {8.0, 0.1, 0.0}},
                                  {.task = Task::multiclass});
  EXPECT_EQ(table.label.levels, (std::vector<std::string>{"-3", "0", "0.1", "0.5", "9", "10", "100000"}));
  EXPECT_EQ(table.label.values, (std::vector<double>{5, 4, 1, 3, 1, 0, 6, 2}));
}

TEST(TableBuilder, SortsLabelsOfTextBytewise) {
  const Table table =
      build_table({number("t"), category("y"), number("x")},
                  {{1.0, "10", 0.0}, {2.0, "9", 0.0}, {3.0, "\xC3\xA4", 0.0}, {4.0, "Z", 0.0}, {5.0, "", 0.0}},
                  {.task = Task::multiclass});
  EXPECT_EQ(table.label.levels, (std::vector<std::string>{"", "10", "9", "Z", "\xC3\xA4"}));
}

TEST(TableBuilder, NumbersClustersInTheOrderOfTheRowsWhateverTheirType) {
  const std::vector<Row> rows{{3.0, 1.0, 0.0, 7.5},  {1.0, 1.0, 0.0, Null{}}, {2.0, 1.0, 0.0, 7.5},
                              {4.0, 1.0, 0.0, kNan}, {5.0, 1.0, 0.0, Null{}}, {6.0, 1.0, 0.0, kNan}};
  for (const SourceColumn& cluster : {number("who"), instant("who")}) {
    const Table table = build_table({number("t"), number("y"), number("x"), cluster}, rows,
                                    {.task = Task::regression, .clustered = true});
    EXPECT_EQ(table.clusters, (std::vector<std::int64_t>{0, 1, 1, 2, 0, 2}));
  }
}

TEST(TableBuilder, ReadsAColumnWithTwoDutiesTwice) {
  const std::vector<SourceColumn> columns{number("t"), number("y"), category("c")};
  const Roles roles{
      .time = 0, .label = 1, .features = {2}, .cluster = 2, .weight = {}, .entity = {}, .slices = {}, .keys = {}};
  TableBuilder builder(columns, roles, Task::regression);
  using enum ValueType;
  const OwnedBatch batch({number, number, category, category}, {{1.0, 2.0, "b", "b"}, {2.0, 2.0, "a", "a"}});
  builder.consume(batch.batch());
  const Table table = builder.finish();
  EXPECT_EQ(categories_of(table, 0).codes, (std::vector<std::int32_t>{1, 0}));
  EXPECT_EQ(table.clusters, (std::vector<std::int64_t>{0, 1}));
}

TEST(TableBuilder, IsEmptyAfterFinishAndCollectsAnother) {
  const std::vector<SourceColumn> columns{number("t"), category("y"), category("c")};
  TableBuilder builder(columns, roles_in_order(3), Task::binary);
  using enum ValueType;
  const OwnedBatch first({number, category, category}, {{2.0, "n", "z"}, {1.0, "y", "k"}});
  builder.consume(first.batch());
  EXPECT_EQ(builder.finish().rows, 2U);
  EXPECT_EQ(builder.finish().rows, 0U);
  const OwnedBatch second({number, category, category}, {{0.0, "m", "b"}});
  builder.consume(second.batch());
  const Table table = builder.finish();
  EXPECT_EQ(table.rows, 1U);
  EXPECT_EQ(table.label.levels, (std::vector<std::string>{"m"}));
  EXPECT_EQ(categories_of(table, 0).levels, (std::vector<std::string>{"b"}));
}

TEST(TableBuilder, RefusesAnEventTimeThatIsNoTime) {
  const std::vector<SourceColumn> columns{instant("ts"), number("y"), number("x")};
  const auto build = [&](Value time) {
    return complaint_of([&] { build_table(columns, {{time, 1.0, 1.0}}, {.task = Task::regression}); });
  };
  EXPECT_NE(build(Null{}).find("\"ts\" is NULL"), std::string::npos);
  EXPECT_NE(build(kInfinity).find("\"ts\" is infinity"), std::string::npos);
  EXPECT_NE(build(-kInfinity).find("\"ts\" is -infinity"), std::string::npos);
  EXPECT_NE(build(kNan).find("\"ts\" is NaN"), std::string::npos);
}

TEST(TableBuilder, RefusesAnInfiniteRegressionLabelAndTakesNaNAsUnknown) {
  const std::vector<SourceColumn> columns{instant("ts"), number("y"), number("x")};
  EXPECT_EQ(complaint_of([&] {
              build_table(columns, {{0.0, 1.0, 1.0}, {1e6, -kInfinity, 1.0}}, {.task = Task::regression});
            }),
            "the label \"y\" is infinite at 1970-01-01T00:00:01Z (leave such rows out of the query, or make the label "
            "NULL there)");
  const Table table = build_table(columns, {{0.0, kNan, 1.0}}, {.task = Task::regression});
  EXPECT_TRUE(std::isnan(table.label.values[0]));
}

TEST(TableBuilder, RefusesAClassThatIsNaNOrInfinite) {
  const std::vector<SourceColumn> columns{number("t"), number("y"), number("x")};
  for (const double value : {kNan, kInfinity, -kInfinity}) {
    EXPECT_THROW(build_table(columns, {{1.0, value, 1.0}}, {.task = Task::binary}), DataError) << value;
  }
}

TEST(TableBuilder, RefusesAClassificationLabelWithMoreThanAThousandLevels) {
  std::vector<Row> rows;
  for (int i = 0; i < 1000; ++i) rows.push_back({static_cast<double>(i), static_cast<double>(i), 1.0});
  const std::vector<SourceColumn> columns{number("t"), number("y"), number("x")};
  EXPECT_EQ(build_table(columns, rows, {.task = Task::multiclass}).label.levels.size(), 1000U);
  rows.push_back({1000.0, 1000.0, 1.0});
  EXPECT_NE(complaint_of([&] { build_table(columns, rows, {.task = Task::multiclass}); }).find("more than 1000"),
            std::string::npos);
  EXPECT_NO_THROW(build_table(columns, rows, {.task = Task::regression}));
}

TEST(TableBuilder, TreatsABatchThatDoesNotFitAsABug) {
  const std::vector<SourceColumn> columns{number("t"), number("y"), number("x")};
  TableBuilder builder(columns, roles_in_order(3), Task::regression);
  using enum ValueType;
  EXPECT_THROW(builder.consume(OwnedBatch({number, number}, {{1.0, 1.0}}).batch()), std::logic_error);
  EXPECT_THROW(builder.consume(OwnedBatch({number, number, category}, {{1.0, 1.0, "a"}}).batch()), std::logic_error);
  EXPECT_THROW(builder.consume(OwnedBatch({number, number, number}, {{1.0, 1.0, 1.0}}, {1, 2}).batch()),
               std::logic_error);
  builder.consume(OwnedBatch({number, number, number}, {{1.0, 1.0, 1.0}}, {1}).batch());
  EXPECT_THROW(builder.consume(OwnedBatch({number, number, number}, {{1.0, 1.0, 1.0}}).batch()), std::logic_error);
  EXPECT_THROW(TableBuilder({data::number("t"), data::category("y")}, roles_in_order(2), Task::regression),
               std::logic_error);
}

}  // namespace
}  // namespace retraind::data
