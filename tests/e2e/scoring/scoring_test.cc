// Batch scoring as running daemons carry it out: rows that come get their scores, once, whatever is killed.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/e2e/world/world.h"

namespace retraind::testing {
namespace {

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

class ScoringTest : public ::testing::Test {
 protected:
  ScoringTest() {
    world.source.exec("CREATE TABLE readings (id bigint PRIMARY KEY, ts timestamptz, x double precision, y integer)");
    configuration = world.configure(model());
  }

  static std::string model(const std::string& scoring = "") {
    return R"toml(
[model.m]
source = "data"
query = "SELECT id, ts, x, y FROM readings"
time_column = "ts"
label = "y"
task = "binary"
features = ["x"]
late_labels = "0s"
[model.m.training]
window = "500 rows"
min_rows = 200
rounds = 10
params = { max_depth = 2 }
[model.m.validation]
metric = "accuracy"
cluster = "5 rows"
min_holdout_rows = 50
[model.m.scoring]
into = "predictions"
key = ["id"]
every = "200ms"
batch_rows = 50
)toml" + scoring;
  }
  void make_table() {
    world.source.exec(
        "CREATE TABLE predictions (model text NOT NULL, id bigint NOT NULL, event_time timestamptz NOT NULL, version "
        "integer NOT NULL, scored_at timestamptz NOT NULL, prediction double precision NOT NULL, UNIQUE (model, id, "
        "version))");
  }
  // A row a minute, the label known or not yet.
  void add_rows(int count, bool labelled, bool reversed = false) {
    world.source.exec(fmt::format(
        "INSERT INTO readings SELECT n, timestamptz '2026-01-01 00:00+00' + n * interval '1 minute', x, CASE WHEN {} "
        "THEN ((x > 0.5) <> {})::integer END FROM (SELECT n, ((n * n % 65537) * 48271 + n * 30011) % 65537 / "
        "65537.0::double precision AS x FROM generate_series({}::bigint, {}) n) r",
        labelled, reversed, rows, rows + count - 1));
    rows += count;
  }
  bool production_becomes(int version) {
    return world.comes_true("SELECT version = " + std::to_string(version) + " FROM retraind.production");
  }
  bool scored(int from, int to) {
    const std::string sql =
        fmt::format("SELECT count(DISTINCT id) FROM predictions WHERE id BETWEEN {} AND {}", from, to - 1);
    return world.comes_true([&] { return world.source.text(sql) == std::to_string(to - from); }, sql);
  }
  void expect_each_row_once() {
    EXPECT_EQ(world.source.text("SELECT count(*) - count(DISTINCT id) FROM predictions"), "0");
  }
  std::string status(const std::string& expression) {
    return world.registry.text("SELECT " + expression + " FROM retraind.scoring_status");
  }

  World world;
  std::filesystem::path configuration;
  int rows = 0;
};

TEST_F(ScoringTest, ScoresRowsAsTheyComeAndSaysSo) {
  make_table();
  add_rows(500, true);
  world.start(configuration);
  ASSERT_TRUE(production_becomes(1));
  add_rows(70, false);
  ASSERT_TRUE(scored(500, 570));
  EXPECT_EQ(
      world.source.text("SELECT count(*) FROM predictions p JOIN readings r USING (id) WHERE p.event_time = r.ts "
                        "AND p.model = 'm' AND p.version = 1 AND (p.prediction > 0.5) = (r.x > 0.5) AND id >= 500 "
                        "AND abs(r.x - 0.5) > 0.05"),
      world.source.text("SELECT count(*) FROM readings WHERE id >= 500 AND abs(x - 0.5) > 0.05"));
  EXPECT_TRUE(
      world.comes_true("SELECT covered_to = timestamptz '2026-01-01 00:00+00' + 569 * interval '1 minute' FROM "
                       "retraind.scoring_status"));
  EXPECT_EQ(status("concat_ws(' ', model, target, key, version, failures, last_error)"), "m predictions {id} 1 0");
  const CommandResult listed = world.run({"scorings", "--config", configuration.string()});
  EXPECT_EQ(listed.exit_code, 0);
  EXPECT_CONTAINS(listed.output, "predictions");
  expect_each_row_once();
}

TEST_F(ScoringTest, SaysWhichTableToCreateAndGoesOnOnceItIsThere) {
  add_rows(500, true);
  DaemonProcess& daemon = world.start(configuration);
  ASSERT_TRUE(production_becomes(1));
  add_rows(10, false);
  ASSERT_TRUE(world.comes_true("SELECT last_error IS NOT NULL AND failures > 0 FROM retraind.scoring_status"));
  const std::string said = status("last_error");
  const std::size_t begin = said.find("CREATE TABLE");
  ASSERT_NE(begin, std::string::npos) << said;
  EXPECT_TRUE(world.comes_true([&daemon] { return daemon.log().find("CREATE TABLE predictions") != std::string::npos; },
                               "the log says so too"));
  world.source.exec(said.substr(begin, said.find(';', begin) - begin));
  EXPECT_TRUE(scored(500, 510));
  EXPECT_TRUE(world.comes_true("SELECT last_error IS NULL AND failures = 0 FROM retraind.scoring_status"));
  EXPECT_EQ(world.registry.text("SELECT count(*) FROM retraind.production"), "1");
}

// The worker waits within its transaction at the source, for a row that another session writes; what kills it there
// leaves nothing, and the next look begins again.
TEST_F(ScoringTest, ScoresEachRowOnceThoughWorkersAndDaemonsAreKilled) {
  configuration = world.configure(model(), "lease_time = \"3s\"\n");
  make_table();
  add_rows(500, true);
  DaemonProcess& daemon = world.start(configuration);
  ASSERT_TRUE(production_becomes(1));
  add_rows(1, false);
  ASSERT_TRUE(scored(500, 501));

  TestConnection blocker = world.source.connect();
  blocker.exec("BEGIN; INSERT INTO predictions VALUES ('m', 540, now(), 1, now(), 0.5)");
  add_rows(120, false);
  const auto waiting = [&] {
    return world.source.text(
               "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE "
               "'retraind score%' AND wait_event_type = 'Lock'") != "0";
  };
  ASSERT_TRUE(world.comes_true(waiting, "a worker waits for the blocked row"));
  daemon.signal(SIGKILL);
  daemon.wait();
  // Its worker goes with it, and the server notices that nobody waits for the answer any more.
  blocker.exec("ROLLBACK");
  world.start(configuration);
  ASSERT_TRUE(scored(501, 621));
  expect_each_row_once();
  EXPECT_EQ(world.source.text("SELECT count(*) FROM predictions WHERE id = 540 AND prediction = 0.5"), "0");
}

TEST_F(ScoringTest, GoesOnWithTheNewVersionAndLeavesWhatTheOldOneScored) {
  make_table();
  add_rows(500, true);
  world.start(configuration);
  world.start(configuration);  // two daemons share the queue
  ASSERT_TRUE(production_becomes(1));
  add_rows(500, true, true);
  ASSERT_TRUE(scored(500, 1000));
  ASSERT_EQ(world.run({"trigger", "m", "--config", configuration.string()}).exit_code, 0);
  ASSERT_TRUE(production_becomes(2));
  // A look that was planned before the promotion scores what it still sees; they follow one another.
  const std::string looked_at = status("looked_at");
  ASSERT_TRUE(world.comes_true("SELECT looked_at > '" + looked_at + "' FROM retraind.scoring_status"));
  add_rows(60, false);
  ASSERT_TRUE(scored(1000, 1060));
  expect_each_row_once();
  EXPECT_EQ(world.source.text("SELECT min(version) || ' ' || max(version) FROM predictions WHERE id >= 1000"), "2 2");
  EXPECT_EQ(
      world.source.text("SELECT min(version) || ' ' || max(version) FROM predictions WHERE id BETWEEN 500 AND 999"),
      "1 1");
}

}  // namespace
}  // namespace retraind::testing
