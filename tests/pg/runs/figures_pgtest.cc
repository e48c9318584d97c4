// What the registry amounts to, as /metrics tells it: right figures, and few of the registry's milliseconds.
#include "core/runs/figures.h"

#include <algorithm>

#include "core/runs/monitors.h"
#include "tests/pg/registry/registry_scene.h"

namespace retraind::runs {
namespace {

using testing::hours;
using testing::minutes;

class FiguresTest : public testing::RegistryTest {
 protected:
  RegistryFigures figures(std::optional<TimePoint> when = std::nullopt) {
    return transact([&](store::Transaction& t) { return reader.read(t, when.value_or(start)); });
  }
  static const ModelFigures& of(const RegistryFigures& all, const std::string& name) {
    const auto at = std::find_if(all.models.begin(), all.models.end(), [&](const auto& m) { return m.name == name; });
    if (at == all.models.end()) throw std::runtime_error("no figures of " + name);
    return *at;
  }
  void drift(ModelId model, int version, std::vector<stats::ColumnDrift> columns, TimePoint when) {
    DriftCheck check;
    check.model = model;
    check.version = version;
    check.trigger = "drift";
    check.rows = 300;
    check.columns = std::move(columns);
    transact([&](store::Transaction& t) { return record_drift_check(t, check, when); });
  }
  static stats::ColumnDrift column(const std::string& name, double effect, stats::ColumnVerdict verdict,
                                   ColumnRole role = ColumnRole::feature) {
    stats::ColumnDrift out;
    out.column = name;
    out.role = role;
    out.effect = effect;
    out.p_value = 0.5;
    out.threshold = 0.05;
    out.verdict = verdict;
    out.sentence = "moved";
    return out;
  }
  void performance(ModelId model, int version, const std::string& trigger, double value, TimePoint when) {
    stats::Interval interval;
    interval.estimate = value;
    interval.low = value - 0.02;
    interval.high = value + 0.02;
    PerformanceCheck check;
    check.model = model;
    check.version = version;
    check.trigger = trigger;
    check.rows = 500;
    check.metric = Metric::accuracy;
    check.value = interval;
    check.level = 0.8;
    check.threshold = 0.75;
    check.sentence = "looked";
    transact([&](store::Transaction& t) { record_performance_check(t, check, when); });
  }
  ModelId put_watched() {
    settings::Model model = testing::make_model();
    model.triggers.push_back(testing::make_trigger("quality", settings::PerformanceTrigger{}));
    const ModelId id = put(model);
    transact([&](store::Transaction& t) { put_monitors(t, id, model, start); });
    return id;
  }

  FigureReader reader;
};

TEST_F(FiguresTest, OfAnEmptyRegistryAreNought) {
  const RegistryFigures all = figures();
  EXPECT_TRUE(all.models.empty());
  EXPECT_EQ(
      all.queues.runs,
      (std::map<RunState, std::uint64_t>{
          {RunState::queued, 0}, {RunState::running, 0}, {RunState::awaiting_approval, 0}, {RunState::shadowing, 0}}));
  EXPECT_FALSE(all.queues.queued_since);
  EXPECT_FALSE(all.queues.overdue_since);
  EXPECT_EQ(all.queues.daemons, 0u);
}

TEST_F(FiguresTest, CountWhatWaitsAndSinceWhen) {
  const ModelId a = put(testing::make_model("a"));
  const ModelId b = put(testing::make_model("b"));
  put(testing::make_model("idle"));
  run_to(RunState::running, a);
  queue(b, "manual", start + minutes(1));
  const RegistryFigures all = figures(start + hours(2));
  EXPECT_EQ(all.queues.runs.at(RunState::queued), 1u);
  EXPECT_EQ(all.queues.runs.at(RunState::running), 1u);
  EXPECT_EQ(all.queues.queued_since, start + minutes(1));
  // The claim was for an hour.
  EXPECT_EQ(all.queues.expired_leases, 1u);
  EXPECT_EQ(figures(start + minutes(30)).queues.expired_leases, 0u);
  EXPECT_EQ(all.models.size(), 3u);
}

TEST_F(FiguresTest, NameTheTriggerThatNobodyEvaluates) {
  put_watched();
  ground.exec(fmt::format("UPDATE retraind.monitor SET next_due_at = '{}' WHERE trigger = 'quality'",
                          format_instant(start - hours(3))));
  EXPECT_EQ(figures().queues.overdue_since, start - hours(3));
  ground.exec("UPDATE retraind.monitor SET enabled = false");
  EXPECT_FALSE(figures().queues.overdue_since);
}

TEST_F(FiguresTest, CountDaemonsThatWereSeenLately) {
  transact([&](store::Transaction& t) {
    register_daemon(t, here, "1", 1, start);
    register_daemon(t, there, "1", 2, start - minutes(2));
  });
  EXPECT_EQ(figures().queues.daemons, 1u);
  transact([&](store::Transaction& t) { sign_off_daemon(t, here, start); });
  EXPECT_EQ(figures().queues.daemons, 0u);
}

TEST_F(FiguresTest, FollowTheRunsOfAModel) {
  const ModelId model = put();
  EXPECT_FALSE(of(figures(), "power").last_run_at);
  run_to(RunState::promoted, model, "manual", start + minutes(1));
  run_to(RunState::failed, model, "manual", start + minutes(2));
  ModelFigures seen = of(figures(), "power");
  EXPECT_EQ(seen.last_run_at, start + minutes(2));
  EXPECT_EQ(seen.last_verdict_at, start + minutes(1));
  EXPECT_EQ(seen.failed_runs, 1u);
  EXPECT_EQ(seen.production, 1);
  EXPECT_EQ(seen.production_since, start + minutes(1));
  run_to(RunState::failed, model, "manual", start + minutes(3));
  EXPECT_EQ(of(figures(), "power").failed_runs, 2u);
  run_to(RunState::rejected, model, "manual", start + minutes(4));
  seen = of(figures(), "power");
  EXPECT_EQ(seen.failed_runs, 0u);
  EXPECT_EQ(seen.last_verdict_at, start + minutes(4));
}

TEST_F(FiguresTest, CallARunJudgedWhoseCandidateWaits) {
  const ModelId model = put();
  run_to(RunState::promoted, model, "manual", start + minutes(1));
  run_to(RunState::shadowing, model, "manual", start + minutes(2));
  EXPECT_EQ(of(figures(), "power").last_verdict_at, start + minutes(2));
  EXPECT_EQ(figures().queues.trials.at(TrialKind::shadow), 1u);
  EXPECT_EQ(figures().queues.runs.at(RunState::shadowing), 1u);
  run_to(RunState::awaiting_approval, model, "manual", start + minutes(3));
  EXPECT_EQ(of(figures(), "power").last_verdict_at, start + minutes(3));
}

TEST_F(FiguresTest, CountPromotionsAndRollbacksWhoeverMadeThem) {
  const ModelId model = put();
  for (int i = 0; i < 3; ++i) run_to(RunState::promoted, model, "manual", start - hours(1) + minutes(i));
  EXPECT_EQ(of(figures(), "power").promotions, 3u);
  ground.exec("SELECT retraind.rollback('power', 'complaints')");
  const ModelFigures seen = of(figures(), "power");
  EXPECT_EQ(seen.promotions, 3u);
  EXPECT_EQ(seen.rollbacks, 1u);
  EXPECT_EQ(seen.production, 2);
}

TEST_F(FiguresTest, TellDriftByTheLargestEffectOfWhatCanBeJudged) {
  using stats::ColumnVerdict;
  const ModelId model = put();
  run_to(RunState::promoted, model);
  drift(model, 1,
        {column("a", 0.02, ColumnVerdict::ok), column("b", 0.15, ColumnVerdict::drifted),
         column("rare", 0.9, ColumnVerdict::insufficient_data),
         column("ts", 0.9, ColumnVerdict::drifted, ColumnRole::time)},
        start + minutes(1));
  const auto seen = of(figures(), "power").drift;
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->checked_at, start + minutes(1));
  EXPECT_NEAR(seen->largest_ratio.value(), 3, 1e-9);
  EXPECT_EQ(seen->drifted, 1u);
  drift(model, 1, {column("a", 0.01, ColumnVerdict::ok)}, start + minutes(2));
  EXPECT_EQ(of(figures(), "power").drift->drifted, 0u);
}

TEST_F(FiguresTest, OfAVersionThatHasLeftProductionSayNothing) {
  const ModelId model = put_watched();
  run_to(RunState::promoted, model, "manual", start + minutes(1));
  drift(model, 1, {column("a", 0.2, stats::ColumnVerdict::drifted)}, start + minutes(2));
  performance(model, 1, "quality", 0.7, start + minutes(2));
  ModelFigures seen = of(figures(), "power");
  ASSERT_TRUE(seen.drift);
  ASSERT_TRUE(seen.performance.contains("quality"));
  EXPECT_EQ(surely_worse(seen.performance.at("quality")), true);
  EXPECT_EQ(seen.performance.at("quality").level, 0.8);
  run_to(RunState::promoted, model, "manual", start + minutes(3));
  seen = of(figures(), "power");
  EXPECT_FALSE(seen.drift);
  EXPECT_TRUE(seen.performance.empty());
}

TEST_F(FiguresTest, LeaveRemovedModelsOutAndMarkPausedOnes) {
  put(testing::make_model("stays"));
  put(testing::make_model("goes"));
  ground.exec("SELECT retraind.pause('stays', 'holidays')");
  transact([&](store::Transaction& t) {
    return registry::remove_other_models(t, {"stays"}, {here.daemon_id, here.instance}, start);
  });
  const RegistryFigures all = figures();
  ASSERT_EQ(all.models.size(), 1u);
  EXPECT_TRUE(all.models[0].paused);
  EXPECT_EQ(all.removed_models, 1u);
}

// An id is taken before its transaction commits, so that a later one may be seen before it.
TEST_F(FiguresTest, SeeWhatWasCommittedLateUnderAnEarlierId) {
  const ModelId a = put(testing::make_model("a"));
  const ModelId b = put(testing::make_model("b"));
  run_to(RunState::promoted, a);
  run_to(RunState::promoted, b);
  figures();
  testing::TestConnection slow = ground.connect();
  const auto check = [](ModelId model) {
    return fmt::format(
        "INSERT INTO retraind.drift_check (model_id, version, trigger, checked_at, rows) VALUES ({}, 1, 'drift', "
        "now(), 9)",
        number(model));
  };
  slow.exec("BEGIN");
  slow.exec(check(a));
  ground.exec(check(b));
  EXPECT_FALSE(of(figures(), "a").drift);
  EXPECT_TRUE(of(figures(), "b").drift);
  slow.exec("COMMIT");
  EXPECT_TRUE(of(figures(), "a").drift);
}

// Ten thousand models with a history: read whole once, and by what is new later.
TEST_F(FiguresTest, CostLittleWithTenThousandModels) {
  const ModelId model = put();
  run_to(RunState::promoted, model);
  ground.exec(R"sql(
SET session_replication_role = replica;
INSERT INTO retraind.model (name, source, configuration_sha256, last_version, created_at)
SELECT 'm' || i, 'market', NULL, 1, now() FROM generate_series(1, 10000) i;
INSERT INTO retraind.firing (model_id, trigger, kind, evaluated_at, decision, reason, actor)
SELECT m.model_id, 'manual', 'manual', now(), 'fired', 'r', 'a' FROM retraind.model m, generate_series(1, 20) WHERE m.name LIKE 'm%';
INSERT INTO retraind.run (model_id, firing_id, trigger, source, configuration_sha256, state, verdict, reason, max_attempts, queued_at, not_before, finished_at, version)
SELECT f.model_id, f.firing_id, 'manual', 'market', 'x', 'rejected', 'reject', 'r', 3, now(), now(), now(), NULL FROM retraind.firing f WHERE f.actor = 'a';
INSERT INTO retraind.run_event (run_id, attempt, at, from_state, to_state, actor, reason)
SELECT r.run_id, 1, now(), 'running', 'rejected', 'a', 'r' FROM retraind.run r;
INSERT INTO retraind.promotion (model_id, version, kind, during, actor, trigger, run_id, reason)
SELECT DISTINCT ON (r.model_id) r.model_id, 1, 'promotion', tstzrange(now(), NULL), 'a', 'manual', r.run_id, 'r' FROM retraind.run r WHERE r.configuration_sha256 = 'x' ORDER BY r.model_id, r.run_id;
INSERT INTO retraind.drift_check (model_id, version, trigger, checked_at, rows)
SELECT m.model_id, 1, 'drift', now(), 300 FROM generate_series(1, 5), retraind.model m;
INSERT INTO retraind.drift_result (check_id, "column", method, effect, p_value, threshold, verdict, sentence, role)
SELECT d.check_id, 'c' || c, 'jensen_shannon', 0.01 * c, 0.5, 0.05, 'ok', 's', 'feature' FROM retraind.drift_check d, generate_series(1, 10) c;
INSERT INTO retraind.monitor (model_id, trigger, kind, source, rule, next_due_at)
SELECT m.model_id, 'quality', 'performance', 'market', '{}', now() + interval '1 hour' FROM retraind.model m;
INSERT INTO retraind.performance_check (model_id, version, trigger, checked_at, rows, metric, value, ci_low, ci_high, level, threshold, sentence)
SELECT m.model_id, 1, 'quality', now(), 500, 'accuracy', 0.8, 0.78, 0.82, 0.8, 0.75, 's' FROM retraind.model m, generate_series(1, 5);
SET session_replication_role = origin;
ANALYZE;
)sql");
  using Clock = std::chrono::steady_clock;
  const auto took = [](Clock::time_point began) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began).count();
  };
  auto began = Clock::now();
  const RegistryFigures first = figures();
  const auto whole = took(began);
  EXPECT_EQ(first.models.size(), 10001u);
  EXPECT_NEAR(of(first, "m77").drift.value().largest_ratio.value(), 2, 1e-9);
  EXPECT_EQ(of(first, "m77").performance.size(), 1u);
  long best = 1000000;
  for (int i = 0; i < 5; ++i) {
    began = Clock::now();
    figures();
    best = std::min<long>(best, took(began));
  }
  // What the registry itself spends of it, without this process reading rows with its sanitizers.
  const std::string plan = ground.text(
      "SELECT count(*) FROM (SELECT m.model_id, m.name, m.paused_at IS NOT NULL, m.removed_at IS NOT NULL, p.version, "
      "lower(p.during) FROM retraind.model m LEFT JOIN retraind.promotion p ON p.model_id = m.model_id AND "
      "upper_inf(p.during) ORDER BY m.name) x");
  EXPECT_EQ(plan, "10001");
  fmt::print("10001 models: read whole in {} ms, again in {} ms\n", whole, best);
  // Generous, for a busy machine and sanitizers; what a scan of all histories would take is more.
  EXPECT_LT(best, 1500);
}

}  // namespace
}  // namespace retraind::runs
