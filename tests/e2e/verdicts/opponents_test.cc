// Production whose model does not load, approvals that come too late, and anchors: nothing is promoted in silence.

#include <gtest/gtest.h>

#include "tests/e2e/world/world.h"

namespace retraind::testing {
namespace {

std::string model_with(const std::string& validation) {
  return World::events_model("m", "", validation + R"(
[[model.m.trigger]]
on = "new_rows"
rows = 1000
every = "200ms"
backoff = "0s"
)");
}

// Two versions in production one after the other; then what the newer one's artifact holds is spoilt.
void make_broken_production(World& world, const std::string& validation, const std::string& how) {
  world.make_events();
  world.add_events(0, 2000, 0);
  world.start(world.configure(model_with(validation)));
  ASSERT_TRUE(world.comes_true("SELECT version = 1 FROM retraind.production"));
  world.add_events(2000, 2000, 1);
  ASSERT_TRUE(world.comes_true("SELECT version = 2 FROM retraind.production"));
  world.registry.exec("SET session_replication_role = replica; " + how + "; SET session_replication_role = DEFAULT");
  world.add_events(4000, 2000, 1);
}

constexpr const char* kDamaged =
    "UPDATE retraind.artifact_chunk SET zstd = 'damaged' WHERE sha256 = (SELECT artifact_sha256 FROM "
    "retraind.production)";

TEST(BrokenProduction, WaitsForAPerson) {
  World world;
  make_broken_production(world, "", kDamaged);
  ASSERT_TRUE(
      world.comes_true("SELECT state = 'awaiting_approval' FROM retraind.run_history ORDER BY run_id DESC LIMIT 1"));
  TestDatabase& registry = world.registry;
  EXPECT_EQ(registry.text("SELECT version FROM retraind.production"), "2");
  EXPECT_EQ(
      registry.text("SELECT judged_against || ' ' || stand_in FROM retraind.run_history ORDER BY run_id DESC LIMIT 1"),
      "2 1");
  const std::string sentence =
      registry.text("SELECT sentence FROM retraind.gate_result WHERE gate = 'opponent' ORDER BY run_id DESC LIMIT 1");
  EXPECT_NE(sentence.find("damaged"), std::string::npos) << sentence;
  EXPECT_NE(sentence.find("version 1"), std::string::npos) << sentence;
  registry.exec("SELECT retraind.approve(run_id, 'looked at it') FROM retraind.run WHERE state = 'awaiting_approval'");
  EXPECT_EQ(registry.text("SELECT version FROM retraind.production"), "3");
}

TEST(BrokenProduction, IsReplacedByTheWinnerAgainstItsStandInWhereThatIsConfigured) {
  World world;
  make_broken_production(world, "broken_production = \"stand_in\"", kDamaged);
  ASSERT_TRUE(world.comes_true("SELECT version = 3 FROM retraind.production"));
  EXPECT_EQ(world.registry.text("SELECT judged_against || ' ' || stand_in FROM retraind.run_history WHERE version = 3"),
            "2 1");
}

TEST(BrokenProduction, IsNoticedByItsSha256AlsoWhereItWouldLoad) {
  World world;
  make_broken_production(
      world, "",
      "UPDATE retraind.artifact_chunk c SET zstd = (SELECT o.zstd FROM retraind.artifact_chunk o JOIN "
      "retraind.model_version v ON v.artifact_sha256 = o.sha256 WHERE v.version = 1) WHERE c.sha256 = (SELECT "
      "artifact_sha256 FROM retraind.production)");
  ASSERT_TRUE(
      world.comes_true("SELECT state = 'awaiting_approval' FROM retraind.run_history ORDER BY run_id DESC LIMIT 1"));
  EXPECT_EQ(world.registry.text("SELECT version FROM retraind.production"), "2");
}

TEST(Approval, OfACandidateThatWasJudgedAgainstAnotherVersionHasItJudgedAgain) {
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  const auto config = world.configure(model_with("promotion = \"manual\""));
  world.start(config);
  TestDatabase& registry = world.registry;
  const auto await_and_approve = [&](int version) {
    ASSERT_TRUE(world.comes_true("SELECT state = 'awaiting_approval' AND version = " + std::to_string(version) +
                                 " FROM retraind.run_history ORDER BY run_id DESC LIMIT 1"));
  };
  await_and_approve(1);
  registry.exec("SELECT retraind.approve(run_id, 'first') FROM retraind.run WHERE state = 'awaiting_approval'");
  world.add_events(2000, 2000, 1);
  await_and_approve(2);
  registry.exec("SELECT retraind.approve(run_id, 'second') FROM retraind.run WHERE state = 'awaiting_approval'");
  world.add_events(4000, 2000, 0);
  await_and_approve(3);
  // Version 3 beat version 2, and that is not in production any more.
  EXPECT_EQ(world.run({"--config", config.string(), "rollback", "m", "--reason", "version 2 was wrong"}).exit_code, 0);
  registry.exec("SELECT retraind.approve(run_id, 'too late') FROM retraind.run WHERE state = 'awaiting_approval'");
  EXPECT_EQ(registry.text("SELECT version FROM retraind.production"), "1");
  // New rows for the second judging: those of the first are there too, and none is older than version 3.
  world.add_events(6000, 500, 0);
  ASSERT_TRUE(world.comes_true(
      "SELECT state NOT IN ('queued', 'running') AND judged_against = 1 FROM retraind.run_history WHERE version = 3"));
  EXPECT_EQ(registry.text("SELECT count(*) FROM retraind.model_version"), "3") << "nothing was trained again";
  EXPECT_EQ(registry.text("SELECT count(DISTINCT attempt) FROM retraind.gate_result WHERE run_id = (SELECT run_id FROM "
                          "retraind.run_history WHERE version = 3)"),
            "2");
}

TEST(Gates, StopAnImprovementThatIsTooGoodToBeTrue) {
  World world;
  world.make_events();
  world.add_events(0, 2000, 0);
  world.start(world.configure(
      model_with("[[model.m.validation.gate]]\nname = \"leak\"\nmetric = \"accuracy\"\nmax_gain = 0.3\n")));
  ASSERT_TRUE(world.comes_true("SELECT version = 1 FROM retraind.production"));
  world.add_events(2000, 2000, 1);
  ASSERT_TRUE(world.comes_true("SELECT state = 'rejected' FROM retraind.run_history ORDER BY run_id DESC LIMIT 1"));
  EXPECT_EQ(world.registry.text("SELECT string_agg(gate, ' ') FROM retraind.gate_result WHERE NOT passed"), "leak");
  EXPECT_EQ(world.registry.text("SELECT version FROM retraind.production"), "1");
}

TEST(Gates, JudgeEachSliceAndSaySo) {
  World world;
  world.make_events();
  world.add_events(0, 3000, 0);
  world.start(world.configure(
      "\n" + model_with("min_holdout_rows = 200\n[[model.m.validation.gate]]\nname = \"colours\"\nmetric = "
                        "\"accuracy\"\nmax_drop = 0.3\nslice = \"colour\"\nmin_rows = 20\n")));
  ASSERT_TRUE(world.comes_true("SELECT version = 1 FROM retraind.production"));
  EXPECT_EQ(world.registry.text("SELECT count(*) > 1 AND bool_and(passed) FROM retraind.gate_result WHERE gate = "
                                "'colours' AND slice <> ''"),
            "t");
}

}  // namespace
}  // namespace retraind::testing
