// docs/sql.md against the schema: each view with its columns and their types; and each example of SQL in any page.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
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

// One ```sql block of a page.
struct Block {
  std::string page;
  int line = 0;
  std::string text;
};

std::vector<Block> blocks() {
  const std::filesystem::path tree = RETRAIND_SOURCE_DIR;
  std::vector<std::filesystem::path> pages = {tree / "README.md"};
  for (const auto& entry : std::filesystem::directory_iterator(tree / "docs")) {
    if (entry.path().extension() == ".md") pages.push_back(entry.path());
  }
  std::sort(pages.begin(), pages.end());
  std::vector<Block> out;
  for (const auto& page : pages) {
    std::ifstream file(page);
    bool inside = false;
    int number = 0;
    for (std::string line; std::getline(file, line);) {
      ++number;
      if (line == "```sql") {
        inside = true;
        out.push_back({page.filename().string(), number, ""});
      } else if (line.starts_with("```")) {
        inside = false;
      } else if (inside) {
        out.back().text += line + "\n";
      }
    }
  }
  return out;
}

// A statement ends with the ';' at the end of a line, whatever comment follows there.
std::vector<std::string> statements(const std::string& block) {
  std::vector<std::string> out(1);
  std::istringstream lines(block);
  for (std::string line; std::getline(lines, line);) {
    const std::string code = line.substr(0, line.find("--"));
    out.back() += line + "\n";
    const auto end = code.find_last_not_of(' ');
    if (end != std::string::npos && code[end] == ';') out.emplace_back();
  }
  while (!out.empty() && out.back().find_first_not_of(" \n") == std::string::npos) out.pop_back();
  return out;
}

std::string code_of(const std::string& statement) {
  std::string out;
  std::istringstream lines(statement);
  for (std::string line; std::getline(lines, line);) out += line.substr(0, line.find("--")) + "\n";
  const auto begin = out.find_first_not_of(" \n");
  return begin == std::string::npos ? std::string() : out.substr(begin);
}

// Runs each example as the role that its page says, in a transaction that is rolled back. The registry is one in which
// the runs, versions and announcements are there that the examples speak of.
class ExamplesTest : public DocumentationTest {
 protected:
  void SetUp() override {
    settings::Model sea = testing::make_model("sea");
    sea.release.directory = "/srv/models/sea";
    sea.release.on_promote = {"/bin/true"};
    sea.release.webhook = "https://example.com/hooks/retraind";
    const ModelId of_sea = put(sea);
    run_to(RunState::promoted, of_sea, "manual", start - testing::hours(3));
    run_to(RunState::promoted, of_sea, "manual", start - testing::hours(2));
    ground.exec("SELECT retraind.rollback('sea', 'complaints')");
    run_to(RunState::promoted, of_sea, "manual", clock());
    const ModelId of_power = put();
    for (int i = 0; i < 2; ++i) run_to(RunState::promoted, of_power, "manual", clock());
    run_to(RunState::shadowing, of_power, "manual", clock());
    ground.exec(
        "INSERT INTO retraind.trial_cluster SELECT trial_id, 0, 1, 2, 9, 9, -0.5, 0.5, 0.4 FROM retraind.trial");
    RunId last{};
    while (number(last) < 17) last = run_to(RunState::rejected, of_power, "manual", clock());
    ASSERT_EQ(number(last), 17);
    ASSERT_EQ(ground.text("SELECT count(*) FROM retraind.release_history WHERE release_id IN (5, 12) AND state = "
                          "'waiting'"),
              "2");
    for (const char* role : {"grafana", "alice", "serving"}) {
      ground.exec(fmt::format("DROP ROLE IF EXISTS {0}; CREATE ROLE {0}", role));
    }
    // A table of the user's, for the one example that reads a source.
    ground.exec("CREATE TABLE electricity (ts timestamptz, day int, period real, price real, up int)");
    ground.exec("GRANT SELECT ON electricity TO PUBLIC");
  }
  void TearDown() override {
    for (const char* role : {"grafana", "alice", "serving"}) ground.exec(fmt::format("DROP ROLE {}", role));
  }
  TimePoint clock() { return parse_instant(ground.text("SELECT clock_timestamp()")).value(); }

  // "-- as ROLE" on the first line says who; else steering is an operator's, making roles the owner's, and all the rest
  // a reader's.
  static std::string role_of(const std::string& statement) {
    constexpr std::string_view kAs = "-- as ";
    if (statement.starts_with(kAs)) return statement.substr(kAs.size(), statement.find('\n') - kAs.size());
    const std::string code = code_of(statement);
    if (code.starts_with("CREATE ROLE") || code.starts_with("GRANT")) return "owner";
    return code.starts_with("SELECT retraind.") ? "retraind_operator" : "retraind_reader";
  }
};

TEST_F(ExamplesTest, RunAsTheRoleThatThePageSays) {
  std::map<std::string, std::unique_ptr<testing::TestConnection>> connections;
  connections["owner"] = std::make_unique<testing::TestConnection>(ground.conninfo());
  for (const char* group : {"retraind_reader", "retraind_operator", "retraind_daemon"}) {
    connections[group] = std::make_unique<testing::TestConnection>(login_in(group));
  }
  for (auto& [role, connection] : connections) connection->exec("BEGIN");
  std::map<std::string, int> ran;
  for (const Block& block : blocks()) {
    for (const std::string& statement : statements(block.text)) {
      const std::string role = role_of(statement);
      ASSERT_TRUE(connections.contains(role)) << block.page << ":" << block.line << ": no such role: " << role;
      testing::TestConnection& connection = *connections.at(role);
      std::string sql = statement;
      // The database that a page calls "retraind" is this test's.
      if (const auto at = sql.find("ON DATABASE retraind "); at != std::string::npos) {
        sql.replace(at, 21, "ON DATABASE " + ground.name() + " ");
      }
      // "-- error: WORDS" above it: what the server answers.
      const auto said = statement.find("-- error: ");
      const std::string expected =
          said == std::string::npos ? "" : statement.substr(said + 10, statement.find('\n', said) - said - 10);
      std::string answer;
      connection.exec("SAVEPOINT example");
      try {
        connection.exec(sql);
        ++ran[block.page];
      } catch (const std::runtime_error& error) {
        answer = error.what();
        connection.exec("ROLLBACK TO SAVEPOINT example");
      }
      // The groups are there, or no example could run.
      const bool is_there = sql.starts_with("CREATE ROLE retraind_") && answer.find("already exists") != answer.npos;
      if (expected.empty()) {
        EXPECT_TRUE(answer.empty() || is_there) << block.page << ":" << block.line << " as " << role << ": " << answer;
      } else {
        EXPECT_NE(answer.find(expected), std::string::npos) << block.page << ":" << block.line << ": " << answer;
      }
    }
  }
  for (auto& [role, connection] : connections) connection->exec("ROLLBACK");
  EXPECT_GE(ran["sql.md"], 60);
  EXPECT_GE(ran["operations.md"], 6);
  EXPECT_GE(ran["README.md"], 5);
}

}  // namespace
}  // namespace retraind::registry
