// The schema as a whole: every statement of the code is understood by it, and every object says what it is for.
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/pg/registry/registry_scene.h"

namespace retraind::registry {
namespace {

using SchemaTest = testing::RegistryTest;

std::string read_file(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

// Every constant `constexpr const char* kName = R"sql(…)sql"` or `= "…"` of the files of a folder that holds a named
// statement, by file and constant.
std::map<std::string, std::string> statements_in(const std::filesystem::path& folder) {
  constexpr std::string_view kBegin = "constexpr const char* k";
  std::map<std::string, std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".cc") continue;
    const std::string source = read_file(entry.path());
    for (std::size_t at = source.find(kBegin); at != std::string::npos; at = source.find(kBegin, at + 1)) {
      const std::size_t equals = source.find('=', at);
      const std::size_t value = source.find_first_not_of(" \n", equals + 1);
      const std::string name(source, at + kBegin.size() - 1,
                             source.find(' ', at + kBegin.size()) - at - kBegin.size() + 1);
      const bool raw = source.compare(value, 6, "R\"sql(") == 0;
      const std::size_t begin = value + (raw ? 6 : 1);
      const std::string text = source.substr(begin, source.find(raw ? ")sql\"" : "\"", begin) - begin);
      if (raw || text.find("retraind:") != std::string::npos) out[entry.path().stem().string() + "." + name] = text;
    }
  }
  return out;
}

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

TEST_F(SchemaTest, PinsTheSearchPathOfEveryFunction) {
  EXPECT_EQ(ground.text("SELECT coalesce(string_agg(oid::regprocedure::text, ', '), '') FROM pg_proc "
                        "WHERE pronamespace = 'retraind'::regnamespace "
                        "AND NOT coalesce(proconfig, '{}') @> ARRAY['search_path=pg_catalog, pg_temp']"),
            "");
}

}  // namespace
}  // namespace retraind::registry
