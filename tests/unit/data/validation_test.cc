#include "core/data/validation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "core/base/random.h"
#include "tests/unit/data/rows.h"

namespace retraind::data {
namespace {

constexpr double kDay = 86400e6;
constexpr EventTime kMarch = 1709251200e6;  // 2024-03-01
const TimePoint kNow = to_instant(kMarch + 10 * kDay);

class ValidateRows : public testing::Test {
 protected:
  ValidateRows() {
    model.name = "power";
    model.query = "SELECT * FROM t;";
    model.time_column = "ts";
    model.label = "up";
    model.data.leakage.reset();
  }

  // A row a day; each gives the label and the features.
  Table table_of(const std::vector<SourceColumn>& features, const std::vector<Row>& rows, bool hashed = false) {
    std::vector<SourceColumn> columns{time, label};
    columns.insert(columns.end(), features.begin(), features.end());
    std::vector<Row> all;
    Build how;
    how.task = model.task;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      all.push_back(
          {time.type == ValueType::instant ? kMarch + static_cast<double>(i) * kDay : static_cast<double>(i)});
      all.back().insert(all.back().end(), rows[i].begin(), rows[i].end());
      if (hashed) how.keys.push_back(i);
    }
    return build_table(columns, all, how);
  }
  // One feature, "x".
  Table table_of(const SourceColumn& feature, const std::vector<Value>& values) {
    std::vector<Row> rows;
    for (std::size_t i = 0; i < values.size(); ++i) rows.push_back({static_cast<double>(i % 2), values[i]});
    return table_of(std::vector<SourceColumn>{feature}, rows);
  }

  std::vector<Finding> findings(const Table& table) const {
    return validate_rows(table, {0, table.rows, table.rows, 0, 0}, model, expectation, range, kNow);
  }
  // The one finding there is.
  Finding finding(const Table& table) const {
    const std::vector<Finding> all = findings(table);
    std::string sentences;
    for (const Finding& each : all) sentences += each.sentence + "\n";
    EXPECT_EQ(all.size(), 1U) << sentences;
    return all.empty() ? Finding{} : all.front();
  }

  SourceColumn time = instant("ts");
  SourceColumn label = boolean("up");
  settings::Model model;
  std::optional<Expectation> expectation;
  EventRange range;
};

TEST_F(ValidateRows, CountsNullsAgainstTheRuleExactly) {
  std::vector<Value> values(10, 1.0);
  values[3] = Null{};
  values[4] = kNan;
  model.data.columns["x"].max_null_share = 0.1;
  EXPECT_TRUE(findings(table_of(number("x"), values)).empty()) << "one of ten, and a NaN that was stored is no NULL";
  values[6] = Null{};
  const Finding broken = finding(table_of(number("x"), values));
  EXPECT_EQ(broken.kind, FindingKind::value);
  EXPECT_EQ(broken.check, "null_share");
  EXPECT_EQ(broken.column, "x");
  EXPECT_EQ(broken.rows, 2U);
  EXPECT_EQ(broken.observed, 0.2);
  EXPECT_EQ(broken.threshold, 0.1);
  EXPECT_TRUE(broken.stops);
  EXPECT_EQ(broken.sentence,
            "\"x\" is NULL in 2 of 10 rows (20 %), more than the 10 % that its max_null_share allows, at "
            "2024-03-04T00:00:00Z and 2024-03-07T00:00:00Z");
  EXPECT_EQ(broken.query, "SELECT * FROM (\nSELECT * FROM t\n) AS q WHERE \"x\" IS NULL ORDER BY \"ts\" LIMIT 100");
}

TEST_F(ValidateRows, ShowsTheRowsOfTheRangeOnly) {
  range = {kMarch - 1, kMarch + 9 * kDay, 1};
  model.data.columns["x"].max_null_share = 0;
  EXPECT_EQ(finding(table_of(category("x"), {"a", Null{}})).query,
            "SELECT * FROM (\nSELECT * FROM t\n) AS q WHERE \"ts\" > '2024-02-29T23:59:59.999999Z' AND "
            "\"ts\" <= '2024-03-10T00:00:00Z' AND \"x\" IS NULL ORDER BY \"ts\" LIMIT 100");
}

TEST_F(ValidateRows, NamesThreeEventTimesAndSaysThatThereAreMore) {
  model.data.columns["x"].max_null_share = 0;
  const std::string told = finding(table_of(number("x"), std::vector<Value>(5, Null{}))).sentence;
  EXPECT_TRUE(told.ends_with(", at 2024-03-01T00:00:00Z, 2024-03-02T00:00:00Z, 2024-03-03T00:00:00Z and other times"))
      << told;
}

TEST_F(ValidateRows, TellsAndGoesOnWhereABreakIsNotToStop) {
  model.data.columns["x"].max_null_share = 0;
  model.data.on_break = ValueBreak::warn;
  const Finding told = finding(table_of(number("x"), {Null{}, 1.0}));
  EXPECT_EQ(told.kind, FindingKind::value);
  EXPECT_FALSE(told.stops);
}

TEST_F(ValidateRows, HoldsNullsAgainstWhatWasLearnedWithToleranceAndTwentyRows) {
  expectation.emplace();
  expectation->columns = {{"x", "double precision", ValueType::number, 0.1}};
  model.data.null_tolerance = 0.1;
  const auto with_nulls = [&](std::size_t rows, std::size_t nulls) {
    std::vector<Value> values(rows, 1.0);
    std::fill_n(values.begin(), nulls, Value{Null{}});
    return table_of(number("x"), values);
  };
  EXPECT_TRUE(findings(with_nulls(1000, 200)).empty());
  EXPECT_TRUE(findings(with_nulls(20, 20)).empty()) << "18 more than the 2 that one expects";
  const Finding broken = finding(with_nulls(1000, 201));
  EXPECT_EQ(broken.threshold, 0.2);
  EXPECT_EQ(broken.sentence.find("\"x\" is NULL in 201 of 1000 rows (20.1 %), and was in 10 % of them when the model "
                                 "was first promoted, of which 20 % is let pass, at "),
            0U)
      << broken.sentence;
  EXPECT_EQ(finding(with_nulls(23, 23)).rows, 23U);
  model.data.columns["x"].max_null_share = 0.5;
  EXPECT_TRUE(findings(with_nulls(1000, 201)).empty()) << "a rule of its own goes before";
  model.data.columns.clear();
  model.data.schema = ExpectedSchema::any;
  EXPECT_TRUE(findings(with_nulls(1000, 201)).empty());
}

TEST_F(ValidateRows, HoldsNumbersAgainstTheirBounds) {
  model.data.columns["x"].min = 0.1;
  model.data.columns["x"].max = 16777217;  // no 4-byte float
  EXPECT_TRUE(findings(table_of(number("x"), {0.1, 16777217.0, static_cast<double>(0.1F), Null{}, 5.0})).empty())
      << "what equals a bound does not break it, and neither does NULL";
  const Finding broken = finding(table_of(number("x"), {0.1, 0.05, -3.0, 2e7, kInfinity, kNan, 7.0}));
  EXPECT_EQ(broken.check, "range");
  EXPECT_EQ(broken.rows, 5U);
  EXPECT_EQ(broken.threshold, 16777217);
  EXPECT_EQ(broken.sentence,
            "\"x\" is below 0.1 in 2 rows (down to -3), above 16777217 in 2 rows (up to infinity) and NaN in 1 row, of "
            "7 rows, at 2024-03-02T00:00:00Z, 2024-03-03T00:00:00Z, 2024-03-04T00:00:00Z and other times");
  EXPECT_EQ(broken.query,
            "SELECT * FROM (\nSELECT * FROM t\n) AS q WHERE (\"x\" < 0.1 OR \"x\" > 16777217) ORDER BY \"ts\" LIMIT "
            "100");
}

TEST_F(ValidateRows, AsksForNansAndRealsInTermsThatPostgresqlReadsAlike) {
  model.data.columns["x"].min = 0.1;
  const Finding nan = finding(table_of(number("x"), {1.0, kNan}));
  EXPECT_NE(nan.query.find("(\"x\" < 0.1 OR \"x\" = 'NaN')"), std::string::npos) << nan.query;
  EXPECT_FALSE(nan.observed);
  const Finding real = finding(table_of({"x", "real", ValueType::number}, {1.0, 0.0}));
  EXPECT_NE(real.query.find("\"x\" < real '0.1'"), std::string::npos) << real.query;
  EXPECT_EQ(real.observed, 0);
}

TEST_F(ValidateRows, ListsValuesThatAreNotAllowedTheMostFrequentFirst) {
  model.data.columns["x"].allowed = {"it's", "b"};
  EXPECT_TRUE(findings(table_of(category("x"), {"it's", "b", Null{}})).empty());
  const Finding broken =
      finding(table_of(category("x"), {"it's", "q", "c", "q", "d", "e", "f", "g", "h", std::string(100, 'z')}));
  EXPECT_EQ(broken.check, "allowed");
  EXPECT_EQ(broken.rows, 9U);
  EXPECT_EQ(broken.observed, 8);
  EXPECT_EQ(
      broken.sentence.find("\"x\" is not among the allowed values in 9 of 10 rows: \"q\" (2 rows), \"c\" (1 row), "
                           "\"d\" (1 row), \"e\" (1 row), \"f\" (1 row) and 3 more, at "),
      0U)
      << broken.sentence;
  EXPECT_NE(broken.query.find("WHERE \"x\"::text NOT IN ('b', 'it''s') ORDER BY"), std::string::npos) << broken.query;
}

TEST_F(ValidateRows, CutsLongTextsBetweenLetters) {
  model.data.columns["x"].allowed = {"a"};
  std::string text;
  for (int i = 0; i < 40; ++i) text += "ü";
  const std::string told = finding(table_of(category("x"), {text, "a"})).sentence;
  std::string shown;
  for (int i = 0; i < 30; ++i) shown += "ü";
  EXPECT_NE(told.find('"' + shown + "…\" (1 row)"), std::string::npos) << told;
}

TEST_F(ValidateRows, AllowsNumbersByTheirValueAndBooleansByTheirText) {
  model.data.columns["x"].allowed = {"1.0", "0.1", "-2"};
  EXPECT_TRUE(findings(table_of(number("x"), {1.0, 0.1, -2.0, Null{}})).empty());
  const Finding broken = finding(table_of(number("x"), {1.0, 3.5, kNan, kInfinity}));
  EXPECT_EQ(broken.rows, 3U);
  EXPECT_NE(broken.sentence.find("\"3.5\" (1 row), \"infinity\" (1 row), \"nan\" (1 row)"), std::string::npos)
      << broken.sentence;
  EXPECT_NE(broken.query.find("\"x\" NOT IN (1, 0.1, -2)"), std::string::npos) << broken.query;
  model.data.columns["x"].allowed = {"true"};
  EXPECT_TRUE(findings(table_of(boolean("x"), {1.0, Null{}})).empty());
  EXPECT_NE(finding(table_of(boolean("x"), {1.0, 0.0})).query.find("\"x\" NOT IN (true)"), std::string::npos);
  model.data.columns["x"].allowed = std::vector<std::string>{};
  EXPECT_NE(finding(table_of(boolean("x"), {1.0})).query.find("\"x\" IS NOT NULL"), std::string::npos);
}

TEST_F(ValidateRows, HoldsTheLabelAgainstItsRule) {
  const std::vector<Row> rows{{1.0, 1.0}, {0.0, 1.0}, {Null{}, 1.0}};
  model.data.columns["up"].allowed = {"true"};
  EXPECT_EQ(finding(table_of(std::vector{number("x")}, rows)).rows, 1U);
  model.data.columns["up"] = {};
  model.data.columns["up"].max_null_share = 0.2;
  EXPECT_EQ(finding(table_of(std::vector{number("x")}, rows)).rows, 1U);
  label = number("up");
  model.data.columns["up"] = {};
  model.data.columns["up"].max = 0;
  EXPECT_EQ(finding(table_of(std::vector{number("x")}, rows)).rows, 1U) << "classes that are numbers";
  model.task = Task::regression;
  EXPECT_EQ(finding(table_of(std::vector{number("x")}, rows)).observed, 1);
}

TEST_F(ValidateRows, DoesNotPassARuleForValuesThatAreNotThere) {
  model.data.columns["z"].max = 1;
  const Finding broken = finding(table_of(number("x"), {1.0}));
  EXPECT_EQ(broken.kind, FindingKind::schema);
  EXPECT_TRUE(broken.stops);
  model.data.columns["z"] = {};
  model.data.columns["z"].type = "text";
  EXPECT_TRUE(findings(table_of(number("x"), {1.0})).empty()) << "of its type validate_schema has the say";
}

TEST_F(ValidateRows, CountsLabelledRows) {
  const Table table = table_of(std::vector{number("x")}, {{1.0, 1.0}, {0.0, 1.0}, {Null{}, 1.0}});
  model.data.min_rows = 2;
  EXPECT_TRUE(findings(table).empty());
  model.data.min_rows = 3;
  EXPECT_EQ(finding(table).sentence, "the window holds 2 rows with a label, and min_rows wants 3");
  range.sample_share = 0.5;
  EXPECT_TRUE(findings(table).empty()) << "of all rows there are twice as many";
  model.data.min_rows = 5;
  EXPECT_EQ(finding(table).sentence, "the window holds about 4 rows with a label, and min_rows wants 5");
}

TEST_F(ValidateRows, HoldsTheNumberOfRowsAgainstTheLastRuns) {
  const Table table = table_of(number("x"), std::vector<Value>(50, 1.0));
  model.data.max_row_change = 0.5;
  EXPECT_TRUE(findings(table).empty()) << "there was no run";
  expectation.emplace();
  EXPECT_TRUE(findings(table).empty()) << "likewise";
  expectation->last_rows = 100;
  EXPECT_TRUE(findings(table).empty());
  expectation->last_rows = 101;
  const Finding fewer = finding(table);
  EXPECT_EQ(fewer.check, "row_change");
  EXPECT_EQ(fewer.sentence,
            "the window holds 50 rows, 50.5 % fewer than the 101 of the last run that was judged, and max_row_change "
            "lets 50 % pass");
  expectation->last_rows = 25;
  EXPECT_NE(finding(table).sentence.find("100 % more than the 25"), std::string::npos);
}

TEST_F(ValidateRows, HoldsTheNewestLabelAgainstTheClock) {
  // The newest label is of March 2nd, now is March 11th.
  const Table table = table_of(std::vector{number("x")}, {{1.0, 1.0}, {0.0, 1.0}, {Null{}, 1.0}});
  model.data.max_age = std::chrono::hours(24 * 9);
  EXPECT_TRUE(findings(table).empty());
  model.data.max_age -= std::chrono::microseconds(1);
  EXPECT_EQ(finding(table).check, "max_age");
  EXPECT_EQ(finding(table).observed, 9 * 86400);
  model.label_delay = std::chrono::hours(24);
  EXPECT_TRUE(findings(table).empty());
  model.data.max_age = std::chrono::hours(24);
  const Finding old = finding(table);
  EXPECT_EQ(old.sentence,
            "the newest row with a label is of 2024-03-02T00:00:00Z, 8d ago after its label_delay of 1d, and max_age "
            "is 1d");
  EXPECT_NE(old.query.find("WHERE \"up\" IS NOT NULL ORDER BY \"ts\" DESC LIMIT 100"), std::string::npos) << old.query;
  EXPECT_EQ(finding(table_of(std::vector{number("x")}, {{Null{}, 1.0}})).sentence,
            "no row of the window has a label, and max_age wants one of the last 1d");
}

TEST_F(ValidateRows, SaysThatNumbersHaveNoAge) {
  time = number("ts");
  model.data.max_age = std::chrono::hours(1);
  const Finding told = finding(table_of(number("x"), {1.0, 2.0}));
  EXPECT_EQ(told.kind, FindingKind::warning);
  EXPECT_FALSE(told.stops);
}

TEST_F(ValidateRows, FindsRowsThatShareAKey) {
  model.data.unique = {"x"};
  const std::vector<SourceColumn> columns{time, label, {"x", "bigint", ValueType::number}};
  const auto keyed = [&](const std::vector<double>& ids) {
    std::vector<Row> rows;
    for (const double id : ids) rows.push_back({kMarch + static_cast<double>(rows.size()) * kDay, 1.0, id});
    Build how;
    how.roles = roles_in_order(3);
    how.roles->keys = {2};
    return build_table(columns, rows, how);
  };
  EXPECT_TRUE(findings(keyed({1, 2, 16777216, 16777217})).empty()) << "as 4-byte floats two of them are one";
  const Finding broken = finding(keyed({5, 1, 5, 2, 1, 5}));
  EXPECT_EQ(broken.check, "unique");
  EXPECT_EQ(broken.rows, 5U);
  EXPECT_TRUE(broken.stops);
  EXPECT_EQ(broken.sentence,
            "5 of 6 rows share their \"x\" with another row, 2 keys in all, at 2024-03-01T00:00:00Z, "
            "2024-03-02T00:00:00Z, 2024-03-03T00:00:00Z and other times, and the key must be unique");
  EXPECT_NE(broken.query.find("PARTITION BY \"x\""), std::string::npos);
  const Finding vague = finding(keyed({0x1p60, 0x1p60, 1}));
  EXPECT_EQ(vague.kind, FindingKind::warning) << "they may well differ at the source";
  EXPECT_FALSE(vague.stops);
  const Finding unread = finding(table_of(number("x"), {1.0}));
  EXPECT_EQ(unread.kind, FindingKind::schema);
  EXPECT_TRUE(unread.stops);
}

TEST_F(ValidateRows, FindsRowsThatAreEqualInEveryColumn) {
  const std::vector<SourceColumn> columns{time, label, number("x")};
  std::vector<Row> rows;
  Build how;
  for (const double key : {7, 7, 8, 9, 9, 9, 10, 11}) {
    rows.push_back({kMarch, 1.0, key});
    how.keys.push_back(static_cast<std::uint64_t>(key));
  }
  rows.push_back({kMarch + kDay, 1.0, 11.0});
  how.keys.push_back(11);
  rows.push_back({kMarch + kDay, 1.0, 12.0});
  how.keys.push_back(12);
  const Table table = build_table(columns, rows, how);
  EXPECT_TRUE(findings(table).empty()) << "nobody asked";
  model.data.max_duplicates = 0.5;
  EXPECT_TRUE(findings(table).empty());
  model.data.max_duplicates = 0.49;
  const Finding broken = finding(table);
  EXPECT_EQ(broken.check, "duplicates");
  EXPECT_EQ(broken.rows, 5U);
  EXPECT_EQ(broken.sentence,
            "5 of 10 rows (50 %) equal another row in every column that is read, and max_duplicates lets 49 % pass, at "
            "2024-03-01T00:00:00Z");
  EXPECT_NE(broken.query.find("PARTITION BY \"ts\", \"up\", \"x\""), std::string::npos) << broken.query;
  const Finding unhashed = finding(table_of(number("x"), {1.0, 1.0}));
  EXPECT_EQ(unhashed.kind, FindingKind::warning);
}

TEST_F(ValidateRows, StandsEmptyTablesSingleRowsAndNothingButNulls) {
  model.data.leakage = 0.9;
  model.data.columns["x"].max_null_share = 0.5;
  model.data.columns["x"].min = 0;
  model.data.columns["x"].allowed = {"1"};
  model.data.unique = {"ts"};
  model.data.max_duplicates = 0;
  model.data.max_age = std::chrono::hours(1);
  model.data.min_rows = 1;
  for (const Task task : {Task::binary, Task::multiclass, Task::regression}) {
    model.task = task;
    label = number("up");
    const std::vector<Finding> none = findings(table_of(number("x"), {}));
    ASSERT_EQ(none.size(), 2U);
    EXPECT_EQ(none[0].check, "min_rows");
    EXPECT_EQ(none[1].check, "max_age");
    EXPECT_EQ(findings(table_of(std::vector{number("x")}, {{Null{}, Null{}}}, true)).size(), 4U)
        << "min_rows, max_age, null_share, and the key that is not read";
    const std::vector<Row> unlabelled(30, Row{Null{}, Null{}});
    EXPECT_EQ(findings(table_of(std::vector{number("x")}, unlabelled, true)).size(), 4U);
  }
}

TEST_F(ValidateRows, FindsTheSameWhateverOrderEqualRowsCameIn) {
  model.data.leakage = 0.8;
  model.data.columns["x"].max_null_share = 0.01;
  model.data.columns["x"].min = 3;
  model.data.columns["c"].allowed = {"a"};
  model.data.unique = {"x"};
  model.data.max_duplicates = 0;
  const std::vector<SourceColumn> columns{time, label, number("x"), category("c")};
  Random random(1);
  std::vector<Row> rows;
  std::vector<std::uint64_t> keys;
  for (int i = 0; i < 400; ++i) {
    const bool up = random.below(2) == 1;
    Value x = static_cast<double>(random.below(100)) + (up ? 60 : 0);
    if (random.below(10) == 0) x = Null{};
    rows.push_back({kMarch + static_cast<double>(random.below(5)) * kDay, up ? 1.0 : 0.0, x,
                    std::string(1, static_cast<char>('a' + random.below(3) + (up ? 1 : 0)))});
    keys.push_back(random.next());
    if (random.below(10) != 0) continue;
    rows.push_back(rows.back());
    keys.push_back(keys.back());
  }
  const auto spelled = [&](const std::vector<std::size_t>& order) {
    std::vector<Row> mixed;
    Build how;
    how.batch_rows = 50;
    how.roles = roles_in_order(4);
    how.roles->keys = {2};
    for (const std::size_t i : order) {
      mixed.push_back(rows[i]);
      how.keys.push_back(keys[i]);
    }
    std::string out;
    for (const Finding& each : findings(build_table(columns, mixed, how))) {
      out += each.check + " " + each.sentence + " " + each.query + "\n";
    }
    return out;
  };
  std::vector<std::size_t> order(rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::string first = spelled(order);
  for (const char* check : {"null_share", "range", "allowed", "unique", "duplicates", "leakage"}) {
    EXPECT_NE(first.find(check), std::string::npos) << check;
  }
  for (int round = 0; round < 5; ++round) {
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    EXPECT_EQ(spelled(order), first);
  }
}

}  // namespace
}  // namespace retraind::data
