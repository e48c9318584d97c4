// The live step of a run: what is noted of it, what step_history and status show, and that it is gone with the run.
#include <limits>

#include "core/runs/history.h"
#include "tests/pg/registry/registry_scene.h"

namespace retraind::runs {
namespace {

using testing::hours;
using testing::minutes;
using testing::seconds;

class LiveStepTest : public testing::RegistryTest {
 protected:
  // Claimed long before `start`, so that steps can have begun before now as well.
  ClaimedRun claim_long_ago(const std::string& name = "power") {
    queue(put(testing::make_model(name)), "manual", long_ago);
    return claim(long_ago, hours(24 * 365 * 3));
  }
  bool begin(const ClaimedRun& run, Step step, TimePoint when) {
    return transact([&](store::Transaction& t) { return note_step(t, lease_of(run), step, when); });
  }
  bool progress(const ClaimedRun& run, std::uint64_t done, std::uint64_t total, TimePoint when,
                ProgressUnit unit = ProgressUnit::rounds) {
    return transact([&](store::Transaction& t) { return note_progress(t, lease_of(run), done, total, unit, when); });
  }
  bool finish(const ClaimedRun& run, Step step) {
    return at(start, [&](store::Transaction& t) {
      return record_step(t, lease_of(run),
                         {.step = step, .started_at = long_ago, .finished_at = start, .rows = 9, .detail = "{}"});
    });
  }
  std::string live(const std::string& expression) {
    return ground.text("SELECT coalesce((SELECT (" + expression +
                       ")::text FROM retraind.step_history WHERE finished_at IS NULL), 'none')");
  }
  std::string doing() {
    const Page page = transact([&](store::Transaction& t) { return read_status(t, "power"); });
    const auto column = std::find(page.columns.begin(), page.columns.end(), "doing") - page.columns.begin();
    return page.rows.at(0).at(static_cast<std::size_t>(column)).value_or("-");
  }
  // As what was noted `ago` before the clock of this very statement.
  void since(const std::string& ago) {
    ground.exec(
        fmt::format("UPDATE retraind.run SET step_started_at = now() - interval '{0}', progress_since = now() - "
                    "interval '{0}'",
                    ago));
  }

  const TimePoint long_ago = start - hours(24 * 365);
};

TEST_F(LiveStepTest, IsShownFromItsBeginUntilItsEnd) {
  const ClaimedRun run = claim_long_ago();
  EXPECT_EQ(live("step"), "none");
  EXPECT_TRUE(begin(run, Step::extract, long_ago));
  EXPECT_EQ(live("concat_ws(' ', run_id, attempt, step, detail, done, total, unit, noted_at, time_left)"),
            fmt::format("{} 1 extract {{}}", number(run.id)));
  EXPECT_EQ(live(fmt::format("started_at = '{}'", format_instant(long_ago))), "true");
  EXPECT_EQ(doing(), "extract");
  EXPECT_TRUE(progress(run, 5000, 0, start, ProgressUnit::rows));
  EXPECT_EQ(live("concat_ws(' ', rows, done, total, unit, time_left)"), "5000 5000 rows") << "there is no end to see";
  EXPECT_EQ(live(fmt::format("noted_at = '{}'", format_instant(start))), "true");
  EXPECT_EQ(doing(), "extract 5000 rows");
  EXPECT_TRUE(finish(run, Step::extract));
  EXPECT_EQ(live("step"), "none");
  EXPECT_EQ(ground.rows("SELECT step, rows, done FROM retraind.step_history"),
            (std::vector<testing::TextRow>{{"extract", "9", std::nullopt}}))
      << "a step that has ended is there once";
  EXPECT_EQ(ground.text("SELECT num_nonnulls(open_run_done, open_run_total, open_run_unit, open_run_time_left) FROM "
                        "retraind.status"),
            "0");
  EXPECT_TRUE(begin(run, Step::train, start));
  EXPECT_EQ(live("concat_ws(' ', step, rows, done, unit)"), "train") << "the progress of the step before is gone";
  EXPECT_TRUE(progress(run, 42, 100, start));
  EXPECT_EQ(live("concat_ws(' ', rows, done, total, unit)"), "42 100 rounds") << "rounds are no rows";
  EXPECT_EQ(ground.text("SELECT concat_ws(' ', open_run_step, open_run_done, open_run_total, open_run_unit) FROM "
                        "retraind.status"),
            "train 42 100 rounds");
}

TEST_F(LiveStepTest, SaysAboutHowMuchLongerItTakes) {
  const ClaimedRun run = claim_long_ago();
  begin(run, Step::train, long_ago);
  EXPECT_TRUE(progress(run, 40, 100, start));
  since("40 days");
  EXPECT_EQ(live("round(extract(epoch FROM time_left) / 86400)"), "60");
  EXPECT_EQ(doing(), "train 40/100 rounds, about 60 d left");
  for (const auto& [ago, said] : std::vector<std::pair<std::string, std::string>>{
           {"20 hours", "30 h"}, {"40 minutes", "60 min"}, {"1 hour 20 minutes", "2 h"}}) {
    since(ago);
    EXPECT_EQ(doing(), "train 40/100 rounds, about " + said + " left") << ago;
  }
  EXPECT_TRUE(progress(run, 100, 100, start));
  EXPECT_EQ(live("time_left"), "00:00:00");
  EXPECT_EQ(doing(), "train 100/100 rounds, about 0 s left");
  EXPECT_TRUE(progress(run, 101, 100, start)) << "a trainer that counts wrongly";
  EXPECT_EQ(live("time_left"), "00:00:00");
}

TEST_F(LiveStepTest, MakesNoGuessBeforeTwoPercentAreDone) {
  const ClaimedRun run = claim_long_ago();
  begin(run, Step::train, long_ago);
  for (const auto& [done, total, known] : std::vector<std::tuple<std::uint64_t, std::uint64_t, bool>>{
           {0, 100, false},
           {1, 100, false},
           {2, 100, true},
           {19, 1000, false},
           {20, 1000, true},
           {0, 1, false},
           {1'000'000'000'000'000, 9'000'000'000'000'000'000U, false},
           {9'000'000'000'000'000'000U, 9'000'000'000'000'000'001U, true}}) {
    EXPECT_TRUE(progress(run, done, total, start));
    EXPECT_EQ(live("time_left IS NOT NULL"), known ? "true" : "false") << done << " of " << total;
  }
}

TEST_F(LiveStepTest, CountsTheTimeOfEachThingThatAStepCountsByItself) {
  const ClaimedRun run = claim_long_ago();
  begin(run, Step::train, long_ago);
  const auto since_when = [&](TimePoint when) {
    return run_text(run.id, fmt::format("progress_since = '{}'", format_instant(when)));
  };
  // A search of 8 trials, then the rounds of the candidate, then those of the model that is trained on all rows.
  EXPECT_TRUE(progress(run, 1, 8, long_ago + hours(1), ProgressUnit::steps));
  EXPECT_EQ(since_when(long_ago), "t");
  EXPECT_TRUE(progress(run, 8, 8, long_ago + hours(8), ProgressUnit::steps));
  EXPECT_EQ(since_when(long_ago), "t");
  EXPECT_TRUE(progress(run, 3, 100, long_ago + hours(9)));
  EXPECT_EQ(since_when(long_ago + hours(8)), "t") << "from the last that was heard of the search";
  EXPECT_TRUE(progress(run, 99, 100, long_ago + hours(10)));
  EXPECT_EQ(since_when(long_ago + hours(8)), "t");
  EXPECT_TRUE(progress(run, 1, 100, long_ago + hours(11)));
  EXPECT_EQ(since_when(long_ago + hours(10)), "t") << "it began anew";
}

TEST_F(LiveStepTest, IsGoneHoweverTheRunIsLeft) {
  const auto gone = [&](RunId run) {
    return run_text(run,
                    "num_nonnulls(step_started_at, progress_done, progress_total, progress_unit, progress_since, "
                    "progress_at)") == "0" &&
           live("step") == "none";
  };
  int models = 0;
  const auto leave = [&](const std::string& how, auto action) {
    const ClaimedRun run = claim_long_ago(fmt::format("model_{}", ++models));
    EXPECT_TRUE(begin(run, Step::train, long_ago)) << how;
    EXPECT_TRUE(progress(run, 1, 2, start)) << how;
    EXPECT_FALSE(gone(run.id)) << how;
    action(run);
    EXPECT_NE(state_of(run.id), "running") << how;
    EXPECT_TRUE(gone(run.id)) << how;
    EXPECT_EQ(run_text(run.id, "step IN ('train', 'release')"), "t") << how << ": where it was stays";
    ground.exec(fmt::format("UPDATE retraind.run SET not_before = 'infinity' WHERE run_id = {} AND state = 'queued'",
                            number(run.id)));
  };
  leave("requeued", [&](const ClaimedRun& run) {
    transact([&](store::Transaction& t) { requeue_run(t, here, lease_of(run), "crashed", minutes(0), start); });
  });
  leave("handed back", [&](const ClaimedRun& run) {
    transact([&](store::Transaction& t) { hand_back_run(t, here, lease_of(run), "stopping", start); });
  });
  leave("taken back", [&](const ClaimedRun&) {
    transact([&](store::Transaction& t) { take_back_expired_runs(t, there, start + hours(24 * 365 * 3)); });
  });
  leave("failed", [&](const ClaimedRun& run) { end(run, RunState::failed); });
  leave("cancelled", [&](const ClaimedRun& run) { end(run, RunState::cancelled); });
  leave("judged", [&](const ClaimedRun& run) { judge(run, RunState::rejected); });
  leave("awaiting", [&](const ClaimedRun& run) { judge(run, RunState::awaiting_approval); });
}

TEST_F(LiveStepTest, IsOfTheAttemptThatIsRunning) {
  const ClaimedRun first = claim_long_ago();
  begin(first, Step::extract, long_ago);
  finish(first, Step::extract);
  begin(first, Step::train, long_ago);
  transact([&](store::Transaction& t) { requeue_run(t, here, lease_of(first), "crashed", minutes(0), long_ago); });
  const ClaimedRun second = claim(start);
  EXPECT_FALSE(begin(first, Step::evaluate, start)) << "under an old term";
  EXPECT_FALSE(progress(first, 1, 2, start));
  EXPECT_FALSE(progress(second, 1, 2, start)) << "no step has begun";
  EXPECT_TRUE(begin(second, Step::extract, start));
  EXPECT_EQ(live("attempt || step"), "2extract") << "though the attempt before has finished that step";
}

TEST_F(LiveStepTest, IsRefusedWhereARunIsNotRunning) {
  const RunId run = queue(put());
  EXPECT_CONTAINS(refusal("INSERT INTO retraind.run (model_id, firing_id, trigger, source, configuration_sha256, "
                          "max_attempts, queued_at, not_before, step_started_at) SELECT model_id, firing_id, trigger, "
                          "source, configuration_sha256, 3, now(), now(), now() FROM retraind.run"),
                  "run_step_is_live");
  ground.exec("UPDATE retraind.run SET step_started_at = now()");
  EXPECT_EQ(run_text(run, "step_started_at"), "") << "an update that says so is put right";
}

TEST_F(LiveStepTest, NeverGoesBackInTime) {
  const ClaimedRun run = claim_long_ago();
  begin(run, Step::train, start);
  EXPECT_TRUE(progress(run, 1, 10, start - hours(1)));
  EXPECT_TRUE(progress(run, 2, 10, start + seconds(1)));
  EXPECT_TRUE(progress(run, 3, 10, start)) << "two transactions can come in another order than their clocks say";
  EXPECT_EQ(run_text(run.id, fmt::format("concat_ws(' ', progress_done, progress_since = '{}', progress_at = '{}')",
                                         format_instant(start), format_instant(start + seconds(1)))),
            "3 t t");
}

}  // namespace
}  // namespace retraind::runs
