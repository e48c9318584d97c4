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

TEST_F(MigratorTest, EndsShadowsAndKeepsOneJudgingOfARunWhenItGoesBackToASchemaWithoutThem) {
  migrate(database);
  ground.exec(
      "INSERT INTO retraind.model (name, source, created_at) VALUES ('power', 'market', now()), ('gas', 'market', "
      "now());"
      "INSERT INTO retraind.configuration SELECT model_id, encode(sha256('{}'), 'hex'), repeat('0', 64), '{}', now() "
      "FROM retraind.model;"
      "INSERT INTO retraind.firing (model_id, trigger, kind, evaluated_at, decision, reason, actor) "
      "SELECT model_id, 'x', 'manual', now(), 'fired', 'because', 'host-a' FROM retraind.model;"
      "INSERT INTO retraind.run (model_id, firing_id, trigger, source, configuration_sha256, max_attempts, queued_at, "
      "not_before) SELECT model_id, firing_id, 'x', 'market', encode(sha256('{}'), 'hex'), 3, now(), now() FROM "
      "retraind.firing;"
      "INSERT INTO retraind.artifact VALUES (repeat('a', 64), 1, 1, now());"
      "INSERT INTO retraind.model_version (model_id, version, run_id, artifact_sha256, configuration_sha256, "
      "created_at, "
      "trainer, axis, trained_from, trained_to, train_rows, data_sha256, metric, value, lineage) SELECT model_id, 1, "
      "run_id, repeat('a', 64), configuration_sha256, now(), 'x', 'number', 1, 2, 9, repeat('d', 64), 'auc', 0.5, '{}' "
      "FROM retraind.run;"
      "UPDATE retraind.run SET version = 1;"
      "UPDATE retraind.run SET state = 'running', lease_term = 1, lease_holder = gen_random_uuid(), lease_expires_at = "
      "now(), heartbeat_at = now() WHERE model_id = 2;"
      "UPDATE retraind.run SET state = 'shadowing', shadowing_since = now(), reason = 'x', lease_term = NULL, "
      "lease_holder = NULL, lease_expires_at = NULL, heartbeat_at = NULL WHERE model_id = 2;"
      "INSERT INTO retraind.gate (run_id, gate, metric, passed, outcome, sentence, attempt) SELECT run_id, "
      "'difference', 'auc', n = 2, CASE n WHEN 2 THEN 'passed' ELSE 'undecided' END, 'x', n FROM retraind.run, "
      "generate_series(1, 2) n;"
      "INSERT INTO retraind.metric_result (run_id, role, metric, value, attempt) SELECT run_id, 'candidate', 'auc', "
      "n, n FROM retraind.run, generate_series(1, 2) n");
  migrate(database, 6);
  EXPECT_EQ(ground.text("SELECT string_agg(state, ' ' ORDER BY model_id) FROM retraind.run"), "cancelled inconclusive");
  EXPECT_EQ(ground.text("SELECT count(*) FROM retraind.run_event WHERE actor = 'migration to 006'"), "2");
  EXPECT_EQ(ground.text("SELECT bool_and(passed) AND count(*) = 2 FROM retraind.gate"), "t");
  EXPECT_EQ(ground.text("SELECT count(*) FILTER (WHERE value = 2) || ' ' || count(*) FROM retraind.metric_result"),
            "2 2");
  EXPECT_THROW(ground.exec("UPDATE retraind.gate SET passed = false"), std::runtime_error) << "guarded again";
  migrate(database);
  EXPECT_EQ(ground.text("SELECT string_agg(DISTINCT outcome || attempt, ' ') FROM retraind.gate_result"), "passed1");
}

TEST_F(MigratorTest, GoesBackUnderALiveStepAndLosesNeitherVersionsNorTheRowsKeptWithThem) {
  migrate(database);
  ground.exec(
      "INSERT INTO retraind.model (name, source, created_at) VALUES ('power', 'market', now());"
      "INSERT INTO retraind.configuration SELECT model_id, encode(sha256('{}'), 'hex'), repeat('0', 64), '{}', now() "
      "FROM retraind.model;"
      "INSERT INTO retraind.firing (model_id, trigger, kind, evaluated_at, decision, reason, actor) "
      "SELECT model_id, 'x', 'manual', now(), 'fired', 'because', 'host-a' FROM retraind.model;"
      "INSERT INTO retraind.run (model_id, firing_id, trigger, source, configuration_sha256, max_attempts, queued_at, "
      "not_before) SELECT model_id, firing_id, 'x', 'market', encode(sha256('{}'), 'hex'), 3, now(), now() FROM "
      "retraind.firing;"
      "UPDATE retraind.run SET state = 'running', lease_term = 1, lease_holder = gen_random_uuid(), lease_expires_at = "
      "now(), heartbeat_at = now(), step = 'train', step_started_at = now(), progress_done = 1, progress_unit = "
      "'rounds', progress_since = now(), progress_at = now();"
      "INSERT INTO retraind.artifact SELECT repeat(x, 64), 1, 1, now() FROM unnest(ARRAY['a', 'b']) x;"
      "INSERT INTO retraind.model_version (model_id, version, run_id, artifact_sha256, configuration_sha256, "
      "created_at, trainer, axis, trained_from, trained_to, train_rows, data_sha256, metric, value, lineage, "
      "kept_data_sha256) SELECT model_id, 1, run_id, repeat('a', 64), configuration_sha256, now(), 'x', 'number', 1, "
      "2, 9, repeat('d', 64), 'auc', 0.5, '{}', repeat('b', 64) FROM retraind.run;"
      "INSERT INTO retraind.data_finding (run_id, attempt, found_at, kind, \"check\", stops, sentence) SELECT run_id, "
      "1, now(), 'value', 'range', true, 'x' FROM retraind.run;"
      "INSERT INTO retraind.search_trial SELECT run_id, 1, 1, '{}', 'auc', 0.5, NULL, 8, 2, 0, true FROM retraind.run;"
      "INSERT INTO retraind.expectation SELECT model_id, repeat('0', 64), 1, '{}', false, now() FROM retraind.model");
  migrate(database, 7);
  EXPECT_EQ(ground.text("SELECT open_run_state || ' ' || open_run_step FROM retraind.status"), "running train");
  EXPECT_EQ(ground.text("SELECT count(*) FROM retraind.step_history"), "0");
  EXPECT_EQ(ground.text("SELECT string_agg(left(sha256, 1), ' ' ORDER BY sha256) FROM retraind.artifact"), "a b");
  EXPECT_EQ(ground.text("SELECT artifact_sha256 = repeat('a', 64) FROM retraind.model_version"), "t");
  migrate(database);
  EXPECT_EQ(ground.text("SELECT concat_ws(' ', version, kept_data_sha256) FROM retraind.version_history"), "1");
  EXPECT_EQ(ground.text("SELECT num_nonnulls(open_run_done, data_problem) FROM retraind.status"), "0");
}

TEST_F(MigratorTest, QuarantinesWhatWasRolledBackFromBefore) {
  migrate(database, 6);
  ground.exec(
      "SET session_replication_role = replica;"
      "INSERT INTO retraind.model (name, source, created_at) VALUES ('power', 'market', now());"
      "INSERT INTO retraind.model_version (model_id, version, run_id, artifact_sha256, configuration_sha256, "
      "created_at, "
      "trainer, axis, trained_from, trained_to, train_rows, data_sha256, metric, value, lineage) SELECT 1, version, "
      "version, repeat('a', 64), 'x', now(), 'x', 'number', 1, 2, 9, repeat('d', 64), 'auc', 0.5, '{}' FROM "
      "generate_series(1, 4) version;"
      // 1, 2, 3; back to 2; 4; back to 2; on to 4 by name; back to 1.
      "INSERT INTO retraind.promotion (model_id, version, previous_version, kind, run_id, during, actor, trigger, "
      "reason) "
      "SELECT 1, v.version, v.previous, v.kind, CASE WHEN v.kind = 'promotion' THEN v.version END, "
      "tstzrange('2026-01-01'::"
      "timestamptz + v.day * interval '1 day', CASE WHEN v.day < 8 THEN '2026-01-02'::timestamptz + v.day * interval "
      "'1 "
      "day' END), 'alice', 'manual', 'move ' || v.day FROM (VALUES (1, 1, NULL, 'promotion'), (2, 2, 1, 'promotion'), "
      "(3, 3, 2, 'promotion'), (4, 2, 3, 'rollback'), (5, 4, 2, 'promotion'), (6, 2, 4, 'rollback'), (7, 4, 2, "
      "'rollback'), (8, 1, 4, 'rollback')) v (day, version, previous, kind);"
      "SET session_replication_role = origin");
  migrate(database);
  EXPECT_EQ(ground.text("SELECT string_agg(version || ': ' || reason || ' by ' || actor, ', ' ORDER BY version) FROM "
                        "retraind.quarantine_history"),
            "3: move 4 by alice, 4: move 8 by alice");
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
