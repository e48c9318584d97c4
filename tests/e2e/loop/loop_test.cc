// The whole circle with the real binary: a table is watched, a trigger fires, a worker extracts, trains and judges, and
// the registry says in SQL what happened.

#include <gtest/gtest.h>
#include <signal.h>

#include "tests/e2e/world/world.h"

namespace retraind::testing {
namespace {

constexpr const char* kNewRows = R"(
[[model.m.trigger]]
on = "new_rows"
rows = 1000
every = "200ms"
backoff = "0s"
)";

TEST(Loop, PromotesAFirstModelAndReplacesItWhenTheConceptChanges) {
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  DaemonProcess& daemon = world.start(world.configure(World::events_model("m", "", kNewRows)));
  ASSERT_TRUE(world.comes_true("SELECT version = 1 FROM retraind.production WHERE model = 'm'"));

  world.add_events(2000, 2000, 1);
  ASSERT_TRUE(world.comes_true("SELECT version = 2 FROM retraind.production WHERE model = 'm'"));
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0);

  TestDatabase& registry = world.registry;
  EXPECT_EQ(registry.text("SELECT string_agg(version || ':' || coalesce(previous_version::text, '-') || ':' || kind, ' "
                          "' ORDER BY promotion_id) "
                          "FROM retraind.promotion_history"),
            "1:-:promotion 2:1:promotion");
  // The ranges touch: at every instant since the first promotion exactly one version was in production.
  EXPECT_EQ(registry.text("SELECT (SELECT valid_to FROM retraind.promotion_history WHERE version = 1) = "
                          "(SELECT promoted_at FROM retraind.promotion_history WHERE version = 2)"),
            "t");
  // Both were judged on the very same rows, and the numbers that decided are rows.
  EXPECT_EQ(
      registry.text(
          "SELECT candidate_value > production_value AND ci_low > 0 AND holdout_rows = 400 AND judged_against = 1 "
          "FROM retraind.run_history WHERE version = 2"),
      "t");
  EXPECT_EQ(registry.text("SELECT bool_and(passed) FROM retraind.gate_result WHERE run_id = (SELECT run_id FROM "
                          "retraind.run_history WHERE version = 2)"),
            "t");
  EXPECT_EQ(
      registry.text(
          "SELECT string_agg(step, ' ' ORDER BY started_at, finished_at) FROM retraind.step_history WHERE run_id = "
          "(SELECT run_id FROM retraind.run_history WHERE version = 2)"),
      "extract validate_data train evaluate release");
  EXPECT_EQ(registry.text("SELECT count(*) FROM retraind.metric_history WHERE run_id = (SELECT run_id FROM "
                          "retraind.run_history WHERE version = 2)"),
            "22");
  EXPECT_EQ(registry.text("SELECT count(*) FROM retraind.run_history WHERE finished_at IS NULL"), "0");
  EXPECT_TRUE(std::filesystem::is_empty(world.state_dir() / "work"));
}

TEST(Loop, GivesTheSameModelBytesForTheSameRowsConfigurationAndSeed) {
  std::string sha256[2];
  for (int round = 0; round < 2; ++round) {
    World world;
    world.make_events();
    world.add_events(0, 2000, 0);
    // The second time the rows lie in another order on disk, and two threads train.
    if (round == 1)
      world.source.exec(
          "CREATE TABLE shuffled AS SELECT * FROM events ORDER BY md5(ts::text); DROP TABLE events; ALTER TABLE "
          "shuffled RENAME TO events");
    world.start(world.configure(World::events_model("m", round == 1 ? "threads = 2" : "")));
    ASSERT_TRUE(world.comes_true("SELECT true FROM retraind.production WHERE model = 'm'"));
    sha256[round] = world.registry.text(
        "SELECT p.artifact_sha256 || r.data_sha256 || r.ci_low || r.ci_high FROM retraind.production p JOIN "
        "retraind.run_history r USING (run_id)");
  }
  EXPECT_EQ(sha256[0], sha256[1]);
}

TEST(Loop, AnswersARequestInSqlAndOneAtTheCommandLine) {
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  const auto config = world.configure(World::events_model("m"));
  world.start(config);
  ASSERT_TRUE(world.comes_true("SELECT true FROM retraind.production WHERE model = 'm'"));

  const std::string first = world.registry.text("SELECT retraind.request_run('m', 'curious')");
  ASSERT_TRUE(world.comes_true("SELECT finished_at IS NOT NULL FROM retraind.run_history WHERE run_id = " + first));
  const CommandResult asked = world.run({"trigger", "m", "--reason", "curious again", "--config", config.string()});
  EXPECT_EQ(asked.exit_code, 0) << asked.errors;
  ASSERT_TRUE(world.comes_true(
      "SELECT count(*) = 2 FROM retraind.run_history r WHERE trigger = 'manual' AND finished_at IS NOT NULL"));
  EXPECT_EQ(
      world.registry.text(
          "SELECT string_agg(reason, '|' ORDER BY firing_id) FROM retraind.trigger_history WHERE trigger = 'manual'"),
      "curious|curious again");

  const CommandResult unknown = world.run({"trigger", "nobody", "--config", config.string()});
  EXPECT_EQ(unknown.exit_code, 1);
  EXPECT_NE(unknown.errors.find("there is no model \"nobody\""), std::string::npos) << unknown.errors;
}

TEST(Loop, JudgesAChangedPipelineAgainstProductionAtReload) {
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  // Only noise at first: a model that can be beaten by a better pipeline.
  const auto config = world.configure(World::events_model("m", "", ""));
  {
    std::string text = World::events_model("m");
    text.replace(text.find("task = \"binary\""), 15, "task = \"binary\"\nfeatures = [\"x1\"]");
    world.configure(text);
  }
  DaemonProcess& daemon = world.start(config);
  ASSERT_TRUE(world.comes_true("SELECT version = 1 FROM retraind.production WHERE model = 'm'"));
  // Now without the column that tells: the changed pipeline runs as a candidate, loses, and production stays.
  std::string worse = World::events_model("m");
  worse.replace(worse.find("task = \"binary\""), 15, "task = \"binary\"\nfeatures = [\"x2\"]");
  world.configure(worse);
  daemon.signal(SIGHUP);
  ASSERT_TRUE(world.comes_true(
      "SELECT count(*) = 2 FROM retraind.run_history WHERE trigger = 'pipeline_change' AND finished_at IS NOT NULL"));
  EXPECT_EQ(world.registry.text(
                "SELECT verdict || ':' || judged_against FROM retraind.run_history ORDER BY run_id DESC LIMIT 1"),
            "reject:1");
  EXPECT_EQ(world.registry.text("SELECT version FROM retraind.production"), "1");
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.configuration_load"), "2");
}

TEST(Loop, KeepsItsSettingsWhenTheReloadedFileIsWrong) {
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  const auto config = world.configure(World::events_model("m"));
  DaemonProcess& daemon = world.start(config);
  ASSERT_TRUE(world.comes_true("SELECT true FROM retraind.production WHERE model = 'm'"));
  world.configure(World::events_model("m", "windw = \"1d\""));
  daemon.signal(SIGHUP);
  ASSERT_TRUE(world.comes_to_say(daemon, "the settings before stay in force"));
  EXPECT_NE(daemon.log().find("retraind.toml:"), std::string::npos);
  EXPECT_NE(daemon.log().find("windw"), std::string::npos);
  const std::string run = world.registry.text("SELECT retraind.request_run('m', 'still there?')");
  ASSERT_TRUE(world.comes_true("SELECT finished_at IS NOT NULL FROM retraind.run_history WHERE run_id = " + run));
  daemon.signal(SIGTERM);
  EXPECT_EQ(daemon.wait(), 0);
}

TEST(Loop, WaitsForAPersonWhenPromotionIsManual) {
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  const auto config = world.configure(World::events_model("m") + "promotion = \"manual\"\n");
  world.start(config);
  ASSERT_TRUE(world.comes_true("SELECT state = 'awaiting_approval' FROM retraind.run_history"));
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.production"), "0");
  const std::string run = world.registry.text("SELECT run_id FROM retraind.run_history");
  const CommandResult approved = world.run({"approve", run, "--reason", "looks good", "--config", config.string()});
  EXPECT_EQ(approved.exit_code, 0) << approved.errors;
  EXPECT_EQ(world.registry.text("SELECT version || ':' || actor || ':' || reason FROM retraind.promotion_history"),
            "1:postgres:looks good");
}

}  // namespace
}  // namespace retraind::testing
