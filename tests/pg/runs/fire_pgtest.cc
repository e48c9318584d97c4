// retraind.fire: what becomes of a trigger's wish for a run.
#include "tests/pg/registry/registry_scene.h"

namespace retraind::runs {
namespace {

using testing::make_model;
using testing::minutes;

class FireTest : public testing::RegistryTest {
 protected:
  // The one queued run, by the firing that started it; "" when there is none.
  std::string queued_firing() {
    return ground.text("SELECT coalesce((SELECT firing_id::text FROM retraind.run WHERE state = 'queued'), '')");
  }
};

TEST_F(FireTest, QueuesARunWithTheConfigurationInForce) {
  const ModelId model = put();
  const Fired fired = fire(model, "schedule", false, start, "'2026-03-01 03:00+00'");
  EXPECT_EQ(fired.decision, "fired");
  EXPECT_EQ(fired.reason, "because");
  const RunId run = run_id(fired);
  EXPECT_EQ(run_text(run, "state || ' ' || trigger || ' ' || source || ' ' || attempt || ' ' || max_attempts"),
            "queued schedule market 1 3");
  EXPECT_EQ(run_text(run, "firing_id"), fired.firing);
  EXPECT_EQ(run_text(run, "configuration_sha256"), settings::configuration_sha256(make_model()));
  EXPECT_EQ(run_text(run, fmt::format("queued_at = '{0}' AND not_before = '{0}'", format_instant(start))), "t");
}

TEST_F(FireTest, StandsBackForARunThatIsQueued) {  // invariant 7
  const ModelId model = put();
  const Fired first = fire(model, "manual");
  for (const char* kind : {"schedule", "new_rows", "drift", "manual", "pipeline_change"}) {
    const Fired next = fire(model, kind);
    EXPECT_EQ(next.decision, "suppressed") << kind;
    EXPECT_EQ(next.run, first.run) << kind;
    EXPECT_NE(next.firing, "") << kind;
    EXPECT_EQ(next.reason, fmt::format("because; run {} is already queued and will read the same rows", first.run));
  }
  EXPECT_EQ(count("run"), "1");
  EXPECT_EQ(count("firing"), "6");
}

TEST_F(FireTest, GivesAQueuedRunTheNewestConfiguration) {
  settings::Model model = make_model();
  const ModelId id = put(model);
  const RunId run = queue(id);
  model.training.rounds = 7;
  model.source = "warehouse";
  put(model);
  EXPECT_EQ(run_text(run, "configuration_sha256"), settings::configuration_sha256(make_model()));
  EXPECT_EQ(fire(id, "pipeline_change", true).decision, "suppressed");
  EXPECT_EQ(run_text(run, "configuration_sha256"), settings::configuration_sha256(model));
  EXPECT_EQ(run_text(run, "source"), "warehouse");
  EXPECT_EQ(
      settings::model_from_json(try_claim(start, minutes(1), {"warehouse"}).value().configuration).training.rounds, 7);
}

TEST_F(FireTest, LeavesARunningRunTheConfigurationItReads) {
  settings::Model model = make_model();
  const ModelId id = put(model);
  const RunId run = queue_and_claim(id).id;
  model.training.rounds = 7;
  put(model);
  const Fired next = fire(id, "pipeline_change");
  EXPECT_EQ(run_text(run, "configuration_sha256"), settings::configuration_sha256(make_model()));
  EXPECT_EQ(run_text(run, "successor_firing_id"), next.firing);
}

TEST_F(FireTest, QueuesNoSuccessorForAPipelineThatTheRunningRunCarries) {
  settings::Model model = make_model();
  const ModelId id = put(model);
  const RunId run = queue_and_claim(id).id;
  // Another configuration with the same pipeline: only a trigger differs.
  model.triggers[1].cooldown = minutes(60);
  put(model);
  EXPECT_EQ(fire(id, "pipeline_change").decision, "suppressed");
  EXPECT_EQ(run_text(run, "successor_firing_id"), "");
}

TEST_F(FireTest, QueuesASuccessorInTheTransactionThatEndsTheRun) {  // invariant 3
  for (const RunState ending :
       {RunState::promoted, RunState::rejected, RunState::inconclusive, RunState::failed, RunState::cancelled}) {
    const ModelId model = put(make_model(fmt::format("model_{}", to_text(ending))));
    const runs::ClaimedRun run = queue_and_claim(model);
    const Fired next = fire(model, "schedule", false, start, "'2026-03-01 03:00+00'");
    EXPECT_EQ(next.decision, "fired");
    EXPECT_EQ(next.reason,
              fmt::format("because; run {} is running, so a run follows when it has ended", number(run.id)));
    EXPECT_EQ(queued_firing(), "");
    if (ending == RunState::failed || ending == RunState::cancelled) {
      EXPECT_TRUE(end(run, ending, start + minutes(1)));
    } else {
      judge(run, ending, start + minutes(1));
    }
    EXPECT_EQ(state_of(run.id), to_text(ending));
    EXPECT_EQ(queued_firing(), next.firing) << to_text(ending);
    // One transaction wrote both rows.
    EXPECT_EQ(ground.text(fmt::format("SELECT count(DISTINCT xmin::text) FROM retraind.run WHERE model_id = {}",
                                      number(model))),
              "1");
    const runs::ClaimedRun successor = claim(start + minutes(1));
    EXPECT_EQ(successor.trigger, "schedule");
    EXPECT_EQ(run_text(successor.id, "max_attempts"), "3");
  }
}

TEST_F(FireTest, QueuesASuccessorWhenTheLastAttemptIsLostOrAPersonDecides) {  // invariant 3
  settings::Model once = make_model("once");
  once.training.max_attempts = 1;
  ModelId model = put(once);
  queue(model);
  claim(start, minutes(1));
  Fired next = fire(model, "schedule", false, start, "'2026-03-01 03:00+00'");
  transact([&](store::Transaction& transaction) { take_back_expired_runs(transaction, there, start + minutes(2)); });
  EXPECT_EQ(queued_firing(), next.firing);
  ground.exec("UPDATE retraind.run SET not_before = 'infinity' WHERE state = 'queued'");
  ground.exec("SELECT retraind.cancel(run_id, 'out of the way') FROM retraind.run WHERE state = 'queued'");

  for (const char* decide : {"reject", "cancel", "approve"}) {
    model = put(make_model(decide));
    const RunId waiting = run_to(RunState::awaiting_approval, model);
    next = fire(model, "manual");
    EXPECT_EQ(next.decision, "fired");
    ground.exec(fmt::format("SELECT retraind.{}({}, 'because')", decide, number(waiting)));
    EXPECT_EQ(queued_firing(), next.firing) << decide;
    ground.exec("SELECT retraind.cancel(run_id, 'out of the way') FROM retraind.run WHERE state = 'queued'");
  }
}

TEST_F(FireTest, KeepsASuccessorThroughTheAttemptsOfItsRun) {
  const ModelId model = put();
  const runs::ClaimedRun run = queue_and_claim(model);
  const Fired next = fire(model, "manual");
  transact([&](store::Transaction& transaction) {
    EXPECT_TRUE(requeue_run(transaction, here, lease_of(run), "the worker crashed", minutes(0), start));
  });
  EXPECT_EQ(count("run"), "1");
  const runs::ClaimedRun again = claim();
  EXPECT_EQ(again.id, run.id);
  EXPECT_TRUE(end(again, RunState::failed));
  EXPECT_EQ(queued_firing(), next.firing);
}

TEST_F(FireTest, HasOneSuccessorWaitingAtMost) {
  const ModelId model = put();
  const runs::ClaimedRun run = queue_and_claim(model);
  const Fired first = fire(model, "manual");
  const Fired second = fire(model, "schedule");
  EXPECT_EQ(second.decision, "suppressed");
  EXPECT_CONTAINS(second.reason, "has a successor waiting already");
  EXPECT_TRUE(end(run, RunState::failed));
  EXPECT_EQ(queued_firing(), first.firing);
}

TEST_F(FireTest, LetsALastingConditionAskAgainWhenTheRunHasEnded) {
  const ModelId model = put();
  const runs::ClaimedRun run = queue_and_claim(model);
  for (const char* kind : {"new_rows", "drift", "performance", "signal", "query", "prometheus"}) {
    const Fired next = fire(model, kind);
    EXPECT_EQ(next.decision, "suppressed") << kind;
    EXPECT_EQ(next.run, std::to_string(number(run.id)));
    EXPECT_EQ(next.reason,
              fmt::format("because; run {} is running, so this is looked at again when it has ended", next.run));
  }
  EXPECT_TRUE(end(run, RunState::failed));
  EXPECT_EQ(queued_firing(), "");
  EXPECT_EQ(fire(model, "drift").decision, "fired");
}

TEST_F(FireTest, LeavesNoRowOfAQuietSuppressionButOneOfAFiring) {
  const ModelId model = put();
  EXPECT_NE(fire(model, "drift", true).firing, "");
  const Fired quiet = fire(model, "drift", true);
  EXPECT_EQ(quiet.decision, "suppressed");
  EXPECT_EQ(quiet.firing, "");
  EXPECT_EQ(count("firing"), "1");
  claim();
  EXPECT_NE(fire(model, "manual", true).firing, "") << "a successor is a firing";
}

TEST_F(FireTest, LosesNothingWhenItIsRolledBack) {  // invariant 3
  const ModelId model = put();
  const std::string slot = "'2026-03-01 03:00+00'";
  ground.exec("BEGIN");
  fire(model, "schedule", false, start, slot);
  ground.exec("ROLLBACK");
  EXPECT_EQ(fire(model, "schedule", false, start, slot).decision, "fired");
  EXPECT_CONTAINS(
      refusal(fmt::format("SELECT retraind.fire({}, 'schedule', 'schedule', {}, 'because', '{{}}', 'x', now(), false)",
                          number(model), slot)),
      "firing_slot_once");
}

}  // namespace
}  // namespace retraind::runs
