// Shadows and bakes as the running daemon carries them out: two versions scored on rows as they come, and what follows.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/e2e/world/world.h"

namespace retraind::testing {
namespace {

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

class TrialsTest : public ::testing::Test {
 protected:
  TrialsTest() {
    world.source.exec("CREATE TABLE readings (ts timestamptz, x double precision, y integer)");
    configuration = world.configure(model());
  }

  // Labels come with their rows. Rows depend on one another in stretches of fifty; a holdout of a hundred rows holds
  // two or three of them, which settles nothing.
  static std::string model(const std::string& validation = "", const std::string& query_of = "readings") {
    return R"toml(
[model.m]
source = "data"
query = "SELECT ts, x, y FROM )toml" +
           query_of + R"toml("
time_column = "ts"
label = "y"
task = "binary"
late_labels = "0s"
[model.m.training]
window = "500 rows"
min_rows = 200
rounds = 10
params = { max_depth = 2 }
[model.m.validation]
metric = "accuracy"
cluster = "50 rows"
min_holdout_rows = 50
trial_every = "1s"
shadow = "30d"
bake = "30d"
)toml" + validation;
  }

  // A row a minute: x spreads over [0, 1), and the label says whether it is above `threshold`, one in ten wrong.
  void add_rows(int count, double threshold, bool reversed = false) {
    world.source.exec(fmt::format(
        "INSERT INTO readings SELECT timestamptz '2026-01-01 00:00+00' + n * interval '1 minute', x, "
        "(((x > {}) <> wrong) <> {})::integer FROM (SELECT n, "
        "((n * n % 65537) * 48271 + n * 30011) % 65537 / 65537.0::double precision AS x, "
        "((n * n % 10007) * 7919 + n * 331) % 10007 < 1000 AS wrong FROM generate_series({}::bigint, {}) n) r",
        threshold, reversed, rows, rows + count - 1));
    rows += count;
  }
  void retrain() { ASSERT_EQ(world.run({"trigger", "m", "--config", configuration.string()}).exit_code, 0); }
  bool production_becomes(int version) {
    return world.comes_true("SELECT version = " + std::to_string(version) + " FROM retraind.production");
  }
  std::string sql(const std::string& query) { return world.registry.text(query); }

  // Version 1 in production; version 2, trained where the threshold has moved a little, waits as its shadow.
  DaemonProcess& start_with_a_shadow() {
    add_rows(500, 0.5);
    DaemonProcess& daemon = world.start(configuration);  // a pipeline that was never judged is run at once
    EXPECT_TRUE(production_becomes(1));
    add_rows(500, 0.6);
    retrain();
    EXPECT_TRUE(world.comes_true("SELECT count(*) = 1 FROM retraind.run_history WHERE state = 'shadowing'"));
    return daemon;
  }
  // Version 2 in production, trained on labels that were the other way round; version 1 before it.
  DaemonProcess& start_with_a_bake() {
    add_rows(500, 0.5);
    DaemonProcess& daemon = world.start(configuration);  // a pipeline that was never judged is run at once
    EXPECT_TRUE(production_becomes(1));
    add_rows(500, 0.5, true);
    retrain();
    EXPECT_TRUE(production_becomes(2));
    return daemon;
  }
  // One version in production now, and ranges that touch.
  void expect_one_unbroken_history() {
    EXPECT_EQ(sql("SELECT count(*) FROM retraind.production"), "1");
    EXPECT_EQ(sql("SELECT count(*) FROM (SELECT valid_to, lead(promoted_at) OVER (ORDER BY promoted_at) AS next "
                  "FROM retraind.promotion_history) p WHERE valid_to IS DISTINCT FROM next"),
              "0");
  }

  World world;
  std::filesystem::path configuration;
  int rows = 0;
};

TEST_F(TrialsTest, PromotesAShadowOnNewRowsAndBakesIt) {
  const DaemonProcess& daemon = start_with_a_shadow();
  EXPECT_EQ(sql("SELECT version FROM retraind.production"), "1");
  EXPECT_EQ(sql("SELECT kind || ' ' || version || ' ' || against FROM retraind.trial_history WHERE outcome IS NULL"),
            "shadow 2 1");
  add_rows(2500, 0.6);
  ASSERT_TRUE(production_becomes(2));
  EXPECT_EQ(sql("SELECT string_agg(state, ' ' ORDER BY run_id) FROM retraind.run_history"), "promoted promoted");
  EXPECT_EQ(sql("SELECT trigger || ' ' || (trial_id IS NOT NULL) FROM retraind.promotion_history "
                "ORDER BY promotion_id DESC LIMIT 1"),
            "shadow true");
  // Rows that a version was trained or judged on are no evidence, and no row counts twice.
  EXPECT_EQ(sql("SELECT bool_and(c.rows_from > r.window_to) FROM retraind.trial_cluster_history c "
                "JOIN retraind.trial_history t USING (trial_id) JOIN retraind.run_history r USING (run_id)"),
            "t");
  EXPECT_EQ(sql("SELECT count(*) FROM (SELECT rows_to, lead(rows_from) OVER (PARTITION BY trial_id ORDER BY index) AS "
                "next FROM retraind.trial_cluster_history) c WHERE next <= rows_to"),
            "0");
  EXPECT_EQ(
      sql("SELECT count(*) = t.clusters AND sum(c.rows) = t.rows AND t.clusters >= 5 FROM retraind.trial_history t "
          "JOIN retraind.trial_cluster_history c USING (trial_id) WHERE t.kind = 'shadow' GROUP BY t.clusters, "
          "t.rows"),
      "t");
  ASSERT_TRUE(
      world.comes_true("SELECT count(*) = 1 FROM retraind.trial_history WHERE kind = 'bake' AND version = 2 AND "
                       "against = 1"));
  EXPECT_TRUE(world.comes_to_say(daemon, "shadow version 2 of model m promoted: "));
  expect_one_unbroken_history();
}

TEST_F(TrialsTest, EndsAShadowThatNewRowsDoNotFavour) {
  start_with_a_shadow();
  add_rows(3000, 0.5);  // back to what production knows
  ASSERT_TRUE(world.comes_true("SELECT outcome = 'rejected' FROM retraind.trial_history"));
  EXPECT_EQ(sql("SELECT string_agg(state, ' ' ORDER BY run_id) FROM retraind.run_history"), "promoted rejected");
  EXPECT_EQ(sql("SELECT version FROM retraind.production"), "1");
  expect_one_unbroken_history();
}

TEST_F(TrialsTest, RollsBackAVersionThatBecameHarmful) {
  const DaemonProcess& daemon = start_with_a_bake();
  add_rows(1500, 0.5);
  ASSERT_TRUE(production_becomes(1));
  EXPECT_EQ(sql("SELECT string_agg(kind || ' ' || version, ', ' ORDER BY promotion_id) FROM "
                "retraind.promotion_history"),
            "promotion 1, promotion 2, rollback 1");
  EXPECT_EQ(sql("SELECT outcome FROM retraind.trial_history WHERE kind = 'bake'"), "rolled_back");
  EXPECT_EQ(sql("SELECT version FROM retraind.quarantine_history WHERE lifted_at IS NULL"), "2");
  EXPECT_TRUE(world.comes_to_say(daemon, "version 2 of model m rolled back to 1: "));
  expect_one_unbroken_history();
}

TEST_F(TrialsTest, KeepsAVersionThatDoesNoHarmUntilItsWindowIsOver) {
  const std::string settings = model();
  configuration = world.configure(settings.substr(0, settings.find("bake = ")) + "bake = \"10h\"\n");
  start_with_a_bake();
  add_rows(1500, 0.5, true);
  ASSERT_TRUE(world.comes_true("SELECT outcome = 'kept' FROM retraind.trial_history WHERE kind = 'bake'"));
  // Ten hours of a row a minute, in clusters of fifty.
  EXPECT_EQ(sql("SELECT rows || ' ' || clusters FROM retraind.trial_history WHERE kind = 'bake'"), "600 12");
  EXPECT_EQ(sql("SELECT version FROM retraind.production"), "2");
}

TEST_F(TrialsTest, AsksAPersonAndBakesWhatSheApproves) {
  configuration = world.configure(model("promotion = \"manual\"\n"));
  add_rows(500, 0.5);
  world.start(configuration);
  const auto approve = [&](const std::string& run) {
    return world.run({"approve", run, "--reason", "fine", "--config", configuration.string()}).exit_code;
  };
  const std::string waiting = "SELECT count(*) = 1 FROM retraind.run_history WHERE state = 'awaiting_approval'";
  ASSERT_TRUE(world.comes_true(waiting));
  ASSERT_EQ(approve("1"), 0);
  add_rows(500, 0.6);
  retrain();
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 1 FROM retraind.run_history WHERE state = 'shadowing'"));
  add_rows(2500, 0.6);
  ASSERT_TRUE(world.comes_true(waiting));
  EXPECT_EQ(sql("SELECT version FROM retraind.production"), "1");
  EXPECT_EQ(sql("SELECT outcome FROM retraind.trial_history"), "awaiting_approval");
  ASSERT_EQ(approve(sql("SELECT run_id FROM retraind.run_history WHERE state = 'awaiting_approval'")), 0);
  EXPECT_EQ(sql("SELECT version FROM retraind.production"), "2");
  ASSERT_TRUE(world.comes_true("SELECT count(*) = 1 FROM retraind.trial_history WHERE kind = 'bake' AND version = 2"));
  // The rows that made it win do not flatter it in its bake.
  EXPECT_EQ(
      sql("SELECT b.after = s.counted_to FROM retraind.trial_history b JOIN retraind.trial_history s USING (run_id) "
          "WHERE b.kind = 'bake' AND s.kind = 'shadow'"),
      "t");
  expect_one_unbroken_history();
}

TEST_F(TrialsTest, GoesOnWhereAnotherDaemonStopped) {
  DaemonProcess& first = start_with_a_shadow();
  add_rows(200, 0.6);
  ASSERT_TRUE(world.comes_true("SELECT clusters = 3 FROM retraind.trial_history"));
  first.signal(SIGTERM);
  EXPECT_EQ(first.wait(), 0);
  add_rows(2300, 0.6);
  EXPECT_EQ(sql("SELECT outcome IS NULL FROM retraind.trial_history"), "t");
  world.start(world.configure(model(), "", "another"));
  ASSERT_TRUE(production_becomes(2));
  // What the first had counted was not counted again.
  EXPECT_EQ(sql("SELECT count(*) FROM (SELECT rows_to, lead(rows_from) OVER (ORDER BY index) AS next FROM "
                "retraind.trial_cluster_history WHERE trial_id = (SELECT min(trial_id) FROM retraind.trial_history)) c "
                "WHERE next <= rows_to"),
            "0");
  expect_one_unbroken_history();
}

TEST_F(TrialsTest, SaysWhatKeepsItFromScoringAndGoesOnWhenThatIsMended) {
  const DaemonProcess& daemon = start_with_a_shadow();
  world.source.exec("ALTER TABLE readings RENAME TO moved");
  ASSERT_TRUE(
      world.comes_true("SELECT sentence LIKE 'new rows could not be scored: %readings%' FROM retraind.trial_history"));
  EXPECT_TRUE(world.comes_to_say(daemon, "shadow version 2 of model m goes on: new rows could not be scored"));
  world.source.exec("ALTER TABLE moved RENAME TO readings");
  add_rows(2500, 0.6);
  ASSERT_TRUE(production_becomes(2));
}

}  // namespace
}  // namespace retraind::testing
