#include "core/data/schema.h"

#include <gtest/gtest.h>

#include "tests/unit/data/rows.h"

namespace retraind::data {
namespace {

using testing::Test;

settings::Gate gate_by(const std::string& column) {
  settings::Gate gate;
  gate.name = "by_" + column;
  gate.max_drop = 0.01;
  gate.slices = settings::Slices{};
  gate.slices->column = column;
  return gate;
}

class AssignRoles : public Test {
 protected:
  AssignRoles() {
    model.time_column = "ts";
    model.label = "up";
  }

  std::vector<SourceColumn> columns{number("day"), instant("ts"), boolean("up"), category("area"), number("price")};
  settings::Model model;
};

TEST_F(AssignRoles, TakesEveryOtherColumnAsAFeatureInTheQuerysOrder) {
  const Roles roles = assign_roles(columns, model);
  EXPECT_EQ(roles.time, 1U);
  EXPECT_EQ(roles.label, 2U);
  EXPECT_EQ(roles.features, (std::vector<std::size_t>{0, 3, 4}));
  EXPECT_FALSE(roles.cluster.has_value());
  EXPECT_EQ(read_order(roles), (std::vector<std::size_t>{1, 2, 0, 3, 4}));
}

TEST_F(AssignRoles, KeepsTheQuerysOrderWhenFeaturesAreListedInAnother) {
  model.features = {"price", "day"};
  EXPECT_EQ(assign_roles(columns, model).features, (std::vector<std::size_t>{0, 4}));
}

TEST_F(AssignRoles, KeepsTheClusterColumnOutOfTheFeaturesUnlessItIsListed) {
  model.validation.cluster = settings::ClusterColumn{"area"};
  Roles roles = assign_roles(columns, model);
  EXPECT_EQ(roles.features, (std::vector<std::size_t>{0, 4}));
  EXPECT_EQ(roles.cluster, 3U);
  EXPECT_EQ(read_order(roles), (std::vector<std::size_t>{1, 2, 0, 4, 3}));
  model.features = {"area", "day"};
  roles = assign_roles(columns, model);
  EXPECT_EQ(roles.features, (std::vector<std::size_t>{0, 3}));
  EXPECT_EQ(roles.cluster, 3U);
}

TEST_F(AssignRoles, KeepsWeightAndEntityOutOfTheFeaturesUnlessTheyAreListed) {
  columns.push_back(number("w"));
  model.weight = "w";
  model.training.entity = "area";
  Roles roles = assign_roles(columns, model);
  EXPECT_EQ(roles.features, (std::vector<std::size_t>{0, 4}));
  EXPECT_EQ(roles.weight, 5U);
  EXPECT_EQ(roles.entity, 3U);
  EXPECT_EQ(read_order(roles), (std::vector<std::size_t>{1, 2, 0, 4, 5, 3}));
  model.features = {"w", "area"};
  roles = assign_roles(columns, model);
  EXPECT_EQ(roles.features, (std::vector<std::size_t>{3, 5}));
  EXPECT_EQ(read_order(roles), (std::vector<std::size_t>{1, 2, 3, 5, 5, 3})) << "read once for each duty";
}

TEST_F(AssignRoles, ReadsSlicesLastAndOnlyThoseThatAreNoFeatures) {
  model.validation.gates = {gate_by("area"), gate_by("day"), gate_by("area")};
  Roles roles = assign_roles(columns, model);
  EXPECT_EQ(roles.features, (std::vector<std::size_t>{0, 3, 4})) << "a slice column is a feature as any other";
  EXPECT_TRUE(roles.slices.empty());
  model.features = {"price"};
  roles = assign_roles(columns, model);
  EXPECT_EQ(roles.features, (std::vector<std::size_t>{4}));
  EXPECT_EQ(roles.slices, (std::vector<std::size_t>{0, 3})) << "each once, in the query's order";
  EXPECT_EQ(read_order(roles), (std::vector<std::size_t>{1, 2, 4, 0, 3}));
  model.features.clear();
  model.validation.cluster = settings::ClusterColumn{"area"};
  roles = assign_roles(columns, model);
  EXPECT_EQ(roles.slices, (std::vector<std::size_t>{3})) << "a cluster column is no feature";
  EXPECT_EQ(read_order(roles), (std::vector<std::size_t>{1, 2, 0, 4, 3, 3}));
}

TEST_F(AssignRoles, GoesOnWithoutASliceColumnThatVanished) {
  model.validation.gates = {gate_by("region")};
  EXPECT_TRUE(assign_roles(columns, model).slices.empty());
}

TEST_F(AssignRoles, RefusesWeightsEntitiesAndSlicesThatCannotBe) {
  model.weight = "wieght";
  model.training.entity = "aera";
  std::string complaint = complaint_of([&] { assign_roles(columns, model); });
  EXPECT_NE(complaint.find("the query does not return the weight column \"wieght\""), std::string::npos) << complaint;
  EXPECT_NE(complaint.find("the entity column \"aera\", nearest is \"area\""), std::string::npos) << complaint;

  columns.push_back(instant("sold_at"));
  model.features = {"day"};
  model.weight = "area";
  model.training.entity = "up";
  model.validation.gates = {gate_by("sold_at"), gate_by("up")};
  complaint = complaint_of([&] { assign_roles(columns, model); });
  for (const char* part :
       {"the weight column \"area\" is text, and a weight is a number", "\"area\"::float8 AS \"area\"",
        "the label \"up\" cannot be the entity column as well", "the label \"up\" cannot be a slice column as well",
        "the slice column \"sold_at\" is timestamp with time zone, and rows are not sliced by instants"}) {
    EXPECT_NE(complaint.find(part), std::string::npos) << part << "\nnot in: " << complaint;
  }
  model = settings::Model();
  model.time_column = "ts";
  model.label = "price";
  model.weight = "price";
  EXPECT_NE(complaint_of([&] { assign_roles(columns, model); }).find("\"price\" cannot be the weight column as well"),
            std::string::npos);
}

TEST_F(AssignRoles, NamesTheNearestColumnAndAllThatTheQueryReturns) {
  model.label = "upp";
  EXPECT_EQ(
      complaint_of([&] { assign_roles(columns, model); }),
      "the query does not return the label column \"upp\", nearest is \"up\"; it returns day, ts, up, area, price");
}

TEST_F(AssignRoles, ProposesNoNameThatIsFarFromTheOneWanted) {
  model.time_column = "measured_at";
  EXPECT_EQ(complaint_of([&] { assign_roles(columns, model); }),
            "the query does not return the time column \"measured_at\"; it returns day, ts, up, area, price");
}

TEST_F(AssignRoles, SaysAllThatIsWrongAtOnce) {
  columns.push_back(number("price"));
  columns.push_back(instant("sold_at"));
  model.task = Task::regression;
  model.features = {"dya", "sold_at", "up", "price"};
  model.validation.cluster = settings::ClusterColumn{"aera"};
  const std::string complaint = complaint_of([&] { assign_roles(columns, model); });
  for (const char* part :
       {"the query returns the column \"price\" 2 times", "the label \"up\" is boolean, and regression needs a number",
        "the cluster column \"aera\", nearest is \"area\"", "the feature column \"dya\", nearest is \"day\"",
        "the feature \"sold_at\" is timestamp with time zone, and an instant is no feature",
        "the label \"up\" is listed as a feature", "extract(epoch FROM \"sold_at\") AS \"sold_at\""}) {
    EXPECT_NE(complaint.find(part), std::string::npos) << part << "\nnot in: " << complaint;
  }
}

TEST_F(AssignRoles, DoesNotBlameTheColumnThatAMisspeltNameMeantForBeingNoFeature) {
  model.time_column = "tss";
  const std::string complaint = complaint_of([&] { assign_roles(columns, model); });
  EXPECT_EQ(complaint.find("is no feature"), std::string::npos) << complaint;
}

TEST_F(AssignRoles, RefusesATimeColumnThatIsNoInstantOrNumber) {
  model.time_column = "area";
  model.features = {"day"};
  EXPECT_EQ(complaint_of([&] { assign_roles(columns, model); }),
            "the time column \"area\" is text, which is neither an instant nor a number (cast it in the query, as in "
            "\"area\"::timestamptz AS \"area\")");
  model.time_column = "day";
  EXPECT_EQ(assign_roles(columns, model).time, 0U) << "a number that grows is a time axis";
}

TEST_F(AssignRoles, AcceptsEveryLabelThatSuitsTheTask) {
  model.features = {"day"};
  for (const char* label : {"up", "area", "price"}) {
    model.label = label;
    model.task = Task::binary;
    EXPECT_NO_THROW(assign_roles(columns, model)) << label;
    model.task = Task::multiclass;
    EXPECT_NO_THROW(assign_roles(columns, model)) << label;
  }
  model.task = Task::regression;
  model.label = "price";
  EXPECT_NO_THROW(assign_roles(columns, model));
  model.label = "area";
  EXPECT_THROW(assign_roles(columns, model), DataError);
}

TEST_F(AssignRoles, RefusesAnInstantAsTheLabelOfAnyTask) {
  columns.push_back(instant("due"));
  model.label = "due";
  model.features = {"day"};
  for (const Task task : {Task::binary, Task::multiclass, Task::regression}) {
    model.task = task;
    EXPECT_THROW(assign_roles(columns, model), DataError);
  }
}

TEST_F(AssignRoles, RefusesOneColumnForTheTimeAndTheLabel) {
  model.time_column = "day";
  model.label = "day";
  EXPECT_NE(complaint_of([&] { assign_roles(columns, model); }).find("\"day\" is both the time and the label"),
            std::string::npos);
}

TEST_F(AssignRoles, RefusesAQueryWithoutFeatures) {
  columns = {instant("ts"), boolean("up"), category("area")};
  model.validation.cluster = settings::ClusterColumn{"area"};
  EXPECT_EQ(complaint_of([&] { assign_roles(columns, model); }),
            "no feature is left: the query returns only the time, the label and the cluster column");
  model.validation.cluster = settings::ClusterAuto{};
  columns.push_back(number("w"));
  model.weight = "w";
  model.training.entity = "area";
  EXPECT_EQ(complaint_of([&] { assign_roles(columns, model); }),
            "no feature is left: the query returns only the time, the label, the weight column and the entity column");
}

TEST_F(AssignRoles, SaysSoWhenTheQueryReturnsNothing) {
  const std::string complaint = complaint_of([&] { assign_roles({}, model); });
  EXPECT_NE(complaint.find("it returns no column"), std::string::npos) << complaint;
}

TEST_F(AssignRoles, CountsTheColumnsOfAVeryWideQueryInsteadOfListingThem) {
  for (int i = 0; i < 1000; ++i) columns.push_back(number("x" + std::to_string(i)));
  model.label = "nothing_like_it";
  const std::string complaint = complaint_of([&] { assign_roles(columns, model); });
  EXPECT_NE(complaint.find("and 965 more"), std::string::npos) << complaint;
  EXPECT_LT(complaint.size(), 500U);
}

TEST(Describe, GivesNameTypeAndDutyOfTheColumnsThatAreRead) {
  const std::vector<SourceColumn> columns{number("day"), instant("ts"), boolean("up"), category("Area, \"new\""),
                                          number("unused")};
  Roles roles{
      .time = 1, .label = 2, .features = {0, 3}, .cluster = {}, .weight = {}, .entity = {}, .slices = {}, .keys = {}};
  EXPECT_EQ(describe(columns, roles),
            "day number(double precision), ts instant(timestamp with time zone) as time, up boolean(boolean) as label, "
            "\"Area, \"\"new\"\"\" category(text)");
  roles = {.time = 0, .label = 2, .features = {3}, .cluster = 3, .weight = {}, .entity = {}, .slices = {}, .keys = {}};
  EXPECT_EQ(describe(columns, roles),
            "day number(double precision) as time, up boolean(boolean) as label, "
            "\"Area, \"\"new\"\"\" category(text) as feature and cluster");
}

TEST(Describe, TellsWeightsAndEntitiesAndWhatIsReadForSlicesAlone) {
  const std::vector<SourceColumn> columns{instant("ts"), boolean("up"),   number("x"),
                                          number("w"),   category("who"), category("region")};
  Roles roles{
      .time = 0, .label = 1, .features = {2}, .cluster = {}, .weight = 3, .entity = 4, .slices = {5}, .keys = {}};
  EXPECT_EQ(describe(columns, roles),
            "ts instant(timestamp with time zone) as time, up boolean(boolean) as label, x number(double precision), "
            "w number(double precision) as weight, who category(text) as entity, region category(text) as slice");
  roles = {
      .time = 0, .label = 1, .features = {2, 3, 4}, .cluster = 4, .weight = 3, .entity = 4, .slices = {4}, .keys = {}};
  EXPECT_EQ(describe(columns, roles),
            "ts instant(timestamp with time zone) as time, up boolean(boolean) as label, x number(double precision), "
            "w number(double precision) as feature and weight, "
            "who category(text) as feature and cluster and entity and slice");
}

TEST(Describe, LeavesTheSchemaAsItWasWhereAGateSlicesByAFeature) {
  const std::vector<SourceColumn> columns{instant("ts"), boolean("up"), category("region")};
  settings::Model model;
  model.time_column = "ts";
  model.label = "up";
  const std::string before = describe(columns, assign_roles(columns, model));
  model.validation.gates = {gate_by("region")};
  const Roles roles = assign_roles(columns, model);
  EXPECT_EQ(describe(columns, roles), before);
  EXPECT_EQ(read_order(roles), (std::vector<std::size_t>{0, 1, 2}));
}

TEST(TimeAxisOf, IsAnInstantOrANumberAndNothingElse) {
  EXPECT_EQ(time_axis(ValueType::instant), TimeAxis::instant);
  EXPECT_EQ(time_axis(ValueType::number), TimeAxis::number);
  EXPECT_THROW(time_axis(ValueType::category), std::logic_error);
  EXPECT_THROW(time_axis(ValueType::boolean), std::logic_error);
}

}  // namespace
}  // namespace retraind::data
