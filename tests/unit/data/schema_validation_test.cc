#include <gtest/gtest.h>

#include "core/data/validation.h"
#include "tests/unit/data/rows.h"

namespace retraind::data {
namespace {

class ValidateSchema : public testing::Test {
 protected:
  ValidateSchema() {
    model.name = "power";
    model.query = "TABLE t";
    model.time_column = "ts";
    model.label = "up";
    for (const SourceColumn& column : columns) {
      learned.columns.push_back({column.name, column.sql_type, column.type, std::nullopt});
    }
  }

  std::vector<Finding> findings() const { return validate_schema(columns, model, learned); }
  // The one finding there is.
  Finding finding() const {
    const std::vector<Finding> all = findings();
    std::string sentences;
    for (const Finding& each : all) sentences += each.sentence + "\n";
    EXPECT_EQ(all.size(), 1U) << sentences;
    return all.empty() ? Finding{} : all.front();
  }

  std::vector<SourceColumn> columns{instant("ts"), boolean("up"), number("price"), category("area")};
  settings::Model model;
  Expectation learned;
};

TEST_F(ValidateSchema, FindsNothingWhereNothingHasChanged) {
  EXPECT_TRUE(findings().empty());
  EXPECT_TRUE(validate_schema(columns, model, std::nullopt).empty());
  EXPECT_TRUE(validate_schema(columns, model, Expectation{}).empty()) << "it knows only how many rows there were";
}

TEST_F(ValidateSchema, StopsForAColumnThatIsGoneAndNamesTheNearest) {
  columns[2].name = "prices";
  const std::vector<Finding> all = findings();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].kind, FindingKind::schema);
  EXPECT_EQ(all[0].check, "column_missing");
  EXPECT_EQ(all[0].column, "price");
  EXPECT_TRUE(all[0].stops);
  EXPECT_EQ(all[0].sentence,
            "the query does not return the column \"price\", which was there when the model was first promoted under "
            "this query, nearest is \"prices\"");
  EXPECT_EQ(all[1].check, "column_new");
  EXPECT_EQ(all[1].column, "prices");
  EXPECT_EQ(all[1].kind, FindingKind::warning);
  EXPECT_FALSE(all[1].stops);
}

TEST_F(ValidateSchema, StopsForAnotherKindOfValueAndTellsAnotherTypeOfTheSameKind) {
  columns[2].sql_type = "numeric";
  EXPECT_EQ(finding().check, "sql_type");
  EXPECT_FALSE(finding().stops);
  columns[2] = category("price");
  EXPECT_EQ(finding().check, "type");
  EXPECT_TRUE(finding().stops);
  EXPECT_EQ(finding().sentence.find("the column \"price\" is text (category), and was double precision (number)"), 0U)
      << finding().sentence;
}

TEST_F(ValidateSchema, DoesNotMissAColumnThatHasNoDutyAnyMore) {
  model.features = {"price"};
  columns.pop_back();
  EXPECT_TRUE(findings().empty()) << "area was the column of a gate that is gone";
  model.data.unique = {"area"};
  EXPECT_EQ(finding().check, "column_missing");
}

TEST_F(ValidateSchema, DoesNotTellOfNewColumnsThatAreNotTrainedOn) {
  columns.push_back(number("w"));
  model.weight = "w";
  EXPECT_TRUE(findings().empty());
  model.weight.reset();
  EXPECT_EQ(finding().check, "column_new");
  model.features = {"price", "area"};
  EXPECT_TRUE(findings().empty());
}

TEST_F(ValidateSchema, LeavesTheExpectationAloneWhereAnySchemaWillDo) {
  model.data.schema = ExpectedSchema::any;
  columns.pop_back();
  EXPECT_TRUE(findings().empty());
  model.data.columns["area"] = {};
  EXPECT_EQ(finding().check, "column_missing");
}

TEST_F(ValidateSchema, SaysAColumnIsMissingOnceThoughTwoWantIt) {
  model.data.columns["area"] = {};
  model.data.unique = {"area"};
  columns.pop_back();
  EXPECT_EQ(finding().sentence, "the query does not return the column \"area\", which the data rules of power name");
}

TEST_F(ValidateSchema, HoldsTypesAgainstRulesInFullAndInShort) {
  for (const char* type : {"double precision", "float8", "FLOAT8", "float"}) {
    model.data.columns["price"].type = type;
    EXPECT_TRUE(findings().empty()) << type;
  }
  for (const char* type : {"real", "numeric", "text"}) {
    model.data.columns["price"].type = type;
    EXPECT_EQ(finding().check, "type");
    EXPECT_TRUE(finding().stops) << type;
  }
  learned.columns.clear();
  columns[2].sql_type = "numeric(10,2)";
  for (const char* type : {"numeric", "decimal", "numeric(10,2)", "decimal(10,2)"}) {
    model.data.columns["price"].type = type;
    EXPECT_TRUE(findings().empty()) << type;
  }
  model.data.columns["price"].type = "numeric(12,2)";
  EXPECT_EQ(finding().check, "type");
  model.data.columns.clear();
  columns[0].sql_type = "timestamp(3) with time zone";
  model.data.columns["ts"].type = "timestamptz";
  EXPECT_TRUE(findings().empty());
}

TEST_F(ValidateSchema, StopsForARuleThatCannotBeLookedAt) {
  learned.columns.clear();
  model.features = {"price"};
  model.data.columns["area"].type = "text";
  EXPECT_TRUE(findings().empty()) << "its type is known without reading it";
  model.data.columns["area"].max_null_share = 0.1;
  EXPECT_EQ(finding().check, "not_read");
  EXPECT_EQ(finding().kind, FindingKind::schema);
  EXPECT_TRUE(finding().stops);
  model.features = {"price", "area"};
  EXPECT_TRUE(findings().empty());
  model.data.columns["area"].min = 0;
  EXPECT_EQ(finding().check, "range");
  EXPECT_TRUE(finding().stops);
  model.data.columns.clear();
  model.data.columns["ts"].allowed = {"2024-01-01"};
  EXPECT_EQ(finding().check, "allowed");
}

TEST_F(ValidateSchema, CannotLookAtTheValuesOfAnEntityThatIsNoFeature) {
  learned.columns.clear();
  model.training.entity = "area";
  model.data.columns["area"].allowed = {"north"};
  EXPECT_EQ(finding().check, "not_read");
  settings::Gate gate;
  gate.slices = settings::Slices{};
  gate.slices->column = "area";
  model.validation.gates.push_back(gate);
  EXPECT_TRUE(findings().empty());
}

TEST_F(ValidateSchema, FindsWhatIsMissingInAQueryWithoutColumns) {
  columns.clear();
  const std::vector<Finding> all = findings();
  EXPECT_EQ(all.size(), 4U);
  for (const Finding& each : all) EXPECT_TRUE(each.stops);
}

}  // namespace
}  // namespace retraind::data
