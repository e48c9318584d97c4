// Leases of runs: who may claim, who may still write, and what becomes of a run that its daemon lost.
#include <atomic>
#include <thread>

#include "core/store/listener.h"
#include "tests/pg/registry/registry_scene.h"

namespace retraind::runs {
namespace {

using testing::hours;
using testing::make_model;
using testing::minutes;
using testing::seconds;

class LeaseTest : public testing::RegistryTest {
 protected:
  Heartbeat renew(const ClaimedRun& run, TimePoint when) {
    return transact([&](store::Transaction& t) { return renew_lease(t, lease_of(run), minutes(1), when); });
  }
  std::vector<TakenBack> take_back(TimePoint when) {
    return transact([&](store::Transaction& t) { return take_back_expired_runs(t, there, when); });
  }

  // Every write a daemon makes under a lease; returns the names of those that were let through.
  std::string writes_let_through(const ClaimedRun& run, TimePoint when) {
    std::string out;
    const auto attempt = [&](const char* name, auto write) {
      // Undone, so that each finds the same state.
      try {
        at(when, [&](store::Transaction& transaction) {
          if (write(transaction)) out += std::string(out.empty() ? "" : " ") + name;
          throw std::domain_error("undo");
        });
      } catch (const std::domain_error&) {
      }
    };
    const Lease lease = lease_of(run);
    attempt("renew", [&](auto& t) { return renew_lease(t, lease, minutes(1), when).held; });
    attempt("worker", [&](auto& t) { return note_worker(t, lease, 4711); });
    attempt("step", [&](auto& t) { return note_step(t, lease, Step::train, when); });
    attempt("finished_step", [&](auto& t) {
      return record_step(t, lease, {.step = Step::extract, .started_at = when, .finished_at = when, .rows = 9});
    });
    attempt("log", [&](auto& t) { return record_log(t, lease, "what the worker said"); });
    attempt("requeue", [&](auto& t) { return requeue_run(t, here, lease, "crashed", minutes(1), when); });
    attempt("hand_back", [&](auto& t) { return hand_back_run(t, here, lease, "stopping", when); });
    attempt("end", [&](auto& t) { return end_run(t, here, lease, RunState::failed, "failed", when); });
    attempt("hold", [&](auto& t) { return hold_run(t, run.model, lease); });
    return out;
  }
  static constexpr const char* kAll = "renew worker step finished_step log requeue hand_back end hold";
};

TEST_F(LeaseTest, IsForOneDaemonWhileAnotherIsStillClaiming) {
  const RunId first = queue(put(make_model("power")));
  const RunId second = queue(put(make_model("gas")));
  std::optional<ClaimedRun> mine;
  std::optional<ClaimedRun> theirs;
  std::optional<ClaimedRun> nothing_left;
  transact([&](store::Transaction& one) {
    mine = claim_run(one, here, {"market"}, minutes(1), start);
    // A connection of its own; nothing is committed yet, and it must not wait.
    transact([&](store::Transaction& other) { theirs = claim_run(other, there, {"market"}, minutes(1), start); });
    transact([&](store::Transaction& other) { nothing_left = claim_run(other, there, {"market"}, minutes(1), start); });
  });
  ASSERT_TRUE(mine);
  ASSERT_TRUE(theirs);
  EXPECT_EQ(mine->id, first);
  EXPECT_EQ(theirs->id, second);
  EXPECT_NE(mine->term, theirs->term);
  EXPECT_FALSE(nothing_left);
}

TEST_F(LeaseTest, IsNeverGivenTwiceToManyDaemonsAtOnce) {
  constexpr int kRuns = 12;
  for (int i = 0; i < kRuns; ++i) queue(put(make_model(fmt::format("model_{}", i))));
  std::atomic<int> claimed = 0;
  {
    std::vector<std::jthread> daemons;
    for (int i = 0; i < 4; ++i) {
      daemons.emplace_back([&] {
        while (try_claim(start)) ++claimed;
      });
    }
  }
  EXPECT_EQ(claimed, kRuns);
  EXPECT_EQ(count("run WHERE state = 'running'"), std::to_string(kRuns));
  EXPECT_EQ(count("run_event WHERE to_state = 'running'"), std::to_string(kRuns));
}

TEST_F(LeaseTest, GoesToTheOldestDueRunOfAKnownSource) {
  const RunId young = queue(put(make_model("young")), "manual", start);
  const RunId old = queue(put(make_model("old")), "manual", start - hours(1));
  settings::Model elsewhere = make_model("elsewhere");
  elsewhere.source = "warehouse \"x\" \\";
  const RunId foreign = queue(put(elsewhere), "manual", start - hours(2));
  queue(put(make_model("later")), "manual", start + hours(1));
  EXPECT_EQ(claim(start).id, old);
  EXPECT_EQ(claim(start).id, young);
  EXPECT_FALSE(try_claim(start));
  EXPECT_FALSE(try_claim(start, minutes(1), {}));
  EXPECT_EQ(try_claim(start, minutes(1), {"other", elsewhere.source}).value().id, foreign);
  const auto next = transact([&](store::Transaction& t) { return next_run_due(t, {"market"}); });
  EXPECT_EQ(next, start + hours(1));
  EXPECT_EQ(transact([&](store::Transaction& t) { return next_run_due(t, {"warehouse"}); }), std::nullopt);
}

TEST_F(LeaseTest, TellsItsHolderWhatToRun) {
  const ModelId model = put();
  const RunId queued = queue(model, "schedule");
  const ClaimedRun run = claim(start, minutes(1));
  EXPECT_EQ(run.id, queued);
  EXPECT_EQ(run.model, model);
  EXPECT_EQ(run.model_name, "power");
  EXPECT_EQ(run.trigger, "schedule");
  EXPECT_EQ(run.configuration, settings::to_json(make_model()));
  EXPECT_EQ(run.configuration_sha256, settings::configuration_sha256(make_model()));
  EXPECT_EQ(run.attempt, 1);
  EXPECT_EQ(run.max_attempts, 3);
  EXPECT_EQ(run.lease_expires_at, start + minutes(1));
  EXPECT_EQ(run_text(run.id, "instance || ' ' || lease_holder"), "host-a " + here.daemon_id);
}

TEST_F(LeaseTest, LetsItsHolderWrite) {
  const ClaimedRun run = queue_and_claim(put());
  EXPECT_EQ(writes_let_through(run, start + minutes(59)), kAll);
}

TEST_F(LeaseTest, LetsNobodyWriteOnceItHasExpired) {  // invariant 5
  queue(put());
  const ClaimedRun run = claim(start, minutes(1));
  EXPECT_EQ(writes_let_through(run, start + minutes(1) - std::chrono::microseconds(1)), kAll);
  EXPECT_EQ(writes_let_through(run, start + minutes(1)), "");
}

TEST_F(LeaseTest, LetsNobodyWriteUnderAnOldTerm) {  // invariant 5
  queue(put());
  const ClaimedRun old = claim(start, minutes(1));
  ASSERT_EQ(take_back(start + minutes(1)).size(), 1u);
  EXPECT_EQ(writes_let_through(old, start), "") << "the run is queued";
  const ClaimedRun current = claim(start + minutes(1));
  ASSERT_EQ(current.id, old.id);
  EXPECT_GT(number(current.term), number(old.term));
  EXPECT_EQ(writes_let_through(old, start + minutes(1)), "") << "somebody else has it";
  EXPECT_EQ(writes_let_through(current, start + minutes(1)), kAll);
  EXPECT_TRUE(end(current, RunState::failed, start + minutes(2)));
  EXPECT_EQ(writes_let_through(current, start + minutes(2)), "") << "it has ended";
  EXPECT_EQ(count("run_event WHERE to_state = 'failed'"), "1");
}

TEST_F(LeaseTest, LastsAsLongAsItIsRenewed) {
  queue(put());
  const ClaimedRun run = claim(start, minutes(1));
  EXPECT_TRUE(renew(run, start + seconds(59)).held);
  EXPECT_TRUE(take_back(start + minutes(1)).empty());
  EXPECT_TRUE(renew(run, start + seconds(118)).held);
  EXPECT_FALSE(renew(run, start + seconds(178)).held);
}

TEST_F(LeaseTest, GivesALostRunItsNextAttemptAndFailsItAfterTheLast) {
  settings::Model model = make_model();
  model.training.max_attempts = 2;
  const RunId run = queue(put(model));
  const ClaimedRun first = claim(start, minutes(1));
  EXPECT_TRUE(take_back(start + seconds(59)).empty());
  auto lost = take_back(start + minutes(1));
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_EQ(lost[0].run, run);
  EXPECT_EQ(lost[0].model, "power");
  EXPECT_EQ(lost[0].attempt, 1);
  EXPECT_EQ(lost[0].holder, "host-a");
  EXPECT_FALSE(lost[0].failed);
  EXPECT_EQ(run_text(run, "state || ' ' || attempt"), "queued 2");
  EXPECT_CONTAINS(run_text(run, "reason"), "the lease of host-a expired at");
  EXPECT_FALSE(renew(first, start + seconds(30)).held) << "the old holder's heartbeat comes too late";

  claim(start + minutes(1), minutes(1));
  lost = take_back(start + minutes(2));
  ASSERT_EQ(lost.size(), 1u);
  EXPECT_TRUE(lost[0].failed);
  EXPECT_EQ(run_text(run, "state || ' ' || attempt"), "failed 2");
  EXPECT_CONTAINS(run_text(run, "reason"), "gave up after 2 attempts");
  EXPECT_EQ(ground.text(
                "SELECT string_agg(actor, ' ' ORDER BY event_id) FROM retraind.run_event WHERE from_state = 'running'"),
            "host-b host-b");
}

TEST_F(LeaseTest, LeavesAnExpiredRunToWhoeverIsWritingIt) {
  queue(put());
  claim(start, minutes(1));
  auto other = ground.connect();
  other.exec("BEGIN; SELECT FROM retraind.run FOR UPDATE");
  EXPECT_TRUE(take_back(start + hours(1)).empty());
  other.exec("ROLLBACK");
  EXPECT_EQ(take_back(start + hours(1)).size(), 1u);
}

TEST_F(LeaseTest, CountsAnAttemptThatCrashedAndFailsAfterTheLast) {
  settings::Model model = make_model();
  model.training.max_attempts = 2;
  const RunId run = queue(put(model));
  const auto crash = [&](const ClaimedRun& claimed) {
    return transact(
        [&](store::Transaction& t) { return requeue_run(t, here, lease_of(claimed), "signal 11", minutes(5), start); });
  };
  EXPECT_TRUE(crash(claim()));
  EXPECT_EQ(run_text(run, "state || ' ' || attempt || ' ' || reason"), "queued 2 signal 11");
  EXPECT_FALSE(try_claim(start + seconds(299)));
  EXPECT_TRUE(crash(claim(start + minutes(5))));
  EXPECT_EQ(run_text(run, "state || ' ' || attempt || ' ' || reason"), "failed 2 gave up after 2 attempts: signal 11");
  EXPECT_EQ(run_text(run, fmt::format("finished_at = '{}'", format_instant(start))), "t");
}

TEST_F(LeaseTest, HandedBackIsThereForOthersAtOnce) {
  queue(put());
  const ClaimedRun claimed = claim();
  store::Listener listener(database.conninfo(), {"retraind_wake"});
  transact([&](store::Transaction& t) { EXPECT_TRUE(hand_back_run(t, here, lease_of(claimed), "stopping", start)); });
  listener.probe();
  std::vector<std::string> heard;
  for (const store::Notification& notification : listener.drain()) heard.push_back(notification.payload);
  EXPECT_EQ(heard, std::vector<std::string>{"run"});
  transact([&](store::Transaction& t) { EXPECT_FALSE(hand_back_run(t, here, lease_of(claimed), "stopping", start)); });
}

TEST_F(LeaseTest, HandedBackInGoodOrderCostsNoAttempt) {
  const RunId run = queue(put());
  for (int i = 0; i < 5; ++i) {
    const ClaimedRun claimed = claim();
    transact([&](store::Transaction& t) { EXPECT_TRUE(hand_back_run(t, here, lease_of(claimed), "stopping", start)); });
    EXPECT_EQ(run_text(run, "state || ' ' || max_attempts - attempt || ' ' || reason"), "queued 2 stopping");
  }
}

TEST_F(LeaseTest, KeepsTheStepsAndTheLogOfEachAttempt) {
  const RunId run = queue(put());
  for (int attempt = 1; attempt <= 2; ++attempt) {
    const ClaimedRun claimed = claim();
    at(start, [&](store::Transaction& t) {
      const FinishedStep step{.step = Step::train, .started_at = start + seconds(2), .finished_at = start, .rows = 9};
      EXPECT_TRUE(note_worker(t, lease_of(claimed), 4711));
      EXPECT_TRUE(note_step(t, lease_of(claimed), Step::train, start));
      EXPECT_TRUE(record_step(t, lease_of(claimed), step));
      EXPECT_TRUE(record_log(t, lease_of(claimed), "first"));
      EXPECT_TRUE(record_log(t, lease_of(claimed), "whole"));
    });
    EXPECT_EQ(run_text(run, "worker_pid || ' ' || step"), "4711 train");
    transact([&](store::Transaction& t) { requeue_run(t, here, lease_of(claimed), "crashed", minutes(0), start); });
  }
  EXPECT_EQ(ground.rows("SELECT attempt, step, rows, finished_at >= started_at FROM retraind.step_history ORDER BY 1"),
            (std::vector<testing::TextRow>{{"1", "train", "9", "t"}, {"2", "train", "9", "t"}}));
  EXPECT_EQ(ground.text("SELECT string_agg(attempt || text, ' ' ORDER BY attempt) FROM retraind.run_log"),
            "1whole 2whole");
}

TEST_F(LeaseTest, CarriesARequestToCancelToTheNextAttempt) {
  for (const bool crashed : {true, false}) {
    const ModelId model = put(make_model(crashed ? "crashed" : "stopped"));
    const ClaimedRun run = queue_and_claim(model);
    ground.exec(fmt::format("SELECT retraind.cancel({}, 'not needed')", number(run.id)));
    transact([&](store::Transaction& t) {
      if (crashed) {
        requeue_run(t, here, lease_of(run), "signal 11", minutes(0), start);
      } else {
        hand_back_run(t, here, lease_of(run), "stopping", start);
      }
    });
    const ClaimedRun again = claim();
    ASSERT_EQ(again.id, run.id);
    EXPECT_EQ(renew(again, start).cancel_request, "postgres: not needed");
  }
}

TEST_F(LeaseTest, EndsWithoutADeadlockWhileSomebodyHoldsTheModel) {
  const ModelId model = put();
  const ClaimedRun run = queue_and_claim(model);
  const Fired successor = fire(model, "manual");
  auto person = ground.connect();
  person.exec(fmt::format("BEGIN; SELECT FROM retraind.model WHERE model_id = {} FOR UPDATE", number(model)));
  std::atomic<bool> ended = false;
  std::string trouble;
  std::jthread daemon([&] {
    try {
      ended = end(run, RunState::failed);
    } catch (const std::exception& error) {
      trouble = error.what();
    }
  });
  const auto deadline = std::chrono::steady_clock::now() + seconds(30);
  while (ground.text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                     "AND wait_event_type = 'Lock'") == "0") {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "the end of the run waits for nobody";
  }
  EXPECT_NO_THROW(
      person.exec(fmt::format("SELECT FROM retraind.run WHERE run_id = {} FOR UPDATE; COMMIT", number(run.id))));
  daemon.join();
  EXPECT_EQ(trouble, "");
  EXPECT_TRUE(ended);
  EXPECT_EQ(ground.text("SELECT firing_id FROM retraind.run WHERE state = 'queued'"), successor.firing);
}

TEST_F(LeaseTest, LeavesWhatBecameOfARunToBeReadBack) {
  const ModelId model = put();
  const ClaimedRun run = queue_and_claim(model);
  const auto find = [&](RunId id) { return transact([&](store::Transaction& t) { return find_run(t, id); }); };
  EXPECT_EQ(find(run.id).value().term, run.term);
  EXPECT_TRUE(end(run, RunState::failed));
  const RunFate fate = find(run.id).value();
  EXPECT_EQ(fate.state, RunState::failed);
  EXPECT_EQ(fate.term, std::nullopt);
  EXPECT_EQ(fate.reason, "it ended");
  EXPECT_FALSE(find(RunId{4711}));
}

}  // namespace
}  // namespace retraind::runs
