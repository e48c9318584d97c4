// docs/sql.md against the schema: each view with its columns and their types, and each example.
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/pg/registry/registry_scene.h"

namespace retraind::registry {
namespace {

class DocumentationTest : public testing::RegistryTest {
 protected:
  static std::vector<std::string> lines() {
    std::ifstream file(std::filesystem::path(RETRAIND_SOURCE_DIR) / "docs" / "sql.md");
    std::vector<std::string> out;
    for (std::string line; std::getline(file, line);) out.push_back(line);
    return out;
  }
  std::string login_in(const std::string& group) {
    const std::string login = "login_" + ground.name() + "_" + group;
    ground.exec(fmt::format("DROP ROLE IF EXISTS {0}; CREATE ROLE {0} LOGIN; GRANT {1} TO {0}", login, group));
    return ground.conninfo() + " user=" + login;
  }
};

TEST_F(DocumentationTest, ListsTheColumnsOfEachViewInOrder) {
  std::map<std::string, std::string> described;
  std::string section;
  bool in_views = false;
  for (const std::string& line : lines()) {
    if (line.starts_with("## ")) in_views = line == "## Views";
    if (line.starts_with("### ")) section = line.substr(4);
    if (!in_views || !line.starts_with("| `")) continue;
    const std::size_t name_end = line.find('`', 3);
    const std::size_t type_end = line.find(" |", name_end + 4);
    described[section] +=
        line.substr(3, name_end - 3) + " " + line.substr(name_end + 4, type_end - name_end - 4) + "\n";
  }
  std::map<std::string, std::string> actual;
  for (const auto& row : ground.rows(
           "SELECT c.relname, string_agg(a.attname || ' ' || CASE a.atttypid::regtype::text WHEN 'timestamp with "
           "time zone' THEN 'timestamptz' ELSE a.atttypid::regtype::text END || chr(10), '' ORDER BY a.attnum) "
           "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
           "WHERE c.relnamespace = 'retraind'::regnamespace AND c.relkind = 'v' GROUP BY c.relname")) {
    actual[row.at(0).value()] = row.at(1).value();
  }
  EXPECT_GE(actual.size(), 16u);
  EXPECT_EQ(described, actual);
}

TEST_F(DocumentationTest, ShowsQueriesThatReadersCanRun) {
  const ModelId model = put();
  for (int i = 0; i < 2; ++i) run_to(RunState::promoted, model);
  run_to(RunState::shadowing, model);
  ground.exec("INSERT INTO retraind.trial_cluster SELECT trial_id, 0, 1, 2, 9, 9, -0.5, 0.5, 0.4 FROM retraind.trial");
  ground.exec("SELECT retraind.rollback('power', 'complaints')");
  testing::TestConnection reader(login_in("retraind_reader"));
  testing::TestConnection daemon(login_in("retraind_daemon"));
  testing::TestConnection person(login_in("retraind_operator"));
  int queries = 0;
  std::string block;
  bool inside = false;
  for (const std::string& line : lines()) {
    if (line == "```sql") {
      inside = true;
      block.clear();
    } else if (line == "```" && inside) {
      inside = false;
      const bool as_daemon = block.starts_with("-- as retraind_daemon");
      // What steers is undone again, and may be refused: there is no run 17 here. But each function must be known.
      const bool steers = block.find("SELECT retraind.") != std::string::npos;
      if (steers) {
        try {
          person.exec("BEGIN;" + block);
        } catch (const std::runtime_error& error) {
          EXPECT_TRUE(std::string_view(error.what()).starts_with("ERROR:  there is no ")) << block << error.what();
        }
        person.exec("ROLLBACK");
      }
      // What grants or listens is no query.
      if (steers || (!as_daemon && !block.starts_with("SELECT"))) continue;
      ++queries;
      EXPECT_NO_THROW((as_daemon ? daemon : reader).exec(block)) << block;
    } else if (inside) {
      block += line + "\n";
    }
  }
  EXPECT_GE(queries, 45);
}

}  // namespace
}  // namespace retraind::registry
