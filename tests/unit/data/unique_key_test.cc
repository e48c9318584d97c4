#include <gtest/gtest.h>

#include "core/data/row_order.h"
#include "core/data/schema.h"
#include "core/data/table.h"
#include "tests/unit/data/rows.h"

namespace retraind::data {
namespace {

TEST(UniqueKey, IsReadBehindAllOthersWhereItIsNothingElse) {
  const std::vector<SourceColumn> columns{category("id"), instant("ts"), boolean("up"), number("price")};
  settings::Model model;
  model.time_column = "ts";
  model.label = "up";
  model.features = {"price"};
  model.data.unique = {"ts", "id", "gone"};
  const Roles roles = assign_roles(columns, model);
  EXPECT_EQ(roles.keys, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(read_order(roles), (std::vector<std::size_t>{1, 2, 3, 0}));
  EXPECT_EQ(describe(columns, roles),
            "id category(text) as key, ts instant(timestamp with time zone) as time, up boolean(boolean) as label, "
            "price number(double precision)");
}

TEST(UniqueKey, DoesNotChangeWhatIsTrainedOn) {
  const std::vector<SourceColumn> columns{category("id"), instant("ts"), boolean("up"), number("price")};
  settings::Model model;
  model.time_column = "ts";
  model.label = "up";
  const Roles without = assign_roles(columns, model);
  model.data.unique = {"id"};
  const Roles with = assign_roles(columns, model);
  EXPECT_EQ(with.features, without.features);
  EXPECT_EQ(read_order(with), read_order(without));
  EXPECT_EQ(describe(columns, with), describe(columns, without));
}

// Rows of (time, label, feature, text of the key, number of the key).
Table keyed(const std::vector<Row>& rows, const std::string& type = "double precision") {
  const std::vector<SourceColumn> columns{
      instant("ts"), boolean("up"), number("x"), category("a"), {"b", type, ValueType::number}};
  Build how;
  how.roles = roles_in_order(3);
  how.roles->keys = {3, 4};
  return build_table(columns, rows, how);
}

TEST(UniqueKey, IsTheSameForEqualValuesAndForNoOthers) {
  const Table table = keyed({{1.0, 0.0, 1.0, "a", 1.0},
                             {2.0, 0.0, 2.0, "a", 1.0},
                             {3.0, 0.0, 3.0, "a", 2.0},
                             {4.0, 0.0, 4.0, Null{}, 0.0},
                             {5.0, 0.0, 5.0, Null{}, -0.0},
                             {6.0, 0.0, 6.0, "", 0.0},
                             {7.0, 0.0, 7.0, "a", Null{}},
                             {8.0, 0.0, 8.0, "a", kNan},
                             {9.0, 0.0, 9.0, "a", -kNan}});
  ASSERT_EQ(table.keys.size(), 9U);
  EXPECT_EQ(table.keys[0], table.keys[1]);
  EXPECT_NE(table.keys[0], table.keys[2]);
  EXPECT_EQ(table.keys[3], table.keys[4]) << "one zero, and NULL is a value";
  EXPECT_NE(table.keys[3], table.keys[5]) << "an empty text is not NULL";
  EXPECT_NE(table.keys[6], table.keys[7]) << "nor is a NaN";
  EXPECT_EQ(table.keys[7], table.keys[8]);
  EXPECT_FALSE(table.vague_keys);
}

TEST(UniqueKey, IsVagueWhereADoubleStandsForSeveralWholeNumbers) {
  EXPECT_FALSE(keyed({{1.0, 0.0, 1.0, "a", 0x1p53 - 1}}, "bigint").vague_keys);
  EXPECT_TRUE(keyed({{1.0, 0.0, 1.0, "a", 0x1p53}}, "bigint").vague_keys);
  EXPECT_FALSE(keyed({{1.0, 0.0, 1.0, "a", 0x1p53}}).vague_keys);
}

TEST(UniqueKey, StaysWithItsRow) {
  const std::vector<Row> ascending{{1.0, 0.0, 1.0, "a", 1.0}, {2.0, 0.0, 2.0, "b", 1.0}, {3.0, 0.0, 3.0, "c", 1.0}};
  const std::vector<Row> mixed{ascending[2], ascending[0], ascending[1]};
  EXPECT_EQ(keyed(mixed).keys, keyed(ascending).keys);
  Table table = keyed(ascending);
  const std::vector<UniqueKey> before = table.keys;
  reorder_rows(table, {2, 0, 1});
  EXPECT_EQ(table.keys, (std::vector<UniqueKey>{before[2], before[0], before[1]}));
}

TEST(UniqueKey, LeavesTheSliceColumnsBeforeItWhereTheyAre) {
  const std::vector<SourceColumn> columns{instant("ts"), boolean("up"), number("x"), category("area"), category("id")};
  Build how;
  how.roles = roles_in_order(3);
  how.roles->slices = {3};
  how.roles->keys = {4};
  const Table table = build_table(columns, {{1.0, 0.0, 1.0, "north", "1"}, {2.0, 0.0, 1.0, "south", "2"}}, how);
  ASSERT_EQ(table.slices.size(), 1U);
  EXPECT_EQ(table.slices[0].name, "area");
  EXPECT_EQ(std::get<CategoryColumn>(table.slices[0].values).levels, (std::vector<std::string>{"north", "south"}));
  EXPECT_NE(table.keys[0], table.keys[1]);
}

}  // namespace
}  // namespace retraind::data
