// The schema as a whole: every statement of the code is understood by it, and every object says what it is for.
#include <filesystem>
#include <map>

#include "tests/pg/registry/registry_scene.h"
#include "tests/pg/registry/statements.h"

namespace retraind::registry {
namespace {

using SchemaTest = testing::RegistryTest;
using testing::read_file;
using testing::statements_in;

TEST_F(SchemaTest, UnderstandsEveryStatementOfTheCode) {
  std::map<std::string, std::string> statements;
  for (const char* module : {"registry", "runs", "doctor"}) {
    statements.merge(statements_in(std::filesystem::path(RETRAIND_SOURCE_DIR) / "core" / module));
  }
  EXPECT_GE(statements.size(), 30u);
  int count = 0;
  for (const auto& [place, text] : statements) {
    EXPECT_NO_THROW(ground.exec(fmt::format("PREPARE statement_{} AS {}", ++count, text))) << place;
  }
}

TEST_F(SchemaTest, KnowsEachStatementByANameOfItsOwn) {
  std::map<std::string, std::string> places;
  for (const char* module : {"registry", "runs", "doctor"}) {
    for (const auto& [place, text] : statements_in(std::filesystem::path(RETRAIND_SOURCE_DIR) / "core" / module)) {
      const std::string prefix = fmt::format("/* retraind:{}.", module);
      EXPECT_EQ(text.compare(0, prefix.size(), prefix), 0) << place << " does not begin with its name";
      const std::string name = text.substr(0, text.find("*/"));
      EXPECT_TRUE(places.emplace(name, place).second) << place << " and " << places[name] << " have one name";
    }
  }
}

TEST_F(SchemaTest, SaysWhatEachTableAndViewIsFor) {
  EXPECT_EQ(ground.text("SELECT coalesce(string_agg(relname, ', '), '') FROM pg_class WHERE relnamespace = "
                        "'retraind'::regnamespace AND relkind IN ('r', 'v', 'm', 'p') "
                        "AND obj_description(oid, 'pg_class') IS NULL"),
            "");
}

TEST_F(SchemaTest, SaysWhatEachColumnIsFor) {
  EXPECT_EQ(ground.text("SELECT coalesce(string_agg(c.relname || '.' || a.attname, ', '), '') FROM pg_class c "
                        "JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'retraind'::regnamespace "
                        "AND c.relkind IN ('r', 'v', 'm', 'p') AND a.attnum > 0 AND NOT a.attisdropped "
                        "AND col_description(c.oid, a.attnum) IS NULL"),
            "");
}

TEST_F(SchemaTest, SaysWhatEachFunctionIsFor) {
  EXPECT_EQ(ground.text("SELECT coalesce(string_agg(oid::regprocedure::text, ', '), '') FROM pg_proc "
                        "WHERE pronamespace = 'retraind'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL"),
            "");
}

// But for those whose body names what was looked up when they were made.
TEST_F(SchemaTest, PinsTheSearchPathOfEveryFunction) {
  EXPECT_EQ(ground.text("SELECT coalesce(string_agg(oid::regprocedure::text, ', '), '') FROM pg_proc "
                        "WHERE pronamespace = 'retraind'::regnamespace AND (prosqlbody IS NULL OR prosecdef) "
                        "AND NOT coalesce(proconfig, '{}') @> ARRAY['search_path=pg_catalog, pg_temp']"),
            "");
}

}  // namespace
}  // namespace retraind::registry
