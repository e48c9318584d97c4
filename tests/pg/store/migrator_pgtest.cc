// The registry's schema: applied once, by one, completely or not at all; and undone to nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <set>
#include <sstream>
#include <thread>

#include "core/base/error.h"
#include "core/store/migrator.h"
#include "tests/support/pg_sandbox.h"
#include "tests/support/test_database.h"

namespace retraind::store {
namespace {

using testing::TestDatabase;

class MigratorTest : public ::testing::Test {
 protected:
  // The schema as pg_dump writes it. Newer versions of it mark their output with a random key, which is left out.
  static std::string dump(const TestDatabase& ground) {
    const std::string command =
        testing::postgres_programs().string() + "/pg_dump --schema-only --no-owner -d '" + ground.conninfo() + "' 2>&1";
    std::string out;
    FILE* pipe = popen(command.c_str(), "r");
    char buffer[4096];
    for (std::size_t got = 0; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, got);
    EXPECT_EQ(pclose(pipe), 0) << out;
    std::istringstream lines(out);
    std::string kept;
    for (std::string line; std::getline(lines, line);) {
      if (!line.starts_with("\\restrict") && !line.starts_with("\\unrestrict")) kept += line + "\n";
    }
    return kept;
  }

  // The lines that only one of two dumps has; "" when they are the same.
  static std::string difference(const std::string& before, const std::string& after) {
    std::multiset<std::string> lines[2];
    for (int side = 0; side < 2; ++side) {
      std::istringstream text(side == 0 ? before : after);
      for (std::string line; std::getline(text, line);) lines[side].insert(line);
    }
    std::string out;
    for (int side = 0; side < 2; ++side) {
      std::vector<std::string> alone;
      std::ranges::set_difference(lines[side], lines[1 - side], std::back_inserter(alone));
      for (const std::string& line : alone) out += (side == 0 ? "- " : "+ ") + line + "\n";
    }
    return out.empty() && before != after ? "the same lines in another order" : out;
  }

  static int latest() { return migrations().back().version; }

  TestDatabase ground;
  Database database{ground.conninfo(), "retraind"};
};

TEST_F(MigratorTest, KnowsItsScriptsInOrder) {
  ASSERT_FALSE(migrations().empty());
  int expected = 1;
  for (const Migration& migration : migrations()) {
    EXPECT_EQ(migration.version, expected++);
    EXPECT_FALSE(migration.up.empty()) << migration.name;
    EXPECT_FALSE(migration.down.empty()) << migration.name;
  }
}

TEST_F(MigratorTest, SaysThatThereIsNoSchemaAndMakesNoneByLooking) {
  const std::string before = dump(ground);
  EXPECT_EQ(inspect_schema(database).status, SchemaStatus::missing);
  EXPECT_THROW(require_current_schema(database), ConfigError);
  EXPECT_EQ(difference(before, dump(ground)), "");
}

TEST_F(MigratorTest, AppliesEverythingOnceAndThenNothing) {
  EXPECT_EQ(migrate(database).size(), migrations().size());
  const std::string schema = dump(ground);
  EXPECT_TRUE(migrate(database).empty());
  EXPECT_EQ(difference(schema, dump(ground)), "");
  EXPECT_EQ(inspect_schema(database).status, SchemaStatus::current);
  EXPECT_NO_THROW(require_current_schema(database));
}

TEST_F(MigratorTest, LeavesNothingAtVersionZeroAndTheSameSchemaAfterwards) {
  const std::string nothing = dump(ground);
  migrate(database);
  const std::string schema = dump(ground);
  migrate(database, 0);
  EXPECT_EQ(difference(nothing, dump(ground)), "");
  migrate(database);
  EXPECT_EQ(difference(schema, dump(ground)), "");
}

TEST_F(MigratorTest, UndoesEachStepToWhatWasThereBefore) {
  std::vector<std::string> schemas;
  for (int version = 1; version <= latest(); ++version) {
    EXPECT_EQ(migrate(database, version).size(), 1u);
    schemas.push_back(dump(ground));
  }
  for (int version = latest() - 1; version >= 1; --version) {
    EXPECT_EQ(migrate(database, version).size(), 1u);
    EXPECT_EQ(difference(schemas[static_cast<std::size_t>(version - 1)], dump(ground)), "")
        << "after undoing to " << version;
  }
}

TEST_F(MigratorTest, LosesOfHistoryOnlyWhatTheOlderSchemaHasNoWordsFor) {
  migrate(database);
  ground.exec(
      "INSERT INTO retraind.model (name, source, created_at) VALUES ('power', 'market', now());"
      "INSERT INTO retraind.monitor (model_id, trigger, kind, source, rule, woken) "
      "SELECT model_id, kind, kind, 'market', '{}', true FROM retraind.model, unnest(ARRAY['signal', 'freshness']) "
      "kind;"
      "INSERT INTO retraind.firing (model_id, trigger, kind, evaluated_at, decision, reason, actor) "
      "SELECT m.model_id, 'x', f.kind, now(), f.decision, 'because', 'host-a' FROM retraind.model m, (VALUES "
      "('freshness', 'alert'), ('freshness', 'error'), ('signal', 'resolved'), ('query', 'insufficient_data')) "
      "f (kind, decision);"
      "SELECT retraind.record_signal('errors', 0.5)");
  migrate(database, 5);
  EXPECT_EQ(ground.text("SELECT string_agg(kind || ' ' || decision, ', ') FROM retraind.firing"),
            "query insufficient_data");
  EXPECT_EQ(ground.text("SELECT string_agg(kind, ', ') FROM retraind.monitor"), "signal");
  EXPECT_EQ(ground.text("SELECT count(*) FROM retraind.signal"), "1");
  EXPECT_THROW(ground.exec("DELETE FROM retraind.firing"), std::runtime_error) << "history is guarded again";
  EXPECT_THROW(ground.exec("UPDATE retraind.monitor SET kind = 'freshness'"), std::runtime_error);
  migrate(database);
  ground.exec("UPDATE retraind.monitor SET kind = 'freshness'");
  EXPECT_THROW(ground.exec("UPDATE retraind.monitor SET kind = 'whim'"), std::runtime_error);
}

TEST_F(MigratorTest, FindsTheConstraintsThatItChangesByWhatTheyCheck) {
  migrate(database, 5);
  ground.exec("ALTER TABLE retraind.firing RENAME CONSTRAINT firing_decision_check TO what_it_came_to");
  const std::string before = dump(ground);
  migrate(database);
  ground.exec(
      "INSERT INTO retraind.model (name, source, created_at) VALUES ('power', 'market', now());"
      "INSERT INTO retraind.firing (model_id, trigger, kind, evaluated_at, decision, reason, actor) "
      "SELECT model_id, 'x', 'freshness', now(), 'alert', 'because', 'host-a' FROM retraind.model");
  migrate(database, 5);
  EXPECT_EQ(difference(before, dump(ground)), "");
}

TEST_F(MigratorTest, SaysThatASchemaIsOlder) {
  if (latest() < 2) GTEST_SKIP() << "there is only one migration";
  migrate(database, 1);
  const SchemaReport report = inspect_schema(database);
  EXPECT_EQ(report.status, SchemaStatus::older);
  EXPECT_EQ(report.version, 1);
  EXPECT_EQ(report.expected, latest());
  EXPECT_THROW(require_current_schema(database), ConfigError);
}

TEST_F(MigratorTest, TouchesNoSchemaThatIsNewer) {
  migrate(database);
  ground.exec("INSERT INTO retraind.schema_version (version, name, sha256) VALUES (" + std::to_string(latest() + 1) +
              ", 'from_the_future', repeat('0', 64))");
  EXPECT_EQ(inspect_schema(database).status, SchemaStatus::newer);
  EXPECT_THROW(migrate(database), ConfigError);
  EXPECT_THROW(migrate(database, 0), ConfigError);
  EXPECT_EQ(ground.text("SELECT count(*) FROM retraind.schema_version"), std::to_string(latest() + 1));
}

TEST_F(MigratorTest, TouchesNoSchemaThatWasMadeByAnotherScript) {
  migrate(database);
  ground.exec("UPDATE retraind.schema_version SET sha256 = repeat('0', 64) WHERE version = 1");
  EXPECT_EQ(inspect_schema(database).status, SchemaStatus::altered);
  EXPECT_THROW(migrate(database), ConfigError);
  EXPECT_THROW(migrate(database, 0), ConfigError);
}

TEST_F(MigratorTest, RefusesAVersionThatDoesNotExist) {
  EXPECT_THROW(migrate(database, -1), ConfigError);
  EXPECT_THROW(migrate(database, latest() + 1), ConfigError);
  EXPECT_EQ(inspect_schema(database).status, SchemaStatus::missing);
}

TEST_F(MigratorTest, LetsOneOfEightThatStartAtOnceDoTheWork) {
  std::vector<std::size_t> applied(8);
  std::vector<std::string> complaints(8);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < applied.size(); ++i) {
      threads.emplace_back([&, i] {
        try {
          Database own(ground.conninfo(), "retraind");
          applied[i] = migrate(own).size();
        } catch (const std::exception& error) {
          complaints[i] = error.what();
        }
      });
    }
  }
  std::size_t workers = 0;
  for (std::size_t i = 0; i < applied.size(); ++i) {
    EXPECT_EQ(complaints[i], "");
    if (applied[i] > 0) {
      ++workers;
      EXPECT_EQ(applied[i], migrations().size());
    }
  }
  EXPECT_EQ(workers, 1u);
}

TEST_F(MigratorTest, LeavesNothingBehindWhenItFailsHalfway) {
  // An event trigger lets the first tables through and then refuses, in the middle of the first script or later.
  ground.exec(
      "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN"
      " IF (SELECT count(*) FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
      "     WHERE n.nspname = 'retraind' AND c.relkind = 'r') > 3"
      " THEN RAISE EXCEPTION 'no more tables'; END IF; END $$;"
      "CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION refuse()");
  const std::string before = dump(ground);
  EXPECT_THROW(migrate(database), DataError);
  EXPECT_EQ(difference(before, dump(ground)), "");
  ground.exec("DROP EVENT TRIGGER refuse");
  EXPECT_EQ(migrate(database).size(), migrations().size()) << "and can be done again";
}

TEST_F(MigratorTest, MakesTheSameSchemaThatTestsClone) {
  migrate(database);
  EXPECT_EQ(difference(dump(TestDatabase::create_registry()), dump(ground)), "");
}

}  // namespace
}  // namespace retraind::store
