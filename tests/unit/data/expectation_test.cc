#include "core/data/expectation.h"

#include <gtest/gtest.h>

#include <set>

#include "core/data/finding.h"
#include "tests/unit/data/rows.h"

namespace retraind::data {
namespace {

TEST(Expectation, LearnsColumnsWithADutyAndHowOftenFeaturesAreNull) {
  const std::vector<SourceColumn> columns{instant("ts"), boolean("up"), number("price"), category("area")};
  const Table table = build_table(
      columns, {{1.0, 1.0, 3.0, "x"}, {2.0, 0.0, Null{}, Null{}}, {3.0, 0.0, kNan, "x"}, {4.0, 0.0, Null{}, "x"}});
  const Expectation learned = learn_expectation(columns, roles_in_order(4), table);
  ASSERT_EQ(learned.columns.size(), 4U);
  EXPECT_EQ(learned.columns[0].name, "ts");
  EXPECT_EQ(learned.columns[0].sql_type, "timestamp with time zone");
  EXPECT_EQ(learned.columns[0].type, ValueType::instant);
  EXPECT_FALSE(learned.columns[0].null_share);
  EXPECT_FALSE(learned.columns[1].null_share);
  EXPECT_EQ(learned.columns[2].null_share, 0.5) << "a NaN that was stored is no NULL";
  EXPECT_EQ(learned.columns[3].null_share, 0.25);
  EXPECT_EQ(learned.last_rows, 4U);
}

TEST(Expectation, ComesBackFromItsTextExactly) {
  Expectation expectation;
  expectation.columns = {{"a \"b\"", "numeric(10,2)", ValueType::number, 1.0 / 3},
                         {"t", "date", ValueType::instant, std::nullopt},
                         {"ü", "boolean", ValueType::boolean, 0.0},
                         {"c", "text", ValueType::category, 1.0}};
  expectation.last_rows = 7;
  const Expectation back = expectation_from_json(to_json(expectation));
  ASSERT_EQ(back.columns.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(back.columns[i].name, expectation.columns[i].name);
    EXPECT_EQ(back.columns[i].sql_type, expectation.columns[i].sql_type);
    EXPECT_EQ(back.columns[i].type, expectation.columns[i].type);
    EXPECT_EQ(back.columns[i].null_share, expectation.columns[i].null_share);
  }
  EXPECT_EQ(back.last_rows, 0U) << "it is of the last run, and no part of what was learned";
}

TEST(Expectation, RefusesATextThatIsNone) {
  for (const char* text :
       {"", "[]", "{}", "{\"columns\":1}", "{\"columns\":[1]}", "{\"columns\":[{\"name\":\"a\"}]}",
        "{\"columns\":[{\"name\":\"a\",\"sql_type\":\"b\",\"type\":\"colour\"}]}",
        "{\"columns\":[{\"name\":\"a\",\"sql_type\":\"b\",\"type\":\"number\",\"null_share\":0.5}]}",
        "{\"columns\":[{\"name\":\"a\",\"sql_type\":\"b\",\"type\":\"number\",\"null_share\":\"1.5\"}]}",
        "{\"columns\":[{\"name\":\"a\",\"sql_type\":\"b\",\"type\":\"number\",\"null_share\":\"nan\"}]}"}) {
    EXPECT_THROW(expectation_from_json(text), DataError) << text;
  }
}

TEST(ExpectationKey, ChangesWithWhatTheColumnsDependOnAndWithNothingElse) {
  settings::Model model;
  model.query = "TABLE t";
  model.time_column = "ts";
  model.label = "up";
  model.features = {"a", "b"};
  const std::string key = expectation_key(model);
  EXPECT_EQ(key.size(), 64U);

  settings::Model same = model;
  same.features = {"b", "a"};
  same.training.rounds = 7;
  same.data.unique = {"a"};
  EXPECT_EQ(expectation_key(same), key);

  std::set<std::string> keys{key};
  const auto changed = [&](auto change) {
    settings::Model other = model;
    change(other);
    keys.insert(expectation_key(other));
  };
  changed([](auto& m) { m.query = "TABLE u"; });
  changed([](auto& m) { m.time_column = "t"; });
  changed([](auto& m) { m.label = "down"; });
  changed([](auto& m) { m.features = {"ab"}; });
  changed([](auto& m) { m.features = {"a"}; });
  changed([](auto& m) { m.features = {}; });
  changed([](auto& m) { m.weight = "w"; });
  changed([](auto& m) { m.training.entity = "w"; });
  changed([](auto& m) { m.task = Task::multiclass; });
  EXPECT_EQ(keys.size(), 10U);
}

TEST(WhyStopped, IsTheSentenceOfTheOneThatStopsAndCountsSeveral) {
  Finding told;
  told.sentence = "told";
  Finding stop = told;
  stop.stops = true;
  stop.sentence = "x is NULL";
  EXPECT_EQ(why_stopped({}), "");
  EXPECT_EQ(why_stopped({told}), "");
  EXPECT_EQ(why_stopped({told, stop}), "x is NULL");
  Finding other = stop;
  other.sentence = "y is 3";
  EXPECT_EQ(why_stopped({stop, told, other}), "2 checks of the data failed: (1) x is NULL; (2) y is 3");
  const std::string many = why_stopped(std::vector<Finding>(7, stop));
  EXPECT_NE(many.find("7 checks"), std::string::npos);
  EXPECT_TRUE(many.ends_with("(5) x is NULL; and 2 more")) << many;
}

}  // namespace
}  // namespace retraind::data
