// What people do in SQL: retraind.request_run, approve, reject, cancel, rollback, pause, resume, record_signal and
// production_at, called as psql would.
#include "core/store/listener.h"
#include "tests/pg/registry/registry_scene.h"

namespace retraind::registry {
namespace {

using testing::hours;
using testing::make_model;
using testing::minutes;

class OperatorsTest : public testing::RegistryTest {
 protected:
  std::string production() {
    return ground.text("SELECT coalesce((SELECT version FROM retraind.production WHERE model = 'power'), 0)");
  }
  // v1, v2… in production one after the other.
  ModelId promote(int versions) {
    const ModelId model = put();
    for (int i = 0; i < versions; ++i) run_to(RunState::promoted, model, "manual", start + minutes(i));
    return model;
  }
  std::string call(const std::string& function) { return ground.text("SELECT retraind." + function); }
  std::string call(const std::string& function, RunId run, const std::string& reason = "because") {
    return ground.text(fmt::format("SELECT retraind.{}({}, '{}')", function, number(run), reason));
  }
  std::string refused(const std::string& function) { return refusal("SELECT retraind." + function); }
};

TEST_F(OperatorsTest, RequestARunThatIsQueuedAtOnceInTheirName) {
  put();
  const RunId run{std::stoll(call("request_run('power', 'new data came in')"))};
  EXPECT_EQ(state_of(run), "queued");
  EXPECT_EQ(ground.rows("SELECT trigger, kind, decision, reason, actor, run_id FROM retraind.trigger_history"),
            (std::vector<testing::TextRow>{
                {"manual", "manual", "fired", "new data came in", "postgres", std::to_string(number(run))}}));
  EXPECT_EQ(call("request_run('power', 'once more')"), std::to_string(number(run))) << "one open run a model";
  EXPECT_TRUE(try_claim(start + minutes(1)));
}

TEST_F(OperatorsTest, AreToldWhyNoRunCanBeRequested) {
  put();
  run_to(RunState::cancelled, put(make_model("gas")));
  EXPECT_CONTAINS(refused("request_run('wind', 'because')"), "there is no model \"wind\"");
  EXPECT_CONTAINS(refused("request_run('wind', 'because')"), "Known models: gas, power");
  for (const char* reason : {"''", "'  '", "NULL"}) {
    EXPECT_CONTAINS(refused(fmt::format("request_run('power', {})", reason)), "a reason is needed");
  }
  EXPECT_CONTAINS(refused("request_run(NULL, 'because')"), "there is no model");
  transact([&](store::Transaction& transaction) {
    remove_other_models(transaction, {"gas"}, {here.daemon_id, here.instance}, start);
  });
  EXPECT_CONTAINS(refused("request_run('power', 'because')"), "model \"power\" was removed from the configuration at");
  EXPECT_EQ(count("firing"), "1");
}

TEST_F(OperatorsTest, MustGiveAReasonForEverythingTheyDo) {
  const RunId run = run_to(RunState::awaiting_approval, put());
  for (const char* reason : {"''", "'  '", "NULL"}) {
    for (const char* function : {"approve", "reject", "cancel"}) {
      EXPECT_CONTAINS(refused(fmt::format("{}({}, {})", function, number(run), reason)), "a reason is needed");
    }
    EXPECT_CONTAINS(refused(fmt::format("rollback('power', {})", reason)), "a reason is needed");
    EXPECT_CONTAINS(refused(fmt::format("pause('power', {})", reason)), "a reason is needed");
  }
  EXPECT_EQ(run_text(run, "state"), "awaiting_approval");
}

TEST_F(OperatorsTest, ApproveACandidateIntoProduction) {
  const ModelId model = promote(1);
  const RunId run = run_to(RunState::awaiting_approval, model);
  EXPECT_EQ(production(), "1");
  const std::string promotion = call("approve", run, "looks good");
  EXPECT_EQ(production(), "2");
  EXPECT_EQ(state_of(run), "promoted");
  EXPECT_EQ(run_text(run, "reason"), "approved by postgres: looks good");
  EXPECT_EQ(
      ground.rows("SELECT version, previous_version, kind, actor, run_id, reason FROM retraind.promotion_history "
                  "WHERE promotion_id = " +
                  promotion),
      (std::vector<testing::TextRow>{{"2", "1", "promotion", "postgres", std::to_string(number(run)), "looks good"}}));
  EXPECT_EQ(ground.text(fmt::format("SELECT actor FROM retraind.run_event WHERE run_id = {} AND to_state = 'promoted'",
                                    number(run))),
            "postgres");
  EXPECT_CONTAINS(refused(fmt::format("approve({}, 'again')", number(run))), "is promoted, not awaiting approval");
}

TEST_F(OperatorsTest, HaveTheSameCandidateJudgedAgainWhenProductionChangedBeforeTheyApproved) {  // invariant 2
  const ModelId model = promote(2);
  const RunId run = run_to(RunState::awaiting_approval, model);
  call("rollback('power', 'v2 is broken')");
  EXPECT_EQ(call("approve", run), "");
  EXPECT_EQ(production(), "1");
  EXPECT_EQ(state_of(run), "queued");
  EXPECT_CONTAINS(run_text(run, "reason"), "judged against version 2, and production is version 1 now");
  EXPECT_EQ(run_text(run, "concat_ws(' ', version, verdict, judged_against, earlier_opponents)"), "3 {2}");
  EXPECT_EQ(count("run WHERE state = 'queued'"), "1");
  const runs::ClaimedRun again = claim(start + hours(1));
  EXPECT_EQ(again.id, run);
  EXPECT_EQ(again.candidate, 3);
  EXPECT_EQ(again.max_attempts - again.attempt, 2) << "it costs none of the attempts";
  judge(again, RunState::awaiting_approval, start + hours(1));
  EXPECT_NE(call("approve", run), "");
  EXPECT_EQ(production(), "3");
  EXPECT_EQ(ground.text("SELECT previous_version FROM retraind.promotion_history ORDER BY promotion_id DESC LIMIT 1"),
            "1");
  EXPECT_EQ(count("model_version"), "3");
}

TEST_F(OperatorsTest, ClaimARunThatHasMadeNothingYetWithoutACandidate) {
  promote(1);
  queue(put());
  EXPECT_EQ(claim(start + hours(1)).candidate, std::nullopt);
}

TEST_F(OperatorsTest, GetTheWaitingSuccessorWhenTheCandidateThatIsJudgedAgainHasEnded) {  // invariants 2, 3 and 7
  const ModelId model = promote(2);
  const RunId run = run_to(RunState::awaiting_approval, model);
  const Fired slot = fire(model, "schedule", false, start, "'2026-03-01 03:00+00'");
  call("rollback('power', 'v2 is broken')");
  EXPECT_EQ(call("approve", run), "");
  EXPECT_EQ(count("run WHERE state = 'queued'"), "1");
  judge(claim(start + hours(1)), RunState::rejected, start + hours(1));
  EXPECT_EQ(ground.text("SELECT string_agg(firing_id::text, ',') FROM retraind.run WHERE state = 'queued'"),
            slot.firing);
}

TEST_F(OperatorsTest, RejectACandidate) {
  const ModelId model = promote(1);
  const RunId run = run_to(RunState::awaiting_approval, model);
  call("reject", run, "too risky");
  EXPECT_EQ(state_of(run), "rejected");
  EXPECT_EQ(run_text(run, "reason"), "rejected by postgres: too risky");
  EXPECT_EQ(production(), "1");
  EXPECT_CONTAINS(refused(fmt::format("reject({}, 'again')", number(run))), "is rejected, not awaiting approval");
  EXPECT_CONTAINS(refused("approve(4711, 'because')"), "there is no run 4711");
}

TEST_F(OperatorsTest, CancelAQueuedRunAndOneThatAwaitsApprovalAtOnce) {
  const ModelId model = put();
  for (const RunState open : {RunState::queued, RunState::awaiting_approval}) {
    const RunId run = run_to(open, model);
    EXPECT_EQ(call("cancel", run, "not needed"), "cancelled");
    EXPECT_EQ(state_of(run), "cancelled");
    EXPECT_EQ(run_text(run, "reason"), "cancelled by postgres: not needed");
  }
}

TEST_F(OperatorsTest, CancelARunningOneAtItsNextHeartbeat) {
  const runs::ClaimedRun run = queue_and_claim(put());
  EXPECT_CONTAINS(call("cancel", run.id, "not needed"), "requested");
  EXPECT_EQ(state_of(run.id), "running");
  const auto heartbeat = transact([&](store::Transaction& transaction) {
    return runs::renew_lease(transaction, lease_of(run), minutes(1), start);
  });
  EXPECT_EQ(heartbeat.cancel_request, "postgres: not needed");
}

TEST_F(OperatorsTest, CannotCancelWhatHasEnded) {
  const ModelId model = put();
  for (const RunState ended :
       {RunState::promoted, RunState::rejected, RunState::inconclusive, RunState::failed, RunState::cancelled}) {
    const RunId run = run_to(ended, model);
    EXPECT_CONTAINS(refused(fmt::format("cancel({}, 'because')", number(run))),
                    fmt::format("run {} has ended already: {}", number(run), to_text(ended)));
  }
}

TEST_F(OperatorsTest, RollBackStepByStepAndNotToAndFro) {
  promote(3);
  call("rollback('power', 'v3 is broken')");
  EXPECT_EQ(production(), "2");
  call("rollback('power', 'v2 is broken too')");
  EXPECT_EQ(production(), "1");
  EXPECT_CONTAINS(refused("rollback('power', 'v1 as well')"),
                  "no other version that was in production and is not quarantined");
  EXPECT_EQ(production(), "1");
  EXPECT_EQ(
      ground.rows("SELECT version, previous_version, kind, actor, trigger, reason FROM retraind.promotion_history "
                  "ORDER BY promotion_id DESC LIMIT 2"),
      (std::vector<testing::TextRow>{{"1", "2", "rollback", "postgres", "manual", "v2 is broken too"},
                                     {"2", "3", "rollback", "postgres", "manual", "v3 is broken"}}));
}

TEST_F(OperatorsTest, RollBackPastAVersionThatWasRolledBackFrom) {
  const ModelId model = promote(2);
  call("rollback('power', 'v2 is broken')");
  run_to(RunState::promoted, model, "manual", start + minutes(60));
  call("rollback('power', 'v3 is broken')");
  EXPECT_EQ(production(), "1");
}

TEST_F(OperatorsTest, RollBackToANamedVersionAlsoForwardOnceItsQuarantineIsLifted) {  // invariant 9
  const ModelId model = promote(3);
  call("rollback('power', 'broken', 1)");
  EXPECT_EQ(production(), "1");
  EXPECT_CONTAINS(refused("rollback('power', 'because', 3)"), "version 3 of model \"power\" is quarantined since ");
  EXPECT_CONTAINS(refused("rollback('power', 'because', 3)"), ": broken");
  EXPECT_CONTAINS(refused("rollback('power', 'because', 3)"),
                  "retraind.lift_quarantine('power', 3, reason) allows it again");
  call("lift_quarantine('power', 3, 'the sensor was at fault')");
  call("rollback('power', 'because', 3)");
  EXPECT_EQ(production(), "3");
  run_to(RunState::awaiting_approval, model);
  EXPECT_CONTAINS(refused("rollback('power', 'because', 3)"), "version 3 of model \"power\" is in production already");
  EXPECT_CONTAINS(refused("rollback('power', 'because', 4)"), "was never in production");
  EXPECT_CONTAINS(refused("rollback('power', 'because', 0)"), "was never in production");
}

TEST_F(OperatorsTest, NeverComeBackToAVersionHoweverOftenTheyRollBack) {  // invariant 9
  promote(4);
  std::string seen;
  for (int i = 0; i < 3; ++i) {
    call("rollback('power', 'broken')");
    seen += production() + " ";
  }
  EXPECT_EQ(seen, "3 2 1 ");
  EXPECT_CONTAINS(refused("rollback('power', 'broken')"), "Quarantined: 2, 3, 4. retraind.lift_quarantine");
  call("lift_quarantine('power', 3, 'it was not the model')");
  call("rollback('power', 'forward again', 3)");
  EXPECT_EQ(ground.text("SELECT string_agg(version::text, ' ' ORDER BY version) FROM retraind.quarantine_history "
                        "WHERE lifted_at IS NULL"),
            "2 4")
      << "version 1 was left for a later one, which says nothing against it";
  call("rollback('power', 'broken after all')");
  EXPECT_EQ(production(), "1");
  EXPECT_EQ(ground.text("SELECT count(*) FROM retraind.quarantine_history WHERE version = 3"), "2");
}

TEST_F(OperatorsTest, LiftOnlyAQuarantineThatIsThere) {
  promote(2);
  call("rollback('power', 'broken')");
  EXPECT_CONTAINS(refused("lift_quarantine('power', 1, 'because')"), "version 1 of model \"power\" is not quarantined");
  EXPECT_CONTAINS(refused("lift_quarantine('power', 1, 'because')"), "Quarantined: 2");
  EXPECT_CONTAINS(refused("lift_quarantine('wind', 1, 'because')"), "there is no model \"wind\"");
  EXPECT_CONTAINS(refused("lift_quarantine('power', 2, ' ')"), "a reason is needed");
  call("lift_quarantine('power', 2, 'a false alarm')");
  EXPECT_CONTAINS(refused("lift_quarantine('power', 2, 'again')"), "No version of it is");
  EXPECT_EQ(ground.rows("SELECT version, actor, reason, lifted_by, lift_reason FROM retraind.quarantine_history"),
            (std::vector<testing::TextRow>{{"2", "postgres", "broken", "postgres", "a false alarm"}}));
}

TEST_F(OperatorsTest, CannotRollBackFromNothing) {
  put();
  EXPECT_CONTAINS(refused("rollback('power', 'because')"), "has nothing in production to roll back from");
  EXPECT_CONTAINS(refused("rollback('wind', 'because')"), "there is no model \"wind\"");
}

TEST_F(OperatorsTest, PauseAndResumeAModel) {
  put();
  ground.exec("SELECT retraind.pause('power', 'the feed is broken')");
  EXPECT_EQ(ground.text("SELECT state || ': ' || pause_reason FROM retraind.status"), "paused: the feed is broken");
  EXPECT_EQ(ground.text("SELECT paused_by FROM retraind.model"), "postgres");
  EXPECT_NE(call("request_run('power', 'people may still ask')"), "");
  ground.exec("SELECT retraind.resume('power')");
  EXPECT_EQ(ground.text("SELECT state FROM retraind.status"), "active");
  ground.exec("SELECT retraind.resume('power')");
  EXPECT_CONTAINS(refused("pause('wind', 'because')"), "there is no model \"wind\"");
  EXPECT_CONTAINS(refused("resume('wind')"), "there is no model \"wind\"");
}

TEST_F(OperatorsTest, RecordSignalsThatAreFinite) {
  ground.exec("SELECT retraind.record_signal('errors', 0.5, '2026-03-01 03:00+00')");
  ground.exec("SELECT retraind.record_signal('errors', 0.75, '2026-03-01 03:00+00')");
  ground.exec("SELECT retraind.record_signal('errors', -1e308, '2026-03-01 03:01+00')");
  EXPECT_EQ(ground.text("SELECT string_agg(value::text, ' ' ORDER BY at) FROM retraind.signal_history"),
            "0.75 -1e+308");
  EXPECT_CONTAINS(refused("record_signal('errors', 'NaN')"), "a signal needs a finite value; \"errors\" was given NaN");
  EXPECT_CONTAINS(refused("record_signal('errors', NULL)"), "\"errors\" was given NULL");
  EXPECT_CONTAINS(refused("record_signal('errors', '-Infinity')"), "\"errors\" was given -Infinity");
  EXPECT_CONTAINS(refused("record_signal('errors', 'Infinity')"), "\"errors\" was given Infinity");
  EXPECT_CONTAINS(refused("record_signal('errors', 1, 'infinity')"),
                  "a signal needs a finite time; \"errors\" was given infinity");
  EXPECT_CONTAINS(refused("record_signal('errors', 1, NULL)"), "\"errors\" was given NULL");
  EXPECT_EQ(count("signal"), "2");
}

TEST_F(OperatorsTest, AskWhichVersionWasInProductionAtAnInstant) {
  promote(2);
  const auto version_at = [&](TimePoint when) {
    return ground.text(fmt::format("SELECT coalesce((SELECT version FROM retraind.production_at('power', '{}')), 0)",
                                   format_instant(when)));
  };
  EXPECT_EQ(version_at(start - std::chrono::microseconds(1)), "0");
  EXPECT_EQ(version_at(start), "1");
  EXPECT_EQ(version_at(start + minutes(1) - std::chrono::microseconds(1)), "1");
  EXPECT_EQ(version_at(start + minutes(1)), "2");
  EXPECT_EQ(version_at(start + minutes(1000)), "2");
  EXPECT_EQ(ground.rows("SELECT * FROM retraind.production_at('wind', now())").size(), 0u);
}

TEST_F(OperatorsTest, WhoListenHearOfEachMoveOfProduction) {
  promote(1);
  store::Listener listener(database.conninfo(), {"retraind_promotion"});
  const ModelId model = put();
  const RunId run = run_to(RunState::promoted, model, "manual", start + minutes(1));
  call("rollback('power', 'v2 is broken')");
  listener.probe();
  std::vector<std::string> payloads;
  for (const auto& notification : listener.drain()) payloads.push_back(notification.payload);
  ASSERT_EQ(payloads.size(), 2u);
  EXPECT_EQ(payloads[0],
            fmt::format(
                R"({{"model" : "power", "version" : 2, "previous_version" : 1, "kind" : "promotion", "run_id" : {}}})",
                number(run)));
  EXPECT_EQ(payloads[1],
            R"({"model" : "power", "version" : 1, "previous_version" : 2, "kind" : "rollback", "run_id" : null})");
}

}  // namespace
}  // namespace retraind::registry
