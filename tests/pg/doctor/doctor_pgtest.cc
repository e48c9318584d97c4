// A registry that is broken for real, in one way after another, and the finding that has to come of it.
#include <libpq-fe.h>

#include <algorithm>

#include "core/doctor/artifacts.h"
#include "core/doctor/schema.h"
#include "core/doctor/server.h"
#include "core/doctor/work.h"
#include "core/runs/monitors.h"
#include "core/runs/retention.h"
#include "core/source/session.h"
#include "core/store/migrator.h"
#include "tests/pg/registry/registry_scene.h"

namespace retraind::doctor {
namespace {

using testing::hours;
using testing::make_model;
using testing::minutes;
using testing::seconds;

class DoctorTest : public testing::RegistryTest {
 protected:
  std::string login_in(const std::string& group) {
    const std::string login = "login_" + ground.name() + "_" + group;
    ground.exec(fmt::format("DROP ROLE IF EXISTS {0}; CREATE ROLE {0} LOGIN; GRANT {1} TO {0}", login, group));
    return ground.conninfo() + " user=" + login;
  }

  Findings look_at_schema() { return look_at_schema(as_daemon); }
  static Findings look_at_schema(store::Database& registry) {
    return registry.transact("schema", [](store::Transaction& t) { return judge_schema(read_schema(t)); });
  }
  Findings look_at_work(const std::optional<std::string>& model = {}, std::optional<TimePoint> now = {}) {
    return as_daemon.transact(
        "work", [&](store::Transaction& t) { return judge_work(read_work(t, model, now.value_or(start))); });
  }
  Finding look_at_artifacts(const std::optional<std::string>& model = {}, std::optional<TimePoint> since = {}) {
    const auto wanted =
        as_daemon.transact("list", [&](store::Transaction& t) { return list_artifacts(t, model, since); });
    return judge_artifacts(verify_artifacts(as_daemon, wanted, [](std::uint64_t, std::uint64_t) {}));
  }

  // The worst finding of that name.
  static Finding of(const Findings& findings, const std::string& check) {
    Finding out;
    for (const Finding& finding : findings) {
      if (finding.check == check && (out.check.empty() || finding.judgement > out.judgement)) out = finding;
    }
    EXPECT_EQ(out.check, check) << "no such finding";
    return out;
  }
  static void expect_problem(const Finding& finding, const std::string& part) {
    EXPECT_EQ(finding.judgement, Judgement::problem) << finding.check << ": " << finding.sentence;
    EXPECT_CONTAINS(finding.sentence, part);
    EXPECT_FALSE(finding.remedy.empty());
  }

  store::Database as_daemon{login_in("retraind_daemon"), "retraind-test"};
};

TEST_F(DoctorTest, FindsNothingWrongWithAHealthySchema) {
  for (const Finding& finding : look_at_schema())
    EXPECT_EQ(finding.judgement, Judgement::ok) << finding.check << ": " << finding.sentence;
  EXPECT_EQ(judge_schema_version(store::inspect_schema(as_daemon)).judgement, Judgement::ok);
}

TEST_F(DoctorTest, FindsATriggerThatIsDisabledEvenOnesOfForeignKeys) {
  ground.exec("ALTER TABLE retraind.promotion DISABLE TRIGGER close_once");
  expect_problem(of(look_at_schema(), "schema.triggers"), "promotion.close_once");
  ground.exec(
      "ALTER TABLE retraind.promotion ENABLE TRIGGER close_once; ALTER TABLE retraind.gate DISABLE TRIGGER ALL");
  expect_problem(of(look_at_schema(), "schema.triggers"),
                 "gate.append_only, gate.append_only_whole and gate.foreign keys");
  ground.exec(
      "ALTER TABLE retraind.gate ENABLE TRIGGER ALL; ALTER TABLE retraind.gate ENABLE REPLICA TRIGGER append_only");
  expect_problem(of(look_at_schema(), "schema.triggers"), "gate.append_only");
}

TEST_F(DoctorTest, FindsAnIndexThatWasNeverFinished) {
  ground.exec("INSERT INTO retraind.signal VALUES ('a', now(), 1), ('b', now(), 1)");
  EXPECT_CONTAINS(refusal("CREATE UNIQUE INDEX CONCURRENTLY one_value ON retraind.signal (value)"),
                  "could not create unique index");
  expect_problem(of(look_at_schema(), "schema.indexes"), "one_value");
}

TEST_F(DoctorTest, FindsAConstraintThatWasNeverValidated) {
  ground.exec("ALTER TABLE retraind.signal ADD CONSTRAINT small CHECK (value < 1000) NOT VALID");
  expect_problem(of(look_at_schema(), "schema.constraints"), "signal.small");
}

TEST_F(DoctorTest, FindsWhatIsMissingChangedOrNotOurs) {
  ground.exec("CREATE VIEW retraind.mine AS SELECT 1 AS one; COMMENT ON VIEW retraind.mine IS 'mine'");
  const Finding foreign = of(look_at_schema(), "schema.objects");
  EXPECT_EQ(foreign.judgement, Judgement::warning);
  EXPECT_CONTAINS(foreign.sentence, "made by somebody else: view mine");
  ground.exec("DROP VIEW retraind.mine");
  ground.exec(
      "DROP INDEX retraind.run_one_open; DROP TRIGGER never_deleted ON retraind.promotion;"
      "CREATE OR REPLACE FUNCTION retraind.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = "
      "pg_catalog, pg_temp "
      "AS 'BEGIN RETURN coalesce(NEW, OLD); END';"
      "ALTER TABLE retraind.signal ALTER COLUMN value DROP NOT NULL");
  const Finding finding = of(look_at_schema(), "schema.objects");
  expect_problem(finding, "missing: index run_one_open and trigger promotion.never_deleted");
  EXPECT_CONTAINS(finding.sentence, "changed: column signal.value and function refuse_change()");
}

TEST_F(DoctorTest, DoesNotVouchForWhatSomebodyChangedWhenThereIsNothingToMigrate) {
  ground.exec("DROP INDEX retraind.run_one_open");
  EXPECT_TRUE(store::migrate(database).empty());
  expect_problem(of(look_at_schema(), "schema.objects"), "index run_one_open");
}

TEST_F(DoctorTest, ComparesNamesOnlyWithWhatAnotherPostgreSqlWroteDown) {
  ground.exec("UPDATE retraind.schema_object SET definition = replace(definition, '15 ', '14 ') || 'x'");
  EXPECT_EQ(of(look_at_schema(), "schema.objects").judgement, Judgement::ok);
  ground.exec("DROP INDEX retraind.run_one_open");
  expect_problem(of(look_at_schema(), "schema.objects"), "missing: index run_one_open");
}

TEST_F(DoctorTest, FindsASchemaThatIsTooOldOrOfAnotherBuild) {
  store::migrate(database, store::migrations().back().version - 1);
  expect_problem(judge_schema_version(store::inspect_schema(database)), "run `retraind migrate`");
  store::migrate(database);
  ground.exec("UPDATE retraind.schema_version SET sha256 = repeat('0', 64) WHERE version = 3");
  expect_problem(judge_schema_version(store::inspect_schema(database)), "applied from another script");
}

TEST_F(DoctorTest, WarnsOfALoginThatMayTooMuchAndFindsOneThatMayTooLittle) {
  EXPECT_CONTAINS(of(look_at_schema(database), "registry.login").sentence, "is a superuser");
  store::Database reader(login_in("retraind_operator"), "retraind-test");
  ground.exec(
      "GRANT SELECT ON retraind.schema_object TO retraind_operator; GRANT EXECUTE ON FUNCTION retraind.list_objects() "
      "TO retraind_operator");
  expect_problem(of(look_at_schema(reader), "registry.login"), "lacks ");
  ground.exec(fmt::format("GRANT DELETE ON retraind.promotion TO login_{}_retraind_daemon", ground.name()));
  const Finding finding = of(look_at_schema(), "registry.login");
  EXPECT_EQ(finding.judgement, Judgement::warning);
  EXPECT_CONTAINS(finding.sentence, "may more than a daemon needs: DELETE on promotion");
}

TEST_F(DoctorTest, FindsATableThatAutovacuumLeavesOut) {
  ground.exec("ALTER TABLE retraind.firing SET (autovacuum_enabled = false)");
  expect_problem(of(look_at_schema(), "registry.autovacuum"), "firing");
}

TEST_F(DoctorTest, SeesTheServerAsItIs) {
  ground.exec(fmt::format("ALTER DATABASE {} SET synchronous_commit = off", ground.name()));
  store::Database fresh(as_daemon.conninfo(), "retraind-test-2");
  const ServerFacts server =
      fresh.transact("server", [&](store::Transaction& t) { return read_server(t, ground.conninfo()); });
  EXPECT_GE(server.version_number, 150000);
  EXPECT_FALSE(server.standby);
  EXPECT_EQ(server.login, "login_" + ground.name() + "_retraind_daemon");
  EXPECT_FALSE(server.superuser);
  EXPECT_EQ(server.synchronous_commit, "off");
  EXPECT_FALSE(server.fsync) << "the tests' own cluster does without";
  EXPECT_TRUE(server.local);
  EXPECT_TRUE(server.autovacuum);
  EXPECT_GE(server.connections, 1);
  EXPECT_GT(server.connection_limit, server.connections);
  EXPECT_LT(server.now - start, minutes(5));
  EXPECT_GT(server.now, start - seconds(1));
  EXPECT_GT(server.wraparound_age, 0);
  EXPECT_EQ(of(judge_registry_server(server), "registry.durability").judgement, Judgement::problem);
}

TEST_F(DoctorTest, SeesWhoHasAnOldTransactionOpenWhereItMay) {
  testing::TestConnection sleeper(ground.conninfo() + " application_name=sleeper");
  sleeper.exec("BEGIN; SELECT 1");
  const auto look = [&](store::Database& registry) {
    return registry.transact("server", [&](store::Transaction& t) { return read_server(t, ground.conninfo()); });
  };
  const ServerFacts server = look(database);
  ASSERT_TRUE(server.oldest_transaction);
  EXPECT_TRUE(server.sees_others);
  EXPECT_FALSE(look(as_daemon).sees_others);
  EXPECT_CONTAINS(
      ground.text(fmt::format(
          "SELECT '{}' LIKE '%(sleeper, idle in transaction)' OR (SELECT count(*) FROM pg_stat_activity WHERE "
          "xact_start IS NOT NULL AND backend_type = 'client backend') > 2",
          server.oldest_by)),
      "t");
  sleeper.exec("ROLLBACK");
}

TEST_F(DoctorTest, LooksAtASourceThroughItsOwnReadOnlyConnection) {
  ground.exec("CREATE TABLE public.electricity (ts timestamptz); CREATE TABLE public.scores (id integer)");
  settings::Source source{.name = "market", .conninfo = login_in("retraind_reader")};
  const auto look = [&] {
    source::Session session(source, "retraind-test");
    return judge_source_server("market", read_server(session, source.conninfo), false);
  };
  EXPECT_EQ(of(look(), "source.login").judgement, Judgement::ok);
  ground.exec(fmt::format("GRANT INSERT ON public.scores TO login_{}_retraind_reader", ground.name()));
  EXPECT_CONTAINS(of(look(), "source.login").sentence, "may write to 1 tables");
  source.conninfo = ground.conninfo();
  EXPECT_CONTAINS(of(look(), "source.login").sentence, "is a superuser");
  EXPECT_EQ(of(look(), "source.encryption").judgement, Judgement::ok);
}

TEST_F(DoctorTest, FindsAFlippedByteAndAGapInTheBytesOfAVersion) {
  const ModelId power = put();
  for (int i = 0; i < 2; ++i) run_to(RunState::promoted, power);
  const ModelId gas = put(make_model("gas"));
  run_to(RunState::promoted, gas);
  EXPECT_EQ(look_at_artifacts().judgement, Judgement::ok);
  EXPECT_CONTAINS(look_at_artifacts().sentence, "3 artifacts");
  ground.exec(
      "SET session_replication_role = replica;"
      "UPDATE retraind.artifact_chunk c SET zstd = set_byte(zstd, length(zstd) - 1, get_byte(zstd, length(zstd) - 1) # "
      "1) FROM "
      "retraind.model_version v WHERE v.artifact_sha256 = c.sha256 AND v.version = 2;"
      "DELETE FROM retraind.artifact_chunk c USING retraind.version_history v WHERE v.artifact_sha256 = c.sha256 AND "
      "v.model = 'gas';"
      "SET session_replication_role = origin");
  const Finding finding = look_at_artifacts();
  expect_problem(finding, "version 2 of model power: artifact ");
  EXPECT_CONTAINS(finding.sentence, "version 1 of model gas: artifact ");
  EXPECT_CONTAINS(finding.sentence, "chunk 0 of 1 is missing");
  EXPECT_CONTAINS(look_at_artifacts("gas").sentence, "chunk 0 of 1 is missing");
  EXPECT_EQ(look_at_artifacts("gas").sentence.find("power"), std::string::npos);
  EXPECT_CONTAINS(look_at_artifacts({}, start + hours(1)).sentence, "version 2 of model power")
      << "what is in production is looked at, however old";
}

TEST_F(DoctorTest, FindsARunWhoseDaemonIsGone) {
  const ModelId model = put();
  queue(model, "manual", start - hours(1));
  const runs::ClaimedRun run = claim(start - hours(1), minutes(1));
  expect_problem(of(look_at_work(), "work.leases"),
                 fmt::format("run {} of model power: the lease of host-a expired 59min ago", number(run.id)));
  EXPECT_EQ(of(look_at_work({}, start - hours(1)), "work.leases").judgement, Judgement::ok);
  EXPECT_EQ(of(look_at_work("gas"), "work.leases").judgement, Judgement::ok) << "another model's";
}

TEST_F(DoctorTest, FindsWhatIsDueAndNobodyLooksAt) {
  const ModelId model = put();
  transact([&](store::Transaction& t) { runs::put_monitors(t, model, make_model(), start - hours(2)); });
  expect_problem(of(look_at_work(), "work.overdue"), "trigger enough_rows of model power has been due for ");
  EXPECT_CONTAINS(of(look_at_work(), "work.overdue").sentence, "(source market)");
  ground.exec("UPDATE retraind.model SET removed_at = now()");
  EXPECT_EQ(of(look_at_work(), "work.overdue").judgement, Judgement::ok);
}

TEST_F(DoctorTest, FindsAQueuedRunThatNobodyClaims) {
  const RunId run = queue(put(), "manual", start - hours(1));
  expect_problem(of(look_at_work(), "work.overdue"),
                 fmt::format("run {} of model power has been due for 1h", number(run)));
}

TEST_F(DoctorTest, WarnsOfARunThatWaitsForAPersonForTooLong) {
  const ModelId model = put();
  run_to(RunState::awaiting_approval, model, "manual", start - hours(24 * 8));
  const Finding finding = of(look_at_work(), "work.runs");
  EXPECT_EQ(finding.judgement, Judgement::warning);
  EXPECT_CONTAINS(finding.sentence, "has been open for 8d: awaiting approval");
}

TEST_F(DoctorTest, WarnsOfAModelThatFailsRunAfterRunUntilOneSucceeds) {
  const ModelId model = put();
  for (int i = 0; i < 3; ++i) run_to(RunState::failed, model);
  EXPECT_CONTAINS(of(look_at_work(), "work.failures").sentence,
                  "the last three runs of model power failed; run 3: it ended");
  run_to(RunState::promoted, model);
  EXPECT_EQ(of(look_at_work(), "work.failures").judgement, Judgement::ok);
}

TEST_F(DoctorTest, FindsDeliveriesAndScoringsThatFailAndAlertsThatStand) {
  settings::Model model = make_model();
  model.release.webhook = "https://example.org/hook";
  const ModelId id = put(model);
  run_to(RunState::promoted, id, "manual", start - hours(2));
  expect_problem(of(look_at_work(), "work.releases"),
                 "to webhook of model power waits since 2h, after 0 attempts: no attempt was made");
  ground.exec(
      fmt::format("INSERT INTO retraind.scoring (model_id, source, target, key, time_column, every, next_due_at, "
                  "looked_at, failures, last_error) "
                  "VALUES ({0}, 'market', 'scores', '{{id}}', 'ts', '5 min', now() + interval '1 min', now(), 2, "
                  "'permission denied');"
                  "INSERT INTO retraind.monitor (model_id, trigger, kind, source, rule, state) VALUES ({0}, 'fresh', "
                  "'freshness', 'market', '{{}}', "
                  "'{{\"alerting\": true}}');"
                  "INSERT INTO retraind.firing (model_id, trigger, kind, evaluated_at, decision, reason, actor) VALUES "
                  "({0}, 'fresh', 'freshness', "
                  "now(), 'alert', 'no new rows for 3h', 'host-a')",
                  number(id)));
  const Findings findings = look_at_work();
  EXPECT_EQ(of(findings, "work.scorings").judgement, Judgement::warning);
  EXPECT_CONTAINS(of(findings, "work.scorings").sentence,
                  "scoring into scores of model power failed 2 times in a row: permission denied");
  EXPECT_CONTAINS(of(findings, "work.alerts").sentence, "model power: fresh: no new rows for 3h");
  ground.exec("UPDATE retraind.scoring SET failures = 9");
  EXPECT_EQ(of(look_at_work(), "work.scorings").judgement, Judgement::problem);
}

TEST_F(DoctorTest, ComparesTheDaemonsThatAreAlive) {
  expect_problem(of(look_at_work(), "daemons.alive"), "no daemon works on this registry");
  const auto arrive = [&](const runs::Executor& executor, const char* version, char digit, Duration keep) {
    transact([&](store::Transaction& t) {
      runs::register_daemon(t, executor, version, 4711, start);
      runs::note_configuration(t, executor, std::string(64, digit));
      settings::Retention retention;
      retention.signals = keep;
      runs::put_retention_policy(t, executor, retention, start);
    });
  };
  arrive(here, "0.1.0", 'a', hours(24 * 90));
  EXPECT_EQ(worst(look_at_work()), Judgement::ok);
  arrive(there, "0.1.0", 'b', Duration::zero());
  EXPECT_CONTAINS(of(look_at_work(), "daemons.agree").sentence,
                  "host-a 0.1.0 (aaaaaaaaaaaa) and host-b 0.1.0 (bbbbbbbbbbbb)");
  EXPECT_EQ(of(look_at_work(), "daemons.retention").sentence,
            "the longest counts: signals (host-a: 90 days, host-b: for ever)");
  EXPECT_CONTAINS(of(look_at_work({}, start + hours(1)), "daemons.alive").sentence,
                  "no daemon is alive: host-a, last seen 1h ago");
}

}  // namespace
}  // namespace retraind::doctor
