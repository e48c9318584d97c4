// Outside numbers: what is read of them, and how they wake the triggers that wait for them.
#include "core/runs/signals.h"

#include <thread>

#include "core/runs/monitors.h"
#include "core/store/listener.h"
#include "tests/pg/registry/registry_scene.h"

namespace retraind::runs {
namespace {

using testing::hours;
using testing::make_model;
using testing::make_trigger;
using testing::minutes;
using testing::seconds;

class SignalsTest : public testing::RegistryTest {
 protected:
  void record(const std::string& name, double value, TimePoint when) {
    ground.exec(fmt::format("SELECT retraind.record_signal('{}', {}, '{}')", name, value, format_instant(when)));
  }
  // The values and how many seconds after `start` each was taken.
  std::string fresh(std::optional<TimePoint> after, TimePoint now, std::size_t limit = 100) {
    std::string out;
    for (const auto& sample : read("errors", after, now, limit).fresh) out += text_of(sample) + " ";
    return out;
  }
  std::string latest(TimePoint now) {
    const auto found = read("errors", start, now, 100).latest;
    return found ? text_of(*found) : "none";
  }
  SignalValues read(const std::string& name, std::optional<TimePoint> after, TimePoint now, std::size_t limit) {
    return transact([&](store::Transaction& t) { return read_signal(t, name, after, limit, now); });
  }
  std::string text_of(const trigger::SampleObservation::Sample& sample) const {
    return fmt::format("{}@{}", sample.value, std::chrono::duration_cast<seconds>(sample.at - start).count());
  }

  static settings::Trigger watch(const std::string& name, const std::string& signal) {
    settings::SignalTrigger rule;
    rule.signal = signal;
    rule.bounds.above = 0.5;
    rule.every = hours(6);
    return make_trigger(name, rule);
  }
  // Monitors `one` and `two` on errors, `other` on latency; all looked at and next due in six hours.
  void put_watches() {
    settings::Model model = make_model();
    model.triggers.insert(model.triggers.end(),
                          {watch("one", "errors"), watch("two", "errors"), watch("other", "latency")});
    const ModelId id = put(model);
    transact([&](store::Transaction& t) { put_monitors(t, id, model, start); });
    ground.exec(fmt::format("UPDATE retraind.monitor SET next_due_at = '{}'", format_instant(start + hours(6))));
  }
  // Seconds after `start` that each is due, "now" when that is before the clock.
  std::string due() {
    return ground.text(
        fmt::format("SELECT string_agg(trigger || ' ' || CASE WHEN next_due_at <= clock_timestamp() THEN 'now' ELSE "
                    "extract(epoch FROM next_due_at - timestamptz '{}')::bigint::text END, ', ' ORDER BY trigger) "
                    "FROM retraind.monitor WHERE kind IN ('signal', 'schedule')",
                    format_instant(start)));
  }
  std::vector<ClaimedMonitor> claim_due(TimePoint when) {
    return transact([&](store::Transaction& t) {
      return claim_due_monitors(t, here, {"market"}, {10, 10}, minutes(1), when);
    });
  }
  bool finish(const ClaimedMonitor& monitor, TimePoint when) {
    return transact([&](store::Transaction& t) {
      return record_outcome(t, here, monitor, {.decisions = {}, .state = {}, .next_due = when + hours(6)}, "seen", when)
          .held;
    });
  }
  TimePoint clock() {
    return transact([](store::Transaction& t) { return registry_now(t); });
  }
};

TEST_F(SignalsTest, AreReadFromTheLastOneSeenUpToNow) {
  EXPECT_EQ(fresh(start, start + hours(1)), "");
  EXPECT_EQ(latest(start + hours(1)), "none");
  for (int i = 0; i < 5; ++i) record("errors", i / 4.0, start + seconds(i));
  record("latency", 9, start + seconds(2));
  EXPECT_EQ(fresh(start, start + seconds(3)), "0.25@1 0.5@2 0.75@3 ");
  EXPECT_EQ(latest(start + seconds(3)), "0.75@3");
  EXPECT_EQ(fresh(start, start + seconds(10), 2), "0.25@1 0.5@2 ") << "the oldest first, so that none is left out";
  EXPECT_EQ(latest(start + seconds(10)), "1@4");
  EXPECT_EQ(fresh(start + seconds(4), start + seconds(10)), "");
  EXPECT_EQ(fresh(std::nullopt, start + seconds(3)), "0.75@3 ") << "at first only the newest";
  EXPECT_EQ(latest(start - seconds(1)), "none");
}

TEST_F(SignalsTest, ComeBackToTheBit) {
  ground.exec(
      fmt::format("SELECT retraind.record_signal('errors', 0.1::float8 + 0.2::float8, '{}')", format_instant(start)));
  EXPECT_EQ(read("errors", std::nullopt, start, 1).latest.value().value, 0.1 + 0.2);
}

TEST_F(SignalsTest, ThatAreNotFiniteAreNoValuesHoweverTheyCameIn) {
  record("errors", 0.5, start);
  ground.exec(
      fmt::format("INSERT INTO retraind.signal SELECT 'errors', timestamptz '{}' + v.after, v.value FROM (VALUES "
                  "(interval '1 s', 'NaN'::float8), ('2 s', 'Infinity'), ('3 s', '-Infinity')) v (after, value);"
                  "INSERT INTO retraind.signal VALUES ('errors', '-infinity', 7), ('old', '-infinity', 7)",
                  format_instant(start)));
  EXPECT_EQ(fresh(start - seconds(1), start + hours(1)), "0.5@0 ");
  EXPECT_EQ(latest(start + hours(1)), "0.5@0");
  EXPECT_FALSE(read("old", std::nullopt, start, 1).latest);
}

TEST_F(SignalsTest, MakeTheirTriggersDueAndNoOthers) {
  put_watches();
  EXPECT_EQ(due(), "nightly 21600, one 21600, other 21600, two 21600");
  ground.exec("SELECT retraind.record_signal('errors', 0.75)");
  EXPECT_EQ(due(), "nightly 21600, one now, other 21600, two now");
  ground.exec("SELECT retraind.record_signal('nobody_watches', 0.75)");
  EXPECT_EQ(due(), "nightly 21600, one now, other 21600, two now");
}

TEST_F(SignalsTest, OfThePastMakeThemDueNow) {
  put_watches();
  record("latency", 1, start - hours(100));
  EXPECT_EQ(due(), "nightly 21600, one 21600, other now, two 21600");
}

TEST_F(SignalsTest, OfTheFutureMakeThemDueThen) {
  put_watches();
  record("errors", 1, start + hours(2));
  EXPECT_EQ(due(), "nightly 21600, one 7200, other 21600, two 7200");
  record("errors", 1, start + hours(3));
  EXPECT_EQ(due(), "nightly 21600, one 7200, other 21600, two 7200") << "the earlier one counts";
  record("errors", 1, start + hours(9));
  EXPECT_EQ(due(), "nightly 21600, one 7200, other 21600, two 7200");
}

TEST_F(SignalsTest, DoNotWakeADisabledTrigger) {
  put_watches();
  ground.exec("UPDATE retraind.monitor SET enabled = false, next_due_at = NULL WHERE trigger = 'one'");
  record("errors", 1, start);
  EXPECT_EQ(ground.text("SELECT next_due_at IS NULL FROM retraind.monitor WHERE trigger = 'one'"), "t");
}

TEST_F(SignalsTest, ThatComeDuringAnEvaluationAreLookedAtAgain) {
  put_watches();
  ground.exec("SELECT retraind.record_signal('errors', 0.75)");
  auto claimed = claim_due(clock());
  ASSERT_EQ(claimed.size(), 2u);
  ground.exec("SELECT retraind.record_signal('errors', 0.875)");
  for (const ClaimedMonitor& monitor : claimed) EXPECT_TRUE(finish(monitor, clock()));
  EXPECT_EQ(due(), "nightly 21600, one now, other 21600, two now");
  // And only once: the second evaluation ends in peace.
  claimed = claim_due(clock());
  ASSERT_EQ(claimed.size(), 2u);
  for (const ClaimedMonitor& monitor : claimed) EXPECT_TRUE(finish(monitor, start + hours(1)));
  EXPECT_EQ(due(), "nightly 21600, one 25200, other 21600, two 25200");
}

TEST_F(SignalsTest, WaitForADaemonThatIsClaimingTheirTrigger) {
  put_watches();
  ground.exec("SELECT retraind.record_signal('errors', 0.75)");
  testing::TestConnection person = ground.connect();
  std::vector<ClaimedMonitor> claimed;
  std::jthread other;
  transact([&](store::Transaction& t) {
    claimed = claim_due_monitors(t, here, {"market"}, {10, 10}, minutes(1), registry_now(t));
    other = std::jthread([&] { person.exec("SELECT retraind.record_signal('errors', 0.875)"); });
    bool waits = false;
    for (int i = 0; i < 100'000 && !waits; ++i) {
      waits = ground.text("SELECT count(*) FROM pg_locks WHERE NOT granted") != "0";
    }
    EXPECT_TRUE(waits);
  });
  other.join();
  ASSERT_EQ(claimed.size(), 2u);
  for (const ClaimedMonitor& monitor : claimed) EXPECT_TRUE(finish(monitor, clock()));
  EXPECT_EQ(due(), "nightly 21600, one now, other 21600, two now");
}

TEST_F(SignalsTest, WhoseTimeHasNotComeOutlastAnEvaluation) {
  put_watches();
  record("errors", 1, start + hours(2));
  record("errors", 1, start + hours(3));
  ground.exec(
      fmt::format("UPDATE retraind.monitor SET next_due_at = '{}' WHERE trigger = 'one'", format_instant(start)));
  for (const hours now : {hours(0), hours(2)}) {
    auto claimed = claim_due(start + now);
    std::erase_if(claimed, [](const ClaimedMonitor& monitor) { return monitor.trigger.name != "one"; });
    ASSERT_EQ(claimed.size(), 1u);
    EXPECT_TRUE(finish(claimed[0], start + now));
    EXPECT_EQ(
        ground.text(fmt::format("SELECT next_due_at - timestamptz '{}' FROM retraind.monitor WHERE trigger = 'one'",
                                format_instant(start))),
        now == hours(0) ? "02:00:00" : "03:00:00");
  }
}

TEST_F(SignalsTest, FindTheirTriggersByAnIndex) {
  const ModelId model = put();
  ground.exec(
      fmt::format("INSERT INTO retraind.monitor (model_id, trigger, kind, source, rule, next_due_at) "
                  "SELECT {}, 't' || i, 'signal', 'market', json_build_object('signal', 's' || i), now() + '1 h' "
                  "FROM generate_series(1, 3000) i; ANALYZE retraind.monitor",
                  number(model)));
  ground.exec("BEGIN");
  ground.exec("SELECT retraind.record_signal('s77', 1)");
  EXPECT_EQ(ground.rows("SELECT pg_stat_get_xact_numscans('retraind.monitor_by_signal'::regclass), "
                        "pg_stat_get_xact_numscans('retraind.monitor'::regclass)"),
            (std::vector<testing::TextRow>{{"2", "0"}}))
      << "once to lock, once to update, and never the whole table";
  ground.exec("COMMIT");
  EXPECT_EQ(ground.text("SELECT string_agg(trigger, ' ') FROM retraind.monitor WHERE next_due_at <= now()"), "t77");
}

TEST_F(SignalsTest, WakeTheDaemons) {
  store::Listener listener(database.conninfo(), {"retraind_wake"});
  ground.exec("SELECT retraind.record_signal('errors', 0.75)");
  listener.probe();
  const auto heard = listener.drain();
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_EQ(heard[0].payload, "monitor");
}

}  // namespace
}  // namespace retraind::runs
