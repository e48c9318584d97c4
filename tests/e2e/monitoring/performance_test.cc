// How production fares once labels are there, as the running daemon sees it.

#include <gtest/gtest.h>

#include "tests/e2e/world/world.h"

namespace retraind::testing {
namespace {

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

class PerformanceTest : public ::testing::Test {
 protected:
  // Production, version 1, trained on the first 1,600 of 2,000 rows, nine labels of ten right.
  void start(const std::string& condition, const std::string& model_keys = "") {
    world.make_events();
    world.add_events(0, 2000, 0);
    std::string model = World::events_model("m", "", R"(
[[model.m.trigger]]
on = "performance"
metric = "accuracy"
every = "200ms"
backoff = "0s"
max_runs_per_day = 1
)" + condition);
    model.insert(model.find("[model.m.training]"), model_keys);
    world.start(world.configure(model));
    ASSERT_TRUE(world.comes_true("SELECT true FROM retraind.production WHERE model = 'm'"));
  }
  std::string runs() {
    return world.registry.text("SELECT count(*) FROM retraind.run_history WHERE trigger = 'performance'");
  }
  // A whole evaluation has begun and ended from now on.
  void wait_for_a_look() {
    for (int i = 0; i < 2; ++i) {
      const std::string before =
          world.registry.text("SELECT coalesce(max(last_evaluated_at), '-infinity') FROM retraind.monitor");
      ASSERT_TRUE(world.comes_true("SELECT last_evaluated_at > '" + before +
                                   "' FROM retraind.monitor WHERE trigger = 'performance'"));
    }
  }

  World world;
};

TEST_F(PerformanceTest, BelowItsBoundForSureStartsARun) {
  start("below = 0.7\nwindow = \"10h\"\n");
  world.add_events(2000, 600, 0);
  wait_for_a_look();
  EXPECT_EQ(runs(), "0");
  EXPECT_EQ(world.registry.text("SELECT value > 0.85 AND ci_low < value AND value < ci_high AND threshold = 0.7 AND "
                                "rows > 500 FROM retraind.performance_history ORDER BY check_id DESC LIMIT 1"),
            "t");
  world.add_events(2600, 900, 1);
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 1 FROM retraind.run_history WHERE trigger = 'performance'"));
  EXPECT_CONTAINS(world.registry.text("SELECT reason FROM retraind.trigger_history WHERE trigger = 'performance' AND "
                                      "decision = 'fired'"),
                  "below 0.7");
}

TEST_F(PerformanceTest, ComparesWithItsLevelAtPromotion) {
  start("drop = 0.1\nwindow = \"10h\"\n");
  world.add_events(2000, 600, 0);
  wait_for_a_look();
  EXPECT_EQ(runs(), "0");
  // What the level was is what the run that promoted it measured on its holdout.
  EXPECT_EQ(world.registry.text("SELECT abs(level - candidate_value) < 1e-9 FROM retraind.performance_history p JOIN "
                                "retraind.run_history r ON r.version = p.version ORDER BY check_id DESC LIMIT 1"),
            "t");
  world.add_events(2600, 900, 1);
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 1 FROM retraind.run_history WHERE trigger = 'performance'"));
}

TEST_F(PerformanceTest, CountsLabelsThatComeLateOnceAndUnknownOnesNever) {
  start("below = 0.5\nwindow = \"7d\"\n", "late_labels = \"2d\"\n");
  wait_for_a_look();
  const auto rows = [&] {
    return std::stoi(world.registry.text(
        "SELECT coalesce((SELECT rows FROM retraind.performance_history ORDER BY check_id DESC LIMIT 1), 0)"));
  };
  EXPECT_EQ(rows(), 400);  // the holdout, which production was judged on and not trained on
  world.add_events(2000, 600, 0);
  world.source.exec(
      "UPDATE events SET y = NULL WHERE ts >= timestamptz '2026-01-01 00:00+00' + interval '2100 minutes' "
      "AND ts < timestamptz '2026-01-01 00:00+00' + interval '2400 minutes'");
  wait_for_a_look();
  EXPECT_EQ(rows(), 700);
  wait_for_a_look();
  EXPECT_EQ(rows(), 700);
  world.source.exec("UPDATE events SET y = 1 WHERE y IS NULL");
  wait_for_a_look();
  EXPECT_EQ(rows(), 1000);
  wait_for_a_look();
  EXPECT_EQ(rows(), 1000);
}

TEST_F(PerformanceTest, IsWatchedRowByRowByADetector) {
  start("detect = \"adwin\"\n");
  world.add_events(2000, 1500, 0);
  wait_for_a_look();
  EXPECT_EQ(runs(), "0");
  // Every labelled row that production was not trained on, once; the newest waits until no other of its time can come.
  EXPECT_EQ(world.registry.text("SELECT rows FROM retraind.performance_history ORDER BY check_id DESC LIMIT 1"),
            "1899");
  world.add_events(3500, 800, 1);
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 1 FROM retraind.run_history WHERE trigger = 'performance'"));
  EXPECT_CONTAINS(world.registry.text("SELECT reason FROM retraind.trigger_history WHERE trigger = 'performance' AND "
                                      "decision = 'fired'"),
                  "adwin");
  EXPECT_EQ(world.registry.text("SELECT state->>'version' FROM retraind.monitor WHERE trigger = 'performance'"), "1");
}

TEST_F(PerformanceTest, IsBoundedAtEveryTimeAtOnceByAConfidenceSequence) {
  start("detect = \"risk\"\ntolerance = 0.05\n");
  world.add_events(2000, 1000, 0);
  wait_for_a_look();
  EXPECT_EQ(runs(), "0");
  world.add_events(3000, 3000, 1);
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 1 FROM retraind.run_history WHERE trigger = 'performance'"));
}

TEST_F(PerformanceTest, SurvivesAModelThatCannotBeLoaded) {
  start("below = 0.5\nwindow = \"7d\"\n");
  wait_for_a_look();
  world.registry.exec(
      "ALTER TABLE retraind.artifact_chunk DISABLE TRIGGER ALL; "
      "UPDATE retraind.artifact_chunk SET zstd = set_byte(zstd, 20, get_byte(zstd, 20) # 255)");
  ASSERT_TRUE(
      world.comes_true("SELECT count(*) = 1 FROM retraind.trigger_history WHERE trigger = 'performance' AND "
                       "decision = 'error'"));
  EXPECT_EQ(runs(), "0");
}

}  // namespace
}  // namespace retraind::testing
