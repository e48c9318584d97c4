// What leaves the registry because nobody decides by it any more, and what never does.
#include <atomic>
#include <cstdio>
#include <thread>

#include "tests/pg/registry/retention_scene.h"

namespace retraind::registry {
namespace {

using runs::RetentionKind;
using testing::hours;
using testing::make_model;

class RetentionTest : public testing::RetentionTest {
 protected:
  // `count` rows of each kind of history, one an hour, the newest `youngest_days` days old. Returns the model, whose
  // version 1 is in production.
  ModelId make_old_history(int count, int youngest_days) {
    const ModelId model = put();
    run_to(RunState::promoted, model);
    const std::string at =
        fmt::format("now() - interval '{} days' - ({} - i) * interval '1 hour'", youngest_days, count);
    const std::string series = fmt::format("generate_series(1, {}) i", count);
    const auto id = number(model);
    ground.exec(fmt::format(
        "INSERT INTO retraind.drift_check (model_id, version, trigger, checked_at, rows) SELECT {0}, 1, 'drift', {1}, "
        "9 "
        "FROM {2} ORDER BY i;"
        "INSERT INTO retraind.drift_result (check_id, \"column\", method, threshold, verdict, sentence) SELECT "
        "check_id, "
        "c, 'jensen_shannon', 0.05, 'ok', 'still' FROM retraind.drift_check, unnest(ARRAY['x', 'y']) c;"
        "INSERT INTO retraind.performance_check (model_id, version, trigger, checked_at, rows, metric, sentence) "
        "SELECT "
        "{0}, 1, 'performance', {1}, 9, 'log_loss', 'still' FROM {2} ORDER BY i;"
        "INSERT INTO retraind.firing (model_id, trigger, kind, evaluated_at, decision, reason, actor) SELECT {0}, "
        "'drift', 'drift', {1}, CASE i % 4 WHEN 0 THEN 'fired' WHEN 1 THEN 'error' ELSE 'suppressed' END, 'because', "
        "'host-a' FROM {2} ORDER BY i;"
        "INSERT INTO retraind.signal (name, at, value) SELECT 'errors', {1}, i FROM {2}",
        id, at, series));
    return model;
  }
};

TEST_F(RetentionTest, RemovesWhatIsOlderThanThePolicyAndNothingYounger) {  // invariant 12
  make_old_history(24 * 40, 0);                                            // forty days up to now
  wish(here, days(30));
  // Thirty days are 720 hours; the row that is due right now may have gone or not.
  const auto expect_about = [](std::uint64_t removed, std::uint64_t expected, const char* what) {
    EXPECT_GE(removed, expected - 1) << what;
    EXPECT_LE(removed, expected + 1) << what;
  };
  expect_about(pass(as_daemon, RetentionKind::drift_checks, 100), 240, "drift checks");
  expect_about(pass(as_daemon, RetentionKind::performance_checks, 100), 240, "performance checks");
  expect_about(pass(as_daemon, RetentionKind::trigger_decisions, 100), 180, "decisions that started no run");
  expect_about(pass(as_daemon, RetentionKind::signals, 100), 240, "values of signals");
  for (const char* left :
       {"drift_check WHERE checked_at < now() - interval '30 days'",
        "performance_check WHERE checked_at < now() - interval '30 days'",
        "firing WHERE evaluated_at < now() - interval '30 days' AND decision <> 'fired'",
        "signal WHERE at < now() - interval '30 days'",
        "drift_result r WHERE NOT EXISTS (SELECT FROM retraind.drift_check c WHERE c.check_id = r.check_id)"}) {
    EXPECT_EQ(count(left), "0") << left;
  }
  EXPECT_EQ(count("firing WHERE decision = 'fired'"), "241") << "what started a run stays, the promoted one's as well";
  EXPECT_EQ(count("drift_result"), ground.text("SELECT 2 * count(*) FROM retraind.drift_check"));
  for (const RetentionKind kind : {RetentionKind::drift_checks, RetentionKind::signals})
    EXPECT_EQ(pass(as_daemon, kind), 0u);
}

TEST_F(RetentionTest, RecordsEachPassWithWhoWhatAndHowMany) {
  make_old_history(500, 60);
  wish(here, days(30));
  const std::uint64_t removed = pass(as_daemon, RetentionKind::performance_checks, 100);
  EXPECT_EQ(removed, 499u);
  const auto rows = ground.rows(
      "SELECT kind, removed, bytes, instance, daemon_id, login, older_than BETWEEN now() - interval '31 days' AND "
      "now() - "
      "interval '30 days', ended_at >= began_at FROM retraind.retention_history");
  ASSERT_EQ(rows.size(), 1u) << "five batches are one pass";
  EXPECT_EQ(rows[0], (testing::TextRow{"performance_checks", "499", std::nullopt, "host-a", here.daemon_id,
                                       "login_" + ground.name() + "_daemon", "t", "t"}));
  pass(as_daemon, RetentionKind::performance_checks);
  EXPECT_EQ(count("retention_history"), "1") << "a pass that removes nothing leaves no row";
  EXPECT_CONTAINS(refusal("UPDATE retraind.retention_pass SET removed = 1"), "a pass only counts on");
  EXPECT_CONTAINS(refusal("UPDATE retraind.retention_pass SET removed = removed + 1, instance = 'x'"),
                  "a pass only counts on");
  EXPECT_CONTAINS(refusal("DELETE FROM retraind.retention_pass"), "is append-only: delete refused");
  EXPECT_CONTAINS(refusal("TRUNCATE retraind.retention_pass"), "is append-only: truncate refused");
}

TEST_F(RetentionTest, KeepsTheNewestCheckDecisionAndValueHoweverOld) {
  const ModelId model = make_old_history(200, 500);
  const std::string promotions = count("promotion_history");
  wish(here, days(30));
  pass(as_daemon, RetentionKind::drift_checks);
  pass(as_daemon, RetentionKind::performance_checks);
  pass(as_daemon, RetentionKind::trigger_decisions);
  pass(as_daemon, RetentionKind::signals);
  EXPECT_EQ(count("drift_history"), "2");
  EXPECT_EQ(count("performance_history"), "1");
  EXPECT_EQ(
      ground.text("SELECT string_agg(decision, ' ' ORDER BY decision) FROM retraind.firing WHERE decision <> 'fired'"),
      "error suppressed");
  EXPECT_EQ(ground.text("SELECT value FROM retraind.signal_history"), "200");
  EXPECT_EQ(count("promotion_history"), promotions);
  EXPECT_EQ(ground.text(fmt::format("SELECT count(*) FROM retraind.run WHERE model_id = {}", number(model))), "1");
}

TEST_F(RetentionTest, KeepsASignalsNewestValueThatATriggerCanSee) {
  wish(here, days(7));
  ground.exec(
      "INSERT INTO retraind.signal VALUES ('errors', now() - interval '40 days', 1), ('errors', now() - interval '30 "
      "days', 2), "
      "('errors', now() - interval '20 days', 'Infinity'), ('errors', now() + interval '1 day', 4)");
  EXPECT_EQ(pass(as_daemon, RetentionKind::signals), 1u);
  EXPECT_EQ(ground.text("SELECT min(value) FROM retraind.signal"), "2");
}

TEST_F(RetentionTest, RemovesTheLogsOfRunsThatEndedLongAgo) {
  const ModelId model = put();
  const RunId old = run_to(RunState::failed, model, "manual", start - hours(24 * 100));
  const RunId young = run_to(RunState::failed, model);
  const RunId open = run_to(RunState::running, model);
  for (const RunId run : {old, young, open}) {
    ground.exec(fmt::format("INSERT INTO retraind.run_log VALUES ({0}, 1, 'words'), ({0}, 2, 'words')", number(run)));
  }
  wish(here, days(90));
  EXPECT_EQ(pass(as_daemon, RetentionKind::run_logs, 1), 2u);
  EXPECT_EQ(ground.text("SELECT string_agg(DISTINCT run_id::text, ' ') FROM retraind.run_log"),
            fmt::format("{} {}", number(young), number(open)));
}

TEST_F(RetentionTest, KeepsForEverWhatAnyDaemonKeepsForEverAndElseTheLongest) {
  make_old_history(10, 50);
  EXPECT_EQ(pass(as_daemon, RetentionKind::signals), 0u) << "nobody has said anything";
  settings::Retention for_ever = days(30);
  for_ever.signals = Duration::zero();
  wish(here, days(30));
  wish(there, for_ever);
  EXPECT_EQ(pass(as_daemon, RetentionKind::signals), 0u);
  transact([&](store::Transaction& t) { runs::put_retention_policy(t, there, days(60), start); });
  EXPECT_EQ(pass(as_daemon, RetentionKind::signals), 0u) << "fifty days old, and one daemon wants sixty";
  transact([&](store::Transaction& t) { runs::sign_off_daemon(t, there, start); });
  EXPECT_EQ(pass(as_daemon, RetentionKind::signals), 0u) << "one that is stopped for a while still has a say";
  ground.exec("UPDATE retraind.daemon SET last_seen_at = now() - interval '8 days' WHERE instance = 'host-b'");
  EXPECT_EQ(pass(as_daemon, RetentionKind::signals), 9u) << "one that is gone has none";
}

TEST_F(RetentionTest, LetsNobodyRemoveWhatIsYoungNewestOrStartedARun) {  // invariants 6 and 12
  make_old_history(10, 500);
  ground.exec(
      "INSERT INTO retraind.drift_check (model_id, version, trigger, checked_at, rows) SELECT model_id, 1, 'drift', "
      "now() - "
      "interval '6 days', 9 FROM retraind.model, generate_series(1, 2);"
      "INSERT INTO retraind.firing (model_id, trigger, kind, evaluated_at, decision, reason, actor) SELECT model_id, "
      "'drift', "
      "'drift', now() - interval '6 days', 'error', 'because', 'host-a' FROM retraind.model, generate_series(1, 2)");
  // As the owner, who has every right: the law is the table's.
  EXPECT_CONTAINS(refusal("DELETE FROM retraind.drift_check WHERE check_id = 11"),
                  "delete refused: check 11 is younger than a week");
  EXPECT_CONTAINS(refusal("DELETE FROM retraind.performance_check"),
                  "delete refused: check 10 is the newest of its model and trigger");
  EXPECT_CONTAINS(refusal("DELETE FROM retraind.firing WHERE decision = 'fired'"), "started a run");
  EXPECT_CONTAINS(refusal("DELETE FROM retraind.firing WHERE decision = 'suppressed'"),
                  "is the newest suppressed of its trigger");
  EXPECT_CONTAINS(refusal("DELETE FROM retraind.firing WHERE decision = 'error'"), "is younger than a week");
  ground.exec(
      "INSERT INTO retraind.drift_result (check_id, \"column\", method, threshold, verdict, sentence) VALUES (12, 'x', "
      "'jensen_shannon', 0.05, 'ok', 'still')");
  EXPECT_CONTAINS(refusal("DELETE FROM retraind.drift_result"), "delete refused: check 12 is younger than a week");
  // A daemon's login has no DELETE at all, and the door takes no instant.
  testing::TestConnection daemon(as_daemon.conninfo());
  for (const char* table :
       {"drift_check", "drift_result", "performance_check", "firing", "run_log", "signal", "artifact_chunk", "artifact",
        "retention_pass", "retention_policy", "model_version", "promotion", "run"}) {
    EXPECT_CONTAINS(refusal(daemon, fmt::format("DELETE FROM retraind.{}", table)), "permission denied for table")
        << table;
  }
  EXPECT_CONTAINS(
      refusal(daemon, "INSERT INTO retraind.retention_policy VALUES ('host-a', 'signals', '1 second', now())"),
      "retention_policy_keeps_a_week");
  EXPECT_CONTAINS(refusal(daemon, "INSERT INTO retraind.retention_pass (kind) VALUES ('signals')"),
                  "permission denied for table");
  EXPECT_CONTAINS(
      refusal(daemon, "SELECT * FROM retraind.remove_expired('promotions', NULL, 10, 'x', gen_random_uuid(), NULL)"),
      "there is nothing called \"promotions\" to remove");
}

TEST_F(RetentionTest, WaitsForNoOtherDaemon) {
  make_old_history(300, 60);
  wish(here, days(30));
  store::Database other(as_daemon.conninfo(), "retraind-test-2");
  as_daemon.transact("the first", [&](store::Transaction& t) {
    EXPECT_EQ(runs::remove_expired(t, here, RetentionKind::drift_checks, {}, 100).removed, 50u)
        << "two columns a check";
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(pass(other, RetentionKind::drift_checks), 0u) << "somebody is at it";
    EXPECT_EQ(pass(other, RetentionKind::performance_checks), 299u) << "but not at this";
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5)) << "less than a lock would time out";
  });
  EXPECT_EQ(pass(other, RetentionKind::drift_checks), 249u);
}

TEST_F(RetentionTest, RemovesTwoHundredThousandRowsInBatchesThatLetOthersWork) {
  make_old_history(1, 500);
  ground.exec(
      "INSERT INTO retraind.firing (model_id, trigger, kind, evaluated_at, decision, reason, actor) SELECT model_id, "
      "'enough_rows', "
      "'new_rows', now() - interval '500 days' + i * interval '1 second', CASE WHEN i % 1000 = 0 THEN 'fired' ELSE "
      "'error' END, "
      "'because', 'host-a' FROM retraind.model, generate_series(1, 200000) i ORDER BY i");
  ground.exec("VACUUM ANALYZE retraind.firing");
  wish(here, days(365));
  std::atomic<bool> over{false};
  std::atomic<int> worked{0};
  std::chrono::steady_clock::duration longest{};
  const ModelId model = transact([](store::Transaction& t) { return registry::find_model(t, "power").value(); });
  std::jthread working([&] {
    store::Database mine(ground.conninfo(), "retraind-test-2");
    while (!over) {
      const auto begin = std::chrono::steady_clock::now();
      mine.transact("record a decision", [&](store::Transaction& t) {
        const TimePoint now = runs::registry_now(t);
        runs::act_as(t, there, now);
        registry::put_model(t, make_model(), {there.daemon_id, there.instance}, now);
      });
      testing::TestConnection(ground.conninfo())
          .exec(fmt::format(
              "SELECT retraind.fire({}, 'manual', 'manual', NULL, 'x', '{{}}', 'x', clock_timestamp(), false)",
              number(model)));
      longest = std::max(longest, std::chrono::steady_clock::now() - begin);
      ++worked;
    }
  });
  const auto begin = std::chrono::steady_clock::now();
  std::uint64_t removed = 0;
  int batches = 0;
  std::chrono::steady_clock::duration longest_batch{};
  runs::RetentionMark mark;
  for (bool more = true; more; ++batches) {
    const auto batch_begin = std::chrono::steady_clock::now();
    const auto batch = as_daemon.transact("a batch", [&](store::Transaction& t) {
      return runs::remove_expired(t, here, RetentionKind::trigger_decisions, mark, 2000);
    });
    longest_batch = std::max(longest_batch, std::chrono::steady_clock::now() - batch_begin);
    EXPECT_LE(batch.removed, 2000u);
    removed += batch.removed;
    mark = batch.mark;
    more = batch.more;
  }
  const auto took = std::chrono::steady_clock::now() - begin;
  over = true;
  working.join();
  const auto milliseconds = [](auto duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  };
  RecordProperty("milliseconds", static_cast<int>(milliseconds(took)));
  std::printf(
      "%llu rows in %d batches, %lld ms in all, the longest %lld ms; %d other transactions, the longest %lld ms\n",
      static_cast<unsigned long long>(removed), batches, static_cast<long long>(milliseconds(took)),
      static_cast<long long>(milliseconds(longest_batch)), worked.load(),
      static_cast<long long>(milliseconds(longest)));
  EXPECT_EQ(removed, 199799u) << "all but what started a run, and the newest error";
  EXPECT_GE(batches, 100);
  EXPECT_GT(worked.load(), 0);
  EXPECT_EQ(count("firing WHERE decision = 'fired' AND trigger = 'enough_rows'"), "200");
  EXPECT_EQ(ground.text("SELECT removed FROM retraind.retention_history"), "199799");
}

}  // namespace
}  // namespace retraind::registry
