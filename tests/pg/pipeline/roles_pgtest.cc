// Who may do what: logins in retraind_reader, retraind_operator, retraind_daemon and in none of them.
#include <algorithm>
#include <set>

#include "core/pipeline/conclude.h"
#include "core/registry/expectations.h"
#include "core/runs/findings.h"
#include "core/runs/history.h"
#include "core/runs/monitors.h"
#include "core/runs/steering.h"
#include "core/store/migrator.h"
#include "tests/pg/registry/registry_scene.h"
#include "tests/unit/pipeline/measured.h"

namespace retraind::pipeline {
namespace {

using testing::hours;
using testing::make_model;
using testing::minutes;

using Names = std::vector<std::string>;

class RolesTest : public testing::RegistryTest {
 protected:
  // A login of this test only, in one group or, for "", in none.
  std::string make_login(const std::string& group) {
    const std::string login = "login_" + ground.name() + "_" + group;
    ground.exec(fmt::format("DROP ROLE IF EXISTS {0}; CREATE ROLE {0} LOGIN", login));
    if (!group.empty()) ground.exec(fmt::format("GRANT {} TO {}", group, login));
    return ground.conninfo() + " user=" + login;
  }
  Names list(const std::string& sql) {
    Names out;
    for (const auto& row : ground.rows(sql)) out.push_back(row.at(0).value());
    std::ranges::sort(out);  // whatever the database's collation
    return out;
  }
  Names relations(const std::string& kinds) {
    return list("SELECT relname FROM pg_class WHERE relnamespace = 'retraind'::regnamespace AND relkind IN (" + kinds +
                ") ORDER BY relname");
  }
  // The functions that a group may call, beside those everybody may.
  Names functions_of(const std::string& group) {
    return list(
        fmt::format("SELECT proname FROM pg_proc WHERE pronamespace = 'retraind'::regnamespace "
                    "AND has_function_privilege('{}', oid, 'EXECUTE') ORDER BY proname",
                    group));
  }
  // "table privilege" for all that a group may do with tables, views and sequences.
  Names rights_of(const std::string& group) {
    return list(fmt::format(
        "SELECT relname || ' ' || lower(privilege) FROM pg_class, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', "
        "'TRUNCATE', 'REFERENCES', 'TRIGGER']) privilege WHERE relnamespace = 'retraind'::regnamespace "
        "AND relkind IN ('r', 'v') AND has_table_privilege('{0}', oid, privilege) "
        "UNION ALL SELECT relname || ' use' FROM pg_class WHERE relnamespace = 'retraind'::regnamespace AND relkind = "
        "'S' "
        "AND (has_sequence_privilege('{0}', oid, 'USAGE') OR has_sequence_privilege('{0}', oid, 'SELECT')) ORDER BY 1",
        group));
  }
};

const Names kSteering = {"approve",     "cancel", "lift_quarantine", "pause",    "record_signal", "reject",
                         "request_run", "resume", "retry_release",   "rollback", "skip_release"};
// event_instant is what views are made of: whoever reads them calls it.
const Names kReading = {"event_instant", "production_at"};

Names together(Names a, const Names& b) {
  a.insert(a.end(), b.begin(), b.end());
  std::ranges::sort(a);
  return a;
}

TEST_F(RolesTest, AReaderReadsEveryViewAndNothingElse) {
  run_to(RunState::promoted, put());
  testing::TestConnection reader(make_login("retraind_reader"));
  const Names views = relations("'v'");
  EXPECT_GE(views.size(), 20u);
  for (const std::string& view : views) EXPECT_NO_THROW(reader.exec("SELECT * FROM retraind." + view)) << view;
  EXPECT_EQ(reader.text("SELECT version FROM retraind.production_at('power', now() + interval '1 hour')"), "1");
  for (const std::string& table : relations("'r'")) {
    if (table == "schema_version") continue;  // so that any login can say that the schema is too old
    EXPECT_CONTAINS(refusal(reader, "SELECT * FROM retraind." + table), "permission denied for table");
  }
  EXPECT_EQ(functions_of("retraind_reader"), kReading);
  Names expected = {"schema_version select"};
  for (const std::string& view : views) expected.push_back(view + " select");
  EXPECT_EQ(rights_of("retraind_reader"), together(expected, {}));
  EXPECT_CONTAINS(refusal(reader, "SELECT retraind.request_run('power', 'because')"), "permission denied for function");
  EXPECT_CONTAINS(refusal(reader, "CREATE TABLE retraind.mine ()"), "permission denied for schema");
}

TEST_F(RolesTest, AnOperatorSteersThroughFunctionsAndNothingElse) {
  const ModelId model = put();
  run_to(RunState::promoted, model);
  run_to(RunState::promoted, model);
  const RunId waiting = run_to(RunState::awaiting_approval, model);
  testing::TestConnection person(make_login("retraind_operator"));
  person.exec("SELECT retraind.pause('power', 'because')");
  person.exec("SELECT retraind.resume('power')");
  person.exec("SELECT retraind.record_signal('errors', 0.5)");
  person.exec(fmt::format("SELECT retraind.approve({}, 'fine')", number(waiting)));
  person.exec("SELECT retraind.rollback('power', 'because')");
  person.exec("SELECT retraind.cancel(retraind.request_run('power', 'because'), 'because')");
  person.exec(fmt::format("SELECT retraind.reject({}, 'because')", number(run_to(RunState::awaiting_approval, model))));
  const std::string login = person.text("SELECT session_user");
  EXPECT_EQ(
      person.text("SELECT string_agg(DISTINCT actor, ', ') FROM retraind.promotion_history WHERE actor <> 'host-a'"),
      login);
  EXPECT_EQ(ground.text("SELECT count(*) > 3 FROM retraind.run_event WHERE actor = '" + login + "'"), "t");

  EXPECT_EQ(functions_of("retraind_operator"), together(kReading, kSteering));
  EXPECT_EQ(rights_of("retraind_operator"), rights_of("retraind_reader"));
  for (const char* sql : {"UPDATE retraind.model SET paused_at = NULL",
                          "INSERT INTO retraind.signal VALUES ('x', now(), 1)", "SELECT nextval('retraind.lease_term')",
                          "SELECT retraind.move_production(1, 1, 'rollback', 2, 'x', 'x', NULL, 'x', now())",
                          "SELECT retraind.fire(1, 'x', 'manual', NULL, 'x', '{}', 'x', now(), false)"}) {
    EXPECT_CONTAINS(refusal(person, sql), "permission denied");
  }
}

TEST_F(RolesTest, APersonCannotSignAsADaemonOrChooseTheTime) {
  const ModelId model = put();
  testing::TestConnection person(make_login("retraind_operator"));
  person.exec("SELECT set_config('retraind.actor', 'host-a', false), set_config('retraind.now', '2001-01-01', false)");
  person.exec("SELECT retraind.request_run('power', 'because')");
  EXPECT_EQ(ground.text("SELECT actor || ' ' || (at > '2002-01-01') FROM retraind.run_event"),
            person.text("SELECT session_user") + " true");
  claim(start + hours(1));
  EXPECT_EQ(count(fmt::format("run WHERE model_id = {} AND state = 'running'", number(model))), "1");
}

TEST_F(RolesTest, AStrangerMayDoNothing) {
  put();
  testing::TestConnection stranger(make_login(""));
  const std::string login = stranger.text("SELECT session_user");
  for (const char* sql :
       {"SELECT * FROM retraind.production", "SELECT * FROM retraind.model", "SELECT * FROM retraind.schema_version",
        "SELECT retraind.production_at('power', now())", "SELECT retraind.request_run('power', 'because')"}) {
    EXPECT_CONTAINS(refusal(stranger, sql), "permission denied for schema retraind");
  }
  EXPECT_EQ(functions_of(login), Names{});
  EXPECT_EQ(rights_of(login), Names{});
}

TEST_F(RolesTest, ADaemonDoesAllItsWorkWithTheRightsOfItsGroup) {
  settings::Model model = make_model();
  model.validation.promotion = PromotionMode::manual;
  store::Database registry(make_login("retraind_daemon"), "retraind-test");
  const auto step = [&](const char* name, auto body) {
    try {
      registry.transact(name, body);
    } catch (const std::exception& error) {
      ADD_FAILURE() << name << ": " << error.what();
    }
  };
  const runs::Executor me{runs::new_daemon_id(), "host-a"};
  EXPECT_NO_THROW(store::require_current_schema(registry));
  ModelId id{};
  step("load", [&](store::Transaction& t) {
    runs::register_daemon(t, me, "0.1.0", 4711, start);
    id = registry::put_model(t, model, {me.daemon_id, me.instance}, start).id;
    runs::put_monitors(t, id, model, start);
    registry::put_model(t, make_model("gas"), {me.daemon_id, me.instance}, start);
    EXPECT_EQ(registry::remove_other_models(t, {"power"}, {me.daemon_id, me.instance}, start), Names{"gas"});
  });
  std::vector<runs::ClaimedMonitor> due;
  step("claim monitors", [&](store::Transaction& t) {
    due = runs::claim_due_monitors(t, me, {"market"}, {10, 10}, minutes(1), start);
    EXPECT_NE(runs::next_monitor_due(t, {"market"}), std::nullopt);
  });
  ASSERT_FALSE(due.empty());
  step("record outcome", [&](store::Transaction& t) {
    runs::lock_context(t, id, due[0].trigger.name, start);
    runs::find_judged_pipeline(t, id);
    runs::find_judged_window_end(t, id);
    const trigger::Decision fired{.decision = FiringDecision::fired, .reason = "because", .evidence = "{}", .slot = {}};
    EXPECT_TRUE(
        runs::record_outcome(t, me, due[0], {.decisions = {fired}, .state = {}, .next_due = start}, "seen", start)
            .held);
  });
  std::optional<runs::ClaimedRun> run;
  for (const bool back : {true, false}) {
    step("claim", [&](store::Transaction& t) {
      runs::next_run_due(t, {"market"});
      run = runs::claim_run(t, me, {"market"}, hours(1), start);
    });
    ASSERT_TRUE(run);
    step("work", [&](store::Transaction& t) {
      runs::act_as(t, me, start);
      const runs::Lease lease = lease_of(*run);
      EXPECT_TRUE(runs::renew_lease(t, lease, hours(1), start).held);
      EXPECT_TRUE(runs::note_worker(t, lease, 4711));
      EXPECT_TRUE(runs::note_step(t, lease, Step::train, start));
      EXPECT_TRUE(runs::note_progress(t, lease, 1, 2, ProgressUnit::rounds, start));
      data::Finding finding;
      finding.check = "leakage";
      finding.sentence = "odd";
      EXPECT_TRUE(runs::record_findings(t, lease, {finding}));
      runs::SearchTrialRecord tried;
      tried.number = 1;
      tried.params = "{}";
      tried.value = 0.5;
      EXPECT_TRUE(runs::record_search(t, lease, {tried}));
      EXPECT_TRUE(
          runs::record_step(t, lease, {.step = Step::train, .started_at = start, .finished_at = start, .rows = 1}));
      EXPECT_TRUE(runs::record_log(t, lease, "once"));
      EXPECT_TRUE(runs::record_log(t, lease, "twice"));
      prepare_job(t, *run, start);
      EXPECT_TRUE(runs::find_run(t, run->id));
      if (back) {
        EXPECT_TRUE(runs::hand_back_run(t, me, lease, "stopping", start));
      }
    });
  }
  step("conclude", [&](store::Transaction& t) {
    EXPECT_EQ(conclude_run(t, me, *run, make_measured(0.01, 0.03), kCandidateBytes, start).value().state,
              RunState::awaiting_approval);
  });
  step("learn", [&](store::Transaction& t) {
    const std::string key(64, '0');
    registry::add_expectation(t, id, key, 1, {}, false, start);
    EXPECT_FALSE(registry::find_expectation(t, id, key)) << "nobody has approved it yet";
    EXPECT_TRUE(registry::find_origin(t, id, 1));
  });
  step("steer", [&](store::Transaction& t) {
    EXPECT_TRUE(runs::approve(t, run->id, "fine"));
    runs::pause(t, "power", "because");
    runs::resume(t, "power");
    EXPECT_EQ(runs::request_run(t, "power", "because").sentence, "");
    EXPECT_NE(runs::request_run(t, "power", "once more").sentence, "");
  });
  step("lose", [&](store::Transaction& t) {
    run = runs::claim_run(t, me, {"market"}, minutes(1), start + hours(1));
    EXPECT_EQ(runs::take_back_expired_runs(t, me, start + hours(2)).size(), 1u);
    run = runs::claim_run(t, me, {"market"}, hours(1), start + hours(2));
    prepare_job(t, run.value(), start);
    EXPECT_TRUE(runs::requeue_run(t, me, lease_of(*run), "crashed", minutes(0), start + hours(2)));
    EXPECT_EQ(runs::cancel(t, run->id, "because"), "cancelled");
  });
  step("check drift", [&](store::Transaction& t) {
    stats::ColumnDrift column;
    column.column = "price";
    runs::record_drift_check(t,
                             {.model = id,
                              .version = 1,
                              .trigger = "drift",
                              .axis = TimeAxis::number,
                              .window_from = {},
                              .window_to = {},
                              .rows = 9,
                              .calibration = "",
                              .columns = {column}},
                             start);
  });
  step("read", [&](store::Transaction& t) {
    EXPECT_EQ(runs::read_status(t, {}).rows.size(), 2u);
    EXPECT_EQ(runs::read_promotions(t, {.model = "power", .since = {}, .until = {}}).rows.size(), 1u);
    EXPECT_EQ(runs::read_runs(t, {.model = "power", .since = {}, .until = {}}).rows.size(), 2u);
    EXPECT_EQ(runs::read_triggers(t, {.model = "power", .since = {}, .until = {}}).rows.size(), 3u);
  });
  step("stop", [&](store::Transaction& t) {
    runs::renew_daemon(t, me, start);
    runs::sign_off_daemon(t, me, start);
  });
}

TEST_F(RolesTest, ADaemonCannotRewriteHistory) {  // invariants 4 and 6
  using Set = std::set<std::string>;
  const Names rights = rights_of("retraind_daemon");
  EXPECT_GT(rights.size(), 40u);
  for (const std::string& right : rights) {
    const std::string table = right.substr(0, right.find(' '));
    if (right.ends_with(" delete")) {
      // Fresh blocks are what is known so far, and are counted again while rows may still come.
      EXPECT_TRUE(Set({"monitor", "fresh_block", "watch", "scoring"}).contains(table)) << right;
    }
    if (right.ends_with(" update")) {
      EXPECT_TRUE(Set({"daemon", "model", "monitor", "promotion", "quarantine", "release", "retention_policy", "run",
                       "run_log", "scoring", "signal", "trial", "watch"})
                      .contains(table))
          << right;
    }
    EXPECT_FALSE(right.ends_with(" truncate") || right.ends_with(" trigger")) << right;
  }
}

}  // namespace
}  // namespace retraind::pipeline
