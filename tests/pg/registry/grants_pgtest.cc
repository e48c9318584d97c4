// Who may do what, all of it: every role with every object of the schema, against grants.txt beside this file. A new
// object without a line there fails; RETRAIND_REWRITE=1 writes the file anew, to be read before it is committed.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "tests/pg/registry/registry_scene.h"

namespace retraind::registry {
namespace {

const std::filesystem::path kFile =
    std::filesystem::path(RETRAIND_SOURCE_DIR) / "tests" / "pg" / "registry" / "grants.txt";

constexpr const char* kHead =
    "# What each role may do with each object of the schema retraind, held against the catalog by grants_pgtest.cc.\n"
    "#   r SELECT   a INSERT   w UPDATE   d DELETE   D TRUNCATE   x REFERENCES   t TRIGGER\n"
    "#   X EXECUTE  U USAGE    C CREATE   - nothing\n"
    "# The owner of the schema owns all of them. A stranger is a login without any of the groups: what is PUBLIC's.\n";

// Letters as in psql's \dp, for one object and one role.
constexpr const char* kMatrix = R"sql(
WITH role (place, name) AS (VALUES (1, 'retraind_reader'), (2, 'retraind_operator'), (3, 'retraind_daemon'), (4, 'STRANGER')),
object AS (
  SELECT 1 AS place, 'schema' AS kind, nspname::text AS name, oid FROM pg_namespace WHERE nspname = 'retraind'
  UNION ALL
  SELECT CASE relkind WHEN 'v' THEN 2 WHEN 'S' THEN 4 ELSE 3 END,
         CASE relkind WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' WHEN 'r' THEN 'table' ELSE 'relation of kind ' || relkind::text END,
         relname::text, oid
    FROM pg_class WHERE relnamespace = 'retraind'::regnamespace AND relkind NOT IN ('i', 'I', 'c', 't')
  UNION ALL
  SELECT 5, 'function', proname || '(' || oidvectortypes(proargtypes) || ')', oid
    FROM pg_proc WHERE pronamespace = 'retraind'::regnamespace),
privilege (place, letter, word) AS (VALUES (1, 'r', 'SELECT'), (2, 'a', 'INSERT'), (3, 'w', 'UPDATE'), (4, 'd', 'DELETE'),
  (5, 'D', 'TRUNCATE'), (6, 'x', 'REFERENCES'), (7, 't', 'TRIGGER'), (8, 'X', 'EXECUTE'), (9, 'U', 'USAGE'), (10, 'C', 'CREATE')),
held AS (
  SELECT o.place, o.kind, o.name, r.place AS role,
         coalesce(nullif(string_agg(CASE
           WHEN o.kind = 'schema' THEN CASE WHEN p.letter IN ('U', 'C') AND has_schema_privilege(r.name, o.oid, p.word) THEN p.letter END
           WHEN o.kind = 'function' THEN CASE WHEN p.letter = 'X' AND has_function_privilege(r.name, o.oid, p.word) THEN p.letter END
           WHEN o.kind = 'sequence' THEN CASE WHEN p.letter IN ('r', 'w', 'U') AND has_sequence_privilege(r.name, o.oid, p.word) THEN p.letter END
           WHEN p.place <= 7 AND has_table_privilege(r.name, o.oid, p.word) THEN p.letter END, '' ORDER BY p.place), ''), '-') AS letters
    FROM object o CROSS JOIN role r CROSS JOIN privilege p GROUP BY o.place, o.kind, o.name, r.place)
SELECT kind || ' ' || name, string_agg(letters, ' ' ORDER BY role) FROM held GROUP BY place, kind, name ORDER BY place, name
)sql";

// Functions that act with the owner's rights, and why each must.
const std::map<std::string, std::string> kActForTheOwner = {
    {"approve", "operators move production, and write no table by themselves"},
    {"cancel", "operators end runs, and write no table by themselves"},
    {"lift_quarantine", "operators end a quarantine, and write no table by themselves"},
    {"pause", "operators change the state of a model alone, and no other column of it"},
    {"production_at", "readers ask about the past, and read no table"},
    {"record_signal", "operators add a value, and neither change nor remove one"},
    {"reject", "operators end runs, and write no table by themselves"},
    {"remove_expired", "daemons let go what the policies no longer keep, and delete no history by themselves"},
    {"request_run", "operators queue a run under the model's lock, and write no table by themselves"},
    {"resume", "operators change the state of a model alone, and no other column of it"},
    {"retry_release", "operators let an announcement be tried, and write no table by themselves"},
    {"rollback", "operators move production, and write no table by themselves"},
    {"skip_release", "operators give an announcement up, and write no table by themselves"},
};

class GrantsTest : public testing::RegistryTest {
 protected:
  std::string login(const std::string& name, const std::string& group) {
    const std::string role = "grants_" + ground.name() + "_" + name;
    ground.exec(fmt::format("DROP ROLE IF EXISTS {0}; CREATE ROLE {0} LOGIN", role));
    if (!group.empty()) ground.exec(fmt::format("GRANT {} TO {}", group, role));
    return role;
  }
  testing::TestConnection as(const std::string& name, const std::string& group) {
    return testing::TestConnection(ground.conninfo() + " user=" + login(name, group));
  }
};

TEST_F(GrantsTest, AreThoseOfTheMatrixForEveryObject) {
  std::string matrix = kMatrix;
  const std::string stranger = login("stranger", "");
  matrix.replace(matrix.find("STRANGER"), 8, stranger);
  std::vector<std::vector<std::string>> rows = {{"object", "reader", "operator", "daemon", "stranger"}};
  std::size_t width = 0;
  for (const auto& row : ground.rows(matrix)) {
    auto& words = rows.emplace_back();
    words.push_back(row.at(0).value());
    width = std::max(width, words[0].size());
    std::istringstream letters(row.at(1).value());
    for (std::string word; letters >> word;) words.push_back(word);
    ASSERT_EQ(words.size(), 5u) << words[0];
  }
  EXPECT_GT(rows.size(), 100u);
  std::string found = kHead;
  for (const auto& row : rows) {
    found += fmt::format("{:<{}}  {:<8}{:<10}{:<8}{}\n", row[0], width, row[1], row[2], row[3], row[4]);
  }
  if (std::getenv("RETRAIND_REWRITE") != nullptr) std::ofstream(kFile) << found;
  std::ifstream file(kFile);
  const std::string expected{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(expected, found);
}

TEST_F(GrantsTest, GiveThePublicNothing) {
  EXPECT_EQ(ground.text(R"sql(
SELECT coalesce(string_agg(name, ', '), '') FROM (
  SELECT relname::text AS name FROM pg_class, aclexplode(coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))) a
   WHERE relnamespace = 'retraind'::regnamespace AND relkind NOT IN ('i', 'I', 'c', 't') AND a.grantee = 0
  UNION ALL
  SELECT proname FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) a
   WHERE pronamespace = 'retraind'::regnamespace AND a.grantee = 0
  UNION ALL
  SELECT nspname FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) a
   WHERE nspname = 'retraind' AND a.grantee = 0) everybody)sql"),
            "");
  // What a later migration makes without a word about it must not become everybody's either.
  EXPECT_EQ(ground.text(
                "SELECT coalesce(string_agg(format('%s.%s %s', c.relname, a.attname, a.attacl), ', '), '') LIKE "
                "'artifact.removed_at {retraind_daemon=w/%}' FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid "
                "WHERE c.relnamespace = 'retraind'::regnamespace AND a.attacl IS NOT NULL"),
            "t")
      << "a right to single columns is not in the matrix; the one there is lets a daemon store removed bytes again";
}

TEST_F(GrantsTest, LeaveEverythingWithOneOwner) {
  EXPECT_EQ(
      ground.text("SELECT count(DISTINCT owner) FROM (SELECT relowner AS owner FROM pg_class WHERE relnamespace = "
                  "'retraind'::regnamespace UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace = "
                  "'retraind'::regnamespace UNION ALL SELECT nspowner FROM pg_namespace WHERE nspname = "
                  "'retraind') o"),
      "1");
}

TEST_F(GrantsTest, FunctionsThatActForTheOwnerAreFewAndCannotBeLedAstray) {
  std::map<std::string, std::string> found;
  for (const auto& row : ground.rows("SELECT proname, coalesce(array_to_string(proconfig, ';'), '') FROM pg_proc "
                                     "WHERE pronamespace = 'retraind'::regnamespace AND prosecdef")) {
    const std::string name = row.at(0).value();
    EXPECT_TRUE(kActForTheOwner.contains(name)) << name << " acts with the owner's rights, and nobody says why";
    // pg_temp last: otherwise a caller's temporary table of the same name would be taken first.
    EXPECT_EQ(row.at(1), "search_path=pg_catalog, pg_temp") << name;
    found[name] = "";
  }
  EXPECT_EQ(found.size(), kActForTheOwner.size());
  EXPECT_EQ(ground.text("SELECT count(*) FROM pg_proc WHERE pronamespace = 'retraind'::regnamespace AND prosecdef AND "
                        "proowner <> (SELECT nspowner FROM pg_namespace WHERE nspname = 'retraind')"),
            "0");
}

TEST_F(GrantsTest, ReallyKeepAStrangerOut) {
  put();
  auto stranger = as("stranger", "");
  for (const char* sql : {"SELECT * FROM retraind.production", "SELECT * FROM retraind.model",
                          "SELECT retraind.pause('power', 'because')", "SELECT retraind.event_instant('instant', 0)",
                          "SELECT nextval('retraind.lease_term')", "CREATE TABLE retraind.mine ()"}) {
    EXPECT_CONTAINS(refusal(stranger, sql), "permission denied for schema retraind");
  }
}

TEST_F(GrantsTest, ReallyKeepReadersFromSteeringAndFromTables) {
  const RunId run = run_to(RunState::awaiting_approval, put());
  auto reader = as("reader", "retraind_reader");
  EXPECT_EQ(reader.text("SELECT state FROM retraind.run_history"), "awaiting_approval");
  for (const std::string& call :
       {fmt::format("approve({}, 'x')", number(run)), fmt::format("reject({}, 'x')", number(run)),
        fmt::format("cancel({}, 'x')", number(run)), std::string("request_run('power', 'x')"),
        std::string("rollback('power', 'x')"), std::string("pause('power', 'x')"), std::string("resume('power')"),
        std::string("record_signal('s', 1)"), std::string("lift_quarantine('power', 1, 'x')"),
        std::string("skip_release(1, 'x')"), std::string("retry_release(1)")}) {
    EXPECT_CONTAINS(refusal(reader, "SELECT retraind." + call), "permission denied for function");
  }
  for (const char* table : {"configuration", "run_log", "artifact_chunk", "daemon", "signal", "run", "model"}) {
    EXPECT_CONTAINS(refusal(reader, fmt::format("SELECT * FROM retraind.{}", table)), "permission denied for table");
  }
  // A view that one may read is no way to write.
  EXPECT_NE(refusal(reader, "DELETE FROM retraind.gate_result"), "");
  EXPECT_EQ(run_text(run, "state"), "awaiting_approval");
}

TEST_F(GrantsTest, ReallyLetOperatorsSteerAndNothingElse) {
  const RunId run = run_to(RunState::awaiting_approval, put());
  auto person = as("operator", "retraind_operator");
  person.exec(fmt::format("SELECT retraind.approve({}, 'looks good')", number(run)));
  EXPECT_EQ(person.text("SELECT version FROM retraind.production"), "1");
  for (const char* sql :
       {"UPDATE retraind.run SET state = 'promoted'", "INSERT INTO retraind.signal VALUES ('s', now(), 1)",
        "DELETE FROM retraind.promotion", "UPDATE retraind.model SET name = 'x'", "TRUNCATE retraind.run",
        "SELECT * FROM retraind.configuration"}) {
    EXPECT_CONTAINS(refusal(person, sql), "permission denied for table");
  }
  for (const char* call : {"move_production(1, 1, 'rollback', 1, 'x', 'x', NULL, 'x', now(), NULL)",
                           "fire(1, 'x', 'manual', NULL, 'x', NULL, 'x', now(), false)", "act_in_person()"}) {
    EXPECT_CONTAINS(refusal(person, fmt::format("SELECT retraind.{}", call)), "permission denied for function");
  }
}

TEST_F(GrantsTest, ReallyKeepDaemonsFromRewritingHistory) {
  run_to(RunState::promoted, put());
  auto daemon = as("daemon", "retraind_daemon");
  for (const char* sql :
       {"DELETE FROM retraind.run", "DELETE FROM retraind.promotion", "TRUNCATE retraind.model_version",
        "UPDATE retraind.model_version SET value = 1", "UPDATE retraind.artifact_chunk SET zstd = ''",
        "DELETE FROM retraind.model", "UPDATE retraind.gate SET passed = true",
        "UPDATE retraind.run_event SET actor = 'x'", "DELETE FROM retraind.run_log",
        "INSERT INTO retraind.schema_version VALUES (99, 'x', repeat('0', 64))"}) {
    EXPECT_CONTAINS(refusal(daemon, sql), "permission denied for table");
  }
  EXPECT_CONTAINS(refusal(daemon, "CREATE TABLE retraind.mine ()"), "permission denied for schema");
  EXPECT_CONTAINS(refusal(daemon, "ALTER TABLE retraind.run DISABLE TRIGGER ALL"), "must be owner of table");
}

TEST_F(GrantsTest, ATemporaryTableDoesNotLeadTheOwnersFunctionsAstray) {
  put();
  auto person = as("operator", "retraind_operator");
  person.exec("CREATE TEMPORARY TABLE model (name text, paused_at timestamptz, pause_reason text, paused_by text)");
  person.exec(
      "CREATE FUNCTION pg_temp.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz'");
  person.exec("SET search_path = pg_temp, retraind, public");
  person.exec("SELECT retraind.pause('power', 'because')");
  EXPECT_EQ(ground.text("SELECT paused_at IS NOT NULL FROM retraind.model"), "t");
}

}  // namespace
}  // namespace retraind::registry
