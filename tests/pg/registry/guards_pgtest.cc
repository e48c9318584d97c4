// What the database itself refuses, whoever asks and in whatever SQL. The numbers of the invariants are those at the
// top of migrations/001_tables.up.sql.
#include <set>

#include "tests/pg/registry/registry_scene.h"

namespace retraind::registry {
namespace {

using testing::make_model;

class GuardsTest : public testing::RegistryTest {
 protected:
  // A row of retraind.promotion, as nobody should write it.
  static std::string promotion(ModelId model, int version, const std::string& kind, const std::string& during,
                               const std::string& run = "NULL") {
    return fmt::format(
        "INSERT INTO retraind.promotion (model_id, version, kind, during, actor, trigger, run_id, reason) "
        "VALUES ({}, {}, '{}', {}, 'somebody', 'manual', {}, 'because')",
        number(model), version, kind, during, run);
  }

  // One row at least in each table of history.
  ModelId make_history() {
    const ModelId model = put();
    const RunId run = run_to(RunState::promoted, model);
    ground.exec(fmt::format(
        "INSERT INTO retraind.step (run_id, attempt, step, started_at, finished_at) VALUES ({0}, 1, 'train', now(), "
        "now());"
        "INSERT INTO retraind.metric_result (run_id, role, metric, value) VALUES ({0}, 'candidate', 'log_loss', 0.4);"
        "INSERT INTO retraind.gate (run_id, gate, metric, passed, sentence) VALUES ({0}, 'difference', 'log_loss', "
        "true, 'x');"
        "INSERT INTO retraind.version_profile (model_id, version, position, \"column\", profile) VALUES ({1}, 1, 0, "
        "'x', '{{}}');"
        "INSERT INTO retraind.drift_check (model_id, version, trigger, checked_at, rows) VALUES ({1}, 1, 'drift', "
        "now(), 9);"
        "INSERT INTO retraind.drift_result (check_id, \"column\", method, threshold, verdict, sentence) "
        "SELECT check_id, 'x', 'jensen_shannon', 0.05, 'ok', 'still' FROM retraind.drift_check;"
        "INSERT INTO retraind.reference_block (model_id, version, stream, index, rows, packed) VALUES ({1}, 1, "
        "'features', 0, 9, 'x');"
        "INSERT INTO retraind.performance_check (model_id, version, trigger, checked_at, rows, metric, sentence) "
        "VALUES ({1}, 1, 'performance', now(), 9, 'log_loss', 'still');"
        "INSERT INTO retraind.data_finding (run_id, attempt, found_at, kind, \"check\", stops, sentence) "
        "VALUES ({0}, 1, now(), 'warning', 'leakage', false, 'x');"
        "INSERT INTO retraind.search_trial (run_id, attempt, trial, params, metric, value, train_rows, rows, seconds, "
        "chosen) VALUES ({0}, 1, 1, '{{}}', 'log_loss', 0.5, 8, 2, 0, true);"
        "INSERT INTO retraind.expectation VALUES ({1}, repeat('0', 64), 1, '[]', false, now())",
        number(run), number(model)));
    const RunId shadow = run_to(RunState::shadowing, model);
    ground.exec(fmt::format(
        "INSERT INTO retraind.trial_cluster SELECT trial_id, 0, 1, 2, 9, 9, 0.5, 0.4, 0.5 FROM retraind.trial;"
        "INSERT INTO retraind.quarantine (model_id, version, since, actor, reason) VALUES ({1}, 2, now(), 'x', 'x');"
        "INSERT INTO retraind.release (promotion_id, model_id, target, created_at, next_due_at) "
        "SELECT promotion_id, {1}, 'webhook', now(), now() FROM retraind.promotion;"
        "INSERT INTO retraind.release_attempt SELECT release_id, 1, now(), 'host-a', false, '503' FROM "
        "retraind.release;"
        "SELECT retraind.cancel({0}, 'enough')",
        number(shadow), number(model)));
    return model;
  }
};

TEST_F(GuardsTest, RefusesTwoVersionsInProductionAtOneInstant) {  // invariant 1
  const ModelId model = put();
  run_to(RunState::promoted, model);
  run_to(RunState::promoted, model);
  const std::string closed =
      "(SELECT tstzrange(lower(during), lower(during) + interval '1 us') FROM retraind.promotion WHERE version = 1)";
  EXPECT_CONTAINS(refusal(promotion(model, 2, "rollback", closed)), "promotion_one_production");
  EXPECT_CONTAINS(refusal(promotion(model, 1, "rollback", "tstzrange(now() + interval '1 day', NULL)")),
                  "promotion_one_production");
  ground.exec(promotion(model, 1, "rollback", "tstzrange('2001-01-01', '2001-01-02')"));
  ground.exec(promotion(model, 2, "rollback", "tstzrange('2001-01-02', '2001-01-03')"));
}

TEST_F(GuardsTest, LetsTwoModelsBeInProductionAtOneInstant) {
  run_to(RunState::promoted, put(make_model("power")));
  run_to(RunState::promoted, put(make_model("gas")));
  EXPECT_EQ(count("production"), "2");
}

TEST_F(GuardsTest, RefusesASecondPromotionOfARun) {  // invariant 2
  const ModelId model = put();
  const RunId run = run_to(RunState::promoted, model);
  EXPECT_CONTAINS(
      refusal(promotion(model, 1, "promotion", "tstzrange('2001-01-01', '2001-01-02')", std::to_string(number(run)))),
      "promotion_once_a_run");
  EXPECT_CONTAINS(refusal(promotion(model, 1, "promotion", "tstzrange('2001-01-01', '2001-01-02')")), "check");
}

TEST_F(GuardsTest, RefusesASlotThatWasDecidedBefore) {  // invariant 3
  const ModelId model = put();
  const auto decide = [&](const char* trigger, const char* decision) {
    return fmt::format(
        "INSERT INTO retraind.firing (model_id, trigger, kind, evaluated_at, slot, decision, reason, actor) "
        "VALUES ({}, '{}', 'schedule', now(), '2026-03-01 03:00+00', '{}', 'because', 'host-a')",
        number(model), trigger, decision);
  };
  ground.exec(decide("nightly", "suppressed"));
  EXPECT_CONTAINS(refusal(decide("nightly", "fired")), "firing_slot_once");
  ground.exec(decide("weekly", "fired"));
}

TEST_F(GuardsTest, RefusesToChangeOrLoseHistory) {  // invariants 4 and 6
  make_history();
  const std::vector<std::string> tables = {"configuration",
                                           "configuration_load",
                                           "firing",
                                           "run_event",
                                           "step",
                                           "metric_result",
                                           "gate",
                                           "artifact",
                                           "artifact_chunk",
                                           "model_version",
                                           "version_profile",
                                           "promotion",
                                           "drift_check",
                                           "drift_result",
                                           "reference_block",
                                           "performance_check",
                                           "trial_cluster",
                                           "release_attempt",
                                           "data_finding",
                                           "search_trial",
                                           "expectation"};
  for (const std::string& table : tables) {
    ASSERT_NE(count(table), "0") << table;
    const std::string column = ground.text(
        fmt::format("SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = 'retraind.{}'::regclass "
                    "AND attnum > 0 ORDER BY attnum DESC LIMIT 1",
                    table));
    EXPECT_CONTAINS(refusal(fmt::format("UPDATE retraind.{0} SET {1} = {1}", table, column)), "is append-only");
    EXPECT_CONTAINS(refusal(fmt::format("DELETE FROM retraind.{}", table)), "is append-only: delete refused");
    EXPECT_CONTAINS(refusal(fmt::format("TRUNCATE retraind.{} CASCADE", table)), "is append-only: truncate refused");
  }
}

TEST_F(GuardsTest, RefusesToLoseTrialsQuarantinesAndReleasesOrToChangeThemOnceTheyHaveEnded) {  // invariants 6 and 8
  make_history();
  for (const std::string table : {"trial", "quarantine", "release"}) {
    EXPECT_CONTAINS(refusal(fmt::format("DELETE FROM retraind.{}", table)), "is append-only: delete refused");
    EXPECT_CONTAINS(refusal(fmt::format("TRUNCATE retraind.{} CASCADE", table)), "is append-only: truncate refused");
  }
  EXPECT_CONTAINS(refusal("UPDATE retraind.trial SET sentence = 'it was better'"),
                  "a row of retraind.trial that has ended is history");
  EXPECT_CONTAINS(refusal("UPDATE retraind.trial SET outcome = NULL, ended_at = NULL, next_due_at = now()"),
                  "a row of retraind.trial that has ended is history");
  EXPECT_CONTAINS(refusal("UPDATE retraind.quarantine SET reason = 'y', since = now() - interval '1 day'"),
                  "retraind.quarantine.reason, since never changes");
  ground.exec("UPDATE retraind.quarantine SET lifted_at = now(), lifted_by = 'x', lift_reason = 'x'");
  EXPECT_CONTAINS(refusal("UPDATE retraind.quarantine SET lifted_at = NULL, lifted_by = NULL, lift_reason = NULL"),
                  "that has ended is history");
  EXPECT_CONTAINS(refusal("UPDATE retraind.release SET target = 'command'"), "retraind.release.target never changes");
  ground.exec("UPDATE retraind.release SET state = 'delivered', settled_at = now(), next_due_at = NULL");
  EXPECT_CONTAINS(refusal("UPDATE retraind.release SET state = 'waiting', settled_at = NULL, next_due_at = now()"),
                  "that has ended is history");
}

TEST_F(GuardsTest, RefusesToChangeTheTermsOfATrialAndASecondOpenOneOfItsKind) {  // invariant 8
  const ModelId model = put();
  run_to(RunState::promoted, model);
  const RunId run = run_to(RunState::shadowing, model);
  for (const char* change :
       {"alpha = 0.5", "bar = -1", "version = 1, against = 2", "until = NULL", "deadline = now()"}) {
    EXPECT_CONTAINS(refusal(fmt::format("UPDATE retraind.trial SET {}", change)), "never change");
  }
  ground.exec("UPDATE retraind.trial SET rows = 5, sentence = 'so far'");
  const auto insert = [&](const char* kind) {
    return fmt::format(
        "INSERT INTO retraind.trial (model_id, run_id, kind, version, against, metric, bar, alpha, axis, after, "
        "deadline, every, opened_at, next_due_at) VALUES ({}, {}, '{}', 2, 1, 'log_loss', 0, 0.05, 'number', 1, now(), "
        "'1h', now(), now())",
        number(model), number(run), kind);
  };
  EXPECT_CONTAINS(refusal(insert("shadow")), "trial_one_open");
  ground.exec(insert("bake"));
  EXPECT_CONTAINS(refusal("UPDATE retraind.trial SET outcome = 'expired', sentence = 'x', ended_at = now(), "
                          "next_due_at = NULL WHERE kind = 'bake'"),
                  "trial_outcome");
  EXPECT_CONTAINS(refusal("UPDATE retraind.trial SET outcome = 'kept', sentence = 'x', ended_at = now(), "
                          "next_due_at = NULL WHERE kind = 'shadow'"),
                  "trial_outcome");
  EXPECT_CONTAINS(refusal("UPDATE retraind.trial SET outcome = 'kept', sentence = 'x' WHERE kind = 'bake'"),
                  "trial_ends_once");
}

TEST_F(GuardsTest, RefusesAGateThatPassedWithoutPassing) {
  const RunId run = run_to(RunState::rejected, put());
  const auto gate = [&](const char* outcome, bool passed) {
    return fmt::format(
        "INSERT INTO retraind.gate (run_id, gate, slice, metric, outcome, passed, sentence) VALUES ({}, 'x', '{}', "
        "'auc', '{}', {}, 'x')",
        number(run), outcome, outcome, passed);
  };
  EXPECT_CONTAINS(refusal(gate("undecided", true)), "gate_passed_is_its_outcome");
  EXPECT_CONTAINS(refusal(gate("failed", true)), "gate_passed_is_its_outcome");
  EXPECT_CONTAINS(refusal(gate("passed", false)), "gate_passed_is_its_outcome");
  EXPECT_CONTAINS(refusal(gate("perhaps", false)), "gate_outcome_check");
  ground.exec(gate("undecided", false));
  EXPECT_CONTAINS(refusal(gate("undecided", false)), "gate_once_a_judging");
  ground.exec(
      fmt::format("INSERT INTO retraind.gate (run_id, gate, metric, passed, sentence) VALUES ({}, 'old', 'auc', "
                  "true, 'x'), ({}, 'older', 'auc', false, 'x')",
                  number(run), number(run)));
  EXPECT_EQ(ground.text("SELECT string_agg(outcome, ' ' ORDER BY gate) FROM retraind.gate_result"),
            "passed failed undecided");
}

TEST_F(GuardsTest, LetsAnotherRunBeOpenBesideAShadow) {  // invariant 7
  const ModelId model = put();
  run_to(RunState::promoted, model);
  const RunId shadow = run_to(RunState::shadowing, model);
  EXPECT_EQ(state_of(queue(model)), "queued");
  EXPECT_EQ(run_text(shadow, "concat_ws(' ', state, finished_at, version)"), "shadowing 2");
}

TEST_F(GuardsTest, QueuesTheSuccessorOfAShadowOnce) {  // invariant 3
  const ModelId model = put();
  run_to(RunState::promoted, model);
  const runs::ClaimedRun run = queue_and_claim(model);
  const Fired waiting = fire(model, "schedule", false, start, "'2026-03-01 03:00+00'");
  judge(run, RunState::shadowing);
  EXPECT_EQ(ground.text("SELECT string_agg(firing_id::text, ' ') FROM retraind.run WHERE state = 'queued'"),
            waiting.firing);
  const runs::ClaimedRun successor = claim();
  const Fired next = fire(model, "schedule", false, start, "'2026-03-02 03:00+00'");
  EXPECT_CONTAINS(next.reason, "so a run follows");
  ground.exec(fmt::format("SELECT retraind.cancel({}, 'enough')", number(run.id)));
  EXPECT_EQ(count("run"), "3") << "neither the first once more, nor the second before its time";
  judge(successor, RunState::rejected);
  EXPECT_EQ(ground.text("SELECT string_agg(firing_id::text, ' ') FROM retraind.run WHERE state = 'queued'"),
            next.firing);
}

TEST_F(GuardsTest, RefusesToLoseARun) {  // invariant 6
  run_to(RunState::failed, put());
  EXPECT_CONTAINS(refusal("DELETE FROM retraind.run"), "retraind.run is append-only: delete refused");
  EXPECT_CONTAINS(refusal("TRUNCATE retraind.run CASCADE"), "is append-only: truncate refused");
}

TEST_F(GuardsTest, RefusesToRewriteWhatAnEndedRunSaysOfItself) {  // invariant 6
  const RunId run = run_to(RunState::rejected, put());
  EXPECT_CONTAINS(
      refusal(fmt::format("UPDATE retraind.run SET reason = 'it was better' WHERE run_id = {}", number(run))),
      "is history");
}

TEST_F(GuardsTest, RefusesToChangeAVersion) {  // invariant 4
  make_history();
  for (const char* change :
       {"artifact_sha256 = artifact_sha256", "value = value + 1", "lineage = '{}'", "version = 2"}) {
    EXPECT_CONTAINS(refusal(fmt::format("UPDATE retraind.model_version SET {}", change)),
                    "retraind.model_version is append-only: update refused");
  }
}

TEST_F(GuardsTest, ClosesAPromotionOnceAndChangesNothingElseOfIt) {  // invariant 6
  const ModelId model = put();
  run_to(RunState::promoted, model);
  const std::string only = "only the end of an open range may be set, once";
  for (const char* change :
       {"reason = 'another'", "actor = 'another', during = tstzrange(lower(during), now() + '1 day')",
        "during = tstzrange(lower(during) - interval '1 s', now() + interval '1 day')"}) {
    EXPECT_CONTAINS(refusal(fmt::format("UPDATE retraind.promotion SET {}", change)), only);
  }
  ground.exec("UPDATE retraind.promotion SET during = tstzrange(lower(during), now() + interval '1 day')");
  EXPECT_CONTAINS(refusal("UPDATE retraind.promotion SET during = tstzrange(lower(during), NULL)"), only);
  EXPECT_CONTAINS(refusal("UPDATE retraind.promotion SET during = tstzrange(lower(during), now() + interval '2 days')"),
                  only);
}

TEST_F(GuardsTest, RefusesASecondOpenRunOfAModel) {  // invariant 7
  int count = 0;
  for (const RunState open : {RunState::queued, RunState::running, RunState::awaiting_approval}) {
    const ModelId model = put(make_model(fmt::format("model_{}", ++count)));
    const RunId run = run_to(open, model);
    ground.exec(
        fmt::format("INSERT INTO retraind.firing (model_id, trigger, kind, evaluated_at, decision, reason, actor) "
                    "VALUES ({}, 'manual', 'manual', now(), 'fired', 'because', 'somebody')",
                    number(model)));
    EXPECT_CONTAINS(refusal(fmt::format(
                        "INSERT INTO retraind.run (model_id, firing_id, trigger, source, configuration_sha256, "
                        "max_attempts, queued_at, "
                        "not_before) SELECT model_id, (SELECT max(firing_id) FROM retraind.firing), trigger, source, "
                        "configuration_sha256, 3, now(), now() FROM retraind.run WHERE run_id = {}",
                        number(run))),
                    "run_one_open")
        << to_text(open);
    // Out of the way of the next one.
    // Out of the way of the next model's claim.
    ground.exec(fmt::format("UPDATE retraind.run SET not_before = 'infinity' WHERE run_id = {} AND finished_at IS NULL",
                            number(run)));
  }
}

TEST_F(GuardsTest, FollowsTheStateDiagramAndNoOtherArrow) {
  const std::set<std::pair<RunState, RunState>> arrows = {
      {RunState::queued, RunState::running},
      {RunState::queued, RunState::failed},
      {RunState::queued, RunState::cancelled},
      {RunState::running, RunState::queued},
      {RunState::running, RunState::awaiting_approval},
      {RunState::running, RunState::shadowing},
      {RunState::shadowing, RunState::awaiting_approval},
      {RunState::shadowing, RunState::promoted},
      {RunState::shadowing, RunState::rejected},
      {RunState::shadowing, RunState::inconclusive},
      {RunState::shadowing, RunState::cancelled},
      {RunState::awaiting_approval, RunState::queued},
      {RunState::running, RunState::promoted},
      {RunState::running, RunState::rejected},
      {RunState::running, RunState::inconclusive},
      {RunState::running, RunState::failed},
      {RunState::running, RunState::cancelled},
      {RunState::awaiting_approval, RunState::promoted},
      {RunState::awaiting_approval, RunState::rejected},
      {RunState::awaiting_approval, RunState::inconclusive},
      {RunState::awaiting_approval, RunState::cancelled},
  };
  for (std::size_t from = 0; from < words_of<RunState>().size(); ++from) {
    const auto before = static_cast<RunState>(from);
    const ModelId model = put(make_model(fmt::format("model_{}", from)));
    if (before == RunState::shadowing) run_to(RunState::promoted, model);
    const RunId run = run_to(before, model);
    for (std::size_t to = 0; to < words_of<RunState>().size(); ++to) {
      const auto after = static_cast<RunState>(to);
      if (before == after) continue;
      const bool ended = after != RunState::queued && after != RunState::running &&
                         after != RunState::awaiting_approval && after != RunState::shadowing;
      std::string said;
      ground.exec("BEGIN");
      try {
        ground.exec(fmt::format(
            "UPDATE retraind.run SET state = '{}', reason = 'because', version = 1, shadowing_since = now(), "
            "finished_at = {}, lease_term = {}, "
            "lease_holder = {}, lease_expires_at = {}, heartbeat_at = {} WHERE run_id = {}",
            to_text(after), ended ? "now()" : "NULL", after == RunState::running ? "7" : "NULL",
            after == RunState::running ? "'11111111-1111-4111-8111-111111111111'" : "NULL",
            after == RunState::running ? "now()" : "NULL", after == RunState::running ? "now()" : "NULL", number(run)));
      } catch (const std::runtime_error& error) {
        said = error.what();
      }
      ground.exec("ROLLBACK");
      if (arrows.contains({before, after})) {
        EXPECT_EQ(said, "") << to_text(before) << " to " << to_text(after);
      } else {
        EXPECT_CONTAINS(said,
                        fmt::format("run {} cannot go from {} to {}", number(run), to_text(before), to_text(after)));
      }
    }
    EXPECT_CONTAINS(
        refusal(fmt::format("UPDATE retraind.run SET attempt = attempt + 1 WHERE run_id = {}", number(run))),
        "cannot go from");
    // Out of the way of the next model's claim.
    ground.exec(fmt::format("UPDATE retraind.run SET not_before = 'infinity' WHERE run_id = {} AND finished_at IS NULL",
                            number(run)));
  }
}

TEST_F(GuardsTest, WritesAnEventForEachChangeOfState) {  // invariant 6
  const ModelId model = put();
  const RunId run = run_to(RunState::promoted, model);
  const auto rows =
      ground.rows(fmt::format("SELECT from_state, to_state, actor, lease_term IS NOT NULL, at = '{}' FROM "
                              "retraind.run_event WHERE run_id = {} ORDER BY event_id",
                              format_instant(start), number(run)));
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0][0], std::nullopt);
  EXPECT_EQ(rows[0][1], "queued");
  EXPECT_EQ(rows[1], (testing::TextRow{"queued", "running", "host-a", "t", "t"}));
  EXPECT_EQ(rows[2], (testing::TextRow{"running", "promoted", "host-a", "t", "t"}));
}

TEST_F(GuardsTest, RefusesAConfigurationWhoseSha256IsAnothers) {
  const ModelId model = put();
  EXPECT_CONTAINS(
      refusal(fmt::format("INSERT INTO retraind.configuration VALUES ({}, repeat('0', 64), repeat('0', 64), "
                          "'{{\"a\":1}}', now())",
                          number(model))),
      "configuration_is_what_it_says");
}

}  // namespace
}  // namespace retraind::registry
