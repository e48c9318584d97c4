#include "core/data/preparation.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/base/random.h"
#include "tests/unit/data/rows.h"

namespace retraind::data {
namespace {

settings::Model model_for(Task task) {
  settings::Model model;
  model.task = task;
  return model;
}

Preparation fit(const Table& table, std::size_t begin, std::size_t end, const settings::Model& model) {
  std::vector<std::string> warnings;
  return Preparation::fit(table, begin, end, model, warnings);
}

class PreparationOfSales : public testing::Test {
 protected:
  // Four training rows, two later ones with a level and a class that training never saw.
  const std::vector<SourceColumn> columns{number("t"), category("y"), number("price"), category("area"),
                                          boolean("new")};
  const std::vector<Row> rows{{1.0, "no", 1.5, "west", 1.0},     {2.0, "yes", Null{}, "east", 0.0},
                              {3.0, "no", 3.5, Null{}, 1.0},     {4.0, "yes", 4.5, "west", Null{}},
                              {5.0, "maybe", 5.5, "north", 1.0}, {6.0, Null{}, 6.5, "east", 0.0}};
  const Table table = build_table(columns, rows);
  const Preparation preparation = fit(table, 0, 4, model_for(Task::binary));
};

TEST_F(PreparationOfSales, LearnsLevelsAndClassesFromTheTrainingRowsOnly) {
  ASSERT_EQ(preparation.features().size(), 3U);
  EXPECT_EQ(preparation.features()[1].name, "area");
  EXPECT_EQ(preparation.features()[1].levels, (std::vector<std::string>{"east", "west"}));
  EXPECT_TRUE(preparation.features()[0].levels.empty());
  EXPECT_EQ(preparation.classes(), (std::vector<std::string>{"no", "yes"}));
}

TEST_F(PreparationOfSales, TurnsRowsIntoNumbersRowByRow) {
  const Matrix matrix = preparation.apply(table, 1, 6);
  EXPECT_EQ(matrix.rows, 5U);
  EXPECT_EQ(matrix.columns, 3U);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> expected{nan, 0, 0, 3.5F, nan, 1, 4.5F, 1, nan, 5.5F, nan, 1, 6.5F, 0, 0};
  ASSERT_EQ(matrix.values.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (std::isnan(expected[i])) {
      EXPECT_TRUE(std::isnan(matrix.values[i])) << i;
    } else {
      EXPECT_EQ(matrix.values[i], expected[i]) << i;
    }
  }
  EXPECT_TRUE(preparation.apply(table, 2, 2).values.empty());
}

TEST_F(PreparationOfSales, MarksUnknownLabelsAndClassesThatTrainingNeverSaw) {
  const auto labels = preparation.labels(table, 3, 6);
  EXPECT_EQ(labels[0], 1);
  EXPECT_EQ(labels[1], -1);
  EXPECT_TRUE(std::isnan(labels[2]));
}

TEST_F(PreparationOfSales, AppliesToATableWithOtherCodesAndAnotherOrderOfColumns) {
  const Table later =
      build_table({number("t"), category("y"), boolean("extra"), category("area"), number("new"), number("price")},
                  {{7.0, "yes", 1.0, "aachen", 1.0, 2.0}, {8.0, "yes", 1.0, "west", 0.0, 3.0}});
  const Matrix matrix = preparation.apply(later, 0, 2);
  EXPECT_EQ(matrix.values[0], 2.0F);
  EXPECT_TRUE(std::isnan(matrix.values[1]));
  EXPECT_EQ(matrix.values[4], 1.0F) << "west is level 1 of the model, whatever its code here";
  EXPECT_EQ(preparation.labels(later, 0, 2), (std::vector<double>{1, 1}));
}

TEST_F(PreparationOfSales, RefusesRowsWithoutAFeatureOrWithAnotherType) {
  const Table without =
      build_table({number("t"), category("y"), number("price"), boolean("new")}, {{1.0, "no", 1.0, 1.0}});
  EXPECT_EQ(complaint_of([&] { preparation.apply(without, 0, 1); }),
            "the model was trained with the feature \"area\", a category (text), which the rows do not have");
  const Table changed = build_table({number("t"), category("y"), number("price"), number("area"), boolean("new")},
                                    {{1.0, "no", 1.0, 1.0, 1.0}});
  EXPECT_EQ(complaint_of([&] { preparation.apply(changed, 0, 1); }),
            "the feature \"area\" was a category (text) in training and is a number (double precision) now (cast it "
            "back in the query)");
}

TEST_F(PreparationOfSales, TakesTheConfiguredPositiveClass) {
  settings::Model model = model_for(Task::binary);
  model.positive = "no";
  EXPECT_EQ(fit(table, 0, 4, model).classes(), (std::vector<std::string>{"yes", "no"}));
  model.positive = "maybe";
  EXPECT_EQ(complaint_of([&] { fit(table, 0, 4, model); }),
            "positive is \"maybe\", but the label \"y\" is \"no\" or \"yes\" (set positive to one of the two)");
}

TEST_F(PreparationOfSales, ReadsBackWhatItWrote) {
  const std::string json = preparation.to_json();
  EXPECT_EQ(json, R"({"classes":["no","yes"],"features":[{"levels":[],"name":"price","sql_type":"double precision",)"
                  R"("type":"number"},{"levels":["east","west"],"name":"area","sql_type":"text","type":"category"},)"
                  R"({"levels":[],"name":"new","sql_type":"boolean","type":"boolean"}],"format":1,"task":"binary"})");
  const Preparation back = Preparation::from_json(json);
  EXPECT_EQ(back.to_json(), json);
  EXPECT_EQ(back.task(), Task::binary);
  EXPECT_EQ(back.classes(), preparation.classes());
  EXPECT_EQ(back.labels(table, 0, 5), preparation.labels(table, 0, 5));
}

TEST_F(PreparationOfSales, RefusesJsonThatItDidNotWrite) {
  const std::string json = preparation.to_json();
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string out = json;
    out.replace(out.find(from), from.size(), to);
    return out;
  };
  for (const std::string& bad : {std::string(),
                                 std::string("null"),
                                 std::string("[]"),
                                 std::string("{}"),
                                 json + " ",
                                 json + json,
                                 " " + json,
                                 changed("\"format\":1", "\"format\":2"),
                                 changed("\"format\":1", "\"format\":1.0"),
                                 changed("\"task\":\"binary\"", "\"task\":\"ranking\""),
                                 changed("\"task\":\"binary\"", "\"task\":\"regression\""),
                                 changed("[\"no\",\"yes\"]", "[\"no\",\"no\"]"),
                                 changed("[\"no\",\"yes\"]", "[\"no\",\"yes\",\"z\"]"),
                                 changed("[\"no\",\"yes\"]", "[\"no\",1]"),
                                 changed("[\"east\",\"west\"]", "[\"west\",\"east\"]"),
                                 changed("[\"east\",\"west\"]", "[\"east\",\"east\"]"),
                                 changed("\"levels\":[]", "\"levels\":[\"a\"]"),
                                 changed("\"type\":\"boolean\"", "\"type\":\"instant\""),
                                 changed("\"name\":\"new\"", "\"name\":\"area\""),
                                 changed("\"name\":\"new\"", "\"nom\":\"new\""),
                                 changed("\"format\":1", "\"format\":1,\"more\":0"),
                                 changed("east", "e\\u0061st"),
                                 changed("east", "\xFF"),
                                 json.substr(0, json.size() / 2)}) {
    EXPECT_THROW(Preparation::from_json(bad), DataError) << bad;
  }
}

TEST(Preparation, KeepsTextsThatJsonMustEscape) {
  const Table table =
      build_table({number("t"), category("y"), category("c")}, {{1.0, "a\"b\\", "\n\x01"}, {2.0, "\xE2\x82\xAC", ""}});
  const Preparation preparation = fit(table, 0, 2, model_for(Task::binary));
  const Preparation back = Preparation::from_json(preparation.to_json());
  EXPECT_EQ(back.classes(), (std::vector<std::string>{"a\"b\\", "\xE2\x82\xAC"}));
  EXPECT_EQ(back.features()[0].levels, (std::vector<std::string>{"", "\n\x01"}));
}

TEST(Preparation, RefusesTextThatIsNoUtf8BecauseItsArtifactCouldNotBeRead) {
  const Table table = build_table({number("t"), boolean("y"), category("c")}, {{1.0, 0.0, "ok"}, {2.0, 1.0, "\xE4"}});
  EXPECT_NE(complaint_of([&] { fit(table, 0, 2, model_for(Task::binary)); }).find("\"c\" is not valid UTF-8"),
            std::string::npos);
}

TEST(Preparation, RefusesALabelThatTeachesNothing) {
  const std::vector<SourceColumn> columns{number("t"), number("y"), number("x")};
  const std::vector<Row> same{{1.0, 3.0, 1.0}, {2.0, 3.0, 2.0}, {3.0, Null{}, 2.0}};
  const std::vector<Row> none{{1.0, Null{}, 1.0}, {2.0, Null{}, 2.0}};
  for (const Task task : {Task::binary, Task::multiclass, Task::regression}) {
    const Table constant = build_table(columns, same, {.task = task});
    EXPECT_NE(
        complaint_of([&] { fit(constant, 0, 3, model_for(task)); }).find("in all 3 training rows: there is nothing"),
        std::string::npos);
    const Table unknown = build_table(columns, none, {.task = task});
    EXPECT_NE(complaint_of([&] { fit(unknown, 0, 2, model_for(task)); }).find("NULL in all 2 training rows"),
              std::string::npos);
    EXPECT_NE(complaint_of([&] { fit(constant, 1, 1, model_for(task)); }).find("no training row"), std::string::npos);
  }
}

TEST(Preparation, RefusesABinaryLabelWithThreeValuesAndSaysWhichTheyAre) {
  const Table table =
      build_table({number("t"), number("y"), number("x")}, {{1.0, 0.0, 1.0}, {2.0, 1.0, 2.0}, {3.0, 2.0, 3.0}});
  EXPECT_EQ(complaint_of([&] { fit(table, 0, 3, model_for(Task::binary)); }),
            "the label \"y\" has 3 values in 3 training rows, and the task binary needs exactly 2: \"0\", \"1\", \"2\" "
            "(set task to multiclass or regression, or compute a yes or no in the query)");
  EXPECT_EQ(fit(table, 0, 3, model_for(Task::multiclass)).classes().size(), 3U);
  EXPECT_EQ(fit(table, 0, 2, model_for(Task::binary)).classes(), (std::vector<std::string>{"0", "1"}));
}

TEST(Preparation, TakesTheGreaterNumberAsPositive) {
  const Table table = build_table({number("t"), number("y"), number("x")}, {{1.0, 10.0, 1.0}, {2.0, 9.0, 2.0}});
  EXPECT_EQ(fit(table, 0, 2, model_for(Task::binary)).classes(), (std::vector<std::string>{"9", "10"}));
}

TEST(Preparation, GivesRegressionLabelsAsTheyAre) {
  const Table table = build_table({number("t"), number("y"), number("x")},
                                  {{1.0, 0.5, 1.0}, {2.0, -7.25, 2.0}, {3.0, Null{}, 3.0}}, {.task = Task::regression});
  const Preparation preparation = fit(table, 0, 2, model_for(Task::regression));
  EXPECT_TRUE(preparation.classes().empty());
  const auto labels = preparation.labels(table, 0, 3);
  EXPECT_EQ(labels[1], -7.25);
  EXPECT_TRUE(std::isnan(labels[2]));
  EXPECT_EQ(Preparation::from_json(preparation.to_json()).task(), Task::regression);
}

TEST(Preparation, KeepsAFeatureThatIsMissingEverywhereAndWarns) {
  const Table table = build_table({number("t"), boolean("y"), number("x"), category("c")},
                                  {{1.0, 0.0, 1.0, Null{}}, {2.0, 1.0, 2.0, Null{}}, {3.0, 1.0, 2.0, "late"}});
  std::vector<std::string> warnings;
  const Preparation preparation = Preparation::fit(table, 0, 2, model_for(Task::binary), warnings);
  EXPECT_EQ(warnings, (std::vector<std::string>{"the feature \"c\" is NULL in all 2 training rows"}));
  EXPECT_EQ(preparation.features().size(), 2U);
  EXPECT_TRUE(std::isnan(preparation.apply(table, 2, 3).values[1]));
}

TEST(Preparation, RefusesRowsWhereEveryFeatureIsMissing) {
  const Table table = build_table({number("t"), boolean("y"), number("x"), category("c")},
                                  {{1.0, 0.0, kNan, Null{}}, {2.0, 1.0, Null{}, Null{}}});
  EXPECT_NE(complaint_of([&] { fit(table, 0, 2, model_for(Task::binary)); }).find("every feature is NULL in all 2"),
            std::string::npos);
}

TEST(Preparation, RefusesAFeatureThatIdentifiesRows) {
  std::vector<Row> rows;
  for (std::size_t i = 0; i <= kMaxLevels; ++i) {
    rows.push_back({static_cast<double>(i), static_cast<double>(i % 2), "id" + std::to_string(i)});
  }
  const Table table = build_table({number("t"), number("y"), category("id")}, rows, {.batch_rows = 1000});
  EXPECT_NO_THROW(fit(table, 1, kMaxLevels + 1, model_for(Task::binary))) << "exactly so many are allowed";
  EXPECT_NE(complaint_of([&] {
              fit(table, 0, kMaxLevels + 1, model_for(Task::binary));
            }).find("\"id\" has 10001 different texts in 10001 training rows"),
            std::string::npos);
}

TEST(Preparation, WritesMoreRowsThanOneBlockInTheirOrder) {
  std::vector<Row> rows;
  for (int i = 0; i < 1000; ++i) rows.push_back({static_cast<double>(i), i % 2 * 1.0, i * 1.0, i * 2.0});
  const Table table = build_table({number("t"), number("y"), number("a"), number("b")}, rows, {.batch_rows = 300});
  const Matrix matrix = fit(table, 0, 1000, model_for(Task::binary)).apply(table, 3, 1000);
  ASSERT_EQ(matrix.values.size(), 997U * 2);
  for (std::size_t i = 0; i < 997; ++i) {
    ASSERT_EQ(matrix.values[2 * i], static_cast<float>(i + 3));
    ASSERT_EQ(matrix.values[2 * i + 1], static_cast<float>(2 * (i + 3)));
  }
}

}  // namespace
}  // namespace retraind::data
