// The questions that every fault trial asks of the registry: a history that is well answers none of them, and each kind
// of damage, done for real behind the back of the schema's constraints and triggers, is named in a sentence.
#include "tests/support/invariants.h"

#include <algorithm>

#include "tests/pg/registry/registry_scene.h"

namespace retraind::testing {
namespace {

class InvariantsTest : public RegistryTest {
 protected:
  void SetUp() override {
    settings::Model settings = make_model();
    settings.release.webhook = "http://127.0.0.1:1/hook";
    model_ = put(settings);
    run_to(RunState::promoted, model_);
    run_to(RunState::rejected, model_);
    run_to(RunState::promoted, model_, "manual", start + minutes(1));
    run_to(RunState::failed, model_, "manual", start + minutes(2));
    gates_for_judged_runs();
    deliver(1, start + seconds(1));
    deliver(2, start + seconds(2));
  }

  void gates_for_judged_runs() {
    ground.exec(
        "INSERT INTO retraind.gate (run_id, attempt, gate, metric, passed, outcome, sentence) SELECT run_id, attempt, "
        "'difference', 'log_loss', true, 'passed', 'better' FROM retraind.run WHERE verdict IS NOT NULL");
  }

  void deliver(int release, TimePoint when) {
    ground.exec(fmt::format(
        "UPDATE retraind.release SET state = 'delivered', attempts = 1, next_due_at = NULL, settled_at = '{1}' WHERE "
        "release_id = {0};"
        "INSERT INTO retraind.release_attempt VALUES ({0}, 1, '{1}', 'host-a', true, 'told')",
        release, format_instant(when)));
  }

  // Behind the back of triggers and foreign keys.
  void damage(const std::string& sql) {
    ground.exec("BEGIN; SET LOCAL session_replication_role = replica; " + sql + "; COMMIT");
  }

  std::string found(const InvariantBounds& bounds = {}) {
    TestConnection superuser = ground.connect();
    return in_lines(broken_invariants(superuser, bounds));
  }

  ModelId model_{};
};

TEST_F(InvariantsTest, AHistoryThatIsWellBreaksNone) {
  EXPECT_EQ(found(), "");
  EXPECT_EQ(found({.settled = true}), "");
}

TEST_F(InvariantsTest, TwoProductionVersionsAtOnceAreNamed) {
  ground.exec("ALTER TABLE retraind.promotion DROP CONSTRAINT promotion_one_production");
  ground.exec("DROP INDEX retraind.promotion_current");
  damage("UPDATE retraind.promotion SET during = tstzrange(lower(during), NULL)");
  EXPECT_CONTAINS(found(), "model power had two production versions at once: promotion 1 (version 1");
}

TEST_F(InvariantsTest, ARunThatPromotedTwiceIsNamed) {
  ground.exec("DROP INDEX retraind.promotion_once_a_run");
  damage("UPDATE retraind.promotion SET run_id = 1 WHERE promotion_id = 2");
  const std::string said = found();
  EXPECT_CONTAINS(said, "run 1 promoted 2 times: promotions 1, 2");
  EXPECT_CONTAINS(said, "run 3 is promoted, but there is no promotion of it");
}

TEST_F(InvariantsTest, APromotionThatNamesAnotherPredecessorIsNamed) {
  damage("UPDATE retraind.promotion SET previous_version = NULL WHERE promotion_id = 2");
  EXPECT_CONTAINS(found(), "says that version none was in production before, but it was 1");
}

TEST_F(InvariantsTest, ATimeWithoutAProductionVersionIsNamed) {
  damage(
      "UPDATE retraind.promotion SET during = tstzrange(lower(during), upper(during) - interval '1 microsecond') "
      "WHERE promotion_id = 1");
  EXPECT_CONTAINS(found(), "but the one before it ended at");
  damage(
      "UPDATE retraind.promotion SET during = tstzrange(lower(during), lower(during) + interval '1 hour') WHERE "
      "promotion_id = 2");
  EXPECT_CONTAINS(found(), "model power had 2 promotions, but nothing is in production now");
}

TEST_F(InvariantsTest, ALostTriggerIsNamed) {
  const auto fired = fire(model_);
  damage("DELETE FROM retraind.run WHERE run_id = " + fired.run);
  EXPECT_CONTAINS(found(), "of trigger manual (model power) was decided \"fired\", but it has no run");
}

TEST_F(InvariantsTest, ADoubledRunIsNamed) {
  ground.exec("ALTER TABLE retraind.run DROP CONSTRAINT run_firing_id_key");
  damage("UPDATE retraind.run SET firing_id = 1 WHERE run_id = 2");
  EXPECT_CONTAINS(found(), "firing 1 started 2 runs: 1, 2");
}

TEST_F(InvariantsTest, TwoOpenRunsOfAModelAreNamed) {
  ground.exec("DROP INDEX retraind.run_one_open");
  queue(model_);
  damage("UPDATE retraind.run SET state = 'queued', finished_at = NULL WHERE run_id = 4");
  EXPECT_CONTAINS(found(), "model power has 2 open runs: 4, 5");
}

TEST_F(InvariantsTest, AnEndWithoutAReasonAVerdictOrItsGatesIsNamed) {
  ground.exec("ALTER TABLE retraind.run DROP CONSTRAINT run_says_why");
  damage("UPDATE retraind.run SET reason = NULL WHERE run_id = 4");
  damage("UPDATE retraind.run SET verdict = NULL WHERE run_id = 2");
  damage("DELETE FROM retraind.gate WHERE run_id = 1");
  const std::string said = found();
  EXPECT_CONTAINS(said, "run 4 ended as failed without a reason");
  EXPECT_CONTAINS(said, "run 2 ended as rejected without a verdict");
  EXPECT_CONTAINS(said, "run 1 has the verdict \"promote\", but no gate that led to it");
}

TEST_F(InvariantsTest, EventsThatDoNotAddUpAreNamed) {
  damage("DELETE FROM retraind.run_event WHERE run_id = 1 AND to_state = 'running'");
  damage("DELETE FROM retraind.run_event WHERE run_id = 2 AND to_state = 'rejected'");
  damage("DELETE FROM retraind.run_event WHERE run_id = 3");
  const std::string said = found();
  EXPECT_CONTAINS(said, "of run 1 goes from running to promoted, but the run was queued");
  EXPECT_CONTAINS(said, "run 2 is rejected at attempt 1, but its last event says running at attempt 1");
  EXPECT_CONTAINS(said, "run 3 has no event at all");
}

TEST_F(InvariantsTest, AWriteUnderATermThatWasTakenAwayIsNamed) {
  damage("UPDATE retraind.run_event SET lease_term = lease_term - 1 WHERE run_id = 4 AND to_state = 'failed'");
  EXPECT_CONTAINS(found(), "took run 4 from running to failed under term");
  damage("UPDATE retraind.run_event SET lease_term = 1 WHERE run_id IN (1, 4)");
  EXPECT_CONTAINS(found(), "term 1 was given to 2 claims");
}

TEST_F(InvariantsTest, AnAttemptThatWasClaimedTwiceIsNamed) {
  damage(
      "INSERT INTO retraind.run_event (run_id, attempt, at, from_state, to_state, lease_term, actor, reason) SELECT "
      "run_id, attempt, at, to_state, 'running', 1, actor, reason FROM retraind.run_event WHERE run_id = 4 AND "
      "to_state = 'failed'");
  const std::string said = found();
  EXPECT_CONTAINS(said, "attempt 1 of run 4 was claimed 2 times");
  EXPECT_CONTAINS(said, "run 4 was claimed under term 1 after term");
}

TEST_F(InvariantsTest, AMissingVersionAndAMissingArtifactAreNamed) {
  damage("UPDATE retraind.model SET last_version = 3");
  damage(
      "DELETE FROM retraind.artifact WHERE sha256 = (SELECT artifact_sha256 FROM retraind.model_version WHERE version "
      "= 2)");
  damage("UPDATE retraind.model_version SET run_id = 4 WHERE version = 2");
  const std::string said = found();
  EXPECT_CONTAINS(said, "model power has 2 versions up to number 2, and says that its last is 3");
  EXPECT_CONTAINS(said, "version 2 of model power has the artifact");
  EXPECT_CONTAINS(said, "version 2 of model power was made by run 4, which says it made none");
}

TEST_F(InvariantsTest, ADamagedArtifactIsNamedWhateverWasDoneToIt) {
  const std::string first = ground.text("SELECT artifact_sha256 FROM retraind.model_version WHERE version = 1");
  const std::string second = ground.text("SELECT artifact_sha256 FROM retraind.model_version WHERE version = 2");
  // The bytes of another artifact are a whole zstd frame, of the same size.
  damage(
      fmt::format("UPDATE retraind.artifact_chunk SET zstd = (SELECT zstd FROM retraind.artifact_chunk WHERE sha256 = "
                  "'{}') WHERE sha256 = '{}'",
                  second, first));
  EXPECT_CONTAINS(found(), "artifact " + first + " is damaged: its bytes have sha256 " + second);
  damage(fmt::format("UPDATE retraind.artifact_chunk SET zstd = substr(zstd, 1, length(zstd) - 2) WHERE sha256 = '{}'",
                     first));
  EXPECT_CONTAINS(found(), "artifact " + first + " is damaged: a chunk cannot be decompressed");
  damage(fmt::format("DELETE FROM retraind.artifact_chunk WHERE sha256 = '{}'", first));
  EXPECT_CONTAINS(found(), "artifact " + first + " is damaged: a chunk is missing");
}

TEST_F(InvariantsTest, AnOutboxThatForgotDoubledOrReorderedIsNamed) {
  damage("UPDATE retraind.release SET settled_at = settled_at + interval '1 hour' WHERE release_id = 1");
  EXPECT_CONTAINS(found(), "release 2 (webhook) was settled at");
  damage("INSERT INTO retraind.release_attempt VALUES (2, 2, now(), 'host-b', true, 'told again')");
  const std::string said = found();
  EXPECT_CONTAINS(said, "release 2 (webhook) is delivered after 2 successful deliveries");
  EXPECT_CONTAINS(said, "release 2 has attempt 2, but only 1 were begun");
  damage("DELETE FROM retraind.release WHERE release_id = 1");
  EXPECT_CONTAINS(found(), "promotion 1 of model power was never put into the outbox for webhook");
}

TEST_F(InvariantsTest, AStuckLeaseIsNamed) {
  queue(model_, "manual", start - hours(2));
  claim(start - hours(1), minutes(1));
  EXPECT_CONTAINS(found(), "the lease of run 5 expired 00:5");
  EXPECT_EQ(found({.lease = hours(2)}), "");
}

TEST_F(InvariantsTest, WhatHasNotComeToRestIsNamedWhereItShouldHave) {
  queue(model_);
  EXPECT_EQ(found(), "");
  EXPECT_CONTAINS(found({.settled = true}), "run 5 is still queued: because");
}

TEST_F(InvariantsTest, ASlotThatWasNeitherFiredNorRecordedAsMissedIsNamed) {
  const auto decide = [&](const std::string& slot) {
    ground.exec(fmt::format(
        "INSERT INTO retraind.firing (model_id, trigger, kind, evaluated_at, slot, decision, reason, evidence, actor) "
        "VALUES ({}, 'nightly', 'schedule', '{}', '{}', 'suppressed', 'missed', "
        "'{{\"cron\":\"0 3 * * *\",\"timezone\":\"UTC\"}}', 'host-a')",
        number(model_), slot, slot));
  };
  ground.exec(fmt::format(
      "INSERT INTO retraind.monitor (model_id, trigger, kind, source, rule, next_due_at, state) VALUES ({}, "
      "'nightly', 'schedule', 'market', '{{\"cron\":\"0 3 * * *\",\"timezone\":\"UTC\"}}', '2100-01-01', "
      "'{{\"last_slot\":\"2026-05-04T03:00:00Z\"}}')",
      number(model_)));
  decide("2026-05-01 03:00:00+00");
  decide("2026-05-02 03:00:00+00");
  decide("2026-05-04 03:00:00+00");
  EXPECT_CONTAINS(
      found(), "slot 2026-05-03T03:00:00Z of trigger nightly of model power was neither fired nor recorded as missed");
  decide("2026-05-03 03:00:00+00");
  EXPECT_EQ(found(), "");
  decide("2026-05-04 04:00:00+00");
  EXPECT_CONTAINS(found(),
                  "slot 2026-05-04T04:00:00Z of trigger nightly of model power is none of \"0 3 * * *\" in UTC");
  // One line may stand for slots that are too many to name, if it counts them right.
  ground.exec(fmt::format(
      "INSERT INTO retraind.firing (model_id, trigger, kind, evaluated_at, decision, reason, evidence, actor) VALUES "
      "({}, 'nightly', 'schedule', now(), 'suppressed', 'missed', '{{\"cron\":\"0 3 * * *\",\"timezone\":\"UTC\","
      "\"after\":\"2026-04-20T03:00:00Z\",\"before\":\"2026-05-01T03:00:00Z\",\"slots\":9}}', 'host-a')",
      number(model_)));
  EXPECT_CONTAINS(found(), "gave up 9 slots together, but 10 are missing");
}

TEST_F(InvariantsTest, AnInvalidIndexIsNamed) {
  ground.exec(
      "SET allow_system_table_mods = on; UPDATE pg_index SET indisvalid = false WHERE indexrelid = "
      "'retraind.run_queue'::regclass");
  EXPECT_CONTAINS(found(), "index retraind.run_queue is invalid");
}

}  // namespace
}  // namespace retraind::testing
