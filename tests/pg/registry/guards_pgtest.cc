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
        "VALUES ({1}, 1, 'performance', now(), 9, 'log_loss', 'still')",
        number(run), number(model)));
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
  for (const std::string table : {"configuration", "configuration_load", "firing", "run_event", "step", "metric_result",
                                  "gate", "artifact", "artifact_chunk", "model_version", "version_profile", "promotion",
                                  "drift_check", "drift_result", "reference_block", "performance_check"}) {
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
    const RunId run = run_to(before, put(make_model(fmt::format("model_{}", from))));
    for (std::size_t to = 0; to < words_of<RunState>().size(); ++to) {
      const auto after = static_cast<RunState>(to);
      if (before == after) continue;
      const bool open = after == RunState::queued || after == RunState::running || after == RunState::awaiting_approval;
      std::string said;
      ground.exec("BEGIN");
      try {
        ground.exec(fmt::format(
            "UPDATE retraind.run SET state = '{}', reason = 'because', version = 1, finished_at = {}, lease_term = {}, "
            "lease_holder = {}, lease_expires_at = {}, heartbeat_at = {} WHERE run_id = {}",
            to_text(after), open ? "NULL" : "now()", after == RunState::running ? "7" : "NULL",
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
